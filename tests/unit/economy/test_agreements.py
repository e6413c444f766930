"""Agreements: every state is decidable, nobody is locked, and known accidents do not happen here."""

from dataclasses import replace

import pytest

from p2pnode.core.errors import FormatError
from p2pnode.economy import agreement
from p2pnode.economy.agreeing import remainder
from p2pnode.economy.agreement import Clause, Limit, clause_id
from p2pnode.economy.agreement_flows import balances
from p2pnode.economy.measure import Measure
from p2pnode.governance import leaving
from tests.unit.economy.market import ALICE, BOB, CAROL, HOUR_MS, IDS, Market, clause, measure, waiting_for

_APPLES = {"resource_conforms_to": "apples"}


@pytest.fixture
def market() -> Market:
    return Market()


def _exchange() -> tuple[Clause, Clause]:
    return (
        clause(ALICE, BOB, much="2 kilogram", times=3, every_days=7, due_ms=0, **_APPLES),
        clause(BOB, ALICE, "work", work="4 hour"),
    )


def test_w1_d4_an_agreement_is_in_force_when_all_have_signed(market: Market) -> None:
    ring = (
        clause(ALICE, BOB, much="1 one"),
        clause(BOB, CAROL, "work", work="1 hour"),
        clause(CAROL, ALICE, much="1 litre"),
    )
    proposed = market.propose_agreement(ALICE, market.terms(*ring))
    assert market.agreed(proposed) == "proposed"
    assert market.answer_agreement(BOB, proposed) is None
    assert market.agreed(proposed) == "proposed"
    assert market.answer_agreement(CAROL, proposed) is None
    assert market.agreed(proposed) == "accepted"
    assert market.promised(clause_id(proposed, 1)).promised == (1, 0)


def test_d4_nobody_only_takes_unless_it_is_a_gift_and_says_so(market: Market) -> None:
    gift = clause(ALICE, BOB, much="2 kilogram")
    with pytest.raises(FormatError, match=r"agreement\.one_sided"):
        agreement.TERMS.encode(market.terms(gift))
    given = market.agree(gift, mode="gift", limits=(Limit(IDS[BOB], taken=measure("0 kilogram")),))
    market.record(ALICE, "transfer", much="2 kilogram", receiver=IDS[BOB], fulfills=clause_id(given, 0))
    assert list(balances(market.state, given)) == []


def test_events_fulfil_clauses_without_another_signature(market: Market) -> None:
    agreed = market.agree(*_exchange())
    first = clause_id(agreed, 0)
    assert market.promised(first).promised == (6, 0)
    delivered = market.record(
        ALICE, "transfer", much="2 kilogram", receiver=IDS[BOB], fulfills=first, **_APPLES
    )
    assert market.status(delivered) == "standing"
    assert market.promised(first).fulfilled == (2, 0)
    assert sorted(balances(market.state, agreed)) == sorted(
        [(IDS[ALICE], "kilogram", (2, 0), (0, 0)), (IDS[BOB], "kilogram", (0, 0), (2, 0))]
    )


def test_tolerance_says_what_is_expected_and_what_is_enough(market: Market) -> None:
    agreed = market.agree(*_exchange(), tolerance=(1, 10))
    delivered = {"receiver": IDS[BOB], "fulfills": clause_id(agreed, 0), **_APPLES}
    over = market.record(ALICE, "transfer", much="6.7 kilogram", **delivered)
    assert waiting_for(market, BOB) == [over]
    enough = market.record(ALICE, "transfer", much="5.4 kilogram", **delivered)
    assert market.status(enough) == "standing"
    market.record(BOB, "work", work="3 hour", receiver=IDS[ALICE], fulfills=clause_id(agreed, 1))
    row = agreement.agreement(market.state, agreed)
    assert row is not None
    assert remainder(market.state, agreed, row.terms) == [(1, Measure((1, 0), "hour"))]


def test_w7_beyond_a_limit_taking_is_frozen_and_thaws(market: Market) -> None:
    swap = (clause(ALICE, BOB, "work", work="10 hour"), clause(BOB, ALICE, "work", work="10 hour"))
    agreed = market.agree(*swap, limits=(Limit(IDS[BOB], taken=measure("3 hour")),))
    by_alice = {"receiver": IDS[BOB], "fulfills": clause_id(agreed, 0)}
    market.record(ALICE, "work", work="3 hour", **by_alice)
    assert market.refused_event(ALICE, "work", work="0.5 hour", **by_alice) == "agreement.frozen"
    market.later(24 * 365)
    assert {party: taken for party, _, _, taken in balances(market.state, agreed)}[IDS[BOB]] == (3, 0)
    market.record(BOB, "work", work="1 hour", receiver=IDS[ALICE], fulfills=clause_id(agreed, 1))
    market.record(ALICE, "work", work="1 hour", **by_alice)


def test_limits_hold_on_both_sides(market: Market) -> None:
    swap = (clause(ALICE, BOB, "work", work="10 hour"), clause(BOB, ALICE, "work", work="10 hour"))
    agreed = market.agree(*swap, limits=(Limit(IDS[ALICE], given=measure("2 hour")),))
    by_alice = {"receiver": IDS[BOB], "fulfills": clause_id(agreed, 0)}
    assert market.refused_event(ALICE, "work", work="3 hour", **by_alice) == "agreement.frozen"
    narrow = Limit(IDS[BOB], given=measure("5 hour"), taken=measure("1 hour"))
    both = market.agree(*swap, limits=(narrow,), end_ms=market.now_ms + HOUR_MS)
    by_alice = {"receiver": IDS[BOB], "fulfills": clause_id(both, 0)}
    by_bob = {"receiver": IDS[ALICE], "fulfills": clause_id(both, 1)}
    assert market.refused_event(ALICE, "work", work="2 hour", **by_alice) == "agreement.frozen"
    market.record(BOB, "work", work="4 hour", **by_bob)
    assert market.refused_event(BOB, "work", work="2 hour", **by_bob) == "agreement.frozen"
    market.record(ALICE, "work", work="5 hour", **by_alice)


def test_d13_a_failed_harvest_is_shared_as_agreed(market: Market) -> None:
    agreed = market.agree(*_exchange(), shared_risk=(1, 2))
    assert market.reduce_clause(BOB, agreed, 0, "4 kilogram") == "agreement.not_yours"
    assert market.reduce_clause(ALICE, agreed, 0, "2 kilogram") == "agreement.beyond_risk"
    assert market.reduce_clause(ALICE, agreed, 0, "6 kilogram") == "agreement.no_reduction"
    assert market.reduce_clause(ALICE, agreed, 0, "3 litre") == "agreement.other_unit"
    assert market.reduce_clause(ALICE, agreed, 0, "3 kilogram") is None
    assert market.promised(clause_id(agreed, 0)).promised == (3, 0)
    assert market.promised(clause_id(agreed, 1)).promised == (4, 0)
    assert market.reduce_clause(ALICE, agreed, 7, "3 kilogram") == "agreement.no_such_clause"
    strict = market.agree(*_exchange())
    assert market.reduce_clause(ALICE, strict, 0, "5 kilogram") == "agreement.no_shared_risk"


def test_w1_any_party_closes_with_a_stated_remainder(market: Market) -> None:
    agreed = market.agree(*_exchange())
    market.record(
        ALICE, "transfer", much="2 kilogram", receiver=IDS[BOB], fulfills=clause_id(agreed, 0), **_APPLES
    )
    assert market.close_agreement(CAROL, agreed) == "agreement.not_a_party"
    assert market.close_agreement(BOB, agreed) is None
    row = agreement.agreement(market.state, agreed)
    assert row is not None
    assert (market.agreed(agreed), row.ended_by) == ("closed", IDS[BOB])
    left = [(0, Measure((4, 0), "kilogram")), (1, Measure((4, 0), "hour"))]
    assert remainder(market.state, agreed, row.terms) == left
    assert market.close_agreement(ALICE, agreed) == "agreement.not_in_force"
    late = {"receiver": IDS[BOB], "fulfills": clause_id(agreed, 0), **_APPLES}
    assert market.refused_event(ALICE, "transfer", much="1 kilogram", **late) == "commitment.closed"


def test_accident_partner_accepts_then_vanishes(market: Market) -> None:
    agreed = market.agree(*_exchange())
    assert market.try_write(BOB, leaving.LEAVE_TYPE, leaving.encode(leaving.Leave()))[0] is None
    market.later(24 * 365)
    assert market.agreed(agreed) == "accepted"
    assert market.close_agreement(ALICE, agreed) is None
    assert market.agreed(agreed) == "closed"


def test_accident_accepts_twice_with_different_terms(market: Market) -> None:
    terms = market.terms(*_exchange())
    proposed = market.propose_agreement(ALICE, terms)
    other = replace(terms, name="other vegetables")
    assert market.answer_agreement(BOB, proposed, terms=other.hash) == "agreement.other_terms"
    assert market.agreed(proposed) == "proposed"
    assert market.answer_agreement(BOB, proposed) is None
    assert market.answer_agreement(BOB, proposed) == "agreement.answered"
    assert market.answer_agreement(BOB, proposed, terms=other.hash) == "agreement.answered"
    assert market.agreed(proposed) == "accepted"


def test_accident_accepts_after_expiry_by_an_offline_clock(market: Market) -> None:
    proposed = market.propose_agreement(ALICE, market.terms(*_exchange()))
    row = agreement.agreement(market.state, proposed)
    assert row is not None
    signed_ms = market.now_ms
    market.later(49)
    assert market.agreed(proposed) == "expired"
    payload = agreement.ANSWER.encode(agreement.Answer(proposed, row.terms.hash, True))
    assert market.refused(BOB, agreement.ANSWER_TYPE, payload, at_ms=signed_ms) == "agreement.expired"
    # What expired blocks nothing: the same terms may be proposed again.
    fresh = replace(row.terms, answer_until_ms=market.now_ms + HOUR_MS)
    again = market.propose_agreement(BOB, fresh)
    assert market.answer_agreement(ALICE, again) is None


def test_accident_proposer_withdraws_while_acceptance_is_in_flight(market: Market) -> None:
    proposed = market.propose_agreement(ALICE, market.terms(*_exchange()))
    assert market.withdraw_agreement(BOB, proposed) == "agreement.not_yours"
    assert market.withdraw_agreement(ALICE, proposed) is None
    assert market.answer_agreement(BOB, proposed) == "agreement.withdrawn"
    assert market.agreed(proposed) == "withdrawn"
    # The other order: the acceptance was first.
    second = market.propose_agreement(ALICE, market.terms(*_exchange()))
    assert market.answer_agreement(BOB, second) is None
    assert market.withdraw_agreement(ALICE, second) == "agreement.in_force"
    assert market.agreed(second) == "accepted"


def test_accident_both_propose_the_same_thing(market: Market) -> None:
    terms = market.terms(*_exchange())
    proposed = market.propose_agreement(ALICE, terms)
    assert market.refused_agreement(BOB, terms) == "agreement.proposed_already"
    assert market.answer_agreement(BOB, proposed) is None
    assert market.refused_agreement(BOB, terms) == "agreement.proposed_already"
    assert market.close_agreement(BOB, proposed) is None
    assert market.propose_agreement(BOB, terms) != proposed


def test_accident_both_propose_the_same_thing_at_other_times_with_other_words(market: Market) -> None:
    """Neither knew of the other's: the first in order stands, and nobody promises twice."""
    terms = market.terms(*_exchange())
    by_alice = market.propose_agreement(ALICE, replace(terms, annex=bytes(32)))
    by_bob = replace(terms, answer_until_ms=terms.answer_until_ms + 7, annex=bytes([1]) * 32)
    assert market.refused_agreement(BOB, by_bob) == "agreement.proposed_already"
    # What was not answered in time is in nobody's way, and does not clear away what came after it.
    market.later(49)
    again = market.propose_agreement(BOB, replace(by_bob, answer_until_ms=market.now_ms + HOUR_MS))
    assert market.withdraw_agreement(ALICE, by_alice) == "agreement.expired"
    assert market.answer_agreement(ALICE, again) is None
    other_terms = replace(terms, answer_until_ms=market.now_ms + HOUR_MS, tolerance=(1, 10))
    assert market.agreed(market.propose_agreement(BOB, other_terms)) == "proposed"


def test_accident_neither_log_stops(market: Market) -> None:
    """Whatever becomes of a proposal, both go on writing and agreeing about other things."""
    for number, end in enumerate(("nothing", "withdrawn", "declined", "expired"), start=1):
        proposed = market.propose_agreement(ALICE, market.terms(*_exchange(), tolerance=(1, number + 1)))
        if end == "withdrawn":
            assert market.withdraw_agreement(ALICE, proposed) is None
        if end == "declined":
            assert market.answer_agreement(BOB, proposed, accepts=False) is None
            assert market.agreed(proposed) == "declined"
            assert market.answer_agreement(BOB, proposed) == "agreement.declined"
        market.later(49 if end == "expired" else 1)
        market.record(ALICE, "work", work="1 hour", receiver=market.group)
        about = {"work": f"{number} hour"}
        market.agree(clause(ALICE, BOB, "work", **about), clause(BOB, ALICE, "work", **about))
        market.later(1)


def test_what_is_not_planned_counts_in_an_agreement_too(market: Market) -> None:
    agreed = market.agree(*_exchange())
    extra = market.record(ALICE, "transfer", much="1 litre", receiver=IDS[BOB], realization_of=agreed)
    assert market.sign_event(BOB, extra) is None
    assert (IDS[ALICE], "litre", (1, 0), (0, 0)) in list(balances(market.state, agreed))
    assert (
        market.refused_event(CAROL, "transfer", much="1 litre", receiver=IDS[BOB], realization_of=agreed)
        == "agreement.not_a_party"
    )


def test_terms_are_checked_before_anybody_signs(market: Market) -> None:
    terms = market.terms(*_exchange())
    assert market.refused_agreement(CAROL, terms) == "agreement.not_a_party"
    stranger = replace(terms, parties=tuple(sorted((*terms.parties, bytes(32)))), mode="gift")
    with pytest.raises(FormatError, match=r"agreement\.bystander"):
        agreement.TERMS.encode(stranger)
    late = replace(terms, answer_until_ms=market.now_ms - 1)
    assert market.refused_agreement(ALICE, late) == "agreement.expired"
