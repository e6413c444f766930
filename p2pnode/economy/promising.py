"""Offers and needs, promises, claims: `intent.publish`, `commitment.make`, `claim.raise`, and what ends them.

A promise binds who makes it. It binds the other side only where that side agreed: by a published offer
or need that it takes up, or as a clause of an agreement. A claim asks, and binds nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core.amount import Amount, add, is_less
from p2pnode.core.errors import FormatError
from p2pnode.economy import agents, form, tables
from p2pnode.economy.actions import ACTIONS
from p2pnode.economy.event import check_quantities
from p2pnode.economy.form import Form, Kind, Place
from p2pnode.economy.measure import Measure
from p2pnode.economy.record import Record
from p2pnode.economy.tables import (
    CLOSED,
    FULFILLED,
    OPEN,
    RELEASED,
    ZERO,
    ClaimRow,
    CommitmentRow,
    IntentRow,
)
from p2pnode.governance.tables import write

INTENT_TYPE = "intent.publish"
INTENT_CLOSE_TYPE = "intent.close"
COMMITMENT_TYPE = "commitment.make"
RELEASE_TYPE = "commitment.release"
CLAIM_TYPE = "claim.raise"
CLAIM_CLOSE_TYPE = "claim.close"
REACH_KM_MAX = 20_050
"""Half way around the Earth."""

OFFER, REQUEST = "offer", "request"


@dataclass(frozen=True, slots=True)
class Intent:
    """Something offered or needed.

    Shapes: the author is the provider of an offer and the receiver of a request; without a quantity it is
    open how much; reciprocal says in words what is hoped for in return, nothing means a gift.
    """

    purpose: str
    action: str
    annex: bytes | None = None
    due_ms: int | None = None
    effort_quantity: Measure | None = None
    eligible_location: Place | None = None
    has_beginning_ms: int | None = None
    has_end_ms: int | None = None
    in_scope_of: str | None = None
    reach_km: int | None = None
    reciprocal: str | None = None
    resource_conforms_to: Kind | None = None
    resource_quantity: Measure | None = None

    @property
    def quantity(self) -> Measure | None:
        """How much, where that is said."""
        return self.effort_quantity or self.resource_quantity


@dataclass(frozen=True, slots=True)
class Commitment:
    """A promise. Shapes: the author is provider where nothing else is said; receiver may be open."""

    action: str
    annex: bytes | None = None
    due_ms: int | None = None
    effort_quantity: Measure | None = None
    in_scope_of: str | None = None
    input_of: bytes | None = None
    output_of: bytes | None = None
    provider: bytes | None = None
    receiver: bytes | None = None
    resource_conforms_to: Kind | None = None
    resource_quantity: Measure | None = None
    satisfies: bytes | None = None

    @property
    def quantity(self) -> Measure:
        """How much is promised."""
        measure = self.effort_quantity or self.resource_quantity
        assert measure is not None, "a checked promise has a quantity"
        return measure


@dataclass(frozen=True, slots=True)
class Claim:
    """What the author asks of somebody because of an event. Shapes: the author is the receiver."""

    action: str
    provider: bytes
    triggered_by: bytes
    annex: bytes | None = None
    due_ms: int | None = None
    effort_quantity: Measure | None = None
    resource_conforms_to: Kind | None = None
    resource_quantity: Measure | None = None

    @property
    def quantity(self) -> Measure:
        """How much is asked for."""
        measure = self.effort_quantity or self.resource_quantity
        assert measure is not None, "a checked claim has a quantity"
        return measure


@dataclass(frozen=True, slots=True)
class Reference:
    """An entry that closes what another began."""

    entry: bytes


def _check_intent(intent: Intent) -> None:
    form.check_times("intent", intent.has_beginning_ms, intent.has_end_ms)
    if intent.quantity is not None:
        check_quantities("intent", intent.action, intent.resource_quantity, intent.effort_quantity)
    if intent.reach_km is not None and intent.eligible_location is None:
        raise FormatError("intent.no_place", "a reach is measured from a place")


def _check_commitment(commitment: Commitment) -> None:
    check_quantities(
        "commitment", commitment.action, commitment.resource_quantity, commitment.effort_quantity
    )


def _check_claim(claim: Claim) -> None:
    check_quantities("claim", claim.action, claim.resource_quantity, claim.effort_quantity)


INTENT: Form[Intent] = Form(
    "intent",
    Intent,
    {"action": form.choice(*ACTIONS), "purpose": form.choice(OFFER, REQUEST)},
    {
        "annex": form.an_id,
        "due_ms": form.a_time,
        "effort_quantity": form.a_measure,
        "eligible_location": form.a_place,
        "has_beginning_ms": form.a_time,
        "has_end_ms": form.a_time,
        "in_scope_of": form.words,
        "reach_km": form.number(REACH_KM_MAX, 1),
        "reciprocal": form.words,
        "resource_conforms_to": form.a_kind,
        "resource_quantity": form.a_measure,
    },
    _check_intent,
)
COMMITMENT: Form[Commitment] = Form(
    "commitment",
    Commitment,
    {"action": form.choice(*ACTIONS)},
    {
        "annex": form.an_id,
        "due_ms": form.a_time,
        "effort_quantity": form.a_measure,
        "in_scope_of": form.words,
        "input_of": form.an_id,
        "output_of": form.an_id,
        "provider": form.an_id,
        "receiver": form.an_id,
        "resource_conforms_to": form.a_kind,
        "resource_quantity": form.a_measure,
        "satisfies": form.an_id,
    },
    _check_commitment,
)
CLAIM: Form[Claim] = Form(
    "claim",
    Claim,
    {"action": form.choice(*ACTIONS), "provider": form.an_id, "triggered_by": form.an_id},
    {
        "annex": form.an_id,
        "due_ms": form.a_time,
        "effort_quantity": form.a_measure,
        "resource_conforms_to": form.a_kind,
        "resource_quantity": form.a_measure,
    },
    _check_claim,
)
INTENT_CLOSE: Form[Reference] = Form("intent", Reference, {"entry": form.an_id})
RELEASE: Form[Reference] = Form("commitment", Reference, {"entry": form.an_id})
CLAIM_CLOSE: Form[Reference] = Form("claim", Reference, {"entry": form.an_id})


# ---- offers and needs


def publish_intent(state: State, record: Record, _: BlockContext) -> str | None:
    """Put an offer or a need into the feed."""
    said = INTENT.decode(record.payload)
    rule = void_rule_of_kind(state, said.resource_conforms_to)
    if rule is None:
        row = IntentRow(OPEN, record.author, record.payload, ZERO, record.time_ms)
        tables.put(state, "intent", record.id, row)
        _note_part(state, record.id, record.author)
    return rule


def close_intent(state: State, record: Record, _: BlockContext) -> str | None:
    """Take an offer or a need out of the feed; promises that took it up stand."""
    intent_id = INTENT_CLOSE.decode(record.payload).entry
    row = tables.intent(state, intent_id)
    if row is None:
        return "intent.unknown"
    if row.author != record.author:
        return "intent.not_yours"
    if row.status != OPEN:
        return "intent.closed"
    tables.put(state, "intent", intent_id, replace(row, status=CLOSED))
    return None


def _take_up(
    state: State, intent_id: bytes, said: Commitment, provider: bytes, receiver: bytes | None
) -> str | None:
    """Take up as much of an offer or need as is promised: who comes first in the order gets it."""
    row = tables.intent(state, intent_id)
    if row is None:
        return "intent.unknown"
    if row.status != OPEN:
        return "intent.closed"
    intent = INTENT.decode(row.payload)
    if row.author != (provider if intent.purpose == OFFER else receiver):
        return "intent.other_side"
    if intent.action != said.action or intent.resource_conforms_to != said.resource_conforms_to:
        return "intent.something_else"
    taken = row.taken
    if intent.quantity is not None:
        if intent.quantity.unit != said.quantity.unit:
            return "intent.other_unit"
        taken = add(row.taken, said.quantity.amount)
        if is_less(intent.quantity.amount, taken):
            return "intent.taken"
    is_used_up = intent.quantity is not None and taken == intent.quantity.amount
    status = CLOSED if is_used_up else OPEN
    tables.put(state, "intent", intent_id, replace(row, taken=taken, status=status))
    return None


# ---- promises


def make_commitment(state: State, record: Record, context: BlockContext) -> str | None:
    """Let somebody promise; who takes up an offer binds its author as well."""
    said = COMMITMENT.decode(record.payload)
    provider, receiver = said.provider or record.author, said.receiver
    for named in (provider, receiver):
        if named is not None and agents.kind_of(state, named, context) is None:
            return "commitment.no_such_agent"
    if record.author not in (provider, receiver) or provider == receiver:
        return "commitment.not_yours"
    if provider != record.author and said.satisfies is None:
        return "commitment.not_yours"
    rule = void_rule_of_kind(state, said.resource_conforms_to) or void_rule_of_processes(
        state, said.input_of, said.output_of
    )
    if rule is None and said.satisfies is not None:
        rule = _take_up(state, said.satisfies, said, provider, receiver)
    if rule is not None:
        return rule
    signers = (provider, receiver) if said.satisfies is not None else (provider,)
    tables.put(
        state,
        "commitment",
        record.id,
        CommitmentRow(
            status=OPEN,
            provider=provider,
            receiver=receiver,
            signers=tuple(sorted(signer for signer in signers if signer is not None)),
            action=said.action,
            kind=said.resource_conforms_to,
            unit=said.quantity.unit,
            promised=said.quantity.amount,
            fulfilled=ZERO,
            due_ms=said.due_ms,
            clause_of=None,
            satisfies=said.satisfies,
            payload=record.payload,
        ),
    )
    _note_part(state, record.id, provider, receiver)
    return None


def release_commitment(state: State, record: Record, _: BlockContext) -> str | None:
    """End a promise: who should receive gives it back; who promised may, while nobody was named."""
    commitment_id = RELEASE.decode(record.payload).entry
    row = tables.commitment(state, commitment_id)
    if row is None:
        return "commitment.unknown"
    if row.clause_of is not None:
        return "commitment.in_agreement"
    if any(state.get(row_key(table, commitment_id)) is not None for table in ("booking", "booking_return")):
        return "commitment.in_booking"
    if row.status != OPEN:
        return "commitment.closed"
    is_free = row.receiver is None or not agents.is_present(state, row.receiver)
    if record.author != row.receiver and not (record.author == row.provider and is_free):
        return "commitment.not_yours" if record.author != row.provider else "commitment.receiver_releases"
    tables.put(state, "commitment", commitment_id, replace(row, status=RELEASED))
    return None


def fulfil(state: State, commitment_id: bytes, change: Amount) -> None:
    """Count what was given towards a promise, or take it back.

    Errors: FormatError amount.out_of_range.
    """
    row = tables.commitment(state, commitment_id)
    assert row is not None
    fulfilled = add(row.fulfilled, change)
    status = row.status
    if status in (OPEN, FULFILLED):
        status = OPEN if is_less(fulfilled, row.promised) else FULFILLED
    tables.put(state, "commitment", commitment_id, replace(row, fulfilled=fulfilled, status=status))


# ---- claims


def raise_claim(state: State, record: Record, context: BlockContext) -> str | None:
    """Ask somebody for something because of an event that stands."""
    said = CLAIM.decode(record.payload)
    event = tables.event(state, said.triggered_by)
    if event is None or event.status != tables.STANDING:
        return "claim.no_event"
    if agents.kind_of(state, said.provider, context) is None:
        return "claim.no_such_agent"
    if {record.author, said.provider} != {event.provider, event.receiver}:
        return "claim.not_a_party"
    rule = void_rule_of_kind(state, said.resource_conforms_to)
    if rule is None:
        row = ClaimRow(
            OPEN, said.provider, record.author, said.triggered_by, said.quantity, ZERO, record.payload
        )
        tables.put(state, "claim", record.id, row)
        _note_part(state, record.id, said.provider, record.author)
    return rule


def close_claim(state: State, record: Record, _: BlockContext) -> str | None:
    """Take a claim back."""
    claim_id = CLAIM_CLOSE.decode(record.payload).entry
    row = tables.claim(state, claim_id)
    if row is None:
        return "claim.unknown"
    if row.receiver != record.author:
        return "claim.not_yours"
    if row.status != OPEN:
        return "claim.closed"
    tables.put(state, "claim", claim_id, replace(row, status=CLOSED))
    return None


def settle(state: State, claim_id: bytes, flow: Measure) -> None:
    """Count what was given towards a claim, or take it back. Errors: FormatError amount.out_of_range."""
    row = tables.claim(state, claim_id)
    assert row is not None
    settled = add(row.settled, flow.amount)
    status = row.status
    if status in (OPEN, FULFILLED):
        status = OPEN if is_less(settled, row.quantity.amount) else FULFILLED
    tables.put(state, "claim", claim_id, replace(row, settled=settled, status=status))


def _note_part(state: State, entry_id: bytes, *agent_ids: bytes | None) -> None:
    """Remember who has a part in it, so that it can be settled when they go (`settling.py`)."""
    for agent_id in agent_ids:
        if agent_id is not None and agents.is_present(state, agent_id):
            write(state, row_key("part_in", agent_id, entry_id), None)


# ---- what is named


def void_rule_of_kind(rows: Rows, kind: Kind | None) -> str | None:
    """Why a kind cannot be named, or None: a specification has to be there."""
    return "spec.unknown" if isinstance(kind, bytes) and tables.spec(rows, kind) is None else None


def void_rule_of_processes(rows: Rows, *process_ids: bytes | None) -> str | None:
    """Why processes cannot be named, or None."""
    for process_id in process_ids:
        row = None if process_id is None else tables.process(rows, process_id)
        if process_id is not None and row is None:
            return "process.unknown"
        if row is not None and row.is_finished:
            return "process.finished"
    return None
