"""Two final blocks at one height: more voters than the group tolerates have signed both ways (I11).

Nothing can be ordered after that until people have settled it; the log itself goes on. Most often one of the
two blocks was committed here long before the votes for the other are heard, so votes for past heights are
still looked at. Whoever stops writes both certificates into its own lane of votes: they verify by themselves,
so that everybody stops who reads them, also where the votes lie beyond forks.

Source: C 2.5, 5.5, 5.8.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from p2pnode.consensus.certificate import assemble, check_certificate, configuration_of_value
from p2pnode.consensus.faults import double_votes
from p2pnode.consensus.format import (
    Certificate,
    Configuration,
    Vote,
    certificate_of_value,
    decode_header,
    is_vote_signed,
)
from p2pnode.core import codec
from p2pnode.core.errors import FormatError
from p2pnode.store.chain_tables import BlockRow, ChainQueries

SETTING = "schism"


class SchismFound(NamedTuple):
    """Two final blocks of one height.

    Shapes: blocks ascending; culprits are member ids, ascending; certificates are those of the two blocks, by
    which whoever has the same voters' configuration sees it too.
    """

    height: int
    blocks: tuple[bytes, bytes]
    culprits: tuple[bytes, ...]
    certificates: tuple[Certificate, ...]


def encode_found(found: SchismFound) -> bytes:
    """A schism as the group's file keeps it."""
    certificates = [certificate.value for certificate in found.certificates]
    return codec.encode([found.height, list(found.blocks), list(found.culprits), certificates])


def decode_found(data: bytes | None) -> SchismFound | None:
    """The schism that the group's file tells of, if it does."""
    if data is None:
        return None
    height, (one, other), culprits, values = codec.decode(data)
    certificates = tuple(certificate_of_value(value) for value in values)
    return SchismFound(height, (one, other), tuple(culprits), certificates)


def found_among(certificates: Iterable[Certificate], votes: Iterable[tuple[bytes, Vote]]) -> SchismFound:
    """A schism with those who provably signed both ways, out of everything that was said at its height."""
    one, other = sorted(certificates, key=lambda certificate: certificate.block)[:2]
    culprits = sorted(voter for voter, _, _ in double_votes(votes))
    return SchismFound(one.height, (one.block, other.block), tuple(culprits), (one, other))


def found_between(configuration: Configuration, one: Certificate, other: Certificate) -> SchismFound:
    """A schism by the certificates of two final blocks of one height, which one configuration signed."""
    return found_among((one, other), [*_said(one, configuration), *_said(other, configuration)])


class PastVotes:
    """Votes for other blocks than the final ones of past heights."""

    def __init__(self, chain: ChainQueries) -> None:
        self._chain = chain
        self._votes: dict[tuple[int, int, int, bytes], dict[bytes, Vote]] = {}
        self._kept: tuple[int, tuple[tuple[bytes, Vote], ...]] = (0, ())

    def keep(self, height: int, votes: tuple[tuple[bytes, Vote], ...]) -> None:
        """Keep what was said at the height that has just become final: it may show who lied."""
        self._kept = (height, votes)

    def take(self, group: bytes, author: bytes, vote: Vote) -> SchismFound | None:
        """Take a vote for a past height; a schism once a quorum made another block final there."""
        row = self._chain.block(vote.height)
        if row is None or vote.kind != "F" or vote.block == row.id:
            return None
        configuration = configuration_of_value(codec.decode(row.configuration))
        member = {key: member for member, key in configuration.voters}.get(author)
        epoch = decode_header(row.header).epoch
        if member is None or not is_vote_signed(author, group, epoch, vote):
            return None
        votes = self._votes.setdefault((vote.height, vote.attempt, vote.view, vote.block), {})
        votes[member] = vote
        said = sorted(votes.items())
        other = assemble(configuration, said, "F", vote.view, vote.attempt, vote.block)
        return None if other is None else self._found(row, configuration, other)

    def take_certificate(self, group: bytes, certificate: Certificate) -> SchismFound | None:
        """Take a certificate out of a later block: it shows votes beyond a fork of their lane, too."""
        row = self._chain.block(certificate.height)
        if row is None or certificate.block == row.id:
            return None
        configuration = configuration_of_value(codec.decode(row.configuration))
        epoch = decode_header(row.header).epoch
        try:
            check_certificate(certificate, configuration, group, epoch, certificate.block)
        except FormatError:
            return None
        return self._found(row, configuration, certificate)

    def _found(self, row: BlockRow, configuration: Configuration, other: Certificate) -> SchismFound:
        """The schism that a certificate for another block than the final one makes, with those who lied."""
        kept = self._kept[1] if self._kept[0] == row.height else ()
        final = certificate_of_value(codec.decode(row.certificate))
        said = [*_said(final, configuration), *kept, *_said(other, configuration)]
        return found_among((final, other), said)


def _said(certificate: Certificate, configuration: Configuration) -> list[tuple[bytes, Vote]]:
    """The votes in a certificate."""
    subject = (certificate.height, certificate.attempt, certificate.view, certificate.kind, certificate.block)
    return [
        (configuration.voters[signer][0], Vote(*subject, signature))
        for signer, signature in zip(certificate.signers, certificate.signatures, strict=True)
    ]
