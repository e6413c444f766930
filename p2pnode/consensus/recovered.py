"""The word of a lost voter: what its revealed recovery key lets a new device say in its place (J20).

The recovery key signs one statement: from the last final block that it knows on, this device casts the
voter's votes. A vote or close then carries the statement before the device's own signature, so that whoever
knows the configuration can check it. It counts in the second attempt only, and the finality class says so.
Not here: what a recovery changes for the member (`governance/recovering.py`).
"""

from __future__ import annotations

from typing import NamedTuple

from p2pnode.core.crypto import (
    HASH_BYTES,
    KEY_BYTES,
    SIGNATURE_BYTES,
    SigningKey,
    is_acceptable_key,
    is_signed,
    tagged_hash,
)
from p2pnode.core.limits import COUNTER_MAX

_TAG = b"p2pnode/recover\0"
_HEIGHT_BYTES = 8
_PARTS = (KEY_BYTES, KEY_BYTES, HASH_BYTES, _HEIGHT_BYTES, HASH_BYTES, SIGNATURE_BYTES)
STATEMENT_BYTES = sum(_PARTS)
RECOVERED_SIGNATURE_BYTES = STATEMENT_BYTES + SIGNATURE_BYTES


class Statement(NamedTuple):
    """A recovery key's word that a device speaks for its member.

    Shapes: next is the commitment to the next recovery key; height and block are the last final block that
    the device knows, 0 and the group before any.
    """

    recovery_key: bytes
    device: bytes
    next: bytes
    height: int
    block: bytes
    signature: bytes

    @property
    def encoded(self) -> bytes:
        """The bytes that go before the device's signature under a vote or close."""
        height = self.height.to_bytes(_HEIGHT_BYTES, "big")
        return b"".join((self.recovery_key, self.device, self.next, height, self.block, self.signature))


def sign_statement(
    key: SigningKey, group: bytes, member_id: bytes, device: bytes, next_: bytes, height: int, block: bytes
) -> Statement:
    """The statement of a recovery key. Shapes: height and block are the last final block known."""
    unsigned = Statement(key.public, device, next_, height, block, b"")
    return unsigned._replace(signature=key.sign(_message(group, member_id, unsigned)))


def commitment_of(recovery_key: bytes) -> bytes:
    """What is said of a recovery public key without showing it."""
    return tagged_hash("recovery", recovery_key)


def is_stated(statement: Statement, group: bytes, member_id: bytes, commitment: bytes) -> bool:
    """Whether the recovery key behind a commitment signed a statement for its member."""
    message = _message(group, member_id, statement)
    return commitment_of(statement.recovery_key) == commitment and is_signed(
        statement.recovery_key, message, statement.signature
    )


def is_signature(value: object) -> bool:
    """Whether a value has the shape of a voter's signature, its own or by a recovery key."""
    return type(value) is bytes and len(value) in (SIGNATURE_BYTES, RECOVERED_SIGNATURE_BYTES)


def is_recovered(signature: bytes) -> bool:
    """Whether a signature is one for a lost voter."""
    return len(signature) == RECOVERED_SIGNATURE_BYTES


def is_said(
    voter: tuple[bytes, bytes], commitment: bytes, group: bytes, height: int, message: bytes, signature: bytes
) -> bool:
    """Whether a voter signed a message at a height: with its voting key, or through a recovery.

    Shapes: voter is (member id, voting key); commitment is empty where nobody can be recovered.
    """
    member_id, key = voter
    if not is_recovered(signature):
        return is_signed(key, message, signature)
    statement = _statement_of(signature[:STATEMENT_BYTES])
    return (
        bool(commitment)
        and statement.height < height <= COUNTER_MAX
        and is_acceptable_key(statement.device)
        and is_signed(statement.device, message, signature[STATEMENT_BYTES:])
        and is_stated(statement, group, member_id, commitment)
    )


def _statement_of(data: bytes) -> Statement:
    parts: list[bytes] = []
    for size in _PARTS:
        parts.append(data[:size])
        data = data[size:]
    recovery_key, device, next_, height, block, signature = parts
    return Statement(recovery_key, device, next_, int.from_bytes(height, "big"), block, signature)


def _message(group: bytes, member_id: bytes, statement: Statement) -> bytes:
    height = statement.height.to_bytes(_HEIGHT_BYTES, "big")
    return b"".join((_TAG, group, member_id, statement.device, statement.next, height, statement.block))
