"""A group whose blocks are executed one after the other, without votes and without a store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from p2pnode.consensus.execution import BlockContext, BlockRules, Execution, Seal, execute
from p2pnode.consensus.format import Configuration, CutEntry
from p2pnode.consensus.rows import MemoryRows, State
from p2pnode.core.crypto import ZERO_HASH, SigningKey, sha256
from p2pnode.core.entry import Entry
from p2pnode.governance import end_of_block, tables, voters
from p2pnode.governance.carrying_out import apply_decision
from p2pnode.governance.configuration import configuration_of
from p2pnode.governance.executing import execute_entry
from p2pnode.governance.genesis import genesis_rows
from p2pnode.governance.keys import exec_seal
from p2pnode.vocabulary import TYPES
from tests.vectors.cases.material import (
    DAY_MS,
    START_MS,
    circle_charter,
    first_entry,
    founding_of,
    inception_of,
    link_of,
)
from tests.vectors.cases.state import join_of

CloseDue = Callable[[State, BlockContext], None]


def key(number: int) -> SigningKey:
    """The key of one of many people."""
    return SigningKey(b"person" + number.to_bytes(26, "big"))


def id_of(person: SigningKey) -> bytes:
    """The member id of a person who began with this key."""
    return bytes(inception_of(person).member_id)


class Chain:
    """The rows of a group after some blocks, and the lanes of its people."""

    def __init__(self, *founders: SigningKey, **settings: Any) -> None:
        self.founding = founding_of(*founders, charter=circle_charter(**settings))
        self.group = bytes(self.founding.group)
        self.rows = MemoryRows(genesis_rows(self.founding))
        self.height = 0
        self.time_ms = START_MS
        self.previous = self.group
        self.types = dict(TYPES)
        self._heads: dict[tuple[bytes, int], tuple[int, bytes]] = {}
        self._seeds = 0

    # ---- entries

    def entry(self, person: SigningKey, type_: str, payload: bytes, lane: int = 0) -> Entry:
        """The next entry of somebody's lane."""
        seq, prev = self._heads.get((person.public, lane), (-1, ZERO_HASH))
        place = {"group": self.group, "lane": lane, "seq": seq + 1, "prev": prev, "depth": seq + 1}
        entry = first_entry(person, type_, payload, time_ms=self.time_ms + seq + 2, **place)
        self._heads[person.public, lane] = seq + 1, bytes(entry.id)
        return entry

    def join(self, person: SigningKey, inviter: SigningKey, **link: Any) -> Entry:
        """A join by a fresh invitation."""
        self._seeds += 1
        rule = tables.charter(self.rows).admission
        fields = {"expiry_ms": self.time_ms + 90 * DAY_MS, "rule": rule, **link}
        seed = sha256(b"seed" + self._seeds.to_bytes(4, "big"))
        held = link_of(inviter, group=self.group, seed=seed, **fields)
        entry = join_of(person, held)
        return self.entry(person, entry.header.type, entry.payload or b"")

    def ready(self, person: SigningKey) -> Entry:
        """A member's device asks for the voting role."""
        return self.entry(person, voters.READY_TYPE, voters.encode_ready(self.height))

    # ---- blocks

    def run(
        self,
        *entries: Entry,
        hours: int = 1,
        decide: Sequence[tuple[str, Any]] = (),
        signers: Sequence[SigningKey] | None = None,
        seals: Sequence[Seal] = (),
        moved: Sequence[SigningKey] = (),
    ) -> list[str]:
        """Execute a block on top, and give the outcomes of its entries and decisions.

        Shapes: signers are those under the parent's certificate, everybody who votes when not given; moved
        are authors with entries that do not matter here.
        """
        decided: list[str] = []

        def close_due(state: State, context: BlockContext) -> None:
            for subject, body in decide:
                decided.append(apply_decision(state, context, b"", subject, body) or "")

        execution = self.execution(
            entries,
            hours=hours,
            signers=signers,
            seals=seals,
            moved=moved,
            close_due=close_due,
        )
        self.adopt(execution)
        self.time_ms += hours * 3_600_000
        self.height += 1
        self.previous = sha256(self.previous)
        return [rule for _, rule in execution.outcomes] + decided

    def execution(
        self,
        entries: Sequence[Entry],
        *,
        hours: int = 1,
        signers: Sequence[SigningKey] | None = None,
        seals: Sequence[Seal] = (),
        moved: Sequence[SigningKey] = (),
        close_due: CloseDue = lambda state, context: None,
    ) -> Execution:
        """What the next block would do."""
        authors = sorted({*(bytes(entry.author) for entry in entries), *(person.public for person in moved)})
        signed = self.voter_ids if signers is None else [id_of(person) for person in signers]
        context = BlockContext(
            self.group,
            self.height + 1,
            self.time_ms + hours * 3_600_000,
            self.previous,
            signers=tuple(sorted(signed)),
            moved=tuple(authors),
        )
        heads = {(bytes(entry.author), entry.header.lane): entry for entry in entries}
        cut = [CutEntry(*place, entry.header.seq, bytes(entry.id)) for place, entry in sorted(heads.items())]
        rules = BlockRules(
            exec_seal,
            lambda state, entry, context: execute_entry(self.types, state, entry, context),
            lambda state, context: end_of_block.end_block(self.types, close_due, state, context),
        )
        return execute(self.rows, context, cut, seals, entries, rules)

    def adopt(self, execution: Execution) -> None:
        """Let the changes of a block be the rows that the next one builds on."""
        state = State(self.rows)
        state.apply(execution.changes)
        self.rows = MemoryRows(dict(state.scan(b"")))

    def admit(self, *people: SigningKey, by: SigningKey) -> None:
        """Let people come by invitation, without the voting role."""
        assert self.run(*[self.join(person, by) for person in people]) == [""] * len(people)

    # ---- answers

    @property
    def configuration(self) -> Configuration:
        """Who votes on the next block."""
        return configuration_of(self.rows)

    @property
    def voter_ids(self) -> list[bytes]:
        """The members who vote on the next block."""
        return [member_id for member_id, _ in tables.voters(self.rows)]

    def votes(self, person: SigningKey) -> bool:
        """Whether somebody votes on the next block, with whatever key."""
        return id_of(person) in self.voter_ids
