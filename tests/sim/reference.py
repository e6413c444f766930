"""The causal rules written down a second time, slowly and plainly, to judge what the node made of them.

Depth and time against prev and acks (J2, J14), what a voter's entries cover, and who may have lanes at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from p2pnode.core.crypto import sha256
from p2pnode.core.entry import Header, decode_header
from p2pnode.governance.joining import JOIN_TYPE
from p2pnode.group_log import GroupLog
from p2pnode.replication.lane import LaneState


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
    # Whose join turned out void keeps the little that was taken before.
    knocked = {entry.lane.author for entry in known.values() if entry.header.type == JOIN_TYPE}
    for lane in log.lanes.values():
        if log.state.standing(lane.author) is None and lane.author not in knocked:
            yield "author.stored", f"a lane of {lane.author.hex()[:8]}, whom nobody admitted"
    for entry in known.values():
        if entry.lane.ended_at is None or entry.header.seq < entry.lane.ended_at:
            yield from _order_faults(log, known, entry.header)
    yield from _decision_faults(log, known)


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


def _decision_faults(log: GroupLog, known: dict[bytes, _Known]) -> Iterator[tuple[str, str]]:
    """Whether the decided part of each lane is the causal past of the voters' lanes."""
    voting = [lane for lane in log.lanes.values() if lane.author in log.voters and lane.lane == 0]
    tips = {(lane.number, lane.delivered) for lane in voting}
    stack = [name for name, entry in known.items() if (entry.lane.number, entry.header.seq) in tips]
    covered: dict[int, int] = {}
    seen: set[bytes] = set()
    while stack:
        name = stack.pop()
        if name in seen or name not in known:
            continue
        seen.add(name)
        entry = known[name]
        covered[entry.lane.number] = max(covered.get(entry.lane.number, -1), entry.header.seq)
        stack += [entry.header.prev, *entry.header.acks]
    for lane in log.lanes.values():
        until = covered.get(lane.number, -1)
        if lane.ended_at is None and lane.decided != until:
            place = f"{lane.author.hex()[:8]} {lane.lane}"
            yield "lane.decided", f"{place} is decided to {lane.decided}, covered to {until}"
