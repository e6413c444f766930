"""What the end of a block brings to giving and taking: agreements that end, and people who are gone.

Whoever leaves or is removed owes nothing any more and is owed nothing: what was promised and not given is
stated in the rows, and given back. What was given stays given. Nobody has to wait for a signature of theirs.

| table | key | value |
|---|---|---|
| `part_in` | member id, entry id | nil: each promise, claim and offer that names a member |
"""

from __future__ import annotations

from dataclasses import replace

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import State, row_key
from p2pnode.economy import agreeing, looping, recording, tables
from p2pnode.economy.tables import CLOSED, OPEN, RELEASED
from p2pnode.governance.tables import scan


def settle(state: State, context: BlockContext) -> None:
    """Close what is due, and settle with those whose membership has ended since the last block."""
    agreeing.end_due(state, context)
    for member_id, _ in list(scan(state, "departed")):
        agreeing.part_from(state, member_id, context)
        looping.part_from(state, member_id, context)
        recording.part_from(state, member_id, context)
        for entry_id, _ in list(scan(state, "part_in", member_id)):
            _give_back(state, entry_id, member_id)
        state.delete(row_key("departed", member_id))


def _give_back(state: State, entry_id: bytes, member_id: bytes) -> None:
    promise = tables.commitment(state, entry_id)
    if promise is not None and promise.status == OPEN:
        tables.put(state, "commitment", entry_id, replace(promise, status=RELEASED))
    claim = tables.claim(state, entry_id)
    if claim is not None and claim.status == OPEN:
        tables.put(state, "claim", entry_id, replace(claim, status=CLOSED))
    intent = tables.intent(state, entry_id)
    if intent is not None and intent.status == OPEN and intent.author == member_id:
        tables.put(state, "intent", entry_id, replace(intent, status=CLOSED))
