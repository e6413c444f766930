"""Entries above the last final cut, read from a group's file as candidates for the next block."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from p2pnode.consensus.cut import Candidate
from p2pnode.consensus.slices import SLICE_ENTRIES, Slices, finish
from p2pnode.core.entry import Entry
from p2pnode.core.ids import Lane
from p2pnode.replication.lane import LaneState
from p2pnode.replication.run import StoredEntry, stored_entry
from p2pnode.store.group_file import number_and_seq, position_of

LANES_ORDERED = (Lane.LOCAL, Lane.OPEN)
"""The cut names lanes 0 and 2; votes are no work and never ordered."""


class Reader(Protocol):
    """What is read of entries."""

    def entries(self, number: int, first: int, last: int) -> list[StoredEntry]:
        """Entries of a lane from first to last, both included, in order."""
        ...

    def acks_between(self, number: int, after: int, until: int) -> list[tuple[int, list[int]]]:
        """Positions in (after, until] of a lane whose acks are resolved, with the positions they name."""
        ...


class Found(NamedTuple):
    """A candidate with its entry.

    Shapes: excused are those of its needs that lie in lanes of sealed keys: nobody needs them (J17).
    """

    candidate: Candidate
    entry: Entry
    position: int
    excused: tuple[bytes, ...]


LaneOf = Callable[[int], "LaneState | None"]


def read_lane(
    reader: Reader, lane: LaneState, until: int, lane_of: LaneOf, sealed: Collection[bytes]
) -> list[Found]:
    """The entries of a lane above its last final one, up to a seq; all of them are delivered.

    Shapes: sealed are the keys that this or an earlier block seals.
    """
    return finish(read_slices(reader, lane, until, lane_of, sealed))


def read_slices(
    reader: Reader, lane: LaneState, until: int, lane_of: LaneOf, sealed: Collection[bytes]
) -> Slices[list[Found]]:
    """The same with a pause after each slice (J30); nothing of a lane of votes."""
    found: list[Found] = []
    first = lane.decided + 1 if lane.lane in LANES_ORDERED else until + 1
    while first <= until:
        last = min(until, first + SLICE_ENTRIES - 1)
        named = dict(reader.acks_between(lane.number, first - 1, last))
        for seq, stored in enumerate(reader.entries(lane.number, first, last), first):
            found.append(_found(lane, seq, stored, named, lane_of, sealed))
        first = last + 1
        if first <= until:
            yield
    return found


def _found(
    lane: LaneState,
    seq: int,
    stored: StoredEntry,
    named: Mapping[int, Sequence[int]],
    lane_of: LaneOf,
    sealed: Collection[bytes],
) -> Found:
    """One entry as a candidate. Shapes: named are the positions that acks name, by the entry's position."""
    entry = stored_entry(stored)
    position = position_of(lane.number, seq)
    needs = [entry.header.prev] if seq > lane.decided + 1 else []
    excused: list[bytes] = []
    for ack, target in zip(entry.header.acks, named.get(position, ()), strict=False):
        number, ack_seq = number_and_seq(target)
        parent = lane_of(number)
        if parent is not None and ack_seq > parent.decided:
            # By its own id also where it lies on a dead branch: what it resolves to follows from the
            # lowest fork that this node knows, and a block has to mean the same everywhere.
            needs.append(ack)
            if parent.author in sealed:
                excused.append(ack)
    header = entry.header
    candidate = Candidate(
        entry.id, header.author, header.lane, seq, tuple(dict.fromkeys(needs)), header.payload_bytes
    )
    return Found(candidate, entry, position, tuple(excused))


def without_excused(found: Sequence[Found]) -> list[Found]:
    """The same without needs that are excused and not there."""
    ids = {item.candidate.id for item in found}
    return [
        item._replace(
            candidate=item.candidate._replace(
                needs=tuple(need for need in item.candidate.needs if need in ids or need not in item.excused)
            )
        )
        if item.excused
        else item
        for item in found
    ]
