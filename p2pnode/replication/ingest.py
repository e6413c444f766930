"""What to do with a run of entries: a decision over one lane's state, the run and the time.

Order of the questions: does it continue what is held, may so much be taken, is its time not too far ahead,
does a signature vouch for it, and does each entry continue the one before it. Only bytes and signatures
reject (J14); what is early or not yet continuous waits, and the one who sent it is not blamed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from p2pnode.core.crypto import is_signed
from p2pnode.core.entry import ENTRY_TAG
from p2pnode.core.ids import Lane
from p2pnode.core.limits import CLOCK_AHEAD_MS_MAX
from p2pnode.replication.lane import LaneState
from p2pnode.replication.run import Row, Run

IdAt = Callable[[int], bytes | None]
"""The id that is held at a seq of the lane in question."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Rows that continue the lane, what its state is then, and why the rest of the run was left out.

    Shapes: checked[i] is 1 where the signature of rows[i] was verified. waiting is a rule id or nothing.
    """

    rows: Sequence[Row]
    checked: list[int]
    state: LaneState
    waiting: str | None = None
    not_before_ms: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """The sender broke a rule that every correct sender keeps."""

    rule: str


@dataclass(frozen=True, slots=True)
class Held:
    """Nothing new and nothing wrong."""


@dataclass(frozen=True, slots=True)
class Apart:
    """The run does not continue what is held: a gap, or another branch of the lane from some seq on."""

    rule: str
    seq: int


def beginning_at(state: LaneState, run: Run) -> LaneState:
    """A lane of votes as if everything before a run had been here and was pruned (J18)."""
    before = run.first_seq - 1
    return replace(
        state,
        seq=before,
        id=run.prev_id,
        depth=before,
        time_ms=-1,
        delivered=before,
        decided=max(state.decided, before),
        viewed=before,
        checked=before,
        pruned=before,
    )


def decide(
    state: LaneState, run: Run, now_ms: int, entries_max: int, id_at: IdAt
) -> Taken | Refused | Held | Apart:
    """Decide on a run. Units: entries_max counts entries that the lane may still grow by."""
    if state.ended_at is not None and state.seq >= state.ended_at - 1:
        return Held()
    if run.first_seq > state.seq + 1:
        return Apart("lane.gap", state.seq)
    overlap = state.seq + 1 - run.first_seq
    if overlap == 0:
        if run.prev_id != state.id:
            return Apart("lane.other_branch", state.seq)
    else:
        last = min(overlap, len(run.rows))
        if run.first_seq + last - 1 <= state.pruned:
            return Held()
        if run.rows[last - 1].id != id_at(run.first_seq + last - 1):
            return Apart("lane.other_branch", run.first_seq + last - 1)
    rows: Sequence[Row] = run.rows[overlap:] if overlap else run.rows
    if not rows:
        return Held()
    if state.ended_at is not None:
        # Only a fork is known before what comes below it: that has to lead to where the branches part.
        last = state.ended_at - 1 - rows[0].seq
        if last < len(rows) and rows[last].id != state.ended_id:
            return Apart("lane.other_branch", state.ended_at - 1)
    return _authentic(state, run, rows, now_ms, entries_max)


def _authentic(
    state: LaneState, run: Run, rows: Sequence[Row], now_ms: int, entries_max: int
) -> Taken | Refused:
    if not _verifies(run.author, rows[-1]):
        return Refused("entry.bad_signature" if len(run.rows) == 1 else "run.unverified_tail")
    early = next((i for i, row in enumerate(rows) if row.time_ms > now_ms + CLOCK_AHEAD_MS_MAX), len(rows))
    count = min(early, entries_max, len(rows))
    waiting: str | None = None
    not_before_ms = 0
    if count < len(rows):
        waiting = "entry.future" if early <= entries_max else "newcomer.quota"
        not_before_ms = rows[early].time_ms - CLOCK_AHEAD_MS_MAX if early <= entries_max else 0
        # What is kept must end in a verified signature: only such a run can be served again (J7).
        while count and not _verifies(run.author, rows[count - 1]):
            count -= 1
        rows = rows[:count]
    checked = [0] * count
    if count:
        checked[-1] = 1
    after = state.copy()
    if count:
        fault = _first_fault(state, run.lane, rows)
        last = rows[-1]
        after.seq, after.id, after.depth, after.time_ms = last.seq, last.id, last.depth, last.time_ms
        after.payload_bytes += sum(len(row.payload) for row in rows if row.payload)
        if fault is not None:
            before = rows[fault.seq - rows[0].seq - 1].id if fault is not rows[0] else state.id
            end_lane(after, fault.seq, before, "lane.fault")
    return Taken(rows, checked, after, waiting, not_before_ms)


def end_lane(state: LaneState, seq: int, prev: bytes, rule: str) -> None:
    """Let a lane end before a seq, unless it ended earlier. Shapes: prev is the id of its last good entry.

    A fork is seen by all, a fault in its place only by those who hold that branch: the fork is the reason.
    """
    is_nearer = state.ended_at is None or seq < state.ended_at
    if is_nearer or (seq == state.ended_at and rule == "lane.fork"):
        state.ended_at, state.ended_id, state.ended_rule = seq, prev, rule


def _verifies(author: bytes, row: Row) -> bool:
    return row.signature is not None and is_signed(author, ENTRY_TAG + row.header, row.signature)


def _first_fault(state: LaneState, lane: int, rows: Sequence[Row]) -> Row | None:
    """The first entry whose depth or time does not follow from the one before it (J14).

    Depth against acks is judged when they are delivered; here an entry with acks only has to be deeper.
    """
    depth, time_ms = state.depth, state.time_ms
    for row in rows:
        if row.time_ms <= time_ms or row.depth <= depth or (not row.acks and row.depth != depth + 1):
            return row
        depth, time_ms = row.depth, row.time_ms
    if lane == Lane.VOTES and rows[0].depth != rows[0].seq:
        return rows[0]
    return None
