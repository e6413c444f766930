"""How a group decides on one subject: which rule, which quorum, how long; one table of the charter each.

It knows numbers only; who may vote and what was voted is counted elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType

from p2pnode.core.codec import Value
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields, is_rule_id

CONSENT = "consent"
MAJORITY = "majority"
SUPERMAJORITY = "supermajority"
RULES = (MAJORITY, SUPERMAJORITY, CONSENT)
"""From the weakest to the strictest."""

DEFAULT_SUBJECT = "default"
SUBJECTS = (
    "admit",
    "amend",
    "commons",
    "council",
    "dispute",
    "distribute",
    "lying_voters",
    "mandate",
    "reinstate",
    "remove",
    "restore_key",
    "role",
    "rule_version",
    "suspend",
    "text",
    "voting_role",
)
"""What this rule version carries out; a charter may name further subjects, which bind people alone.

A subject without a rule of its own in charter and defaults is decided by the group's default one.
"""

HOUR_MS = 3600 * 1000
_SUBJECTS_MAX = 64
_HOURS_MAX = 24 * 366
_PART_MAX = 1000
_HALF = (1, 2)
_TWO_THIRDS = (2, 3)
_FIELDS = ("early", "grace_hours", "quorum", "rule", "share", "window_hours")

Part = tuple[int, int]
"""A ratio [num, den]."""


def _weak(window_hours: int, rule: str = MAJORITY) -> dict[str, Value]:
    return {"early": True, "quorum": list(_HALF), "rule": rule, "window_hours": window_hours}


def _strong(quorum: Part, window_hours: int, early: bool = True) -> dict[str, Value]:
    return {
        "early": early,
        "quorum": list(quorum),
        "rule": SUPERMAJORITY,
        "share": list(_TWO_THIRDS),
        "window_hours": window_hours,
    }


DEFAULT_RULES: Mapping[str, Value] = {
    DEFAULT_SUBJECT: _weak(72),
    "admit": _weak(72, CONSENT),
    "amend": _strong(_TWO_THIRDS, 168),
    "council": _weak(168),
    "distribute": _weak(168),
    "lying_voters": _strong(_TWO_THIRDS, 168),
    "mandate": _weak(72),
    "reinstate": _weak(72),
    "remove": _strong(_TWO_THIRDS, 168, early=False),
    "restore_key": _strong(_HALF, 168, early=False),
    "role": _weak(72),
    "rule_version": _strong(_HALF, 168),
    "suspend": _strong(_HALF, 72, early=False),
    "text": _weak(72),
    "voting_role": _weak(72),
}
"""What stands where a charter is silent; it never changes, because charters may be silent for ever."""


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """How to decide on one subject.

    Shapes: share is the part of yes among yes and no that a supermajority needs; quorum the part of the
    electorate that has to take part. `early` lets the deadline move to the moment when everybody has voted.
    Units: hours.
    """

    rule: str
    share: Part
    quorum: Part
    window_hours: int
    grace_hours: int
    early: bool

    @property
    def threshold(self) -> tuple[str, Part, Part]:
        """How many have to agree, apart from times."""
        return (self.rule, self.share, self.quorum)

    def at_least(self, others: Sequence[DecisionRule]) -> DecisionRule:
        """The same times, and a threshold that satisfies each of the others too."""
        rules = (self, *others)
        rule = RULES[max(RULES.index(each.rule) for each in rules)]
        share = _largest([each.share for each in rules]) if rule == SUPERMAJORITY else _HALF
        return replace(self, rule=rule, share=share, quorum=_largest([each.quorum for each in rules]))

    @property
    def value(self) -> Value:
        """The rule with everything written out."""
        return [
            self.rule,
            list(self.share),
            list(self.quorum),
            self.window_hours,
            self.grace_hours,
            self.early,
        ]


def rule_of_row(value: Value) -> DecisionRule:
    """The rule in the form of `DecisionRule.value`. Errors: FormatError charter.bad_field."""
    if type(value) is not list or len(value) != 6:
        raise FormatError("charter.bad_field", "a decision rule has six parts")
    names = ("rule", "share", "quorum", "window_hours", "grace_hours", "early")
    written = dict(zip(names, value, strict=True))
    if written["rule"] != SUPERMAJORITY:
        del written["share"]
    rule = rule_of_value(written, 0)
    if rule.value != value:
        raise FormatError("charter.bad_field", "a decision rule that is not written as usual")
    return rule


def rule_of_value(value: Value, grace_hours: int) -> DecisionRule:
    """One table of a charter's decisions.

    Shapes: grace_hours is what holds when the table is silent. Errors: FormatError charter.bad_field.
    """
    fields = Fields(value, "charter", ("rule",), tuple(name for name in _FIELDS if name != "rule"))
    rule = fields.choice("rule", RULES)
    share = _part(fields, "share", _TWO_THIRDS)
    if rule != SUPERMAJORITY and fields.has("share"):
        raise fields.refuse("share", f"only a {SUPERMAJORITY} has one")
    if 2 * share[0] <= share[1]:
        raise fields.refuse("share", "a supermajority is more than half")
    if fields.has("early") and type(fields.value("early")) is not bool:
        raise fields.refuse("early", "neither true nor false")
    return DecisionRule(
        rule,
        share if rule == SUPERMAJORITY else _HALF,
        _part(fields, "quorum", _HALF),
        fields.uint("window_hours", _HOURS_MAX) if fields.has("window_hours") else 72,
        fields.uint("grace_hours", 24 * 90) if fields.has("grace_hours") else grace_hours,
        bool(fields.value("early")) if fields.has("early") else False,
    )


def check_rules(value: Value) -> Mapping[str, DecisionRule]:
    """All tables of a charter's decisions. Errors: FormatError charter.bad_field."""
    if type(value) is not dict or len(value) > _SUBJECTS_MAX:
        raise FormatError("charter.bad_field", f"decisions: not a table of at most {_SUBJECTS_MAX} subjects")
    if not all(is_subject(subject) for subject in value):
        raise FormatError("charter.bad_field", "decisions: a subject is 1 to 32 of a-z, 0-9, dot, underscore")
    return MappingProxyType({subject: rule_of_value(value[subject], 0) for subject in sorted(value)})


def is_subject(text: Value) -> bool:
    """Whether a value may name a subject."""
    return type(text) is str and len(text) <= 32 and is_rule_id(text)


def with_default_rules(rules: Mapping[str, Value]) -> dict[str, Value]:
    """A charter's decisions with everything written out that they are silent about.

    Shapes: what is no table stays as it is, for the check to refuse.
    """
    full = dict(DEFAULT_RULES)
    # The group's default first: its own subjects take from it what they are silent about.
    for subject in sorted(rules, key=lambda name: (name != DEFAULT_SUBJECT, name)):
        value = rules[subject]
        usual = dict(full.get(subject, full[DEFAULT_SUBJECT]))
        if type(value) is dict:
            if value.get("rule", usual["rule"]) != SUPERMAJORITY:
                usual.pop("share", None)
            elif "share" not in usual:
                usual["share"] = list(_TWO_THIRDS)
            value = {**usual, **value}
        full[subject] = value
    return full


def _largest(parts: Sequence[Part]) -> Part:
    found = parts[0]
    for part in parts[1:]:
        if part[0] * found[1] > found[0] * part[1]:
            found = part
    return found


def _part(fields: Fields, name: str, default: Part) -> Part:
    if not fields.has(name):
        return default
    items = fields.items(name, 2, least=2)
    if any(type(item) is not int for item in items) or not 0 <= items[0] <= items[1] <= _PART_MAX:
        raise fields.refuse(name, f"not [num, den] with num <= den <= {_PART_MAX}")
    if items[1] == 0 or Fraction(items[0], items[1]).denominator != items[1]:
        raise fields.refuse(name, "not in lowest terms (J3)")
    return (items[0], items[1])
