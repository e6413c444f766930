"""A secret seed sealed under a passphrase: Argon2id makes a key of it, XSalsa20-Poly1305 seals the seed.

Not here: where the sealed seed is kept (`keyfile.py`), and asking for a passphrase (the commands).
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id
from nacl.secret import SecretBox

from p2pnode.core.errors import StoreError, UsageError

_PASSES_MAX = 64
_MEMORY_BYTES_MAX = 1024 * 1024 * 1024
"""What a damaged file may make this program spend."""
_SEALED_BYTES = 72
"""Nonce, tag and 32 bytes of seed."""


class Effort(NamedTuple):
    """What one guess of a passphrase costs."""

    passes: int = 4
    memory_bytes: int = 64 * 1024 * 1024


ORDINARY_EFFORT = Effort()
"""Fits a computer with little memory. Source: RFC 9106 section 4, second recommendation."""


class SealedSeed(NamedTuple):
    """A sealed seed with all that is needed to open it but the passphrase."""

    effort: Effort
    salt: bytes
    sealed: bytes

    def to_fields(self) -> dict[str, object]:
        """The fields for a file."""
        return {
            "passes": self.effort.passes,
            "memory_bytes": self.effort.memory_bytes,
            "salt": self.salt.hex(),
            "sealed": self.sealed.hex(),
        }

    @classmethod
    def of_fields(cls, fields: Mapping[str, object]) -> SealedSeed:
        """The sealed seed of a file's fields. Errors: KeyError, TypeError, ValueError"""
        passes, memory_bytes, salt, sealed = (
            fields[name] for name in ("passes", "memory_bytes", "salt", "sealed")
        )
        if type(passes) is not int or type(memory_bytes) is not int:
            raise TypeError("not a number")
        if not isinstance(salt, str) or not isinstance(sealed, str):
            raise TypeError("not a text")
        if not 1 <= passes <= _PASSES_MAX or not argon2id.MEMLIMIT_MIN <= memory_bytes <= _MEMORY_BYTES_MAX:
            raise ValueError("an effort beyond all measure")
        found = cls(Effort(passes, memory_bytes), bytes.fromhex(salt), bytes.fromhex(sealed))
        if len(found.salt) != argon2id.SALTBYTES or len(found.sealed) != _SEALED_BYTES:
            raise ValueError("wrong length")
        return found


def seal_seed(seed: bytes, passphrase: str, effort: Effort) -> SealedSeed:
    """Seal a seed. Errors: UsageError key.passphrase_empty"""
    if not passphrase.strip():
        raise UsageError(
            "key.passphrase_empty", "the passphrase is empty", "choose a longer one, or none at all"
        )
    salt = os.urandom(argon2id.SALTBYTES)
    return SealedSeed(effort, salt, bytes(SecretBox(_box_key(passphrase, salt, effort)).encrypt(seed)))


def open_seed(sealed: SealedSeed, passphrase: str) -> bytes | None:
    """The seed, or None when the passphrase is another one."""
    try:
        return SecretBox(_box_key(passphrase, sealed.salt, sealed.effort)).decrypt(sealed.sealed)
    except CryptoError:
        return None


def _box_key(passphrase: str, salt: bytes, effort: Effort) -> bytes:
    # Keyboards and systems write the same accents with different code points.
    typed = unicodedata.normalize("NFKD", passphrase).encode("utf-8")
    try:
        return argon2id.kdf(
            SecretBox.KEY_SIZE, typed, salt, opslimit=effort.passes, memlimit=effort.memory_bytes
        )
    except (
        MemoryError,
        RuntimeError,
    ) as error:  # libsodium reports nothing but "failed" when memory is short
        raise StoreError(
            f"opening the key takes {effort.memory_bytes // 2**20} MiB of memory, which is not there",
            "close other programs and try again",
        ) from error
