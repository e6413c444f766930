"""From a seed to a case: the only place where chance decides what happens."""

from __future__ import annotations

from random import Random

from tests.sim.assembly import QUICK_RULES
from tests.sim.lies import LIES
from tests.sim.voting_lies import VOTING_LIES
from tests.sim.world import Case, Step

LABEL = "circle"
HONEST = ("alice", "bob", "carol", "dave", "erin", "frank", "grace")
LIARS = ("mallory", "trudy")
CHAOS_MS = 180_000
_HOUR_MS = 60 * 60 * 1000
_KINDS = (
    "work", "work", "open", "note", "claim", "batch", "unknown", "large",
    "make", "give", "give", "sign", "sign", "use",
    "common", "common", "common", "common", "book", "book",
)  # fmt: skip
_QUIET_LIES = tuple(LIES)
_VOTING_LIES = tuple(VOTING_LIES)
_FOUNDERS = (1, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4)
_MANY_FOUNDERS = (5, 5, 6, 7)
LARGE_EVERY = 20
"""One seed in so many has a large network: machines cost time, each has a line to every other one."""

TWINS_EVERY = 10
"""In one seed in so many a founder lies by running twice; few other groups are large enough for it."""

_MACHINES = 4
_DELTAS_S = (2, 5, 10, 30)


class Plan:
    """A case while it is being thought out.

    Shapes: founders vote from the start, liars among them; of those who join later the first few that a
    founder invites get to vote too. `spare` is how many more voters may be lost.
    """

    def __init__(self, seed: int, *, has_twins: bool) -> None:
        self.random = random = Random(seed)
        self.seed = seed
        is_large = seed % LARGE_EVERY == LARGE_EVERY - 1
        has_twins = has_twins or seed % TWINS_EVERY == TWINS_EVERY // 2
        founders = 4 if has_twins else random.choice(_MANY_FOUNDERS if is_large else _FOUNDERS)
        lying_voters = (founders - 1) // 3
        self.voting_liars = list(LIARS[: 1 if has_twins else random.randint(0, lying_voters)])
        self.spare = lying_voters - len(self.voting_liars)
        honest = founders - len(self.voting_liars)
        joining = max(random.randint(0, 2), 2 - honest) if founders > 2 else random.randint(1, 3)
        if not is_large:
            joining = min(joining, _MACHINES - founders)
        self.honest = list(HONEST[: min(honest + joining, len(HONEST))])
        self.founders = [*self.honest[:honest], *self.voting_liars]
        others = random.choice([0, 0, 1, 1, 2])
        self.liars = list(dict.fromkeys([*self.voting_liars, *LIARS[:others]]))
        if founders + joining + others > _MACHINES:
            self.liars = self.voting_liars
        self.twins: list[tuple[str, str]] = []
        if self.voting_liars and (has_twins or random.random() < 0.4):
            self.twins = [(f"{self.voting_liars[0]}2", self.voting_liars[0])]
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
        machines = (*self.names, *(twin for twin, _ in self.twins))
        liars = (*self.liars, *(twin for twin, _ in self.twins))
        return Case(f"seed {self.seed}", machines, liars, tuple(steps), CHAOS_MS, twins=tuple(self.twins))


def plan(seed: int, *, has_twins: bool = False) -> Case:
    """The case of a seed. Shapes: has_twins lets a founder run twice whatever the seed."""
    made = Plan(seed, has_twins=has_twins)
    random = made.random
    _gather(made)
    for _ in range(random.randint(3, 9)):
        name = random.choice(made.names)
        made.add(made.moment(), "append", name, LABEL, random.choice(_KINDS), random.randint(1, 4))
    faults = random.sample(_FAULTS, random.randint(1, 3))
    for fault in faults:
        fault(made)
    for _ in range(random.randint(1, 5)):
        for liar in made.liars:
            kinds = _VOTING_LIES if random.random() < 0.5 else _QUIET_LIES
            victim = random.choice(made.honest)
            made.add(made.moment(), "lie", liar, victim, LABEL, random.choice(kinds), random.randrange(100))
    for twin, name in made.twins:
        _twin(made, twin, name)
    if random.random() < 0.4:
        _goings(made)
    if random.random() < 0.3:
        _decisions(made)
    return made.case()


def _gather(made: Plan) -> None:
    """Found the group, and let the others join: liars by somebody whose invitation gives no vote."""
    random = made.random
    settings = {"delta_seconds": random.choice(_DELTAS_S), "hearing_hours": 0, "decisions": QUICK_RULES}
    founders = made.founders[0] if len(made.founders) == 1 else made.founders
    made.add(100, "found", founders, LABEL, settings)
    joiners = [name for name in made.names if name not in made.founders]
    for index, name in enumerate(joiners):
        late = random.random() < 0.3
        at = made.moment() if late else 1_000 + 300 * index
        first = joiners[: joiners.index(name)]
        inviters = [other for other in made.founders if other not in made.liars]
        if name in made.liars and len(made.founders) < 4:
            inviters = [other for other in first if other not in made.liars]
            at = max(at, 20_000)
        elif late:
            inviters += [other for other in first if other not in made.liars]
        if not inviters:
            continue
        expiry_ms = 90_000 if late and random.random() < 0.2 else 0
        made.add(at, "join", name, random.choice(inviters), LABEL, random.choice([1, 2, 10]), expiry_ms)


def _twin(made: Plan, twin: str, name: str) -> None:
    """A machine runs twice, each time as correct code, among others that are cut in two again and again."""
    random = made.random
    at = random.randrange(3_000, 60_000)
    made.add(at, "clone", name, twin)
    for _ in range(random.randint(2, 5)):
        sides = [[name], [twin]]
        for other in made.honest:
            sides[random.randrange(2)].append(other)
        made.add(at + 1, "partition", sides)
        made.add(at + 500, "propose", random.choice(made.honest), LABEL, "text", "", f"at {at}")
        made.add(at + 700, "append", twin, LABEL, "work", 1)
        at += random.randint(5_000, 40_000)


def _goings(made: Plan) -> None:
    """Somebody goes for a while or for ever; of voters only as many as the others can do without."""
    random = made.random
    name = random.choice(made.honest)
    if made.voting_liars or (name in made.founders and len(made.founders) < 2):
        return
    at = made.moment()
    if name == made.honest[-1] and name not in made.founders:
        made.add(at, "leave", name, LABEL)
        return
    made.add(
        at, "voter", name, LABEL, random.choice(["leave", "leave", "farewell"]), random.choice([None, 0])
    )
    made.add(at + random.randint(5_000, 60_000), "voter", name, LABEL, "return")


def _decisions(made: Plan) -> None:
    """Put something to the group, and vote on it."""
    random = made.random
    for number in range(random.randint(1, 2)):
        subject = random.choice(["text", "voting_role", "remove"])
        targets = [name for name in made.honest if name not in made.founders]
        if subject != "text" and not targets:
            continue
        target = "" if subject == "text" else random.choice(targets)
        at = random.randrange(20_000, CHAOS_MS // 2)
        mark = f"motion {number}"
        made.add(at, "propose", random.choice(made.honest), LABEL, subject, target, mark)
        for name in made.honest:
            choice = random.choice(["yes", "yes", "no"])
            made.add(at + random.randint(5_000, 80_000), "ballot", name, LABEL, mark, choice)


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
    """An old copy comes back; a whole disk set back may cost a voter its key, so only where one is spared.

    Cut off among those who know less than it did, any copy may: beside a lying voter that is one too many.
    """
    if made.voting_liars and made.spare < 1:
        return
    name = made.random.choice(made.honest)
    at = made.random.randrange(5_000, CHAOS_MS // 2)
    is_whole = made.random.random() < 0.4
    if is_whole and made.spare < 1:
        is_whole = False
    made.spare -= is_whole
    made.add(at, "back_up", name)
    made.add(at + made.random.randint(1_000, 60_000), "restore", name, int(is_whole))


def _swizzle(made: Plan) -> None:
    """Machines are cut off one by one and come back in another order."""
    random = made.random
    names = random.sample(made.honest, random.randint(1, len(made.honest)))
    at, pause_ms = made.moment(), random.randint(500, 10_000)
    cut: list[str] = []
    for number, name in enumerate([*names, *random.sample(names, len(names))]):
        cut = [other for other in cut if other != name] if name in cut else [*cut, name]
        rest = [other for other in made.names if other not in cut]
        made.add(at + number * pause_ms, "partition", [rest, *([other] for other in cut)])


def _slow_voters(made: Plan) -> None:
    """Some machines hear and say everything late."""
    for name in made.random.sample(made.names, made.random.randint(1, 2)):
        at = made.moment()
        for other in made.names:
            if other != name:
                made.add(at, "slow", name, other, 500, 5_000, 20)
                made.add(at, "slow", other, name, 500, 5_000, 20)


def _damages(made: Plan) -> None:
    made.add(made.moment(), "damage", made.random.choice(made.honest), LABEL)


_FAULTS = (
    _partitions,
    _partitions,
    _swizzle,
    _slow_voters,
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
