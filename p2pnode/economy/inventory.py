"""What an event does to resources: the effects of its action, taken from the table of actions.

Whoever takes must be accountable for it or hold it, nothing goes below zero, and what is transferred arrives
in the same amount.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from p2pnode.consensus.rows import Rows, State
from p2pnode.core.amount import Amount, add, is_less, negated
from p2pnode.economy import tables
from p2pnode.economy.actions import ACTIONS, TAKING, Action
from p2pnode.economy.event import Event
from p2pnode.economy.form import Kind
from p2pnode.economy.measure import Measure
from p2pnode.economy.tables import ZERO, ResourceRow

CONTAINERS_MAX = 8
"""How deep things stand inside each other."""


def apply_event(state: State, record_id: bytes, event: Event, provider: bytes, receiver: bytes) -> str | None:
    """Change the resources that an event names, or say why it cannot."""
    action = ACTIONS[event.action]
    rule = _void_rule(state, event, action, provider, receiver)
    if rule is not None:
        return rule
    source, target = event.resource_inventoried_as, event.to_resource_inventoried_as
    is_new_source = event.creates is not None and action.creates == "optional"
    is_new_target = event.creates is not None and not is_new_source
    measure = event.resource_quantity
    if is_new_source and measure is not None:
        source = record_id
        _make(state, source, event, measure, receiver, event.resource_conforms_to)
    if is_new_target and measure is not None:
        target = record_id
        origin = None if source is None else tables.resource(state, source)
        kind = event.resource_conforms_to if origin is None else origin.kind
        # Custody alone leaves open whose it is.
        accountable = receiver if action.accountable else None if origin is None else origin.accountable
        _make(state, target, event, measure, receiver, kind, accountable)
    if measure is not None:
        rule = _move(state, action, source, target, measure)
    if rule is None:
        _mark(state, event, action, source, target, receiver, is_new_source or is_new_target)
    return rule


def _void_rule(rows: Rows, event: Event, action: Action, provider: bytes, receiver: bytes) -> str | None:
    """Why the named resources cannot be used like this, or None."""
    source_id, target_id = event.resource_inventoried_as, event.to_resource_inventoried_as
    source = None if source_id is None else tables.resource(rows, source_id)
    target = None if target_id is None else tables.resource(rows, target_id)
    if (source is None) != (source_id is None) or (target is None) != (target_id is None):
        return "resource.unknown"
    for held in (source, target):
        rule = None if held is None or (held is target and action.contained) else _void_kind(held, event)
        if rule is not None:
            return rule
    if source is not None:
        if event.action in TAKING and provider != source.accountable:
            return "resource.not_accountable"
        is_taken = "decrement" in (action.onhand, action.accounting) or action.onhand == "decrementIncrement"
        if is_taken and provider not in (source.accountable, source.custodian):
            return "resource.not_custodian"
        is_added = action.creates == "optional" and action.accounting == "increment"
        if is_added and receiver != source.accountable:
            return "resource.not_accountable"
    if source is not None and target is not None and source.kind != target.kind and not action.contained:
        return "resource.other_kind"
    if target is not None and action.accounting and receiver != target.accountable:
        return "resource.other_accountable"
    if target_id is not None and action.contained == "update":
        return _void_container(rows, source_id, target_id)
    return None


def _void_kind(held: ResourceRow, event: Event) -> str | None:
    kind = event.resource_conforms_to
    if kind is not None and kind != held.kind:
        return "resource.other_kind"
    measure = event.resource_quantity
    if measure is not None and measure.unit != held.unit:
        return "resource.other_unit"
    return None


def _void_container(rows: Rows, inner: bytes | None, outer: bytes) -> str | None:
    """Refuse a thing inside itself, and things too deep inside each other."""
    at: bytes | None = outer
    for _ in range(CONTAINERS_MAX):
        if at is None:
            return None
        if at == inner:
            return "resource.inside_itself"
        held = tables.resource(rows, at)
        at = None if held is None else held.contained_in
    return "resource.too_deep"


def _make(
    state: State,
    resource_id: bytes,
    event: Event,
    measure: Measure,
    receiver: bytes,
    kind: Kind | None,
    accountable: bytes | None = None,
) -> None:
    assert event.creates is not None
    made = ResourceRow(
        name=event.creates.name,
        kind=kind,
        unit=measure.unit,
        accounting=ZERO,
        onhand=ZERO,
        accountable=accountable or receiver,
        custodian=receiver,
        location=event.to_location,
        tracking_identifier=event.creates.tracking_identifier,
    )
    tables.put(state, "resource", resource_id, made)


def _move(
    state: State, action: Action, source: bytes | None, target: bytes | None, measure: Measure
) -> str | None:
    """Add to and take from what is there. Errors: FormatError amount.out_of_range."""
    more, less = measure.amount, negated(measure.amount)
    changes: dict[tuple[bytes, str], Amount] = {}
    for name, effect in (("accounting", action.accounting), ("onhand", action.onhand)):
        if source is not None and effect in ("increment", "decrement", "decrementIncrement"):
            changes[source, name] = more if effect == "increment" else less
        if target is not None and effect in ("decrementIncrement", "incrementTo"):
            changes[target, name] = more
    for (resource_id, name), change in changes.items():
        held = tables.resource(state, resource_id)
        assert held is not None
        total = add(getattr(held, name), change)
        if is_less(total, ZERO):
            return "resource.too_little"
        after = replace(held, accounting=total) if name == "accounting" else replace(held, onhand=total)
        tables.put(state, "resource", resource_id, after)
    return None


def _mark(
    state: State,
    event: Event,
    action: Action,
    source: bytes | None,
    target: bytes | None,
    receiver: bytes,
    is_new: bool,
) -> None:
    """Write where things are now, whose they are, what they stand in and how far they are."""
    marked = target if action.state == "updateTo" else source
    if marked is not None and event.state is not None and action.state:
        _change(state, marked, {"state": event.state})
    place = target if action.location == "updateTo" or (is_new and target is not None) else source
    is_moved = action.location in ("update", "updateTo") or (action.location == "new" and is_new)
    if place is not None and event.to_location is not None and is_moved:
        _change(state, place, {"location": event.to_location})
    if source is not None and action.contained:
        outer = event.to_resource_inventoried_as if action.contained == "update" else None
        _change(state, source, {"contained_in": outer})
    process = None if event.output_of is None else tables.process(state, event.output_of)
    if source is not None and action.stage and process is not None and process.based_on is not None:
        _change(state, source, {"stage": process.based_on})
    if target is not None and action.onhand == "decrementIncrement":
        _change(state, target, {"custodian": receiver})


def _change(state: State, resource_id: bytes, columns: dict[str, Any]) -> None:
    held = tables.resource(state, resource_id)
    assert held is not None, "what is not there was refused"
    tables.put(state, "resource", resource_id, replace(held, **columns))
