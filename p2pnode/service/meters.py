"""Meters of a group, for lists and by name."""

from __future__ import annotations

from p2pnode.core.amount import amount_text
from p2pnode.economy import metering, tables
from p2pnode.economy.labels import label_of_unit, measure_text
from p2pnode.economy.measure import Measure
from p2pnode.local.economy_calls import EconomyRow
from p2pnode.local.naming import Named, choose
from p2pnode.service.viewing import GroupView


def meters_shown(view: GroupView, who: bytes | None) -> list[EconomyRow]:
    """All meters, or those that somebody holds or reads."""
    return [
        {
            "id": key.hex(),
            "name": row.name,
            "holder": view.name(row.holder),
            "reader": "" if row.reader is None else view.name(row.reader),
            "is_mine": view.me[0] in (row.holder, row.reader),
            "action": row.action,
            "receiver": "" if row.receiver is None else view.describer.group_name,
            "unit": label_of_unit(row.unit),
            "decimals": row.decimals,
            "every_ms": row.every_ms,
            "commons": row.in_scope_of or "",
            "status": row.status,
            "last_ms": row.last_ms,
            "total": measure_text(Measure(row.total, row.unit)),
        }
        for key, row in tables.rows_of(view.rows, metering.MeterRow, "meter")
        if who in (None, row.holder, row.reader)
    ]


def months_shown(view: GroupView, who: bytes | None) -> list[EconomyRow]:
    """What meters counted, by holder, month, action and unit."""
    holders = sorted({row.holder for _, row in tables.rows_of(view.rows, metering.MeterRow, "meter")})
    return [
        {
            "holder": view.name(holder),
            "month": f"{month // 100:04}-{month % 100:02}",
            "action": action,
            "amount": amount_text(measure.amount),
            "unit": label_of_unit(measure.unit),
        }
        for holder in holders
        if who in (None, holder)
        for action, month, measure in metering.metered(view.rows, holder)
    ]


def meter_of(view: GroupView, word: str) -> bytes:
    """A meter, by name or id; an open one before a closed one. Errors: UsageError meter.*."""
    rows = list(tables.rows_of(view.rows, metering.MeterRow, "meter"))
    mine = [Named(key.hex(), row.name) for key, row in rows if row.status == tables.OPEN]
    return bytes.fromhex(choose("meter", word, mine, where="p2pnode meter list"))
