"""What a person writes about commons, outside money and bookings, as the record it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from p2pnode.core.amount import times
from p2pnode.core.codec import Value
from p2pnode.economy import booking, commons, event, transvestment, using
from p2pnode.economy.event import NewResource
from p2pnode.economy.form import NAME_CHARACTERS_MAX, Form
from p2pnode.economy.labels import measure_of_text, unit_of_label
from p2pnode.economy.measure import Measure
from p2pnode.economy.tables import resource
from p2pnode.local.naming import Named, choose
from p2pnode.service.rules import refusal
from p2pnode.service.viewing import GroupView

COMMONS_FORMS: Mapping[str, tuple[str, Form[Any]]] = {
    "commons": (commons.OPEN_TYPE, commons.OPENING),
    "commons-change": (commons.CHANGE_TYPE, commons.CHANGE),
    "commons-role": (commons.ROLE_TYPE, commons.ROLE),
    "use": (using.USE_TYPE, using.USE),
    "use-withdrawal": (using.WITHDRAW_TYPE, using.WITHDRAWAL),
    "inflow": (transvestment.INFLOW_TYPE, transvestment.INFLOW),
    "thing-mark": (booking.MARK_TYPE, booking.MARK),
    "booking": (booking.BOOKING_TYPE, booking.BOOKING),
    "booking-cancel": (booking.CANCEL_TYPE, booking.CANCEL),
}
"""What can be said, by the word of the local API: the type of entry and its form."""

TIMED = frozenset({"use", "inflow"})
"""What is said to have been done just now where nothing else is said."""

_LENT = " (lent)"


def commons_of(view: GroupView, word: str) -> bytes:
    """A commons, by name or id. Errors: UsageError commons.unknown, commons.ambiguous."""
    named = [Named(key.hex(), row.name) for key, row in commons.all_commons(view.rows)]
    return bytes.fromhex(choose("commons", word, named, where="p2pnode commons list"))


def scope_of(view: GroupView, word: str) -> str:
    """A label, or the name of the commons as it is written, whatever the case in which it was typed."""
    for _, row in commons.all_commons(view.rows):
        if row.name.casefold() == word.casefold():
            return row.name
    return word


def use_of(view: GroupView, word: str) -> bytes:
    """A use, by the start of its id. Errors: UsageError use.*."""
    named = [Named(key.hex(), "") for key, _ in using.uses(view.rows)]
    return bytes.fromhex(choose("use", word, named, where="p2pnode commons uses"))


def booking_of(view: GroupView, word: str) -> bytes:
    """A booking: by the start of its id, or by the thing, where the person has just one of it.

    Errors: UsageError booking.*.
    """
    live = (booking.BOOKED, booking.OUT, booking.USED)
    found = []
    for key, row in booking.bookings(view.rows):
        is_mine = row.booker == view.me[0] and row.status in live
        thing = resource(view.rows, row.resource)
        found.append(Named(key.hex(), thing.name if is_mine and thing is not None else ""))
    return bytes.fromhex(choose("booking", word, found, where="p2pnode bookings --all"))


def adoptable_of(view: GroupView, word: str) -> bytes:
    """What somebody has put before the group, by the start of its id. Errors: UsageError waiting.*."""
    changes = [key for key, row in commons.changes(view.rows) if row.status == commons.WAITING]
    inflows = [key for key, row in transvestment.inflows(view.rows) if row.status == commons.WAITING]
    named = [Named(key.hex(), "") for key in (*changes, *inflows)]
    return bytes.fromhex(choose("waiting", word, named, where="p2pnode commons waiting"))


def terms_of(said: Any) -> Value:
    """The terms of a licence with their amounts in words, in their order."""
    terms = []
    for term in said:
        read = dict(term)
        for name in ("each", "free_below"):
            if isinstance(read.get(name), str):
                read[name] = measure_of_text(read[name]).value
        if isinstance(read.get("unit"), str):
            read["unit"] = unit_of_label(read["unit"])
        terms.append(read)
    return sorted(terms, key=lambda term: (str(term.get("role")), str(term.get("use", ""))))


# ---- what is said in short


def hand_over(view: GroupView, said: Mapping[str, Any], annex: bytes | None) -> bytes:
    """The event by which a booked thing goes out. Errors: UsageError booking.*."""
    booking_id = booking_of(view, str(said["booking"]))
    row = _booked(view, booking_id)
    if row.action == booking.USE:
        return _used(view, booking_id, row, said, annex)
    thing = resource(view.rows, row.resource)
    name = "" if thing is None else thing.name[: NAME_CHARACTERS_MAX - len(_LENT)]
    before = _held_before(view, row)
    return event.encode(
        event.Event(
            booking.CUSTODY,
            view.now_ms,
            annex=annex,
            creates=NewResource(name + _LENT) if before is None else None,
            fulfills=booking_id,
            provider=row.owner,
            receiver=row.booker,
            resource_inventoried_as=row.resource,
            resource_quantity=row.quantity,
            state=said.get("state"),
            to_resource_inventoried_as=before,
        )
    )


def _held_before(view: GroupView, row: booking.BookingRow) -> bytes | None:
    """What stood for the thing when the same person had it last, so that it need not be made anew."""
    earlier = [
        other
        for _, other in booking.bookings(view.rows)
        if (other.resource, other.booker, other.status) == (row.resource, row.booker, booking.BACK)
    ]
    newest = max(earlier, key=lambda other: other.number, default=None)
    return None if newest is None else newest.held


def _used(
    view: GroupView,
    booking_id: bytes,
    row: booking.BookingRow,
    said: Mapping[str, Any],
    annex: bytes | None,
) -> bytes:
    minutes = -((row.begin_ms - row.end_ms) // 60_000)
    measure = Measure((minutes, 0), "minute-Time")
    if said.get("amount"):
        measure = measure_of_text(str(said["amount"]), "hour")
        if measure.unit == "hour":
            measure = Measure(times(measure.amount, 60), "minute-Time")
    return event.encode(
        event.Event(
            booking.USE,
            view.now_ms,
            annex=annex,
            effort_quantity=measure,
            fulfills=booking_id,
            provider=row.owner,
            receiver=row.booker,
            resource_inventoried_as=row.resource,
            state=said.get("state"),
        )
    )


def bring_back(view: GroupView, said: Mapping[str, Any], annex: bytes | None) -> bytes:
    """The event by which a booked thing comes back. Errors: UsageError booking.*."""
    booking_id = booking_of(view, str(said["booking"]))
    row = _booked(view, booking_id)
    if row.status != booking.OUT:
        raise refusal("booking.not_out")
    return event.encode(
        event.Event(
            booking.CUSTODY,
            view.now_ms,
            annex=annex,
            fulfills=booking.return_id(booking_id),
            provider=row.booker,
            receiver=row.owner,
            resource_inventoried_as=row.held,
            resource_quantity=row.quantity,
            state=said.get("state"),
            to_resource_inventoried_as=row.resource,
        )
    )


def give_back(view: GroupView, said: Mapping[str, Any], annex: bytes | None) -> bytes:
    """The event by which something flows back to who brought it in. Errors: UsageError inflow.*."""
    named = [Named(key.hex(), "") for key, _ in transvestment.inflows(view.rows)]
    word = str(said["inflow"])
    inflow_id = bytes.fromhex(choose("inflow", word, named, where="p2pnode transvest list"))
    row = transvestment.inflow(view.rows, inflow_id)
    assert row is not None, "it was just found"
    return event.encode(
        event.Event(
            "transfer",
            view.now_ms,
            annex=annex,
            provider=view.group,
            receiver=row.provider,
            resource_conforms_to=transvestment.INFLOW.decode(row.payload).resource_conforms_to,
            resource_quantity=measure_of_text(str(said["quantity"]), row.quantity.unit),
            settles=inflow_id,
        )
    )


def _booked(view: GroupView, booking_id: bytes) -> booking.BookingRow:
    row = booking.booking(view.rows, booking_id)
    if row is None:
        raise refusal("booking.unknown")
    return row


COMMONS_DERIVED: Mapping[str, tuple[str, Callable[[GroupView, Mapping[str, Any], bytes | None], bytes]]] = {
    "hand-over": (event.EVENT_TYPE, hand_over),
    "bring-back": (event.EVENT_TYPE, bring_back),
    "inflow-return": (event.EVENT_TYPE, give_back),
}
"""What is said in short about bookings: the type of entry, and what writes it out."""
