"""One group's chain: what lane 1 says, what is to be said there, and which block is final.

The rules of voting (`consensus/height.py`) know nothing of entries, the group's log nothing of votes; here
they meet. Nothing is written from here: `step` says what to write, and `node.py` writes and commits it.

Source: C 5, J18, J28 to J32.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from p2pnode.chain.acknowledged import Place
from p2pnode.chain.blocks import Blocks
from p2pnode.chain.bodies import Bodies
from p2pnode.chain.company import Company
from p2pnode.chain.judging import Made
from p2pnode.chain.listening import Listening
from p2pnode.chain.own_words import OwnWords
from p2pnode.chain.saying import Saying
from p2pnode.chain.schism import SETTING, PastVotes, decode_found, found_among
from p2pnode.chain.showing import Showing, items_showing, votes_shown
from p2pnode.chain.step import Final, Step
from p2pnode.chain.stored import recent_signers, statement_of
from p2pnode.consensus import certificate as consensus
from p2pnode.consensus.block import Tip
from p2pnode.consensus.certificate import Convocation, assemble, convocation_of
from p2pnode.consensus.convening import is_closing_shown
from p2pnode.consensus.convocation import (
    CLOSE_TYPE,
    Closing,
    RollAnswer,
)
from p2pnode.consensus.format import (
    CERTIFICATE_TYPE,
    PROPOSAL_TYPE,
    VOTE_TYPE,
    Certificate,
    Configuration,
    CutEntry,
    Proposal,
    Vote,
    decode_certificate,
    decode_header,
    is_vote_said,
)
from p2pnode.consensus.height import (
    Action,
    AskToClose,
    Cast,
    Close,
    Commit,
    Height,
    Propose,
    Roll,
    Schism,
    Wake,
)
from p2pnode.consensus.rules import SECOND_ATTEMPT
from p2pnode.core.crypto import sha256
from p2pnode.core.errors import FormatError
from p2pnode.core.events import Item
from p2pnode.governance import tables

if TYPE_CHECKING:
    from p2pnode.group_log import GroupLog


class Chain:
    """The chain of one group; mutable, owned by the group's log."""

    def __init__(self, log: GroupLog, tip: Tip, voted_by: Configuration | None) -> None:
        self._log = log
        self.tip = tip
        self.is_stirred = True
        self.has_moved = False
        self.wake_at_ms: int | None = None
        self._is_signing = False
        self.voted_by = voted_by
        self._convocations: dict[bytes, Convocation] = {}
        self._now: list[Saying] = []
        self._said: dict[int, list[Saying]] = {}
        self._listening = Listening(log)
        self.bodies = Bodies(log.file)
        self._headers_asked: dict[bytes, None] = {}
        self._past = PastVotes(log.file.chain)
        self._showing = Showing(log)
        self.schism = decode_found(log.file.setting(SETTING))
        self._has_told_schism = False
        self.has_told_rules = False
        self.asked: AskToClose | None = None
        self.company = Company(log.key.public)
        self._begin()
        self.hear(sorted(log.lanes))

    def _begin(self) -> None:
        """Begin the height above the tip."""
        self.blocks = Blocks(self._log, self.tip, self.voted_by)
        self._now = self._said.pop(self.tip.height + 1, [])
        self.begin_again()

    def begin_again(self) -> None:
        """Make the state of this height anew from what was said: also when own votes could not be stored."""
        tip, log = self.tip, self._log
        self._speakers = dict(log.state.speakers)
        self._members = {key: member for member, key in tip.configuration.voters} | self._speakers
        self._signers = {member: signer for signer, (member, _) in enumerate(tip.configuration.voters)}
        speaks = log.key.public in self._speakers
        lost = frozenset(self._speakers.values())
        own = self._members.get(log.key.public)
        # Whose old device is here is not lost, but leaves the second attempt to the new one (J20).
        self._is_spoken_for = own in lost and not speaks
        self._votes_heard: set[tuple[bytes, Vote]] = set()
        self.is_stirred = True
        self.asked = None
        # A voter that goes on after a restart has waited since it first spoke at this height.
        since = [saying.time_ms for saying in self._now if saying.author == log.key.public]
        self.height = Height(
            group=tip.group,
            height=tip.height + 1,
            previous_id=tip.id,
            configuration=tip.configuration,
            me=own if self._is_signing else None,
            recent_signers=recent_signers(log.file.chain, tip.height),
            lost=lost - {own} if self._is_spoken_for else lost,
            is_carried=self._is_carried,
            began_ms=min(since, default=None),
            delta_ms=1000 * tables.charter(log.file.chain).delta_seconds,
        )
        statement = statement_of(log.file, log.state.rows, log.key.public) if speaks else None
        self._own_words = OwnWords(log, tip, self.blocks, self.height, statement)
        for saying in self._now:
            self._take(saying)

    @property
    def _is_carried(self) -> bool:
        """Whether the block before was decided in a second attempt and left the voters as they were."""
        certificate, voted_by = self.tip.certificate, self.voted_by
        return (
            certificate is not None
            and voted_by is not None
            and certificate.attempt == SECOND_ATTEMPT
            and voted_by.voters == self.tip.configuration.voters
        )

    # ---- what lane 1 says

    def hear(self, numbers: Iterable[int]) -> None:
        """Read what is new in some lanes, as far as they are lanes of votes."""
        for saying, heights in self._listening.new(numbers):
            self._hear(saying, heights)
            self.is_stirred = True

    def _hear(self, saying: Saying, heights: list[int]) -> None:
        """Take one entry at the heights that it speaks of; what is malformed or over counts for nothing."""
        if saying.type == PROPOSAL_TYPE and heights and heights[0] > self.tip.height:
            self._want_body(saying)
        for height in heights:
            if height == self.tip.height + 1:
                self._now.append(saying)
                self._take(saying)
            elif height > self.tip.height:
                self._said.setdefault(height, []).append(saying)
            else:
                self._take_past(saying, height)

    def _want_body(self, saying: Saying) -> None:
        """Look at the body of a proposed block, now or when it comes."""
        held = self.bodies.want(saying.payload) if saying.author in self._members else None
        if held is not None:
            self.take_body(held)

    def take_body(self, body: bytes) -> None:
        """Note what a proposed block names and which block its certificate makes final."""
        self.is_stirred = True
        self._keep_certificate(self.bodies.take(body))

    def _keep_certificate(self, certificate: Certificate | None) -> None:
        """Keep the certificate inside a block: it says of some block that it is final."""
        if certificate is not None and certificate.height <= self.tip.height:
            self.schism = self.schism or self._past.take_certificate(self.tip.group, certificate)
        elif certificate is not None:
            self.bodies.keep(certificate)

    def _take_past(self, saying: Saying, height: int) -> None:
        """Look at votes for a height that is final here: they may make another block final too."""
        if saying.type not in (VOTE_TYPE, CERTIFICATE_TYPE, CLOSE_TYPE):
            return
        said = saying.read()
        if isinstance(said, Closing) and said.voter and saying.author == self._log.key.public:
            self._showing.note_close(said)
        if isinstance(said, Certificate):
            if saying.author == self._log.key.public:
                self._showing.note(said)
            self._keep_certificate(said)
        elif self.schism is None and isinstance(said, tuple):
            for vote in said:
                if vote.height == height:
                    found = self._past.take(self.tip.group, saying.author, vote)
                    self.schism = self.schism or found

    def _take(self, saying: Saying) -> None:
        """Take what a voter said of the height above the tip."""
        member = self._members.get(saying.author)
        if saying.type == CERTIFICATE_TYPE and self._log.state.standing(saying.author) == "member":
            self._take_certificate(decode_certificate(saying.payload))
        if member is None:
            return
        tip = self.tip
        if saying.author == self._log.key.public:
            self.blocks.note_own_word(saying.time_ms)
        match saying.read():
            case Proposal() as proposal:
                if proposal.header:
                    self.blocks.put_to_vote(decode_header(proposal.header))
                self.height.add_proposal(member, proposal)
            case RollAnswer():
                self.height.add_roll(member, saying.time_ms)
            case Closing() as closing:
                self._take_closing(member if not closing.voter else self._members.get(closing.voter), closing)
            case Certificate():
                pass  # it says the same whoever shows it
            case votes:
                for vote in votes:
                    if vote.height == tip.height + 1:
                        self._take_vote(saying.author, member, vote)

    def _take_closing(self, member: bytes | None, closing: Closing) -> None:
        """Take a close of its author, or one beyond a fork that its author shows."""
        tip = self.tip
        if member is not None and is_closing_shown(closing, member, tip.configuration, tip.group):
            self.height.add_close(member, replace(closing, voter=b""))
            if closing.voter:
                self._showing.note_close(closing)

    def _take_vote(self, author: bytes, member: bytes, vote: Vote) -> None:
        if (author, vote) in self._votes_heard:
            return
        tip = self.tip
        if is_vote_said(tip.configuration, self._signers[member], tip.group, tip.configuration.epoch, vote):
            self._votes_heard.add((author, vote))
            self.height.add_vote(member, vote)
            self.blocks.has_own_vote |= author == self._log.key.public

    def _take_certificate(self, certificate: Certificate) -> None:
        """Count the votes that somebody shows, when they are a quorum's: some lie beyond a fork (E3)."""
        try:
            votes = votes_shown(certificate, self.tip, self._votes_heard)
        except FormatError:
            return
        self._showing.note(certificate)
        for member, key, vote in votes:
            self._votes_heard.add((key, vote))
            self.height.add_vote(member, vote)

    # ---- what follows

    def step(self, now_ms: int, reachable: Collection[bytes], *, may_sign: bool) -> Step:
        """What the rules say now. Shapes: reachable holds device keys.

        What cannot be stored has to be taken back by `begin_again`: the rules say each thing once.
        """
        if self.schism is not None:
            return self._stopped(may_sign=may_sign)
        if may_sign != self._is_signing:
            self._is_signing = may_sign
            self.begin_again()
        self.blocks.begin_step(now_ms)
        self.is_stirred = self.has_moved = False
        self.wake_at_ms = None
        self.blocks.note_usable()
        height = self.height
        shown = self._showing.items(self.tip, height.votes, height.every_close) if may_sign else []
        if shown:
            return Step(items=shown)
        self._recall_headers()
        members = sorted(self._members[key] for key in self._members if key in reachable)
        step = Step()
        step.items += self._own_words.propose_made()
        heard_at_ms = self.company.heard_at_ms(now_ms, self.height.delta_ms)
        for action in self.height.step(now_ms, members, self.blocks, heard_at_ms=heard_at_ms):
            self._act(action, step)
        if self.schism is not None:
            return self._stopped(may_sign=may_sign)
        if step.final is None:
            step.final = self._final_by_certificate()
        if step.final is None:
            self._look_ahead(step)
        if self.blocks.is_busy:
            # One slice at a time: others have their turn before the next one (J30).
            self.is_stirred = True
            step.wake_at_ms = self.wake_at_ms = now_ms
        return step

    def _act(self, action: Action, step: Step) -> None:
        """What one action means for the entries and blocks of this node."""
        match action:
            case Cast(attempt=1) | Propose(attempt=1) | Close() if self._is_spoken_for:
                pass
            case Commit():
                step.final = self._final(action)
            case Wake(at_ms):
                step.wake_at_ms = at_ms
            case Schism():
                both = [self._certificate_of(commit) for commit in action.commits]
                self.schism = found_among([one for one in both if one is not None], self.height.votes)
            case AskToClose():
                self.asked = step.asks = action
            case Cast():
                step.votes.append(self._own_words.sign(action))
            case Propose(attempt, _, _, None) if attempt == SECOND_ATTEMPT and self._own_words.suspension():
                step.suspension, step.fresh = self._own_words.suspension(), action
            case Propose():
                step.items += self.propose(action)
            case Roll():
                step.items.append(self._own_words.roll())
            case Close():
                step.items.append(self._own_words.close(action))

    def _look_ahead(self, step: Step) -> None:
        """Complete a step that makes nothing final."""
        wanted = [*self._headers_wanted(), *self._bodies_recalled()]
        step.headers = tuple(item for item in wanted if item not in self._headers_asked)
        self._headers_asked.update(dict.fromkeys(step.headers))
        calls_at_ms = self.blocks.calls_at_ms()
        times = [time_ms for time_ms in (step.wake_at_ms, calls_at_ms) if time_ms is not None]
        step.wake_at_ms = self.wake_at_ms = min(times, default=None)
        step.proofs = self.blocks.take_proofs()
        if not step.proofs:
            step.follow, step.leave = self._named_beyond()
        if step.votes:
            step.items.append(self._own_words.votes(step.votes))

    def _named_beyond(self) -> tuple[tuple[CutEntry, ...], tuple[Place, ...]]:
        """The branches to follow, and the lanes whose branch is to be awaited no longer.

        As the first block with a quorum behind it says, or else of those that a quorum acknowledged (E3, E4).
        Whoever could judge that block shows its branches to those who cannot yet.
        """
        if not self._log.fork_seqs:
            return (), ()
        certified = [certificate.block for certificate in self.bodies.certified(self.tip)]
        for block in [*certified, *self.height.backed]:
            named = self.blocks.named_beyond(block)
            if named is not None:
                return named
        # Only who votes and proposes by it: acknowledgements may turn out to lie beyond forks themselves.
        is_voter = self._is_signing and self._log.key.public in self._members
        return (self.blocks.acknowledged_beyond() if is_voter else ()), ()

    def _stopped(self, *, may_sign: bool) -> Step:
        """Nothing is ordered any more; it is told once, to those at this node and to the other members."""
        step = Step(schism=None if self._has_told_schism else self.schism)
        if may_sign and self.schism is not None:
            shown = [one for one in self.schism.certificates if not self._showing.is_shown(one)]
            step.items = items_showing(shown)
            for certificate in shown:
                self._showing.note(certificate)
        self._has_told_schism = True
        self.is_stirred = False
        self.wake_at_ms = None
        return step

    def propose(self, action: Propose) -> list[Item]:
        """The entry by which a block is put to the vote, made now where it is to be a fresh one."""
        return self._own_words.propose(action)

    def _final(self, action: Commit) -> Final | None:
        made = self.blocks.made(action.block)
        certificate = self._certificate_of(action)
        if made is None or certificate is None:
            return None
        return self._final_of(made, certificate)

    def _certificate_of(self, commit: Commit) -> Certificate | None:
        """The certificate by which a block is final."""
        return assemble(self.tip.configuration, commit.votes, "F", commit.view, commit.attempt, commit.block)

    def _final_of(self, made: Made, certificate: Certificate) -> Final | None:
        """A final block with everything that shows it, or None while its closes are too few."""
        configuration, convocation = self.tip.configuration, None
        if certificate.attempt == SECOND_ATTEMPT:
            closes = dict(self.height.closes_for(certificate.block))
            shown = self._convocations.get(certificate.block)
            convocation = shown or convocation_of(configuration, closes)
            if convocation is None:
                return None
        over = self._listening.over(made.header.height)
        return Final(made, certificate, configuration, over, convocation)

    # ---- certificates inside later blocks

    def _final_by_certificate(self) -> Final | None:
        for certificate in self.bodies.certified(self.tip):
            if self.blocks.verdict(certificate.block, is_fresh=False) == "valid":
                made = self.blocks.made(certificate.block)
                final = None if made is None else self._final_of(made, certificate)
                if final is not None:
                    return final
        return None

    def _headers_wanted(self) -> tuple[bytes, ...]:
        """The ids of final blocks whose headers no proposal brought.

        A proposal beyond a fork may never be read either, so notarized blocks are among them then.
        """
        backed = self.height.backed if self._showing.forked else ()
        blocks = [*(certificate.block for certificate in self.bodies.certified(self.tip)), *backed]
        return tuple(block for block in dict.fromkeys(blocks) if not self.blocks.knows(block))

    def _recall_headers(self) -> None:
        """Take up the headers that this node kept when it voted, of proposals that it can read no more."""
        for block in self._headers_wanted() if self._showing.forked else ():
            held = self._log.file.annexes([block])
            if held:
                self.blocks.put_to_vote(decode_header(held[0]))

    def _bodies_recalled(self) -> list[bytes]:
        """The bodies of such blocks, as far as they are not here."""
        if not self._showing.forked:
            return []
        lacking = [item for item in self.blocks.bodies_wanted if not self._log.file.annexes([item])]
        self.bodies.wanted.update(lacking)
        return lacking

    def take_header(self, encoded: bytes) -> bytes | None:
        """Take the header of a final block that was asked for by its id; the hash of its body."""
        if sha256(encoded) not in self._headers_wanted():
            return None
        header = decode_header(encoded)
        self.blocks.put_to_vote(header)
        self.is_stirred = True
        return header.body_hash

    def take_final(self, final: consensus.Final) -> None:
        """Take a block above the tip that was checked to be final, without the votes that made it so."""
        self.bodies.keep(final.certificate)
        if final.convocation is not None:
            self._convocations[final.certificate.block] = final.convocation
        self.blocks.put_to_vote(final.header)
        self.is_stirred = True

    @property
    def voting_keys(self) -> frozenset[bytes]:
        """The keys whose votes count at this height, those of devices that speak for lost voters too."""
        return frozenset(self._members)

    def note_speakers(self) -> None:
        """A recovery came, or an objection to one: begin again where it changes who speaks (J20)."""
        if self._speakers != self._log.state.speakers:
            self.begin_again()

    def is_due(self, now_ms: int) -> bool:
        """Whether something came, or the time has come, since the last step."""
        return self.is_stirred or (self.wake_at_ms is not None and self.wake_at_ms <= now_ms)

    def advance(self, tip: Tip) -> None:
        """A block was committed: go on with the next height."""
        self._past.keep(tip.height, self.height.votes)
        self._showing.forget_below(tip.height)
        self._headers_asked.clear()
        self.voted_by = self.tip.configuration
        self._convocations.clear()
        self.tip = tip
        self.is_stirred = True
        for certificate in self.bodies.pop(tip.height):
            self._keep_certificate(certificate)
        self._listening.forget_below(tip.height)
        self._begin()
