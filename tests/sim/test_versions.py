"""Members whose programs are of different versions: scenario 25 of the catalogue, J6 and W11."""

from __future__ import annotations

from p2pnode.chain.levelling import BEHIND_BLOCKS_MIN
from p2pnode.chain.report import report_of
from p2pnode.governance import tables
from tests.sim.assembly import QUICK_RULES
from tests.sim.programs import LATER_VERSION, later_rows, parked_count
from tests.sim.scene import LABEL, NAMES, SETTINGS, height_at, log_of, motions, played, world_of
from tests.sim.world import Step, World

FOUR = NAMES[:4]
RULES = {**SETTINGS, "decisions": {**QUICK_RULES, "rule_version": QUICK_RULES["default"]}}


def _raised(at_ms: int, version: int, *names: str) -> list[Step]:
    """The first of them puts later rules to the group, and all of them agree, whatever program they have."""
    steps: list[Step] = [[at_ms, "raise_rules", names[0], LABEL, version, f"rules {version}"]]
    return steps + [[at_ms + 5_000, "ballot", name, LABEL, f"rules {version}", "yes"] for name in names]


def _stages_at(world: World, at_ms: int, *names: str) -> dict[str, str]:
    """What the chains of some machines wait for at a moment; filled while the case is played."""
    stages: dict[str, str] = {}

    def look() -> None:
        stages.update({name: report_of(log_of(world, name)).missing.stage for name in names})

    world.timeline.at(at_ms, look)
    return stages


def _parked_at(world: World, at_ms: int, *names: str) -> dict[str, int]:
    """How many entries are parked at some machines at a moment; filled while the case is played."""
    parked: dict[str, int] = {}

    def look() -> None:
        parked.update({name: parked_count(log_of(world, name).file.chain) for name in names})

    world.timeline.at(at_ms, look)
    return parked


def _rule_version(world: World, name: str) -> int:
    return tables.read_uint(log_of(world, name).file.chain, tables.RULE_VERSION_KEY, 1)


def test_25_an_older_program_keeps_what_it_does_not_know_and_runs_it_after_its_upgrade() -> None:
    """Dave upgrades last: until then the others decide, he passes on, and in the end all hold the same."""
    steps: list[Step] = [
        *([4_000, "upgrade", name, LATER_VERSION] for name in FOUR[:3]),
        [5_000, "append", "alice", LABEL, "unknown", 3],
        [5_500, "append", "dave", LABEL, "large", 2],
        *motions(8_000, "bob"),
        *_raised(20_000, LATER_VERSION, *FOUR),
        [50_000, "append", "alice", LABEL, "unknown", 2],
        *motions(50_100, "alice"),
        # What bob writes reaches carol through dave alone, who knows nothing of it.
        *([60_000, "way", one, other, 0] for one, other in _between("bob", ("alice", "carol"))),
        [60_500, "append", "bob", LABEL, "unknown", 4],
        [65_000, "append", "dave", LABEL, "work", 2],
        *motions(66_000, "bob"),
        *([90_000, "way", one, other, 1] for one, other in _between("bob", ("alice", "carol"))),
        [100_000, "upgrade", "dave", LATER_VERSION],
        [110_000, "append", "dave", LABEL, "unknown", 1],
        *motions(110_100, "dave"),
    ]
    world = world_of(4, steps, end_ms=140_000, settings=RULES)
    parked = _parked_at(world, 19_000, *FOUR)
    stages = _stages_at(world, 99_000, *FOUR)
    heights = height_at(world, 99_000, *FOUR)
    played(world)
    assert parked == dict.fromkeys(FOUR, 5), "everybody keeps them, whatever the program knows"
    assert stages["dave"] == "rules"
    assert heights["dave"] < heights["alice"] == heights["carol"]
    for name in FOUR:
        rows = log_of(world, name).file.chain
        assert _rule_version(world, name) == LATER_VERSION
        assert parked_count(rows) == 0
        assert later_rows(rows) == later_rows(log_of(world, "alice").file.chain)
    counted = sum(row[1][0] for row in later_rows(log_of(world, "alice").file.chain) if row[0])  # type: ignore[index]
    assert counted == 10, "what was long came to nothing, all else counts once"


def _between(name: str, others: tuple[str, ...]) -> list[tuple[str, str]]:
    return [pair for other in others for pair in ((name, other), (other, name))]


def test_25_rules_that_nobody_has_stop_the_order_and_no_node() -> None:
    """All go on writing and passing on; once their programs know the rules they decide what has waited."""
    steps: list[Step] = [
        *_raised(5_000, LATER_VERSION + 1, *FOUR),
        *([30_000 + 1_000 * at, "append", name, LABEL, "work", 2] for at, name in enumerate(FOUR)),
        *motions(40_000, "alice", "dave"),
        [50_000, "kill", "carol"],
        [51_000, "boot", "carol"],
        *([80_000 + 10_000 * at, "upgrade", name, LATER_VERSION + 1] for at, name in enumerate(FOUR)),
        *motions(130_000, "bob"),
    ]
    world = world_of(4, steps, end_ms=160_000, settings=RULES)
    stages = _stages_at(world, 79_000, *FOUR)
    before = height_at(world, 79_000, *FOUR)
    held: dict[str, bytes] = {}
    world.timeline.at(79_000, lambda: held.update({name: _digest(world, name) for name in FOUR}))
    played(world)
    assert set(stages.values()) == {"rules"}
    assert len(set(held.values())) == 1, "they replicate all the same"
    for name in FOUR:
        assert _rule_version(world, name) == LATER_VERSION + 1
        assert log_of(world, name).chain.tip.height > before[name]
    assert len(log_of(world, "alice").undecided) == 0


def _digest(world: World, name: str) -> bytes:
    return log_of(world, name).frontier.digest(frozenset({0, 1, 2}))


def test_25_an_older_program_that_takes_a_snapshot_does_not_run_later_rules() -> None:
    """The state of later rules can be read; a history with them is run again once the program has them."""
    blocks = BEHIND_BLOCKS_MIN + 4
    settings = {**RULES, "checkpoint_entries": 1}
    steps: list[Step] = [
        *([4_000, "upgrade", name, LATER_VERSION] for name in FOUR),
        *_raised(5_000, LATER_VERSION, *FOUR),
        [20_000, "append", "alice", LABEL, "unknown", 2],
    ]
    steps += [[30_000 + 6_000 * at, "append", "alice", LABEL, "work", 1] for at in range(blocks)]
    begin_ms = 30_000 + 6_000 * blocks
    steps += [[begin_ms, "sessions", "erin", 0], [begin_ms, "join", "erin", "alice", LABEL, 1, 0]]
    steps += [[begin_ms + 3_000, "level", "erin", LABEL], [begin_ms + 10_000, "sessions", "erin", 1]]
    steps += [
        [begin_ms + 20_000, "level", "erin", LABEL],
        [begin_ms + 20_000, "append", "alice", LABEL, "unknown", 1],
    ]
    steps += [
        [begin_ms + 40_000, "upgrade", "erin", LATER_VERSION],
        [begin_ms + 41_000, "level", "erin", LABEL],
    ]
    world = world_of(4, steps, others=["erin"], end_ms=begin_ms + 80_000, settings=settings)
    stages = _stages_at(world, begin_ms + 39_000, "erin")
    heights = height_at(world, begin_ms + 39_000, "erin", "alice")
    outcome = played(world)
    assert outcome.counts["alert rules.later"] == 1, "its person is told, once"
    assert stages["erin"] == "rules"
    assert BEHIND_BLOCKS_MIN <= heights["erin"] < heights["alice"]
    report = log_of(world, "erin").level.report()
    assert report.snapshot == heights["erin"]
    assert report.is_checked
