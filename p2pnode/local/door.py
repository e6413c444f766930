"""Where the running node's API is, and the token that opens it: two small files for this user alone.

The first exists while a node runs; one that a killed node left behind is known by its process id.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import NamedTuple

from p2pnode.core.errors import StoreError

_TOKEN_BYTES = 32


class Door(NamedTuple):
    """The port on loopback and the process behind it."""

    port: int
    pid: int


def write_door(path: Path, door: Door) -> None:
    """Say where the API is, in one step. Errors: StoreError."""
    _write_private(path, json.dumps({"port": door.port, "pid": door.pid}) + "\n")


def remove_door(path: Path) -> None:
    """Say that the API is gone; not an error when it was never there."""
    path.unlink(missing_ok=True)


def read_door(path: Path) -> Door | None:
    """Where the API is, or None when no node runs."""
    try:
        fields = json.loads(path.read_text("utf-8"))
        door = Door(fields["port"], fields["pid"])
    except (OSError, ValueError, TypeError, KeyError):
        # Absent, or not whole: no running node wrote this.
        return None
    if type(door.port) is not int or type(door.pid) is not int or door.pid <= 0:
        return None
    return door if _is_alive(door.pid) else None


def token_of(path: Path) -> str:
    """The token in the file, made when it is missing. Errors: StoreError."""
    token = read_token(path)
    if token is None:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        _write_private(path, token + "\n")
    return token


def read_token(path: Path) -> str | None:
    """The token in the file, or None when it is missing or too short to be one."""
    try:
        token = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return token if len(token) >= _TOKEN_BYTES and token.isascii() and token.isprintable() else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # Another user's process has that number now: not the node that this user started.
        return False
    return True


def _write_private(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".new")
    try:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(draft, path)
    except OSError as error:
        raise StoreError(
            f"Cannot write {path}: {error.strerror}.",
            "Make room on the disk, or make the home writable for this user.",
        ) from error
