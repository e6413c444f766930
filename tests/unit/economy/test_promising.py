"""Offers and needs, promises, claims."""

import pytest

from p2pnode.economy import tables
from p2pnode.economy.promising import CLAIM_CLOSE_TYPE, INTENT_CLOSE_TYPE, RELEASE_TYPE
from tests.unit.economy.market import ALICE, BOB, CAROL, IDS, REASON, Market, waiting_for


@pytest.fixture
def market() -> Market:
    return Market()


def test_d2_anyone_takes_up_what_a_commons_needs_and_gives_and_takes_in_turn(market: Market) -> None:
    # A commons needs something, and whoever wants to takes it up: nobody has to be let in for it.
    wanted = {"resource_conforms_to": "gluing", "work": "3 hour"}
    need = market.intent(ALICE, "request", "work", in_scope_of="boat", **wanted)
    promise = market.promise(BOB, "work", satisfies=need, receiver=IDS[ALICE], **wanted)
    assert market.refused_promise(CAROL, "work", satisfies=need, receiver=IDS[ALICE], **wanted) in (
        "intent.taken",
        "intent.closed",
    )
    done = market.record(BOB, "work", receiver=IDS[ALICE], fulfills=promise, in_scope_of="boat", **wanted)
    assert market.status(done) == "standing"
    # Who gave takes, and who took gives: the sides are those of an event, not of people.
    back = market.record(ALICE, "transfer", much="1 one", receiver=IDS[BOB])
    assert market.sign_event(BOB, back) is None
    rows = [tables.event(market.state, one) for one in (done, back)]
    assert [(row.provider, row.receiver) for row in rows if row is not None] == [
        (IDS[BOB], IDS[ALICE]),
        (IDS[ALICE], IDS[BOB]),
    ]


def test_d16_an_offer_is_taken_up_in_the_order(market: Market) -> None:
    offer = market.intent(ALICE, "offer", "transfer", much="3 kilogram", resource_conforms_to="apples")
    taken = {
        "much": "2 kilogram",
        "resource_conforms_to": "apples",
        "satisfies": offer,
        "provider": IDS[ALICE],
    }
    first = market.promise(BOB, "transfer", receiver=IDS[BOB], **taken)
    assert market.promised(first).signers == tuple(sorted((IDS[ALICE], IDS[BOB])))
    assert market.refused_promise(CAROL, "transfer", receiver=IDS[CAROL], **taken) == "intent.taken"
    market.promise(CAROL, "transfer", receiver=IDS[CAROL], **{**taken, "much": "1 kilogram"})
    row = tables.intent(market.state, offer)
    assert row is not None
    assert row.status == "closed"
    assert market.close(ALICE, INTENT_CLOSE_TYPE, offer) == "intent.closed"


def test_d16_what_is_taken_up_has_to_be_what_was_offered(market: Market) -> None:
    offer = market.intent(ALICE, "offer", "transfer", resource_conforms_to="apples")
    taking = {"much": "1 kilogram", "satisfies": offer, "receiver": IDS[BOB]}
    assert market.refused_promise(BOB, "transfer", provider=IDS[CAROL], **taking) == "intent.other_side"
    assert market.refused_promise(BOB, "transfer", provider=IDS[ALICE], **taking) == "intent.something_else"
    assert market.close(BOB, INTENT_CLOSE_TYPE, offer) == "intent.not_yours"
    assert market.close(ALICE, INTENT_CLOSE_TYPE, offer) is None
    assert (
        market.refused_promise(BOB, "transfer", provider=IDS[ALICE], resource_conforms_to="apples", **taking)
        == "intent.closed"
    )
    unknown = {**taking, "satisfies": REASON}
    assert market.refused_promise(BOB, "transfer", provider=IDS[ALICE], **unknown) == "intent.unknown"


def test_nobody_promises_for_another(market: Market) -> None:
    assert (
        market.refused_promise(BOB, "work", work="1 hour", provider=IDS[ALICE], receiver=IDS[BOB])
        == "commitment.not_yours"
    )
    assert market.refused_promise(BOB, "work", work="1 hour", receiver=REASON) == "commitment.no_such_agent"


def test_events_fulfil_promises(market: Market) -> None:
    promise = market.promise(ALICE, "work", work="3 hour", receiver=IDS[BOB])
    helped = {"receiver": IDS[BOB], "fulfills": promise}
    first = market.record(ALICE, "work", work="1 hour", **helped)
    assert market.status(first) == "waiting"
    assert market.sign_event(BOB, first) is None
    assert (market.promised(promise).fulfilled, market.promised(promise).status) == ((1, 0), "open")
    second = market.record(ALICE, "work", work="2 hour", **helped)
    assert market.sign_event(BOB, second) is None
    assert market.promised(promise).status == "fulfilled"
    assert (
        market.refused_event(ALICE, "work", work="1 hour", receiver=IDS[CAROL], fulfills=promise)
        == "commitment.other_parties"
    )
    assert market.refused_event(ALICE, "work", work="1 day", **helped) == "commitment.other_unit"
    assert (
        market.refused_event(ALICE, "deliverService", much="1 hour", **helped) == "commitment.something_else"
    )


def test_who_took_up_an_offer_need_not_sign_the_delivery_again(market: Market) -> None:
    offer = market.intent(ALICE, "offer", "work", work="2 hour")
    promise = market.promise(
        BOB, "work", work="2 hour", provider=IDS[ALICE], receiver=IDS[BOB], satisfies=offer
    )
    helped = {"receiver": IDS[BOB], "fulfills": promise}
    assert market.status(market.record(ALICE, "work", work="2 hour", **helped)) == "standing"
    more = market.record(ALICE, "work", work="1 hour", **helped)
    assert waiting_for(market, BOB) == [more]


def test_a_promise_is_given_back_by_who_should_receive(market: Market) -> None:
    promise = market.promise(ALICE, "work", work="3 hour", receiver=IDS[BOB])
    assert market.close(ALICE, RELEASE_TYPE, promise) == "commitment.receiver_releases"
    assert market.close(CAROL, RELEASE_TYPE, promise) == "commitment.not_yours"
    assert market.close(BOB, RELEASE_TYPE, promise) is None
    assert market.close(BOB, RELEASE_TYPE, promise) == "commitment.closed"
    open_to_all = market.promise(ALICE, "work", work="3 hour")
    assert market.close(ALICE, RELEASE_TYPE, open_to_all) is None
    assert market.close(ALICE, RELEASE_TYPE, REASON) == "commitment.unknown"


def test_a_claim_asks_and_is_settled(market: Market) -> None:
    helped = market.record(ALICE, "work", work="3 hour", receiver=IDS[BOB])
    asked = {"much": "2 kilogram", "resource_conforms_to": "apples"}
    assert market.claim(ALICE, "transfer", BOB, helped, **asked)[0] == "claim.no_event"
    assert market.sign_event(BOB, helped) is None
    assert market.claim(CAROL, "transfer", BOB, helped, **asked)[0] == "claim.not_a_party"
    rule, claim = market.claim(ALICE, "transfer", BOB, helped, **asked)
    assert rule is None
    given = {"receiver": IDS[ALICE], "resource_conforms_to": "apples", "settles": claim}
    assert market.refused_event(ALICE, "transfer", much="2 kilogram", **given) == "claim.other_parties"
    settled = market.record(BOB, "transfer", much="2 kilogram", **given)
    assert market.sign_event(ALICE, settled) is None
    row = tables.claim(market.state, claim)
    assert row is not None
    assert row.status == "fulfilled"
    assert market.close(ALICE, CLAIM_CLOSE_TYPE, claim) == "claim.closed"
    rule, other = market.claim(ALICE, "transfer", BOB, helped, **asked)
    assert market.close(BOB, CLAIM_CLOSE_TYPE, other) == "claim.not_yours"
    assert market.close(ALICE, CLAIM_CLOSE_TYPE, other) is None
