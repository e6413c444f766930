"""Random commons, returns and bookings: the rules agree with a slow, obvious model; every sum conserves."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from p2pnode.core.amount import amount_of, amount_text
from p2pnode.economy import event, recording, tables
from p2pnode.economy.event import EVENT_TYPE
from p2pnode.economy.licence import Term
from p2pnode.economy.measure import Measure
from tests.reference.commons import Asked, Calendar, CommonsModel, Gave
from tests.sim.commons_sums import lost_commons_sum
from tests.unit.economy.library import Library
from tests.unit.economy.market import IDS, measure

_PEOPLE = st.sampled_from(range(3))
_QUARTERS = st.integers(1, 200).map(lambda number: Fraction(number, 4))


def _text(amount: Fraction, unit: str) -> str:
    hundredths = amount * 100
    assert hundredths.denominator == 1
    whole, rest = divmod(hundredths.numerator, 100)
    return f"{whole}.{rest:02d} {unit}"


def _fraction(measure: Measure | None) -> Fraction:
    return Fraction(0) if measure is None else Fraction(amount_text(measure.amount))


class Commons(RuleBasedStateMachine):
    """Three people who use a commons, give to it and pay what they owe, over years."""

    uses = Bundle("uses")
    gifts = Bundle("gifts")

    @initialize(
        price=st.sampled_from(["0.5", "2", "3.25"]),
        free_below=st.sampled_from([0, 30]),
        reciprocal=st.booleans(),
        permille=st.sampled_from([0, 500, 1000, 1500]),
        years=st.integers(1, 3),
    )
    def open(self, price: str, free_below: int, reciprocal: bool, permille: int, years: int) -> None:
        self.library = Library(3, generative_permille=permille, years=years, weights={"EUR": 2, "point": 2})
        term = Term(
            "each",
            "community",
            each=measure(f"{price} EUR"),
            free_below=Measure((free_below, 0), "hour") if free_below else None,
            reciprocal=True if reciprocal else None,
            unit="hour",
        )
        self.commons = self.library.open(0, term)
        self.model = CommonsModel(Asked(Fraction(price), Fraction(free_below), reciprocal), permille, years)
        self.use_ids: list[bytes] = []
        self.gift_ids: list[bytes] = []

    @rule(target=uses, who=_PEOPLE, amount=_QUARTERS)
    def use(self, who: int, amount: Fraction) -> int:
        used = self.library.use(who, self.commons, _text(amount, "hour"))
        expected = self.model.use(who, amount)
        assert _fraction(self.library.owed(used)) == expected.owed
        self.use_ids.append(used)
        return len(self.use_ids) - 1

    @rule(target=gifts, who=_PEOPLE, amount=_QUARTERS)
    def give(self, who: int, amount: Fraction) -> int:
        given_id = self.library.record(
            who, "transfer", much=_text(amount, "point"), receiver=self.library.group, in_scope_of="garden"
        )
        self.model.gifts.append(Gave(who, self.model.hour, amount))
        self.gift_ids.append(given_id)
        return len(self.gift_ids) - 1

    @rule(target=gifts, number=uses, amount=_QUARTERS)
    def settle(self, number: int, amount: Fraction) -> object:
        used, use_id = self.model.uses[number], self.use_ids[number]
        said = self.library.event(
            "transfer", much=_text(amount, "EUR"), receiver=self.library.group, settles=use_id
        )
        rule_, event_id = self.library.try_write(used.actor, EVENT_TYPE, event.encode(said))
        is_open = used.stands and used.owed > self.model.settled(number)
        assert (rule_ is None) == is_open, rule_
        if not is_open:
            return multiple()
        self.model.gifts.append(Gave(used.actor, self.model.hour, amount, number))
        self.gift_ids.append(event_id)
        return len(self.gift_ids) - 1

    @rule(number=consumes(gifts), is_restored=st.booleans())
    def strike(self, number: int, is_restored: bool) -> None:
        state, context = self.library.state, self.library.context
        assert recording.strike(state, context, self.gift_ids[number]) is None
        self.model.gifts[number].stands = False
        if is_restored:
            assert recording.restore(state, context, self.gift_ids[number]) is None
            self.model.gifts[number].stands = True

    @rule(number=consumes(uses))
    def withdraw(self, number: int) -> None:
        used = self.model.uses[number]
        if used.actor == 0:
            return  # the steward does not let herself off
        assert self.library.withdraw_use(0, self.use_ids[number])[0] is None
        used.stands = False

    @rule(hours=st.sampled_from([24, 2000, 9000]))
    def wait(self, hours: int) -> None:
        self.library.later(hours)
        self.model.hour += hours

    @invariant()
    def the_rules_agree_with_the_model(self) -> None:
        if not hasattr(self, "library"):
            return
        for who in range(3):
            verdict, balances = self.library.stands(self.commons, IDS[who])
            assert verdict == self.model.verdict(who)
            # Units of equal weight: the model adds them up.
            assert sum(Fraction(amount_text(one.given)) for one in balances) == self.model.given(who)
            assert sum(Fraction(amount_text(one.taken)) for one in balances) == self.model.taken(who)
        for number, use_id in enumerate(self.use_ids):
            claim = tables.claim(self.library.state, use_id)
            if claim is not None:
                assert Fraction(amount_text(claim.settled)) == self.model.settled(number)
        assert lost_commons_sum(self.library.state) is None


TestCommons = Commons.TestCase
TestCommons.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


class Lending(RuleBasedStateMachine):
    """Three people who book, fetch, keep and bring back chairs."""

    ahead = Bundle("ahead")
    taken = Bundle("taken")

    def __init__(self) -> None:
        super().__init__()
        self.library = Library(3)
        self.chairs = self.library.thing(0, "chairs", "3 one")
        self.calendar = Calendar(3)
        self.ids: dict[int, bytes] = {}
        self.now = 0

    @rule(
        target=ahead, who=_PEOPLE, begin=st.integers(-4, 30), hours=st.integers(1, 12), much=st.integers(1, 3)
    )
    def book(self, who: int, begin: int, hours: int, much: int) -> object:
        rule_, booking_id = self.library.try_book(who, self.chairs, begin, begin + hours, f"{much} one")
        if begin + hours <= 0:
            assert rule_ == "booking.over"
            return multiple()
        first, last = self.now + begin, self.now + begin + hours
        is_free = self.calendar.is_free(first, last, much, self.now)
        assert rule_ == (None if is_free else "booking.taken")
        if not is_free:
            return multiple()
        number = len(self.ids)
        self.ids[number] = booking_id
        self.calendar.bookings[number] = (first, last, much)
        return number

    @rule(number=consumes(ahead))
    def cancel(self, number: int) -> None:
        booker = IDS.index(self.library.booked(self.ids[number]).booker)
        assert self.library.cancel(booker, self.ids[number]) is None
        del self.calendar.bookings[number]

    @rule(target=taken, number=consumes(ahead))
    def fetch(self, number: int) -> object:
        _, _, much = self.calendar.bookings[number]
        is_there = much + sum(self.calendar.bookings[one][2] for one in self.calendar.out) <= 3
        rule_, _ = self.library.hand_over(1, self.ids[number])
        assert rule_ == (None if is_there else "resource.too_little")
        if not is_there:
            return multiple()
        self.calendar.out.add(number)
        return number

    @rule(number=consumes(taken))
    def bring_back(self, number: int) -> None:
        booker = IDS.index(self.library.booked(self.ids[number]).booker)
        assert self.library.bring_back(booker, self.ids[number])[0] is None
        del self.calendar.bookings[number]
        self.calendar.out.remove(number)

    @rule(hours=st.integers(1, 20))
    def wait(self, hours: int) -> None:
        self.library.later(hours)
        self.now += hours

    @invariant()
    def chairs_are_here_or_out(self) -> None:
        there = Fraction(amount_text(self.library.resource(self.chairs).onhand))
        out = sum(self.calendar.bookings[one][2] for one in self.calendar.out)
        assert there + out == 3
        assert lost_commons_sum(self.library.state) is None


TestLending = Lending.TestCase
TestLending.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 2000), st.lists(st.integers(1, 900), max_size=8))
def test_d7_never_more_than_the_cap_flows_back(cap_permille: int, payments: list[int]) -> None:
    library = Library()
    library.trust(1)
    bank = library.outsider(0, "Bank")
    brought = library.inflow(0, "1000 EUR", cap_permille, provider=bank)
    assert library.decide(brought) == ""
    paid = 0
    for payment in payments:
        rule_, _ = library.pay_back(1, brought, f"{payment} EUR", bank)
        if paid == cap_permille:
            assert rule_ == "inflow.extinguished"
        else:
            assert rule_ == (None if paid + payment <= cap_permille else "inflow.capped")
        paid += payment if rule_ is None else 0
    assert library.claim_row(brought).settled == amount_of(paid, 0)
    assert lost_commons_sum(library.state) is None
