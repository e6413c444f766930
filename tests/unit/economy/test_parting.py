"""Who leaves or is removed: what was open is settled with a stated remainder, and nobody waits for them."""

import pytest

from p2pnode.economy import agreement, tables
from p2pnode.economy.agreeing import remainder
from p2pnode.economy.agreement import clause_id
from p2pnode.economy.measure import Measure
from p2pnode.economy.promising import INTENT_CLOSE_TYPE
from p2pnode.governance import leaving
from p2pnode.governance.tables import member, scan
from tests.unit.economy.market import ALICE, BOB, CAROL, DORA, IDS, Market, clause, measure, waiting_for

_APPLES = {"resource_conforms_to": "apples"}


@pytest.fixture
def market() -> Market:
    return Market()


def _leave(market: Market, who: int) -> None:
    assert market.try_write(who, leaving.LEAVE_TYPE, leaving.encode(leaving.Leave()))[0] is None
    market.end_block()


def _left_of(market: Market, agreement_id: bytes) -> list[tuple[int, Measure]]:
    row = agreement.agreement(market.state, agreement_id)
    assert row is not None
    return remainder(market.state, agreement_id, row.terms)


def test_w1_who_leaves_closes_what_two_had_agreed_with_what_remains(market: Market) -> None:
    agreed = market.agree(
        clause(ALICE, BOB, much="6 kilogram", **_APPLES), clause(BOB, ALICE, "work", work="4 hour")
    )
    market.record(
        ALICE, "transfer", much="2 kilogram", receiver=IDS[BOB], fulfills=clause_id(agreed, 0), **_APPLES
    )
    _leave(market, BOB)
    assert market.agreed(agreed) == "closed"
    assert _left_of(market, agreed) == [(0, Measure((4, 0), "kilogram")), (1, Measure((4, 0), "hour"))]
    row = agreement.agreement(market.state, agreed)
    assert row is not None
    assert row.ended_by == IDS[BOB]
    assert market.given(ALICE, IDS[BOB], "kilogram") == (2, 0), "what was given stays given"


def test_w10_who_is_removed_owes_and_is_owed_nothing(market: Market) -> None:
    agreed = market.agree(clause(ALICE, BOB, much="1 one"), clause(BOB, ALICE, "work", work="4 hour"))
    promise = market.promise(BOB, "work", work="2 hour", receiver=IDS[CAROL])
    promised_to = market.promise(CAROL, "work", work="3 hour", receiver=IDS[BOB])
    between_others = market.promise(CAROL, "work", work="1 hour", receiver=IDS[ALICE])
    offer = market.intent(BOB, "offer", "work", work="5 hour")
    helped = market.record(CAROL, "work", work="1 hour", receiver=IDS[BOB])
    assert market.sign_event(BOB, helped) is None
    _, claim = market.claim(CAROL, "work", BOB, helped, work="1 hour")
    unsigned = market.record(CAROL, "work", work="1 hour", receiver=IDS[BOB])
    removal = market.propose(ALICE, "remove", {"member": IDS[BOB]})
    market.cast_all(removal, "yes", "", "yes", "yes")
    market.later(14 * 24)
    market.end_block()
    row = member(market.state, IDS[BOB])
    assert row is not None
    assert row.status == "removed"
    assert market.agreed(agreed) == "closed"
    assert [market.promised(one).status for one in (promise, promised_to)] == ["released", "released"]
    assert market.promised(between_others).status == "open"
    held = tables.claim(market.state, claim)
    assert held is not None
    assert held.status == "closed"
    assert market.close(BOB, INTENT_CLOSE_TYPE, offer) is not None
    published = tables.intent(market.state, offer)
    assert published is not None
    assert published.status == "closed"
    assert market.status(unsigned) == "declined"
    assert waiting_for(market, BOB) == []
    assert not list(scan(market.state, "departed"))


def test_w1_the_others_go_on_where_each_still_gives_something(market: Market) -> None:
    ring = [clause(who, other, "work", work="3 hour") for who, other in ((ALICE, BOB), (BOB, ALICE))]
    ring += [clause(DORA, ALICE, "work", work="1 hour"), clause(ALICE, DORA, "work", work="1 hour")]
    agreed = market.agree(*ring)
    _leave(market, DORA)
    assert market.agreed(agreed) == "accepted"
    assert [market.promised(clause_id(agreed, index)).status for index in range(4)] == [
        "open",
        "open",
        "released",
        "released",
    ]
    assert market.reduce_clause(ALICE, agreed, 3, "0.5 hour") == "commitment.closed"
    helped = {"receiver": IDS[BOB], "fulfills": clause_id(agreed, 0)}
    assert market.status(market.record(ALICE, "work", work="1 hour", **helped)) == "standing"
    _leave(market, BOB)
    assert market.agreed(agreed) == "closed"


def test_d4_a_ring_in_which_somebody_would_only_take_is_closed(market: Market) -> None:
    agreed = market.agree(
        clause(ALICE, BOB, much="1 one"), clause(BOB, CAROL, much="1 one"), clause(CAROL, ALICE, much="1 one")
    )
    _leave(market, CAROL)
    assert market.agreed(agreed) == "closed"


def test_what_waits_for_who_has_gone_is_over(market: Market) -> None:
    swap = (clause(ALICE, BOB, much="1 one"), clause(BOB, ALICE, much="2 one"))
    by_alice = market.propose_agreement(ALICE, market.terms(*swap))
    by_bob = market.propose_agreement(BOB, market.terms(*swap, end_ms=market.now_ms + 1))
    promises = market.owed_round(ALICE, BOB)
    rule, proposed = market.propose_loop(ALICE, market.loop_of(*((one, "1") for one in promises)))
    assert rule is None
    _leave(market, BOB)
    assert market.agreed(by_alice) == "declined"
    assert market.agreed(by_bob) == "withdrawn"
    assert market.loop_status(proposed) == "declined"


def test_a_correction_with_somebody_gone_only_burdens_who_writes_it(market: Market) -> None:
    helped = market.record(ALICE, "work", work="3 hour", receiver=IDS[BOB])
    assert market.sign_event(BOB, helped) is None
    taken = market.record(BOB, "work", work="3 hour", receiver=IDS[ALICE])
    assert market.sign_event(ALICE, taken) is None
    by_bob = market.record(BOB, "work", work="1 hour", receiver=market.group)
    _leave(market, BOB)
    own = {"corrects": helped, "provider": IDS[ALICE], "receiver": IDS[BOB]}
    assert market.refused_event(ALICE, "work", work="1 hour", **own) == "event.departed"
    assert market.status(market.record(ALICE, "work", work="-1 hour", **own)) == "standing"
    assert market.given(ALICE, IDS[BOB], "hour") == (2, 0)
    theirs = {"corrects": taken, "provider": IDS[BOB], "receiver": IDS[ALICE]}
    assert market.refused_event(ALICE, "work", work="-1 hour", **theirs) == "event.departed"
    assert market.status(market.record(ALICE, "work", work="1 hour", **theirs)) == "standing"
    of_bob = {"corrects": by_bob, "provider": IDS[BOB], "receiver": market.group}
    assert market.refused_event(ALICE, "work", work="-1 hour", **of_bob) == "event.departed"
    assert market.refused_event(ALICE, "work", work="1 hour", receiver=IDS[BOB]) == "event.no_such_agent"


def test_what_waits_beyond_all_bounds_keeps_nobody_from_leaving(market: Market) -> None:
    much = "5000000000000000000 one"
    said = {"much": much, "receiver": IDS[BOB]}
    need = market.intent(BOB, "request", "transfer", resource_quantity=measure("9 one"))
    promise = market.promise(
        ALICE, "transfer", receiver=IDS[BOB], resource_quantity=measure("9 one"), satisfies=need
    )
    first = market.record(ALICE, "transfer", fulfills=promise, **said)
    second = market.record(CAROL, "transfer", fulfills=promise, provider=IDS[ALICE], **said)
    assert market.sign_event(BOB, first) is None
    assert market.status(second) == "waiting"
    _leave(market, ALICE)
    assert market.status(second) == "declined"
