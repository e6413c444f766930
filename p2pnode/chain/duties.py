"""What a member's device says of itself, unasked, when a block makes it due."""

from __future__ import annotations

from p2pnode.consensus.rows import State, row_key
from p2pnode.core.events import Item
from p2pnode.governance import tables, voting
from p2pnode.governance.voters import READY_TYPE, encode_ready
from p2pnode.store.chain_tables import ChainQueries


def items_due(rows: ChainQueries, own_key: bytes, height: int) -> list[Item]:
    """That this device is ready to vote, where its member may get the voting role and has not said so."""
    held = tables.member_of_device(rows, own_key)
    if held is None or not height:
        return []
    member_id, row = held
    is_settled = (
        row.status != "member"
        or tables.voter(rows, member_id) is not None
        or tables.away(rows, member_id) is not None
        or tables.read(rows, row_key("ready", member_id)) is not None
    )
    if is_settled or not voting.may_enter(State(rows), member_id, own_key):
        return []
    return [Item(READY_TYPE, encode_ready(height))]
