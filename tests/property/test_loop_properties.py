"""Random promises and set-offs: the finder finds the largest, no position changes, rules fit a model."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from p2pnode.core.amount import amount_text
from p2pnode.economy import loop, tables
from p2pnode.economy.loop import Item, Loop, Owed
from p2pnode.loop_finding import loops_in
from tests.reference.owing import Owing, Promise, Ring, largest_set_off
from tests.unit.economy.market import HOUR_MS, IDS, Market

_PEOPLE = st.sampled_from("abcd")
_PAIRS = st.tuples(_PEOPLE, _PEOPLE).filter(lambda pair: pair[0] != pair[1])


def _owed(number: int, pair: tuple[str, str], halves: int) -> Owed:
    amount = (halves * 5, -1) if halves % 2 else (halves // 2, 0)
    provider, receiver = (letter.encode() * 32 for letter in pair)
    return Owed(bytes([number]) * 32, provider, receiver, "hour", None, amount, None, True)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_PAIRS, st.integers(1, 3)), max_size=7))
def test_w8_the_finder_sets_off_as_much_as_can_be(promises: list[tuple[tuple[str, str], int]]) -> None:
    owed = [_owed(number, pair, halves) for number, (pair, halves) in enumerate(promises)]
    found = loops_in(owed)
    assert found == loops_in(reversed(owed)), "the order in which promises are read decides nothing"
    pairs: dict[tuple[str, str], int] = {}
    for pair, halves in promises:
        pairs[pair] = pairs.get(pair, 0) + halves
    taken: dict[bytes, Fraction] = {}
    for ring in found:
        balance: dict[bytes, Fraction] = {}
        for item in ring.items:
            one = owed[item.promise[0]]
            amount = Fraction(amount_text(item.amount))
            taken[item.promise] = taken.get(item.promise, Fraction(0)) + amount
            for person, change in ((one.provider, -amount), (one.receiver, amount)):
                balance[person] = balance.get(person, Fraction(0)) + change
        assert set(balance) == set(ring.members)
        assert not any(balance.values()), "nobody gives up more than they are relieved of"
    for one in owed:
        assert taken.get(one.id, 0) <= Fraction(amount_text(one.open))
    assert sum(taken.values(), Fraction(0)) * 2 == largest_set_off(pairs)


class Owings(RuleBasedStateMachine):
    """Four people who promise, give, release, propose set-offs and answer them, or let them lie."""

    promises = Bundle("promises")
    rings = Bundle("rings")

    def __init__(self) -> None:
        super().__init__()
        self.market = Market(4)
        self.model = Owing()
        self.ids: list[bytes] = []
        self.loops: list[bytes] = []

    def _who(self, name: str) -> int:
        return "abcd".index(name)

    @rule(target=promises, pair=_PAIRS, halves=st.integers(1, 6))
    def promise(self, pair: tuple[str, str], halves: int) -> int:
        provider, receiver = pair
        said = self.market.promise(
            self._who(provider), "work", work=f"{halves / 2} hour", receiver=IDS[self._who(receiver)]
        )
        self.ids.append(said)
        self.model.promises.append(Promise(provider, receiver, Fraction(halves, 2)))
        return len(self.ids) - 1

    @rule(number=promises, halves=st.integers(1, 6))
    def give(self, number: int, halves: int) -> None:
        held = self.model.promises[number]
        if held.is_released:
            return
        provider, receiver = self._who(held.provider), self._who(held.receiver)
        said = {"receiver": IDS[receiver], "fulfills": self.ids[number]}
        given = self.market.record(provider, "work", work=f"{halves / 2} hour", **said)
        assert self.market.sign_event(receiver, given) is None
        held.given += Fraction(halves, 2)

    @rule(number=promises)
    def release(self, number: int) -> None:
        held = self.model.promises[number]
        rule = self.market.release(self._who(held.receiver), self.ids[number])
        assert (rule is None) == (held.open > 0)
        held.is_released |= rule is None

    @rule(target=rings, author=_PEOPLE)
    def find(self, author: str) -> object:
        """Propose what the finder finds, where it finds something."""
        found = loops_in(loop.all_owed(self.market.state, with_claims=False))
        return self._propose(author, found[0].items) if found else multiple()

    @rule(target=rings, author=_PEOPLE, numbers=st.lists(promises, min_size=2, max_size=3, unique=True))
    def make_up(self, author: str, numbers: list[int]) -> object:
        """Propose anything at all; mostly it would not be fair."""
        items = (Item(self.ids[number], (1, 0)) for number in numbers)
        return self._propose(author, tuple(sorted(items, key=lambda item: item.promise)))

    def _propose(self, author: str, items: tuple[Item, ...]) -> object:
        parts = {self.ids.index(item.promise): Fraction(amount_text(item.amount)) for item in items}
        ring = Ring(parts)
        until_ms = self.market.now_ms + 48 * HOUR_MS
        rule, loop_id = self.market.propose_loop(self._who(author), Loop("hour", items, until_ms))
        is_known = any(one.parts == parts and one.status == "proposed" for one in self.model.rings)
        assert (rule is None) == (self.model.is_fair(parts) and self.model.is_open(parts) and not is_known)
        if rule is not None:
            assert rule in ("loop.unbalanced", "loop.promise_changed", "loop.proposed_already")
            return multiple()
        if author in self.model.parties(ring):
            ring.signers.add(author)
        self.model.rings.append(ring)
        self.loops.append(loop_id)
        return len(self.loops) - 1

    @rule(number=rings, person=_PEOPLE, accepts=st.sampled_from([True, True, True, False]))
    def answer(self, number: int, person: str, accepts: bool) -> None:
        ring = self.model.rings[number]
        rule = self.market.answer_loop(self._who(person), self.loops[number], accepts)
        if rule is not None:
            # The model does not tell how a set-off came to its end.
            over = ("loop.declined",) if ring.status == "over" else ()
            assert rule in ("loop.not_a_party", "loop.answered", f"loop.{ring.status}", *over)
            return
        assert ring.status == "proposed"
        if accepts:
            before = {one: self.model.position(one) for one in "abcd"}
            self.model.sign(ring, person)
            assert before == {one: self.model.position(one) for one in "abcd"}
        else:
            ring.status = "over"

    @rule()
    def time_passes(self) -> None:
        self.market.later(49)
        for ring in self.model.rings:
            ring.status = "expired" if ring.status == "proposed" else ring.status

    @invariant()
    def the_rules_agree_with_the_model(self) -> None:
        state = self.market.state
        for number, held in enumerate(self.model.promises):
            row = self.market.promised(self.ids[number])
            assert Fraction(amount_text(row.fulfilled)) == held.given + held.set_off
            assert Fraction(amount_text(tables.amount(state, "set_off", self.ids[number]))) == held.set_off
        for number, ring in enumerate(self.model.rings):
            status = self.market.loop_status(self.loops[number])
            assert status == ring.status or (ring.status, status) in (
                ("over", "declined"),
                ("over", "withdrawn"),
            )


TestOwings = Owings.TestCase
TestOwings.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
