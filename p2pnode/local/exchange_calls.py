"""What the service offers to importers and exporters. Types only, no behaviour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NotRequired, Protocol

# The API's schema is made from these types, and pydantic reads only this TypedDict before Python 3.12.
from typing_extensions import TypedDict


class SheetLine(TypedDict):
    """One line to be recorded once.

    Shapes: fields are those of an event, people and things by name; identifier is the line's own name in its
    source, or empty: then what it says names it, and ordinal tells equal lines apart.
    """

    line: int
    fields: dict[str, Any]
    note: str
    identifier: str
    ordinal: int


class LineOutcome(TypedDict):
    """What became of a line. Shapes: record is its id, where it is known; rule, message and remedy are there
    when it was refused.
    """

    line: int
    state: Literal["recorded", "known", "other", "refused"]
    text: str
    waits: bool
    record: str
    rule: NotRequired[str]
    message: NotRequired[str]
    remedy: NotRequired[str]


class Brought(TypedDict):
    """What an import has done, or would do. entries: how many signed entries carry it."""

    outcomes: list[LineOutcome]
    entries: int


class MeterWritten(TypedDict):
    """Readings that are durable here. entries: how many signed entries carry them."""

    readings: int
    entries: int


class ExportPage(TypedDict):
    """Rows of one table.

    Shapes: columns are [name, kind], kinds being text, amount, time, integer and flag; amounts are exact
    decimal texts, times ms since 1970; next is where the following page begins, or None. height and
    time_ms are those of the last final block: pages of different heights do not belong together.
    """

    group: str
    name: str
    height: int
    time_ms: int
    columns: list[list[str]]
    rows: list[list[Any]]
    next: str | None


class BundleFile(TypedDict):
    """A bundle as hexadecimal text, and how many records it proves."""

    bundle_hex: str
    records: int
    height: int


class ExchangeCalls(Protocol):
    """The part of a running node for importers and exporters."""

    async def import_lines(
        self, group: str, source: str, lines: Sequence[SheetLine], waiting: int, dry_run: bool, mine: bool
    ) -> Brought:
        """Record lines of a sheet once.

        Shapes: waiting counts what this import left to others already; mine leaves out who is somebody else.
        """

    async def read_meter(
        self, group: str, meter: str, readings: Sequence[tuple[int, int]], after_gap: bool
    ) -> MeterWritten:
        """Record readings of a meter, which is named by its whole id."""

    async def export_page(self, group: str, table: str, after: str | None) -> ExportPage:
        """One page of a table of the economy."""

    async def export_bundle(self, group: str, who: str | None) -> BundleFile:
        """What the group has ordered, of everybody or what concerns one agent, as a file that a stranger
        checks.
        """
