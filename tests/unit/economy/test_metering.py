"""Meters: what is counted of readings, and what is void by itself."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.core.amount import add, amount_of, amount_text
from p2pnode.core.errors import FormatError
from p2pnode.economy import journal, metering, tables
from p2pnode.economy.metering import CLOSE, INSTALL, Close, Meter, Reading
from tests.unit.economy.market import ALICE, BOB, CAROL, IDS, Market

QUARTER_MS = 900_000


@pytest.fixture
def market() -> Market:
    return Market()


def install(market: Market, who: int = ALICE, name: str = "house 7", reader: bytes | None = None) -> bytes:
    meter = Meter(metering.CONSUME, 3, QUARTER_MS, name, "kilowattHour", reader=reader)
    return market.write(who, metering.INSTALL_TYPE, INSTALL.encode(meter))


def payload(meter: bytes, *amounts: int, start: int = 0, after_gap: bool = False) -> bytes:
    readings = tuple((QUARTER_MS * (start + place), amount) for place, amount in enumerate(amounts, 1))
    return metering.encode_reading(Reading(meter, readings, after_gap))


def read(market: Market, meter: bytes, *amounts: int, start: int = 0, after_gap: bool = False) -> bytes:
    return market.write(ALICE, metering.READ_TYPE, payload(meter, *amounts, start=start, after_gap=after_gap))


def held(market: Market, meter: bytes) -> metering.MeterRow:
    row = metering.meter(market.state, meter)
    assert row is not None
    return row


def test_d12_readings_add_up(market: Market) -> None:
    meter = install(market)
    read(market, meter, 125, 0, 1000)
    read(market, meter, 7, start=3)
    assert held(market, meter).total == (1132, -3)
    assert held(market, meter).last_ms == 4 * QUARTER_MS
    runs = list(metering.runs(market.state, meter))
    assert [(first, row.count, row.total) for first, row in runs] == [
        (0, 3, (1125, -3)),
        (3 * QUARTER_MS, 1, (7, -3)),
    ]
    assert list(metering.metered(market.state, IDS[ALICE])) == [
        ("consume", 197001, ((1132, -3), "kilowattHour"))
    ]


def test_d12_a_reading_taken_twice_is_void_and_its_neighbours_stand(market: Market) -> None:
    meter = install(market)
    read(market, meter, 1, 2)
    entry = read(market, meter, 2, 3, start=1)
    assert metering.void_rules(market.state, entry) == {0: "meter.taken_twice"}
    assert held(market, meter).total == (6, -3)
    assert market.refused(ALICE, metering.READ_TYPE, payload(meter, 1, 2)) == "meter.taken_twice"


def test_d12_an_unknown_gap_is_void_until_it_is_said_to_be_known(market: Market) -> None:
    meter = install(market)
    read(market, meter, 1)
    late = payload(meter, 1, 1, start=2)
    assert market.refused(ALICE, metering.READ_TYPE, late) == "meter.gap"
    read(market, meter, 1, 1, start=2, after_gap=True)
    assert held(market, meter).total == (3, -3)
    # One gap is known, not another one behind it.
    two = Reading(meter, ((6 * QUARTER_MS, 1), (8 * QUARTER_MS, 1)), True)
    entry = market.write(ALICE, metering.READ_TYPE, metering.encode_reading(two))
    assert metering.void_rules(market.state, entry) == {1: "meter.gap"}


def test_d12_a_negative_flow_is_void_and_leaves_no_gap(market: Market) -> None:
    meter = install(market)
    entry = read(market, meter, 5, -5, 5)
    assert metering.void_rules(market.state, entry) == {1: "meter.negative_flow"}
    assert held(market, meter).total == (1, -2)
    assert market.refused(ALICE, metering.READ_TYPE, payload(meter, -5, start=3)) == "meter.negative_flow"


def test_d12_intervals_do_not_overlap(market: Market) -> None:
    meter = install(market)
    read(market, meter, 5)
    half = metering.encode_reading(Reading(meter, ((QUARTER_MS + 1, 5),)))
    assert market.refused(ALICE, metering.READ_TYPE, half) == "meter.overlap"


def test_d12_nothing_is_read_before_it_happened(market: Market) -> None:
    meter = install(market)
    later = metering.encode_reading(Reading(meter, ((market.now_ms + 3_600_000, 5),)))
    assert market.refused(ALICE, metering.READ_TYPE, later) == "meter.in_future"


def test_d12_only_the_holder_and_the_named_reader_read(market: Market) -> None:
    meter = install(market, reader=IDS[CAROL])
    assert market.refused(BOB, metering.READ_TYPE, payload(meter, 1)) == "meter.not_yours"
    market.write(CAROL, metering.READ_TYPE, payload(meter, 1))
    read(market, meter, 1, start=1)
    assert list(metering.metered(market.state, IDS[CAROL])) == []
    assert market.refused(BOB, metering.CLOSE_TYPE, CLOSE.encode(Close(meter))) == "meter.not_yours"
    market.write(ALICE, metering.CLOSE_TYPE, CLOSE.encode(Close(meter)))
    assert market.refused(ALICE, metering.READ_TYPE, payload(meter, 1, start=2)) == "meter.closed"
    assert market.refused(ALICE, metering.CLOSE_TYPE, CLOSE.encode(Close(meter))) == "meter.closed"


def test_d12_one_name_one_meter(market: Market) -> None:
    meter = install(market)
    again = INSTALL.encode(Meter(metering.PRODUCE, 3, QUARTER_MS, "house 7", "kilowattHour"))
    assert market.refused(ALICE, metering.INSTALL_TYPE, again) == "meter.known"
    install(market, who=BOB)
    market.write(ALICE, metering.CLOSE_TYPE, CLOSE.encode(Close(meter)))
    install(market)
    other = INSTALL.encode(Meter("consume", 3, QUARTER_MS, "x", "kilowattHour", reader=bytes(32)))
    assert market.refused(ALICE, metering.INSTALL_TYPE, other) == "meter.no_such_member"
    assert market.refused(ALICE, metering.READ_TYPE, payload(bytes(32), 1)) == "meter.unknown"


def test_a_member_has_so_many_meters(market: Market) -> None:
    for number in range(metering.METERS_MAX):
        install(market, name=f"house {number}")
    one = INSTALL.encode(Meter("consume", 3, QUARTER_MS, "one more", "kilowattHour"))
    assert market.refused(ALICE, metering.INSTALL_TYPE, one) == "meter.too_many"


def test_readings_are_bounded() -> None:
    with pytest.raises(FormatError, match=r"reading\.bad_field"):
        metering.encode_reading(Reading(bytes(32), tuple((place, 1) for place in range(501))))


@pytest.mark.parametrize(
    ("time_ms", "month"),
    [
        (0, 197001),
        (951_782_399_999, 200002),
        (951_782_400_000, 200002),
        (951_868_800_000, 200003),
        (1_798_761_599_999, 202612),
        (1_798_761_600_000, 202701),
        (4_107_542_400_000, 210003),
    ],
)
def test_months_are_those_of_the_calendar(time_ms: int, month: int) -> None:
    assert metering.month_of(time_ms) == month


# ---- counted when something is shared


def install_roof(market: Market, who: int, receiver: bytes | None) -> tuple[str | None, bytes]:
    meter = Meter(metering.PRODUCE, 3, QUARTER_MS, "roof", "kilowattHour", receiver=receiver)
    return market.try_write(who, metering.INSTALL_TYPE, INSTALL.encode(meter))


def test_d12_what_a_meter_produces_for_the_group_is_given_to_it(market: Market) -> None:
    rule, roof = install_roof(market, ALICE, market.group)
    assert rule is None
    read(market, roof, 125, -3, 1000)
    assert amount_text(market.given(ALICE, market.group, "kilowattHour")) == "1.125"
    assert tables.amount(market.state, "taken", market.group, IDS[ALICE], b"kilowattHour") == (1125, -3)
    market.end_block()
    (line,) = journal.lines(market.state, journal.RECEIVED, 0, market.height)
    assert (line.who, line.unit, line.kind, line.amount) == (IDS[ALICE], "kilowattHour", None, (1125, -3))
    # What is for oneself is counted by month alone.
    _, own = install_roof(market, BOB, None)
    market.write(BOB, metering.READ_TYPE, payload(own, 7))
    market.end_block()
    assert len(list(journal.lines(market.state, journal.RECEIVED, 0, market.height))) == 1


def test_d12_only_the_group_is_given_without_a_signature(market: Market) -> None:
    assert install_roof(market, ALICE, IDS[BOB])[0] == "meter.other_receiver"
    with pytest.raises(FormatError, match=r"meter\.bad_receiver"):
        INSTALL.encode(Meter("consume", 3, QUARTER_MS, "house", "kilowattHour", receiver=market.group))


@given(
    st.lists(
        st.tuples(
            st.sampled_from((ALICE, BOB)),
            st.lists(st.integers(-5, 50), min_size=1, max_size=4),
            st.integers(-1, 1),
            st.booleans(),
        ),
        max_size=12,
    )
)
@settings(max_examples=15, deadline=None)
def test_d12_the_lines_of_the_journal_are_those_of_a_slow_model(
    said: list[tuple[int, list[int], int, bool]],
) -> None:
    market = Market()
    meters = {who: install(market, who) for who in (ALICE, BOB)}
    seen: dict[int, int] = {}
    used = {ALICE: 0, BOB: 0}
    for who, amounts, shift, is_known in said:
        start = max(0, seen.get(who, 0) + shift)
        sent = payload(meters[who], *amounts, start=start, after_gap=is_known)
        market.try_write(who, metering.READ_TYPE, sent)
        may_skip, last, counted = is_known, seen.get(who), []
        for place, amount in enumerate(amounts, start + 1):
            if last is not None and (place <= last or (place > last + 1 and not may_skip)):
                continue
            last, may_skip = place, False
            if amount >= 0:
                counted.append(amount)
        # An entry of which nothing holds is void as a whole: it reads nothing.
        if counted:
            seen[who] = last or 0
            used[who] += sum(counted)
        market.end_block()
    for who, total in used.items():
        found = tables.ZERO
        market.end_block()
        for line in journal.lines(market.state, journal.CONSUMED, 0, market.height):
            if line.who == IDS[who]:
                found = add(found, line.amount)
        assert found == amount_of(total, -3)
        assert held(market, meters[who]).total == found
