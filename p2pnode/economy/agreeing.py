"""Carrying out agreements: proposed, accepted, declined, withdrawn, expired, closed.

Every state is a signed entry or a fact of the order, so it can always be told which it is. Whoever proposes
has signed; it is in force once all parties have. Any party may close at any time, with what remains stated
in the clauses: nobody is ever locked in. Nothing here waits: who vanishes stops nobody.

| table | key | value |
|---|---|---|
| `agreement` | entry id | `AgreementRow` |
| `agreement_matter` | hash of what is agreed on | the agreement about just this that is not over |
| `agreement_of` | member id, agreement id | nil, for each party |
| `agreement_end` | end in 8 bytes, agreement id | nil, for each that is in force and has an end |
"""

from __future__ import annotations

from dataclasses import replace

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core.amount import difference, is_less, scaled, times
from p2pnode.economy import agents, promising, tables
from p2pnode.economy.agreement import (
    ACCEPTED,
    ANSWER,
    CLOSE,
    CLOSED,
    DECLINED,
    PROPOSED,
    RECIPROCAL,
    REDUCE,
    TERMS,
    WITHDRAW,
    WITHDRAWN,
    AgreementRow,
    Terms,
    agreement,
    clause_id,
    put_agreement,
    signers_needed,
    status_at,
)
from p2pnode.economy.agreement_flows import is_fulfilled
from p2pnode.economy.measure import Measure
from p2pnode.economy.record import Record
from p2pnode.economy.tables import FULFILLED, OPEN, RELEASED, ZERO, CommitmentRow
from p2pnode.governance.tables import read, scan, write

OPEN_BY_MEMBER_MAX = 200
"""Agreements that one member has proposed and that are not over."""


def propose(state: State, record: Record, context: BlockContext) -> str | None:
    """Put terms before the other parties, signed by who writes them."""
    terms = TERMS.decode(record.payload)
    if record.author not in terms.parties:
        return "agreement.not_a_party"
    rule = _void_rule(state, terms, context) or _void_rule_of_replacing(state, terms, record.author)
    if rule is not None:
        return rule
    same = read(state, row_key("agreement_matter", terms.matter))
    if same is not None:
        held = agreement(state, same)
        if held is not None and status_at(held, context.time_ms) in (PROPOSED, ACCEPTED):
            return "agreement.proposed_already"
    if _count_open(state, record.author, context) >= OPEN_BY_MEMBER_MAX:
        return "agreement.too_many"
    write(state, row_key("agreement_matter", terms.matter), record.id)
    for party in signers_needed(state, terms):
        write(state, row_key("agreement_of", party, record.id), None)
    put_agreement(
        state,
        record.id,
        AgreementRow(PROPOSED, record.author, record.payload, (record.author,), context.time_ms),
    )
    return None


def _void_rule(rows: Rows, terms: Terms, context: BlockContext) -> str | None:
    if not all(agents.is_present(rows, party) for party in terms.parties):
        return "agreement.no_such_member"
    if context.time_ms > terms.answer_until_ms:
        return "agreement.expired"
    if terms.end_ms is not None and terms.end_ms <= context.time_ms:
        return "agreement.past_end"
    for clause in terms.clauses:
        if clause.receiver not in terms.parties and clause.receiver != context.group:
            return "agreement.not_a_party"
        rule = promising.void_rule_of_kind(rows, clause.resource_conforms_to)
        if rule is not None:
            return rule
    return None


def _void_rule_of_replacing(rows: Rows, terms: Terms, author: bytes) -> str | None:
    if terms.replaces is None:
        return None
    replaced = agreement(rows, terms.replaces)
    if replaced is None:
        return "agreement.unknown"
    if replaced.status != ACCEPTED:
        return "agreement.not_in_force"
    return None if author in replaced.terms.parties else "agreement.not_a_party"


def _count_open(rows: Rows, member_id: bytes, context: BlockContext) -> int:
    found = [agreement(rows, agreement_id) for agreement_id, _ in scan(rows, "agreement_of", member_id)]
    proposed = [row for row in found if row is not None and row.author == member_id]
    return sum(status_at(row, context.time_ms) in (PROPOSED, ACCEPTED) for row in proposed)


def answer(state: State, record: Record, context: BlockContext) -> str | None:
    """Sign the terms, or decline them; with the last signature they are in force."""
    said = ANSWER.decode(record.payload)
    row = agreement(state, said.agreement)
    if row is None:
        return "agreement.unknown"
    terms = row.terms
    needed = signers_needed(state, terms)
    if record.author not in needed:
        return "agreement.not_a_party"
    status = status_at(row, context.time_ms)
    if status != PROPOSED:
        return f"agreement.{'answered' if status == ACCEPTED else status}"
    if said.terms != terms.hash:
        return "agreement.other_terms"
    if record.author in row.signers and (said.accepts or record.author == row.author):
        return "agreement.answered"
    if not said.accepts:
        _end(state, said.agreement, replace(row, annex=said.annex), DECLINED, record.author, context)
        return None
    row = replace(row, signers=tuple(sorted({*row.signers, record.author})))
    if set(needed) <= set(row.signers):
        row = replace(row, status=ACCEPTED, accepted_ms=context.time_ms)
        _take_effect(state, said.agreement, terms, record.author, context)
    put_agreement(state, said.agreement, row)
    return None


def _take_effect(
    state: State, agreement_id: bytes, terms: Terms, signer: bytes, context: BlockContext
) -> None:
    """Let what everybody has signed be in force, and close what it replaces, if that is not over already."""
    _make_commitments(state, agreement_id, terms)
    if terms.end_ms is not None:
        write(state, row_key("agreement_end", _end_key(terms.end_ms), agreement_id), None)
    replaced = None if terms.replaces is None else agreement(state, terms.replaces)
    if terms.replaces is not None and replaced is not None and replaced.status == ACCEPTED:
        end_in_force(state, terms.replaces, replaced, signer, context)


def _end_key(end_ms: int) -> bytes:
    return end_ms.to_bytes(8, "big")


def _make_commitments(state: State, agreement_id: bytes, terms: Terms) -> None:
    for index, clause in enumerate(terms.clauses):
        quantity = clause.quantity
        signers = {clause.provider, clause.receiver} & set(terms.parties)
        row = CommitmentRow(
            status=OPEN,
            provider=clause.provider,
            receiver=clause.receiver,
            signers=tuple(sorted(signers)),
            action=clause.action,
            kind=clause.resource_conforms_to,
            unit=quantity.unit,
            promised=times(quantity.amount, clause.times or 1),
            fulfilled=ZERO,
            due_ms=clause.due_ms,
            clause_of=agreement_id,
            satisfies=None,
            payload=b"",
        )
        tables.put(state, "commitment", clause_id(agreement_id, index), row)


def withdraw(state: State, record: Record, context: BlockContext) -> str | None:
    """Take a proposal back before everybody has signed it."""
    agreement_id = WITHDRAW.decode(record.payload).agreement
    row = agreement(state, agreement_id)
    if row is None:
        return "agreement.unknown"
    if row.author != record.author:
        return "agreement.not_yours"
    status = status_at(row, context.time_ms)
    if status != PROPOSED:
        return f"agreement.{'in_force' if status == ACCEPTED else status}"
    said = WITHDRAW.decode(record.payload)
    _end(state, agreement_id, replace(row, annex=said.annex), WITHDRAWN, record.author, context)
    return None


def reduce(state: State, record: Record, _: BlockContext) -> str | None:
    """Give less because a harvest failed, as far as all agreed to share the risk."""
    said = REDUCE.decode(record.payload)
    row = agreement(state, said.agreement)
    if row is None:
        return "agreement.unknown"
    if row.status != ACCEPTED:
        return "agreement.not_in_force"
    terms = row.terms
    if said.clause >= len(terms.clauses):
        return "agreement.no_such_clause"
    clause = terms.clauses[said.clause]
    if clause.provider != record.author:
        return "agreement.not_yours"
    if clause.quantity.unit != said.quantity.unit:
        return "agreement.other_unit"
    key = clause_id(said.agreement, said.clause)
    promise = tables.commitment(state, key)
    assert promise is not None, "an agreement in force has its clauses"
    if promise.status == RELEASED:
        return "commitment.closed"
    if terms.shared_risk is None:
        return "agreement.no_shared_risk"
    numerator, denominator = terms.shared_risk
    whole = times(clause.quantity.amount, clause.times or 1)
    least = scaled(whole, denominator - numerator)
    if is_less(scaled(said.quantity.amount, denominator), least):
        return "agreement.beyond_risk"
    left = said.quantity.amount
    if not is_less(left, promise.promised) or is_less(left, promise.fulfilled):
        return "agreement.no_reduction"
    status = FULFILLED if promise.fulfilled == said.quantity.amount else promise.status
    tables.put(state, "commitment", key, replace(promise, promised=said.quantity.amount, status=status))
    return None


def close(state: State, record: Record, context: BlockContext) -> str | None:
    """End an agreement in force; what was promised and not given is stated and not owed any more."""
    said = CLOSE.decode(record.payload)
    agreement_id = said.agreement
    row = agreement(state, agreement_id)
    if row is None:
        return "agreement.unknown"
    if row.status != ACCEPTED:
        return "agreement.not_in_force"
    if record.author not in row.terms.parties:
        return "agreement.not_a_party"
    end_in_force(state, agreement_id, replace(row, annex=said.annex), record.author, context)
    return None


def end_in_force(
    state: State, agreement_id: bytes, row: AgreementRow, by: bytes | None, context: BlockContext
) -> None:
    """Close an agreement in force: what was promised and not given stays stated in its clauses."""
    terms = row.terms
    for index in range(len(terms.clauses)):
        end_clause(state, agreement_id, terms, index)
    if terms.end_ms is not None:
        state.delete(row_key("agreement_end", _end_key(terms.end_ms), agreement_id))
    _end(state, agreement_id, row, CLOSED, by, context)


def end_clause(state: State, agreement_id: bytes, terms: Terms, index: int) -> None:
    """End one clause: kept, within the tolerance, or given back."""
    key = clause_id(agreement_id, index)
    promise = tables.commitment(state, key)
    assert promise is not None, "an agreement in force has its clauses"
    status = FULFILLED if is_fulfilled(terms, promise) else RELEASED
    tables.put(state, "commitment", key, replace(promise, status=status))


def end_due(state: State, context: BlockContext) -> None:
    """Close the agreements whose end has come; what this block has ordered before still counts."""
    due = []
    for key, _ in scan(state, "agreement_end"):
        if int.from_bytes(key[:8], "big") > context.time_ms:
            break
        due.append(key[8:])
    for agreement_id in due:
        row = agreement(state, agreement_id)
        assert row is not None, "in force"
        end_in_force(state, agreement_id, row, None, context)


def part_from(state: State, member_id: bytes, context: BlockContext) -> None:
    """Settle the agreements of somebody who is no member any more.

    What they gave or were to get is ended with what remains stated. The others go on among themselves where
    each of them still gives something; otherwise the agreement is closed, as is what was only proposed.
    """
    for agreement_id, _ in list(scan(state, "agreement_of", member_id)):
        row = agreement(state, agreement_id)
        assert row is not None, "listed when it was proposed"
        status = status_at(row, context.time_ms)
        if status == PROPOSED:
            status = WITHDRAWN if row.author == member_id else DECLINED
            _end(state, agreement_id, row, status, member_id, context)
        elif status == ACCEPTED and member_id in row.terms.parties:
            _part(state, agreement_id, row, member_id, context)


def _part(
    state: State, agreement_id: bytes, row: AgreementRow, member_id: bytes, context: BlockContext
) -> None:
    terms = row.terms
    staying = [party for party in terms.parties if agents.is_present(state, party)]
    giving = []
    for index, clause in enumerate(terms.clauses):
        if member_id in (clause.provider, clause.receiver):
            end_clause(state, agreement_id, terms, index)
        elif clause.provider in staying and clause.receiver in (*staying, context.group):
            giving.append(clause.provider)
    is_kept = len(staying) > 1 and bool(giving)
    if terms.mode == RECIPROCAL:
        is_kept = is_kept and set(giving) == set(staying)
    if not is_kept:
        end_in_force(state, agreement_id, row, member_id, context)


def remainder(rows: Rows, agreement_id: bytes, terms: Terms) -> list[tuple[int, Measure]]:
    """What was promised and not given, by the number of the clause."""
    left = []
    for index in range(len(terms.clauses)):
        promise = tables.commitment(rows, clause_id(agreement_id, index))
        if promise is not None and not is_fulfilled(terms, promise):
            amount = difference(promise.promised, promise.fulfilled)
            left.append((index, Measure(amount, promise.unit)))
    return left


def _end(
    state: State,
    agreement_id: bytes,
    row: AgreementRow,
    status: str,
    by: bytes | None,
    context: BlockContext,
) -> None:
    key = row_key("agreement_matter", row.terms.matter)
    if read(state, key) == agreement_id:
        state.delete(key)
    put_agreement(state, agreement_id, replace(row, status=status, ended_ms=context.time_ms, ended_by=by))
