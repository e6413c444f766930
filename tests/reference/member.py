"""The voters of a small network: what each holds and knows, and the plan of what happens to them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from p2pnode.consensus.actions import Commit, Verdict
from p2pnode.consensus.convocation import Closing
from p2pnode.consensus.format import Configuration, Proposal, Vote
from p2pnode.consensus.height import Height
from p2pnode.core.crypto import ZERO_HASH, sha256

_GROUP = b"\x67" * 32
_OLD_MS = 600_000


Value = int | Vote | Proposal | Closing | None
"""A wish, a vote, a proposal, a close, or an answer to the roll call."""


@dataclass(frozen=True)
class Block:
    """Wishes to be granted in order, and voters to be suspended."""

    height: int
    previous: bytes
    wishes: tuple[int, ...]
    suspended: tuple[bytes, ...]

    @property
    def id(self) -> bytes:
        return sha256(repr(self).encode())


@dataclass(frozen=True)
class Entry:
    """Something one voter wrote. Shapes: height 0 for a wish."""

    number: int
    author: bytes
    height: int
    time_ms: int
    value: Value
    block: Block | None = None


@dataclass(frozen=True)
class Plan:
    """What happens to whom.

    Shapes: voters by number; times are virtual. With `online_percent` members come and go for sessions of
    `session_ms` on average, and `relays` without a vote are always there; else all are there in the end.
    """

    voters: int
    lying_voters: int
    seed: int
    wishes: int = 6
    calm_ms: int = 120_000
    end_ms: int = 900_000
    delay_ms: int = 800
    loss_percent: int = 20
    has_partitions: bool = True
    has_crashes: bool = True
    gone: tuple[int, ...] = ()
    twins: tuple[int, ...] = ()
    promiscuous: tuple[int, ...] = ()
    delta_ms: int = 1_000
    roll_call_after_ms: int = 10**12
    close_after_ms: int = 10**12
    sync_ms: int = 1_000
    online_percent: int = 0
    session_ms: int = 3_600_000
    relays: int = 0


def member_id(number: int) -> bytes:
    return bytes([number + 1]) * 32


class Member:
    """One instance of a voter's node: what it holds, and its present height."""

    def __init__(self, number: int, name: str, plan: Plan) -> None:
        self.id, self.name, self._plan = member_id(number), name, plan
        self.entries: dict[int, Entry] = {}
        self.blocks: dict[bytes, Block] = {}
        self.wishes: dict[int, int] = {}
        self.granted: dict[int, None] = {}
        self.chain: list[Block] = []
        self.attempts: list[int] = []
        self.configurations = [
            Configuration(
                tuple((member_id(other), b"") for other in range(plan.voters)), plan.lying_voters, b"", 0
            )
        ]
        self.committed_ms = 0
        self.is_carried = self.has_closed = False
        self.has_stopped = False
        self.wake_ms: int | None = None
        self.open_height(0)

    # ---- Blocks, as the height asks for them

    def verdict(self, block_id: bytes, *, is_fresh: bool) -> Verdict:
        block = self.blocks.get(block_id)
        if block is None or any(wish not in self.wishes for wish in block.wishes):
            return "unknown"
        follows = block.height == len(self.chain) + 1 and block.previous == self.previous
        is_new = bool(block.wishes) and not any(wish in self.granted for wish in block.wishes)
        return "valid" if follows and is_new else "invalid"

    def has_work(self) -> bool:
        return bool(self.pending())

    def work_began_ms(self) -> int | None:
        return min((self.wishes[wish] for wish in self.pending()), default=None)

    def omits_something_old(self, block_id: bytes) -> bool:
        latest_ms = max(self.committed_ms, 0)
        return any(
            self.wishes[wish] < latest_ms and self.wishes[wish] + _OLD_MS < self.now_ms
            for wish in self.pending()
            if wish not in self.blocks[block_id].wishes
        )

    def seals_away(self, block_id: bytes) -> bool:
        return False  # nobody's key is used twice for anything but votes here

    def suspends(self, block_id: bytes) -> Collection[bytes]:
        return self.blocks[block_id].suspended

    # ---- what it knows

    now_ms = 0

    @property
    def previous(self) -> bytes:
        return self.chain[-1].id if self.chain else ZERO_HASH

    def pending(self) -> list[int]:
        return [wish for wish in sorted(self.wishes) if wish not in self.granted]

    def open_height(self, now_ms: int) -> None:
        """Begin a height, or begin it again after a crash, with what is on disk."""
        height = len(self.chain) + 1
        known = [entry for entry in self.entries.values() if entry.height == height]
        mine = [entry.value for entry in known if entry.author == self.id and isinstance(entry.value, Vote)]
        closed = any(entry.author == self.id and isinstance(entry.value, Closing) for entry in known)
        self.height = Height(
            _GROUP,
            height,
            self.previous,
            self.configurations[-1],
            self.id,
            mine,
            closed,
            is_carried=self.is_carried,
            began_ms=self.committed_ms,
            delta_ms=self._plan.delta_ms,
            roll_call_after_ms=self._plan.roll_call_after_ms,
            close_after_ms=self._plan.close_after_ms,
        )
        for entry in known:
            self._feed(entry)

    def take(self, entry: Entry) -> bool:
        """Store an entry; says whether it is new."""
        if entry.number in self.entries:
            return False
        self.entries[entry.number] = entry
        if entry.block is not None:
            self.blocks[entry.block.id] = entry.block
        if isinstance(entry.value, int):
            self.wishes[entry.value] = self.now_ms
        elif entry.height == len(self.chain) + 1:
            self._feed(entry)
        return True

    def _feed(self, entry: Entry) -> None:
        match entry.value:
            case Vote():
                self.height.add_vote(entry.author, entry.value)
            case Proposal():
                self.height.add_proposal(entry.author, entry.value)
            case Closing():
                self.height.add_close(entry.author, entry.value)
            case None:
                self.height.add_roll(entry.author, entry.time_ms)

    def commit(self, commit: Commit) -> None:
        """Make a block final; who votes next follows from the block alone."""
        block = self.blocks[commit.block]
        before = self.configurations[-1]
        voters = tuple(voter for voter in before.voters if voter[0] not in block.suspended)
        self.configurations.append(
            Configuration(voters, before.lying_voters, b"", before.epoch + bool(block.suspended))
        )
        self.chain.append(block)
        self.attempts.append(commit.attempt)
        self.granted.update(dict.fromkeys(block.wishes))
        self.committed_ms = self.now_ms
        self.is_carried = commit.attempt == 1 and not block.suspended
        self.open_height(self.now_ms)
