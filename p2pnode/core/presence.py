"""A voter's word that it is there: the one message outside the log, advisory, forgotten within minutes.

Source: J33.
"""

from __future__ import annotations

from typing import NamedTuple

from p2pnode.core.crypto import SigningKey, is_signed

PRESENCE_TAG = b"p2pnode/presence\0"

RELAYS_MAX = 2
"""How often a word is handed on by others than its author."""

_TIME_BYTES = 8


class Presence(NamedTuple):
    """Somebody was there at a time. Units: the author's wall clock."""

    key: bytes
    time_ms: int
    signature: bytes


def sign_presence(key: SigningKey, group: bytes, time_ms: int) -> Presence:
    """Say that the own device is there for a group."""
    return Presence(key.public, time_ms, key.sign(_message(group, time_ms)))


def is_presence_signed(group: bytes, presence: Presence) -> bool:
    """Whether its author said so."""
    return is_signed(presence.key, _message(group, presence.time_ms), presence.signature)


def _message(group: bytes, time_ms: int) -> bytes:
    return PRESENCE_TAG + group + time_ms.to_bytes(_TIME_BYTES, "big")
