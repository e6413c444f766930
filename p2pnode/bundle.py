"""A bundle: records of a group that a stranger verifies with nothing but the file.

It holds one proof that leads from the founding to a final block, the rows of records under that block's root
with how members judged them and what kinds of things are called, and the signed entries in which all this
was said. Whose bundle it is may show their name. No network, no database, no clock. A bundle proves what is
in it, and cannot tell what was left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from p2pnode.consensus.proof import PROOF_BYTES_MAX, Proven
from p2pnode.consensus.rows import row_key
from p2pnode.consensus.trie import check_row
from p2pnode.core import codec
from p2pnode.core.annex import annex_hash, decode_annex
from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES, sha256
from p2pnode.core.entry import Entry, check_alone
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.economy import event as events
from p2pnode.economy.form import NAME_CHARACTERS_MAX
from p2pnode.economy.judging import DISPUTE, UPHOLD
from p2pnode.economy.tables import AttestationRow, EventRow, SpecRow, event_of_value
from p2pnode.governance.inception import inception_of_value
from p2pnode.proving import verify_proof

FORMAT = "p2pnode/bundle/1"
RECORDS_MAX = 20_000
BUNDLE_BYTES_MAX = 128 * 1024 * 1024
_RULE = "bundle.bad_field"
_EVENT, _ATTESTATION, _SPEC = row_key("event"), row_key("attestation"), row_key("spec")


@dataclass(frozen=True, slots=True)
class ProvenRecord:
    """One record with what shows it. Shapes: id is the record's; entry may be said by several records."""

    id: bytes
    row: EventRow
    value: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class ProvenRow:
    """A row beside the records: a judgement of one of them, or the name of a kind of thing."""

    key: bytes
    value: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class Shown:
    """A member who shows who they are: the inception is what the member's id is the hash of, the annex which
    it names holds the name, or is empty.
    """

    inception: bytes
    annex: bytes = b""

    @property
    def member_id(self) -> bytes:
        """Whose inception it is."""
        return sha256(self.inception)

    @property
    def name(self) -> str:
        """The name that the member gave on coming, or nothing."""
        text = decode_annex(self.annex).get("name", "") if self.annex else ""
        return text if isinstance(text, str) else ""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Everything in a file. Shapes: proof is a file of its own that ends with the block of the records."""

    proof: bytes
    records: tuple[ProvenRecord, ...]
    rows: tuple[ProvenRow, ...]
    entries: tuple[Entry, ...]
    people: tuple[Shown, ...] = ()

    def judged(self) -> dict[bytes, tuple[tuple[bytes, AttestationRow], ...]]:
        """How members judged each record, by the record's id."""
        found: dict[bytes, tuple[tuple[bytes, AttestationRow], ...]] = {}
        for row in self.rows:
            if row.key.startswith(_ATTESTATION):
                record, member_id = _judgement_ids(row.key)
                judgement = (member_id, _attestation_of_value(row.value))
                found[record] = (*found.get(record, ()), judgement)
        return found

    def kinds(self) -> dict[bytes, str]:
        """What the kinds of things are called that records name by a specification."""
        return {
            row.key[len(_SPEC) :]: _spec_name(row.value) for row in self.rows if row.key.startswith(_SPEC)
        }


def is_bundle(data: bytes) -> bool:
    """Whether a file says that it is a bundle."""
    return data[1:].startswith(codec.encode(FORMAT))


def encode_bundle(bundle: Bundle) -> bytes:
    """The file of a bundle.

    Shapes: canonical ["p2pnode/bundle/1", proof, [[record, row, proof of the row]...], [[key, row, proof of
    the row]...], [[header, signature, payload]...], [[inception, annex]...]]; records ascend by id, rows by
    key, entries by id, people by member id.
    """
    records = [[record.id, record.value, record.proof] for record in bundle.records]
    rows = [[row.key, row.value, row.proof] for row in bundle.rows]
    entries = [[entry.header_bytes, entry.signature, entry.payload] for entry in bundle.entries]
    people = [[person.inception, person.annex] for person in bundle.people]
    return codec.encode([FORMAT, bundle.proof, records, rows, entries, people])


def verify_bundle(data: bytes, trusted: bytes | None = None) -> tuple[Bundle, Proven]:
    """What a file shows.

    Shapes: trusted is the id of the group or of a block. Errors: FormatError bundle.bad_field,
    bundle.other_entry, bundle.other_row, bundle.other_person, receipt.bad_field, and those of proofs and
    entries.
    """
    value = codec.decode(data, bytes_max=BUNDLE_BYTES_MAX, items_max=RECORDS_MAX)
    if type(value) is not list or len(value) != 6 or value[0] != FORMAT or type(value[1]) is not bytes:
        raise FormatError(_RULE, "not an array of 6 fields that begins with the name of the format")
    if len(value[1]) > PROOF_BYTES_MAX or any(type(part) is not list for part in value[2:]):
        raise FormatError(_RULE, "a proof, records, rows, entries, people")
    proven = verify_proof(value[1], trusted)
    root = proven.header.state_root
    bundle = Bundle(
        value[1],
        tuple(_record(item, root) for item in value[2]),
        tuple(_row(item, root) for item in value[3]),
        tuple(_entry(item, proven.group) for item in value[4]),
        tuple(_shown(item) for item in value[5]),
    )
    for ids in (
        [record.id for record in bundle.records],
        [row.key for row in bundle.rows],
        [bytes(entry.id) for entry in bundle.entries],
        [person.member_id for person in bundle.people],
    ):
        if ids != sorted(set(ids)):
            raise FormatError(_RULE, "not ascending")
    _check_together(bundle)
    return bundle, proven


def _check_together(bundle: Bundle) -> None:
    """Refuse what belongs to none of the records. Errors: FormatError bundle.*, receipt.bad_field."""
    judged, records = bundle.judged(), {record.id for record in bundle.records}
    kinds = {events.decode(record.row.payload).resource_conforms_to for record in bundle.records}
    if not judged.keys() <= records or not bundle.kinds().keys() <= kinds:
        raise FormatError("bundle.other_row", "a row that belongs to none of the records")
    said = {record.row.entry for record in bundle.records}
    said |= {row.entry for judgements in judged.values() for _, row in judgements}
    if said != {bytes(entry.id) for entry in bundle.entries}:
        raise FormatError("bundle.other_entry", "the entries are not those of the records and judgements")
    sides = {side for record in bundle.records for side in (record.row.provider, record.row.receiver)}
    if not {person.member_id for person in bundle.people} <= sides:
        raise FormatError("bundle.other_person", "somebody whom no record names")


def _parts(item: Value, count: int, what: str) -> list[bytes]:
    if type(item) is not list or [type(part) for part in item] != [bytes] * count:
        raise FormatError(_RULE, what)
    return item


def _record(item: Value, root: bytes) -> ProvenRecord:
    record_id, row, proof = _parts(item, 3, "a record: id, row, proof")
    check_row(root, _EVENT + record_id, row, proof)
    return ProvenRecord(record_id, event_of_value(row), row, proof)


def _row(item: Value, root: bytes) -> ProvenRow:
    key, value, proof = _parts(item, 3, "a row: key, value, proof")
    check_row(root, key, value, proof)
    if key.startswith(_ATTESTATION) and len(key) == len(_ATTESTATION) + 2 * HASH_BYTES:
        _attestation_of_value(value)
    elif key.startswith(_SPEC) and len(key) == len(_SPEC) + HASH_BYTES:
        _spec_name(value)
    else:
        raise FormatError("bundle.other_row", "neither a judgement nor a kind of thing")
    return ProvenRow(key, value, proof)


def _entry(item: Value, group: bytes) -> Entry:
    entry = check_alone(*_parts(item, 3, "an entry: header, signature, payload"))
    if entry.group != group:
        raise FormatError("bundle.other_entry", "an entry of another group")
    return entry


def _shown(item: Value) -> Shown:
    """Errors: FormatError bundle.other_person, inception.bad_field, annex.*, codec.*."""
    inception, annex = _parts(item, 2, "a person: inception, annex")
    named = inception_of_value(codec.decode(inception)).annex
    if annex and annex_hash(annex) != named:
        raise FormatError("bundle.other_person", "another name than the one that the member gave on coming")
    if annex:
        decode_annex(annex)
    return Shown(inception, annex)


def _judgement_ids(key: bytes) -> tuple[bytes, bytes]:
    ids = key[len(_ATTESTATION) :]
    return ids[:HASH_BYTES], ids[HASH_BYTES:]


def _attestation_of_value(data: bytes) -> AttestationRow:
    value = codec.decode(data)
    names = [field.name for field in fields(AttestationRow)]
    if type(value) is not list or len(value) != len(names):
        raise FormatError("receipt.bad_field", "not the row of a judgement")
    said = {name: item for name, item in zip(names, value, strict=True) if item is not None}
    checked = Fields(said, "receipt", ("verdict", "entry"), ("competence", "annex"))
    return AttestationRow(
        checked.choice("verdict", (UPHOLD, DISPUTE)),
        checked.text("competence", NAME_CHARACTERS_MAX) if checked.has("competence") else None,
        checked.optional_hash("annex"),
        checked.hash("entry"),
    )


def _spec_name(data: bytes) -> str:
    value = codec.decode(data)
    if type(value) is not list or len(value) != len(fields(SpecRow)):
        raise FormatError("receipt.bad_field", "not the row of a kind of thing")
    return Fields({"name": value[1]}, "receipt", ("name",)).text("name", NAME_CHARACTERS_MAX)


def bundle_of(
    proof: bytes,
    records: Sequence[ProvenRecord],
    rows: Sequence[ProvenRow],
    entries: Sequence[Entry],
    people: Sequence[Shown] = (),
) -> Bundle:
    """A bundle in its order."""
    return Bundle(
        proof,
        tuple(sorted(records, key=lambda record: record.id)),
        tuple(sorted(rows, key=lambda row: row.key)),
        tuple(sorted(entries, key=lambda entry: bytes(entry.id))),
        tuple(sorted(people, key=lambda person: person.member_id)),
    )
