"""A run as a file of JSON: the rule, every line that was counted, and the signed entries behind them.

Anybody can compute it again from the file, without a node, a network or a database.

    {"format": "p2pnode/distribution/1", "group": hex, "name": text, "names": {hex: text...},
     "proposal": entry, "row": hex, "proof": hex or null, "buckets": [hex...],
     "lines": [[what, height, record, who, unit, kind or null, [mantissa, exponent]]...],
     "entries": [entry...], "people": [{"inception": hex, "devices": [hex...]}...]}

An entry is {"header": hex, "signature": hex, "payload": hex}. `row` and `buckets` are canonical rows of the
group, and `proof` a file that shows the first of them, which names all the others by hashes. `names` are for
people; nothing follows from them. What is checked stands in `recomputing.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from p2pnode.core import codec
from p2pnode.core.amount import amount_of_value
from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES
from p2pnode.core.entry import Entry
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.core.limits import MEMBERS_MAX
from p2pnode.economy.journal import CONSUMED, CONTRIBUTED, GIVEN, RECEIVED, Line
from p2pnode.economy.sharing import RunRow, decode_run, encode_run
from p2pnode.exporters.json_parts import (
    bytes_of,
    document_of,
    entry_json,
    entry_of,
    hex_of,
    items_of,
    list_of,
)
from p2pnode.governance.distribution_rule import BUCKETS_MAX
from p2pnode.governance.recount import Person

FORMAT = "p2pnode/distribution/1"

_LINES_MAX = 1_000_000
_DEVICES_MAX = 64
_ROW_BYTES_MAX = 128 * 1024
_PROOF_BYTES_MAX = 16 * 1024 * 1024
_INCEPTION_BYTES_MAX = 256
_WHAT = (*CONTRIBUTED, CONSUMED, RECEIVED, GIVEN)


@dataclass(frozen=True, slots=True)
class RunExport:
    """One run of one group.

    Shapes: buckets are the values of its rows; lines in the order in which they were counted; entries hold
    whatever the lines are about, and the kinds of things they name; proof shows the row, or is None.
    """

    group: bytes
    name: str
    proposal: Entry
    row: RunRow
    proof: bytes | None
    buckets: tuple[Value, ...]
    lines: tuple[Line, ...]
    entries: tuple[Entry, ...]
    people: tuple[Person, ...]
    names: Mapping[bytes, str]


def write_run(export: RunExport) -> str:
    """The text of an export; the same run gives the same text."""
    document = {
        "format": FORMAT,
        "group": export.group.hex(),
        "name": export.name,
        "names": {member.hex(): export.names[member] for member in sorted(export.names)},
        "proposal": entry_json(export.proposal),
        "row": encode_run(export.row).hex(),
        "proof": None if export.proof is None else export.proof.hex(),
        "buckets": [codec.encode(bucket).hex() for bucket in export.buckets],
        "lines": [_line_json(line) for line in export.lines],
        "entries": [entry_json(entry) for entry in sorted(export.entries, key=lambda entry: entry.id)],
        "people": [
            {"inception": person.inception.hex(), "devices": [device.hex() for device in person.devices]}
            for person in export.people
        ],
    }
    return json.dumps(document, indent=0, ensure_ascii=False) + "\n"


def _line_json(line: Line) -> list[Any]:
    amount = list(line.amount)
    return [line.what, line.height, line.record.hex(), line.who.hex(), line.unit, line.kind, amount]


def read_run(text: str) -> RunExport:
    """The export in a text.

    Errors: FormatError export.too_large, export.not_json, export.unknown_format, export.bad_field, and those
    of entries and rows.
    """
    document = document_of(text, FORMAT)
    name = document.get("name")
    if type(name) is not str:
        raise FormatError("export.bad_field", "name: no text")
    return RunExport(
        bytes_of(document, "group", HASH_BYTES, HASH_BYTES),
        name,
        entry_of(document.get("proposal")),
        decode_run(bytes_of(document, "row", _ROW_BYTES_MAX)),
        None if document.get("proof") is None else bytes_of(document, "proof", _PROOF_BYTES_MAX),
        tuple(codec.decode(row) for row in list_of(document, "buckets", BUCKETS_MAX, _ROW_BYTES_MAX)),
        tuple(_line_of(item) for item in items_of(document, "lines", _LINES_MAX)),
        tuple(entry_of(item) for item in items_of(document, "entries", _LINES_MAX)),
        tuple(_person_of(item) for item in items_of(document, "people", 2 * MEMBERS_MAX)),
        _names_of(document.get("names")),
    )


def _line_of(value: Any) -> Line:
    if type(value) is not list or len(value) != len(Line._fields):
        raise FormatError("export.bad_field", "lines: not lists of seven parts")
    fields = Fields(dict(zip(Line._fields, value, strict=True)), "export", Line._fields)
    return Line(
        fields.choice("what", _WHAT),
        fields.uint("height"),
        hex_of(value[2], "record", HASH_BYTES, HASH_BYTES),
        hex_of(value[3], "who", HASH_BYTES, HASH_BYTES),
        fields.text("unit", 32),
        None if value[5] is None else fields.text("kind", 200),
        amount_of_value(value[6]),
    )


def _person_of(value: Any) -> Person:
    if type(value) is not dict:
        raise FormatError("export.bad_field", "people: not a list of objects")
    devices = list_of(value, "devices", _DEVICES_MAX, HASH_BYTES, HASH_BYTES)
    return Person(bytes_of(value, "inception", _INCEPTION_BYTES_MAX), tuple(devices))


def _names_of(value: Any) -> dict[bytes, str]:
    if type(value) is not dict or any(type(name) is not str for name in value.values()):
        raise FormatError("export.bad_field", "names: not an object of texts")
    return {hex_of(member, "names", HASH_BYTES, HASH_BYTES): name for member, name in value.items()}
