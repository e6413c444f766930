"""A batch of events that differ only in how much, when and in their note: all of them counted at once.

Such a batch is what a machine or a sheet says. Whether its records hold follows from the one event that all
of them would be together, because none of them takes anything back: where that one holds, needs no signature
and leaves no limit, so does each of them, in whatever order. Otherwise nothing is done here, and the records
are judged one by one. Either way the rows are the same to the last byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, State
from p2pnode.core.amount import Amount, amount_of, is_room
from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES
from p2pnode.core.errors import FormatError
from p2pnode.core.limits import COUNTER_MAX
from p2pnode.economy import (
    agreement_flows,
    contribution,
    event,
    journal,
    recording,
    standing,
    tables,
)
from p2pnode.economy.batch import Batch
from p2pnode.economy.booking import BOOKED_ACTIONS
from p2pnode.economy.contribution import CONTRIBUTION_TYPE
from p2pnode.economy.event import EVENT_TYPE, Event
from p2pnode.economy.form import RECORD_BYTES_MAX
from p2pnode.economy.measure import Measure, measure_of_value
from p2pnode.economy.record import Record, record_id
from p2pnode.economy.tables import EventRow

LEAST = 4
"""Fewer records are judged one by one."""

_MEASURES = ("effort_quantity", "resource_quantity")
_OWN = frozenset({"annex", "performed_ms", *_MEASURES})
_ALONE = ("corrects", "creates", "resource_inventoried_as", "settles", "to_resource_inventoried_as")
"""What makes an event's effect depend on more than sums."""


@dataclass(frozen=True, slots=True)
class _Sort:
    """A type of record that is an event: how one is read, and the payload of the event that it is."""

    read: Callable[[Value, bytes], Event]
    payload: Callable[[bytes, Mapping[str, Value], bytes], bytes]


_SORTS: Mapping[str, _Sort] = MappingProxyType(
    {
        EVENT_TYPE: _Sort(lambda value, _: event.FORM.read(value), lambda payload, _, __: payload),
        CONTRIBUTION_TYPE: _Sort(
            lambda value, group: contribution.as_event(contribution.of_value(value), group),
            lambda _, value, group: contribution.event_payload(value, group),
        ),
    }
)


def let_stand_together(
    state: State, held: Batch, author: bytes, entry: bytes, time_ms: int, context: BlockContext
) -> bool:
    """Let all records of a batch stand, or do nothing and say no."""
    sort = _SORTS.get(held.type)
    if sort is None or len(held.values) < LEAST or max(map(len, held.payloads)) > RECORD_BYTES_MAX:
        return False
    try:
        columns = _columns(held)
        first = None if columns is None else sort.read(held.values[0], context.group)
    except FormatError:
        return False
    if columns is None or first is None or any(getattr(first, name) is not None for name in _ALONE):
        return False
    if first.fulfills is not None and first.action in BOOKED_ACTIONS:
        return False
    whole = _whole(first, columns)
    if whole is None:
        return False
    provider = whole.provider or author
    receiver = whole.receiver or provider
    record = Record(record_id(entry, 0), author, time_ms, b"", entry)
    row = recording.row_of(record, whole, provider, receiver, b"")
    if (
        recording.void_rule(state, record, context, whole, provider, receiver) is not None
        or recording.missing_signers(state, row, whole, context)
        or standing.commons_of(state, row, whole) is not None
        or not _is_room(state, row, whole, columns)
    ):
        return False
    if not _count(state, row, whole):
        return False
    flows = columns["effort_quantity" if whole.effort_quantity is not None else "resource_quantity"]
    payloads = [
        sort.payload(payload, value, context.group)
        for payload, value in zip(held.payloads, held.values, strict=True)
    ]
    ids = [record_id(entry, item) for item in range(len(payloads))]
    tables.put_events(state, row, ids, payloads, *(columns.get(name) for name in reversed(_MEASURES)))
    journal.note_alike(state, context.group, row, whole, list(zip(ids, flows, strict=True)))
    return True


def _columns(held: Batch) -> dict[str, list[Amount]] | None:
    """The amounts of all records by the name of their measure, where all else is alike and in its bounds.

    Errors: FormatError measure.bad_value, amount.*.
    """
    values, first = held.values, held.values[0]
    names = first.keys()
    own = names - held.shared
    if not own <= _OWN or any(value.keys() != names for value in values):
        return None
    if "performed_ms" in own:
        times = [value["performed_ms"] for value in values]
        if set(map(type, times)) != {int} or min(times) < 0 or max(times) > COUNTER_MAX:
            return None
    if "annex" in own:
        annexes = [value["annex"] for value in values]
        if set(map(type, annexes)) != {bytes} or set(map(len, annexes)) != {HASH_BYTES}:
            return None
    found: dict[str, list[Amount]] = {}
    for name in _MEASURES:
        if name in names:
            measures = [measure_of_value(value[name]) for value in values]
            if len({measure.unit for measure in measures}) > 1 or min(m.amount[0] for m in measures) <= 0:
                return None
            found[name] = [measure.amount for measure in measures]
    return found


def _whole(first: Event, columns: Mapping[str, Sequence[Amount]]) -> Event | None:
    """The event that all of them are together; None where there is no such amount."""
    totals: dict[str, Any] = {}
    for name, amounts in columns.items():
        least = min(amount[1] for amount in amounts)
        total = sum(mantissa * 10 ** (exponent - least) for mantissa, exponent in amounts)
        try:
            totals[name] = Measure(amount_of(total, least), getattr(first, name).unit)
        except FormatError:
            return None
    return replace(first, **totals)


def _is_room(rows: Rows, row: EventRow, whole: Event, columns: Mapping[str, Sequence[Amount]]) -> bool:
    """Whether no sum on the way can leave the bounds of amounts, in whatever order it grows."""
    unit = whole.quantity.unit
    held = [(tables.amount(rows, "given", row.provider, row.receiver, unit.encode("ascii")),)]
    if whole.stream is not None:
        held.append((tables.contributed(rows, row.provider, whole.stream, unit),))
    agreement = whole.realization_of
    promise = None if whole.fulfills is None else tables.commitment(rows, whole.fulfills)
    if promise is not None:
        held.append((promise.fulfilled,))
        agreement = promise.clause_of
    balances = () if agreement is None else agreement_flows.balances(rows, agreement)
    sums = [*held, *((given, taken) for _, _, given, taken in balances)]
    return all(is_room(before, amounts) for amounts in columns.values() for before in sums)


def _count(state: State, row: EventRow, whole: Event) -> bool:
    """Count all of it, or nothing where a limit stands in the way."""
    rule: str | None = ""
    state.begin_attempt()
    try:
        rule = recording.count_amounts(state, row, whole, whole.quantity)
    except FormatError:
        return False
    finally:
        state.end_attempt(is_kept=rule is None)
    return rule is None
