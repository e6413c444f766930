"""Random economies: the rules agree with a slow, obvious model, and every sum conserves in every state."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from p2pnode.consensus.rows import row_key
from p2pnode.core.amount import amount_text
from p2pnode.economy import event, tables
from p2pnode.economy.event import EVENT_TYPE, NewResource
from p2pnode.governance.tables import scan
from tests.reference.economy import Fact, Model
from tests.unit.economy.market import IDS, Market

_PEOPLE = st.sampled_from(range(3))
_AMOUNTS = st.integers(1, 40).map(lambda number: Fraction(number, 4))
_STREAMS = st.sampled_from([None, "commons", "care"])


def _text(amount: Fraction, unit: str) -> str:
    hundredths = amount * 100
    assert hundredths.denominator == 1
    sign = "-" if hundredths < 0 else ""
    whole, rest = divmod(abs(hundredths.numerator), 100)
    return f"{sign}{whole}.{rest:02d} {unit}"


class Economy(RuleBasedStateMachine):
    """Three people who make, use, give, help and correct."""

    things = Bundle("things")
    records = Bundle("records")
    waiting = Bundle("waiting")

    def __init__(self) -> None:
        super().__init__()
        self.market = Market(3)
        self.model = Model()
        self.ids: dict[str, bytes] = {}
        self.owners: dict[str, int] = {}
        self.events: dict[int, bytes] = {}
        self.authors: dict[int, int] = {}

    def _name(self, agent: int | None) -> str:
        return "group" if agent is None else str(agent)

    def _try(self, who: int, fact: Fact, **said: object) -> bytes | None:
        """Say it to the rules; what they refuse the model must refuse too."""
        name = "effort_quantity" if fact.action == "work" else "resource_quantity"
        short = "work" if name == "effort_quantity" else "much"
        built = self.market.event(fact.action, **{short: _text(fact.amount, fact.unit)}, **said)
        rule, event_id = self.market.try_write(who, EVENT_TYPE, event.encode(built))
        if rule is None:
            self.events[len(self.model.facts)] = event_id
            self.authors[len(self.model.facts)] = who
            self.model.facts.append(fact)
            return event_id
        assert rule in ("resource.too_little", "event.corrects_too_much"), rule
        assert not self.model.may_happen(fact), f"{rule}: the model allows it"
        return None

    @rule(target=things, who=_PEOPLE, amount=_AMOUNTS, stream=_STREAMS)
    def make(self, who: int, amount: Fraction, stream: str | None) -> object:
        name = f"thing {len(self.ids)}"
        fact = Fact("produce", amount, "kilogram", str(who), str(who), source=name, stream=stream)
        made = self._try(who, fact, creates=NewResource(name), stream=stream)
        assert made is not None
        self.ids[name], self.owners[name] = made, who
        return name

    @rule(target=records, thing=things, amount=_AMOUNTS)
    def consume(self, thing: str, amount: Fraction) -> object:
        who = self.owners[thing]
        fact = Fact("consume", amount, "kilogram", str(who), str(who), source=thing)
        assert (self._try(who, fact, resource_inventoried_as=self.ids[thing]) is None) == (
            self.model.facts[-1] is not fact
        )
        return len(self.model.facts) - 1 if self.model.facts[-1] is fact else multiple()

    @rule(target=records, who=_PEOPLE, amount=_AMOUNTS, stream=_STREAMS)
    def help_the_group(self, who: int, amount: Fraction, stream: str | None) -> object:
        fact = Fact("work", amount, "hour", str(who), "group", stream=stream)
        assert self._try(who, fact, receiver=self.market.group, stream=stream) is not None
        return len(self.model.facts) - 1

    @rule(target=waiting, who=_PEOPLE, other=_PEOPLE, amount=_AMOUNTS)
    def help_somebody(self, who: int, other: int, amount: Fraction) -> object:
        if who == other:
            return multiple()
        fact = Fact("work", amount, "hour", str(who), str(other), stands=False)
        assert self._try(who, fact, receiver=IDS[other]) is not None
        return len(self.model.facts) - 1

    @rule(target=waiting, thing=things, other=_PEOPLE, amount=_AMOUNTS)
    def give(self, thing: str, other: int, amount: Fraction) -> object:
        who = self.owners[thing]
        if who == other:
            return multiple()
        name = f"thing {len(self.ids)}"
        fact = Fact(
            "transfer", amount, "kilogram", str(who), str(other), source=thing, target=name, stands=False
        )
        given = self._try(
            who,
            fact,
            receiver=IDS[other],
            resource_inventoried_as=self.ids[thing],
            creates=NewResource(name),
        )
        assert given is not None
        self.ids[name], self.owners[name] = given, other
        return len(self.model.facts) - 1

    @rule(target=records, number=consumes(waiting), agrees=st.booleans())
    def sign(self, number: int, agrees: bool) -> object:
        fact = self.model.facts[number]
        fact.stands = True
        may_happen = self.model.stock(fact.source) >= 0 if fact.source is not None else True
        fact.stands = False
        rule = self.market.sign_event(int(fact.receiver), self.events[number], agrees=agrees)
        if not agrees:
            assert rule is None
            return multiple()
        assert rule == (None if may_happen else "resource.too_little")
        if rule is not None:
            return multiple()
        fact.stands = True
        return number

    @rule(number=records, amount=st.integers(-40, 40).filter(bool).map(lambda number: Fraction(number, 4)))
    def correct(self, number: int, amount: Fraction) -> None:
        fact = self.model.facts[number]
        if fact.receiver not in ("group", fact.provider):
            return  # two have to sign; the unit tests do it
        source = None if fact.source is None else self.ids[fact.source]
        again = Fact(
            fact.action,
            amount,
            fact.unit,
            fact.provider,
            fact.receiver,
            source=fact.source,
            corrects=number,
            stream=fact.stream,
        )
        receiver = {"receiver": self.market.group} if fact.receiver == "group" else {}
        self._try(
            self.authors[number],
            again,
            corrects=self.events[number],
            resource_inventoried_as=source,
            stream=fact.stream,
            **receiver,
        )

    @invariant()
    def the_rules_agree_with_the_model(self) -> None:
        state = self.market.state
        for name, resource_id in self.ids.items():
            held = tables.resource(state, resource_id)
            if held is not None:
                assert Fraction(amount_text(held.onhand)) == self.model.stock(name)
                assert held.onhand == held.accounting
        agents = {**{str(who): IDS[who] for who in range(3)}, "group": self.market.group}
        for unit in ("hour", "kilogram"):
            for provider, provider_id in agents.items():
                for receiver, receiver_id in agents.items():
                    given = tables.amount(state, "given", provider_id, receiver_id, unit.encode())
                    taken = tables.amount(state, "taken", receiver_id, provider_id, unit.encode())
                    assert given == taken
                    assert Fraction(amount_text(given)) == self.model.given(provider, receiver, unit)
        for who in range(3):
            counted = {
                (stream, measure.unit): Fraction(amount_text(measure.amount))
                for stream, measure in tables.contributions(state, IDS[who])
            }
            for stream in ("commons", "care"):
                for unit in ("hour", "kilogram"):
                    expected = self.model.contributed(str(who), stream, unit)
                    assert counted.get((stream, unit), 0) == expected

    @invariant()
    def nothing_is_lost(self) -> None:
        state = self.market.state
        given = sum(Fraction(amount_text((value[0], value[1]))) for _, value in scan(state, "given"))
        taken = sum(Fraction(amount_text((value[0], value[1]))) for _, value in scan(state, "taken"))
        assert given == taken
        made = sum(
            (
                fact.amount if fact.action == "produce" else -fact.amount
                for fact in self.model.facts
                if fact.stands and fact.source is not None and fact.action in ("produce", "consume")
            ),
            Fraction(0),
        )
        there = [row for _, row in tables.rows_of(state, tables.ResourceRow, "resource")]
        assert sum((Fraction(amount_text(row.onhand)) for row in there), Fraction(0)) == made
        assert all(row.onhand[0] >= 0 for row in there)
        waiting = sum(fact.corrects is None and not fact.stands for fact in self.model.facts)
        assert sum(1 for _ in state.scan(row_key("waiting"))) <= waiting


TestEconomy = Economy.TestCase
TestEconomy.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
