"""The power goes, or the process dies, at every statement of one short life of a group: scenario 5."""

import pytest

from tests.sim.world import Case, Step, World

LIFE: tuple[Step, ...] = (
    [100, "found", "alice", "circle"],
    [1_000, "join", "bob", "alice", "circle", 2, 0],
    [5_000, "append", "alice", "circle", "note", 2],
    [6_000, "append", "bob", "circle", "claim", 2],
    [6_500, "append", "alice", "circle", "open", 1],
    [7_000, "append", "bob", "circle", "work", 1],
    [7_001, "append", "bob", "circle", "note", 1],
)
END_MS = 12_000
STRIDE = 12
"""Every twelfth statement, each time from another one on: together the tests stop at all of them, and one of
them runs always."""

FIRSTS = [5, *(pytest.param(first, marks=pytest.mark.long) for first in range(STRIDE) if first != 5)]


def _case(name: str, at_ms: int, statement: int, is_after: int) -> Case:
    """The power goes; or the process dies, comes back, is heard by others, and then the power goes."""
    is_power_cut = statement % 4 < 2
    cut: Step = [at_ms, "power_in", name, statement, is_after, int(is_power_cut)]
    boots: list[Step] = [[END_MS - 2_000, "boot", name]]
    if not is_power_cut:
        boots = [
            [END_MS - 4_500, "boot", name],
            [END_MS - 2_000, "power", name],
            [END_MS - 1_900, "boot", name],
            [END_MS - 1_800, "append", name, "circle", "work", 1],
        ]
    steps = sorted([*LIFE, cut, *boots], key=lambda step: step[0])
    return Case(f"cut {name} {statement}", ("alice", "bob"), (), tuple(steps), END_MS)


def _statements(name: str, from_ms: int) -> int:
    """How many statements a machine's disk sees from a moment on."""
    case = Case("whole", ("alice", "bob"), (), LIFE, END_MS)
    world = World(case)
    seen: list[int] = []
    world.timeline.at(from_ms, lambda: seen.append(world.machines[name].disk.statements))
    assert not world.play().rule
    return world.machines[name].disk.statements - seen[0]


@pytest.mark.parametrize("first", FIRSTS)
@pytest.mark.parametrize(("name", "from_ms"), [("alice", 50), ("bob", 900)])
def test_5_power_goes_at_every_statement(name: str, from_ms: int, first: int) -> None:
    total = _statements(name, from_ms)
    assert total > 100
    cuts = 0
    for statement in range(1 + first, total, STRIDE):
        world = World(_case(name, from_ms, statement, statement // STRIDE % 2))
        outcome = world.play()
        assert not outcome.rule, f"statement {statement}: {outcome.rule} {outcome.detail}"
        cuts += world.machines[name].boots > 1
    assert cuts, "no power cut happened"
