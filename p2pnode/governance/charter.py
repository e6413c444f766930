"""The charter: the rules a group gives itself, as a TOML document that becomes a canonical map.

Every setting known to this rule version is written out, so that no later default changes an old charter.
Settings that came after the first foundings may be absent; what then stands in their place is fixed for ever.
Names that are not known are kept untouched: they belong to later rule versions or to the group itself.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.crypto import tagged_hash
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.core.ids import DeviceKey, device_key_of_did
from p2pnode.core.limits import MEMBERS_MAX
from p2pnode.governance.commons_rules import CommonsRules, commons_rules_of_value
from p2pnode.governance.decision_rule import (
    DEFAULT_RULES,
    DEFAULT_SUBJECT,
    SUBJECTS,
    DecisionRule,
    check_rules,
    rule_of_value,
    with_default_rules,
)
from p2pnode.governance.distribution_rule import check_distribution

CHARTER_BYTES_MAX = 32 * 1024
"""Half a payload: the founding entry also holds inceptions and signatures."""

AUTO = "auto"
ADMISSION_RULES = ("invitation", "sponsors", "decision")
KINDS = ("circle", "cooperative", "project", "commons", "federation")
FIXED_SETTINGS = ("visibility",)
"""What a group cannot change about itself: a public past cannot be made private again."""

_STEWARDS_MAX = 16
_ROLES_MAX = 32
TABLES = ("commons", "decisions", "distribution", "roles")
"""Settings that are tables, changed entry by entry."""

_PERMANENCE = (
    "What is written here stays: entries are signed and chained, and are never erased. Names and notes are"
    " kept apart and can be removed from this group's nodes, but nobody can force a copy elsewhere to be"
    " deleted."
)


class Setting(NamedTuple):
    """One known name: how its value is checked, and what stands there when the document is silent.

    Shapes: `later` settings may be absent from a canonical map; their default then holds for ever.
    """

    name: str
    check: Callable[[Fields, str], object]
    default: Value = None
    later: bool = False


class Role(NamedTuple):
    """A role that the group may give to members. Units: days; a term of 0 days ends when it is withdrawn."""

    holders_max: int
    term_days: int


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


def _check_decisions(fields: Fields, name: str) -> object:
    return check_rules(fields.value(name))


def _check_commons(fields: Fields, name: str) -> object:
    return commons_rules_of_value(fields.value(name))


def _check_distribution(fields: Fields, name: str) -> object:
    return check_distribution(fields.value(name))


def _check_roles(fields: Fields, name: str) -> object:
    roles = fields.value(name)
    if type(roles) is not dict or len(roles) > _ROLES_MAX:
        raise fields.refuse(name, f"not a table of at most {_ROLES_MAX} roles")
    for role, value in roles.items():
        if not 1 <= len(role) <= 32:
            raise fields.refuse(name, "a role's name has 1 to 32 characters")
        _role_of(value)
    return roles


def _role_of(value: Value) -> Role:
    fields = Fields(value, "charter", (), ("holders_max", "term_days"))
    return Role(
        fields.uint("holders_max", MEMBERS_MAX, least=1) if fields.has("holders_max") else MEMBERS_MAX,
        fields.uint("term_days", 3660) if fields.has("term_days") else 0,
    )


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
    Setting("hearing_hours", lambda fields, name: fields.uint(name, 24 * 90), 168, later=True),
    Setting("recorded_ballots_max", lambda fields, name: fields.uint(name, MEMBERS_MAX), 2, later=True),
    Setting("delta_seconds", lambda fields, name: fields.uint(name, 3600, least=1), 30, later=True),
    Setting("checkpoint_entries", lambda fields, name: fields.uint(name, 50_000, least=1), 1000, later=True),
    Setting("checkpoint_days", lambda fields, name: fields.uint(name, 366, least=1), 7, later=True),
    Setting("decisions", _check_decisions, DEFAULT_RULES, later=True),
    Setting("roles", _check_roles, {}, later=True),
    Setting("distribution", _check_distribution, {}, later=True),
    Setting("commons", _check_commons, {}, later=True),
)
_DEFAULTS: Mapping[str, Value] = {setting.name: setting.default for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Charter:
    """A checked charter. Shapes: `value` is the canonical map, never changed after it was made."""

    value: Mapping[str, Value]

    def setting(self, name: str) -> Value:
        """The value of a known setting, or what stands in its place."""
        return self.value[name] if name in self.value else _DEFAULTS[name]

    @property
    def hash(self) -> bytes:
        """What a configuration names the charter by."""
        return tagged_hash("charter", codec.encode(dict(self.value)))

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
    def sponsors(self) -> int:
        """How many members have to vouch when admission is by sponsors."""
        return int(self.value["sponsors"])

    @property
    def lying_voters(self) -> int | str:
        """How many lying voters the group wants to survive, or "auto" (J19)."""
        rule: int | str = self.value["lying_voters"]
        return rule

    @property
    def stewards(self) -> tuple[DeviceKey, ...]:
        """Devices that archive and relay for the group without being members."""
        return tuple(device_key_of_did(did) for did in self.value["stewards"])

    @property
    def council_above(self) -> int:
        """Above so many members a council orders the log; everybody keeps the political vote (J22)."""
        return int(self.value["council_above"])

    @property
    def block_entries_max(self) -> int:
        """How many entries one block may order."""
        return int(self.value["block_entries_max"])

    @property
    def member_year_bytes(self) -> int:
        """How much of the log one member may fill in a year (J16)."""
        return int(self.value["member_year_bytes"])

    @property
    def hearing_hours(self) -> int:
        """How long a person whose removal is proposed may answer before the vote can close."""
        return int(self.setting("hearing_hours"))

    @property
    def recorded_ballots_max(self) -> int:
        """For how many others one member may record a ballot on one proposal."""
        return int(self.setting("recorded_ballots_max"))

    @property
    def delta_seconds(self) -> int:
        """How long a message between voters who are there usually takes at most."""
        return int(self.setting("delta_seconds"))

    @property
    def checkpoint_entries(self) -> int:
        """So many entries that wait for nothing are ordered all the same."""
        return int(self.setting("checkpoint_entries"))

    @property
    def checkpoint_days(self) -> int:
        """After so many days a single entry is enough for a block."""
        return int(self.setting("checkpoint_days"))

    @property
    def roles(self) -> Mapping[str, Role]:
        """The roles that the group may give, by name in ascending order."""
        roles = self.setting("roles")
        return {name: _role_of(roles[name]) for name in sorted(roles)}

    @property
    def commons(self) -> CommonsRules:
        """What it says about commons."""
        return commons_rules_of_value(self.setting("commons"))

    def has_rule(self, subject: str) -> bool:
        """Whether the charter, or this rule version, has a rule of its own for a subject."""
        return subject in self.setting("decisions") or subject in SUBJECTS

    def rule(self, subject: str) -> DecisionRule:
        """How the group decides on a subject; a name without a rule takes the default one."""
        rules = self.setting("decisions")
        usual = rules.get(DEFAULT_SUBJECT, DEFAULT_RULES[DEFAULT_SUBJECT])
        value = rules.get(subject, DEFAULT_RULES.get(subject, usual))
        return rule_of_value(value, int(self.value["ballot_grace_hours"]))


def charter_of_value(value: Value) -> Charter:
    """The charter in a decoded payload. Errors: FormatError charter.bad_field, charter.too_large."""
    first = tuple(setting.name for setting in SETTINGS if not setting.later)
    others = tuple(name for name in value if name not in first) if type(value) is dict else ()
    fields = Fields(value, "charter", first, others)
    for setting in SETTINGS:
        if fields.has(setting.name):
            setting.check(fields, setting.name)
    if len(codec.encode(value)) > CHARTER_BYTES_MAX:
        raise FormatError("charter.too_large", f"at most {CHARTER_BYTES_MAX} bytes")
    return Charter(value)


@lru_cache(maxsize=64)
def charter_of_bytes(data: bytes) -> Charter:
    """The charter in a row of a group's state, checked once for many entries.

    Errors: those of `charter_of_value`, codec.*.
    """
    return charter_of_value(codec.decode(data))


def charter_of_toml(text: str, **settings: Value) -> Charter:
    """The charter in a TOML document, with some settings replaced and the silent ones filled in.

    Errors: FormatError charter.bad_toml, charter.bad_field, charter.too_large, codec.bad_value for dates and
    fractions.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FormatError("charter.bad_toml", str(error)) from error
    defaults = {name: default for name, default in _DEFAULTS.items() if default is not None}
    value = codec.decode(codec.encode({**defaults, **document, **settings}))
    if type(value.get("decisions")) is dict:
        value["decisions"] = with_default_rules(value["decisions"])
    return charter_of_value(codec.decode(codec.encode(value)))


def amended(charter: Charter, changes: Value) -> Charter:
    """The charter after some settings took other values.

    Shapes: changes is a map from settings to values. The tables of decisions and roles are changed entry by
    entry, where nil takes an entry away, so that two amendments do not undo each other. Errors: FormatError
    charter.bad_field, charter.fixed, charter.too_large.
    """
    check_changes(changes)
    value = dict(charter.value)
    for name in sorted(changes):
        value[name] = _merged(charter.setting(name), changes[name]) if name in TABLES else changes[name]
    return charter_of_value(codec.decode(codec.encode(value)))


def check_changes(changes: Value) -> None:
    """Check what an amendment may be about, whatever the charter. Errors: FormatError charter.bad_field,
    charter.fixed, charter.too_large."""
    if type(changes) is not dict or not changes:
        raise FormatError("charter.bad_field", "an amendment changes at least one setting")
    if any(name in changes for name in FIXED_SETTINGS):
        raise FormatError("charter.fixed", f"{', '.join(FIXED_SETTINGS)} cannot change")
    if len(codec.encode(changes)) > CHARTER_BYTES_MAX:
        raise FormatError("charter.too_large", f"at most {CHARTER_BYTES_MAX} bytes")


def _merged(table: Value, changes: Value) -> Value:
    if type(changes) is not dict:
        raise FormatError("charter.bad_field", "a table is changed by a table")
    both = {**table, **changes}
    return {name: item for name, item in both.items() if item is not None}
