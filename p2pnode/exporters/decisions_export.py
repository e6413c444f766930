"""Decisions as a file of JSON: everything that was counted, signed as it was written.

Anybody can count again from it, without a node, a network or a database.

    {"format": "p2pnode/decisions/1", "group": hex, "name": text, "decisions": [{
        "proposal": entry, "row": hex, "proof": hex or null, "electorate": [hex...],
        "people": [{"inception": hex, "devices": [hex...]}...], "entries": [entry...], "annexes": [hex...],
        "summary": {...}}...]}

An entry is {"header": hex, "signature": hex, "payload": hex}. `row` is the canonical row that the group kept
and `proof` a file that shows it in the group's state. `summary` is for people; nothing is read from it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from p2pnode.consensus.format import Configuration
from p2pnode.consensus.proof import verify_proof
from p2pnode.consensus.rows import MemoryRows
from p2pnode.core.crypto import HASH_BYTES
from p2pnode.core.entry import Entry
from p2pnode.core.errors import FormatError
from p2pnode.core.limits import ANNEX_BYTES_MAX, MEMBERS_MAX
from p2pnode.exporters.json_parts import bytes_of, document_of, entry_json, entry_of, items_of, list_of
from p2pnode.governance.configuration import configuration_of
from p2pnode.governance.decision import decision_key, decode_decision, encode_decision
from p2pnode.governance.genesis import genesis_rows
from p2pnode.governance.recount import Evidence, Person, Recount, recount

FORMAT = "p2pnode/decisions/1"

_DECISIONS_MAX = 10_000
_ENTRIES_MAX = 50 * MEMBERS_MAX
_DEVICES_MAX = 64
_ROW_BYTES_MAX = 128 * 1024
_PROOF_BYTES_MAX = 16 * 1024 * 1024
_INCEPTION_BYTES_MAX = 256


@dataclass(frozen=True, slots=True)
class ExportedDecision:
    """One decision in an export.

    Shapes: proof is a proof file of the decision's row, or None; annexes hold the words that people wrote, as
    far as nobody asked for their removal.
    """

    evidence: Evidence
    proof: bytes | None = None
    annexes: tuple[bytes, ...] = ()

    @property
    def proposal_id(self) -> bytes:
        """The id of the proposal."""
        return self.evidence.proposal.id


@dataclass(frozen=True, slots=True)
class Export:
    """Some decisions of one group. Shapes: name is what people call the group; it proves nothing."""

    group: bytes
    name: str
    decisions: tuple[ExportedDecision, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """What came out of checking one decision.

    Shapes: proof is "ordinary" or "convoked" when the row was proven to be the group's, "absent", or the rule
    by which the proof fails.
    """

    proposal_id: bytes
    recount: Recount
    proof: str

    @property
    def holds(self) -> bool:
        """Whether the count agrees and no proof fails."""
        return self.recount.agrees and self.proof in ("ordinary", "convoked", "absent")


# ---- writing


def write_export(export: Export) -> str:
    """The text of an export; the same decisions give the same text."""
    document = {
        "format": FORMAT,
        "group": export.group.hex(),
        "name": export.name,
        "decisions": [_decision_json(exported) for exported in export.decisions],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _decision_json(exported: ExportedDecision) -> dict[str, Any]:
    evidence = exported.evidence
    row = evidence.row
    return {
        "summary": {
            "proposal": evidence.proposal.id.hex(),
            "subject": row.subject,
            "result": row.result,
            **{name: getattr(row, name) for name in ("yes", "no", "abstain", "object", "ranked", "voters")},
            "closed_ms": row.closed_ms,
        },
        "proposal": entry_json(evidence.proposal),
        "row": encode_decision(row).hex(),
        "proof": None if exported.proof is None else exported.proof.hex(),
        "electorate": [member.hex() for member in evidence.electorate],
        "people": [
            {"inception": person.inception.hex(), "devices": [device.hex() for device in person.devices]}
            for person in evidence.people
        ],
        "entries": [entry_json(entry) for entry in sorted(evidence.entries, key=lambda entry: entry.id)],
        "annexes": [annex.hex() for annex in exported.annexes],
    }


# ---- reading


def read_export(text: str) -> Export:
    """The export in a text.

    Errors: FormatError export.too_large, export.not_json, export.unknown_format, export.bad_field, and those
    of entries and rows.
    """
    document = document_of(text, FORMAT)
    group = bytes_of(document, "group", HASH_BYTES, HASH_BYTES)
    name = document.get("name")
    if type(name) is not str:
        raise FormatError("export.bad_field", "name: no text")
    items = items_of(document, "decisions", _DECISIONS_MAX)
    return Export(group, name, tuple(_decision_of(group, item) for item in items))


def _decision_of(group: bytes, value: Any) -> ExportedDecision:
    if type(value) is not dict:
        raise FormatError("export.bad_field", "decisions: not a list of objects")
    evidence = Evidence(
        group,
        entry_of(value.get("proposal")),
        decode_decision(bytes_of(value, "row", _ROW_BYTES_MAX)),
        tuple(list_of(value, "electorate", MEMBERS_MAX, HASH_BYTES, HASH_BYTES)),
        tuple(_person_of(item) for item in items_of(value, "people", 2 * MEMBERS_MAX)),
        tuple(entry_of(item) for item in items_of(value, "entries", _ENTRIES_MAX)),
    )
    proof = None if value.get("proof") is None else bytes_of(value, "proof", _PROOF_BYTES_MAX)
    return ExportedDecision(evidence, proof, tuple(list_of(value, "annexes", _ENTRIES_MAX, ANNEX_BYTES_MAX)))


def _person_of(value: Any) -> Person:
    if type(value) is not dict:
        raise FormatError("export.bad_field", "people: not a list of objects")
    devices = list_of(value, "devices", _DEVICES_MAX, HASH_BYTES, HASH_BYTES)
    return Person(bytes_of(value, "inception", _INCEPTION_BYTES_MAX), tuple(devices))


# ---- checking


def recompute(export: Export, trusted: bytes | None = None) -> tuple[Checked, ...]:
    """Count every decision of an export again, and check the proofs that come with it.

    Shapes: trusted is the id of a block or of the group through which each proof has to pass; without it, the
    founding entry, whose id is the group's, has to be in the proof.
    """
    return tuple(
        Checked(exported.proposal_id, recount(exported.evidence), _proof_of(exported, trusted))
        for exported in export.decisions
    )


def _proof_of(exported: ExportedDecision, trusted: bytes | None) -> str:
    if exported.proof is None:
        return "absent"
    try:
        proven = verify_proof(exported.proof, _first_configuration, trusted)
    except FormatError as error:
        return error.rule
    shown = proven.row
    is_ours = (
        proven.group == exported.evidence.group
        and shown is not None
        and shown.key == decision_key(exported.proposal_id)
        and shown.value == encode_decision(exported.evidence.row)
    )
    return proven.finality if is_ours else "export.other_proof"


def _first_configuration(founding: Entry) -> Configuration:
    return configuration_of(MemoryRows(genesis_rows(founding)))
