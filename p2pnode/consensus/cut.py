"""Cuts: which entries a block orders, whether the choice is causally closed, and in which order they run.

Everything is decided on candidates: the entries of lanes 0 and 2 that lie above the last final cut. Not
here: reading them (`p2pnode/chain.py`) and running them (`execution`).

Source: J8, J10, J17; C 5.4.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from p2pnode.consensus.slices import SLICE_STEPS, Slices, finish
from p2pnode.core.crypto import sha256

PAYLOAD_BYTES_MAX = 4 * 1024 * 1024
"""Payloads that one block orders at most: a phone has to read and execute them to vote, and in batches these
are some ten thousand records.
"""

AUTHOR_SHARE = 4
"""No author fills more than this part of a block, so that nobody's import keeps the others waiting."""


class Candidate(NamedTuple):
    """An entry above the last cut that a block may order.

    Shapes: needs are the ids of its predecessor and of what it acknowledges, as far as they lie above the
    last cut too: a block that orders it orders them.
    """

    id: bytes
    author: bytes
    lane: int
    seq: int
    needs: tuple[bytes, ...]
    payload_bytes: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much one block orders at most. Units: entries."""

    entries_max: int

    @property
    def author_entries_max(self) -> int:
        """The share of one author."""
        return max(1, self.entries_max // AUTHOR_SHARE)


@dataclass(slots=True)
class _Load:
    """How full a block is. One owner."""

    bounds: Bounds
    entries: int = 0
    payload_bytes: int = 0
    authors: dict[bytes, int] = field(default_factory=dict)

    def takes(self, candidate: Candidate) -> bool:
        """Add a candidate if there is room for it."""
        count = self.authors.get(candidate.author, 0)
        payload_bytes = self.payload_bytes + candidate.payload_bytes
        if (
            self.entries >= self.bounds.entries_max
            or count >= self.bounds.author_entries_max
            or payload_bytes > PAYLOAD_BYTES_MAX
        ):
            return False
        self.entries, self.payload_bytes = self.entries + 1, payload_bytes
        self.authors[candidate.author] = count + 1
        return True


def in_order(candidates: Sequence[Candidate], previous: bytes) -> list[Candidate]:
    """The order of execution: topological over prev and acks, the smallest SHA-256(previous, id) first
    (J10).

    Shapes: previous is the id of the block before. Who needs what is not among the candidates is left out.
    """
    return finish(ordering(candidates, previous))


def ordering(candidates: Sequence[Candidate], previous: bytes) -> Slices[list[Candidate]]:
    """The same in slices."""
    return _gathering(_walk(candidates, previous))


def choose(candidates: Sequence[Candidate], previous: bytes, bounds: Bounds) -> list[Candidate]:
    """As many candidates as one block may order, with everything that they name (J8)."""
    return finish(choosing(candidates, previous, bounds))


def choosing(candidates: Sequence[Candidate], previous: bytes, bounds: Bounds) -> Slices[list[Candidate]]:
    """The same in slices."""
    return _gathering(_walk(candidates, previous, _Load(bounds).takes))


def _gathering(walk: Iterator[Candidate]) -> Slices[list[Candidate]]:
    gathered: list[Candidate] = []
    for candidate in walk:
        gathered.append(candidate)
        if not len(gathered) % SLICE_STEPS:
            yield
    return gathered


def bounds_fault(candidates: Iterable[Candidate], bounds: Bounds) -> str | None:
    """The rule by which a block orders too much, or None (J8)."""
    authors: dict[bytes, int] = {}
    count = payload_bytes = 0
    for candidate in candidates:
        count += 1
        payload_bytes += candidate.payload_bytes
        authors[candidate.author] = authors.get(candidate.author, 0) + 1
    if count > bounds.entries_max:
        return "block.too_many_entries"
    if payload_bytes > PAYLOAD_BYTES_MAX:
        return "block.too_large"
    if max(authors.values(), default=0) > bounds.author_entries_max:
        return "block.author_share"
    return None


def closure_fault(candidates: Sequence[Candidate]) -> str | None:
    """The rule that a choice breaks when it leaves out what it needs, or None (J17)."""
    chosen = {candidate.id for candidate in candidates}
    is_open = any(need not in chosen for candidate in candidates for need in candidate.needs)
    return "block.open_cut" if is_open else None


def _walk(
    candidates: Sequence[Candidate],
    previous: bytes,
    is_taken: Callable[[Candidate], bool] | None = None,
) -> Iterator[Candidate]:
    """Kahn's walk; what is not taken holds back everything that names it."""
    by_id = {candidate.id: candidate for candidate in candidates}
    waiting: dict[bytes, int] = {}
    children: dict[bytes, list[bytes]] = {}
    ready: list[tuple[bytes, bytes]] = []
    for candidate in candidates:
        waiting[candidate.id] = len(candidate.needs)
        for need in candidate.needs:
            children.setdefault(need, []).append(candidate.id)
        if not candidate.needs:
            ready.append(_rank(previous, candidate.id))
    heapq.heapify(ready)
    while ready:
        _, entry_id = heapq.heappop(ready)
        candidate = by_id[entry_id]
        if is_taken is not None and not is_taken(candidate):
            continue
        yield candidate
        for child in children.get(entry_id, ()):
            waiting[child] -= 1
            if not waiting[child]:
                heapq.heappush(ready, _rank(previous, child))


def _rank(previous: bytes, entry_id: bytes) -> tuple[bytes, bytes]:
    return sha256(previous + entry_id), entry_id
