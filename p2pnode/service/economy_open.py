"""What is open with somebody: shown before a group decides about them, and when they have gone."""

from __future__ import annotations

from p2pnode.core.amount import difference, is_less
from p2pnode.economy import tables
from p2pnode.economy.agreement import ACCEPTED, CLOSED, PROPOSED, agreement, clause_id, status_at
from p2pnode.economy.tables import OPEN, RELEASED, ZERO, CommitmentRow
from p2pnode.governance.tables import scan
from p2pnode.service.economy_names import agent_name, amount, kind_name
from p2pnode.service.viewing import GroupView

_LINES_MAX = 20


def open_with(view: GroupView, member_id: bytes) -> list[str]:
    """What a member has promised or was promised and is not given yet; it ends when they go."""
    return _lines(view, member_id, (OPEN,), (PROPOSED, ACCEPTED))


def left_over_with(view: GroupView, member_id: bytes) -> list[str]:
    """What was promised by or to somebody who has gone and was not given: stated, and owed no more."""
    return _lines(view, member_id, (RELEASED,), (CLOSED, ACCEPTED))


def _lines(
    view: GroupView, member_id: bytes, of_promises: tuple[str, ...], of_agreements: tuple[str, ...]
) -> list[str]:
    lines = []
    for agreement_id, _ in scan(view.rows, "agreement_of", member_id):
        row = agreement(view.rows, agreement_id)
        if row is None or status_at(row, view.now_ms) not in of_agreements:
            continue
        if row.status == PROPOSED:
            lines.append(f"the agreement {row.terms.name} is proposed")
        for index in range(len(row.terms.clauses)):
            promise = tables.commitment(view.rows, clause_id(agreement_id, index))
            if promise is not None and promise.status in of_promises and _concerns(promise, member_id):
                lines.append(f"{_open_line(view, promise)} ({row.terms.name}/{index + 1})")
    for entry_id, _ in scan(view.rows, "part_in", member_id):
        promise = tables.commitment(view.rows, entry_id)
        if promise is not None and promise.status in of_promises:
            lines.append(f"{_open_line(view, promise)} (promise {entry_id.hex()[:8]})")
    return lines[:_LINES_MAX]


def _concerns(promise: CommitmentRow, member_id: bytes) -> bool:
    return member_id in (promise.provider, promise.receiver)


def _open_line(view: GroupView, promise: CommitmentRow) -> str:
    left = difference(promise.promised, promise.fulfilled)
    shown = amount(left if is_less(ZERO, left) else ZERO, promise.unit)
    what = f"{shown} {kind_name(view, promise.kind)}".rstrip()
    receiver = agent_name(view, promise.receiver) or "whoever wants it"
    return f"{agent_name(view, promise.provider)} has not given {receiver} {what}"
