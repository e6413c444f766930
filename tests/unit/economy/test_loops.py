"""Loops of open promises: found exactly, carried out whole or not at all, and nobody is locked."""

import pytest

from p2pnode.economy import loop, tables
from p2pnode.economy.agreement import Limit, clause_id
from p2pnode.economy.agreement_flows import balances
from p2pnode.economy.loop import Item, Owed
from p2pnode.economy.looping import OPEN_BY_MEMBER_MAX
from p2pnode.governance import leaving
from p2pnode.loop_finding import Found, loops_in
from tests.unit.economy.market import ALICE, BOB, CAROL, DORA, IDS, REASON, Market, clause, measure


@pytest.fixture
def market() -> Market:
    return Market()


def _found(market: Market, *, with_claims: bool = False, is_any_kind: bool = False) -> list[Found]:
    return loops_in(loop.all_owed(market.state, with_claims=with_claims), is_any_kind=is_any_kind)


def _proposed(market: Market, who: int, promises: tuple[bytes, ...], amount: str = "2") -> bytes:
    rule, loop_id = market.propose_loop(who, market.loop_of(*((one, amount) for one in promises)))
    assert rule is None
    return loop_id


def test_w8_three_are_relieved_when_all_have_signed(market: Market) -> None:
    promises = market.owed_round(ALICE, BOB, CAROL)
    (ring,) = _found(market)
    assert set(ring.members) == {IDS[ALICE], IDS[BOB], IDS[CAROL]}
    assert ring.amount == (2, 0)
    proposed = _proposed(market, ALICE, promises)
    assert market.answer_loop(BOB, proposed) is None
    assert [market.promised(one).status for one in promises] == ["open"] * 3
    assert market.answer_loop(CAROL, proposed) is None
    assert market.loop_status(proposed) == "settled"
    assert [market.promised(one).status for one in promises] == ["fulfilled"] * 3
    assert [tables.amount(market.state, "set_off", one) for one in promises] == [(2, 0)] * 3
    # Nothing was given or taken: accounts stay as they are.
    assert market.given(ALICE, BOB, "hour") == (0, 0)
    assert _found(market) == []
    assert market.answer_loop(CAROL, proposed) == "loop.settled"


def test_w8_the_smallest_promise_of_a_ring_limits_it_and_the_rest_stays_open(market: Market) -> None:
    first = market.promise(ALICE, "work", work="3 hour", receiver=IDS[BOB])
    second = market.promise(BOB, "work", work="1.5 hour", receiver=IDS[ALICE])
    (ring,) = _found(market)
    assert ring.amount == (15, -1)
    proposed = _proposed(market, ALICE, (first, second), "1.5")
    assert market.answer_loop(BOB, proposed) is None
    assert market.promised(first).fulfilled == (15, -1)
    assert market.promised(first).status == "open"


def test_w8_a_promise_that_changed_makes_the_whole_void_and_is_named(market: Market) -> None:
    promises = market.owed_round(ALICE, BOB, CAROL)
    proposed = _proposed(market, ALICE, promises)
    assert market.answer_loop(BOB, proposed) is None
    helped = market.record(BOB, "work", work="1 hour", receiver=IDS[CAROL], fulfills=promises[1])
    assert market.sign_event(CAROL, helped) is None
    assert market.answer_loop(CAROL, proposed) is None
    assert market.loop_status(proposed) == "void"
    row = loop.loop(market.state, proposed)
    assert row is not None
    assert row.changed == promises[1]
    assert market.promised(promises[0]).fulfilled == (0, 0)
    assert market.answer_loop(CAROL, proposed) == "loop.void"


def test_w8_who_vanishes_locks_nobody(market: Market) -> None:
    promises = market.owed_round(ALICE, BOB, CAROL)
    proposed = _proposed(market, ALICE, promises)
    assert market.answer_loop(BOB, proposed) is None
    # Meanwhile everything goes on: a promise may be given back or kept, and another loop takes its place.
    other = market.promise(BOB, "work", work="2 hour", receiver=IDS[ALICE])
    second = _proposed(market, BOB, (promises[0], other))
    assert market.answer_loop(ALICE, second) is None
    assert market.loop_status(second) == "settled"
    market.later(49)
    assert market.loop_status(proposed) == "expired"
    assert market.answer_loop(CAROL, proposed) == "loop.expired"
    assert market.release(CAROL, promises[1]) is None


def test_w8_anybody_in_it_declines_and_who_proposed_takes_it_back(market: Market) -> None:
    promises = market.owed_round(ALICE, BOB)
    proposed = _proposed(market, DORA, promises)
    row = loop.loop(market.state, proposed)
    assert row is not None
    assert row.signers == (), "who proposes and is no party has signed nothing"
    assert market.answer_loop(CAROL, proposed) == "loop.not_a_party"
    assert market.answer_loop(ALICE, proposed) is None
    assert market.answer_loop(ALICE, proposed) == "loop.answered"
    assert market.answer_loop(ALICE, proposed, accepts=False) is None, (
        "not all have signed: one may think again"
    )
    assert market.loop_status(proposed) == "declined"
    assert market.answer_loop(BOB, proposed) == "loop.declined"
    again = _proposed(market, DORA, promises)
    assert market.answer_loop(DORA, again, accepts=False) is None
    assert market.loop_status(again) == "withdrawn"
    assert market.answer_loop(ALICE, REASON) == "loop.unknown"


def test_w8_nobody_gives_up_more_than_they_are_relieved_of(market: Market) -> None:
    first, second, _ = market.owed_round(ALICE, BOB, CAROL)
    assert market.propose_loop(ALICE, market.loop_of((first, "1"), (second, "1")))[0] == "loop.unbalanced"
    back = market.promise(BOB, "work", work="2 hour", receiver=IDS[ALICE])
    assert market.propose_loop(ALICE, market.loop_of((first, "2"), (back, "1")))[0] == "loop.unbalanced"
    assert market.propose_loop(ALICE, market.loop_of((first, "3"), (back, "3")))[0] == "loop.promise_changed"
    assert (
        market.propose_loop(ALICE, market.loop_of((first, "1"), (REASON, "1")))[0] == "loop.unknown_promise"
    )
    other_unit = market.loop_of((first, "1"), (back, "1"), unit="day")
    assert market.propose_loop(ALICE, other_unit)[0] == "loop.other_unit"
    late = market.loop_of((first, "1"), (back, "1"), hours=-1)
    assert market.propose_loop(ALICE, late)[0] == "loop.expired"
    open_to_all = market.promise(BOB, "work", work="2 hour")
    nobody = market.loop_of((first, "1"), (open_to_all, "1"))
    assert market.propose_loop(ALICE, nobody)[0] == "loop.promised_to_nobody"
    said = market.loop_of((first, "1"), (back, "1"))
    assert market.propose_loop(ALICE, said)[0] is None
    assert market.propose_loop(BOB, said)[0] == "loop.proposed_already"


def test_what_expired_does_not_clear_away_what_came_after_it(market: Market) -> None:
    promises = market.owed_round(ALICE, BOB)
    first = _proposed(market, DORA, promises)
    market.later(49)
    assert market.loop_status(first) == "expired"
    second = _proposed(market, DORA, promises)
    assert market.try_write(BOB, leaving.LEAVE_TYPE, leaving.encode(leaving.Leave()))[0] is None
    market.end_block()
    assert (market.loop_status(first), market.loop_status(second)) == ("expired", "declined")


def test_one_member_does_not_bury_the_others_in_loops(market: Market) -> None:
    first, second = market.owed_round(ALICE, BOB, work="100 hour")
    for number in range(1, OPEN_BY_MEMBER_MAX + 1):
        assert (
            market.propose_loop(ALICE, market.loop_of((first, str(number)), (second, str(number))))[0] is None
        )
    last = market.loop_of((first, "99"), (second, "99"))
    assert market.propose_loop(ALICE, last)[0] == "loop.too_many"
    market.later(49)
    assert market.propose_loop(ALICE, market.loop_of((first, "99"), (second, "99")))[0] is None


def test_w8_different_units_and_kinds_are_not_set_off(market: Market) -> None:
    market.promise(ALICE, "work", work="2 hour", receiver=IDS[BOB])
    market.promise(BOB, "transfer", much="2 kilogram", receiver=IDS[ALICE], resource_conforms_to="apples")
    assert _found(market) == []
    market.promise(ALICE, "transfer", much="1 kilogram", receiver=IDS[BOB], resource_conforms_to="nuts")
    assert _found(market) == [], "a kilogram of nuts is no kilogram of apples, unless people say so"
    (ring,) = _found(market, is_any_kind=True)
    assert (ring.unit, ring.amount) == ("kilogram", (1, 0))


def test_w8_clauses_of_agreements_count_in_their_balance(market: Market) -> None:
    swap = (clause(ALICE, BOB, "work", work="3 hour"), clause(BOB, ALICE, much="1 one"))
    agreed = market.agree(*swap, limits=(Limit(IDS[BOB], taken=measure("2 hour")),))
    first = clause_id(agreed, 0)
    second = market.promise(BOB, "work", work="3 hour", receiver=IDS[ALICE])
    proposed = _proposed(market, ALICE, (first, second), "3")
    assert market.answer_loop(BOB, proposed) is None
    assert market.promised(first).status == "fulfilled"
    assert sorted(balances(market.state, agreed)) == sorted(
        [(IDS[ALICE], "hour", (3, 0), (0, 0)), (IDS[BOB], "hour", (0, 0), (3, 0))]
    )
    # Beyond the limit, but both agreed; what goes the other way is never frozen.
    extra = market.record(BOB, "work", work="0.5 hour", receiver=IDS[ALICE], realization_of=agreed)
    assert market.sign_event(ALICE, extra) is None
    more = market.record(ALICE, "work", work="0.5 hour", receiver=IDS[BOB], realization_of=agreed)
    assert market.sign_event(BOB, more) == "agreement.frozen"


def test_a_gift_is_owed_by_nobody(market: Market) -> None:
    given = market.agree(clause(ALICE, BOB, "work", work="2 hour"), mode="gift")
    back = market.promise(BOB, "work", work="2 hour", receiver=IDS[ALICE])
    assert _found(market) == []
    said = market.loop_of((clause_id(given, 0), "1"), (back, "1"))
    assert market.propose_loop(ALICE, said)[0] == "loop.gift"


def test_w8_a_claim_is_accepted_by_signing_its_loop(market: Market) -> None:
    helped = market.record(ALICE, "work", work="3 hour", receiver=IDS[BOB])
    assert market.sign_event(BOB, helped) is None
    rule, claim = market.claim(ALICE, "work", BOB, helped, work="2 hour")
    assert rule is None
    promise = market.promise(ALICE, "work", work="2 hour", receiver=IDS[BOB])
    assert _found(market) == [], "a claim binds nobody, so it is looked at only where somebody asks for it"
    (ring,) = _found(market, with_claims=True)
    assert {item.promise for item in ring.items} == {claim, promise}
    proposed = _proposed(market, ALICE, (claim, promise))
    assert market.answer_loop(BOB, proposed) is None
    row = tables.claim(market.state, claim)
    assert row is not None
    assert row.status == "fulfilled"


def test_who_has_left_is_in_no_loop(market: Market) -> None:
    promises = market.owed_round(ALICE, BOB, CAROL)
    assert market.try_write(BOB, leaving.LEAVE_TYPE, leaving.encode(leaving.Leave()))[0] is None
    assert _found(market) == []
    said = market.loop_of(*((one, "1") for one in promises))
    assert market.propose_loop(ALICE, said)[0] == "loop.no_such_member"


def _owed(number: int, provider: int, receiver: int, whole: int, exponent: int = 0) -> Owed:
    ends = bytes([provider]) * 32, bytes([receiver]) * 32
    return Owed(number.to_bytes(32, "big"), *ends, "hour", None, (whole, exponent), None, True)


def test_w8_a_long_ring_of_amounts_of_every_size_is_exact() -> None:
    """What cannot be written as one exact amount is left over rather than rounded."""
    largest = 2**63 - 1
    found = loops_in([_owed(1, 1, 2, largest), _owed(2, 2, 3, largest, -18), _owed(3, 3, 1, largest, -6)])
    assert [ring.amount for ring in found] == [(9223372, -6)]


def test_w8_many_small_promises_come_in_several_rings() -> None:
    owed = [_owed(number, 1, 2, 1) for number in range(1, 151)]
    owed += [_owed(number, 2, 1, 1) for number in range(151, 301)]
    found = loops_in(owed)
    assert [ring.amount for ring in found] == [(100, 0), (50, 0)]
    assert all(len(ring.items) == 2 * ring.amount[0] for ring in found)
    assert len({item.promise for ring in found for item in ring.items}) == 300


def test_w8_the_largest_sum_wins_over_the_shortest_ring() -> None:
    """Two rings share a promise: setting off the longer one relieves more people."""
    owed = [_owed(1, 1, 2, 1), _owed(2, 2, 1, 1), _owed(3, 2, 3, 1), _owed(4, 3, 4, 1), _owed(5, 4, 1, 1)]
    (ring,) = loops_in(owed)
    assert {item.promise[-1] for item in ring.items} == {1, 3, 4, 5}
    assert Item(owed[1].id, (1, 0)) not in ring.items
