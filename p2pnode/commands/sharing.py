"""`p2pnode distribute`, `recompute`: sharing what flowed in by a rule of the charter; checking a share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from p2pnode.commands.amounts import date_ms, unit_of
from p2pnode.commands.files import Trusted, id_of, read_text
from p2pnode.commands.invocation import GroupOption, invocation_of
from p2pnode.commands.terminal import EXIT_NO, counted, print_table, say, sentence, short
from p2pnode.core.errors import FormatError, UsageError

if TYPE_CHECKING:
    from p2pnode.exporters.distribution_export import RunExport
    from p2pnode.exporters.recomputing import Recomputed

distribute = typer.Typer(
    help="Share what flowed in, by a rule of the charter that the group can check.", no_args_is_help=True
)

Flow = Annotated[str, typer.Argument(metavar="FLOW", help="What is shared, by its unit: EUR, kWh.")]
Rule = Annotated[
    str | None,
    typer.Option("--rule", metavar="NAME", help="A rule of the charter, if there are several."),
]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="DATE", help="From when; where the last run ended if left out."),
]
To = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Up to when; up to now if left out.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="The start of its id, or its title.")]


def _said(flow: str, rule: str | None, since: str | None, until: str | None) -> dict[str, Any]:
    said: dict[str, Any] = {"unit": unit_of(flow)}
    if rule is not None:
        said["rule"] = rule
    if since is not None:
        said["from_ms"] = date_ms(since)
    if until is not None:
        said["to_ms"] = date_ms(until)
    return said


@distribute.command()
def preview(
    context: typer.Context,
    flow: Flow,
    rule: Rule = None,
    since: From = None,
    until: To = None,
    group: GroupOption = None,
) -> None:
    """Show what a rule gives, without proposing it.

    \b
    Examples:
      p2pnode distribute preview EUR
      p2pnode distribute preview kWh --rule sun --from 2026-10-01 --to 2026-11-01
    """
    invocation = invocation_of(context)
    request = {"group": invocation.group(group), "said": _said(flow, rule, since, until)}
    invocation.answer(invocation.client.post("/distribution/preview", request, timeout_s=None), _show_run)


@distribute.command()
def propose(
    context: typer.Context,
    flow: Flow,
    rule: Rule = None,
    since: From = None,
    until: To = None,
    group: GroupOption = None,
    title: Annotated[
        str, typer.Option("--title", metavar="TEXT", help="A heading for people.", show_default=False)
    ] = "",
    why: Annotated[
        str, typer.Option("--why", metavar="TEXT", help="Why; it stays erasable.", show_default=False)
    ] = "",
) -> None:
    """Put a run to the group: the shares are fixed now, and given when it has passed.

    Counted is what final blocks hold. Every node computes the run again before it opens.

    \b
    Examples:
      p2pnode distribute propose EUR --title "Third quarter"
      p2pnode distribute propose kWh --rule sun --to 2026-11-01
    """
    invocation = invocation_of(context)
    request = {
        "group": invocation.group(group),
        "subject": "distribute",
        "body": _said(flow, rule, since, until),
        "title": title,
        "text": why,
    }
    written = invocation.client.post("/proposals", request, timeout_s=None)

    def show(answer: dict[str, Any]) -> None:
        start = short(answer["entry"])
        say(f"Proposed as {start}; it opens with the next block.")
        say(f"What it gives: p2pnode distribute show {start}", f"Vote: p2pnode vote {start} yes")

    invocation.answer(written, show)


@distribute.command("list")
def list_(context: typer.Context, group: GroupOption = None) -> None:
    """Show all runs, the newest first."""
    invocation = invocation_of(context)
    invocation.answer(
        invocation.client.get("/economy", group=invocation.group(group), about="runs"), _show_runs
    )


def _show_runs(rows: list[dict[str, Any]]) -> None:
    if not rows:
        say("Nothing was shared yet: p2pnode distribute preview UNIT shows what there is.")
        return
    cells = [
        (short(row["id"]), row["rule"], row["flow"], _blocks(row), row["author"], row["status"])
        for row in rows
    ]
    print_table(("run", "rule", "flow", "blocks", "proposed by", "state"), cells, right=("flow",))


@distribute.command()
def show(context: typer.Context, run: Run, group: GroupOption = None) -> None:
    """Show a run: its buckets, what everybody has of them, and what of it was given."""
    invocation = invocation_of(context)
    answer = invocation.client.get("/distribution", group=invocation.group(group), run=run)
    invocation.answer(answer, _show_run)


@distribute.command()
def rules(context: typer.Context, group: GroupOption = None) -> None:
    """Show the charter's rules for sharing."""
    invocation = invocation_of(context)
    charter = invocation.client.get("/charter", group=invocation.group(group))["charter"]
    invocation.answer(charter.get("distribution", {}), _show_rules)


def _show_rules(found: dict[str, Any]) -> None:
    if not found:
        say(
            "The charter has no rule for sharing.",
            "Templates show some: p2pnode charter template commons",
        )
    for name, rule in sorted(found.items()):
        say(f"{name}: {rule.get('flow', 'surplus')} in {rule['unit']}, as {rule.get('gives', 'claims')}")
        for bucket in rule["buckets"]:
            how = (
                f"{bucket['permille']} permille of the {bucket.get('of', 'rest')}"
                if "permille" in bucket
                else f"{bucket['each']} each"
                if "each" in bucket
                else f"{bucket['amount']} of the {bucket.get('of', 'rest')}"
            )
            say(f"  {bucket['name']} ({bucket['kind']}): {how}")


def _blocks(row: dict[str, Any]) -> str:
    return f"{row['first_block']} to {row['last_block']}"


def _show_run(run: dict[str, Any]) -> None:
    say(f"{run['flow']} by the rule {run['rule']}, blocks {_blocks(run)}: {run['status']}")
    if not run["agrees"]:
        say("THIS NODE COMES TO SOMETHING ELSE. Do not vote yes; run p2pnode verify.")
    for bucket in run["buckets"]:
        say(f"  {bucket['name']} ({bucket['kind']}): {bucket['amount']} of {bucket['of']}")
    say(f"  stays with the group: {run['rest']}")
    if run["waiting"]:
        entries = counted(run["waiting"], "entry", "entries")
        say(
            f"Not counted yet: {entries} that no block has ordered. They come with the next decision on "
            "anything, or by themselves after some days (`checkpoint_days` of the charter)."
        )
    if run["totals"]:
        cells = [(one["member"], one["amount"], one["settled"]) for one in run["totals"]]
        print_table(("member", "share", "given"), cells, right=("share", "given"))
    if run["returns"]:
        cells = [(one["to"], one["amount"], short(one["claim"])) for one in run["returns"]]
        print_table(("back to", "share", "inflow"), cells, right=("share",))
        if run["status"] == "carried out" and run["gives"] == "claims":
            say("To pay what flows back: p2pnode transvest return INFLOW AMOUNT")
    if run["id"]:
        say(f"Why: p2pnode why {short(run['id'])}/MEMBER")


# ---- without a node


def recompute(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="What `p2pnode export distribution` wrote.")],
    trusted: Trusted = None,
) -> None:
    """Compute the shares of a run again from a file; needs neither a node nor a network.

    Every signature, the certificate of the group and every share is checked, to the last digit. The exit
    status is 1 when something does not agree.

    \b
    Example:
      p2pnode recompute third-quarter.json
    """
    from p2pnode.exporters.distribution_export import read_run
    from p2pnode.exporters.recomputing import recompute_run

    try:
        export = read_run(read_text(Path(file).expanduser()))
        found = recompute_run(export, id_of(trusted))
    except FormatError as error:
        message = f"The file cannot be read: {error.detail or error.rule}."
        raise UsageError(error.rule, message, "Ask for the whole file again.") from error
    answer = _recomputed(export, found)
    invocation_of(context).answer(answer, _show_recomputed)
    if not found.holds:
        raise typer.Exit(EXIT_NO)


def _recomputed(export: RunExport, found: Recomputed) -> dict[str, Any]:
    names, to = export.names, {one.claim: one.who for one in export.row.capped}
    return {
        "group": export.group.hex(),
        "name": export.name,
        "run": export.proposal.id.hex(),
        "rule": export.row.name,
        "lines": len(export.lines),
        "signatures": found.entries,
        "judged": found.judged,
        "proof": found.proof,
        "holds": found.holds,
        "shares": [
            {
                "member": who.hex(),
                "name": names.get(who, who.hex()[:8]),
                "amount": found.text(amount),
            }
            for who, amount in found.result.owed
        ],
        "returns": [
            {
                "claim": claim.hex(),
                "name": names.get(to[claim], short(to[claim].hex())),
                "amount": found.text(amount),
            }
            for claim, amount in found.result.returned
        ],
        "faults": [f"{rule} {what}" for rule, what in found.faults],
    }


_PROOFS = {
    "ordinary": "certified by the group's voters",
    "convoked": "certified in a second convocation",
    "absent": "no certificate in the file",
}


def _show_recomputed(answer: dict[str, Any]) -> None:
    say(f"{answer['name']}, group {answer['group']}")
    proof = _PROOFS.get(answer["proof"], f"the certificate does NOT hold ({answer['proof']})")
    agrees = "every share agrees to the last digit" if answer["holds"] else "it does NOT agree"
    say(f"Run {short(answer['run'])} by the rule {answer['rule']}: {agrees}; {proof}")
    lines, signatures = (
        counted(answer["lines"], "line"),
        counted(answer["signatures"], "signed entry", "signed entries"),
    )
    say(sentence(f"{lines} counted, {signatures} verified"))
    if answer["judged"]:
        say(f"{counted(answer['judged'], 'line')} of them came of judging, and rest on the certificate.")
    for fault in answer["faults"]:
        say(f"  {fault}")
    print_table(
        ("member", "share"), [(one["name"], one["amount"]) for one in answer["shares"]], right=("share",)
    )
    if answer["returns"]:
        cells = [(one["name"], one["amount"], short(one["claim"])) for one in answer["returns"]]
        print_table(("back to", "share", "inflow"), cells, right=("share",))
