"""Files that commands read and write, with errors for people; and the ids by which somebody trusts a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from p2pnode.core.errors import UsageError

FILE_BYTES_MAX = 256 * 1024 * 1024

OutputFile = Annotated[
    str | None, typer.Option("-o", "--output", metavar="FILE", help="Write into a file.", show_default=False)
]
Trusted = Annotated[
    str | None,
    typer.Option("--trusted", metavar="ID", help="The id of the group, or of a block, that you trust."),
]


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file. Errors: UsageError file.not_written."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UsageError("file.not_written", f"{path}: {error.strerror}.", "Name another file.") from error


def read_bytes(path: Path) -> bytes:
    """A file as a whole. Errors: UsageError file.not_read."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError("file.not_read", f"{path}: {error.strerror}.", "Name a file that exists.") from error
    if len(data) > FILE_BYTES_MAX:
        raise UsageError("file.too_large", f"{path} is too large.", "Name the right file.")
    return data


def read_text(path: Path) -> str:
    """A text file as a whole. Errors: UsageError file.not_read."""
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError("file.not_read", f"{path} is no text in UTF-8.", "Name the right file.") from error


def id_of(text: str | None) -> bytes | None:
    """An id that somebody typed. Errors: UsageError proof.bad_id."""
    if text is None:
        return None
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise UsageError(
            "proof.bad_id", "An id has 64 hexadecimal digits.", "Copy it whole: p2pnode group show."
        )
    return found
