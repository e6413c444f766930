"""JSON-LD in the words of ValueFlows: what is written can be expanded, read again, and says the same."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from rdflib import RDF, Graph, URIRef

from p2pnode.core.errors import UsageError
from p2pnode.economy import event, metering, tables, transvestment, using
from p2pnode.economy.agreement import agreements
from p2pnode.economy.labels import measure_of_text
from p2pnode.exporters.valueflows import CONTEXT, ID, OM, OWN, VF, Economy, Read, write_valueflows
from p2pnode.importers.valueflows import read_valueflows
from tests.unit.economy.library import FIVE_PERCENT, Library
from tests.unit.economy.market import ALICE, BOB, IDS, Market, clause

# rdflib's own reader of JSON-LD still uses what rdflib deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")

# Classes and properties of the ontology, as far as they are written.
_CLASSES = (
    "Agreement Claim Commitment EconomicEvent EconomicResource EcologicalAgent Intent Measure Organization "
    "Person Process ProcessSpecification Proposal ResourceSpecification SpatialThing"
).split()
_PROPERTIES = (
    "accountingQuantity action basedOn clauseOf conformsTo containedIn corrects created currentLocation "
    "defaultUnitOfEffort defaultUnitOfResource due effortQuantity eligibleLocation finished fulfills "
    "hasBeginning hasEnd hasNumericalValue hasPointInTime hasUnit inputOf lat long mediumOfExchange name "
    "note onhandQuantity outputOf primaryAccountable provider publishes purpose realizationOf receiver "
    "resourceConformsTo resourceInventoriedAs resourceQuantity satisfies settles stage state stipulates "
    "toLocation toResourceInventoriedAs trackingIdentifier triggeredBy"
).split()


def _market() -> Market:
    market = Market()
    bake = market.begin(ALICE, "baking", based_on="baked")
    village = market.outsider(ALICE, "village")
    bread = market.record(
        ALICE,
        "produce",
        much="20 kilogram",
        creates="bread",
        output_of=bake,
        resource_conforms_to="rye bread",
        to_location=(52_370_000, -4_900_000),
    )
    market.record(ALICE, "produce", much="-2.5 kilogram", corrects=bread, output_of=bake,
                  resource_conforms_to="rye bread", resource_inventoried_as=bread)  # fmt: skip
    market.record(ALICE, "work", work="1.5 hour", receiver=market.group, stream="care", in_scope_of="shop")
    market.record(ALICE, "transfer", much="3 time-slot", receiver=village)
    helped = market.record(ALICE, "work", work="1 hour", receiver=IDS[BOB])
    assert market.sign_event(BOB, helped) is None
    assert market.claim(ALICE, "transfer", BOB, helped, much="1 one")[0] is None
    market.intent(ALICE, "offer", "transfer", much="2 one", eligible_location="old town", reach_km=5)
    market.intent(BOB, "request", "work", work="2 hour")
    market.agree(clause(ALICE, BOB, much="1 one"), clause(BOB, ALICE, "work", work="1 hour"))
    return market


def _economy(market: Market) -> Economy:
    rows = market.state
    return Economy(
        agents=tuple((member_id, f"member {number}", "Person") for number, member_id in enumerate(IDS[:4])),
        specs=tuple(tables.rows_of(rows, tables.SpecRow, "spec")),
        processes=tuple(tables.rows_of(rows, tables.ProcessRow, "process")),
        resources=tuple(tables.rows_of(rows, tables.ResourceRow, "resource")),
        events=tuple(tables.rows_of(rows, tables.EventRow, "event")),
        intents=tuple(tables.rows_of(rows, tables.IntentRow, "intent")),
        commitments=tuple(tables.rows_of(rows, tables.CommitmentRow, "commitment")),
        claims=tuple(tables.rows_of(rows, tables.ClaimRow, "claim")),
        agreements=tuple(agreements(rows)),
        text=lambda annex, name: "",
    )


@pytest.fixture(scope="module")
def economy() -> Economy:
    return _economy(_market())


def test_every_name_expands_to_an_iri_of_the_specification(economy: Economy) -> None:
    graph = Graph().parse(data=write_valueflows(economy), format="json-ld")
    names = {str(name) for _, name, _ in graph if name != RDF.type}
    own = {name for name in names if name.startswith(OWN)}
    assert names - own <= {VF + name for name in _PROPERTIES}
    assert own <= {
        OWN + name for name in ("commons", "creates", "custodian", "mode", "reachKm", "status", "stream")
    }
    assert {str(kind) for kind in graph.objects(None, RDF.type)} <= {VF + name for name in _CLASSES}
    units = {str(unit) for unit in graph.objects(None, URIRef(VF + "hasUnit"))}
    assert units == {OM + "hour", OM + "kilogram", OM + "one", "urn:p2pnode:unit:time-slot"}
    actions = {str(action) for action in graph.objects(None, URIRef(VF + "action"))}
    assert actions == {VF + name for name in ("produce", "work", "transfer")}


def test_what_is_written_is_read_again(economy: Economy) -> None:
    found = {said.iri: said for said in read_valueflows(write_valueflows(economy), {})}
    for key, row in economy.events:
        before, said = event.decode(row.payload), found[ID + key.hex()]
        assert said.what == "event"
        assert said.fields["action"] == before.action
        assert said.fields["performed_ms"] == before.performed_ms
        assert said.fields["provider"] == ID + row.provider.hex()
        for name in ("effort_quantity", "resource_quantity"):
            measure = getattr(before, name)
            assert (measure is None) == (name not in said.fields)
            assert measure is None or measure_of_text(said.fields[name]) == measure
        for name in ("stream", "in_scope_of", "resource_conforms_to"):
            assert said.fields.get(name) == getattr(before, name)
        assert said.fields.get("corrects") == (
            None if before.corrects is None else ID + before.corrects.hex()
        )
    intents = [said for said in found.values() if said.what == "intent"]
    assert sorted(said.fields["purpose"] for said in intents) == ["offer", "request"]
    assert [said.fields["name"] for said in found.values() if said.what == "process"] == ["baking"]


def test_readings_uses_and_inflows_are_written_and_what_is_an_event_is_read_again() -> None:
    library = Library()
    garden = library.open(ALICE, FIVE_PERCENT)
    library.use(ALICE, garden, "100 EUR", use="selling", actor=library.outsider(ALICE, "Shop"))
    brought = library.inflow(ALICE, "1000 EUR", 1200, commons=garden)
    house = metering.Meter("consume", 3, 900_000, "house 7", "kilowattHour")
    meter = library.write(ALICE, metering.INSTALL_TYPE, metering.INSTALL.encode(house))
    sent = metering.Reading(meter, ((900_000, 125), (1_800_000, 0), (2_700_000, 7)))
    entry = library.write(ALICE, metering.READ_TYPE, metering.encode_reading(sent))
    rows = library.state
    (first,) = metering.runs(rows, meter)
    economy = replace(
        _economy(library),
        meters=tuple(tables.rows_of(rows, metering.MeterRow, "meter")),
        readings=(
            Read(entry, None, meter, first[0], first[1].last_ms, first[1].total),
            Read(entry, 2, meter, 1_800_000, 2_700_000, (7, -3)),
        ),
        commons=((garden, "garden"),),
        uses=tuple(using.uses(rows)),
        inflows=tuple(transvestment.inflows(rows)),
    )
    text = write_valueflows(economy)
    graph = Graph().parse(data=text, format="json-ld")
    assert len(set(graph.subjects(RDF.type, URIRef(OWN + "Use")))) == 1
    assert str(graph.value(URIRef(ID + brought.hex() + ":cap"), URIRef(OWN + "returns"))) == "debt"
    read = {said.iri: said for said in read_valueflows(text, {}) if said.what == "event"}
    assert set(read) == {ID + entry.hex(), ID + entry.hex() + "#2"}
    whole = read[ID + entry.hex()].fields
    assert (whole["action"], whole["performed_ms"]) == ("consume", 0)
    assert measure_of_text(whole["resource_quantity"]) == ((132, -3), "kilowattHour")


def test_a_correction_comes_after_what_it_corrects(economy: Economy) -> None:
    events = [said for said in read_valueflows(write_valueflows(economy), {}) if said.what == "event"]
    place = {said.iri: number for number, said in enumerate(events)}
    corrections = [said for said in events if "corrects" in said.fields]
    assert len(corrections) == 1
    assert place[corrections[0].fields["corrects"]] < place[corrections[0].iri]


@pytest.mark.parametrize(
    "namespace",
    [
        "https://w3id.org/valueflows#",
        "http://w3id.org/valueflows#",
        "http://w3id.org/valueflows/ont/vf#",
        VF,
    ],
)
def test_accident_old_namespaces_and_work_with_a_resource_quantity_are_understood(namespace: str) -> None:
    document = {
        "@context": {"vf": namespace, "om": OM},
        "@id": "urn:example:1",
        "@type": "vf:EconomicEvent",
        "vf:action": {"@id": "vf:work"},
        "vf:provider": {"@id": "urn:example:alice"},
        "vf:hasPointInTime": "2026-02-01T12:00:00+01:00",
        "vf:resourceQuantity": {"vf:hasNumericalValue": 2.50, "vf:hasUnit": {"@id": "om:hour"}},
    }
    [said] = read_valueflows(json.dumps(document), {})
    assert said.fields == {
        "action": "work",
        "provider": "urn:example:alice",
        "performed_ms": 1769943600000,
        "effort_quantity": "2.5 hour",
    }


@pytest.mark.parametrize(
    "context",
    [
        "https://example.org/context",
        ["https://example.org/context"],
        {"@import": "https://example.org/context"},
        {"name": {"@id": "urn:x", "@context": "https://example.org/context"}},
    ],
)
def test_nothing_is_fetched(context: object) -> None:
    with pytest.raises(UsageError) as refused:
        read_valueflows(json.dumps({"@context": context, "@graph": []}), {})
    assert refused.value.rule == "import.unknown_context"


@pytest.mark.parametrize("text", ["", "[", '{"@context": 7}', "[" * 100 + "]" * 100])
def test_what_is_no_document_is_refused_in_words(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_valueflows(text, {})
    assert refused.value.rule == "import.bad_document"


def test_the_published_context_stands_for_its_address(economy: Economy) -> None:
    document = json.loads(write_valueflows(economy))
    document["@context"] = "https://w3id.org/valueflows/ont/vf.jsonld"
    assert read_valueflows(json.dumps(document), CONTEXT) == read_valueflows(write_valueflows(economy), {})


def test_the_context_is_pinned() -> None:
    digest = sha256(json.dumps(dict(CONTEXT), sort_keys=True).encode()).hexdigest()
    pinned = Path(__file__).with_name("valueflows_context.sha256").read_text().strip()
    assert digest == pinned, "documents that exist would mean something else"
