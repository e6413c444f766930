"""What an export adds up to is what the group's accounts say, after corrections and struck records too."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from p2pnode.core.amount import Amount, add, amount_of_text
from p2pnode.economy import metering, recording
from p2pnode.economy.metering import Meter, Reading
from p2pnode.service.export_tables import TABLES
from tests.unit.economy.market import ALICE, BOB, IDS, Market


def rows(market: Market, name: str) -> list[dict[str, Any]]:
    describer = SimpleNamespace(group_name="bakery")
    view: Any = SimpleNamespace(
        rows=market.state,
        group=market.group,
        describer=describer,
        name=lambda member_id: member_id.hex()[:8],
        text=lambda _annex, _name: "",
        agent_names={},
    )
    columns, _, made = TABLES[name]
    names = [column for column, _ in columns]
    return [dict(zip(names, row, strict=True)) for _, row in made(view, b"")]


def sums(found: list[dict[str, Any]], amount: str, unit: str) -> dict[tuple[str, str, str], Amount]:
    totals: dict[tuple[str, str, str], Amount] = {}
    for row in found:
        if row[amount]:
            key = (row["provider"], row["receiver"], row[unit])
            totals[key] = add(totals.get(key, (0, 0)), amount_of_text(row[amount]))
    return {key: total for key, total in totals.items() if total[0]}


def _roof(group: bytes) -> Meter:
    return Meter("produce", 3, 900_000, "roof", "kilowattHour", receiver=group)


def test_d5_events_and_readings_add_up_to_the_balances() -> None:
    market = Market()
    worked = market.record(ALICE, "work", work="2.5 hour", receiver=market.group, stream="care")
    market.record(ALICE, "work", work="-0.5 hour", receiver=market.group, stream="care", corrects=worked)
    struck = market.record(ALICE, "work", work="7 hour", receiver=market.group)
    market.record(ALICE, "work", work="-1 hour", receiver=market.group, corrects=struck)
    given = market.record(ALICE, "transfer", much="3 kilogram", receiver=IDS[BOB])
    market.record(ALICE, "transfer", much="4 kilogram", receiver=IDS[BOB])
    assert market.sign_event(BOB, given) is None
    assert recording.strike(market.state, market.context, struck) is None
    roof = market.write(ALICE, metering.INSTALL_TYPE, metering.INSTALL.encode(_roof(market.group)))
    market.write(ALICE, metering.READ_TYPE, metering.encode_reading(Reading(roof, ((900_000, 125),))))
    exported = sums(rows(market, "events"), "counted_amount", "counted_unit")
    read = [row for row in rows(market, "readings") if row["receiver"]]
    exported |= sums(read, "amount", "unit")
    assert exported == sums(rows(market, "balances"), "amount", "unit")
    assert sorted(exported.values()) == [(2, 0), (3, 0), (125, -3)]
    assert {row["status"] for row in rows(market, "events")} == {"standing", "struck", "waiting"}


def test_every_row_has_every_column() -> None:
    market = Market()
    market.record(ALICE, "produce", much="20 kilogram", creates="bread", resource_conforms_to="bread")
    assert rows(market, "resources")[0]["onhand"] == "20"
    for name in TABLES:
        if name not in ("agreements", "clauses"):
            rows(market, name)
