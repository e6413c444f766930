"""A bundle: records of a group that a stranger verifies with nothing but the file.

It holds one proof that leads from the founding to a final block, the rows of records under that block's root,
and the signed entries in which they were said. No network, no database, no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from p2pnode.consensus.proof import PROOF_BYTES_MAX, Proven
from p2pnode.consensus.rows import row_key
from p2pnode.consensus.trie import check_row
from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.entry import Entry, check_alone
from p2pnode.core.errors import FormatError
from p2pnode.economy.tables import EventRow, event_of_value
from p2pnode.proving import verify_proof

FORMAT = "p2pnode/bundle/1"
RECORDS_MAX = 20_000
BUNDLE_BYTES_MAX = 128 * 1024 * 1024
_TABLE = row_key("event")
_RULE = "bundle.bad_field"


@dataclass(frozen=True, slots=True)
class ProvenRecord:
    """One record with what shows it. Shapes: id is the record's; entry may be said by several records."""

    id: bytes
    row: EventRow
    value: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class Bundle:
    """Everything in a file. Shapes: proof is a file of its own that ends with the block of the records."""

    proof: bytes
    records: tuple[ProvenRecord, ...]
    entries: tuple[Entry, ...]


def is_bundle(data: bytes) -> bool:
    """Whether a file says that it is a bundle."""
    return data[1:].startswith(codec.encode(FORMAT))


def encode_bundle(bundle: Bundle) -> bytes:
    """The file of a bundle.

    Shapes: canonical ["p2pnode/bundle/1", proof, [[record, row, proof of the row]...], [[header, signature,
    payload]...]]; records ascend by id, entries by theirs.
    """
    records = [[record.id, record.value, record.proof] for record in bundle.records]
    entries = [[entry.header_bytes, entry.signature, entry.payload] for entry in bundle.entries]
    return codec.encode([FORMAT, bundle.proof, records, entries])


def verify_bundle(data: bytes, trusted: bytes | None = None) -> tuple[Bundle, Proven]:
    """What a file shows.

    Shapes: trusted is the id of the group or of a block. Errors: FormatError bundle.bad_field,
    bundle.other_entry, receipt.bad_field, and those of proofs and entries.
    """
    value = codec.decode(data, bytes_max=BUNDLE_BYTES_MAX, items_max=RECORDS_MAX)
    if type(value) is not list or len(value) != 4 or value[0] != FORMAT or type(value[1]) is not bytes:
        raise FormatError(_RULE, "not an array of 4 fields that begins with the name of the format")
    if len(value[1]) > PROOF_BYTES_MAX or type(value[2]) is not list or type(value[3]) is not list:
        raise FormatError(_RULE, "a proof, records, entries")
    proven = verify_proof(value[1], trusted)
    records = tuple(_record(item, proven.header.state_root) for item in value[2])
    entries = tuple(_entry(item, proven.group) for item in value[3])
    for ids in ([record.id for record in records], [bytes(entry.id) for entry in entries]):
        if ids != sorted(set(ids)):
            raise FormatError(_RULE, "not ascending")
    said = {bytes(entry.id) for entry in entries}
    if {record.row.entry for record in records} != said:
        raise FormatError("bundle.other_entry", "the entries are not those of the records")
    return Bundle(value[1], records, entries), proven


def _record(item: Value, root: bytes) -> ProvenRecord:
    if type(item) is not list or [type(part) for part in item] != [bytes, bytes, bytes]:
        raise FormatError(_RULE, "a record: id, row, proof")
    record_id, row, proof = item
    check_row(root, _TABLE + record_id, row, proof)
    return ProvenRecord(record_id, event_of_value(row), row, proof)


def _entry(item: Value, group: bytes) -> Entry:
    if type(item) is not list or [type(part) for part in item] != [bytes, bytes, bytes]:
        raise FormatError(_RULE, "an entry: header, signature, payload")
    entry = check_alone(*item)
    if entry.group != group:
        raise FormatError("bundle.other_entry", "an entry of another group")
    return entry


def bundle_of(proof: bytes, records: Sequence[ProvenRecord], entries: Sequence[Entry]) -> Bundle:
    """A bundle in its order."""
    return Bundle(
        proof,
        tuple(sorted(records, key=lambda record: record.id)),
        tuple(sorted(entries, key=lambda entry: bytes(entry.id))),
    )
