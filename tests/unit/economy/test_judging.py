"""Attestations, disputes, and what the group makes of them."""

import pytest

from p2pnode.economy import claim, tables
from p2pnode.economy.claim import Claim
from p2pnode.economy.measure import Measure
from tests.unit.economy.market import ALICE, BOB, CAROL, DORA, IDS, REASON, Market


@pytest.fixture
def market() -> Market:
    return Market(
        decisions={"dispute": {"rule": "majority", "window_hours": 1, "grace_hours": 0, "early": True}}
    )


def _decide(market: Market, body: dict[str, object]) -> str:
    proposal = market.propose(BOB, "dispute", body)
    market.cast_all(proposal, "yes", "yes", "yes", "yes")
    market.later(2)
    market.end_block()
    return market.decided(proposal).rule


def test_d3_several_peers_judge_by_their_competence(market: Market) -> None:
    worked = market.record(ALICE, "work", work="2 hour", receiver=market.group, stream="care")
    assert market.attest(ALICE, worked, "uphold") == "attestation.own"
    assert market.attest(BOB, worked, "uphold", competence="nursing") is None
    assert market.attest(CAROL, worked, "dispute", evidence=(REASON,)) is None
    assert market.attest(CAROL, worked, "uphold") is None
    assert market.attest(CAROL, REASON, "uphold") == "attestation.no_event"
    judged = [tables.attestation(market.state, worked, IDS[who]) for who in (BOB, CAROL, DORA)]
    assert [None if row is None else (row.verdict, row.competence) for row in judged] == [
        ("uphold", "nursing"),
        ("uphold", None),
        None,
    ]


def test_w5_the_group_decides_a_dispute_both_ways(market: Market) -> None:
    worked = market.record(ALICE, "work", work="2 hour", receiver=market.group, stream="care")
    assert market.attest(BOB, worked, "dispute") is None
    assert _decide(market, {"event": worked, "stands": False}) == ""
    assert market.status(worked) == "struck"
    assert market.given(ALICE, market.group, "hour") == (0, 0)
    assert dict(tables.contributions(market.state, IDS[ALICE])) == {}
    assert _decide(market, {"event": worked, "stands": True}) == ""
    assert market.status(worked) == "standing"
    assert dict(tables.contributions(market.state, IDS[ALICE])) == {"care": Measure((2, 0), "hour")}
    assert _decide(market, {"event": worked, "stands": True}) == ""
    assert _decide(market, {"event": REASON, "stands": False}) == "dispute.no_event"


def test_w5_a_struck_event_is_struck_with_its_corrections(market: Market) -> None:
    worked = market.record(ALICE, "work", work="5 hour", receiver=market.group, stream="care")
    fixed = market.record(
        ALICE, "work", work="-2 hour", receiver=market.group, stream="care", corrects=worked
    )
    assert market.attest(BOB, fixed, "uphold") == "attestation.correction"
    assert _decide(market, {"event": fixed, "stands": False}) == "dispute.correction"
    assert _decide(market, {"event": worked, "stands": False}) == ""
    assert market.given(ALICE, market.group, "hour") == (0, 0)


def test_j27_the_group_decides_whose_a_claimed_commit_is(market: Market) -> None:
    said = Claim(bytes(20), b"\x01" * 20, 0, 1, 2, 3, REASON)
    claimed = market.write(CAROL, "contribution.claim", claim.encode(said))
    assert _decide(market, {"event": claimed, "provider": IDS[DORA]}) == ""
    row = tables.event(market.state, claimed)
    assert row is not None
    assert row.provider == IDS[DORA]
    assert market.sign_event(BOB, claimed) == "countersign.not_waiting"
    assert _decide(market, {"event": claimed, "provider": IDS[BOB]}) == "dispute.no_event"
