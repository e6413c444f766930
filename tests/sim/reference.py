"""The causal rules written down a second time, slowly and plainly, to judge what the node made of them.

Depth and time against prev and acks (J2, J14), what final blocks order, and who may have lanes at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from p2pnode.consensus.format import decode_body
from p2pnode.core.crypto import sha256
from p2pnode.core.entry import Header, decode_header
from p2pnode.core.ids import Lane
from p2pnode.governance.member_types import NEWCOMER_TYPES
from p2pnode.group_log import GroupLog
from p2pnode.replication.lane import LaneState
from p2pnode.store.group_file import position_of


@dataclass(frozen=True, slots=True)
class _Known:
    lane: LaneState
    header: Header


def faults(log: GroupLog) -> Iterator[tuple[str, str]]:
    """What is wrong in a group's lanes: (rule, detail)."""
    known = {
        sha256(stored.header): _Known(lane, decode_header(stored.header))
        for lane in log.lanes.values()
        for stored in log.file.entries(lane.number, 0, lane.delivered)
    }
    # Whose join or recovery came to nothing keeps the little that was taken before; and who was removed and
    # then lost its file keeps what it has promised itself, though nobody shows it any more who admitted it.
    knocked = {entry.lane.author for entry in known.values() if entry.header.type in NEWCOMER_TYPES}
    knocked.add(log.key.public)
    for lane in log.lanes.values():
        if log.state.standing(lane.author) is None and lane.author not in knocked:
            yield "author.stored", f"a lane of {lane.author.hex()[:8]}, whom nobody admitted"
    for entry in known.values():
        if entry.lane.ended_at is None or entry.header.seq < entry.lane.ended_at:
            yield from _order_faults(log, known, entry.header)
    yield from _decision_faults(log)


def _order_faults(log: GroupLog, known: dict[bytes, _Known], header: Header) -> Iterator[tuple[str, str]]:
    parents = [known[name].header for name in (header.prev, *header.acks) if name in known]
    if log.founding.id in header.acks:
        parents.append(log.founding.header)
    if len(parents) < len(header.acks) + (header.seq > 0):
        return  # it names a dead branch, whose headers are not in a lane
    depth = 1 + max((parent.depth for parent in parents), default=-1)
    place = f"{header.author.hex()[:8]} {header.lane}/{header.seq}"
    if header.depth != depth:
        yield "entry.depth", f"{place} says depth {header.depth}, its past makes {depth}"
    if any(header.time_ms < parent.time_ms for parent in parents):
        yield "entry.time", f"{place} is older than its past"


def _decision_faults(log: GroupLog) -> Iterator[tuple[str, str]]:
    """Whether each lane is decided as far as final blocks order it, and no further."""
    ordered: dict[tuple[bytes, int], tuple[int, bytes]] = {}
    for block in log.file.chain.blocks(1, 1 << 40):
        for entry in decode_body(block.body).cut:
            ordered[entry.key, entry.lane] = (entry.seq, entry.id)
    for lane in log.lanes.values():
        seq, entry_id = ordered.pop(lane.key, (-1, b""))
        place = f"{lane.author.hex()[:8]} {lane.lane}"
        if lane.lane != Lane.VOTES and lane.decided != seq:
            yield "lane.decided", f"{place} is decided to {lane.decided}, ordered to {seq}"
        stored = log.file.entry_at(position_of(lane.number, seq)) if seq >= 0 else None
        if seq >= 0 and (stored is None or sha256(stored.header) != entry_id):
            yield "lane.other_entry", f"{place} holds another entry at {seq} than blocks order"
    for author, number in sorted(ordered):
        yield "lane.decided", f"{author.hex()[:8]} {number} is ordered by a block and not here"
