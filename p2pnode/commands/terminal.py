"""How a command speaks to a person or a program: tables, short ids, local times, errors with their remedy.

Names and notes come from other people's nodes, so every text loses its control characters before it is shown.
"""

from __future__ import annotations

import json
import sys
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from p2pnode.core.errors import (
    FormatError,
    NodeError,
    NodeFault,
    PeerError,
    StoreError,
    Unreachable,
    UsageError,
)

EXIT_NO = 1
"""The question was answered, and the answer is no."""

_ID_CHARACTERS = 8
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that move the cursor, reverse a line or show nothing."""


def clean(text: str) -> str:
    """A text without the characters that could change how other text is shown."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(one) in _INVISIBLE else one for one in text
    )


def say(*lines: str) -> None:
    """Print lines of an answer."""
    for line in lines:
        print(clean(line))


def remark(line: str) -> None:
    """Print a line that is no part of the answer, behind what was answered before it."""
    sys.stdout.flush()
    print(clean(line), file=sys.stderr)


def print_json(value: Any) -> None:
    """Print an answer for a program."""
    print(json.dumps(value, indent=2, sort_keys=False))


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()
) -> None:
    """Print rows under their headings; `right` names the columns of numbers."""
    cells = [[clean(str(cell)) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_wide_table(columns, cells, right)
        return
    # For another program or a file: nothing is wrapped, and nothing has to be loaded for it.
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    for row in (columns, *cells):
        padded = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for cell, width, column in zip(row, widths, columns, strict=True)
        ]
        print("  ".join(padded).rstrip())


def _print_wide_table(columns: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[str]) -> None:
    """The same for a terminal: wrapped to its width, with bold headings."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=column in right)
    for row in cells:
        # Text, not str: what other people wrote must not be read as markup.
        table.add_row(*map(Text, row))
    Console(markup=False, highlight=False, emoji=False).print(table)


def short(identifier: str) -> str:
    """An id in eight characters; keys and peer ids all begin alike, so their end is shown."""
    if identifier.startswith(("did:key:", "12D3Koo")):
        return "…" + identifier[-_ID_CHARACTERS:]
    return identifier[:_ID_CHARACTERS]


def local_time(time_ms: int | None) -> str:
    """A time in this computer's zone, to the minute."""
    if time_ms is None:
        return "never"
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(time_ms / 1000))
    except (OverflowError, ValueError, OSError):
        return "not a date"


def size_text(size_bytes: int) -> str:
    """A size as people read it."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def sentence(text: str) -> str:
    """A message as a sentence, however its writer began and ended it."""
    first = text.split(" ", 1)[0]
    if first.isalpha():
        text = text[0].upper() + text[1:]
    # What stands behind a colon may be a command to copy.
    return text if not text or text[-1] in ".!?:" or ": " in text else text + "."


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


class Progress(Protocol):
    """A bar on the screen, or nothing where nobody looks."""

    def advance(self, done: int) -> None: ...

    def reach(self, done: int, total: int) -> None: ...


class _NoBar:
    def advance(self, done: int) -> None:
        pass

    def reach(self, done: int, total: int) -> None:
        pass


@contextmanager
def progress(label: str, total: int | None, *, quiet: bool) -> Iterator[Progress]:
    """Show how far long work is, on standard error and only to a person."""
    if quiet or not sys.stderr.isatty():
        yield _NoBar()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    bar = RichProgress(
        TextColumn(label),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task(label, total=total)

    class _Bar:
        def advance(self, done: int) -> None:
            bar.advance(task, done)

        def reach(self, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

    with bar:
        yield _Bar()


def exit_status(error: NodeError) -> int:
    """The exit status that tells a script who has to act."""
    match error:
        case UsageError() | FormatError():
            return 2
        case StoreError():
            return 3
        case Unreachable():
            return 4
        case PeerError():
            return EXIT_NO
        case _:
            return 70


def explain(error: NodeError, *, as_json: bool) -> None:
    """Say on standard error what happened and what to do."""
    rule, message, remedy = "", str(error), ""
    match error:
        case UsageError():
            rule, message, remedy = error.rule, error.message, error.remedy
        case StoreError():
            rule, message, remedy = "store.refused", error.message, error.remedy
        case PeerError() | FormatError():
            rule = error.rule
        case NodeFault():
            rule = "node.bug"
        case Unreachable():
            rule = "unreachable"
    if as_json:
        print(json.dumps({"rule": rule, "message": message, "remedy": remedy}), file=sys.stderr)
        return
    remark(f"p2pnode: {sentence(message)}")
    if remedy:
        remark(f"  What to do: {sentence(remedy)}")
