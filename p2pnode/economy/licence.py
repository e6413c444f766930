"""What a commons asks of those who use it: terms as data, and what follows from a use.

A term for the kind of use goes before one for every use; of these, one for the role before one for anyone.
Where none fits, a use needs an agreement. There is no expression language: a term is one of five words with
its numbers.

| asks | what follows |
|---|---|
| `free` | nothing |
| `attribution` | nothing but the naming of the commons |
| `share` | so many permille of a declared amount of a unit |
| `each` | so much for each unit of use |
| `agreement` | nothing by itself: the use names an agreement in force |
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from p2pnode.core.amount import Amount, add, amount_of, is_less, negated
from p2pnode.core.codec import Value
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.economy import form
from p2pnode.economy.form import Form
from p2pnode.economy.measure import Measure, measure_of_value
from p2pnode.governance.commons_rules import ANYONE, ROLES

FREE, ATTRIBUTION, SHARE, EACH, AGREEMENT = "free", "attribution", "share", "each", "agreement"
TERMS_MAX = 64
_WHOLE = 1000
_ZERO: Amount = (0, 0)


@dataclass(frozen=True, slots=True)
class Term:
    """One term. Shapes: without `use` it holds for every kind of use; unit is what uses are counted in;
    free_below is so much use in a year of the commons that asks for nothing; with `reciprocal` those owe
    nothing who give back what the charter's test asks for.
    """

    asks: str
    role: str
    each: Measure | None = None
    free_below: Measure | None = None
    reciprocal: bool | None = None
    share_permille: int | None = None
    unit: str | None = None
    use: str | None = None

    @property
    def value(self) -> dict[str, Value]:
        """The map in payloads."""
        return TERM.value(self)

    @property
    def key(self) -> tuple[str, str]:
        """By what terms are told apart, and in which order they stand."""
        return (self.role, self.use or "")


def _amount(fields: Fields, name: str) -> Measure:
    measure = measure_of_value(fields.value(name))
    if measure.amount[0] <= 0:
        raise fields.refuse(name, "not more than nothing")
    return measure


def _check(term: Term) -> None:
    is_counted = term.asks in (SHARE, EACH)
    if (term.share_permille is not None) != (term.asks == SHARE) or (term.each is not None) != (
        term.asks == EACH
    ):
        raise FormatError(
            "licence.bad_term", "a share has its permille, `each` has its amount, others neither"
        )
    if (term.unit is not None) != is_counted:
        raise FormatError("licence.bad_term", "what is asked for by amount has a unit of use")
    if not is_counted and (term.free_below is not None or term.reciprocal is not None):
        raise FormatError("licence.bad_term", "only what asks for something is less for somebody")
    if term.free_below is not None and term.free_below.unit != term.unit:
        raise FormatError("licence.bad_term", "a threshold is in the unit of use")


TERM: Form[Term] = Form(
    "licence",
    Term,
    {
        "asks": form.choice(FREE, ATTRIBUTION, SHARE, EACH, AGREEMENT),
        "role": form.choice(*ROLES, ANYONE),
    },
    {
        "each": _amount,
        "free_below": _amount,
        "reciprocal": form.true,
        "share_permille": form.number(_WHOLE, 1),
        "unit": form.a_unit,
        "use": form.a_name,
    },
    _check,
)


def terms(fields: Fields, name: str) -> tuple[Term, ...]:
    """The terms of a licence, ascending by role and kind of use."""
    found = tuple(TERM.read(item) for item in fields.items(name, TERMS_MAX, least=1))
    if any(left.key >= right.key for left, right in pairwise(found)):
        raise fields.refuse(name, "not strictly ascending by role and use")
    return found


def term_for(licence: tuple[Term, ...], role: str, use: str) -> Term:
    """The term by which somebody uses a commons: for the kind of use, then for every use."""
    held = {term.key: term for term in licence}
    for key in ((role, use), (ANYONE, use), (role, ""), (ANYONE, "")):
        if key in held:
            return held[key]
    return Term(AGREEMENT, ANYONE)


def due(term: Term, used_before: Amount, quantity: Measure) -> Measure | None:
    """What a term asks for a use, or None for nothing.

    Shapes: used_before is what the same actor has used in this year; what stays below the threshold asks for
    nothing. Errors: FormatError amount.out_of_range.
    """
    if term.asks not in (SHARE, EACH):
        return None
    beyond = _beyond(term, add(used_before, quantity.amount))
    counted = add(beyond, negated(_beyond(term, used_before)))
    if counted == _ZERO:
        return None
    if term.each is not None:
        mantissa, exponent = term.each.amount
        return Measure(amount_of(counted[0] * mantissa, counted[1] + exponent), term.each.unit)
    return Measure(amount_of(counted[0] * (term.share_permille or 0), counted[1] - 3), quantity.unit)


def _beyond(term: Term, used: Amount) -> Amount:
    if term.free_below is None:
        return used
    beyond = add(used, negated(term.free_below.amount))
    return _ZERO if is_less(beyond, _ZERO) else beyond
