"""What a session asks of whoever drives it.

An effect with a token is a request: the driver does it and calls `Session.done(token, result, now_ms)` with
what the comment names. The others need no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from p2pnode.core.presence import Presence
from p2pnode.replication.exchange import Cursor, Want


@dataclass(frozen=True, slots=True)
class Send:
    """Put a frame on the stream, after those before it."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class Ingest:
    """Take runs, one after the other in this order; result: Ingested, when durable.

    Shapes: annexes came along unasked; those that the runs do not name are dropped.
    """

    token: int
    group: bytes
    body: bytes
    compressed: bool
    pushed: bool
    annexes: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class Serve:
    """Read runs; result: (encoded runs, wants that remain)."""

    token: int
    group: bytes
    wants: Sequence[Want]
    bytes_max: int


@dataclass(frozen=True, slots=True)
class ReadPush:
    """Read own entries to be pushed; result: (one encoded run or None, annexes that they name).

    Shapes: None when the run would be longer than run_bytes_max; of the annexes as many as fit together.
    """

    token: int
    group: bytes
    want: Want
    run_bytes_max: int


@dataclass(frozen=True, slots=True)
class FindAnnexes:
    """Read annexes; result: those that are here."""

    token: int
    group: bytes
    hashes: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class ListWantedAnnexes:
    """Name the annexes that are missing here; result: their hashes."""

    token: int
    group: bytes


@dataclass(frozen=True, slots=True)
class KeepAnnexes:
    """Keep annexes; result: None, when durable."""

    token: int
    group: bytes
    blobs: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class ReadFork:
    """Read the proof that a lane is forked; result: the proof or None."""

    token: int
    group: bytes
    author: bytes
    lane: int


@dataclass(frozen=True, slots=True)
class KeepFork:
    """Check and keep a fork proof; result: the rule that blames its sender, or None."""

    token: int
    group: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class ReadHeaders:
    """Read entries of a lane; result: StoredEntry in order, as far as they are here."""

    token: int
    group: bytes
    author: bytes
    lane: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class OpenBulk:
    """Fetch these on a connection of their own (J42); result: None when the stream is over, however it
    ended."""

    token: int
    group: bytes
    wants: Sequence[Want]


@dataclass(frozen=True, slots=True)
class RememberCursor:
    """Everything the peer showed up to here is durable on this side.

    Shapes: knows_us says whether the peer told how far it holds our own lanes 0 and 1 (J35).
    """

    group: bytes
    cursor: Cursor
    knows_us: bool


@dataclass(frozen=True, slots=True)
class HearOut:
    """Everything of a group that the peer showed at first is durable on this side."""

    group: bytes


@dataclass(frozen=True, slots=True)
class HearClosed:
    """The peer does not show us lane 0 of a group any more: our membership may have ended."""

    group: bytes


@dataclass(frozen=True, slots=True)
class HearPresence:
    """The peer says, or hands on, that a voter is there; its signature is still to be checked."""

    group: bytes
    relays: int
    presence: Presence


@dataclass(frozen=True, slots=True)
class HearClock:
    """The peer told its time. Units: its wall clock minus ours."""

    offset_ms: int


@dataclass(frozen=True, slots=True)
class Blame:
    """The peer did what no correct peer does."""

    rule: str


@dataclass(frozen=True, slots=True)
class End:
    """The session is over; the stream is to be reset."""

    reason: str


Effect = (
    Send
    | Ingest
    | Serve
    | ReadPush
    | FindAnnexes
    | ListWantedAnnexes
    | KeepAnnexes
    | ReadFork
    | KeepFork
    | ReadHeaders
    | OpenBulk
    | RememberCursor
    | HearOut
    | HearClosed
    | HearPresence
    | HearClock
    | Blame
    | End
)
