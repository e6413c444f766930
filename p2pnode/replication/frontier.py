"""The frontier: the newest entry of every lane that a node holds in one group.

A lane is a hash chain, so its head describes all of it; the frontier therefore describes the whole
group. Equal digests mean equal logs. Not here: how two unequal frontiers are brought together (`exchange`,
`ranges`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from p2pnode.core.crypto import sha256
from p2pnode.core.ids import Lane

LaneKey = tuple[bytes, int]
"""Author's device key and lane."""

EPOCH_BYTES = 16
NO_SEQ = -1
"""The seq of a head before the first entry: that of a lane forked at its first entry."""

_MODULUS_MASK = (1 << 256) - 1


class Head(NamedTuple):
    """The newest entry of a lane; of a forked lane, the last entry before the fork (J38).

    Shapes: forked is set for a lane that ends, at a fork or at an entry that is wrong by itself; is_proven
    where it ends at a fork. Units: `changed` counts this node's head moves in the group; elsewhere it means
    nothing without the epoch.
    """

    author: bytes
    lane: int
    seq: int
    id: bytes
    changed: int
    forked: bool
    is_proven: bool = False

    @property
    def ending(self) -> int:
        """How the lane ends: 0 not at all, 1 at an entry that is wrong by itself, 2 at a fork."""
        return self.forked + self.is_proven


def head_term(author: bytes, lane: int, seq: int, id_: bytes, ending: int) -> int:
    """What one head adds to a digest. Shapes: an integer below 2^256; ending as in `Head`."""
    position = bytes((lane,)) + seq.to_bytes(8, "big", signed=True)
    return int.from_bytes(sha256(author + position + id_ + bytes((ending,))), "big")


class Frontier:
    """The heads of one group with running digests; mutable, with one owner, O(1) for each head that moves."""

    __slots__ = ("_by_change", "_sums", "changed", "epoch", "group", "heads")

    def __init__(self, group: bytes, epoch: bytes, heads: Iterable[Head] = ()) -> None:
        if len(epoch) != EPOCH_BYTES:
            raise ValueError(f"an epoch has {EPOCH_BYTES} bytes")
        self.group = group
        self.epoch = epoch
        self.heads: dict[LaneKey, Head] = {}
        self.changed = 0
        self._by_change: dict[LaneKey, None] = {}
        self._sums = dict.fromkeys((int(lane) for lane in Lane), 0)
        self.apply(heads)

    def apply(self, heads: Iterable[Head]) -> None:
        """Put new heads in the place of old ones. Errors: ValueError when `changed` runs backwards."""
        for head in sorted(heads, key=_changed_of):
            if head.changed < self.changed:
                raise ValueError("the counter of head moves only grows")
            key = (head.author, head.lane)
            old = self.heads.get(key)
            total = self._sums[head.lane] + head_term(head.author, head.lane, head.seq, head.id, head.ending)
            if old is not None:
                total -= head_term(old.author, old.lane, old.seq, old.id, old.ending)
                del self._by_change[key]
            self._sums[head.lane] = total & _MODULUS_MASK
            self.heads[key] = head
            self._by_change[key] = None
            self.changed = head.changed

    def digest(self, lanes: frozenset[int]) -> bytes:
        """The sum of the terms of all heads in some lanes. Shapes: 32 bytes. Source: J38."""
        total = sum(self._sums[lane] for lane in sorted(lanes)) & _MODULUS_MASK
        return total.to_bytes(32, "big")

    def changed_since(self, changed: int) -> list[Head]:
        """The heads that moved after a counter value, ascending by `changed`; O(their number)."""
        newest_first: list[Head] = []
        for key in reversed(self._by_change):
            head = self.heads[key]
            if head.changed <= changed:
                break
            newest_first.append(head)
        newest_first.reverse()
        return newest_first


def _changed_of(head: Head) -> int:
    return head.changed
