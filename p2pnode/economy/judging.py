"""Judging contributions afterwards: `attestation.give`, imported claims, and disputes that the group decides.

Several members judge, each by their own competence, and nobody has to be asked before. No number of a
person is kept. A dispute that stays is resolved by the group: `dispute` is a subject of proposals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import State, row_key
from p2pnode.core.codec import Value
from p2pnode.core.crypto import tagged_hash
from p2pnode.core.errors import FormatError
from p2pnode.economy import claim as claims
from p2pnode.economy import event as events
from p2pnode.economy import form, journal, recording, tables
from p2pnode.economy.claim import DUPLICATE_RULE
from p2pnode.economy.form import Form
from p2pnode.economy.record import Record
from p2pnode.economy.tables import STANDING, AttestationRow, EventRow
from p2pnode.governance import tables as members

ATTESTATION_TYPE = "attestation.give"
UPHOLD, DISPUTE = "uphold", "dispute"
DISPUTE_SUBJECT = "dispute"
EVIDENCE_MAX = 16


@dataclass(frozen=True, slots=True)
class Attestation:
    """A judgement. Shapes: annex holds the reason, which a dispute must have; evidence are hashes or ids."""

    event: bytes
    verdict: str
    annex: bytes | None = None
    competence: str | None = None
    evidence: tuple[bytes, ...] = ()


def _check(attestation: Attestation) -> None:
    if attestation.verdict == DISPUTE and attestation.annex is None:
        raise FormatError("attestation.needs_reason", "a dispute says why")


ATTESTATION: Form[Attestation] = Form(
    "attestation",
    Attestation,
    {"event": form.an_id, "verdict": form.choice(UPHOLD, DISPUTE)},
    {"annex": form.an_id, "competence": form.a_name, "evidence": form.ids(EVIDENCE_MAX)},
    _check,
)


def attest(state: State, record: Record, _: BlockContext) -> str | None:
    """Judge what somebody else gave; a later word of the same member replaces the earlier one."""
    said = record.read(ATTESTATION)
    row = tables.event(state, said.event)
    if row is None or row.status not in (STANDING, tables.STRUCK):
        return "attestation.no_event"
    if events.decode(row.payload).corrects is not None:
        return "attestation.correction"
    if record.author == row.provider:
        return "attestation.own"
    judged = AttestationRow(said.verdict, said.competence, said.annex, record.entry)
    was_held_back = journal.is_held_back(state, said.event)
    tables.put(state, "attestation", said.event + record.author, judged)
    journal.note_judgement(state, said.event, was_held_back)
    return None


def claim_commit(state: State, record: Record, _: BlockContext) -> str | None:
    """Keep a claim until its author counter-signs; of one commit the first in order stands (J27)."""
    said = claims.decode(record.payload)
    key = row_key("git_commit", tagged_hash("git-commit", *said.key))
    if state.get(key) is not None:
        return DUPLICATE_RULE
    if said.provider is not None and members.member(state, said.provider) is None:
        return "claim.no_such_agent"
    given = claims.as_event(said)
    members.write(state, key, record.id)
    members.write(
        state,
        row_key("git_claim", record.id),
        [record.author, said.provider, events.encode(given), record.entry, record.item, record.time_ms],
    )
    return None


def carry_out_dispute(state: State, context: BlockContext, body: Value) -> str | None:
    """Let a contribution stand or not as the group decided; of an imported claim, say whose it is.

    Errors: FormatError amount.out_of_range.
    """
    record_id = body["event"]
    if "provider" in body:
        return _give_claim(state, context, record_id, body["provider"])
    row = tables.event(state, record_id)
    if row is None:
        return "dispute.no_event"
    if body["stands"]:
        journal.settle_dispute(state, record_id)
        return None if row.status == STANDING else recording.restore(state, context, record_id)
    return recording.strike(state, context, record_id)


def _give_claim(state: State, context: BlockContext, record_id: bytes, provider: bytes) -> str | None:
    value = members.read(state, row_key("git_claim", record_id))
    if value is None:
        return "dispute.no_event"
    if members.member(state, provider) is None:
        return "decision.no_member"
    importer, _, payload, entry, item, time_ms = value
    given = events.decode(payload)
    row = EventRow(
        status=STANDING,
        author=importer,
        provider=provider,
        receiver=context.group,
        signers=(importer,),
        payload=payload,
        entry=entry,
        item=item,
        time_ms=time_ms,
        resource_amount=(1, 0),
        effort_amount=None,
    )
    state.delete(row_key("git_claim", record_id))
    recording.count(state, context, record_id, row, given, given.quantity)
    tables.put(state, "event", record_id, replace(row, status=STANDING))
    return None
