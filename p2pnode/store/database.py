"""Opening SQLite files: settings, numbered migrations, and errors in words that an operator can act on."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

from sqlite_utils import Database

from p2pnode.core.errors import StoreError, UsageError

_Statements = TypeVar("_Statements")

Connect = Callable[[str], sqlite3.Connection]
"""How a connection is made; tests give their own to lose power at any statement."""

MEMORY = ":memory:"
_CACHE_KIB = 4096
_PAGE_BYTES = {"group": 8192, "node": 4096}
"""Group files hold long rows of entries; node.db is flushed for one entry at a time."""
_CHECKPOINT_PAGES = {"group": 2048, "node": 1000}
"""Whoever commits at that length waits while the log is copied: seldom, and so that what falls on one page is
copied once. But what grows is flushed more slowly than what is used again from its beginning."""


def connect(path: str) -> sqlite3.Connection:
    """A connection without implicit transactions; one thread at a time uses it."""
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)


def connect_existing(path: str) -> sqlite3.Connection:
    """The same to a file that is there: a reader must not bring back what was deleted.

    Errors: UsageError group.unknown.
    """
    if not os.path.exists(path):
        raise UsageError(
            "group.unknown", "this node holds that group no longer", "p2pnode group list shows its groups"
        )
    return connect(path)


@contextmanager
def reported(path: Path | str) -> Iterator[None]:
    """Turn SQLite's errors about disk and damage into StoreError with what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        told = _told(path, error)
        if told is not None:
            raise told from error
        raise


def _told(path: Path | str, error: sqlite3.DatabaseError) -> StoreError | None:
    """What an operator hears of an error about disk or damage; None for any other."""
    code = getattr(error, "sqlite_errorname", "") or ""
    if code.startswith("SQLITE_FULL"):
        return StoreError(f"the disk is full: {path}", "free some space, then start the node again")
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return StoreError(
            f"the database is damaged: {path}",
            "start the node again: it sets the file aside and fetches the group again from its peers",
        )
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return StoreError(
            f"the database cannot be written: {path}", "check the folder's owner, its mode and the disk"
        )
    if code.startswith("SQLITE_IOERR"):
        return StoreError(f"the disk does not answer: {path}", "check the disk, then start the node again")
    return None


class Writing(Generic[_Statements]):
    """A block that is one transaction: COMMIT at its end, ROLLBACK when it raises.

    A class, because two of them stand on the road of every entry and a generator costs twice as much.
    Errors: StoreError for what the operator has to mend.
    """

    __slots__ = ("_connection", "_path", "_statements")

    def __init__(self, path: Path | str, connection: sqlite3.Connection, statements: _Statements) -> None:
        self._path = path
        self._connection = connection
        self._statements = statements

    def __enter__(self) -> _Statements:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.DatabaseError as error:
            self._undo(error)
            raise
        return self._statements

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._undo(error)
            return
        try:
            self._connection.execute("COMMIT")
        except BaseException as raised:
            self._undo(raised)
            raise

    def _undo(self, error: BaseException) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        told = _told(self._path, error) if isinstance(error, sqlite3.DatabaseError) else None
        if told is not None:
            raise told from error


def open_database(path: Path | str, family: str, *, make: Connect = connect) -> sqlite3.Connection:
    """The writing connection of a file, migrated to the newest schema of its family."""
    with reported(path):
        connection = make(str(path))
        connection.execute(f"PRAGMA page_size={_PAGE_BYTES[family]}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES[family]}")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 32766)
        _migrate(connection, family)
    return connection


def open_reader(path: Path | str, *, make: Connect = connect) -> sqlite3.Connection:
    """A connection that only reads, with a snapshot of its own for each transaction."""
    with reported(path):
        connection = make(str(path))
        connection.execute("PRAGMA query_only=ON")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB // 2}")
    return connection


def _migrate(connection: sqlite3.Connection, family: str) -> None:
    database = Database(connection)
    done = int(connection.execute("PRAGMA user_version").fetchone()[0])
    steps = sorted(
        item.name
        for item in resources.files("p2pnode.store").joinpath("schema").iterdir()
        if item.name.startswith(family + "_")
    )
    if done > len(steps):
        raise StoreError(
            f"this {family} file was written by a newer version of the program",
            "upgrade p2pnode on this machine",
        )
    for number, name in enumerate(steps[done:], start=done + 1):
        script = resources.files("p2pnode.store").joinpath("schema", name).read_text(encoding="utf-8")
        connection.execute("BEGIN IMMEDIATE")
        for statement in _statements(script):
            database.execute(statement)
        connection.execute(f"PRAGMA user_version={number}")
        connection.execute("COMMIT")


def _statements(script: str) -> list[str]:
    lines = [line for line in script.splitlines() if not line.lstrip().startswith("--")]
    return [part.strip() for part in "\n".join(lines).split(";") if part.strip()]


def is_sound(connection: sqlite3.Connection) -> bool:
    """Whether SQLite's quick check finds no damage."""
    try:
        return [row[0] for row in connection.execute("PRAGMA quick_check(1)")] == ["ok"]
    except sqlite3.DatabaseError:
        return False


def copy_database(source: Path, target: Path) -> None:
    """A consistent copy of a database that may be in use."""
    with reported(source), closing(connect(str(source))) as reading, closing(connect(str(target))) as writing:
        reading.backup(writing)
