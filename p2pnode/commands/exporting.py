"""`p2pnode export`: what the group knows, in formats that others read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from p2pnode.commands.files import write_bytes
from p2pnode.commands.invocation import GroupOption, invocation_of
from p2pnode.commands.terminal import say

exporting = typer.Typer(help="Write what the group knows in formats that others read.", no_args_is_help=True)


@exporting.callback()
def root() -> None:
    """Write what the group knows in formats that others read."""


@exporting.command()
def valueflows(
    context: typer.Context,
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="FILE", help="Write into a file.")
    ] = None,
    group: GroupOption = None,
) -> None:
    """Write everything about giving and taking as JSON-LD in the words of ValueFlows.

    The document holds the names of people as this node knows them.

    \b
    Examples:
      p2pnode export valueflows -o bakery.jsonld
      p2pnode export valueflows | less
    """
    invocation = invocation_of(context)
    document = invocation.client.get("/economy/export", group=invocation.group(group))
    if output is None:
        print(document["text"], end="")
        return
    path = Path(output).expanduser()
    write_bytes(path, document["text"].encode("utf-8"))
    invocation.answer({"path": str(path)}, lambda answer: say(f"Written to {answer['path']}."))


@exporting.command()
def distribution(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The start of its id, or its title.")],
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="FILE", help="Write into a file.")
    ] = None,
    group: GroupOption = None,
) -> None:
    """Write a run with every signed entry behind it; `p2pnode recompute` computes it again from that alone.

    \b
    Examples:
      p2pnode export distribution 7ebfd984 > third-quarter.json
      p2pnode recompute third-quarter.json
    """
    invocation = invocation_of(context)
    request = {"group": invocation.group(group), "run": run}
    document = invocation.client.post("/distribution/export", request, timeout_s=None)
    if output is None:
        print(document["text"], end="")
        return
    path = Path(output).expanduser()
    write_bytes(path, document["text"].encode("utf-8"))
    invocation.answer({"path": str(path)}, lambda answer: say(f"Written to {answer['path']}."))
