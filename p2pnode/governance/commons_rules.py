"""What a charter says about commons: who may change it, what counts as giving back, what money may earn.

It knows numbers and words only; the rules are carried out by the economy.

| setting | meaning | where the charter is silent |
|---|---|---|
| `generative_permille` | who gives at least so much of what they take is generative | 1000 |
| `return_permille_max` | what may ever flow back of outside money, of the amount | 2000 |
| `rights` | role: [right...]; the roles are those of `ROLES` and `steward` | `RIGHTS_USUALLY` |
| `weights` | unit: points; units with points are added up, others stand for themselves | none |
| `years` | how many years of a commons are looked at, the present one included | 2 |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from p2pnode.core.codec import Value
from p2pnode.core.fields import Fields

COMMUNITY, ENTREPRENEUR, ASSOCIATION, ANYONE = "community", "entrepreneur", "association", "anyone"
ROLES = (COMMUNITY, ENTREPRENEUR, ASSOCIATION)
STEWARD = "steward"

BOOK, CHANGE, GUARD, RECORD, ASSIGN, WITHDRAW = "book", "change", "guard", "record", "assign", "withdraw"
RIGHTS = (ASSIGN, BOOK, CHANGE, GUARD, RECORD, WITHDRAW)
"""Giving roles, booking, changing the licence, looking after things, recording uses of outsiders, withdrawing
uses."""

RIGHTS_USUALLY: Mapping[str, tuple[str, ...]] = {
    ASSOCIATION: (GUARD, RECORD),
    COMMUNITY: (BOOK, RECORD),
    ENTREPRENEUR: (BOOK,),
    STEWARD: (ASSIGN, BOOK, GUARD, RECORD, WITHDRAW),
}

PERMILLE_MAX = 1_000_000
_YEARS_MAX = 10
_WEIGHTS_MAX = 32
_WEIGHT_MAX = 1_000_000
_NAMES = ("generative_permille", "return_permille_max", "rights", "weights", "years")


@dataclass(frozen=True, slots=True)
class CommonsRules:
    """The test of a charter, and the rights of roles. Shapes: weights by the name of the unit."""

    generative_permille: int
    return_permille_max: int
    rights: Mapping[str, tuple[str, ...]]
    weights: Mapping[str, int]
    years: int


def commons_rules_of_value(value: Value) -> CommonsRules:
    """The rules in a table of a charter. Errors: FormatError charter.bad_field."""
    fields = Fields(value, "charter", (), _NAMES)
    return CommonsRules(
        _number(fields, "generative_permille", PERMILLE_MAX, 1000),
        _number(fields, "return_permille_max", PERMILLE_MAX, 2000),
        _rights(fields),
        _weights(fields),
        _number(fields, "years", _YEARS_MAX, 2, least=1),
    )


def _number(fields: Fields, name: str, most: int, usual: int, least: int = 0) -> int:
    return fields.uint(name, most, least) if fields.has(name) else usual


def _rights(fields: Fields) -> Mapping[str, tuple[str, ...]]:
    said = fields.value("rights") if fields.has("rights") else {}
    inner = Fields(said, "charter", (), (*ROLES, STEWARD))
    rights = dict(RIGHTS_USUALLY)
    for role in RIGHTS_USUALLY:
        if inner.has(role):
            found = inner.items(role, len(RIGHTS))
            if any(type(right) is not str or right not in RIGHTS for right in found):
                raise inner.refuse(role, f"not a list of {', '.join(RIGHTS)}")
            if len(set(found)) != len(found):
                raise inner.refuse(role, "a right stands twice")
            rights[role] = tuple(found)
    return rights


def _weights(fields: Fields) -> Mapping[str, int]:
    said = fields.value("weights") if fields.has("weights") else {}
    if type(said) is not dict or len(said) > _WEIGHTS_MAX:
        raise fields.refuse("weights", f"not a table of at most {_WEIGHTS_MAX} units")
    inner = Fields(said, "charter", (), said)
    return {unit: inner.uint(unit, _WEIGHT_MAX) for unit in sorted(said)}
