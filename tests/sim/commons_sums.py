"""Sums of commons, outside money and bookings that must hold in the rows of a group, whatever happened."""

from __future__ import annotations

from p2pnode.consensus.rows import Rows, row_key
from p2pnode.core.amount import Amount, add, is_less
from p2pnode.economy import booking, event, standing, tables, transvestment, using
from p2pnode.economy.commons import all_commons
from p2pnode.economy.tables import CLOSED, STANDING, ZERO
from p2pnode.governance.tables import scan


def lost_commons_sum(rows: Rows) -> str | None:
    """Which sum does not hold, or None."""
    return _lost_standing(rows) or _lost_claim(rows) or _lost_booking(rows)


def _lost_standing(rows: Rows) -> str | None:
    """What everybody gave and took is the sum of the entries behind it."""
    for commons_id, row in all_commons(rows):
        for actor in standing.actors(rows, commons_id):
            sums: dict[tuple[int, str], list[Amount]] = {}
            for part in standing.parts(rows, commons_id, actor):
                total = sums.setdefault((part.year, part.measure.unit), [ZERO, ZERO])
                side = 0 if part.kind == standing.GAVE else 1
                total[side] = add(total[side], part.measure.amount)
            written = {
                (int.from_bytes(key[:2], "big"), key[2:].decode("ascii")): [
                    (value[0][0], value[0][1]),
                    (value[1][0], value[1][1]),
                ]
                for key, value in scan(rows, "commons_sum", commons_id, actor)
            }
            expected = {key: total for key, total in sums.items() if total != [ZERO, ZERO]}
            if written != expected:
                return f"{row.name}: {actor.hex()[:8]} has {written}, the entries say {expected}"
    return None


def _lost_claim(rows: Rows) -> str | None:
    """What settled a claim is the sum of the events that name it; nothing flows back beyond a cap."""
    settled: dict[bytes, Amount] = {}
    for _, held in tables.rows_of(rows, tables.EventRow, "event"):
        said = event.decode(held.payload)
        if held.status == STANDING and said.settles is not None and said.corrects is None:
            amount = held.effort_amount if said.effort_quantity is not None else held.resource_amount
            settled[said.settles] = add(settled.get(said.settles, ZERO), amount or ZERO)
    for claim_id, claim in tables.rows_of(rows, tables.ClaimRow, "claim"):
        if claim.settled != settled.get(claim_id, ZERO):
            return f"claim {claim_id.hex()[:8]} is settled by {claim.settled}, not {settled.get(claim_id)}"
    for inflow_id, inflow in transvestment.inflows(rows):
        if is_less(inflow.cap, settled.get(inflow_id, ZERO)):
            return f"{settled[inflow_id]} flowed back for {inflow_id.hex()[:8]}, at most {inflow.cap} may"
    for use_id, use in using.uses(rows):
        held_claim = tables.claim(rows, use_id)
        if (use.owed is None) != (held_claim is None):
            return f"use {use_id.hex()[:8]} owes {use.owed}, its claim is {held_claim}"
        if use.status != STANDING and held_claim is not None and held_claim.status != CLOSED:
            return f"use {use_id.hex()[:8]} was withdrawn and is still claimed"
    return None


def _lost_booking(rows: Rows) -> str | None:
    """What is out is with who booked it, and is seen by who wants it next."""
    for booking_id, row in booking.bookings(rows):
        if row.status != booking.OUT:
            continue
        held = None if row.held is None else tables.resource(rows, row.held)
        if held is None or held.custodian != row.booker:
            return f"booking {booking_id.hex()[:8]} is out, and not with who booked it"
        if rows.get(row_key("booking_live", row.resource, booking_id)) is None:
            return f"booking {booking_id.hex()[:8]} is out, and stands in nobody's way"
    return None
