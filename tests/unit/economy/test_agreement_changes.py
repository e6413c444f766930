"""Agreements change only by all: other parties, other terms, and an end that comes by itself."""

from dataclasses import replace

import pytest

from p2pnode.economy import agreement
from p2pnode.economy.agreement import clause_id
from tests.unit.economy.market import ALICE, BOB, CAROL, HOUR_MS, IDS, Market, clause


@pytest.fixture
def market() -> Market:
    return Market()


def _swap(first: int, second: int, hours: int = 4) -> tuple[agreement.Clause, agreement.Clause]:
    work = f"{hours} hour"
    return clause(first, second, "work", work=work), clause(second, first, "work", work=work)


def test_w1_other_terms_take_the_place_of_the_old_when_all_have_signed(market: Market) -> None:
    old = market.agree(*_swap(ALICE, BOB))
    market.record(ALICE, "work", work="1 hour", receiver=IDS[BOB], fulfills=clause_id(old, 0))
    new = market.propose_agreement(ALICE, market.terms(*_swap(ALICE, BOB, 6), replaces=old))
    assert market.agreed(old) == "accepted", "until all have signed, nothing changes"
    market.record(ALICE, "work", work="1 hour", receiver=IDS[BOB], fulfills=clause_id(old, 0))
    assert market.answer_agreement(BOB, new) is None
    assert (market.agreed(old), market.agreed(new)) == ("closed", "accepted")
    assert market.promised(clause_id(old, 0)).status == "released"
    assert market.promised(clause_id(old, 0)).fulfilled == (2, 0)


def test_w1_a_party_comes_in_and_another_goes_only_by_all(market: Market) -> None:
    old = market.agree(*_swap(ALICE, BOB))
    terms = market.terms(*_swap(ALICE, CAROL), replaces=old)
    assert market.refused_agreement(CAROL, terms) == "agreement.not_a_party", "who is in it proposes"
    new = market.propose_agreement(ALICE, terms)
    assert market.answer_agreement(CAROL, new) is None
    assert (market.agreed(old), market.agreed(new)) == ("accepted", "proposed"), "Bob signs that he goes"
    assert market.answer_agreement(BOB, new) is None
    assert (market.agreed(old), market.agreed(new)) == ("closed", "accepted")
    assert market.close_agreement(BOB, new) == "agreement.not_a_party"


def test_w1_who_would_go_says_no_and_the_old_stays(market: Market) -> None:
    old = market.agree(*_swap(ALICE, BOB))
    new = market.propose_agreement(ALICE, market.terms(*_swap(ALICE, CAROL), replaces=old))
    assert market.answer_agreement(BOB, new, accepts=False) is None
    assert (market.agreed(old), market.agreed(new)) == ("accepted", "declined")


def test_w1_the_old_one_closed_meanwhile_hinders_nobody(market: Market) -> None:
    old = market.agree(*_swap(ALICE, BOB))
    new = market.propose_agreement(ALICE, market.terms(*_swap(ALICE, CAROL), replaces=old))
    assert market.close_agreement(BOB, old) is None
    assert market.answer_agreement(CAROL, new) is None
    assert market.agreed(new) == "accepted"
    terms = market.terms(*_swap(ALICE, BOB), replaces=old)
    assert market.refused_agreement(ALICE, terms) == "agreement.not_in_force"
    unknown = replace(terms, replaces=bytes(32))
    assert market.refused_agreement(ALICE, unknown) == "agreement.unknown"


def test_w1_the_first_block_after_its_end_closes_it(market: Market) -> None:
    agreed = market.agree(*_swap(ALICE, BOB), end_ms=market.now_ms + 10 * HOUR_MS)
    without_end = market.agree(*_swap(ALICE, BOB, 5))
    market.later(9)
    market.end_block()
    assert market.agreed(agreed) == "accepted"
    market.later(2)
    # What comes with the block that ends it still counts: who was off-line for a day loses nothing.
    market.record(ALICE, "work", work="1 hour", receiver=IDS[BOB], fulfills=clause_id(agreed, 0))
    market.end_block()
    assert (market.agreed(agreed), market.agreed(without_end)) == ("closed", "accepted")
    row = agreement.agreement(market.state, agreed)
    assert row is not None
    assert row.ended_by is None
    assert market.promised(clause_id(agreed, 0)).fulfilled == (1, 0)
    late = {"receiver": IDS[BOB], "fulfills": clause_id(agreed, 0)}
    assert market.refused_event(ALICE, "work", work="1 hour", **late) == "commitment.closed"
    past = market.terms(*_swap(ALICE, BOB), end_ms=market.now_ms)
    assert market.refused_agreement(ALICE, past) == "agreement.past_end"


def test_an_agreement_that_was_closed_before_its_end_ends_once(market: Market) -> None:
    agreed = market.agree(*_swap(ALICE, BOB), end_ms=market.now_ms + 10 * HOUR_MS)
    assert market.close_agreement(ALICE, agreed) is None
    market.later(11)
    market.end_block()
    row = agreement.agreement(market.state, agreed)
    assert row is not None
    assert row.ended_by == IDS[ALICE]
