"""What a person says in short, written out: a correction by its difference, an offer by an amount."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from p2pnode.economy import event, loop, promising, tables
from p2pnode.economy.labels import measure_of_text
from p2pnode.economy.promising import Commitment
from p2pnode.economy.recording import resources_of
from p2pnode.service.economy_loops import found_in
from p2pnode.service.naming_commons import COMMONS_DERIVED
from p2pnode.service.naming_economy import event_of, intent_of
from p2pnode.service.rules import refusal
from p2pnode.service.viewing import GroupView


def _correction(view: GroupView, said: Mapping[str, Any], annex: bytes | None) -> bytes:
    """The event again, with the difference. Errors: UsageError event.*, FormatError amount.*."""
    corrected = event_of(view, str(said["corrects"]))
    row = tables.event(view.rows, corrected)
    if row is None:
        raise refusal("event.corrects_nothing")
    before = event.decode(row.payload)
    is_effort = before.effort_quantity is not None
    difference = measure_of_text(str(said["difference"]), before.quantity.unit)
    if difference.unit == "one":
        difference = difference._replace(unit=before.quantity.unit)
    source, target = resources_of(corrected, before)
    again = replace(
        before,
        annex=annex,
        corrects=corrected,
        creates=None,
        effort_quantity=difference if is_effort else None,
        performed_ms=view.now_ms,
        provider=row.provider,
        receiver=row.receiver,
        resource_inventoried_as=source,
        resource_quantity=None if is_effort else difference,
        to_resource_inventoried_as=target,
    )
    return event.encode(again)


def _take_up(view: GroupView, said: Mapping[str, Any], annex: bytes | None) -> bytes:
    """The promise that takes up an offer or a need. Errors: UsageError intent.*, FormatError amount.*."""
    intent_id = intent_of(view, str(said["satisfies"]))
    row = tables.intent(view.rows, intent_id)
    if row is None:
        raise refusal("intent.unknown")
    intent = promising.INTENT.decode(row.payload)
    is_effort = intent.action == "work" or intent.effort_quantity is not None
    unit = "one" if intent.quantity is None else intent.quantity.unit
    measure = measure_of_text(str(said["amount"]), unit)
    is_offer = intent.purpose == promising.OFFER
    taken = Commitment(
        intent.action,
        annex=annex,
        due_ms=said.get("due_ms", intent.due_ms),
        effort_quantity=measure if is_effort else None,
        provider=row.author if is_offer else view.me[0],
        receiver=view.me[0] if is_offer else row.author,
        resource_conforms_to=intent.resource_conforms_to,
        resource_quantity=None if is_effort else measure,
        satisfies=intent_id,
    )
    return promising.COMMITMENT.encode(taken)


def _loop(view: GroupView, said: Mapping[str, Any], annex: bytes | None) -> bytes:
    """The set-off that was found, by the start of its name; the first one where none is named.

    Errors: UsageError loop.not_found.
    """
    word = str(said.get("loop", "")).lower()
    found = found_in(view, with_claims="claims" in said, is_any_kind="any_kind" in said)
    named = [ring for ring in found if ring.id.hex().startswith(word)]
    if not named:
        raise refusal("loop.not_found")
    ring = named[0]
    return loop.LOOP.encode(loop.Loop(ring.unit, ring.items, said["answer_until_ms"], annex))


DERIVED: Mapping[str, tuple[str, Callable[[GroupView, Mapping[str, Any], bytes | None], bytes]]] = {
    "correction": (event.EVENT_TYPE, _correction),
    "loop": (loop.PROPOSE_TYPE, _loop),
    "take-up": (promising.COMMITMENT_TYPE, _take_up),
    **COMMONS_DERIVED,
}
"""What is said in short: the type of entry, and what writes it out."""
