"""Lists of commons, uses, outside money, bookings and things, ready for JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from p2pnode.commons_wording import term_in_words
from p2pnode.core.amount import add, difference
from p2pnode.economy import booking, commons, standing, tables, transvestment, using
from p2pnode.economy.booking import BookingRow
from p2pnode.economy.commons import CommonsRow
from p2pnode.economy.labels import measure_text
from p2pnode.economy.measure import Measure
from p2pnode.economy.tables import CLOSED, ResourceRow
from p2pnode.governance.commons_rules import STEWARD
from p2pnode.local.economy_calls import EconomyRow
from p2pnode.service.economy_names import agent_name, amount
from p2pnode.service.paging import ROWS_MAX
from p2pnode.service.viewing import GroupView

# ---- commons


def _commons(view: GroupView, who: bytes | None) -> list[EconomyRow]:
    return [
        _commons_row(view, key, row)
        for key, row in commons.all_commons(view.rows)
        if who is None or who in row.stewards
    ][:ROWS_MAX]


def _commons_row(view: GroupView, key: bytes, row: CommonsRow) -> EconomyRow:
    return {
        "id": key.hex(),
        "name": row.name,
        "kind": row.kind,
        "reach": row.reach,
        "licence": [term_in_words(term) for term in row.licence],
        "stewards": [agent_name(view, one) for one in row.stewards],
        "things": [thing_name(view, one) for one in row.things],
    }


def commons_shown(view: GroupView, commons_id: bytes, who: bytes | None) -> EconomyRow:
    """One commons: its licence and roles, and how everybody who gave or used, or one, stands to it."""
    row = commons.commons(view.rows, commons_id)
    assert row is not None, "named before"
    rules = commons.rules_of(view.rows)
    given = dict(commons.participants(view.rows, commons_id))
    actors = standing.actors(view.rows, commons_id) if who is None else (who,)
    return _commons_row(view, commons_id, row) | {
        "participants": [
            {
                "agent": agent_name(view, agent),
                "role": role,
                "rights": sorted(rules.rights.get(role, ())),
            }
            for agent, role in (*((steward, STEWARD) for steward in row.stewards), *given.items())
        ],
        "test": {
            "generative_permille": rules.generative_permille,
            "years": rules.years,
            "weights": dict(rules.weights),
        },
        "standings": [_standing(view, commons_id, row, actor) for actor in actors][:ROWS_MAX],
        "is_detailed": who is not None,
    }


def _standing(view: GroupView, commons_id: bytes, row: CommonsRow, actor: bytes) -> EconomyRow:
    rules = commons.rules_of(view.rows)
    found = standing.balances(view.rows, commons_id, row, actor, rules, view.now_ms)
    now = commons.year_of(row, view.now_ms)
    return {
        "agent": agent_name(view, actor),
        "role": commons.role_of(view.rows, commons_id, actor),
        "verdict": standing.verdict(found, rules),
        "balances": [
            {"given": amount(one.given, one.unit), "taken": amount(one.taken, one.unit)} for one in found
        ],
        "owed": [measure_text(one) for one in owed_by(view, commons_id, actor)],
        "entries": [
            {
                "record": part.record.hex(),
                "kind": part.kind,
                "quantity": measure_text(part.measure),
                "counts": now - rules.years < part.year <= now,
            }
            for part in standing.parts(view.rows, commons_id, actor)
        ],
    }


def owed_by(view: GroupView, commons_id: bytes, actor: bytes) -> list[Measure]:
    """What somebody still owes a commons, by unit in ascending order."""
    sums: dict[str, Measure] = {}
    for part in standing.parts(view.rows, commons_id, actor):
        claim = tables.claim(view.rows, part.record) if part.kind == standing.USED else None
        if claim is not None and claim.status != CLOSED:
            left = difference(claim.quantity.amount, claim.settled)
            if left[0] > 0:
                unit = claim.quantity.unit
                before = sums.get(unit, Measure((0, 0), unit))
                sums[unit] = Measure(add(before.amount, left), unit)
    return [sums[unit] for unit in sorted(sums)]


def _uses(view: GroupView, who: bytes | None) -> list[EconomyRow]:
    return [use_shown(view, key, row) for key, row in using.uses(view.rows) if who in (None, row.actor)][
        :ROWS_MAX
    ]


def use_shown(view: GroupView, key: bytes, row: using.UseRow) -> EconomyRow:
    """One use with what follows from it."""
    said = using.USE.decode(row.payload)
    claim = tables.claim(view.rows, key)
    held = commons.commons(view.rows, row.commons)
    return {
        "id": key.hex(),
        "commons": "" if held is None else held.name,
        "status": row.status,
        "actor": agent_name(view, row.actor),
        "author": agent_name(view, row.author),
        "role": row.role,
        "use": said.use or "",
        "quantity": measure_text(row.quantity),
        "asks": row.asks,
        "taken": "" if row.taken is None else measure_text(row.taken),
        "owed": "" if row.owed is None else measure_text(row.owed),
        "settled": "" if claim is None else amount(claim.settled, claim.quantity.unit),
        "is_exempt": row.is_exempt,
        "is_licensed": row.is_licensed,
        "performed_ms": said.performed_ms,
        "note": view.text(said.annex, "note"),
    }


def _waiting(view: GroupView, who: bytes | None) -> list[EconomyRow]:
    """What somebody has put before the group and nobody has adopted."""
    found: list[EconomyRow] = []
    for key, row in commons.changes(view.rows):
        if row.status == commons.WAITING and who in (None, row.author):
            held = commons.commons(view.rows, row.commons)
            what = "change" if row.type == commons.CHANGE_TYPE else "withdrawal of a use"
            name = "" if held is None else held.name
            found.append(
                {"id": key.hex(), "what": what, "commons": name, "author": agent_name(view, row.author)}
            )
    for key, inflow in transvestment.inflows(view.rows):
        if inflow.status == commons.WAITING and who in (None, inflow.author):
            what = f"{measure_text(inflow.quantity)} from {agent_name(view, inflow.provider)}"
            found.append(
                {"id": key.hex(), "what": what, "commons": "", "author": agent_name(view, inflow.author)}
            )
    return found[:ROWS_MAX]


def _inflows(view: GroupView, who: bytes | None) -> list[EconomyRow]:
    return [
        inflow_shown(view, key, row)
        for key, row in transvestment.inflows(view.rows)
        if who in (None, row.author, row.provider)
    ][:ROWS_MAX]


def inflow_shown(view: GroupView, key: bytes, row: transvestment.InflowRow) -> EconomyRow:
    """What came in from outside, and how much of its cap is left."""
    claim = tables.claim(view.rows, key)
    unit = row.quantity.unit
    settled = tables.ZERO if claim is None else claim.settled
    status = row.status if claim is None else _CLAIMED[claim.status]
    is_open = claim is not None and claim.status == tables.OPEN
    left = difference(row.cap, settled) if is_open else tables.ZERO
    return {
        "id": key.hex(),
        "status": status,
        "provider": agent_name(view, row.provider),
        "author": agent_name(view, row.author),
        "quantity": measure_text(row.quantity),
        "returns": row.returns,
        "share_permille": row.share_permille,
        "cap": amount(row.cap, unit),
        "returned": amount(settled, unit),
        "left": amount(left, unit),
        "promised": amount(transvestment.returning(view.rows, key).promised, unit),
        "time_ms": row.time_ms,
    }


_CLAIMED = {"open": "open", "fulfilled": "extinguished", "closed": "closed"}


# ---- things


def thing_name(view: GroupView, resource_id: bytes) -> str:
    """What a thing is called."""
    row = tables.resource(view.rows, resource_id)
    return resource_id.hex()[:8] if row is None else row.name


def _bookings(view: GroupView, who: bytes | None) -> list[EconomyRow]:
    found = sorted(booking.bookings(view.rows), key=lambda item: (item[1].begin_ms, item[1].number))
    return [booking_shown(view, key, row) for key, row in found if who in (None, row.booker, row.owner)][
        -ROWS_MAX:
    ]


def booking_shown(view: GroupView, key: bytes, row: BookingRow) -> EconomyRow:
    """One booking with where the thing is, and how it went and came."""
    return {
        "id": key.hex(),
        "thing": thing_name(view, row.resource),
        "resource": row.resource.hex(),
        "status": row.status,
        "is_late": row.is_late(view.now_ms),
        "is_over": row.end_ms <= view.now_ms,
        "booker": agent_name(view, row.booker),
        "owner": agent_name(view, row.owner),
        "action": row.action,
        "quantity": measure_text(row.quantity),
        "begin_ms": row.begin_ms,
        "end_ms": row.end_ms,
        "out_ms": row.out_ms,
        "out_state": row.out_state or "",
        "back_ms": row.back_ms,
        "back_state": row.back_state or "",
        "condition": condition_of(view, row.resource),
        "note": view.text(row.annex, "note"),
    }


def condition_of(view: GroupView, resource_id: bytes) -> str:
    """Whether a thing can be had, where somebody has said that it cannot."""
    marked = booking.mark(view.rows, resource_id)
    if marked is None or marked.condition == booking.USABLE:
        return ""
    is_over = marked.until_ms is not None and marked.until_ms <= view.now_ms
    return "" if is_over else marked.condition


def thing_shown(view: GroupView, resource_id: bytes) -> EconomyRow:
    """One thing: whose it is, how it is, what care it was given, and who has booked it."""
    row = tables.resource(view.rows, resource_id)
    assert row is not None, "named before"
    marked = booking.mark(view.rows, resource_id)
    commons_id = commons.commons_of_thing(view.rows, resource_id)
    held = None if commons_id is None else commons.commons(view.rows, commons_id)
    ahead = booking.live_bookings(view.rows, resource_id, view.now_ms)
    return _thing(view, resource_id, row) | {
        "commons": "" if held is None else held.name,
        "marked_by": "" if marked is None else agent_name(view, marked.author),
        "until_ms": None if marked is None else marked.until_ms,
        "why": "" if marked is None else view.text(marked.annex, "note"),
        "care": [measure_text(measure) for measure in booking.care_of(view.rows, resource_id)],
        "bookings": [booking_shown(view, key, one) for key, one in ahead],
    }


def _thing(view: GroupView, resource_id: bytes, row: ResourceRow) -> EconomyRow:
    return {
        "id": resource_id.hex(),
        "name": row.name,
        "there": amount(row.onhand, row.unit),
        "of": amount(row.accounting, row.unit),
        "accountable": agent_name(view, row.accountable),
        "custodian": agent_name(view, row.custodian),
        "state": row.state or "",
        "condition": condition_of(view, resource_id),
    }


COMMONS_LISTS: Mapping[str, Callable[[GroupView, bytes | None], list[EconomyRow]]] = {
    "bookings": _bookings,
    "commons": _commons,
    "commons-waiting": _waiting,
    "inflows": _inflows,
    "uses": _uses,
}
"""What can be listed about commons, and how."""
