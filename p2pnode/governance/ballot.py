"""Ballots: cast, delegated, recorded by another and confirmed; the political vote of members (C 5.10).

| table | key | value |
|---|---|---|
| `ballot` | proposal id, member id | `BallotRow`: the latest of the member's own, by (time, entry id) (J24) |
| `recorded` | proposal id, member id, entry id | `BallotRow` that another member recorded |
| `recorder` | proposal id, recorder, member id | nil: for whom somebody has recorded a ballot |
| `delegation` | member id, scope | the latest `Delegation`s within a scope |
| `code` | member id, hash of a code | nil: a one-time code that the member has not used |

Ballots of a proposal go when it closes; what counted is kept as one hash (`deciding.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES, tagged_hash
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.core.limits import PAYLOAD_BYTES_MAX
from p2pnode.governance import tables
from p2pnode.governance.decision_rule import is_subject
from p2pnode.governance.subjects import CANDIDATES_MAX

CAST_TYPE = "ballot.cast"
DELEGATE_TYPE = "ballot.delegate"
CODES_TYPE = "ballot.codes"
CONFIRM_TYPE = "ballot.confirm"

YES, NO, ABSTAIN, OBJECT, RANKED = "yes", "no", "abstain", "object", "ranked"
CHOICES = (YES, NO, ABSTAIN, OBJECT, RANKED)
CODE_BYTES = 16
CODES_MAX = 32
"""A printed sheet of codes for a year of meetings."""

RECORDED_MAX = 4
"""Recorded ballots for one member on one proposal, of which the member confirms one."""

DELEGATIONS_KEPT = 4
"""So many of somebody's latest delegations are kept within a scope, because those written after a deadline
do not count for it."""

EVERYTHING = b"*"


@dataclass(frozen=True, slots=True)
class Ballot:
    """One ballot.

    Shapes: ranked are candidates' member ids, best first, only with the choice `ranked`; annex holds the
    reason under the name `text`, and an objection has one; member is set when the ballot is recorded for
    somebody else.
    """

    proposal: bytes
    choice: str
    ranked: tuple[bytes, ...] = ()
    annex: bytes | None = None
    member: bytes | None = None


@dataclass(frozen=True, slots=True)
class Delegating:
    """To whom a member gives the vote: for one proposal, for a subject, or for everything.

    Shapes: to None takes it back; at most one of proposal and subject.
    """

    to: bytes | None
    proposal: bytes | None = None
    subject: str | None = None

    @property
    def scope(self) -> bytes:
        """The last part of the key of a delegation."""
        if self.proposal is not None:
            return b"p" + self.proposal
        return EVERYTHING if self.subject is None else b"s" + self.subject.encode("ascii")


@dataclass(frozen=True, slots=True)
class Confirmation:
    """That a recorded ballot is right. Shapes: code only when another device than the member's own writes."""

    proposal: bytes
    member: bytes
    ballot: bytes
    code: bytes | None = None


@dataclass(frozen=True, slots=True)
class BallotRow:
    """A ballot that was executed.

    Shapes: entry is its id; recorder is the member who recorded it for another, else None; a recorded ballot
    counts once there is the id of an entry that confirms it. Units: time_ms is what the entry claims.
    """

    time_ms: int
    entry: bytes
    choice: str
    ranked: tuple[bytes, ...] = ()
    annex: bytes | None = None
    recorder: bytes | None = None
    confirmed_by: bytes | None = None

    @property
    def value(self) -> Value:
        """The row's value."""
        return [
            self.time_ms,
            self.entry,
            self.choice,
            list(self.ranked),
            self.annex,
            self.recorder,
            self.confirmed_by,
        ]


class Delegation(NamedTuple):
    """One delegation that was executed. Shapes: to None takes back. Units: time_ms as the entry claims."""

    time_ms: int
    entry: bytes
    to: bytes | None


# ---- payloads


def encode_cast(ballot: Ballot) -> bytes:
    """The payload of a ballot."""
    fields: dict[str, Value] = {"choice": ballot.choice, "proposal": ballot.proposal}
    if ballot.ranked:
        fields["ranked"] = list(ballot.ranked)
    if ballot.annex is not None:
        fields["annex"] = ballot.annex
    if ballot.member is not None:
        fields["member"] = ballot.member
    return codec.encode(fields)


def decode_cast(payload: bytes) -> Ballot:
    """The ballot in a payload. Errors: FormatError ballot.bad_field, ballot.needs_reason, codec.*."""
    value = codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX)
    fields = Fields(value, "ballot", ("choice", "proposal"), ("annex", "member", "ranked"))
    choice = fields.choice("choice", CHOICES)
    ranked = fields.items("ranked", CANDIDATES_MAX, least=1) if fields.has("ranked") else []
    if any(type(item) is not bytes or len(item) != HASH_BYTES for item in ranked):
        raise fields.refuse("ranked", "not a list of member ids")
    if len(set(ranked)) != len(ranked) or (choice == RANKED) != bool(ranked):
        raise fields.refuse("ranked", "distinct candidates, exactly with the choice ranked")
    annex = fields.optional_hash("annex")
    if choice == OBJECT and annex is None:
        raise FormatError("ballot.needs_reason", "an objection says why")
    return Ballot(fields.hash("proposal"), choice, tuple(ranked), annex, fields.optional_hash("member"))


def encode_delegate(delegating: Delegating) -> bytes:
    """The payload of a delegation."""
    fields: dict[str, Value] = {"to": delegating.to}
    if delegating.proposal is not None:
        fields["proposal"] = delegating.proposal
    if delegating.subject is not None:
        fields["subject"] = delegating.subject
    return codec.encode(fields)


def decode_delegate(payload: bytes) -> Delegating:
    """The delegation in a payload. Errors: FormatError ballot.bad_field, codec.*."""
    value = codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX)
    fields = Fields(value, "ballot", ("to",), ("proposal", "subject"))
    if fields.has("proposal") and fields.has("subject"):
        raise fields.refuse("subject", "either one proposal or one subject")
    if fields.has("subject") and not is_subject(fields.value("subject")):
        raise fields.refuse("subject", "not 1 to 32 of a-z, 0-9, dot, underscore")
    to = None if fields.value("to") is None else fields.hash("to")
    subject = fields.value("subject") if fields.has("subject") else None
    return Delegating(to, fields.optional_hash("proposal"), subject)


def encode_codes(codes: tuple[bytes, ...]) -> bytes:
    """The payload that publishes the hashes of one-time codes. Shapes: ascending, see `code_hash`."""
    return codec.encode({"codes": list(codes)})


def decode_codes(payload: bytes) -> tuple[bytes, ...]:
    """The hashes of a member's codes. Errors: FormatError ballot.bad_field, codec.*."""
    value = codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX)
    fields = Fields(value, "ballot", ("codes",))
    codes = fields.items("codes", CODES_MAX)
    if any(type(item) is not bytes or len(item) != HASH_BYTES for item in codes):
        raise fields.refuse("codes", "not a list of hashes")
    if codes != sorted(set(codes)):
        raise fields.refuse("codes", "not strictly ascending")
    return tuple(codes)


def encode_confirm(confirmation: Confirmation) -> bytes:
    """The payload of a confirmation."""
    fields: dict[str, Value] = {
        "ballot": confirmation.ballot,
        "member": confirmation.member,
        "proposal": confirmation.proposal,
    }
    if confirmation.code is not None:
        fields["code"] = confirmation.code
    return codec.encode(fields)


def decode_confirm(payload: bytes) -> Confirmation:
    """The confirmation in a payload. Errors: FormatError ballot.bad_field, codec.*."""
    value = codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX)
    fields = Fields(value, "ballot", ("ballot", "member", "proposal"), ("code",))
    code = fields.data("code", CODE_BYTES) if fields.has("code") else None
    return Confirmation(fields.hash("proposal"), fields.hash("member"), fields.hash("ballot"), code)


def code_hash(member_id: bytes, code: bytes) -> bytes:
    """What is published of a one-time code. Shapes: code is 16 random bytes, kept on paper."""
    return tagged_hash("ballot-code", member_id, code)


# ---- rows


def ballot_of_row(value: Value) -> BallotRow:
    """The ballot in a row."""
    time_ms, entry, choice, ranked, annex, recorder, confirmed_by = value
    return BallotRow(time_ms, entry, choice, tuple(ranked), annex, recorder, confirmed_by)


def ballots(rows: Rows, proposal_id: bytes) -> dict[bytes, BallotRow]:
    """What counts for each member, ascending: an own ballot, else the latest confirmed recorded one."""
    found: dict[bytes, BallotRow] = {}
    for key, row in recorded(rows, proposal_id):
        member_id = key[:HASH_BYTES]
        known = found.get(member_id)
        if row.confirmed_by and (known is None or (known.time_ms, known.entry) < (row.time_ms, row.entry)):
            found[member_id] = row
    for member_id, value in tables.scan(rows, "ballot", proposal_id):
        found[member_id] = ballot_of_row(value)
    return dict(sorted(found.items()))


def recorded(rows: Rows, proposal_id: bytes) -> Iterator[tuple[bytes, BallotRow]]:
    """The recorded ballots by member id and entry id, ascending, also those that nobody confirmed."""
    return ((key, ballot_of_row(value)) for key, value in tables.scan(rows, "recorded", proposal_id))


def delegations(rows: Rows, member_id: bytes, scope: bytes) -> list[Delegation]:
    """The latest delegations of a member within a scope, ascending by (time, entry)."""
    value = tables.read(rows, row_key("delegation", member_id, scope)) or []
    return [Delegation(*item) for item in value]


def delegate_of(
    rows: Rows, member_id: bytes, proposal_id: bytes, subject: str, deadline_ms: int
) -> Delegation | None:
    """To whom a member's vote on a proposal goes: the narrowest scope in which it was given wins (J24)."""
    for scope in scopes_of(proposal_id, subject):
        in_time = [item for item in delegations(rows, member_id, scope) if item.time_ms <= deadline_ms]
        if in_time and in_time[-1].to is not None:
            return in_time[-1]
    return None


def scopes_of(proposal_id: bytes, subject: str) -> tuple[bytes, ...]:
    """The scopes in which a delegation holds for a proposal, the narrowest first."""
    return tuple(
        delegating.scope
        for delegating in (Delegating(None, proposal_id), Delegating(None, None, subject), Delegating(None))
    )


def drop_ballots(state: State, proposal_id: bytes, members: tuple[bytes, ...]) -> None:
    """Take away the ballots of a closed proposal, and the delegations for it alone."""
    for table in ("ballot", "recorded", "recorder"):
        for key in [key for key, _ in state.scan(row_key(table, proposal_id))]:
            state.delete(key)
    scope = Delegating(None, proposal_id).scope
    for member_id in members:
        key = row_key("delegation", member_id, scope)
        if state.get(key) is not None:
            state.delete(key)
