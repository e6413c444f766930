"""A slow, obvious model of who owes whom: fractions, and every set-off that there is, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product

Pair = tuple[str, str]


@dataclass
class Promise:
    """Shapes: given and set_off count towards amount; a released promise is owed no more."""

    provider: str
    receiver: str
    amount: Fraction
    given: Fraction = Fraction(0)
    set_off: Fraction = Fraction(0)
    is_released: bool = False

    @property
    def open(self) -> Fraction:
        return Fraction(0) if self.is_released else max(self.amount - self.given - self.set_off, Fraction(0))


@dataclass
class Ring:
    """A proposed set-off: how much of which promise, and who has said yes."""

    parts: dict[int, Fraction]
    signers: set[str] = field(default_factory=set)
    status: str = "proposed"


@dataclass
class Owing:
    """Promises in one unit, and what is proposed about them."""

    promises: list[Promise] = field(default_factory=list)
    rings: list[Ring] = field(default_factory=list)

    def position(self, person: str) -> Fraction:
        """What somebody is still owed, less what they still owe."""
        return sum(
            (
                promise.open * ((promise.receiver == person) - (promise.provider == person))
                for promise in self.promises
            ),
            Fraction(0),
        )

    def parties(self, ring: Ring) -> set[str]:
        named = [self.promises[number] for number in ring.parts]
        return {promise.provider for promise in named} | {promise.receiver for promise in named}

    def is_fair(self, parts: Mapping[int, Fraction]) -> bool:
        """Whether nobody would give up more than they are relieved of."""
        changes: dict[str, Fraction] = {}
        for number, amount in parts.items():
            promise = self.promises[number]
            changes[promise.provider] = changes.get(promise.provider, Fraction(0)) + amount
            changes[promise.receiver] = changes.get(promise.receiver, Fraction(0)) - amount
        return not any(changes.values())

    def is_open(self, parts: Mapping[int, Fraction]) -> bool:
        return all(self.promises[number].open >= amount for number, amount in parts.items())

    def sign(self, ring: Ring, person: str) -> None:
        """Say yes: the last one lets it happen, unless a promise has changed meanwhile."""
        if not self.is_open(ring.parts):
            ring.status = "void"
            return
        ring.signers.add(person)
        if ring.signers == self.parties(ring):
            ring.status = "settled"
            for number, amount in ring.parts.items():
                self.promises[number].set_off += amount


def largest_set_off(owed: Mapping[Pair, int]) -> int:
    """The largest sum that can be set off, by trying everything. Shapes: small whole numbers, few pairs."""
    pairs = sorted(owed)
    best = 0
    for amounts in product(*(range(owed[pair] + 1) for pair in pairs)):
        balance: dict[str, int] = {}
        for (provider, receiver), amount in zip(pairs, amounts, strict=True):
            balance[provider] = balance.get(provider, 0) - amount
            balance[receiver] = balance.get(receiver, 0) + amount
        if not any(balance.values()):
            best = max(best, sum(amounts))
    return best
