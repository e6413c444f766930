"""Range-based reconciliation of two sets of heads, for groups with more lanes than one would list.

Both sides sort their heads by lane key. A range with equal fingerprints is settled; one with few heads is
listed; any other is cut in pieces, each with its fingerprint. The set is fixed when reconciliation starts;
what moves later is announced as usual.

Source: A. Meyer, Range-Based Set Reconciliation (2023); C 4.1.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

from p2pnode.core.errors import FormatError
from p2pnode.replication.frontier import Head, head_term
from p2pnode.replication.messages import (
    LANE_KEY_BYTES,
    TAG_BYTES,
    Part,
    Shown,
    head_columns,
    heads_of,
)

_PIECES = 16
_LISTED_MAX = 32
_MODULUS_MASK = (1 << 256) - 1


class Reconciler:
    """One side's fixed set of heads; what it answers depends on nothing else."""

    def __init__(self, heads: Iterable[Head]) -> None:
        ordered = sorted(heads, key=_key_of_head)
        self._keys = [_key_of_head(head) for head in ordered]
        self._heads = [shown_of(head) for head in ordered]
        terms = (head_term(head.author, head.lane, head.seq, head.id, head.ending) for head in ordered)
        self._sums = [0, *accumulate(terms)]

    def opening(self) -> list[Part]:
        """The first message: all keys, cut in pieces."""
        return self._cut(0, len(self._keys), b"")

    def answer(self, parts: Sequence[Part]) -> tuple[list[Part], list[Shown]]:
        """What to say to some parts, and the peer's heads in them. Errors: FormatError sync.bad_ranges,
        sync.bad_heads."""
        replies: list[Part] = []
        learned: list[Shown] = []
        low, lower_bound = 0, b""
        for index, part in enumerate(parts):
            if (part.bound and part.bound <= lower_bound) or len(part.bound) not in (0, LANE_KEY_BYTES):
                raise FormatError("sync.bad_ranges", "bounds are lane keys in ascending order")
            if not part.bound and index != len(parts) - 1:
                raise FormatError("sync.bad_ranges", "something after the end of all keys")
            high = bisect_left(self._keys, part.bound) if part.bound else len(self._keys)
            if part.heads is not None:
                theirs = heads_of(part.heads)
                learned += theirs
                replies.append(
                    self._differing(low, high, part.bound, theirs) if part.reply else Part(part.bound)
                )
            elif part.fingerprint and part.fingerprint != self._fingerprint(low, high):
                replies += self._cut(low, high, part.bound)
            else:
                replies.append(Part(part.bound))
            low, lower_bound = high, part.bound
        return _without_silence(replies), learned

    def _fingerprint(self, low: int, high: int) -> bytes:
        return ((self._sums[high] - self._sums[low]) & _MODULUS_MASK).to_bytes(32, "big")

    def _cut(self, low: int, high: int, bound: bytes) -> list[Part]:
        """A range of ours, as a list when it is short, else in pieces of about equal size."""
        if high - low <= _LISTED_MAX:
            return [Part(bound, b"", True, head_columns(self._heads[low:high]))]
        edges = [low + (high - low) * piece // _PIECES for piece in range(_PIECES + 1)]
        bounds = [*(self._keys[edge] for edge in edges[1:-1]), bound]
        return [
            Part(piece_bound, self._fingerprint(start, end))
            for start, end, piece_bound in zip(edges, edges[1:], bounds, strict=False)
        ]

    def _differing(self, low: int, high: int, bound: bytes, theirs: list[Shown]) -> Part:
        """Our heads in a range that the peer listed, without those that are equal."""
        known = frozenset(theirs)
        ours = [head for head in self._heads[low:high] if head not in known]
        return Part(bound, b"", False, head_columns(ours)) if ours else Part(bound)


def is_open(parts: Sequence[Part]) -> bool:
    """Whether parts call for an answer."""
    return any(part.fingerprint or part.reply for part in parts)


def shown_of(head: Head) -> Shown:
    """A head as it is shown to a peer."""
    return Shown(head.author, head.lane, head.seq, head.id[:TAG_BYTES], head.forked)


def _key_of_head(head: Head) -> bytes:
    return head.author + bytes((head.lane,))


def _without_silence(parts: list[Part]) -> list[Part]:
    """The same parts with silent neighbours joined, and none at the end."""
    kept: list[Part] = []
    for part in parts:
        silent = not part.fingerprint and part.heads is None
        if silent and kept and not kept[-1].fingerprint and kept[-1].heads is None:
            kept[-1] = part
        else:
            kept.append(part)
    if kept and not kept[-1].fingerprint and kept[-1].heads is None:
        kept.pop()
    return kept
