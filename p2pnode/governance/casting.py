"""Executing ballots: whether they may count, and which of somebody's ballots stands (C 5.10, J24)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core.codec import Value
from p2pnode.core.entry import Entry
from p2pnode.governance import tables
from p2pnode.governance.ballot import (
    ABSTAIN,
    DELEGATIONS_KEPT,
    NO,
    RANKED,
    RECORDED_MAX,
    Ballot,
    BallotRow,
    Delegation,
    ballot_of_row,
    code_hash,
    decode_cast,
    decode_codes,
    decode_confirm,
    decode_delegate,
    delegations,
)
from p2pnode.governance.decision_rule import CONSENT, DecisionRule
from p2pnode.governance.proposal import (
    ProposalRow,
    course,
    electorate,
    is_entitled,
    open_proposal,
    present_member,
    put_course,
)
from p2pnode.governance.subjects import ELECTION


def execute_cast(state: State, entry: Entry, _: BlockContext) -> str | None:
    """Keep a ballot, if it is the latest of its member."""
    ballot = decode_cast(entry.payload or b"")
    row = open_proposal(state, ballot.proposal)
    if row is None:
        return "ballot.no_open_proposal"
    author = present_member(state, entry.author)
    if author is None:
        return "ballot.no_member"
    voter = author if ballot.member is None else ballot.member
    if not is_entitled(state, row.electorate, voter):
        return "ballot.not_entitled"
    if entry.header.time_ms > course(state, ballot.proposal).deadline_ms:
        return "ballot.late"
    rule = void_rule_of_choice(row.rule, row.subject, row.body, ballot)
    if rule is not None:
        return rule
    new = BallotRow(entry.header.time_ms, entry.id, ballot.choice, ballot.ranked, ballot.annex)
    if ballot.member is not None:
        return _record(state, ballot.proposal, replace(new, recorder=author), ballot.member)
    _keep(state, ballot.proposal, row, author, new)
    return None


def void_rule_of_choice(rule: DecisionRule, subject: str, body: Value, ballot: Ballot) -> str | None:
    """Why a ballot says nothing to a question, or None."""
    is_election = subject == ELECTION
    if ballot.choice != ABSTAIN and (ballot.choice == RANKED) != is_election:
        return "ballot.wrong_choice"
    if is_election and any(candidate not in body["candidates"] for candidate in ballot.ranked):
        return "ballot.no_candidate"
    # A plain no would neither stop the group nor help it: where consent is asked, who disagrees says why.
    if rule.rule == CONSENT and ballot.choice == NO and not is_election:
        return "ballot.consent_needs_reason"
    return None


def _keep(state: State, proposal_id: bytes, row: ProposalRow, member_id: bytes, new: BallotRow) -> None:
    key = row_key("ballot", proposal_id, member_id)
    before = tables.read(state, key)
    if before is not None and (before[0], before[1]) > (new.time_ms, new.entry):
        return
    tables.write(state, key, new.value)
    now = course(state, proposal_id)
    if before is None:
        now = replace(now, direct=now.direct + 1)
        put_course(state, proposal_id, row, now)
    if row.rule.early and now.direct == len(electorate(state, row.electorate)):
        latest = max(value[0] for _, value in tables.scan(state, "ballot", proposal_id))
        deadline_ms = min(now.deadline_ms, max(latest, row.hearing_ms))
        put_course(state, proposal_id, row, replace(now, deadline_ms=deadline_ms))


def is_last_waited_for(rows: Rows, cast: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether ballots, by device key and proposal, are the last that a vote waits for which may end early.

    Other ballots need no block of their own: they count in the one that closes the vote (C 6.1).
    """
    new: dict[bytes, set[bytes]] = {}
    for device, proposal_id in cast:
        member_id = present_member(rows, device)
        if member_id is not None:
            new.setdefault(proposal_id, set()).add(member_id)
    for proposal_id in sorted(new):
        row = open_proposal(rows, proposal_id)
        if row is not None and row.rule.early:
            waited_for = (
                member_id
                for member_id in electorate(rows, row.electorate)
                if member_id not in new[proposal_id]
                and rows.get(row_key("ballot", proposal_id, member_id)) is None
            )
            if next(waited_for, None) is None:
                return True
    return False


def _record(state: State, proposal_id: bytes, new: BallotRow, member_id: bytes) -> str | None:
    """Keep a ballot that somebody recorded for another; it counts when it is confirmed."""
    recorder = new.recorder or b""
    if recorder == member_id:
        return "ballot.recorded_for_oneself"
    mine = row_key("recorder", proposal_id, recorder)
    seen = [key[len(mine) :] for key, _ in state.scan(mine)]
    if member_id not in seen and len(seen) >= tables.charter(state).recorded_ballots_max:
        return "ballot.too_many_recorded"
    kept = row_key("recorded", proposal_id, member_id)
    if sum(1 for _ in state.scan(kept)) >= RECORDED_MAX:
        return "ballot.too_many_recorded"
    tables.write(state, row_key("recorder", proposal_id, recorder, member_id), None)
    tables.write(state, row_key("recorded", proposal_id, member_id, new.entry), new.value)
    return None


def execute_delegate(state: State, entry: Entry, _: BlockContext) -> str | None:
    """Give the vote to somebody, or take it back; a ballot of one's own always goes before."""
    delegating = decode_delegate(entry.payload or b"")
    author = present_member(state, entry.author)
    if author is None:
        return "ballot.no_member"
    if delegating.to == author:
        return "ballot.to_oneself"
    if delegating.proposal is not None:
        row = open_proposal(state, delegating.proposal)
        if row is None:
            return "ballot.no_open_proposal"
        named = [author] if delegating.to is None else [author, delegating.to]
        if not all(is_entitled(state, row.electorate, member_id) for member_id in named):
            return "ballot.not_entitled"
        if entry.header.time_ms > course(state, delegating.proposal).deadline_ms:
            return "ballot.late"
    elif delegating.to is not None and not tables.is_in_good_standing(state, delegating.to):
        return "ballot.no_such_member"
    if delegating.subject is not None and not tables.charter(state).has_rule(delegating.subject):
        return "ballot.unknown_subject"
    known = delegations(state, author, delegating.scope)
    new = Delegation(entry.header.time_ms, entry.id, delegating.to)
    latest = sorted([*known, new], key=lambda item: (item.time_ms, item.entry))[-DELEGATIONS_KEPT:]
    tables.write(state, row_key("delegation", author, delegating.scope), [list(item) for item in latest])
    return None


def execute_codes(state: State, entry: Entry, _: BlockContext) -> str | None:
    """Publish a new sheet of one-time codes; the old one is worth nothing any more."""
    codes = decode_codes(entry.payload or b"")
    author = present_member(state, entry.author)
    if author is None:
        return "ballot.no_member"
    for key in [key for key, _ in state.scan(row_key("code", author))]:
        state.delete(key)
    for code in codes:
        tables.write(state, row_key("code", author, code), None)
    return None


def execute_confirm(state: State, entry: Entry, _: BlockContext) -> str | None:
    """Let a recorded ballot count: the member's own device says so, or one of the member's codes."""
    confirmation = decode_confirm(entry.payload or b"")
    author = present_member(state, entry.author)
    if author is None:
        return "ballot.no_member"
    key = row_key("recorded", confirmation.proposal, confirmation.member, confirmation.ballot)
    value = tables.read(state, key)
    if value is None:
        return "ballot.nothing_to_confirm"
    if author != confirmation.member:
        if confirmation.code is None:
            return "ballot.needs_code"
        code = row_key("code", confirmation.member, code_hash(confirmation.member, confirmation.code))
        if state.get(code) is None:
            return "ballot.wrong_code"
        state.delete(code)
    tables.write(state, key, replace(ballot_of_row(value), confirmed_by=entry.id).value)
    return None
