"""`p2pnode device`, `recover`, `voter`: what signs for a member, and taking part in ordering the log."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from p2pnode.commands.files import read_text, write_bytes
from p2pnode.commands.invocation import GroupArgument, GroupOption, invocation_of
from p2pnode.commands.terminal import local_time, print_table, say, short
from p2pnode.core.errors import UsageError

device = typer.Typer(help="The devices that sign for you; alone, a list.", no_args_is_help=True)
recover = typer.Typer(help="When a device, or all of them, are lost.", no_args_is_help=True)
voter = typer.Typer(help="Whether your node takes part in ordering the log.", no_args_is_help=True)

_INVITATION = "p2pnode/device/1"
_PHRASE_CHARACTERS_MAX = 1024
_RECOVER_TIMEOUT_S = 60.0

Device = Annotated[str, typer.Argument(metavar="DEVICE", help="Its did, or the end of it.")]


@device.command("list")
def list_devices(context: typer.Context, name: GroupArgument = None) -> None:
    """List your devices in a group."""
    invocation = invocation_of(context)
    rows = invocation.client.get("/devices", group=invocation.group(name))
    invocation.answer(rows, _show_devices)


def _show_devices(rows: list[dict[str, Any]]) -> None:
    print_table(
        ("device", "status", ""),
        [(short(row["did"]), row["status"], ", ".join(_remarks(row))) for row in rows],
    )
    if not any(row["is_voting"] for row in rows) and any(row["status"] == "active" for row in rows):
        say("None of them votes on blocks; `p2pnode why GROUP` tells more.")
    if any(row["revoked_ms"] or row["status"] == "recovering" for row in rows):
        say("If that is not you: p2pnode device object")


def _remarks(row: dict[str, Any]) -> list[str]:
    found = ["this one"] if row["is_self"] else []
    if row["is_voting"]:
        found.append("votes on blocks")
    if row["revoked_ms"]:
        found.append(f"revoked on {local_time(row['revoked_ms'])} unless a device objects")
    if row["status"] == "recovering" and not row["takes_over_ms"]:
        found.append("replaces all others seven days after the next block unless one objects")
    if row["takes_over_ms"]:
        found.append(f"replaces all others on {local_time(row['takes_over_ms'])} unless one objects")
    return found


@device.command()
def invite(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A new file, such as laptop.device.")],
    member: Annotated[
        str | None, typer.Option("--for", metavar="MEMBER", help="Another member, who lost every device.")
    ] = None,
    group: GroupOption = None,
) -> None:
    """Write what a further device needs to belong to you; nothing in the file is secret.

    \b
    Example:
      p2pnode device invite phone.device          on a device that you have
      p2pnode device accept phone.device          on the new one; it prints a line
      p2pnode device add p2pnode:device:...       on the first one again, with that line
    """
    invocation = invocation_of(context)
    body = {"group": invocation.group(group), "member": member}
    document = invocation.client.post("/devices/invite", body)
    path = Path(file).expanduser()
    write_bytes(path, (json.dumps(document, indent=1) + "\n").encode("utf-8"))
    invocation.answer(
        {"path": str(path)},
        lambda answer: say(
            f"Bring {answer['path']} to the new device; there: p2pnode device accept {path.name}"
        ),
    )


@device.command()
def accept(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="What `p2pnode device invite` wrote.")],
) -> None:
    """Let this device belong to the member who wrote the file; prints a line for a device they have."""
    invocation = invocation_of(context)
    answer = invocation.client.post("/devices/accept", {"invitation": _invitation(file)})
    invocation.answer(
        answer,
        lambda done: say(
            done["answer"],
            "",
            "On a device that you have, run: p2pnode device add LINE",
            "If the group has given you this device by a decision, there is nothing more to do.",
        ),
    )


@device.command()
def add(
    context: typer.Context,
    answer: Annotated[str, typer.Argument(metavar="LINE", help="What `p2pnode device accept` printed.")],
    group: GroupOption = None,
) -> None:
    """Add a device that has accepted."""
    invocation = invocation_of(context)
    written = invocation.client.post("/devices", {"group": invocation.group(group), "answer": answer})
    invocation.answer(written, lambda _: say("The device speaks for you with the next block."))


@device.command()
def revoke(
    context: typer.Context,
    name: Device,
    group: GroupOption = None,
    phrase: Annotated[
        bool, typer.Option("--phrase", help="At once, by your recovery phrase, which is asked for.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Strike a device: this one at once, another after seven days in which any of yours may object."""
    if not yes and not phrase:
        _confirm(f"Revoke {name}? It cannot be taken back.")
    words = _phrase() if phrase else None
    invocation = invocation_of(context)
    body = {"group": invocation.group(group), "device": name, "phrase": words}
    written = invocation.client.post("/devices/revoke", body)
    invocation.answer(written, lambda _: say("Written; `p2pnode device list` shows when it takes effect."))


@device.command()
def rotate(context: typer.Context, name: Device, group: GroupOption = None) -> None:
    """Hand the vote on blocks from this device to another one of yours."""
    invocation = invocation_of(context)
    body = {"group": invocation.group(group), "device": name}
    written = invocation.client.post("/devices/rotate", body)
    invocation.answer(written, lambda _: say(f"{name} votes on blocks from the next one on."))


@device.command("object")
def object_(context: typer.Context, name: GroupArgument = None) -> None:
    """Stop every revocation or recovery of your keys that waits for objections."""
    invocation = invocation_of(context)
    written = invocation.client.post("/devices/object", {"group": invocation.group(name)})
    invocation.answer(written, lambda _: say("Objected; nothing changes."))


@recover.command("from")
def recover_from(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A member's `device invite` wrote it.")],
) -> None:
    """Replace all your devices by this new one, with the recovery phrase from paper.

    It takes effect after seven days in which any old device may object. The phrase is asked for, or read
    from standard input.

    \b
    A member of the group, for you:
      p2pnode device invite back.device --for NAME
    You, on a new computer:
      p2pnode up
      p2pnode recover from back.device
    """
    document = _invitation(file)
    invocation = invocation_of(context)
    body = {"invitation": document, "phrase": _phrase()}
    written = invocation.client.post("/recoveries", body, timeout_s=_RECOVER_TIMEOUT_S)
    invocation.answer(
        written,
        lambda _: say(
            f"In seven days it speaks for {document['member_name'] or 'you'}, unless an old device objects.",
            "Write down the recovery phrase of this new identity; the old one is used up.",
        ),
    )


def _invitation(file: str) -> dict[str, Any]:
    """What `device invite` wrote. Errors: UsageError device.bad_invitation."""
    try:
        document = json.loads(read_text(Path(file).expanduser()))
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("format") != _INVITATION:
        raise UsageError(
            "device.bad_invitation", f"{file} is not such a file.", "`p2pnode device invite FILE` makes one."
        )
    return document


@recover.command()
def ask(context: typer.Context) -> None:
    """Print what members need to give you a new first device by decision; needs no running node.

    \b
    All devices and the recovery phrase are lost. On a new computer:
      p2pnode init
      p2pnode recover ask                                           prints a line
    A member of the group, to whom you bring the line in person:
      p2pnode propose restore-key NAME --request p2pnode:restore:...
      p2pnode device invite back.device --for NAME                  a file for you
    When the group has decided, on the new computer again:
      p2pnode device accept back.device
    """
    from p2pnode.core.ids import did_of
    from p2pnode.keyfile import read_public

    invocation = invocation_of(context)
    public = read_public(invocation.home)
    line = f"p2pnode:restore:{did_of(public.device_key)}:{public.recovery_commitment.hex()}"
    invocation.answer({"request": line}, lambda answer: say(answer["request"]))


@voter.command("leave")
def rest(
    context: typer.Context,
    name: GroupArgument = None,
    lying_voters: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="How many faulty voters the rest shall survive."),
    ] = None,
) -> None:
    """Vote on no blocks for a while; your political vote stays."""
    invocation = invocation_of(context)
    body = {"group": invocation.group(name), "lying_voters": lying_voters}
    written = invocation.client.post("/voters/rest", body)
    invocation.answer(written, lambda _: say("Your node rests as soon as the others can decide without it."))


@voter.command("return")
def come_back(context: typer.Context, name: GroupArgument = None) -> None:
    """Vote on blocks again."""
    invocation = invocation_of(context)
    written = invocation.client.post("/voters/return", {"group": invocation.group(name)})
    invocation.answer(written, lambda _: say("Your node votes again from the next block on."))


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(
            "device.unconfirmed", "Nobody can be asked here.", "Add --yes to do it all the same."
        )
    typer.confirm(question, abort=True)


def _phrase() -> str:
    """The recovery phrase, from the terminal or standard input; never from the command line."""
    if sys.stdin.isatty():
        typed: str = typer.prompt("Recovery phrase", hide_input=True, err=True)
        return typed
    return sys.stdin.read(_PHRASE_CHARACTERS_MAX).strip()
