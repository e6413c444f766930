"""The group files of one home: where they lie, and what happens to a damaged one."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from p2pnode.core.errors import StoreError
from p2pnode.store.database import Connect, connect
from p2pnode.store.group_file import GroupFile

_SUFFIX = ".db"
_COMPANIONS = ("", "-wal", "-shm")


class Shelf(Protocol):
    """Where a node keeps the files of its groups."""

    def open(self, group: bytes) -> GroupFile: ...

    def groups(self) -> list[bytes]: ...

    def set_aside(self, group: bytes) -> str: ...

    def delete(self, group: bytes) -> None: ...


class FolderShelf:
    """Group files in a folder, named after their groups."""

    def __init__(self, folder: Path, *, make: Connect = connect) -> None:
        self._folder = folder
        self._make = make

    def path(self, group: bytes) -> Path:
        return self._folder / (group.hex() + _SUFFIX)

    def open(self, group: bytes) -> GroupFile:
        return GroupFile(self.path(group), make=self._make)

    def groups(self) -> list[bytes]:
        return sorted(
            bytes.fromhex(path.stem) for path in self._folder.glob("*" + _SUFFIX) if len(path.stem) == 64
        )

    def set_aside(self, group: bytes) -> str:
        """Rename a damaged file so that a fresh one can take its place; where it is now."""
        path = self.path(group)
        for number in range(1000):
            aside = path.with_name(f"{path.stem}.damaged-{number}")
            if not aside.exists():
                break
        else:
            raise StoreError(
                f"a thousand damaged copies lie in {self._folder}", "delete the files named *.damaged-*"
            )
        for companion in _COMPANIONS:
            source = path.with_name(path.name + companion)
            if source.exists():
                source.rename(aside.with_name(aside.name + companion))
        return str(aside)

    def delete(self, group: bytes) -> None:
        path = self.path(group)
        for companion in _COMPANIONS:
            path.with_name(path.name + companion).unlink(missing_ok=True)
