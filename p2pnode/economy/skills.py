"""Skills: what somebody practised, taught and learned, read off what stands; nothing is kept for it.

Whoever works or serves practises what that is called. Where the event says so, the provider taught it, and
who received it learned it; or the provider learned it themselves. Peers who judged it, with what they are
competent in, stand beside it: nobody is given a mark, and nothing is added up over skills.

Source: D17, D3.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from p2pnode.core.amount import add
from p2pnode.economy import event as events
from p2pnode.economy.actions import SKILLED
from p2pnode.economy.event import LEARNED, TAUGHT
from p2pnode.economy.form import Kind
from p2pnode.economy.judging import UPHOLD
from p2pnode.economy.measure import Measure
from p2pnode.economy.tables import STANDING, ZERO, AttestationRow, EventRow

PRACTISED = "practised"
WAYS = (PRACTISED, TAUGHT, LEARNED)

Judged = tuple[bytes, AttestationRow]
"""Who judged, and how."""


class Doing(NamedTuple):
    """One event seen from one of its sides.

    Shapes: other is the other side; kind is the skill, or the specification that names it; the quantity is
    that of the event with its corrections.
    """

    kind: Kind
    way: str
    quantity: Measure
    other: bytes
    performed_ms: int


class Practice(NamedTuple):
    """One event in somebody's record of skills. Shapes: skill is the name of what was done."""

    record: bytes
    skill: str
    doing: Doing
    judged: tuple[Judged, ...]


class Skill(NamedTuple):
    """All that somebody did of one skill.

    Shapes: sums are by way and unit, in the order of WAYS; upheld and disputed are who judged, each with the
    competence they named or None, ascending.
    """

    name: str
    sums: tuple[tuple[str, Measure], ...]
    upheld: tuple[tuple[bytes, str | None], ...]
    disputed: tuple[tuple[bytes, str | None], ...]
    last_ms: int
    records: int


def doing_of(row: EventRow, member_id: bytes) -> Doing | None:
    """What an event says of a member's skill, or None. Errors: FormatError of events."""
    if row.status != STANDING or member_id not in (row.provider, row.receiver):
        return None
    said = events.decode(row.payload)
    kind = said.resource_conforms_to
    if said.action not in SKILLED or said.corrects is not None or kind is None:
        return None
    way, other = said.lesson or PRACTISED, row.receiver
    if member_id != row.provider:
        if said.lesson != TAUGHT:
            return None
        way, other = LEARNED, row.provider
    amount = row.effort_amount if said.effort_quantity is not None else row.resource_amount
    if amount is None or amount == ZERO:
        return None
    return Doing(kind, way, Measure(amount, said.quantity.unit), other, said.performed_ms)


def skills_of(practices: Iterable[Practice]) -> tuple[Skill, ...]:
    """The skills in a record, by name; names that differ in capitals alone are one.

    Errors: FormatError amount.out_of_range.
    """
    by_name: dict[str, list[Practice]] = {}
    for one in practices:
        by_name.setdefault(one.skill.casefold(), []).append(one)
    return tuple(_skill(by_name[name]) for name in sorted(by_name))


def _skill(practices: list[Practice]) -> Skill:
    newest = max(practices, key=lambda one: (one.doing.performed_ms, one.record))
    sums: dict[tuple[int, str], Measure] = {}
    for one in practices:
        doing = one.doing
        key = (WAYS.index(doing.way), doing.quantity.unit)
        held = sums.get(key)
        total = doing.quantity.amount if held is None else add(held.amount, doing.quantity.amount)
        sums[key] = Measure(total, doing.quantity.unit)
    judged = [judgement for one in practices for judgement in one.judged]
    return Skill(
        newest.skill,
        tuple((WAYS[way], sums[way, unit]) for way, unit in sorted(sums)),
        _judges(judged, is_upheld=True),
        _judges(judged, is_upheld=False),
        newest.doing.performed_ms,
        len(practices),
    )


def _judges(judged: Iterable[Judged], *, is_upheld: bool) -> tuple[tuple[bytes, str | None], ...]:
    found = {(member_id, row.competence) for member_id, row in judged if (row.verdict == UPHOLD) == is_upheld}
    return tuple(sorted(found, key=lambda one: (one[0], one[1] or "")))
