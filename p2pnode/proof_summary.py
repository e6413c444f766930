"""What a proof file shows, ready for JSON: read with the file alone, without network, database or clock."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from p2pnode.bundle import is_bundle, verify_bundle
from p2pnode.consensus.proof import OutcomeProof, Proven, RowProof
from p2pnode.consensus.rows import MemoryRows, row_key
from p2pnode.core import codec
from p2pnode.core.entry import Entry
from p2pnode.core.errors import FormatError
from p2pnode.core.ids import did_of
from p2pnode.plain import plain
from p2pnode.proving import verify_proof

_DECISION_TABLE = row_key("decision")
_EVENT_TABLE = row_key("event")
_MEMBER_TABLE = row_key("member")
_DEVICE_TABLE = row_key("device")


def summary_of(data: bytes, trusted: bytes | None) -> dict[str, Any]:
    """What a proof or a bundle shows. Errors: those of `verify_proof` and `verify_bundle`."""
    if not is_bundle(data):
        return _summary(verify_proof(data, trusted), len(data))
    bundle, proven = verify_bundle(data, trusted)
    judged, kinds = bundle.judged(), bundle.kinds()
    return _summary(proven, len(data)) | {
        "records": [
            _record(record.id, record.value, kinds)
            | {
                "attestations": [
                    {"member": who.hex(), "verdict": row.verdict, "competence": row.competence}
                    for who, row in judged.get(record.id, ())
                ]
            }
            for record in bundle.records
        ],
        "people": {person.member_id.hex(): person.name for person in bundle.people},
    }


def _summary(proven: Proven, size_bytes: int) -> dict[str, Any]:
    return {
        "group": proven.group.hex(),
        "from_founding": proven.is_from_founding,
        "height": proven.header.height,
        "block": proven.header.id.hex(),
        "time_ms": proven.header.time_ms,
        "finality": proven.finality,
        "convoked_heights": [height for height, _ in proven.weak],
        "voters": [member.hex() for member, _ in proven.configuration.voters],
        "entry": None if proven.outcome is None else _entry(proven.outcome),
        "row": None if proven.row is None else _row(proven.row),
        "bytes": size_bytes,
    }


def _entry(outcome: OutcomeProof) -> dict[str, Any]:
    entry: Entry = outcome.entry
    return {
        "id": entry.id.hex(),
        "author": did_of(entry.author),
        "time_ms": entry.header.time_ms,
        "type": entry.header.type,
        "body": _body(entry),
        "state": "void" if outcome.rule else "final",
        "rule": outcome.rule or None,
    }


def _row(row: RowProof) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "key": row.key.hex(),
        "value": None if row.value is None else row.value.hex(),
        "decision": None,
        "record": None,
        "member": None,
        "device": None,
    }
    if row.key.startswith(_EVENT_TABLE) and row.value is not None:
        try:
            shown["record"] = _record(row.key[len(_EVENT_TABLE) :], row.value)
        except (FormatError, TypeError, ValueError):
            pass  # a later version may write it otherwise; the bytes are proven all the same
    if row.key.startswith(_DECISION_TABLE) and row.value is not None:
        try:
            shown["decision"] = _decision(row.key[len(_DECISION_TABLE) :], row.value)
        except FormatError:
            pass  # a later version may write it otherwise; the bytes are proven all the same
    if row.value is not None and row.key.startswith((_MEMBER_TABLE, _DEVICE_TABLE)):
        try:
            shown |= _standing(row.key, row.value)
        except ValueError:
            pass  # a later version may write it otherwise; the bytes are proven all the same
    return shown


def _standing(key: bytes, value: bytes) -> dict[str, Any]:
    from p2pnode.governance import tables

    rows, of = MemoryRows({key: value}), key.partition(b"\0")[2]
    if key.startswith(_MEMBER_TABLE):
        member = tables.member(rows, of)
        assert member is not None
        return {"member": {"member": of.hex(), "number": member.number, "status": member.status}}
    device = tables.device(rows, of)
    assert device is not None
    return {"device": {"device": did_of(of), "member": device.member.hex(), "status": device.status}}


def _record(
    record_id: bytes, value: bytes, kinds: Mapping[bytes, str] = MappingProxyType({})
) -> dict[str, Any]:
    from p2pnode.economy import event
    from p2pnode.economy.labels import measure_text
    from p2pnode.economy.tables import event_of_value

    row = event_of_value(value)
    said = event.decode(row.payload)
    amounts = ((said.effort_quantity, row.effort_amount), (said.resource_quantity, row.resource_amount))
    kind = said.resource_conforms_to
    return {
        "record": record_id.hex(),
        "status": row.status,
        "action": said.action,
        "quantity": ", ".join(
            measure_text(measure._replace(amount=amount))
            for measure, amount in amounts
            if measure is not None and amount is not None
        ),
        "kind": kinds.get(kind, kind.hex()) if isinstance(kind, bytes) else kind,
        "provider": row.provider.hex(),
        "receiver": row.receiver.hex(),
        "signers": [signer.hex() for signer in row.signers],
        "performed_ms": said.performed_ms,
        "stream": said.stream,
    }


def _decision(proposal_id: bytes, value: bytes) -> dict[str, Any]:
    from p2pnode.governance.decision import decode_decision

    row = decode_decision(value)
    names = ("subject", "result", "rule", "yes", "no", "abstain", "object", "ranked", "voters", "closed_ms")
    shown = {name: getattr(row, name) for name in names}
    return {"proposal": proposal_id.hex(), **shown, "elected": plain(list(row.elected))}


def _body(entry: Entry) -> Any:
    try:
        return None if entry.payload is None else plain(codec.decode(entry.payload))
    except FormatError:
        return None
