"""What the end of a block brings: decisions that are due, windows that close, voters who come and go.

The order is fixed: who was heard, what each member fills, decisions, parked entries, what is over, returns,
dormancy, the voting role, the epoch.
"""

from __future__ import annotations

from collections.abc import Callable

from p2pnode.consensus.execution import BlockContext, Outcome
from p2pnode.consensus.rows import State, row_key
from p2pnode.governance import dormancy, tables
from p2pnode.governance.configuration import settle_epoch
from p2pnode.governance.executing import Types, check_rules, execute_parked
from p2pnode.governance.keys import settle_pending
from p2pnode.governance.roles import end_what_is_over
from p2pnode.governance.share import note_ordered
from p2pnode.governance.voting import settle_voters

PETITION_MS_MAX = 60 * dormancy.DAY_MS
"""A petition that nobody took up in two months makes room for others."""

CloseDue = Callable[[State, BlockContext], None]


def end_block(types: Types, close_due: CloseDue, state: State, context: BlockContext) -> tuple[Outcome, ...]:
    """Everything that follows from a block's time and entries. Shapes: the outcomes of parked entries.

    Errors: LaterRules when the group decided on rules that this program does not know.
    """
    version = tables.read_uint(state, tables.RULE_VERSION_KEY, 1)
    dormancy.note_seen(state, context)
    note_ordered(state, context)
    close_due(state, context)
    outcomes: tuple[Outcome, ...] = ()
    if tables.read_uint(state, tables.RULE_VERSION_KEY, 1) > version:
        check_rules(state)
        outcomes = execute_parked(types, state, context)
    settle_pending(state, context)
    end_what_is_over(state, context)
    _forget_invitations(state, context)
    dormancy.bring_back(state, context)
    dormancy.put_to_rest(state, context)
    settle_voters(state, context)
    settle_epoch(state)
    return outcomes


def _forget_invitations(state: State, context: BlockContext) -> None:
    """Drop what is known of expired invitations, which nobody can use, and of stale petitions."""
    for invitation_id, (_, expiry_ms) in list(tables.scan(state, "invitation")):
        if expiry_ms < context.time_ms:
            state.delete(row_key("invitation", invitation_id))
    for entry_id, row in list(tables.petitions(state)):
        if row.since_ms + PETITION_MS_MAX <= context.time_ms:
            tables.drop_petition(state, entry_id)
