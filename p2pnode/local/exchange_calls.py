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
    """What became of a line. Shapes: rule, message and remedy are there when it was refused."""

    line: int
    state: Literal["recorded", "known", "other", "refused"]
    text: str
    waits: bool
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


class ExchangeCalls(Protocol):
    """The part of a running node for importers and exporters."""

    async def import_lines(
        self, group: str, source: str, lines: Sequence[SheetLine], waiting: int, *, dry_run: bool, mine: bool
    ) -> Brought:
        """Record lines of a sheet once.

        Shapes: waiting counts what this import left to others already; mine leaves out who is somebody else.
        """

    async def read_meter(
        self, group: str, meter: str, readings: Sequence[tuple[int, int]], *, after_gap: bool
    ) -> MeterWritten:
        """Record readings of a meter, which is named by its whole id."""
