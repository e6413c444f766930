"""Sealed payloads of private groups: type and body in a box that holders of the epoch's key can open (J12).

The header's type is `sealed`; its payload is [epoch id, nonce, box], and the box (XChaCha20-Poly1305, IETF)
authenticates the header's first ten fields, so that it cannot be moved to another place, author or time.
Annexes and other blobs are boxed with a purpose in place of the header.
"""

from __future__ import annotations

from dataclasses import dataclass

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import State, row_key
from p2pnode.core import codec
from p2pnode.core.crypto import HASH_BYTES, KEY_BYTES, tagged_hash
from p2pnode.core.entry import Entry, Header, check_type
from p2pnode.core.errors import FormatError
from p2pnode.core.limits import PAYLOAD_BYTES_MAX
from p2pnode.governance import tables

SEALED_TYPE = "sealed"
NONCE_BYTES = 24
BOX_EXTRA_BYTES = 16
OLD_EPOCH_BLOCKS = 2
"""How long boxes of an older epoch still hold: their authors may not have seen the new key."""

_HEADER_FIELDS = 10
"""Version to type: the payload's size and hash come after the box and cannot be part of it."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A box and what is needed to open it."""

    epoch: bytes
    nonce: bytes
    box: bytes


def epoch_id(key: bytes) -> bytes:
    """The name of an epoch key, by which each recipient checks what it was given."""
    return tagged_hash("epoch", key)


def encode(sealed: Sealed) -> bytes:
    """The payload that carries a box. Errors: FormatError sealed.too_large."""
    payload = codec.encode([sealed.epoch, sealed.nonce, sealed.box])
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise FormatError("sealed.too_large", f"at most {PAYLOAD_BYTES_MAX} bytes with the box")
    return payload


def decode(payload: bytes) -> Sealed:
    """The box in a payload; whether it opens is seen by holders of the key only.

    Errors: FormatError sealed.bad_field, codec.*.
    """
    return _sealed_of(codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX))


def seal(key: bytes, nonce: bytes, header: Header, type_: str, body: bytes) -> bytes:
    """The payload of a sealed entry.

    Shapes: nonce is 24 random bytes, never used twice; of the header only the fields before the payload's are
    read, with type `sealed`. Errors: FormatError sealed.too_large, entry.bad_type.
    """
    check_type(type_)
    box = _lock(key, nonce, _bound_fields(header), codec.encode([type_, body]))
    return encode(Sealed(epoch_id(key), nonce, box))


def open_sealed(key: bytes, header: Header, payload: bytes) -> tuple[str, bytes]:
    """The type and the body inside a sealed entry.

    Errors: FormatError sealed.other_epoch, sealed.bad, sealed.bad_field.
    """
    inside = _unlock(key, decode(payload), _bound_fields(header))
    try:
        value = codec.decode(inside, bytes_max=PAYLOAD_BYTES_MAX)
    except FormatError as error:
        raise FormatError("sealed.bad", "what is inside the box is not canonical") from error
    if type(value) is not list or len(value) != 2 or type(value[1]) is not bytes:
        raise FormatError("sealed.bad", "inside the box is no [type, body]")
    try:
        check_type(value[0])
    except FormatError as error:
        raise FormatError("sealed.bad", "inside the box is no name of a type") from error
    return value[0], value[1]


def seal_blob(key: bytes, nonce: bytes, purpose: str, content: bytes) -> bytes:
    """The boxed form of an annex's content, an attachment or a block body.

    Shapes: the purpose names which of them.
    """
    return codec.encode([epoch_id(key), nonce, _lock(key, nonce, _bound_purpose(purpose), content)])


def open_blob(key: bytes, purpose: str, blob: bytes) -> bytes:
    """The content of a boxed blob.

    Errors: FormatError sealed.other_epoch, sealed.bad, sealed.bad_field, codec.*.
    """
    return _unlock(key, _sealed_of(codec.decode(blob)), _bound_purpose(purpose))


def execute(state: State, entry: Entry, context: BlockContext) -> str | None:
    """Whether a box is of an epoch that holds. What is inside is seen by holders of the key only."""
    until = tables.read(state, row_key("sealed_until", decode(entry.payload or b"").epoch))
    if until is None:
        return "sealed.unknown_epoch"
    return "sealed.old_epoch" if 0 < until < context.height else None


def _sealed_of(value: codec.Value) -> Sealed:
    if type(value) is not list or len(value) != 3 or any(type(item) is not bytes for item in value):
        raise FormatError("sealed.bad_field", "not [epoch id, nonce, box]")
    epoch, nonce, box = value
    if len(epoch) != HASH_BYTES or len(nonce) != NONCE_BYTES or len(box) < BOX_EXTRA_BYTES:
        raise FormatError(
            "sealed.bad_field", f"sizes {HASH_BYTES}, {NONCE_BYTES}, at least {BOX_EXTRA_BYTES}"
        )
    return Sealed(epoch, nonce, box)


def _lock(key: bytes, nonce: bytes, bound: bytes, content: bytes) -> bytes:
    if len(key) != KEY_BYTES or len(nonce) != NONCE_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes and a nonce {NONCE_BYTES}")
    box: bytes = crypto_aead_xchacha20poly1305_ietf_encrypt(content, bound, nonce, key)
    return box


def _unlock(key: bytes, sealed: Sealed, bound: bytes) -> bytes:
    if sealed.epoch != epoch_id(key):
        raise FormatError("sealed.other_epoch", "boxed under another epoch's key")
    try:
        content: bytes = crypto_aead_xchacha20poly1305_ietf_decrypt(sealed.box, bound, sealed.nonce, key)
    except CryptoError as error:
        raise FormatError("sealed.bad", "the box does not open in this place") from error
    return content


def _bound_fields(header: Header) -> bytes:
    return codec.encode(list(header._replace(type=SEALED_TYPE)[:_HEADER_FIELDS]))


def _bound_purpose(purpose: str) -> bytes:
    return codec.encode(["p2pnode/blob", purpose])
