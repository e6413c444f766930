"""Why somebody owes a commons, why no more flows back to outside money, why a booking does not hold."""

from __future__ import annotations

import shlex
from datetime import datetime

from p2pnode.core.errors import FormatError, UsageError
from p2pnode.economy import booking, commons, event, tables, transvestment, using
from p2pnode.economy.commons import ChangeRow
from p2pnode.service.commons_rows import booking_shown, inflow_shown, thing_name, use_shown
from p2pnode.service.economy_names import agent_name
from p2pnode.service.viewing import GroupView

_ASKED = {
    "free": "the licence asks nothing for it",
    "attribution": "the licence asks that the commons is named, nothing else",
    "agreement": "the licence asks for an agreement",
}


def commons_lines(view: GroupView, entry_id: bytes) -> list[str]:
    """What the rows say about an entry on commons, outside money or bookings; nothing about other entries."""
    use = using.use(view.rows, entry_id)
    if use is not None:
        return _use_lines(view, entry_id, use)
    booked = booking.booking(view.rows, entry_id)
    if booked is not None:
        return _booking_lines(view, entry_id, booked)
    inflow = transvestment.inflow(view.rows, entry_id)
    if inflow is not None:
        return _inflow_lines(view, entry_id, inflow)
    change = tables.row(view.rows, ChangeRow, "commons_change", entry_id)
    if change is not None and change.status == commons.WAITING:
        short = entry_id.hex()[:8]
        return [
            f"its author had no right to do it alone; it waits for the group: p2pnode propose commons {short}"
        ]
    if change is not None:
        return ["the group has adopted it"]
    return []


def _use_lines(view: GroupView, use_id: bytes, row: using.UseRow) -> list[str]:
    shown = use_shown(view, use_id, row)
    kind = f" for {shown['use']}" if shown["use"] else ""
    lines = [f"{shown['actor']} used {shown['commons']}: {shown['quantity']}{kind}, as {shown['role']}"]
    if row.status != "standing":
        return [*lines, "it was withdrawn: it counts no more and nothing is owed for it"]
    asked = _ASKED.get(row.asks)
    if asked is not None:
        lines.append(asked if row.is_licensed else f"{asked}, and none was named")
    elif row.taken is None:
        lines.append("the licence asks nothing below its threshold of a year")
    else:
        lines.append(f"the licence asks {shown['taken']} for it")
    if row.is_exempt:
        lines.append("nothing is owed: with this use, too, as much is given back as the charter asks")
    elif row.owed is not None:
        lines.append(f"owed: {shown['owed']}; given for it so far: {shown['settled']}")
        words = shlex.join((shown["commons"], shown["actor"]))
        lines.append(f"each entry behind it: p2pnode commons standing {words}")
    return lines


def _inflow_lines(view: GroupView, inflow_id: bytes, row: transvestment.InflowRow) -> list[str]:
    shown = inflow_shown(view, inflow_id, row)
    if row.status == commons.WAITING:
        short = inflow_id.hex()[:8]
        return [f"nobody owes anything for it yet; the group decides: p2pnode propose commons {short}"]
    lines = [f"of {shown['quantity']} at most {shown['cap']} ever flow back: {shown['returned']} did"]
    if shown["status"] == "extinguished":
        lines.append("the claim is extinguished; whatever more flows back is void (inflow.extinguished)")
    elif shown["status"] == "open":
        lines.append(f"{shown['left']} may still flow back")
        if transvestment.returning(view.rows, inflow_id).promised != tables.ZERO:
            pay = f"p2pnode transvest return {inflow_id.hex()[:8]}"
            lines.append(f"of that, runs have promised {shown['promised']}, not paid yet: {pay} AMOUNT")
    return lines


def _booking_lines(view: GroupView, booking_id: bytes, row: booking.BookingRow) -> list[str]:
    shown = booking_shown(view, booking_id, row)
    begin, end = moment(row.begin_ms), moment(row.end_ms)
    lines = [
        f"{shown['booker']} has {shown['thing']} of {shown['owner']} from {begin} to {end}: {shown['status']}"
    ]
    for word, time_ms, state in (
        ("went out", row.out_ms, row.out_state),
        ("came back", row.back_ms, row.back_state),
    ):
        if time_ms is not None:
            lines.append(f"it {word} on {moment(time_ms)}" + (f", {state}" if state else ""))
    if row.is_late(view.now_ms):
        lines.append("late" if row.back_ms is not None else "late: it is still out")
    if shown["condition"] and row.status == booking.BOOKED:
        lines.append(f"somebody says that it is {shown['condition']}: p2pnode thing show {shown['thing']}")
    return lines


# ---- what did not hold


def void_lines(view: GroupView, rule: str, payload: bytes, besides: bytes = b"") -> list[str]:
    """What stood in the way of an entry that is void or would be; nothing where the rule says it all.

    Shapes: besides is the id of the entry itself.
    """
    try:
        if rule == "booking.taken":
            return _in_the_way(view, booking.BOOKING.decode(payload), besides)
        if rule in ("inflow.capped", "inflow.extinguished"):
            return _returned(view, event.decode(payload))
    except FormatError:
        return []
    return []


def _in_the_way(view: GroupView, said: booking.Booking, besides: bytes) -> list[str]:
    found = [
        (key, row)
        for key, row in booking.bookings(view.rows)
        if row.resource == said.resource
        and key != besides
        and row.begin_ms < said.has_end_ms
        and (said.has_beginning_ms < row.end_ms or row.status == booking.OUT)
    ]
    standing = [item for item in found if item[1].status != booking.CANCELLED] or found
    name = thing_name(view, said.resource)
    return [
        f"{agent_name(view, row.booker)} has booked {name} before, from {moment(row.begin_ms)} to "
        f"{moment(row.end_ms)} (booking {key.hex()[:8]})"
        for key, row in sorted(standing, key=lambda item: item[1].number)
    ]


def _returned(view: GroupView, said: event.Event) -> list[str]:
    inflow_id = said.settles or b""
    row = transvestment.inflow(view.rows, inflow_id)
    return [] if row is None else _inflow_lines(view, inflow_id, row)


def refusal_with_reason(view: GroupView, error: UsageError, payload: bytes) -> UsageError:
    """The same refusal, saying what stood in the way where that is known."""
    lines = void_lines(view, error.rule, payload)
    if not lines:
        return error
    return UsageError(error.rule, f"{error.message}: {'; '.join(lines)}", error.remedy)


def void_lines_of_entry(view: GroupView, entry_id: bytes, rule: str) -> list[str]:
    """What stood in the way of an entry of the log."""
    position = view.queries.position_of_id(entry_id)
    stored = None if position is None else view.queries.entry_at(position)
    if stored is None or stored.payload is None or tables.event(view.rows, entry_id) is not None:
        return []
    return void_lines(view, rule, stored.payload, entry_id)


def moment(time_ms: int) -> str:
    """A time as people read it, in this computer's zone."""
    return datetime.fromtimestamp(time_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M")
