"""Figures of a group (D20): what counts, when, and that what is late or wrong counts where it belongs."""

from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pnode.core.errors import FormatError
from p2pnode.economy import figures
from p2pnode.economy.figures import Figures, Sums, counted_on, evenness_of, figures_of, month_of
from tests.unit.economy.market import ALICE, BOB, CAROL, DORA, IDS, Market

HOUR = 10**18
MONTH_HOURS = 31 * 24


def counted(market: Market, before: Sums | None = None) -> Sums:
    market.end_block()
    return counted_on(market.state, before or Sums(), market.height, bytes(32))


def shown(market: Market, scope: str | None = None) -> Figures:
    return figures_of(counted(market), scope, None, None)


def work(market: Market, who: int, hours: int, **said: object) -> bytes:
    said = {"work": f"{hours} hour", "receiver": market.group, "stream": "commons", **said}
    return market.record(who, "work", **said)


def test_d20_contributions_are_counted_by_stream_and_month() -> None:
    market = Market()
    work(market, ALICE, 2, in_scope_of="bakery")
    work(market, BOB, 1, stream="care")
    market.later(MONTH_HOURS)
    work(market, ALICE, 4)
    found = shown(market)
    assert [(one.stream, one.unit, one.amount, one.contributors) for one in found.streams] == [
        ("care", "hour", HOUR, 1),
        ("commons", "hour", 6 * HOUR, 1),
    ]
    first, second = found.months
    assert (first.contributors, second.contributors, found.contributors) == (2, 1, 2)
    assert second.month == first.month + 1
    assert second.amounts == (("commons", "hour", 4 * HOUR),)
    bakery = shown(market, "bakery")
    assert (bakery.contributors, bakery.streams[0].amount) == (1, 2 * HOUR)
    of_second = figures_of(counted(market), None, second.month, None)
    assert of_second.months == (second,)


def test_d20_a_correction_belongs_to_the_month_that_it_corrects() -> None:
    market = Market()
    first = work(market, ALICE, 3)
    market.later(MONTH_HOURS)
    work(market, BOB, 1)
    work(market, ALICE, -3, corrects=first)
    before, after = shown(market).months
    assert (before.contributors, before.amounts) == (0, (("commons", "hour", 0),))
    assert after.contributors == 1


def test_d20_what_members_dispute_does_not_count() -> None:
    market = Market()
    disputed = work(market, ALICE, 3)
    market.end_block()
    before = counted(market)
    assert market.attest(BOB, disputed, "dispute") is None
    market.end_block()
    assert figures_of(before, None, None, None).contributors == 1
    assert shown(market).contributors == 0


def test_d20_sums_grow_with_each_block_to_what_a_count_of_all_gives() -> None:
    market = Market()
    grown = Sums()
    for number in range(1, 6):
        work(market, number % 3, number, in_scope_of="bakery" if number % 2 else "school")
        height = market.height
        market.end_block()
        grown = counted_on(market.state, grown, height, bytes(32))
    assert dict(grown.sums) == dict(counted(market).sums)
    assert grown.scopes == ["bakery", "school"]


def test_d20_flows_say_what_is_mutual_and_what_comes_back() -> None:
    market = Market()
    customer = market.outsider(ALICE, "Customer")
    gift = market.record(ALICE, "transfer", much="6 kilogram", receiver=IDS[BOB])
    assert market.sign_event(BOB, gift) is None
    back = market.record(BOB, "transfer", much="2 kilogram", receiver=IDS[ALICE])
    assert market.sign_event(ALICE, back) is None
    market.record(ALICE, "transfer", much="40 kilogram", provider=customer, receiver=market.group)
    (flow,) = figures.flows(market.state, market.group)
    assert (flow.between_members, flow.mutual) == (8 * HOUR, 4 * HOUR)
    assert (flow.received, flow.to_members, flow.to_others) == (40 * HOUR, 0, 0)


def test_d20_concentration_is_exact() -> None:
    even = evenness_of([5] * 7)
    assert (even.gini, even.top_tenth) == (0, Fraction(1, 7))
    assert even.tenths == tuple(Fraction(number, 10) for number in range(1, 11))
    uneven = evenness_of([1] * 19 + [81])
    assert uneven.top_tenth == Fraction(82, 100)
    # By its definition: half the mean difference of all pairs, over the mean.
    amounts = [1] * 19 + [81]
    differences = sum(abs(one - other) for one in amounts for other in amounts)
    assert uneven.gini == Fraction(differences, 2 * len(amounts) * sum(amounts))


@given(st.lists(st.integers(1, 10**24), min_size=1, max_size=40))
def test_d20_concentration_keeps_its_bounds(amounts: list[int]) -> None:
    found = evenness_of(sorted(amounts))
    differences = sum(abs(one - other) for one in amounts for other in amounts)
    assert found.gini == Fraction(differences, 2 * len(amounts) * sum(amounts))
    assert 0 <= found.gini < 1
    assert found.tenths[-1] == 1
    steps = [after - before for before, after in pairwise((Fraction(0), *found.tenths))]
    assert steps == sorted(steps), "who gave least comes first"
    assert found.top_tenth >= Fraction(-(-len(amounts) // 10), len(amounts))


def test_d20_of_few_people_nothing_is_said_about_evenness() -> None:
    market = Market()
    for who in (ALICE, BOB):
        work(market, who, 1)
    assert shown(market).streams[0].evenness is None
    work(market, CAROL, 2)
    even = shown(market).streams[0].evenness
    assert even is not None
    assert even.top_tenth == Fraction(1, 2)


def test_d20_no_figure_names_anybody() -> None:
    market = Market()
    for who in (ALICE, BOB, CAROL, DORA):
        work(market, who, 1 + who)
    written = repr((shown(market), figures.flows(market.state, market.group)))
    assert not [one for one in IDS if repr(one) in written or one.hex() in written]


def test_d20_sums_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    market = Market()
    monkeypatch.setattr(figures, "SUMS_MAX", 2)
    for number in range(3):
        work(market, ALICE, 1, in_scope_of=f"label {number}")
    with pytest.raises(FormatError, match="sums"):
        counted(market)


@given(st.integers(0, 253_402_300_799_999))
def test_months_are_those_of_the_calendar(time_ms: int) -> None:
    shown_month = figures.month_text(month_of(time_ms))
    assert shown_month == datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m").rjust(7, "0")
    assert figures.month_of_text(shown_month) == month_of(time_ms)


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-0", "26-01", "2026-xx", "²026-01", "2026-01-01"]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="write 2026-11"):
        figures.month_of_text(text)
