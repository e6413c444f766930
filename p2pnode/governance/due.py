"""When a block is due although nobody wrote anything: a vote closes, a window for objections is over."""

from __future__ import annotations

from p2pnode.consensus.rows import Rows
from p2pnode.governance import proposal, tables


def next_due_ms(rows: Rows) -> int | None:
    """The first time at which the rows call for a block, or None. Units: block time."""
    times = [row.due_ms for _, row in tables.pending(rows)]
    closing_ms = proposal.next_due_ms(rows)
    return min([*times, *([] if closing_ms is None else [closing_ms])], default=None)
