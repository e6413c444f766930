"""Who may read what: the table of J23 in one place.

Here stand the lanes that are served as they grow. Removed members read lanes 0 and 1 up to the block that
removed them, and are answered when they ask for it (`service/levels.py`); after it they read what everybody
reads, and keep what they hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

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
    """What a reader gets. Shapes: lanes whose entries, and lanes whose annexes, are served."""

    lanes: frozenset[int]
    annex_lanes: frozenset[int]


PUBLIC_RIGHTS = MappingProxyType(
    {
        Reader.MEMBER: Rights(_ALL, _ALL),
        Reader.NEWCOMER: Rights(_ALL, _ALL),
        Reader.STEWARD: Rights(_ALL, _ALL),
        Reader.REMOVED: Rights(_OPEN, _OPEN),
        Reader.STRANGER: Rights(_OPEN, _OPEN),
    }
)
"""Of a public group."""

PRIVATE_RIGHTS = MappingProxyType(
    {**PUBLIC_RIGHTS, Reader.REMOVED: Rights(_NONE, _NONE), Reader.STRANGER: Rights(_NONE, _NONE)}
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
