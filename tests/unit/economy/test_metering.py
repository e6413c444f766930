"""Meters: what is counted of readings, and what is void by itself."""

import pytest

from p2pnode.core.errors import FormatError
from p2pnode.economy import metering
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
