"""Voters over time: they agree, they end, they say little, and they fall silent."""

from functools import cache
from typing import Any

import pytest

from tests.reference.member import Plan, member_id
from tests.reference.network import Network, Outcome

_FAMILIES: dict[str, tuple[int, dict[str, Any]]] = {
    "one voter": (3, {"voters": 1, "lying_voters": 0}),
    "two voters": (3, {"voters": 2, "lying_voters": 0}),
    "three voters": (3, {"voters": 3, "lying_voters": 0}),
    "four voters": (3, {"voters": 4, "lying_voters": 1}),
    "four voters, one a twin": (4, {"voters": 4, "lying_voters": 1, "twins": (2,)}),
    "four voters, one signs everything": (4, {"voters": 4, "lying_voters": 1, "promiscuous": (2,)}),
    "four voters, one gone for ever": (3, {"voters": 4, "lying_voters": 1, "gone": (3,)}),
    "five voters, slow and lossy": (
        3,
        {"voters": 5, "lying_voters": 1, "loss_percent": 40, "delay_ms": 3_000},
    ),
    "seven voters, two twins": (2, {"voters": 7, "lying_voters": 2, "twins": (1, 4)}),
    "nine voters, three gone for ever": (
        2,
        {"voters": 9, "lying_voters": 2, "gone": (1, 5, 7), "end_ms": 1_500_000},
    ),
    "five voters, two gone for ever: second convocation": (
        4,
        {
            "voters": 5,
            "lying_voters": 1,
            "gone": (1, 3),
            "roll_call_after_ms": 40_000,
            "close_after_ms": 40_000,
        },
    ),
    # Waits far shorter than the partitions: both attempts race at the same heights.
    "five voters who convene all the time": (
        4,
        {"voters": 5, "lying_voters": 1, "roll_call_after_ms": 3_000, "close_after_ms": 3_000},
    ),
    "six voters, one a twin, who convene all the time": (
        4,
        {
            "voters": 6,
            "lying_voters": 1,
            "twins": (2,),
            "roll_call_after_ms": 3_000,
            "close_after_ms": 3_000,
        },
    ),
}  # fmt: skip


@cache
def _play(seed: int, **changes: Any) -> Outcome:
    return Network(Plan(seed=seed, **changes)).run()


@pytest.mark.parametrize(
    ("family", "seed"), [(name, seed) for name, (seeds, _) in _FAMILIES.items() for seed in range(seeds)]
)
def test_voters_agree_end_and_fall_silent(family: str, seed: int) -> None:
    plan = _FAMILIES[family][1]
    outcome = _play(seed, **plan)
    assert not outcome.has_forked
    assert not outcome.has_split
    assert outcome.unanswered == 0, "a wish was never decided"
    assert outcome.entries_after == 0, "somebody writes although nothing is left to decide"
    liars = {member_id(number) for key in ("twins", "promiscuous") for number in plan.get(key, ())}
    assert set(outcome.liars_named) <= liars, "an honest voter contradicts itself"


def test_r8_a_second_convocation_decides_and_suspends_who_is_gone() -> None:
    outcome = _play(
        0, voters=5, lying_voters=1, gone=(1, 3), roll_call_after_ms=40_000, close_after_ms=40_000
    )
    assert outcome.attempts[0][0] == 1
    assert len(set(outcome.configurations[0])) == 2


def test_both_attempts_are_played() -> None:
    attempts = [
        attempt
        for seed in range(3)
        for attempt in _play(
            seed, voters=5, lying_voters=1, roll_call_after_ms=3_000, close_after_ms=3_000
        ).attempts[0]
    ]
    assert set(attempts) == {0, 1}


@pytest.mark.parametrize("voters", [1, 2, 3, 4, 5, 7])
def test_a_decision_takes_at_most_2n_plus_1_entries_when_all_are_well(voters: int) -> None:
    network = Network(
        Plan(
            voters,
            (voters - 1) // 3,
            1,
            has_partitions=False,
            loss_percent=0,
            delay_ms=240,
            calm_ms=30_000,
            end_ms=80_000,
        )
    )
    outcome = network.run()
    decisions = len(outcome.chains[0])
    assert decisions > 0
    assert outcome.entries <= decisions * (2 * voters + 1)
    later = [
        entry.value
        for entry in network.written
        if getattr(entry.value, "view", 0) or getattr(entry.value, "attempt", 0)
    ]
    assert not later, "in the good case nothing of view 1 is ever written"


@pytest.mark.parametrize(
    ("seed", "plan"),
    [
        (31, {"voters": 4, "lying_voters": 1, "twins": (1, 2)}),
        (13, {"voters": 3, "lying_voters": 0, "twins": (1,)}),
        (8, {"voters": 4, "lying_voters": 1, "promiscuous": (1, 2)}),
    ],
    ids=["two twins of four", "one twin of three", "two of four sign everything"],
)
def test_too_many_liars_fork_the_chain_and_are_named(seed: int, plan: dict[str, Any]) -> None:
    outcome = _play(seed, loss_percent=30, end_ms=200_000, **plan)
    assert outcome.has_forked, "a network that cannot fork shows nothing"
    liars = tuple(sorted(member_id(n) for key in ("twins", "promiscuous") for n in plan.get(key, ())))
    assert outcome.liars_named == liars
