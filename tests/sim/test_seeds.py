"""Seeds: each is a network with its own faults and liars. A failing one prints how to replay it."""

import pytest

from tests.sim.plans import plan
from tests.sim.world import play

SEEDS = 200


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_seed(seed: int) -> None:
    outcome = play(plan(seed))
    assert not outcome.rule, (
        f"{outcome.rule}: {outcome.detail}\n"
        f"replay: scripts/sim --seed {seed} --verbose; shrink and keep: scripts/sim --seed {seed} --keep"
    )
