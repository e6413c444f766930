"""`p2pnode peers` and `p2pnode query`: other nodes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from p2pnode.commands.invocation import GroupOption, Invocation, PeerArgument, invocation_of
from p2pnode.commands.terminal import counted, local_time, print_json, print_table, say, short

peers = typer.Typer(help="The nodes that this one knows; alone, a list.", no_args_is_help=True)


@peers.command("list")
def list_peers(context: typer.Context) -> None:
    """List known peers, connected ones first."""
    invocation = invocation_of(context)
    invocation.answer(invocation.client.get("/peers"), _show_peers)


def _show_peers(rows: list[dict[str, Any]]) -> None:
    if not rows:
        say("No peers yet. `p2pnode peers add ADDRESS` adds one; joining a group brings its members.")
        return
    print_table(
        ("peer", "state", "round trip", "last seen", "address"),
        [
            (
                short(row["peer_id"]),
                _state(row),
                "" if row["rtt_ms"] is None else f"{row['rtt_ms']:.0f} ms",
                local_time(row["last_seen_ms"]),
                row["addresses"][0] if row["addresses"] else "",
            )
            for row in sorted(rows, key=lambda row: (not row["connected"], row["peer_id"]))
        ],
        right=("round trip",),
    )


def _state(row: dict[str, Any]) -> str:
    if row["blocked"]:
        return "blocked"
    if row["connected"]:
        return f"connected ({row['direction']})"
    return str(row["problem"] or "not connected")


@peers.command()
def add(
    context: typer.Context,
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="As `p2pnode id` of the other node prints it.")
    ],
) -> None:
    """Remember the address of a peer and connect to it.

    \b
    Example:
      p2pnode peers add /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW...
    """
    _change(invocation_of(context), "/peers", {"address": address}, "Added")


@peers.command()
def remove(context: typer.Context, peer: PeerArgument) -> None:
    """Forget a peer; it may come back by itself, and `block` keeps it away."""
    _change(invocation_of(context), "/peers/remove", {"peer": peer}, "Removed")


@peers.command()
def block(context: typer.Context, peer: PeerArgument) -> None:
    """Refuse every connection with a peer, and remember it."""
    _change(invocation_of(context), "/peers/block", {"peer": peer}, "Blocked")


@peers.command()
def unblock(context: typer.Context, peer: PeerArgument) -> None:
    """Take a block or a penalty back."""
    _change(invocation_of(context), "/peers/unblock", {"peer": peer}, "Unblocked")


def _change(invocation: Invocation, path: str, body: dict[str, Any], done: str) -> None:
    invocation.answer(invocation.client.post(path, body), lambda row: say(f"{done} {row['peer_id']}."))


@peers.command()
def ping(context: typer.Context, peer: PeerArgument) -> None:
    """Measure the round trip to a peer; exit status 4 when it does not answer."""
    invocation = invocation_of(context)
    answer = invocation.client.post("/peers/ping", {"peer": peer})
    invocation.answer(
        answer,
        lambda found: say(f"{found['peer_id']}: {found['rtt_ms']:.1f} ms {found['address']}".rstrip()),
    )


def query(
    context: typer.Context,
    peer: PeerArgument,
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help="groups, frontier, members, log or entry.")
    ] = "groups",
    subject: Annotated[
        str | None, typer.Argument(metavar="SUBJECT", help="The group; for `entry`, the entry's id.")
    ] = None,
    group: GroupOption = None,
    author: Annotated[
        str | None, typer.Option(metavar="DID", help="For `log`: entries of this author only.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=1000, help="For `log`: how many entries at most.")
    ] = None,
) -> None:
    """Ask a peer what it holds.

    The entries that prove the answer are checked here. A peer answers members of a group about that group,
    and strangers about nothing.

    \b
    Examples:
      p2pnode query w3Xy89Ab groups
      p2pnode query w3Xy89Ab frontier repaircafe
      p2pnode query w3Xy89Ab entry 3f0a99c2
    """
    invocation = invocation_of(context)
    asked: dict[str, Any] = {"name": question}
    if question == "entry":
        asked["entry"] = subject
        asked["group"] = invocation.group(group)
    elif question != "groups":
        asked["group"] = invocation.group(subject or group)
    asked.update({"author": author, "limit": limit})
    asked = {name: value for name, value in asked.items() if value is not None}
    answer = invocation.client.post("/queries", {"peer": peer, "question": asked})
    invocation.answer(answer, _show_answer)


def _show_answer(answer: dict[str, Any]) -> None:
    say(f"{short(answer['peer_id'])} answers; {counted(answer['proven'], 'entry', 'entries')} verified here:")
    print_json(answer["answer"])
