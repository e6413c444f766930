"""Reads a sheet in CSV, line by line, and what people write in its cells: numbers, dates, times.

Only text is read: a compressed or a spreadsheet's own file is refused. Memory is bounded whatever the file
holds, and a cell that means two things is refused rather than guessed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Protocol, TextIO

from p2pnode.core.amount import Amount, amount_of_text
from p2pnode.core.cell import GUARD, unguarded
from p2pnode.core.errors import FormatError, UsageError

LINE_CHARACTERS_MAX = 64 * 1024
CELL_CHARACTERS_MAX = 16 * 1024
COLUMNS_MAX = 512
_SNIFFED_CHARACTERS = 16 * 1024
_DELIMITERS = ";,\t|"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_NO_TEXT = {
    b"PK\x03\x04": "a spreadsheet or an archive",
    b"\x1f\x8b": "compressed",
    b"\xd0\xcf\x11\xe0": "a spreadsheet's own file",
    b"%PDF": "a PDF",
}
DATE_FORMATS = {
    "iso": "%Y-%m-%d",
    "day.month.year": "%d.%m.%Y",
    "day/month/year": "%d/%m/%Y",
    "month/day/year": "%m/%d/%Y",
}


@dataclass(frozen=True, slots=True)
class SheetForm:
    """How a sheet is written. Shapes: None is found out; dates is a name of DATE_FORMATS or a pattern of
    `strptime`; decimal is the character before fractions, where people also write thousands.
    """

    encoding: str | None = None
    delimiter: str | None = None
    skip_lines: int = 0
    dates: str = "iso"
    decimal: str | None = None
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row. Shapes: line counts from 1, the headings included; cells are by heading."""

    line: int
    cells: dict[str, str]


@contextmanager
def opened_sheet(path: Path, form: SheetForm) -> Iterator[tuple[list[str], Iterator[SheetRow]]]:
    """The headings and the rows of a sheet. Errors: UsageError sheet.*, file.not_read."""
    try:
        with path.open("rb") as raw:
            head = raw.read(_SNIFFED_CHARACTERS)
    except OSError as error:
        raise UsageError("file.not_read", f"{path}: {error.strerror}.", "Name a file that exists.") from error
    for magic, kind in _NO_TEXT.items():
        if head.startswith(magic):
            raise UsageError(
                "sheet.no_text", f"{path} is no text: it is {kind}.", "Save it as CSV, and import that."
            )
    encoding = form.encoding or next(
        (name for mark, name in _BYTE_ORDER_MARKS if head.startswith(mark)), "utf-8"
    )
    try:
        with path.open("r", encoding=encoding, newline="") as file:
            yield _read(file, form)
    except LookupError as error:
        raise UsageError(
            "sheet.bad_encoding", f"There is no encoding '{encoding}'.", "Write utf-8 or windows-1252."
        ) from error
    except UnicodeError as error:
        raise UsageError(
            "sheet.bad_encoding",
            f"{path} is not written in {encoding}.",
            'Say how it is: encoding = "windows-1252" under [sheet] of the mapping.',
        ) from error
    except csv.Error as error:
        raise UsageError(
            "sheet.bad_row", f"{path} cannot be read: {error}.", "Look for a quote that is never closed."
        ) from error


def _read(file: TextIO, form: SheetForm) -> tuple[list[str], Iterator[SheetRow]]:
    for _ in range(form.skip_lines):
        file.readline(LINE_CHARACTERS_MAX)
    start = file.tell()
    first = file.readline(LINE_CHARACTERS_MAX)
    file.seek(start)
    delimiter = form.delimiter or max(_DELIMITERS, key=first.count)
    # A cell that is never closed ends here, and not with the memory.
    csv.field_size_limit(CELL_CHARACTERS_MAX)
    rows = csv.reader(_lines(file), delimiter=delimiter, strict=True)
    headings = [unguarded(cell.strip()) for cell in next(rows, [])]
    if not any(headings):
        raise UsageError("sheet.empty", "The sheet has no headings.", "Its first line names the columns.")
    if len(headings) > COLUMNS_MAX:
        raise UsageError("sheet.too_wide", f"More than {COLUMNS_MAX} columns.", "Leave some out.")
    named = [heading for heading in headings if heading]
    if len(set(named)) < len(named):
        twice = sorted({heading for heading in named if named.count(heading) > 1})
        raise UsageError(
            "sheet.heading_twice", f"Two columns are called {', '.join(twice)}.", "Rename one of them."
        )
    return headings, _rows(rows, headings, form.skip_lines)


class _Cells(Protocol):
    """What csv.reader gives."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...


def _rows(rows: _Cells, headings: list[str], skipped: int) -> Iterator[SheetRow]:
    missing = [""] * len(headings)
    for cells in rows:
        if any(cells):
            texts = [cell.strip() for cell in cells]
            held = dict(zip(headings, texts + missing[len(texts) :], strict=False))
            if GUARD in "".join(texts):
                held = {heading: unguarded(text) for heading, text in held.items()}
            held.pop("", None)
            yield SheetRow(rows.line_num + skipped, held)


def _lines(file: TextIO) -> Iterator[str]:
    """Lines of bounded length: a file without line ends is no sheet."""
    while line := file.readline(LINE_CHARACTERS_MAX + 1):
        if len(line) > LINE_CHARACTERS_MAX:
            raise UsageError(
                "sheet.line_too_long",
                f"A line has more than {LINE_CHARACTERS_MAX:,} characters.",
                "Save the sheet as CSV with one row a line.",
            )
        yield line


# ---- cells


def number_of(cell: str, decimal: str | None) -> Amount:
    """A number as people write it: 1.5, 1,5, 1.234,50 where the mapping names the decimal character.

    Errors: UsageError sheet.bad_number, sheet.ambiguous_number.
    """
    text = cell.replace("\u00a0", "").replace("\u202f", "").replace(" ", "").replace("\u2212", "-")
    if decimal is not None:
        text = text.replace("." if decimal == "," else ",", "").replace(decimal, ".")
    else:
        _, separator, fraction = text.replace(",", ".").partition(".")
        if separator and len(fraction) == 3 and not text.startswith(("0.", "0,", "-0")):
            raise UsageError(
                "sheet.ambiguous_number",
                f"'{cell}' may be thousands or a fraction",
                'say which in the mapping, under [sheet]: decimal = "," or decimal = "."',
            )
    try:
        return amount_of_text(text)
    except FormatError as error:
        raise UsageError(
            "sheet.bad_number",
            f"'{cell}' is no number",
            'write 1.5 or 1,5; with thousands, name the other one in the mapping: decimal = ","',
        ) from error


def zone_of(name: str) -> tzinfo:
    """A time zone. Errors: UsageError sheet.bad_zone."""
    from zoneinfo import ZoneInfo

    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError) as error:
        raise UsageError(
            "sheet.bad_zone", f"there is no time zone '{name}'", "write UTC or Europe/Berlin"
        ) from error


def date_ms(cell: str, dates: str, zone: tzinfo) -> int:
    """The beginning of a day in a zone, or the moment where the cell names one. Units: ms since 1970.

    Errors: UsageError sheet.bad_date.
    """
    pattern = DATE_FORMATS.get(dates, dates)
    try:
        moment = datetime.fromisoformat(cell) if dates == "iso" else _naive(cell, pattern)
    except ValueError as error:
        shown = "2026-11-20" if dates == "iso" else dates
        raise UsageError(
            "sheet.bad_date",
            f"'{cell}' is no date of the form {shown}",
            "mend the row; where all are written so, name their form in the mapping, under [sheet]: "
            f"dates = one of {', '.join(DATE_FORMATS)}",
        ) from error
    return time_ms(moment if moment.tzinfo is not None else moment.replace(tzinfo=zone))


def time_ms(moment: datetime) -> int:
    """A moment with a zone. Units: ms since 1970. Errors: UsageError sheet.bad_date."""
    found = (moment - _EPOCH) // timedelta(milliseconds=1)
    if found < 0:
        raise UsageError("sheet.bad_date", "the date lies before 1970", "mend the row")
    return found


def moment_ms(cell: str, dates: str, zone: tzinfo, fold: int = 0) -> int:
    """A moment; in the hour that a clock shows twice, fold 1 is the second. Units: ms since 1970.

    Errors: UsageError sheet.bad_date.
    """
    try:
        if dates == "iso":
            moment = datetime.fromisoformat(cell)
        else:
            moment = _naive(cell, DATE_FORMATS.get(dates, dates) + _clock_of(dates, cell))
    except ValueError as error:
        raise UsageError(
            "sheet.bad_date",
            f"'{cell}' is no time",
            "write 2026-11-20 18:30, or name the form in the mapping: dates under [sheet]",
        ) from error
    return time_ms(moment if moment.tzinfo is not None else moment.replace(tzinfo=zone, fold=fold))


def _naive(cell: str, pattern: str) -> datetime:
    """What a cell shows; the caller knows the zone. Errors: ValueError."""
    return datetime.strptime(cell, pattern)  # noqa: DTZ007


def _clock_of(dates: str, cell: str) -> str:
    """The pattern of the clock behind a date that is named by its form."""
    if dates not in DATE_FORMATS:
        return ""
    return " %H:%M:%S" if cell.count(":") == 2 else " %H:%M"
