"""Proposals: `proposal.open`, `proposal.withdraw`, and `proposal.answer` of the person a proposal is about.

When a proposal opens, who may vote, by which rule and until when are written down and stay. Ballots stand in
`ballot.py`; counting and closing in `deciding.py`.

| table | key | value |
|---|---|---|
| `proposal` | proposal id | `ProposalRow`, until it closes |
| `course` | proposal id | `CourseRow`, until it closes |
| `proposal_due` | time, proposal id | nil: when the proposal may close |
| `proposal_by` | member id, proposal id | nil: the open proposals of a member |
| `electorate` | hash of the ids | the ids of the members who may vote, one behind the other |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES, sha256
from p2pnode.core.entry import Entry
from p2pnode.core.fields import Fields
from p2pnode.core.limits import PAYLOAD_BYTES_MAX
from p2pnode.governance import tables
from p2pnode.governance.decision_rule import HOUR_MS, DecisionRule, is_subject, rule_of_row
from p2pnode.governance.subjects import (
    HEARD,
    PREFIX,
    check_body,
    concerned_by,
    rule_for,
    void_rule_at_opening,
)

OPEN_TYPE = "proposal.open"
WITHDRAW_TYPE = "proposal.withdraw"
ANSWER_TYPE = "proposal.answer"

OPEN_MAX = 200
"""Open proposals of a group: more than people can follow, few enough to close in one block."""

OPEN_BY_MEMBER_MAX = 20
"""Open proposals of one member, so that nobody takes the whole agenda."""

ANSWERS_MAX = 16
"""Answers of the person concerned that are listed with the decision."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What somebody puts to the group.

    Shapes: annex holds title and words for people, under the names `title` and `text` (J11); the body is data
    of the shape that `subjects.py` asks for.
    """

    subject: str
    body: Value
    annex: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the person concerned says. Shapes: the words stand in the annex."""

    proposal: bytes
    annex: bytes


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """An open proposal, as fixed when it opened.

    Shapes: author is a member id; electorate names a row of that table. Units: opened_ms is the block's time;
    hearing_ms is the time before which it cannot close.
    """

    author: bytes
    subject: str
    body: Value
    rule: DecisionRule
    electorate: bytes
    opened_ms: int
    opened_height: int
    hearing_ms: int
    annex: bytes | None

    @property
    def value(self) -> Value:
        """The row's value."""
        return [
            self.author,
            self.subject,
            self.body,
            self.rule.value,
            self.electorate,
            self.opened_ms,
            self.opened_height,
            self.hearing_ms,
            self.annex,
        ]


@dataclass(frozen=True, slots=True)
class CourseRow:
    """What changes while a proposal is open.

    Shapes: direct counts the members with a ballot of their own; answers are entry ids in their order.
    Units: deadline_ms is block time.
    """

    deadline_ms: int
    round: int = 1
    direct: int = 0
    answers: tuple[bytes, ...] = ()

    @property
    def value(self) -> Value:
        """The row's value."""
        return [self.deadline_ms, self.round, self.direct, list(self.answers)]


# ---- payloads


def encode_open(proposal: Proposal) -> bytes:
    """The payload of a proposal."""
    fields: dict[str, Value] = {"subject": proposal.subject, "body": proposal.body}
    if proposal.annex is not None:
        fields["annex"] = proposal.annex
    return codec.encode(fields)


def decode_open(payload: bytes) -> Proposal:
    """The proposal in a payload. Errors: FormatError proposal.bad_field, charter.*, codec.*."""
    value = codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX)
    fields = Fields(value, PREFIX, ("body", "subject"), ("annex",))
    subject = fields.value("subject")
    if not is_subject(subject):
        raise fields.refuse("subject", "not 1 to 32 of a-z, 0-9, dot, underscore")
    check_body(subject, fields.value("body"))
    return Proposal(subject, fields.value("body"), fields.optional_hash("annex"))


def encode_withdraw(proposal_id: bytes) -> bytes:
    """The payload by which an author takes a proposal back."""
    return codec.encode({"proposal": proposal_id})


def decode_withdraw(payload: bytes) -> bytes:
    """The proposal that is taken back. Errors: FormatError withdraw.bad_field, codec.*."""
    value = codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX)
    return Fields(value, "withdraw", ("proposal",)).hash("proposal")


def encode_answer(answer: Answer) -> bytes:
    """The payload of an answer."""
    return codec.encode({"annex": answer.annex, "proposal": answer.proposal})


def decode_answer(payload: bytes) -> Answer:
    """The answer in a payload. Errors: FormatError answer.bad_field, codec.*."""
    value = codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX)
    fields = Fields(value, "answer", ("annex", "proposal"))
    return Answer(fields.hash("proposal"), fields.hash("annex"))


# ---- rows


def open_proposal(rows: Rows, proposal_id: bytes) -> ProposalRow | None:
    """An open proposal."""
    data = rows.get(row_key("proposal", proposal_id))
    return None if data is None else _proposal_of(data)


@lru_cache(maxsize=OPEN_MAX)
def _proposal_of(data: bytes) -> ProposalRow:
    """The proposal in a row; every ballot asks for it again."""
    author, subject, body, rule, *rest = codec.decode(data)
    return ProposalRow(author, subject, body, rule_of_row(rule), *rest)


def open_proposals(rows: Rows) -> Iterator[bytes]:
    """The ids of all open proposals, ascending."""
    prefix = row_key("course")
    return (key[len(prefix) :] for key, _ in rows.scan(prefix))


def course(rows: Rows, proposal_id: bytes) -> CourseRow:
    """What has happened to an open proposal so far."""
    deadline_ms, round_, direct, answers = tables.read(rows, row_key("course", proposal_id)) or (0, 1, 0, ())
    return CourseRow(deadline_ms, round_, direct, tuple(answers))


def put_course(state: State, proposal_id: bytes, row: ProposalRow, now: CourseRow) -> None:
    """Write what happened to a proposal, and when it may close now (J24)."""
    before = tables.read(state, row_key("course", proposal_id))
    if before is not None:
        state.delete(_due_key(before[0] + row.rule.grace_hours * HOUR_MS, proposal_id))
    tables.write(state, row_key("course", proposal_id), now.value)
    tables.write(state, _due_key(now.deadline_ms + row.rule.grace_hours * HOUR_MS, proposal_id), None)


def drop_proposal(state: State, proposal_id: bytes, row: ProposalRow) -> None:
    """Take a proposal off the agenda; its electorate stays, for those who count again."""
    now = course(state, proposal_id)
    state.delete(_due_key(now.deadline_ms + row.rule.grace_hours * HOUR_MS, proposal_id))
    state.delete(row_key("proposal_by", row.author, proposal_id))
    state.delete(row_key("course", proposal_id))
    state.delete(row_key("proposal", proposal_id))


def due(rows: Rows, time_ms: int) -> list[bytes]:
    """The proposals that may close at a time, those due first first."""
    found = []
    prefix = row_key("proposal_due")
    for key, _ in rows.scan(prefix):
        place = key[len(prefix) :]
        if int.from_bytes(place[: tables.NUMBER_BYTES], "big") > time_ms:
            break
        found.append(place[tables.NUMBER_BYTES :])
    return found


def next_due_ms(rows: Rows) -> int | None:
    """When the next proposal may close: work for a block (R0). Units: block time in ms."""
    prefix = row_key("proposal_due")
    for key, _ in rows.scan(prefix):
        return int.from_bytes(key[len(prefix) : len(prefix) + tables.NUMBER_BYTES], "big")
    return None


def electorate(rows: Rows, name: bytes) -> tuple[bytes, ...]:
    """Who may vote, ascending. Shapes: name is the hash by which a proposal or decision names the list."""
    return _electorate_of(rows.get(row_key("electorate", name)) or b"")[0]


def is_entitled(rows: Rows, name: bytes, member_id: bytes) -> bool:
    """Whether a member is in an electorate."""
    return member_id in _electorate_of(rows.get(row_key("electorate", name)) or b"")[1]


@lru_cache(maxsize=OPEN_MAX)
def _electorate_of(data: bytes) -> tuple[tuple[bytes, ...], frozenset[bytes]]:
    """The member ids in a row of the table `electorate`, in order and for asking."""
    ids: bytes = codec.decode(data) if data else b""
    members = tuple(ids[at : at + HASH_BYTES] for at in range(0, len(ids), HASH_BYTES))
    return members, frozenset(members)


def _due_key(due_ms: int, proposal_id: bytes) -> bytes:
    return row_key("proposal_due", tables.number_bytes(due_ms), proposal_id)


# ---- execution


def present_member(rows: Rows, device_key: bytes) -> bytes | None:
    """The final member who speaks through a device, or None."""
    author = tables.author_of(rows, device_key)
    return author[0] if author is not None and author[1].status == "member" else None


def execute_open(state: State, entry: Entry, context: BlockContext) -> str | None:
    """Open a proposal: fix who votes, by which rule and until when."""
    proposal = decode_open(entry.payload or b"")
    author = present_member(state, entry.author)
    if author is None or not tables.is_in_good_standing(state, author):
        return "proposal.no_member"
    charter = tables.charter(state)
    rule = void_rule_at_opening(state, charter, proposal.subject, proposal.body)
    if rule is not None:
        return rule
    if (
        _count(state, row_key("proposal_by", author)) >= OPEN_BY_MEMBER_MAX
        or _count(state, row_key("course")) >= OPEN_MAX
    ):
        return "proposal.too_many"
    concerned = concerned_by(proposal.subject, proposal.body)
    voters = [
        member_id
        for member_id, row in tables.members(state)
        if row.status == "member"
        and member_id != concerned
        and not tables.suspended_until_ms(state, member_id)
    ]
    if not voters:
        return "proposal.nobody_votes"
    ids = b"".join(voters)
    name = sha256(ids)
    if state.get(row_key("electorate", name)) is None:
        tables.write(state, row_key("electorate", name), ids)
    decided_by = rule_for(charter, proposal.subject, proposal.body)
    opened_ms = context.time_ms
    hearing_ms = opened_ms + charter.hearing_hours * HOUR_MS if proposal.subject in HEARD else opened_ms
    opened = ProposalRow(
        author,
        proposal.subject,
        proposal.body,
        decided_by,
        name,
        opened_ms,
        context.height,
        hearing_ms,
        proposal.annex,
    )
    tables.write(state, row_key("proposal", entry.id), opened.value)
    tables.write(state, row_key("proposal_by", author, entry.id), None)
    deadline_ms = max(opened_ms + decided_by.window_hours * HOUR_MS, hearing_ms)
    put_course(state, entry.id, opened, CourseRow(deadline_ms))
    return None


def void_rule_of_withdrawal(rows: Rows, entry: Entry) -> str | None:
    """Why a proposal cannot be taken back by an entry, or None; `deciding.py` carries it out."""
    proposal_id = decode_withdraw(entry.payload or b"")
    row = open_proposal(rows, proposal_id)
    if row is None:
        return "withdraw.no_proposal"
    return None if present_member(rows, entry.author) == row.author else "withdraw.not_the_author"


def execute_answer(state: State, entry: Entry, _: BlockContext) -> str | None:
    """Keep that the person concerned answered."""
    answer = decode_answer(entry.payload or b"")
    row = open_proposal(state, answer.proposal)
    if row is None:
        return "answer.no_proposal"
    speaker = present_member(state, entry.author)
    if speaker is None or speaker != concerned_by(row.subject, row.body):
        return "answer.not_concerned"
    now = course(state, answer.proposal)
    if len(now.answers) >= ANSWERS_MAX:
        return "answer.too_many"
    put_course(state, answer.proposal, row, replace(now, answers=(*now.answers, entry.id)))
    return None


def _count(rows: Rows, prefix: bytes) -> int:
    return sum(1 for _ in rows.scan(prefix))
