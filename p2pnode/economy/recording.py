"""Executing events: `event.record`, `event.countersign`, and the short form `contribution`.

Anyone records what they give to the group. What names another member waits for that member's signature and
changes nothing until then, unless they have agreed to it before by an agreement or by an offer taken up. Then
all that follows from an event happens at once: resources, accounts, promises, claims, agreements.

Source: J27.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core import codec
from p2pnode.core.amount import Amount, add, is_less, negated
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.economy import (
    agents,
    agreement_flows,
    booking,
    contribution,
    event,
    form,
    inventory,
    journal,
    promising,
    standing,
    tables,
    transvestment,
)
from p2pnode.economy.actions import ACTIONS, FLOWING, GIVING_AWAY
from p2pnode.economy.event import Event
from p2pnode.economy.form import Form
from p2pnode.economy.measure import Measure
from p2pnode.economy.record import Record
from p2pnode.economy.tables import DECLINED, FULFILLED, OPEN, STANDING, STRUCK, WAITING, ZERO, EventRow
from p2pnode.governance import mandate as mandates
from p2pnode.governance import tables as members

COUNTERSIGN_TYPE = "event.countersign"
WAITING_MAX = 500
"""What one member may leave waiting for others, so that nobody buries them."""


@dataclass(frozen=True, slots=True)
class Countersignature:
    """Whether what somebody recorded with the author's name in it is right.

    Shapes: mandate is given by who signs for the group.
    """

    event: bytes
    agrees: bool
    mandate: bytes | None = None


def _bool(fields: Fields, name: str) -> bool:
    value = fields.value(name)
    if type(value) is not bool:
        raise fields.refuse(name, "neither true nor false")
    return value


COUNTERSIGN: Form[Countersignature] = Form(
    "countersign", Countersignature, {"agrees": _bool, "event": form.an_id}, {"mandate": form.an_id}
)


def record_event(state: State, record: Record, context: BlockContext) -> str | None:
    """Let an event stand, or wait for whom it names."""
    return _record(state, record, context, record.read(event.FORM), record.payload)


def record_contribution(state: State, record: Record, context: BlockContext) -> str | None:
    """Let a contribution stand: an event by which its author gives something to the group."""
    if record.value is None:
        given, value = contribution.decode(record.payload), codec.decode_own(record.payload)
    else:
        given, value = contribution.of_value(record.value), record.value
    payload = contribution.event_payload(value, context.group)
    return _record(state, record, context, contribution.as_event(given, context.group), payload)


def _record(state: State, record: Record, context: BlockContext, said: Event, payload: bytes) -> str | None:
    provider = said.provider or record.author
    receiver = said.receiver or provider
    rule = void_rule(state, record, context, said, provider, receiver)
    if rule is not None:
        return rule
    row = row_of(record, said, provider, receiver, payload)
    missing = missing_signers(state, row, said, context)
    if not missing:
        return let_stand(state, context, record.id, row, said)
    if tables.count(state, "waiting", record.author) >= WAITING_MAX:
        return "event.too_many_waiting"
    tables.put(state, "event", record.id, replace(row, status=WAITING))
    _note_waiting(state, record.id, row, said, context)
    return None


def row_of(record: Record, said: Event, provider: bytes, receiver: bytes, payload: bytes) -> EventRow:
    """The row of an event that its author alone has signed and that stands."""
    return EventRow(
        status=STANDING,
        author=record.author,
        provider=provider,
        receiver=receiver,
        signers=(record.author,),
        payload=payload,
        entry=record.entry,
        item=record.item,
        time_ms=record.time_ms,
        resource_amount=None if said.resource_quantity is None else said.resource_quantity.amount,
        effort_amount=None if said.effort_quantity is None else said.effort_quantity.amount,
    )


def void_rule(
    rows: Rows, record: Record, context: BlockContext, said: Event, provider: bytes, receiver: bytes
) -> str | None:
    """Why an event cannot hold whoever signs it, or None."""
    kinds = [agents.kind_of(rows, named, context) for named in (provider, receiver)]
    if None in kinds and said.corrects is not None:
        return _void_rule_of_late_correction(rows, record, said, provider, receiver)
    if None in kinds and not _pays_who_left(rows, said, provider, receiver, context):
        return "event.no_such_agent"
    # Where nobody's name is used, any member may say what happened to the group's things.
    if set(kinds) == {agents.OUTSIDE}:
        return "event.not_yours"
    rule = promising.void_rule_of_kind(rows, said.resource_conforms_to)
    rule = rule or promising.void_rule_of_processes(rows, said.input_of, said.output_of)
    rule = rule or _void_rule_of_correction(rows, record, said, provider, receiver)
    rule = rule or _void_rule_of_fulfilment(rows, said, provider, receiver)
    if rule is None and said.settles is not None:
        claim = tables.claim(rows, said.settles)
        rule = _void_rule_of_return(rows, said)
        if rule is not None:
            return rule
        if claim is None or claim.status not in ((OPEN,) if said.corrects is None else (OPEN, FULFILLED)):
            return "claim.unknown"
        if (provider, receiver) != (claim.provider, claim.receiver):
            return "claim.other_parties"
        if said.quantity.unit != claim.quantity.unit:
            return "claim.other_unit"
    return rule


def _pays_who_left(rows: Rows, said: Event, provider: bytes, receiver: bytes, context: BlockContext) -> bool:
    """Whether the group pays what somebody who is no member any more still has to get.

    Shapes: nobody can sign for the receiver, so it has to be an action that needs the group's mandate.
    """
    is_from_group = provider == context.group and said.action in GIVING_AWAY
    return is_from_group and said.settles is not None and agents.is_former(rows, receiver)


def _void_rule_of_return(rows: Rows, said: Event) -> str | None:
    """Why so much cannot settle a claim, or None: what outside money may earn is capped."""
    if said.settles is None:
        return None
    return transvestment.void_rule_of_return(rows, said.settles, said.quantity, said.corrects is not None)


def _void_rule_of_correction(
    rows: Rows, record: Record, said: Event, provider: bytes, receiver: bytes
) -> str | None:
    """Why an event cannot correct another, or None: it repeats it with the difference."""
    if said.corrects is None:
        return None
    before = tables.event(rows, said.corrects)
    if before is None or before.status != STANDING:
        return "event.corrects_nothing"
    original = event.decode(before.payload)
    if original.corrects is not None:
        return "event.corrects_correction"
    if record.author not in (before.author, provider, receiver):
        return "event.not_yours"
    if (provider, receiver) != (before.provider, before.receiver) or _fixed(said) != _fixed(original):
        return "event.corrects_another"
    if (said.resource_inventoried_as, said.to_resource_inventoried_as) != resources_of(
        said.corrects, original
    ):
        return "event.corrects_another"
    for change, total in (
        (said.resource_quantity, before.resource_amount),
        (said.effort_quantity, before.effort_amount),
    ):
        if change is not None and is_less(add(total or ZERO, change.amount), ZERO):
            return "event.corrects_too_much"
    return None


def _void_rule_of_late_correction(
    rows: Rows, record: Record, said: Event, provider: bytes, receiver: bytes
) -> str | None:
    """Why what somebody has a part in who is gone cannot be corrected so, or None.

    Who stays may only say that they gave less or took more, for nobody signs for the other; anything else the
    group decides.
    """
    if not any(agents.is_former(rows, agent_id) for agent_id in (provider, receiver)):
        return "event.no_such_agent"
    measures = (said.resource_quantity, said.effort_quantity)
    is_less_given = all(measure is None or is_less(measure.amount, ZERO) for measure in measures)
    is_more_taken = all(measure is None or is_less(ZERO, measure.amount) for measure in measures)
    is_own_loss = record.author == (provider if is_less_given else receiver)
    if not (is_own_loss and (is_less_given or is_more_taken)):
        return "event.departed"
    return _void_rule_of_correction(rows, record, said, provider, receiver)


def _fixed(said: Event) -> tuple[object, ...]:
    """What a correction repeats: all but the quantities, the time and the words."""
    measures = (said.resource_quantity, said.effort_quantity)
    return (
        said.action,
        said.fulfills,
        said.settles,
        said.realization_of,
        said.in_scope_of,
        said.input_of,
        said.lesson,
        said.output_of,
        said.resource_conforms_to,
        said.stream,
        tuple(None if measure is None else measure.unit for measure in measures),
    )


def resources_of(record_id: bytes, said: Event) -> tuple[bytes | None, bytes | None]:
    """The resources that an event changed, the one that it made included."""
    source, target = said.resource_inventoried_as, said.to_resource_inventoried_as
    if said.creates is None:
        return source, target
    return (record_id, target) if ACTIONS[said.action].creates == "optional" else (source, record_id)


def _void_rule_of_fulfilment(rows: Rows, said: Event, provider: bytes, receiver: bytes) -> str | None:
    """Why an event cannot fulfil the promise that it names, or None."""
    if said.fulfills is None:
        return agreement_flows.void_rule_of_parties(rows, said.realization_of, provider, receiver)
    row = tables.commitment(rows, said.fulfills)
    if row is None:
        return "commitment.unknown"
    if row.status not in (OPEN, FULFILLED):
        return "commitment.closed"
    if provider != row.provider or row.receiver not in (None, receiver):
        return "commitment.other_parties"
    if said.action != row.action or said.resource_conforms_to != row.kind:
        return "commitment.something_else"
    if said.quantity.unit != row.unit:
        return "commitment.other_unit"
    if said.realization_of not in (None, row.clause_of):
        return "commitment.other_agreement"
    rule = booking.void_rule_of_event(rows, said)
    return rule or agreement_flows.void_rule_of_parties(rows, row.clause_of, provider, receiver)


# ---- who has to sign


def missing_signers(rows: Rows, row: EventRow, said: Event, context: BlockContext) -> tuple[bytes, ...]:
    """The members, and the group, whose signature an event still needs, ascending."""
    named = sorted({row.provider, row.receiver})
    missing = []
    for agent_id in named:
        if agent_id in row.signers:
            continue
        if agent_id == context.group:
            is_given_away = agent_id == row.provider and said.action in GIVING_AWAY
            if is_given_away and not _has_group_signed(rows, row, said):
                missing.append(agent_id)
        elif agents.is_present(rows, agent_id) and not _is_bound(rows, row, said, agent_id):
            missing.append(agent_id)
    return tuple(missing)


def _is_bound(rows: Rows, row: EventRow, said: Event, agent_id: bytes) -> bool:
    """Whether somebody agreed before to receive just this, at most as much as was agreed."""
    if said.fulfills is None or agent_id != row.receiver:
        return False
    promise = tables.commitment(rows, said.fulfills)
    if promise is None or agent_id not in promise.signers:
        return False
    try:
        total = add(promise.fulfilled, said.quantity.amount)
    except FormatError:
        # Beyond all bounds is beyond what anybody agreed to; who asks need not be in an attempt.
        return False
    return agreement_flows.is_expected(rows, promise, total)


def _has_group_signed(rows: Rows, row: EventRow, said: Event) -> bool:
    """Whether enough holders of a mandate have signed that the group gives something away."""
    if row.mandate is None:
        return False
    held = mandates.mandate(rows, row.mandate)
    if held is None or said.action not in held.acts:
        return False
    signers = [signer for signer in row.signers if signer in held.holders]
    return sum(members.is_in_good_standing(rows, signer) for signer in signers) >= held.needed


def countersign(state: State, record: Record, context: BlockContext) -> str | None:
    """Add a signature to an event, or decline it; who recorded it may take it back."""
    said = record.read(COUNTERSIGN)
    row = tables.event(state, said.event)
    if row is None:
        return _countersign_claim(state, record, context, said)
    if row.status != WAITING:
        return "countersign.not_waiting"
    recorded = event.decode(row.payload)
    missing = missing_signers(state, row, recorded, context)
    is_holder = said.mandate is not None and context.group in missing
    if is_holder:
        held = mandates.mandate(state, said.mandate or b"")
        if held is None or record.author not in held.holders:
            return "mandate.no_holder"
        if context.time_ms > held.until_ms:
            return "mandate.over"
        if recorded.action not in held.acts:
            return "mandate.other_act"
        if row.mandate not in (None, said.mandate):
            return "countersign.other_mandate"
    elif record.author not in missing and (said.agrees or record.author != row.author):
        return "countersign.not_asked"
    _forget_waiting(state, said.event, row, recorded, context)
    if not said.agrees:
        tables.put(state, "event", said.event, replace(row, status=DECLINED))
        return None
    signers = tuple(sorted({*row.signers, record.author}))
    row = replace(row, signers=signers, mandate=said.mandate if is_holder else row.mandate)
    if not missing_signers(state, row, recorded, context):
        provider, receiver = row.provider, row.receiver
        rule = _void_rule_of_fulfilment(state, recorded, provider, receiver)
        return rule or let_stand(state, context, said.event, row, recorded)
    tables.put(state, "event", said.event, row)
    _note_waiting(state, said.event, row, recorded, context)
    return None


def _note_waiting(state: State, record_id: bytes, row: EventRow, said: Event, context: BlockContext) -> None:
    for member_id in missing_signers(state, row, said, context):
        members.write(state, row_key("to_sign", member_id, record_id), None)
    members.write(state, row_key("waiting", row.author, record_id), None)


def _forget_waiting(
    state: State, record_id: bytes, row: EventRow, said: Event, context: BlockContext
) -> None:
    for member_id in missing_signers(state, row, said, context):
        state.delete(row_key("to_sign", member_id, record_id))
    state.delete(row_key("waiting", row.author, record_id))


def part_from(state: State, member_id: bytes, context: BlockContext) -> None:
    """Decline what waits for the signature of somebody who is no member any more."""
    for record_id, _ in list(members.scan(state, "to_sign", member_id)):
        row = tables.event(state, record_id)
        assert row is not None, "listed while it waits"
        _forget_waiting(state, record_id, row, event.decode(row.payload), context)
        state.delete(row_key("to_sign", member_id, record_id))
        tables.put(state, "event", record_id, replace(row, status=DECLINED))


def _countersign_claim(
    state: State, record: Record, context: BlockContext, said: Countersignature
) -> str | None:
    """Make an imported claim a contribution of who says that it is theirs (J27)."""
    value = members.read(state, row_key("git_claim", said.event))
    if value is None:
        return "countersign.unknown"
    importer, provider, payload, entry, item, time_ms = value
    if provider is not None and record.author != provider:
        return "countersign.not_asked"
    if not said.agrees:
        if provider is None:
            return "countersign.not_asked"
        state.delete(row_key("git_claim", said.event))
        return None
    given = event.decode(payload)
    row = EventRow(
        status=WAITING,
        author=importer,
        provider=record.author,
        receiver=context.group,
        signers=tuple(sorted({importer, record.author})),
        payload=payload,
        entry=entry,
        item=item,
        time_ms=time_ms,
        resource_amount=(1, 0),
        effort_amount=None,
    )
    state.delete(row_key("git_claim", said.event))
    return let_stand(state, context, said.event, row, given)


# ---- what follows


def let_stand(
    state: State, context: BlockContext, record_id: bytes, row: EventRow, said: Event
) -> str | None:
    """Carry out all that follows from an event that everybody signed.

    Errors: FormatError amount.out_of_range.
    """
    rule = _void_rule_of_return(state, said)
    rule = rule or inventory.apply_event(state, record_id, said, row.provider, row.receiver)
    if rule is not None:
        return rule
    rule = count(state, context, record_id, row, said, said.quantity)
    if rule is not None:
        return rule
    is_standing = row.status == STANDING
    tables.put(state, "event", record_id, row if is_standing else replace(row, status=STANDING))
    standing.note_given(state, record_id, row, said, said.quantity, is_new=True)
    booking.note_event(state, record_id, said)
    if said.corrects is not None:
        _correct(state, said)
    return None


def _correct(state: State, said: Event) -> None:
    before = tables.event(state, said.corrects or b"")
    assert before is not None
    after = replace(
        before,
        resource_amount=_sum(before.resource_amount, said.resource_quantity),
        effort_amount=_sum(before.effort_amount, said.effort_quantity),
    )
    tables.put(state, "event", said.corrects or b"", after)


def _sum(total: Amount | None, change: Measure | None) -> Amount | None:
    return total if change is None else add(total or ZERO, change.amount)


def count(
    state: State,
    context: BlockContext,
    record_id: bytes,
    row: EventRow,
    said: Event,
    flow: Measure,
    *,
    is_checked: bool = True,
) -> str | None:
    """Count what flowed on all accounts that it concerns. Shapes: unchecked, limits are not asked.

    Errors: FormatError amount.out_of_range.
    """
    cost = flow.amount
    if said.settles is not None:
        promising.settle(state, said.settles, flow)
        transvestment.note_return(state, said.settles)
        cost = transvestment.note_paid(state, said.settles, flow.amount)
    rule = count_amounts(state, row, said, flow)
    if rule is not None and is_checked:
        return rule
    # What stood before is struck or restored without a check; nobody can have judged what is new.
    is_new = is_checked and said.corrects is None
    journal.note_event(state, context.group, record_id, row, said, flow, cost, is_new=is_new)
    return None


def count_amounts(state: State, row: EventRow, said: Event, flow: Measure) -> str | None:
    """Count what flowed towards promises and on accounts, or say whose limit it leaves; all is counted then.

    Errors: FormatError amount.out_of_range.
    """
    agreement, rule = said.realization_of, None
    if said.fulfills is not None:
        promise = tables.commitment(state, said.fulfills)
        assert promise is not None
        agreement = promise.clause_of
        promising.fulfil(state, said.fulfills, flow.amount)
    if said.action in FLOWING and row.provider != row.receiver:
        tables.add_flow(state, row.provider, row.receiver, flow)
        if agreement is not None:
            rule = agreement_flows.note_flow(state, agreement, row.provider, row.receiver, flow)
    if said.stream == "care" and said.resource_inventoried_as is not None:
        booking.note_care(state, said.resource_inventoried_as, flow)
    # Who left has still given it, and what is struck later comes off.
    if said.stream is not None and members.member(state, row.provider) is not None:
        tables.add_contribution(state, row.provider, said.stream, flow)
    return rule


def strike(state: State, context: BlockContext, record_id: bytes) -> str | None:
    """Take an event and its corrections off all accounts: the group decided that it does not stand.

    Shapes: things stay where they are; who finds them elsewhere records it. Errors: FormatError
    amount.out_of_range.
    """
    row = tables.event(state, record_id)
    if row is None or row.status != STANDING:
        return "dispute.no_event"
    said = event.decode(row.payload)
    if said.corrects is not None:
        return "dispute.correction"
    amount = row.effort_amount if said.effort_quantity is not None else row.resource_amount
    flow = Measure(negated(amount or ZERO), said.quantity.unit)
    count(state, context, record_id, row, said, flow, is_checked=False)
    standing.note_given(state, record_id, row, said, flow, is_new=False)
    transvestment.note_struck(state, record_id, is_struck=True)
    tables.put(state, "event", record_id, replace(row, status=STRUCK))
    return None


def restore(state: State, context: BlockContext, record_id: bytes) -> str | None:
    """Let a struck event stand again. Errors: FormatError amount.out_of_range."""
    row = tables.event(state, record_id)
    if row is None or row.status != STRUCK:
        return "dispute.no_event"
    said = event.decode(row.payload)
    amount = row.effort_amount if said.effort_quantity is not None else row.resource_amount
    flow = Measure(amount or ZERO, said.quantity.unit)
    # Others may have been paid back meanwhile: no decision lets more flow back than the cap.
    if said.settles is not None:
        rule = transvestment.void_rule_of_return(state, said.settles, flow, is_correction=False)
        if rule is not None:
            return rule
    count(state, context, record_id, row, said, flow, is_checked=False)
    standing.note_given(state, record_id, row, said, flow, is_new=False)
    transvestment.note_struck(state, record_id, is_struck=False)
    tables.put(state, "event", record_id, replace(row, status=STANDING))
    return None
