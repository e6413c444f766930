"""Who votes on the next block, as the rows say it (C 5.9).

A function of rows alone, never of the attempt by which a block was decided.
"""

from __future__ import annotations

from p2pnode.consensus.format import Configuration
from p2pnode.consensus.rows import Rows, State
from p2pnode.core.crypto import tagged_hash
from p2pnode.governance import tables


def charter_hash(rows: Rows) -> bytes:
    """The name of the charter in force: the tagged hash of its canonical bytes."""
    return tagged_hash("charter", rows.get(tables.CHARTER_KEY) or b"")


def configuration_of(rows: Rows) -> Configuration:
    """The configuration of the height that follows these rows."""
    voters = tuple((member_id, row.key) for member_id, row in tables.voters(rows))
    epoch = tables.read(rows, tables.EPOCH_KEY)
    return Configuration(
        voters, tables.lying_voters(rows), charter_hash(rows), 0 if epoch is None else epoch[0]
    )


def settle_epoch(state: State) -> None:
    """Let the epoch rise if what the configuration is made of has changed."""
    held = tables.read(state, tables.EPOCH_KEY)
    now = configuration_of(state)
    content = Configuration(now.voters, now.lying_voters, now.charter_hash, 0).hash
    if held is None:
        tables.write(state, tables.EPOCH_KEY, [0, content])
    elif held[1] != content:
        tables.write(state, tables.EPOCH_KEY, [held[0] + 1, content])
