"""A slow, obvious model of commons, means from outside and bookings: all is recomputed from what was said.

It shares no code with the rules: amounts are fractions, years are counted again each time, and a calendar is
a list of hours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

YEAR_HOURS = 365 * 24


@dataclass
class Asked:
    """The one term of a licence: so much for each unit of use, or a part of it; free below so much a year."""

    price: Fraction
    free_below: Fraction = Fraction(0)
    reciprocal: bool = False


@dataclass
class Used:
    """A use. Shapes: owed and taken as they followed when it was recorded."""

    actor: int
    hour: int
    amount: Fraction
    taken: Fraction
    owed: Fraction
    stands: bool = True


@dataclass
class Gave:
    """What somebody gave, in points. Shapes: use is what it settles."""

    actor: int
    hour: int
    amount: Fraction
    use: int | None = None
    stands: bool = True


@dataclass
class CommonsModel:
    """What was said about one commons that was opened at hour 0. Shapes: everything counts in one unit."""

    asked: Asked
    permille: int
    years: int
    uses: list[Used] = field(default_factory=list)
    gifts: list[Gave] = field(default_factory=list)
    hour: int = 0

    def _year(self, hour: int) -> int:
        return hour // YEAR_HOURS

    def _counts(self, hour: int) -> bool:
        return self._year(self.hour) - self._year(hour) < self.years

    def given(self, actor: int) -> Fraction:
        """What somebody gave in the years that count."""
        return sum(
            (
                one.amount
                for one in self.gifts
                if one.actor == actor and one.stands and self._counts(one.hour)
            ),
            Fraction(0),
        )

    def taken(self, actor: int) -> Fraction:
        """What somebody took in the years that count."""
        return sum(
            (one.taken for one in self.uses if one.actor == actor and one.stands and self._counts(one.hour)),
            Fraction(0),
        )

    def settled(self, use: int) -> Fraction:
        """What was given for a use."""
        return sum((one.amount for one in self.gifts if one.use == use and one.stands), Fraction(0))

    def verdict(self, actor: int) -> str:
        """What the charter's test says."""
        given, taken = self.given(actor), self.taken(actor)
        if given == taken == 0:
            return "neither"
        return "generative" if given * 1000 >= taken * self.permille else "extractive"

    def use(self, actor: int, amount: Fraction) -> Used:
        """Record a use."""
        this_year = [
            one.amount
            for one in self.uses
            if one.actor == actor and one.stands and self._year(one.hour) == self._year(self.hour)
        ]
        before = sum(this_year, Fraction(0))
        beyond = max(Fraction(0), before + amount - self.asked.free_below)
        due = (beyond - max(Fraction(0), before - self.asked.free_below)) * self.asked.price
        gives_back = self.given(actor) * 1000 >= (self.taken(actor) + due) * self.permille
        owed = Fraction(0) if self.asked.reciprocal and gives_back else due
        used = Used(actor, self.hour, amount, due, owed)
        self.uses.append(used)
        return used


@dataclass
class Calendar:
    """How many of a thing are promised away in each hour. Shapes: bookings are [begin, end, how many]."""

    there: int
    bookings: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    out: set[int] = field(default_factory=set)

    def is_free(self, begin: int, end: int, wanted: int, now: int) -> bool:
        """Whether so many can be had in every hour; what is out stays out at least until now."""
        for hour in range(begin, end):
            promised = wanted
            for number, (first, last, much) in self.bookings.items():
                if number not in self.out and last <= now:
                    continue  # never fetched
                until = max(last, now) if number in self.out else last
                if first <= hour < until:
                    promised += much
            if promised > self.there:
                return False
        return True
