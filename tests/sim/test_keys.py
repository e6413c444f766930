"""The life of keys, and what two devices of one member may not do: scenarios 25 and 22 of the catalogue.

What is given away twice is in `test_double_spend.py`, members with different versions in `test_versions.py`,
a year of part-time members in `test_year.py`.
"""

from __future__ import annotations

import pytest

from p2pnode.core.ids import Lane
from p2pnode.economy.claim import DUPLICATE_RULE
from p2pnode.governance import tables
from p2pnode.governance.decision import decision
from p2pnode.store.group_file import position_of
from tests.sim.scene import LABEL, NAMES, apart, height_at, log_of, motions, played, voters_of, world_of
from tests.sim.world import Step, World

DAY_MS = 24 * 3_600_000
FOUR = list(NAMES[:4])


def _devices(world: World, owner: str, name: str = "alice") -> list[str]:
    """The active devices of a founder, as some machine has them."""
    rows = log_of(world, name).file.chain
    held = tables.member_of_device(rows, world.machines[owner].key.public)
    assert held is not None
    return sorted(world.name_of(key) for key in held[1].devices)


def _voids(world: World, name: str, author: str) -> dict[int, str]:
    """What ordered entries of an author's lane 0 came to nothing, by seq."""
    log = log_of(world, name)
    lane = log.lane(world.machines[author].key.public, Lane.LOCAL)
    assert lane is not None
    rules = {seq: log.file.chain.void_rule(position_of(lane.number, seq)) for seq in range(lane.seq + 1)}
    return {seq: rule for seq, rule in rules.items() if rule is not None}


def test_22_two_devices_of_a_member_cast_one_ballot_and_claim_a_commit_once() -> None:
    """Cut off from each other, both devices vote on one proposal and claim the same commits."""
    steps: list[Step] = [
        [3_000, "device", "bob", "tablet", LABEL],
        [8_000, "propose", "alice", LABEL, "text", "", "motion"],
        apart(15_000, ["alice", "bob", "carol"], ["dave", "tablet"]),
        [16_000, "ballot", "bob", LABEL, "motion", "yes"],
        [17_000, "ballot", "tablet", LABEL, "motion", "no"],
        [18_000, "append", "bob", LABEL, "claim", 5],
        [18_000, "append", "tablet", LABEL, "claim", 5],
        apart(40_000, [*FOUR, "tablet"]),
        *([45_000, "ballot", name, LABEL, "motion", "yes"] for name in ("alice", "carol", "dave")),
    ]
    world = world_of(4, steps, others=["tablet"], end_ms=90_000)
    played(world)
    assert _devices(world, "bob") == ["bob", "tablet"]
    counted = {name: _counted(world, name) for name in [*FOUR, "tablet"]}
    assert len(set(counted.values())) == 1
    assert counted["alice"] == (3, 1), "of one member the later ballot counts, and only that"
    claims = log_of(world, "alice").file.contributions(before=1 << 52, limit=100)
    standing = [void for _, _, _, void in claims]
    assert standing.count(DUPLICATE_RULE) >= 4
    assert standing.count(None) == len(standing) - standing.count(DUPLICATE_RULE)


def _counted(world: World, name: str) -> tuple[int, int]:
    row = decision(log_of(world, name).file.chain, world.proposals["motion"])
    assert row is not None
    return row.yes, row.no


def test_25_the_vote_moves_to_another_device_while_others_decide() -> None:
    """The old key's last vote and the new one's first are a height apart; then the old device is gone."""
    steps: list[Step] = [
        [3_000, "device", "bob", "tablet", LABEL],
        *motions(10_000, "alice"),
        [10_000, "rotate", "bob", "tablet", LABEL],
        *motions(10_050, "carol", "dave"),
        [30_000, "kill", "bob"],
        [30_000, "kill", "dave"],
        *motions(31_000, "alice"),
    ]
    world = world_of(4, steps, others=["tablet"], end_ms=120_000)
    before = height_at(world, 30_500, "alice")
    after = height_at(world, 119_000, "alice")
    played(world)
    assert voters_of(world) == ["alice", "carol", "dave", "tablet"]
    assert after["alice"] > before["alice"], "three of four decided, the new device among them"


@pytest.mark.parametrize("is_apart", [False, True])
def test_25_a_device_is_struck_while_it_writes(is_apart: bool) -> None:
    """What it wrote before stands, what comes after is void, and all nodes agree where."""
    sides = [["alice", "bob", "carol", "dave"], ["tablet"]] if is_apart else [[*FOUR, "tablet"]]
    steps: list[Step] = [
        [3_000, "device", "bob", "tablet", LABEL],
        [10_000, "append", "tablet", LABEL, "work", 3],
        apart(12_000, *sides),
        *([13_000 + 40 * number, "append", "tablet", LABEL, "work", 1] for number in range(10)),
        [13_200, "revoke", "alice", "tablet", LABEL, "bob"],
        apart(40_000, [*FOUR, "tablet"]),
        *motions(41_000, "carol"),
    ]
    world = world_of(4, steps, others=["tablet"], end_ms=90_000, has_phrases=True)
    played(world)
    assert _devices(world, "bob") == ["bob"]
    voids = {name: _voids(world, name, "tablet") for name in FOUR}
    assert set(map(str, voids.values())) == {str(voids["alice"])}
    assert set(voids["alice"].values()) <= {"device.revoked"}
    row = tables.device(log_of(world, "alice").file.chain, world.machines["tablet"].key.public)
    assert row is not None
    assert row.kept(Lane.LOCAL) >= 2, "what was there before stands"
    assert row.kept(Lane.LOCAL) < 12, "what was written afterwards does not"


@pytest.mark.parametrize("is_objecting", [False, True])
def test_25_whoever_has_the_phrase_waits_a_week_for_objections(is_objecting: bool) -> None:
    """A lost phrase in wrong hands comes to nothing if a device objects, a found one replaces all keys."""
    steps: list[Step] = [
        [5_000, "recover", "tablet", "bob", LABEL, "recovery"],
        *([60_000, "object", "bob", LABEL, "recovery"] for _ in range(is_objecting)),
        *motions(8 * DAY_MS, "alice"),
        [8 * DAY_MS + 60_000, "append", "bob", LABEL, "work", 2],
        *motions(8 * DAY_MS + 120_000, "carol"),
    ]
    world = world_of(4, steps, others=["tablet"], end_ms=8 * DAY_MS + 300_000, has_phrases=True)
    played(world)
    rows = log_of(world, "alice").file.chain
    owners = {name: tables.device(rows, world.machines[name].key.public) for name in ("bob", "tablet")}
    if is_objecting:
        assert owners["bob"] is not None
        assert owners["bob"].status == "active"
        assert owners["tablet"] is None
        assert "bob" in voters_of(world)
    else:
        assert owners["tablet"] is not None
        assert owners["tablet"].status == "active"
        assert owners["bob"] is not None
        assert owners["bob"].status == "revoked"
        assert "bob" not in voters_of(world)
