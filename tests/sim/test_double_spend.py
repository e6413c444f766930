"""One thing given away twice: scenario 22 of the catalogue, as far as it moves what people have.

By a member whose key runs twice, and by two devices of a member. All watchers judge besides that nodes agree
(I3), that nothing final is taken back (I14), and that sums conserve (I13).
"""

from __future__ import annotations

from p2pnode.describing import Describer
from p2pnode.economy import tables
from p2pnode.governance.tables import speaker_of
from tests.sim.scene import LABEL, NAMES, apart, log_of, motions, played, world_of
from tests.sim.world import Step, World

FOUR = NAMES[:4]


def _levels_at(world: World, at_ms: int, **names: str) -> dict[str, str]:
    """How certain marked events are where somebody looks; filled while the case is played."""
    levels: dict[str, str] = {}

    def look() -> None:
        for mark, name in names.items():
            log = log_of(world, name)
            describer = Describer(log.file, log.state, log.key.public)
            levels[mark] = describer.details(world.proposals[mark].hex())[0]["row"]["state"]

    world.timeline.at(at_ms, look)
    return levels


def _statuses(world: World, name: str, *marks: str) -> list[str | None]:
    rows = [tables.event(log_of(world, name).file.chain, world.proposals[mark]) for mark in marks]
    return [None if row is None else row.status for row in rows]


def _holdings(world: World, name: str) -> dict[str, list[tuple[str, int]]]:
    """What founders have, as a machine knows it: kilograms by the name of the thing."""
    rows = log_of(world, name).file.chain
    owners = {}
    for who in FOUR:
        speaker = speaker_of(rows, world.machines[who].key.public)
        if speaker is not None:
            owners[speaker[0]] = who
    held: dict[str, list[tuple[str, int]]] = {}
    for _, row in tables.rows_of(rows, tables.ResourceRow, "resource"):
        held.setdefault(owners.get(row.accountable, "nobody"), []).append((row.name, row.onhand[0]))
    return {who: sorted(things) for who, things in held.items()}


def test_22_a_debtor_that_runs_twice_gives_the_same_bread_to_two() -> None:
    """Signed by both sides it is no more than signed; acknowledged and final it can be on one side only."""
    steps: list[Step] = [
        [4_000, "append", "bob", LABEL, "make", 1],
        *motions(5_000, "alice"),
        [12_000, "clone", "bob", "twin"],
        apart(12_001, ["bob", "alice", "carol"], ["twin", "dave"]),
        [13_000, "give", "bob", LABEL, "alice", "to alice"],
        [13_000, "give", "twin", LABEL, "dave", "to dave"],
        [14_000, "sign", "alice", LABEL, "to alice"],
        [14_000, "sign", "dave", LABEL, "to dave"],
        # What people agree on needs no order by itself; a motion calls for a block.
        *motions(15_000, "carol"),
        apart(40_000, [*FOUR, "twin"]),
        *motions(41_000, "dave"),
    ]
    world = world_of(
        4, steps, others=["twin"], liars=["bob", "twin"], twins=(("twin", "bob"),), end_ms=70_000
    )
    levels = _levels_at(world, 39_000, **{"to alice": "alice", "to dave": "dave"})
    outcome = played(world)
    assert outcome.counts["forks"]
    assert levels == {"to alice": "final", "to dave": "signed"}
    for name in ("alice", "carol", "dave"):
        assert _statuses(world, name, "to alice", "to dave") == [tables.STANDING, None]
        assert _holdings(world, name)["alice"] == [("given by bob", 1)]
        assert "dave" not in _holdings(world, name)


def test_22_two_devices_of_a_member_give_the_same_bread_to_two() -> None:
    """Both signed in good faith: the order decides who has it, for everybody alike; nobody is struck."""
    steps: list[Step] = [
        [3_000, "device", "bob", "tablet", LABEL],
        [8_000, "append", "bob", LABEL, "make", 1],
        *motions(9_000, "alice"),
        apart(15_000, ["bob", "alice", "carol"], ["tablet", "dave"]),
        [16_000, "give", "bob", LABEL, "alice", "to alice"],
        [16_000, "give", "tablet", LABEL, "dave", "to dave"],
        [17_000, "sign", "alice", LABEL, "to alice"],
        [17_000, "sign", "dave", LABEL, "to dave"],
        *motions(18_000, "dave"),
        apart(40_000, [*FOUR, "tablet"]),
        *motions(41_000, "carol"),
    ]
    world = world_of(4, steps, others=["tablet"], end_ms=70_000)
    played(world)
    statuses = {name: _statuses(world, name, "to alice", "to dave") for name in [*FOUR, "tablet"]}
    assert len(set(map(str, statuses.values()))) == 1
    assert sorted(map(str, statuses["alice"])) == sorted([tables.STANDING, tables.WAITING])
    held = _holdings(world, "alice")
    assert sorted(held.get("alice", []) + held.get("dave", [])) in (
        [("given by bob", 1)],
        [("given by tablet", 1)],
    )
    assert held["bob"] == [("bread 1", 0)]
