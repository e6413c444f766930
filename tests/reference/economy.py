"""A slow, obvious model of what is given and taken: everything is recomputed from the list of all facts.

It shares no code with the rules: amounts are fractions, accounts are sums over what was said, and nothing is
kept between questions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

_INCREASE = {"produce", "raise"}
_DECREASE = {"consume", "lower"}


@dataclass
class Fact:
    """One record. Shapes: source and target are names of things; status as the rules have it."""

    action: str
    amount: Fraction
    unit: str
    provider: str
    receiver: str
    source: str | None = None
    target: str | None = None
    corrects: int | None = None
    stands: bool = True
    stream: str | None = None


@dataclass
class Model:
    """What was said, in its order, and who began with which thing."""

    facts: list[Fact] = field(default_factory=list)

    def total(self, number: int) -> Fraction:
        """The amount of a record with its corrections."""
        corrections = (fact.amount for fact in self.facts if fact.corrects == number and fact.stands)
        return self.facts[number].amount + sum(corrections, Fraction(0))

    def stock(self, thing: str, facts: list[Fact] | None = None) -> Fraction:
        """How much of a thing there is."""
        total = Fraction(0)
        for fact in self.facts if facts is None else facts:
            if not fact.stands:
                continue
            if fact.source == thing:
                total += fact.amount if fact.action in _INCREASE else -fact.amount
            if fact.target == thing:
                total += fact.amount
        return total

    def given(self, provider: str, receiver: str, unit: str) -> Fraction:
        """What one gave another."""
        return sum(
            (
                fact.amount
                for fact in self.facts
                if fact.stands
                and (fact.provider, fact.receiver, fact.unit) == (provider, receiver, unit)
                and fact.provider != fact.receiver
                and fact.action in ("work", "transfer", "produce", "consume")
            ),
            Fraction(0),
        )

    def contributed(self, member: str, stream: str, unit: str) -> Fraction:
        """What a member gave in a stream."""
        return sum(
            (
                fact.amount
                for fact in self.facts
                if fact.stands and (fact.provider, fact.stream, fact.unit) == (member, stream, unit)
            ),
            Fraction(0),
        )

    def owner(self, thing: str) -> str | None:
        """Whose a thing is: who received what made it."""
        for fact in self.facts:
            if fact.stands and thing in (fact.source, fact.target) and fact.corrects is None:
                return fact.receiver
        return None

    def may_happen(self, fact: Fact) -> bool:
        """Whether a thing would not go below zero, and who takes from it owns it."""
        for thing in {fact.source, fact.target} - {None}:
            assert thing is not None
            if self.stock(thing, [*self.facts, fact]) < 0:
                return False
        if fact.corrects is not None:
            return self.total(fact.corrects) + fact.amount >= 0
        return True
