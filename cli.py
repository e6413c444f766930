"""The command line: wires the commands, says what went wrong, and ends with the status that scripts read.

0 done · 1 the answer is no · 2 wrong use · 3 the disk or a database refuses · 4 the node or a peer is not
there · 70 a fault of p2pnode itself.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from p2pnode.commands.amounts import MINUS
from p2pnode.commands.invocation import Invocation
from p2pnode.commands.terminal import exit_status, explain
from p2pnode.core.errors import NodeError

COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("node", "init"),
    "up": ("node", "up"),
    "down": ("node", "down"),
    "status": ("node", "status"),
    "id": ("node", "show_id"),
    "invite": ("groups", "invite"),
    "join": ("groups", "join"),
    "leave": ("groups", "leave"),
    "vote": ("voting", "vote"),
    "delegate": ("voting", "delegate"),
    "codes": ("voting", "codes"),
    "contribute": ("entries", "contribute"),
    "sign": ("signing", "sign"),
    "attest": ("economy", "attest"),
    "stock": ("economy", "stock"),
    "balance": ("economy", "balance"),
    "offer": ("planning", "offer"),
    "need": ("planning", "need"),
    "feed": ("feed", "feed"),
    "take": ("feed", "take"),
    "retract": ("feed", "end_intent"),
    "why": ("entries", "why"),
    "query": ("peers", "query"),
    "backup": ("keeping", "backup"),
    "restore": ("keeping", "restore"),
    "disk": ("keeping", "disk"),
    "verify": ("keeping", "verify"),
    "profiles": ("node", "show_profiles"),
    "version": ("node", "version"),
    "group": ("founding", "group"),
    "members": ("membership", "members"),
    "charter": ("membership", "charter"),
    "device": ("devices", "device"),
    "recover": ("devices", "recover"),
    "voter": ("devices", "voter"),
    "propose": ("proposing", "propose"),
    "decisions": ("deciding", "decisions"),
    "mandate": ("mandates", "mandate"),
    "record": ("economy", "record"),
    "promise": ("planning", "promise"),
    "claim": ("planning", "claim"),
    "agree": ("agreeing", "agree"),
    "commons": ("commons", "commons"),
    "transvest": ("transvesting", "transvest"),
    "thing": ("lending", "thing"),
    "bookings": ("lending", "bookings"),
    "distribute": ("sharing", "distribute"),
    "recompute": ("sharing", "recompute"),
    "figures": ("figures", "figures"),
    "skills": ("skills", "skills"),
    "statement": ("account", "statement"),
    "loops": ("looping", "loops"),
    "kind": ("planning", "kind"),
    "process": ("planning", "process"),
    "agent": ("planning", "agent"),
    "meter": ("metering", "meter"),
    "log": ("entries", "log"),
    "proof": ("proofs", "proof"),
    "peers": ("peers", "peers"),
    "import": ("importing", "importing"),
    "export": ("exporting", "exporting"),
    "config": ("node", "config"),
    "demo": ("demo", "demo"),
}
"""Every command, in the order of the help: its module, and there a function or a group of commands.

Modules are read by name and only for the command that was typed: reading all of them, and their options,
would take longer than most commands do.
"""

_ANYWHERE = {"--json": 0, "--home": 1, "--profile": 1}
"""Options that may stand behind a command too, with how many words follow each."""

_FIRST_STEPS = """\b
--home, --profile and --json may stand anywhere. `p2pnode COMMAND --help` has examples.
First steps:
  p2pnode up                          make an identity and run the node
  p2pnode group found "Repair café"   in another terminal: found a group
  p2pnode invite                      and make a link for the next member
  p2pnode join LINK                   or join somebody's group
  p2pnode contribute "bicycle repair" --effort 2h"""


def _root(
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


def _found(name: str) -> Any:
    """The function or the group of commands behind a name."""
    module, attribute = COMMANDS[name]
    return getattr(import_module(f"p2pnode.commands.{module}"), attribute)


def program(names: Iterable[str]) -> typer.Typer:
    """The program with some of its commands."""
    app = typer.Typer(
        name="p2pnode",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog=_FIRST_STEPS,
    )
    app.callback()(_root)
    for name in names:
        found = _found(name)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


_MEANT = {
    "agent": "list",
    "agree": "list",
    "charter": "show",
    "commons": "list",
    "config": "show",
    "decisions": "list",
    "device": "list",
    "group": "list",
    "kind": "list",
    "log": "show",
    "loops": "list",
    "mandate": "list",
    "members": "list",
    "claim": "list",
    "peers": "list",
    "process": "list",
    "promise": "list",
    "record": "list",
    "transvest": "list",
}
"""What a group of commands does when it is called alone, or with options only."""

_OF_A_GROUP = frozenset({"charter", "decisions", "device", "mandate", "members"})
"""Groups of commands behind which the name of a cooperative may stand at once."""


_BELOW_ZERO = re.compile(r"-\d+(?:[.,]\d+)?[^\W\d]*")
"""An amount below zero, which is no option; what follows an option is its value and stays as it is."""


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
        if _BELOW_ZERO.fullmatch(word) and rest and not rest[-1].startswith("-"):
            rest.append(MINUS + word[1:])
            index += 1
            continue
        name = word.partition("=")[0]
        follow = 0 if "=" in word else _ANYWHERE.get(name, 0)
        (front if name in _ANYWHERE else rest).extend(words[index : index + 1 + follow])
        index += 1 + follow
    follows = rest[1] if len(rest) > 1 else "-"
    if rest and rest[0] in _MEANT and _is_no_command(rest[0], follows):
        rest.insert(1, _MEANT[rest[0]])
    return front + rest


def _typed(words: Sequence[str]) -> Sequence[str]:
    """The command that a completed command line names; all of them for help, completion and mistakes."""
    index = 0
    while index < len(words) and words[index].partition("=")[0] in _ANYWHERE:
        name, equals, _ = words[index].partition("=")
        index += 1 if equals else 1 + _ANYWHERE[name]
    is_completing = any(name.endswith("_COMPLETE") for name in os.environ)
    is_known = index < len(words) and words[index] in COMMANDS and not is_completing
    return [words[index]] if is_known else list(COMMANDS)


def _is_no_command(group: str, word: str) -> bool:
    if word.startswith("-"):
        return word not in {"-h", "--help"}
    commands = _found(group).registered_commands if group in _OF_A_GROUP else []
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
        program(_typed(words))(words, prog_name="p2pnode")
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
