"""Causal order inside a group: when an entry is delivered, and what an entry's causal past covers.

The functions walk positions (lane number, seq) through a small reader; they touch each entry with acks once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from p2pnode.replication.lane import LaneState

Position = int
Advance = Callable[[LaneState, int], None]
"""Called with a lane and the seq up to which it is now covered, before the lane's own mark moves."""


class CausalReader(Protocol):
    """What the walks need to read."""

    def acks_between(self, number: int, after: int, until: int) -> list[tuple[Position, list[Position]]]:
        """Entries of a lane in (after, until] whose acks are resolved, with what they name."""
        ...


class LaneReader(Protocol):
    """Lanes by number, as the caller may change them."""

    def get(self, number: int) -> LaneState | None:
        """A lane, or None when the number names none."""
        ...


@dataclass(frozen=True, slots=True)
class Parent:
    """What an ack names. Units: depth counts steps, time is ms."""

    position: Position
    depth: int
    time_ms: int
    author: bytes
    lane: int


def ack_fault(
    lane: LaneState, depth: int, time_ms: int, previous_depth: int, parents: Iterable[Parent]
) -> str | None:
    """The rule that an entry with acks breaks against its present parents, or nothing (J2, J14)."""
    deepest = previous_depth
    for parent in parents:
        deepest = max(deepest, parent.depth)
        if time_ms < parent.time_ms:
            return "entry.time_before_ack"
        if parent.lane == 1 or (lane.lane == 2 and parent.lane != 2):
            return "entry.ack_of_other_lane"
        if parent.author == lane.author and parent.lane == lane.lane:
            return "entry.ack_of_itself"
    return None if depth == deepest + 1 else "entry.depth"


def cover(
    reader: CausalReader,
    lanes: LaneReader,
    mark: str,
    targets: Iterable[Position],
    advance: Advance,
) -> None:
    """Raise `mark` ("decided" or "acked") of every lane in the causal past of some positions.

    Shapes: targets pack (lane number << 40 | seq); the founding entry is position 0 and covers nothing.
    """
    stack = list(targets)
    while stack:
        position = stack.pop()
        number, seq = position >> 40, position & ((1 << 40) - 1)
        lane = lanes.get(number)
        if lane is None:
            continue
        covered: int = getattr(lane, mark)
        if seq <= covered:
            continue
        for _, named in reader.acks_between(number, covered, seq):
            stack.extend(named)
        advance(lane, seq)
        setattr(lane, mark, seq)
