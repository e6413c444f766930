"""Giving what a run has shared out, once the group has decided it.

Each share becomes a claim of its member, or an event of a transfer. What flows back to outside money has a
claim already: the run promises to settle it, or settles it at once. Which shares there are is the business of
`sharing.py`.
"""

from __future__ import annotations

from dataclasses import replace

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core.amount import is_less
from p2pnode.economy import event, promising, tables, transvestment
from p2pnode.economy.event import Event
from p2pnode.economy.measure import Measure
from p2pnode.economy.promising import Claim
from p2pnode.economy.sharing import (
    CARRIED_OUT,
    OTHER_RESULT_RULE,
    Run,
    RunRow,
    again,
    encode_run,
    run_key,
    run_row,
    share_id,
    shared_up_to,
)
from p2pnode.economy.tables import OPEN, STANDING, ZERO, ClaimRow, EventRow
from p2pnode.governance import tables as members
from p2pnode.governance.distribution_rule import TRANSFERS, rule_of_value


def carry_out_run(state: State, context: BlockContext, run_id: bytes) -> str | None:
    """Let everybody have what the group decided. Errors: FormatError amount.out_of_range."""
    row = run_row(state, run_id)
    if row is None:
        return "distribution.unknown"
    rule = rule_of_value(row.rule)
    if row.after < shared_up_to(state, rule):
        return "distribution.shared_already"
    run = again(state, row)
    if run.hash != row.result:
        return OTHER_RESULT_RULE
    if not _is_below_caps(state, run):
        return "distribution.beyond_cap"
    for item, (who, amount) in enumerate(run.result.owed):
        share = Measure(run.result.amount(amount), rule.unit)
        if rule.gives == TRANSFERS:
            _transfer(state, context, row, run_id, item, who, share)
        else:
            _owe(state, context, run_id, who, share, rule.of_kind)
    providers = {one.claim: one.who for one in run.basis.capped}
    for item, (claim, amount) in enumerate(run.result.returned, len(run.result.owed)):
        share = Measure(run.result.amount(amount), rule.unit)
        if rule.gives == TRANSFERS:
            _transfer(state, context, row, run_id, item, providers[claim], share, claim)
            promising.settle(state, claim, share)
            transvestment.note_return(state, claim)
        else:
            transvestment.promise_return(state, claim, share.amount)
    key = row_key("shared", f"{rule.unit}\0".encode(), (rule.of_kind or "").encode("utf-8"))
    members.write(state, key, row.last)
    state.put(run_key(run_id), encode_run(replace(row, status=CARRIED_OUT)))
    return None


def _is_below_caps(rows: Rows, run: Run) -> bool:
    """Whether all that a run gives back may still flow back: other runs and payments came meanwhile."""
    left = {one.claim: one.left.amount for one in transvestment.capped_claims(rows)}
    return all(
        claim in left and not is_less(left[claim], run.result.amount(amount))
        for claim, amount in run.result.returned
    )


def _owe(
    state: State, context: BlockContext, run_id: bytes, who: bytes, share: Measure, kind: str | None
) -> None:
    """Let somebody ask the group for a share until it is paid."""
    said = Claim(
        "transfer",
        provider=context.group,
        triggered_by=run_id,
        resource_conforms_to=kind,
        resource_quantity=share,
    )
    row = ClaimRow(OPEN, context.group, who, run_id, share, ZERO, promising.CLAIM.encode(said))
    tables.put(state, "claim", share_id(run_id, who), row)


def _transfer(
    state: State,
    context: BlockContext,
    run: RunRow,
    run_id: bytes,
    item: int,
    who: bytes,
    share: Measure,
    settles: bytes | None = None,
) -> None:
    """Give somebody a share at once; the group's decision stands for its signature."""
    said = Event(
        "transfer",
        context.time_ms,
        provider=context.group,
        receiver=who,
        resource_conforms_to=run.rule.get("of_kind"),
        resource_quantity=share,
        settles=settles,
    )
    row = EventRow(
        status=STANDING,
        author=run.author,
        provider=context.group,
        receiver=who,
        signers=(run.author,),
        payload=event.encode(said),
        entry=run_id,
        item=item,
        time_ms=context.time_ms,
        resource_amount=share.amount,
        effort_amount=None,
    )
    tables.put(state, "event", share_id(run_id, settles or who), row)
    tables.add_flow(state, context.group, who, share)
