"""The commands about giving and taking: what they make of words, and what they show."""

import json
from pathlib import Path
from typing import Any

import pytest

from p2pnode.commands.amounts import amount_and_rest
from p2pnode.core.errors import UsageError

from .conftest import CommandLine, RecordingService

_WRITTEN: dict[str, Any] = {"entry": "cd" * 32, "group": "ab" * 32, "text": "says so", "waits_for": []}
_SIGN = "p2pnode sign cdcdcdcd"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["20", "kg", "bread"], ("20", "kilogram", "bread")),
        (["20kg", "bread"], ("20", "kilogram", "bread")),
        (["1,5", "h"], ("1.5", "hour", "")),
        (["2h", "gardening", "in", "the", "rain"], ("2", "hour", "gardening in the rain")),
        (["12", "chairs"], ("12", "one", "chairs")),
        (["3", "time-slot", "singing"], ("3", "one", "time-slot singing")),
        (["-2kg"], ("-2", "kilogram", "")),
        (["1000", "EUR", "selling"], ("1000", "EUR", "selling")),
        (["4", "kilogram", "peas"], ("4", "kilogram", "peas")),
    ],
)
def test_amounts_are_read_as_people_write_them(words: list[str], expected: tuple[str, str, str]) -> None:
    assert amount_and_rest(words) == expected


@pytest.mark.parametrize("words", [["bread"], [""], ["kg", "20"], ["1.2.3"]])
def test_what_begins_with_no_amount_is_refused(words: list[str]) -> None:
    with pytest.raises(UsageError) as refused:
        amount_and_rest(words)
    assert refused.value.rule == "amount.bad_text"


@pytest.mark.parametrize(
    ("words", "what", "said"),
    [
        (
            ("record", "produce", "20", "kg", "bread", "--new", "loaf", "--process", "baking"),
            "event",
            {
                "action": "produce",
                "resource_conforms_to": "bread",
                "resource_quantity": "20 kilogram",
                "creates": "loaf",
                "output_of": "baking",
            },
        ),
        (
            ("record", "work", "2h", "gardening", "--to", "group", "--stream", "care"),
            "event",
            {
                "action": "work",
                "resource_conforms_to": "gardening",
                "effort_quantity": "2 hour",
                "receiver": "group",
                "stream": "care",
            },
        ),
        (("record", "work", "2"), "event", {"action": "work", "effort_quantity": "2 hour"}),
        (
            ("record", "use", "3h", "--of", "drill"),
            "event",
            {"action": "use", "effort_quantity": "3 hour", "resource_inventoried_as": "drill"},
        ),
        (
            ("record", "correct", "3f0a", "--", "-2kg"),
            "correction",
            {"corrects": "3f0a", "difference": "-2 kilogram"},
        ),
        (
            ("record", "correct", "3f0a", "-2", "kg", "-g", "g"),
            "correction",
            {"corrects": "3f0a", "difference": "-2 kilogram"},
        ),
        (("sign", "3f0a"), "signature", {"event": "3f0a", "agrees": True}),
        (("sign", "3f0a", "--decline"), "signature", {"event": "3f0a", "agrees": False}),
        (
            ("attest", "3f0a", "uphold", "--as", "carpentry"),
            "attestation",
            {"event": "3f0a", "verdict": "uphold", "competence": "carpentry"},
        ),
        (
            ("need", "3h", "help"),
            "intent",
            {
                "purpose": "request",
                "action": "work",
                "resource_conforms_to": "help",
                "effort_quantity": "3 hour",
            },
        ),
        (("take", "3f0a", "2 kg"), "take-up", {"satisfies": "3f0a", "amount": "2 kilogram"}),
        (("retract", "3f0a"), "intent-end", {"entry": "3f0a"}),
        (("promise", "release", "3f0a"), "promise-end", {"entry": "3f0a"}),
        (("agree", "accept", "boxes"), "agreement-answer", {"agreement": "boxes", "accepts": True}),
        (
            ("agree", "reduce", "boxes", "1", "60 kg"),
            "agreement-reduction",
            {"agreement": "boxes", "clause": 0, "quantity": "60 kilogram"},
        ),
        (("loops", "accept", "3f0a"), "loop-answer", {"loop": "3f0a", "accepts": True}),
        (("loops", "decline", "3f0a"), "loop-answer", {"loop": "3f0a", "accepts": False}),
        (
            ("promise", "make", "2h", "help", "--to", "Bob", "--again"),
            "promise",
            {
                "action": "work",
                "resource_conforms_to": "help",
                "effort_quantity": "2 hour",
                "receiver": "Bob",
                "again": True,
            },
        ),
        (
            ("agent", "add", "the brook", "--is", "ecological"),
            "agent",
            {"name": "the brook", "kind": "ecological"},
        ),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_commands_say_what_was_meant(
    run: CommandLine, node: RecordingService, words: tuple[str, ...], what: str, said: dict[str, Any]
) -> None:
    node.answers["record"] = _WRITTEN
    # Options stand before a double dash.
    shown = run(words[0], *words[1:2], "-g", "g", *words[2:]) if "--" in words else run(*words, "-g", "g")
    assert shown.status == 0, shown.err
    assert node.asked == [("record", ("g", what, said, ""))]
    assert shown.out == "Recorded as cdcdcdcd: says so.\n"


def test_a_clause_is_a_sentence(run: CommandLine, node: RecordingService) -> None:
    node.answers["record"] = _WRITTEN
    shown = run(
        "agree", "propose", "boxes", "-g", "g", "--tolerance", "10%",
        "--clause", "Alice gives Bob 3 kg green peas, 40 times, every 7 days, from 2026-11-20",
        "--clause", "Bob gives Alice 20h field work",
        "--limit", "Bob takes at most 12 kg",
    )  # fmt: skip
    assert shown.status == 0, shown.err
    _, (_, what, said, _) = node.asked[0]
    assert what == "agreement"
    assert said["clauses"] == [
        {
            "action": "transfer",
            "provider": "Alice",
            "receiver": "Bob",
            "resource_conforms_to": "green peas",
            "resource_quantity": "3 kilogram",
            "times": 40,
            "every_days": 7,
            "due_ms": 1_795_132_800_000,
        },
        {
            "action": "work",
            "provider": "Bob",
            "receiver": "Alice",
            "resource_conforms_to": "field work",
            "effort_quantity": "20 hour",
        },
    ]
    assert said["limits"] == [{"party": "Bob", "taken": "12 kilogram"}]
    assert said["tolerance"] == "10%"
    shown = run("agree", "propose", "boxes", "-g", "g", "--clause", "Alice is nice")
    assert shown.status == 2
    assert "gives Bob 2 kg bread" in shown.err


def test_who_has_to_sign_is_said(run: CommandLine, node: RecordingService) -> None:
    node.answers["record"] = {**_WRITTEN, "waits_for": ["Bob", "Carol"], "sign_with": _SIGN}
    shown = run("record", "transfer", "1", "kg", "jam", "--to", "Bob", "-g", "g")
    assert "It counts once Bob and Carol signed: p2pnode sign cdcdcdcd" in shown.out


def test_lists_that_are_empty_say_how_to_begin(run: CommandLine, node: RecordingService) -> None:
    node.answers["economy"] = []
    node.answers["feed"] = {"rows": [], "next": None}
    for words in (
        ("record",), ("stock",), ("balance",), ("feed",), ("sign",), ("agree",), ("promise",),
        ("claim",), ("kind",), ("process",), ("agent",), ("loops",),
    ):  # fmt: skip
        shown = run(*words, "-g", "g")
        assert shown.status == 0, shown.err
        assert len(shown.out.splitlines()) == 1


def test_the_feed_is_filtered_by_side_place_and_words(run: CommandLine, node: RecordingService) -> None:
    """D16, D11: what a reader looks for, and where the next page begins."""
    named = {
        "author": "Alice",
        "kind": "moving",
        "note": "two floors",
        "place": "Lane",
        "reciprocal": "",
    }
    much = {"quantity": "3 h", "left": "1 h", "reach_km": 2, "due_ms": None}
    row = {"id": "cd" * 32, "status": "past", "purpose": "request", **named, **much}
    node.answers["feed"] = {"rows": [row], "next": "17-cd"}
    place = ("--near", "52.37,4.9", "--within", "5")
    shown = run("feed", "-g", "g", "--needs", *place, "--about", "two floors", "--all", "--limit", "1")
    chosen = {"purpose": "request", "words": "two floors", "near": "52.37,4.9", "within_km": 5, "all": True}
    assert node.asked[-1] == ("feed", ("g", chosen, None, 1))
    for part in (
        "needs",
        "3 h moving two floors",
        "1 h",
        "a gift",
        "Lane (2 km)",
        "past",
        "--after 17-cd",
    ):
        assert part in shown.out
    assert run("feed", "-g", "g", "--within", "0").status == 2


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")
def test_import_valueflows_names_people_and_earlier_records(
    run: CommandLine, node: RecordingService, tmp_path: Path
) -> None:
    alice, group = "aa" * 32, "ab" * 32
    node.answers["members"] = [{"id": alice, "name": "Alice", "is_self": False}]
    node.answers["group"] = {"summary": {"id": group}}
    node.answers["record"] = _WRITTEN
    node.answers["economy"] = []
    outcome = {"line": 0, "state": "recorded", "text": "", "waits": False, "record": "ef" * 32}
    node.answers["import_lines"] = {"outcomes": [outcome], "entries": 1}
    document = {
        "@context": {"@vocab": "https://w3id.org/valueflows/ont/vf#", "om": "http://www.ontology-of-units-of-measure.org/resource/om-2/"},
        "@graph": [
            {"@id": "urn:x:alice", "@type": "Person", "name": "Alice"},
            {"@id": "urn:x:brook", "@type": "EcologicalAgent", "name": "the brook"},
            {
                "@id": "urn:x:1",
                "@type": "EconomicEvent",
                "action": {"@id": "https://w3id.org/valueflows/ont/vf#work"},
                "provider": {"@id": "urn:x:alice"},
                "receiver": {"@id": "urn:x:brook"},
                "effortQuantity": {"hasNumericalValue": "2", "hasUnit": {"@id": "om:hour"}},
            },
            {
                "@id": "urn:x:2",
                "@type": "Intent",
                "action": {"@id": "https://w3id.org/valueflows/ont/vf#work"},
                "receiver": {"@id": "urn:x:alice"},
                "effortQuantity": {"hasNumericalValue": "3", "hasUnit": {"@id": "om:hour"}},
            },
        ],
    }  # fmt: skip
    file = tmp_path / "other.jsonld"
    file.write_text(json.dumps(document))
    shown = run("import", "valueflows", str(file), "-g", "g")
    assert shown.status == 0, shown.err
    assert "Left out: 1 that other members offer or need" in shown.out
    said = [arguments for name, arguments in node.asked if name == "record"]
    assert said == [
        ("g", "agent", {"kind": "ecological", "name": "the brook"}, ""),
    ]
    (line,) = next(arguments for name, arguments in node.asked if name == "import_lines")[2]
    said_of_event = {"action": "work", "provider": alice, "receiver": "cd" * 32, "effort_quantity": "2 hour"}
    assert (line["fields"], line["identifier"]) == (said_of_event, "urn:x:1")
    row = {"id": "cd" * 32, "name": "the brook", "purpose": "offer", "action": "work"}
    node.answers["economy"] = [row]
    node.answers["import_lines"] = {"outcomes": [{**outcome, "state": "known"}], "entries": 0}
    shown = run("import", "valueflows", str(file), "-g", "g")
    assert shown.out.startswith("Recorded: 0 entries, 2 known already.\n")
    refused = {**outcome, "state": "refused", "rule": "event.not_yours", "message": "not yours", "remedy": ""}
    node.answers["import_lines"] = {"outcomes": [refused], "entries": 0}
    node.answers["economy"] = []
    node.answers["record"] = UsageError("event.not_yours", "not yours", "")
    shown = run("import", "valueflows", str(file), "-g", "g")
    assert "Refused: 2 records" in shown.out
