"""`p2pnode mandate`: acting on behalf of the group, as far as the group has decided."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from p2pnode.commands.invocation import GroupArgument, GroupOption, invocation_of
from p2pnode.commands.terminal import local_time, print_table, say, short

mandate = typer.Typer(help="Acting on behalf of the group; alone, a list.", no_args_is_help=True)


@mandate.command("list")
def list_mandates(context: typer.Context, name: GroupArgument = None) -> None:
    """List the mandates that the group has given, and what was said by them."""
    invocation = invocation_of(context)
    rows = invocation.client.get("/mandates", group=invocation.group(name))
    invocation.answer(rows, _show_mandates)


def _show_mandates(rows: list[dict[str, Any]]) -> None:
    if not rows:
        say("No mandate is in force. The group gives one by decision: p2pnode propose mandate --help")
        return
    print_table(
        ("mandate", "name", "for", "sign", "holders", "until", ""),
        [
            (
                short(row["id"]),
                row["name"],
                ", ".join(row["acts"]),
                f"{row['needed']} of {len(row['holders'])}",
                ", ".join(row["holders"]),
                local_time(row["until_ms"]),
                ", ".join(_remarks(row)),
            )
            for row in rows
        ],
    )
    for row in rows:
        for said in row["said"]:
            standing = "on behalf of the group" if said["holds"] else "not yet on behalf of the group"
            say(
                f"{row['name']}, {said['act']}: {short(said['entry'])}  {said['text']}",
                f"  {standing}; signed by {', '.join(said['signers'])}",
            )


def _remarks(row: dict[str, Any]) -> list[str]:
    found = ["yours"] if row["is_mine"] else []
    return [*found, "over"] if row["is_over"] else found


@mandate.command()
def sign(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="MANDATE", help="Its name, or the start of its id.")],
    entry: Annotated[str, typer.Argument(metavar="ENTRY", help="What is said on behalf of the group.")],
    act: Annotated[
        str | None, typer.Option(metavar="WORD", help="In what, where the mandate covers several things.")
    ] = None,
    group: GroupOption = None,
) -> None:
    """Sign that an entry is said on behalf of the group; it is, once enough holders have signed.

    \b
    Example:
      p2pnode mandate sign bank 3f0a99c2 --act payment
    """
    invocation = invocation_of(context)
    body = {"group": invocation.group(group), "mandate": name, "entry": entry, "act": act}
    written = invocation.client.post("/mandates/sign", body)
    invocation.answer(
        written, lambda _: say("Signed with the next block; `p2pnode mandate list` shows who else has.")
    )
