"""A year of a small group whose members are seldom there: `scripts/sim --year SEED`; a short one runs in CI.

Each member is on-line a fifth of the time, an hour or so at once. They give, take and decide; somebody
joins, a vote moves to another device, a voter takes a holiday, a phrase brings a member back, and programs
are upgraded one after the other while the group takes up their rules: once with one member behind all others,
once before most have the program. What happens has its day by the share of the year that is over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from p2pnode.governance import tables
from tests.sim.assembly import QUICK_RULES
from tests.sim.part_time import DAY_MS, HOUR_MS, decided_ms, sessions
from tests.sim.plans import HONEST, LABEL
from tests.sim.programs import LATER_VERSION, later_rows, parked_count
from tests.sim.world import Case, Outcome, Step, World

FOUNDERS = HONEST[:5]
JOINING, TABLET, FOUND_AGAIN = "frank", "tablet", "dave2"
_EVERYBODY = (*FOUNDERS, JOINING, TABLET, FOUND_AGAIN)
_PHRASE_DAYS_MIN = 60
"""Whoever comes back by a phrase waits a week for objections; a shorter year has no room for that."""

_WISH_EVERY_MS = 8 * HOUR_MS
_KINDS = ("work", "work", "open", "note", "claim", "batch", "make", "give", "sign", "sign", "use", "unknown")


@dataclass(frozen=True)
class Year:
    """What came of a year. Units: hours from a wish to its first final block."""

    outcome: Outcome
    blocks: int
    waits_hours: list[float]
    undecided: int
    later: int
    """How many entries of later rules were run."""

    def __str__(self) -> str:
        waits = sorted(self.waits_hours)
        middle, late = waits[len(waits) // 2], waits[len(waits) * 95 // 100]
        return (
            f"{self.outcome.rule or 'nothing found'}: {self.outcome.entries} entries, {self.blocks} blocks; "
            f"{self.later} entries of later rules run; {len(waits)} wishes decided in {middle:.1f} h "
            f"(median) and {late:.1f} h (p95), {self.undecided} undecided; digest {self.outcome.digest}"
        )


@dataclass
class _Plan:
    """A year while it is thought out. Shapes: sessions are (start, end) by the person who is there."""

    random: Random
    days: int
    online_percent: int
    steps: list[Step] = field(default_factory=list)
    sessions: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def at(self, share: float) -> int:
        """The time when so much of the year is over."""
        return int(share * self.days * DAY_MS)

    def add(self, at_ms: int, verb: str, *arguments: object) -> None:
        self.steps.append([at_ms, verb, *arguments])

    def when_there(self, who: str, share: float, verb: str, *arguments: object) -> None:
        """Do something in the first session of somebody that begins later."""
        start_ms = next((start for start, _ in self.sessions[who] if start >= self.at(share)), None)
        if start_ms is not None:
            self.add(start_ms + 50_000, verb, *arguments)

    def each_time(self, who: str, first: float, last: float, verb: str, *arguments: object) -> None:
        """Do something in all sessions of somebody between two times."""
        for start_ms, _ in self.sessions[who]:
            if self.at(first) <= start_ms < self.at(last):
                self.add(start_ms + 55_000, verb, *arguments)


def case_of(seed: int, days: int, online_percent: int) -> tuple[Case, list[int]]:
    """A year as a case, and the times of its wishes in order of their marks."""
    plan = _Plan(Random(seed), days, online_percent)
    rules = {**QUICK_RULES, "rule_version": {**QUICK_RULES["default"], "window_hours": 24 * days // 8}}
    plan.add(100, "found", list(FOUNDERS), LABEL, {"decisions": rules}, 1)
    for person in (*FOUNDERS, JOINING):
        plan.sessions[person] = list(sessions(plan.random, online_percent, days * DAY_MS))
        machines = {"bob": ["bob", TABLET]}.get(person, [person])
        _switch(plan, machines, plan.sessions[person], 0, days * DAY_MS)
    plan.sessions[FOUND_AGAIN] = plan.sessions["dave"]
    wishes = _everyday(plan)
    _keys_and_goings(plan)
    _versions(plan)
    ordered = tuple(sorted(plan.steps, key=lambda step: step[0]))
    return Case(f"year {seed}", _EVERYBODY, (), ordered, days * DAY_MS), wishes


def _switch(plan: _Plan, machines: list[str], times: list[tuple[int, int]], first: int, last: int) -> None:
    """Switch machines on and off together, as somebody is there."""
    for name in machines:
        plan.add(HOUR_MS // 2, "kill", name)
        for start_ms, end_ms in times:
            if first <= start_ms < last:
                plan.steps += [[start_ms, "boot", name], [end_ms, "kill", name]]


def _everyday(plan: _Plan) -> list[int]:
    """Let people give and take, and put something to the group about once a week; when they did."""
    wishes: list[int] = []
    last_ms = plan.at(0.95)
    there = sorted((start, end, name) for name in FOUNDERS for start, end in plan.sessions[name])
    for start_ms, end_ms, name in there:
        at_ms = plan.random.randrange(start_ms, end_ms)
        if plan.random.random() < 0.5 and at_ms > start_ms + 10_000:
            plan.add(at_ms, "append", name, LABEL, plan.random.choice(_KINDS), plan.random.randint(1, 3))
        is_week_over = not wishes or at_ms > wishes[-1] + max(plan.days * DAY_MS // 52, _WISH_EVERY_MS)
        if is_week_over and at_ms > start_ms + 10_000 and at_ms < last_ms:
            plan.add(at_ms, "propose", name, LABEL, "text", "", f"wish {len(wishes)}")
            wishes.append(at_ms)
    return wishes


def _keys_and_goings(plan: _Plan) -> None:
    plan.each_time("alice", 0.05, 0.06, "boot", JOINING)
    plan.when_there("alice", 0.05, "join", JOINING, "alice", LABEL, 10, 0)
    plan.when_there("bob", 0.1, "device", "bob", TABLET, LABEL)
    plan.when_there("bob", 0.3, "rotate", "bob", TABLET, LABEL)
    plan.when_there("carol", 0.52, "voter", "carol", LABEL, "leave")
    plan.when_there("carol", 0.6, "voter", "carol", LABEL, "return")
    if plan.days < _PHRASE_DAYS_MIN:
        plan.add(HOUR_MS // 2, "kill", FOUND_AGAIN)
        return
    # Dave's machine is gone; the new one is there when he is.
    lost_ms = plan.at(0.62)
    plan.steps = [step for step in plan.steps if step[1:3] != ["boot", "dave"] or step[0] < lost_ms]
    _switch(plan, [FOUND_AGAIN], plan.sessions["dave"], lost_ms, plan.days * DAY_MS)
    plan.when_there(FOUND_AGAIN, 0.62, "recover", FOUND_AGAIN, "dave", LABEL, "recovery")


def _versions(plan: _Plan) -> None:
    """Erin upgrades months after all others; the rules after that are decided before most have them."""
    for number, name in enumerate(_EVERYBODY):
        plan.add(plan.at(0.5 if name == "erin" else 0.1 + 0.01 * number), "upgrade", name, LATER_VERSION)
        plan.add(plan.at(0.85 + 0.005 * number), "upgrade", name, LATER_VERSION + 1)
    for version, first, last in ((LATER_VERSION, 0.2, 0.3), (LATER_VERSION + 1, 0.7, 0.8)):
        plan.when_there("alice", first, "raise_rules", "alice", LABEL, version, f"rules {version}")
        for name in FOUNDERS:
            plan.each_time(name, first + 0.005, last, "ballot", name, LABEL, f"rules {version}", "yes")


def play_year(seed: int, days: int = 365, online_percent: int = 20) -> Year:
    """Play a year, and see what came of it."""
    case, times = case_of(seed, days, online_percent)
    world = World(case)
    outcome = world.play()
    node = world.machines["alice"].node
    assert node is not None
    log = node.logs[world.groups[LABEL]]
    decided = decided_ms(world, log)
    waits: list[float] = []
    undecided = 0
    for number, time_ms in enumerate(times):
        place = world.wishes.get(f"wish {number}")
        if place is not None:
            final_ms = decided.get((log.numbers[place[0], 0], place[1]))
            undecided += final_ms is None or final_ms > case.end_ms
            waits += [] if final_ms is None else [(final_ms - time_ms) / HOUR_MS]
    rows = log.file.chain
    if not outcome.rule:
        assert tables.read_uint(rows, tables.RULE_VERSION_KEY, 1) == LATER_VERSION + 1
        assert parked_count(rows) == 0
    later = sum(row[0] for key, row in later_rows(rows) if key)  # type: ignore[index]
    return Year(outcome, log.chain.tip.height, waits, undecided, later)
