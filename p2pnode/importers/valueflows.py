"""Reads JSON-LD in the words of ValueFlows: what was given and taken, as what a member would say here.

Old names are understood: the namespace before 1.0, and http instead of https. Contexts are never fetched: a
document brings its own, or names one of those that are known here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from p2pnode.core.errors import UsageError

if TYPE_CHECKING:
    from rdflib import Graph
    from rdflib.term import Node

VF = "https://w3id.org/valueflows/ont/vf#"
_OLD_NAMESPACES = (
    "http://w3id.org/valueflows/ont/vf#",
    "https://w3id.org/valueflows#",
    "http://w3id.org/valueflows#",
)
_OM = "http://www.ontology-of-units-of-measure.org/resource/om-2/"
_KIND = "urn:p2pnode:kind:"
_OWN = "urn:p2pnode:ns:"
_UNIT = "urn:p2pnode:unit:"
_KNOWN_CONTEXTS = frozenset(
    {
        "https://w3id.org/valueflows/ont/vf.jsonld",
        "http://w3id.org/valueflows/ont/vf.jsonld",
        "https://w3id.org/valueflows/ont/vf",
    }
)
BYTES_MAX = 64 * 1024 * 1024
_DEPTH_MAX = 32


@dataclass(frozen=True, slots=True)
class Said:
    """One thing to say: `what` and `fields` as the local API takes them; iri is its name in the document."""

    iri: str
    what: str
    fields: Mapping[str, Any]
    note: str


def read_valueflows(text: str, context: Mapping[str, Any]) -> list[Said]:
    """What a document says, in an order in which each names only earlier ones.

    Shapes: context stands for the published ones of ValueFlows. Errors: UsageError import.bad_document,
    import.unknown_context, import.bad_measure.
    """
    if len(text) > BYTES_MAX:
        raise UsageError("import.too_large", "the document is larger than 64 MiB", "split it")
    try:
        document = json.loads(text, parse_float=str)
    except ValueError as error:
        raise UsageError("import.bad_document", f"this is no JSON: {error}", "export it again") from error
    graph = _graph(_with_known_contexts(document, context, 0))
    reader = _Reader(graph)
    return [*reader.agents(), *reader.kinds(), *reader.processes(), *reader.events(), *reader.intents()]


def _with_known_contexts(value: Any, context: Mapping[str, Any], depth: int) -> Any:
    """The document with known contexts written out, so that nothing has to be fetched."""
    if depth > _DEPTH_MAX:
        raise UsageError("import.bad_document", "values stand too deep inside each other", "export it again")
    if isinstance(value, list):
        return [_with_known_contexts(item, context, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _known(item, context) if name == "@context" else _with_known_contexts(item, context, depth + 1)
        for name, item in value.items()
    }


def _known(value: Any, context: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        if value not in _KNOWN_CONTEXTS:
            raise UsageError(
                "import.unknown_context",
                f"the context {value} is not known, and nothing is fetched",
                "write the context into the document",
            )
        return dict(context)
    if isinstance(value, list):
        return [_known(item, context) for item in value]
    if isinstance(value, dict) and "@import" in value:
        raise UsageError("import.unknown_context", "@import fetches a context", "write it into the document")
    # Terms may have contexts of their own; the version says only that they may.
    inner = _with_known_contexts(value, context, 0)
    return (
        {name: item for name, item in inner.items() if name != "@version"}
        if isinstance(inner, dict)
        else inner
    )


def _graph(document: Any) -> Graph:
    from rdflib import Graph, URIRef

    found = Graph()
    try:
        found.parse(data=json.dumps(document), format="json-ld")
    except Exception as error:
        raise UsageError("import.bad_document", f"this is no JSON-LD: {error}", "export it again") from error
    renamed = Graph()

    def new(node: Node) -> Node:
        for old in _OLD_NAMESPACES:
            if isinstance(node, URIRef) and node.startswith(old):
                return URIRef(VF + node[len(old) :])
        return node

    for one, name, other in found:
        renamed.add((new(one), new(name), new(other)))
    return renamed


class _Reader:
    """Asks a graph for what ValueFlows would say."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def _one(self, node: Node, name: str) -> Node | None:
        from rdflib import URIRef

        found: Node | None = self._graph.value(node, URIRef(name if ":" in name else VF + name), any=True)
        return found

    def _text(self, node: Node, name: str) -> str | None:
        found = self._one(node, name)
        return None if found is None else str(found)

    def _all(self, *classes: str) -> list[Node]:
        from rdflib import RDF, URIRef

        found = {node for name in classes for node in self._graph.subjects(RDF.type, URIRef(VF + name))}
        return sorted(found, key=str)

    def agents(self) -> list[Said]:
        classes = {"Person": "person", "Organization": "organization", "EcologicalAgent": "ecological"}
        return [
            Said(str(node), "agent", {"kind": kind, "name": self._text(node, "name") or str(node)[:80]}, "")
            for class_, kind in classes.items()
            for node in self._all(class_)
        ]

    def kinds(self) -> list[Said]:
        return [
            Said(str(node), "kind", self._present(node, name="name", unit="defaultUnitOfResource"), "")
            for node in self._all("ResourceSpecification")
            if not str(node).startswith(_KIND)
        ]

    def _present(self, node: Node, name: str, unit: str) -> dict[str, Any]:
        held = self._one(node, unit)
        fields: dict[str, Any] = {"name": self._text(node, name) or str(node)[:80]}
        return fields if held is None else {**fields, "default_unit_of_resource": _unit(str(held))}

    def processes(self) -> list[Said]:
        return [
            Said(str(node), "process", {"name": self._text(node, "name") or str(node)[:80]}, "")
            for node in self._all("Process")
        ]

    def events(self) -> list[Said]:
        events = [self._flow(node, "event") for node in self._all("EconomicEvent")]
        # A correction names what it corrects, so that has to be there before.
        return sorted(
            events, key=lambda said: ("corrects" in said.fields, said.fields.get("performed_ms", 0))
        )

    def intents(self) -> list[Said]:
        found = []
        for node in self._all("Intent"):
            said = self._flow(node, "intent")
            fields = dict(said.fields)
            purpose = "request" if "receiver" in fields and "provider" not in fields else "offer"
            provider, receiver = fields.pop("provider", None), fields.pop("receiver", None)
            fields |= {"author": provider or receiver, "purpose": purpose}
            found.append(Said(said.iri, "intent", fields, said.note))
        return found

    def _flow(self, node: Node, what: str) -> Said:
        action = (self._text(node, "action") or "").rpartition("#")[2]
        fields: dict[str, Any] = {"action": action}
        for name, field in _REFERENCES.items():
            found = self._text(node, name)
            if found is not None:
                fields[field] = found
        kind = self._text(node, "resourceConformsTo")
        if kind is not None:
            fields["resource_conforms_to"] = unquote(kind.removeprefix(_KIND))
        for name, field in (("resourceQuantity", "resource_quantity"), ("effortQuantity", "effort_quantity")):
            measure = self._one(node, name)
            if measure is not None:
                fields[field] = self._measure(measure)
        if action == "work" and "effort_quantity" not in fields and "resource_quantity" in fields:
            # The table of ValueFlows allows it, and applications wrote it.
            fields["effort_quantity"] = fields.pop("resource_quantity")
        moment = self._text(node, "hasPointInTime") or self._text(node, "hasBeginning")
        if moment is not None and what == "event":
            fields["performed_ms"] = _time_ms(moment)
        due = self._text(node, "due")
        if due is not None and what == "intent":
            fields["due_ms"] = _time_ms(due)
        for name, field in (("stream", "stream"), ("commons", "in_scope_of"), ("lesson", "lesson")):
            word = self._text(node, _OWN + name)
            if word is not None:
                fields[field] = word
        return Said(str(node), what, fields, self._text(node, "note") or "")

    def _measure(self, node: Node) -> str:
        number = self._text(node, "hasNumericalValue") or ""
        unit = self._text(node, "hasUnit") or _OM + "one"
        try:
            value = format(Decimal(number), "f")
        except InvalidOperation as error:
            raise UsageError("import.bad_measure", f"{number!r} is no number", "mend the document") from error
        return f"{value} {_unit(unit)}"


def _unit(iri: str) -> str:
    for start in (_OM, _UNIT):
        if iri.startswith(start):
            return iri[len(start) :]
    return iri.rpartition("/")[2].rpartition("#")[2] or "one"


def _time_ms(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError("import.bad_time", f"{text!r} is no time", "write 2026-11-20T18:30:00Z") from error
    if moment.tzinfo is None:
        raise UsageError("import.bad_time", f"{text!r} names no time zone", "write 2026-11-20T18:30:00Z")
    from datetime import UTC, timedelta

    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


_REFERENCES = {
    "corrects": "corrects",
    "inputOf": "input_of",
    "outputOf": "output_of",
    "provider": "provider",
    "receiver": "receiver",
}
