"""The charter: the rules a group gives itself, as a TOML document that becomes a canonical map.

Every setting known to this rule version is written out, so that no later default changes an old charter.
Names that are not known are kept untouched: they belong to later rule versions or to the group itself.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.core.ids import DeviceKey, device_key_of_did
from p2pnode.core.limits import MEMBERS_MAX

CHARTER_BYTES_MAX = 32 * 1024
"""Half a payload: the founding entry also holds inceptions and signatures."""

AUTO = "auto"
ADMISSION_RULES = ("invitation", "sponsors", "decision")
KINDS = ("circle", "cooperative", "project", "commons", "federation")
_STEWARDS_MAX = 16
_PERMANENCE = (
    "What is written here stays: entries are signed and chained, and are never erased. Names and notes are"
    " kept apart and can be removed from this group's nodes, but nobody can force a copy elsewhere to be"
    " deleted."
)


class Setting(NamedTuple):
    """One known name: how its value is checked, and what stands there when the document is silent."""

    name: str
    check: Callable[[Fields, str], object]
    default: Value = None


def _check_lying_voters(fields: Fields, name: str) -> object:
    return AUTO if fields.value(name) == AUTO else fields.uint(name, MEMBERS_MAX)


def _check_stewards(fields: Fields, name: str) -> object:
    dids = fields.items(name, _STEWARDS_MAX)
    if any(type(did) is not str for did in dids):
        raise fields.refuse(name, "a steward is named by a did:key")
    try:
        return tuple(device_key_of_did(did) for did in dids)
    except FormatError as error:
        raise fields.refuse(name, error.detail) from error


SETTINGS: tuple[Setting, ...] = (
    Setting("name", lambda fields, name: fields.text(name, 80)),
    Setting("kind", lambda fields, name: fields.choice(name, KINDS), "circle"),
    Setting("purpose", lambda fields, name: fields.text(name, 2000, least=0, lines=True), ""),
    Setting("language", lambda fields, name: fields.text(name, 16), "en"),
    Setting("visibility", lambda fields, name: fields.choice(name, ("public", "private")), "public"),
    Setting("admission", lambda fields, name: fields.choice(name, ADMISSION_RULES), "invitation"),
    Setting("sponsors", lambda fields, name: fields.uint(name, 16, least=1), 2),
    Setting("stewards", _check_stewards, []),
    Setting("lying_voters", _check_lying_voters, AUTO),
    Setting("council_above", lambda fields, name: fields.uint(name, MEMBERS_MAX, least=4), 50),
    Setting("block_entries_max", lambda fields, name: fields.uint(name, 50_000, least=1), 5000),
    Setting("member_year_bytes", lambda fields, name: fields.uint(name, 1 << 40, least=1 << 20), 1 << 30),
    Setting("ballot_grace_hours", lambda fields, name: fields.uint(name, 24 * 90), 48),
    Setting("keep_copies", lambda fields, name: fields.uint(name, MEMBERS_MAX, least=1), 3),
    Setting("permanence", lambda fields, name: fields.text(name, 2000, lines=True), _PERMANENCE),
)


@dataclass(frozen=True, slots=True)
class Charter:
    """A checked charter. Shapes: `value` is the canonical map, never changed after it was made."""

    value: Mapping[str, Value]

    @property
    def name(self) -> str:
        """What people call the group."""
        return str(self.value["name"])

    @property
    def kind(self) -> str:
        """What sort of group it is; no rule depends on it."""
        return str(self.value["kind"])

    @property
    def public(self) -> bool:
        """Whether strangers may know of the group and read its open lane."""
        return bool(self.value["visibility"] == "public")

    @property
    def admission(self) -> str:
        """How newcomers are admitted: one of ADMISSION_RULES."""
        return str(self.value["admission"])

    @property
    def lying_voters(self) -> int | str:
        """How many lying voters the group wants to survive, or "auto" (J19)."""
        rule: int | str = self.value["lying_voters"]
        return rule

    @property
    def stewards(self) -> tuple[DeviceKey, ...]:
        """Devices that archive and relay for the group without being members."""
        return tuple(device_key_of_did(did) for did in self.value["stewards"])


def charter_of_value(value: Value) -> Charter:
    """The charter in a decoded payload. Errors: FormatError charter.bad_field, charter.too_large."""
    known = tuple(setting.name for setting in SETTINGS)
    unknown = tuple(name for name in value if name not in known) if type(value) is dict else ()
    fields = Fields(value, "charter", known, unknown)
    for setting in SETTINGS:
        setting.check(fields, setting.name)
    if len(codec.encode(value)) > CHARTER_BYTES_MAX:
        raise FormatError("charter.too_large", f"at most {CHARTER_BYTES_MAX} bytes")
    return Charter(value)


def charter_of_toml(text: str, **settings: Value) -> Charter:
    """The charter in a TOML document, with some settings replaced and the silent ones filled in.

    Errors: FormatError charter.bad_toml, charter.bad_field, charter.too_large, codec.bad_value for dates and
    fractions.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FormatError("charter.bad_toml", str(error)) from error
    defaults = {setting.name: setting.default for setting in SETTINGS if setting.default is not None}
    value = codec.decode(codec.encode({**defaults, **document, **settings}))
    return charter_of_value(value)
