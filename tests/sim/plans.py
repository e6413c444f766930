"""From a seed to a case: the only place where chance decides what happens."""

from __future__ import annotations

from random import Random

from tests.sim.lies import LIES
from tests.sim.world import Case, Step

LABEL = "circle"
HONEST = ("alice", "bob", "carol", "dave")
LIARS = ("mallory", "trudy")
CHAOS_MS = 180_000
_HOUR_MS = 60 * 60 * 1000
_KINDS = ("work", "work", "open", "note", "claim", "batch", "unknown", "large")
_QUIET_LIES = tuple(LIES)


class Plan:
    """A case while it is being thought out."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.seed = seed
        self.honest = list(HONEST[: self.random.randint(2, 4)])
        self.liars = list(LIARS[: self.random.choice([0, 0, 1, 1, 2])])
        self.steps: list[Step] = []

    @property
    def names(self) -> list[str]:
        return [*self.honest, *self.liars]

    def add(self, at_ms: int, verb: str, *arguments: object) -> None:
        self.steps.append([min(at_ms, CHAOS_MS - 1), verb, *arguments])

    def moment(self) -> int:
        return self.random.randrange(3_000, CHAOS_MS)

    def case(self) -> Case:
        steps = sorted(self.steps, key=lambda step: step[0])
        return Case(f"seed {self.seed}", tuple(self.names), tuple(self.liars), tuple(steps), CHAOS_MS)


def plan(seed: int) -> Case:
    """The case of a seed."""
    made = Plan(seed)
    random = made.random
    made.add(100, "found", "alice", LABEL)
    for index, name in enumerate(made.names[1:]):
        late = random.random() < 0.3
        at = made.moment() if late else 1_000 + 300 * index
        inviter = random.choice(made.honest[: index + 1]) if late else "alice"
        expiry_ms = 90_000 if late and random.random() < 0.2 else 0
        made.add(at, "join", name, inviter, LABEL, random.choice([1, 2, 10]), expiry_ms)
    for _ in range(random.randint(10, 30)):
        name = random.choice(made.names)
        made.add(made.moment(), "append", name, LABEL, random.choice(_KINDS), random.randint(1, 4))
    faults = random.sample(_FAULTS, random.randint(1, 4))
    for fault in faults:
        fault(made)
    for _ in range(random.randint(1, 5)):
        for liar in made.liars:
            kind = random.choice(_QUIET_LIES)
            made.add(
                made.moment(), "lie", liar, random.choice(made.honest), LABEL, kind, random.randrange(100)
            )
    if random.random() < 0.15 and len(made.honest) > 2:
        made.add(made.moment(), "leave", made.honest[-1], LABEL)
    return made.case()


def _pairs(made: Plan) -> tuple[str, str]:
    first, second = made.random.sample(made.names, 2)
    return first, second


def _partitions(made: Plan) -> None:
    for _ in range(made.random.randint(1, 3)):
        at = made.moment()
        sides: list[list[str]] = [[], []]
        for name in made.names:
            sides[made.random.randrange(2)].append(name)
        made.add(at, "partition", sides)
        made.add(at + made.random.randint(1_000, 60_000), "partition", [made.names])


def _one_way(made: Plan) -> None:
    for _ in range(made.random.randint(1, 4)):
        first, second = _pairs(made)
        at = made.moment()
        made.add(at, "way", first, second, 0)
        made.add(at + made.random.randint(500, 40_000), "way", first, second, 1)


def _bad_lines(made: Plan) -> None:
    for _ in range(made.random.randint(1, 6)):
        first, second = _pairs(made)
        most_ms = made.random.choice([50, 500, 5_000])
        made.add(made.moment(), "slow", first, second, 1, most_ms, made.random.choice([0, 30, 80]))
        made.add(made.moment(), "reset", first, second)


def _couriers(made: Plan) -> None:
    for _ in range(made.random.randint(3, 12)):
        first, second = _pairs(made)
        author = made.random.choice(made.names)
        at = made.moment()
        made.add(
            at, "courier", first, second, LABEL, author, made.random.randrange(6), made.random.randint(1, 30)
        )


def _crashes(made: Plan) -> None:
    for _ in range(made.random.randint(1, 6)):
        name = made.random.choice(made.honest)
        at = made.moment()
        made.add(at, made.random.choice(["kill", "power"]), name)
        made.add(at + made.random.randint(10, 20_000), "boot", name)


def _power_cuts(made: Plan) -> None:
    """The power goes inside a statement, while something is written."""
    for _ in range(made.random.randint(1, 6)):
        name = made.random.choice(made.honest)
        at = made.moment()
        is_after, is_power_cut = made.random.randrange(2), made.random.randrange(2)
        made.add(at, "power_in", name, made.random.randint(1, 120), is_after, is_power_cut)
        made.add(at + 1, "append", name, LABEL, made.random.choice(_KINDS), made.random.randint(1, 4))
        made.add(at + made.random.randint(10, 20_000), "boot", name)


def _full_disks(made: Plan) -> None:
    name = made.random.choice(made.honest)
    at = made.moment()
    made.add(at, "fill", name, made.random.randint(1, 60))
    made.add(at + 1, "append", name, LABEL, "work", 2)
    made.add(at + made.random.randint(10_000, 30_000), "boot", name)


def _clocks(made: Plan) -> None:
    for _ in range(made.random.randint(1, 3)):
        name = made.random.choice(made.honest)
        offset_ms = made.random.choice([-_HOUR_MS, -_HOUR_MS // 3, _HOUR_MS // 20, _HOUR_MS // 3, _HOUR_MS])
        at = made.moment()
        made.add(at, "clock", name, offset_ms)
        if made.random.random() < 0.5:
            made.add(at + made.random.randint(1_000, 60_000), "clock", name, 0)


def _restores(made: Plan) -> None:
    name = made.random.choice(made.honest)
    at = made.random.randrange(5_000, CHAOS_MS // 2)
    made.add(at, "back_up", name)
    made.add(at + made.random.randint(1_000, 60_000), "restore", name, int(made.random.random() < 0.4))


def _damages(made: Plan) -> None:
    made.add(made.moment(), "damage", made.random.choice(made.honest), LABEL)


_FAULTS = (
    _partitions,
    _one_way,
    _bad_lines,
    _couriers,
    _crashes,
    _crashes,
    _power_cuts,
    _power_cuts,
    _full_disks,
    _clocks,
    _restores,
    _damages,
)
