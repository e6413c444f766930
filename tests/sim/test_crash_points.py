"""The power goes at every statement of one short life of a group, before it and after it."""

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
STRIDE = 3
"""Every third statement, each time from another one on: together the three tests stop at all of them."""


def _case(name: str, at_ms: int, statement: int, is_after: int) -> Case:
    cut: Step = [at_ms, "power_in", name, statement, is_after]
    boots: list[Step] = [[END_MS - 2_000, "boot", name]]
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


@pytest.mark.parametrize("first", range(STRIDE))
@pytest.mark.parametrize(("name", "from_ms"), [("alice", 50), ("bob", 900)])
def test_power_goes_at_every_statement(name: str, from_ms: int, first: int) -> None:
    total = _statements(name, from_ms)
    assert total > 100
    cuts = 0
    for statement in range(1 + first, total, STRIDE):
        world = World(_case(name, from_ms, statement, statement % 2))
        outcome = world.play()
        assert not outcome.rule, f"statement {statement}: {outcome.rule} {outcome.detail}"
        cuts += world.machines[name].boots > 1
    assert cuts, "no power cut happened"
