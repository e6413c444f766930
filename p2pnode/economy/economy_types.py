"""The types of entry of the economy, with what each does. A new one is one module and one line here."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from p2pnode.core.entry_type import EntryType
from p2pnode.core.ids import Lane
from p2pnode.economy import (
    agreeing,
    agreement,
    alike,
    batch,
    booking,
    claim,
    commoning,
    commons,
    contribution,
    event,
    importing,
    judging,
    loop,
    looping,
    metering,
    promising,
    recording,
    things,
    transvestment,
    using,
)
from p2pnode.economy.batch import BATCH_TYPE
from p2pnode.economy.contribution import CONTRIBUTION_TYPE
from p2pnode.economy.event import EVENT_TYPE
from p2pnode.economy.judging import ATTESTATION_TYPE
from p2pnode.economy.record import Run, executed, executed_batch

_FACTS = frozenset({Lane.LOCAL.value, Lane.OPEN.value})
_Decode = Callable[[bytes], object]


def _fact(name: str, decode: _Decode, run: Run) -> EntryType:
    return EntryType(name, _FACTS, decode, execute=executed(run))


def _agreed(name: str, decode: _Decode, run: Run) -> EntryType:
    """An entry whose place in the order people wait for."""
    return EntryType(name, _FACTS, decode, governed=True, execute=executed(run))


_BATCHED: dict[str, Run] = {
    CONTRIBUTION_TYPE: recording.record_contribution,
    claim.CLAIM_TYPE: judging.claim_commit,
    EVENT_TYPE: recording.record_event,
    importing.IMPORT_TYPE: importing.record_import,
    ATTESTATION_TYPE: judging.attest,
    recording.COUNTERSIGN_TYPE: recording.countersign,
}

BATCHED_TYPES = frozenset(_BATCHED)
"""Types whose records may travel in a batch."""

ECONOMY_TYPES: tuple[EntryType, ...] = (
    EntryType(
        BATCH_TYPE,
        _FACTS,
        batch.decode,
        execute=executed_batch(MappingProxyType(_BATCHED), alike.let_stand_together),
    ),
    _fact(CONTRIBUTION_TYPE, contribution.decode, recording.record_contribution),
    _fact(claim.CLAIM_TYPE, claim.decode, judging.claim_commit),
    _fact(EVENT_TYPE, event.decode, recording.record_event),
    _fact(importing.IMPORT_TYPE, importing.decode, importing.record_import),
    _fact(metering.INSTALL_TYPE, metering.INSTALL.decode, metering.install),
    _fact(metering.READ_TYPE, metering.decode_reading, metering.read),
    _fact(metering.CLOSE_TYPE, metering.CLOSE.decode, metering.close),
    _fact(recording.COUNTERSIGN_TYPE, recording.COUNTERSIGN.decode, recording.countersign),
    _fact(ATTESTATION_TYPE, judging.ATTESTATION.decode, judging.attest),
    _fact(things.AGENT_TYPE, things.AGENT.decode, things.describe_agent),
    _agreed(things.SPEC_TYPE, things.SPEC.decode, things.define_spec),
    _fact(things.PROCESS_TYPE, things.PROCESS.decode, things.begin_process),
    _fact(things.FINISH_TYPE, things.FINISH.decode, things.finish_process),
    _fact(promising.INTENT_TYPE, promising.INTENT.decode, promising.publish_intent),
    _fact(promising.INTENT_CLOSE_TYPE, promising.INTENT_CLOSE.decode, promising.close_intent),
    _fact(promising.COMMITMENT_TYPE, promising.COMMITMENT.decode, promising.make_commitment),
    _fact(promising.RELEASE_TYPE, promising.RELEASE.decode, promising.release_commitment),
    _fact(promising.CLAIM_TYPE, promising.CLAIM.decode, promising.raise_claim),
    _fact(promising.CLAIM_CLOSE_TYPE, promising.CLAIM_CLOSE.decode, promising.close_claim),
    _agreed(agreement.PROPOSE_TYPE, agreement.TERMS.decode, agreeing.propose),
    _agreed(agreement.ANSWER_TYPE, agreement.ANSWER.decode, agreeing.answer),
    _agreed(agreement.WITHDRAW_TYPE, agreement.WITHDRAW.decode, agreeing.withdraw),
    _agreed(agreement.REDUCE_TYPE, agreement.REDUCE.decode, agreeing.reduce),
    _agreed(agreement.CLOSE_TYPE, agreement.CLOSE.decode, agreeing.close),
    _agreed(commons.OPEN_TYPE, commons.OPENING.decode, commoning.open_commons),
    _agreed(commons.CHANGE_TYPE, commons.CHANGE.decode, commoning.change_commons),
    _agreed(commons.ROLE_TYPE, commons.ROLE.decode, commoning.give_role),
    _fact(using.USE_TYPE, using.USE.decode, using.record_use),
    _fact(using.WITHDRAW_TYPE, using.WITHDRAWAL.decode, using.withdraw_use),
    _fact(transvestment.INFLOW_TYPE, transvestment.INFLOW.decode, transvestment.record_inflow),
    _fact(booking.MARK_TYPE, booking.MARK.decode, booking.mark_thing),
    _agreed(booking.BOOKING_TYPE, booking.BOOKING.decode, booking.make_booking),
    _agreed(booking.CANCEL_TYPE, booking.CANCEL.decode, booking.cancel_booking),
    _agreed(loop.PROPOSE_TYPE, loop.LOOP.decode, looping.propose),
    _agreed(loop.ANSWER_TYPE, loop.ANSWER.decode, looping.answer),
)

PATIENT_ECONOMY_TYPES = frozenset({things.SPEC_TYPE})
"""Governed, because agreements name them; but nobody waits for a block because of them."""
