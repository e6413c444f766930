"""Reads meters: quarters of an hour in a sheet, one row a reading or one column a meter, as what flowed.

What was read before is left out, and nothing is guessed: a missing reading stops its meter until somebody
says that it is lost. Memory is bounded by the number of meters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from functools import lru_cache

from p2pnode.core.errors import UsageError
from p2pnode.importers.mapping import SheetMapping
from p2pnode.importers.sheet import SheetRow, moment_ms, number_of, zone_of
from p2pnode.importers.timesheet import Refused

OPTIONS: Mapping[str, type] = {"meters": dict, "time_is": str, "counter": bool, "resets": bool}
READINGS_AT_ONCE = 5000
"""A request to the node: ten signed entries."""

_CELLS_CACHED = 1 << 16
"""More moments than a year has quarters of an hour."""


@dataclass(frozen=True, slots=True)
class KnownMeter:
    """A meter of the group. Shapes: last_ms is the end of what was read of it."""

    id: str
    name: str
    decimals: int
    every_ms: int
    last_ms: int | None


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings of one meter, ascending. Shapes: [end of the interval in ms, amount in its decimals]."""

    meter: KnownMeter
    readings: list[tuple[int, int]]
    after_gap: bool


@dataclass(slots=True)
class _Register:
    """How far one meter is. Shapes: base is what its counter showed last; behind counts rows behind a gap."""

    meter: KnownMeter
    last_ms: int | None
    base: int | None = None
    readings: list[tuple[int, int]] = field(default_factory=list)
    after_gap: bool = False
    starts_after_gap: bool = False
    known: int = 0
    behind: int = 0

    def take(self) -> Readings:
        taken = Readings(self.meter, self.readings, self.starts_after_gap)
        self.readings, self.starts_after_gap = [], False
        return taken


class MeterSheet:
    """One pass over a sheet. One owner; `known` and `behind` are complete when `read` is."""

    def __init__(self, mapping: SheetMapping, meters: Mapping[str, KnownMeter], *, skip_gaps: bool) -> None:
        self._mapping = mapping
        self._meters = meters
        self._skip_gaps = skip_gaps
        self._registers: dict[str, _Register] = {}
        options = mapping.options
        self._is_begin = options.get("time_is", "end") == "begin"
        if options.get("time_is", "end") not in ("begin", "end"):
            raise UsageError("mapping.bad", "time_is is begin or end", "of the interval that a row is about")
        self._is_counter = bool(options.get("counter"))
        self._resets = bool(options.get("resets"))
        self._names: Mapping[str, str] = options.get("meters", {})
        if any(type(name) is not str for name in self._names.values()):
            raise UsageError("mapping.bad", "[meters] gives names in quotes", '"DE00123" = "house 7"')
        self._is_wide = "amount" not in mapping.columns
        if self._is_wide and not self._names:
            raise UsageError(
                "mapping.no_column",
                "the mapping names no column of amounts",
                'write amount = "heading" under [columns], or under [meters] the meter of each column',
            )
        zone = zone_of(mapping.form.zone)
        self._moment_ms = lru_cache(_CELLS_CACHED)(
            lambda cell, fold: moment_ms(cell, mapping.form.dates, zone, fold)
        )
        self._is_shifted = zone is not UTC
        self._flow = lru_cache(_CELLS_CACHED)(self._flow_of)

    @property
    def known(self) -> int:
        """How many readings were recorded before."""
        return sum(register.known for register in self._registers.values())

    @property
    def behind(self) -> int:
        """How many readings stand behind a gap that nobody has said to be lost."""
        return sum(register.behind for register in self._registers.values())

    def read(self, rows: Iterator[SheetRow]) -> Iterator[Readings | Refused]:
        """What there is to record, and lines that are not. Errors: UsageError of the mapping."""
        columns = self._mapping.columns
        time, amount, meter = (columns.get(name, "") for name in ("time", "amount", "meter"))
        default = self._mapping.defaults.get("meter", "")
        for row in rows:
            cells = row.cells
            if self._is_wide:
                named = [(heading, cells.get(heading, "")) for heading in self._names]
            else:
                named = [(cells.get(meter, "") or default, cells.get(amount, ""))]
            for word, cell in named:
                if self._is_wide and not cell:
                    continue
                try:
                    register = self._register(word)
                    self._note(register, cells.get(time, ""), cell)
                except UsageError as error:
                    yield Refused(row.line, error.rule, error.message, error.remedy)
                    continue
                if register.after_gap and register.readings:
                    # The last one is behind a gap that is known: it begins an entry of its own.
                    last = register.readings.pop()
                    if register.readings:
                        yield register.take()
                    register.readings, register.starts_after_gap = [last], True
                register.after_gap = False
                if len(register.readings) >= READINGS_AT_ONCE:
                    yield register.take()
        for register in self._registers.values():
            if register.readings:
                yield register.take()

    def _register(self, word: str) -> _Register:
        register = self._registers.get(word)
        if register is None:
            name = self._names.get(word, word)
            meter = self._meters.get(name)
            if meter is None:
                raise UsageError(
                    "meter.unknown",
                    f"there is no meter '{name}'",
                    "p2pnode meter install makes one; [meters] of the mapping gives each its name here",
                )
            register = self._registers[word] = _Register(meter, meter.last_ms)
        return register

    def _note(self, register: _Register, time: str, cell: str) -> None:
        """Take one reading, or leave it out as known. Errors: UsageError meter.*, sheet.*."""
        meter, last_ms = register.meter, register.last_ms
        shift_ms = meter.every_ms if self._is_begin else 0
        at_ms = self._moment_ms(time, 0) + shift_ms
        if self._is_shifted and last_ms is not None and at_ms <= last_ms:
            # In autumn a clock shows one hour twice.
            later_ms = self._moment_ms(time, 1) + shift_ms
            at_ms = later_ms if later_ms == last_ms + meter.every_ms else at_ms
        amount = self._flow(cell, meter.decimals)
        if self._is_counter:
            flow = self._since_base(register, at_ms, amount)
            if flow is None:
                return
            amount = flow
        if last_ms is not None and at_ms <= last_ms:
            if meter.last_ms is None or at_ms > meter.last_ms:
                raise UsageError(
                    "meter.taken_twice",
                    f"{meter.name} was read at {time} before",
                    "leave one of the rows out; rows of a meter stand in the order of time",
                )
            register.known += 1
            return
        if amount < 0:
            raise UsageError(
                "meter.negative_flow",
                f"{cell} of {meter.name} is below zero",
                "what flows the other way has a meter of its own",
            )
        if last_ms is not None and at_ms != last_ms + meter.every_ms and not self._pass_gap(register, at_ms):
            return
        register.last_ms = at_ms
        register.readings.append((at_ms, amount))

    def _since_base(self, register: _Register, at_ms: int, shown: int) -> int | None:
        """What flowed since the counter was read last, or None where that is not known.

        Errors: UsageError meter.counter_reset, meter.gap.
        """
        base, last_ms = register.base, register.last_ms
        if base is not None and shown < base:
            if not self._resets:
                raise UsageError(
                    "meter.counter_reset",
                    f"the counter of {register.meter.name} shows less than before",
                    "if it was changed or began again, say so in the mapping: resets = true",
                )
            register.base = shown
            return shown
        register.base = shown
        if base is not None:
            return shown - base
        # The first row only says where the counter stands.
        if last_ms is None or at_ms > last_ms:
            if last_ms is None or self._pass_gap(register, at_ms):
                register.last_ms = at_ms
        else:
            register.known += 1
        return None

    def _pass_gap(self, register: _Register, at_ms: int) -> bool:
        """Whether what is missing is known to be lost. Errors: UsageError meter.gap, meter.overlap, once."""
        if self._skip_gaps and at_ms > (register.last_ms or 0) + register.meter.every_ms:
            register.after_gap = True
            return True
        register.behind += 1
        if register.behind > 1:
            return False
        name = register.meter.name
        if at_ms < (register.last_ms or 0) + register.meter.every_ms:
            raise UsageError(
                "meter.overlap",
                f"the row covers a part of what was read of {name} before",
                "rows follow each other in the interval of the meter; p2pnode meter list shows it",
            )
        raise UsageError(
            "meter.gap",
            f"readings of {name} before this one are missing",
            "bring the missing ones first, or say that they are lost: --gaps",
        )

    def _flow_of(self, cell: str, decimals: int) -> int:
        """A number in the decimals of a meter. Errors: UsageError sheet.bad_number, meter.too_fine."""
        mantissa, exponent = number_of(cell, self._mapping.form.decimal)
        if -exponent > decimals:
            raise UsageError(
                "meter.too_fine",
                f"{cell} has more decimals than the meter",
                "install the meter with more: --decimals 6",
            )
        return int(mantissa * 10 ** (decimals + exponent))
