"""Vectors of the economy: contributions, claims and batches, and what the vocabulary says of an entry."""

from __future__ import annotations

from typing import Any

from p2pnode.core import codec
from p2pnode.core.entry import ACK_TYPE
from p2pnode.economy import batch, claim, contribution
from p2pnode.economy.claim import Claim
from p2pnode.economy.contribution import Contribution
from p2pnode.economy.measure import Measure
from tests.vectors.cases.material import ALICE, CIRCLE, START_MS, founding_payload
from tests.vectors.cases.vector_file import Document, VectorFile

HOURS = Measure((15, -1), "hour")
KILOGRAMS = Measure((12, 0), "kilogram")
WORK = Contribution("work", "gardening", START_MS, "garden", "commons", effort_quantity=HOURS)
HARVEST = Contribution("produce", "tomatoes", START_MS, "garden", "commons", resource_quantity=KILOGRAMS)
CLAIM = Claim(b"\x21" * 20, b"\x22" * 20, START_MS, 3, 120, 7, b"\x23" * 32)


def documents() -> dict[str, Document]:
    return {
        "contribution": _contribution(),
        "contribution.claim": _claim(),
        "batch": _batch(),
        "record_name": _record_name(),
        "type": _type(),
    }


def _changed(value: codec.Value, **changes: Any) -> bytes:
    return codec.encode({**value, **changes})


def _without(value: codec.Value, name: str) -> bytes:
    return codec.encode({other: item for other, item in value.items() if other != name})


def _contribution() -> Document:
    file = VectorFile("contribution", "Contributions: economic events by which their author gives something.")
    work = contribution.encode(WORK)
    value, harvest = codec.decode(work), codec.decode(contribution.encode(HARVEST))
    kilograms, hours = harvest["resource_quantity"], value["effort_quantity"]
    file.accept("work", work)
    file.accept(
        "work with a result and a note", _changed(value, resource_quantity=kilograms, annex=b"\x24" * 32)
    )
    file.accept("care", _changed(value, stream="care", resource_conforms_to="cuidar de una niña"))
    file.accept("harvest", codec.encode(harvest))
    file.accept("use for a time", codec.encode({**value, "action": "use"}))
    file.accept("a unit of its own", _changed(value, effort_quantity=[[2, 0], "time-slot"]))
    for name in ("action", "in_scope_of", "performed_ms", "resource_conforms_to", "stream"):
        file.reject(f"without {name}", _without(value, name), "contribution.bad_field")
    file.reject("an action that gives nothing", _changed(value, action="consume"), "contribution.bad_field")
    file.reject("an unknown stream", _changed(value, stream="profit"), "contribution.bad_field")
    file.reject("before 1970", _changed(value, performed_ms=-1), "contribution.bad_field")
    file.reject("a bool as time", _changed(value, performed_ms=True), "contribution.bad_field")
    file.reject("201 letters", _changed(value, resource_conforms_to="a" * 201), "contribution.bad_field")
    file.reject("a line feed", _changed(value, in_scope_of="a\nb"), "contribution.bad_field")
    file.reject("a short annex", _changed(value, annex=b"x"), "contribution.bad_field")
    file.reject("a note in the open", _changed(value, note="x"), "contribution.bad_field")
    file.reject("not a map", codec.encode([]), "contribution.bad_field")
    file.reject("work without effort", _without(value, "effort_quantity"), "contribution.bad_quantity")
    file.reject(
        "harvest without quantity", _without(harvest, "resource_quantity"), "contribution.bad_quantity"
    )
    file.reject("harvest with effort", _changed(harvest, effort_quantity=hours), "contribution.bad_quantity")
    nothing = codec.encode({**{k: v for k, v in value.items() if k != "effort_quantity"}, "action": "use"})
    file.reject("use of nothing", nothing, "contribution.bad_quantity")
    file.reject("zero hours", _changed(value, effort_quantity=[[0, 0], "hour"]), "contribution.bad_quantity")
    file.reject(
        "minus one hour", _changed(value, effort_quantity=[[-1, 0], "hour"]), "contribution.bad_quantity"
    )
    file.reject("no unit", _changed(value, effort_quantity=[[1, 0]]), "measure.bad_value")
    file.reject("an empty unit", _changed(value, effort_quantity=[[1, 0], ""]), "measure.bad_value")
    file.reject(
        "a unit with a space", _changed(value, effort_quantity=[[1, 0], "man hour"]), "measure.bad_value"
    )
    file.reject("not in normal form", _changed(value, effort_quantity=[[10, -1], "hour"]), "amount.bad_value")
    file.reject("19 places", _changed(value, effort_quantity=[[1, -19], "hour"]), "amount.out_of_range")
    return file.document()


def _claim() -> Document:
    file = VectorFile("contribution.claim", "Claims that a git commit is somebody's contribution (J27).")
    value = CLAIM.value
    file.accept("SHA-1 repository", claim.encode(CLAIM))
    file.accept("SHA-256 repository", _changed(value, root=b"\x25" * 32, commit=b"\x26" * 32))
    file.accept("a member's", _changed(value, provider=b"\x27" * 32))
    file.accept("an empty commit", _changed(value, files=0, lines=[0, 0], authored_ms=0))
    for name in sorted(value):
        file.reject(f"without {name}", _without(value, name), "claim.bad_field")
    for name, changes in {
        "a commit of 19 bytes": {"commit": bytes(19)},
        "a root as text": {"root": "21" * 20},
        "one count of lines": {"lines": [1]},
        "negative lines": {"lines": [1, -1]},
        "lines as bools": {"lines": [True, False]},
        "2^32 files": {"files": 2**32},
        "the author in the open": {"author": "Alice"},
        "a member by name": {"provider": "Alice"},
    }.items():
        file.reject(name, _changed(value, **changes), "claim.bad_field")
    file.reject("not a map", codec.encode([]), "claim.bad_field")
    return file.document()


def _batch() -> Document:
    file = VectorFile("batch", "Batches of records of one type; facts give each record's own payload (J13).")
    shared = {"root": CLAIM.root_commit}
    records = [
        {**{k: v for k, v in CLAIM.value.items() if k != "root"}, "commit": bytes([number]) * 20}
        for number in (1, 2)
    ]
    payload = batch.encode("contribution.claim", shared, records)
    value = codec.decode(payload)
    file.accept("two claims", payload)
    file.accept("nothing shared", batch.encode("contribution", {}, [codec.decode(contribution.encode(WORK))]))
    file.accept(
        "an unknown type", batch.encode("reading", {"meter": "7"}, [{"kwh": number} for number in range(500)])
    )
    signatures = [{"event": bytes([number]) * 32} for number in (1, 2, 3)]
    file.accept("three signatures", batch.encode("event.countersign", {"agrees": True}, signatures))
    file.reject("no record", _changed(value, records=[]), "batch.bad_field")
    file.reject("501 records", _changed(value, records=[{}] * 501), "batch.bad_field")
    file.reject("shared as list", _changed(value, shared=[]), "batch.bad_field")
    file.reject("no type", _without(value, "type"), "batch.bad_field")
    file.reject("a record as list", _changed(value, records=[[]]), "batch.bad_record")
    file.reject(
        "a record that repeats a shared name", _changed(value, records=[{"root": b""}]), "batch.bad_record"
    )
    file.reject("a batch of batches", _changed(value, type="batch"), "batch.nested")
    file.reject("a bad type", _changed(value, type="No Type"), "entry.bad_type")
    file.reject("a number as type", _changed(value, type=1), "entry.bad_type")
    file.reject("more than 64 KiB", _changed(value, shared={"x": "a" * 65536}), "codec.too_large")
    return file.document()


def _record_name() -> Document:
    file = VectorFile("record_name", "Names of records: entry#i, as UTF-8 bytes.")
    for index in (0, 7, 499):
        file.accept(f"record {index}", batch.record_name(CIRCLE.id, index).encode())
    entry = CIRCLE.id.hex()
    for name, text in {
        "no number": entry, "an empty number": entry + "#", "500": entry + "#500", "a sign": entry + "#-1",
        "a leading zero": entry + "#01", "other digits": entry + "#\u0661", "1000": entry + "#1000",
    }.items():  # fmt: skip
        file.reject(name, text.encode(), "batch.bad_name")
    file.reject("a short id", (entry[2:] + "#1").encode(), "id.bad_hex")
    return file.document()


def _type() -> Document:
    file = VectorFile(
        "type", "What the vocabulary says of [lane, type, payload], whatever the group: void, parked or fine."
    )

    def typed(lane: int, type_: str, payload: bytes) -> bytes:
        return codec.encode([lane, type_, payload])

    work, claimed = contribution.encode(WORK), claim.encode(CLAIM)
    file.accept("work in lane 0", typed(0, "contribution", work))
    file.accept("work in lane 2", typed(2, "contribution", work))
    file.accept("a claim", typed(0, "contribution.claim", claimed))
    file.accept("an acknowledgement", typed(0, ACK_TYPE, b""))
    file.accept("a founding", typed(0, "group.found", founding_payload(ALICE)))
    batched = batch.encode("contribution.claim", {}, [CLAIM.value])
    file.accept("a batch of one claim", typed(0, "batch", batched))
    signed = batch.encode(
        "event.countersign", {"agrees": True}, [{"event": b"\x11" * 32}, {"event": bytes(32)}]
    )
    file.accept("a batch of two signatures", typed(0, "batch", signed))
    file.reject("a type of later rules", typed(0, "seed.exchange", b""), "type.unknown")
    file.reject("a farewell in lane 2", typed(2, "member.leave", codec.encode({})), "type.wrong_lane")
    file.reject("work among the votes", typed(1, "contribution", work), "type.wrong_lane")
    file.reject("a vote in lane 0", typed(0, "block.vote", b""), "type.wrong_lane")
    file.reject("an acknowledgement that says more", typed(0, ACK_TYPE, b"\xc0"), "ack.bad_payload")
    file.reject("no payload", typed(0, "contribution", b""), "codec.not_msgpack")
    joins = batch.encode("member.leave", {}, [{}])
    file.reject("a batch of farewells", typed(0, "batch", joins), "batch.other_type")
    bad_record = batch.encode("contribution.claim", {}, [CLAIM.value, {}])
    file.reject("a batch with a bad record", typed(0, "batch", bad_record), "claim.bad_field")
    file.reject(
        "a batch of nothing known", typed(0, "batch", batch.encode("reading", {}, [{}])), "batch.other_type"
    )
    return file.document()
