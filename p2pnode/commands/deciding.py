"""`p2pnode decisions`: what is decided, what was decided, and files with which anybody checks it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from p2pnode.commands.files import Trusted, id_of, read_text, write_bytes
from p2pnode.commands.groups import say_as_of
from p2pnode.commands.invocation import GroupArgument, GroupOption, Proposal, invocation_of
from p2pnode.commands.terminal import (
    EXIT_NO,
    counted,
    local_time,
    print_table,
    say,
    sentence,
    short,
)
from p2pnode.commands.voting import CHOICES
from p2pnode.core.errors import FormatError, UsageError

if TYPE_CHECKING:
    from p2pnode.exporters.decisions_export import Export

decisions = typer.Typer(help="What the group decides and has decided; alone, a list.", no_args_is_help=True)

_RESULTS = {
    "provisional": "not opened yet",
    "open": "open",
    "passed": "passed",
    "rejected": "rejected",
    "objected": "not passed: objections",
    "no_quorum": "not passed: too few took part",
    "tie": "a tie: keep talking",
    "withdrawn": "withdrawn",
}


@decisions.command("list")
def list_decisions(
    context: typer.Context,
    name: GroupArgument = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only what can still be voted on.")] = False,
) -> None:
    """List proposals, the newest first, with what came out."""
    invocation = invocation_of(context)
    group = invocation.group(name)
    rows = invocation.client.get("/decisions", group=group)
    if only_open:
        rows = [row for row in rows if row["state"] in ("open", "provisional")]
    invocation.answer(rows, _show_list)
    if not invocation.as_json:
        say_as_of(invocation, group)


def _show_list(rows: list[dict[str, Any]]) -> None:
    if not rows:
        say("Nothing was proposed yet. Propose something: p2pnode propose --help")
        return
    print_table(
        ("proposal", "subject", "title", "result", "yes", "no", "objections", "took part", "until", "you"),
        [
            (
                short(row["id"]),
                row["subject"],
                row["title"],
                _result(row),
                row["counts"]["yes"],
                row["counts"]["no"],
                row["counts"]["object"],
                f"{row['counts']['took_part']} of {row['counts']['voters']}",
                local_time(row["deadline_ms"]),
                row["mine"] or "",
            )
            for row in rows
        ],
        right=("yes", "no", "objections"),
    )


def _result(row: dict[str, Any]) -> str:
    words = _RESULTS.get(row["state"], row["state"])
    if row["state"] == "open" and row["deadline_ms"] < time.time() * 1000:
        words = "counting"
    if row["state"] == "open" and row["round"] > 1:
        words = "open again after a tie: keep talking"
    return f"{words}, not carried out ({row['failed']})" if row["failed"] else words


@decisions.command()
def show(context: typer.Context, proposal: Proposal, group: GroupOption = None) -> None:
    """Show one proposal: what it says, who counted, and how to check it."""
    invocation = invocation_of(context)
    answer = invocation.client.get("/decision", proposal=proposal, group=group)
    invocation.answer(answer, _show_decision)


def _show_decision(answer: dict[str, Any]) -> None:
    row, counts = answer["summary"], answer["summary"]["counts"]
    say(
        f"{row['title']} ({_result(row)})",
        f"  proposal    {row['id']}",
        f"  about       {row['about']}",
        f"  by          {row['author_name'] or short(row['author'])}, {local_time(row['opened_ms'])}",
        f"  rule        {row['rule']}",
        f"  ballots     until {local_time(row['deadline_ms'])}",
    )
    is_open = row["state"] in ("open", "provisional")
    if is_open:
        waits = ": ballots on their way are waited for" if row["closes_ms"] > row["deadline_ms"] else ""
        say(f"  counted     after {local_time(row['closes_ms'])}{waits}")
    else:
        say(f"  counted     {local_time(row['closes_ms'])}")
    result = _RESULTS.get(answer["result"], answer["result"]) if is_open else _result(row)
    colon = ";" if ":" in result else ":"
    say(
        f"  {'so far' if is_open else 'result'}      {result}{colon} {_counts(row)}; "
        f"{counts['took_part']} of {counts['voters']} took part"
    )
    if answer["elected"]:
        say(f"  elected     {', '.join(answer['elected'])}")
    if answer["round"] > 1:
        say(f"  window      {answer['round']}, because of ties")
    if answer["text"]:
        say("", *(f"  {line}" if line else "" for line in answer["text"].splitlines()), "")
    for ballot in answer["ballots"]:
        say(f"  {_ballot(ballot)}")
    for ballot in answer["recorded"]:
        say(f"  {_ballot(ballot)}; counts once {ballot['name']} confirms it")
    if answer["missing"]:
        say(f"  no ballot of {', '.join(answer['missing'])}")
    for spoken in answer["answers"]:
        say(f"  answer of {spoken['name']}: {spoken['text']}")
    if answer["recounted"] is True:
        say("  Counted again from the signed ballots: it agrees.")
    elif answer["recounted"] is False:
        say("  Counting again does NOT give this result:", *(f"    {fault}" for fault in answer["faults"]))


def _counts(row: dict[str, Any]) -> str:
    """The figures of a proposal, in an election those of rankings."""
    counts = row["counts"]
    if row["subject"] == "council":
        return f"{counts['ranked']} ranked, {counts['abstain']} abstain"
    return ", ".join(f"{counts[choice]} {choice}" for choice in CHOICES)


def _ballot(ballot: dict[str, Any]) -> str:
    choice = ", ".join(ballot["ranked"]) if ballot["ranked"] else ballot["choice"]
    through = f" through {ballot['through']}" if ballot["through"] else ""
    recorded = f" (written down by {ballot['recorded_by']})" if ballot["recorded_by"] else ""
    reason = f": {ballot['reason']}" if ballot["reason"] else ""
    return f"{ballot['name']}  {choice}{through}{recorded}{reason}"


@decisions.command()
def export(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A new file, such as decisions.json.")],
    proposals: Annotated[
        list[str] | None, typer.Argument(metavar="PROPOSAL...", help="All closed ones if left out.")
    ] = None,
    group: GroupOption = None,
) -> None:
    """Write decisions with every signed ballot into a file, from which anybody can count again."""
    invocation = invocation_of(context)
    body = {"group": invocation.group(group), "proposals": proposals or []}
    document = invocation.client.post("/decisions/export", body, timeout_s=None)
    path = Path(file).expanduser()
    write_bytes(path, document["text"].encode("utf-8"))
    invocation.answer(
        {"path": str(path), "bytes": path.stat().st_size},
        lambda done: say(f"Written to {done['path']}. Anybody can check it: p2pnode decisions check FILE"),
    )


def _export_of(text: str) -> Export:
    """The export in a file. Errors: UsageError export.*."""
    from p2pnode.exporters.decisions_export import read_export

    try:
        return read_export(text)
    except FormatError as error:
        message = f"The file cannot be read: {error.detail or error.rule}."
        raise UsageError(error.rule, message, "Ask for the whole file again.") from error


@decisions.command()
def check(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="What `p2pnode decisions export` wrote.")],
    trusted: Trusted = None,
) -> None:
    """Count every decision of a file again; needs neither a node nor a network.

    The exit status is 1 when something does not agree.
    """
    from p2pnode.exporters.decisions_export import recompute

    export = _export_of(read_text(Path(file).expanduser()))
    checked = recompute(export, id_of(trusted))
    rows = [
        {
            "proposal": one.proposal_id.hex(),
            "subject": exported.evidence.row.subject,
            "result": exported.evidence.row.result,
            "agrees": one.recount.agrees,
            "proof": one.proof,
            "holds": one.holds,
            "faults": [f"{rule} {what}" for rule, what in one.recount.faults],
        }
        for exported, one in zip(export.decisions, checked, strict=True)
    ]
    answer = {"group": export.group.hex(), "name": export.name, "decisions": rows}
    invocation_of(context).answer(answer, _show_checked)
    if not all(one.holds for one in checked):
        raise typer.Exit(EXIT_NO)


_PROOFS = {
    "ordinary": "certified by the group's voters",
    "convoked": "certified in a second convocation",
    "absent": "no certificate in the file",
}


def _show_checked(answer: dict[str, Any]) -> None:
    say(f"{answer['name']}, group {answer['group']}")
    for row in answer["decisions"]:
        counting = "counted again: agrees" if row["agrees"] else "counted again: DOES NOT AGREE"
        proof = _PROOFS.get(row["proof"], f"the certificate does NOT hold ({row['proof']})")
        say(f"  {short(row['proposal'])}  {row['subject']}  {row['result']}: {counting}; {proof}")
        for fault in row["faults"]:
            say(f"    {fault}")
    holding = sum(row["holds"] for row in answer["decisions"])
    say(sentence(f"{holding} of {counted(len(answer['decisions']), 'decision')} hold"))


@decisions.command()
def statement(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE.html|FILE.pdf", help="What to write.")],
    proposals: Annotated[
        list[str] | None, typer.Argument(metavar="PROPOSAL...", help="All closed ones if left out.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--from", metavar="FILE", help="An export, instead of the running node.")
    ] = None,
    trusted: Trusted = None,
    group: GroupOption = None,
) -> None:
    """Print decisions for a meeting, as HTML or PDF.

    \b
    Example:
      p2pnode decisions statement decisions.pdf
    """
    path = Path(file).expanduser()
    if path.suffix not in (".html", ".pdf"):
        raise UsageError("statement.bad_name", f"{file} is neither HTML nor PDF.", "End it in .html or .pdf.")
    from p2pnode.exporters.statement import statement_of

    invocation = invocation_of(context)
    if source is not None:
        text = read_text(Path(source).expanduser())
    else:
        body = {"group": invocation.group(group), "proposals": proposals or []}
        text = invocation.client.post("/decisions/export", body, timeout_s=None)["text"]
    made = statement_of(_export_of(text), int(time.time() * 1000), id_of(trusted))
    if path.suffix == ".pdf":
        from p2pnode.exporters.statement_pdf import statement_pdf

        data = statement_pdf(made)
    else:
        from p2pnode.exporters.statement_html import statement_html

        data = statement_html(made).encode("utf-8")
    write_bytes(path, data)
    answer: dict[str, Any] = {"path": str(path), "decisions": len(made.items), "bytes": len(data)}
    invocation.answer(
        answer, lambda done: say(f"{counted(done['decisions'], 'decision')} in {done['path']}.")
    )
