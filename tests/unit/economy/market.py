"""A group that gives and takes, in memory: entries are executed one by one, and a test ends blocks."""

from __future__ import annotations

from typing import Any

from p2pnode.consensus.execution import BlockContext
from p2pnode.core.amount import Amount, amount_of_text
from p2pnode.core.entry import Entry
from p2pnode.economy import agreement, event, judging, loop, promising, tables, things
from p2pnode.economy.agreement import Answer, Clause, Reduction, Reference, Terms
from p2pnode.economy.event import EVENT_TYPE, Event, NewResource
from p2pnode.economy.measure import Measure
from p2pnode.economy.recording import COUNTERSIGN, COUNTERSIGN_TYPE, Countersignature
from p2pnode.governance.executing import execute_entry
from p2pnode.governance.tables import scan
from p2pnode.vocabulary import TYPES
from p2pnode.vocabulary import end_block as end_block_by_rules
from tests.unit.governance.assembly import HOUR_MS, IDS, OPENED_MS, PEOPLE, REASON, Assembly

ALICE, BOB, CAROL, DORA = range(4)
__all__ = ["ALICE", "BOB", "CAROL", "DORA", "HOUR_MS", "IDS", "OPENED_MS", "PEOPLE", "REASON", "Market"]


def measure(text: str) -> Measure:
    """So much: "3 kilogram"."""
    number, unit = text.split()
    return Measure(amount_of_text(number), unit)


class Market(Assembly):
    """An assembly whose members also give and take."""

    def __init__(self, people: int = 4, **settings: Any) -> None:
        super().__init__(people, **settings)
        self.group = bytes(self.founding.group)

    def execute(self, entry: Entry) -> str | None:
        return execute_entry(TYPES, self.state, entry, self.context)

    def end_block(self) -> None:
        end_block_by_rules(self.state, self.context)
        self.height += 1

    @property
    def context(self) -> BlockContext:
        return BlockContext(self.group, self.height, self.now_ms, bytes(32))

    # ---- events

    def event(self, action: str, *, work: str = "", much: str = "", **said: Any) -> Event:
        if work:
            said["effort_quantity"] = measure(work)
        if much:
            said["resource_quantity"] = measure(much)
        if isinstance(said.get("creates"), str):
            said["creates"] = NewResource(said["creates"])
        return Event(action, self.now_ms, **said)

    def record(self, who: int, action: str, **said: Any) -> bytes:
        return self.write(who, EVENT_TYPE, event.encode(self.event(action, **said)))

    def refused_event(self, who: int, action: str, **said: Any) -> str | None:
        return self.refused(who, EVENT_TYPE, event.encode(self.event(action, **said)))

    def sign_event(
        self, who: int, event_id: bytes, agrees: bool = True, mandate: bytes | None = None
    ) -> str | None:
        payload = COUNTERSIGN.encode(Countersignature(event_id, agrees, mandate))
        return self.try_write(who, COUNTERSIGN_TYPE, payload)[0]

    def status(self, event_id: bytes) -> str:
        row = tables.event(self.state, event_id)
        assert row is not None
        return row.status

    # ---- things and promises

    def begin(self, who: int, name: str, **said: Any) -> bytes:
        payload = things.PROCESS.encode(things.Process(name, **said))
        return self.write(who, things.PROCESS_TYPE, payload)

    def finish(self, who: int, process: bytes) -> str | None:
        return self.try_write(who, things.FINISH_TYPE, things.FINISH.encode(things.Finish(process)))[0]

    def outsider(self, who: int, name: str, kind: str = "organization") -> bytes:
        return self.write(who, things.AGENT_TYPE, things.AGENT.encode(things.Agent(kind, name)))

    def intent(self, who: int, purpose: str, action: str, **said: Any) -> bytes:
        said = _measured(said)
        payload = promising.INTENT.encode(promising.Intent(purpose, action, **said))
        return self.write(who, promising.INTENT_TYPE, payload)

    def promise(self, who: int, action: str, **said: Any) -> bytes:
        payload = promising.COMMITMENT.encode(promising.Commitment(action, **_measured(said)))
        return self.write(who, promising.COMMITMENT_TYPE, payload)

    def refused_promise(self, who: int, action: str, **said: Any) -> str | None:
        payload = promising.COMMITMENT.encode(promising.Commitment(action, **_measured(said)))
        return self.refused(who, promising.COMMITMENT_TYPE, payload)

    def close(self, who: int, type_: str, entry: bytes) -> str | None:
        """Close an intent, a promise or a claim."""
        payload = promising.RELEASE.encode(promising.Reference(entry))
        return self.try_write(who, type_, payload)[0]

    def claim(
        self, who: int, action: str, provider: int, because: bytes, **said: Any
    ) -> tuple[str | None, bytes]:
        claimed = promising.Claim(action, IDS[provider], because, **_measured(said))
        return self.try_write(who, promising.CLAIM_TYPE, promising.CLAIM.encode(claimed))

    def promised(self, commitment: bytes) -> tables.CommitmentRow:
        row = tables.commitment(self.state, commitment)
        assert row is not None
        return row

    # ---- judging

    def attest(self, who: int, event_id: bytes, verdict: str, **said: Any) -> str | None:
        if verdict == judging.DISPUTE:
            said.setdefault("annex", REASON)
        payload = judging.ATTESTATION.encode(judging.Attestation(event_id, verdict, **said))
        return self.try_write(who, judging.ATTESTATION_TYPE, payload)[0]

    # ---- agreements

    def terms(self, *clauses: Clause, **said: Any) -> Terms:
        parties = {clause.provider for clause in clauses} | {clause.receiver for clause in clauses}
        parties.discard(self.group)
        said.setdefault("answer_until_ms", self.now_ms + 48 * HOUR_MS)
        return Terms("vegetables", tuple(sorted(parties)), clauses, **said)

    def propose_agreement(self, who: int, terms: Terms) -> bytes:
        return self.write(who, agreement.PROPOSE_TYPE, agreement.TERMS.encode(terms))

    def refused_agreement(self, who: int, terms: Terms) -> str | None:
        return self.refused(who, agreement.PROPOSE_TYPE, agreement.TERMS.encode(terms))

    def answer_agreement(
        self, who: int, agreement_id: bytes, accepts: bool = True, terms: bytes | None = None
    ) -> str | None:
        row = agreement.agreement(self.state, agreement_id)
        read = terms or (bytes(32) if row is None else row.terms.hash)
        payload = agreement.ANSWER.encode(Answer(agreement_id, read, accepts))
        return self.try_write(who, agreement.ANSWER_TYPE, payload)[0]

    def agree(self, *clauses: Clause, **said: Any) -> bytes:
        """An agreement in force, proposed by the first party."""
        terms = self.terms(*clauses, **said)
        first, *others = (IDS.index(party) for party in terms.parties)
        agreement_id = self.propose_agreement(first, terms)
        for other in others:
            assert self.answer_agreement(other, agreement_id) is None
        assert self.agreed(agreement_id) == "accepted"
        return agreement_id

    def agreed(self, agreement_id: bytes) -> str:
        row = agreement.agreement(self.state, agreement_id)
        assert row is not None
        return agreement.status_at(row, self.now_ms)

    def withdraw_agreement(self, who: int, agreement_id: bytes) -> str | None:
        payload = agreement.WITHDRAW.encode(Reference(agreement_id))
        return self.try_write(who, agreement.WITHDRAW_TYPE, payload)[0]

    def close_agreement(self, who: int, agreement_id: bytes) -> str | None:
        payload = agreement.CLOSE.encode(Reference(agreement_id))
        return self.try_write(who, agreement.CLOSE_TYPE, payload)[0]

    def reduce_clause(self, who: int, agreement_id: bytes, index: int, much: str) -> str | None:
        payload = agreement.REDUCE.encode(Reduction(agreement_id, index, measure(much)))
        return self.try_write(who, agreement.REDUCE_TYPE, payload)[0]

    # ---- loops

    def owed_round(self, *people: int, work: str = "2 hour") -> tuple[bytes, ...]:
        """Promises in a ring: each promises the next, and the last the first."""
        pairs = zip(people, (*people[1:], people[0]), strict=True)
        return tuple(self.promise(who, "work", work=work, receiver=IDS[other]) for who, other in pairs)

    def loop_of(self, *parts: tuple[bytes, str], unit: str = "hour", hours: int = 48) -> loop.Loop:
        items = (loop.Item(promise, amount_of_text(amount)) for promise, amount in parts)
        ordered = tuple(sorted(items, key=lambda item: item.promise))
        return loop.Loop(unit, ordered, self.now_ms + hours * HOUR_MS)

    def propose_loop(self, who: int, said: loop.Loop) -> tuple[str | None, bytes]:
        return self.try_write(who, loop.PROPOSE_TYPE, loop.LOOP.encode(said))

    def answer_loop(self, who: int, loop_id: bytes, accepts: bool = True) -> str | None:
        payload = loop.ANSWER.encode(loop.Answer(loop_id, accepts))
        return self.try_write(who, loop.ANSWER_TYPE, payload)[0]

    def loop_status(self, loop_id: bytes) -> str:
        row = loop.loop(self.state, loop_id)
        assert row is not None
        return loop.status_at(row, self.now_ms)

    def release(self, who: int, promise: bytes) -> str | None:
        return self.close(who, promising.RELEASE_TYPE, promise)

    # ---- what there is

    def resource(self, resource_id: bytes) -> tables.ResourceRow:
        row = tables.resource(self.state, resource_id)
        assert row is not None
        return row

    def given(self, who: int, to: bytes | int, unit: str) -> Amount:
        other = IDS[to] if isinstance(to, int) else to
        return tables.amount(self.state, "given", IDS[who], other, unit.encode())

    def taken(self, who: int, by: bytes | int, unit: str) -> Amount:
        other = IDS[by] if isinstance(by, int) else by
        return tables.amount(self.state, "taken", IDS[who], other, unit.encode())


def clause(provider: int, receiver: int, action: str = "transfer", **said: Any) -> Clause:
    """A clause between two people."""
    return Clause(action, IDS[provider], IDS[receiver], **_measured(said))


def _measured(said: dict[str, Any]) -> dict[str, Any]:
    said = dict(said)
    for short, name in (("work", "effort_quantity"), ("much", "resource_quantity")):
        if short in said:
            said[name] = measure(said.pop(short))
    return said


def waiting_for(market: Market, who: int) -> list[bytes]:
    """The events that wait for somebody's signature."""
    return [key for key, _ in scan(market.state, "to_sign", IDS[who])]
