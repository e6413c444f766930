"""Reading a decoded map field by field: exactly the expected names, each with its kind and bound.

It checks shapes only; what the values mean is the business of the type that reads them.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES, SIGNATURE_BYTES, is_acceptable_key
from p2pnode.core.errors import FormatError
from p2pnode.core.ids import DeviceKey
from p2pnode.core.limits import COUNTER_MAX

RULE_CHARACTERS_MAX = 64
_RULE_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_BESIDES_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def is_plain_text(text: str, *, lines: bool = False) -> bool:
    """Whether a text has no control characters; line feeds and tabs pass when `lines` is set."""
    return (_CONTROL_BESIDES_LINES if lines else _CONTROL).search(text) is None


def is_rule_id(text: str) -> bool:
    """Whether a text looks like the stable id of a rule, such as `entry.bad_header`."""
    return 1 <= len(text) <= RULE_CHARACTERS_MAX and _RULE_CHARACTERS.issuperset(text)


class Fields:
    """A map with exactly the required names and any of the optional ones.

    Errors: every method raises FormatError `<prefix>.bad_field`, whose detail names the field.
    """

    def __init__(
        self, value: Value, prefix: str, required: Collection[str], optional: Collection[str] = ()
    ) -> None:
        self._rule = f"{prefix}.bad_field"
        if type(value) is not dict:
            raise FormatError(self._rule, "not a map")
        self._map: dict[str, Value] = value
        missing = [name for name in required if name not in value]
        unknown = [name for name in value if name not in required and name not in optional]
        if missing or unknown:
            faults = [("missing", missing), ("unknown", sorted(unknown))]
            said = [f"{fault} {', '.join(map(str, names))}" for fault, names in faults if names]
            raise FormatError(self._rule, "; ".join(said))

    def has(self, name: str) -> bool:
        """Whether an optional field is there."""
        return name in self._map

    def value(self, name: str) -> Value:
        """The value of a field that somebody else checks."""
        return self._map[name]

    def refuse(self, name: str, why: str) -> FormatError:
        """The error for a field, to be raised by the caller."""
        return FormatError(self._rule, f"{name}: {why}")

    def data(self, name: str, size: int) -> bytes:
        """Exactly so many bytes."""
        value = self._map[name]
        if type(value) is not bytes or len(value) != size:
            raise self.refuse(name, f"not {size} bytes")
        return value

    def hash(self, name: str) -> bytes:
        """A SHA-256 hash."""
        return self.data(name, HASH_BYTES)

    def optional_hash(self, name: str) -> bytes | None:
        """A SHA-256 hash, or None when the field is absent."""
        return self.hash(name) if self.has(name) else None

    def signature(self, name: str) -> bytes:
        """An Ed25519 signature; it is not verified here."""
        return self.data(name, SIGNATURE_BYTES)

    def key(self, name: str) -> DeviceKey:
        """An Ed25519 public key that is not of small order."""
        value = self._map[name]
        if type(value) is not bytes or not is_acceptable_key(value):
            raise self.refuse(name, "not an acceptable Ed25519 key")
        return DeviceKey(value)

    def uint(self, name: str, most: int = COUNTER_MAX, least: int = 0) -> int:
        """An integer within bounds; a bool is no integer."""
        value = self._map[name]
        if type(value) is not int or not least <= value <= most:
            raise self.refuse(name, f"not an integer from {least} to {most}")
        return value

    def text(self, name: str, characters_max: int, *, least: int = 1, lines: bool = False) -> str:
        """A text within bounds and without control characters. Units: characters."""
        value = self._map[name]
        if type(value) is not str or not least <= len(value) <= characters_max:
            raise self.refuse(name, f"not a text of {least} to {characters_max} characters")
        if not is_plain_text(value, lines=lines):
            raise self.refuse(name, "a control character")
        return value

    def choice(self, name: str, choices: Collection[str]) -> str:
        """One of some words."""
        value = self._map[name]
        if type(value) is not str or value not in choices:
            raise self.refuse(name, f"not one of {', '.join(choices)}")
        return value

    def items(self, name: str, most: int, least: int = 0) -> list[Value]:
        """A list within bounds; its items are checked by the caller."""
        value = self._map[name]
        if type(value) is not list or not least <= len(value) <= most:
            raise self.refuse(name, f"not a list of {least} to {most} items")
        return value
