"""`p2pnode group`, `invite`, `join`, `leave`: groups, coming and going."""

from __future__ import annotations

import re
import sys
import time
from typing import Annotated, Any

import typer

from p2pnode.commands.invocation import GroupArgument, Invocation, MyName, invocation_of
from p2pnode.commands.terminal import counted, local_time, print_table, say, sentence, short, size_text
from p2pnode.core.errors import UsageError

_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_LINK_CHARACTERS_MAX = 16_384
_JOIN_TIMEOUT_S = 120.0


def list_groups(context: typer.Context) -> None:
    """List the groups that this node holds."""
    invocation = invocation_of(context)
    invocation.answer(invocation.client.get("/groups"), show_groups)


def show_groups(rows: list[dict[str, Any]]) -> None:
    """Print groups as a table, or what to do when there are none."""
    if not rows:
        say(
            "No groups yet.",
            "  found one:  p2pnode group found NAME",
            "  join one:   p2pnode join LINK",
        )
        return
    print_table(
        ("group", "id", "you are", "members", "entries", "missing", "undecided", "blocks", "disk"),
        [
            (
                row["name"],
                short(row["id"]),
                row["standing"],
                row["members"],
                row["entries"],
                row["wanted"],
                row["undecided"],
                row["height"],
                size_text(row["disk_bytes"]),
            )
            for row in rows
        ],
        right=("members", "entries", "missing", "undecided", "blocks", "disk"),
    )
    for row in rows:
        if row["waits_for"]:
            say(f"{row['name']}: the next block waits for {row['waits_for']}.")
        if row["level"]:
            say(f"{row['name']}: {row['level']}.")
        if row["as_of"]:
            say(f"{row['name']}: {row['as_of']}.")


def say_as_of(invocation: Invocation, group: str) -> None:
    """Say below a list when the group was as it is shown, to who is a member no more."""
    shown = invocation.client.get("/group", group=group)["summary"]["as_of"]
    if shown:
        say(sentence(shown))


def show(context: typer.Context, name: GroupArgument = None) -> None:
    """Show one group with its charter."""
    invocation = invocation_of(context)
    answer = invocation.client.get("/group", group=invocation.group(name))
    invocation.answer(answer, _show_group)


def _show_group(answer: dict[str, Any]) -> None:
    summary = answer["summary"]
    say(
        f"{summary['name']} ({summary['kind']})",
        f"  id        {summary['id']}",
        f"  founded   {local_time(answer['founded_ms'])} by {', '.join(answer['founder_names'])}",
        f"  you are   {summary['standing']}",
        f"  members   {summary['members']}",
        f"  voters    {', '.join(answer['voter_names'])}",
        f"  blocks    {summary['height']}"
        + (f", the next one waits for {summary['waits_for']}" if summary["waits_for"] else ""),
        f"  entries   {summary['entries']:,} by {counted(summary['authors'], 'author')}",
        f"  frontier  {summary['frontier']}",
    )
    if summary["level"]:
        say(f"  history   {summary['level']}")
    if summary["as_of"]:
        say(f"  shown     {summary['as_of'].removeprefix('shown ')}")
    if summary["forks"]:
        say(f"  forks     {counted(summary['forks'], 'lane')} ended by a fork; `p2pnode why` tells more")
    if answer["council"]:
        say(f"  council   {', '.join(answer['council'])}, until {local_time(answer['council_until_ms'])}")
    if answer["parked"]:
        waiting = counted(answer["parked"], "entry", "entries")
        say(f"  parked    {waiting} for later rules than version {answer['rule_version']}")
    say("  charter   p2pnode charter show")


def invite(
    context: typer.Context,
    name: GroupArgument = None,
    uses: Annotated[int, typer.Option(min=1, max=1000, help="How many people may use it.")] = 1,
    expires: Annotated[
        str, typer.Option(metavar="TIME", help="How long it is valid: 30m, 12h, 7d, 2w.")
    ] = "7d",
    qr: Annotated[bool, typer.Option("--qr", help="Draw the link as a QR code too.")] = False,
) -> None:
    """Make a link by which somebody can join.

    Whoever has the link can use it, so send it over a channel you trust. It is shown once and not stored.

    \b
    Examples:
      p2pnode invite repaircafe
      p2pnode invite repaircafe --uses 20 --expires 2d --qr
    """
    invocation = invocation_of(context)
    body = {
        "group": invocation.group(name),
        "uses": uses,
        "expires_ms": int(time.time() * 1000) + _span_ms(expires),
    }
    invitation = invocation.client.post("/invitations", body)

    def show_invitation(answer: dict[str, Any]) -> None:
        say(answer["link"], "")
        if qr:
            _draw_qr(answer["link"])
        say(
            f"For {counted(answer['uses'], 'person', 'people')}, until {local_time(answer['expires_ms'])}. "
            "The other side runs: p2pnode join LINK"
        )
        if not answer["addresses"]:
            say("This node knows no address of its own: the link works only for who finds it otherwise.")

    invocation.answer(invitation, show_invitation)


def _span_ms(text: str) -> int:
    match = re.fullmatch(r"([1-9][0-9]{0,5})([mhdw])", text.strip())
    if match is None:
        raise UsageError("invite.bad_time", f"'{text}' is no length of time.", "Write 30m, 12h, 7d or 2w.")
    return int(match[1]) * _MS[match[2]]


def _draw_qr(link: str) -> None:
    import segno

    try:
        segno.make_qr(link, error="l").terminal(compact=True)
    except segno.DataOverflowError:
        say("The link is too long for a QR code.", "")


def join(
    context: typer.Context,
    link: Annotated[
        str, typer.Argument(metavar="LINK", help="The invitation, or - to read it from standard input.")
    ],
    my_name: MyName = "",
) -> None:
    """Join a group by an invitation link.

    The node that made the link must be reachable now.

    \b
    Examples:
      p2pnode join p2pnode:join:... --my-name Bob
      p2pnode join - < message.txt
    """
    invocation = invocation_of(context)
    if link == "-":
        text = sys.stdin.read(_LINK_CHARACTERS_MAX)
        # The whole message that brought the link may be given.
        found = re.search(r"p2pnode:join:\S+", text)
        link = found[0] if found else text
    body = {"link": "".join(link.split()), "my_name": my_name}
    invocation.answer(invocation.client.post("/joins", body, timeout_s=_JOIN_TIMEOUT_S), _show_joined)


def _show_joined(answer: dict[str, Any]) -> None:
    place = f"{answer['name']}, group {short(answer['group'])}"
    if answer["standing"] in {"member", "provisional"}:
        say(f"You are a member of {place}.")
        if answer["standing"] == "provisional":
            say("That is provisional until the group has confirmed it.")
    else:
        say(f"You are not yet a member of {place}.", sentence(answer["message"]))
    say(f"{counted(answer['entries'], 'entry', 'entries')} here so far; `p2pnode status` shows the rest.")


def leave(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="GROUP", help="Name or start of the id.")],
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete this computer's copy of the group too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Leave a group; what you wrote stays with the other members."""
    invocation = invocation_of(context)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                "leave.unconfirmed", "Nobody can be asked here.", "Add --yes to leave without a question."
            )
        copy = " and delete its data from this computer" if delete else ""
        typer.confirm(f"Leave {name}{copy}?", abort=True)
    answer = invocation.client.post("/departures", {"group": name, "delete": delete})
    invocation.answer(answer, _show_left)


def _show_left(answer: dict[str, Any]) -> None:
    say(f"You have left {answer['name']}; {counted(answer['told_peers'], 'peer')} know it already.")
    if answer["deleted_bytes"]:
        say(f"{size_text(answer['deleted_bytes'])} deleted here.")
