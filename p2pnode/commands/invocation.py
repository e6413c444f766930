"""What every command of one run shares: the home, the way to the node, and who reads the answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from p2pnode.commands.terminal import print_json
from p2pnode.core.errors import UsageError
from p2pnode.home import Home, resolve_home

if TYPE_CHECKING:
    from p2pnode.local.client import Client

Answer = TypeVar("Answer")


class Invocation:
    """One run of the program."""

    def __init__(self, home: str | None, profile: str | None, as_json: bool) -> None:
        self._home_option = home
        self._profile = profile
        self.as_json = as_json

    @cached_property
    def home(self) -> Home:
        """The home that the user chose."""
        return Home(resolve_home(self._home_option, self._profile))

    @cached_property
    def client(self) -> Client:
        """The way to the running node. Errors: NotRunning."""
        # Not every command asks the node, and HTTP takes a while to load.
        from p2pnode.local.client import Client

        return Client(self.home)

    def answer(self, value: Answer, show: Callable[[Answer], None]) -> None:
        """Print a result, for a program or for a person."""
        if self.as_json:
            print_json(value)
        else:
            show(value)

    def group(self, word: str | None) -> str:
        """The group that was named, or the only one there is. Errors: UsageError group.*"""
        if word is not None:
            return word
        groups: list[dict[str, Any]] = self.client.get("/groups")
        if len(groups) == 1:
            return str(groups[0]["id"])
        if not groups:
            raise UsageError(
                "group.none",
                "This node is in no group.",
                "Found one with `p2pnode group found NAME`, or join one with `p2pnode join LINK`.",
            )
        names = ", ".join(str(one["name"]) for one in groups)
        raise UsageError("group.which", "This node is in several groups.", f"Name one of them: {names}.")


def invocation_of(context: typer.Context) -> Invocation:
    """The Invocation that the top-level command made."""
    found = context.find_root().obj
    assert isinstance(found, Invocation)
    return found


def _complete_group(context: typer.Context, incomplete: str) -> list[str]:
    return _complete(context, incomplete, "/groups", "name")


def _complete_peer(context: typer.Context, incomplete: str) -> list[str]:
    return _complete(context, incomplete, "/peers", "peer_id")


def _complete(context: typer.Context, incomplete: str, path: str, field: str) -> list[str]:
    """Words that the shell may offer; none when no node runs."""
    parameters = context.find_root().params
    invocation = Invocation(parameters.get("home"), parameters.get("profile"), as_json=False)
    try:
        rows = invocation.client.get(path)
    except Exception:  # noqa: BLE001 - a completion has no place to show an error
        return []
    return [str(row[field]) for row in rows if str(row[field]).startswith(incomplete)]


GroupArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="GROUP",
        help="Name or start of the id; the only group if there is one.",
        autocompletion=_complete_group,
        show_default=False,
    ),
]
GroupOption = Annotated[
    str | None,
    typer.Option(
        "--group",
        "-g",
        metavar="GROUP",
        help="Name or start of the id; the only group if there is one.",
        autocompletion=_complete_group,
        show_default=False,
    ),
]
PeerArgument = Annotated[
    str,
    typer.Argument(metavar="PEER", help="Peer id, did, or the end of one.", autocompletion=_complete_peer),
]
Proposal = Annotated[str, typer.Argument(metavar="PROPOSAL", help="Title, or start of the id.")]
MyName = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="What the members see as your name; only they get it, and it can be erased.",
        show_default=False,
    ),
]
