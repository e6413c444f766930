"""Deliveries and bookings as an iCalendar: clauses in their rhythm, promises with a date, things lent.

A date keeps its name for ever, and its number rises with every block: a calendar that reads a later export
changes what it has and doubles nothing.

Source: RFC 5545.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from p2pnode.exporters.table import Table

if TYPE_CHECKING:
    from icalendar import Event

_STATUS = {"accepted": "CONFIRMED", "open": "CONFIRMED", "fulfilled": "CONFIRMED", "proposed": "TENTATIVE"}
"""What is neither in force nor proposed is cancelled."""


def write_calendar(agents: Table, clauses: Table, commitments: Table, bookings: Table, time_ms: int) -> bytes:
    """The calendar as a file. Units: time_ms is when this was known, the same in every export of a block."""
    from icalendar import Calendar

    names = {row["id"]: row["name"] for row in agents.dicts()}
    calendar = Calendar()
    calendar.add("prodid", "-//p2pnode//deliveries//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", clauses.group_name)
    for row in _dated(clauses, commitments):
        calendar.add_component(_event(row, names, clauses, time_ms))
    for row in bookings.dicts():
        calendar.add_component(_booking(row, names, bookings, time_ms))
    return bytes(calendar.to_ical())


def _dated(clauses: Table, commitments: Table) -> Iterator[Mapping[str, Any]]:
    for row in clauses.dicts():
        if row["due"] is not None:
            yield row
    for row in commitments.dicts():
        # A clause stands with its rhythm above.
        if row["due"] is not None and not row["clause_of"]:
            yield {**row, "amount": row["promised"], "times": 1, "every_days": None, "agreement_name": ""}


def _event(row: Mapping[str, Any], names: Mapping[str, str], table: Table, time_ms: int) -> Event:
    from icalendar import Event

    giver, taker = names.get(row["provider"], ""), names.get(row["receiver"], "")
    what = " ".join(word for word in (row["amount"], row["unit"], row["kind"]) if word)
    made = Event()
    made.add("uid", f"{row['id']}@{table.group}")
    made.add("dtstamp", _moment(time_ms))
    made.add("sequence", table.height)
    made.add("dtstart", _moment(row["due"]))
    made.add("summary", f"{giver}: {what}{f' for {taker}' if taker else ''}")
    made.add("status", _STATUS.get(row["status"], "CANCELLED"))
    words = [row["agreement_name"], f"{row['action']}, {row['status']}, {row['finality']}"]
    made.add("description", "\n".join(word for word in words if word))
    if row["every_days"] and row["times"] > 1:
        made.add("rrule", {"freq": "daily", "interval": row["every_days"], "count": row["times"]})
    return made


def _booking(row: Mapping[str, Any], names: Mapping[str, str], table: Table, time_ms: int) -> Event:
    from icalendar import Event

    owner = names.get(row["owner"], "")
    made = Event()
    made.add("uid", f"{row['id']}@{table.group}")
    made.add("dtstamp", _moment(time_ms))
    made.add("sequence", table.height)
    made.add("dtstart", _moment(row["begin"]))
    made.add("dtend", _moment(row["end"]))
    made.add("summary", f"{names.get(row['booker'], '')}: {row['thing']}{f' of {owner}' if owner else ''}")
    made.add("status", "CANCELLED" if row["status"] == "cancelled" else "CONFIRMED")
    amount = " ".join(word for word in (row["amount"], row["unit"]) if word)
    made.add("description", f"{amount}, {row['action']}, {row['status']}, {row['finality']}")
    return made


def _moment(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms // 1000, UTC)
