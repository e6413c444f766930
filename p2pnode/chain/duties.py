"""What a member's device says of itself, unasked, when a block makes it due.

That it is ready to vote, and, when its role rests because nobody had heard of it, that it is back.

Source: C 5.8, J22, J26.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2pnode.consensus.rows import State, row_key
from p2pnode.core.events import Item
from p2pnode.core.ids import Lane
from p2pnode.governance import tables, voting
from p2pnode.governance.voters import READY_TYPE, RETURN_TYPE, encode_ready, encode_return
from p2pnode.replication.run import stored_header
from p2pnode.store.chain_tables import ChainQueries

if TYPE_CHECKING:
    from p2pnode.group_log import GroupLog


def items_due(log: GroupLog) -> list[Item]:
    """What there is to say now and was not said yet."""
    due = _items(log.file.chain, log.key.public, log.chain.tip.height)
    said = _types_undecided(log) if due else frozenset()
    return [item for item in due if item.type not in said]


def _types_undecided(log: GroupLog) -> frozenset[str]:
    """The types of own entries that wait for an order."""
    lane = log.lane(log.key.public, Lane.LOCAL)
    if lane is None:
        return frozenset()
    entries = log.file.entries(lane.number, lane.decided + 1, lane.seq)
    return frozenset(stored_header(entry.header).type for entry in entries)


def _items(rows: ChainQueries, own_key: bytes, height: int) -> list[Item]:
    held = tables.member_of_device(rows, own_key)
    if held is None or not height:
        return []
    member_id, row = held
    away = tables.away(rows, member_id)
    if row.status == "member" and away is not None and away.reason in ("absent", "dormant"):
        return [Item(RETURN_TYPE, encode_return())] if away.key == own_key else []
    is_settled = (
        row.status != "member"
        or tables.voter(rows, member_id) is not None
        or away is not None
        or tables.read(rows, row_key("ready", member_id)) is not None
    )
    if is_settled or not voting.may_enter(State(rows), member_id, own_key):
        return []
    return [Item(READY_TYPE, encode_ready(height))]
