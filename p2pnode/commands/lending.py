"""`p2pnode thing` and `p2pnode bookings`: booking things, handing them over and back, and their care."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from p2pnode.commands.amounts import amount_and_rest, date_ms, measure, time_unit
from p2pnode.commands.economy import NoteOption, Who, rows, say_it
from p2pnode.commands.invocation import GroupOption, invocation_of
from p2pnode.commands.terminal import local_time, print_table, say, short

thing = typer.Typer(
    help="Things that are lent: book them, hand them over, care for them.", no_args_is_help=True
)

_Thing = Annotated[str, typer.Argument(metavar="THING", help="Its name, or the start of its id.")]
_Booking = Annotated[
    str, typer.Argument(metavar="BOOKING", help="The start of its id, or the thing that you have booked.")
]
_State = Annotated[str | None, typer.Option("--state", metavar="WORDS", help="In which condition it is.")]


@thing.command()
def book(
    context: typer.Context,
    name: _Thing,
    begin: Annotated[str, typer.Argument(metavar="FROM", help="2026-12-01, or '2026-12-01 18:30'.")],
    end: Annotated[str, typer.Argument(metavar="UNTIL", help="When it is back.")],
    much: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="How many of it; one, if left out.")
    ] = None,
    use: Annotated[
        bool, typer.Option("--use", help="Use it where it stands, without taking it along.")
    ] = False,
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Book a thing for some time. Of two that want the same time, the order of the group decides.

    \b
    Examples:
      p2pnode thing book drill 2026-12-01 2026-12-03
      p2pnode thing book oven '2026-12-05 08:00' '2026-12-05 12:00' --use
      p2pnode thing book chairs 2026-12-24 2026-12-27 --much 20
    """
    said: dict[str, Any] = {
        "resource": name,
        "has_beginning_ms": date_ms(begin),
        "has_end_ms": date_ms(end),
        "action": "use" if use else "transferCustody",
        "resource_quantity": much,
    }
    say_it(context, group, "booking", said, note)


@thing.command()
def cancel(
    context: typer.Context, booking: _Booking, group: GroupOption = None, note: NoteOption = ""
) -> None:
    """Give up a booking, so that others can have the thing."""
    say_it(context, group, "booking-cancel", {"booking": booking}, note)


@thing.command()
def out(
    context: typer.Context,
    booking: _Booking,
    state: _State = None,
    used: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="Of a thing used where it stands: how long, 2h.")
    ] = None,
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Record that a booked thing went out, or was used where it stands, and in which condition.

    \b
    Examples:
      p2pnode thing out drill --state "as new"
      p2pnode thing out oven --used 3h
    """
    amount = None if used is None else measure(used)
    say_it(context, group, "hand-over", {"booking": booking, "state": state, "amount": amount}, note)


@thing.command()
def back(
    context: typer.Context,
    booking: _Booking,
    state: _State = None,
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Record that a booked thing came back, and in which condition.

    \b
    Example:
      p2pnode thing back drill --state blunt
    """
    say_it(context, group, "bring-back", {"booking": booking, "state": state}, note)


@thing.command()
def care(
    context: typer.Context,
    name: _Thing,
    amount: Annotated[list[str], typer.Argument(metavar="AMOUNT", help="How long: 2h.")],
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Record care for a thing of the group: it counts as yours, in the stream of care, and for the thing.

    \b
    Example:
      p2pnode thing care drill 1h --note "new brushes"
    """
    number, unit, _ = amount_and_rest(amount)
    said = {
        "action": "work",
        "effort_quantity": f"{number} {time_unit(unit, number)}",
        "receiver": "group",
        "resource_inventoried_as": name,
        "stream": "care",
    }
    say_it(context, group, "event", said, note)


@thing.command()
def mark(
    context: typer.Context,
    name: _Thing,
    condition: Annotated[str, typer.Argument(metavar="usable|away|broken|private")],
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Until when.")] = None,
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Say whether a thing can be had. What is your own is private until you say that it is usable.

    \b
    Examples:
      p2pnode thing mark drill broken --note "smells of smoke"
      p2pnode thing mark ladder away --until 2026-12-20
      p2pnode thing mark "my saw" usable
    """
    said = {"resource": name, "condition": condition, "until_ms": None if until is None else date_ms(until)}
    say_it(context, group, "thing-mark", said, note)


@thing.command()
def show(context: typer.Context, name: _Thing, group: GroupOption = None) -> None:
    """Show a thing: whose it is, how it is, what care it was given, and who has booked it."""
    invocation = invocation_of(context)
    answer = invocation.client.get("/thing", group=invocation.group(group), thing=name)
    invocation.answer(answer, _show)


def _show(one: dict[str, Any]) -> None:
    say(f"{one['name']}, of {one['accountable']}: {one['there']} of {one['of']} there")
    if one["commons"]:
        say(f"It belongs to the commons {one['commons']}.")
    if one["state"]:
        say(f"Its condition: {one['state']}.")
    if one["condition"]:
        until = f" until {local_time(one['until_ms'])}" if one["until_ms"] else ""
        why = f": {one['why']}" if one["why"] else ""
        say(f"{one['marked_by']} says that it is {one['condition']}{until}{why}.")
    if one["care"]:
        say(f"Care it was given: {', '.join(one['care'])}.")
    if one["bookings"]:
        _show_bookings(one["bookings"])


def bookings(
    context: typer.Context,
    who: Who = None,
    everything: Annotated[bool, typer.Option("--all", help="Past and cancelled ones too.")] = False,
    group: GroupOption = None,
) -> None:
    """Show the calendar: who has which thing and until when, what is late, broken or away.

    \b
    Examples:
      p2pnode bookings
      p2pnode bookings me --all
    """
    found = rows(context, group, "bookings", who)
    if not everything:
        found = [one for one in found if one["status"] == "out" or _is_ahead(one)]
    invocation_of(context).answer(found, _show_bookings)


def _is_ahead(one: dict[str, Any]) -> bool:
    return one["status"] in ("booked", "used") and not one["is_over"]


def _show_bookings(found: list[dict[str, Any]]) -> None:
    if not found:
        say("Nothing is booked. `p2pnode thing book --help` shows how to book a thing.")
        return
    print_table(
        ("booking", "from", "until", "thing", "who", "state"),
        [
            (
                short(one["id"]),
                local_time(one["begin_ms"]),
                local_time(one["end_ms"]),
                one["thing"] + (f" ({one['quantity']})" if one["quantity"] != "1" else ""),
                one["booker"],
                _state(one),
            )
            for one in found
        ],
    )


def _state(one: dict[str, Any]) -> str:
    parts = [one["status"]]
    if one["status"] == "back" and one["back_state"]:
        parts.append(one["back_state"])
    if one["status"] == "out" and one["out_state"]:
        parts.append(one["out_state"])
    if one["is_late"]:
        parts.append("late")
    if one["status"] == "booked" and one["condition"]:
        parts.append(f"the thing is {one['condition']}")
    return ", ".join(parts)
