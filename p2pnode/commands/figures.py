"""`p2pnode figures`: how many contribute, how evenly, and what flows back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from p2pnode.commands.files import write_bytes
from p2pnode.commands.invocation import GroupOption, invocation_of
from p2pnode.commands.terminal import counted, print_table, say
from p2pnode.core.errors import UsageError
from p2pnode.local.figure_shapes import FiguresShown, Share

_BAR_CHARACTERS = 24
_ENDINGS = (".svg", ".png")


def figures(
    context: typer.Context,
    commons: Annotated[
        str | None,
        typer.Option("--commons", metavar="LABEL", help="Only what was contributed to one commons."),
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="MONTH", help="From a month on: 2026-01.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="MONTH", help="Up to a month, and with it: 2026-12.")
    ] = None,
    plot: Annotated[
        str | None, typer.Option("--plot", metavar="FILE.svg|FILE.png", help="Draw them into a file.")
    ] = None,
    group: GroupOption = None,
) -> None:
    """Show how many contribute, how evenly, by stream and month, and what flows back.

    The figures are about the group or one commons, never about a person: nobody is named or
    ranked. Counted is what final blocks hold.

    \b
    Examples:
      p2pnode figures
      p2pnode figures --commons bakery --from 2026-01 --to 2026-06
      p2pnode figures --plot figures.svg
    """
    path = None if plot is None else Path(plot).expanduser()
    if path is not None and path.suffix not in _ENDINGS:
        raise UsageError("figures.bad_name", f"{plot} is neither SVG nor PNG.", "End it in .svg or .png.")
    invocation = invocation_of(context)
    body = {"group": invocation.group(group), "commons": commons, "first": first, "last": last}
    found: FiguresShown = invocation.client.post("/figures", body, timeout_s=None)
    if path is not None:
        from p2pnode.exporters.plotting import drawn

        write_bytes(path, drawn(found, path.suffix[1:]))
    invocation.answer(found, _show)
    if path is not None and not invocation.as_json:
        say(f"Drawn in {path}.")


def _show(found: FiguresShown) -> None:
    about = f"commons {found['commons']} of {found['name']}" if found["commons"] else found["name"]
    people = f"{counted(found['contributors'], 'contributor')}, {counted(found['members'], 'member')}"
    say(f"{about}, blocks up to {found['height']}: {people}")
    if not found["streams"]:
        say("No final block holds a contribution yet. `p2pnode contribute` and `record --stream` make them.")
    else:
        _show_streams(found)
        _show_months(found)
    if found["flows"]:
        _show_flows(found)
    _show_commons(found)


def _show_streams(found: FiguresShown) -> None:
    rows = []
    for one in found["streams"]:
        even = one["evenness"]
        top = "too few to say" if even is None else even["top_tenth"]["percent"]
        gini = "" if even is None else even["gini"]["percent"]
        rows.append((one["stream"], one["amount"], str(one["contributors"]), top, gini))
    right = ("amount", "contributors", "top tenth gave", "Gini")
    print_table(("stream", *right), rows, right=right)


def _show_months(found: FiguresShown) -> None:
    rows = [
        (
            month["month"] if number == 0 else "",
            str(month["contributors"]) if number == 0 else "",
            one["stream"],
            one["amount"],
            bar(one["permille"]),
        )
        for month in found["months"]
        for number, one in enumerate(month["amounts"])
    ]
    print_table(("month", "contributors", "stream", "amount", ""), rows, right=("contributors", "amount"))


def bar(permille: int) -> str:
    """A bar of text, so long as a part of the largest is."""
    return "#" * max(-(-permille * _BAR_CHARACTERS // 1000), 0)


def _show_flows(found: FiguresShown) -> None:
    say("What flowed since the founding, by unit:")
    rows = [
        (
            one["between_members"],
            _percent(one["mutual"]),
            one["received"],
            one["to_members"],
            _percent(one["returned"]),
            one["to_others"],
        )
        for one in found["flows"]
    ]
    columns = ("among members", "of it mutual", "to the group", "back to members", "share", "to others")
    print_table(columns, rows, right=columns)


def _show_commons(found: FiguresShown) -> None:
    """How commons are used, what came back for it, and what came in from outside."""
    if found["uses"]:
        say("How it is used:" if found["commons"] else "How commons are used:")
        uses = [
            (one["use"] or "any", one["amount"], str(one["times"]), str(one["users"]))
            for one in found["uses"]
        ]
        print_table(("use", "amount", "times", "by how many"), uses, right=("amount", "times", "by how many"))
    if found["back"]:
        say("What licences asked for that, and what was given back:")
        back = [(one["asked"], one["given"], _percent(one["returned"])) for one in found["back"]]
        print_table(("asked", "given back", "share"), back, right=("asked", "given back", "share"))
    if found["inflows"]:
        say("Means from outside:")
        inflows = [(one["brought"], one["cap"], one["returned"]) for one in found["inflows"]]
        columns = ("brought in", "may flow back", "flowed back")
        print_table(columns, inflows, right=columns)


def _percent(share: Share | None) -> str:
    return "" if share is None else share["percent"]
