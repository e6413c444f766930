"""CSV and Parquet: exact, stable, and nothing that a spreadsheet runs."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pnode.core.cell import guarded, unguarded
from p2pnode.core.errors import UsageError
from p2pnode.exporters.calendar import write_calendar
from p2pnode.exporters.table import NAMES, Table, read_tables, write_csv, write_parquet
from p2pnode.service.export_tables import TABLES

COLUMNS = (
    ("id", "text"),
    ("amount", "amount"),
    ("at", "time"),
    ("n", "integer"),
    ("is", "flag"),
    ("note", "text"),
)
ROWS = [
    ["aa", "-9223372036854775807", 1_767_225_600_001, 7, True, "=cmd|' /C calc'!A0"],
    ["bb", "0.000000000000000001", None, None, False, "'=quoted"],
    ["cc", "", 0, 0, False, "plain"],
]
TABLE = Table("things", "cc" * 32, "bakery", 3, 0, COLUMNS, ROWS)


def test_every_table_is_written() -> None:
    assert set(NAMES) == set(TABLES)


def test_csv_runs_nothing_and_reads_back(tmp_path: Path) -> None:
    write_csv(TABLE, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        heading, *rows = csv.reader(file)
    assert heading == ["id", "amount", "at", "n", "is", "note"]
    assert rows[0] == [
        "aa",
        "-9223372036854775807",
        "2026-01-01T00:00:00.001Z",
        "7",
        "true",
        "'=cmd|' /C calc'!A0",
    ]
    assert [unguarded(row[-1]) for row in rows] == [row[-1] for row in ROWS]


@given(st.text())
def test_a_guarded_cell_is_no_formula_and_gives_the_text_back(text: str) -> None:
    assert not guarded(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unguarded(guarded(text)) == text


def test_parquet_is_exact(tmp_path: Path) -> None:
    from pyarrow import parquet

    write_parquet(TABLE, tmp_path / "a.parquet")
    held = parquet.read_table(tmp_path / "a.parquet")
    assert held.column("amount").to_pylist() == [Decimal(-9223372036854775807), Decimal("1E-18"), None]
    assert str(held.schema.field("amount").type) == "decimal128(38, 18)"
    assert held.column("note").to_pylist() == [row[-1] for row in ROWS]
    assert held.schema.metadata[b"height"] == b"3"


def page(height: int, rows: list[list[Any]], following: str | None = None) -> dict[str, Any]:
    return {
        "group": "cc" * 32,
        "name": "bakery",
        "height": height,
        "time_ms": 0,
        "columns": [["id", "text"]],
        "rows": rows,
        "next": following,
    }


def test_a_block_between_two_pages_begins_the_export_anew() -> None:
    pages = [page(1, [["a"]], "0a"), page(2, [["b"]]), page(2, [["a"]], "0a"), page(2, [["b"]])]
    asked: list[str | None] = []

    def fetch(_: str, after: str | None) -> dict[str, Any]:
        asked.append(after)
        return pages.pop(0)

    (table,) = read_tables(fetch, ["things"])
    assert (table.height, table.rows) == (2, [["a"], ["b"]])
    assert asked == [None, "0a", None, "0a"]


def test_an_export_that_never_holds_still_says_so() -> None:
    heights = iter(range(100))
    with pytest.raises(UsageError, match="blocks come faster"):
        read_tables(lambda _name, _after: page(next(heights), []), ["agents", "events"])


def test_d13_a_calendar_updates_and_doubles_nothing() -> None:
    from icalendar import Calendar

    agents = Table("agents", "cc" * 32, "bakery", 3, 0, (("id", "text"), ("name", "text")), [["aa", "Alice"]])
    names = "id status finality provider receiver action kind amount unit times every_days due agreement_name"
    columns = tuple((name, "text") for name in names.split())

    def clauses(height: int, status: str) -> Table:
        row = [
            "01",
            status,
            "final",
            "aa",
            "aa",
            "transfer",
            "apples",
            "3",
            "kilogram",
            40,
            7,
            0,
            "boxes;\nX",
        ]
        late = ["02", *row[1:11], None, ""]
        return Table("clauses", "cc" * 32, "bakery", height, 0, columns, [row, late])

    promises = Table("commitments", "cc" * 32, "bakery", 3, 0, (), [])
    no_bookings = Table("bookings", "cc" * 32, "bakery", 3, 0, (), [])
    first, second = (
        Calendar.from_ical(write_calendar(agents, clauses(height, status), promises, no_bookings, 1000))
        for height, status in ((3, "accepted"), (4, "closed"))
    )
    (before,), (after,) = first.walk("VEVENT"), second.walk("VEVENT")
    assert before["uid"] == after["uid"] == f"01@{'cc' * 32}"
    assert (before["sequence"], after["sequence"]) == (3, 4)
    assert (before["status"], after["status"]) == ("CONFIRMED", "CANCELLED")
    assert before["rrule"].to_ical() == b"FREQ=DAILY;COUNT=40;INTERVAL=7"


def test_d14_bookings_stand_in_the_calendar_and_are_cancelled_there() -> None:
    from icalendar import Calendar

    def empty(name: str) -> Table:
        return Table(name, "cc" * 32, "bakery", 3, 0, (), [])

    agents = Table(
        "agents",
        "cc" * 32,
        "bakery",
        3,
        0,
        (("id", "text"), ("name", "text")),
        [["aa", "Alice"], ["bb", "Bob"]],
    )
    names = "id status action booker owner resource thing amount unit begin end finality"
    columns = tuple((name, "text") for name in names.split())

    def booked(height: int, status: str) -> Table:
        row = ["01", status, "use", "bb", "aa", "dd", "drill", "1", "one", 0, 7_200_000, "final"]
        return Table("bookings", "cc" * 32, "bakery", height, 0, columns, [row])

    (before,), (after,) = (
        Calendar.from_ical(
            write_calendar(agents, empty("clauses"), empty("commitments"), booked(height, status), 1000)
        ).walk("VEVENT")
        for height, status in ((3, "booked"), (4, "cancelled"))
    )
    assert before["uid"] == after["uid"] == f"01@{'cc' * 32}"
    assert (before["sequence"], after["sequence"]) == (3, 4)
    assert (before["status"], after["status"]) == ("CONFIRMED", "CANCELLED")
    assert before["summary"] == "Bob: drill of Alice"
    assert before["dtend"].dt.timestamp() - before["dtstart"].dt.timestamp() == 7200
