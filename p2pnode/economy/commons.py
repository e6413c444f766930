"""What a commons is: `commons.open`, `commons.change`, `commons.role`, and its rows.

A commons has a name by which contributions name it (`in_scope_of`), a licence, stewards, and the things that
belong to it. Who carries what out by which right is the business of `commoning.py`.

| table | key | value |
|---|---|---|
| `commons` | entry id | `CommonsRow` |
| `commons_name` | hash of the name | the commons that bears it |
| `commons_role` | commons id, agent id | [role, entry id] |
| `commons_thing` | resource id | the commons to which it belongs |
| `commons_change` | entry id | `ChangeRow`: what waits for the group's decision, or was adopted |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, row_key
from p2pnode.core import codec
from p2pnode.core.crypto import tagged_hash
from p2pnode.core.errors import FormatError
from p2pnode.core.limits import PAYLOAD_BYTES_MAX
from p2pnode.economy import agents, form, licence
from p2pnode.economy.form import Form
from p2pnode.economy.licence import TERM, Term
from p2pnode.economy.tables import resource, rows_of
from p2pnode.governance import tables as members
from p2pnode.governance.commons_rules import ANYONE, COMMUNITY, ROLES, STEWARD, CommonsRules

OPEN_TYPE = "commons.open"
CHANGE_TYPE = "commons.change"
ROLE_TYPE = "commons.role"

KNOWLEDGE = "knowledge"
KINDS = ("energy", "equipment", KNOWLEDGE, "land", "place")
GROUP_REACH, WORLD_REACH = "group", "world"
STEWARDS_MAX = 32
THINGS_MAX = 500
YEAR_MS = 365 * 24 * 3600 * 1000
YEAR_NUMBER_MAX = 0xFFFF
WAITING, ADOPTED = "waiting", "adopted"


@dataclass(frozen=True, slots=True)
class Opening:
    """A new commons. Shapes: the author is its steward where nobody else is said; with reach `group` only
    members use it; copies of knowledge take nothing from anybody.
    """

    kind: str
    licence: tuple[Term, ...]
    name: str
    reach: str
    annex: bytes | None = None
    stewards: tuple[bytes, ...] = ()
    things: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be otherwise. Shapes: what is said takes the place of what was, whole."""

    commons: bytes
    annex: bytes | None = None
    licence: tuple[Term, ...] = ()
    reach: str | None = None
    stewards: tuple[bytes, ...] = ()
    things: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Role:
    """The role of somebody in a commons. Shapes: without a role it ends."""

    agent: bytes
    commons: bytes
    annex: bytes | None = None
    role: str | None = None


def _check_change(change: Change) -> None:
    if not (change.licence or change.reach or change.stewards or change.things):
        raise FormatError("commons.no_change", "a change says what is to be otherwise")


_REACHES = (GROUP_REACH, WORLD_REACH)
OPENING: Form[Opening] = Form(
    "commons",
    Opening,
    {
        "kind": form.choice(*KINDS),
        "licence": licence.terms,
        "name": form.a_name,
        "reach": form.choice(*_REACHES),
    },
    {"annex": form.an_id, "stewards": form.ids(STEWARDS_MAX), "things": form.ids(THINGS_MAX)},
    bytes_max=PAYLOAD_BYTES_MAX,
)
CHANGE: Form[Change] = Form(
    "commons",
    Change,
    {"commons": form.an_id},
    {
        "annex": form.an_id,
        "licence": licence.terms,
        "reach": form.choice(*_REACHES),
        "stewards": form.ids(STEWARDS_MAX),
        "things": form.ids(THINGS_MAX),
    },
    _check_change,
    PAYLOAD_BYTES_MAX,
)
ROLE: Form[Role] = Form(
    "commons",
    Role,
    {"agent": form.an_id, "commons": form.an_id},
    {"annex": form.an_id, "role": form.choice(*ROLES)},
)


# ---- rows


@dataclass(frozen=True, slots=True)
class CommonsRow:
    """A commons. Shapes: terms are the canonical bytes of its licence. Units: opened_ms is block time."""

    author: bytes
    name: str
    kind: str
    reach: str
    terms: bytes
    stewards: tuple[bytes, ...]
    things: tuple[bytes, ...]
    opened_ms: int

    @property
    def licence(self) -> tuple[Term, ...]:
        """What it asks for."""
        return _licence_of(self.terms)


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """What its author had no right to do alone. Shapes: status is waiting or adopted; type and payload are
    those of the entry, a change or the withdrawal of a use.
    """

    status: str
    author: bytes
    commons: bytes
    type: str
    payload: bytes


@lru_cache(maxsize=256)
def _licence_of(terms: bytes) -> tuple[Term, ...]:
    """The licence in a row; every use asks for it again."""
    return tuple(TERM.read(item) for item in codec.decode(terms))


def licence_bytes(terms: tuple[Term, ...]) -> bytes:
    """A licence as it stands in a row."""
    return codec.encode([term.value for term in terms])


def commons(rows: Rows, commons_id: bytes) -> CommonsRow | None:
    """A commons."""
    value = members.read(rows, row_key("commons", commons_id))
    return None if value is None else _row_of(value)


def all_commons(rows: Rows) -> Iterator[tuple[bytes, CommonsRow]]:
    """Every commons of the group, ascending by id."""
    return ((key, _row_of(value)) for key, value in members.scan(rows, "commons"))


def _row_of(value: codec.Value) -> CommonsRow:
    author, name, kind, reach, terms, stewards, things, opened_ms = value
    return CommonsRow(author, name, kind, reach, terms, tuple(stewards), tuple(things), opened_ms)


def changes(rows: Rows) -> Iterator[tuple[bytes, ChangeRow]]:
    """The changes that somebody has asked the group for."""
    return rows_of(rows, ChangeRow, "commons_change")


def commons_named(rows: Rows, name: str) -> bytes | None:
    """The commons that bears a name."""
    value: bytes | None = members.read(rows, name_key(name))
    return value


def name_key(name: str) -> bytes:
    """The key of the row of a name."""
    return row_key("commons_name", tagged_hash("commons-name", name.encode()))


def commons_of_thing(rows: Rows, resource_id: bytes) -> bytes | None:
    """The commons to which a thing belongs."""
    value: bytes | None = members.read(rows, row_key("commons_thing", resource_id))
    return value


def year_of(row: CommonsRow, time_ms: int) -> int:
    """The year of a commons at a time, counted from its opening."""
    return min(max(0, time_ms - row.opened_ms) // YEAR_MS, YEAR_NUMBER_MAX)


# ---- who may do what


def role_of(rows: Rows, commons_id: bytes, agent_id: bytes) -> str:
    """The role that somebody was given; else members are the community, and others anyone."""
    value = members.read(rows, row_key("commons_role", commons_id, agent_id))
    if value is not None:
        return str(value[0])
    return COMMUNITY if agents.is_present(rows, agent_id) else ANYONE


def participants(rows: Rows, commons_id: bytes) -> Iterator[tuple[bytes, str]]:
    """Those who were given a role."""
    return ((key, str(value[0])) for key, value in members.scan(rows, "commons_role", commons_id))


def rules_of(rows: Rows) -> CommonsRules:
    """What the charter says about commons."""
    return members.charter(rows).commons


def has_right(rows: Rows, commons_id: bytes, row: CommonsRow, agent_id: bytes, right: str) -> bool:
    """Whether somebody may do something in a commons, by role or as a steward."""
    rights = rules_of(rows).rights
    roles = [role_of(rows, commons_id, agent_id), *([STEWARD] if agent_id in row.stewards else [])]
    return any(right in rights.get(role, ()) for role in roles)


def void_rule_of_parts(
    rows: Rows, stewards: tuple[bytes, ...], things: tuple[bytes, ...], context: BlockContext
) -> str | None:
    """Why stewards or things cannot be named, or None: stewards are members, things the group's."""
    if not all(agents.is_present(rows, steward) for steward in stewards):
        return "commons.no_such_member"
    found = [resource(rows, thing) for thing in things]
    return (
        None
        if all(one is not None and one.accountable == context.group for one in found)
        else "commons.no_thing"
    )
