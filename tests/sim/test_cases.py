"""Kept cases: what once failed, made small. Being steps, not seeds, they stay valid when plans change."""

from pathlib import Path

import pytest

from tests.sim.shrinking import read_case
from tests.sim.world import play

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))
OPEN = {
    "disk_set_back_in_a_partition": "a position in a log that was set back whole is trusted for ever",
}
"""Cases that still fail, and why; the mark is strict, so it goes with the fault."""


def _marked(path: Path) -> object:
    reason = OPEN.get(path.stem)
    marks = [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True)]
    return pytest.param(path, id=path.stem, marks=marks)


@pytest.mark.parametrize("path", [_marked(path) for path in CASES])
def test_a_kept_case(path: Path) -> None:
    outcome = play(read_case(path))
    assert not outcome.rule, f"{outcome.rule}: {outcome.detail}\nreplay: scripts/sim --case {path} --verbose"
