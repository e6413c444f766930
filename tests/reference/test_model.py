"""The vote rules are safe in every run of small groups, and every broken rule is noticed."""

from functools import cache

import pytest

from tests.reference.model import Finding, Model, Setting
from tests.reference.mutants import MUTANTS, Mutant, explore_broken
from tests.reference.settings import BEYOND, QUICK


@cache
def _found(setting: Setting) -> Finding:
    return Model(setting).explore()


@pytest.mark.parametrize("setting", QUICK, ids=lambda setting: setting.name)
def test_within_the_bound_nothing_forks_and_nothing_gets_stuck(setting: Setting) -> None:
    finding = _found(setting)
    assert finding.fault is None
    assert finding.is_complete
    assert finding.decided, "a model in which nothing is ever decided shows nothing"


def test_the_exploration_reaches_every_state_of_five_voters() -> None:
    # Counted once by an independent model of the same rules.
    assert _found(Setting(5, 1, 1)).states == 49_524


def test_one_height_can_be_final_through_both_attempts() -> None:
    # So whatever follows from a block may depend on the block alone.
    finding = _found(Setting(4, 1, 1, views=(1, 1)))
    assert {attempt for attempt, _ in finding.decided} == {0, 1}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_broken_rule_is_noticed(mutant: Mutant) -> None:
    assert explore_broken(mutant).fault == mutant.fault


@pytest.mark.parametrize("setting", BEYOND, ids=lambda setting: setting.name)
def test_one_liar_more_than_is_tolerated_forks(setting: Setting) -> None:
    assert Model(setting).hunt().fault == "fork"
