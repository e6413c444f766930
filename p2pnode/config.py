"""The local settings of one node: one table, and where each value came from.

Default < node.toml in the home < environment P2PNODE_* < command line. What all members of a group share is
in its charter, never here. A node starts without any file.
"""

from __future__ import annotations

import ipaddress
import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from p2pnode.core.errors import UsageError
from p2pnode.disk import read_bounded

_FILE_BYTES_MAX = 64 * 1024
_LIST_ITEMS_MAX = 64
_PREFIX = "P2PNODE_"
_NO_SETTINGS = frozenset({"P2PNODE_HOME", "P2PNODE_PASSPHRASE"})
"""Variables that other parts read."""

LOG_LEVELS = ("debug", "info", "warning", "error")


def _setting(default: Any, help_text: str, check: Callable[[Any], str | None] | None = None) -> Any:
    """One row of the table: its default, what it means, and what is wrong with a value of the right type."""
    return field(default=default, metadata={"help": help_text, "check": check})


def _in_range(first: int, last: int) -> Callable[[int], str | None]:
    return lambda value: None if first <= value <= last else f"a number from {first} to {last}"


def _one_of(values: tuple[str, ...]) -> Callable[[str], str | None]:
    return lambda value: None if value in values else f"one of {', '.join(values)}"


def _all_are(check: Callable[[str], str | None]) -> Callable[[tuple[str, ...]], str | None]:
    return lambda values: next((wrong for wrong in map(check, values) if wrong), None)


_ADDRESS = re.compile(
    r"/(?P<kind>ip4|ip6|dns|dns4|dns6)/(?P<host>[^/\s]{1,255})/tcp/(?P<port>[0-9]{1,5})(?:/p2p/(?P<peer>[1-9A-HJ-NP-Za-km-z]{1,64}))?"
)


def check_listen_address(address: str) -> str | None:
    """What a listening address should have been, or None when it is one."""
    match = _ADDRESS.fullmatch(address)
    if (
        not match
        or not match["kind"].startswith("ip")
        or match["peer"]
        or not _is_reachable_by(match, port_min=0)
    ):
        return "addresses like /ip4/0.0.0.0/tcp/4001 or /ip6/::/tcp/4001"
    return None


def check_address(address: str) -> str | None:
    """What an address of a node should have been, or None when it is one."""
    match = _ADDRESS.fullmatch(address)
    if not match or not _is_reachable_by(match, port_min=1):
        return "addresses like /ip4/192.0.2.7/tcp/4001 or /dns/node.example.org/tcp/4001"
    return None


def check_peer_address(address: str) -> str | None:
    """What an address that names its peer should have been, or None when it is one."""
    match = _ADDRESS.fullmatch(address)
    if not match or not match["peer"] or not _is_reachable_by(match, port_min=1):
        return "addresses like /ip4/192.0.2.7/tcp/4001/p2p/12D3Koo..., as `p2pnode id` prints them there"
    return None


def _is_reachable_by(match: re.Match[str], port_min: int) -> bool:
    if not port_min <= int(match["port"]) <= 65535:
        return False
    if match["kind"] not in {"ip4", "ip6"}:
        return True
    try:
        return ipaddress.ip_address(match["host"]).version == int(match["kind"][2])
    except ValueError:
        return False


@dataclass(frozen=True)
class Config:
    """Every local setting, with its default."""

    listen: tuple[str, ...] = _setting(
        (),
        "Addresses to listen at; none: every interface, at a port that follows from the device key.",
        _all_are(check_listen_address),
    )
    announce: tuple[str, ...] = _setting(
        (),
        "Addresses to tell others instead of the found ones, for a node behind a forwarded port.",
        _all_are(check_address),
    )
    bootstrap: tuple[str, ...] = _setting(
        (), "Nodes to dial at every start besides the known ones.", _all_are(check_peer_address)
    )
    mdns: bool = _setting(
        False, "Find nodes in the local network; this tells everybody there the peer id of this node."
    )
    gossip: bool = _setting(True, "Announce new entries by GossipSub besides the direct streams.")
    connections_max: int = _setting(256, "Connections at one time.", _in_range(1, 10_000))
    api_port: int = _setting(0, "Port of the local API on loopback; 0: any free port.", _in_range(0, 65_535))
    log_level: str = _setting("info", f"How much to log: {', '.join(LOG_LEVELS)}.", _one_of(LOG_LEVELS))
    sign_confirm: bool = _setting(
        False,
        "Sign even though this computer's clock looks wrong; for one start, after checking the date.",
    )


class Origin(NamedTuple):
    """A value with the place that set it, for `p2pnode config show`."""

    value: Any
    origin: str
    help: str


class LoadedConfig(NamedTuple):
    """The settings in force, and where each came from."""

    config: Config
    origins: dict[str, Origin]


_SETTINGS = {row.name: row for row in fields(Config)}


def load_config(
    config_file: Path,
    *,
    environment: Mapping[str, str] = os.environ,
    flags: Mapping[str, object] | None = None,
) -> LoadedConfig:
    """Put the settings together; a flag that is None was not given. Errors: UsageError, StoreError"""
    chosen: dict[str, tuple[Any, str]] = {
        name: (_checked(name, value, str(config_file)), str(config_file))
        for name, value in _from_file(config_file)
    }
    for variable in sorted(environment):
        if not variable.startswith(_PREFIX) or variable in _NO_SETTINGS:
            continue
        name = variable[len(_PREFIX) :].lower()
        if name not in _SETTINGS:
            raise _unknown(variable, [_PREFIX + known.upper() for known in _SETTINGS], "the environment")
        chosen[name] = _checked(name, _parse(name, environment[variable], variable), variable), variable
    for name, given in (flags or {}).items():
        if given is None:
            continue
        flag = "--" + name.replace("_", "-")
        value = _parse(name, given, flag) if isinstance(given, str) else given
        chosen[name] = _checked(name, value, flag), flag
    config = Config(**{name: value for name, (value, _) in chosen.items()})
    origins = {
        name: Origin(
            getattr(config, name), chosen[name][1] if name in chosen else "default", row.metadata["help"]
        )
        for name, row in _SETTINGS.items()
    }
    return LoadedConfig(config, origins)


def _from_file(config_file: Path) -> Iterator[tuple[str, Any]]:
    content = read_bounded(config_file, _FILE_BYTES_MAX)
    if content is None:
        return
    try:
        found = tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(
            "config.not_toml", f"{config_file} is not valid TOML: {error}", "mend or remove that line"
        ) from error
    for name, value in found.items():
        if name not in _SETTINGS:
            raise _unknown(name, list(_SETTINGS), str(config_file))
        yield name, value


def _unknown(name: str, known: list[str], source: str) -> UsageError:
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    remedy = f"did you mean '{near[0]}'?" if near else f"the settings are {', '.join(known)}"
    return UsageError("config.unknown_key", f"there is no setting '{name}' (found in {source})", remedy)


_WORDS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def _parse(name: str, text: str, source: str) -> object:
    """The value of a text from the environment or the command line."""
    default = _SETTINGS[name].default
    if isinstance(default, bool):
        if text.strip().lower() not in _WORDS:
            raise _bad_value(name, text, source, "true or false")
        return _WORDS[text.strip().lower()]
    if isinstance(default, int):
        if not re.fullmatch(r"[0-9]{1,10}", text.strip()):
            raise _bad_value(name, text, source, "a number")
        return int(text)
    if isinstance(default, tuple):
        return tuple(text.replace(",", " ").split())
    return text


def _checked(name: str, value: object, source: str) -> object:
    """The value in the type of its setting. Errors: UsageError config.bad_value"""
    row = _SETTINGS[name]
    if isinstance(row.default, tuple):
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise _bad_value(name, value, source, "a list of texts")
        if len(value) > _LIST_ITEMS_MAX:
            raise _bad_value(name, f"{len(value)} items", source, f"at most {_LIST_ITEMS_MAX} items")
        value = tuple(value)
    elif type(value) is not type(row.default):
        expected = {bool: "true or false", int: "a number", str: "a text in quotes"}[type(row.default)]
        raise _bad_value(name, value, source, expected)
    check = row.metadata["check"]
    wrong = check(value) if check else None
    if wrong:
        raise _bad_value(name, value, source, wrong)
    return value


def _bad_value(name: str, value: object, source: str, expected: str) -> UsageError:
    shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return UsageError(
        "config.bad_value",
        f"the setting {name} cannot be '{shown[:200]}' (from {source})",
        f"it takes {expected}",
    )


def render_toml() -> str:
    """The text of config/node.toml: every setting as a comment that shows its default."""
    lines = [
        "# Settings of one node. Copy this file to node.toml in its home and take the # off what you change."
    ]
    for name, row in _SETTINGS.items():
        lines += ["", f"# {row.metadata['help']}", f"#{name} = {_toml(row.default)}"]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


if __name__ == "__main__":
    sys.stdout.write(render_toml())
