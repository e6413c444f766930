"""`p2pnode meter`: meters of what comes from the grid and what goes into it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from p2pnode.commands.amounts import amount_of
from p2pnode.commands.economy import rows, say_it
from p2pnode.commands.invocation import GroupOption, invocation_of
from p2pnode.commands.terminal import local_time, print_table, say, short
from p2pnode.core.errors import UsageError

meter = typer.Typer(help="Meters: what is produced and consumed, as it is read.", invoke_without_command=True)

MeterName = Annotated[str, typer.Argument(metavar="NAME", help="What the meter is called, or its id.")]
_SECOND_MS = 1000


@meter.callback()
def root(context: typer.Context, group: GroupOption = None) -> None:
    """Meters: what is produced and consumed, as it is read."""
    if context.invoked_subcommand is None:
        list_meters(context, None, group)


@meter.command()
def install(
    context: typer.Context,
    name: MeterName,
    action: Annotated[str, typer.Argument(metavar="produce|consume", help="What it counts.")],
    reader: Annotated[
        str | None, typer.Option(metavar="MEMBER", help="Who may send its readings besides you.")
    ] = None,
    receiver: Annotated[
        str | None, typer.Option("--to", metavar="group", help="What it produces is for all, to be shared.")
    ] = None,
    unit: Annotated[str, typer.Option(metavar="UNIT", help="What it counts in.")] = "kWh",
    decimals: Annotated[int, typer.Option(metavar="N", help="Decimals of a reading.")] = 3,
    every: Annotated[
        str, typer.Option(metavar="TIME", help="Interval of readings: 15min, 1h, 1d.")
    ] = "15min",
    commons: Annotated[str | None, typer.Option(metavar="NAME", help="What it belongs to.")] = None,
    group: GroupOption = None,
) -> None:
    """Install a meter of yours. A house with a roof has two: what it takes, and what it gives.

    What is consumed counts where the charter shares by use; what goes to the group is shared by the charter.

    \b
    Examples:
      p2pnode meter install "house 7" consume --reader Carol
      p2pnode meter install "roof of house 7" produce --to group --commons "solar village"
    """
    said = {
        "name": name,
        "action": action,
        "reader": reader,
        "receiver": receiver,
        "unit": unit,
        "decimals": decimals,
        "every_ms": _interval_ms(every),
        "in_scope_of": commons,
    }
    say_it(context, group, "meter", said, "")


@meter.command("list")
def list_meters(
    context: typer.Context,
    who: Annotated[str | None, typer.Argument(metavar="MEMBER", help="Only those of a member.")] = None,
    group: GroupOption = None,
) -> None:
    """Show the meters, how far each is read, and what it counted.

    \b
    Examples:
      p2pnode meter list
      p2pnode meter list me
    """
    invocation_of(context).answer(rows(context, group, "meters", who), _show_meters)


@meter.command()
def months(
    context: typer.Context,
    who: Annotated[str | None, typer.Argument(metavar="MEMBER", help="Only what a member counted.")] = None,
    group: GroupOption = None,
) -> None:
    """Show what was produced and consumed by month.

    \b
    Example:
      p2pnode meter months me
    """
    invocation_of(context).answer(rows(context, group, "metered", who), _show_months)


@meter.command()
def close(context: typer.Context, name: MeterName, group: GroupOption = None) -> None:
    """Let no more readings of a meter count; its holder does that, or who reads it.

    \b
    Example:
      p2pnode meter close "house 7"
    """
    say_it(context, group, "meter-end", {"meter": name}, "")


def _interval_ms(text: str) -> int:
    units = {"second-Time": 1, "minute-Time": 60, "hour": 3600, "day": 86_400}
    number, unit = amount_of(text)
    if unit not in units or not number.isdigit():
        raise UsageError("meter.bad_interval", f"'{text}' is no interval", "write 15min, 1h or 1d")
    return int(number) * units[unit] * _SECOND_MS


def _show_meters(found: list[dict[str, Any]]) -> None:
    if not found:
        say('There is no meter yet. `p2pnode meter install "house 7" consume` adds one.')
        return
    print_table(
        ("meter", "name", "whose", "read by", "counts", "total", "read until", "state"),
        [
            (
                short(one["id"]),
                one["name"],
                one["holder"],
                one["reader"],
                one["action"],
                one["total"],
                local_time(one["last_ms"]),
                one["status"],
            )
            for one in found
        ],
        right=("total",),
    )


def _show_months(found: list[dict[str, Any]]) -> None:
    if not found:
        say("Nothing was read yet.")
        return
    print_table(
        ("month", "who", "counts", "amount", "unit"),
        [(one["month"], one["holder"], one["action"], one["amount"], one["unit"]) for one in found],
        right=("amount",),
    )
