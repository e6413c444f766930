"""What somebody reads who is a member no more: the group as it was, and the words that say so (J23)."""

from __future__ import annotations

from datetime import datetime

from p2pnode.chain.parting import WORDS, is_gone, parting_in, status_of
from p2pnode.consensus.format import decode_header
from p2pnode.store.group_file import GroupQueries


def as_of(queries: GroupQueries, own_key: bytes) -> str:
    """When the group was as this node shows it, or nothing for who is a member."""
    parting, rows = parting_in(queries), queries.chain
    status = status_of(rows, own_key) if is_gone(rows, own_key) else None
    if status is None and parting is None:
        return ""
    tip = rows.tip()
    height, day = 0, "its founding"
    if tip is not None:
        moment = datetime.fromtimestamp(decode_header(tip.header).time_ms / 1000).astimezone()
        height, day = tip.height, moment.strftime("%Y-%m-%d %H:%M")
    shown = f"shown as it was at block {height} of {day}"
    if status is not None:
        return f"{shown}: {WORDS[status]}, and what came afterwards is not for this device"
    assert parting is not None
    return (
        f"{shown}: {WORDS[parting.status]} later, and what you may still read of the time until then"
        " comes while members are on-line"
    )
