"""`p2pnode sign`: what others recorded with one's name in it, one by one or all at once."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Annotated, Any

import typer

from p2pnode.commands.economy import rows, say_it, show_events
from p2pnode.commands.invocation import GroupOption, Invocation, invocation_of
from p2pnode.commands.terminal import counted, local_time, print_table, progress, say, short
from p2pnode.core.errors import UsageError

_RECORDS_AT_ONCE = 500
_SHOWN_MAX = 20
_TIMEOUT_S = 600.0


def sign(
    context: typer.Context,
    event: Annotated[str | None, typer.Argument(metavar="RECORD", help="The start of its id.")] = None,
    decline: Annotated[bool, typer.Option("--decline", help="It is not right.")] = False,
    mandate: Annotated[
        str | None, typer.Option(metavar="NAME", help="Sign for the group, by a mandate you hold.")
    ] = None,
    sign_all: Annotated[bool, typer.Option("--all", help="Sign all records that wait for you.")] = False,
    recorded_by: Annotated[
        str | None, typer.Option("--from", metavar="WHO", help="Only what this member recorded.")
    ] = None,
    git_author: Annotated[
        str | None,
        typer.Option("--author", metavar="MAIL", help="Only commits of this git author, who you are."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    group: GroupOption = None,
) -> None:
    """Show what waits for your signature, or sign it: what others recorded with your name in it.

    Commits that somebody imported are shown if they name you, or if they name nobody and git calls their
    author as you are called here.

    \b
    Examples:
      p2pnode sign
      p2pnode sign 3f0a99c2
      p2pnode sign 3f0a99c2 --decline
      p2pnode sign --all --from Bob
      p2pnode sign --author carol@example.org --all
    """
    invocation = invocation_of(context)
    if event is not None:
        if sign_all or recorded_by is not None or git_author is not None:
            raise UsageError(
                "sign.one_or_all",
                "A record is named, and many are asked for.",
                "Name one record, or leave it out.",
            )
        said = {"event": event, "agrees": not decline, "mandate": mandate}
        say_it(context, group, "signature", said)
        return
    if decline or mandate is not None:
        raise UsageError(
            "sign.no_record",
            "Records are declined, or signed by a mandate, one by one.",
            "Name one: p2pnode sign RECORD. `p2pnode sign` lists them.",
        )
    if not sign_all and recorded_by is None and git_author is None:
        invocation.answer(rows(context, group, "to-sign", None), _show_waiting)
        return
    group_word = invocation.group(group)
    found = _waiting(invocation, group_word, recorded_by, git_author)
    if sign_all:
        _sign_all(invocation, group_word, found, yes)
    else:
        invocation.answer(found, _show_waiting)


def _waiting(
    invocation: Invocation, group: str, recorded_by: str | None, git_author: str | None
) -> list[dict[str, Any]]:
    """All records that wait, page by page."""
    found: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        page = invocation.client.get(
            "/signatures", group=group, recorded_by=recorded_by, git_author=git_author, after=after
        )
        found += page["rows"]
        after = page["next"]
        if after is None:
            return found


def _sign_all(invocation: Invocation, group: str, found: list[dict[str, Any]], yes: bool) -> None:
    """Sign what was shown, and nothing that arrives meanwhile."""
    if found and not yes and not sys.stdin.isatty():
        raise UsageError(
            "sign.unconfirmed", "Nobody can be asked here.", "Add --yes to sign without a question."
        )
    if found and not invocation.as_json:
        _show_records(found, _SHOWN_MAX)
    if found and not yes:
        typer.confirm(f"Sign {counted(len(found), 'record')}?", abort=True)
    result: dict[str, Any] = {"signed": [], "refused": []}
    ids = [one["id"] for one in found]
    with progress("sign", len(ids), quiet=invocation.as_json) as bar:
        for start in range(0, len(ids), _RECORDS_AT_ONCE):
            asked = ids[start : start + _RECORDS_AT_ONCE]
            body = {"group": group, "records": asked}
            answer = invocation.client.post("/signatures", body, timeout_s=_TIMEOUT_S)
            for name, part in result.items():
                part += answer[name]
            bar.advance(len(asked))
    invocation.answer(result, _show_signed)


def _show_signed(result: dict[str, Any]) -> None:
    if not result["signed"] and not result["refused"]:
        say("Nothing waits for your signature.")
        return
    say(f"Signed: {counted(len(result['signed']), 'record')}.")
    if not result["refused"]:
        return
    say(f"Refused: {counted(len(result['refused']), 'record')}.")
    reasons = Counter((one["message"], one["remedy"]) for one in result["refused"])
    for (message, remedy), count in sorted(reasons.items()):
        first = next(one["record"] for one in result["refused"] if one["message"] == message)
        say(f"  {count:,}: {message}, such as {short(first)}; {remedy}")


def _show_waiting(waiting: list[dict[str, Any]]) -> None:
    if not waiting:
        say("Nothing waits for your signature.")
        return
    records = [one for one in waiting if "action" in one or "claims" in one]
    if records:
        _show_records(records, len(records))
        say("Sign one with `p2pnode sign RECORD`, or say that it is wrong with --decline.")
    if len(records) > 1:
        say("Sign all of them: p2pnode sign --all")
    for one in waiting:
        if "clauses" in one:
            say(f"The agreement {one['name']} waits for your yes or no: p2pnode agree show {one['name']}")
        if "relieved" in one:
            say(
                f"The loop {short(one['id'])} waits for your yes or no: p2pnode loops show {short(one['id'])}"
            )


def _show_records(records: list[dict[str, Any]], shown_max: int) -> None:
    events = [one for one in records if "action" in one]
    claims = sorted(
        (one for one in records if "claims" in one), key=lambda one: (one["performed_ms"], one["id"])
    )
    if events:
        show_events(events[:shown_max])
        _show_rest(len(events) - shown_max)
    if claims:
        print_table(
            ("record", "date", "commit by", "imported by", "message"),
            [
                (
                    short(one["id"]),
                    local_time(one["performed_ms"]),
                    one["git_author"],
                    one["author"],
                    one["note"],
                )
                for one in claims[:shown_max]
            ],
        )
        _show_rest(len(claims) - shown_max)


def _show_rest(count: int) -> None:
    if count > 0:
        say(f"and {counted(count, 'other')}; `p2pnode sign` lists all.")
