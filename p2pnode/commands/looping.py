"""`p2pnode loops`: what several people owe each other in a ring, set off when all have signed."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from p2pnode.commands.economy import NoteOption, Who, rows, say_it
from p2pnode.commands.invocation import GroupOption, invocation_of
from p2pnode.commands.terminal import local_time, print_table, say, short
from p2pnode.core.errors import UsageError

loops = typer.Typer(help="Loops: what people owe each other in a ring, set off.", no_args_is_help=True)

_Loop = Annotated[str, typer.Argument(metavar="LOOP", help="The start of its id.")]
_Claims = Annotated[
    bool, typer.Option("--claims", help="Claims too: whoever is asked accepts them by signing.")
]
_AnyKind = Annotated[
    bool, typer.Option("--any-kind", help="Set off one kind of thing against another, in one unit.")
]
_DAY_MS = 24 * 3600 * 1000


@loops.command()
def find(
    context: typer.Context, claims: _Claims = False, any_kind: _AnyKind = False, group: GroupOption = None
) -> None:
    """Look for what can be set off among open promises; nothing is written.

    \b
    Amounts of different units are never set off; hours count alike whatever they are for.

    \b
    Examples:
      p2pnode loops find
      p2pnode loops find --claims --any-kind
    """
    invocation = invocation_of(context)
    answer = invocation.client.get(
        "/loops/found", group=invocation.group(group), claims=claims, any_kind=any_kind
    )
    invocation.answer(answer, _show_found)


def _show_found(found: list[dict[str, Any]]) -> None:
    if not found:
        say("Nothing can be set off: no open promises of one unit go round in a ring.")
        return
    for ring in found:
        say(f"{short(ring['id'])}: {ring['amount']} goes round among {', '.join(ring['members'])}.")
        say(*(f"  {sentence}." for sentence in ring["relieved"]))
    say(f"Propose one with `p2pnode loops propose {short(found[0]['id'])}`; all in it have to sign.")


@loops.command()
def propose(
    context: typer.Context,
    loop: Annotated[
        str | None, typer.Argument(metavar="LOOP", help="Which of `loops find`; else the first.")
    ] = None,
    claims: _Claims = False,
    any_kind: _AnyKind = False,
    answer_days: Annotated[int, typer.Option(metavar="DAYS", min=1, help="How long answers are taken.")] = 14,
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Propose to set off what was found; it is carried out once all in it have signed.

    \b
    Examples:
      p2pnode loops propose
      p2pnode loops propose 3f0a99c2 --note "as we said on Monday"
    """
    said = {
        "loop": loop,
        "claims": True if claims else None,
        "any_kind": True if any_kind else None,
        "answer_until_ms": int(time.time() * 1000) + answer_days * _DAY_MS,
    }
    say_it(context, group, "loop", said, note)


@loops.command("list")
def list_loops(context: typer.Context, who: Who = None, group: GroupOption = None) -> None:
    """Show what was proposed, what became of it, and whose signature is missing."""
    invocation_of(context).answer(rows(context, group, "loops", who), _show_list)


def _show_list(found: list[dict[str, Any]]) -> None:
    if not found:
        say("No loops. `p2pnode loops find` looks for what can be set off.")
        return
    print_table(
        ("loop", "proposed by", "among", "state"),
        [(short(one["id"]), one["author"], ", ".join(one["parties"]), _state(one)) for one in found],
    )


def _state(one: dict[str, Any]) -> str:
    state = str(one["status"])
    return f"{state}, waits for {', '.join(one['waits_for'])}" if one["waits_for"] else state


@loops.command()
def show(context: typer.Context, loop: _Loop, group: GroupOption = None) -> None:
    """Show a loop: who would be relieved of what, and who has to sign."""
    found = [one for one in rows(context, group, "loops", None) if one["id"].startswith(loop.lower())]
    if len(found) != 1:
        raise UsageError(
            "loop.unknown" if not found else "loop.ambiguous",
            f"'{loop}' fits {'no loop' if not found else 'several loops'}.",
            "p2pnode loops lists them.",
        )
    invocation_of(context).answer(found[0], _show)


def _show(one: dict[str, Any]) -> None:
    say(f"Loop {short(one['id'])}: {_state(one)}")
    if one["status"] == "proposed":
        say(f"Answers are taken until {local_time(one['answer_until_ms'])}.")
    say(*(f"{sentence}." for sentence in one["relieved"]))
    print_table(
        ("promise", "from", "to", "set off", "open now"),
        [
            (part["name"], part["provider"], part["receiver"], part["amount"], part["open"])
            for part in one["promises"]
        ],
        right=("set off", "open now"),
    )
    if one["changed"] and one["status"] in {"proposed", "void"}:
        say(f"{one['changed']} has changed: less of it is open than was to be set off.")
    if one["ended_by"]:
        say(f"{one['status'].capitalize()} by {one['ended_by']}{_because(one)}.")


def _because(one: dict[str, Any]) -> str:
    return f": {one['reason']}" if one["reason"] else ""


@loops.command()
def accept(context: typer.Context, loop: _Loop, group: GroupOption = None) -> None:
    """Sign a loop; with the last signature it is carried out."""
    say_it(context, group, "loop-answer", {"loop": loop, "accepts": True})


@loops.command()
def decline(context: typer.Context, loop: _Loop, group: GroupOption = None, note: NoteOption = "") -> None:
    """Say no to a loop, or take back what you proposed; nothing is set off then.

    \b
    Example:
      p2pnode loops decline 3f0a99c2 --note "I would rather come and help"
    """
    say_it(context, group, "loop-answer", {"loop": loop, "accepts": False}, note)
