"""Loops for people: what could be set off, what is proposed, who is relieved of what, and who has to sign."""

from __future__ import annotations

from collections.abc import Sequence

from p2pnode.core.amount import Amount, add, difference, is_less
from p2pnode.economy import loop, tables
from p2pnode.economy.agreement import agreement, clause_id
from p2pnode.economy.labels import measure_text
from p2pnode.economy.loop import Item, LoopRow, Owed, status_at
from p2pnode.economy.measure import Measure
from p2pnode.economy.tables import ZERO
from p2pnode.governance.tables import scan
from p2pnode.local.economy_calls import EconomyRow
from p2pnode.loop_finding import Found, loops_in
from p2pnode.service.economy_names import agent_name, amount
from p2pnode.service.viewing import GroupView

FOUND_MAX = 20
"""Rings that are shown: what a person looks at."""


def found_in(view: GroupView, *, with_claims: bool, is_any_kind: bool) -> list[Found]:
    """What could be set off now."""
    return loops_in(loop.all_owed(view.rows, with_claims=with_claims), is_any_kind=is_any_kind)


def found_shown(view: GroupView, found: Found) -> EconomyRow:
    """One ring that could be set off, in plain words."""
    return {
        "id": found.id.hex(),
        "amount": measure_text(Measure(found.amount, found.unit)),
        "members": [agent_name(view, member) for member in found.members],
        "relieved": _relieved(view, found.unit, found.items),
        "promises": [_part(view, found.unit, item) for item in found.items],
    }


def loops_listed(view: GroupView, who: bytes | None) -> list[EconomyRow]:
    """Proposed loops and those that are over, the newest last."""
    rows = tables.rows_of(view.rows, LoopRow, "loop")
    found = [
        (row.proposed_ms, key, row) for key, row in rows if who is None or who in (*row.parties, row.author)
    ]
    return [loop_shown(view, key, row) for _, key, row in sorted(found, key=lambda one: one[:2])]


def loops_to_sign(view: GroupView, member_id: bytes) -> list[tuple[bytes, LoopRow]]:
    """The loops that wait for a member's signature."""
    found = [(key, loop.loop(view.rows, key)) for key, _ in scan(view.rows, "loop_of", member_id)]
    return [
        (key, row)
        for key, row in found
        if row is not None and status_at(row, view.now_ms) == loop.PROPOSED and member_id not in row.signers
    ]


def loop_shown(view: GroupView, loop_id: bytes, row: LoopRow) -> EconomyRow:
    """One loop with what became of it."""
    said, status = row.said, status_at(row, view.now_ms)
    is_open = status == loop.PROPOSED
    changed = row.changed or (loop.changed_promise(view.rows, said) if is_open else None)
    return {
        "id": loop_id.hex(),
        "status": status,
        "unit": said.unit,
        "author": agent_name(view, row.author),
        "parties": [agent_name(view, party) for party in row.parties],
        "waits_for": [
            agent_name(view, party) for party in row.parties if is_open and party not in row.signers
        ],
        "signed_by": [agent_name(view, party) for party in row.signers],
        "answer_until_ms": said.answer_until_ms,
        "relieved": _relieved(view, said.unit, said.items),
        "promises": [_part(view, said.unit, item) for item in said.items],
        "ended_by": agent_name(view, row.ended_by),
        "reason": view.text(row.annex, "note"),
        "changed": "" if changed is None else promise_name(view, changed),
        "note": view.text(said.annex, "note"),
    }


def promise_name(view: GroupView, promise_id: bytes) -> str:
    """What a person calls a promise: a clause by its agreement, anything else by the start of its id."""
    promise = tables.commitment(view.rows, promise_id)
    row = None if promise is None or promise.clause_of is None else agreement(view.rows, promise.clause_of)
    if promise is None or promise.clause_of is None or row is None:
        return promise_id.hex()[:8]
    for index in range(len(row.terms.clauses)):
        if clause_id(promise.clause_of, index) == promise_id:
            return f"{row.terms.name}/{index + 1}"
    return promise_id.hex()[:8]


def _part(view: GroupView, unit: str, item: Item) -> EconomyRow:
    """What of one promise is set off, and what of it is open now."""
    found = loop.owed(view.rows, item.promise)
    assert isinstance(found, Owed), "a loop that was found or proposed names promises to somebody"
    return {
        "id": item.promise.hex(),
        "name": promise_name(view, item.promise),
        "provider": agent_name(view, found.provider),
        "receiver": agent_name(view, found.receiver),
        "amount": amount(item.amount, unit),
        "open": amount(found.open, found.unit),
    }


def _relieved(view: GroupView, unit: str, items: Sequence[Item]) -> list[str]:
    """Who no longer has to give whom how much, one sentence for each two people."""
    sums: dict[tuple[bytes, bytes], Amount] = {}
    for item in items:
        found = loop.owed(view.rows, item.promise)
        if isinstance(found, Owed):
            pair = found.provider, found.receiver
            sums[pair] = add(sums.get(pair, ZERO), item.amount)
    return [
        f"{agent_name(view, provider)} need not give {agent_name(view, receiver)} {amount(total, unit)}"
        for (provider, receiver), total in sorted(sums.items())
    ]


def loop_lines(view: GroupView, loop_id: bytes, row: LoopRow) -> list[str]:
    """Why a loop is as it is, for `why`."""
    shown = loop_shown(view, loop_id, row)
    lines = [
        f"{sentence}, once all have signed" if shown["waits_for"] else sentence
        for sentence in shown["relieved"]
    ]
    lines.append(f"signed by {', '.join(shown['signed_by']) or 'nobody yet'}")
    if shown["waits_for"]:
        lines.append(f"it changes nothing yet: it waits for the signature of {', '.join(shown['waits_for'])}")
        if shown["changed"]:
            lines.append(f"less of {shown['changed']} is open than would be set off: it will be void")
    elif shown["status"] == loop.VOID:
        lines.append(f"nothing was set off: {shown['changed']} had changed before all had signed")
    elif shown["status"] == loop.SETTLED:
        lines.append("all have signed: it was carried out")
    elif shown["status"] == loop.EXPIRED:
        lines.append("not all had signed in time: nothing was set off")
    else:
        reason = f": {shown['reason']}" if shown["reason"] else ""
        lines.append(f"{shown['status']} by {shown['ended_by']}{reason}; nothing was set off")
    return lines


def loops_about(view: GroupView, promise_id: bytes) -> list[str]:
    """What loops have done to a promise, and which would."""
    promise = tables.commitment(view.rows, promise_id)
    set_off = tables.amount(view.rows, "set_off", promise_id)
    lines = []
    if promise is not None and is_less(ZERO, set_off):
        given = difference(promise.fulfilled, set_off)
        lines.append(
            f"{amount(set_off, promise.unit)} of it set off in loops, {amount(given, promise.unit)} given"
        )
    for key, row in tables.rows_of(view.rows, LoopRow, "loop"):
        is_open = status_at(row, view.now_ms) == loop.PROPOSED
        if is_open and any(item.promise == promise_id for item in row.said.items):
            missing = ", ".join(loop_shown(view, key, row)["waits_for"])
            lines.append(f"the loop {key.hex()[:8]} would set it off and waits for {missing}")
    return lines
