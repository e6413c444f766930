"""A group of two members that give and take, made by real nodes, for figures about its economy.

Alice writes events by which she hands over what Bob has asked for: he has published a need, she has taken it
up, so that no event waits for his signature.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from p2pnode import clock
from p2pnode.core.entry import Entry
from p2pnode.core.events import Append, Item, WakeAt, Woke
from p2pnode.economy import agreement, batch, event, promising
from p2pnode.economy.agreement import Answer, Clause, Terms
from p2pnode.economy.event import EVENT_TYPE, Event
from p2pnode.economy.measure import Measure
from p2pnode.governance import tables
from p2pnode.group_log import GroupLog
from tests.bench.homes import Author
from tests.bench.workload import START_MS

KIND = "apples"
_UNIT = "kilogram"
_ALL = Measure((10**15, 0), _UNIT)
_ANSWER_MS = 3_600_000
AGREEMENT = "boxes"
_SHARED = frozenset({"action", "fulfills", "receiver", "resource_conforms_to"})


class MarketHome:
    """Alice's node; its group holds a promise of hers to Bob. Settings are of the charter."""

    def __init__(self, folder: Path, **settings: int) -> None:
        self.author = Author(folder / "alice")
        self.group = self.author.found(**settings)
        bob = Author(folder / "bob")
        bob.join(self.author, self.group, self.author.link(self.group, 1))
        self.settle()
        need = promising.Intent(promising.REQUEST, "transfer", resource_conforms_to=KIND)
        item = Item(promising.INTENT_TYPE, promising.INTENT.encode(need))
        (asked,) = bob.ask(Append("bench", self.group, (item,)))
        bob.hand_over(self.group, self.author)
        found = tables.member_of_device(self.log.file.chain, bob.key.device_key)
        assert found is not None
        self.bob = found[0]
        self.agreement = self._agree(bob)
        bob.close()
        promise = promising.Commitment(
            "transfer",
            receiver=self.bob,
            resource_conforms_to=KIND,
            resource_quantity=_ALL,
            satisfies=bytes(asked.id),
        )
        item = Item(promising.COMMITMENT_TYPE, promising.COMMITMENT.encode(promise))
        self.promise = bytes(self.write([item])[0].id)

    def _agree(self, bob: Author) -> bytes:
        """An agreement in force by which Alice gives apples and Bob gives work."""
        found = tables.member_of_device(self.log.file.chain, self.author.key.device_key)
        assert found is not None
        alice = found[0]
        clauses = (
            Clause("transfer", alice, self.bob, resource_conforms_to=KIND, resource_quantity=_ALL),
            Clause("work", self.bob, alice, effort_quantity=Measure((10, 0), "hour")),
        )
        until_ms = clock.wall_ms() + _ANSWER_MS
        terms = Terms(AGREEMENT, tuple(sorted((alice, self.bob))), clauses, until_ms)
        (proposed,) = self.write([Item(agreement.PROPOSE_TYPE, agreement.TERMS.encode(terms))])
        self.settle()
        self.author.hand_over(self.group, bob)
        said = agreement.ANSWER.encode(Answer(bytes(proposed.id), terms.hash, True))
        bob.ask(Append("bench", self.group, (Item(agreement.ANSWER_TYPE, said),)))
        bob.hand_over(self.group, self.author)
        self.settle()
        return bytes(proposed.id)

    @property
    def log(self) -> GroupLog:
        return self.author.node.logs[self.group]

    def write(self, said: Sequence[Item]) -> tuple[Entry, ...]:
        written: tuple[Entry, ...] = self.author.ask(Append("bench", self.group, tuple(said)))
        return written

    def transfer(self, number: int, promise: bytes | None = None) -> Event:
        """What Alice handed over to Bob, because of her promise or of another one."""
        return Event(
            "transfer",
            START_MS + number,
            fulfills=promise or self.promise,
            receiver=self.bob,
            resource_conforms_to=KIND,
            resource_quantity=Measure((1 + number % 7, 0), _UNIT),
        )

    def transfers(self, first: int, count: int) -> list[Item]:
        """Each as an entry of its own."""
        return [
            Item(EVENT_TYPE, event.encode(self.transfer(number))) for number in range(first, first + count)
        ]

    def batches(self, first: int, count: int, size: int, promise: bytes | None = None) -> list[Item]:
        """As batches of so many records."""
        found: list[Item] = []
        for start in range(first, first + count, size):
            numbers = range(start, start + size)
            records = [event.value(self.transfer(number, promise)) for number in numbers]
            shared = {name: value for name, value in records[0].items() if name in _SHARED}
            own = [{name: record[name] for name in record if name not in _SHARED} for record in records]
            found.append(Item(batch.BATCH_TYPE, batch.encode(EVENT_TYPE, shared, own)))
        return found

    def offers(self, count: int) -> list[Item]:
        """Offers of Alice's."""
        return [
            Item(
                promising.INTENT_TYPE,
                promising.INTENT.encode(
                    promising.Intent(
                        promising.OFFER,
                        "transfer",
                        resource_conforms_to=f"{KIND} of row {number}",
                        resource_quantity=Measure((number + 1, 0), _UNIT),
                    )
                ),
            )
            for number in range(count)
        ]

    def settle(self, clock_s: Callable[[], float] = time.process_time) -> float:
        """Let blocks order what waits. Units: seconds that it took."""
        node, start = self.author.node, clock_s()
        while True:
            now_ms = clock.wall_ms()
            effects = node.handle(Woke(), now_ms)
            if not any(isinstance(effect, WakeAt) and effect.time_ms <= now_ms for effect in effects):
                return clock_s() - start
