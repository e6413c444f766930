"""Who may read what: the table of J23 in one place.

Here stand the lanes that are served as they grow, and what is proven to whom. Removed members read lanes 0
and 1 up to the block that removed them, and are answered when they ask for it (`service/levels.py`); after it
they read what everybody reads, keep what they hold, and are shown proofs (`service/proof_answers.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Literal

from p2pnode.core.ids import Lane
from p2pnode.governance.state import GroupState

_ALL = frozenset({Lane.LOCAL.value, Lane.VOTES.value, Lane.OPEN.value})
_OPEN = frozenset({Lane.OPEN.value})
_NONE: frozenset[int] = frozenset()


class Reader(Enum):
    """How a peer stands to a group, in falling order of what it may read."""

    MEMBER = "member"
    NEWCOMER = "provisional newcomer"
    STEWARD = "steward"
    REMOVED = "removed member"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Rights:
    """What a reader gets.

    Shapes: lanes whose entries, and lanes whose annexes, are served; is_shown_proofs: headers, certificates
    and proofs, whatever lane they speak of (J41); rows of the state that are proven to it.
    """

    lanes: frozenset[int]
    annex_lanes: frozenset[int]
    is_shown_proofs: bool
    rows: Literal["all", "own", "none"]


PUBLIC_RIGHTS = MappingProxyType(
    {
        Reader.MEMBER: Rights(_ALL, _ALL, True, "all"),
        Reader.NEWCOMER: Rights(_ALL, _ALL, True, "all"),
        Reader.STEWARD: Rights(_ALL, _ALL, True, "all"),
        Reader.REMOVED: Rights(_OPEN, _OPEN, True, "own"),
        Reader.STRANGER: Rights(_OPEN, _OPEN, True, "none"),
    }
)
"""Of a public group."""

PRIVATE_RIGHTS = MappingProxyType(
    {
        **PUBLIC_RIGHTS,
        Reader.STEWARD: Rights(_ALL, _ALL, True, "none"),
        Reader.REMOVED: Rights(_NONE, _NONE, True, "own"),
        Reader.STRANGER: Rights(_NONE, _NONE, False, "none"),
    }
)
"""Of a private group, which strangers may not even know of. What a steward archives there is boxed (J12)."""

_STANDINGS = MappingProxyType(
    {
        "member": Reader.MEMBER,
        "provisional": Reader.NEWCOMER,
        "removed": Reader.REMOVED,
        None: Reader.STRANGER,
    }
)


def reader_of(state: GroupState, device_key: bytes) -> Reader:
    """How one proven device key stands to a group."""
    if device_key in state.voters or device_key in state.speakers:
        # Whoever goes keeps voting until a block lets it go, and votes on nothing that it cannot read; nor
        # does who speaks for a lost voter.
        return Reader.MEMBER
    reader = _STANDINGS[state.standing(device_key)]
    if reader in (Reader.REMOVED, Reader.STRANGER) and device_key in state.charter.stewards:
        return Reader.STEWARD
    return reader


def rights(state: GroupState, keys: Iterable[bytes]) -> Rights:
    """What a peer that proved these device keys may read: the most that any of them may."""
    table = PUBLIC_RIGHTS if state.public else PRIVATE_RIGHTS
    readers = {reader_of(state, key) for key in keys}
    best = next((reader for reader in Reader if reader in readers), Reader.STRANGER)
    return table[best]


def lanes_readable(state: GroupState, keys: Iterable[bytes]) -> frozenset[int]:
    """The lanes that a peer with these proven device keys may read (J23)."""
    return rights(state, keys).lanes
