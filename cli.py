"""The command line: wires the commands, says what went wrong, and ends with the status that scripts read.

0 done · 1 the answer is no · 2 wrong use · 3 the disk or a database refuses · 4 the node or a peer is not
there · 70 a fault of p2pnode itself.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from p2pnode.commands import deciding, entries, groups, keeping, node, peers
from p2pnode.commands.devices import device, recover, voter
from p2pnode.commands.founding import group
from p2pnode.commands.importing import importing
from p2pnode.commands.invocation import Invocation
from p2pnode.commands.membership import charter, members
from p2pnode.commands.proofs import proof
from p2pnode.commands.proposing import propose
from p2pnode.commands.terminal import exit_status, explain
from p2pnode.core.errors import NodeError

_ANYWHERE = {"--json": 0, "--home": 1, "--profile": 1}
"""Options that may stand behind a command too, with how many words follow each."""

app = typer.Typer(
    name="p2pnode",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
--home, --profile and --json may stand anywhere. `p2pnode COMMAND --help` has examples.
First steps:
  p2pnode up                          make an identity and run the node
  p2pnode group found "Repair café"   in another terminal: found a group
  p2pnode invite                      and make a link for the next member
  p2pnode join LINK                   or join somebody's group
  p2pnode contribute "bicycle repair" --effort 2h""",
)


@app.callback()
def root(
    context: typer.Context,
    home: Annotated[
        str | None, typer.Option(metavar="DIR", help="The data directory.", envvar=None, show_default=False)
    ] = None,
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help="One of several identities on this computer.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")] = False,
) -> None:
    """A node for cooperatives: what each member gives, signed and kept by all, without a server."""
    context.obj = Invocation(home, profile, json)


app.command()(node.init)
app.command()(node.up)
app.command()(node.down)
app.command()(node.status)
app.command("id")(node.show_id)
app.add_typer(group, name="group")
app.command()(groups.invite)
app.command()(groups.join)
app.add_typer(members, name="members")
app.add_typer(charter, name="charter")
app.command()(groups.leave)
app.add_typer(device, name="device")
app.add_typer(recover, name="recover")
app.add_typer(voter, name="voter")
app.add_typer(propose, name="propose")
app.command()(deciding.vote)
app.command()(deciding.delegate)
app.add_typer(deciding.decisions, name="decisions")
app.command()(entries.contribute)
app.add_typer(entries.log, name="log")
app.add_typer(proof, name="proof")
app.command()(entries.why)
app.add_typer(peers.peers, name="peers")
app.command()(peers.query)
app.add_typer(importing, name="import")
app.command()(keeping.backup)
app.command()(keeping.restore)
app.command()(keeping.disk)
app.command()(keeping.verify)
app.add_typer(node.config, name="config")
app.command("profiles")(node.show_profiles)
app.command()(node.version)


_MEANT = {
    "charter": "show",
    "config": "show",
    "decisions": "list",
    "device": "list",
    "group": "list",
    "log": "show",
    "members": "list",
    "peers": "list",
}
"""What a group of commands does when it is called alone, or with options only."""

_OF_A_GROUP = {"charter": charter, "decisions": deciding.decisions, "device": device, "members": members}
"""Groups of commands behind which the name of a cooperative may stand at once."""


def completed(words: Sequence[str]) -> list[str]:
    """The command line with the options of the whole program in front, and the command that was meant."""
    front: list[str] = []
    rest: list[str] = []
    index = 0
    while index < len(words):
        word = words[index]
        if word == "--":
            rest += words[index:]
            break
        name = word.partition("=")[0]
        follow = 0 if "=" in word else _ANYWHERE.get(name, 0)
        (front if name in _ANYWHERE else rest).extend(words[index : index + 1 + follow])
        index += 1 + follow
    follows = rest[1] if len(rest) > 1 else "-"
    if rest and rest[0] in _MEANT and _is_no_command(rest[0], follows):
        rest.insert(1, _MEANT[rest[0]])
    return front + rest


def _is_no_command(group: str, word: str) -> bool:
    if word.startswith("-"):
        return word not in {"-h", "--help"}
    commands = _OF_A_GROUP[group].registered_commands if group in _OF_A_GROUP else []
    names = {one.name or one.callback.__name__ for one in commands if one.callback is not None}
    return bool(names) and word not in names


def main() -> None:
    """Run one command and leave with its exit status."""
    # A terminal of another encoding shows a question mark instead of ending the program.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    words = completed(sys.argv[1:])
    try:
        app(words, prog_name="p2pnode")
    except NodeError as error:
        explain(error, as_json="--json" in words)
        sys.exit(exit_status(error))
    except Exception:  # noqa: BLE001 - the outermost boundary: a fault of ours has a status of its own
        import traceback

        traceback.print_exc()
        print("p2pnode: This is a fault of p2pnode. Please report the lines above.", file=sys.stderr)
        sys.exit(70)


if __name__ == "__main__":
    main()
