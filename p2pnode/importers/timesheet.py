"""Reads a time sheet: who worked when, how long, on what and for what, as what a member would say here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from p2pnode.core.amount import amount_text
from p2pnode.core.errors import UsageError
from p2pnode.importers.mapping import SheetMapping, cell_of
from p2pnode.importers.sheet import SheetRow, date_ms, number_of, zone_of

REQUIRED = ("who", "date", "hours")
STREAMS = ("livelihood", "commons", "care")
NOTE_CHARACTERS_MAX = 4000
NAME_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that is not recorded: its rule, why, and what to do."""

    line: int
    rule: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class TimeRow:
    """One line as the local API takes it.

    Shapes: fields are those of an event; identifier is the row's own, or empty; ordinal tells equal rows
    apart.
    """

    line: int
    fields: dict[str, Any]
    note: str
    identifier: str
    ordinal: int


def read_time_sheet(rows: Iterator[SheetRow], mapping: SheetMapping) -> Iterator[TimeRow | Refused]:
    """What each line says, or why it says nothing. Errors: UsageError sheet.bad_zone."""
    zone = zone_of(mapping.form.zone)
    seen: dict[bytes, int] = {}
    for row in rows:
        try:
            fields = _fields(row, mapping, zone)
        except UsageError as error:
            yield Refused(row.line, error.rule, error.message, error.remedy)
            continue
        identifier = cell_of(mapping, row.cells, "id")
        # Equal rows are different hours of the same day; hashes bound what a large sheet costs.
        mark = blake2b(repr(fields).encode(), digest_size=16).digest()
        ordinal = seen[mark] = seen.get(mark, -1) + 1
        note = cell_of(mapping, row.cells, "note")[:NOTE_CHARACTERS_MAX]
        yield TimeRow(row.line, fields, note, identifier, 0 if identifier else ordinal)


def _fields(row: SheetRow, mapping: SheetMapping, zone: Any) -> dict[str, Any]:
    said = {name: cell_of(mapping, row.cells, name) for name in ("who", "date", "hours", "what", "project")}
    for name in REQUIRED:
        if not said[name]:
            raise UsageError("sheet.empty_cell", f"{name} is empty", "fill it in, or give a default")
    long = [name for name, cell in said.items() if len(cell) > NAME_CHARACTERS_MAX]
    if long:
        raise UsageError("sheet.cell_too_long", f"{', '.join(long)}: too long", "shorten it")
    stream = cell_of(mapping, row.cells, "stream").lower() or "commons"
    if stream not in STREAMS:
        raise UsageError(
            "sheet.bad_stream",
            f"there is no stream '{stream}'",
            f'one of {", ".join(STREAMS)}; [words.stream] of the mapping translates: "{stream}" = "care"',
        )
    hours = number_of(said["hours"], mapping.form.decimal)
    if hours[0] <= 0:
        raise UsageError(
            "event.bad_quantity",
            "hours are more than zero",
            "correct what was recorded: p2pnode record correct",
        )
    fields: dict[str, Any] = {
        "action": "work",
        "effort_quantity": f"{amount_text(hours)} hour",
        "performed_ms": date_ms(said["date"], mapping.form.dates, zone),
        "provider": said["who"],
        "receiver": "group",
        "resource_conforms_to": said["what"] or "work",
        "stream": stream,
    }
    return fields | ({"in_scope_of": said["project"]} if said["project"] else {})
