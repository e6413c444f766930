"""The home of one node: which files it has, who may use them now, how much room they take.

Not here: what the files hold (`keyfile.py`, `config.py`, the store) and archives of a home (`backup.py`).
Every command of the CLI reads this module first, so it imports little.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from p2pnode.core.errors import UsageError
from p2pnode.disk import make_private_folder, read_bounded, store_error, write_durably

_PROFILE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_GROUP_DATABASE = re.compile(r"([0-9a-f]{64})\.db(-wal|-shm)?")
_TOKEN_BYTES = 32
_SMALL_FILE_BYTES_MAX = 4096
_OWN_NAMES = frozenset(
    {"key", "node.db", "node.toml", "groups", "token", "api.json", "lock", "profiles", ".restoring"}
)
_NEUTRAL_NAMES = frozenset({"lost+found"})
"""What an otherwise empty disk may hold."""


class Api(NamedTuple):
    """Where the running node answers."""

    port: int
    process: int


class DiskUse(NamedTuple):
    """Bytes on the disk; groups by the hexadecimal text of their ids."""

    free_bytes: int
    node_bytes: int
    groups: dict[str, int]


class Home:
    """The folder of one identity."""

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def key(self) -> Path:
        return self.path / "key"

    @property
    def node_db(self) -> Path:
        return self.path / "node.db"

    @property
    def groups_dir(self) -> Path:
        return self.path / "groups"

    @property
    def config_file(self) -> Path:
        return self.path / "node.toml"

    @property
    def token(self) -> Path:
        return self.path / "token"

    @property
    def api(self) -> Path:
        return self.path / "api.json"

    @property
    def lock_file(self) -> Path:
        return self.path / "lock"

    @property
    def restoring(self) -> Path:
        """Exists while a restore is under way, and after one that was interrupted."""
        return self.path / ".restoring"

    def group_db(self, group: bytes) -> Path:
        return self.groups_dir / f"{group.hex()}.db"

    def group_dbs(self) -> list[Path]:
        """The databases of the groups, in the order of their ids."""
        if not self.groups_dir.is_dir():
            return []
        found = (path for path in self.groups_dir.iterdir() if path.suffix == ".db")
        return sorted(path for path in found if _GROUP_DATABASE.fullmatch(path.name))

    def exists(self) -> bool:
        """Whether an identity lives here."""
        return self.key.exists()

    def create(self) -> None:
        """Make the folders, private to this user, where they are missing. Errors: UsageError home.*"""
        if self.restoring.exists():
            raise UsageError(
                "home.half_restored",
                f"a restore into {self.path} was interrupted",
                "run `p2pnode restore` with the same archive again",
            )
        if self.path.is_dir():
            names = set(os.listdir(self.path)) - _NEUTRAL_NAMES
            if names and not names & _OWN_NAMES:
                raise UsageError(
                    "home.not_empty",
                    f"{self.path} holds files that are not p2pnode's",
                    "choose an empty or a new folder with --home",
                )
        make_private_folder(self.path)
        make_private_folder(self.groups_dir)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep every other process away from this home. Errors: UsageError home.locked, home.missing"""
        try:
            descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileNotFoundError as error:
            raise missing(self) from error
        except OSError as error:
            raise store_error(f"opening {self.lock_file}", error) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise _locked(self, os.pread(descriptor, 32, 0)) from error
            except OSError as error:
                raise store_error(f"locking {self.lock_file}", error) from error
            try:
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
            except OSError:
                pass  # the number only serves a message; the lock itself holds
            yield
        finally:
            # The file stays: removing it would let two processes lock two files of the same name.
            os.close(descriptor)

    def lock_holder(self) -> int | None:
        """The process that took the lock last; whether it still lives, and is the same one, is not said."""
        content = read_bounded(self.lock_file, _SMALL_FILE_BYTES_MAX) or b""
        return int(content) if re.fullmatch(rb"[1-9][0-9]{0,8}\n", content) else None

    def write_api(self, port: int) -> None:
        """Tell other processes of this user where this one answers."""
        write_durably(self.api, json.dumps({"pid": os.getpid(), "port": port}).encode() + b"\n")

    def read_api(self) -> Api | None:
        """Where a node answers, or answered before it was killed; None when no node runs."""
        content = read_bounded(self.api, _SMALL_FILE_BYTES_MAX)
        try:
            found = json.loads(content or b"null")
        except ValueError:
            return None
        if not isinstance(found, dict):
            return None
        port, process = found.get("port"), found.get("pid")
        if type(port) is not int or not 0 < port < 65536 or type(process) is not int:
            return None
        return Api(port, process)

    def forget_api(self) -> None:
        """Say that this node answers no more; never fails."""
        try:
            self.api.unlink(missing_ok=True)
        except OSError:
            pass  # a stale file only costs the next command one refused connection

    def make_token(self) -> str:
        """Write and return the secret that opens the local API; it lives as long as the home."""
        token = self.read_token()
        if token is None:
            token = os.urandom(_TOKEN_BYTES).hex()
            write_durably(self.token, token.encode() + b"\n")
        return token

    def read_token(self) -> str | None:
        """The secret that opens the local API, None before the first start."""
        content = read_bounded(self.token, _SMALL_FILE_BYTES_MAX)
        if content is None or not re.fullmatch(rb"[0-9a-f]{64}\n", content):
            return None
        return content.decode("ascii").strip()

    def disk_use(self) -> DiskUse:
        """How many bytes the databases take, and how many are free."""
        groups: dict[str, int] = {}
        node_bytes = 0
        try:
            for path in self.path.iterdir():
                if path.is_file():
                    node_bytes += path.stat().st_size
            for path in sorted(self.groups_dir.iterdir()):
                match = _GROUP_DATABASE.fullmatch(path.name)
                if match:
                    groups[match[1]] = groups.get(match[1], 0) + path.stat().st_size
            free = os.statvfs(self.path)
        except FileNotFoundError as error:
            raise missing(self) from error
        except OSError as error:
            raise store_error(f"reading {self.path}", error) from error
        return DiskUse(free.f_bavail * free.f_frsize, node_bytes, groups)


def missing(home: Home) -> UsageError:
    """The error for a home that is not there."""
    return UsageError(
        "home.missing",
        f"there is no node in {home.path}",
        "make one with `p2pnode init`, or name another folder with --home or --profile",
    )


def _locked(home: Home, content: bytes) -> UsageError:
    digits = content.strip()
    who = f"process {digits.decode()}" if digits.isdigit() else "another process"
    return UsageError(
        "home.locked",
        f"{who} is using {home.path}",
        "stop it with `p2pnode down`, or choose another home with --home or --profile",
    )


def default_home(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of the first profile. Source: XDG base directories."""
    data = environment.get("XDG_DATA_HOME", "")
    if os.path.isabs(data):
        return Path(data) / "p2pnode"
    try:
        return Path.home() / ".local" / "share" / "p2pnode"
    except RuntimeError as error:
        raise UsageError(
            "home.unknown", "this user has no home folder", "name a folder with --home or in P2PNODE_HOME"
        ) from error


def resolve_home(
    option: str | None, profile: str | None, environment: Mapping[str, str] = os.environ
) -> Path:
    """The home that was meant: --home, --profile, P2PNODE_HOME, or the default. Errors: UsageError"""
    if option is not None and profile is not None:
        raise UsageError(
            "home.two_answers", "--home and --profile both choose a folder", "give only one of them"
        )
    if option is not None:
        return _absolute(option, "--home")
    if profile is not None:
        if not _PROFILE.fullmatch(profile):
            raise UsageError(
                "home.bad_profile",
                f"'{profile}' cannot be the name of a profile",
                "use up to 32 small letters, digits, - and _, beginning with a letter or digit",
            )
        return default_home(environment) / "profiles" / profile
    if "P2PNODE_HOME" in environment:
        return _absolute(environment["P2PNODE_HOME"], "P2PNODE_HOME")
    return default_home(environment)


def profiles(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The names of the profiles that have an identity, in order."""
    folder = default_home(environment) / "profiles"
    if not folder.is_dir():
        return []
    return sorted(
        path.name for path in folder.iterdir() if _PROFILE.fullmatch(path.name) and Home(path).exists()
    )


def _absolute(text: str, source: str) -> Path:
    if not text.strip() or "\0" in text:
        raise UsageError("home.bad_path", f"{source} is empty", "name a folder")
    return Path(os.path.abspath(os.path.expanduser(text)))
