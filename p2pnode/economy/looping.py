"""Carrying out loops: proposed, settled, declined, withdrawn, expired, void.

A loop is carried out whole when the last party has signed, or not at all. It reserves nothing meanwhile: what
is given or released before counts, and then the loop is void and says which promise has changed. So who never
answers locks nobody. Setting off creates and takes nothing: everybody is relieved of as much as they give up.
"""

from __future__ import annotations

from dataclasses import replace

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core.amount import Amount, add, is_less, negated
from p2pnode.economy import agents, agreement_flows, promising, tables
from p2pnode.economy.loop import (
    ANSWER,
    DECLINED,
    EXPIRED,
    LOOP,
    PARTIES_MAX,
    PROPOSED,
    SETTLED,
    VOID,
    WITHDRAWN,
    Item,
    Loop,
    LoopRow,
    Owed,
    changed_promise,
    loop,
    owed,
    status_at,
)
from p2pnode.economy.measure import Measure
from p2pnode.economy.record import Record
from p2pnode.economy.tables import ZERO
from p2pnode.governance.tables import read, scan, write

OPEN_BY_MEMBER_MAX = 50
"""Loops that one member has proposed and that are not over, so that nobody buries the others in them."""


def propose(state: State, record: Record, context: BlockContext) -> str | None:
    """Put a set-off before its parties; any member may, and who is a party has signed by it."""
    said = LOOP.decode(record.payload)
    if context.time_ms > said.answer_until_ms:
        return "loop.expired"
    parties = _parties(state, said)
    if isinstance(parties, str):
        return parties
    same = read(state, row_key("loop_items", said.items_hash))
    if same is not None and _is_open(state, same, context):
        return "loop.proposed_already"
    if _count_open(state, record.author, context) >= OPEN_BY_MEMBER_MAX:
        return "loop.too_many"
    write(state, row_key("loop_items", said.items_hash), record.id)
    write(state, row_key("loop_by", record.author, record.id), None)
    for party in parties:
        write(state, row_key("loop_of", party, record.id), None)
    signers = (record.author,) if record.author in parties else ()
    row = LoopRow(PROPOSED, record.author, record.payload, parties, signers, context.time_ms)
    tables.put(state, "loop", record.id, row)
    return None


def _parties(rows: Rows, said: Loop) -> tuple[bytes, ...] | str:
    """Who gives something up, ascending, or the rule by which it cannot be set off."""
    sums: dict[bytes, Amount] = {}
    for item in said.items:
        found = owed(rows, item.promise)
        if not isinstance(found, Owed):
            return found
        if found.unit != said.unit:
            return "loop.other_unit"
        if is_less(found.open, item.amount):
            return "loop.promise_changed"
        for party, change in ((found.provider, negated(item.amount)), (found.receiver, item.amount)):
            if not agents.is_present(rows, party):
                return "loop.no_such_member"
            sums[party] = add(sums.get(party, ZERO), change)
    if any(total != ZERO for total in sums.values()):
        return "loop.unbalanced"
    return tuple(sorted(sums)) if len(sums) <= PARTIES_MAX else "loop.too_many_parties"


def _is_open(rows: Rows, loop_id: bytes, context: BlockContext) -> bool:
    row = loop(rows, loop_id)
    return row is not None and status_at(row, context.time_ms) == PROPOSED


def _count_open(rows: Rows, member_id: bytes, context: BlockContext) -> int:
    return sum(_is_open(rows, loop_id, context) for loop_id, _ in scan(rows, "loop_by", member_id))


def answer(state: State, record: Record, context: BlockContext) -> str | None:
    """Sign a loop, or decline it; with the last signature it is carried out."""
    said = ANSWER.decode(record.payload)
    row = loop(state, said.loop)
    if row is None:
        return "loop.unknown"
    status = status_at(row, context.time_ms)
    if status != PROPOSED:
        return f"loop.{status}"
    is_own = record.author == row.author and not said.accepts
    if record.author not in row.parties and not is_own:
        return "loop.not_a_party"
    if not said.accepts:
        ended = replace(row, ended_by=record.author, annex=said.annex)
        _end(state, said.loop, ended, WITHDRAWN if is_own else DECLINED, context)
        return None
    if record.author in row.signers:
        return "loop.answered"
    changed = changed_promise(state, row.said)
    if changed is not None:
        _end(state, said.loop, replace(row, changed=changed), VOID, context)
        return None
    row = replace(row, signers=tuple(sorted({*row.signers, record.author})))
    if row.signers == row.parties:
        for item in row.said.items:
            _set_off(state, item)
        _end(state, said.loop, row, SETTLED, context)
    else:
        tables.put(state, "loop", said.loop, row)
    return None


def part_from(state: State, member_id: bytes, context: BlockContext) -> None:
    """End the loops that wait for somebody who is no member any more."""
    for loop_id, _ in list(scan(state, "loop_of", member_id)):
        row = loop(state, loop_id)
        assert row is not None, "listed while it is proposed"
        if status_at(row, context.time_ms) == PROPOSED:
            _end(state, loop_id, replace(row, ended_by=member_id), DECLINED, context)
        else:
            _end(state, loop_id, row, EXPIRED, context)


def _set_off(state: State, item: Item) -> None:
    """Count a promise as given as far as it is set off. Errors: FormatError amount.out_of_range."""
    found = owed(state, item.promise)
    assert isinstance(found, Owed), "looked at before"
    measure = Measure(item.amount, found.unit)
    if found.is_claim:
        promising.settle(state, item.promise, measure)
    else:
        promising.fulfil(state, item.promise, item.amount)
        promise = tables.commitment(state, item.promise)
        if promise is not None and promise.clause_of is not None:
            # Both have signed just this, so no limit of theirs is asked.
            agreement_flows.note_flow(state, promise.clause_of, found.provider, found.receiver, measure)
    tables.add_amount(state, item.amount, "set_off", item.promise)


def _end(state: State, loop_id: bytes, row: LoopRow, status: str, context: BlockContext) -> None:
    key = row_key("loop_items", row.said.items_hash)
    if read(state, key) == loop_id:
        state.delete(key)
    state.delete(row_key("loop_by", row.author, loop_id))
    for party in row.parties:
        state.delete(row_key("loop_of", party, loop_id))
    tables.put(state, "loop", loop_id, replace(row, status=status, ended_ms=context.time_ms))
