"""`p2pnode log`, `contribute`, `why`: the entries, writing one, and what to know about one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from p2pnode.commands.amounts import amount_of, date_ms, time_unit
from p2pnode.commands.invocation import GroupOption, Invocation, invocation_of
from p2pnode.commands.keeping import verify
from p2pnode.commands.terminal import clean, local_time, print_json, print_table, remark, say, sentence, short
from p2pnode.core.errors import UsageError

log = typer.Typer(help="The entries of your groups; alone, the newest ones.", no_args_is_help=True)

_TAIL_ROWS = 10

_Author = Annotated[
    str | None, typer.Option(metavar="DID", help="Only this author: did, peer id or an end of it.")
]
_Lane = Annotated[
    int | None, typer.Option(min=0, max=2, help="Only this lane: 0 for members, 1 votes, 2 for everybody.")
]
_Type = Annotated[
    str | None, typer.Option("--type", metavar="NAME", help="Only this type, such as contribution.")
]


@log.command()
def show(
    context: typer.Context,
    entry: Annotated[str | None, typer.Argument(metavar="ENTRY", help="One entry in full.")] = None,
    group: GroupOption = None,
    author: _Author = None,
    lane: _Lane = None,
    type_: _Type = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many entries.")] = 20,
    before: Annotated[int | None, typer.Option(min=0, help="Go on where the last page ended.")] = None,
    votes: Annotated[bool, typer.Option("--votes", help="The votes on blocks too.")] = False,
) -> None:
    """Show entries, newest last, or one entry in full.

    The votes on blocks, by which the nodes agree on an order, are left out unless you ask for them.

    \b
    Examples:
      p2pnode log show -g repaircafe -n 50
      p2pnode log show 3f0a99c2
      p2pnode log show --type contribution --json
    """
    invocation = invocation_of(context)
    if entry is not None:
        invocation.answer(invocation.client.get("/entry", entry=entry), _show_entry)
        return
    query = {"group": group, "author": author, "lane": lane, "type": type_, "limit": limit, "before": before}
    # Who asks for a lane or a type has said what is wanted.
    is_wanted = votes or lane is not None or type_ is not None
    invocation.answer(invocation.client.get("/log", **query, votes=str(is_wanted).lower()), _show_page)


def _show_page(page: dict[str, Any]) -> None:
    if not page["rows"]:
        say("No entries." if page["next"] is None else "None among the newest entries.")
    else:
        _show_rows(page["rows"])
    if page["next"] is not None:
        remark(f"Older ones: p2pnode log show --before {page['next']}")


def _show_rows(rows: list[dict[str, Any]]) -> None:
    print_table(
        ("entry", "time", "author", "type", "state", ""),
        [
            (
                short(row["entry"]),
                local_time(row["time_ms"]),
                row["author_name"] or short(row["author"]),
                row["type"],
                _state(row),
                row["text"],
            )
            for row in reversed(rows)
        ],
    )


def _state(row: dict[str, Any]) -> str:
    return f"{row['state']} ({row['rule']})" if row["rule"] else str(row["state"])


def _show_entry(answer: dict[str, Any]) -> None:
    row = answer["row"]
    say(
        f"entry     {row['entry']}",
        f"group     {row['group']}",
        f"author    {row['author']} {row['author_name']}".rstrip(),
        f"place     lane {row['lane']}, seq {row['seq']}, depth {row['depth']}",
        f"time      {local_time(row['time_ms'])}",
        f"type      {row['type']}, {row['payload_bytes']} bytes",
        f"state     {_state(row)}",
        f"prev      {answer['prev']}",
    )
    for ack in answer["acks"]:
        say(f"ack       {ack}")
    if row["text"]:
        say(f"says      {row['text']}")
    if answer["body"] is not None:
        say("body")
        print_json(answer["body"])
    if answer["annex"] is not None:
        say("annex (personal text, kept beside the log)")
        print_json(answer["annex"])


@log.command()
def tail(context: typer.Context, group: GroupOption = None) -> None:
    """Show the newest entries, and each new one as it arrives, until Ctrl-C.

    With --json, one object a line.
    """
    invocation = invocation_of(context)
    seen: set[str] = set()
    # The stream is opened first, so that nothing falls between the first page and the first event.
    events = invocation.client.events()
    next(events)
    _print_new(invocation, group, seen, _TAIL_ROWS)
    for event in events:
        if event["event"] == "resync":
            remark("Events were lost; the newest entries follow.")
        if event["event"] in {"heads", "resync"}:
            _print_new(invocation, group, seen, max(_TAIL_ROWS, min(1000, int(event.get("added", 0)))))


def _print_new(invocation: Invocation, group: str | None, seen: set[str], limit: int) -> None:
    # Programs get everything; people see no votes on blocks here, as in `log show`.
    votes = str(invocation.as_json).lower()
    rows = invocation.client.get("/log", group=group, limit=limit, votes=votes)["rows"]
    for row in reversed(rows):
        if row["entry"] not in seen:
            _print_row(row, as_json=invocation.as_json)
    # Only the last page can come again.
    seen.clear()
    seen.update(row["entry"] for row in rows)


def _print_row(row: dict[str, Any], *, as_json: bool) -> None:
    import json

    if as_json:
        print(json.dumps(row), flush=True)
        return
    author = row["author_name"] or short(row["author"])
    line = f"{local_time(row['time_ms'])}  {short(row['entry'])}  {author}  {row['type']}  {row['text']}"
    print(clean(line.rstrip()), flush=True)


log.command("verify")(verify)


def contribute(
    context: typer.Context,
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help="What was given, in a few words: bicycle repair.")
    ],
    group: GroupOption = None,
    effort: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="The work: 2h, '1.5 h', '30 min'.")
    ] = None,
    quantity: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="How much of it: '3 kg', 12.")
    ] = None,
    action: Annotated[
        str | None, typer.Option(metavar="NAME", help="ValueFlows action; work with --effort, else produce.")
    ] = None,
    commons: Annotated[
        str | None, typer.Option(metavar="LABEL", help="The commons or project it goes to.")
    ] = None,
    stream: Annotated[
        str | None, typer.Option(metavar="NAME", help="livelihood, commons or care.", show_default=False)
    ] = None,
    when: Annotated[
        str | None, typer.Option(metavar="DATE", help="When it was done: 2026-11-20; now if left out.")
    ] = None,
    note: Annotated[
        str, typer.Option(metavar="TEXT", help="More words; they stay erasable.", show_default=False)
    ] = "",
) -> None:
    """Record something that you gave: work, things, knowledge, care.

    \b
    Examples:
      p2pnode contribute "bicycle repair" --effort 2h
      p2pnode contribute apples --quantity "12 kg" --commons orchard
      p2pnode contribute "company for a neighbour" --effort 90min --stream care
    """
    if effort is None and quantity is None:
        raise UsageError(
            "contribution.no_quantity", "How much was it?", "Add --effort 2h, or --quantity '3 kg', or both."
        )
    body: dict[str, Any] = {
        "action": action or ("work" if effort is not None else "produce"),
        "resource": what,
        "commons": commons,
        "stream": stream,
        "performed_ms": None if when is None else date_ms(when),
    }
    if effort is not None:
        number, unit = amount_of(effort)
        body["effort"], body["effort_unit"] = number, time_unit(unit, number)
    if quantity is not None:
        body["quantity"], body["quantity_unit"] = amount_of(quantity)
    fields = {name: value for name, value in body.items() if value is not None}
    invocation = invocation_of(context)
    request = {"group": invocation.group(group), "body": fields, "note": note}
    written = invocation.client.post("/contributions", request)
    invocation.answer(
        written, lambda answer: say(f"Recorded as entry {short(answer['entry'])}; it is safe on this disk.")
    )


def why(
    context: typer.Context,
    word: Annotated[str, typer.Argument(metavar="WORD", help="Whatever has an id or a name.")],
) -> None:
    """Explain why something is as it is, and what would change it.

    \b
    Examples:
      p2pnode why 3f0a99c2          why is this entry not final?
      p2pnode why repaircafe        what is my standing in this group?
      p2pnode why Alice/Bob         why this balance between the two?
      p2pnode why 7ebfd984/Alice    why this share of what was distributed?
      p2pnode why "bread of Monday" whose is this thing, where, and since when?
      p2pnode why w3Xy89Ab          why is this peer not connected?
      p2pnode why invite.expired    what does this rule mean?
    """
    invocation = invocation_of(context)
    invocation.answer(invocation.client.get("/why", word=word), _show_why)


def _show_why(answer: dict[str, Any]) -> None:
    say(sentence(answer["subject"] + ":"), *(f"  {sentence(line)}" for line in answer["lines"]))
    if answer["remedy"]:
        say(f"What to do: {sentence(answer['remedy'])}")
