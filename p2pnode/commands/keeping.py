"""`p2pnode backup`, `restore`, `disk`, `verify`: keeping what this computer holds."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from p2pnode.commands.invocation import GroupArgument, Invocation, invocation_of
from p2pnode.commands.terminal import (
    EXIT_NO,
    Progress,
    counted,
    print_table,
    progress,
    say,
    sentence,
    short,
    size_text,
)
from p2pnode.core.errors import Unreachable
from p2pnode.local.client import Client, NotRunning


def backup(
    context: typer.Context,
    archive: Annotated[
        str, typer.Argument(metavar="FILE", help="A new file, such as p2pnode-2026-11-22.tar.")
    ],
) -> None:
    """Write all that this node has into one file.

    The node may run or not. The file holds your key: keep it like one.
    """
    invocation = invocation_of(context)
    path = os.path.abspath(os.path.expanduser(archive))
    try:
        answer = invocation.client.post("/backup", {"path": path}, timeout_s=None)
    except NotRunning:
        answer = _back_up_offline(invocation, path)
    invocation.answer(
        answer, lambda done: say(f"{done['path']}: {size_text(done['bytes'])}. Keep it like a key.")
    )


def _back_up_offline(invocation: Invocation, path: str) -> dict[str, Any]:
    from p2pnode.backup import back_up

    archived = back_up(invocation.home, Path(path))
    return {"path": path, "bytes": archived.file_bytes, "groups": len(invocation.home.group_dbs())}


def restore(
    context: typer.Context,
    archive: Annotated[str, typer.Argument(metavar="FILE", help="What `p2pnode backup` wrote.")],
) -> None:
    """Bring a backup back into an empty home.

    The node then writes nothing until a peer has confirmed how far it had come, so that it never says two
    things at one place of its log.

    \b
    Example:
      p2pnode --home ~/restored restore p2pnode-2026-11-22.tar
    """
    from p2pnode.backup import restore as restore_archive

    invocation = invocation_of(context)
    restored = restore_archive(invocation.home, Path(archive).expanduser())
    home = str(invocation.home.path)
    answer: dict[str, Any] = {"home": home, "files": restored.files, "bytes": restored.file_bytes}
    invocation.answer(
        answer,
        lambda done: say(
            f"{size_text(done['bytes'])} restored into {done['home']}.",
            "Next: p2pnode up. It writes again once a peer of each group has confirmed your last entry.",
        ),
    )


def disk(context: typer.Context) -> None:
    """Show how much room each group takes, and how much is left."""
    invocation = invocation_of(context)
    try:
        answer = invocation.client.get("/disk")
    except NotRunning:
        answer = _disk_offline(invocation)
    invocation.answer(answer, _show_disk)


def _disk_offline(invocation: Invocation) -> dict[str, Any]:
    use = invocation.home.disk_use()
    groups = [
        {"id": group, "name": "", "disk_bytes": disk_bytes, "entries": None}
        for group, disk_bytes in use.groups.items()
    ]
    return {
        "home": str(invocation.home.path),
        "total_bytes": use.node_bytes + sum(use.groups.values()),
        "free_bytes": use.free_bytes,
        "node_bytes": use.node_bytes,
        "groups": groups,
    }


def _show_disk(answer: dict[str, Any]) -> None:
    rows: list[tuple[str, ...]] = [
        (
            row["name"] or short(row["id"]),
            short(row["id"]),
            size_text(row["disk_bytes"]),
            _number(row["entries"]),
        )
        for row in answer["groups"]
    ]
    rows.append(("(node itself)", "", size_text(answer["node_bytes"]), ""))
    print_table(("group", "id", "disk", "entries"), rows, right=("disk", "entries"))
    used, free = size_text(answer["total_bytes"]), size_text(answer["free_bytes"])
    say(f"{used} in {answer['home']}; {free} are free.")


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def verify(context: typer.Context, name: GroupArgument = None) -> None:
    """Check every stored hash, chain and signature.

    The exit status is 1 when something is damaged.
    """
    invocation = invocation_of(context)
    answer = _verify_with_progress(invocation, name)
    invocation.answer(answer, _show_verification)
    if answer["damage"]:
        raise typer.Exit(EXIT_NO)


def _verify_with_progress(invocation: Invocation, name: str | None) -> dict[str, Any]:
    body = {} if name is None else {"group": name}
    with progress("verify", None, quiet=invocation.as_json) as bar:
        # It ends with the process: a thread that waits for an event cannot be woken otherwise.
        threading.Thread(target=_follow, args=(Client(invocation.home), bar), daemon=True).start()
        answer: dict[str, Any] = invocation.client.post("/verify", body, timeout_s=None)
    return answer


def _follow(client: Client, bar: Progress) -> None:
    """Move the bar as the node reports; without reports the work goes on unseen."""
    try:
        for event in client.events():
            if event["event"] == "verify":
                bar.reach(event["done"], event["total"])
    except Unreachable:
        pass  # the request itself reports what happened


def _show_verification(answer: dict[str, Any]) -> None:
    say(
        f"{counted(answer['entries'], 'entry', 'entries')} in {counted(answer['groups'], 'group')}: "
        f"{counted(answer['signatures'], 'signature')} and {size_text(answer['payload_bytes'])} checked."
    )
    if not answer["damage"]:
        say("Nothing is damaged.")
        return
    for damage in answer["damage"]:
        say(
            f"DAMAGED {short(damage['group'])} {damage['place']}: {damage['message']} ({damage['rule']})",
            f"  What to do: {sentence(damage['remedy'])}",
        )
