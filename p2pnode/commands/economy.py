"""`p2pnode record`, `attest`, `stock`, `balance`: what was given and taken, and what there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from p2pnode.commands.amounts import amount_and_rest, date_ms, is_time, measure, time_unit
from p2pnode.commands.invocation import GroupOption, Invocation, invocation_of
from p2pnode.commands.terminal import local_time, print_table, say, short

record = typer.Typer(
    help="Record what was given, taken, made or moved; alone, the newest records.", no_args_is_help=True
)

AgainOption = Annotated[bool, typer.Option("--again", help="Say it once more, though it is open already.")]
NoteOption = Annotated[
    str, typer.Option("--note", metavar="TEXT", help="More words; they stay erasable.", show_default=False)
]
Amount = Annotated[
    list[str], typer.Argument(metavar="AMOUNT [WHAT]", help="How much of what: 20 kg bread, 2h gardening.")
]
Who = Annotated[str | None, typer.Argument(metavar="WHO", help="Only what concerns a member, or `me`.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=500, help="At most so many.")]
After = Annotated[
    str | None, typer.Option("--after", metavar="ID", help="Go on behind a row that was shown: its id.")
]

_INPUT, _OUTPUT = "input_of", "output_of"
_ACTIONS: tuple[tuple[str, str, str, str], ...] = (
    ("produce", _OUTPUT, "Make something.", '20 kg bread --new "bread of Monday"'),
    ("consume", _INPUT, "Use something up.", "2 kg flour --of flour"),
    ("use", _INPUT, "Use a thing that stays.", "3h --of drill"),
    ("work", _INPUT, "Work.", "2h gardening --to group --stream commons"),
    ("cite", _INPUT, "Use a design or a text that stays.", "1 --of 'oven plans'"),
    ("deliverService", _INPUT, "Do something for somebody.", "1 haircut --to Bob"),
    ("pickup", _INPUT, "Take something along for transport.", "5 boxes --of boxes --at depot"),
    ("dropoff", _OUTPUT, "Put down what was transported.", "5 boxes --of boxes --at market"),
    ("accept", _INPUT, "Take something in to work on it.", "1 bicycle --of bicycle"),
    ("modify", _OUTPUT, "Give it back, repaired or changed.", "1 bicycle --of bicycle --state repaired"),
    ("combine", _INPUT, "Put something into a container.", "2 kg apples --of apples --into box"),
    ("separate", _OUTPUT, "Take something out of a container.", "2 kg apples --of apples"),
    ("transfer", "", "Give something away for good.", "2 kg bread --to Bob --of bread --new 'my bread'"),
    ("transferAllRights", "", "Give the rights, not the thing.", "1 field --to group"),
    ("transferCustody", "", "Lend something, or bring it back.", "1 --of drill --from group --to me"),
    ("move", "", "Move something of one's own elsewhere.", "5 kg --of flour --new 'flour in the mill'"),
    ("copy", "", "Copy something that can be copied.", "1 --new 'oven plans' --to group"),
    ("raise", "", "Count something that is there.", "12 chairs --new chairs --to group"),
    ("lower", "", "Say that something is gone.", "1 chair --of chairs"),
)


def written(invocation: Invocation, body: dict[str, Any]) -> None:
    """Send a record, and say what it says and who still has to sign."""
    answer = invocation.client.post("/economy", body)
    invocation.answer(answer, _show_written)


def _show_written(answer: dict[str, Any]) -> None:
    say(f"Recorded as {short(answer['entry'])}: {answer['text']}.")
    if answer["waits_for"]:
        who = " and ".join(answer["waits_for"])
        say(f"It counts once {who} signed: {answer['sign_with']}")


def quantities(number: str, unit: str, *, is_effort: bool) -> dict[str, str]:
    """An amount under the name that the form has for it."""
    return {"effort_quantity" if is_effort else "resource_quantity": f"{number} {unit}"}


def _command(action: str, side: str, about: str, example: str) -> Callable[..., None]:
    def run(
        context: typer.Context,
        amount: Amount,
        group: GroupOption = None,
        of: Annotated[str | None, typer.Option("--of", metavar="THING", help="Which thing.")] = None,
        into: Annotated[
            str | None, typer.Option("--into", metavar="THING", help="Where it goes: another thing.")
        ] = None,
        new: Annotated[
            str | None, typer.Option("--new", metavar="NAME", help="Keep it as a new thing of this name.")
        ] = None,
        provider: Annotated[
            str | None, typer.Option("--from", metavar="WHO", help="Who gives; you, if left out.")
        ] = None,
        receiver: Annotated[
            str | None, typer.Option("--to", metavar="WHO", help="Who takes: a member, or `group`.")
        ] = None,
        process: Annotated[
            str | None, typer.Option("--process", metavar="NAME", help="The process it is part of.")
        ] = None,
        promise: Annotated[
            str | None,
            typer.Option("--fulfills", metavar="PROMISE", help="A promise, or AGREEMENT/CLAUSE."),
        ] = None,
        settles: Annotated[str | None, typer.Option(metavar="CLAIM", help="A claim that it settles.")] = None,
        agreement: Annotated[
            str | None, typer.Option(metavar="NAME", help="The agreement it belongs to, unplanned.")
        ] = None,
        effort: Annotated[
            str | None, typer.Option(metavar="AMOUNT", help="The time it took, where a thing is counted.")
        ] = None,
        stream: Annotated[
            str | None, typer.Option(metavar="NAME", help="livelihood, commons or care: a contribution.")
        ] = None,
        lesson: Annotated[
            str | None, typer.Option(metavar="taught|learned", help="Of work: it was teaching, or learning.")
        ] = None,
        commons: Annotated[str | None, typer.Option(metavar="LABEL", help="The commons or project.")] = None,
        at: Annotated[str | None, typer.Option("--at", metavar="PLACE", help="A name, or 52.37,4.9.")] = None,
        state: Annotated[str | None, typer.Option(metavar="WORD", help="The state of the thing.")] = None,
        when: Annotated[str | None, typer.Option(metavar="DATE", help="When; now if left out.")] = None,
        note: NoteOption = "",
    ) -> None:
        number, unit, what = amount_and_rest(amount)
        is_effort = action == "work" or (action == "use" and is_time(unit))
        if action == "work":
            unit = time_unit(unit, number)
        said: dict[str, Any] = {
            "action": action,
            "resource_conforms_to": what or None,
            "resource_inventoried_as": of,
            "to_resource_inventoried_as": into,
            "creates": new,
            "provider": provider,
            "receiver": receiver,
            side: process,
            "fulfills": promise,
            "settles": settles,
            "realization_of": agreement,
            "stream": stream,
            "lesson": lesson,
            "in_scope_of": commons,
            "to_location": at,
            "state": state,
            "performed_ms": None if when is None else date_ms(when),
            "effort_quantity": None if effort is None else measure(effort),
            **quantities(number, unit, is_effort=is_effort),
        }
        say_it(context, group, "event", said, note)

    run.__doc__ = f"{about}\n\n\b\nExample:\n  p2pnode record {action} {example}"
    return run


def say_it(
    context: typer.Context, group: str | None, what: str, said: dict[str, Any], note: str = ""
) -> None:
    """Say something about giving or taking; what is None is left out."""
    invocation = invocation_of(context)
    fields = {name: value for name, value in said.items() if value is not None and name}
    written(invocation, {"group": invocation.group(group), "what": what, "said": fields, "note": note})


for _name, _side, _about, _example in _ACTIONS:
    record.command(_name)(_command(_name, _side, _about, _example))


def rows(
    context: typer.Context,
    group: str | None,
    about: str,
    who: str | None,
    limit: int | None = None,
    after: str | None = None,
) -> list[dict[str, Any]]:
    """One of the lists that the node has."""
    invocation = invocation_of(context)
    found: list[dict[str, Any]] = invocation.client.get(
        "/economy", group=invocation.group(group), about=about, who=who, limit=limit, after=after
    )
    return found


@record.command("list")
def list_records(
    context: typer.Context,
    who: Who = None,
    limit: Limit = 100,
    after: After = None,
    group: GroupOption = None,
) -> None:
    """Show records, the newest last, with who still has to sign.

    \b
    Examples:
      p2pnode record list
      p2pnode record list me
      p2pnode record list --after 3f0a99c2     # what is older than that
    """
    invocation_of(context).answer(rows(context, group, "events", who, limit, after), show_events)


def show_events(events: list[dict[str, Any]]) -> None:
    """A table of records."""
    if not events:
        say("No records.")
        return
    print_table(
        ("record", "date", "what", "from", "to", "state"),
        [
            (
                short(one["id"]),
                local_time(one["performed_ms"]),
                " ".join(part for part in (one["action"], one["quantity"], one["kind"]) if part)
                + (f", {one['lesson']}" if one["lesson"] else ""),
                one["provider"],
                one["receiver"],
                f"waits for {', '.join(one['waits_for'])}" if one["waits_for"] else _judged(one),
            )
            for one in reversed(events)
        ],
    )


def _judged(one: dict[str, Any]) -> str:
    verdicts = [judged["verdict"] for judged in one["attestations"]]
    said = [f"{verdicts.count(word)} {word}" for word in ("uphold", "dispute") if word in verdicts]
    return ", ".join([one["status"], *said])


@record.command("correct")
def correct(
    context: typer.Context,
    event: Annotated[str, typer.Argument(metavar="RECORD", help="The start of its id.")],
    amount: Annotated[list[str], typer.Argument(metavar="DIFFERENCE", help="How much more or less: -2 kg.")],
    group: GroupOption = None,
    note: NoteOption = "",
) -> None:
    """Correct a record by the difference; both stay to be seen.

    \b
    Example:
      p2pnode record correct 3f0a99c2 -2kg
    """
    number, unit, _ = amount_and_rest(amount)
    say_it(context, group, "correction", {"corrects": event, "difference": f"{number} {unit}"}, note)


def attest(
    context: typer.Context,
    event: Annotated[str, typer.Argument(metavar="RECORD", help="The start of its id.")],
    verdict: Annotated[str, typer.Argument(metavar="uphold|dispute")],
    competence: Annotated[
        str | None, typer.Option("--as", metavar="COMPETENCE", help="What your judgement rests on.")
    ] = None,
    evidence: Annotated[
        str | None, typer.Option(metavar="HASHES", help="Hashes or ids of what shows it.")
    ] = None,
    note: Annotated[
        str, typer.Option("--why", metavar="TEXT", help="Why; a dispute needs it.", show_default=False)
    ] = "",
    group: GroupOption = None,
) -> None:
    """Judge what somebody else gave; the group decides a dispute that stays.

    \b
    Examples:
      p2pnode attest 3f0a99c2 uphold --as carpentry
      p2pnode attest 3f0a99c2 dispute --why "it was one hour, not three"
      p2pnode propose dispute 3f0a99c2 --strike
    """
    said = {"event": event, "verdict": verdict, "competence": competence, "evidence": evidence}
    say_it(context, group, "attestation", said, note)


def stock(
    context: typer.Context,
    who: Who = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what is gone, or was given back.")] = False,
    group: GroupOption = None,
) -> None:
    """Show the things there are: how much, where, and whose.

    \b
    Examples:
      p2pnode stock
      p2pnode stock me
    """
    things = rows(context, group, "resources", who)
    there = things if everything else [one for one in things if not one["is_gone"]]
    invocation_of(context).answer(there, _show_stock)


def _show_stock(things: list[dict[str, Any]]) -> None:
    if not things:
        say("Nothing is in stock. `p2pnode record produce 20 kg bread --new bread` adds something.")
        return
    print_table(
        ("thing", "name", "there", "of", "whose", "held by", "where", "state"),
        [
            (
                short(one["id"]),
                one["name"],
                one["onhand"],
                one["accounting"],
                one["accountable"],
                one["custodian"],
                one["location"],
                ", ".join(part for part in (one["stage"], one["state"]) if part),
            )
            for one in things
        ],
        right=("there", "of"),
    )


def balance(context: typer.Context, who: Who = None, group: GroupOption = None) -> None:
    """Show what each gave and took; nothing of it is a debt.

    \b
    Examples:
      p2pnode balance
      p2pnode balance me
    """
    invocation_of(context).answer(rows(context, group, "balances", who), _show_balances)


def _show_balances(found: list[dict[str, Any]]) -> None:
    if not found:
        say("Nothing was given yet.")
        return
    print_table(
        ("who", "and", "gave", "took", "contributed"),
        [(one["agent"], one["other"], one["given"], one["taken"], one["contributed"]) for one in found],
        right=("gave", "took"),
    )
