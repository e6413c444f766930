"""Vectors of a group's economy: events, things, offers, promises, claims, judgements, agreements."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from p2pnode.core import codec
from p2pnode.economy import agreement, event, judging, loop, promising, recording, things
from p2pnode.economy.agreement import Clause, Limit, Terms
from p2pnode.economy.event import Event, NewResource
from p2pnode.economy.form import Form
from p2pnode.economy.measure import Measure
from tests.vectors.cases.material import DAY_MS, START_MS
from tests.vectors.cases.vector_file import Document, VectorFile

_EVENT, _MEMBER, _OTHER, _THING, _ANNEX = (bytes([number]) * 32 for number in range(0x61, 0x66))
_HOURS = Measure((15, -1), "hour")
_KILOGRAMS = Measure((20, 0), "kilogram")
_NONE: dict[str, Any] = {}
LEFT_OUT = object()

_CLAUSES = (
    Clause(
        "transfer",
        _MEMBER,
        _OTHER,
        due_ms=START_MS,
        every_days=7,
        resource_conforms_to="vegetables",
        resource_quantity=_KILOGRAMS,
        times=40,
    ),
    Clause("work", _OTHER, _MEMBER, effort_quantity=_HOURS),
)
TERMS = Terms(
    "vegetable boxes",
    (_MEMBER, _OTHER),
    _CLAUSES,
    START_MS + 14 * DAY_MS,
    end_ms=START_MS + 365 * DAY_MS,
    limits=(Limit(_MEMBER, given=Measure((100, 0), "kilogram")), Limit(_OTHER, taken=_KILOGRAMS)),
    review_ms=START_MS + 180 * DAY_MS,
    shared_risk=(1, 2),
    tolerance=(1, 10),
)


def documents() -> dict[str, Document]:
    return {
        "event.record": _events(),
        "event_row": _event_row(),
        "event.countersign": of_form(
            recording.COUNTERSIGN,
            "event.countersign",
            "Signatures under what somebody else recorded.",
            recording.Countersignature(_EVENT, True),
            {"no": {"agrees": False}, "for the group": {"mandate": _THING}},
            {"agreeing by a number": ({"agrees": 1}, "countersign.bad_field")},
        ),
        "attestation.give": of_form(
            judging.ATTESTATION,
            "attestation.give",
            "Judgements of contributions.",
            judging.Attestation(_EVENT, "uphold", competence="carpentry", evidence=(_THING, _ANNEX)),
            {"a dispute": {"verdict": "dispute", "annex": _ANNEX}},
            {
                "a dispute without a reason": ({"verdict": "dispute"}, "attestation.needs_reason"),
                "evidence twice": ({"evidence": [_THING, _THING]}, "attestation.bad_field"),
                "a mark": ({"verdict": "5"}, "attestation.bad_field"),
            },
        ),
        "agent.describe": of_form(
            things.AGENT,
            "agent.describe",
            "Agents outside the group.",
            things.Agent("organization", "the next village"),
            {"a river": {"kind": "ecological", "name": "the brook", "annex": _ANNEX}},
            {
                "a person by name": ({"kind": "person"}, "agent.bad_name"),
                "a kind of its own": ({"kind": "robot"}, "agent.bad_field"),
            },
        ),
        "spec.define": _spec(),
        "process.begin": of_form(
            things.PROCESS,
            "process.begin",
            "Processes.",
            things.Process("baking", based_on="baked", has_beginning_ms=START_MS, has_end_ms=START_MS + 1),
            {"for a commons": {"in_scope_of": "mill", "classified_as": ["food"]}},
            {"an end before its beginning": ({"has_end_ms": START_MS - 1}, "process.bad_time")},
        ),
        "process.finish": of_form(
            things.FINISH,
            "process.finish",
            "Ends of processes.",
            things.Finish(_THING),
            _NONE,
            {"a short id": ({"process": b"x"}, "process.bad_field")},
        ),
        "intent.publish": of_form(
            promising.INTENT,
            "intent.publish",
            "Offers and needs.",
            promising.Intent(
                "offer", "transfer", resource_conforms_to="apples", resource_quantity=_KILOGRAMS
            ),
            {
                "a need without a quantity": {"purpose": "request"},
                "in a place": {"eligible_location": [52_370_000, 4_900_000], "reach_km": 20},
                "in a quarter, for something": {"eligible_location": "old town", "reciprocal": "jam"},
            },
            {
                "a reach from nowhere": ({"reach_km": 20}, "intent.no_place"),
                "beyond the pole": ({"eligible_location": [90_000_001, 0]}, "intent.bad_field"),
                "an end before its beginning": ({"has_beginning_ms": 2, "has_end_ms": 1}, "intent.bad_time"),
                "an effort for a thing": ({"effort_quantity": _HOURS.value}, "intent.bad_quantity"),
            },
        ),
        "commitment.make": of_form(
            promising.COMMITMENT,
            "commitment.make",
            "Promises.",
            promising.Commitment("work", effort_quantity=_HOURS, receiver=_OTHER, due_ms=START_MS),
            {"taking up an offer": {"satisfies": _THING, "provider": _MEMBER}},
            {"nothing": ({"effort_quantity": [[0, 0], "hour"]}, "commitment.bad_quantity")},
        ),
        "claim.raise": of_form(
            promising.CLAIM,
            "claim.raise",
            "Claims because of events.",
            promising.Claim("transfer", _MEMBER, _EVENT, resource_quantity=_KILOGRAMS),
            {"with a date": {"due_ms": START_MS}},
            {"less than nothing": ({"resource_quantity": [[-1, 0], "kilogram"]}, "claim.bad_quantity")},
        ),
        **_references(),
        **(_agreements() | _loops()),
    }


def of_form(
    form: Form[Any],
    name: str,
    about: str,
    body: Any,
    accepted: dict[str, dict[str, Any]],
    refused: dict[str, tuple[dict[str, Any], str]],
) -> Document:
    """A file of one form: a good record, others that differ from it, and records that do not hold."""
    file = VectorFile(name, about)
    payload = form.encode(body)
    value = codec.decode(payload)
    file.accept("plain", payload)
    for case, changes in accepted.items():
        file.accept(case, codec.encode({**value, **changes}))
    for field in sorted(form.required):
        left = {other: item for other, item in value.items() if other != field}
        file.reject(f"without {field}", codec.encode(left), f"{form.prefix}.bad_field")
    file.reject("a word more", codec.encode({**value, "note": "x"}), f"{form.prefix}.bad_field")
    for case, (changes, rule) in refused.items():
        changed = {word: item for word, item in {**value, **changes}.items() if item is not LEFT_OUT}
        file.reject(case, codec.encode(changed), rule)
    return file.document()


def _events() -> Document:
    file = VectorFile("event.record", "Economic events.")
    baked = Event(
        "produce",
        START_MS,
        creates=NewResource("bread", "batch 7"),
        in_scope_of="bakery",
        output_of=_THING,
        resource_conforms_to="bread",
        resource_quantity=_KILOGRAMS,
        state="warm",
        stream="livelihood",
        to_location="shop",
    )
    given = Event(
        "transfer",
        START_MS,
        fulfills=_EVENT,
        receiver=_OTHER,
        resource_inventoried_as=_THING,
        resource_quantity=_KILOGRAMS,
        to_resource_inventoried_as=_OTHER,
    )
    worked = Event("work", START_MS, effort_quantity=_HOURS, receiver=_OTHER)
    for name, body in {
        "made": baked,
        "given": given,
        "worked": worked,
        "worked, with a result": replace(worked, resource_quantity=_KILOGRAMS),
        "used": Event("use", START_MS, effort_quantity=_HOURS, resource_inventoried_as=_THING),
        "corrected": replace(worked, corrects=_EVENT, effort_quantity=Measure((-5, -1), "hour")),
        "taught": replace(worked, lesson="taught", resource_conforms_to="weaving"),
        "for a claim": replace(given, fulfills=None, settles=_EVENT),
        "of a specification": replace(baked, resource_conforms_to=_THING, creates=None),
    }.items():
        file.accept(name, event.encode(body))
    value = codec.decode(event.encode(baked))
    moved = codec.decode(event.encode(given))
    effort = codec.decode(event.encode(worked))
    for field in ("action", "performed_ms"):
        left = {other: item for other, item in value.items() if other != field}
        file.reject(f"without {field}", codec.encode(left), "event.bad_field")
    for name, changed, rule in (
        ("an action that there is not", {**value, "action": "fly"}, "event.bad_field"),
        ("a new thing without a name", {**value, "creates": {}}, "event.bad_field"),
        ("a place of three numbers", {**value, "to_location": [1, 2, 3]}, "event.bad_field"),
        ("work without effort", {**effort, "effort_quantity": [[0, 0], "hour"]}, "event.bad_quantity"),
        ("a lesson in nothing", {**effort, "lesson": "taught"}, "event.bad_lesson"),
        ("a lesson that is given away", {**moved, "lesson": "learned"}, "event.bad_lesson"),
        ("a lesson of another kind", {**effort, "lesson": "heard"}, "event.bad_field"),
        ("below zero", {**effort, "effort_quantity": [[-1, 0], "hour"]}, "event.bad_quantity"),
        ("out of a process that it goes into", {**effort, "output_of": _THING}, "event.wrong_side"),
        ("a thing that is new and old", {**value, "resource_inventoried_as": _THING}, "event.bad_resource"),
        ("a new thing by work", {**effort, "creates": {"name": "x"}}, "event.bad_resource"),
        ("a new thing by correcting", {**value, "corrects": _EVENT}, "event.bad_resource"),
        ("from itself to itself", {**moved, "to_resource_inventoried_as": _THING}, "event.bad_resource"),
        ("to two places", {**moved, "creates": {"name": "x"}}, "event.bad_resource"),
        ("a second thing", {**value, "to_resource_inventoried_as": _THING}, "event.bad_resource"),
        ("more than 4 KiB", {**value, "in_scope_of": "a" * 4096}, "codec.too_large"),
    ):
        file.reject(name, codec.encode(changed), rule)
    there = {field: item for field, item in moved.items() if field != "to_resource_inventoried_as"}
    file.reject("to nowhere", codec.encode(there), "event.bad_resource")
    return file.document()


def _event_row() -> Document:
    file = VectorFile("event_row", "Rows of events, as receipts show them.")
    said = event.encode(Event("work", START_MS, effort_quantity=_HOURS, receiver=_OTHER))
    amount = [15, -1]
    row = [
        "standing",
        _MEMBER,
        _MEMBER,
        _OTHER,
        [_MEMBER, _OTHER],
        said,
        _EVENT,
        0,
        START_MS,
        None,
        amount,
        None,
    ]
    file.accept("work that two signed", codec.encode(row))
    file.accept("a struck record of a batch", codec.encode(["struck", *row[1:7], 7, *row[8:]]))
    file.accept("given by mandate", codec.encode([*row[:11], _THING]))
    for name, changed in (
        ("not a row", {}),
        ("one column less", row[:11]),
        ("a state of its own", ["perhaps", *row[1:]]),
        ("a short author", ["standing", b"", *row[2:]]),
        ("a signer as text", [*row[:4], ["alice"], *row[5:]]),
        ("no record", [*row[:5], None, *row[6:]]),
        ("a negative number", [*row[:7], -1, *row[8:]]),
        ("a short mandate", [*row[:11], b""]),
    ):
        file.reject(name, codec.encode(changed), "receipt.bad_field")
    file.reject("an amount as text", codec.encode([*row[:10], "1.5", None]), "amount.bad_value")
    return file.document()


def _spec() -> Document:
    return of_form(
        things.SPEC,
        "spec.define",
        "Resource specifications.",
        things.Spec("bread", default_unit_of_resource="kilogram", resource_classified_as=("food", "grain")),
        {"a currency": {"medium_of_exchange": True, "substitutable": True, "annex": _ANNEX}},
        {
            "not a currency, said aloud": ({"medium_of_exchange": False}, "spec.bad_field"),
            "classes out of order": ({"resource_classified_as": ["grain", "food"]}, "spec.bad_field"),
            "a class without a letter": ({"resource_classified_as": [""]}, "class.bad_field"),
            "no unit": ({"default_unit_of_resource": "man hour"}, "measure.bad_value"),
        },
    )


def _references() -> dict[str, Document]:
    return {
        name: of_form(
            form, name, about, promising.Reference(_THING), _NONE, {"a number": ({"entry": 7}, rule)}
        )
        for name, form, about, rule in (
            ("intent.close", promising.INTENT_CLOSE, "Offers and needs that end.", "intent.bad_field"),
            ("commitment.release", promising.RELEASE, "Promises given back.", "commitment.bad_field"),
            ("claim.close", promising.CLAIM_CLOSE, "Claims taken back.", "claim.bad_field"),
        )
    }


def _agreements() -> dict[str, Document]:
    value = codec.decode(agreement.TERMS.encode(TERMS))
    clauses, limits = value["clauses"], value["limits"]

    def first(**changes: Any) -> dict[str, Any]:
        return {"clauses": [{**clauses[0], **changes}, clauses[1]]}

    proposed = of_form(
        agreement.TERMS,
        agreement.PROPOSE_TYPE,
        "Terms of agreements; facts give the hash that parties sign.",
        TERMS,
        {
            "a gift": {"mode": "gift", "clauses": clauses[:1]},
            "no limits": {"limits": [limits[0]]},
            "for the group too": first(receiver=_THING),
            "instead of another": {"replaces": _THING},
        },
        {
            "one side gives nothing": ({"clauses": clauses[:1]}, "agreement.one_sided"),
            "a party without a part": (
                {"mode": "gift", "clauses": clauses[:1], "parties": [_MEMBER, _OTHER, _THING]},
                "agreement.bystander",
            ),
            "a provider who is no party": ({"parties": [_OTHER, _THING]}, "agreement.not_a_party"),
            "a limit of a stranger": ({"limits": [{**limits[0], "party": _THING}]}, "agreement.not_a_party"),
            "instead of nothing": ({"replaces": b""}, "agreement.bad_field"),
            "a limit of nothing": ({"limits": [{"party": _MEMBER}]}, "agreement.bad_limit"),
            "limits out of order": ({"limits": limits[::-1]}, "agreement.bad_limit"),
            "a limit in two units": (
                {"limits": [{**limits[0], "taken": [[1, 0], "hour"]}]},
                "agreement.bad_limit",
            ),
            "a negative limit": (
                {"limits": [{**limits[0], "given": [[-1, 0], "hour"]}]},
                "agreement.bad_field",
            ),
            "moving custody": (first(action="transferCustody"), "agreement.no_flow"),
            "to oneself": (first(receiver=_MEMBER), "agreement.to_oneself"),
            "nothing each week": (
                first(resource_quantity=[[0, 0], "kilogram"]),
                "agreement.bad_quantity",
            ),
            "a rhythm without times": (
                {"clauses": [{k: v for k, v in clauses[0].items() if k != "times"}, clauses[1]]},
                "agreement.bad_schedule",
            ),
            "a tolerance beyond all": ({"tolerance": [11, 10]}, "agreement.bad_field"),
            "a tolerance that can be shortened": ({"tolerance": [2, 20]}, "agreement.bad_field"),
            "an end before its review": ({"end_ms": START_MS}, "agreement.bad_time"),
        },
    )
    reference = agreement.Reference(_THING)
    annexed = {"with words": {"annex": _ANNEX}}
    short = {"a short id": ({"agreement": b""}, "agreement.bad_field")}
    return {
        agreement.PROPOSE_TYPE: proposed,
        agreement.ANSWER_TYPE: of_form(
            agreement.ANSWER,
            agreement.ANSWER_TYPE,
            "Answers to proposed agreements.",
            agreement.Answer(_THING, TERMS.hash, True),
            {"no": {"accepts": False}, "no, with words": {"accepts": False, "annex": _ANNEX}},
            {"a number": ({"accepts": 1}, "agreement.bad_field")},
        ),
        agreement.WITHDRAW_TYPE: of_form(
            agreement.WITHDRAW, agreement.WITHDRAW_TYPE, "Proposals taken back.", reference, annexed, short
        ),
        agreement.CLOSE_TYPE: of_form(
            agreement.CLOSE, agreement.CLOSE_TYPE, "Agreements that end.", reference, annexed, short
        ),
        agreement.REDUCE_TYPE: of_form(
            agreement.REDUCE,
            agreement.REDUCE_TYPE,
            "What is left after a failed harvest.",
            agreement.Reduction(_THING, 0, _KILOGRAMS),
            {"nothing, with words": {"annex": _ANNEX, "quantity": [[0, 0], "kilogram"]}},
            {"clause 200": ({"clause": 200}, "agreement.bad_field")},
        ),
    }


def _loops() -> dict[str, Document]:
    items = (loop.Item(_MEMBER, (15, -1)), loop.Item(_OTHER, (15, -1)))
    proposed = loop.Loop("hour", items, START_MS + 14 * DAY_MS)
    value = codec.decode(loop.LOOP.encode(proposed))
    first, second = value["items"]
    return {
        loop.PROPOSE_TYPE: of_form(
            loop.LOOP,
            loop.PROPOSE_TYPE,
            "Promises that are set off; facts give the hash of what is set off.",
            proposed,
            {"with words": {"annex": _ANNEX}},
            {
                "one promise": ({"items": [first]}, "loop.bad_field"),
                "a promise twice": ({"items": [first, first]}, "loop.bad_field"),
                "out of order": ({"items": [second, first]}, "loop.bad_field"),
                "less than nothing": ({"items": [first, [second[0], [-15, -1]]]}, "loop.bad_field"),
                "nothing": ({"items": [first, [second[0], [0, 0]]]}, "loop.bad_field"),
                "an id alone": ({"items": [first, second[0]]}, "loop.bad_field"),
                "a short id": ({"items": [[b"", [1, 0]], second]}, "loop.bad_field"),
                "no unit": ({"unit": ""}, "measure.bad_value"),
            },
        ),
        loop.ANSWER_TYPE: of_form(
            loop.ANSWER,
            loop.ANSWER_TYPE,
            "Answers to a proposed set-off.",
            loop.Answer(_THING, True),
            {"no, with words": {"accepts": False, "annex": _ANNEX}},
            {"a number": ({"accepts": 1}, "loop.bad_field"), "a short id": ({"loop": b""}, "loop.bad_field")},
        ),
    }
