"""Votes that lie beyond a fork of their lane: shown to those who may never read them.

Whoever counted a vote before its lane was known to be forked keeps counting it (E3), while nobody fetches
that branch any more (E2). So a voter whose certificate stands only by such votes writes it into its own lane
of votes. It verifies by itself; whoever reads it counts the votes in it, and enters the same views.

There is at most one certificate a kind and view that honest voters signed, whatever a liar sends, so what is
shown is bounded by the views of a height. Not here: branches of the lanes that blocks order (`branches.py`).

Source: C 2.5 (E2, E3), 5.4 (R2), 5.6.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from p2pnode.consensus.certificate import (
    assemble,
    check_certificate,
    configuration_of_value,
    final_of_value,
    quorum_of,
)
from p2pnode.consensus.convocation import CLOSE_TYPE, Closing, decode_closing, encode_closing
from p2pnode.consensus.format import (
    CERTIFICATE_TYPE,
    VOTE_TYPE,
    Certificate,
    Configuration,
    Kind,
    Vote,
    certificate_of_value,
    decode_votes,
    encode_certificate,
)
from p2pnode.consensus.rules import Lock
from p2pnode.core import codec
from p2pnode.core.errors import FormatError
from p2pnode.core.events import Item
from p2pnode.core.ids import Lane
from p2pnode.replication.run import stored_header

if TYPE_CHECKING:
    from p2pnode.consensus.block import Tip
    from p2pnode.group_log import GroupLog

PAST_HEIGHTS_MAX = 8
"""How far back certificates are shown: whoever is further behind follows by the bodies of later blocks."""

READ_MAX = 512
"""Entries of a forked lane that are looked through for the votes before the fork."""

Subject = tuple[int, int, int, Kind, bytes]
"""Height, attempt, view, kind and block: what votes of one certificate have in common."""


_Said = Subject | tuple[int, Lock | None]
"""What a vote says, or a close: its height and lock."""


def _said_in(type_: str, payload: bytes) -> list[_Said]:
    """What an entry of lane 1 says of its author's own. Errors: FormatError."""
    if type_ == VOTE_TYPE:
        return [subject_of(vote) for vote in decode_votes(payload)]
    closing = decode_closing(payload) if type_ == CLOSE_TYPE else None
    return [] if closing is None or closing.voter else [(closing.height, closing.lock)]


def subject_of(said: Vote | Certificate) -> Subject:
    """What is said by a vote, or by all votes of a certificate."""
    return said.height, said.attempt, said.view, said.kind, said.block


def votes_of(certificate: Certificate) -> list[tuple[int, Vote]]:
    """The votes in a certificate, each with the index of its voter."""
    subject = subject_of(certificate)
    pairs = zip(certificate.signers, certificate.signatures, strict=True)
    return [(signer, Vote(*subject, signature)) for signer, signature in pairs]


def votes_shown(
    certificate: Certificate, tip: Tip, heard: Collection[tuple[bytes, Vote]]
) -> list[tuple[bytes, bytes, Vote]]:
    """The votes that a certificate of the height above a tip adds: (member id, voting key, vote) each.

    Shapes: heard are votes by voting key that were verified before; whoever shows the same again and again
    makes nobody verify it again. Errors: FormatError certificate.*.
    """
    configuration, voters = tip.configuration, tip.configuration.voters
    votes = [(signer, vote) for signer, vote in votes_of(certificate) if signer < len(voters)]
    said = [(*voters[signer], vote) for signer, vote in votes]
    is_quorum = len(said) >= quorum_of(configuration, certificate.attempt)
    if is_quorum and all((key, vote) in heard for _, key, vote in said):
        return []
    epoch, block = configuration.epoch, certificate.block
    check_certificate(certificate, configuration, tip.group, epoch, block, kind=certificate.kind)
    return said


def items_showing(certificates: Iterable[Certificate]) -> list[Item]:
    """Entries that show certificates to whoever reads this node's lane of votes."""
    return [
        Item(CERTIFICATE_TYPE, encode_certificate(certificate), lane=Lane.VOTES.value)
        for certificate in certificates
    ]


class Showing:
    """Which certificates this voter has to show; mutable, owned by the chain."""

    def __init__(self, log: GroupLog) -> None:
        self._log = log
        self._shown: set[Subject] = set()
        self._closes_shown: set[tuple[bytes, int, Lock | None]] = set()
        self._readable: dict[bytes, tuple[int, frozenset[_Said]]] = {}
        self._past_looked_at: tuple[int, frozenset[bytes]] | None = None

    def note(self, certificate: Certificate) -> None:
        """A certificate stands in a lane of votes that everybody reads."""
        self._shown.add(subject_of(certificate))

    def note_close(self, closing: Closing) -> None:
        """Somebody shows a close to everybody."""
        self._closes_shown.add((closing.voter, closing.height, closing.lock))

    def is_shown(self, certificate: Certificate) -> bool:
        """Whether it was noted."""
        return subject_of(certificate) in self._shown

    def forget_below(self, height: int) -> None:
        """Forget what was shown of heights that nobody asks about any more."""
        self._shown = {subject for subject in self._shown if subject[0] > height - PAST_HEIGHTS_MAX}
        self._closes_shown = {shown for shown in self._closes_shown if shown[1] > height - PAST_HEIGHTS_MAX}

    @property
    def forked(self) -> frozenset[bytes]:
        """The keys whose lane of votes is known to be forked."""
        return frozenset(author for author, lane in self._log.fork_seqs if lane == Lane.VOTES)

    def items(
        self, tip: Tip, votes: Iterable[tuple[bytes, Vote]], closes: Iterable[tuple[bytes, Closing]]
    ) -> list[Item]:
        """Entries with certificates that others cannot put together, and with closes that they cannot read.

        Shapes: votes and closes are those counted above the tip, by member id.
        """
        if not self.forked:
            return []
        keys = dict(tip.configuration.voters)
        shown = [replace(closing, voter=keys[member]) for member, closing in closes]
        certificates = self.due(tip, votes)
        past = [closing for certificate in certificates for closing in self._past_closes(certificate.height)]
        return [*items_showing(certificates), *self._closes_due([*shown, *past])]

    def due(self, tip: Tip, votes: Iterable[tuple[bytes, Vote]]) -> list[Certificate]:
        """The certificates to show now. Shapes: votes are those counted above the tip, by member id."""
        forked = self.forked
        if not forked:
            return []
        due = self._past(tip, forked)
        if any(key in forked for _, key in tip.configuration.voters):
            due += self._above(tip.configuration, votes, forked)
        return [certificate for certificate in due if subject_of(certificate) not in self._shown]

    def _closes_due(self, closes: Iterable[Closing]) -> list[Item]:
        """Entries with those closes that lie beyond a fork and that nobody shows yet."""
        forked = self.forked
        return [
            Item(CLOSE_TYPE, encode_closing(closing), lane=Lane.VOTES.value)
            for closing in closes
            if closing.voter in forked
            and (closing.height, closing.lock) not in self._readable_of(closing.voter)
            and (closing.voter, closing.height, closing.lock) not in self._closes_shown
        ]

    def _past_closes(self, height: int) -> list[Closing]:
        """The closes on which a final block rests, as far as their locks can be shown here."""
        row = self._log.file.chain.block(height)
        if row is None or row.convocation is None:
            return []
        configuration = configuration_of_value(codec.decode(row.configuration))
        final = final_of_value([row.header, codec.decode(row.certificate), codec.decode(row.convocation)])
        assert final.convocation is not None
        shown = final.convocation.lock
        return [
            Closing(
                height,
                None if close.view < 0 else Lock(close.view, close.block),
                None if close.view < 0 else shown,
                close.signature,
                configuration.voters[close.signer][1],
            )
            for close in final.convocation.closes
            if close.view < 0
            or (shown is not None and (shown.view, shown.block) == (close.view, close.block))
        ]

    def _above(
        self, configuration: Configuration, votes: Iterable[tuple[bytes, Vote]], forked: Collection[bytes]
    ) -> list[Certificate]:
        """The certificates of the present height that others may be unable to put together."""
        keys = dict(configuration.voters)
        gathered: dict[Subject, list[tuple[bytes, Vote]]] = {}
        for member, vote in votes:
            gathered.setdefault(subject_of(vote), []).append((member, vote))
        found = []
        for subject in sorted(gathered):
            said = gathered[subject]
            _, attempt, view, kind, block = subject
            quorum = quorum_of(configuration, attempt)
            if len(said) < quorum:
                continue
            if self._count_read(subject, [keys[member] for member, _ in said], forked) >= quorum:
                continue
            certificate = assemble(configuration, said, kind, view, attempt, block)
            if certificate is not None:
                found.append(certificate)
        return found

    def _past(self, tip: Tip, forked: frozenset[bytes]) -> list[Certificate]:
        """The same for final blocks, the last ones first; looked for once after a fork became known."""
        if self._past_looked_at == (tip.height, forked):
            return []
        self._past_looked_at = (tip.height, forked)
        found = []
        for height in range(tip.height, max(0, tip.height - PAST_HEIGHTS_MAX), -1):
            row = self._log.file.chain.block(height)
            if row is None:
                break
            certificate = certificate_of_value(codec.decode(row.certificate))
            configuration = configuration_of_value(codec.decode(row.configuration))
            signers = [configuration.voters[signer][1] for signer in certificate.signers]
            needed = quorum_of(configuration, certificate.attempt)
            if self._count_read(subject_of(certificate), signers, forked) >= needed:
                break
            found.append(certificate)
        return found

    def _count_read(self, subject: Subject, signers: Iterable[bytes], forked: Collection[bytes]) -> int:
        """How many of the votes for something everybody can read."""
        return sum(key not in forked or subject in self._readable_of(key) for key in signers)

    def _readable_of(self, key: bytes) -> frozenset[_Said]:
        """What a voter said before the fork of its lane of votes."""
        lane = self._log.lane(key, Lane.VOTES)
        if lane is None:
            return frozenset()
        last = lane.last_usable
        known = self._readable.get(key)
        if known is not None and known[0] == last:
            return known[1]
        said: set[_Said] = set()
        for stored in self._log.file.entries(lane.number, max(0, last - READ_MAX + 1), last):
            try:
                said.update(_said_in(stored_header(stored.header).type, stored.payload or b""))
            except FormatError:
                continue
        self._readable[key] = (last, frozenset(said))
        return self._readable[key][1]
