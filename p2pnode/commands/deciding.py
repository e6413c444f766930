"""`p2pnode vote`, `delegate`, `decisions`: deciding, and what was decided."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from p2pnode.commands.files import Trusted, id_of, read_text, write_bytes
from p2pnode.commands.invocation import GroupArgument, GroupOption, invocation_of
from p2pnode.commands.terminal import (
    EXIT_NO,
    counted,
    local_time,
    print_table,
    say,
    sentence,
    short,
)
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
_CHOICES = ("yes", "no", "abstain", "object")

Proposal = Annotated[str, typer.Argument(metavar="PROPOSAL", help="Title, or start of the id.")]


def vote(
    context: typer.Context,
    proposal: Proposal,
    choice: Annotated[str | None, typer.Argument(metavar="yes|no|abstain|object", show_default=False)] = None,
    reason: Annotated[
        str,
        typer.Option(
            "--reason", "-r", metavar="TEXT", help="Why; an objection needs one.", show_default=False
        ),
    ] = "",
    rank: Annotated[
        list[str] | None,
        typer.Option("--rank", metavar="MEMBER", help="In an election: best first; repeatable."),
    ] = None,
    member: Annotated[
        str | None,
        typer.Option("--for", metavar="MEMBER", help="Record it for somebody, who then confirms it."),
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Confirm the ballot that somebody recorded.")
    ] = False,
    code: Annotated[
        str | None, typer.Option(metavar="CODE", help="A code of that person's paper, with --confirm.")
    ] = None,
    group: GroupOption = None,
) -> None:
    """Cast a ballot; it may be changed until the vote closes.

    \b
    Examples:
      p2pnode vote 3f0a99c2 yes
      p2pnode vote "Opening hours" object --reason "Saturdays exclude our families"
      p2pnode vote council --rank Alice --rank Bob
      p2pnode vote "Opening hours" yes --for Carol
      p2pnode vote "Opening hours" --confirm
    """
    invocation = invocation_of(context)
    if confirm:
        body: dict[str, Any] = {"group": group, "proposal": proposal, "member": member, "code": code}
        written = invocation.client.post("/ballots/confirm", body)
        invocation.answer(written, lambda _: say("The recorded ballot counts with the next block."))
        return
    if rank:
        choice = "ranked"
    if choice != "ranked" and choice not in _CHOICES:
        raise UsageError(
            "ballot.wrong_choice",
            "What is your vote?" if choice is None else f"'{choice}' is no vote.",
            "Write yes, no, abstain or object; in an election --rank NAME --rank NAME.",
        )
    body = {
        "group": group,
        "proposal": proposal,
        "choice": choice,
        "ranked": rank or [],
        "reason": reason,
        "member": member,
    }
    written = invocation.client.post("/ballots", body)
    done = "Recorded; it counts once the person confirms it." if member else "Your ballot is cast."
    invocation.answer(
        written, lambda answer: say(f"{done} Entry {short(answer['entry'])}; it counts with the next block.")
    )


def delegate(
    context: typer.Context,
    to: Annotated[
        str | None, typer.Argument(metavar="MEMBER", help="Who votes for you.", show_default=False)
    ] = None,
    proposal: Annotated[str | None, typer.Option(metavar="PROPOSAL", help="On this proposal only.")] = None,
    subject: Annotated[str | None, typer.Option(metavar="SUBJECT", help="On this subject only.")] = None,
    back: Annotated[bool, typer.Option("--back", help="Take the vote back.")] = False,
    group: GroupOption = None,
) -> None:
    """Give your vote to somebody, or take it back.

    An own ballot always goes before.

    \b
    Examples:
      p2pnode delegate Alice
      p2pnode delegate Bob --subject text
      p2pnode delegate --back
    """
    if (to is None) != back:
        raise UsageError("ballot.to_whom", "To whom?", "Name a member, or take the vote back with --back.")
    invocation = invocation_of(context)
    word = group if proposal is not None else invocation.group(group)
    body = {"group": word, "to": to, "proposal": proposal, "subject": subject}
    written = invocation.client.post("/delegations", body)
    done = "Your vote is yours again" if to is None else f"Your vote goes to {to}"
    invocation.answer(written, lambda _: say(f"{done} with the next block."))


@decisions.command("list")
def list_decisions(
    context: typer.Context,
    name: GroupArgument = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only what can still be voted on.")] = False,
) -> None:
    """List proposals, the newest first, with what came out."""
    invocation = invocation_of(context)
    rows = invocation.client.get("/decisions", group=invocation.group(name))
    if only_open:
        rows = [row for row in rows if row["state"] in ("open", "provisional")]
    invocation.answer(rows, _show_list)


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
    if row["state"] in ("open", "provisional"):
        say(f"  counted     after {local_time(row['closes_ms'])}: ballots on their way are waited for")
    else:
        say(f"  counted     {local_time(row['closes_ms'])}")
    say(
        f"  result      {answer['result']}: {counts['yes']} yes, {counts['no']} no, "
        f"{counts['abstain']} abstain, {counts['object']} object; "
        f"{counts['took_part']} of {counts['voters']} took part"
    )
    if answer["elected"]:
        say(f"  elected     {', '.join(answer['elected'])}")
    if answer["round"] > 1:
        say(f"  window      {answer['round']}, because of ties")
    if answer["text"]:
        say("", *(f"  {line}" for line in answer["text"].splitlines()), "")
    for ballot in answer["ballots"]:
        choice = ", ".join(ballot["ranked"]) if ballot["ranked"] else ballot["choice"]
        through = f" through {ballot['through']}" if ballot["through"] else ""
        reason = f": {ballot['reason']}" if ballot["reason"] else ""
        say(f"  {ballot['name']}  {choice}{through}{reason}")
    if answer["missing"]:
        say(f"  no ballot of {', '.join(answer['missing'])}")
    for spoken in answer["answers"]:
        say(f"  answer of {spoken['name']}: {spoken['text']}")
    if answer["recounted"] is True:
        say("  Counted again from the signed ballots: it agrees.")
    elif answer["recounted"] is False:
        say("  Counting again does NOT give this result:", *(f"    {fault}" for fault in answer["faults"]))


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
