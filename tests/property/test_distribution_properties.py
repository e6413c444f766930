"""D5, D7, D18: what a rule shares agrees with a slow model in fractions, conserves, and knows no order."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.core.amount import Amount, amount_of
from p2pnode.economy import recording, transvestment
from p2pnode.economy.distributing import Basis, Capped, Given, distribute
from p2pnode.economy.journal import GIVEN, lines
from p2pnode.governance.distribution_rule import rule_of_value
from tests.reference.distribution import Facts, shared
from tests.sim.commons_sums import lost_commons_sum
from tests.unit.economy.market import BOB
from tests.unit.economy.test_giving_back import OUTSIDE, Borrowers

PEOPLE = [bytes([number]) * 32 for number in range(1, 6)]
_amounts = st.tuples(st.integers(1, 10**6), st.integers(-4, 0)).map(lambda pair: amount_of(*pair))
_changes = st.tuples(st.integers(-(10**6), 10**6), st.integers(-4, 0)).map(lambda pair: amount_of(*pair))
_units = st.sampled_from(["hour", "kilogram", "one"])
_streams = st.sampled_from(["livelihood", "commons", "care"])
_kinds = st.sampled_from([None, "bread", "git commit"])
_people = st.sampled_from(PEOPLE)


@st.composite
def _weights(draw: st.DrawFn) -> dict[str, Any]:
    weight: dict[str, Any] = {"unit": draw(_units), "weight": draw(st.integers(0, 7))}
    if draw(st.booleans()):
        weight["stream"] = draw(_streams)
    if draw(st.booleans()):
        weight["kind"] = draw(st.sampled_from(["bread", "git commit"]))
    return weight


@st.composite
def _buckets(draw: st.DrawFn, number: int) -> dict[str, Any]:
    kind = draw(st.sampled_from(["fund", "equal", "contributions", "consumption", "keys", "capped"]))
    bucket: dict[str, Any] = {"name": f"bucket {number}", "kind": kind}
    if draw(st.booleans()):
        bucket["of"] = draw(st.sampled_from(["whole", "rest"]))
    size = draw(st.sampled_from(["permille", "amount", *(["each"] if kind == "equal" else [])]))
    bucket[size] = draw(st.integers(1, 1000)) if size == "permille" else draw(st.sampled_from([3, "7.125"]))
    if kind == "contributions":
        bucket["weights"] = draw(st.lists(_weights(), min_size=1, max_size=3))
    if kind == "keys":
        keyed = draw(st.lists(_people, min_size=1, unique=True))
        bucket["keys"] = [{"member": who.hex(), "weight": draw(st.integers(0, 9))} for who in keyed]
    return bucket


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    count = draw(st.integers(1, 4))
    buckets = [draw(_buckets(number)) for number in range(count)]
    return {"unit": "EUR", "decimals": draw(st.integers(0, 4)), "buckets": buckets}


@st.composite
def bases(draw: st.DrawFn) -> Basis:
    given_ = draw(
        st.lists(
            st.builds(Given, who=_people, stream=_streams, kind=_kinds, unit=_units, amount=_changes),
            max_size=12,
        )
    )
    capped = draw(st.lists(_amounts, max_size=3))
    return Basis(
        draw(_changes),
        tuple(sorted(draw(st.lists(_people, unique=True)))),
        tuple(given_),
        tuple(draw(st.lists(st.tuples(_people, _changes), max_size=6))),
        tuple(Capped(bytes([9, number]) * 16, PEOPLE[number], left) for number, left in enumerate(capped)),
    )


def _fraction(amount: Amount) -> Fraction:
    return Fraction(amount[0]) * Fraction(10) ** amount[1]


def _facts(basis: Basis) -> Facts:
    return Facts(
        _fraction(basis.flow),
        list(basis.members),
        [(one.who, one.stream, one.kind, one.unit, _fraction(one.amount)) for one in basis.given],
        [(who, _fraction(amount)) for who, amount in basis.consumed],
        [(one.claim, _fraction(one.left)) for one in basis.capped],
    )


@settings(max_examples=300, deadline=None)
@given(rules(), bases())
def test_d5_shares_are_those_of_the_slow_model(value: dict[str, Any], basis: Basis) -> None:
    result = distribute(rule_of_value(value), basis)
    expected, taken, rest = shared(value, _facts(basis))
    assert [{share.of: share.amount for share in one.shares} for one in result.buckets] == expected
    assert [one.amount for one in result.buckets] == taken
    assert result.rest == rest


@settings(max_examples=200, deadline=None)
@given(rules(), bases(), st.randoms(use_true_random=False))
def test_d5_nothing_is_lost_nobody_negative_no_cap_exceeded(
    value: dict[str, Any], basis: Basis, chance: Any
) -> None:
    result = distribute(rule_of_value(value), basis)
    for one in result.buckets:
        assert sum(share.amount for share in one.shares) == (0 if one.kind == "fund" else one.amount)
        assert all(share.amount >= 0 for share in one.shares)
    funds = sum(one.amount for one in result.buckets if one.kind == "fund")
    owed = sum(amount for _, amount in (*result.owed, *result.returned))
    assert funds + owed + result.rest == result.total
    left = {one.claim: _fraction(one.left) for one in basis.capped}
    assert all(_fraction(result.amount(amount)) <= left[claim] for claim, amount in result.returned)
    assert _fraction(result.amount(result.total)) <= max(0, _fraction(basis.flow))
    given_, consumed, capped = list(basis.given), list(basis.consumed), list(basis.capped)
    for items in (given_, consumed, capped):
        chance.shuffle(items)
    shuffled = Basis(basis.flow, basis.members, tuple(given_), tuple(consumed), tuple(capped))
    assert distribute(rule_of_value(value), shuffled) == result


@settings(max_examples=100, deadline=None)
@given(_amounts, st.lists(_people, min_size=1, unique=True), st.integers(1, 1000))
def test_d18_equal_shares_come_first_and_differ_by_one_smallest_share_at_most(
    flow: Amount, members: list[bytes], permille: int
) -> None:
    buckets = [
        {"name": "all", "kind": "equal", "of": "whole", "permille": permille},
        {
            "name": "work",
            "kind": "contributions",
            "permille": 1000,
            "weights": [{"unit": "hour", "weight": 1}],
        },
    ]
    work = Given(members[0], "commons", None, "hour", (3, 0))
    basis = Basis(flow, tuple(sorted(members)), (work,))
    result = distribute(rule_of_value({"unit": "EUR", "buckets": buckets}), basis)
    alike = [share.amount for share in result.buckets[0].shares]
    assert len(alike) == len(members)
    assert max(alike) - min(alike) <= 1
    assert alike == sorted(alike, reverse=True), "ties go by the id of the member"
    # Whatever was contributed, everybody has at least the equal share.
    owed = dict(result.owed)
    assert all(owed.get(who, 0) >= alike[index] for index, who in enumerate(sorted(members)))


_steps = st.one_of(
    st.tuples(st.just("earn"), st.integers(1, 4000)),
    st.tuples(st.just("pay"), st.integers(1, 900)),
    st.tuples(st.sampled_from(["share", "strike", "restore"]), st.just(0)),
)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 2000), st.sampled_from([None, 50, 400]), st.lists(_steps, min_size=4, max_size=14))
def test_d7_over_several_runs_no_cap_is_exceeded_and_nothing_counts_twice(
    cap_permille: int, share_permille: int | None, steps: list[tuple[str, int]]
) -> None:
    group = Borrowers(surplus={"unit": "EUR", "decimals": 1, "buckets": [{**OUTSIDE, "permille": 700}]})
    returns = "debt" if share_permille is None else "equity"
    lent = group.borrow("1000.25 EUR", cap_permille, returns, share_permille=share_permille)
    group.borrow("30 EUR", 1000)
    cap = Fraction("1000.25") * cap_permille / 1000
    given_back, paid = Fraction(0), [group.earn("0.1 EUR")]
    for step, much in steps:
        if step == "earn":
            group.earn(f"{much} EUR")
        if step == "share" and Fraction(group.flow()) >= Fraction(1, 10):
            given_back += Fraction(group.returns(group.share()).get(lent, 0), 10)
        if step == "pay":
            rule, event_id = group.pay_back(BOB, lent, f"{much} EUR", group.bank)
            paid += [event_id] if rule is None else []
        if step in ("strike", "restore"):
            getattr(recording, step)(group.state, group.context, paid[-1])
        row = transvestment.returning(group.state, lent)
        claim = group.claim_row(lent)
        settled, promised, unshared = (_fraction(one) for one in (claim.settled, row.promised, row.unshared))
        assert min(promised, unshared, settled) >= 0
        assert settled + promised <= cap
        # Whatever was or will be paid was either shared out by a run or is a cost: once.
        assert given_back + unshared == settled + promised
        group.end_block()
        costs = (line for line in lines(group.state, GIVEN, 0, group.height) if line.who == group.bank)
        assert sum((_fraction(line.amount) for line in costs), Fraction(0)) == unshared
    assert lost_commons_sum(group.state) is None
