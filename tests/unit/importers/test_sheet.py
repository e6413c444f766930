"""Sheets as people and programs write them, and what is refused of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.core.errors import UsageError
from p2pnode.importers.mapping import TIME_SHEET_COLUMNS, check_headings, read_mapping
from p2pnode.importers.sheet import SheetForm, SheetRow, date_ms, number_of, opened_sheet, zone_of
from p2pnode.importers.timesheet import REQUIRED, Refused, TimeRow, read_time_sheet

MAPPING = """
source = "sheet of the shop"
[sheet]
decimal = ","
dates = "day.month.year"
[columns]
who = "Name"
date = "Datum"
hours = "Stunden"
stream = "Bereich"
note = "Notiz"
[words.stream]
Pflege = "care"
"""
HEADINGS = "Name;Datum;Stunden;Bereich;Notiz\n"


def rows_of(path: Path, form: SheetForm | None = None) -> list[SheetRow]:
    with opened_sheet(path, form or SheetForm()) as (_, rows):
        return list(rows)


def refusal(path: Path, data: bytes, form: SheetForm | None = None) -> str:
    path.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        rows_of(path, form)
    return caught.value.rule


def taken(tmp_path: Path, text: str, mapping: str = MAPPING) -> list[TimeRow | Refused]:
    path = tmp_path / "sheet.csv"
    path.write_text(HEADINGS + text, "utf-8")
    found = read_mapping(mapping, TIME_SHEET_COLUMNS, REQUIRED, {})
    with opened_sheet(path, found.form) as (headings, rows):
        check_headings(found, headings)
        return list(read_time_sheet(rows, found))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", list(";,\t|"))
def test_encodings_and_delimiters_are_found_out(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"Näme{delimiter}x\r\n\r\nÄ{delimiter}1\r\n", encoding)
    assert rows_of(path) == [SheetRow(3, {"Näme": "Ä", "x": "1"})]


def test_another_encoding_is_named_in_the_mapping(tmp_path: Path) -> None:
    data = "Näme;x\nÄ;1\n".encode("windows-1252")
    assert refusal(tmp_path / "a.csv", data) == "sheet.bad_encoding"
    assert rows_of(tmp_path / "a.csv", SheetForm(encoding="windows-1252"))[0].cells["Näme"] == "Ä"
    assert refusal(tmp_path / "a.csv", data, SheetForm(encoding="latin-seven")) == "sheet.bad_encoding"


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"PK\x03\x04 a zip bomb", "sheet.no_text"),
        (b"\x1f\x8b\x08", "sheet.no_text"),
        (b"", "sheet.empty"),
        (b"a;a\n1;2\n", "sheet.heading_twice"),
        (b"a;b\n" + b"x" * 100_000, "sheet.line_too_long"),
        (b'a;b\n"' + b"x\n" * 20_000, "sheet.bad_row"),
        (b"a;b\n1;" + b"x" * 20_000 + b"\n", "sheet.bad_row"),
        (b"".join(b"c%d;" % number for number in range(600)) + b"\n1\n", "sheet.too_wide"),
    ],
)
def test_hostile_files_are_refused_within_bounds(tmp_path: Path, data: bytes, rule: str) -> None:
    assert refusal(tmp_path / "a.csv", data) == rule


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300))
def test_no_file_does_more_than_being_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.csv"
    path.write_bytes(data)
    try:
        assert all(row.line >= 1 for row in rows_of(path))
    except UsageError as error:
        assert error.rule.startswith("sheet.")
        assert error.remedy


@pytest.mark.parametrize(
    ("cell", "decimal", "amount"),
    [
        ("1.5", None, (15, -1)),
        ("1,5", None, (15, -1)),
        ("0,125", None, (125, -3)),
        ("1.234,50", ",", (12345, -1)),
        ("1,234.50", ".", (12345, -1)),
        ("1 234,5", ",", (12345, -1)),
        ("−2", None, (-2, 0)),
    ],
)
def test_numbers_are_exact(cell: str, decimal: str | None, amount: tuple[int, int]) -> None:
    assert number_of(cell, decimal) == amount


@pytest.mark.parametrize(
    ("cell", "rule"),
    [("1.234", "sheet.ambiguous_number"), ("1e5", "sheet.bad_number"), ("", "sheet.bad_number")],
)
def test_what_may_mean_two_things_is_asked(cell: str, rule: str) -> None:
    with pytest.raises(UsageError) as caught:
        number_of(cell, None)
    assert caught.value.rule == rule


def test_days_begin_in_their_zone() -> None:
    assert date_ms("2026-07-01", "iso", zone_of("Europe/Berlin")) == 1_782_856_800_000
    assert date_ms("01.07.2026", "day.month.year", zone_of("UTC")) == 1_782_864_000_000
    with pytest.raises(UsageError, match="no time zone"):
        zone_of("Berlin/../../etc")


def test_each_line_says_what_it_is_or_why_not(tmp_path: Path) -> None:
    said = taken(
        tmp_path,
        "Alice;03.02.2026;1,5;Pflege;sore back\n"
        "Alice;03.02.2026;1,5;Pflege;other\n"
        ";03.02.2026;1,5;;\n"
        "Bob;2026-02-03;1;;\n"
        "Bob;03.02.2026;0;;\n"
        "Bob;03.02.2026;1;dreams;\n",
    )
    good = [row for row in said if isinstance(row, TimeRow)]
    assert [(row.line, row.ordinal, row.note) for row in good] == [(2, 0, "sore back"), (3, 1, "other")]
    assert good[0].fields == {
        "action": "work",
        "effort_quantity": "1.5 hour",
        "performed_ms": 1_770_076_800_000,
        "provider": "Alice",
        "receiver": "group",
        "resource_conforms_to": "work",
        "stream": "care",
    }
    assert [(row.line, row.rule) for row in said if isinstance(row, Refused)] == [
        (4, "sheet.empty_cell"),
        (5, "sheet.bad_date"),
        (6, "event.bad_quantity"),
        (7, "sheet.bad_stream"),
    ]
    assert all(row.remedy for row in said if isinstance(row, Refused))


@pytest.mark.parametrize(
    ("mapping", "rule"),
    [
        ("[columns", "mapping.bad"),
        ("[colums]\n", "mapping.bad"),
        ("[columns]\nwho = 7\n", "mapping.bad"),
        ("columns = 7\n", "mapping.bad"),
        ("[columns]\nwho = 'Name'\n", "mapping.no_column"),
        (MAPPING.replace("source", "#") + "[defaults]\n", None),
        (MAPPING.replace("source", "#").replace("[columns]", "[columns]\nid = 'Nr'"), "mapping.no_source"),
        (MAPPING.replace("'Name'", "'Nam'").replace('"Name"', '"Nam"'), "mapping.no_such_column"),
        (MAPPING.replace('decimal = ","', "decimal = 'x'"), "mapping.bad"),
    ],
)
def test_a_mapping_that_does_not_fit_says_why(tmp_path: Path, mapping: str, rule: Any) -> None:
    if rule is None:
        assert taken(tmp_path, "Alice;03.02.2026;1;;\n", mapping)
        return
    with pytest.raises(UsageError) as caught:
        taken(tmp_path, "", mapping)
    assert caught.value.rule == rule
    assert caught.value.remedy
