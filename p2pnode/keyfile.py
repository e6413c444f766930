"""The key file: this device's secret key, and what shows that its home was restored, copied or moved (J35).

A home that went back in time would sign two entries at one place of its lanes, which proves its author a
liar. Two marks prevent that. The *place* (machine, file system, inode) says whether this file is where it was
written. The *incarnation* is new at every start, written to node.db first and to this file second, so that a
database and a key of different days do not match.

Start: `open_key`; ask `continues` with the pair that node.db holds; make the pair `incarnation`,
`previous_incarnation` durable in node.db; `begin`. While `moved` is true nothing may be signed until peers
have confirmed the own heads; then `settle`.

Not here: waiting for peers, the databases, and the recovery key (`phrase.py`).
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Mapping
from typing import Any, NamedTuple

from p2pnode.core.crypto import HASH_BYTES, KEY_BYTES, SigningKey
from p2pnode.core.errors import FormatError, StoreError, UsageError
from p2pnode.core.ids import DeviceKey, device_key_of_did, did_of
from p2pnode.disk import store_error, write_durably
from p2pnode.home import Home, missing
from p2pnode.place import Place, place_of
from p2pnode.sealing import ORDINARY_EFFORT, Effort, SealedSeed, open_seed, seal_seed

INCARNATION_BYTES = 16
NEVER_STARTED = bytes(INCARNATION_BYTES)
"""The incarnation of a key that no node has used yet."""

_FORMAT = "p2pnode key 1"
_WARNING = "Whoever has this file can sign as you. Never send or copy it; use `p2pnode backup`."
KEY_FILE_BYTES_MAX = 16 * 1024


class _Content(NamedTuple):
    """The fields of a key file; the seed is there plain or sealed."""

    device_key: DeviceKey
    seed: bytes | None
    sealed: SealedSeed | None
    recovery_commitment: bytes
    incarnation: bytes
    place: Place
    moved: bool


class PublicKeyFile(NamedTuple):
    """What a key file shows without its passphrase."""

    device_key: DeviceKey
    is_sealed: bool
    recovery_commitment: bytes


class KeyFile:
    """An opened key file. One owner; every change is on the disk when its method returns."""

    __slots__ = ("_content", "_home", "incarnation", "previous_incarnation", "signing_key")

    def __init__(self, home: Home, content: _Content, signing_key: SigningKey) -> None:
        self._home = home
        self._content = content
        self.signing_key = signing_key
        self.previous_incarnation = content.incarnation
        """As the last start left it."""
        self.incarnation = os.urandom(INCARNATION_BYTES)
        """Of this start; in the file only after `begin`."""

    @property
    def device_key(self) -> DeviceKey:
        return self._content.device_key

    @property
    def recovery_commitment(self) -> bytes:
        return self._content.recovery_commitment

    @property
    def moved(self) -> bool:
        """Whether this file is not where it was written, and nobody has confirmed the own heads since."""
        return self._content.moved

    @property
    def is_sealed(self) -> bool:
        return self._content.sealed is not None

    def continues(self, stored: tuple[bytes, bytes] | None) -> bool:
        """Whether the (current, previous) incarnations of node.db, None without it, belong to this key.

        If not, either the databases or the key come from an older day.
        """
        if stored is None:
            return self.previous_incarnation == NEVER_STARTED
        return self.previous_incarnation in stored

    def begin(self) -> None:
        """Write the incarnation of this start; call it when node.db durably holds both."""
        self._write(self._content._replace(incarnation=self.incarnation))

    def settle(self) -> None:
        """Accept the present place, after peers have confirmed the own heads."""
        self._write(self._content._replace(moved=False))

    def change_passphrase(self, passphrase: str | None, effort: Effort = ORDINARY_EFFORT) -> None:
        """Seal the key under another passphrase, or under none."""
        seed = self.signing_key.seed
        sealed = None if passphrase is None else seal_seed(seed, passphrase, effort)
        self._write(self._content._replace(seed=seed if sealed is None else None, sealed=sealed))

    def _write(self, content: _Content) -> None:
        self._content = content._replace(place=_write(self._home, content))


def create_key(
    home: Home, *, recovery_commitment: bytes, passphrase: str | None = None, effort: Effort = ORDINARY_EFFORT
) -> KeyFile:
    """Make the key of a new device, under the lock of its home. Errors: UsageError key.exists, key.lost"""
    if home.exists():
        raise UsageError(
            "key.exists", f"{home.path} has a key already", "choose another home with --home or --profile"
        )
    if home.node_db.exists() or home.group_dbs():
        raise UsageError(
            "key.lost",
            f"{home.path} holds databases, but the key they belong to is gone",
            "restore a backup into an empty folder, or start anew in another one with --home",
        )
    signing_key = SigningKey(os.urandom(KEY_BYTES))
    sealed = None if passphrase is None else seal_seed(signing_key.seed, passphrase, effort)
    content = _Content(
        device_key=DeviceKey(signing_key.public),
        seed=signing_key.seed if sealed is None else None,
        sealed=sealed,
        recovery_commitment=recovery_commitment,
        incarnation=NEVER_STARTED,
        place=Place.nowhere(),
        moved=False,
    )
    return KeyFile(home, content._replace(place=_write(home, content)), signing_key)


def open_key(home: Home, passphrase: str | None = None) -> KeyFile:
    """Read the key file and its secret. Errors: UsageError home.missing, key.*; StoreError"""
    content, present = _read(home)
    seed = content.seed
    if content.sealed is not None:
        if passphrase is None:
            raise UsageError(
                "key.passphrase_needed",
                f"the key in {home.path} is sealed with a passphrase",
                "type it when asked, or set P2PNODE_PASSPHRASE",
            )
        seed = open_seed(content.sealed, passphrase)
        if seed is None:
            raise UsageError(
                "key.passphrase_wrong",
                f"this passphrase does not open the key in {home.path}",
                "try again. A forgotten passphrase cannot be replaced: keep this home, start a new device "
                "with --home, and use your recovery phrase in your groups",
            )
    if seed is None:
        raise _damaged(home, "it holds no secret")
    signing_key = SigningKey(seed)
    if signing_key.public != content.device_key:
        raise _damaged(home, "its secret and its public key differ")
    moved = content.moved or not present.is_same(content.place)
    return KeyFile(home, content._replace(moved=moved), signing_key)


def read_public(home: Home) -> PublicKeyFile:
    """Read what a key file shows without its passphrase. Errors: UsageError, StoreError"""
    content, _ = _read(home)
    return PublicKeyFile(content.device_key, content.sealed is not None, content.recovery_commitment)


def mark_restored(content: bytes) -> bytes:
    """An archived key file that knows it was restored. Errors: FormatError key.damaged"""
    return _encode(_decode(content)._replace(moved=True, place=Place.nowhere()))


def _write(home: Home, content: _Content) -> Place:
    """Write a key file that knows its own inode, which the new file keeps when it takes its name."""
    place = Place.nowhere()

    def encode(descriptor: int) -> bytes:
        nonlocal place
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            raise StoreError(
                f"the disk of {home.path} cannot keep a file private",
                "choose a folder on a disk with Unix permissions with --home",
            )
        place = place_of(descriptor)
        return _encode(content._replace(place=place))

    write_durably(home.key, encode)
    return place


def _read(home: Home) -> tuple[_Content, Place]:
    """The fields of the key file, and where it lies now."""
    if home.restoring.exists():
        raise UsageError(
            "home.half_restored",
            f"a restore into {home.path} was interrupted",
            "run `p2pnode restore` with the same archive again",
        )
    try:
        descriptor = os.open(home.key, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            _require_private(home, os.fstat(descriptor))
            content = file.read(KEY_FILE_BYTES_MAX + 1)
            present = place_of(descriptor)
    except FileNotFoundError as error:
        raise missing(home) from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _not_a_file(home) from error
        raise store_error(f"reading {home.key}", error) from error
    try:
        return _decode(content), present
    except FormatError as error:
        raise _damaged(home, error.detail) from error


def _require_private(home: Home, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _not_a_file(home)
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise UsageError(
            "key.not_private",
            f"other users of this computer can read or change {home.key} (mode {mode:04o})",
            f"run: chmod 600 '{home.key}'",
        )


def _not_a_file(home: Home) -> UsageError:
    return UsageError("key.not_a_file", f"{home.key} is not a plain file", "put the key file itself there")


def _damaged(home: Home, detail: str) -> UsageError:
    return UsageError(
        "key.damaged",
        f"{home.key} is damaged: {detail}",
        "restore your last backup into another folder; the databases here stay as they are",
    )


def _encode(content: _Content) -> bytes:
    fields: dict[str, Any] = {
        "format": _FORMAT,
        "warning": _WARNING,
        "device_key": did_of(content.device_key),
        "recovery_commitment": content.recovery_commitment.hex(),
        "incarnation": content.incarnation.hex(),
        "moved": content.moved,
        "place": content.place._asdict(),
    }
    if content.seed is not None:
        fields["seed"] = content.seed.hex()
    if content.sealed is not None:
        fields["sealed_seed"] = content.sealed.to_fields()
    return json.dumps(fields, indent=1).encode("ascii") + b"\n"


def _decode(content: bytes) -> _Content:
    if len(content) > KEY_FILE_BYTES_MAX:
        raise FormatError("key.damaged", "it is far too long")
    try:
        fields = json.loads(content.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise FormatError("key.damaged", "it was cut off or changed") from error
    if not isinstance(fields, dict) or fields.get("format") != _FORMAT:
        raise FormatError("key.damaged", "it is not a key file of this version of p2pnode")
    try:
        seed, sealed = fields.get("seed"), fields.get("sealed_seed")
        if (seed is None) == (sealed is None):
            raise FormatError("key.damaged", "it needs either a plain or a sealed secret")
        return _Content(
            device_key=device_key_of_did(fields["device_key"]),
            seed=None if seed is None else _hex(seed, KEY_BYTES),
            sealed=None if sealed is None else SealedSeed.of_fields(sealed),
            recovery_commitment=_hex(fields["recovery_commitment"], HASH_BYTES),
            incarnation=_hex(fields["incarnation"], INCARNATION_BYTES),
            place=_place(fields["place"]),
            moved=_flag(fields["moved"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError("key.damaged", "a field is missing or changed") from error


def _hex(text: str, size: int) -> bytes:
    value = bytes.fromhex(text)
    if len(value) != size:
        raise ValueError("wrong length")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("not true or false")
    return value


def _place(fields: Mapping[str, object]) -> Place:
    machine, *numbers = (fields[name] for name in Place._fields)
    if not isinstance(machine, str) or any(type(number) is not int for number in numbers):
        raise TypeError("not a place")
    return Place._make((machine, *numbers))
