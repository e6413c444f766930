"""Hashes and Ed25519 signatures, exactly as libsodium computes them (J4)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError

KEY_BYTES = 32
SIGNATURE_BYTES = 64
HASH_BYTES = 32
ZERO_HASH = bytes(HASH_BYTES)

_P = 2**255 - 19
_ORDER_8_Y = (
    2707385501144840649318225287225658788936804267575313519463743609750303021370,
    55188659117513257062467267217118295137698188065244968500265048394206261417927,
)


def _small_order_keys() -> frozenset[bytes]:
    """All encodings, canonical or not, of the points whose order divides eight."""
    ordinates = {0, 1, _P - 1, _P, _P + 1, *_ORDER_8_Y}
    return frozenset((y | sign << 255).to_bytes(KEY_BYTES, "little") for y in ordinates for sign in (0, 1))


SMALL_ORDER_KEYS = _small_order_keys()

_new_hash: Callable[[], hashlib._Hash] = hashlib.sha256().copy
"""Copying an empty hash object is cheaper than making one: this runs twice an entry."""


def sha256(data: bytes) -> bytes:
    """SHA-256 of some bytes."""
    digest = _new_hash()
    digest.update(data)
    return digest.digest()


def tagged_hash(tag: str, *parts: bytes) -> bytes:
    """SHA-256 over a domain tag and length-prefixed parts, so that no two lists of parts collide."""
    digest = _new_hash()
    digest.update(b"p2pnode/" + tag.encode("ascii") + b"\0")
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def is_acceptable_key(key: bytes) -> bool:
    """Whether a public key has the right length and is not of small order."""
    return len(key) == KEY_BYTES and key not in SMALL_ORDER_KEYS


class SigningKey:
    """An Ed25519 key pair held in memory."""

    __slots__ = ("_secret", "public")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != KEY_BYTES:
            raise ValueError("an Ed25519 seed has 32 bytes")
        self.public, self._secret = crypto_sign_seed_keypair(seed)

    def sign(self, message: bytes) -> bytes:
        """The detached signature of a message. Shapes: 64 bytes."""
        return crypto_sign(message, self._secret)[:SIGNATURE_BYTES]

    @property
    def seed(self) -> bytes:
        """The 32 secret bytes that the pair is derived from."""
        return self._secret[:KEY_BYTES]


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether libsodium accepts a detached signature. Source: J4."""
    if len(signature) != SIGNATURE_BYTES or not is_acceptable_key(key):
        return False
    try:
        crypto_sign_open(signature + message, key)
    except BadSignatureError:
        return False
    return True
