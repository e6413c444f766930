"""Blocks on this node: making the next one out of what is here, and judging what others propose.

A proposed block is judged once, and what running it gave is kept until the height is over: a block is run
before it is voted for, and not a second time when it becomes final.

Source: C 5.3 and 5.4, J8, J28 to J30.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from p2pnode.chain.acknowledged import Place, acknowledged
from p2pnode.chain.branches import first_open
from p2pnode.chain.candidates import LANES_ORDERED, Found, read_all, read_lane, without_excused
from p2pnode.chain.running import run_block, sealed_with
from p2pnode.consensus.actions import Verdict
from p2pnode.consensus.block import (
    AHEAD_MS_MAX,
    Roots,
    Tip,
    body_fault,
    header_fault,
    next_block,
    roots_fault,
    time_after,
)
from p2pnode.consensus.certificate import check_certificate
from p2pnode.consensus.cut import Bounds, bounds_fault, choose, closure_fault
from p2pnode.consensus.execution import Execution
from p2pnode.consensus.format import (
    BlockHeader,
    Body,
    Configuration,
    CutEntry,
    decode_body,
)
from p2pnode.consensus.trie import TrieChange
from p2pnode.core.entry import Entry
from p2pnode.core.errors import FormatError
from p2pnode.governance import tables
from p2pnode.governance.due import next_due_ms
from p2pnode.governance.executing import LaterRules
from p2pnode.governance.voters import SUSPEND_TYPE, decode_suspend
from p2pnode.replication.fork import check_fork_proof
from p2pnode.store.group_file import number_and_seq
from p2pnode.vocabulary import GOVERNED_TYPES

if TYPE_CHECKING:
    from p2pnode.group_log import GroupLog

DAY_MS = 24 * 3_600_000

OLD_MS = 10 * 60_000
"""A block that leaves out what a voter has held for longer gets no N of that voter (J29)."""


class Made(NamedTuple):
    """A block with what running it gives.

    Shapes: voids are (position, rule); lanes are (number, last seq).
    """

    header: BlockHeader
    body: bytes
    execution: Execution
    trie: TrieChange
    configuration: Configuration
    lanes: tuple[tuple[int, int], ...]
    voids: tuple[tuple[int, str], ...]
    suspended: tuple[bytes, ...]
    roots: Roots


@dataclass(slots=True)
class Proposed:
    """A block that somebody put to the vote.

    Shapes: fault is the rule it breaks; made is None until it was judged.
    """

    header: BlockHeader
    fault: str | None = None
    made: Made | None = None


class Blocks:
    """The blocks of one height."""

    def __init__(self, log: GroupLog, tip: Tip, voted_by: Configuration | None) -> None:
        self._log = log
        self.tip = tip
        self._voted_by = voted_by
        self._proposed: dict[bytes, Proposed] = {}
        self._work_began_ms: int | None = None
        self._usable_since: dict[int, tuple[int, int]] = {}
        charter = tables.charter(log.file.chain)
        self._bounds = Bounds(int(str(charter.value["block_entries_max"])))
        self._checkpoint_entries = charter.checkpoint_entries
        self._checkpoint_ms = charter.checkpoint_days * DAY_MS
        self._proofs_shown: dict[bytes, None] = {}
        self.due_ms = next_due_ms(log.file.chain)
        self.now_ms = 0
        self.has_own_vote = False
        self.proofs: list[bytes] = []
        self.has_suspension = False
        self._own_word_ms: int | None = None
        self._acknowledged: dict[Place, CutEntry] = {}
        self._acknowledged_at: object = None

    # ---- what the rules of voting ask

    def verdict(self, block_id: bytes, *, is_fresh: bool) -> Verdict:
        """Whether a block holds, is wrong, or cannot be judged yet."""
        proposed = self._proposed.get(block_id)
        if proposed is None:
            return "unknown"
        if proposed.fault is None and proposed.made is None:
            self._judge(proposed)
        if proposed.fault is not None:
            return "invalid"
        if proposed.made is None:
            return "unknown"
        # What has votes behind it is not judged by the clock (J31).
        is_early = is_fresh and proposed.header.time_ms > self.now_ms + AHEAD_MS_MAX
        return "unknown" if is_early else "valid"

    def has_work(self) -> bool:
        """Whether there is something to decide that could stand in a block made now (J28)."""
        is_work = (
            self.has_own_vote
            or any(proposed.made is not None for proposed in self._proposed.values())
            or self._is_called_for()
        )
        if not is_work:
            self._work_began_ms = None
        elif self._work_began_ms is None:
            self._work_began_ms = self.now_ms
        return is_work

    def work_began_ms(self) -> int | None:
        """Since when there has been work, before this node was started too: its own votes say so."""
        times = (self._work_began_ms, self._own_word_ms)
        return min((time_ms for time_ms in times if time_ms is not None), default=None)

    def note_own_word(self, time_ms: int) -> None:
        """This voter has said something at this height."""
        known = self._own_word_ms
        self._own_word_ms = time_ms if known is None else min(known, time_ms)

    def omits_something_old(self, block_id: bytes) -> bool:
        """Whether a block leaves out what could have stood in it and was here for long (J29)."""
        proposed = self._proposed.get(block_id)
        if proposed is None or proposed.made is None:
            return False
        made = proposed.made
        ordered = len(made.execution.outcomes)
        if ordered >= self._bounds.author_entries_max:
            return False  # it may be full: the next one orders what is left
        cut = dict(made.lanes)
        for number, (seq, since_ms) in self._usable_since.items():
            lane = self._log.lanes[number]
            if since_ms + OLD_MS < self.now_ms and seq > cut.get(number, lane.decided):
                return True
        return False

    def seals_away(self, block_id: bytes) -> bool:
        """Whether a block seals a key and leaves out a branch that a quorum acknowledged (J17)."""
        made = self.made(block_id)
        if made is None:
            return False
        cut = dict(made.lanes)
        sealed = {check_fork_proof(proof).author for proof in decode_body(made.body).seals}
        for place, kept in self.acknowledged.items():
            lane = self._log.lanes[self._log.numbers[place]]
            if kept.key in sealed and cut.get(lane.number, lane.decided) < kept.seq:
                return True
        return False

    def suspends(self, block_id: bytes) -> tuple[bytes, ...]:
        """The voters whom a block suspends for not answering the roll call."""
        proposed = self._proposed.get(block_id)
        return () if proposed is None or proposed.made is None else proposed.made.suspended

    # ---- what is known

    def note_usable(self) -> None:
        """Remember since when entries can stand in a block."""
        for number, lane in self._log.lanes.items():
            if lane.lane not in LANES_ORDERED or self._log.orderable(lane) <= lane.decided:
                self._usable_since.pop(number, None)
                continue
            held = self._usable_since.get(number)
            if held is None or held[0] <= lane.decided:
                self._usable_since[number] = (lane.decided + 1, self.now_ms)

    def put_to_vote(self, header: BlockHeader) -> None:
        """A header came with a proposal."""
        self._proposed.setdefault(header.id, Proposed(header))

    def judge_again(self, *, has_dropped: bool) -> None:
        """Forget verdicts that rest on what is known of forks, or on entries that are not here any more."""
        for proposed in self._proposed.values():
            if proposed.made is None or has_dropped:
                proposed.fault = proposed.made = None
        self._proofs_shown.clear()

    def beyond_forks(self, block: bytes) -> tuple[CutEntry, ...]:
        """Where a block names branches beyond forks that this node knows, as far as it does not follow them
        already."""
        body = self._body_of(block)
        if body is None:
            return ()
        return tuple(place for place in body.cut if self._is_beyond(place))

    @property
    def acknowledged(self) -> dict[Place, CutEntry]:
        """The branches beyond forks that a quorum acknowledged, by author and lane (J17)."""
        log = self._log
        if not log.fork_seqs:
            return {}
        known = (log.changed, len(log.dead), tuple(sorted(log.fork_seqs.items())))
        if known != self._acknowledged_at:
            keys = frozenset(key for _, key in self.tip.configuration.voters)
            self._acknowledged = acknowledged(log, keys, self.tip.configuration.quorum)
            self._acknowledged_at = known
        return self._acknowledged

    def acknowledged_beyond(self) -> tuple[CutEntry, ...]:
        """The branches that a quorum acknowledged and that are not followed here yet."""
        return tuple(place for place in self.acknowledged.values() if self._is_beyond(place))

    def _body_of(self, block: bytes) -> Body | None:
        """The body of a block that cannot be judged yet, if it is here and can be read."""
        proposed = self._proposed.get(block)
        if proposed is None or proposed.made is not None or proposed.fault is not None:
            return None
        blobs = self._log.file.annexes([proposed.header.body_hash])
        try:
            return decode_body(blobs[0]) if blobs else None
        except FormatError:
            return None

    def _is_beyond(self, place: CutEntry) -> bool:
        fork_seq = self._log.fork_seqs.get((place.key, place.lane))
        lane = self._log.lane(place.key, place.lane)
        if fork_seq is None or lane is None or place.seq < first_open(lane, fork_seq):
            return False
        return (lane.ended_at, lane.ended_id) != (place.seq + 1, place.id)

    @property
    def bodies_wanted(self) -> list[bytes]:
        """The bodies of blocks that cannot be judged without them."""
        return [
            proposed.header.body_hash
            for proposed in self._proposed.values()
            if proposed.fault is None and proposed.made is None
        ]

    @property
    def is_waiting(self) -> bool:
        """Whether some block cannot be judged yet."""
        return bool(self.bodies_wanted)

    def knows(self, block: bytes) -> bool:
        """Whether the header of a block is here."""
        return block in self._proposed

    def fault_of(self, block: bytes) -> str | None:
        """The rule that a proposed block breaks."""
        proposed = self._proposed.get(block)
        return None if proposed is None else proposed.fault

    def made(self, block: bytes) -> Made | None:
        """A block that was judged to hold."""
        proposed = self._proposed.get(block)
        return None if proposed is None else proposed.made

    # ---- work

    def _is_called_for(self) -> bool:
        log = self._log
        if any(self._is_usable(position) for position in log.undecided) or self._seals():
            return True
        if self.due_ms is not None and self.due_ms <= self.now_ms:
            return True
        above = self._above()
        return above >= self._checkpoint_entries or (above > 0 and self.now_ms >= self._checkpoint_at_ms)

    def _above(self) -> int:
        """How many entries wait for an order."""
        lanes = [lane for lane in self._log.lanes.values() if lane.lane in LANES_ORDERED]
        return sum(max(0, self._log.orderable(lane) - lane.decided) for lane in lanes)

    @property
    def _checkpoint_at_ms(self) -> int:
        return self.tip.time_ms + self._checkpoint_ms

    def calls_at_ms(self) -> int | None:
        """When something will call for a block by the clock alone, if it does not already."""
        times = [] if self.due_ms is None else [self.due_ms]
        if self._above():
            times.append(self._checkpoint_at_ms)
        return min((time_ms for time_ms in times if time_ms > self.now_ms), default=None)

    def _is_usable(self, position: int) -> bool:
        number, seq = number_and_seq(position)
        return seq <= self._log.orderable(self._log.lanes[number])

    def _has_reason(self, found: Sequence[Found], seals: Sequence[bytes], time_ms: int) -> bool:
        """Whether a block may exist: one without a reason would keep the group busy for nothing (R0)."""
        log = self._log
        found = [item for item in found if log.counts(*item.candidate[1:4])]
        return (
            any(not log.is_sealed(check_fork_proof(proof).author) for proof in seals)
            or any(item.entry.header.type in GOVERNED_TYPES for item in found)
            or (self.due_ms is not None and self.due_ms <= time_ms)
            or len(found) >= self._checkpoint_entries
            or (bool(found) and time_ms >= self._checkpoint_at_ms)
        )

    def _seals(self) -> tuple[bytes, ...]:
        """Proofs of forks that no block holds yet."""
        return tuple(self._log.unsealed_proofs())

    # ---- making and judging

    def make(self) -> Made | None:
        """The block that this node would propose now, or None when nothing calls for one."""
        log, bounds, seals = self._log, self._bounds, self._seals()
        lanes = [(lane, log.orderable(lane)) for lane in log.lanes.values()]
        sealed = sealed_with(log.sealed, seals)
        found = without_excused(read_all(log.file, lanes, bounds.author_entries_max, log.lanes.get, sealed))
        chosen = {
            candidate.id for candidate in choose([item.candidate for item in found], self.tip.id, bounds)
        }
        taken = [item for item in found if item.candidate.id in chosen]
        if not self._has_reason(taken, seals, time_after(self.tip, self.now_ms)):
            return None
        ends: dict[tuple[bytes, int], CutEntry] = {}
        for item in taken:
            candidate = item.candidate
            key = (candidate.author, candidate.lane)
            if key not in ends or ends[key].seq < candidate.seq:
                ends[key] = CutEntry(candidate.author, candidate.lane, candidate.seq, candidate.id)
        moved = tuple(sorted(ends.values()))
        made = self._run(None, Body(moved, seals, self.tip.certificate), taken)
        self._proposed[made.header.id] = Proposed(made.header, made=made)
        return made

    def _judge(self, proposed: Proposed) -> None:
        header = proposed.header
        proposed.fault = header_fault(header, self.tip)
        if proposed.fault is not None:
            return
        blobs = self._log.file.annexes([header.body_hash])
        if not blobs:
            return
        try:
            body = decode_body(blobs[0])
            proposed.fault = self._body_fault(header, body)
            if proposed.fault is None:
                self._judge_entries(proposed, body)
        except FormatError as error:
            proposed.fault = error.rule
        except LaterRules:
            return  # whoever upgrades judges it then (J6)

    def _body_fault(self, header: BlockHeader, body: Body) -> str | None:
        """The rule that a body breaks without its entries. Errors: FormatError certificate.*, fork.*."""
        fault = body_fault(header, body, self.tip)
        if fault is not None:
            return fault
        if body.parent is not None and body.parent != self.tip.certificate and self._voted_by is not None:
            check_certificate(body.parent, self._voted_by, self.tip.group, self._voted_by.epoch, self.tip.id)
        for proof in body.seals:
            if check_fork_proof(proof).group != self.tip.group:
                return "block.other_group"
        return None

    def _judge_entries(self, proposed: Proposed, body: Body) -> None:
        log = self._log
        unknown = [proof for proof in body.seals if not log.knows_fork(check_fork_proof(proof))]
        self.proofs += [proof for proof in unknown if proof not in self._proofs_shown]
        self._proofs_shown.update(dict.fromkeys(unknown))
        if unknown:
            return  # what acks name depends on them: they are learned first
        sealed = sealed_with(log.sealed, body.seals)
        found: list[Found] = []
        for entry in body.cut:
            lane = log.lane(entry.key, entry.lane)
            if lane is None or lane.last_usable < entry.seq:
                return  # it is still to come, or lies on a branch that this node does not hold
            part = read_lane(log.file, lane, entry.seq, log.lanes.get, sealed)
            if not part or part[-1].candidate.id != entry.id:
                return
            if any(item.entry.payload is None for item in part):
                return
            found += part
        found = without_excused(found)
        candidates = [item.candidate for item in found]
        proposed.fault = closure_fault(candidates) or bounds_fault(candidates, self._bounds)
        if proposed.fault is None and not self._has_reason(found, body.seals, proposed.header.time_ms):
            proposed.fault = "block.no_reason"
        if proposed.fault is None:
            made = self._run(proposed, body, found)
            proposed.fault = roots_fault(proposed.header, made.roots)
            proposed.made = made if proposed.fault is None else None

    def _run(self, proposed: Proposed | None, body: Body, found: Sequence[Found]) -> Made:
        """Run a block on top of the tip; without `proposed`, make its header too."""
        log, tip = self._log, self.tip
        time_ms = time_after(tip, self.now_ms) if proposed is None else proposed.header.time_ms
        ran = run_block(log.file.chain, tip, self._voted_by, body, found, time_ms)
        if proposed is None:
            header, encoded = next_block(tip, body.cut, body.seals, ran.roots, self.now_ms)
        else:
            header, encoded = proposed.header, log.file.annexes([proposed.header.body_hash])[0]
        rules = dict(ran.execution.outcomes)
        return Made(
            header,
            encoded,
            ran.execution,
            ran.trie,
            ran.configuration,
            tuple((log.numbers[entry.key, entry.lane], entry.seq) for entry in body.cut),
            ran.voids,
            _suspended(item.entry for item in ran.ordered if not rules[item.candidate.id]),
            ran.roots,
        )


def _suspended(entries: Iterable[Entry]) -> tuple[bytes, ...]:
    """The voters whom entries that hold suspend for not answering the roll call."""
    absent: set[bytes] = set()
    for entry in entries:
        if entry.header.type == SUSPEND_TYPE:
            absent.update(decode_suspend(entry.payload or b"").absent)
    return tuple(sorted(absent))
