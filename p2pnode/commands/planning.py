"""`p2pnode offer`, `need`, `promise`, `claim`, `kind`, `process`, `agent`: plans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from p2pnode.commands.amounts import amount_and_rest, date_ms, is_time
from p2pnode.commands.economy import (
    AgainOption,
    Amount,
    NoteOption,
    Who,
    quantities,
    rows,
    say_it,
)
from p2pnode.commands.invocation import GroupOption, invocation_of
from p2pnode.commands.terminal import local_time, print_table, say, short

promise = typer.Typer(help="Promises: make them, list them, give them back.", no_args_is_help=True)
claim = typer.Typer(help="Claims: ask for something because of a record.", no_args_is_help=True)
kind = typer.Typer(help="Kinds of things, so that all count the same.", no_args_is_help=True)
process = typer.Typer(help="Processes that records are part of.", no_args_is_help=True)
agent = typer.Typer(help="People and organizations outside the group.", no_args_is_help=True)

_Action = Annotated[
    str | None, typer.Option(metavar="NAME", help="ValueFlows action; work for a time, else transfer.")
]
_Due = Annotated[str | None, typer.Option("--due", metavar="DATE", help="Until when.")]
_Name = Annotated[str, typer.Argument(metavar="NAME")]
_EntryArgument = Annotated[str, typer.Argument(metavar="ID", help="The start of its id.")]


def _flow(amount: list[str], action: str | None) -> dict[str, Any]:
    """Action, quantity and kind out of words such as 2h gardening."""
    number, unit, what = amount_and_rest(amount)
    is_effort = is_time(unit) if action is None else action == "work"
    return {
        "action": action or ("work" if is_effort else "transfer"),
        "resource_conforms_to": what or None,
        **quantities(number, unit, is_effort=is_effort),
    }


def _publishing(purpose: str, about: str, examples: tuple[str, ...]) -> Callable[..., None]:
    def publish(
        context: typer.Context,
        amount: Amount,
        action: _Action = None,
        due: _Due = None,
        at: Annotated[str | None, typer.Option("--at", metavar="PLACE", help="A name, or 52.37,4.9.")] = None,
        reach: Annotated[
            int | None, typer.Option("--reach", metavar="KM", min=1, help="How far from there.")
        ] = None,
        reciprocal: Annotated[
            str | None,
            typer.Option("--return", metavar="WORDS", help="What is hoped for; else a gift."),
        ] = None,
        again: AgainOption = False,
        group: GroupOption = None,
        note: NoteOption = "",
    ) -> None:
        said = {
            **_flow(amount, action),
            "again": True if again else None,
            "purpose": purpose,
            "due_ms": None if due is None else date_ms(due),
            "eligible_location": at,
            "reach_km": reach,
            "reciprocal": reciprocal,
        }
        say_it(context, group, "intent", said, note)

    publish.__doc__ = "\n".join((about, "", "\b", "Examples:", *(f"  p2pnode {one}" for one in examples)))
    return publish


offer = _publishing(
    "offer",
    "Offer something to the group.",
    ("offer 5 kg apples --at orchard", 'offer 2h bicycle repair --return "a cake"'),
)
need = _publishing(
    "request",
    "Say what you need.",
    ("need 3h help with moving --due tomorrow", 'need 10 chairs --at "the barn"'),
)


@promise.command("make")
def make_promise(
    context: typer.Context,
    amount: Amount,
    receiver: Annotated[str | None, typer.Option("--to", metavar="WHO", help="To whom.")] = None,
    action: _Action = None,
    due: _Due = None,
    again: AgainOption = False,
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Promise something; it binds you alone.

    \b
    Example:
      p2pnode promise make 3h gardening --to Bob --due 2026-12-01
    """
    due_ms = None if due is None else date_ms(due)
    said = {**_flow(amount, action), "receiver": receiver, "due_ms": due_ms, "again": True if again else None}
    say_it(context, group, "promise", said, note)


@promise.command("list")
def list_promises(context: typer.Context, who: Who = None, group: GroupOption = None) -> None:
    """Show promises and clauses of agreements, with how much of each was given."""
    invocation_of(context).answer(rows(context, group, "promises", who), _show_promises)


def _show_promises(found: list[dict[str, Any]]) -> None:
    if not found:
        say("Nothing is promised.")
        return
    print_table(
        ("id", "what", "from", "to", "given", "of", "until", "state"),
        [
            (
                short(one["id"]),
                f"{one['action']} {one['kind']}".rstrip(),
                one["provider"],
                one["receiver"],
                one["fulfilled"],
                one["promised"],
                local_time(one["due_ms"]) if one["due_ms"] else "",
                one["status"],
            )
            for one in found
        ],
        right=("given", "of"),
    )


@promise.command("release")
def release(context: typer.Context, entry: _EntryArgument, group: GroupOption = None) -> None:
    """Give a promise back that was made to you."""
    say_it(context, group, "promise-end", {"entry": entry})


@claim.command("raise")
def raise_claim(
    context: typer.Context,
    event: Annotated[str, typer.Argument(metavar="RECORD", help="What it follows from.")],
    provider: Annotated[str, typer.Argument(metavar="WHO", help="Who is asked.")],
    amount: Amount,
    action: _Action = None,
    again: AgainOption = False,
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Ask somebody for something because of a record; it binds nobody.

    \b
    Example:
      p2pnode claim raise 3f0a99c2 Bob 2 kg apples
    """
    said = {
        **_flow(amount, action),
        "triggered_by": event,
        "provider": provider,
        "again": True if again else None,
    }
    say_it(context, group, "claim", said, note)


@claim.command("list")
def list_claims(context: typer.Context, who: Who = None, group: GroupOption = None) -> None:
    """Show who asks whom for what."""
    invocation_of(context).answer(rows(context, group, "claims", who), _show_claims)


def _show_claims(found: list[dict[str, Any]]) -> None:
    if not found:
        say("Nobody claims anything.")
        return
    columns = ("receiver", "provider", "quantity", "kind", "settled", "status")
    print_table(
        ("id", "who asks", "whom", "how much", "of", "settled", "state"),
        [(short(one["id"]), *(one[name] for name in columns)) for one in found],
    )


@claim.command("close")
def close_claim(context: typer.Context, entry: _EntryArgument, group: GroupOption = None) -> None:
    """Take a claim back."""
    say_it(context, group, "claim-end", {"entry": entry})


@kind.command("define")
def define_kind(
    context: typer.Context,
    name: _Name,
    unit: Annotated[str | None, typer.Option(metavar="UNIT", help="How it is counted: kg, h.")] = None,
    currency: Annotated[bool, typer.Option("--currency", help="It is a medium of exchange.")] = False,
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Give a kind of thing a name that all use.

    \b
    Example:
      p2pnode kind define bread --unit kg
    """
    said = {"name": name, "default_unit_of_resource": unit, "medium_of_exchange": True if currency else None}
    say_it(context, group, "kind", said, note)


@kind.command("list")
def list_kinds(context: typer.Context, group: GroupOption = None) -> None:
    """Show the kinds of things that the group has named."""
    _named(context, group, "kinds", ("name", "unit"))


@process.command("begin")
def begin_process(
    context: typer.Context,
    name: _Name,
    based_on: Annotated[
        str | None, typer.Option("--kind", metavar="WORD", help="What kind of process: baked, repaired.")
    ] = None,
    commons: Annotated[str | None, typer.Option(metavar="LABEL", help="The commons or project.")] = None,
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Begin a process: records name it with --process.

    \b
    Example:
      p2pnode process begin "baking on Monday" --kind baked
    """
    say_it(context, group, "process", {"name": name, "based_on": based_on, "in_scope_of": commons}, note)


@process.command("finish")
def finish_process(context: typer.Context, name: _Name, group: GroupOption = None) -> None:
    """Say that nothing more goes into a process or comes out of it."""
    say_it(context, group, "process-end", {"process": name})


@process.command("list")
def list_processes(context: typer.Context, group: GroupOption = None) -> None:
    """Show the processes of the group."""
    _named(context, group, "processes", ("name", "based_on", "author", "status"))


@agent.command("add")
def add_agent(
    context: typer.Context,
    name: _Name,
    what: Annotated[
        str, typer.Option("--is", metavar="KIND", help="organization, ecological or person.")
    ] = "organization",
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Name somebody or something outside the group that gives or takes; a person's name stays erasable.

    \b
    Examples:
      p2pnode agent add "the next village"
      p2pnode agent add "the brook" --is ecological
    """
    say_it(context, group, "agent", {"name": name, "kind": what}, note)


@agent.command("list")
def list_agents(context: typer.Context, group: GroupOption = None) -> None:
    """Show who outside the group was named."""
    _named(context, group, "agents", ("name", "kind"))


def _named(context: typer.Context, group: str | None, about: str, columns: tuple[str, ...]) -> None:
    def show(found: list[dict[str, Any]]) -> None:
        if not found:
            say("None yet.")
            return
        print_table(("id", *columns), [(short(one["id"]), *(one[name] for name in columns)) for one in found])

    invocation_of(context).answer(rows(context, group, about, None), show)
