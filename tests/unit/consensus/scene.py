"""One voter's height with the node around it, for tests that say event by event what it hears."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from p2pnode.consensus import leader, timing
from p2pnode.consensus.convocation import Closing
from p2pnode.consensus.format import Configuration, Kind, Proposal, Vote
from p2pnode.consensus.height import Action, Cast, Height, Verdict, Wake
from p2pnode.consensus.rules import Lock
from p2pnode.core.crypto import ZERO_HASH

PREVIOUS = b"\x70" * 32
X, Y, Z = b"\x58" * 32, b"\x59" * 32, b"\x5a" * 32
DELTA_MS = 1_000
DAY_MS = timing.DAY_MS
START_MS = 1_700_000_000_000


@dataclass
class Known:
    """What the node of the voter under test knows of blocks and work."""

    invalid: tuple[bytes, ...] = ()
    unknown: tuple[bytes, ...] = ()
    works: bool = True
    since_ms: int | None = START_MS
    omitting: tuple[bytes, ...] = ()
    sealing: tuple[bytes, ...] = ()
    suspending: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    asked: list[tuple[bytes, bool]] = field(default_factory=list)

    def verdict(self, block_id: bytes, *, is_fresh: bool) -> Verdict:
        self.asked.append((block_id, is_fresh))
        return "invalid" if block_id in self.invalid else "unknown" if block_id in self.unknown else "valid"

    def has_work(self) -> bool:
        return self.works

    def work_began_ms(self) -> int | None:
        return self.since_ms if self.works else None

    def omits_something_old(self, block_id: bytes) -> bool:
        return block_id in self.omitting

    def seals_away(self, block_id: bytes) -> bool:
        return block_id in self.sealing

    def suspends(self, block_id: bytes) -> Collection[bytes]:
        return self.suspending.get(block_id, ())


class Scene:
    """One voter's height, and the others by their rank in the open view."""

    def __init__(self, voters: int, liars: int, me: int | None = 0, **changes: Any) -> None:
        members = tuple(bytes([number + 1]) * 32 for number in range(voters))
        self.order = leader.ranks(members, PREVIOUS, 7, 0)
        self.leaders = leader.leaders(members, changes.get("recent_signers", ()), PREVIOUS, 7)
        self.me = self.order[me] if me is not None else None
        configuration = Configuration(tuple((member, b"") for member in members), liars, ZERO_HASH, 1)
        changes.setdefault("began_ms", START_MS)
        self.height = Height(b"\x67" * 32, 7, PREVIOUS, configuration, self.me, delta_ms=DELTA_MS, **changes)
        self.known = Known()
        self.now_ms = START_MS
        self.here: Sequence[bytes] = members
        self.heard_at_ms: int | None = 0

    @property
    def others(self) -> list[bytes]:
        return [member for member in self.order if member != self.me]

    def step(self, wait_ms: int = 0) -> list[Action]:
        """Let time pass, and step once; own words are fed back."""
        self.now_ms += wait_ms
        actions = self.height.step(self.now_ms, self.here, self.known, heard_at_ms=self.heard_at_ms)
        for action in actions:
            if isinstance(action, Cast) and self.me is not None:
                self.vote([self.me], action.kind, action.block, action.view, action.attempt)
        return actions

    def said(self, wait_ms: int = 0) -> list[Action]:
        """What the voter does until it waits, without the waiting."""
        done: list[Action] = []
        for _ in range(20):
            actions = [action for action in self.step(wait_ms) if not isinstance(action, Wake)]
            wait_ms = 0
            if not actions:
                return done
            done += actions
        raise AssertionError("it never waits")

    def vote(
        self, members: Sequence[bytes], kind: Kind, block: bytes = b"", view: int = 0, attempt: int = 0
    ) -> None:
        for member in members:
            self.height.add_vote(member, Vote(7, attempt, view, kind, block, member * 2))

    def propose(
        self, member: bytes, block: bytes, view: int = 0, justifying_view: int = -1, attempt: int = 0
    ) -> None:
        self.height.add_proposal(member, Proposal(7, attempt, view, justifying_view, block, b"", ()))

    def roll(self, members: Sequence[bytes]) -> None:
        for member in members:
            self.height.add_roll(member, self.now_ms)

    def close(self, members: Sequence[bytes], lock: Lock | None = None) -> None:
        for member in members:
            self.height.add_close(member, Closing(7, lock, None, b""))

    def leader(self, view: int) -> bytes:
        return leader.leader(view, self.leaders)
