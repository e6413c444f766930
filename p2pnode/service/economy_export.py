"""A group's economy as an export takes it: the rows, and the names of people as far as they are known."""

from __future__ import annotations

from collections.abc import Iterator

from p2pnode.core.amount import amount_of
from p2pnode.core.ids import EntryId
from p2pnode.economy import metering, tables, transvestment, using
from p2pnode.economy.agreement import agreements
from p2pnode.economy.commons import all_commons
from p2pnode.exporters.valueflows import Economy, Read
from p2pnode.governance.tables import members
from p2pnode.service.economy_names import agent_name
from p2pnode.service.viewing import GroupView

_CLASSES = {"organization": "Organization", "ecological": "EcologicalAgent", "person": "Person"}


def _readings(view: GroupView, each_reading: bool) -> Iterator[Read]:
    for meter_id, meter in tables.rows_of(view.rows, metering.MeterRow, "meter"):
        for begin_ms, run in metering.runs(view.rows, meter_id):
            if not each_reading:
                yield Read(run.entry, None, meter_id, begin_ms, run.last_ms, run.total)
                continue
            entry = view.describer.entry_of(EntryId(run.entry))
            # Behind a snapshot the entry may still be on its way: then there is the sum alone.
            if entry is None or entry.payload is None:
                yield Read(run.entry, None, meter_id, begin_ms, run.last_ms, run.total)
                continue
            void = metering.void_rules(view.rows, run.entry)
            for item, (at_ms, amount) in enumerate(metering.decode_reading(entry.payload).readings):
                if item not in void:
                    flow = amount_of(amount, -meter.decimals)
                    yield Read(run.entry, item, meter_id, max(at_ms - meter.every_ms, 0), at_ms, flow)


def exported(view: GroupView, each_reading: bool) -> Economy:
    """Everything about giving and taking, what is provisional included and marked by its status.

    Shapes: each reading of a meter by itself, or one sum for each signed entry.
    """
    rows = view.rows
    agents = [(view.group, view.describer.group_name, "Organization")]
    agents += [(member_id, view.name(member_id), "Person") for member_id, _ in members(rows)]
    agents += [
        (key, agent_name(view, key), _CLASSES[row.kind])
        for key, row in tables.rows_of(rows, tables.AgentRow, "agent")
    ]
    return Economy(
        agents=tuple(agents),
        specs=tuple(tables.rows_of(rows, tables.SpecRow, "spec")),
        processes=tuple(tables.rows_of(rows, tables.ProcessRow, "process")),
        resources=tuple(tables.rows_of(rows, tables.ResourceRow, "resource")),
        events=tuple(tables.rows_of(rows, tables.EventRow, "event")),
        intents=tuple(tables.rows_of(rows, tables.IntentRow, "intent")),
        commitments=tuple(tables.rows_of(rows, tables.CommitmentRow, "commitment")),
        claims=tuple(tables.rows_of(rows, tables.ClaimRow, "claim")),
        agreements=tuple(agreements(rows)),
        text=view.text,
        meters=tuple(tables.rows_of(rows, metering.MeterRow, "meter")),
        readings=tuple(_readings(view, each_reading)),
        commons=tuple((key, row.name) for key, row in all_commons(rows)),
        uses=tuple(using.uses(rows)),
        inflows=tuple(transvestment.inflows(rows)),
    )
