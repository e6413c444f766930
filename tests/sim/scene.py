"""Fixed cases written as tests: so many founders, what happens to them, and what is asked afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from p2pnode.consensus.format import certificate_of_value
from p2pnode.core import codec
from p2pnode.group_log import GroupLog
from p2pnode.store.chain_tables import BlockRow
from tests.sim.assembly import QUICK_RULES
from tests.sim.world import Case, Outcome, Step, World

LABEL = "circle"
NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace")
SETTINGS = {"delta_seconds": 5, "hearing_hours": 0, "decisions": QUICK_RULES}


def world_of(
    founders: int,
    steps: Iterable[Step],
    *,
    others: Sequence[str] = (),
    liars: Sequence[str] = (),
    end_ms: int = 60_000,
    settings: Mapping[str, Any] = SETTINGS,
    has_phrases: bool = False,
    salt: str = "scenario",
    **more: Any,
) -> World:
    first = list(NAMES[:founders])
    founding = [100, "found", first, LABEL, settings, int(has_phrases)]
    steps = sorted([founding, *steps], key=lambda step: step[0])
    return World(Case(salt, (*first, *others), tuple(liars), tuple(steps), end_ms, **more))


def motions(at_ms: int, *names: str) -> list[Step]:
    """Something to decide from each of them."""
    return [[at_ms, "propose", name, LABEL, "text", "", f"{name} {at_ms}"] for name in names]


def apart(at_ms: int, *sides: Sequence[str]) -> Step:
    return [at_ms, "partition", [list(side) for side in sides]]


def played(world: World) -> Outcome:
    outcome = world.play()
    assert not outcome.rule, f"{outcome.rule}: {outcome.detail}"
    return outcome


def log_of(world: World, name: str) -> GroupLog:
    node = world.machines[name].node
    assert node is not None
    return node.logs[world.groups[LABEL]]


def blocks_of(world: World, name: str = "alice") -> list[BlockRow]:
    log = log_of(world, name)
    return log.file.chain.blocks(1, log.chain.tip.height)


def views_of(world: World) -> list[int]:
    return [certificate_of_value(codec.decode(block.certificate)).view for block in blocks_of(world)]


def voters_of(world: World, name: str = "alice") -> list[str]:
    return sorted(world.name_of(key) for key in log_of(world, name).chain.voting_keys)


def has_vote(world: World, name: str) -> bool:
    return world.machines[name].key.public in log_of(world, "alice").chain.voting_keys


def height_at(world: World, at_ms: int, *names: str) -> dict[str, int]:
    """How high the chains of some machines are at a moment; filled while the case is played."""
    heights: dict[str, int] = {}

    def look() -> None:
        heights.update({name: log_of(world, name).chain.tip.height for name in names})

    world.timeline.at(at_ms, look)
    return heights
