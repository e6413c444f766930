"""A year in short: members who are seldom there, whose programs and keys change meanwhile (scenario 25)."""

import pytest

from tests.sim.year import play_year


@pytest.mark.long
def test_25_a_short_year_of_part_time_members_and_mixed_versions() -> None:
    year = play_year(1, days=6, online_percent=50)
    assert not year.outcome.rule, f"{year}: {year.outcome.detail}; replay: play_year(1, 6, 50)"
    assert year.outcome.counts["alert rules.later"] > 0, "somebody was behind"
    assert year.later > 0
    assert year.undecided == 0
