"""All types of entry that this version knows. A new type is one module and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from p2pnode.consensus import convocation
from p2pnode.consensus import format as agreement
from p2pnode.consensus.convocation import CLOSE_TYPE, ROLL_TYPE
from p2pnode.consensus.execution import BlockContext, BlockRules, Outcome
from p2pnode.consensus.format import CERTIFICATE_TYPE, PROPOSAL_TYPE, VOTE_TYPE, body_named
from p2pnode.consensus.rows import State
from p2pnode.core import acknowledgement
from p2pnode.core.annex import annexes_named
from p2pnode.core.codec import Value
from p2pnode.core.entry import ACK_TYPE, FOUNDING_TYPE, Entry, Header
from p2pnode.core.entry_type import EntryType, void_rule
from p2pnode.core.errors import FormatError
from p2pnode.core.ids import Lane
from p2pnode.economy import batch, journal
from p2pnode.economy.batch import BATCH_TYPE, Batch
from p2pnode.economy.commoning import COMMONS_SUBJECT, adopt
from p2pnode.economy.economy_types import BATCHED_TYPES, ECONOMY_TYPES, PATIENT_ECONOMY_TYPES
from p2pnode.economy.giving_shares import carry_out_run
from p2pnode.economy.judging import DISPUTE_SUBJECT, carry_out_dispute
from p2pnode.economy.record import NOT_BATCHED_RULE
from p2pnode.economy.settling import settle
from p2pnode.economy.sharing import DISTRIBUTE_SUBJECT, open_run
from p2pnode.governance import end_of_block, epoch_key, executing, founding, sealed
from p2pnode.governance.carrying_out import apply_decision
from p2pnode.governance.deciding import close_due
from p2pnode.governance.deciding_types import DECIDING_TYPES, PATIENT_TYPES
from p2pnode.governance.epoch_key import EPOCH_KEY_TYPE
from p2pnode.governance.keys import exec_seal
from p2pnode.governance.member_types import MEMBER_TYPES
from p2pnode.governance.proposal import OPEN_TYPE, decode_open, execute_open, present_member
from p2pnode.governance.sealed import SEALED_TYPE

_LOCAL = frozenset({Lane.LOCAL.value})
_VOTES = frozenset({Lane.VOTES.value})
_FACTS = frozenset({Lane.LOCAL.value, Lane.OPEN.value})


def _open(state: State, entry: Entry, context: BlockContext) -> str | None:
    """Open a proposal; what has to hold of the economy is the economy's."""
    said = decode_open(entry.payload or b"")
    if said.subject != DISTRIBUTE_SUBJECT:
        return execute_open(state, entry, context)
    attempt = state.overlay()
    rule = execute_open(attempt, entry, context)
    author = present_member(state, entry.author)
    if rule is None and author is not None:
        try:
            rule = open_run(attempt, context, entry.id, author, said.body)
        except FormatError as error:
            rule = error.rule
    if rule is None:
        state.apply(attempt.changes())
    return rule


ENTRY_TYPES: tuple[EntryType, ...] = (
    EntryType(FOUNDING_TYPE, _LOCAL, founding.decode, governed=True),
    *MEMBER_TYPES,
    *(replace(one, execute=_open) if one.name == OPEN_TYPE else one for one in DECIDING_TYPES),
    EntryType(ACK_TYPE, _LOCAL, acknowledgement.decode),
    EntryType(SEALED_TYPE, _FACTS, sealed.decode, execute=sealed.execute),
    EntryType(EPOCH_KEY_TYPE, _LOCAL, epoch_key.decode, execute=epoch_key.execute),
    EntryType(VOTE_TYPE, _VOTES, agreement.decode_votes),
    EntryType(PROPOSAL_TYPE, _VOTES, agreement.decode_proposal),
    EntryType(ROLL_TYPE, _VOTES, convocation.decode_roll),
    EntryType(CLOSE_TYPE, _VOTES, convocation.decode_closing),
    EntryType(CERTIFICATE_TYPE, _VOTES, agreement.decode_certificate),
    *ECONOMY_TYPES,
)

TYPES: Mapping[str, EntryType] = MappingProxyType({entry_type.name: entry_type for entry_type in ENTRY_TYPES})

GOVERNED_TYPES = frozenset(entry_type.name for entry_type in ENTRY_TYPES if entry_type.governed)
"""Types whose entries are folded into the state of a group."""

CALLING_TYPES = GOVERNED_TYPES - PATIENT_TYPES - PATIENT_ECONOMY_TYPES
"""Governed types whose entries call for a block at once."""


def void_rule_of(header: Header, payload: bytes) -> str | None:
    """Why an entry is void whatever the state of its group, or None; `type.unknown` parks it (J6)."""
    return void_rule(TYPES, header, payload)


def records_of(header: Header, payload: bytes) -> tuple[tuple[str, bytes, str | None], ...]:
    """The facts in an entry as type, payload and void rule: one in an ordinary entry, many in a batch.

    A batch that cannot be read is one void fact.
    """
    rule = void_rule_of(header, payload)
    if header.type != BATCH_TYPE or rule is not None:
        return ((header.type, payload, rule),)
    held: Batch = batch.decode(payload)
    if held.type not in BATCHED_TYPES:
        return tuple((held.type, record, NOT_BATCHED_RULE) for record in held.payloads)
    record_header = header._replace(type=held.type)
    return tuple((held.type, record, void_rule_of(record_header, record)) for record in held.payloads)


def blobs_named(type_: str, payload: bytes) -> tuple[bytes, ...]:
    """The hashes of what travels beside an entry: its annexes, or the body of a proposed block."""
    if type_ == PROPOSAL_TYPE:
        body_hash = body_named(payload)
        return () if body_hash is None else (body_hash,)
    return annexes_named(payload)


def execute_entry(state: State, entry: Entry, context: BlockContext) -> str | None:
    """What an ordered entry does to the rows of its group, or the rule that makes it void."""
    return executing.execute_entry(TYPES, state, entry, context)


def end_block(state: State, context: BlockContext) -> tuple[Outcome, ...]:
    """What the end of a block brings. Shapes: the outcomes of parked entries. Errors: LaterRules."""
    outcomes = end_of_block.end_block(TYPES, _close_due, state, context)
    journal.close_block(state, context.height)
    return outcomes


def _close_due(state: State, context: BlockContext) -> None:
    close_due(state, context, _apply)
    settle(state, context)


def _apply(state: State, context: BlockContext, proposal_id: bytes, subject: str, body: Value) -> str | None:
    """Carry out a decision; what it does to the economy is the economy's."""
    try:
        if subject == DISPUTE_SUBJECT:
            return carry_out_dispute(state, context, body)
        if subject == DISTRIBUTE_SUBJECT:
            return carry_out_run(state, context, proposal_id)
        if subject == COMMONS_SUBJECT:
            return adopt(state, context, body)
    except FormatError as error:
        return error.rule
    return apply_decision(state, context, proposal_id, subject, body)


BLOCK_RULES = BlockRules(exec_seal, execute_entry, end_block)
"""By these a block is executed (J30)."""
