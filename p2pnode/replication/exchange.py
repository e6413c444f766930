"""One group between two peers: what is offered, announced, missing and asked for."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from p2pnode.replication.frontier import Frontier


class GroupView(Protocol):
    """What a session sees of a group: its heads, live."""

    @property
    def group(self) -> bytes:
        """The group's id."""

    @property
    def frontier(self) -> Frontier:
        """The heads of admitted lanes."""

    @property
    def public(self) -> bool:
        """Whether strangers may follow lane 2."""


class Cursor(NamedTuple):
    """A position in a peer's order of head moves: all that moved up to here is durable on this side."""

    epoch: bytes
    changed: int


class Want(NamedTuple):
    """Entries of one lane, first and last included."""

    author: bytes
    lane: int
    first: int
    last: int


class Ingested(NamedTuple):
    """What came of a frame of runs.

    Shapes: stored counts entries; refused is the rule that blames the sender; waiting the rule that says why
    something was not kept; suspect is (author, lane, seq) where what was sent does not continue what is held.
    """

    stored: int
    refused: str | None = None
    waiting: str | None = None
    suspect: tuple[bytes, int, int] | None = None
