"""`p2pnode init`, `up`, `down`, `status`, `id`, `config`, `profiles`, `version`: this node itself."""

from __future__ import annotations

import os
import sys
import time
from typing import Annotated, Any

import typer

from p2pnode import __version__
from p2pnode.commands.groups import show_groups
from p2pnode.commands.invocation import Invocation, invocation_of
from p2pnode.commands.terminal import counted, local_time, print_json, print_table, remark, say, sentence
from p2pnode.core.errors import Unreachable, UsageError
from p2pnode.home import Home
from p2pnode.local.client import NotRunning

config = typer.Typer(help="The settings of this node; alone, a list.", no_args_is_help=True)

_DOWN_TIMEOUT_S = 30.0
_DOWN_STEP_S = 0.02
_PASSPHRASE_VARIABLE = "P2PNODE_PASSPHRASE"

AskPassphrase = Annotated[
    bool, typer.Option("--passphrase", help="Ask for a passphrase that seals the key file.")
]


def init(context: typer.Context, passphrase: AskPassphrase = False) -> None:
    """Make an identity; prints its recovery phrase once.

    \b
    Examples:
      p2pnode init
      p2pnode --profile alice init --passphrase
    """
    invocation = invocation_of(context)
    made = _make_identity(invocation, passphrase)
    invocation.answer(made, lambda _: say("Next: p2pnode up"))


def _make_identity(invocation: Invocation, ask: bool) -> dict[str, Any]:
    """Create home and key; for a person, show the phrase here, before anything else can go wrong."""
    from p2pnode.core.ids import did_of, peer_id_of
    from p2pnode.governance.inception import recovery_commitment_of
    from p2pnode.keyfile import create_key
    from p2pnode.phrase import new_phrase, recovery_key

    home = invocation.home
    if home.exists():
        raise UsageError(
            "key.exists",
            f"{home.path} has an identity already.",
            "Run `p2pnode up`, or choose another --profile.",
        )
    secret = _new_passphrase(invocation, ask)
    phrase = new_phrase()
    home.create()
    with home.lock():
        key = create_key(
            home, recovery_commitment=recovery_commitment_of(recovery_key(phrase).public), passphrase=secret
        )
    made = {
        "home": str(home.path),
        "peer_id": peer_id_of(key.device_key),
        "did": did_of(key.device_key),
        "recovery_phrase": phrase,
    }
    if not invocation.as_json:
        _show_identity(made)
        sys.stdout.flush()
    return made


def _show_identity(made: dict[str, Any]) -> None:
    words = made["recovery_phrase"].split()
    say(
        f"Your identity is in {made['home']}.",
        f"  peer id  {made['peer_id']}",
        f"  did      {made['did']}",
        "",
        "Your recovery phrase. Write it on paper now: it is shown this once and stored nowhere.",
        "It brings you back when every device is lost. Whoever has it can act in your place.",
        "",
    )
    for start in range(0, len(words), 6):
        row = enumerate(words[start : start + 6], start=start + 1)
        say("  " + "".join(f"{number:>2} {word:<10}" for number, word in row).rstrip())
    say("")


def _new_passphrase(invocation: Invocation, ask: bool) -> str | None:
    given = os.environ.get(_PASSPHRASE_VARIABLE)
    if given:
        return given
    can_ask = sys.stdin.isatty() and not invocation.as_json
    if ask and not can_ask:
        raise UsageError(
            "passphrase.nobody",
            "Nobody can be asked for a passphrase here.",
            f"Set {_PASSPHRASE_VARIABLE} instead.",
        )
    if not can_ask:
        return None
    while True:
        typed = _hidden("Passphrase for the key file" + ("" if ask else " (Enter for none)"), needed=ask)
        if not typed or typed == _hidden("The same again", needed=True):
            return typed or None
        remark("The two differ. Once more.")


def _hidden(label: str, *, needed: bool) -> str:
    typed: str = typer.prompt(
        label, default=None if needed else "", hide_input=True, show_default=False, err=True
    )
    return typed


def up(
    context: typer.Context,
    listen: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDR", help="Where to listen: /ip4/0.0.0.0/tcp/4001. Repeatable."),
    ] = None,
    api: Annotated[
        int | None, typer.Option(metavar="PORT", min=0, max=65535, help="Port of the local API; 0 for any.")
    ] = None,
    ready_fd: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Write the status here as one line of JSON when ready."),
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(metavar="LEVEL", help="debug, info, warning or error.")
    ] = None,
) -> None:
    """Run the node until Ctrl-C or `p2pnode down`.

    On an empty computer it makes an identity first, as `p2pnode init` does. With --json it prints the new
    identity, if it made one, and the status once it is ready.

    \b
    Examples:
      p2pnode up
      p2pnode up --listen /ip4/0.0.0.0/tcp/4001
    """
    from p2pnode.config import load_config
    from p2pnode.keyfile import read_public
    from p2pnode.logs import set_up

    invocation = invocation_of(context)
    home = invocation.home
    flags = {"listen": tuple(listen) if listen else None, "api_port": api, "log_level": log_level}
    loaded = load_config(home.config_file, flags=flags)
    if ready_fd is not None:
        _check_descriptor(ready_fd)
    if not home.exists():
        made = _make_identity(invocation, ask=False)
        if invocation.as_json:
            print_json(made)
            sys.stdout.flush()
    passphrase = _known_passphrase() if read_public(home).is_sealed else None

    # Only here: the libraries of the network take most of a second to load.
    from p2pnode.daemon import main as run

    # After them, because libp2p resets its loggers while it is imported.
    set_up(loaded.config.log_level)
    run(
        home,
        loaded.config,
        passphrase=passphrase,
        ready_fd=ready_fd,
        on_ready=lambda status: invocation.answer(dict(status), _show_up),
    )


def _check_descriptor(number: int) -> None:
    """A wrong number must be told before the node starts, not after."""
    try:
        os.fstat(number)
    except (OSError, OverflowError) as error:
        raise UsageError(
            "up.bad_descriptor",
            f"File descriptor {number} is not open.",
            "Open it first, as in: --ready-fd 3 3>ready",
        ) from error


def _known_passphrase() -> str | None:
    given = os.environ.get(_PASSPHRASE_VARIABLE)
    if given or not sys.stdin.isatty():
        return given
    return _hidden("Passphrase of the key file", needed=True)


def _show_up(status: dict[str, Any]) -> None:
    say("The node is running.")
    _show_node(status)
    if status["groups"]:
        say(
            "",
            *(
                f"  in {group['name']}: {counted(group['entries'], 'entry', 'entries')}"
                for group in status["groups"]
            ),
        )
        say(
            "",
            "In another terminal: `p2pnode status`, `p2pnode contribute`, `p2pnode log`, `p2pnode invite`.",
        )
    else:
        say(
            "",
            "Next, in another terminal:",
            "  found a group        p2pnode group found NAME",
            "  or join somebody's   p2pnode join LINK",
        )
    _show_notices(status)
    say("Stop with Ctrl-C or `p2pnode down`.")
    sys.stdout.flush()


def _show_node(status: dict[str, Any]) -> None:
    say(f"  home     {status['home']}", f"  peer id  {status['peer_id']}")
    for address in status["addresses"]:
        say(f"  address  {address}")
    say(f"  api      {status['api']}")


def _show_notices(status: dict[str, Any]) -> None:
    for notice in status["notices"]:
        say("", f"! {sentence(notice['message'])}")
        if notice["remedy"]:
            say(f"  What to do: {sentence(notice['remedy'])}")


def down(context: typer.Context) -> None:
    """Stop the node, and wait until it has stopped."""
    invocation = invocation_of(context)
    invocation.client.post("/shutdown")
    deadline = time.monotonic() + _DOWN_TIMEOUT_S
    while not _is_free(invocation.home):
        if time.monotonic() > deadline:
            raise Unreachable("The node was asked to stop and has not done so within 30 s.")
        time.sleep(_DOWN_STEP_S)
    invocation.answer({"stopped": True}, lambda _: say("The node has stopped."))


def _is_free(home: Home) -> bool:
    """Whether nobody works in a home: its lock goes with the process, however that ends."""
    try:
        with home.lock():
            return True
    except UsageError as error:
        if error.rule != "home.locked":
            raise
        return False


def status(context: typer.Context) -> None:
    """Show how the node and its groups are."""
    invocation = invocation_of(context)
    invocation.answer(invocation.client.get("/status"), _show_status)


def _show_status(status: dict[str, Any]) -> None:
    since = local_time(status["started_ms"])
    say(f"Running since {since}, version {status['version']}, process {status['pid']}.")
    _show_node(status)
    say(f"  peers    {status['peers_connected']} connected of {status['peers_known']} known")
    if not status["may_write"]:
        say("  writing  not yet, see below")
    say("")
    show_groups(status["groups"])
    _show_notices(status)


def show_id(context: typer.Context) -> None:
    """Show this node's names, and its addresses when it runs."""
    from p2pnode.core.ids import did_of, peer_id_of
    from p2pnode.keyfile import read_public

    invocation = invocation_of(context)
    public = read_public(invocation.home)
    answer: dict[str, Any] = {"peer_id": peer_id_of(public.device_key), "did": did_of(public.device_key)}
    try:
        answer["addresses"] = invocation.client.get("/status")["addresses"]
    except NotRunning:
        answer["addresses"] = []
    invocation.answer(answer, _show_id)


def _show_id(answer: dict[str, Any]) -> None:
    say(f"peer id  {answer['peer_id']}", f"did      {answer['did']}")
    say(*(f"address  {address}" for address in answer["addresses"]))
    if not answer["addresses"]:
        remark("Addresses are known while the node runs: p2pnode up")


@config.command("show")
def show_config(context: typer.Context) -> None:
    """Show every setting, its value, and which file or variable set it."""
    from p2pnode.config import load_config

    invocation = invocation_of(context)
    origins = load_config(invocation.home.config_file).origins
    if invocation.as_json:
        print_json({name: {"value": row.value, "origin": row.origin} for name, row in origins.items()})
        return
    print_table(
        ("setting", "value", "set by", "meaning"),
        [(name, _setting(row.value), row.origin, row.help) for name, row in origins.items()],
    )
    say(f"Change them in {invocation.home.config_file}, or with P2PNODE_... variables.")


def _setting(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def show_profiles(context: typer.Context) -> None:
    """List the identities on this computer.

    Choose one with --profile NAME.
    """
    from p2pnode.home import default_home, profiles

    invocation = invocation_of(context)
    invocation.answer(
        {"default": str(default_home()), "profiles": profiles()},
        lambda answer: say(f"(default)  {answer['default']}", *answer["profiles"]),
    )


def version(context: typer.Context) -> None:
    """Show the version of this program."""
    answer = {"version": __version__}
    invocation_of(context).answer(answer, lambda answer: say(f"p2pnode {answer['version']}"))
