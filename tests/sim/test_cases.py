"""Kept cases: what once failed, made small. Being steps, not seeds, they stay valid when plans change."""

from pathlib import Path

import pytest

from tests.sim.shrinking import read_case
from tests.sim.world import play

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_kept_case(path: Path) -> None:
    outcome = play(read_case(path))
    assert not outcome.rule, f"{outcome.rule}: {outcome.detail}\nreplay: scripts/sim --case {path} --verbose"
