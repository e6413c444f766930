"""What people, things, places and amounts of a group's economy are called, for people."""

from __future__ import annotations

from p2pnode.core.amount import Amount, amount_text
from p2pnode.economy import tables
from p2pnode.economy.form import Kind, Place
from p2pnode.economy.labels import measure_text
from p2pnode.economy.measure import Measure
from p2pnode.service.viewing import GroupView


def agent_name(view: GroupView, agent_id: bytes | None) -> str:
    """What an agent is called, or the start of the id."""
    if agent_id is None:
        return ""
    if agent_id not in view.agent_names:
        view.agent_names[agent_id] = _looked_up(view, agent_id)
    return view.agent_names[agent_id]


def _looked_up(view: GroupView, agent_id: bytes) -> str:
    if agent_id == view.group:
        return view.describer.group_name
    outside = tables.agent(view.rows, agent_id)
    if outside is not None:
        return outside.name or view.text(outside.annex, "name") or agent_id.hex()[:8]
    return view.name(agent_id)


def kind_name(view: GroupView, kind: Kind | None) -> str:
    """What something is, in words."""
    if not isinstance(kind, bytes):
        return kind or ""
    spec = tables.spec(view.rows, kind)
    return kind.hex()[:8] if spec is None else spec.name


def place_text(place: Place | None) -> str:
    """A place in words or degrees."""
    if isinstance(place, tuple):
        return ", ".join(amount_text((part, -6)).rstrip("0").rstrip(".") for part in place)
    return place or ""


def amount(value: Amount, unit: str) -> str:
    """An amount with its unit."""
    return measure_text(Measure(value, unit))
