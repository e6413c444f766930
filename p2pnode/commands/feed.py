"""`p2pnode feed`, `take`, `retract`: what is offered and needed, and taking it up."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from p2pnode.commands.amounts import amount_and_rest, date_ms
from p2pnode.commands.economy import NoteOption, Who, say_it
from p2pnode.commands.invocation import GroupOption, Invocation, invocation_of
from p2pnode.commands.terminal import local_time, print_json, print_table, remark, say, short

_Intent = Annotated[str, typer.Argument(metavar="ID", help="The start of its id.")]


def feed(
    context: typer.Context,
    who: Who = None,
    offers: Annotated[bool, typer.Option("--offers", help="Only what is offered.")] = False,
    needs: Annotated[bool, typer.Option("--needs", help="Only what is needed.")] = False,
    about: Annotated[str, typer.Option(metavar="WORDS", help="Only where all these words stand.")] = "",
    near: Annotated[
        str, typer.Option(metavar="PLACE", help="Only around a place: a name, or 52.37,4.9.")
    ] = "",
    within: Annotated[
        int | None, typer.Option(metavar="KM", min=1, help="How far around it; 10 if left out.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="DATE", help="Only what came since then.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Taken, closed and past ones too.")] = False,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=100, help="So many at the most.")] = 50,
    after: Annotated[
        str | None, typer.Option(metavar="PAGE", help="Go on where the page before ended.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Then each new one, until Ctrl-C.")] = False,
    group: GroupOption = None,
) -> None:
    """Show what is offered and needed, the newest first.

    Nothing is ranked or hidden: what you filter out is your own choice, and it stays with you.

    \b
    Examples:
      p2pnode feed
      p2pnode feed --needs --near 52.37,4.9 --within 5
      p2pnode feed --about "bicycle" --follow
    """
    invocation = invocation_of(context)
    asked: dict[str, Any] = {
        "group": invocation.group(group),
        "who": who,
        "purpose": _side(offers, needs),
        "words": about or None,
        "near": near or None,
        "within_km": within,
        "since_ms": None if since is None else date_ms(since),
        "all": 1 if everything else None,
    }
    if follow:
        _follow(invocation, asked, limit)
        return
    page = invocation.client.get("/feed", **asked, limit=limit, after=after)
    invocation.answer(page, _show)


def _side(offers: bool, needs: bool) -> Literal["offer", "request"] | None:
    if offers == needs:
        return None
    return "offer" if offers else "request"


def _show(page: dict[str, Any]) -> None:
    if not page["rows"] and page["next"] is not None:
        say(f"Nothing of that among the newest; to look further: p2pnode feed --after {page['next']}")
        return
    if not page["rows"]:
        say("Nothing is offered or needed here. `p2pnode offer 5 kg apples` begins.")
        return
    is_any_ended = any(one["status"] != "open" for one in page["rows"])
    print_table(
        ("id", "", "what", "left", "who", "for", "where", "until", *(("state",) if is_any_ended else ())),
        [(*_cells(one), *((one["status"],) if is_any_ended else ())) for one in page["rows"]],
    )
    say("Take one up with `p2pnode take ID AMOUNT`.")
    if page["next"] is not None:
        say(f"There is more: p2pnode feed --after {page['next']}")


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    return (
        short(one["id"]),
        "offers" if one["purpose"] == "offer" else "needs",
        " ".join(part for part in (one["quantity"], one["kind"], one["note"]) if part),
        one["left"],
        one["author"],
        one["reciprocal"] or "a gift",
        one["place"] + (f" ({one['reach_km']} km)" if one["reach_km"] else ""),
        local_time(one["due_ms"]) if one["due_ms"] else "",
    )


def _follow(invocation: Invocation, asked: dict[str, Any], limit: int) -> None:
    """Print the newest ones, the oldest of them first, and each new one as it arrives."""
    seen: set[str] = set()
    # The stream is opened first, so that nothing falls between the first page and the first event.
    for event in invocation.client.events():
        if event["event"] not in {"ready", "heads", "resync"}:
            continue
        if event["event"] == "resync":
            remark("Events were lost; the newest offers and needs follow.")
        for one in reversed(invocation.client.get("/feed", **asked, limit=limit)["rows"]):
            if one["id"] in seen:
                continue
            seen.add(one["id"])
            if invocation.as_json:
                print_json(one)
            else:
                say("  ".join(cell for cell in _cells(one) if cell))


def take(
    context: typer.Context,
    intent: _Intent,
    amount: Annotated[list[str], typer.Argument(metavar="AMOUNT", help="How much of it: 2 kg.")],
    due: Annotated[str | None, typer.Option("--due", metavar="DATE", help="Until when.")] = None,
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Take up an offer or a need: it becomes a promise, and who comes first gets it.

    \b
    Example:
      p2pnode take 3f0a99c2 2 kg
    """
    number, unit, _ = amount_and_rest(amount)
    said = {
        "satisfies": intent,
        "amount": f"{number} {unit}",
        "due_ms": None if due is None else date_ms(due),
    }
    say_it(context, group, "take-up", said, note)


def end_intent(context: typer.Context, intent: _Intent, group: GroupOption = None) -> None:
    """Take an offer or a need out of the feed."""
    say_it(context, group, "intent-end", {"entry": intent})
