"""Archives of a home: a tar file with the key, the settings, the databases, and a list of hashes last.

The databases are copied as files, under the lock of the home, and never opened; a running node gives copies
that its store made to `write_archive`. Whoever has an archive of a key without a passphrase can sign as its
owner. A restored key knows it was restored; it signs nothing before peers have confirmed its heads (J35).

Not here: the log's meaning, and making copies of databases that are in use.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import IO, NamedTuple

from p2pnode.core.errors import FormatError, UsageError
from p2pnode.disk import make_private_folder, store_error, sync_file, sync_folder, write_durably
from p2pnode.home import Home, missing
from p2pnode.keyfile import KEY_FILE_BYTES_MAX, mark_restored

_FORMAT = "p2pnode backup 1"
_MANIFEST = "manifest.json"
_MANIFEST_BYTES_MAX = 4 * 1024 * 1024
_FILES_MAX = 10_000
_CHUNK_BYTES = 1024 * 1024
_NAMES = re.compile(r"key|node\.toml|node\.db(-wal|-journal)?|groups/[0-9a-f]{64}\.db(-wal|-journal)?")
_HARMLESS_NAMES = frozenset({"lock", "groups", "profiles", "lost+found"})
"""What a home that nobody lives in may hold."""


class Archived(NamedTuple):
    """What went into an archive or came out of it."""

    files: int
    file_bytes: int


class _Counted(NamedTuple):
    file_bytes: int
    sha256: str


class _Hashing:
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._bytes = 0

    def read(self, size: int = -1, /) -> bytes:
        content = self._file.read(size)
        self._hash.update(content)
        self._bytes += len(content)
        return content

    def counted(self) -> _Counted:
        return _Counted(self._bytes, self._hash.hexdigest())


def back_up(home: Home, target: Path) -> Archived:
    """Archive a home that no node runs on. Errors: UsageError home.*, backup.*; StoreError"""
    if not home.path.is_dir() or not home.exists():
        raise missing(home)
    with home.lock():
        return write_archive(target, files_of(home))


def files_of(home: Home) -> dict[str, Path]:
    """The files of a home that an archive holds, by their names in it."""
    # A log beside a database holds what is not in the database yet, so it belongs to it.
    names = ["key", "node.toml", *_with_logs("node.db")]
    for database in home.group_dbs():
        names += _with_logs(f"groups/{database.name}")
    return {name: home.path / name for name in names if (home.path / name).is_file()}


def _with_logs(database: str) -> list[str]:
    return [database, f"{database}-wal", f"{database}-journal"]


def write_archive(target: Path, files: Mapping[str, Path]) -> Archived:
    """Write an archive of mode 0600, whole or not at all. Errors: UsageError backup.exists; StoreError"""
    if os.path.lexists(target):
        raise UsageError("backup.exists", f"{target} is there already", "choose a new name for the archive")
    temporary = target.with_name(f".{target.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                counted = _write_members(file, files)
                file.flush()
                sync_file(descriptor)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(target.parent)
    except FileNotFoundError as error:
        raise UsageError(
            "backup.no_folder", f"{error.filename} is not there", "name a file in a folder that exists"
        ) from error
    except OSError as error:
        raise store_error(f"writing the archive {target}", error) from error
    return Archived(len(counted), sum(one.file_bytes for one in counted.values()))


def _write_members(file: IO[bytes], files: Mapping[str, Path]) -> dict[str, _Counted]:
    counted: dict[str, _Counted] = {}
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, path in files.items():
            with path.open("rb") as source:
                status = os.fstat(source.fileno())
                hashing = _Hashing(source)
                archive.addfile(_member(name, status.st_size, int(status.st_mtime)), hashing)
            counted[name] = hashing.counted()
        manifest = json.dumps(
            {"format": _FORMAT, "files": {name: one._asdict() for name, one in counted.items()}}, indent=1
        ).encode("ascii")
        archive.addfile(_member(_MANIFEST, len(manifest), 0), BytesIO(manifest))
    return counted


def _member(name: str, file_bytes: int, modified_s: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = file_bytes, modified_s, 0o600
    return member


def restore(home: Home, archive: Path) -> Archived:
    """Put an archive's files into an empty home, all or none.

    The names in the archive are compared with a list; nothing else is taken out of it. Until the last file is
    in place, `Home.restoring` exists and no node starts here; an interrupted restore is run again.
    Errors: UsageError home.not_empty, home.locked, backup.missing, backup.damaged; StoreError
    """
    if not archive.is_file():
        raise UsageError(
            "backup.missing", f"{archive} is not a file", "name the archive that `p2pnode backup` wrote"
        )
    _require_empty(home)  # before anything of a wrongly named folder is touched
    make_private_folder(home.path)
    with home.lock():
        try:
            _clear_interrupted(home)
            _require_empty(home)  # nobody came between
            home.restoring.mkdir(mode=0o700)
            sync_folder(home.path)
            counted = _stage(home, archive)
            _put_in_place(home, counted)
        except OSError as error:
            raise store_error(f"restoring into {home.path}", error) from error
    return Archived(len(counted), sum(one.file_bytes for one in counted.values()))


def _stage(home: Home, archive: Path) -> dict[str, _Counted]:
    """Take everything out and check it before anything gets its name; a failure leaves the home empty."""
    try:
        _require_room(home, archive)
        return _take_out(archive, home.restoring)
    except BaseException:
        shutil.rmtree(home.restoring, ignore_errors=True)
        raise


def _put_in_place(home: Home, names: Iterable[str]) -> None:
    make_private_folder(home.groups_dir)
    for name in names:
        os.replace(home.restoring / name.replace("/", "-"), home.path / name)
    sync_folder(home.groups_dir)
    sync_folder(home.path)
    shutil.rmtree(home.restoring)
    sync_folder(home.path)


def _clear_interrupted(home: Home) -> None:
    if home.restoring.exists():
        for path in files_of(home).values():
            path.unlink()
        shutil.rmtree(home.restoring)


def _require_empty(home: Home) -> None:
    if not home.path.is_dir() or home.restoring.exists():
        return
    try:
        left = set(os.listdir(home.path)) - _HARMLESS_NAMES
        if home.groups_dir.is_dir():
            left |= set(os.listdir(home.groups_dir))
    except OSError as error:
        raise store_error(f"reading {home.path}", error) from error
    if left:
        raise UsageError(
            "home.not_empty",
            f"{home.path} is not empty, and a restore never overwrites",
            "restore into a new folder with --home, or move the old home away first",
        )


def _require_room(home: Home, archive: Path) -> None:
    needed, room = archive.stat().st_size, os.statvfs(home.path)
    if needed > room.f_bavail * room.f_frsize:
        raise UsageError(
            "backup.no_room",
            f"the archive holds {needed} bytes and the disk of {home.path} has not enough room",
            "free some space, or restore to another disk with --home",
        )


def _take_out(archive: Path, folder: Path) -> dict[str, _Counted]:
    """Write the members of an archive into one flat folder and compare them with its list of hashes."""
    counted: dict[str, _Counted] = {}
    manifest: bytes | None = None
    try:
        with tarfile.open(archive, mode="r:") as members:
            for member in members:
                if (
                    manifest is not None
                    or member.type not in {tarfile.REGTYPE, tarfile.AREGTYPE}
                    or member.sparse
                ):
                    raise _damaged(archive, f"'{member.name}' should not be in it")
                source = members.extractfile(member)
                if member.name == _MANIFEST and source is not None:
                    manifest = source.read(_MANIFEST_BYTES_MAX)
                    continue
                if not _NAMES.fullmatch(member.name) or member.name in counted or len(counted) >= _FILES_MAX:
                    raise _damaged(archive, f"'{member.name}' should not be in it")
                if source is not None:
                    counted[member.name] = _copy(source, folder / member.name.replace("/", "-"))
    except (tarfile.TarError, ValueError, EOFError) as error:  # whatever tarfile makes of changed bytes
        raise _damaged(archive, str(error)) from error
    if manifest is None:
        raise _damaged(archive, "its end is missing")
    if "key" not in counted or _listed(archive, manifest) != counted:
        raise _damaged(archive, "its files are not those it lists")
    key = folder / "key"
    try:
        write_durably(key, mark_restored(key.read_bytes()[: KEY_FILE_BYTES_MAX + 1]))
    except FormatError as error:
        raise _damaged(archive, f"its key file cannot be read: {error.detail}") from error
    return counted


def _copy(source: IO[bytes], target: Path) -> _Counted:
    hashing = _Hashing(source)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while content := hashing.read(_CHUNK_BYTES):
            file.write(content)
        file.flush()
        sync_file(descriptor)
    return hashing.counted()


def _listed(archive: Path, manifest: bytes) -> dict[str, _Counted]:
    try:
        found = json.loads(manifest)
        if found["format"] != _FORMAT:
            raise _damaged(archive, "it was written by another version of p2pnode")
        return {name: _Counted(one["file_bytes"], one["sha256"]) for name, one in found["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(archive, "its list of files cannot be read") from error


def _damaged(archive: Path, detail: str) -> UsageError:
    return UsageError(
        "backup.damaged",
        f"{archive} is not a whole archive of p2pnode: {detail}",
        "use another copy of the backup",
    )
