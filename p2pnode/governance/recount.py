"""Counting again from signed entries alone, so that nobody has to believe a result.

Whoever holds a proposal, the ballots and the row that the group kept gets the same figures, or the list of
what does not fit. Whether the row itself is the group's is shown by a proof (`consensus/proof.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from p2pnode.core import codec
from p2pnode.core.crypto import sha256
from p2pnode.core.entry import Entry, is_authentic_alone
from p2pnode.core.errors import FormatError
from p2pnode.governance import ballot
from p2pnode.governance import proposal as proposals
from p2pnode.governance.ballot import (
    DELEGATIONS_KEPT,
    BallotRow,
    Confirmation,
    Delegation,
    code_hash,
    decode_cast,
    decode_codes,
    decode_confirm,
    decode_delegate,
    scopes_of,
)
from p2pnode.governance.casting import void_rule_of_choice
from p2pnode.governance.decision import DecisionRow
from p2pnode.governance.decision_rule import rule_of_row
from p2pnode.governance.inception import inception_of_value
from p2pnode.governance.proposal import Proposal, decode_answer, decode_open, decode_withdraw
from p2pnode.governance.subjects import ELECTION
from p2pnode.governance.tally import Count, Question, count, counted_hash


@dataclass(frozen=True, slots=True)
class Person:
    """A member as an export names it. Shapes: inception is its canonical bytes, which give the member id."""

    inception: bytes
    devices: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One closed proposal with everything that was counted.

    Shapes: electorate ascending; people are all whose devices wrote any of the entries; entries are ballots,
    delegations, codes, confirmations, answers and the withdrawal that hold, in any order.
    """

    group: bytes
    proposal: Entry
    row: DecisionRow
    electorate: tuple[bytes, ...]
    people: tuple[Person, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Recount:
    """What came out.

    Shapes: count is None when the proposal cannot be read; faults are stable ids of what does not fit, each
    with the entry or the field; claimed are the devices, ascending, that counted and that only the export
    ascribes to a member: they are not the ones with which the member began; own are the ballots that counted,
    by member, also those that another recorded and that were confirmed.
    """

    count: Count | None
    faults: tuple[tuple[str, str], ...]
    claimed: tuple[bytes, ...] = ()
    own: Mapping[bytes, BallotRow] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        """Whether the result is the one that was kept."""
        return self.count is not None and not self.faults


@dataclass(slots=True)
class _Papers:
    """What was read so far, by member."""

    evidence: Evidence
    proposal: Proposal
    members: Mapping[bytes, bytes]
    own: dict[bytes, BallotRow] = field(default_factory=dict)
    recorded: dict[bytes, tuple[bytes, BallotRow]] = field(default_factory=dict)
    confirmations: list[tuple[bytes, Confirmation]] = field(default_factory=list)
    codes: set[tuple[bytes, bytes]] = field(default_factory=set)
    delegations: dict[tuple[bytes, bytes], list[Delegation]] = field(default_factory=dict)
    answers: set[bytes] = field(default_factory=set)
    is_withdrawn: bool = False
    faults: list[tuple[str, str]] = field(default_factory=list)


def recount(evidence: Evidence) -> Recount:
    """Count again, and compare with what was kept."""
    row = evidence.row
    members, faults = _members(evidence.people)
    proposal, more = _proposal(evidence, members)
    faults += more
    if proposal is None:
        return Recount(None, tuple(faults))
    papers = _Papers(evidence, proposal, members, faults=faults)
    for entry in sorted(evidence.entries, key=lambda entry: entry.id):
        rule = _read(papers, entry)
        if rule is not None:
            papers.faults.append((rule, entry.id.hex()))
    own = _confirmed(papers)
    delegates = _delegates(papers, own)
    seats = proposal.body["seats"] if proposal.subject == ELECTION else 0
    found = count(Question(rule_of_row(row.decided_by), evidence.electorate, seats), own, delegates)
    _compare(papers, found, counted_hash(evidence.electorate, own, delegates))
    return Recount(found, tuple(papers.faults), tuple(_claimed(evidence)), own)


def _members(people: Sequence[Person]) -> tuple[dict[bytes, bytes], list[tuple[str, str]]]:
    """Whose each device is."""
    members: dict[bytes, bytes] = {}
    faults = []
    for person in people:
        member = sha256(person.inception)
        try:
            inception_of_value(codec.decode(person.inception))
        except FormatError:
            faults.append(("recount.bad_inception", member.hex()))
            continue
        faults += [
            ("recount.device_of_two", device.hex())
            for device in person.devices
            if members.setdefault(device, member) != member
        ]
    return members, faults


def _claimed(evidence: Evidence) -> Iterator[bytes]:
    first = {codec.decode(person.inception)["device"] for person in evidence.people if _is_readable(person)}
    return (device for device in sorted({entry.author for entry in evidence.entries}) if device not in first)


def _is_readable(person: Person) -> bool:
    try:
        inception_of_value(codec.decode(person.inception))
    except FormatError:
        return False
    return True


def _proposal(
    evidence: Evidence, members: Mapping[bytes, bytes]
) -> tuple[Proposal | None, list[tuple[str, str]]]:
    """The proposal, and where it is not the one that the row is about."""
    entry, row = evidence.proposal, evidence.row
    rule = _fault_of(entry, evidence.group, members)
    if rule is None and entry.header.type != proposals.OPEN_TYPE:
        rule = "recount.no_proposal"
    if rule is not None:
        return None, [(rule, entry.id.hex())]
    try:
        proposal = decode_open(entry.payload or b"")
    except FormatError as error:
        return None, [(error.rule, entry.id.hex())]
    expected = {
        "author": members[entry.author] == row.author,
        "subject": proposal.subject == row.subject,
        "body_hash": sha256(codec.encode(proposal.body)) == row.body_hash,
        "annex": proposal.annex == row.annex,
        "electorate": sha256(b"".join(evidence.electorate)) == row.electorate,
    }
    return proposal, [("recount.other_row", name) for name, fits in expected.items() if not fits]


def _fault_of(entry: Entry, group: bytes, members: Mapping[bytes, bytes]) -> str | None:
    """Why an entry is no evidence, whatever it says."""
    if entry.group != group:
        return "recount.other_group"
    if not is_authentic_alone(entry):
        return "recount.bad_signature"
    if entry.payload is None:
        return "recount.no_payload"
    return None if entry.author in members else "recount.unknown_author"


def _read(papers: _Papers, entry: Entry) -> str | None:
    """Put one entry where it belongs, or say why it does not belong here."""
    rule = _fault_of(entry, papers.evidence.group, papers.members)
    if rule is not None:
        return rule
    author, payload = papers.members[entry.author], entry.payload or b""
    proposal_id = papers.evidence.proposal.id
    try:
        match entry.header.type:
            case ballot.CAST_TYPE:
                return _read_ballot(papers, entry, author)
            case ballot.CONFIRM_TYPE:
                confirmation = decode_confirm(payload)
                is_ours = confirmation.proposal == proposal_id
                papers.confirmations.append((author, confirmation))
            case ballot.CODES_TYPE:
                papers.codes.update((author, code) for code in decode_codes(payload))
                is_ours = True
            case ballot.DELEGATE_TYPE:
                delegating = decode_delegate(payload)
                is_ours = delegating.proposal in (None, proposal_id)
                held = papers.delegations.setdefault((author, delegating.scope), [])
                held.append(Delegation(entry.header.time_ms, entry.id, delegating.to))
            case proposals.ANSWER_TYPE:
                is_ours = decode_answer(payload).proposal == proposal_id
                papers.answers.add(entry.id)
            case proposals.WITHDRAW_TYPE:
                is_ours = decode_withdraw(payload) == proposal_id and author == papers.evidence.row.author
                papers.is_withdrawn = papers.is_withdrawn or is_ours
            case _:
                return "recount.no_ballot"
    except FormatError as error:
        return error.rule
    return None if is_ours else "recount.other_proposal"


def _read_ballot(papers: _Papers, entry: Entry, author: bytes) -> str | None:
    row = papers.evidence.row
    cast = decode_cast(entry.payload or b"")
    if cast.proposal != papers.evidence.proposal.id:
        return "recount.other_proposal"
    rule = void_rule_of_choice(rule_of_row(row.decided_by), row.subject, papers.proposal.body, cast)
    if rule is not None:
        return rule
    voter = author if cast.member is None else cast.member
    if voter not in papers.evidence.electorate:
        return "ballot.not_entitled"
    new = BallotRow(entry.header.time_ms, entry.id, cast.choice, cast.ranked, cast.annex)
    if cast.member is not None:
        papers.recorded[entry.id] = (voter, replace(new, recorder=author))
        return None
    if new.time_ms > row.deadline_ms:
        return "ballot.late"
    before = papers.own.get(voter)
    if before is None or (before.time_ms, before.entry) < (new.time_ms, new.entry):
        papers.own[voter] = new
    return None


def _confirmed(papers: _Papers) -> dict[bytes, BallotRow]:
    """What counts as the own ballot of each member, with the recorded ones that were confirmed."""
    found: dict[bytes, BallotRow] = {}
    for author, confirmation in papers.confirmations:
        voter, row = papers.recorded.get(confirmation.ballot, (None, None))
        if voter is None or row is None or voter != confirmation.member:
            continue
        if author != voter:
            hidden = None if confirmation.code is None else code_hash(voter, confirmation.code)
            if hidden is None or (voter, hidden) not in papers.codes:
                papers.faults.append(("ballot.wrong_code", confirmation.ballot.hex()))
                continue
        known = found.get(voter)
        if known is None or (known.time_ms, known.entry) < (row.time_ms, row.entry):
            found[voter] = row
    return {**found, **papers.own}


def _delegates(papers: _Papers, own: Mapping[bytes, BallotRow]) -> dict[bytes, Delegation]:
    row = papers.evidence.row
    found: dict[bytes, Delegation] = {}
    for member in papers.evidence.electorate:
        if member in own:
            continue
        for scope in scopes_of(papers.evidence.proposal.id, row.subject):
            latest = sorted(
                papers.delegations.get((member, scope), ()), key=lambda item: (item.time_ms, item.entry)
            )[-DELEGATIONS_KEPT:]
            in_time = [item for item in latest if item.time_ms <= row.deadline_ms]
            if in_time and in_time[-1].to is not None:
                found[member] = in_time[-1]
                break
    return found


def _compare(papers: _Papers, found: Count, counted: bytes) -> None:
    row = papers.evidence.row
    elected = () if found.elected is None else found.elected.members
    result = found.result
    if row.result == "withdrawn" and papers.is_withdrawn:
        result, elected = "withdrawn", ()
    fits = {
        "result": result == row.result,
        "yes": found.yes == row.yes,
        "no": found.no == row.no,
        "abstain": found.abstain == row.abstain,
        "object": found.object == row.object,
        "ranked": found.ranked == row.ranked,
        "voters": found.electorate == row.voters,
        "elected": elected == row.elected,
        "answers": papers.answers == set(row.answers),
        "counted": counted == row.counted,
    }
    papers.faults += [("recount.other_result", name) for name, fit in fits.items() if not fit]
