"""A group's economy as JSON-LD in the words of ValueFlows 1.0.0, readable without this program.

The context stands inside the document and is pinned by a test; nothing is ever fetched: the ontology's own
file holds no types for its properties. What ValueFlows has no words for stands in a namespace of ours.

Source: ValueFlows 1.0.0, all_vf.TTL; OM 2.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from p2pnode.core.amount import Amount, amount_text
from p2pnode.economy import event, metering, promising, tables, transvestment, using
from p2pnode.economy.agreement import AgreementRow, clause_id
from p2pnode.economy.form import Kind, Place
from p2pnode.economy.measure import UNITS, Measure

VF = "https://w3id.org/valueflows/ont/vf#"
OM = "http://www.ontology-of-units-of-measure.org/resource/om-2/"
OWN = "urn:p2pnode:ns:"
ID = "urn:p2pnode:id:"
KIND = "urn:p2pnode:kind:"
UNIT = "urn:p2pnode:unit:"
STAGE = "urn:p2pnode:stage:"

_REFERENCES = (
    "basedOn clauseOf conformsTo containedIn corrects currentLocation defaultUnitOfEffort "
    "defaultUnitOfResource eligibleLocation fulfills inScopeOf inputOf outputOf primaryAccountable provider "
    "realizationOf receiver reciprocalClauseOf resourceConformsTo resourceInventoriedAs satisfies settles "
    "stage toLocation toResourceInventoriedAs triggeredBy unitOfEffort"
)
_DATES = "created due hasBeginning hasEnd hasPointInTime"
_SETS = "classifiedAs resourceClassifiedAs stipulates stipulatesReciprocal publishes"


def _context() -> dict[str, Any]:
    terms: dict[str, Any] = {
        "@version": 1.1,
        "@vocab": VF,
        "vf": VF,
        "om": OM,
        "xsd": "http://www.w3.org/2001/XMLSchema#",
        "p2p": OWN,
        "id": "@id",
        "type": "@type",
        "action": {"@id": "vf:action", "@type": "@vocab"},
        "purpose": {"@id": "vf:purpose", "@type": "@vocab"},
        "hasUnit": {"@id": "vf:hasUnit", "@type": "@id"},
        "hasNumericalValue": {"@id": "vf:hasNumericalValue", "@type": "xsd:decimal"},
    }
    terms |= {name: {"@id": f"vf:{name}", "@type": "@id"} for name in _REFERENCES.split()}
    terms |= {name: {"@id": f"vf:{name}", "@type": "xsd:dateTimeStamp"} for name in _DATES.split()}
    for name in _SETS.split():
        reference = {"@type": "@id"} if name in ("publishes", "stipulates", "stipulatesReciprocal") else {}
        terms[name] = {"@id": f"vf:{name}", "@container": "@set", **reference}
    return terms


CONTEXT: Mapping[str, Any] = MappingProxyType(_context())
"""What the names in a document mean."""

Text = Callable[[bytes | None, str], str]
"""A word of an annex that is here, or nothing."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a meter read in an interval. Shapes: item counts readings of an entry; None is all of it."""

    entry: bytes
    item: int | None
    meter: bytes
    begin_ms: int
    end_ms: int
    amount: Amount


@dataclass(frozen=True, slots=True)
class Economy:
    """What is exported. Shapes: agents are ids with names and classes of ValueFlows, commons ids with names;
    text reads annexes.
    """

    agents: tuple[tuple[bytes, str, str], ...]
    specs: tuple[tuple[bytes, tables.SpecRow], ...]
    processes: tuple[tuple[bytes, tables.ProcessRow], ...]
    resources: tuple[tuple[bytes, tables.ResourceRow], ...]
    events: tuple[tuple[bytes, tables.EventRow], ...]
    intents: tuple[tuple[bytes, tables.IntentRow], ...]
    commitments: tuple[tuple[bytes, tables.CommitmentRow], ...]
    claims: tuple[tuple[bytes, tables.ClaimRow], ...]
    agreements: tuple[tuple[bytes, AgreementRow], ...]
    text: Text
    meters: tuple[tuple[bytes, metering.MeterRow], ...] = ()
    readings: tuple[Read, ...] = ()
    commons: tuple[tuple[bytes, str], ...] = ()
    uses: tuple[tuple[bytes, using.UseRow], ...] = ()
    inflows: tuple[tuple[bytes, transvestment.InflowRow], ...] = ()


def write_valueflows(economy: Economy) -> str:
    """The document as text, one node after the other in the order of their tables and ids."""
    nodes = [_dropped(node) for node in _nodes(economy)]
    kinds = sorted(set(_kinds(economy)))
    nodes += [{"id": kind_iri(kind), "type": "ResourceSpecification", "name": kind} for kind in kinds]
    stages = sorted({row.based_on for _, row in economy.processes if row.based_on})
    nodes += [{"id": _stage(one), "type": "ProcessSpecification", "name": one} for one in stages]
    return json.dumps({"@context": dict(CONTEXT), "@graph": nodes}, ensure_ascii=False, indent=1) + "\n"


def _nodes(economy: Economy) -> Iterable[dict[str, Any]]:
    for agent_id, name, class_ in economy.agents:
        yield {"id": iri(agent_id), "type": class_, "name": name}
    for key, spec in economy.specs:
        yield {
            "id": iri(key),
            "type": "ResourceSpecification",
            "name": spec.name,
            "defaultUnitOfResource": unit_iri(spec.unit_of_resource),
            "defaultUnitOfEffort": unit_iri(spec.unit_of_effort),
            "mediumOfExchange": True if spec.is_medium_of_exchange else None,
        }
    for key, process in economy.processes:
        yield {
            "id": iri(key),
            "type": "Process",
            "name": process.name,
            "basedOn": None if process.based_on is None else _stage(process.based_on),
            "finished": process.is_finished,
            "p2p:commons": process.in_scope_of,
        }
    for key, resource in economy.resources:
        yield _resource(key, resource)
    for key, row in economy.events:
        yield event_node(key, row, economy.text)
    for key, intent in economy.intents:
        yield from _intent(key, intent, economy.text)
    for key, promise in economy.commitments:
        yield _commitment(key, promise)
    for key, claim in economy.claims:
        said = promising.CLAIM.decode(claim.payload)
        yield {
            "id": iri(key),
            "type": "Claim",
            "action": said.action,
            "provider": iri(claim.provider),
            "receiver": iri(claim.receiver),
            "triggeredBy": iri(claim.triggered_by),
            "due": stamp(said.due_ms),
            "finished": claim.status != tables.OPEN,
            **_flow(said.resource_conforms_to, said.resource_quantity, said.effort_quantity),
        }
    yield from _readings(economy)
    yield from _kept_in_common(economy)
    for key, held in economy.agreements:
        terms = held.terms
        yield {
            "id": iri(key),
            "type": "Agreement",
            "name": terms.name,
            "created": stamp(held.proposed_ms),
            "stipulates": [iri(clause_id(key, index)) for index in range(len(terms.clauses))],
            "p2p:status": held.status,
            "p2p:mode": terms.mode,
        }


def _resource(key: bytes, row: tables.ResourceRow) -> dict[str, Any]:
    return {
        "id": iri(key),
        "type": "EconomicResource",
        "name": row.name,
        "conformsTo": kind_iri(row.kind),
        "accountingQuantity": measure_node(Measure(row.accounting, row.unit)),
        "onhandQuantity": measure_node(Measure(row.onhand, row.unit)),
        "primaryAccountable": None if row.accountable is None else iri(row.accountable),
        "p2p:custodian": None if row.custodian is None else {"id": iri(row.custodian)},
        "currentLocation": _place(row.location),
        "containedIn": None if row.contained_in is None else iri(row.contained_in),
        "stage": None if row.stage is None else _stage(row.stage),
        "state": row.state,
        "trackingIdentifier": row.tracking_identifier,
    }


def event_node(key: bytes, row: tables.EventRow, text: Text) -> dict[str, Any]:
    """One event."""
    said = event.decode(row.payload)
    return {
        "id": iri(key),
        "type": "EconomicEvent",
        "action": said.action,
        "provider": iri(row.provider),
        "receiver": iri(row.receiver),
        "hasPointInTime": stamp(said.performed_ms),
        "created": stamp(row.time_ms),
        "inputOf": _reference(said.input_of),
        "outputOf": _reference(said.output_of),
        "resourceInventoriedAs": _reference(said.resource_inventoried_as),
        "toResourceInventoriedAs": _reference(said.to_resource_inventoried_as),
        "fulfills": _reference(said.fulfills),
        "settles": _reference(said.settles),
        "corrects": _reference(said.corrects),
        "realizationOf": _reference(said.realization_of),
        "toLocation": _place(said.to_location),
        "state": said.state,
        "note": text(said.annex, "note") or None,
        "p2p:commons": said.in_scope_of,
        "p2p:lesson": said.lesson,
        "p2p:creates": None if said.creates is None else said.creates.name,
        "p2p:status": row.status,
        "p2p:stream": said.stream,
        **_flow(said.resource_conforms_to, said.resource_quantity, said.effort_quantity),
    }


def _readings(economy: Economy) -> Iterable[dict[str, Any]]:
    """What meters counted: events that have an interval, and name their meter."""
    meters = dict(economy.meters)
    for key, meter in economy.meters:
        yield {"id": iri(key), "type": "p2p:Meter", "name": meter.name, "p2p:commons": meter.in_scope_of}
    for read in economy.readings:
        meter = meters[read.meter]
        yield {
            "id": iri(read.entry) + ("" if read.item is None else f"#{read.item}"),
            "type": "EconomicEvent",
            "action": meter.action,
            "provider": iri(meter.holder),
            "receiver": iri(meter.receiver or meter.holder),
            "hasBeginning": stamp(read.begin_ms),
            "hasEnd": stamp(read.end_ms),
            "p2p:meter": {"id": iri(read.meter)},
            "resourceQuantity": measure_node(Measure(read.amount, meter.unit)),
        }


def _kept_in_common(economy: Economy) -> Iterable[dict[str, Any]]:
    """Uses of commons and means from outside: ValueFlows has no words for what a licence or a cap says."""
    names = dict(economy.commons)
    for key, use in economy.uses:
        said = using.USE.decode(use.payload)
        yield {
            "id": iri(key),
            "type": "p2p:Use",
            "hasPointInTime": stamp(said.performed_ms),
            "p2p:commons": names.get(use.commons),
            "p2p:actor": {"id": iri(use.actor)},
            "p2p:use": said.use,
            "p2p:status": use.status,
            "resourceQuantity": measure_node(use.quantity),
            "p2p:owed": None if use.owed is None else measure_node(use.owed),
        }
    for key, inflow in economy.inflows:
        brought = transvestment.INFLOW.decode(inflow.payload)
        # Adopted, the money itself is an event, which has the id of the entry.
        yield {
            "id": iri(key) + ":cap",
            "type": "p2p:Inflow",
            "hasPointInTime": stamp(brought.performed_ms),
            "p2p:event": {"id": iri(key)},
            "p2p:commons": None if brought.commons is None else names.get(brought.commons),
            "p2p:returns": inflow.returns,
            "p2p:status": inflow.status,
            "p2p:cap": measure_node(Measure(inflow.cap, inflow.quantity.unit)),
            "p2p:brought": measure_node(inflow.quantity),
        }


def _intent(key: bytes, row: tables.IntentRow, text: Text) -> Iterable[dict[str, Any]]:
    said = promising.INTENT.decode(row.payload)
    side = "provider" if said.purpose == promising.OFFER else "receiver"
    yield {
        "id": iri(key),
        "type": "Intent",
        "action": said.action,
        side: iri(row.author),
        "due": stamp(said.due_ms),
        "hasBeginning": stamp(said.has_beginning_ms),
        "hasEnd": stamp(said.has_end_ms),
        "finished": row.status != tables.OPEN,
        "note": text(said.annex, "note") or None,
        "p2p:commons": said.in_scope_of,
        "p2p:reachKm": said.reach_km,
        **_flow(said.resource_conforms_to, said.resource_quantity, said.effort_quantity),
    }
    yield {
        "id": iri(key) + ":proposal",
        "type": "Proposal",
        "purpose": said.purpose,
        "publishes": [iri(key)],
        "eligibleLocation": _place(said.eligible_location),
        "p2p:reciprocal": said.reciprocal,
    }


def _commitment(key: bytes, row: tables.CommitmentRow) -> dict[str, Any]:
    promised = Measure(row.promised, row.unit)
    is_effort = row.action == "work"
    return {
        "id": iri(key),
        "type": "Commitment",
        "action": row.action,
        "provider": iri(row.provider),
        "receiver": _reference(row.receiver),
        "clauseOf": _reference(row.clause_of),
        "satisfies": _reference(row.satisfies),
        "due": stamp(row.due_ms),
        "finished": row.status != tables.OPEN,
        **_flow(row.kind, None if is_effort else promised, promised if is_effort else None),
    }


def _flow(kind: Kind | None, resource: Measure | None, effort: Measure | None) -> dict[str, Any]:
    return {
        "resourceConformsTo": kind_iri(kind),
        "resourceQuantity": None if resource is None else measure_node(resource),
        "effortQuantity": None if effort is None else measure_node(effort),
    }


def _kinds(economy: Economy) -> Iterable[str]:
    """The kinds that are said in words alone."""
    found: list[Kind | None] = [row.kind for _, row in economy.resources]
    found += [event.decode(row.payload).resource_conforms_to for _, row in economy.events]
    found += [promising.INTENT.decode(row.payload).resource_conforms_to for _, row in economy.intents]
    found += [promising.CLAIM.decode(row.payload).resource_conforms_to for _, row in economy.claims]
    found += [row.kind for _, row in economy.commitments]
    return (kind for kind in found if isinstance(kind, str))


def iri(identifier: bytes) -> str:
    """The IRI of an entry, a record, a member or the group."""
    return ID + identifier.hex()


def _reference(identifier: bytes | None) -> str | None:
    return None if identifier is None else iri(identifier)


def kind_iri(kind: Kind | None) -> str | None:
    """The IRI of a specification, or of a kind in words."""
    if kind is None:
        return None
    return iri(kind) if isinstance(kind, bytes) else KIND + quote(kind, safe="")


def _stage(name: str) -> str:
    return STAGE + quote(name, safe="")


def unit_iri(unit: str | None) -> str | None:
    """The IRI of a unit: of OM 2 where it has one."""
    if unit is None:
        return None
    return f"om:{unit}" if unit in UNITS else UNIT + unit


def measure_node(measure: Measure) -> dict[str, Any]:
    """So much of a unit; the number is a decimal text, never a float."""
    return {
        "type": "Measure",
        "hasNumericalValue": amount_text(measure.amount),
        "hasUnit": unit_iri(measure.unit),
    }


def _place(place: Place | None) -> dict[str, Any] | None:
    if place is None:
        return None
    if isinstance(place, str):
        return {"type": "SpatialThing", "name": place}
    latitude, longitude = ((part, -6) for part in place)
    return {"type": "SpatialThing", "lat": amount_text(latitude), "long": amount_text(longitude)}


def stamp(time_ms: int | None) -> str | None:
    """A time as xsd:dateTimeStamp in UTC, to the millisecond."""
    if time_ms is None:
        return None
    from datetime import UTC, datetime

    seconds, rest = divmod(time_ms, 1000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:03d}Z"


def _dropped(node: dict[str, Any]) -> dict[str, Any]:
    """A node without what is not said."""
    return {name: value for name, value in node.items() if value is not None and value != []}
