"""Vectors of sharing: what a rule gives, and the row of a run."""

from __future__ import annotations

from typing import Any

from p2pnode.core import codec
from p2pnode.core.crypto import sha256
from tests.vectors.cases.vector_file import Document, VectorFile

_ALICE, _BOB, _CAROL = sorted(sha256(name) for name in (b"alice", b"bob", b"carol"))
_WORK = {
    "name": "work",
    "kind": "contributions",
    "permille": 1000,
    "weights": [{"stream": "care", "unit": "hour", "weight": 3}, {"unit": "hour", "weight": 2}],
}
_RULE: dict[str, Any] = {
    "unit": "EUR",
    "buckets": [
        {"name": "reserve", "kind": "fund", "of": "whole", "permille": 100},
        {"name": "all alike", "kind": "equal", "of": "whole", "permille": 300},
        _WORK,
    ],
}
_GIVEN = [
    [_ALICE, "commons", None, "hour", [15, -1]],
    [_BOB, "care", "cooking", "hour", [2, 0]],
    [_BOB, "commons", None, "kilogram", [5, 0]],
    [_CAROL, "livelihood", None, "hour", [-1, 0]],
]


def documents() -> dict[str, Document]:
    return {"distribution": _distribution(), "distribution_row": _row()}


def _case(rule: dict[str, Any], flow: list[int], **more: Any) -> bytes:
    basis = {"members": [_ALICE, _BOB, _CAROL], "given": _GIVEN, "consumed": [], "capped": [], **more}
    return codec.encode([rule, flow, *(basis[name] for name in ("members", "given", "consumed", "capped"))])


def _distribution() -> Document:
    file = VectorFile(
        "distribution",
        "Canonical [rule, flow, [member...], [[who, stream, kind or nil, unit, amount]...], "
        "[[who, amount used]...], [[claim, who, left]...]], and what comes out in smallest shares.",
    )
    file.accept("a reserve, equal shares, and by weighed hours", _case(_RULE, [10001, -2]))
    file.accept("one indivisible share", _case({**_RULE, "decimals": 0}, [1, 0]))
    file.accept("nothing came in", _case(_RULE, [0, 0]))
    file.accept("more was spent than came in", _case(_RULE, [-5, 0]))
    file.accept("nobody to take part", _case(_RULE, [100, 0], members=[], given=[]))
    each = {"name": "basic income", "kind": "equal", "each": "33.34"}
    file.accept("not enough for all", _case({**_RULE, "buckets": [each]}, [100, 0]))
    used = {"name": "used", "kind": "consumption", "of": "whole", "permille": 1000}
    sun = {"unit": "kilowattHour", "decimals": 3, "flow": "received", "gives": "transfers", "buckets": [used]}
    meters = [[_ALICE, [15, -1]], [_BOB, [45, -1]], [_ALICE, [1, 0]]]
    file.accept("less than was used", _case(sun, [6, 0], consumed=meters))
    file.accept("more than was used", _case(sun, [10, 0], consumed=meters))
    keys = [{"member": _ALICE.hex(), "weight": 2}, {"member": _BOB.hex(), "weight": 1}]
    fixed = {"name": "plant", "kind": "keys", "permille": 500, "keys": keys}
    file.accept("by fixed keys", _case({**_RULE, "buckets": [fixed]}, [100, 0]))
    capped = {"name": "outside", "kind": "capped", "permille": 900}
    claims = [[sha256(b"one"), _ALICE, [10, 0]], [sha256(b"two"), _BOB, [305, -1]]]
    twice = [capped, {**capped, "name": "again"}]
    file.accept("back up to the caps", _case({**_RULE, "buckets": [capped]}, [30, 0], capped=claims))
    file.accept("no more than the caps", _case({**_RULE, "buckets": twice}, [100, 0], capped=claims))
    for name, rule in (
        ("a rule that is a formula", {**_RULE, "formula": "hours / 2"}),
        ("a rule without buckets", {"unit": "EUR", "buckets": []}),
        ("two sizes", {**_RULE, "buckets": [{**each, "permille": 1}]}),
        ("two buckets of one name", {**_RULE, "buckets": [each, each]}),
        ("more than the whole", {**_RULE, "buckets": [{**used, "permille": 1001}]}),
        ("weights in a fund", {**_RULE, "buckets": [{**_WORK, "kind": "fund"}]}),
        ("a key of a short id", {**_RULE, "buckets": [{**fixed, "keys": [{"member": "ab", "weight": 1}]}]}),
    ):
        file.reject(name, _case(rule, [1, 0]), "charter.bad_field")
    return file.document()


def _row() -> Document:
    file = VectorFile("distribution_row", "Rows of runs, as exports show them.")
    row = [
        "proposed",
        _ALICE,
        "surplus",
        _RULE,
        0,
        41,
        [10001, -2],
        _ALICE + _BOB,
        [],
        sha256(b"inputs"),
        sha256(b"result"),
        7,
        42,
    ]
    file.accept("proposed", codec.encode(row))
    file.accept("carried out", codec.encode(["carried_out", *row[1:]]))
    one, two = sorted([sha256(b"one"), sha256(b"two")])
    back = [[one, _BOB, [305, -1]], [two, _CAROL, [5, 0]]]
    file.accept("giving back to outside money", codec.encode([*row[:8], back, *row[9:]]))
    for name, changed in (
        ("no row", {}),
        ("one column less", row[:-1]),
        ("a state of its own", ["perhaps", *row[1:]]),
        ("a short author", ["proposed", b"", *row[2:]]),
        ("half a member", [*row[:7], _ALICE[:16], *row[8:]]),
        ("claims that do not ascend", [*row[:8], back[::-1], *row[9:]]),
        ("one claim twice", [*row[:8], [back[0], back[0]], *row[9:]]),
        ("a claim without what is left", [*row[:8], [[one, _BOB]], *row[9:]]),
        ("a claim of nobody", [*row[:8], [[one, b"", [5, 0]]], *row[9:]]),
        ("a height below zero", [*row[:4], -1, *row[5:]]),
    ):
        file.reject(name, codec.encode(changed), "distribution.bad_field")
    file.reject("another rule", codec.encode([*row[:3], {}, *row[4:]]), "charter.bad_field")
    return file.document()
