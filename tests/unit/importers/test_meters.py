"""Sheets of meters: what is read once, and what stops a meter."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from p2pnode.core.errors import UsageError
from p2pnode.importers.mapping import METER_COLUMNS, read_mapping
from p2pnode.importers.meters import OPTIONS, KnownMeter, MeterSheet, Readings
from p2pnode.importers.sheet import SheetRow
from p2pnode.importers.timesheet import Refused

QUARTER_MS = 900_000
LONG = '[columns]\ntime = "t"\nmeter = "m"\namount = "a"\n[sheet]\ndecimal = "."\n'


def sheet(
    *rows: tuple[str, str, str], last_ms: int | None = None, mapping: str = LONG, skip_gaps: bool = False
) -> tuple[MeterSheet, list[Readings | Refused]]:
    meter = KnownMeter("aa" * 32, "house 7", 3, QUARTER_MS, last_ms)
    found = read_mapping(mapping, METER_COLUMNS, ("time",), OPTIONS)
    reading = MeterSheet(found, {"house 7": meter}, skip_gaps=skip_gaps)
    return reading, list(reading.read(_cells(rows)))


def _cells(rows: tuple[tuple[str, str, str], ...]) -> Iterator[SheetRow]:
    for line, (time, meter, amount) in enumerate(rows, 2):
        yield SheetRow(line, {"t": f"1970-01-01 {time}", "m": meter, "a": amount, "house 7": amount})


def at(quarter: int) -> int:
    return quarter * QUARTER_MS


def readings(taken: list[Readings | Refused]) -> list[tuple[list[tuple[int, int]], bool]]:
    return [(one.readings, one.after_gap) for one in taken if isinstance(one, Readings)]


def rules(taken: list[Readings | Refused]) -> list[tuple[int, str]]:
    return [(one.line, one.rule) for one in taken if isinstance(one, Refused)]


def test_d12_what_was_read_before_is_left_out() -> None:
    rows = [("00:15", "house 7", "0.1"), ("00:30", "house 7", "0.2"), ("00:45", "house 7", "1.234")]
    sheet_read, taken = sheet(*rows, last_ms=at(2))
    assert readings(taken) == [([(at(3), 1234)], False)]
    assert sheet_read.known == 2
    assert not rules(taken)


def test_d12_a_gap_stops_the_meter_until_it_is_known_to_be_lost() -> None:
    rows = [(time, "house 7", "1") for time in ("00:15", "00:45", "01:00", "01:15")]
    sheet_read, taken = sheet(*rows)
    assert readings(taken) == [([(at(1), 1000)], False)]
    assert rules(taken) == [(3, "meter.gap")]
    assert sheet_read.behind == 3
    _, taken = sheet(*rows, skip_gaps=True)
    assert readings(taken) == [
        ([(at(1), 1000)], False),
        ([(at(3), 1000), (at(4), 1000), (at(5), 1000)], True),
    ]


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        (("00:15", "house 7", "1"), "meter.taken_twice"),
        (("00:20", "house 7", "1"), "meter.overlap"),
        (("00:30", "house 7", "-1"), "meter.negative_flow"),
        (("00:30", "house 7", "0.0001"), "meter.too_fine"),
        (("00:30", "house 7", "much"), "sheet.bad_number"),
        (("noon", "house 7", "1"), "sheet.bad_date"),
        (("00:30", "house 8", "1"), "meter.unknown"),
    ],
)
def test_d12_what_no_meter_says_is_refused(row: tuple[str, str, str], rule: str) -> None:
    _, taken = sheet(("00:15", "house 7", "1"), row)
    assert rules(taken) == [(3, rule)]
    assert readings(taken) == [([(at(1), 1000)], False)]


def test_d12_counters_say_what_flowed_between_two_rows() -> None:
    mapping = "counter = true\n" + LONG
    rows = [
        (time, "house 7", shown) for time, shown in (("00:15", "100.5"), ("00:30", "100.7"), ("00:45", "101"))
    ]
    _, taken = sheet(*rows, mapping=mapping)
    assert readings(taken) == [([(at(2), 200), (at(3), 300)], False)]
    sheet_read, taken = sheet(*rows, mapping=mapping, last_ms=at(2))
    assert readings(taken) == [([(at(3), 300)], False)]
    assert sheet_read.known == 2


def test_d12_a_counter_that_goes_back_is_refused_until_it_is_explained() -> None:
    rows = [
        (time, "house 7", shown) for time, shown in (("00:15", "100"), ("00:30", "0.2"), ("00:45", "0.5"))
    ]
    _, taken = sheet(*rows, mapping="counter = true\n" + LONG)
    assert rules(taken) == [(3, "meter.counter_reset"), (4, "meter.counter_reset")]
    _, taken = sheet(*rows, mapping="counter = true\nresets = true\n" + LONG)
    assert readings(taken) == [([(at(2), 200), (at(3), 300)], False)]


def test_d12_one_column_a_meter_and_the_beginning_of_intervals() -> None:
    wide = 'time_is = "begin"\n[columns]\ntime = "t"\n[meters]\n"house 7" = "house 7"\n'
    _, taken = sheet(("00:00", "", "1"), ("00:15", "", ""), ("00:15", "", "2"), mapping=wide)
    assert readings(taken) == [([(at(1), 1000), (at(2), 2000)], False)]


def test_d12_the_hour_that_a_clock_shows_twice_is_read_twice() -> None:
    mapping = LONG + 'zone = "Europe/Berlin"\n'
    found = read_mapping(mapping, METER_COLUMNS, ("time",), OPTIONS)
    meter = KnownMeter("aa" * 32, "house 7", 3, QUARTER_MS, None)
    times = ["02:00", "02:15", "02:30", "02:45", "02:00", "02:15", "02:30", "02:45", "03:00"]
    rows = (
        SheetRow(line, {"t": f"2026-10-25 {time}", "m": "house 7", "a": "1"})
        for line, time in enumerate(times, 2)
    )
    (taken,) = list(MeterSheet(found, {"house 7": meter}, skip_gaps=False).read(rows))
    assert isinstance(taken, Readings)
    ends = [at_ms for at_ms, _ in taken.readings]
    assert [later - sooner for sooner, later in pairwise(ends)] == [QUARTER_MS] * 8


def test_options_of_meters_are_checked() -> None:
    with pytest.raises(UsageError, match="begin or end"):
        sheet(mapping='time_is = "middle"\n' + LONG)
    with pytest.raises(UsageError, match="no column of amounts"):
        sheet(mapping='[columns]\ntime = "t"\n')
