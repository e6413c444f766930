"""`p2pnode transvest`: means from outside, with a cap on what may ever flow back."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any

import typer

from p2pnode.commands.amounts import measure
from p2pnode.commands.economy import NoteOption, rows, say_it
from p2pnode.commands.invocation import GroupOption, invocation_of
from p2pnode.commands.terminal import print_table, say, short
from p2pnode.core.errors import UsageError

transvest = typer.Typer(help="Means from outside, with a cap on what flows back.", no_args_is_help=True)


@transvest.command()
def bring(
    context: typer.Context,
    amount: Annotated[list[str], typer.Argument(metavar="AMOUNT", help="How much: 1000 EUR.")],
    cap: Annotated[str, typer.Option(metavar="PART", help="What may ever flow back: 120%.")] = "100%",
    returns: Annotated[
        str, typer.Option("--as", metavar="HOW", help="debt, equity (with --share) or once.")
    ] = "debt",
    share: Annotated[
        str | None, typer.Option(metavar="PART", help="Of equity: its share of what is distributed: 5%.")
    ] = None,
    provider: Annotated[
        str | None, typer.Option("--from", metavar="WHO", help="Somebody outside; you, if left out.")
    ] = None,
    commons: Annotated[str | None, typer.Option(metavar="NAME", help="For which commons.")] = None,
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Put before the group what comes in from outside, and what is asked for it.

    \b
    Examples:
      p2pnode transvest bring 1000 EUR --cap 120% --from "Village Bank"
      p2pnode propose commons 3f0a99c2
      p2pnode transvest bring 500 EUR --cap 150% --as equity --share 5%
    """
    said: dict[str, Any] = {
        "quantity": measure(" ".join(amount)),
        "cap_permille": _permille(cap),
        "returns": returns,
        "share_permille": None if share is None else _permille(share),
        "provider": provider,
        "commons": commons,
    }
    say_it(context, group, "inflow", said, note)


def _permille(text: str) -> int:
    """Thousandths out of 120% or 1.2. Errors: UsageError ratio.bad_text."""
    try:
        part = Fraction(text.removesuffix("%").replace(",", ".")) / (100 if text.endswith("%") else 1)
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError("ratio.bad_text", f"'{text}' is no part.", "Write 120%, or 1.2.") from error
    if (part * 1000).denominator != 1:
        raise UsageError(
            "ratio.bad_text", f"'{text}' is too fine.", "At most one digit behind the point: 2.5%."
        )
    return int(part * 1000)


@transvest.command("return")
def give_back(
    context: typer.Context,
    inflow: Annotated[str, typer.Argument(metavar="INFLOW", help="The start of its id.")],
    amount: Annotated[list[str], typer.Argument(metavar="AMOUNT", help="How much flows back: 100 EUR.")],
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Record what flows back; it counts once holders of a mandate have signed for the group.

    \b
    Examples:
      p2pnode transvest return 3f0a99c2 100 EUR
      p2pnode sign 77aa01b2 --mandate till
    """
    say_it(context, group, "inflow-return", {"inflow": inflow, "quantity": measure(" ".join(amount))}, note)


@transvest.command("list")
def list_inflows(context: typer.Context, group: GroupOption = None) -> None:
    """Show what came in, what flowed back, and what is left of each cap."""
    invocation_of(context).answer(rows(context, group, "inflows", None), _show)


def _show(found: list[dict[str, Any]]) -> None:
    if not found:
        say(
            "Nothing came in from outside. `p2pnode transvest bring --help` shows how to put it to the group."
        )
        return
    print_table(
        ("inflow", "from", "came in", "as", "at most", "back", "left", "state"),
        [
            (
                short(one["id"]),
                one["provider"],
                one["quantity"],
                one["returns"],
                one["cap"],
                one["returned"],
                one["left"],
                one["status"],
            )
            for one in found
        ],
        right=("came in", "at most", "back", "left"),
    )
    if any(one["status"] == "waiting" for one in found):
        say("What waits is put to the group with p2pnode propose commons INFLOW.")
