"""The failures and attacks of a group that decides, one fixed case each, by their numbers in the catalogue.

Every case is judged by all watchers; what is asserted here beside is what is special about it. Not here: 17
(encodings: `tests/fuzz`, vectors), 21 to 24 as far as they need no network (`tests/reference`, proofs and
snapshots in `tests/unit/consensus`), and what the random plans hold too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

import pytest

from p2pnode.consensus.format import certificate_of_value
from p2pnode.core import codec
from p2pnode.group_log import GroupLog
from p2pnode.store.chain_tables import BlockRow
from tests.sim.assembly import QUICK_RULES
from tests.sim.voting_lies import VOTING_LIES
from tests.sim.world import Case, Outcome, Step, World

LABEL = "circle"
NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace")
SETTINGS = {"delta_seconds": 5, "hearing_hours": 0, "decisions": QUICK_RULES}


def _world(
    founders: int,
    steps: Iterable[Step],
    *,
    others: Sequence[str] = (),
    liars: Sequence[str] = (),
    end_ms: int = 60_000,
    **more: Any,
) -> World:
    first = list(NAMES[:founders])
    steps = sorted([[100, "found", first, LABEL, SETTINGS], *steps], key=lambda step: step[0])
    return World(Case("scenario", (*first, *others), tuple(liars), tuple(steps), end_ms, **more))


def _motions(at_ms: int, *names: str) -> list[Step]:
    """Something to decide from each of them."""
    return [[at_ms, "propose", name, LABEL, "text", "", f"{name} {at_ms}"] for name in names]


def _apart(at_ms: int, *sides: Sequence[str]) -> Step:
    return [at_ms, "partition", [list(side) for side in sides]]


def _played(world: World) -> Outcome:
    outcome = world.play()
    assert not outcome.rule, f"{outcome.rule}: {outcome.detail}"
    return outcome


def _log(world: World, name: str) -> GroupLog:
    node = world.machines[name].node
    assert node is not None
    return node.logs[world.groups[LABEL]]


def _blocks(world: World, name: str = "alice") -> list[BlockRow]:
    log = _log(world, name)
    return log.file.chain.blocks(1, log.chain.tip.height)


def _views(world: World) -> list[int]:
    return [certificate_of_value(codec.decode(block.certificate)).view for block in _blocks(world)]


def _voters(world: World, name: str = "alice") -> list[str]:
    return sorted(world.name_of(key) for key in _log(world, name).chain.voting_keys)


def _has_vote(world: World, name: str) -> bool:
    return world.machines[name].key.public in _log(world, "alice").chain.voting_keys


def _height_at(world: World, at_ms: int, *names: str) -> dict[str, int]:
    """How high the chains of some machines are at a moment; filled while the case is played."""
    heights: dict[str, int] = {}

    def look() -> None:
        heights.update({name: _log(world, name).chain.tip.height for name in names})

    world.timeline.at(at_ms, look)
    return heights


def test_1_two_halves_propose_and_meet_again() -> None:
    steps = [
        _apart(5_000, NAMES[:2], NAMES[2:4]),
        *_motions(6_000, "alice", "carol"),
        _apart(20_000, NAMES[:4]),
    ]
    world = _world(4, steps)
    before = _height_at(world, 19_000, *NAMES[:4])
    _played(world)
    assert set(before.values()) == {0}
    assert _views(world)
    assert max(_views(world)) <= 3
    assert len(_log(world, "alice").undecided) == 0


@pytest.mark.parametrize(("founders", "minority"), [(3, 1), (5, 1), (7, 2)])
def test_2_a_minority_waits_while_the_others_go_on(founders: int, minority: int) -> None:
    names = NAMES[:founders]
    few, many = names[:minority], names[minority:]
    steps: list[Step] = []
    for start_ms in (5_000, 165_000):
        steps += [_apart(start_ms, few, many), *_motions(start_ms + 1_000, few[0], many[0])]
        steps.append(_apart(start_ms + 140_000, names))
    world = _world(founders, steps, end_ms=320_000)
    before = _height_at(world, 144_000, few[0], many[0])
    _played(world)
    assert before[few[0]] == 0
    assert before[many[0]] >= 1


def test_2_without_a_majority_nobody_goes_on() -> None:
    steps = [
        _apart(5_000, NAMES[:2], NAMES[2:5]),
        *_motions(6_000, "alice", "erin"),
        _apart(50_000, NAMES[:5]),
    ]
    world = _world(5, steps)
    before = _height_at(world, 49_000, *NAMES[:5])
    _played(world)
    assert set(before.values()) == {0}


def test_3_bad_lines() -> None:
    names = NAMES[:4]
    steps: list[Step] = [
        [4_000, "slow", one, other, 50, 4_000, 30] for one in names for other in names if one != other
    ]
    steps += [[6_000, "way", "alice", "bob", 0], [30_000, "way", "alice", "bob", 1]]
    steps += [step for at_ms in (7_000, 20_000, 40_000) for step in _motions(at_ms, "alice", "carol")]
    _played(_world(4, steps, end_ms=90_000))


def test_4_voters_are_cut_off_one_by_one_while_they_finalize() -> None:
    names = NAMES[:4]
    steps = _motions(5_000, "alice")
    cut: list[str] = []
    for number, name in enumerate([*names, "carol", "alice", "dave", "bob"]):
        cut = [other for other in cut if other != name] if name in cut else [*cut, name]
        steps.append(
            _apart(5_020 + 20 * number, [other for other in names if other not in cut], *([c] for c in cut))
        )
    _played(_world(4, steps))


def test_6_an_old_copy_of_a_voter_signs_nothing_until_it_knows() -> None:
    steps = [
        *_motions(5_000, "alice"),
        [8_000, "back_up", "carol"],
        *_motions(9_000, "bob"),
        _apart(20_000, ["carol"], ["alice", "bob", "dave"]),
        [21_000, "restore", "carol", 0],
        *_motions(22_000, "alice"),
        _apart(40_000, NAMES[:4]),
    ]
    world = _world(4, steps)
    outcome = _played(world)
    assert outcome.counts["alert restore.unconfirmed"]
    assert outcome.counts["alert restore.confirmed"]
    assert _has_vote(world, "carol")


def test_7_a_damaged_voter_fetches_everything_again() -> None:
    steps = [*_motions(5_000, "alice", "bob"), [20_000, "damage", "bob", LABEL], *_motions(30_000, "carol")]
    world = _world(4, steps)
    outcome = _played(world)
    assert outcome.counts["alert store.set_aside"] == 1
    assert _has_vote(world, "bob")


SPLITS = [split for size in (1, 2) for split in combinations(("alice", "bob", "carol"), size)]


@pytest.mark.parametrize("with_one", SPLITS, ids="-".join)
def test_8_a_twin_votes_on_both_sides(with_one: tuple[str, ...]) -> None:
    """The same key runs twice, each time as correct code; whatever the partitions, one block a height."""
    others = [name for name in ("alice", "bob", "carol") if name not in with_one]
    steps = [
        *_motions(4_000, "alice"),
        [8_000, "clone", "dave", "twin"],
        _apart(8_001, ["dave", *with_one], ["twin", *others]),
        *_motions(9_000, with_one[0], others[0]),
        _apart(30_000, ["twin", *with_one], ["dave", *others]),
        *_motions(31_000, with_one[0], others[0]),
    ]
    world = _world(4, steps, others=["twin"], liars=["dave", "twin"], twins=(("twin", "dave"),))
    _played(world)


@pytest.mark.parametrize("kind", sorted(VOTING_LIES))
def test_9_12_13_a_lying_voter(kind: str) -> None:
    """Votes both ways, blocks that do not hold, bodies that nobody gets: the others go on without."""
    steps: list[Step] = []
    for number in range(10):
        at_ms = 5_000 + 4_000 * number
        steps += [
            *_motions(at_ms, "alice" if number % 2 else "bob"),
            [at_ms + 15 * number, "lie", "dave", "alice", LABEL, kind, number],
        ]
    world = _world(4, steps, liars=["dave"])
    _played(world)
    assert len(_log(world, "alice").undecided) == 0
    assert _blocks(world)


@pytest.mark.parametrize("silent", NAMES[:4])
def test_11_whoever_is_silent_is_passed_over(silent: str) -> None:
    there = [name for name in NAMES[:4] if name != silent]
    steps: list[Step] = [[4_000, "kill", silent]]
    steps += [step for at_ms in (5_000, 60_000, 120_000) for step in _motions(at_ms, there[0], there[2])]
    world = _world(4, steps, end_ms=180_000)
    before = _height_at(world, 179_000, there[0])
    _played(world)
    assert before[there[0]] >= 3
    assert max(_views(world)) <= 4


@pytest.mark.parametrize("offset_ms", [-3_600_000, 3_600_000])
def test_14_a_clock_that_is_wrong_and_jumps(offset_ms: int) -> None:
    steps: list[Step] = [
        [4_000, "clock", "alice", offset_ms],
        *_motions(5_000, "bob", "alice"),
        [20_000, "clock", "alice", -offset_ms],
        *_motions(25_000, "carol"),
    ]
    world = _world(4, steps)
    before = _height_at(world, 59_000, "bob")
    _played(world)
    assert before["bob"] >= 1


def test_15_an_author_forks_while_the_others_decide() -> None:
    steps: list[Step] = [
        [4_000, "join", "mallory", "alice", LABEL, 5, 0],
        *_motions(20_000, "alice"),
        [20_010, "lie", "mallory", "bob", LABEL, "fork", 0],
        [20_030, "lie", "mallory", "bob", LABEL, "fork", 3],
        *_motions(20_050, "bob", "carol"),
        *_motions(40_000, "dave"),
    ]
    world = _world(4, steps, others=["mallory"], liars=["mallory"])
    outcome = _played(world)
    assert outcome.counts["forks"] >= 4


@pytest.mark.parametrize(
    "kind", ["flood", "gap", "acks_of_nothing", "bomb", "endless_wants", "strangers", "flipped"]
)
def test_16_17_a_flood_keeps_nobody_from_deciding(kind: str) -> None:
    steps: list[Step] = [[4_000, "join", "mallory", "alice", LABEL, 5, 0]]
    for number in range(4):
        at_ms = 20_000 + 5_000 * number
        steps += [[at_ms, "lie", "mallory", NAMES[number], LABEL, kind, number], *_motions(at_ms, "bob")]
    world = _world(4, steps, others=["mallory"], liars=["mallory"])
    before = _height_at(world, 59_000, "alice")
    _played(world)
    assert before["alice"] >= 2


def test_18_voters_come_and_go_with_every_block() -> None:
    steps: list[Step] = [
        [4_000, "join", "carol", "alice", LABEL, 5, 0],
        [4_100, "join", "dave", "alice", LABEL, 5, 0],
        [20_000, "voter", "alice", LABEL, "leave", 0],
        [30_000, "voter", "carol", LABEL, "leave", 0],
        [40_000, "voter", "alice", LABEL, "return"],
        [50_000, "voter", "bob", LABEL, "leave", 0],
        *_motions(51_000, "dave"),
        [70_000, "voter", "bob", LABEL, "return"],
        [70_001, "voter", "carol", LABEL, "return"],
    ]
    world = _world(2, steps, others=["carol", "dave"], end_ms=120_000)
    _played(world)
    assert _voters(world) == ["alice", "bob", "carol", "dave"]
    assert len({codec.decode(block.configuration)[3] for block in _blocks(world)}) >= 4


def test_18_somebody_is_removed_by_a_decision() -> None:
    steps: list[Step] = [
        [4_000, "join", "erin", "alice", LABEL, 5, 0],
        [20_000, "propose", "bob", LABEL, "remove", "erin", "out"],
        *([25_000, "ballot", name, LABEL, "out", "yes"] for name in NAMES[:4]),
        [26_000, "append", "erin", LABEL, "work", 2],
        [60_000, "append", "erin", LABEL, "work", 2],
    ]
    world = _world(4, steps, others=["erin"], end_ms=90_000)
    _played(world)
    assert _log(world, "alice").state.standing(world.machines["erin"].key.public) == "removed"


def test_19_a_voter_who_went_goes_on_voting() -> None:
    steps: list[Step] = [[10_000, "voter", "dave", LABEL, "farewell", 0]]
    for number, kind in enumerate(["both_ways", "other_header", "empty_block", "early_close", "skips"]):
        at_ms = 25_000 + 5_000 * number
        steps += [[at_ms, "lie", "dave", "alice", LABEL, kind, number], *_motions(at_ms, "alice")]
    world = _world(4, steps, liars=["dave"])
    _played(world)
    assert _voters(world) == ["alice", "bob", "carol"]
    assert len(_blocks(world)) >= 3


def test_10_too_many_liars_are_named_and_the_order_stops() -> None:
    """Two of four run twice, so that both halves decide: each half learns who signed both ways (I11)."""
    steps = [
        [4_000, "clone", "carol", "carol2"],
        [4_000, "clone", "dave", "dave2"],
        _apart(4_001, ["alice", "carol", "dave"], ["bob", "carol2", "dave2"]),
        *_motions(5_000, "alice", "bob"),
        _apart(170_000, ["alice", "bob", "carol", "dave", "carol2", "dave2"]),
        *_motions(180_000, "alice", "bob"),
    ]
    twins = (("carol2", "carol"), ("dave2", "dave"))
    world = _world(
        4,
        steps,
        others=["carol2", "dave2"],
        liars=["carol", "dave", "carol2", "dave2"],
        end_ms=300_000,
        is_within_bounds=False,
        twins=twins,
    )
    _played(world)
    assert len({block.id for name in ("alice", "bob") for block in _blocks(world, name)[:1]}) == 2
    told = [name for name in ("alice", "bob") if "chain.schism" in world.machines[name].alerts]
    assert told
    for name in told:
        state = _log(world, name).state
        named = world.machines[name].facts["chain.schism"]["culprits"]
        members = {who: state.member_of(world.machines[who].key.public) for who in NAMES[:4]}
        guilty = {who for who, member in members.items() if member is not None and member.id.hex() in named}
        assert guilty == {"carol", "dave"}


DAY_MS = 24 * 3_600_000


@pytest.mark.parametrize("is_returning", [False, True])
def test_20_two_of_five_are_gone_and_the_others_convene_again(is_returning: bool) -> None:
    there = NAMES[:3]
    steps: list[Step] = [[5_000, "kill", "dave"], [5_000, "kill", "erin"], *_motions(6_000, "alice")]
    steps += [[29 * DAY_MS + hour * 3_600_000, "agree", name, LABEL] for hour in range(24) for name in there]
    if is_returning:
        steps.append([14 * DAY_MS + 3_600_000, "boot", "dave"])
    world = _world(5, steps, end_ms=31 * DAY_MS)
    before = _height_at(world, 31 * DAY_MS - 1, *there)
    voters: dict[str, list[str]] = {}
    world.timeline.at(31 * DAY_MS - 1, lambda: voters.update(alice=_voters(world)))
    outcome = _played(world)
    assert min(before.values()) >= 1
    certificate = certificate_of_value(codec.decode(_blocks(world)[0].certificate))
    if is_returning:
        assert certificate.attempt == 0
    else:
        assert outcome.counts["alert convocation.asked"] >= 2
        assert certificate.attempt == 1
        assert voters["alice"] == ["alice", "bob", "carol"]
