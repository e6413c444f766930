"""Figures of a group or a commons: how many contribute, how evenly, and what flows back.

They are about the whole and never about one person: there are no names in them, no order of people, and no
number of anybody. Sums are kept by month and grow with each block, so that nothing is read twice. They are no
rows: no rule asks them, and each node may throw its own away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple

from p2pnode.consensus.rows import Rows
from p2pnode.core import codec
from p2pnode.core.amount import EXPONENT_MIN, Amount
from p2pnode.core.errors import FormatError
from p2pnode.economy import journal, tables
from p2pnode.governance import tables as members

SUMS_MAX = 500_000
"""Sums that are kept: units and labels are free words, and somebody may write many."""

FEW = 3
"""Of fewer contributors it says nothing how evenly they contribute, and shows whose part is which."""

TENTHS = 10
_DAY_MS = 86_400_000
_MONTHS_A_YEAR = 12


class Key(NamedTuple):
    """What a sum is of. Shapes: scope is the label of a commons, or nothing; month counts from the year 0."""

    scope: str
    month: int
    stream: str
    unit: str
    who: bytes


class Sums(NamedTuple):
    """What everybody contributed, up to a block. Units: sums are in the smallest parts of an amount."""

    height: int = 0
    block: bytes = b""
    sums: Mapping[Key, int] = MappingProxyType({})

    @property
    def scopes(self) -> list[str]:
        """The labels to which something was contributed, ascending."""
        return sorted({key.scope for key in self.sums if key.scope})


class Evenness(NamedTuple):
    """How evenly a sum is spread over those who contributed.

    Shapes: top_tenth is the part of the tenth that contributed most, rounded up to whole people; gini is 0
    where all gave alike and near 1 where one gave nearly all; tenths say which part the first one to ten
    tenths gave, from the smallest on, in between along a straight line.
    """

    top_tenth: Fraction
    gini: Fraction
    tenths: tuple[Fraction, ...]


class StreamFigure(NamedTuple):
    """One stream in one unit.

    Shapes: evenness is absent for fewer than FEW contributors. Units: smallest parts.
    """

    stream: str
    unit: str
    amount: int
    contributors: int
    evenness: Evenness | None


class MonthFigure(NamedTuple):
    """One month. Shapes: amounts by stream and unit, ascending. Units: smallest parts."""

    month: int
    contributors: int
    amounts: tuple[tuple[str, str, int], ...]


class FlowFigure(NamedTuple):
    """What flowed in one unit since the founding.

    Shapes: mutual is the part of what flowed between members for which as much flowed back between the same
    two; to_members is what the group gave members of what it received from anybody. Units: smallest parts.
    """

    unit: str
    between_members: int
    mutual: int
    received: int
    to_members: int
    to_others: int


class Figures(NamedTuple):
    """All of it, for some months."""

    contributors: int
    streams: tuple[StreamFigure, ...]
    months: tuple[MonthFigure, ...]


# ---- counting


def counted_on(rows: Rows, before: Sums, last: int, block: bytes) -> Sums:
    """The sums up to a block, grown from those of an earlier one. Errors: FormatError figures.too_many."""
    sums = dict(before.sums)
    for what in journal.CONTRIBUTED:
        for line in journal.lines(rows, what, before.height, last):
            scope, month = _scope_and_month(rows, line.record)
            key = Key(scope, month, what, line.unit, line.who)
            sums[key] = sums.get(key, 0) + parts_of(line.amount)
            if len(sums) > SUMS_MAX:
                raise FormatError("figures.too_many", f"more than {SUMS_MAX} sums")
    return Sums(last, block, sums)


def _scope_and_month(rows: Rows, record_id: bytes) -> tuple[str, int]:
    """What an event was for, and when it was done; a correction belongs to the month that it corrects."""
    row = tables.event(rows, record_id)
    assert row is not None, "a line of the journal is about an event"
    said = codec.decode(row.payload)
    corrected = tables.event(rows, said["corrects"]) if "corrects" in said else None
    done = said if corrected is None else codec.decode(corrected.payload)
    return said.get("in_scope_of", ""), month_of(done["performed_ms"])


def flows(rows: Rows, group: bytes) -> tuple[FlowFigure, ...]:
    """What flowed among members, and through the group, by unit in ascending order."""
    found: dict[str, list[int]] = {}

    def sums_of(unit: str) -> list[int]:
        return found.setdefault(unit, [0] * 5)

    for giver, _ in members.members(rows):
        for taker, flow in tables.flows(rows, "given", giver):
            if taker == group or members.member(rows, taker) is None:
                continue
            sums, unit = sums_of(flow.unit), flow.unit.encode("ascii")
            given, back = parts_of(flow.amount), parts_of(tables.amount(rows, "given", taker, giver, unit))
            sums[0] += given
            sums[1] += max(0, min(given, back))
    for _, flow in tables.flows(rows, "taken", group):
        sums_of(flow.unit)[2] += parts_of(flow.amount)
    for taker, flow in tables.flows(rows, "given", group):
        is_member = members.member(rows, taker) is not None
        sums_of(flow.unit)[3 if is_member else 4] += parts_of(flow.amount)
    return tuple(FlowFigure(unit, *found[unit]) for unit in sorted(found))


def parts_of(amount: Amount) -> int:
    """An amount in its smallest parts."""
    return int(amount[0] * 10 ** (amount[1] - EXPONENT_MIN))


# ---- figures


def figures_of(sums: Sums, scope: str | None, first: int | None, last: int | None) -> Figures:
    """The figures of some months, both ends included, of one commons or of everything."""
    by_stream: dict[tuple[str, str], dict[bytes, int]] = {}
    by_month: dict[int, dict[tuple[str, str], dict[bytes, int]]] = {}
    for key, amount in sums.sums.items():
        is_in_time = (first is None or first <= key.month) and (last is None or key.month <= last)
        if not is_in_time or scope not in (None, key.scope):
            continue
        stream = (key.stream, key.unit)
        for people in (
            by_stream.setdefault(stream, {}),
            by_month.setdefault(key.month, {}).setdefault(stream, {}),
        ):
            people[key.who] = people.get(key.who, 0) + amount
    return Figures(
        contributors=len(_contributors(by_stream.values())),
        streams=tuple(_stream(*stream, by_stream[stream]) for stream in sorted(by_stream)),
        months=tuple(_month(month, by_month[month]) for month in sorted(by_month)),
    )


def _contributors(sums: Iterable[Mapping[bytes, int]]) -> set[bytes]:
    """Those of whom more stands than was taken back."""
    return {who for people in sums for who, amount in people.items() if amount > 0}


def _stream(stream: str, unit: str, people: Mapping[bytes, int]) -> StreamFigure:
    amounts = sorted(amount for amount in people.values() if amount > 0)
    evenness = evenness_of(amounts) if len(amounts) >= FEW else None
    return StreamFigure(stream, unit, sum(people.values()), len(amounts), evenness)


def _month(month: int, streams: Mapping[tuple[str, str], Mapping[bytes, int]]) -> MonthFigure:
    amounts = tuple((*stream, sum(streams[stream].values())) for stream in sorted(streams))
    return MonthFigure(month, len(_contributors(streams.values())), amounts)


def evenness_of(amounts: list[int]) -> Evenness:
    """How evenly amounts are spread. Shapes: ascending, all above zero, at least one.

    Source: the Gini coefficient of a sorted sample, sum (2i - n - 1) x_i / (n sum x_i).
    """
    people, total = len(amounts), sum(amounts)
    top = -(-people // TENTHS)
    weighed = sum((2 * place - people - 1) * amount for place, amount in enumerate(amounts, start=1))
    return Evenness(
        Fraction(sum(amounts[people - top :]), total),
        Fraction(weighed, people * total),
        tuple(_tenths(amounts, total)),
    )


def _tenths(amounts: list[int], total: int) -> Iterator[Fraction]:
    people, place, done = len(amounts), 0, 0
    for tenth in range(1, TENTHS + 1):
        whole, rest = divmod(people * tenth, TENTHS)
        done += sum(amounts[place:whole])
        place = whole
        more = Fraction(amounts[whole] * rest, TENTHS) if rest else 0
        yield Fraction(done + more, total)


# ---- months


def month_of(time_ms: int) -> int:
    """The month of a time, in universal time.

    Source: days to civil dates, H. Hinnant, "chrono-compatible low-level date algorithms".
    """
    days = time_ms // _DAY_MS + 719_468
    era, day = divmod(days, 146_097)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day_of_year = day - (365 * year + year // 4 - year // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    return (era * 400 + year) * _MONTHS_A_YEAR + month_from_march + 2


def month_text(month: int) -> str:
    """A month as people write it: 2026-11."""
    year, before = divmod(month, _MONTHS_A_YEAR)
    return f"{year:04}-{before + 1:02}"


def month_of_text(text: str) -> int:
    """The month that somebody wrote. Errors: FormatError figures.bad_month."""
    year, dash, month = text.strip().partition("-")
    is_written = dash and year.isascii() and year.isdigit() and month.isascii() and month.isdigit()
    if not is_written or len(year) != 4 or not 1 <= int(month) <= _MONTHS_A_YEAR:
        raise FormatError("figures.bad_month", f"{text!r} is no month: write 2026-11")
    return int(year) * _MONTHS_A_YEAR + int(month) - 1
