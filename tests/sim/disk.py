"""A disk that loses power: SQLite in memory, and what of it would still be there afterwards.

A commit with synchronous=FULL survives and carries all commits before it. A commit with synchronous=NORMAL
survives the death of the process, but a power cut may take it back to the last durable commit. An open
transaction survives nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from p2pnode.core.errors import StoreError
from p2pnode.store.database import MEMORY
from p2pnode.store.group_file import GroupFile, GroupQueries

_GROUPS = "groups/"


class PowerLoss(BaseException):
    """The machine, or only the process, stopped inside a statement. No code of the node may catch it."""


@dataclass(slots=True)
class _File:
    """Shapes: image is the content while nobody has it open; durable is what a power cut would leave, None
    when that is the present content.
    """

    image: bytes | None = None
    connection: SimulatedConnection | None = None
    durable: bytes | None = None


class SimulatedConnection(sqlite3.Connection):
    """A connection that asks its disk before and after each statement."""

    def __init__(self, disk: Disk, path: str) -> None:
        super().__init__(MEMORY, isolation_level=None, check_same_thread=False, cached_statements=256)
        self._disk = disk
        self._path = path
        self._is_full = True

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:  # type: ignore[override]
        self._disk.before(self._path, sql)
        if sql == "BEGIN IMMEDIATE":
            self._disk.keep_durable(self._path, is_full=self._is_full)
        elif sql.startswith("PRAGMA synchronous="):
            self._is_full = sql.endswith("FULL")
        cursor = super().execute(sql, parameters)
        if sql == "COMMIT" and self._is_full:
            self._disk.forget_durable(self._path)
        self._disk.after(sql)
        return cursor

    def executemany(self, sql: str, parameters: Any) -> sqlite3.Cursor:  # type: ignore[override]
        self._disk.before(self._path, sql)
        cursor = super().executemany(sql, parameters)
        self._disk.after(sql)
        return cursor


class Disk:
    """The files of one machine. `fuse` counts statements down to the power cut or to the full disk."""

    def __init__(self) -> None:
        self.files: dict[str, _File] = {}
        self.statements = 0
        self.fuse: int | None = None
        self.is_cut_after = False
        self.is_power_cut = True
        self.is_full_at: int | None = None
        self._is_dead = False

    # ---- what connections ask

    def before(self, path: str, sql: str) -> None:
        if self._is_dead:
            raise PowerLoss
        self.statements += 1
        if self.is_full_at is not None and self.statements >= self.is_full_at and _is_writing(sql):
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorname = "SQLITE_FULL"
            raise error
        if self.fuse is not None and not self.is_cut_after and self.statements >= self.fuse:
            self._die()

    def after(self, sql: str) -> None:
        if self.fuse is not None and self.is_cut_after and self.statements >= self.fuse:
            self._die()

    def _die(self) -> None:
        self._is_dead = True
        raise PowerLoss

    def keep_durable(self, path: str, *, is_full: bool) -> None:
        file = self.files[path]
        if not is_full and file.durable is None and file.connection is not None:
            file.durable = _image_of(file.connection) or b""

    def forget_durable(self, path: str) -> None:
        self.files[path].durable = None

    # ---- what the machine does

    def connect(self, path: str) -> SimulatedConnection:
        file = self.files.setdefault(path, _File())
        assert file.connection is None, f"{path} is open already"
        file.connection = SimulatedConnection(self, path)
        if file.image:
            file.connection.deserialize(file.image)
        return file.connection

    def closed(self, path: str) -> None:
        """A file is closed; what was not committed is gone."""
        file = self.files.get(path, _File())
        if file.connection is not None:
            if file.connection.in_transaction:
                sqlite3.Connection.rollback(file.connection)
            file.image = _image_of(file.connection)
            sqlite3.Connection.close(file.connection)
            file.connection = None

    def stop(self, *, is_power_cut: bool) -> None:
        """The process is gone; with the power, so is what was not durable."""
        for path, file in self.files.items():
            self.closed(path)
            if is_power_cut and file.durable is not None:
                file.image = file.durable or None
                file.durable = None
        self.fuse = self.is_full_at = None
        self._is_dead = False

    def images(self) -> dict[str, bytes | None]:
        """What a copy of all files holds now."""
        return {
            path: file.image if file.connection is None else _image_of(file.connection)
            for path, file in self.files.items()
        }

    def put_images(self, images: dict[str, bytes | None]) -> None:
        self.files = {path: _File(image) for path, image in images.items()}

    def spoil(self, path: str) -> None:
        """Overwrite the beginning of a file."""
        file = self.files.get(path, _File())
        assert file.connection is None
        if file.image:
            file.image = b"\xa5" * 4096 + file.image[4096:]
            file.durable = None


class SimulatedShelf:
    """Group files on a simulated disk."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    @staticmethod
    def path(group: bytes) -> str:
        return _GROUPS + group.hex()

    def open(self, group: bytes) -> GroupFile:
        try:
            return _ShelvedFile(self._disk, self.path(group))
        except StoreError:
            self._disk.closed(self.path(group))
            raise

    def groups(self) -> list[bytes]:
        return sorted(
            bytes.fromhex(path.removeprefix(_GROUPS))
            for path, file in self._disk.files.items()
            if path.startswith(_GROUPS) and (file.image or file.connection)
        )

    def set_aside(self, group: bytes) -> str:
        self._disk.closed(self.path(group))
        self.delete(group)
        return "aside"

    def delete(self, group: bytes) -> None:
        self._disk.files.pop(self.path(group), None)


class _ShelvedFile(GroupFile):
    """A group file whose closing leaves its content on the disk."""

    def __init__(self, disk: Disk, path: str) -> None:
        self._disk = disk
        super().__init__(path, make=disk.connect)

    def close(self) -> None:
        self._disk.closed(str(self.path))


class SharedReader:
    """A reading connection that is the writing one between two transactions: one thread needs no second."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        if sql.startswith("PRAGMA"):
            sql = "SELECT 1"
        return sqlite3.Connection.execute(self._connection, sql, parameters)

    def close(self) -> None:
        """Stay open: the writer needs it."""


def queries_of(disk: Disk, path: str) -> GroupQueries:
    """What the checkers read a group with."""
    connection = disk.files[path].connection
    assert connection is not None
    return GroupQueries(SharedReader(connection))  # type: ignore[arg-type]


def _image_of(connection: sqlite3.Connection) -> bytes | None:
    try:
        return connection.serialize()
    except sqlite3.OperationalError:
        return None  # nothing was ever written


def _is_writing(sql: str) -> bool:
    return sql.startswith(("INSERT", "UPDATE", "CREATE", "COMMIT"))
