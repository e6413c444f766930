"""What one height asks its caller to do, and what it asks of its caller: the words between the two."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal, Protocol

from p2pnode.consensus.convocation import Closing
from p2pnode.consensus.format import Kind, Vote
from p2pnode.consensus.rules import Lock

Verdict = Literal["valid", "invalid", "unknown"]


class Blocks(Protocol):
    """What the caller knows of blocks and of work at this height."""

    def verdict(self, block_id: bytes, *, is_fresh: bool) -> Verdict:
        """Whether a block may follow the last final one; "unknown" until its parts are here and executed.

        A fresh block is also judged by the clock (J31: a block that has votes behind it is not).
        """

    def has_work(self) -> bool:
        """Whether a block that could be proposed now has a reason to exist (R0, J28)."""

    def work_began_ms(self) -> int | None:
        """When that reason appeared here, or None."""

    def omits_something_old(self, block_id: bytes) -> bool:
        """Whether a block leaves out what it could have included (J29).

        That is an entry held since before the last block and for 10 minutes.
        """

    def seals_away(self, block_id: bytes) -> bool:
        """Whether a block seals a key and leaves out a branch that a quorum acknowledged (J17)."""

    def suspends(self, block_id: bytes) -> Collection[bytes]:
        """The voters whom a block suspends for not answering the roll call."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Sign and store this vote. Shapes: block is empty for a skip."""

    kind: Kind
    attempt: int
    view: int
    block: bytes


@dataclass(frozen=True, slots=True)
class Propose:
    """Put a block to the vote; None asks for a fresh one, made now (unanswered voters: `Height.silent`)."""

    attempt: int
    view: int
    justifying_view: int
    block: bytes | None


@dataclass(frozen=True, slots=True)
class Commit:
    """This block is final.

    Shapes: a quorum of F votes or more, ascending by voter; closes only in the second attempt.
    """

    block: bytes
    attempt: int
    view: int
    votes: tuple[tuple[bytes, Vote], ...]
    closes: tuple[tuple[bytes, Closing], ...]


@dataclass(frozen=True, slots=True)
class Schism:
    """Two blocks of one height are final: stop ordering, show both to people."""

    commits: tuple[Commit, ...]


@dataclass(frozen=True, slots=True)
class Roll:
    """Answer the roll call, or call it."""


@dataclass(frozen=True, slots=True)
class AskToClose:
    """Ask the person at this node whether to convene a second time; on yes `Height.agree_to_close`."""

    answered: tuple[bytes, ...]
    silent: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Close:
    """Close the first attempt. Shapes: the lock and the N votes that show it, if a block is locked."""

    lock: Lock | None
    votes: tuple[tuple[bytes, Vote], ...]


@dataclass(frozen=True, slots=True)
class Wake:
    """Nothing to do before this moment unless something arrives."""

    at_ms: int


Action = Cast | Propose | Commit | Schism | Roll | AskToClose | Close | Wake

Stage = Literal[
    "idle", "proposal", "notarize", "finalize", "block", "answers", "closes", "done", "schism", "rules"
]


@dataclass(frozen=True, slots=True)
class Missing:
    """What a height waits for. Shapes: members ascending; `needed` is how many must have spoken."""

    stage: Stage
    attempt: int
    view: int
    needed: int
    spoken: tuple[bytes, ...]
    silent: tuple[bytes, ...]


@dataclass(slots=True)
class Moment:
    """What the caller says at one step, and when to step again at the latest.

    Units: `heard_at_ms` is when this node has heard what was said in its absence; None: it is alone.
    """

    now_ms: int
    present: tuple[bytes, ...]
    blocks: Blocks
    heard_at_ms: int | None
    wakes: list[int] = field(default_factory=list)

    def is_due(self, at_ms: int) -> bool:
        """Whether a moment has come; if not, it is kept as a time to wake."""
        if self.now_ms < at_ms:
            self.wakes.append(at_ms)
        return self.now_ms >= at_ms
