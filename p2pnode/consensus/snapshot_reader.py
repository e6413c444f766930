"""Takes the chunks of one state, in whatever order they come, until all of its rows are here.

Each chunk proves its rows by itself, and what stands between it and its neighbours: nothing. So several can
be asked for at the same time, and what is known is which places of the trie are covered.
"""

from __future__ import annotations

from typing import NamedTuple

from p2pnode.consensus.snapshot import ProvenChunk, check_chunk
from p2pnode.core import codec
from p2pnode.core.crypto import HASH_BYTES

_START = b""
_END = b"\xff" * (HASH_BYTES + 1)
"""Before all hashes of keys, and behind all of them."""

_CUTS = tuple(bytes([start]) + bytes(HASH_BYTES - 1) for start in range(0x10, 0x100, 0x10))
"""Where a state is cut into parts that are read side by side: hashes of keys fall evenly between them."""


class Range(NamedTuple):
    """Rows behind one key hash up to another one, in trie order; None for the first row, or the last."""

    after: bytes | None
    until: bytes | None


class SnapshotReader:
    """What of one state is here, and what is to be asked for."""

    def __init__(self, root: bytes, mark: bytes = b"") -> None:
        """Shapes: mark is what another reader of this state gave as its own; without one it begins."""
        covered, count = codec.decode(mark) if mark else ([], 0)
        self._root = root
        self._covered: list[tuple[bytes, bytes]] = [(start, end) for start, end in covered]
        """Behind which key hash, and up to which one, all rows are here; ascending, none touches the next."""

        self.count: int = count
        """How many chunks were taken."""

    @property
    def mark(self) -> bytes:
        """Where it stands, to be kept beside the rows that it gave."""
        return codec.encode([list(map(list, self._covered)), self.count])

    @property
    def is_complete(self) -> bool:
        """Whether all rows are here."""
        return self._covered == [(_START, _END)]

    @property
    def end(self) -> bytes | None:
        """Up to which key hash all rows are here."""
        is_begun = self._covered and self._covered[0][0] == _START
        return self._covered[0][1] if is_begun else None

    def ranges(self, limit: int) -> tuple[Range, ...]:
        """What can be asked for now, all of it at the same time: so many at the most.

        At first that is all rows, because a small state is one chunk.
        """
        if not self._covered:
            return (Range(None, None),)
        found: list[Range] = []
        behind = _START
        for start, end in [*self._covered, (_END, _END)]:
            if behind < start:
                places = [behind, *(cut for cut in _CUTS if behind < cut < start), start]
                found += map(_range, places, places[1:])
            behind = end
        return tuple(found[:limit])

    def add(self, data: bytes, asked: Range | None = None) -> ProvenChunk:
        """The chunk that answers a question, without one the next that is lacking, with its trie nodes.

        Errors: those of `check_chunk`; the reader then stands where it stood.
        """
        after, until = asked or Range(self.end, None)
        proven = check_chunk(self._root, after, data, until)
        before = proven.chunk.before
        start = _START if before is None else before.key_hash
        self._cover(start, _END if proven.last is None else proven.last)
        self.count += 1
        return proven

    def _cover(self, start: bytes, end: bytes) -> None:
        """Note that all rows behind one key hash up to another one are here."""
        apart: list[tuple[bytes, bytes]] = []
        for one in self._covered:
            if one[1] < start or end < one[0]:
                apart.append(one)
            else:
                start, end = min(start, one[0]), max(end, one[1])
        self._covered = sorted([*apart, (start, end)])


def _range(behind: bytes, until: bytes) -> Range:
    return Range(behind or None, None if until == _END else until)
