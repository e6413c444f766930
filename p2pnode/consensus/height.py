"""One height of one group: when to vote, propose, commit and convene again, without any I/O (R0 to R9).

The caller verifies signatures, keeps entries and blocks, tells the time and who is present, performs the
actions and feeds its own votes, proposals, roll answers and closes back like those of others. What may be
said follows from `rules`; this module keeps what was seen, and waits (`timing`).

An action is given once. A vote counts as cast from the moment it is given, so a caller that could not store
one throws the object away and makes a new one from what is on disk.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from p2pnode.consensus import leader, rules, timing
from p2pnode.consensus.actions import (
    Action,
    AskToClose,
    Blocks,
    Cast,
    Close,
    Commit,
    Missing,
    Moment,
    Propose,
    Roll,
    Schism,
    Stage,
    Verdict,
    Wake,
)
from p2pnode.consensus.convening import Convening
from p2pnode.consensus.convocation import Closing
from p2pnode.consensus.counting import Votes
from p2pnode.consensus.format import Configuration, Kind, Proposal, Vote
from p2pnode.consensus.rules import FIRST_ATTEMPT, FRESH, SECOND_ATTEMPT, Lock, Mine

__all__ = [
    "Action", "AskToClose", "Blocks", "Cast", "Close", "Commit", "Height", "Missing", "Propose", "Roll",
    "Schism", "Stage", "Verdict", "Wake",
]  # fmt: skip


class Height:
    """The state machine of one height of one group.

    Shapes: `me` is None for a node that does not vote; `mine` are its own votes on disk; `closed` says that
    its close is on disk. `recent_signers` are the signers of the certificate inside the previous block.
    `is_carried`: the previous height was decided in the second attempt by a block that suspended nobody, so a
    second convocation need not wait again. `lost` are voters whose recovery key was revealed (J20): while too
    few voters can sign, nobody waits for them, and their recovery keys speak in the second attempt only.
    Units: `began_ms` is when the previous block was committed here (the first step, if not given).
    """

    def __init__(
        self,
        group: bytes,
        height: int,
        previous_id: bytes,
        configuration: Configuration,
        me: bytes | None,
        mine: Sequence[Vote] = (),
        closed: bool = False,
        *,
        recent_signers: Collection[bytes] = (),
        lost: Collection[bytes] = (),
        is_carried: bool = False,
        began_ms: int | None = None,
        delta_ms: int = timing.DELTA_MS,
        roll_call_after_ms: int = timing.ROLL_CALL_AFTER_MS,
        close_after_ms: int = timing.CLOSE_AFTER_MS,
    ) -> None:
        self.group = group
        self.height = height
        self.voters = tuple(member for member, _ in configuration.voters)
        self._previous_id = previous_id
        self._me = me if me is not None and rules.counts(me, self.voters) else None
        self._leaders = leader.leaders(self.voters, recent_signers, previous_id, height)
        self._ranks = leader.ranks(self.voters, previous_id, height, FIRST_ATTEMPT)
        self._votes = Votes(height, configuration)
        lost_voters = sum(rules.counts(member, self.voters) for member in lost)
        self._convening = Convening(
            self.voters,
            self._me,
            self._votes,
            can_sign=len(self.voters) - lost_voters,
            has_closed=closed,
            is_carried=is_carried,
            roll_call_after_ms=roll_call_after_ms,
            close_after_ms=close_after_ms,
        )
        self._mine: dict[tuple[int, int], Mine] = {}
        self._proposals: dict[tuple[int, int], dict[bytes, Proposal]] = {}
        self._proposed: set[tuple[int, int]] = set()
        self._met: set[tuple[int, bytes]] = set()
        self._attempt, self._view = FIRST_ATTEMPT, 0
        self.delta_ms = delta_ms
        self._is_begun = began_ms is not None
        self._began_ms = self._view_began_ms = began_ms or 0
        self._visible_since_ms: int | None = None
        self._work_since_ms: int | None = None
        self._has_found_valid = False
        self._is_done = self._has_schism = False
        self._is_closed = closed or me in lost
        if self._me is not None:
            for vote in mine:
                self.add_vote(self._me, vote)

    # ---- what was seen

    @property
    def attempt(self) -> int:
        """The attempt in which this node votes now."""
        return self._attempt

    @property
    def view(self) -> int:
        """The view in which this node votes now."""
        return self._view

    @property
    def work_since_ms(self) -> int | None:
        """Since when this voter has waited for a decision; None when there is nothing to decide."""
        return self._work_since_ms

    @property
    def lock(self) -> Lock | None:
        """The block that a fresh proposal of the second attempt has to name, or None."""
        return self._convening.known.lock if self._attempt == SECOND_ATTEMPT else None

    @property
    def silent(self) -> tuple[bytes, ...]:
        """Who did not answer the roll call: a fresh block of the second attempt may suspend them."""
        return self._convening.known.silent()

    @property
    def closes(self) -> tuple[tuple[bytes, Closing], ...]:
        """The closes on which a fresh block of the second attempt rests, ascending by voter."""
        return self._convening.known.closes_for(b"")

    @property
    def votes(self) -> tuple[tuple[bytes, Vote], ...]:
        """All votes that count at this height, with their voters."""
        return self._votes.every()

    @property
    def every_close(self) -> tuple[tuple[bytes, Closing], ...]:
        """All closes that count at this height, with their voters."""
        return self._convening.known.every

    def closes_for(self, block: bytes) -> tuple[tuple[bytes, Closing], ...]:
        """The closes on which the decision for a block rests, none while too few."""
        return self._convening.known.closes_for(block)

    def add_vote(self, voter: bytes, vote: Vote) -> None:
        """Take a vote whose signature was verified; the own ones too. What does not count here is ignored."""
        if self._votes.add(voter, vote) and voter == self._me:
            place = (vote.attempt, vote.view)
            self._mine[place] = rules.after(self._mine.get(place, Mine()), vote.kind, vote.block)

    def add_proposal(self, proposer: bytes, proposal: Proposal) -> None:
        """Take a proposal; only the first of a proposer in a view is looked at."""
        if (
            proposal.height == self.height
            and proposal.attempt in (FIRST_ATTEMPT, SECOND_ATTEMPT)
            and rules.counts(proposer, self.voters)
            and (proposal.view == 0 or leader.leader(proposal.view, self._leaders) == proposer)
        ):
            offers = self._proposals.setdefault((proposal.attempt, proposal.view), {})
            offers.setdefault(proposer, proposal)

    def add_roll(self, voter: bytes, time_ms: int) -> None:
        """Take an answer to the roll call. Units: the time of its entry."""
        self._convening.known.add_roll(voter, time_ms)

    def add_close(self, voter: bytes, closing: Closing) -> None:
        """Take a close whose signature and certificate were verified; the own one too."""
        if closing.height == self.height:
            self._convening.known.add_close(voter, closing)
            if voter == self._me:
                self._convening.has_closed = self._is_closed = True

    def agree_to_close(self) -> None:
        """Say that the person at this node agrees to the second convocation it was asked about."""
        self._convening.agree()

    # ---- what to do

    def step(
        self, now_ms: int, reachable: Collection[bytes], blocks: Blocks, *, heard_at_ms: int | None = 0
    ) -> list[Action]:
        """What to do now. Shapes: at most one Wake, last. Units: from `heard_at_ms` on this node speaks of
        what may have been said in its absence; None: it is alone.

        Call it after every event, when `reachable` changes, and at the time of the last Wake; perform the
        actions, feed them back, and call it again until it gives nothing but a Wake.
        """
        self._keep_time(now_ms)
        if self._attempt == FIRST_ATTEMPT and self._convening.known.is_reopened:
            self._enter(SECOND_ATTEMPT, 0, now_ms)
        ended = self._commit(blocks)
        if ended or self._is_done:
            return ended
        while rules.is_over(
            is_notarized=bool(self._votes.notarized(self._attempt, self._view)),
            is_skipped=self._votes.is_skipped(self._attempt, self._view),
        ):
            self._enter(self._attempt, self._view + 1, now_ms)
        if self._me is None:
            return []
        here = {*reachable, self._me}
        present = tuple(member for member in self.voters if member in here)
        moment = Moment(now_ms, present, blocks, heard_at_ms)
        self._meet_offers(moment)
        actions: list[Action] = [*self._finalize(blocks)]
        self._watch_work(moment)
        actions += self._notarize(moment)
        actions += self._propose(moment)
        actions += self._skip(moment)
        actions += self._convening.step(moment, self._attempt, self._work_since_ms, self._finalized())
        self._is_closed = self._is_closed or self._convening.has_closed
        if moment.wakes:
            actions.append(Wake(min(moment.wakes)))
        return actions

    def _keep_time(self, now_ms: int) -> None:
        """Start the clock of the height; a clock that was set back does not make anybody wait longer."""
        if not self._is_begun:
            self._is_begun = True
            self._began_ms = self._view_began_ms = now_ms
        self._began_ms = min(self._began_ms, now_ms)
        self._view_began_ms = min(self._view_began_ms, now_ms)
        if self._visible_since_ms is not None:
            self._visible_since_ms = min(self._visible_since_ms, now_ms)
        if self._work_since_ms is not None:
            self._work_since_ms = min(self._work_since_ms, now_ms)

    def _enter(self, attempt: int, view: int, now_ms: int) -> None:
        if attempt != self._attempt:
            self._ranks = leader.ranks(self.voters, self._previous_id, self.height, attempt)
        self._attempt, self._view = attempt, view
        self._view_began_ms, self._visible_since_ms = now_ms, None

    def _commit(self, blocks: Blocks) -> list[Action]:
        """R1, in any attempt and view; two final blocks stop everything."""
        finals: dict[bytes, tuple[int, int, bytes]] = {}
        for final in self._votes.finals(self._attempt):
            finals.setdefault(final[2], final)
        if len(finals) > 1:
            if self._has_schism:
                return []
            self._is_done = self._has_schism = True
            return [Schism(tuple(self._commit_of(*finals[block]) for block in sorted(finals)))]
        if self._is_done:
            return []
        for final in finals.values():
            can_be_shown = final[0] == FIRST_ATTEMPT or bool(self._convening.known.closes_for(final[2]))
            if can_be_shown and blocks.verdict(final[2], is_fresh=False) == "valid":
                self._is_done = True
                return [self._commit_of(*final)]
        return []

    def _commit_of(self, attempt: int, view: int, block: bytes) -> Commit:
        closes = self._convening.known.closes_for(block) if attempt == SECOND_ATTEMPT else ()
        return Commit(block, attempt, view, self._votes.of(attempt, view, "F", block), closes)

    def _watch_work(self, moment: Moment) -> None:
        """Note since when there is work: of the group, or begun here (R0, J28). Votes of others are none."""
        if not (moment.blocks.has_work() or self._has_found_valid or self._mine):
            self._work_since_ms = self._visible_since_ms = None
        elif self._work_since_ms is None:
            began_ms = moment.blocks.work_began_ms()
            since_ms = moment.now_ms if began_ms is None else min(began_ms, moment.now_ms)
            self._work_since_ms = max(since_ms, self._began_ms)

    def _said(self) -> Mine:
        return self._mine.get((self._attempt, self._view), Mine())

    def _cast(self, kind: Kind, view: int, block: bytes) -> Cast:
        place = (self._attempt, view)
        self._mine[place] = rules.after(self._mine.get(place, Mine()), kind, block)
        return Cast(kind, self._attempt, view, block)

    def _may_cast(self, kind: Kind) -> bool:
        return rules.may_cast(kind, self._said(), attempt=self._attempt, is_closed=self._is_closed)

    def _finalize(self, blocks: Blocks) -> list[Cast]:
        """R3, for every view up to the present one."""
        casts = []
        for view in self._votes.notarized_views(self._attempt):
            may_finalize = rules.finalizable(
                self._mine.get((self._attempt, view), Mine()),
                self._votes.notarized(self._attempt, view) if view <= self._view else (),
                attempt=self._attempt,
                is_closed=self._is_closed,
            )
            for block in may_finalize:
                if blocks.verdict(block, is_fresh=False) == "valid":
                    casts.append(self._cast("F", view, block))
                    break
        return casts

    def _finalized(self) -> list[Lock]:
        return [
            Lock(view, said.finalized)
            for (attempt, view), said in sorted(self._mine.items())
            if attempt == FIRST_ATTEMPT and said.finalized is not None
        ]

    @property
    def backed(self) -> tuple[bytes, ...]:
        """The blocks behind which a quorum stands, final ones first, then the latest view's."""
        finals = [block for _, _, block in reversed(self._votes.finals(self._attempt))]
        views = reversed(self._votes.notarized_views(self._attempt))
        notarized = [block for view in views for block in self._votes.notarized(self._attempt, view)]
        lock = self.lock
        carried = [] if lock is None else [lock.block]
        return tuple(dict.fromkeys([*finals, *notarized, *carried]))

    # ---- proposals

    def _offers(self, moment: Moment) -> list[tuple[int, bytes, Proposal]]:
        """The proposals of the present view with the rank of their proposers, first rank first."""
        offers = self._proposals.get((self._attempt, self._view), {})
        return sorted(
            ((self._rank_of_offer(proposer, moment), proposer, offers[proposer]) for proposer in offers),
            key=lambda offer: (offer[0], -self._notarizing(offer[2].block), offer[1]),
        )

    def _meet_offers(self, moment: Moment) -> None:
        """Note who proposed in the open view before this node had heard what was said in its absence.

        When they did nobody here can tell, so nobody here holds their rank against them: whoever proposed
        instead would split the votes of a group whose members never meet.
        """
        if self._view == 0 and not self._is_heard(moment):
            offers = self._proposals.get((self._attempt, 0), {})
            self._met.update((self._attempt, proposer) for proposer in offers)

    def _rank_of_offer(self, proposer: bytes, moment: Moment) -> int:
        return 0 if (self._attempt, proposer) in self._met else self._rank(proposer, moment)

    def _notarizing(self, block: bytes) -> int:
        return len(self._votes.of(self._attempt, self._view, "N", block))

    def _rank(self, proposer: bytes, moment: Moment) -> int:
        return leader.rank(proposer, moment.present, self._ranks)

    def _is_fresh(self, proposal: Proposal) -> bool:
        return proposal.justifying_view == FRESH and self.lock is None

    def _notarize(self, moment: Moment) -> list[Cast]:
        """R4: at most one justified valid proposal of the present view."""
        if not self._may_cast("N") or not self._is_heard(moment):
            return []
        for rank, proposer, proposal in self._offers(moment):
            is_fresh = self._is_fresh(proposal)
            if moment.blocks.verdict(proposal.block, is_fresh=is_fresh) != "valid":
                continue
            self._has_found_valid = True
            self._watch_work(moment)
            is_justified = rules.is_justified(
                self._view,
                proposal.block,
                proposal.justifying_view,
                is_notarized=lambda view, block: self._votes.is_notarized(self._attempt, view, block),
                is_skipped=lambda view: self._votes.is_skipped(self._attempt, view),
                lock=self.lock,
            )
            if not is_justified:
                continue
            if is_fresh and proposer != self._me and not self._is_fair(rank, proposal.block, moment):
                continue
            return [self._cast("N", self._view, proposal.block)]
        return []

    def _is_heard(self, moment: Moment) -> bool:
        """Whether to speak in this view: in the open one only after hearing what was said in it."""
        if self._view > 0 or self._votes.quorum(self._attempt) == 1:
            return True
        return moment.heard_at_ms is not None and moment.is_due(moment.heard_at_ms)

    def _is_fair(self, rank: int, block: bytes, moment: Moment) -> bool:
        """Whether a fresh block passes over nobody: no entry, no earlier rank, no one who answered (J29)."""
        suspended = moment.blocks.suspends(block)
        return (
            rules.may_suspend(suspended, self._convening.known.answers, self._attempt)
            and not moment.blocks.omits_something_old(block)
            and not moment.blocks.seals_away(block)
            and (self._view > 0 or moment.is_due(self._open_at_ms(rank)))
        )

    def _open_at_ms(self, rank: int) -> int:
        """When the voter of a rank may propose in view 0."""
        since_ms = max(self._work_since_ms or 0, self._view_began_ms)
        return since_ms + timing.propose_after_ms(rank, self.delta_ms)

    def _propose(self, moment: Moment) -> list[Propose]:
        """R5."""
        place = (self._attempt, self._view)
        if (
            self._work_since_ms is None
            or self._me is None
            or place in self._proposed
            or self._me in self._proposals.get(place, {})
            or (self._attempt == FIRST_ATTEMPT and self._is_closed)
            or not self._is_heard(moment)
        ):
            return []
        if self._view == 0:
            if any(self._stands(*offer, moment) for offer in self._offers(moment)):
                return []
            at_ms = self._open_at_ms(self._rank(self._me, moment))
        elif leader.leader(self._view, self._leaders) == self._me:
            follows_block = bool(self._votes.notarized(self._attempt, self._view - 1))
            at_ms = self._view_began_ms + (timing.repropose_after_ms(self.delta_ms) if follows_block else 0)
        else:
            return []
        return self._offer(moment) if moment.is_due(at_ms) else []

    def _stands(self, rank: int, _proposer: bytes, proposal: Proposal, moment: Moment) -> bool:
        """Whether an open proposal makes an own one needless."""
        is_fresh = self._is_fresh(proposal)
        if moment.blocks.verdict(proposal.block, is_fresh=is_fresh) == "invalid":
            return False
        return not is_fresh or (
            moment.now_ms >= self._open_at_ms(rank)
            and not moment.blocks.omits_something_old(proposal.block)
            and not moment.blocks.seals_away(proposal.block)
        )

    def _offer(self, moment: Moment) -> list[Propose]:
        """What to propose: the last notarized block again, or the locked one, or a fresh one."""
        view, block, justifying_view = self._view, None, FRESH
        for earlier in self._votes.notarized_views(self._attempt):
            if earlier < view:
                justifying_view, block = earlier, self._votes.notarized(self._attempt, earlier)[0]
        if block is None and self.lock is not None:
            block = self.lock.block
        if block is None:
            if not moment.blocks.has_work():
                return []
        elif moment.blocks.verdict(block, is_fresh=False) != "valid":
            # Judging takes a while after a restart: whoever gave its turn away now would not get it back.
            return []
        self._proposed.add((self._attempt, view))
        return [Propose(self._attempt, view, justifying_view, block)]

    # ---- giving a view up

    def _skip(self, moment: Moment) -> list[Cast]:
        """R6 and R7."""
        if self._work_since_ms is None:
            return []
        voters, quorum = len(self.voters), self._votes.quorum(self._attempt)
        if len(moment.present) < quorum:
            self._visible_since_ms = None
        elif self._visible_since_ms is None:
            self._visible_since_ms = moment.now_ms
        if not self._may_cast("S"):
            return []
        is_split = self._said().notarized is not None and rules.is_split(
            self._votes.notarizing(self._attempt, self._view),
            len(self._votes.heard(self._attempt, self._view)),
            voters,
            quorum,
        )
        at_ms = max(self._view_began_ms, self._work_since_ms)
        at_ms += timing.unseen_skip_after_ms(self._view, voters, quorum)
        if self._visible_since_ms is not None:
            wait_ms = timing.skip_after_ms(self._view, voters, quorum, self.delta_ms)
            at_ms = min(at_ms, self._visible_since_ms + wait_ms)
        return [self._cast("S", self._view, b"")] if is_split or moment.is_due(at_ms) else []

    # ---- what is waited for

    def missing(self) -> Missing:
        """Who has not spoken, and about what, in order of what comes next."""
        stage, needed, spoken = self._waits_for()
        silent = tuple(member for member in self.voters if member not in spoken)
        return Missing(stage, self._attempt, self._view, needed, spoken, silent)

    def _waits_for(self) -> tuple[Stage, int, tuple[bytes, ...]]:
        votes, attempt, view = self._votes, self._attempt, self._view
        quorum, convocation = votes.quorum(attempt), self._convening.known
        if self._is_done:
            return ("schism" if self._has_schism else "done"), 0, self.voters
        if final := votes.finals(attempt):
            return "block", 0, tuple(voter for voter, _ in votes.of(*final[0][:2], "F", final[0][2]))
        if attempt == FIRST_ATTEMPT and convocation.closed:
            return "closes", rules.majority_of(len(self.voters)), convocation.closed
        if attempt == FIRST_ATTEMPT and 0 < len(convocation.answers) < quorum:
            return "answers", rules.majority_of(len(self.voters)), tuple(sorted(convocation.answers))
        if notarized := votes.notarized_views(attempt):
            last = notarized[-1]
            block = votes.notarized(attempt, last)[0]
            return "finalize", quorum, tuple(voter for voter, _ in votes.of(attempt, last, "F", block))
        if heard := votes.heard(attempt, view):
            return "notarize", quorum, heard
        if self._proposals.get((attempt, view)):
            return "notarize", quorum, ()
        return ("proposal", 1, ()) if self._work_since_ms is not None else ("idle", 0, self.voters)
