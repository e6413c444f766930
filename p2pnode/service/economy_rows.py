"""Lists of what there is in a group's economy, ready for JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice

from p2pnode.core.amount import difference, is_less, negated
from p2pnode.economy import agreeing, event, promising, recording, tables
from p2pnode.economy.agreement import (
    ACCEPTED,
    PROPOSED,
    AgreementRow,
    Clause,
    Terms,
    agreement,
    agreements,
    clause_id,
    signers_needed,
    status_at,
)
from p2pnode.economy.agreement_flows import balances
from p2pnode.economy.event import Event
from p2pnode.economy.labels import measure_text
from p2pnode.governance.tables import members, scan
from p2pnode.local.economy_calls import EconomyRow
from p2pnode.service.economy_feed import intent_shown
from p2pnode.service.economy_loops import loop_shown, loops_listed, loops_to_sign
from p2pnode.service.economy_names import agent_name, amount, kind_name, place_text
from p2pnode.service.imported_claims import claims_to_sign
from p2pnode.service.meters import meters_shown, months_shown
from p2pnode.service.paging import ROWS_MAX, Page, listed_rows, rows_below
from p2pnode.service.sharing import run_rows
from p2pnode.service.viewing import GroupView


def _quantities(said: Event | Clause) -> str:
    measures = (said.effort_quantity, said.resource_quantity)
    return ", ".join(measure_text(measure) for measure in measures if measure is not None)


def _resources(view: GroupView, who: bytes | None, page: Page) -> list[EconomyRow]:
    return [
        {
            "id": key.hex(),
            "name": row.name,
            "kind": kind_name(view, row.kind),
            "accounting": amount(row.accounting, row.unit),
            "onhand": amount(row.onhand, row.unit),
            "accountable": agent_name(view, row.accountable),
            "custodian": agent_name(view, row.custodian),
            "location": place_text(row.location),
            "contained_in": "" if row.contained_in is None else row.contained_in.hex(),
            "stage": row.stage or "",
            "state": row.state or "",
            "tracking_identifier": row.tracking_identifier or "",
            "is_gone": row.onhand == tables.ZERO and row.accounting == tables.ZERO,
        }
        for key, row in listed_rows(view, "resource", who, page)
    ]


def _events(view: GroupView, who: bytes | None, page: Page) -> list[EconomyRow]:
    return events_shown(view, listed_rows(view, "event", who, page))


def _to_sign(view: GroupView, who: bytes | None) -> list[EconomyRow]:
    member_id = view.me[0] if who is None else who
    ids = [key for key, _ in islice(scan(view.rows, "to_sign", member_id), ROWS_MAX)]
    found = [(key, tables.event(view.rows, key)) for key in ids]
    events = events_shown(view, [(key, row) for key, row in found if row is not None])
    asked = [key for key, _ in scan(view.rows, "agreement_of", member_id)]
    rows = [(key, agreement(view.rows, key)) for key in asked]
    open_ones = [key for key, row in rows if row is not None and member_id in missing_answers(view, row)]
    rings = loops_to_sign(view, member_id)
    claims = islice(claims_to_sign(view, member_id), ROWS_MAX)
    return (
        events
        + [row for _, row in claims]
        + [agreement_shown(view, key) for key in open_ones]
        + [loop_shown(view, key, row) for key, row in rings]
    )


def event_shown(view: GroupView, record_id: bytes, row: tables.EventRow) -> EconomyRow:
    """One event with what became of it and how it was judged."""
    (shown,) = events_shown(view, [(record_id, row)])
    return shown


def events_shown(view: GroupView, found: Sequence[tuple[bytes, tables.EventRow]]) -> list[EconomyRow]:
    """The same for a page of events."""
    judged = rows_below(view, "attestation", [record_id for record_id, _ in found])
    return [_event_shown(view, record_id, row, judged.get(record_id, ())) for record_id, row in found]


def _event_shown(
    view: GroupView, record_id: bytes, row: tables.EventRow, judged: Sequence[tuple[bytes, bytes]]
) -> EconomyRow:
    said = event.decode_own(row.payload)
    missing = (
        recording.missing_signers(view.rows, row, said, view.context) if row.status == tables.WAITING else ()
    )
    judgements = [(member_id, tables.row_of(tables.AttestationRow, data)) for member_id, data in judged]
    return {
        "id": record_id.hex(),
        "entry": row.entry.hex() if row.entry == record_id else f"{row.entry.hex()}#{row.item}",
        "status": row.status,
        "waits_for": [agent_name(view, one) for one in missing],
        "action": said.action,
        "quantity": _quantities(said),
        "kind": kind_name(view, said.resource_conforms_to),
        "provider": agent_name(view, row.provider),
        "receiver": agent_name(view, row.receiver),
        "author": agent_name(view, row.author),
        "performed_ms": said.performed_ms,
        "stream": said.stream or "",
        "lesson": said.lesson or "",
        "in_scope_of": said.in_scope_of or "",
        "corrects": "" if said.corrects is None else said.corrects.hex(),
        "fulfills": "" if said.fulfills is None else said.fulfills.hex(),
        "note": view.text(said.annex, "note"),
        "attestations": [
            {
                "member": agent_name(view, member_id),
                "verdict": judgement.verdict,
                "competence": judgement.competence or "",
                "reason": view.text(judgement.annex, "note"),
            }
            for member_id, judgement in judgements
        ],
    }


def _intents(view: GroupView, who: bytes | None, page: Page) -> list[EconomyRow]:
    return [
        intent_shown(view, key, row, promising.INTENT.decode_own(row.payload))
        for key, row in listed_rows(view, "intent", who, page)
    ]


def _promises(view: GroupView, who: bytes | None, page: Page) -> list[EconomyRow]:
    return [promise_shown(view, key, row) for key, row in listed_rows(view, "commitment", who, page)]


def promise_shown(view: GroupView, key: bytes, row: tables.CommitmentRow) -> EconomyRow:
    """One promise or clause."""
    return {
        "id": key.hex(),
        "status": row.status,
        "action": row.action,
        "kind": kind_name(view, row.kind),
        "promised": amount(row.promised, row.unit),
        "fulfilled": amount(row.fulfilled, row.unit),
        "set_off": _set_off(view, key, row),
        "provider": agent_name(view, row.provider),
        "receiver": agent_name(view, row.receiver),
        "due_ms": row.due_ms,
        "agreement": "" if row.clause_of is None else row.clause_of.hex(),
    }


def _set_off(view: GroupView, key: bytes, row: tables.CommitmentRow) -> str:
    """How much of what counts as given was set off in loops, or nothing."""
    total = tables.amount(view.rows, "set_off", key)
    return amount(total, row.unit) if is_less(tables.ZERO, total) else ""


def _claims(view: GroupView, who: bytes | None, page: Page) -> list[EconomyRow]:
    return [
        {
            "id": key.hex(),
            "status": row.status,
            "provider": agent_name(view, row.provider),
            "receiver": agent_name(view, row.receiver),
            "quantity": measure_text(row.quantity),
            "settled": amount(row.settled, row.quantity.unit),
            "kind": kind_name(view, promising.CLAIM.decode(row.payload).resource_conforms_to),
            "triggered_by": row.triggered_by.hex(),
        }
        for key, row in listed_rows(view, "claim", who, page)
    ]


def _agreements(view: GroupView, who: bytes | None) -> list[EconomyRow]:
    shown = (
        _agreement_row(view, key, row)
        for key, row in agreements(view.rows)
        if who is None or who in row.terms.parties
    )
    return list(islice(shown, ROWS_MAX))


def _agreement_row(view: GroupView, key: bytes, row: AgreementRow) -> EconomyRow:
    terms = row.terms
    status = status_at(row, view.now_ms)
    return {
        "id": key.hex(),
        "name": terms.name,
        "status": status,
        "mode": terms.mode,
        "parties": [agent_name(view, party) for party in terms.parties],
        "waits_for": [agent_name(view, one) for one in missing_answers(view, row)],
        "answer_until_ms": terms.answer_until_ms,
        "review_ms": terms.review_ms,
        "end_ms": terms.end_ms,
        "ended_by": agent_name(view, row.ended_by),
        "ended_ms": row.ended_ms,
        "reason": view.text(row.annex, "note"),
        "replaces": "" if terms.replaces is None else terms.replaces.hex(),
    }


def missing_answers(view: GroupView, row: AgreementRow) -> list[bytes]:
    """Who still has to sign an agreement, ascending."""
    if status_at(row, view.now_ms) != PROPOSED:
        return []
    return [one for one in signers_needed(view.rows, row.terms) if one not in row.signers]


def _frozen(view: GroupView, agreement_id: bytes, terms: Terms) -> list[str]:
    """Who may take or give no more now, and why."""
    lines = []
    for party, unit, given, taken in balances(view.rows, agreement_id):
        lean = difference(given, taken)
        for limit in terms.limits:
            if limit.party != party:
                continue
            name = agent_name(view, party)
            if limit.taken and limit.taken.unit == unit and not is_less(negated(lean), limit.taken.amount):
                lines.append(
                    f"{name} has taken {amount(negated(lean), unit)} more than given, of at most "
                    f"{measure_text(limit.taken)}: {name} takes no more until something flows back"
                )
            if limit.given and limit.given.unit == unit and not is_less(lean, limit.given.amount):
                lines.append(
                    f"{name} has given {amount(lean, unit)} more than taken, of at most "
                    f"{measure_text(limit.given)}: {name} gives no more until something flows back"
                )
    return lines


def agreement_shown(view: GroupView, agreement_id: bytes) -> EconomyRow:
    """One agreement with its clauses, limits, balances and what remains."""
    row = agreement(view.rows, agreement_id)
    assert row is not None, "named before"
    terms = row.terms
    ids = [clause_id(agreement_id, index) for index in range(len(terms.clauses))]
    promises = [tables.commitment(view.rows, one) for one in ids]
    return _agreement_row(view, agreement_id, row) | {
        "terms": terms.hash.hex(),
        "frozen": _frozen(view, agreement_id, terms) if row.status == ACCEPTED else [],
        "tolerance": "" if terms.tolerance is None else "/".join(map(str, terms.tolerance)),
        "shared_risk": "" if terms.shared_risk is None else "/".join(map(str, terms.shared_risk)),
        "clauses": [
            {
                "number": index + 1,
                "id": clause_id(agreement_id, index).hex(),
                "action": clause.action,
                "quantity": _quantities(clause),
                "kind": kind_name(view, clause.resource_conforms_to),
                "provider": agent_name(view, clause.provider),
                "receiver": agent_name(view, clause.receiver),
                "times": clause.times or 1,
                "every_days": clause.every_days,
                "due_ms": clause.due_ms,
                "promised": "" if promise is None else amount(promise.promised, promise.unit),
                "fulfilled": "" if promise is None else amount(promise.fulfilled, promise.unit),
                "set_off": "" if promise is None else _set_off(view, clause_id(agreement_id, index), promise),
                "status": "" if promise is None else promise.status,
            }
            for index, (clause, promise) in enumerate(zip(terms.clauses, promises, strict=True))
        ],
        "limits": [
            {
                "party": agent_name(view, limit.party),
                "given": "" if limit.given is None else measure_text(limit.given),
                "taken": "" if limit.taken is None else measure_text(limit.taken),
            }
            for limit in terms.limits
        ],
        "balances": [
            {"party": agent_name(view, party), "given": amount(given, unit), "taken": amount(taken, unit)}
            for party, unit, given, taken in balances(view.rows, agreement_id)
        ],
        "remainder": [
            {"clause": index + 1, "left": measure_text(left)}
            for index, left in agreeing.remainder(view.rows, agreement_id, terms)
        ],
    }


def _processes(view: GroupView, who: bytes | None) -> list[EconomyRow]:
    shown = (
        {
            "id": key.hex(),
            "name": row.name,
            "based_on": row.based_on or "",
            "in_scope_of": row.in_scope_of or "",
            "author": agent_name(view, row.author),
            "status": "finished" if row.is_finished else "running",
        }
        for key, row in tables.rows_of(view.rows, tables.ProcessRow, "process")
        if who in (None, row.author)
    )
    return list(islice(shown, ROWS_MAX))


def _kinds(view: GroupView, who: bytes | None) -> list[EconomyRow]:
    shown = (
        {
            "id": key.hex(),
            "name": row.name,
            "unit": row.unit_of_resource or row.unit_of_effort or "",
            "medium_of_exchange": row.is_medium_of_exchange,
        }
        for key, row in tables.rows_of(view.rows, tables.SpecRow, "spec")
        if who in (None, row.author)
    )
    return list(islice(shown, ROWS_MAX))


def _agents(view: GroupView, _: bytes | None) -> list[EconomyRow]:
    shown = (
        {"id": key.hex(), "kind": row.kind, "name": agent_name(view, key)}
        for key, row in tables.rows_of(view.rows, tables.AgentRow, "agent")
    )
    return list(islice(shown, ROWS_MAX))


def _balances(view: GroupView, who: bytes | None) -> list[EconomyRow]:
    """What each gave and took, by the other side and the unit; contributions by their stream."""
    everybody = [member_id for member_id, _ in members(view.rows)] if who is None else [who]
    found: list[EconomyRow] = []
    for agent_id in everybody:
        if len(found) >= ROWS_MAX:
            break
        sums: dict[tuple[bytes, str], list[str]] = {}
        for place, table in enumerate(("given", "taken")):
            for other, measure in tables.flows(view.rows, table, agent_id):
                sums.setdefault((other, measure.unit), ["", ""])[place] = measure_text(measure)
        contributed = ", ".join(
            f"{measure_text(measure)} {stream}"
            for stream, measure in tables.contributions(view.rows, agent_id)
        )
        for (other, _), (given, taken) in sums.items():
            found.append(
                {
                    "agent": agent_name(view, agent_id),
                    "other": agent_name(view, other),
                    "given": given,
                    "taken": taken,
                    "contributed": contributed if other == view.group else "",
                }
            )
    return found[:ROWS_MAX]


def _runs(view: GroupView, _: bytes | None) -> list[EconomyRow]:
    return run_rows(view)


LISTS: Mapping[str, Callable[[GroupView, bytes | None], list[EconomyRow]]] = {
    "agents": _agents,
    "agreements": _agreements,
    "balances": _balances,
    "metered": months_shown,
    "meters": meters_shown,
    "kinds": _kinds,
    "loops": loops_listed,
    "processes": _processes,
    "runs": _runs,
    "to-sign": _to_sign,
}
"""What can be listed as a whole, and how."""

PAGED: Mapping[str, Callable[[GroupView, bytes | None, Page], list[EconomyRow]]] = {
    "claims": _claims,
    "events": _events,
    "intents": _intents,
    "promises": _promises,
    "resources": _resources,
}
"""What becomes long: it is read by pages."""
