"""A small network of voters that decide over and over: loss, partitions, crashes and liars from one seed.

Every voter runs the project's own `Height`; blocks are plain lists of wishes, and signatures are left out. It
shows what the exhaustive model cannot: that waiting ends, and that a group falls silent when nothing is left.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from p2pnode.consensus.actions import AskToClose, Cast, Close, Commit, Propose, Roll, Schism, Wake
from p2pnode.consensus.convocation import Closing
from p2pnode.consensus.format import Proposal, Vote
from tests.reference.member import Block, Entry, Member, Plan, Value, member_id

_ROUNDS_MAX = 200


@dataclass
class Outcome:
    """How a run ended."""

    chains: list[list[bytes]]
    attempts: list[list[int]]
    configurations: list[list[bytes]]
    unanswered: int
    entries: int
    entries_after: int
    waits_ms: list[int]
    schisms: int
    liars_named: tuple[bytes, ...]

    @property
    def has_forked(self) -> bool:
        longest = max(self.chains, key=len)
        return any(chain != longest[: len(chain)] for chain in self.chains) or self.schisms > 0

    @property
    def has_split(self) -> bool:
        """Whether two voters have different configurations for one height."""
        longest = max(self.configurations, key=len)
        return any(known != longest[: len(known)] for known in self.configurations)


@dataclass
class Network:
    """All members, the messages under way, and one clock."""

    plan: Plan
    now_ms: int = 0
    _queue: list[tuple[int, int, str, object]] = field(default_factory=list)
    _numbers: int = 0
    written: list[Entry] = field(default_factory=list)
    asked_ms: dict[int, int] = field(default_factory=dict)
    decided_ms: dict[int, int] = field(default_factory=dict)
    schisms: int = 0

    def __post_init__(self) -> None:
        plan = self.plan
        self.random = random.Random(plan.seed)
        self.members: list[Member] = []
        for number in range(plan.voters):
            if number not in plan.gone and number not in plan.promiscuous:
                copies = 2 if number in plan.twins else 1
                self.members += [Member(number, f"{number}{'ab'[copy]}", plan) for copy in range(copies)]
        self.members += [
            Member(plan.voters + number, f"relay {number}", plan) for number in range(plan.relays)
        ]
        self.places = {member.name: "A" for member in self.members}
        self._liars = {member_id(number) for number in (*plan.twins, *plan.promiscuous)}

    @property
    def honest(self) -> list[Member]:
        return [
            member
            for member in self.members
            if member.id not in self._liars and not member.name.startswith("relay")
        ]

    def at(self, at_ms: int, kind: str, value: object) -> None:
        self._numbers += 1
        heapq.heappush(self._queue, (at_ms, self._numbers, kind, value))

    # ---- who hears whom

    def is_calm(self) -> bool:
        return not self.plan.online_percent and self.now_ms >= self.plan.calm_ms

    def are_connected(self, one: Member, other: Member) -> bool:
        if self.is_calm():
            return True
        place = self.places[one.name]
        return place != "off" and place == self.places[other.name]

    def is_up(self, member: Member) -> bool:
        return self.is_calm() or self.places[member.name] != "off"

    def reachable(self, member: Member) -> list[bytes]:
        return [other.id for other in self.members if self.are_connected(member, other)]

    # ---- what happens

    def write(
        self, member: Member | None, author: bytes, height: int, value: Value, block: Block | None = None
    ) -> Entry:
        """Write an entry and send it to everybody who can be reached."""
        self._numbers += 1
        entry = Entry(self._numbers, author, height, self.now_ms, value, block)
        self.written.append(entry)
        if member is not None:
            member.take(entry)
            for other in self.members:
                loss = 1 if self.is_calm() else self.plan.loss_percent
                if (
                    other is not member
                    and self.are_connected(member, other)
                    and self.random.randrange(100) >= loss
                ):
                    delay_ms = self.random.randint(20, self.plan.delay_ms)
                    self.at(self.now_ms + delay_ms, "entry", (other, entry))
        return entry

    def act(self, member: Member) -> None:
        """Let one member do all it wants now."""
        if member.has_stopped or not self.is_up(member):
            return
        member.now_ms = self.now_ms
        for _ in range(_ROUNDS_MAX):
            actions = member.height.step(self.now_ms, self.reachable(member), member)
            for action in actions:
                self._perform(member, action)
            if not any(not isinstance(action, Wake) for action in actions):
                return
        raise AssertionError("a height never stops asking for more")

    def _perform(self, member: Member, action: object) -> None:
        height = len(member.chain) + 1
        match action:
            case Cast(kind, attempt, view, block):
                self.write(member, member.id, height, Vote(height, attempt, view, kind, block, b""))
            case Propose(attempt, view, justifying_view, block_id):
                fresh = self._fresh(member, attempt) if block_id is None else None
                named = block_id or (fresh.id if fresh else b"")
                # A notarized block may be put to the vote again by somebody who does not hold it yet.
                shown = fresh or member.blocks.get(named)
                proposal = Proposal(height, attempt, view, justifying_view, named, b"", ())
                self.write(member, member.id, height, proposal, shown)
            case Commit():
                member.commit(action)
                for wish in member.chain[-1].wishes:
                    self.decided_ms.setdefault(wish, self.now_ms)
            case Schism():
                self.schisms += 1
                member.has_stopped = True
            case Roll():
                self.write(member, member.id, height, None)
            case AskToClose():
                self.at(self.now_ms + self.random.randint(0, 5_000), "agree", (member, height))
            case Close(lock, _):
                self.write(member, member.id, height, Closing(height, lock, None, b""))
            case Wake(at_ms):
                if member.wake_ms is None or member.wake_ms <= self.now_ms or at_ms < member.wake_ms:
                    member.wake_ms = at_ms
                    self.at(at_ms, "wake", member)

    def _fresh(self, member: Member, attempt: int) -> Block:
        silent = member.height.silent if attempt == 1 else ()
        block = Block(len(member.chain) + 1, member.previous, tuple(member.pending()), silent)
        member.blocks[block.id] = block
        return block

    def _rearrange(self) -> None:
        """Cut the network in two, and some members off, until it is calm."""
        for member in self.members:
            chance = self.random.randrange(4)
            self.places[member.name] = "off" if chance == 0 else self.random.choice("AAB")
            if self.plan.has_crashes and self.random.randrange(4) == 0:
                self._crash(member)
        if self.now_ms < self.plan.calm_ms:
            self.at(self.now_ms + self.random.randint(2_000, 12_000), "rearrange", None)

    def _crash(self, member: Member) -> None:
        """Start a member anew: what it wrote is on disk, what others wrote may not be."""
        for number, entry in list(member.entries.items()):
            if entry.author != member.id and entry.height > 0 and self.random.randrange(3) == 0:
                del member.entries[number]
        member.wake_ms = None
        member.open_height(self.now_ms)

    def _sync(self) -> None:
        """Let each member catch up with another that it reaches."""
        for member in self.members:
            others = [
                other for other in self.members if other is not member and self.are_connected(member, other)
            ]
            if others:
                self._catch_up(member, self.random.choice(others))
            self.act(member)

    def _catch_up(self, member: Member, other: Member) -> None:
        member.now_ms = self.now_ms
        for number in [number for number in other.entries if number not in member.entries]:
            member.take(other.entries[number])

    def _come_or_go(self, member: Member) -> None:
        """Begin or end a session; who comes exchanges everything with those who are there."""
        plan, is_coming = self.plan, self.places[member.name] == "off"
        self.places[member.name] = "A" if is_coming else "off"
        mean_ms = plan.session_ms
        if not is_coming:
            mean_ms = plan.session_ms * (100 - plan.online_percent) // plan.online_percent
        self.at(self.now_ms + int(self.random.expovariate(1 / mean_ms)), "come or go", member)
        here = [other for other in self.members if self.is_up(other)]
        if is_coming:
            for other in here:
                if other is not member:
                    self._catch_up(member, other)
                    self._catch_up(other, member)
        for other in here:
            self.act(other)

    def _lie(self) -> None:
        """Let promiscuous voters sign everything there is to sign, each vote for a random few."""
        for number in self.plan.promiscuous:
            liar = member_id(number)
            for member in self.honest:
                if not self.is_up(member):
                    continue
                member.now_ms = self.now_ms
                height, attempt, view = len(member.chain) + 1, member.height.attempt, member.height.view
                offered = [
                    entry.value.block
                    for entry in self.written[-60:]
                    if isinstance(entry.value, Proposal) and entry.height == height
                ]
                votes = [Vote(height, attempt, view, "S", b"", b"")]
                for block in dict.fromkeys(offered):
                    for earlier in range(max(0, view - 1), view + 1):
                        votes.append(Vote(height, attempt, earlier, "N", block, b""))
                        votes.append(Vote(height, attempt, earlier, "F", block, b""))
                for vote in votes:
                    if self.random.randrange(4) == 0:
                        member.take(self.write(None, liar, height, vote))
                self._lie_in_proposals(liar, member, attempt, view)
                self.act(member)

    def _lie_in_proposals(self, liar: bytes, member: Member, attempt: int, view: int) -> None:
        pending = member.pending()
        if pending and self.random.randrange(3) == 0:
            some = tuple(sorted(self.random.sample(pending, self.random.randint(1, len(pending)))))
            block = Block(len(member.chain) + 1, member.previous, some, ())
            justifying_view = self.random.choice((-1, max(-1, view - 1)))
            proposal = Proposal(block.height, attempt, view, justifying_view, block.id, b"", ())
            member.take(self.write(None, liar, block.height, proposal, block))

    def run(self) -> Outcome:
        """Play the plan to its end."""
        plan = self.plan
        for wish in range(plan.wishes):
            self.at(self.random.randint(0, plan.calm_ms * 2 // 3), "wish", wish)
        if plan.online_percent:
            for member in self.honest:
                self.at(self.random.randint(0, plan.session_ms), "come or go", member)
        elif plan.has_partitions:
            self.at(0, "rearrange", None)
        self.at(plan.sync_ms, "sync", None)
        settled = 0
        while self._queue:
            self.now_ms, _, kind, value = heapq.heappop(self._queue)
            if self.now_ms > plan.end_ms:
                break
            if settled == 0 and self.now_ms > plan.calm_ms and self._is_settled():
                settled = len(self.written)
            self._happen(kind, value)
        return self._outcome(settled)

    def _happen(self, kind: str, value: Any) -> None:
        match kind:
            case "wish":
                here = [member for member in self.honest if self.is_up(member)]
                if not here and self.plan.online_percent:
                    self.at(self.now_ms + self.plan.sync_ms, kind, value)
                    return
                member = self.random.choice(here or self.honest)
                member.now_ms = self.now_ms
                self.asked_ms[value] = self.now_ms
                self.write(member, member.id, 0, value)
                self.act(member)
            case "entry":
                member, entry = value
                if self.is_up(member):
                    member.now_ms = self.now_ms
                    member.take(entry)
                    self.act(member)
            case "wake":
                if value.wake_ms is not None and value.wake_ms <= self.now_ms:
                    value.wake_ms = None
                    self.act(value)
            case "agree":
                member, height = value
                if len(member.chain) + 1 == height:
                    member.height.agree_to_close()
                    self.act(member)
            case "come or go":
                self._come_or_go(value)
            case "rearrange":
                self._rearrange()
            case "sync":
                self._sync()
                if not self.is_calm():
                    self._lie()
                self.at(self.now_ms + self.plan.sync_ms, "sync", None)

    def _is_settled(self) -> bool:
        return all(
            not member.pending()
            and len(member.chain) == max(len(other.chain) for other in self.honest)
            and len(member.wishes) == self.plan.wishes
            for member in self.honest
        )

    def _outcome(self, settled: int) -> Outcome:
        honest = self.honest
        return Outcome(
            [[block.id for block in member.chain] for member in honest],
            [member.attempts for member in honest],
            [[one.hash for one in member.configurations] for member in honest],
            max(self.plan.wishes - len(member.granted) for member in honest),
            sum(entry.height > 0 for entry in self.written),
            len(self.written) - settled if settled else -1,
            [self.decided_ms[wish] - self.asked_ms[wish] for wish in sorted(self.decided_ms)],
            self.schisms,
            liars_of(self.written),
        )


def liars_of(entries: Sequence[Entry]) -> tuple[bytes, ...]:
    """Who contradicted itself in writing: two N or two F in a view, or S and F in one."""
    said: dict[tuple[bytes, int, int, int], dict[tuple[str, bytes], None]] = {}
    for entry in entries:
        if isinstance(entry.value, Vote):
            vote = entry.value
            place = (entry.author, vote.height, vote.attempt, vote.view)
            said.setdefault(place, {})[vote.kind, vote.block] = None
    found: dict[bytes, None] = {}
    for (author, *_), votes in said.items():
        kinds = [kind for kind, _ in votes]
        if kinds.count("N") > 1 or kinds.count("F") > 1 or ("S" in kinds and "F" in kinds):
            found[author] = None
    return tuple(sorted(found))
