"""How long decisions take among members who are on-line only part of the time: `scripts/sim --part-time`.

Real nodes, whose machines are switched on for an hour on average (C 5.7). A wish is a proposal that somebody
puts to the group while on-line; it is decided once it stands in a block that is final at one node.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from p2pnode.consensus.format import decode_body
from p2pnode.group_log import GroupLog
from tests.sim.assembly import QUICK_RULES
from tests.sim.plans import HONEST, LABEL
from tests.sim.world import Case, Step, World

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
DAYS = 18
WISHES = 12
SESSION_MS = HOUR_MS
RELAY = "relay"
GROUPS = ((5, 20, False), (5, 20, True), (5, 50, False), (9, 30, False))


@dataclass(frozen=True)
class Waiting:
    """What one kind of group measured. Units: hours from a wish to its first final block."""

    name: str
    median_hours: float
    p95_hours: float
    votes_per_block: float
    undecided: int


def sessions(random: Random, online_percent: int, until_ms: int) -> Iterator[tuple[int, int]]:
    """When a machine is switched on and off again, with pauses that give the wanted share."""
    pause_ms = SESSION_MS * (100 - online_percent) / online_percent
    at_ms = HOUR_MS + random.expovariate(1 / pause_ms)
    while at_ms < until_ms:
        end_ms = at_ms + max(60_000, random.expovariate(1 / SESSION_MS))
        yield int(at_ms), int(end_ms)
        at_ms = end_ms + random.expovariate(1 / pause_ms)


def case_of(seed: int, voters: int, online_percent: int, *, has_relay: bool) -> tuple[Case, list[int]]:
    """A case, and the times of its wishes in order of their marks."""
    random = Random(seed)
    names = [*HONEST, "heidi", "ivan"][:voters]
    settings = {"decisions": QUICK_RULES}
    steps: list[Step] = [[100, "found", names, LABEL, settings]]
    if has_relay:
        steps.append([1_000, "join", RELAY, names[0], LABEL, 1, 0])
    online: list[tuple[int, int, str]] = []
    for name in names:
        steps.append([HOUR_MS // 2, "kill", name])
        for start_ms, end_ms in sessions(random, online_percent, DAYS * DAY_MS):
            online.append((start_ms, end_ms, name))
            steps += [[start_ms, "boot", name], [end_ms, "kill", name]]
    early = [session for session in online if session[0] < 12 * DAY_MS]
    wishes = sorted(random.sample(early, WISHES))
    times = []
    for number, (start_ms, end_ms, name) in enumerate(wishes):
        times.append(random.randrange(start_ms + 1, end_ms))
        steps.append([times[-1], "propose", name, LABEL, "text", "", f"wish {number}"])
    machines = (*names, RELAY) if has_relay else tuple(names)
    ordered = tuple(sorted(steps, key=lambda step: step[0]))
    return Case(f"part time {seed}", machines, (), ordered, DAYS * DAY_MS), times


def decided_ms(world: World, log: GroupLog) -> dict[tuple[int, int], int]:
    """When entries were first final anywhere, by the number of their lane and their seq."""
    final_ms: dict[tuple[int, int], int] = {}
    for block in log.file.chain.blocks(1, log.chain.tip.height):
        at_ms = world.watch.chains.first_ms[log.group, block.height]
        for entry in decode_body(block.body).cut:
            lane = log.numbers[entry.key, entry.lane]
            for seq in range(entry.seq, -1, -1):
                if (lane, seq) in final_ms:
                    break
                final_ms[lane, seq] = at_ms
    return final_ms


def measure(voters: int, online_percent: int, seeds: int, *, has_relay: bool) -> Waiting:
    """Play one kind of group with several seeds."""
    waits: list[int] = []
    votes = blocks = wished = 0
    for seed in range(seeds):
        case, times = case_of(seed, voters, online_percent, has_relay=has_relay)
        world = World(case)
        outcome = world.play()
        assert not outcome.rule, f"{outcome.rule}: {outcome.detail}"
        machine = next(machine for machine in world.machines.values() if machine.node is not None)
        assert machine.node is not None
        log = machine.node.logs[world.groups[LABEL]]
        final_ms = decided_ms(world, log)
        for number, time_ms in enumerate(times):
            place = world.wishes.get(f"wish {number}")
            if place is not None:
                wished += 1
                at_ms = final_ms.get((log.numbers[place[0], 0], place[1]))
                waits += [] if at_ms is None or at_ms > case.end_ms else [at_ms - time_ms]
        votes += sum(lane.seq + 1 for lane in log.lanes.values() if lane.lane == 1)
        blocks += log.chain.tip.height
    waits.sort()
    relay = " and a member without a vote always" if has_relay else ""
    return Waiting(
        f"{voters} voters, each there {online_percent} % of the time{relay}",
        waits[len(waits) // 2] / HOUR_MS,
        waits[len(waits) * 95 // 100] / HOUR_MS,
        votes / blocks,
        wished - len(waits),
    )


def report(seeds: int) -> None:
    """Measure and print the groups that the targets name."""
    for voters, online_percent, has_relay in GROUPS:
        found = measure(voters, online_percent, seeds, has_relay=has_relay)
        print(
            f"{found.name}: median {found.median_hours:.1f} h, p95 {found.p95_hours:.1f} h, "
            f"{found.votes_per_block:.1f} entries of votes a block, {found.undecided} undecided"
        )
