"""Uses of a commons: `use.record` and `use.withdraw`; what somebody owes because of a use.

An actor is a member, who records it, or somebody outside, of whom a member records it. What the licence asks
for becomes a claim of the group with the id of the use; nobody's signature makes it larger or smaller.

| table | key | value |
|---|---|---|
| `use` | entry id | `UseRow` |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, State
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.economy import agents, commons, form, licence, standing, tables
from p2pnode.economy.agreement import ACCEPTED, agreement
from p2pnode.economy.commons import ChangeRow, CommonsRow
from p2pnode.economy.form import Form
from p2pnode.economy.licence import Term
from p2pnode.economy.measure import Measure, measure_of_value
from p2pnode.economy.promising import CLAIM, Claim
from p2pnode.economy.record import Record
from p2pnode.economy.tables import CLOSED, FULFILLED, OPEN, STANDING, ZERO, ClaimRow
from p2pnode.governance.commons_rules import RECORD, WITHDRAW

USE_TYPE = "use.record"
WITHDRAW_TYPE = "use.withdraw"
WITHDRAWN = "withdrawn"
TIMES = frozenset({"hour", "minute-Time", "second-Time", "day", "week", "month", "year"})
"""Units in which somebody gives back by working."""


@dataclass(frozen=True, slots=True)
class Use:
    """A use. Shapes: actor is the author where nobody else is said; quantity counts the use, or declares the
    amount of which the licence asks a share; agreement is the one that allows it. Units: ms, as the author
    says.
    """

    commons: bytes
    performed_ms: int
    quantity: Measure
    actor: bytes | None = None
    agreement: bytes | None = None
    annex: bytes | None = None
    use: str | None = None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A use that does not count: it was a mistake, or the group lets somebody off."""

    use: bytes
    annex: bytes | None = None


@dataclass(frozen=True, slots=True)
class UseRow:
    """A use of the order.

    Shapes: taken is what it is worth by the licence, owed the part that became a claim; is_licensed is false
    where the licence asks for an agreement and there is none. Units: year is that of the commons.
    """

    commons: bytes
    status: str
    author: bytes
    actor: bytes
    role: str
    asks: str
    quantity: Measure
    taken: Measure | None
    owed: Measure | None
    is_exempt: bool
    is_licensed: bool
    year: int
    payload: bytes


def _quantity(fields: Fields, name: str) -> Measure:
    measure = measure_of_value(fields.value(name))
    if measure.amount[0] <= 0:
        raise FormatError("use.bad_quantity", "a use is more than nothing")
    return measure


USE: Form[Use] = Form(
    "use",
    Use,
    {"commons": form.an_id, "performed_ms": form.a_time, "quantity": _quantity},
    {"actor": form.an_id, "agreement": form.an_id, "annex": form.an_id, "use": form.a_name},
)
WITHDRAWAL: Form[Withdrawal] = Form("use", Withdrawal, {"use": form.an_id}, {"annex": form.an_id})


def use(rows: Rows, use_id: bytes) -> UseRow | None:
    """A use."""
    return tables.row(rows, UseRow, "use", use_id)


def uses(rows: Rows) -> Iterator[tuple[bytes, UseRow]]:
    """Every use, ascending by id."""
    return tables.rows_of(rows, UseRow, "use")


def record_use(state: State, record: Record, context: BlockContext) -> str | None:
    """Count a use, and claim what the licence asks for it."""
    said = USE.decode(record.payload)
    actor = said.actor or record.author
    held = commons.commons(state, said.commons)
    if held is None:
        return "commons.unknown"
    rule = _void_rule(state, record, said, held, actor, context)
    if rule is not None:
        return rule
    role, kind = commons.role_of(state, said.commons, actor), said.use or ""
    term = licence.term_for(held.licence, role, kind)
    if term.unit is not None and term.unit != said.quantity.unit:
        return "use.other_unit"
    year = commons.year_of(held, context.time_ms)
    counted = standing.used_in_year(state, said.commons, actor, year, kind, said.quantity.unit)
    due = licence.due(term, counted, said.quantity)
    is_exempt = due is not None and _is_exempt(state, said.commons, held, actor, term, due, context)
    row = UseRow(
        commons=said.commons,
        status=STANDING,
        author=record.author,
        actor=actor,
        role=role,
        asks=term.asks,
        quantity=said.quantity,
        taken=_taken(held, term, said.quantity, due),
        owed=None if is_exempt else due,
        is_exempt=is_exempt,
        is_licensed=term.asks != licence.AGREEMENT or said.agreement is not None,
        year=year,
        payload=record.payload,
    )
    tables.put(state, "use", record.id, row)
    standing.note_use(state, said.commons, actor, record.id, year, kind, said.quantity, row.taken)
    if row.owed is not None:
        tables.put(state, "claim", record.id, _claim(record.id, actor, context.group, row.owed))
    return None


def _void_rule(
    rows: Rows, record: Record, said: Use, held: CommonsRow, actor: bytes, context: BlockContext
) -> str | None:
    kind = agents.kind_of(rows, actor, context)
    if kind is None or kind == agents.GROUP:
        return "use.no_such_agent"
    if kind == agents.OUTSIDE:
        if held.reach == commons.GROUP_REACH:
            return "use.beyond_reach"
        if not commons.has_right(rows, said.commons, held, record.author, RECORD):
            return "commons.no_right"
    elif actor != record.author:
        return "use.not_yours"
    if said.agreement is not None:
        row = agreement(rows, said.agreement)
        if row is None or row.status != ACCEPTED or actor not in row.terms.parties:
            return "use.no_agreement"
    return None


def _taken(held: CommonsRow, term: Term, quantity: Measure, due: Measure | None) -> Measure | None:
    """What a use takes: what is asked for it; else the use itself, where it takes something from others."""
    if term.asks in (licence.SHARE, licence.EACH):
        return due
    return None if held.kind == commons.KNOWLEDGE else quantity


def _is_exempt(
    rows: Rows,
    commons_id: bytes,
    held: CommonsRow,
    actor: bytes,
    term: Term,
    due: Measure,
    context: BlockContext,
) -> bool:
    """Whether somebody gives back as much as the charter asks for, this use included."""
    if not term.reciprocal:
        return False
    rules = commons.rules_of(rows)
    found = standing.balances(rows, commons_id, held, actor, rules, context.time_ms)
    return standing.verdict(standing.with_taken(found, due), rules) == standing.GENERATIVE


def _claim(use_id: bytes, actor: bytes, group: bytes, owed: Measure) -> ClaimRow:
    is_work = owed.unit in TIMES
    said = Claim(
        "work" if is_work else "transfer",
        actor,
        use_id,
        effort_quantity=owed if is_work else None,
        resource_quantity=None if is_work else owed,
    )
    return ClaimRow(OPEN, actor, group, use_id, owed, ZERO, CLAIM.encode(said))


def withdraw_use(state: State, record: Record, _: BlockContext) -> str | None:
    """Let a use not count: who has the right does it, others ask the group; nobody does it for themselves."""
    said = WITHDRAWAL.decode(record.payload)
    row = use(state, said.use)
    if row is None:
        return "use.unknown"
    if row.status != STANDING:
        return "use.withdrawn"
    held = commons.commons(state, row.commons)
    assert held is not None, "a use is of a commons"
    is_mine = record.author == row.actor
    if not is_mine and commons.has_right(state, row.commons, held, record.author, WITHDRAW):
        return carry_out_withdrawal(state, record.payload)
    waiting = ChangeRow(commons.WAITING, record.author, row.commons, WITHDRAW_TYPE, record.payload)
    tables.put(state, "commons_change", record.id, waiting)
    return None


def carry_out_withdrawal(state: State, payload: bytes) -> str | None:
    """Take a use off all accounts; what was given for it stays given. Errors: FormatError
    amount.out_of_range."""
    said = WITHDRAWAL.decode(payload)
    row = use(state, said.use)
    assert row is not None, "it was there when this was written, and uses stay"
    if row.status != STANDING:
        return "use.withdrawn"
    kind = USE.decode(row.payload).use or ""
    standing.note_use(
        state, row.commons, row.actor, said.use, row.year, kind, row.quantity, row.taken, sign=-1
    )
    tables.put(state, "use", said.use, replace(row, status=WITHDRAWN))
    claim = tables.claim(state, said.use)
    if claim is not None and claim.status in (OPEN, FULFILLED):
        tables.put(state, "claim", said.use, replace(claim, status=CLOSED))
    return None
