"""The watchers: they see what every machine does and judge it from outside.

While a case is played: nothing acknowledged is lost, no honest peer is blamed, no honest author forks or is
taken for a forger, what the loop knows of a group is what the writer holds. When it has healed: `verdicts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from p2pnode.core.entry import Entry
from p2pnode.core.limits import CLOCK_AHEAD_MS_MAX
from p2pnode.replication.frontier import Head
from p2pnode.store.group_file import position_of
from tests.sim.chains import Chains
from tests.sim.disk import SimulatedShelf, queries_of

if TYPE_CHECKING:
    from tests.sim.conversation import End
    from tests.sim.machine import Backup, Machine
    from tests.sim.world import World

INBOX_MAX = 2_000
DAY_MS = 24 * 3_600_000
FRAMES_MAX = 20_000
"""Several times what the busiest case takes in a day; beyond it, somebody asks again and again."""

ALL_LANES = frozenset({0, 1, 2})
Place = tuple[bytes, bytes, int, int]
"""Group, author, lane, seq."""


class Finding(Exception):
    """A rule that the world broke."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule
        self.detail = detail


class Watch:
    """What was seen so far."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.counts: Counter[str] = Counter()
        self.acknowledged_by: dict[str, dict[Place, bytes]] = {}
        self.signed: dict[Place, bytes] = {}
        self.may_fork: set[str] = set()
        """Honest machines whose whole disk was set back behind what others hold in part (J35 declares it)."""
        self.may_lose: set[Place] = set()
        self.set_back: set[str] = set()
        """Machines whose files were replaced by older ones or by none."""
        self.seen: dict[tuple[str, bytes, bytes, int], int] = {}
        """How far a machine holds a lane: (machine, group, author, lane) to seq."""
        self.annexes_by: dict[str, dict[bytes, bytes]] = {}
        """Annexes that went with acknowledged entries: machine to hash to group."""
        self.entry_count = 0
        self.chains = Chains(world)

    def find(self, rule: str, detail: str) -> None:
        raise Finding(rule, f"at {self.world.timeline.now_ms} ms: {detail}")

    # ---- as it happens

    def acknowledged(
        self, machine: Machine, group: bytes, entries: Sequence[Entry], annexes: Sequence[bytes] = ()
    ) -> None:
        held = self.acknowledged_by.setdefault(machine.name, {})
        self.annexes_by.setdefault(machine.name, {}).update(dict.fromkeys(annexes, group))
        for entry in entries:
            header = entry.header
            held[group, header.author, header.lane, header.seq] = entry.id
            self.counts["acknowledged"] += 1
            self.world.log(f"{machine.name} wrote {header.lane}/{header.seq} {entry.id.hex()[:8]}")

    def moved(self, machine: Machine, group: bytes, heads: Iterable[Head]) -> None:
        world = self.world
        for head in heads:
            author = world.name_of(head.author)
            world.log(
                f"{machine.name} head {author}/{head.lane} {head.seq} {head.id.hex()[:8]} {int(head.forked)}"
            )
            self.seen[machine.name, group, head.author, head.lane] = head.seq
            if world.is_honest(machine.name) and machine.views[group].is_introduced:
                self._check_time(machine, group, head)
            if not world.is_honest(machine.name) or not world.is_honest(author) or author in self.may_fork:
                continue
            if head.forked:
                self.find("author.ended", f"{machine.name} ended lane {head.lane} of {author} at {head.seq}")
            known = self.signed.setdefault((group, head.author, head.lane, head.seq), head.id)
            if known != head.id:
                self.find("author.forks", f"{author} has two entries {head.lane}/{head.seq}")

    def _check_time(self, machine: Machine, group: bytes, head: Head) -> None:
        """Nothing is taken whose time is too far ahead of this machine's clock."""
        log = None if machine.node is None else machine.node.logs.get(group)
        lane = None if log is None else log.lane(head.author, head.lane)
        if lane is None or head.author == machine.key.public or head.forked:
            return
        if lane.time_ms > machine.wall_ms + CLOCK_AHEAD_MS_MAX:
            self.find("entry.early", f"{machine.name} took an entry of the future")

    def fork_found(self, machine: Machine, author: bytes) -> None:
        name = self.world.name_of(author)
        self.world.log(f"{machine.name} found a fork of {name}")
        self.counts["forks"] += 1
        if self.world.is_honest(name) and name not in self.may_fork:
            self.find("author.accused", f"{machine.name} holds a fork proof against {name}")

    def penalized(self, machine: Machine, name: str, rule: str) -> None:
        self.counts[f"penalty {rule}"] += 1
        if self.world.is_honest(machine.name) and self.world.is_honest(name):
            self.find("peer.blamed", f"{machine.name} blames {name} for {rule}")

    def alert(self, machine: Machine, rule: str, group: bytes) -> None:
        self.counts[f"alert {rule}"] += 1

    def sent(self, end: End, frame: bytes) -> None:
        self.counts["frames"] += 1
        most = FRAMES_MAX * (1 + self.world.timeline.now_ms // DAY_MS)
        if self.counts["frames"] > most:
            self.find("traffic.endless", f"more than {most} frames; the last from {end.machine.name}")
        self.counts["bytes"] += len(frame)

    def after_step(self, machine: Machine) -> None:
        """What must hold after every batch that a node handled."""
        node = machine.node
        if node is None:
            return
        for group, log in node.logs.items():
            view = machine.views.get(group)
            if view is None or view.frontier.digest(ALL_LANES) != log.frontier.digest(ALL_LANES):
                self.find("loop.other_heads", f"{machine.name}'s loop and writer differ on heads")
        self.chains.after_step(machine)
        if machine.inbox_most > INBOX_MAX:
            self.find("queue.unbounded", f"{machine.name} had {machine.inbox_most} events in line")

    def written(self) -> int:
        """How many entries honest machines have written, as far as they hold them."""
        return sum(
            lane.seq + 1
            for machine in self.world.machines.values()
            if machine.node is not None and self.world.is_honest(machine.name)
            for log in machine.node.logs.values()
            for lane in log.lanes.values()
            if lane.author == machine.key.public
        )

    def after_boot(self, machine: Machine) -> None:
        """What was acknowledged before is still there."""
        self.check_kept(machine)

    # ---- old copies

    def own_heads(self, machine: Machine) -> dict[tuple[bytes, int], int]:
        """How far a machine's own lanes reach, by group and lane."""
        return {
            (group, lane): seq
            for (name, group, author, lane), seq in self.seen.items()
            if name == machine.name and author == machine.key.public
        }

    def before_restore(self, machine: Machine, backup: Backup, *, is_whole_disk: bool) -> None:
        """Decide what an old copy may cost: what nobody holds is lost, what some hold may be signed anew.

        A home that knows that it is old waits for one member; a whole disk does not know and waits a moment.
        """
        for (group, lane), seq in self.own_heads(machine).items():
            first = backup.heads.get((group, lane), -1) + 1
            if first > seq:
                continue
            held = self._held_by_others(machine, group, lane)
            is_unknown = not any(known == group for known, _ in backup.heads)
            if is_unknown or is_whole_disk or min(held, default=-1) < seq:
                self.may_fork.add(machine.name)
                self.world.log(f"{machine.name} may fork")
            if any(known[0] == group for known in self.acknowledged_by.get(machine.name, {})):
                most = max(held, default=-1)
                key = machine.key.public
                self.may_lose |= {(group, key, lane, lost) for lost in range(max(first, most + 1), seq + 1)}
        self.set_back.add(machine.name)
        self.annexes_by.pop(machine.name, None)
        for place in [place for place in self.seen if place[0] == machine.name]:
            del self.seen[place]

    def _held_by_others(self, machine: Machine, group: bytes, lane: int) -> list[int]:
        """How far each honest machine that knows the group holds a lane of this one."""
        world = self.world
        names = {name for name, known, *_ in self.seen if known == group and name != machine.name}
        return [
            self.seen.get((name, group, machine.key.public, lane), -1)
            for name in sorted(names)
            if world.is_honest(name)
        ]

    def may_be_damaged(self, machine: Machine, group: bytes) -> bool:
        """Whether everybody holds what this machine wrote, so that its file may be lost."""
        for (known, lane), seq in self.own_heads(machine).items():
            if known == group and min(self._held_by_others(machine, group, lane), default=-1) < seq:
                return False
        self.set_back.add(machine.name)
        self.annexes_by.pop(machine.name, None)
        return True

    def check_kept(self, machine: Machine) -> None:
        if machine.node is None or machine.name in self.may_fork or not self.world.is_honest(machine.name):
            return
        for place, entry_id in self.acknowledged_by.get(machine.name, {}).items():
            group, author, lane, seq = place
            if place in self.may_lose or self._is_refilling(machine, group):
                continue
            log = machine.node.logs.get(group)
            held = None if log is None else log.lane(author, lane)
            if held is None or log is None or seq > held.seq:
                self.find("entry.lost", f"{machine.name} lost its acknowledged entry {lane}/{seq}")
                return
            queries = queries_of(machine.disk, SimulatedShelf.path(group))
            stored = queries.entry_at(position_of(held.number, seq))
            if stored is None or queries.position_of_id(entry_id) != position_of(held.number, seq):
                self.find("entry.replaced", f"{machine.name} holds another entry at {lane}/{seq}")

        for annex_hash, group in self.annexes_by.get(machine.name, {}).items():
            queries = queries_of(machine.disk, SimulatedShelf.path(group))
            if not self._is_refilling(machine, group) and not queries.annexes([annex_hash]):
                self.find("annex.lost", f"{machine.name} lost an annex of an entry that it acknowledged")

    def _is_refilling(self, machine: Machine, group: bytes) -> bool:
        is_waiting = machine.node is not None and group in machine.node.restored
        return is_waiting and machine.name in self.set_back

    # ---- the end

    def is_settled(self) -> bool:
        """Whether nothing is left to wait for, as far as can be seen from outside."""
        from tests.sim.verdicts import unsettled

        return unsettled(self.world) is None

    def judge_at_end(self) -> None:
        from tests.sim.verdicts import judge

        judge(self.world)
