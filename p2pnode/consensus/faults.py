"""Provable faults of voters: two votes that contradict each other, and two final blocks at one height.

Both are files that anybody can check. What follows for the voter, or for the group, is decided by people and
by executors; here is only what is certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from itertools import combinations

from p2pnode.consensus.certificate import (
    Final,
    assemble,
    check_certificate,
    check_final,
    configuration_of_value,
    final_of_value,
)
from p2pnode.consensus.format import (
    Certificate,
    Configuration,
    Vote,
    certificate_of_value,
    decode_votes,
    encode_votes,
    is_vote_signed,
)
from p2pnode.consensus.rules import FIRST_ATTEMPT
from p2pnode.core import codec
from p2pnode.core.crypto import HASH_BYTES, is_acceptable_key
from p2pnode.core.errors import FormatError
from p2pnode.core.limits import COUNTER_MAX

VERSION = 1
SCHISM_BYTES_MAX = 4 * 1024 * 1024
"""Room for all evidence in a group of a thousand voters."""

DOUBLE_VOTE_BYTES_MAX = 1024
EVIDENCE_MAX = 64
"""Certificates beside the two final ones: one for each view between them, and room."""


@dataclass(frozen=True, slots=True)
class DoubleVote:
    """Two votes that no correct node signs both. Shapes: key is the voting key; votes in ascending order."""

    group: bytes
    epoch: int
    key: bytes
    votes: tuple[Vote, Vote]


@dataclass(frozen=True, slots=True)
class Schism:
    """Two final blocks at one height, and further certificates of that height that tell who signed both ways.

    Shapes: finals ascending by block id; evidence in ascending order of (attempt, view, kind, block).
    """

    configuration: Configuration
    finals: tuple[Final, Final]
    evidence: tuple[Certificate, ...] = ()


def contradict(one: Vote, other: Vote) -> bool:
    """Whether no correct node casts both votes: two blocks notarized or finalized in a view, or a view both
    skipped and finalized."""
    if (one.height, one.attempt, one.view) != (other.height, other.attempt, other.view):
        return False
    if one.kind == other.kind:
        return one.block != other.block
    return {one.kind, other.kind} == {"S", "F"}


def double_votes(votes: Iterable[tuple[bytes, Vote]]) -> tuple[tuple[bytes, Vote, Vote], ...]:
    """The first contradiction of each voter who contradicts itself, ascending by voter.

    Shapes: votes are (voter, vote) in any order; the voter may be any name for it.
    """
    # One vote for each thing said: a voter can sign the same words many times.
    said: dict[tuple[bytes, int, int, int], dict[tuple[str, bytes], Vote]] = {}
    for voter, vote in votes:
        place = (voter, vote.height, vote.attempt, vote.view)
        said.setdefault(place, {}).setdefault((vote.kind, vote.block), vote)
    found: dict[bytes, tuple[Vote, Vote]] = {}
    for place, words in sorted(said.items(), key=lambda item: item[0]):
        cast = [words[word] for word in sorted(words)]
        pair = next((pair for pair in combinations(cast, 2) if contradict(*pair)), None)
        if pair is not None:
            found.setdefault(place[0], pair)
    return tuple((voter, *found[voter]) for voter in sorted(found))


def encode_double_vote(fault: DoubleVote) -> bytes:
    """The file of a double vote: canonical [1, group, epoch, voting key, [vote, vote]].

    Errors: those of `decode_double_vote`.
    """
    pair = codec.decode(encode_votes(sorted(fault.votes, key=astuple)))
    data = codec.encode([VERSION, fault.group, fault.epoch, fault.key, pair])
    decode_double_vote(data)
    return data


def decode_double_vote(data: bytes) -> DoubleVote:
    """A checked double vote; whose key it is stands in the configuration of the epoch.

    Errors: FormatError fault.bad_field, fault.no_contradiction, fault.bad_signature, vote.bad_field, codec.*.
    """
    value = codec.decode(data, bytes_max=DOUBLE_VOTE_BYTES_MAX)
    if type(value) is not list or len(value) != 5 or type(value[0]) is not int or value[0] != VERSION:
        raise FormatError("fault.bad_field", f"not an array of 5 fields, version {VERSION}")
    _, group, epoch, key, pair = value
    if type(group) is not bytes or len(group) != HASH_BYTES or type(key) is not bytes:
        raise FormatError("fault.bad_field", "group or key")
    if type(epoch) is not int or not 0 <= epoch <= COUNTER_MAX or not is_acceptable_key(key):
        raise FormatError("fault.bad_field", "epoch or key")
    votes = decode_votes(codec.encode(pair))
    if len(votes) != 2 or astuple(votes[0]) >= astuple(votes[1]):
        raise FormatError("fault.bad_field", "two votes in ascending order")
    if not contradict(*votes):
        raise FormatError("fault.no_contradiction", "a correct node may cast both votes")
    if not all(is_vote_signed(key, group, epoch, vote) for vote in votes):
        raise FormatError("fault.bad_signature", "a vote does not verify")
    return DoubleVote(group, epoch, key, (votes[0], votes[1]))


def certificates_in(
    configuration: Configuration, votes: Sequence[tuple[bytes, Vote]]
) -> tuple[Certificate, ...]:
    """Every certificate that can be put together from the votes of one height, as evidence of a schism."""
    subjects = {(vote.attempt, vote.view, vote.kind, vote.block) for _, vote in votes}
    made = (
        assemble(configuration, votes, kind, view, attempt, block)
        for attempt, view, kind, block in sorted(subjects)
    )
    return tuple(certificate for certificate in made if certificate is not None)


def schism_of(
    configuration: Configuration, one: Final, other: Final, votes: Sequence[tuple[bytes, Vote]]
) -> Schism:
    """A schism with the evidence that some voters' votes of its height give.

    Shapes: votes are (member id, vote) with signatures that the caller has verified; the earliest views go
    first when there is too much.
    """
    shown = [_subject(final.certificate) for final in (one, other)]
    evidence = [item for item in certificates_in(configuration, votes) if _subject(item) not in shown]
    return Schism(configuration, (one, other), tuple(evidence[:EVIDENCE_MAX]))


def encode_schism(schism: Schism) -> bytes:
    """The file of a schism: canonical [1, configuration, final, final, [certificate...]].

    Errors: those of `decode_schism`.
    """
    finals = sorted(schism.finals, key=lambda final: final.header.id)
    evidence = [certificate.value for certificate in sorted(schism.evidence, key=_subject)]
    configuration = schism.configuration.value
    data = codec.encode([VERSION, configuration, *(final.value for final in finals), evidence])
    decode_schism(data)
    return data


def decode_schism(data: bytes) -> Schism:
    """A checked schism: both blocks are final by the signatures of the same configuration's voters.

    Errors: FormatError schism.bad_field, schism.no_schism, certificate.*, configuration.bad_field,
    block.bad_header, codec.*.
    """
    value = codec.decode(data, bytes_max=SCHISM_BYTES_MAX)
    if type(value) is not list or len(value) != 5 or type(value[0]) is not int or value[0] != VERSION:
        raise FormatError("schism.bad_field", f"not an array of 5 fields, version {VERSION}")
    if type(value[4]) is not list or len(value[4]) > EVIDENCE_MAX:
        raise FormatError("schism.bad_field", f"evidence: at most {EVIDENCE_MAX} certificates")
    configuration = configuration_of_value(value[1])
    one, other = final_of_value(value[2]), final_of_value(value[3])
    evidence = tuple(certificate_of_value(item) for item in value[4])
    _check_places(one, other, evidence)
    for final in (one, other):
        check_final(final, configuration)
    header = one.header
    for item in evidence:
        check_certificate(
            item, configuration, header.group, header.epoch, item.block, kind=item.kind, quorum=1
        )
    return Schism(configuration, (one, other), evidence)


def culprits(schism: Schism) -> tuple[bytes, ...]:
    """The members who provably signed both ways, ascending.

    At least 2q - n when both blocks are final in one view, or when the evidence holds the certificates of
    what lies between the two views; a node that follows the rules is never among them.
    """
    certificates = [final.certificate for final in schism.finals] + list(schism.evidence)
    convocations = [final.convocation for final in schism.finals if final.convocation is not None]
    certificates += [one.lock for one in convocations if one.lock is not None]
    votes = [
        (signer.to_bytes(4, "big"), _vote(certificate))
        for certificate in certificates
        for signer in certificate.signers
    ]
    guilty = {int.from_bytes(voter, "big") for voter, _, _ in double_votes(votes)}
    # Whoever finalizes a view knows that a quorum notarized it, and may not close with less than that (R8).
    closed = {close.signer: close.view for one in convocations for close in one.closes}
    for certificate in certificates:
        if certificate.kind == "F" and certificate.attempt == FIRST_ATTEMPT:
            guilty.update(
                signer for signer in certificate.signers if closed.get(signer, COUNTER_MAX) < certificate.view
            )
    return tuple(schism.configuration.voters[signer][0] for signer in sorted(guilty))


def _vote(certificate: Certificate) -> Vote:
    """What all signers of a certificate said."""
    subject = (certificate.height, certificate.attempt, certificate.view, certificate.kind)
    return Vote(*subject, certificate.block, b"")


def _subject(certificate: Certificate) -> tuple[int, int, str, bytes]:
    return certificate.attempt, certificate.view, certificate.kind, certificate.block


def _check_places(one: Final, other: Final, evidence: Sequence[Certificate]) -> None:
    """Check that there are two different blocks of one group and height, and evidence of that height."""
    if one.header.id >= other.header.id:
        raise FormatError("schism.no_schism", "one block, or not in ascending order of ids")
    if (one.header.group, one.header.height) != (other.header.group, other.header.height):
        raise FormatError("schism.no_schism", "blocks of two groups or of two heights")
    subjects = [_subject(item) for item in evidence]
    if sorted(set(subjects)) != subjects or any(item.height != one.header.height for item in evidence):
        raise FormatError("schism.bad_field", "evidence of another height, or not in ascending order")
