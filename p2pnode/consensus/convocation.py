"""The second convocation: answers to a roll call, and closes of the first attempt (R8, R9, J32).

A roll answer is an entry of lane 1 and nothing more. A close is signed by the voting key, since the final
certificate of the second attempt shows the exact closes it rests on, and it carries the certificate that
notarized its lock, so that anybody can check the lock without the votes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from p2pnode.consensus import rules
from p2pnode.consensus.format import Certificate, Configuration, certificate_of_value
from p2pnode.consensus.recovered import is_signature
from p2pnode.consensus.rules import FIRST_ATTEMPT, Lock
from p2pnode.core import codec
from p2pnode.core.crypto import HASH_BYTES, SigningKey, is_acceptable_key
from p2pnode.core.errors import FormatError
from p2pnode.core.limits import COUNTER_MAX, PAYLOAD_BYTES_MAX

ROLL_TYPE = "block.roll"
CLOSE_TYPE = "block.close"
_CLOSE_DOMAIN = "p2pnode/close/1"
_NO_LOCK_VIEW = -1


@dataclass(frozen=True, slots=True)
class RollAnswer:
    """A voter's word that it is there while a height is stuck; the first one is the call."""

    height: int


@dataclass(frozen=True, slots=True)
class Closing:
    """A voter's word that it says nothing more in the first attempt of a height.

    Shapes: the certificate is of kind N and notarized the lock; both are None when the voter knows of none.
    voter is the voting key whose close somebody else shows, empty in one's own.
    """

    height: int
    lock: Lock | None
    certificate: Certificate | None
    signature: bytes
    voter: bytes = b""


def encode_roll(answer: RollAnswer) -> bytes:
    """The payload of a `block.roll` entry. Errors: FormatError roll.bad_field."""
    payload = codec.encode([answer.height])
    decode_roll(payload)
    return payload


def decode_roll(payload: bytes) -> RollAnswer:
    """The roll answer in a payload. Errors: FormatError roll.bad_field, codec.*."""
    value = codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX)
    if type(value) is not list or len(value) != 1 or not _is_height(value[0]):
        raise FormatError("roll.bad_field", "one height")
    return RollAnswer(value[0])


def closing_message(group: bytes, epoch: int, height: int, lock: Lock | None) -> bytes:
    """What the signature of a close covers."""
    view, block = (_NO_LOCK_VIEW, b"") if lock is None else lock
    return codec.encode([_CLOSE_DOMAIN, group, epoch, height, view, block])


def sign_closing(
    key: SigningKey, group: bytes, epoch: int, height: int, certificate: Certificate | None
) -> Closing:
    """A voter's close with the highest lock it knows."""
    lock = None if certificate is None else Lock(certificate.view, certificate.block)
    return Closing(height, lock, certificate, key.sign(closing_message(group, epoch, height, lock)))


def is_closing_said(configuration: Configuration, signer: int, group: bytes, closing: Closing) -> bool:
    """Whether a close is that of a voter; the certificate of its lock is checked apart.

    Shapes: signer is an index into the voters.
    """
    message = closing_message(group, configuration.epoch, closing.height, closing.lock)
    return configuration.is_said(signer, group, closing.height, message, closing.signature)


def encode_closing(closing: Closing) -> bytes:
    """The payload of a `block.close` entry. Errors: FormatError close.*, certificate.*."""
    view, block = (_NO_LOCK_VIEW, b"") if closing.lock is None else closing.lock
    certificate = None if closing.certificate is None else closing.certificate.value
    value = [closing.height, view, block, certificate, closing.signature]
    payload = codec.encode([*value, closing.voter] if closing.voter else value)
    decode_closing(payload)
    return payload


def decode_closing(payload: bytes) -> Closing:
    """The close in a payload; signatures are not verified here.

    Errors: FormatError close.bad_field, close.other_lock, certificate.bad_field, codec.*.
    """
    value = codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX)
    if type(value) is not list or len(value) not in (5, 6):
        raise FormatError("close.bad_field", "not an array of 5 or 6 fields")
    height, view, block, proof, signature = value[:5]
    voter = b"" if len(value) == 5 else value[5]
    if len(value) == 6 and (type(voter) is not bytes or not is_acceptable_key(voter)):
        raise FormatError("close.bad_field", "whose close it is")
    if not _is_height(height) or not is_signature(signature):
        raise FormatError("close.bad_field", "height or signature")
    if type(view) is not int or type(block) is not bytes:
        raise FormatError("close.bad_field", "view or block")
    if proof is None:
        if view != _NO_LOCK_VIEW or block:
            raise FormatError("close.bad_field", "a lock without the certificate that shows it")
        return Closing(height, None, None, signature, voter)
    if not 0 <= view <= COUNTER_MAX or len(block) != HASH_BYTES:
        raise FormatError("close.bad_field", "the lock's view or block")
    certificate = certificate_of_value(proof)
    shown = (certificate.height, certificate.attempt, certificate.kind, certificate.view, certificate.block)
    if shown != (height, FIRST_ATTEMPT, "N", view, block):
        raise FormatError("close.other_lock", "the certificate shows another lock")
    return Closing(height, Lock(view, block), certificate, signature, voter)


@dataclass(slots=True)
class Convocation:
    """The roll answers and closes of one height, of the voters of its configuration only."""

    voters: Collection[bytes]
    answers: dict[bytes, int] = field(default_factory=dict)
    _closes: dict[bytes, list[Closing]] = field(default_factory=dict)

    def add_roll(self, voter: bytes, time_ms: int) -> None:
        """Take an answer; the first of a voter stays."""
        if rules.counts(voter, self.voters):
            self.answers.setdefault(voter, time_ms)

    def add_close(self, voter: bytes, closing: Closing) -> None:
        """Take a close. A liar's several closes all stay: others may have decided on any of them.

        There are no more of them than notarized views, since each shows the certificate of its lock.
        """
        if not rules.counts(voter, self.voters):
            return
        known = self._closes.setdefault(voter, [])
        if all(closing.lock != other.lock for other in known):
            known.append(closing)

    @property
    def every(self) -> tuple[tuple[bytes, Closing], ...]:
        """All closes with their voters, ascending by voter."""
        return tuple((voter, closing) for voter in self.closed for closing in self._closes[voter])

    @property
    def closed(self) -> tuple[bytes, ...]:
        """Who closed the first attempt, ascending."""
        return tuple(sorted(self._closes))

    @property
    def is_reopened(self) -> bool:
        """Whether the second attempt is open (R9)."""
        return rules.has_reopened(len(self._closes), len(self.voters))

    @property
    def lock(self) -> Lock | None:
        """The block that a fresh proposal of the second attempt has to name, or None."""
        return rules.lock_of(closing.lock for known in self._closes.values() for closing in known)

    def closes_for(self, block: bytes) -> tuple[tuple[bytes, Closing], ...]:
        """The closes on which the decision for a block rests, one a voter, ascending; none while too few.

        Their highest lock names this block, or none of them has a lock: a higher lock for another block may
        have become known after voters had decided.
        """
        closings = [(voter, closing) for voter in self.closed for closing in self._closes[voter]]
        own = rules.lock_of(
            closing.lock
            for _, closing in closings
            if closing.lock is not None and closing.lock.block == block
        )
        chosen: dict[bytes, Closing] = {}
        for voter, closing in closings:
            if rules.lock_of((closing.lock, own)) == own:
                known = chosen.get(voter)
                if known is None or rules.lock_of((known.lock, closing.lock)) != known.lock:
                    chosen[voter] = closing
        return tuple(chosen.items()) if rules.has_reopened(len(chosen), len(self.voters)) else ()

    def silent(self) -> tuple[bytes, ...]:
        """The voters who did not answer, ascending: a block of the second attempt may suspend them."""
        return tuple(member for member in sorted(self.voters) if member not in self.answers)


def _is_height(value: object) -> bool:
    return type(value) is int and 1 <= value <= COUNTER_MAX
