"""A group's economy as an export takes it: the rows, and the names of people as far as they are known."""

from __future__ import annotations

from p2pnode.economy import tables
from p2pnode.economy.agreement import agreements
from p2pnode.exporters.valueflows import Economy
from p2pnode.governance.tables import members
from p2pnode.service.economy_names import agent_name
from p2pnode.service.viewing import GroupView

_CLASSES = {"organization": "Organization", "ecological": "EcologicalAgent", "person": "Person"}


def exported(view: GroupView) -> Economy:
    """Everything about giving and taking, what is provisional included and marked by its status."""
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
    )
