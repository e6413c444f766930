"""`p2pnode propose`: putting something to the group, one command for each subject."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from p2pnode.commands.files import read_text
from p2pnode.commands.invocation import GroupOption, Proposal, invocation_of
from p2pnode.commands.terminal import say, short
from p2pnode.core.errors import UsageError

propose = typer.Typer(
    help="Put something to the group, which then decides by its charter.", no_args_is_help=True
)

TitleOption = Annotated[
    str, typer.Option("--title", metavar="TEXT", help="A heading for people.", show_default=False)
]
WhyOption = Annotated[
    str, typer.Option("--why", metavar="TEXT", help="Why; it stays erasable.", show_default=False)
]
Member = Annotated[str, typer.Argument(metavar="MEMBER", help="Name, or start of the id.")]
Take = Annotated[bool, typer.Option("--take", help="Take it away instead.")]


def _propose(
    context: typer.Context, group: str | None, subject: str, body: dict[str, Any], title: str, why: str
) -> None:
    invocation = invocation_of(context)
    request = {
        "group": invocation.group(group),
        "subject": subject,
        "body": body,
        "title": title,
        "text": why,
    }
    written = invocation.client.post("/proposals", request)
    invocation.answer(
        written,
        lambda answer: say(
            f"Proposed as {short(answer['entry'])}; it opens with the next block.",
            f"Vote: p2pnode vote {short(answer['entry'])} yes",
        ),
    )


@propose.command()
def admit(
    context: typer.Context,
    newcomer: Annotated[
        str, typer.Argument(metavar="NEWCOMER", help="Name, or the entry by which they ask.")
    ],
    group: GroupOption = None,
    title: TitleOption = "",
    why: WhyOption = "",
) -> None:
    """Let in a newcomer who waits for a decision."""
    _propose(context, group, "admit", {"join": newcomer}, title, why)


@propose.command()
def dispute(
    context: typer.Context,
    record: Annotated[str, typer.Argument(metavar="RECORD", help="The start of its id.")],
    strike: Annotated[bool, typer.Option("--strike", help="It shall not count.")] = False,
    stands: Annotated[bool, typer.Option("--stands", help="It shall count.")] = False,
    provider: Annotated[
        str | None, typer.Option("--by", metavar="MEMBER", help="Of an imported claim: who gave it.")
    ] = None,
    group: GroupOption = None,
    title: TitleOption = "",
    why: WhyOption = "",
) -> None:
    """Decide whether a record counts, or whose an imported claim is.

    \b
    Examples:
      p2pnode propose dispute 3f0a99c2 --strike --why "nobody saw it"
      p2pnode propose dispute 3f0a99c2 --by Carol
    """
    if [strike, stands, provider is not None].count(True) != 1:
        raise UsageError(
            "proposal.bad_field", "What shall the group decide?", "Add --strike, or --stands, or --by MEMBER."
        )
    body = (
        {"event": record, "stands": stands} if provider is None else {"event": record, "provider": provider}
    )
    _propose(context, group, "dispute", body, title, why)


@propose.command()
def commons(
    context: typer.Context,
    entry: Annotated[str, typer.Argument(metavar="ID", help="Of `p2pnode commons waiting`.")],
    group: GroupOption = None,
    title: TitleOption = "",
    why: WhyOption = "",
) -> None:
    """Adopt a change of a commons, the withdrawal of a use, or means from outside.

    \b
    Example:
      p2pnode propose commons 3f0a99c2 --why "so that sellers give back"
    """
    _propose(context, group, "commons", {"entry": entry}, title, why)


@propose.command()
def remove(
    context: typer.Context,
    member: Member,
    group: GroupOption = None,
    title: TitleOption = "",
    why: WhyOption = "",
) -> None:
    """End a membership; the person is told why, is heard first, and does not vote.

    \b
    Example:
      p2pnode propose remove Carol --why "she has moved away and answers no letter"
    """
    _propose(context, group, "remove", {"member": member}, title, why)


@propose.command()
def suspend(
    context: typer.Context,
    member: Member,
    days: Annotated[int, typer.Option(min=1, max=366, help="For how long.")] = 30,
    group: GroupOption = None,
    title: TitleOption = "",
    why: WhyOption = "",
) -> None:
    """Take a member's votes for some days; the member is told why, and does not vote.

    \b
    Example:
      p2pnode propose suspend Carol --days 14 --why "the keys of the shop are still with her"
    """
    _propose(context, group, "suspend", {"member": member, "days": days}, title, why)


@propose.command()
def reinstate(
    context: typer.Context,
    member: Member,
    group: GroupOption = None,
    title: TitleOption = "",
    why: WhyOption = "",
) -> None:
    """End a suspension early."""
    _propose(context, group, "reinstate", {"member": member}, title, why)


@propose.command()
def amend(
    context: typer.Context,
    changes: Annotated[
        list[str] | None,
        typer.Argument(metavar="SETTING=VALUE...", help="decisions.text.window_hours=24", show_default=False),
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="A TOML file with the changed settings.")
    ] = None,
    group: GroupOption = None,
    title: TitleOption = "",
    why: WhyOption = "",
) -> None:
    """Change the charter.

    A value is written as in the charter's TOML; a word without quotes is taken as a text. An empty value
    takes an entry of the tables of decisions and roles away.

    \b
    Examples:
      p2pnode propose amend sponsors=3 --why "we do not all know each other any more"
      p2pnode propose amend decisions.text.window_hours=24 decisions.text.rule=consent
      p2pnode propose amend 'roles.treasurer={holders_max=2, term_days=365}'
    """
    charter = _changes(changes or [], file)
    if not charter:
        raise UsageError(
            "charter.no_change", "Nothing would change.", "Write SETTING=VALUE, or --file with some settings."
        )
    invocation = invocation_of(context)
    word = invocation.group(group)
    _propose(context, word, "amend", {"charter": _completed(invocation, word, charter)}, title, why)


def _completed(invocation: Any, group: str, charter: dict[str, Any]) -> dict[str, Any]:
    """Changed tables of decisions with what they keep: an amendment replaces a subject's table as a whole."""
    rules = charter.get("decisions")
    if not isinstance(rules, dict):
        return charter
    held = invocation.client.get("/charter", group=group)["charter"].get("decisions", {})
    full = {}
    for subject, rule in rules.items():
        before = held.get(subject, held.get("default", {}))
        full[subject] = {**before, **rule} if isinstance(rule, dict) else rule
        if isinstance(rule, dict) and full[subject].get("rule") != "supermajority":
            full[subject].pop("share", None)
    return {**charter, "decisions": full}


def _changes(words: list[str], file: str | None) -> dict[str, Any]:
    import tomllib

    changes: dict[str, Any] = {}
    if file is not None:
        try:
            changes = tomllib.loads(read_text(Path(file).expanduser()))
        except tomllib.TOMLDecodeError as error:
            raise UsageError(
                "charter.bad_toml", f"{file}: {error}.", "Compare with `p2pnode charter template circle`."
            ) from error
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise UsageError("charter.bad_change", f"'{word}' is no SETTING=VALUE.", "Write sponsors=3.")
        place = changes
        *tables, last = name.strip().split(".")
        for table in tables:
            place = place.setdefault(table, {})
        place[last] = _value(text)
    return changes


def _value(text: str) -> Any:
    """A value as TOML writes it; a bare word is a text, nothing takes away."""
    import tomllib

    if not text.strip():
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()


@propose.command()
def role(
    context: typer.Context,
    member: Member,
    name: Annotated[str, typer.Argument(metavar="ROLE", help="A role of the charter.")],
    take: Take = False,
    group: GroupOption = None,
    title: TitleOption = "",
    why: WhyOption = "",
) -> None:
    """Give a member a role of the charter, or take it back."""
    _propose(context, group, "role", {"member": member, "role": name, "give": not take}, title, why)


@propose.command("voting-role")
def voting_role(
    context: typer.Context,
    member: Member,
    take: Take = False,
    group: GroupOption = None,
    title: TitleOption = "",
    why: WhyOption = "",
) -> None:
    """Let a member's node take part in ordering the log, or no more."""
    _propose(context, group, "voting_role", {"member": member, "give": not take}, title, why)


@propose.command()
def council(
    context: typer.Context,
    candidates: Annotated[list[str], typer.Argument(metavar="MEMBER...", help="Who stands for election.")],
    seats: Annotated[int, typer.Option(min=1, max=64, help="How many are elected.")] = 3,
    days: Annotated[int, typer.Option(min=1, max=3660, help="For how long.")] = 365,
    group: GroupOption = None,
    title: TitleOption = "",
    why: WhyOption = "",
) -> None:
    """Elect a council by ranked ballots (single transferable vote)."""
    body = {"candidates": candidates, "seats": seats, "term_days": days}
    _propose(context, group, "council", body, title, why)


@propose.command()
def mandate(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")],
    holders: Annotated[
        list[str], typer.Option("--holder", metavar="MEMBER", help="Who holds it; repeatable.")
    ],
    acts: Annotated[list[str], typer.Option("--act", metavar="WORD", help="In what; repeatable.")],
    needed: Annotated[int, typer.Option(min=1, max=32, help="How many of them sign together.")] = 1,
    days: Annotated[int, typer.Option(min=1, max=3660, help="For how long.")] = 365,
    group: GroupOption = None,
    title: TitleOption = "",
    why: WhyOption = "",
) -> None:
    """Let some members act on behalf of the group.

    \b
    Example:
      p2pnode propose mandate bank --holder Alice --holder Bob --needed 2 --act payment
    """
    body = {"name": name, "holders": holders, "acts": acts, "needed": needed, "days": days}
    _propose(context, group, "mandate", body, title, why)


@propose.command("mandate-withdraw")
def mandate_withdraw(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, or the start of its id.")],
    group: GroupOption = None,
    title: TitleOption = "",
    why: WhyOption = "",
) -> None:
    """Take a mandate back."""
    _propose(context, group, "mandate", {"withdraw": name}, title, why)


@propose.command()
def text(
    context: typer.Context,
    words: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="The text to adopt, or - for standard input.")
    ] = None,
    group: GroupOption = None,
    title: TitleOption = "",
    why: WhyOption = "",
) -> None:
    """Let the group adopt a text; TEXT stands in the log for ever, --title and --why stay erasable.

    \b
    Example:
      p2pnode propose text "We open on Saturdays from 10 to 14." --title "Opening hours"
    """
    adopted = sys.stdin.read() if words == "-" else words
    if not adopted and not why and not title:
        raise UsageError("proposal.empty", "There is no text.", "Write it in quotes, or - to read it.")
    _propose(context, group, "text", {"text": adopted} if adopted else {}, title, why)


@propose.command("lying-voters")
def lying_voters(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="N", min=0, help="How many faulty voters to survive.")],
    group: GroupOption = None,
    title: TitleOption = "",
    why: WhyOption = "",
) -> None:
    """Set how many faulty or lying voters the group survives."""
    _propose(context, group, "lying_voters", {"lying_voters": number}, title, why)


@propose.command("rule-version")
def rule_version(
    context: typer.Context,
    version: Annotated[int, typer.Argument(metavar="N", min=1, help="The version of the rules.")],
    group: GroupOption = None,
    title: TitleOption = "",
    why: WhyOption = "",
) -> None:
    """Follow a later version of the rules, once everybody has upgraded."""
    _propose(context, group, "rule_version", {"version": version}, title, why)


@propose.command("restore-key")
def restore_key(
    context: typer.Context,
    member: Member,
    request: Annotated[
        str, typer.Option("--request", metavar="TEXT", help="What `p2pnode recover ask` printed for them.")
    ],
    group: GroupOption = None,
    title: TitleOption = "",
    why: WhyOption = "",
) -> None:
    """Give a member who lost every device and the recovery phrase a new first device."""
    device, _, recovery = request.strip().removeprefix("p2pnode:restore:").rpartition(":")
    if not device:
        raise UsageError(
            "recover.bad_request", "That is no request of a new device.", "Run `p2pnode recover ask` on it."
        )
    body = {"member": member, "device": device, "recovery": recovery}
    _propose(context, group, "restore_key", body, title, why)


@propose.command()
def other(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="A subject of the group's own charter.")],
    body: Annotated[str, typer.Option("--body", metavar="JSON", help="Data, as a JSON object.")] = "{}",
    group: GroupOption = None,
    title: TitleOption = "",
    why: WhyOption = "",
) -> None:
    """Propose something on a subject that the charter names itself; it binds people alone."""
    try:
        data = json.loads(body)
    except ValueError as error:
        raise UsageError(
            "proposal.bad_field", f"--body is no JSON: {error}", """Write '{"name": "value"}'."""
        ) from error
    _propose(context, group, subject, data, title, why)


@propose.command()
def withdraw(
    context: typer.Context,
    proposal: Proposal,
    group: GroupOption = None,
) -> None:
    """Take an own proposal back."""
    invocation = invocation_of(context)
    written = invocation.client.post("/proposals/withdraw", {"group": group, "proposal": proposal})
    invocation.answer(written, lambda _: say("It is withdrawn with the next block."))


@propose.command()
def answer(
    context: typer.Context,
    proposal: Proposal,
    words: Annotated[str, typer.Argument(metavar="TEXT", help="What you have to say.")],
    group: GroupOption = None,
) -> None:
    """Answer a proposal that is about yourself; it is listed with the decision."""
    invocation = invocation_of(context)
    body = {"group": group, "proposal": proposal, "text": words}
    written = invocation.client.post("/proposals/answer", body)
    invocation.answer(written, lambda _: say("Your answer is listed with the proposal."))
