"""The blocks of one height on this node: what is proposed, what of it holds, and what the node would propose.

A proposed block is judged once, and what running it gave is kept until the height is over. It is done in
slices (`judging.py`); until all of them are through, nobody can say whether the block holds.

Source: C 5.3 and 5.4, J17, J28 to J30.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2pnode.chain.acknowledged import Place, acknowledged
from p2pnode.chain.branches import awaits_more_than_final, first_open
from p2pnode.chain.candidates import LANES_ORDERED
from p2pnode.chain.judging import Judging, Made, Proposed
from p2pnode.chain.reasons import Reasons
from p2pnode.consensus import cut
from p2pnode.consensus.actions import Verdict
from p2pnode.consensus.block import AHEAD_MS_MAX, Tip
from p2pnode.consensus.cut import Bounds
from p2pnode.consensus.format import BlockHeader, Body, Configuration, CutEntry, decode_body
from p2pnode.consensus.slices import Slices
from p2pnode.core import limits
from p2pnode.core.errors import FormatError
from p2pnode.governance import tables
from p2pnode.replication.fork import check_fork_proof

if TYPE_CHECKING:
    from p2pnode.group_log import GroupLog

OLD_MS = 10 * 60_000
"""A block that leaves out what a voter has held for longer gets no N of that voter (J29)."""


class Blocks:
    """The blocks of one height."""

    def __init__(self, log: GroupLog, tip: Tip, voted_by: Configuration | None) -> None:
        self._log = log
        self.tip = tip
        self._proposed: dict[bytes, Proposed] = {}
        self._work_began_ms: int | None = None
        self._usable_since: dict[int, tuple[int, int]] = {}
        self._bounds = Bounds(tables.charter(log.file.chain).block_entries_max)
        self._reasons = Reasons(log, tip)
        self._judging = Judging(log, tip, voted_by, self._bounds, self._reasons)
        self._work: tuple[Proposed | None, Slices[Proposed | None] | Slices[None]] | None = None
        self._may_go_on = self._is_made = False
        self._own: Proposed | None = None
        self.has_own_vote = False
        self.has_suspension = False
        self._own_word_ms: int | None = None
        self._acknowledged: dict[Place, CutEntry] = {}
        self._acknowledged_at: object = None

    @property
    def now_ms(self) -> int:
        """The time of the present step."""
        return self._reasons.now_ms

    @property
    def due_ms(self) -> int | None:
        """When the rows call for a block, though nobody wrote anything."""
        return self._reasons.due_ms

    def begin_step(self, now_ms: int) -> None:
        """Tell the time; one slice of work may be done at it (J30)."""
        self._reasons.now_ms = now_ms
        self._may_go_on = True
        self._go_on()

    def calls_at_ms(self) -> int | None:
        """When something will call for a block by the clock alone, if it does not already."""
        return self._reasons.calls_at_ms()

    def take_proofs(self) -> tuple[bytes, ...]:
        """The proofs of forks that blocks show and that are not known here yet."""
        proofs, self._judging.proofs = tuple(self._judging.proofs), []
        return proofs

    # ---- what the rules of voting ask

    def verdict(self, block_id: bytes, *, is_fresh: bool) -> Verdict:
        """Whether a block holds, is wrong, or cannot be judged yet."""
        proposed = self._proposed.get(block_id)
        if proposed is None:
            return "unknown"
        if proposed.fault is None and proposed.made is None and not proposed.is_later:
            self._judge(proposed)
        if proposed.fault is not None:
            return "invalid"
        if proposed.made is None:
            return "unknown"
        # What has votes behind it is not judged by the clock (J31).
        is_early = is_fresh and proposed.header.time_ms > self._reasons.now_ms + AHEAD_MS_MAX
        return "unknown" if is_early else "valid"

    def has_work(self) -> bool:
        """Whether there is something to decide that could stand in a block made now (J28)."""
        is_work = (
            self.has_own_vote
            or any(proposed.made is not None for proposed in self._proposed.values())
            or self._reasons.is_called_for()
        )
        if not is_work:
            self._work_began_ms = None
        elif self._work_began_ms is None:
            self._work_began_ms = self._reasons.now_ms
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
        is_laden = made.payload_bytes > cut.PAYLOAD_BYTES_MAX - limits.PAYLOAD_BYTES_MAX
        if ordered >= self._bounds.author_entries_max or is_laden:
            return False  # it may be full: the next one orders what is left
        ends = dict(made.lanes)
        for number, (seq, since_ms) in self._usable_since.items():
            lane = self._log.lanes[number]
            if since_ms + OLD_MS < self._reasons.now_ms and seq > ends.get(number, lane.decided):
                return True
        return False

    def seals_away(self, block_id: bytes) -> bool:
        """Whether a block seals a key and leaves out a branch that a quorum acknowledged (J17)."""
        made = self.made(block_id)
        if made is None:
            return False
        ends = dict(made.lanes)
        sealed = {check_fork_proof(proof).author for proof in decode_body(made.body).seals}
        for place, kept in self.acknowledged.items():
            lane = self._log.lanes[self._log.numbers[place]]
            if kept.key in sealed and ends.get(lane.number, lane.decided) < kept.seq:
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
            if lane.lane not in LANES_ORDERED or self._reasons.orderable(lane) <= lane.decided:
                self._usable_since.pop(number, None)
                continue
            held = self._usable_since.get(number)
            if held is None or held[0] <= lane.decided:
                self._usable_since[number] = (lane.decided + 1, self._reasons.now_ms)

    def put_to_vote(self, header: BlockHeader) -> None:
        """A header came with a proposal."""
        self._proposed.setdefault(header.id, Proposed(header))

    def judge_again(self, *, has_dropped: bool) -> None:
        """Forget verdicts that rest on what is known of forks, or on entries that are not here any more."""
        for proposed in self._proposed.values():
            if proposed.made is None or has_dropped:
                proposed.fault = proposed.made = None
        self._work, self._own, self._is_made = None, None, False
        self._judging.show_again()
        self._reasons.forget_entries()

    def named_beyond(self, block: bytes) -> tuple[tuple[CutEntry, ...], tuple[Place, ...]] | None:
        """Where a block names branches beyond forks that are not followed here already, and the lanes in
        which a branch is awaited here that it does not name; None while it cannot be read.

        It may leave out a branch that a quorum acknowledged only after its voters had their say (J17): the
        acknowledgements of that branch lie beyond its cut, and who waited for it would never judge the block.
        """
        body = self._body_of(block)
        if body is None:
            return None
        log = self._log
        named = {(place.key, place.lane, place.seq + 1, place.id) for place in body.cut}
        left = [
            key
            for key, fork_seq in sorted(log.fork_seqs.items())
            if (lane := log.lane(*key)) is not None
            and awaits_more_than_final(lane, fork_seq)
            and (*key, lane.ended_at, lane.ended_id) not in named
        ]
        return tuple(place for place in body.cut if self._is_beyond(place)), tuple(left)

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
        """The body of a block that is not known to be wrong, if it is here and can be read."""
        proposed = self._proposed.get(block)
        if proposed is None or proposed.fault is not None:
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

    # ---- making and judging, a slice at a time

    @property
    def is_busy(self) -> bool:
        """Whether a block is being made or judged."""
        return self._work is not None

    @property
    def later_version(self) -> int:
        """The version of the rules by which the group goes on, 0 if this program knows them (J6)."""
        return self._judging.later_version

    @property
    def is_making(self) -> bool:
        """Whether the own block is being made."""
        return self._work is not None and self._work[0] is None

    def make(self) -> Made | None:
        """The block that this node would propose now; None when nothing calls for one, or while it is made.

        Whoever asks again when it is not made any more gets what was asked for before.
        """
        if not self._is_made and self._work is None:
            self._work = (None, self._judging.making())
            self._go_on()
        own, self._own, self._is_made = self._own, None, False
        if own is None:
            return None
        self._proposed[own.header.id] = own
        return own.made

    def _judge(self, proposed: Proposed) -> None:
        """Begin to judge a block; one at a time."""
        if self._work is None and self._may_go_on:
            self._work = (proposed, self._judging.judging(proposed))
            self._go_on()

    def _go_on(self) -> None:
        """Do one slice of the work that is begun, unless this step has done one."""
        if self._work is None or not self._may_go_on:
            return
        judged, work = self._work
        try:
            next(work)
        except StopIteration as end:
            self._work = None
            if judged is None:
                self._own, self._is_made = end.value, True
        else:
            self._may_go_on = False
