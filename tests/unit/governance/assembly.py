"""A group that decides, in memory: entries are executed one by one, and blocks end when a test says so."""

from __future__ import annotations

from typing import Any

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import MemoryRows, State
from p2pnode.core.codec import Value
from p2pnode.core.crypto import SigningKey, sha256
from p2pnode.core.entry import Entry
from p2pnode.governance import ballot, proposal
from p2pnode.governance.ballot import CAST_TYPE, CODES_TYPE, CONFIRM_TYPE, DELEGATE_TYPE, Ballot
from p2pnode.governance.deciding import close_due, vote
from p2pnode.governance.deciding_types import DECIDING_TYPES
from p2pnode.governance.decision import DecisionRow, decision
from p2pnode.governance.executing import execute_entry
from p2pnode.governance.genesis import genesis_rows
from p2pnode.governance.mandate import SIGN_TYPE, Signing, encode_sign
from p2pnode.governance.proposal import ANSWER_TYPE, OPEN_TYPE, WITHDRAW_TYPE, Answer, Proposal
from p2pnode.governance.tally import Count
from tests.vectors.cases.material import circle_charter, first_entry, founding_of, inception_of

HOUR_MS = 3600 * 1000
OPENED_MS = 1_800_000_000_000
REASON = sha256(b"a reason")
_TYPES = {entry_type.name: entry_type for entry_type in DECIDING_TYPES}


def member_of(key: SigningKey) -> bytes:
    return inception_of(key).member_id


PEOPLE = tuple(sorted((SigningKey(sha256(bytes([number]))) for number in range(12)), key=member_of))
"""Keys in ascending order of their member ids."""

IDS = tuple(member_of(key) for key in PEOPLE)


class Assembly:
    """Some founders, a state, and a clock that tests move. Ballots are written at the present time."""

    def __init__(self, people: int = 5, **settings: Any) -> None:
        self.founding = founding_of(*PEOPLE[:people], charter=circle_charter(**settings))
        self.state = State(MemoryRows(genesis_rows(self.founding)))
        self.now_ms = OPENED_MS
        self.height = 1
        self.entries: list[Entry] = []

    @property
    def context(self) -> BlockContext:
        return BlockContext(bytes(self.founding.group), self.height, self.now_ms, bytes(32))

    def later(self, hours: int) -> None:
        self.now_ms += hours * HOUR_MS

    def end_block(self) -> None:
        close_due(self.state, self.context)
        self.height += 1

    def try_write(
        self, who: int, type_: str, payload: bytes, at_ms: int | None = None
    ) -> tuple[str | None, bytes]:
        """The rule that makes an entry void, and its id."""
        time_ms = self.now_ms if at_ms is None else at_ms
        entry = first_entry(
            PEOPLE[who],
            type_,
            payload,
            group=self.founding.group,
            time_ms=time_ms,
            seq=len(self.entries) + 1,
            prev=REASON,
        )
        rule = self.execute(entry)
        if rule is None:
            self.entries.append(entry)
        return rule, bytes(entry.id)

    def execute(self, entry: Entry) -> str | None:
        return execute_entry(_TYPES, self.state, entry, self.context)

    def write(self, who: int, type_: str, payload: bytes, at_ms: int | None = None) -> bytes:
        rule, entry_id = self.try_write(who, type_, payload, at_ms)
        assert rule is None, rule
        return entry_id

    def refused(self, who: int, type_: str, payload: bytes, at_ms: int | None = None) -> str | None:
        """The rule by which an entry is void; nothing may have changed."""
        before = self.state.changes()
        rule, _ = self.try_write(who, type_, payload, at_ms)
        assert rule is None or self.state.changes() == before
        return rule

    def propose(self, who: int, subject: str, body: Value) -> bytes:
        return self.write(who, OPEN_TYPE, proposal.encode_open(Proposal(subject, body, REASON)))

    def refused_proposal(self, who: int, subject: str, body: Value) -> str | None:
        return self.refused(who, OPEN_TYPE, proposal.encode_open(Proposal(subject, body)))

    def withdraw(self, who: int, proposal_id: bytes) -> str | None:
        return self.try_write(who, WITHDRAW_TYPE, proposal.encode_withdraw(proposal_id))[0]

    def answer(self, who: int, proposal_id: bytes) -> str | None:
        return self.try_write(who, ANSWER_TYPE, proposal.encode_answer(Answer(proposal_id, REASON)))[0]

    def cast(self, who: int, proposal_id: bytes, choice: str, at_ms: int | None = None, **more: Any) -> bytes:
        if choice == ballot.OBJECT:
            more.setdefault("annex", REASON)
        return self.write(who, CAST_TYPE, ballot.encode_cast(Ballot(proposal_id, choice, **more)), at_ms)

    def cast_all(self, proposal_id: bytes, *choices: str) -> None:
        """Let the first people vote in their order; an empty choice stays away."""
        for who, choice in enumerate(choices):
            if choice:
                self.cast(who, proposal_id, choice)

    def refused_ballot(
        self, who: int, proposal_id: bytes, choice: str, at_ms: int | None = None, **more: Any
    ) -> str | None:
        return self.refused(who, CAST_TYPE, ballot.encode_cast(Ballot(proposal_id, choice, **more)), at_ms)

    def delegate(self, who: int, to: int | None, at_ms: int | None = None, **scope: Any) -> bytes:
        delegating = ballot.Delegating(None if to is None else IDS[to], **scope)
        return self.write(who, DELEGATE_TYPE, ballot.encode_delegate(delegating), at_ms)

    def refused_delegation(self, who: int, to: bytes | None, **more: Any) -> str | None:
        at_ms = more.pop("at_ms", None)
        payload = ballot.encode_delegate(ballot.Delegating(to, **more))
        return self.refused(who, DELEGATE_TYPE, payload, at_ms)

    def codes(self, who: int, *codes: bytes) -> bytes:
        hashes = sorted(ballot.code_hash(IDS[who], code) for code in codes)
        return self.write(who, CODES_TYPE, ballot.encode_codes(tuple(hashes)))

    def confirm(
        self, who: int, proposal_id: bytes, of: int, ballot_id: bytes, code: bytes | None = None
    ) -> str | None:
        confirmation = ballot.Confirmation(proposal_id, IDS[of], ballot_id, code)
        return self.try_write(who, CONFIRM_TYPE, ballot.encode_confirm(confirmation))[0]

    def sign(self, who: int, mandate_id: bytes, entry_id: bytes, act: str) -> str | None:
        return self.try_write(who, SIGN_TYPE, encode_sign(Signing(mandate_id, entry_id, act)))[0]

    def count(self, proposal_id: bytes) -> Count:
        held = vote(self.state, proposal_id)
        assert held is not None
        return held.count

    def decided(self, proposal_id: bytes) -> DecisionRow:
        row = decision(self.state, proposal_id)
        assert row is not None, "still open"
        return row

    def is_open(self, proposal_id: bytes) -> bool:
        return vote(self.state, proposal_id) is not None
