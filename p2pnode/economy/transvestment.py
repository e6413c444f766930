"""Means from outside: `inflow.record`, with a cap on what may ever flow back.

What comes in counts once the group has adopted it. It becomes an event, and a claim of who brought it up to
the cap. Each event that settles this claim is a return; at the cap the claim is extinguished for ever. Money
buys nothing else: no vote, no role, no thing. A run may promise a return (`sharing.py`); what is paid goes
towards such promises first, and beyond them it is a cost of the group.

| table | key | value |
|---|---|---|
| `inflow` | entry id | `InflowRow` |
| `returning` | entry id | `ReturningRow` |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, State
from p2pnode.core.amount import Amount, add, amount_of, is_less, negated
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.economy import agents, commons, form, promising, tables
from p2pnode.economy.commons import ADOPTED, WAITING
from p2pnode.economy.event import Event
from p2pnode.economy.form import Form, Kind
from p2pnode.economy.measure import Measure, measure_of_value
from p2pnode.economy.promising import CLAIM, Claim
from p2pnode.economy.record import Record
from p2pnode.economy.tables import CLOSED, FULFILLED, OPEN, ZERO, ClaimRow
from p2pnode.governance.commons_rules import PERMILLE_MAX

INFLOW_TYPE = "inflow.record"
DEBT, EQUITY, ONCE = "debt", "equity", "once"
_WHOLE = 1000


@dataclass(frozen=True, slots=True)
class Inflow:
    """What somebody brings in from outside.

    Shapes: provider is the author, or somebody outside whom the author names. Returns as a debt are paid as
    there is means, as equity they are a share of what is distributed, once means that a single return ends
    the claim, however small. Units: the cap and the share in thousandths, of the amount and of a flow.
    """

    cap_permille: int
    performed_ms: int
    quantity: Measure
    returns: str
    annex: bytes | None = None
    commons: bytes | None = None
    provider: bytes | None = None
    resource_conforms_to: Kind | None = None
    share_permille: int | None = None


@dataclass(frozen=True, slots=True)
class InflowRow:
    """An inflow. Shapes: status is waiting or adopted; cap is what may flow back in all."""

    status: str
    author: bytes
    provider: bytes
    returns: str
    share_permille: int | None
    quantity: Measure
    cap: Amount
    payload: bytes
    time_ms: int


@dataclass(frozen=True, slots=True)
class ReturningRow:
    """What runs have promised to a claim and is not paid yet, and what was paid that no run had promised."""

    promised: Amount = ZERO
    unshared: Amount = ZERO


@dataclass(frozen=True, slots=True)
class CappedClaim:
    """What may still flow back to somebody, for who shares a flow out.

    Shapes: claim is the id that a return settles; left is what neither was paid nor is promised. Units:
    share_permille is of the flow, None without bound.
    """

    claim: bytes
    provider: bytes
    returns: str
    share_permille: int | None
    left: Measure


def _quantity(fields: Fields, name: str) -> Measure:
    measure = measure_of_value(fields.value(name))
    if measure.amount[0] <= 0:
        raise FormatError("inflow.bad_quantity", "what comes in is more than nothing")
    return measure


def _check(inflow: Inflow) -> None:
    if (inflow.share_permille is not None) != (inflow.returns == EQUITY):
        raise FormatError("inflow.bad_returns", "equity has a share of what is distributed, others have none")


INFLOW: Form[Inflow] = Form(
    "inflow",
    Inflow,
    {
        "cap_permille": form.number(PERMILLE_MAX, 1),
        "performed_ms": form.a_time,
        "quantity": _quantity,
        "returns": form.choice(DEBT, EQUITY, ONCE),
    },
    {
        "annex": form.an_id,
        "commons": form.an_id,
        "provider": form.an_id,
        "resource_conforms_to": form.a_kind,
        "share_permille": form.number(_WHOLE, 1),
    },
    _check,
)


def inflow(rows: Rows, inflow_id: bytes) -> InflowRow | None:
    """An inflow."""
    return tables.row(rows, InflowRow, "inflow", inflow_id)


def inflows(rows: Rows) -> Iterator[tuple[bytes, InflowRow]]:
    """Every inflow, ascending by id."""
    return tables.rows_of(rows, InflowRow, "inflow")


def record_inflow(state: State, record: Record, context: BlockContext) -> str | None:
    """Put before the group what came in and what is asked for it."""
    said = INFLOW.decode(record.payload)
    provider = said.provider or record.author
    kind = agents.kind_of(state, provider, context)
    if kind is None:
        return "inflow.no_such_agent"
    if provider != record.author and kind != agents.OUTSIDE:
        return "inflow.not_yours"
    if said.commons is not None and commons.commons(state, said.commons) is None:
        return "commons.unknown"
    rule = promising.void_rule_of_kind(state, said.resource_conforms_to)
    if rule is not None:
        return rule
    if said.cap_permille > commons.rules_of(state).return_permille_max:
        return "inflow.beyond_charter"
    mantissa, exponent = said.quantity.amount
    row = InflowRow(
        status=WAITING,
        author=record.author,
        provider=provider,
        returns=said.returns,
        share_permille=said.share_permille,
        quantity=said.quantity,
        cap=amount_of(mantissa * said.cap_permille, exponent - 3),
        payload=record.payload,
        time_ms=record.time_ms,
    )
    tables.put(state, "inflow", record.id, row)
    return None


def as_event(said: Inflow, group: bytes) -> Event:
    """What an inflow becomes once the group has adopted it. Shapes: without a provider, its author's."""
    return Event(
        "transfer",
        said.performed_ms,
        annex=said.annex,
        provider=said.provider,
        receiver=group,
        resource_conforms_to=said.resource_conforms_to,
        resource_quantity=said.quantity,
    )


def open_claim(state: State, inflow_id: bytes, row: InflowRow, group: bytes) -> None:
    """Let who brought something in ask for as much as the cap, and note that the group has adopted it."""
    cap = Measure(row.cap, row.quantity.unit)
    said = Claim("transfer", group, inflow_id, resource_quantity=cap)
    claim = ClaimRow(OPEN, group, row.provider, inflow_id, cap, ZERO, CLAIM.encode(said))
    tables.put(state, "claim", inflow_id, claim)
    tables.put(state, "inflow", inflow_id, replace(row, status=ADOPTED))


# ---- what flows back


def void_rule_of_return(rows: Rows, claim_id: bytes, flow: Measure, is_correction: bool) -> str | None:
    """Why so much cannot flow back by a claim, or None; other claims have no cap."""
    row = inflow(rows, claim_id)
    claim = None if row is None else tables.claim(rows, claim_id)
    if row is None or claim is None:
        return None
    if claim.status == FULFILLED and not is_correction:
        return "inflow.extinguished"
    is_beyond = is_less(row.cap, add(claim.settled, flow.amount))
    return "inflow.capped" if is_beyond and flow.amount[0] > 0 else None


def note_return(state: State, claim_id: bytes) -> None:
    """End a claim that a single return ends."""
    row = inflow(state, claim_id)
    claim = None if row is None else tables.claim(state, claim_id)
    if row is None or claim is None or row.returns != ONCE or claim.status not in (OPEN, FULFILLED):
        return
    status = FULFILLED if claim.settled[0] > 0 else OPEN
    tables.put(state, "claim", claim_id, replace(claim, status=status))


def note_struck(state: State, event_id: bytes, is_struck: bool) -> None:
    """Close the claim of an inflow that the group has struck, or open it again."""
    claim = None if inflow(state, event_id) is None else tables.claim(state, event_id)
    if claim is None:
        return
    is_whole = not is_less(claim.settled, claim.quantity.amount)
    status = CLOSED if is_struck else FULFILLED if is_whole else OPEN
    tables.put(state, "claim", event_id, replace(claim, status=status))
    note_return(state, event_id)


def capped_claims(rows: Rows) -> tuple[CappedClaim, ...]:
    """What may still flow back beside what runs have promised, to whom and how, ascending by id."""
    found = []
    for inflow_id, row in inflows(rows):
        claim = tables.claim(rows, inflow_id)
        if claim is None or claim.status != OPEN:
            continue
        promised = returning(rows, inflow_id).promised
        left = add(row.cap, negated(add(claim.settled, promised)))
        # The single return of a claim that ends with it may be promised already.
        if is_less(ZERO, left) and not (row.returns == ONCE and promised != ZERO):
            measure = Measure(left, row.quantity.unit)
            found.append(CappedClaim(inflow_id, row.provider, row.returns, row.share_permille, measure))
    return tuple(found)


def returning(rows: Rows, claim_id: bytes) -> ReturningRow:
    """What is promised to a claim, and was paid beside that."""
    return tables.row(rows, ReturningRow, "returning", claim_id) or ReturningRow()


def promise_return(state: State, claim_id: bytes, amount: Amount) -> None:
    """Note what a run has shared out to a claim. Errors: FormatError amount.out_of_range."""
    row = returning(state, claim_id)
    tables.put(state, "returning", claim_id, replace(row, promised=add(row.promised, amount)))


def note_paid(state: State, claim_id: bytes, flow: Amount) -> Amount:
    """Count a return towards what runs have promised; the part of it that no run has shared out.

    Shapes: of what is taken back, that part comes off first. Errors: FormatError amount.out_of_range.
    """
    if inflow(state, claim_id) is None:
        return flow
    row = returning(state, claim_id)
    is_back = flow[0] < 0
    mine, size = (row.unshared, negated(flow)) if is_back else (row.promised, flow)
    first = size if is_less(size, mine) else mine
    change = negated(first) if is_back else add(flow, negated(first))
    promised = add(row.promised, add(change, negated(flow)))
    tables.put(state, "returning", claim_id, ReturningRow(promised, unshared=add(row.unshared, change)))
    return change


def return_of(claim: CappedClaim, flow: Measure) -> Amount:
    """How much of a flow goes to a claim at most. Errors: FormatError amount.out_of_range."""
    if flow.unit != claim.left.unit or flow.amount[0] <= 0:
        return ZERO
    mantissa, exponent = flow.amount
    whole = (
        flow.amount
        if claim.share_permille is None
        else amount_of(mantissa * claim.share_permille, exponent - 3)
    )
    return whole if is_less(whole, claim.left.amount) else claim.left.amount
