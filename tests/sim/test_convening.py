"""Second convocations of voters, rival and late ones: scenario 21 of the catalogue.

Whoever is cut off for longer than the waiting time may convene although others decided, or convene too
(A5): without liars all of it comes to one block, with a liar on both sides the liar is named.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from p2pnode.consensus.format import certificate_of_value
from p2pnode.core import codec
from tests.sim.scene import (
    LABEL,
    NAMES,
    SETTINGS,
    apart,
    blocks_of,
    height_at,
    log_of,
    motions,
    played,
    voters_of,
    world_of,
)
from tests.sim.world import Step, World

DAY_MS = 24 * 3_600_000
HOUR_MS = 3_600_000
ASKED_MS = 28 * DAY_MS
END_MS = 30 * DAY_MS


def _agreeing(names: Sequence[str], from_ms: int = ASKED_MS, hours: int = 24) -> list[Step]:
    """Persons who agree to convene again, each hour anew, as long as they may be asked."""
    return [[from_ms + hour * HOUR_MS, "agree", name, LABEL] for hour in range(hours) for name in names]


def _attempts(world: World, name: str) -> list[int]:
    return [certificate_of_value(codec.decode(block.certificate)).attempt for block in blocks_of(world, name)]


def _ids(world: World, name: str) -> list[bytes]:
    return [block.id for block in blocks_of(world, name)]


def test_21_only_one_of_two_halves_can_convene() -> None:
    """Both halves have something to decide and agree to convene: three of five may, two may not."""
    many, few = NAMES[:3], NAMES[3:5]
    steps = [
        apart(5_000, many, few),
        *motions(6_000, "alice", "dave"),
        *_agreeing(NAMES[:5]),
    ]
    world = world_of(5, steps, end_ms=END_MS)
    before = height_at(world, END_MS - 1, *NAMES[:5])
    played(world)
    assert min(before[name] for name in many) >= 1
    assert {before[name] for name in few} == {0}
    assert _attempts(world, "dave")[0] == 1
    assert _ids(world, "dave") == _ids(world, "alice")
    assert voters_of(world) == sorted(NAMES[:5]), "who was suspended came back"


def test_21_a_block_that_was_final_for_one_voter_alone_is_carried_over() -> None:
    """One voter counts the last vote and is cut off; the others convene, and decide the same block again."""
    steps: list[Step] = [
        [4_000, "kill", "erin"],
        *([4_500, "slow", name, "dave", 2_000, 2_001, 0] for name in NAMES[:3]),
        *motions(5_000, "alice"),
        *_agreeing(NAMES[:3]),
    ]
    # The salt makes the id of the group, and that who proposes first: not the one who is cut off too late.
    settings = {**SETTINGS, "delta_seconds": 600}
    world = world_of(5, steps, settings=settings, end_ms=END_MS, salt="carried over")

    def cut_when_notarized() -> None:
        heights = [log_of(world, name).chain.height for name in NAMES[:3]]
        if all(height._votes.notarized_views(0) for height in heights):
            for name in NAMES[:3]:
                world.network.set_way("dave", name, is_up=False)
            return
        world.timeline.after(1, cut_when_notarized)

    def part_when_final() -> None:
        if log_of(world, "dave").chain.tip.height:
            world.network.partition([list(NAMES[:3]), ["dave"]])
            return
        world.timeline.after(1, part_when_final)

    world.timeline.at(5_001, cut_when_notarized)
    world.timeline.at(5_001, part_when_final)
    before = height_at(world, 60_000, "alice", "dave")
    played(world)
    assert before == {"alice": 0, "dave": 1}
    assert _attempts(world, "dave")[0] == 0
    assert _attempts(world, "alice")[0] == 1
    assert _ids(world, "dave") == _ids(world, "alice")


def test_21_one_early_close_holds_nobody_up() -> None:
    """One voter closed; then another comes back, so that enough would be there if that one still voted."""
    steps: list[Step] = [
        [4_000, "kill", "dave"],
        [4_000, "kill", "erin"],
        *motions(5_000, "alice"),
        *_agreeing(["alice"], hours=2),
        [ASKED_MS + 3 * HOUR_MS, "boot", "dave"],
        *_agreeing(NAMES[1:4], ASKED_MS + 15 * DAY_MS),
    ]
    world = world_of(5, steps, end_ms=ASKED_MS + 17 * DAY_MS)
    before = height_at(world, ASKED_MS + 17 * DAY_MS - 1, *NAMES[:4])
    played(world)
    assert min(before.values()) >= 1
    assert _attempts(world, "dave")[0] == 1


@pytest.mark.parametrize("is_guarded", [True, False])
def test_21_a_liar_in_both_halves(is_guarded: bool) -> None:
    """The same key is in both halves for a month. If the halves meet in time there is one block; else two
    convocations decide, and whoever learns of both names the liar and nobody else."""
    one, other = ["alice", "bob", "erin"], ["carol", "dave", "erin2"]
    meet_ms = 20 * DAY_MS if is_guarded else END_MS
    steps = [
        [4_000, "clone", "erin", "erin2"],
        apart(4_001, one, other),
        *motions(5_000, "alice", "carol"),
        *_agreeing([*one, *other]),
        apart(meet_ms, [*one, *other]),
        *motions(meet_ms + HOUR_MS, "alice", "carol"),
    ]
    world = world_of(
        5,
        steps,
        others=["erin2"],
        liars=["erin", "erin2"],
        end_ms=meet_ms + DAY_MS,
        is_within_bounds=is_guarded,
        twins=(("erin2", "erin"),),
    )
    played(world)
    if is_guarded:
        assert _ids(world, "alice") == _ids(world, "carol")
        return
    assert _ids(world, "alice")[0] != _ids(world, "carol")[0]
    told = [name for name in ("alice", "carol") if "chain.schism" in world.machines[name].alerts]
    assert told
    for name in told:
        state = log_of(world, name).state
        members = {who: state.member_of(world.machines[who].key.public) for who in NAMES[:5]}
        named = world.machines[name].facts["chain.schism"]["culprits"]
        assert {who for who, held in members.items() if held and held.id.hex() in named} == {"erin"}


def test_21_closes_beyond_a_fork_reach_those_who_come_later() -> None:
    """A voter who closed with the others is found to have run twice; who was away all the time follows.

    With two suspended and the third a liar nobody can decide after that, until they convene again.
    """
    there = ["alice", "bob", "erin"]
    steps: list[Step] = [
        [4_000, "kill", "carol"],
        [4_000, "kill", "dave"],
        *motions(5_000, "alice"),
        [20_000, "clone", "erin", "erin2"],
        apart(20_001, there, ["erin2"]),
        *_agreeing([*there]),
        [ASKED_MS - HOUR_MS, "append", "erin2", LABEL, "work", 1],
        [END_MS - HOUR_MS, "agree", "erin2", LABEL],
        apart(END_MS, [*there, "carol", "dave", "erin2"]),
        [END_MS + HOUR_MS, "boot", "carol"],
        [END_MS + HOUR_MS, "boot", "dave"],
    ]
    world = world_of(
        5,
        steps,
        others=["erin2"],
        liars=["erin", "erin2"],
        end_ms=END_MS + 2 * HOUR_MS,
        is_within_bounds=False,
        twins=(("erin2", "erin"),),
    )
    before = height_at(world, END_MS - 1, "alice", "bob")
    played(world)
    assert min(before.values()) >= 1
    assert log_of(world, "carol").fork_seqs
    assert _ids(world, "carol") == _ids(world, "alice")
