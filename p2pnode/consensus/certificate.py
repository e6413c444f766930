"""Certificates: gathered from votes, and checked by anybody who has the configuration.

Nothing else is needed for the check: no log, no clock, no network. How the configuration is known is shown by
a proof (`proof.py`). A block of the second convocation is final only together with the closes on which that
attempt rests (J32).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from p2pnode.consensus import rules
from p2pnode.consensus.convocation import Closing, closing_message
from p2pnode.consensus.format import (
    BlockHeader,
    Certificate,
    Configuration,
    Kind,
    Vote,
    certificate_of_value,
    decode_header,
    encode_header,
    is_vote_said,
)
from p2pnode.consensus.recovered import is_recovered, is_signature
from p2pnode.consensus.rules import FIRST_ATTEMPT, SECOND_ATTEMPT, FinalityClass
from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES, is_acceptable_key
from p2pnode.core.errors import FormatError
from p2pnode.core.limits import COUNTER_MAX, MEMBERS_MAX

_NO_LOCK_VIEW = -1


@dataclass(frozen=True, slots=True)
class Close:
    """One voter's signed close.

    Shapes: signer is an index into the voters; view -1 and no block for no lock.
    """

    signer: int
    view: int
    block: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Convocation:
    """What a second attempt rests on.

    Shapes: closes ascending by signer; lock is the certificate that notarized the highest lock among them.
    """

    closes: tuple[Close, ...]
    lock: Certificate | None

    @property
    def value(self) -> Value:
        """The array in proofs."""
        closes = [[one.signer, one.view, one.block, one.signature] for one in self.closes]
        return [closes, None if self.lock is None else self.lock.value]


@dataclass(frozen=True, slots=True)
class Final:
    """A block with what makes it final. Shapes: convocation is there exactly for the second attempt."""

    header: BlockHeader
    certificate: Certificate
    convocation: Convocation | None = None

    @property
    def value(self) -> list[Value]:
        """The array in proofs."""
        convocation = None if self.convocation is None else self.convocation.value
        return [encode_header(self.header), self.certificate.value, convocation]


def quorum_of(configuration: Configuration, attempt: int) -> int:
    """How many votes decide in an attempt."""
    return rules.quorum_of(len(configuration.voters), configuration.lying_voters, attempt)


def assemble(
    configuration: Configuration,
    votes: Sequence[tuple[bytes, Vote]],
    kind: Kind,
    view: int,
    attempt: int,
    block: bytes,
) -> Certificate | None:
    """The certificate out of some voters' votes, or None while they are too few.

    Shapes: votes are (member id, vote) of one height, with signatures that the caller has verified; those
    under another subject or by others than voters are left out. All the rest is used, beyond a quorum too:
    signatures show who is awake (J26).
    """
    index = {member: number for number, (member, _) in enumerate(configuration.voters)}
    chosen: dict[int, Vote] = {}
    for member, vote in votes:
        said = (vote.kind, vote.view, vote.attempt, vote.block)
        if member in index and said == (kind, view, attempt, block):
            chosen.setdefault(index[member], vote)
    if len({vote.height for vote in chosen.values()}) > 1:
        raise ValueError("votes of several heights")
    if len(chosen) < quorum_of(configuration, attempt):
        return None
    signers = tuple(sorted(chosen))
    height = chosen[signers[0]].height
    signatures = tuple(chosen[signer].signature for signer in signers)
    return Certificate(height, attempt, view, kind, block, signers, signatures)


def check_certificate(
    certificate: Certificate,
    configuration: Configuration,
    group: bytes,
    epoch: int,
    header_id: bytes,
    *,
    kind: Kind = "F",
    quorum: int | None = None,
) -> None:
    """Check that enough voters of a configuration signed one vote for a block.

    Shapes: header_id is empty for a skip; quorum is that of the certificate's attempt unless given. Errors:
    FormatError certificate.bad_field, certificate.other_block, certificate.unknown_signer,
    certificate.no_quorum, certificate.bad_signature.
    """
    signers = certificate.signers
    # Decoders see to this; a voter counted twice would be a forged quorum, so it is not left to them alone.
    if not signers or sorted(set(signers)) != list(signers) or len(signers) != len(certificate.signatures):
        raise FormatError("certificate.bad_field", "signers not ascending, or without signatures")
    if certificate.kind != kind or certificate.block != header_id:
        raise FormatError("certificate.other_block", "it says something else, or of another block")
    if signers[-1] >= len(configuration.voters):
        raise FormatError("certificate.unknown_signer", "the configuration has fewer voters")
    needed = quorum_of(configuration, certificate.attempt) if quorum is None else quorum
    if len(signers) < needed:
        raise FormatError("certificate.no_quorum", f"{len(signers)} of {needed} votes")
    vote = Vote(certificate.height, certificate.attempt, certificate.view, kind, certificate.block, b"")
    for signer, signature in zip(signers, certificate.signatures, strict=True):
        if not is_vote_said(configuration, signer, group, epoch, replace(vote, signature=signature)):
            raise FormatError("certificate.bad_signature", f"the vote of voter {signer} does not verify")


def check_final(final: Final, configuration: Configuration) -> FinalityClass:
    """How strong a block's finality is, decided by the voters of a configuration.

    Errors: FormatError certificate.other_configuration, certificate.other_height, certificate.no_closes,
    certificate.bad_close, certificate.other_lock, and those of `check_certificate`.
    """
    header, certificate, convocation = final.header, final.certificate, final.convocation
    if header.config_hash != configuration.hash or header.epoch != configuration.epoch:
        raise FormatError("certificate.other_configuration", "other voters decide this block")
    if certificate.height != header.height or certificate.attempt not in (FIRST_ATTEMPT, SECOND_ATTEMPT):
        raise FormatError("certificate.other_height", "a vote at another height, or in a third attempt")
    if (convocation is None) != (certificate.attempt == FIRST_ATTEMPT):
        raise FormatError("certificate.no_closes", "closes belong to the second attempt, and it to them")
    check_certificate(certificate, configuration, header.group, header.epoch, header.id)
    closes: tuple[Close, ...] = ()
    if convocation is not None:
        _check_convocation(convocation, header, configuration)
        closes = convocation.closes
    signatures = (*certificate.signatures, *(close.signature for close in closes))
    return rules.finality_class(
        certificate.attempt, is_recovered=any(is_recovered(signature) for signature in signatures)
    )


def convocation_of(configuration: Configuration, closes: Mapping[bytes, Closing]) -> Convocation | None:
    """What a second attempt rests on, out of the closes by member, or None while they are too few.

    Shapes: signatures and locks were verified by the caller.
    """
    index = {member: number for number, (member, _) in enumerate(configuration.voters)}
    known = sorted((index[member], closing) for member, closing in closes.items() if member in index)
    if not rules.has_reopened(len(known), len(configuration.voters)):
        return None
    highest = rules.lock_of(closing.lock for _, closing in known)
    shown = (closing.certificate for _, closing in known if closing.lock is not None)
    lock = next((one for one in shown if one is not None and (one.view, one.block) == highest), None)
    return Convocation(
        tuple(
            Close(signer, *(closing.lock or (_NO_LOCK_VIEW, b"")), closing.signature)
            for signer, closing in known
        ),
        lock,
    )


def configuration_of_value(value: Value) -> Configuration:
    """The configuration in a decoded value. Errors: FormatError configuration.bad_field."""
    rule = "configuration.bad_field"
    if type(value) is not list or len(value) != 5 or type(value[0]) is not list:
        raise FormatError(rule, "[voters, lying voters, charter hash, epoch, recovery commitments]")
    voters, lying_voters, charter_hash, epoch, recovery = value
    if not 1 <= len(voters) <= MEMBERS_MAX or not all(_is_voter(voter) for voter in voters):
        raise FormatError(rule, f"voters: 1 to {MEMBERS_MAX} of [member id, voting key]")
    members, keys = [voter[0] for voter in voters], [voter[1] for voter in voters]
    # One key under two names would be counted twice.
    if sorted(set(members)) != members or len(set(keys)) != len(keys):
        raise FormatError(rule, "voters not in ascending order of distinct members with distinct keys")
    if not _is_uint(lying_voters) or lying_voters >= len(voters) or not _is_uint(epoch):
        raise FormatError(rule, "lying voters or epoch")
    if not _is_bytes(charter_hash, HASH_BYTES):
        raise FormatError(rule, "charter hash")
    if type(recovery) is not list or len(recovery) not in (0, len(voters)):
        raise FormatError(rule, "recovery commitments: one for each voter, or none")
    if not all(_is_bytes(commitment, HASH_BYTES) for commitment in recovery):
        raise FormatError(rule, "recovery commitments")
    named = tuple((member, key) for member, key in voters)
    return Configuration(named, lying_voters, charter_hash, epoch, tuple(recovery))


def final_of_value(value: Value) -> Final:
    """The final block in a decoded value; nothing is verified here.

    Errors: FormatError certificate.bad_field, block.bad_header, codec.*.
    """
    if type(value) is not list or len(value) != 3 or type(value[0]) is not bytes:
        raise FormatError("certificate.bad_field", "[header, certificate, convocation or nil]")
    convocation = None if value[2] is None else _convocation_of_value(value[2])
    return Final(decode_header(value[0]), certificate_of_value(value[1]), convocation)


def _convocation_of_value(value: Value) -> Convocation:
    rule = "certificate.bad_field"
    if type(value) is not list or len(value) != 2 or type(value[0]) is not list:
        raise FormatError(rule, "[closes, certificate or nil]")
    closes, lock = value
    if len(closes) > MEMBERS_MAX or not all(_is_close(close) for close in closes):
        raise FormatError(rule, "closes: [signer, view, block, signature] each")
    signers = [close[0] for close in closes]
    if sorted(set(signers)) != signers:
        raise FormatError(rule, "closes not in ascending order of distinct signers")
    return Convocation(
        tuple(Close(*close) for close in closes), None if lock is None else certificate_of_value(lock)
    )


def _check_convocation(convocation: Convocation, header: BlockHeader, configuration: Configuration) -> None:
    """Check that a majority closed the first attempt, and that the block is the one their locks name."""
    voters = configuration.voters
    signers = [close.signer for close in convocation.closes]
    if sorted(set(signers)) != signers:
        raise FormatError("certificate.bad_close", "closes not in ascending order of distinct signers")
    if not rules.has_reopened(len(signers), len(voters)):
        raise FormatError("certificate.no_closes", f"{len(signers)} of {len(voters)} voters")
    for close in convocation.closes:
        lock = rules.Lock(close.view, close.block) if close.view >= 0 else None
        message = closing_message(header.group, header.epoch, header.height, lock)
        if close.signer >= len(voters) or not configuration.is_said(
            close.signer, header.group, header.height, message, close.signature
        ):
            raise FormatError("certificate.bad_close", f"the close of voter {close.signer} does not verify")
    highest = rules.lock_of(
        rules.Lock(close.view, close.block) for close in convocation.closes if close.view >= 0
    )
    shown = convocation.lock
    if highest is None and shown is None:
        return
    if highest is None or shown is None or highest.block != header.id:
        raise FormatError("certificate.other_lock", "the closes name another block")
    if (shown.height, shown.attempt, shown.view) != (header.height, FIRST_ATTEMPT, highest.view):
        raise FormatError("certificate.other_lock", "the certificate shows another lock")
    check_certificate(shown, configuration, header.group, header.epoch, header.id, kind="N")


def _is_close(value: Value) -> bool:
    if type(value) is not list or len(value) != 4:
        return False
    signer, view, block, signature = value
    if not _is_uint(signer) or not is_signature(signature):
        return False
    if type(view) is int and view == _NO_LOCK_VIEW:
        return _is_bytes(block, 0)
    return _is_uint(view) and _is_bytes(block, HASH_BYTES)


def _is_voter(value: Value) -> bool:
    return (
        type(value) is list
        and len(value) == 2
        and _is_bytes(value[0], HASH_BYTES)
        and type(value[1]) is bytes
        and is_acceptable_key(value[1])
    )


def _is_uint(value: object) -> bool:
    return type(value) is int and 0 <= value <= COUNTER_MAX


def _is_bytes(value: object, size: int) -> bool:
    return type(value) is bytes and len(value) == size
