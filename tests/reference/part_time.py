"""How long decisions take among members who are there only part of the time: scripts/model --part-time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.reference.member import Plan
from tests.reference.network import Network

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_WISHES = 12


@dataclass(frozen=True)
class Waiting:
    """What one kind of group measured. Units: hours of virtual time from a wish to its first final block."""

    name: str
    median_hours: float
    p95_hours: float
    entries_per_decision: float
    undecided: int


def plan_of(voters: int, online_percent: int, relays: int, seed: int) -> Plan:
    """Twenty days of sessions of an hour on average; wishes come in the first twelve."""
    return Plan(
        voters,
        (voters - 1) // 3,
        seed,
        wishes=_WISHES,
        calm_ms=18 * _DAY_MS,
        end_ms=20 * _DAY_MS,
        delay_ms=2_000,
        loss_percent=0,
        delta_ms=30_000,
        sync_ms=600_000,
        online_percent=online_percent,
        relays=relays,
    )


def measure(voters: int, online_percent: int, relays: int, seeds: int) -> Waiting:
    """Play one kind of group with several seeds."""
    waits: list[int] = []
    entries = decisions = 0
    for seed in range(seeds):
        outcome = Network(plan_of(voters, online_percent, relays, seed)).run()
        assert not outcome.has_forked
        waits += outcome.waits_ms
        entries += outcome.entries
        decisions += max(len(chain) for chain in outcome.chains)
    waits.sort()
    relay = f" and {relays} relay" if relays else ""
    return Waiting(
        f"{voters} voters, each there {online_percent} % of the time{relay}",
        waits[len(waits) // 2] / _HOUR_MS,
        waits[len(waits) * 95 // 100] / _HOUR_MS,
        entries / decisions,
        seeds * _WISHES - len(waits),
    )


def figures(seeds: int) -> Iterator[Waiting]:
    """Measure the groups that the targets name."""
    for voters, online_percent, relays in ((5, 20, 0), (5, 20, 1), (5, 50, 0), (9, 30, 0)):
        yield measure(voters, online_percent, relays, seeds)
