"""Making the next block, and judging what others propose, in slices (J30).

Both run a block on the rows of the tip; what that gives is kept with it, so that it is not run a second time
when it becomes final. One is worked on at a time, and the writer sees to other things between two slices.

Source: C 5.4, J8, J17, J30.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from p2pnode.chain.candidates import Found, read_slices, without_excused
from p2pnode.chain.later_rules import later_version
from p2pnode.chain.reasons import Reasons
from p2pnode.chain.running import Ran, running, sealed_with
from p2pnode.consensus.block import (
    Roots,
    Tip,
    body_fault,
    header_fault,
    next_block,
    roots_fault,
    time_after,
)
from p2pnode.consensus.certificate import check_certificate
from p2pnode.consensus.cut import Bounds, bounds_fault, choosing, closure_fault
from p2pnode.consensus.execution import Execution
from p2pnode.consensus.format import BlockHeader, Body, Configuration, CutEntry, decode_body
from p2pnode.consensus.slices import SLICE_ENTRIES, Slices
from p2pnode.consensus.trie import TrieChange
from p2pnode.core.errors import FormatError
from p2pnode.governance.executing import LaterRules
from p2pnode.governance.voters import suspended_in
from p2pnode.replication.fork import check_fork_proof

if TYPE_CHECKING:
    from p2pnode.group_log import GroupLog


class Made(NamedTuple):
    """A block with what running it gives.

    Shapes: voids are (position, rule); late are (entry id, rule); lanes are (number, last seq).
    """

    header: BlockHeader
    body: bytes
    execution: Execution
    trie: TrieChange
    configuration: Configuration
    lanes: tuple[tuple[int, int], ...]
    voids: tuple[tuple[int, str], ...]
    late: tuple[tuple[bytes, str], ...]
    suspended: tuple[bytes, ...]
    roots: Roots
    payload_bytes: int


@dataclass(slots=True)
class Proposed:
    """A block that somebody put to the vote.

    Shapes: fault is the rule it breaks; made is None until it was judged; is_later says that only a later
    version of the program can judge it (J6).
    """

    header: BlockHeader
    fault: str | None = None
    made: Made | None = None
    is_later: bool = False


class Judging:
    """What is made and judged at one height.

    Shapes: proofs are of forks that a block shows and that are not known here yet; later_version is that of
    the rules that the group follows, or will follow from the next block on, 0 if this program knows them.
    """

    def __init__(
        self, log: GroupLog, tip: Tip, voted_by: Configuration | None, bounds: Bounds, reasons: Reasons
    ) -> None:
        self._log = log
        self._tip = tip
        self._voted_by = voted_by
        self._bounds = bounds
        self._reasons = reasons
        self._proofs_shown: dict[bytes, None] = {}
        self.proofs: list[bytes] = []
        self.later_version = later_version(log.file, tip.height)

    def show_again(self) -> None:
        """Show proofs of forks again: what is known of forks has changed."""
        self._proofs_shown.clear()

    def making(self) -> Slices[Proposed | None]:
        """The block that this node would propose now, or None when nothing calls for one."""
        log, reasons, tip = self._log, self._reasons, self._tip
        time_ms, seals = time_after(tip, reasons.now_ms), reasons.seals()
        sealed = sealed_with(log.sealed, seals)
        found: list[Found] = []
        paused_at = 0
        for lane in list(log.lanes.values()):
            if len(found) - paused_at >= SLICE_ENTRIES:
                paused_at = len(found)
                yield
            until = min(log.includable(lane), lane.decided + self._bounds.author_entries_max)
            found += yield from read_slices(log.file, lane, until, log.lanes.get, sealed)
        found = reasons.worth_an_order(without_excused(found))
        candidates = yield from choosing([item.candidate for item in found], tip.id, self._bounds)
        chosen = {candidate.id for candidate in candidates}
        taken = [item for item in found if item.candidate.id in chosen]
        worth = [item for item in taken if not reasons.is_above_share(item.candidate.author)]
        if not reasons.has_reason(worth, seals, time_ms):
            return None
        body = Body(_moved(taken), seals, tip.certificate)
        try:
            ran = yield from running(log.file.chain, tip, self._voted_by, body, taken, time_ms)
        except LaterRules as error:
            self.later_version = error.version
            return None
        header, encoded = next_block(tip, body.cut, body.seals, ran.roots, time_ms)
        return Proposed(header, made=self._made(header, encoded, body, ran))

    def judging(self, proposed: Proposed) -> Slices[None]:
        """Judge a proposed block: note the rule that it breaks, or what running it gave, or neither while
        something of it is missing."""
        header = proposed.header
        proposed.fault = header_fault(header, self._tip)
        if proposed.fault is not None:
            return
        blobs = self._log.file.annexes([header.body_hash])
        if not blobs:
            return
        try:
            body = decode_body(blobs[0])
            proposed.fault = self._body_fault(header, body)
            if proposed.fault is None:
                yield from self._judging_entries(proposed, body, blobs[0])
        except FormatError as error:
            proposed.fault = error.rule
        except LaterRules as error:
            self.later_version, proposed.is_later = error.version, True  # whoever upgrades judges it then

    def _body_fault(self, header: BlockHeader, body: Body) -> str | None:
        """The rule that a body breaks without its entries. Errors: FormatError certificate.*, fork.*."""
        tip = self._tip
        fault = body_fault(header, body, tip)
        if fault is not None:
            return fault
        if body.parent is not None and body.parent != tip.certificate and self._voted_by is not None:
            check_certificate(body.parent, self._voted_by, tip.group, self._voted_by.epoch, tip.id)
        for proof in body.seals:
            if check_fork_proof(proof).group != tip.group:
                return "block.other_group"
        return None

    def _judging_entries(self, proposed: Proposed, body: Body, encoded: bytes) -> Slices[None]:
        log, header = self._log, proposed.header
        unknown = [proof for proof in body.seals if not log.knows_fork(check_fork_proof(proof))]
        self.proofs += [proof for proof in unknown if proof not in self._proofs_shown]
        self._proofs_shown.update(dict.fromkeys(unknown))
        if unknown:
            return  # what acks name depends on them: they are learned first
        sealed = sealed_with(log.sealed, body.seals)
        lanes = [log.lane(entry.key, entry.lane) for entry in body.cut]
        found: list[Found] = []
        paused_at = 0
        for entry, lane in zip(body.cut, lanes, strict=True):
            if len(found) - paused_at >= SLICE_ENTRIES:
                paused_at = len(found)
                yield
            if lane is None or lane.last_usable < entry.seq:
                return  # it is still to come, or lies on a branch that this node does not hold
            if entry.seq - lane.decided > self._bounds.author_entries_max:
                proposed.fault = "block.author_share"
                return
            part = yield from read_slices(log.file, lane, entry.seq, log.lanes.get, sealed)
            if not part or part[-1].candidate.id != entry.id:
                return
            if any(item.entry.payload is None for item in part):
                return
            found += part
        found = without_excused(found)
        candidates = [item.candidate for item in found]
        proposed.fault = closure_fault(candidates) or bounds_fault(candidates, self._bounds)
        if proposed.fault is None and not self._reasons.has_reason(found, body.seals, header.time_ms):
            proposed.fault = "block.no_reason"
        if proposed.fault is None:
            ran = yield from running(log.file.chain, self._tip, self._voted_by, body, found, header.time_ms)
            proposed.fault = roots_fault(header, ran.roots)
            if proposed.fault is None:
                proposed.made = self._made(header, encoded, body, ran)

    def _made(self, header: BlockHeader, encoded: bytes, body: Body, ran: Ran) -> Made:
        rules = dict(ran.execution.outcomes)
        return Made(
            header,
            encoded,
            ran.execution,
            ran.trie,
            ran.configuration,
            tuple((self._log.numbers[entry.key, entry.lane], entry.seq) for entry in body.cut),
            ran.voids,
            ran.late,
            suspended_in(item.entry for item in ran.ordered if not rules[item.candidate.id]),
            ran.roots,
            sum(item.candidate.payload_bytes for item in ran.ordered),
        )


def _moved(taken: Sequence[Found]) -> tuple[CutEntry, ...]:
    """How far the chosen entries move their lanes."""
    ends: dict[tuple[bytes, int], CutEntry] = {}
    for item in taken:
        candidate = item.candidate
        key = (candidate.author, candidate.lane)
        if key not in ends or ends[key].seq < candidate.seq:
            ends[key] = CutEntry(candidate.author, candidate.lane, candidate.seq, candidate.id)
    return tuple(sorted(ends.values()))
