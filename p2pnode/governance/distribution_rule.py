"""How a group shares what flowed in: one table of the charter for each rule, as data in an order of buckets.

    [distribution.surplus]
    unit = "EUR"
    [[distribution.surplus.buckets]]
    name = "reserve"
    kind = "fund"
    permille = 100

| field of a rule | meaning |
|---|---|
| `unit` | in which unit the flow is counted |
| `flow` | `received`: what came to the group; `surplus`, usual: less what it gave away for other things |
| `of_kind` | only flows of things of this name; all of the unit where it is silent |
| `gives` | `claims`, usual: each share is owed until it is paid; `transfers`: it is given at once |
| `decimals` | to how many places shares are rounded; 2 is usual |

| field of a bucket | meaning |
|---|---|
| `kind` | to whom it goes: see below |
| `of` | `whole`, or `rest`, usual: what the buckets before have left |
| `permille`, `amount`, `each` | how much: a part, a fixed amount, or an equal amount for each member |
| `weights` | for `contributions`: [{unit, weight, stream?, kind?}...], of which the first that fits counts |
| `keys` | for `keys`: [{member, weight}...], members by their whole ids |

| kind of bucket | its shares |
|---|---|
| `fund` | none: it stays with the group, for what the name says |
| `equal` | the same for every member |
| `contributions` | by what each contributed, as the weights say |
| `consumption` | by what each used of the unit, and no more than that |
| `keys` | by fixed weights of members |
| `capped` | back to outside money, up to its caps |

Shapes and bounds only; what comes out of a rule is the business of the economy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from p2pnode.core.amount import Amount, amount_of_text
from p2pnode.core.codec import Value
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields

RULES_MAX = 16
BUCKETS_MAX = 16
WEIGHTS_MAX = 64
KEYS_MAX = 256
WEIGHT_MAX = 1_000_000
DECIMALS_MAX = 6
WHOLE_PERMILLE = 1000

FUND, EQUAL, CONTRIBUTIONS = "fund", "equal", "contributions"
CONSUMPTION, KEYS, CAPPED = "consumption", "keys", "capped"
KINDS = (FUND, EQUAL, CONTRIBUTIONS, CONSUMPTION, KEYS, CAPPED)
RECEIVED, SURPLUS = "received", "surplus"
CLAIMS, TRANSFERS = "claims", "transfers"
WHOLE, REST = "whole", "rest"
STREAMS = ("livelihood", "commons", "care")

_UNIT = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,31}")
NAME_CHARACTERS_MAX = 32
_WORDS_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Weight:
    """What one unit of a contribution counts. Shapes: None fits every stream or kind."""

    unit: str
    weight: int
    stream: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """One step of a rule. Shapes: exactly one of permille, amount and each says how much."""

    name: str
    kind: str
    of: str = REST
    permille: int | None = None
    amount: Amount | None = None
    each: Amount | None = None
    weights: tuple[Weight, ...] = ()
    keys: tuple[tuple[bytes, int], ...] = ()


@dataclass(frozen=True, slots=True)
class DistributionRule:
    """A rule with everything that it is silent about filled in."""

    unit: str
    buckets: tuple[Bucket, ...]
    flow: str = SURPLUS
    gives: str = CLAIMS
    decimals: int = 2
    of_kind: str | None = None


def check_distribution(value: Value) -> Mapping[str, DistributionRule]:
    """All distribution rules of a charter. Errors: FormatError charter.bad_field."""
    if type(value) is not dict or len(value) > RULES_MAX:
        raise FormatError("charter.bad_field", f"distribution: not a table of at most {RULES_MAX} rules")
    if not all(1 <= len(name) <= NAME_CHARACTERS_MAX for name in value):
        raise FormatError("charter.bad_field", "distribution: the name of a rule has 1 to 32 characters")
    return {name: rule_of_value(value[name]) for name in sorted(value)}


def rule_of_value(value: Value) -> DistributionRule:
    """One table of a charter's distribution. Errors: FormatError charter.bad_field."""
    fields = Fields(value, "charter", ("buckets", "unit"), ("decimals", "flow", "gives", "of_kind"))
    buckets = tuple(_bucket_of(item) for item in fields.items("buckets", BUCKETS_MAX, least=1))
    names = [bucket.name for bucket in buckets]
    if len(set(names)) != len(names):
        raise fields.refuse("buckets", "two of them bear one name")
    return DistributionRule(
        _unit(fields),
        buckets,
        fields.choice("flow", (RECEIVED, SURPLUS)) if fields.has("flow") else SURPLUS,
        fields.choice("gives", (CLAIMS, TRANSFERS)) if fields.has("gives") else CLAIMS,
        fields.uint("decimals", DECIMALS_MAX) if fields.has("decimals") else 2,
        fields.text("of_kind", _WORDS_CHARACTERS_MAX) if fields.has("of_kind") else None,
    )


def _bucket_of(value: Value) -> Bucket:
    fields = Fields(
        value, "charter", ("kind", "name"), ("amount", "each", "keys", "of", "permille", "weights")
    )
    kind = fields.choice("kind", KINDS)
    sizes = [name for name in ("amount", "each", "permille") if fields.has(name)]
    if len(sizes) != 1 or (sizes == ["each"] and kind != EQUAL):
        raise fields.refuse("permille", "a bucket has one of permille and amount, or of equal shares each")
    for name, needed in (("weights", CONTRIBUTIONS), ("keys", KEYS)):
        if fields.has(name) != (kind == needed):
            raise fields.refuse(name, f"a bucket of {needed} has {name}, and no other")
    return Bucket(
        fields.text("name", NAME_CHARACTERS_MAX),
        kind,
        fields.choice("of", (WHOLE, REST)) if fields.has("of") else REST,
        fields.uint("permille", WHOLE_PERMILLE, least=1) if fields.has("permille") else None,
        _amount(fields, "amount"),
        _amount(fields, "each"),
        _weights(fields) if kind == CONTRIBUTIONS else (),
        _keys(fields) if kind == KEYS else (),
    )


def _weights(fields: Fields) -> tuple[Weight, ...]:
    found = []
    for item in fields.items("weights", WEIGHTS_MAX, least=1):
        inner = Fields(item, "charter", ("unit", "weight"), ("kind", "stream"))
        found.append(
            Weight(
                _unit(inner),
                inner.uint("weight", WEIGHT_MAX),
                inner.choice("stream", STREAMS) if inner.has("stream") else None,
                inner.text("kind", _WORDS_CHARACTERS_MAX) if inner.has("kind") else None,
            )
        )
    return tuple(found)


def _keys(fields: Fields) -> tuple[tuple[bytes, int], ...]:
    found: dict[bytes, int] = {}
    for item in fields.items("keys", KEYS_MAX, least=1):
        inner = Fields(item, "charter", ("member", "weight"))
        text = inner.text("member", 64, least=64)
        try:
            member = bytes.fromhex(text)
        except ValueError as error:
            raise inner.refuse("member", "not the whole id of a member, in 64 hexadecimal digits") from error
        if member in found or len(member) != 32:
            raise inner.refuse("member", "a member has one key")
        found[member] = inner.uint("weight", WEIGHT_MAX)
    return tuple(sorted(found.items()))


def _unit(fields: Fields) -> str:
    unit = fields.text("unit", 32)
    if not _UNIT.fullmatch(unit):
        raise fields.refuse("unit", "a unit is one word, such as EUR, hour or kilowattHour")
    return unit


def _amount(fields: Fields, name: str) -> Amount | None:
    """A fixed amount: a whole number, or a decimal in quotes."""
    if not fields.has(name):
        return None
    value = fields.value(name)
    text = str(value) if type(value) is int else value
    if type(text) is not str:
        raise fields.refuse(name, 'a whole number, or a decimal in quotes such as "12.50"')
    try:
        amount = amount_of_text(text)
    except FormatError as error:
        raise fields.refuse(name, error.detail) from error
    if amount[0] <= 0:
        raise fields.refuse(name, "greater than zero")
    return amount
