"""Branches of a forked lane: where the lane ends here, and which of its branches is kept.

Whoever knows a fork lets the lane end there (E2). A block that others voted for before they knew it may name
one of the branches beyond it, and what a quorum has ordered stands (E3): then the lane ends after what the
block names, on every node, whichever branch it held. Not here: how forks are found and shown
(`replication/hunt.py`), and what striking a key means (`governance/keys.py`).

Source: C 2.5, J17.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2pnode.consensus.execution import read_cut
from p2pnode.consensus.format import CutEntry
from p2pnode.core.crypto import ZERO_HASH, is_signed, sha256
from p2pnode.core.entry import ENTRY_TAG, Header, decode_header
from p2pnode.core.ids import Lane
from p2pnode.replication.fork import ForkProof, branch_headers, check_fork_proof
from p2pnode.replication.ingest import Apart, Held, Refused, Taken, decide
from p2pnode.replication.lane import FORK_RULE, LaneState
from p2pnode.replication.run import Run
from p2pnode.store.group_file import position_of

if TYPE_CHECKING:
    from p2pnode.group_change import Change

DEAD_KEPT_MAX = 4096
"""Headers kept of a branch that is dropped: honest entries may name them."""


def first_open(lane: LaneState, fork_seq: int) -> int:
    """The first seq of a forked lane at which its branch is not settled by what is final and here."""
    is_settled = lane.lane != Lane.VOTES and lane.seq >= lane.decided
    return max(fork_seq, lane.decided + 1) if is_settled else fork_seq


def is_on_the_way(lane: LaneState, fork_seq: int | None) -> bool:
    """Whether a block names a branch of a lane that is not here up to where the block names it."""
    return (
        fork_seq is not None
        and lane.ended_rule == FORK_RULE
        and lane.ended_at is not None
        and first_open(lane, fork_seq) < lane.ended_at
        and lane.seq < lane.ended_at - 1
    )


def awaits_more_than_final(lane: LaneState, fork_seq: int) -> bool:
    """Whether a branch of a lane is on its way that no final block names yet: it may still be given up."""
    return is_on_the_way(lane, fork_seq) and lane.ended_at is not None and lane.ended_at > lane.decided + 1


def last_orderable(lane: LaneState, fork_seq: int | None) -> int:
    """The last seq of a lane that a block made here may order: beyond a fork others could not judge it."""
    if fork_seq is None:
        return lane.last_usable
    return min(lane.last_usable, first_open(lane, fork_seq) - 1)


def learn(change: Change, encoded: bytes, proof: ForkProof) -> bool:
    """Keep a fork proof: the lane ends at its lowest fork. Whether it is new.

    Whoever forks once may fork again, lower or in another lane; all nodes have to end at the same entry, in
    whatever order the proofs come.
    """
    key = (proof.author, proof.lane)
    known = change.fork_seqs.get(key)
    if known is not None and known <= proof.seq:
        return False
    lane = change.lane_for_writing(proof.author, proof.lane)
    prev = decode_header(proof.branches[0].headers[0]).prev
    is_here = lane.pruned + 1 < proof.seq <= lane.seq + 1
    if is_here and proof.seq and change.id_at(lane.number, proof.seq - 1) != prev:
        # Both branches lie on one that parted from ours earlier: there is a lower fork to be found.
        return False
    change.transaction.put_fork(proof.author, proof.lane, encoded)
    change.fork_seqs = {**change.fork_seqs, key: proof.seq}
    change.dead = {**change.dead, **branch_headers(proof)}
    change.note_regrouped()
    if _settle_end(change, lane) and lane.delivered > lane.last_deliverable:
        change.walk_again()
    return True


def follow(change: Change, place: CutEntry) -> None:
    """Let a forked lane end after the entry that a block with a quorum behind it names (E3)."""
    lane = change.lane_for_writing(place.key, place.lane)
    base = first_open(lane, change.fork_seqs[place.key, place.lane])
    if lane.seq >= place.seq and change.id_at(lane.number, place.seq) != place.id:
        _drop(change, lane, base)
    lane.ended_at, lane.ended_id, lane.ended_rule = place.seq + 1, place.id, FORK_RULE
    change.note_regrouped()
    change.walk_again()


def leave(change: Change, author: bytes, number: int) -> None:
    """Await no branch of a forked lane any longer: it ends where the last final block leaves it."""
    if _settle_end(change, change.lane_for_writing(author, number)):
        change.note_regrouped()
        change.walk_again()


def settle_ends(change: Change) -> None:
    """Let all forked lanes end where the last final block leaves them: it may not be the one followed."""
    moved = False
    for author, number in sorted(change.fork_seqs):
        lane = change.lane(author, number)
        if lane is not None:
            moved = _settle_end(change, lane) or moved
    if moved:
        change.walk_again()


def _settle_end(change: Change, lane: LaneState) -> bool:
    """End a forked lane at its fork, or after what is final; a nearer fault stays. Whether the end moved."""
    fork_seq = change.fork_seqs[lane.author, lane.lane]
    final = None if lane.lane == Lane.VOTES else read_cut(change.transaction.chain, lane.author, lane.lane)
    at = fork_seq if final is None else max(fork_seq, final[0] + 1)
    is_nearer_fault = lane.ended_rule != FORK_RULE and lane.ended_at is not None and lane.ended_at < at
    if is_nearer_fault:
        return False
    if final is None or at == fork_seq:
        encoded = change.transaction.fork_proofs()[lane.author, lane.lane]
        last = decode_header(check_fork_proof(encoded).branches[0].headers[0]).prev
    else:
        last = final[1]
        if change.id_at(lane.number, at - 1) not in (None, last):
            _drop(change, lane, fork_seq)  # behind a snapshot the branch held may be the one that died
    if (lane.ended_at, lane.ended_id, lane.ended_rule) == (at, last, FORK_RULE):
        return False
    lane.ended_at, lane.ended_id, lane.ended_rule = at, last, FORK_RULE
    return True


def take_other(
    change: Change, lane: LaneState, run: Run, apart: Apart, now_ms: int, room: int
) -> Taken | Refused | Held | Apart:
    """What to do with a run that lies on another branch than the one held, while one is on the way.

    What is held beyond the fork makes room: only the whole way to the named entry tells which branch it is.
    """
    fork_seq = change.fork_seqs.get(lane.key)
    if fork_seq is None or not is_on_the_way(lane, fork_seq):
        return apart
    base = first_open(lane, fork_seq)
    if apart.rule != "lane.other_branch" or not base <= apart.seq < (lane.ended_at or 0) - 1:
        return apart
    before = _state_before(change, lane, base)
    room = max(room, run.rows[-1].seq - base + 1)
    decision = decide(before, run, now_ms, room, lambda seq: change.id_at(lane.number, seq))
    tail = run.rows[-1]
    if isinstance(decision, Taken):
        is_better = bool(decision.rows) and not is_faulty(decision)
    else:
        # What is held cannot be continued: it is asked for again from the fork on.
        is_gap = isinstance(decision, Apart) and decision.rule == "lane.gap"
        is_better = is_gap and is_signed(run.author, ENTRY_TAG + tail.header, tail.signature or bytes(64))
    if is_better:
        _drop(change, lane, base)
    return decision


def is_faulty(taken: Taken) -> bool:
    """Whether a run ends its lane at an entry that is wrong by itself."""
    return taken.state.ended_rule not in ("", FORK_RULE)


def leave_faulty(change: Change, lane: LaneState, seq: int) -> bool:
    """Drop the branch held of a lane on the way when an entry of it is wrong: a block names no such one."""
    fork_seq = change.fork_seqs.get(lane.key)
    if fork_seq is None or not is_on_the_way(lane, fork_seq) or seq < first_open(lane, fork_seq):
        return False
    _drop(change, lane, first_open(lane, fork_seq))
    return True


def is_awaited(change: Change, header: Header) -> bool:
    """Whether an entry may lie on the branch that is on the way, though its header is known as a dead one."""
    lane = change.lane(header.author, header.lane)
    if lane is None or lane.ended_at is None or header.seq >= lane.ended_at:
        return False
    return is_on_the_way(lane, change.fork_seqs.get(lane.key))


def _drop(change: Change, lane: LaneState, first: int) -> None:
    """Drop what is held of a lane from a seq on; its headers are kept, since other entries name them."""
    if lane.seq < first:
        return
    rows = change.transaction.entries(lane.number, first, lane.seq)
    dead: dict[bytes, Header] = {}
    for row in rows[:DEAD_KEPT_MAX]:
        entry_id = sha256(row.header)
        dead[entry_id] = decode_header(row.header)
        change.transaction.add_dead(entry_id, row.header)
    change.dead = {**change.dead, **dead}
    before = _state_before(change, lane, first)
    change.transaction.drop_rows(lane.number, first)
    change.undecided -= {position_of(lane.number, seq) for seq in range(first, lane.seq + 1)}
    lane.seq, lane.id, lane.depth, lane.time_ms = before.seq, before.id, before.depth, before.time_ms
    lane.payload_bytes, lane.checked = before.payload_bytes, before.checked
    change.has_dropped = True
    change.note_regrouped()
    change.walk_again()


def _state_before(change: Change, lane: LaneState, first: int) -> LaneState:
    """A lane as if it were held up to the entry before a seq only."""
    state = lane.copy()
    dropped = change.transaction.entries(lane.number, first, lane.seq)
    state.payload_bytes -= sum(len(row.payload) for row in dropped if row.payload)
    state.seq, state.checked = min(lane.seq, first - 1), min(lane.checked, first - 1)
    held = change.transaction.entry_at(position_of(lane.number, state.seq)) if state.seq >= 0 else None
    if held is None:
        state.id, state.depth, state.time_ms = ZERO_HASH, -1, -1
    else:
        header = decode_header(held.header)
        state.id, state.depth, state.time_ms = sha256(held.header), header.depth, header.time_ms
    return state
