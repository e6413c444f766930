"""Things that return: `thing.mark`, `booking.make`, `booking.cancel`; custody there and back, and care.

A booking is a promise with an interval: who has the thing lets the other use it, or take it along and bring
it back. Of two that want the same thing at the same time the order decides. How it was when it went and when
it came back is said in the events that fulfil the two promises.

| table | key | value |
|---|---|---|
| `booking` | entry id | `BookingRow` |
| `booking_live` | resource id, entry id | nil: bookings that may stand in the way of others |
| `booking_return` | `return_id` | the booking whose thing comes back by this promise |
| `thing_mark` | resource id | `MarkRow`: whether a thing can be had |
| `care_of` | resource id, unit | how much care a thing was given |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core.amount import Amount, add, is_less
from p2pnode.core.crypto import tagged_hash
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.economy import agents, commons, form, tables
from p2pnode.economy.event import Event
from p2pnode.economy.form import Form
from p2pnode.economy.measure import Measure, measure_of_value
from p2pnode.economy.promising import COMMITMENT, Commitment
from p2pnode.economy.record import Record
from p2pnode.economy.tables import OPEN, RELEASED, ZERO, CommitmentRow, ResourceRow
from p2pnode.governance import tables as members
from p2pnode.governance.commons_rules import BOOK, GUARD

MARK_TYPE = "thing.mark"
BOOKING_TYPE = "booking.make"
CANCEL_TYPE = "booking.cancel"

USABLE, AWAY, BROKEN, PRIVATE = "usable", "away", "broken", "private"
CUSTODY, USE = "transferCustody", "use"
BOOKED_ACTIONS = frozenset({CUSTODY, USE})
"""Only these carry the promises of a booking out."""
BOOKED, OUT, BACK, USED, CANCELLED = "booked", "out", "back", "used", "cancelled"

INTERVAL_MS_MAX = 366 * 24 * 3600 * 1000
LIVE_MAX = 200
"""Bookings of one thing ahead; each new one is compared with them."""

_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Mark:
    """Whether a thing can be had. Shapes: a member's own thing is private until they say otherwise. Units:
    until_ms is when it can be had again.
    """

    resource: bytes
    condition: str
    annex: bytes | None = None
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Booking:
    """A wish to have a thing for some time. Shapes: without a quantity it is one."""

    action: str
    has_beginning_ms: int
    has_end_ms: int
    resource: bytes
    annex: bytes | None = None
    resource_quantity: Measure | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """A booking that is given up."""

    booking: bytes
    annex: bytes | None = None


@dataclass(frozen=True, slots=True)
class MarkRow:
    """What was said last about whether a thing can be had."""

    condition: str
    until_ms: int | None
    author: bytes
    annex: bytes | None
    entry: bytes


@dataclass(frozen=True, slots=True)
class BookingRow:
    """A booking of the order.

    Shapes: number counts the bookings of all things in their order; held is the resource that stands for the
    thing while it is out; the states are the condition as it went and came. Units: times are those of the
    events, as their authors say.
    """

    status: str
    resource: bytes
    booker: bytes
    owner: bytes
    action: str
    quantity: Measure
    begin_ms: int
    end_ms: int
    number: int
    annex: bytes | None
    held: bytes | None = None
    out_event: bytes | None = None
    out_ms: int | None = None
    out_state: str | None = None
    back_event: bytes | None = None
    back_ms: int | None = None
    back_state: str | None = None

    def until_ms(self, now_ms: int) -> int:
        """Until when it stands in the way of others: what is out comes back in the future."""
        return max(self.end_ms, now_ms) if self.status == OUT else self.end_ms

    def is_late(self, now_ms: int) -> bool:
        """Whether the thing came back too late, or is still out after its time."""
        if self.back_ms is not None:
            return self.back_ms > self.end_ms
        return self.status == OUT and now_ms > self.end_ms


def _quantity(fields: Fields, name: str) -> Measure:
    measure = measure_of_value(fields.value(name))
    if measure.amount[0] <= 0:
        raise FormatError("booking.bad_quantity", "more than nothing is booked")
    return measure


def _check_booking(booking: Booking) -> None:
    length_ms = booking.has_end_ms - booking.has_beginning_ms
    if not 0 < length_ms <= INTERVAL_MS_MAX:
        raise FormatError("booking.bad_time", "a booking ends after it begins, and within a year")


MARK: Form[Mark] = Form(
    "thing",
    Mark,
    {"condition": form.choice(USABLE, AWAY, BROKEN, PRIVATE), "resource": form.an_id},
    {"annex": form.an_id, "until_ms": form.a_time},
)
BOOKING: Form[Booking] = Form(
    "booking",
    Booking,
    {
        "action": form.choice(CUSTODY, USE),
        "has_beginning_ms": form.a_time,
        "has_end_ms": form.a_time,
        "resource": form.an_id,
    },
    {"annex": form.an_id, "resource_quantity": _quantity},
    _check_booking,
)
CANCEL: Form[Cancel] = Form("booking", Cancel, {"booking": form.an_id}, {"annex": form.an_id})


# ---- rows


def booking(rows: Rows, booking_id: bytes) -> BookingRow | None:
    """A booking."""
    return tables.row(rows, BookingRow, "booking", booking_id)


def bookings(rows: Rows) -> Iterator[tuple[bytes, BookingRow]]:
    """Every booking, ascending by id."""
    return tables.rows_of(rows, BookingRow, "booking")


def mark(rows: Rows, resource_id: bytes) -> MarkRow | None:
    """What was said last about whether a thing can be had."""
    return tables.row(rows, MarkRow, "thing_mark", resource_id)


def return_id(booking_id: bytes) -> bytes:
    """The id of the promise to bring a thing back."""
    return tagged_hash("booking-return", booking_id)


def care_of(rows: Rows, resource_id: bytes) -> Iterator[Measure]:
    """How much care a thing was given, by unit."""
    for unit, value in members.scan(rows, "care_of", resource_id):
        yield Measure((value[0], value[1]), unit.decode("ascii"))


def live_bookings(rows: Rows, resource_id: bytes, now_ms: int) -> list[tuple[bytes, BookingRow]]:
    """The bookings of a thing that may stand in the way of others, in their order."""
    found = []
    for booking_id, _ in members.scan(rows, "booking_live", resource_id):
        row = booking(rows, booking_id)
        assert row is not None, "what is live is there"
        if row.status == OUT or row.end_ms > now_ms:
            found.append((booking_id, row))
    return sorted(found, key=lambda item: item[1].number)


def in_the_way(
    rows: Rows, resource_id: bytes, begin_ms: int, end_ms: int, now_ms: int
) -> list[tuple[bytes, BookingRow]]:
    """The bookings of a thing that overlap an interval, in their order; what is out and late is there now."""
    return [
        (booking_id, row)
        for booking_id, row in live_bookings(rows, resource_id, now_ms)
        if row.begin_ms < end_ms and begin_ms < row.until_ms(now_ms)
    ]


# ---- marking


def mark_thing(state: State, record: Record, context: BlockContext) -> str | None:
    """Say whether a thing can be had: its owner, who holds it, or who looks after it."""
    said = MARK.decode(record.payload)
    thing = tables.resource(state, said.resource)
    if thing is None:
        return "resource.unknown"
    is_holder = record.author == thing.custodian
    if not is_holder and not _looks_after(state, said.resource, thing, record.author, context):
        return "thing.not_yours"
    row = MarkRow(said.condition, said.until_ms, record.author, said.annex, record.entry)
    tables.put(state, "thing_mark", said.resource, row)
    return None


def _looks_after(
    rows: Rows, resource_id: bytes, thing: ResourceRow, member_id: bytes, context: BlockContext
) -> bool:
    commons_id = commons.commons_of_thing(rows, resource_id)
    held = None if commons_id is None else commons.commons(rows, commons_id)
    if commons_id is not None and held is not None:
        return commons.has_right(rows, commons_id, held, member_id, GUARD)
    return thing.accountable in (member_id, context.group)


# ---- booking


def make_booking(state: State, record: Record, context: BlockContext) -> str | None:
    """Book a thing, where nobody has booked it before for that time."""
    said = BOOKING.decode(record.payload)
    thing = tables.resource(state, said.resource)
    if thing is None or thing.accountable is None:
        return "resource.unknown"
    quantity = said.resource_quantity or Measure((1, 0), thing.unit)
    rule = _void_rule(state, record, said, thing, quantity, context)
    if rule is not None:
        return rule
    _forget_past(state, said.resource, context.time_ms)
    if tables.count(state, "booking_live", said.resource) >= LIVE_MAX:
        return "booking.too_many"
    if _is_taken(state, said, thing.accounting, quantity.amount, context.time_ms):
        return "booking.taken"
    number = members.read_uint(state, _NUMBER_KEY)
    members.write(state, _NUMBER_KEY, number + 1)
    row = BookingRow(
        status=BOOKED,
        resource=said.resource,
        booker=record.author,
        owner=thing.accountable,
        action=said.action,
        quantity=quantity,
        begin_ms=said.has_beginning_ms,
        end_ms=said.has_end_ms,
        number=number,
        annex=said.annex,
    )
    tables.put(state, "booking", record.id, row)
    members.write(state, row_key("booking_live", said.resource, record.id), None)
    _promise(state, record.id, row)
    return None


_NUMBER_KEY = row_key("booking_number")


def _void_rule(
    rows: Rows, record: Record, said: Booking, thing: ResourceRow, quantity: Measure, context: BlockContext
) -> str | None:
    if thing.accountable == record.author:
        return "booking.own"
    if said.has_end_ms <= context.time_ms:
        return "booking.over"
    if quantity.unit != thing.unit:
        return "resource.other_unit"
    if is_less(thing.accounting, quantity.amount):
        return "resource.too_little"
    if not _may_book(rows, said.resource, record.author):
        return "commons.no_right"
    marked = mark(rows, said.resource)
    usual = USABLE if thing.accountable == context.group else PRIVATE
    condition = usual if marked is None else marked.condition
    is_there = thing.accountable == context.group or agents.is_present(rows, thing.accountable or b"")
    if condition == PRIVATE or not is_there:
        return "booking.private"
    is_back = marked is not None and marked.until_ms is not None and marked.until_ms <= said.has_beginning_ms
    return None if condition == USABLE or is_back else f"booking.thing_{condition}"


def _may_book(rows: Rows, resource_id: bytes, member_id: bytes) -> bool:
    """Whether somebody may book a thing; of those that belong to no commons everybody may."""
    commons_id = commons.commons_of_thing(rows, resource_id)
    held = None if commons_id is None else commons.commons(rows, commons_id)
    return commons_id is None or held is None or commons.has_right(rows, commons_id, held, member_id, BOOK)


def _forget_past(state: State, resource_id: bytes, now_ms: int) -> None:
    """Bookings whose time is over and whose thing was never fetched stand in nobody's way."""
    for booking_id, _ in list(members.scan(state, "booking_live", resource_id)):
        row = booking(state, booking_id)
        if row is not None and row.status != OUT and row.end_ms <= now_ms:
            state.delete(row_key("booking_live", resource_id, booking_id))


def _is_taken(rows: Rows, said: Booking, there: Amount, wanted: Amount, now_ms: int) -> bool:
    """Whether at some time more would be booked than there is."""
    others = in_the_way(rows, said.resource, said.has_beginning_ms, said.has_end_ms, now_ms)
    # What is wanted at once grows only where a booking begins.
    begins = [max(row.begin_ms, said.has_beginning_ms) for _, row in others]
    for moment in (said.has_beginning_ms, *begins):
        total = wanted
        for _, row in others:
            if row.begin_ms <= moment < row.until_ms(now_ms):
                total = add(total, row.quantity.amount)
        if is_less(there, total):
            return True
    return False


def _promise(state: State, booking_id: bytes, row: BookingRow) -> None:
    """Write the promise to let the thing be used, or those to hand it over and to bring it back."""
    if row.action == USE:
        minutes = -((row.begin_ms - row.end_ms) // _MINUTE_MS)
        much = Measure((minutes, 0), "minute-Time")
        _put_promise(state, booking_id, USE, row.owner, row.booker, much, row.end_ms)
        return
    _put_promise(state, booking_id, CUSTODY, row.owner, row.booker, row.quantity, row.begin_ms)
    back = return_id(booking_id)
    _put_promise(state, back, CUSTODY, row.booker, row.owner, row.quantity, row.end_ms)
    members.write(state, row_key("booking_return", back), booking_id)


def _put_promise(
    state: State, promise_id: bytes, action: str, provider: bytes, receiver: bytes, much: Measure, due_ms: int
) -> None:
    is_effort = action == USE
    said = Commitment(
        action,
        due_ms=due_ms,
        effort_quantity=much if is_effort else None,
        provider=provider,
        receiver=receiver,
        resource_quantity=None if is_effort else much,
    )
    row = CommitmentRow(
        status=OPEN,
        provider=provider,
        receiver=receiver,
        signers=tuple(sorted((provider, receiver))),
        action=action,
        kind=None,
        unit=much.unit,
        promised=much.amount,
        fulfilled=ZERO,
        due_ms=due_ms,
        clause_of=None,
        satisfies=None,
        payload=COMMITMENT.encode(said),
    )
    tables.put(state, "commitment", promise_id, row)


def cancel_booking(state: State, record: Record, context: BlockContext) -> str | None:
    """Give a booking up: who booked, whose the thing is, or who looks after it."""
    said = CANCEL.decode(record.payload)
    row = booking(state, said.booking)
    if row is None:
        return "booking.unknown"
    thing = tables.resource(state, row.resource)
    assert thing is not None, "what was booked stays in the rows"
    is_group = thing.accountable == context.group and commons.commons_of_thing(state, row.resource) is None
    looks_after = not is_group and _looks_after(state, row.resource, thing, record.author, context)
    if record.author != row.booker and not looks_after:
        return "booking.not_yours"
    if row.status != BOOKED:
        return "booking.not_ahead"
    _end(state, said.booking, replace(row, status=CANCELLED))
    for promise_id in (said.booking, return_id(said.booking)):
        promise = tables.commitment(state, promise_id)
        if promise is not None:
            tables.put(state, "commitment", promise_id, replace(promise, status=RELEASED))
    return None


def _end(state: State, booking_id: bytes, row: BookingRow) -> None:
    state.delete(row_key("booking_live", row.resource, booking_id))
    tables.put(state, "booking", booking_id, row)


# ---- events


def void_rule_of_event(rows: Rows, said: Event) -> str | None:
    """Why an event cannot hand a booked thing over or back, or None."""
    promise_id = _promise_of(said)
    if promise_id is None:
        return None
    row = booking(rows, promise_id)
    if row is not None:
        if row.status not in ((BOOKED, USED) if row.action == USE else (BOOKED,)):
            return "booking.not_ahead"
        if said.resource_inventoried_as != row.resource:
            return "booking.other_thing"
        is_whole = row.action == USE or said.quantity == row.quantity
        return None if is_whole else "booking.other_amount"
    _, row = _coming_back(rows, promise_id)
    if row is None:
        return None
    if row.status != OUT:
        return "booking.not_out"
    if (said.resource_inventoried_as, said.to_resource_inventoried_as) != (row.held, row.resource):
        return "booking.other_thing"
    return None if said.quantity == row.quantity else "booking.other_amount"


def _promise_of(said: Event) -> bytes | None:
    """The promise that an event carries out, where it may be that of a booking."""
    return said.fulfills if said.corrects is None and said.action in BOOKED_ACTIONS else None


def _coming_back(rows: Rows, promise_id: bytes) -> tuple[bytes, BookingRow | None]:
    """The booking whose thing comes back by a promise."""
    booking_id: bytes = members.read(rows, row_key("booking_return", promise_id)) or b""
    return booking_id, booking(rows, booking_id)


def note_event(state: State, record_id: bytes, said: Event) -> None:
    """Note that a booked thing went out, came back, or was used, and in which condition."""
    promise_id = _promise_of(said)
    if promise_id is None:
        return
    row = booking(state, promise_id)
    if row is not None:
        held = record_id if said.creates is not None else said.to_resource_inventoried_as
        after = replace(
            row,
            status=USED if row.action == USE else OUT,
            held=held,
            out_event=record_id,
            out_ms=said.performed_ms,
            out_state=said.state,
        )
        tables.put(state, "booking", promise_id, after)
        # Fetched after its time, too, it stands in the way of others until it is back.
        members.write(state, row_key("booking_live", row.resource, promise_id), None)
        return
    booking_id, row = _coming_back(state, promise_id)
    if row is not None:
        after = replace(
            row, status=BACK, back_event=record_id, back_ms=said.performed_ms, back_state=said.state
        )
        _end(state, booking_id, after)


def note_care(state: State, resource_id: bytes, flow: Measure) -> None:
    """Count the care that a thing was given. Errors: FormatError amount.out_of_range."""
    tables.add_amount(state, flow.amount, "care_of", resource_id, flow.unit.encode("ascii"))
