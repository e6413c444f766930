"""Small private files that survive a power cut, and the disk's refusals in words of who has to act.

Not here: databases (the store keeps its own promises), and which files exist (`home.py`).
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

from p2pnode.core.errors import StoreError, UsageError

_REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space and start again; nothing was lost",
    errno.EDQUOT: "your quota on this disk is used up: free some space and start again; nothing was lost",
    errno.EROFS: "the disk is mounted read-only: mount it writable, or choose another folder with --home",
    errno.EACCES: "this user may not do that: run as the owner of the folder, or choose another",
    errno.EPERM: "this user may not do that: run as the owner of the folder, or choose another",
    errno.EIO: "the disk reports damage: copy what you need to another disk now, then restore a backup there",
    errno.ENOLCK: "this disk offers no file locks: choose a folder on a local disk with --home",
}
_UNSUPPORTED = {errno.EINVAL, errno.ENOTSUP}
_FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)
"""On macOS fsync stops at the drive's own cache."""


def store_error(doing: str, error: OSError) -> StoreError:
    """Say which work failed, with the system's reason and what the operator can do about it."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    remedy = _REMEDIES.get(error.errno or 0, "look at the folder and its disk, then try again")
    return StoreError(f"{doing} failed: {reason}", remedy)


def write_durably(path: Path, content: bytes | Callable[[int], bytes]) -> None:
    """Replace a file by a new one of mode 0600; after a power cut the old or the new one is there, whole.

    A callable is given the descriptor of the new file, whose inode stays when it takes its name.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            try:
                _write_all(descriptor, content if isinstance(content, bytes) else content(descriptor))
                sync_file(descriptor)
            finally:
                os.close(descriptor)
            os.replace(temporary, path)
        except BaseException:
            try:
                temporary.unlink(missing_ok=True)
            except OSError:
                pass  # the first failure is the one to report; the next write removes what is left
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise store_error(f"writing {path}", error) from error


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync_file(descriptor: int) -> None:
    """Wait until an open file is on the disk itself."""
    if _FULL_SYNC is not None:
        try:
            fcntl.fcntl(descriptor, _FULL_SYNC)
            return
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync_file(descriptor)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:  # some network file systems sync names by themselves
            raise
    finally:
        os.close(descriptor)


def make_private_folder(path: Path) -> None:
    """Make a folder that only this user may enter; one that is there becomes private."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if stat.S_IMODE(path.stat().st_mode) != 0o700:
            path.chmod(0o700)
        sync_folder(path)
        sync_folder(path.parent)
    except FileExistsError as error:
        raise UsageError(
            "home.not_a_folder", f"{path} is a file, not a folder", "choose another folder with --home"
        ) from error
    except OSError as error:
        raise store_error(f"making the folder {path}", error) from error


def read_bounded(path: Path, bytes_max: int) -> bytes | None:
    """The content of a regular file, or None when there is none. Errors: UsageError, StoreError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UsageError("file.not_a_file", f"{path} is not a file", "move it away and try again")
            content = file.read(bytes_max + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise store_error(f"reading {path}", error) from error
    if len(content) > bytes_max:
        raise UsageError(
            "file.too_large",
            f"{path} is larger than {bytes_max} bytes",
            "it was not written by p2pnode; move it away",
        )
    return content
