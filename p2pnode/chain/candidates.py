"""Entries above the last final cut, read from a group's file as candidates for the next block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from p2pnode.consensus.cut import Candidate
from p2pnode.core.crypto import sha256
from p2pnode.core.entry import Entry, Header
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

    def entry_at(self, position: int) -> StoredEntry | None:
        """The entry at a position."""
        ...

    def acks_between(self, number: int, after: int, until: int) -> list[tuple[int, list[int]]]:
        """Positions in (after, until] of a lane whose acks are resolved, with the positions they name."""
        ...


class Found(NamedTuple):
    """A candidate with its entry."""

    candidate: Candidate
    entry: Entry
    position: int


LaneOf = Callable[[int], LaneState | None]


def read_lane(
    reader: Reader, lane: LaneState, until: int, lane_of: LaneOf, dead: Mapping[bytes, Header]
) -> list[Found]:
    """The entries of a lane above its last final one, up to a seq; all of them are delivered."""
    named = dict(reader.acks_between(lane.number, lane.decided, until))
    found: list[Found] = []
    for seq, stored in enumerate(reader.entries(lane.number, lane.decided + 1, until), lane.decided + 1):
        entry = stored_entry(stored)
        position = position_of(lane.number, seq)
        needs = [entry.header.prev] if seq > lane.decided + 1 else []
        for ack, target in zip(entry.header.acks, named.get(position, ()), strict=False):
            number, ack_seq = number_and_seq(target)
            parent = lane_of(number)
            if parent is not None and ack_seq > parent.decided:
                needs.append(_id_at(reader, target) if ack in dead else ack)
        header = entry.header
        candidate = Candidate(
            entry.id, header.author, header.lane, seq, tuple(dict.fromkeys(needs)), header.payload_bytes
        )
        found.append(Found(candidate, entry, position))
    return found


def read_all(
    reader: Reader,
    lanes: Iterable[LaneState],
    lane_entries_max: int,
    lane_of: LaneOf,
    dead: Mapping[bytes, Header],
) -> list[Found]:
    """The first so many entries of each lane above its last final one."""
    found: list[Found] = []
    for lane in lanes:
        if lane.lane in LANES_ORDERED and lane.last_usable > lane.decided:
            until = min(lane.last_usable, lane.decided + lane_entries_max)
            found += read_lane(reader, lane, until, lane_of, dead)
    return found


def _id_at(reader: Reader, position: int) -> bytes:
    stored = reader.entry_at(position)
    assert stored is not None
    return sha256(stored.header)
