"""What a lying voter does in lane 1: votes both ways, blocks that do not hold, bodies that nobody gets.

Its own node writes the entries, so that its lanes stay chains; what they say no correct node says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from p2pnode.consensus.block import Roots, next_block
from p2pnode.consensus.convocation import (
    CLOSE_TYPE,
    ROLL_TYPE,
    RollAnswer,
    encode_closing,
    encode_roll,
    sign_closing,
)
from p2pnode.consensus.format import (
    CERTIFICATE_TYPE,
    PROPOSAL_TYPE,
    VOTE_TYPE,
    BlockHeader,
    Certificate,
    CutEntry,
    Kind,
    Proposal,
    Vote,
    encode_certificate,
    encode_header,
    encode_proposal,
    encode_votes,
    sign_vote,
)
from p2pnode.core.crypto import sha256
from p2pnode.core.events import Append, Item
from p2pnode.core.ids import Lane
from p2pnode.group_log import GroupLog

if TYPE_CHECKING:
    from tests.sim.lies import Liar

_YEAR_MS = 365 * 24 * 3_600_000


class LyingVoter:
    """A liar at its own chain."""

    def __init__(self, liar: Liar, log: GroupLog) -> None:
        self.liar = liar
        self.log = log
        self.tip = log.chain.tip
        self.height = self.tip.height + 1
        self.view = log.chain.height.view

    def vote(self, kind: Kind, block: bytes, *, view: int | None = None, height: int | None = None) -> Vote:
        unsigned = Vote(height or self.height, 0, self.view if view is None else view, kind, block, bytes(64))
        epoch = self.tip.configuration.epoch
        return replace(unsigned, signature=sign_vote(self.log.key, self.tip.group, epoch, unsigned))

    def say(self, items: Sequence[Item]) -> None:
        self.liar.liar.submit(Append(_ignore, self.log.group, tuple(items)))

    def say_votes(self, votes: Sequence[Vote]) -> None:
        self.say([_item(VOTE_TYPE, encode_votes([vote])) for vote in votes])

    def blocks(self) -> list[bytes]:
        """Blocks that others proposed at this height, and one that there is not."""
        held = self.log.chain.height._proposals.values()
        named = {proposal.block for offers in held for proposal in offers.values()}
        return [*sorted(named), self.liar.chance.bytes(32)]

    def propose(
        self, header: BlockHeader, body: bytes | None, *, justifying_view: int = -1, view: int | None = None
    ) -> None:
        """Put a block to the vote, whatever it is, and vote for it."""
        place = self.view if view is None else view
        proposal = Proposal(header.height, 0, place, justifying_view, header.id, encode_header(header), ())
        annexes = () if body is None else (body,)
        self.say([_item(PROPOSAL_TYPE, encode_proposal(proposal), annexes=annexes)])
        self.say_votes([self.vote("N", header.id, view=place), self.vote("F", header.id, view=place)])

    def block(self, moved: Sequence[CutEntry] = ()) -> tuple[BlockHeader, bytes]:
        """A block on top of the tip that says nothing happens."""
        roots = Roots(sha256(b""), self.tip.state_root, self.tip.configuration.hash)
        return next_block(self.tip, moved, (), roots, self.liar.liar.wall_ms)


def _item(type_: str, payload: bytes, annexes: tuple[bytes, ...] = ()) -> Item:
    return Item(type_, payload, Lane.VOTES.value, annexes)


def _ignore(reply: Any) -> None:
    """A liar does not listen."""


# ---- votes


def _both_ways(voter: LyingVoter) -> None:
    """N, F and S in every view up to the next one, for every block."""
    for view in range(voter.view + 2):
        votes = [voter.vote(kind, block, view=view) for block in voter.blocks() for kind in ("N", "F")]
        voter.say_votes([*votes, voter.vote("S", b"", view=view)])


def _other_heights(voter: LyingVoter) -> None:
    for height in (max(1, voter.height - 1), voter.height + 1, voter.height + 1000):
        voter.say_votes([voter.vote("N", block, height=height) for block in voter.blocks()])


def _unsigned(voter: LyingVoter) -> None:
    votes = [voter.vote("N", block) for block in voter.blocks()]
    voter.say_votes([replace(vote, signature=bytes(64)) for vote in votes])


def _skips(voter: LyingVoter) -> None:
    """Skip whatever comes, long before it is time."""
    voter.say_votes([voter.vote("S", b"", view=view) for view in range(voter.view, voter.view + 8)])


def _misshapen(voter: LyingVoter) -> None:
    junk = voter.liar.chance.bytes(80)
    voter.say([_item(type_, junk) for type_ in (VOTE_TYPE, PROPOSAL_TYPE, ROLL_TYPE, CLOSE_TYPE)])


def _early_close(voter: LyingVoter) -> None:
    """Call the roll and close the first attempt although everybody is there."""
    epoch = voter.tip.configuration.epoch
    closing = sign_closing(voter.log.key, voter.tip.group, epoch, voter.height, None)
    voter.say([_item(ROLL_TYPE, encode_roll(RollAnswer(voter.height)))])
    voter.say([_item(CLOSE_TYPE, encode_closing(closing))])


def _forged_certificates(voter: LyingVoter) -> None:
    """Show quorums that there never were: of one's own vote, of made-up signatures, at other heights."""
    voters = range(len(voter.tip.configuration.voters))
    own = [member for member, key in voter.tip.configuration.voters if key == voter.log.key.public]
    for height in (max(1, voter.height - 1), voter.height, voter.height + 1):
        for block in voter.blocks():
            vote = voter.vote("F", block, height=height)
            subject = (height, 0, voter.view, vote.kind, block)
            shown = [Certificate(*subject, tuple(voters), (vote.signature,) * len(voters))]
            if own:
                shown.append(Certificate(*subject, (voters[-1],), (vote.signature,)))
            voter.say([_item(CERTIFICATE_TYPE, encode_certificate(certificate)) for certificate in shown])


# ---- blocks


def _empty_block(voter: LyingVoter) -> None:
    voter.propose(*voter.block())


def _other_header(voter: LyingVoter) -> None:
    """One field of a header is wrong."""
    header, body = voter.block(_unordered(voter))
    junk = voter.liar.chance.bytes(32)
    changes: list[dict[str, Any]] = [
        {"state_root": junk},
        {"ops_root": junk},
        {"next_config_hash": junk},
        {"config_hash": junk},
        {"cut_root": junk},
        {"previous": junk},
        {"epoch": header.epoch + 1},
        {"parent_certificate_hash": junk},
        {"time_ms": 1},
        {"time_ms": header.time_ms + _YEAR_MS},
    ]
    voter.propose(replace(header, **changes[voter.liar.number % len(changes)]), body)


def _missing_entries(voter: LyingVoter) -> None:
    """A cut names entries that there are not, or another entry than there is."""
    key = voter.log.key.public
    lane = voter.log.lane(key, 0)
    seq = 7 if lane is None or lane.seq < 0 else lane.seq
    voter.propose(*voter.block([CutEntry(key, 0, seq + voter.liar.number % 2, voter.liar.chance.bytes(32))]))


def _regress(voter: LyingVoter) -> None:
    cut = sorted(voter.tip.cut.items())
    if cut:
        (author, lane), (seq, entry) = cut[voter.liar.number % len(cut)]
        voter.propose(*voter.block([CutEntry(author, lane, seq, entry)]))


def _withheld(voter: LyingVoter) -> None:
    header, _ = voter.block(_unordered(voter))
    voter.propose(header, None)


def _other_body(voter: LyingVoter) -> None:
    header, _ = voter.block(_unordered(voter))
    body = voter.liar.chance.bytes(200)
    voter.propose(replace(header, body_hash=sha256(body)), body)


def _unjustified(voter: LyingVoter) -> None:
    """A block is proposed again from a view that never notarized it, and in views that are not there yet."""
    header, body = voter.block(_unordered(voter))
    voter.propose(header, body, justifying_view=0, view=voter.view + 1 + voter.liar.number % 3)


def _unordered(voter: LyingVoter) -> list[CutEntry]:
    """What a block could order, without regard to what it names."""
    return [
        CutEntry(lane.author, lane.lane, lane.seq, lane.id)
        for lane in voter.log.lanes.values()
        if lane.lane != Lane.VOTES and lane.seq > lane.decided and lane.ended_at is None
    ]


VOTING_LIES: dict[str, Callable[[LyingVoter], None]] = {
    "both_ways": _both_ways,
    "other_heights": _other_heights,
    "unsigned": _unsigned,
    "skips": _skips,
    "misshapen": _misshapen,
    "early_close": _early_close,
    "forged_certificates": _forged_certificates,
    "empty_block": _empty_block,
    "other_header": _other_header,
    "missing_entries": _missing_entries,
    "regress": _regress,
    "withheld": _withheld,
    "other_body": _other_body,
    "unjustified": _unjustified,
}


def lie_as_voter(liar: Liar, kind: str) -> None:
    """Say something in lane 1 that no correct voter says."""
    node = liar.liar.node
    log = None if node is None else node.logs.get(liar.group)
    if log is not None:
        VOTING_LIES[kind](LyingVoter(liar, log))
