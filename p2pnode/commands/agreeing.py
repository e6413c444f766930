"""`p2pnode agree`: agreements, in which every party gives something."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from p2pnode.commands.amounts import amount_and_rest, date_ms, is_time
from p2pnode.commands.economy import NoteOption, Who, quantities, rows, say_it
from p2pnode.commands.invocation import GroupOption, invocation_of
from p2pnode.commands.terminal import local_time, print_table, say
from p2pnode.core.errors import UsageError

agree = typer.Typer(help="Agreements: every party signs and gives something.", no_args_is_help=True)

_Agreement = Annotated[str, typer.Argument(metavar="AGREEMENT", help="Its name, or the start of its id.")]
_DAY_MS = 24 * 3600 * 1000
_CLAUSE = re.compile(
    r"(?P<provider>.+?) gives (?P<receiver>.+?) (?P<amount>\d.*?)"
    r"(?:,? (?P<times>\d+) times)?(?:,? every (?P<days>\d+) days?)?(?:,? from (?P<date>\d{4}-\d\d-\d\d))?"
)
_LIMITED = {
    "given": "gives at most {} more than comes back.",
    "taken": "takes at most {} more than goes back.",
}
_LIMIT = re.compile(r"(?P<party>.+?) (?P<side>gives|takes) at most (?P<amount>\d.*)")


@agree.command()
def propose(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    clause: Annotated[
        list[str],
        typer.Option(
            "--clause", metavar="SENTENCE", help="'Alice gives Bob 2 kg bread, 10 times, every 7 days'."
        ),
    ],
    limit: Annotated[
        list[str] | None,
        typer.Option("--limit", metavar="SENTENCE", help="'Bob takes at most 6 kg' more than he gives."),
    ] = None,
    answer_days: Annotated[int, typer.Option(metavar="DAYS", min=1, help="How long answers are taken.")] = 14,
    tolerance: Annotated[
        str | None, typer.Option(metavar="PART", help="10%: by how much a clause may be missed.")
    ] = None,
    shared_risk: Annotated[
        str | None, typer.Option(metavar="PART", help="50%: how much of a harvest may fail for all.")
    ] = None,
    review: Annotated[str | None, typer.Option(metavar="DATE", help="When to look at it again.")] = None,
    replaces: Annotated[
        str | None, typer.Option(metavar="AGREEMENT", help="Which one it takes the place of: all in it sign.")
    ] = None,
    end: Annotated[str | None, typer.Option(metavar="DATE", help="When it is meant to end.")] = None,
    gift: Annotated[bool, typer.Option("--gift", help="One side gives; nothing is expected back.")] = False,
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Propose an agreement; it is in force once all its parties have signed.

    \b
    Examples:
      p2pnode agree propose boxes --clause "Alice gives Bob 3 kg vegetables, 40 times, every 7 days" \\
        --clause "Bob gives Alice 20h field work" --shared-risk 50% --limit "Bob takes at most 12 kg"
      p2pnode agree propose jam --gift --clause "Alice gives Bob 3 jars"
      p2pnode agree propose "boxes 2027" --replaces boxes --clause ... --clause ...
    """
    import time

    said: dict[str, Any] = {
        "name": name,
        "clauses": [_clause(sentence) for sentence in clause],
        "limits": sorted((_limit(sentence) for sentence in limit or ()), key=str) or None,
        "answer_until_ms": int(time.time() * 1000) + answer_days * _DAY_MS,
        "tolerance": tolerance,
        "shared_risk": shared_risk,
        "replaces": replaces,
        "review_ms": None if review is None else date_ms(review),
        "end_ms": None if end is None else date_ms(end),
        "mode": "gift" if gift else None,
    }
    say_it(context, group, "agreement", said, note)


def _clause(sentence: str) -> dict[str, Any]:
    match = _CLAUSE.fullmatch(sentence.strip())
    if match is None:
        raise _no_clause(f"'{sentence}' is no clause.")
    number, unit, what = amount_and_rest([match["amount"]])
    if "," in what:
        raise _no_clause(f"'{what.rpartition(',')[2].strip()}' is no part of a clause.")
    is_effort = is_time(unit)
    said = {
        "action": "work" if is_effort else "transfer",
        "provider": match["provider"],
        "receiver": match["receiver"],
        "resource_conforms_to": what or None,
        "times": None if match["times"] is None else int(match["times"]),
        "every_days": None if match["days"] is None else int(match["days"]),
        "due_ms": _first_date(match["date"], match["days"]),
        **quantities(number, unit, is_effort=is_effort),
    }
    return {name: value for name, value in said.items() if value is not None}


def _no_clause(why: str) -> UsageError:
    return UsageError(
        "agreement.bad_clause",
        why,
        "Write 'Alice gives Bob 2 kg bread', and if wanted ', 10 times, every 7 days, from 2026-12-01'.",
    )


def _first_date(date: str | None, days: str | None) -> int | None:
    import time

    if date is not None:
        return date_ms(date)
    # The beginning of the day, so that two who propose the same thing today propose the same thing.
    return None if days is None else date_ms(time.strftime("%Y-%m-%d"))


def _limit(sentence: str) -> dict[str, Any]:
    match = _LIMIT.fullmatch(sentence.strip())
    if match is None:
        raise UsageError(
            "agreement.bad_limit",
            f"'{sentence}' is no limit.",
            "Write 'Bob takes at most 6 kg', or 'Alice gives at most 6 kg'.",
        )
    number, unit, _ = amount_and_rest([match["amount"]])
    return {"party": match["party"], "given" if match["side"] == "gives" else "taken": f"{number} {unit}"}


@agree.command("list")
def list_agreements(context: typer.Context, who: Who = None, group: GroupOption = None) -> None:
    """Show agreements with their state, and whose answer is missing."""
    invocation_of(context).answer(rows(context, group, "agreements", who), _show_list)


def _show_list(found: list[dict[str, Any]]) -> None:
    if not found:
        say("No agreements. `p2pnode agree propose --help` shows how to begin one.")
        return
    print_table(
        ("agreement", "name", "parties", "state"),
        [(one["id"][:8], one["name"], ", ".join(one["parties"]), _state(one)) for one in found],
    )


def _state(one: dict[str, Any]) -> str:
    state = str(one["status"]) + (", a gift" if one["mode"] == "gift" else "")
    return f"{state}, waits for {', '.join(one['waits_for'])}" if one["waits_for"] else state


@agree.command()
def show(context: typer.Context, agreement: _Agreement, group: GroupOption = None) -> None:
    """Show an agreement: its clauses, what was given, its limits and what remains."""
    invocation = invocation_of(context)
    answer = invocation.client.get("/agreement", group=invocation.group(group), agreement=agreement)
    invocation.answer(answer, _show)


def _show(one: dict[str, Any]) -> None:
    say(f"{one['name']}: {_state(one)}")
    if one["status"] == "proposed":
        say(f"Answers are taken until {local_time(one['answer_until_ms'])}.")
    print_table(
        ("clause", "from", "to", "what", "given", "of", "state"),
        [
            (
                clause["number"],
                clause["provider"],
                clause["receiver"],
                _words(clause),
                clause["fulfilled"],
                clause["promised"],
                clause["status"],
            )
            for clause in one["clauses"]
        ],
        right=("given", "of"),
    )
    for limit in one["limits"]:
        for side in ("given", "taken"):
            if limit[side]:
                say(f"{limit['party']} {_LIMITED[side]}".format(limit[side]))
    for balance in one["balances"]:
        say(f"{balance['party']} gave {balance['given']}, took {balance['taken']}.")
    say(*(f"Frozen: {sentence}." for sentence in one["frozen"]))
    _show_more(one)


def _show_more(one: dict[str, Any]) -> None:
    """What bends it, when it is looked at again, and how it ended."""
    if one["tolerance"]:
        say(f"Each clause is kept when no more than {one['tolerance']} of it is missing.")
    if one["shared_risk"]:
        say(f"If a harvest fails, up to {one['shared_risk']} of a clause is borne by all: `agree reduce`.")
    if one["review_ms"] and one["status"] in {"proposed", "accepted"}:
        say(f"To be looked at again on {local_time(one['review_ms'])}.")
    if one["end_ms"] and one["status"] in {"proposed", "accepted"}:
        say(f"It ends by itself on {local_time(one['end_ms'])}.")
    for clause in one["clauses"]:
        if clause["set_off"]:
            say(f"{clause['set_off']} of clause {clause['number']} was set off in loops.")
    reason = f": {one['reason']}" if one["reason"] else ""
    if one["status"] == "closed":
        left = ", ".join(f"{part['left']} of clause {part['clause']}" for part in one["remainder"])
        say(f"Closed by {one['ended_by'] or 'its own end'}{reason}; left: {left or 'nothing'}.")
    elif one["status"] in {"declined", "withdrawn"}:
        say(f"{one['status'].capitalize()} by {one['ended_by']}{reason}.")


def _words(clause: dict[str, Any]) -> str:
    rhythm = f" every {clause['every_days']} days" if clause["every_days"] else ""
    times = f", {clause['times']} times" if clause["times"] > 1 else ""
    return f"{clause['quantity']} {clause['kind']}".rstrip() + times + rhythm


@agree.command()
def accept(context: typer.Context, agreement: _Agreement, group: GroupOption = None) -> None:
    """Sign an agreement as it is proposed."""
    say_it(context, group, "agreement-answer", {"agreement": agreement, "accepts": True})


@agree.command()
def decline(
    context: typer.Context, agreement: _Agreement, group: GroupOption = None, note: NoteOption = ""
) -> None:
    """Say no to a proposed agreement; that ends it.

    \b
    Example:
      p2pnode agree decline boxes --note "three kilograms are too much for me"
    """
    say_it(context, group, "agreement-answer", {"agreement": agreement, "accepts": False}, note)


@agree.command()
def withdraw(
    context: typer.Context, agreement: _Agreement, group: GroupOption = None, note: NoteOption = ""
) -> None:
    """Take back what you proposed, while not everybody has signed."""
    say_it(context, group, "agreement-withdrawal", {"agreement": agreement}, note)


@agree.command()
def close(
    context: typer.Context, agreement: _Agreement, group: GroupOption = None, note: NoteOption = ""
) -> None:
    """End an agreement; what remains is stated, and owed no more. Any party may."""
    say_it(context, group, "agreement-end", {"agreement": agreement}, note)


@agree.command()
def reduce(
    context: typer.Context,
    agreement: _Agreement,
    clause: Annotated[int, typer.Argument(metavar="CLAUSE", min=1, help="Its number in `agree show`.")],
    amount: Annotated[list[str], typer.Argument(metavar="AMOUNT", help="What is left of it in all: 60 kg.")],
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Say how much a failed harvest left of your clause, where the parties share the risk."""
    number, unit, _ = amount_and_rest(amount)
    said = {"agreement": agreement, "clause": clause - 1, "quantity": f"{number} {unit}"}
    say_it(context, group, "agreement-reduction", said, note)
