"""Every benchmark once, as small as it gets: whether it measures at all, not how fast."""

import json

import pytest

from tests.bench.all_figures import MEASURES
from tests.bench.figures import Options, as_json, as_table


@pytest.mark.process
@pytest.mark.parametrize("name", sorted(MEASURES))
def test_it_measures(name: str) -> None:
    figures = MEASURES[name](Options(runs=1, is_quick=True))
    assert figures
    assert all(one.name.startswith(name) and one.value >= 0 and one.unit for one in figures)
    assert len({one.name for one in figures}) == len(figures)
    assert any(one.baseline for one in figures), "nothing is compared with the baseline"
    lines = [json.loads(line) for line in as_json(figures).splitlines()]
    assert [list(line) for line in lines] == [["name", "value", "unit", "ratio", "baseline"]] * len(figures)
    assert len(as_table(figures).splitlines()) == len(figures) + 1
