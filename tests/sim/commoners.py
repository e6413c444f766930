"""What machines of the simulator say about commons and bookings, by what is final on them."""

from __future__ import annotations

from p2pnode.consensus.rows import Rows
from p2pnode.core.events import Item
from p2pnode.economy import booking, commons, event, tables, using
from p2pnode.economy.event import EVENT_TYPE, Event, NewResource
from p2pnode.economy.licence import Term
from p2pnode.economy.measure import Measure

_HOUR_MS = 3_600_000
_PRICE = Measure((2, 0), "EUR")
_LICENCE = (Term("each", "community", each=_PRICE, reciprocal=True, unit="hour"),)
_TOOL = "tool"


def commons_item(rows: Rows, group: bytes, speaker: bytes, now_ms: int, number: int) -> Item:
    """Open a commons, use one, or pay for a use. Shapes: number chooses."""
    opened = [key for key, _ in commons.all_commons(rows)]
    owed = [
        (key, claim)
        for key, claim in tables.rows_of(rows, tables.ClaimRow, "claim")
        if claim.provider == speaker and claim.status == tables.OPEN
    ]
    if owed and number % 2:
        key, claim = owed[number % len(owed)]
        paid = Event("transfer", now_ms, receiver=group, resource_quantity=claim.quantity, settles=key)
        return Item(EVENT_TYPE, event.encode(paid))
    if opened:
        amount = Measure((1 + number % 5, 0), "hour")
        used = using.Use(opened[number % len(opened)], now_ms, amount)
        return Item(using.USE_TYPE, using.USE.encode(used))
    # Several who open it at once want the same name: the order decides.
    opening = commons.Opening("equipment", _LICENCE, "workshop", "world")
    return Item(commons.OPEN_TYPE, commons.OPENING.encode(opening))


def booking_item(rows: Rows, group: bytes, now_ms: int, number: int) -> Item:
    """Bring a tool to the group, or book one; times are few, so that several want the same."""
    tools = [
        key
        for key, row in tables.rows_of(rows, tables.ResourceRow, "resource")
        if row.accountable == group and row.name == _TOOL
    ]
    if not tools:
        made = Event(
            "produce",
            now_ms,
            creates=NewResource(_TOOL),
            receiver=group,
            resource_quantity=Measure((1, 0), "kilogram"),
        )
        return Item(EVENT_TYPE, event.encode(made))
    begin_ms = (now_ms // _HOUR_MS + 1 + number % 3) * _HOUR_MS
    booked = booking.Booking(booking.CUSTODY, begin_ms, begin_ms + 2 * _HOUR_MS, tools[number % len(tools)])
    return Item(booking.BOOKING_TYPE, booking.BOOKING.encode(booked))
