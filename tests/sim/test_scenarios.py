"""The failures and attacks of a group that decides, one fixed case each, by their numbers in the catalogue.

Every case is judged by all watchers; what is asserted here beside is what is special about it. Not here: 17
(encodings: `tests/fuzz`, vectors), 21 (`test_convening.py`), 22 and 25 (`test_keys.py`), 24, and what the
random plans hold too.
"""

from __future__ import annotations

from itertools import combinations

import pytest

from p2pnode.chain.levelling import BEHIND_BLOCKS_MIN
from p2pnode.consensus.format import certificate_of_value
from p2pnode.core import codec
from tests.sim.scene import (
    LABEL,
    NAMES,
    SETTINGS,
    apart,
    blocks_of,
    has_vote,
    height_at,
    log_of,
    motions,
    played,
    views_of,
    voters_of,
    world_of,
)
from tests.sim.voting_lies import VOTING_LIES
from tests.sim.world import Step


def test_1_two_halves_propose_and_meet_again() -> None:
    steps = [
        apart(5_000, NAMES[:2], NAMES[2:4]),
        *motions(6_000, "alice", "carol"),
        apart(20_000, NAMES[:4]),
    ]
    world = world_of(4, steps)
    before = height_at(world, 19_000, *NAMES[:4])
    played(world)
    assert set(before.values()) == {0}
    assert views_of(world)
    assert max(views_of(world)) <= 3
    assert len(log_of(world, "alice").undecided) == 0


@pytest.mark.parametrize(("founders", "minority"), [(3, 1), (5, 1), (7, 2)])
def test_2_a_minority_waits_while_the_others_go_on(founders: int, minority: int) -> None:
    names = NAMES[:founders]
    few, many = names[:minority], names[minority:]
    steps: list[Step] = []
    for start_ms in (5_000, 165_000):
        steps += [apart(start_ms, few, many), *motions(start_ms + 1_000, few[0], many[0])]
        steps.append(apart(start_ms + 140_000, names))
    world = world_of(founders, steps, end_ms=320_000)
    before = height_at(world, 144_000, few[0], many[0])
    played(world)
    assert before[few[0]] == 0
    assert before[many[0]] >= 1


def test_2_without_a_majority_nobody_goes_on() -> None:
    steps = [
        apart(5_000, NAMES[:2], NAMES[2:5]),
        *motions(6_000, "alice", "erin"),
        apart(50_000, NAMES[:5]),
    ]
    world = world_of(5, steps)
    before = height_at(world, 49_000, *NAMES[:5])
    played(world)
    assert set(before.values()) == {0}


def test_3_bad_lines() -> None:
    names = NAMES[:4]
    steps: list[Step] = [
        [4_000, "slow", one, other, 50, 4_000, 30] for one in names for other in names if one != other
    ]
    steps += [[6_000, "way", "alice", "bob", 0], [30_000, "way", "alice", "bob", 1]]
    steps += [step for at_ms in (7_000, 20_000, 40_000) for step in motions(at_ms, "alice", "carol")]
    played(world_of(4, steps, end_ms=90_000))


def test_4_voters_are_cut_off_one_by_one_while_they_finalize() -> None:
    names = NAMES[:4]
    steps = motions(5_000, "alice")
    cut: list[str] = []
    for number, name in enumerate([*names, "carol", "alice", "dave", "bob"]):
        cut = [other for other in cut if other != name] if name in cut else [*cut, name]
        steps.append(
            apart(5_020 + 20 * number, [other for other in names if other not in cut], *([c] for c in cut))
        )
    played(world_of(4, steps))


def test_6_an_old_copy_of_a_voter_signs_nothing_until_it_knows() -> None:
    steps = [
        *motions(5_000, "alice"),
        [8_000, "back_up", "carol"],
        *motions(9_000, "bob"),
        apart(20_000, ["carol"], ["alice", "bob", "dave"]),
        [21_000, "restore", "carol", 0],
        *motions(22_000, "alice"),
        apart(40_000, NAMES[:4]),
    ]
    world = world_of(4, steps)
    outcome = played(world)
    assert outcome.counts["alert restore.unconfirmed"]
    assert outcome.counts["alert restore.confirmed"]
    assert has_vote(world, "carol")


def test_7_a_damaged_voter_fetches_everything_again() -> None:
    steps = [*motions(5_000, "alice", "bob"), [20_000, "damage", "bob", LABEL], *motions(30_000, "carol")]
    world = world_of(4, steps)
    outcome = played(world)
    assert outcome.counts["alert store.set_aside"] == 1
    assert has_vote(world, "bob")


SPLITS = [split for size in (1, 2) for split in combinations(("alice", "bob", "carol"), size)]


@pytest.mark.parametrize("with_one", SPLITS, ids="-".join)
def test_8_a_twin_votes_on_both_sides(with_one: tuple[str, ...]) -> None:
    """The same key runs twice, each time as correct code; whatever the partitions, one block a height."""
    others = [name for name in ("alice", "bob", "carol") if name not in with_one]
    steps = [
        *motions(4_000, "alice"),
        [8_000, "clone", "dave", "twin"],
        apart(8_001, ["dave", *with_one], ["twin", *others]),
        *motions(9_000, with_one[0], others[0]),
        apart(30_000, ["twin", *with_one], ["dave", *others]),
        *motions(31_000, with_one[0], others[0]),
    ]
    world = world_of(4, steps, others=["twin"], liars=["dave", "twin"], twins=(("twin", "dave"),))
    played(world)


@pytest.mark.parametrize("kind", sorted(VOTING_LIES))
def test_9_12_13_a_lying_voter(kind: str) -> None:
    """Votes both ways, blocks that do not hold, bodies that nobody gets: the others go on without."""
    steps: list[Step] = []
    for number in range(10):
        at_ms = 5_000 + 4_000 * number
        steps += [
            *motions(at_ms, "alice" if number % 2 else "bob"),
            [at_ms + 15 * number, "lie", "dave", "alice", LABEL, kind, number],
        ]
    world = world_of(4, steps, liars=["dave"])
    played(world)
    assert len(log_of(world, "alice").undecided) == 0
    assert blocks_of(world)


@pytest.mark.parametrize("silent", NAMES[:4])
def test_11_whoever_is_silent_is_passed_over(silent: str) -> None:
    there = [name for name in NAMES[:4] if name != silent]
    steps: list[Step] = [[4_000, "kill", silent]]
    steps += [step for at_ms in (5_000, 60_000, 120_000) for step in motions(at_ms, there[0], there[2])]
    world = world_of(4, steps, end_ms=180_000)
    before = height_at(world, 179_000, there[0])
    played(world)
    assert before[there[0]] >= 3
    assert max(views_of(world)) <= 4


@pytest.mark.parametrize("offset_ms", [-3_600_000, 3_600_000])
def test_14_a_clock_that_is_wrong_and_jumps(offset_ms: int) -> None:
    steps: list[Step] = [
        [4_000, "clock", "alice", offset_ms],
        *motions(5_000, "bob", "alice"),
        [20_000, "clock", "alice", -offset_ms],
        *motions(25_000, "carol"),
    ]
    world = world_of(4, steps)
    before = height_at(world, 59_000, "bob")
    played(world)
    assert before["bob"] >= 1


def test_15_an_author_forks_while_the_others_decide() -> None:
    steps: list[Step] = [
        [4_000, "join", "mallory", "alice", LABEL, 5, 0],
        *motions(20_000, "alice"),
        [20_010, "lie", "mallory", "bob", LABEL, "fork", 0],
        [20_030, "lie", "mallory", "bob", LABEL, "fork", 3],
        *motions(20_050, "bob", "carol"),
        *motions(40_000, "dave"),
    ]
    world = world_of(4, steps, others=["mallory"], liars=["mallory"])
    outcome = played(world)
    assert outcome.counts["forks"] >= 4


@pytest.mark.parametrize(
    "kind", ["flood", "gap", "acks_of_nothing", "bomb", "endless_wants", "strangers", "flipped"]
)
def test_16_17_a_flood_keeps_nobody_from_deciding(kind: str) -> None:
    steps: list[Step] = [[4_000, "join", "mallory", "alice", LABEL, 5, 0]]
    for number in range(4):
        at_ms = 20_000 + 5_000 * number
        steps += [[at_ms, "lie", "mallory", NAMES[number], LABEL, kind, number], *motions(at_ms, "bob")]
    world = world_of(4, steps, others=["mallory"], liars=["mallory"])
    before = height_at(world, 59_000, "alice")
    played(world)
    assert before["alice"] >= 2


def test_18_voters_come_and_go_with_every_block() -> None:
    steps: list[Step] = [
        [4_000, "join", "carol", "alice", LABEL, 5, 0],
        [4_100, "join", "dave", "alice", LABEL, 5, 0],
        [20_000, "voter", "alice", LABEL, "leave", 0],
        [30_000, "voter", "carol", LABEL, "leave", 0],
        [40_000, "voter", "alice", LABEL, "return"],
        [50_000, "voter", "bob", LABEL, "leave", 0],
        *motions(51_000, "dave"),
        [70_000, "voter", "bob", LABEL, "return"],
        [70_001, "voter", "carol", LABEL, "return"],
    ]
    world = world_of(2, steps, others=["carol", "dave"], end_ms=120_000)
    played(world)
    assert voters_of(world) == ["alice", "bob", "carol", "dave"]
    assert len({codec.decode(block.configuration)[3] for block in blocks_of(world)}) >= 4


def test_18_somebody_is_removed_by_a_decision() -> None:
    steps: list[Step] = [
        [4_000, "join", "erin", "alice", LABEL, 5, 0],
        [20_000, "propose", "bob", LABEL, "remove", "erin", "out"],
        *([25_000, "ballot", name, LABEL, "out", "yes"] for name in NAMES[:4]),
        [26_000, "append", "erin", LABEL, "work", 2],
        [60_000, "append", "erin", LABEL, "work", 2],
    ]
    world = world_of(4, steps, others=["erin"], end_ms=90_000)
    played(world)
    assert log_of(world, "alice").state.standing(world.machines["erin"].key.public) == "removed"


def test_19_a_voter_who_went_goes_on_voting() -> None:
    steps: list[Step] = [[10_000, "voter", "dave", LABEL, "farewell", 0]]
    for number, kind in enumerate(["both_ways", "other_header", "empty_block", "early_close", "skips"]):
        at_ms = 25_000 + 5_000 * number
        steps += [[at_ms, "lie", "dave", "alice", LABEL, kind, number], *motions(at_ms, "alice")]
    world = world_of(4, steps, liars=["dave"])
    played(world)
    assert voters_of(world) == ["alice", "bob", "carol"]
    assert len(blocks_of(world)) >= 3


def test_10_too_many_liars_are_named_and_the_order_stops() -> None:
    """Two of four run twice, so that both halves decide: each half learns who signed both ways (I11)."""
    steps = [
        [4_000, "clone", "carol", "carol2"],
        [4_000, "clone", "dave", "dave2"],
        apart(4_001, ["alice", "carol", "dave"], ["bob", "carol2", "dave2"]),
        *motions(5_000, "alice", "bob"),
        apart(170_000, ["alice", "bob", "carol", "dave", "carol2", "dave2"]),
        *motions(180_000, "alice", "bob"),
    ]
    twins = (("carol2", "carol"), ("dave2", "dave"))
    world = world_of(
        4,
        steps,
        others=["carol2", "dave2"],
        liars=["carol", "dave", "carol2", "dave2"],
        end_ms=300_000,
        is_within_bounds=False,
        twins=twins,
    )
    played(world)
    assert len({block.id for name in ("alice", "bob") for block in blocks_of(world, name)[:1]}) == 2
    told = [name for name in ("alice", "bob") if "chain.schism" in world.machines[name].alerts]
    assert told
    for name in told:
        state = log_of(world, name).state
        named = world.machines[name].facts["chain.schism"]["culprits"]
        members = {who: state.member_of(world.machines[who].key.public) for who in NAMES[:4]}
        guilty = {who for who, member in members.items() if member is not None and member.id.hex() in named}
        assert guilty == {"carol", "dave"}


@pytest.mark.parametrize("kind", ["bad_chunk", "old_height", "wrong_epoch", "other_history"])
def test_23_a_newcomer_takes_a_snapshot_among_liars_and_is_killed_on_the_way(kind: str) -> None:
    """Killed again and again while it asks: the state stays whole, and history gives the same (I15)."""
    blocks = BEHIND_BLOCKS_MIN + 4
    settings = {**SETTINGS, "checkpoint_entries": 1}
    steps: list[Step] = [[3_000 + 6_000 * at, "append", "alice", LABEL, "work", 1] for at in range(blocks)]
    steps += [[4_000, "level_lie", "dave", kind]]
    first = "dave" if kind == "other_history" else ""  # one answer brings all of history: dave is to give it
    begin_ms = 3_000 + 6_000 * blocks
    # Without sessions, what erin has is what a snapshot brought.
    steps += [[begin_ms, "sessions", "erin", 0], [begin_ms, "join", "erin", "alice", LABEL, 1, 0]]
    for at in range(5):
        at_ms = begin_ms + 3_000 + 4_000 * at
        steps += [[at_ms, "level", "erin", LABEL, first], [at_ms + 3_990, "kill", "erin"]]
        steps.append([at_ms + 3_995, "boot", "erin"])
    end_ms = begin_ms + 38_000
    steps += [[end_ms - 12_000, "level", "erin", LABEL, first]]
    world = world_of(4, steps, others=["erin"], liars=["dave"], end_ms=end_ms, settings=settings)
    seen: list[int] = []
    world.timeline.at(end_ms - 10, lambda: seen.append(log_of(world, "erin").level.snapshot))
    outcome = played(world)
    assert seen[0] >= BEHIND_BLOCKS_MIN
    report = log_of(world, "erin").level.report()
    assert report.is_checked
    assert report.snapshot == seen[0]
    if kind != "old_height":
        assert sum(count for name, count in outcome.counts.items() if name.startswith("penalty")) > 0


DAY_MS = 24 * 3_600_000


@pytest.mark.parametrize("is_returning", [False, True])
def test_20_two_of_five_are_gone_and_the_others_convene_again(is_returning: bool) -> None:
    there = NAMES[:3]
    steps: list[Step] = [[5_000, "kill", "dave"], [5_000, "kill", "erin"], *motions(6_000, "alice")]
    steps += [[29 * DAY_MS + hour * 3_600_000, "agree", name, LABEL] for hour in range(24) for name in there]
    if is_returning:
        steps.append([14 * DAY_MS + 3_600_000, "boot", "dave"])
    world = world_of(5, steps, end_ms=31 * DAY_MS)
    before = height_at(world, 31 * DAY_MS - 1, *there)
    voters: dict[str, list[str]] = {}
    world.timeline.at(31 * DAY_MS - 1, lambda: voters.update(alice=voters_of(world)))
    outcome = played(world)
    assert min(before.values()) >= 1
    certificate = certificate_of_value(codec.decode(blocks_of(world)[0].certificate))
    if is_returning:
        assert certificate.attempt == 0
    else:
        assert outcome.counts["alert convocation.asked"] >= 2
        assert certificate.attempt == 1
        assert voters["alice"] == ["alice", "bob", "carol"]


def test_a_decision_takes_two_round_trips() -> None:
    """Entry, proposal, N and F go one way each: nothing on the way is announced first and asked for then."""
    half_ms, at_ms = 50, 30_000
    names = NAMES[:4]
    steps: list[Step] = [[1, "slow", a, b, half_ms, half_ms, 0] for a in names for b in names if a != b]
    world = world_of(4, [*steps, *motions(at_ms, "alice"), *motions(at_ms + 10_000, "bob")])
    found_ms: list[int] = []
    for looked_ms in (at_ms + 9_000, at_ms + 19_000):
        world.timeline.at(looked_ms, lambda: found_ms.append(max(world.watch.chains.first_ms.values())))
    played(world)
    waits_ms = [found_ms[0] - at_ms, found_ms[1] - at_ms - 10_000]
    assert all(0 < wait_ms <= 4 * half_ms + 20 for wait_ms in waits_ms), "four ways, and a few ms on machines"
