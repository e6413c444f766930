"""`p2pnode members`, `charter`: who is in a group, and by which rules it lives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from p2pnode.commands.files import read_text
from p2pnode.commands.groups import say_as_of
from p2pnode.commands.invocation import GroupArgument, GroupOption, invocation_of
from p2pnode.commands.terminal import local_time, print_table, say, short
from p2pnode.core.errors import FormatError, UsageError

members = typer.Typer(help="Who is in a group; alone, a list.", no_args_is_help=True)
charter = typer.Typer(help="The rules of a group; alone, those in force.", no_args_is_help=True)

_TEMPLATES = "config_files/templates"


@members.command("list")
def list_members(context: typer.Context, name: GroupArgument = None) -> None:
    """List who is in a group, and who waits to come in."""
    invocation = invocation_of(context)
    group = invocation.group(name)
    answer = invocation.client.get("/members", group=group)
    invocation.answer(answer, _show_members)
    if not invocation.as_json:
        say_as_of(invocation, group)


def _show_members(rows: list[dict[str, Any]]) -> None:
    print_table(
        ("member", "name", "status", "device", "since", "last seen", ""),
        [
            (
                short(row["id"]),
                row["name"] or "-",
                row["status"],
                ", ".join(map(short, row["devices"])),
                local_time(row["joined_ms"]),
                local_time(row["last_seen_ms"]),
                ", ".join(_remarks(row)),
            )
            for row in rows
        ],
    )
    for row in rows:
        if row["waits_for"]:
            say(f"{row['name'] or short(row['id'])} waits: p2pnode why {row['waits_for']}")


def _remarks(row: dict[str, Any]) -> list[str]:
    found = ["you"] if row["is_self"] else []
    if row["voting"]:
        found.append("voter" if row["is_voter"] else f"voter {row['voting']}")
    found += row["roles"]
    if row["suspended_until_ms"]:
        found.append(f"suspended until {local_time(row['suspended_until_ms'])}")
    if row["sponsors"]:
        found.append(f"sponsored by {' and '.join(row['sponsors'])}")
    return found


@members.command()
def sponsor(
    context: typer.Context,
    newcomer: Annotated[
        str, typer.Argument(metavar="NEWCOMER", help="Name, or the entry by which they ask.")
    ],
    group: GroupOption = None,
) -> None:
    """Speak for a newcomer, where the charter asks for sponsors."""
    invocation = invocation_of(context)
    body = {"group": invocation.group(group), "newcomer": newcomer}
    written = invocation.client.post("/sponsors", body)
    invocation.answer(written, lambda _: say(f"You speak for {newcomer}; it counts with the next block."))


@charter.command("show")
def show_charter(context: typer.Context, name: GroupArgument = None) -> None:
    """Show the charter in force, and how the group decides on each subject."""
    invocation = invocation_of(context)
    answer = invocation.client.get("/charter", group=invocation.group(name))
    invocation.answer(answer, _show_charter)


def _show_charter(answer: dict[str, Any]) -> None:
    say(f"{answer['name']}, group {short(answer['group'])}", f"  charter {answer['hash']}")
    show_terms(answer)
    say("Change it by a decision: p2pnode propose amend --help")


def show_terms(answer: dict[str, Any]) -> None:
    """Show the settings of a charter, and how it decides."""
    for setting, value in answer["charter"].items():
        if setting not in ("decisions", "roles", "name") and value not in ("", [], {}):
            say(f"  {setting} = {_value(value)}")
    for role, terms in answer["charter"].get("roles", {}).items():
        say(f"  role {role}: {_value(terms)}")
    say("How it decides:")
    print_table(
        ("subject", "rule", "hours", "grace", "early"),
        [
            (
                row["subject"],
                row["rule"],
                row["window_hours"],
                row["grace_hours"],
                "yes" if row["early"] else "",
            )
            for row in answer["rules"]
        ],
        right=("hours", "grace"),
    )
    say("early: it ends once all have cast own ballots; grace: so long ballots on their way are waited for.")


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_value(item)}" for name, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@charter.command("template")
def show_template(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One of them; alone, a list.")] = None,
) -> None:
    """Print a charter to start from; edit it, and found with `p2pnode group found --charter FILE`.

    \b
    Example:
      p2pnode charter template circle > our-charter.toml
    """
    from importlib import resources

    folder = resources.files("p2pnode").joinpath(_TEMPLATES)
    texts = {
        item.name.removesuffix(".toml"): item.read_text(encoding="utf-8")
        for item in folder.iterdir()
        if item.name.endswith(".toml")
    }
    invocation = invocation_of(context)
    if name is None:
        first_lines = {one: texts[one].splitlines()[0].lstrip("# ") for one in sorted(texts)}
        invocation.answer(first_lines, lambda rows: print_table(("template", ""), list(rows.items())))
        return
    if name not in texts:
        raise UsageError(
            "template.unknown",
            f"There is no charter template '{name}'.",
            f"Choose one of {', '.join(sorted(texts))}.",
        )
    invocation.answer({"name": name, "toml": texts[name]}, lambda answer: print(answer["toml"], end=""))


@charter.command("check")
def check_charter(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A charter as TOML.")],
) -> None:
    """Check whether a file is a charter; needs no node."""
    from p2pnode.governance.charter import SETTINGS, charter_of_toml

    text = read_text(Path(file).expanduser())
    try:
        found = charter_of_toml(text, **({} if "\nname" in f"\n{text}" else {"name": "a group"}))
    except FormatError as error:
        raise UsageError(
            error.rule,
            f"{file} is no charter: {error.detail or error.rule}.",
            "Compare with `p2pnode charter template circle`.",
        ) from error
    known = {setting.name for setting in SETTINGS}
    invocation_of(context).answer(
        {"name": found.name, "kind": found.kind, "charter": dict(found.value)},
        lambda answer: say(
            f"{file} is a charter of a {answer['kind']}.",
            *(
                f"  {name} is a setting of your own: it binds people, no program"
                for name in answer["charter"]
                if name not in known
            ),
        ),
    )
