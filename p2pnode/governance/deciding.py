"""Closing: a block beyond deadline and grace counts the vote, writes the result and carries it out (J24).

The rows say everything; the log is not read (J30). A tie opens the vote again for another window, with the
same people and the ballots they have cast; after three windows it stays a tie, and nothing changes.
What is kept of a closed proposal stands in `decision.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, State
from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.crypto import sha256
from p2pnode.core.entry import Entry
from p2pnode.core.errors import FormatError
from p2pnode.governance import mandate, tables
from p2pnode.governance.ballot import BallotRow, Delegation, ballots, delegate_of, drop_ballots
from p2pnode.governance.carrying_out import apply_decision
from p2pnode.governance.decision import DecisionRow, put_decision
from p2pnode.governance.decision_rule import HOUR_MS, DecisionRule
from p2pnode.governance.proposal import (
    CourseRow,
    ProposalRow,
    course,
    decode_withdraw,
    drop_proposal,
    due,
    electorate,
    open_proposal,
    put_course,
    void_rule_of_withdrawal,
)
from p2pnode.governance.subjects import AMEND, DAY_MS, ELECTION, MANDATE, rule_for
from p2pnode.governance.tally import Count, Question, count, counted_hash

ROUNDS_MAX = 3
"""Windows of a vote that ends in a tie each time; then somebody has to propose something else."""

Apply = Callable[[State, BlockContext, bytes, str, Value], "str | None"]
"""Carries out a proposal on a subject, or gives the rule that says why it cannot be."""


@dataclass(frozen=True, slots=True)
class Vote:
    """An open vote as it stands.

    Shapes: rule is the one fixed at the opening, or for an amendment the stricter one that the charter asks
    for meanwhile; own and delegates as `tally.count` takes them.
    """

    row: ProposalRow
    rule: DecisionRule
    course: CourseRow
    electorate: tuple[bytes, ...]
    own: dict[bytes, BallotRow]
    delegates: dict[bytes, Delegation]

    @property
    def question(self) -> Question:
        """What is asked of whom."""
        seats = self.row.body["seats"] if self.row.subject == ELECTION else 0
        return Question(self.rule, self.electorate, seats)

    @property
    def count(self) -> Count:
        """What would come out now."""
        return count(self.question, self.own, self.delegates)


def vote(rows: Rows, proposal_id: bytes) -> Vote | None:
    """An open vote with all that counts in it now, or None."""
    row = open_proposal(rows, proposal_id)
    if row is None:
        return None
    now = course(rows, proposal_id)
    members = electorate(rows, row.electorate)
    own = ballots(rows, proposal_id)
    delegates = {}
    for member in members:
        if member not in own:
            chosen = delegate_of(rows, member, proposal_id, row.subject, now.deadline_ms)
            if chosen is not None:
                delegates[member] = chosen
    return Vote(row, _rule_now(rows, row), now, members, own, delegates)


def close_due(state: State, context: BlockContext, apply: Apply = apply_decision) -> None:
    """Close every proposal whose deadline and grace are over at the block's time, by due time (J24).

    Shapes: what one decision changes, the next one finds changed; but by whom and how each is decided was
    fixed when it opened.
    """
    for proposal_id in due(state, context.time_ms):
        held = vote(state, proposal_id)
        if held is not None:
            _close(state, context, proposal_id, held, apply)


def execute_withdraw(state: State, entry: Entry, context: BlockContext) -> str | None:
    """Take a proposal back; it stays on record as withdrawn."""
    rule = void_rule_of_withdrawal(state, entry)
    if rule is not None:
        return rule
    proposal_id = decode_withdraw(entry.payload or b"")
    held = vote(state, proposal_id)
    if held is None:
        return "withdraw.no_proposal"
    _conclude(state, context, proposal_id, held, replace(held.count, result="withdrawn", elected=None), "")
    return None


def _close(state: State, context: BlockContext, proposal_id: bytes, held: Vote, apply: Apply) -> None:
    counted = held.count
    if counted.result == "tie" and held.course.round < ROUNDS_MAX:
        deadline_ms = context.time_ms + held.row.rule.window_hours * HOUR_MS
        again = replace(held.course, deadline_ms=deadline_ms, round=held.course.round + 1)
        put_course(state, proposal_id, held.row, again)
        return
    rule = ""
    if counted.result == "passed":
        elected = () if counted.elected is None else counted.elected.members
        # What cannot be carried out to the end leaves no trace but its rule.
        attempt = state.overlay()
        rule = _carry_out(attempt, context, proposal_id, held.row, elected, apply) or ""
        if not rule:
            state.apply(attempt.changes())
    _conclude(state, context, proposal_id, held, counted, rule)


def _rule_now(rows: Rows, row: ProposalRow) -> DecisionRule:
    """The rule of a vote. Nobody gets around a stricter charter by having opened an amendment before it."""
    if row.subject != AMEND:
        return row.rule
    try:
        now = rule_for(tables.charter(rows), row.subject, row.body)
    except FormatError:
        return row.rule  # it does not fit the charter any more, and will not be carried out
    return row.rule.at_least([now])


def _carry_out(
    state: State,
    context: BlockContext,
    proposal_id: bytes,
    row: ProposalRow,
    elected: tuple[bytes, ...],
    apply: Apply,
) -> str | None:
    if row.subject == MANDATE:
        return mandate.carry_out(state, context, proposal_id, row.body)
    body = row.body
    if row.subject == ELECTION:
        until_ms = context.time_ms + body["term_days"] * DAY_MS
        body = {"members": sorted(elected), "until_ms": until_ms}
    return apply(state, context, proposal_id, row.subject, body)


def _conclude(
    state: State, context: BlockContext, proposal_id: bytes, held: Vote, counted: Count, rule: str
) -> None:
    row, now = held.row, held.course
    closed = DecisionRow(
        author=row.author,
        subject=row.subject,
        body_hash=sha256(codec.encode(row.body)),
        annex=row.annex,
        result=counted.result,
        rule=rule,
        yes=counted.yes,
        no=counted.no,
        abstain=counted.abstain,
        object=counted.object,
        ranked=counted.ranked,
        voters=len(held.electorate),
        electorate=row.electorate,
        decided_by=held.rule.value,
        counted=counted_hash(held.electorate, held.own, held.delegates),
        elected=() if counted.elected is None else counted.elected.members,
        answers=now.answers,
        round=now.round,
        opened_ms=row.opened_ms,
        opened_height=row.opened_height,
        deadline_ms=now.deadline_ms,
        closed_ms=context.time_ms,
        closed_height=context.height,
    )
    drop_ballots(state, proposal_id, held.electorate)
    drop_proposal(state, proposal_id, row)
    put_decision(state, proposal_id, closed)
