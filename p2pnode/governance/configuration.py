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
    held = tables.read(rows, tables.EPOCH_KEY)
    return _configuration(rows, 0 if held is None else held[0])


def name_in_force(rows: Rows) -> bytes:
    """The hash of the configuration that decides the present block, whatever this block has changed yet."""
    _, name = tables.read(rows, tables.EPOCH_KEY) or (0, b"")
    return bytes(name)


def settle_epoch(state: State) -> None:
    """Let the epoch rise if what the configuration is made of has changed."""
    held = tables.read(state, tables.EPOCH_KEY)
    epoch, name = (-1, b"") if held is None else held
    if _configuration(state, epoch).hash != name:
        tables.write(state, tables.EPOCH_KEY, [epoch + 1, _configuration(state, epoch + 1).hash])


def _configuration(rows: Rows, epoch: int) -> Configuration:
    voters = tuple((member_id, row.key) for member_id, row in tables.voters(rows))
    recovery = tuple(_commitment(rows, member_id) for member_id, _ in voters)
    return Configuration(voters, tables.lying_voters(rows), charter_hash(rows), epoch, recovery)


def _commitment(rows: Rows, member_id: bytes) -> bytes:
    """What is known of a voter's recovery key."""
    row = tables.member(rows, member_id)
    assert row is not None, "a voter who was never a member"
    return row.recovery
