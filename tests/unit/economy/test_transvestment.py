"""Means from outside: adopted by the group, paid back up to a cap, then extinguished."""

import pytest

from p2pnode.core.errors import FormatError
from p2pnode.economy import recording, transvestment
from p2pnode.economy.transvestment import capped_claims, return_of
from tests.unit.economy.library import Library
from tests.unit.economy.market import ALICE, BOB, CAROL, IDS, REASON, measure


@pytest.fixture
def library() -> Library:
    return Library()


def test_d7_money_counts_once_the_group_has_adopted_it(library: Library) -> None:
    bank = library.outsider(ALICE, "Bank")
    brought = library.inflow(ALICE, "1000 EUR", 1500, provider=bank)
    assert library.decide(brought, is_adopted=False) == ""
    assert capped_claims(library.state) == ()
    assert library.decide(brought) == ""
    claim = library.claim_row(brought)
    assert (claim.provider, claim.receiver, claim.quantity) == (library.group, bank, measure("1500 EUR"))
    assert library.status(brought) == "standing"
    assert library.decide(brought) == "commons.adopted"


def test_d7_at_the_cap_the_claim_is_extinguished(library: Library) -> None:
    library.trust(BOB)
    brought = library.inflow(ALICE, "100 EUR", 1100)
    assert library.decide(brought) == ""
    assert library.pay_back(BOB, brought, "60 EUR", IDS[ALICE])[0] is None
    first = library.pay_back(BOB, brought, "40 EUR", IDS[ALICE])[1]
    assert library.sign_event(ALICE, first) is None
    assert library.claim_row(brought).settled == (40, 0)  # the other one waits for Alice
    assert library.pay_back(BOB, brought, "80 EUR", IDS[ALICE])[0] == "inflow.capped"
    last = library.pay_back(BOB, brought, "70 EUR", IDS[ALICE])[1]
    assert library.sign_event(ALICE, last) is None
    assert library.claim_row(brought).status == "fulfilled"
    assert library.pay_back(BOB, brought, "1 EUR", IDS[ALICE])[0] == "inflow.extinguished"
    assert capped_claims(library.state) == ()
    # Taking back a return that was wrong opens the claim again, by so much.
    assert recording.strike(library.state, library.context, first) is None
    assert [one.left for one in capped_claims(library.state)] == [measure("40 EUR")]


def test_d7_what_waited_for_a_signature_meets_the_cap_as_well(library: Library) -> None:
    library.trust(BOB)
    brought = library.inflow(ALICE, "100 EUR", 1000)
    assert library.decide(brought) == ""
    two = [library.pay_back(BOB, brought, "100 EUR", IDS[ALICE])[1] for _ in range(2)]
    assert [library.sign_event(ALICE, one) for one in two] == [None, "inflow.extinguished"]
    assert library.claim_row(brought).settled == (100, 0)


def test_d7_once_is_once_however_little(library: Library) -> None:
    library.trust(BOB)
    bank = library.outsider(ALICE, "Bank")
    brought = library.inflow(ALICE, "100 EUR", 1500, "once", provider=bank)
    assert library.decide(brought) == ""
    rule, paid = library.pay_back(BOB, brought, "10 EUR", bank)
    assert rule is None
    assert library.pay_back(BOB, brought, "10 EUR", bank)[0] == "inflow.extinguished"
    assert recording.strike(library.state, library.context, paid) is None
    assert library.claim_row(brought).status == "open"


def test_d7_the_charter_caps_the_cap(library: Library) -> None:
    assert library.try_inflow(ALICE, "100 EUR", 2001)[0] == "inflow.beyond_charter"
    strict = Library(return_permille_max=1000)
    assert strict.try_inflow(ALICE, "100 EUR", 1001)[0] == "inflow.beyond_charter"
    assert strict.try_inflow(ALICE, "100 EUR", 1000)[0] is None


def test_who_may_bring_something_in(library: Library) -> None:
    assert library.try_inflow(ALICE, "100 EUR", 1000, provider=IDS[BOB])[0] == "inflow.not_yours"
    assert library.try_inflow(ALICE, "100 EUR", 1000, provider=REASON)[0] == "inflow.no_such_agent"
    assert library.try_inflow(ALICE, "100 EUR", 1000, provider=library.group)[0] == "inflow.not_yours"
    assert library.try_inflow(ALICE, "100 EUR", 1000, commons=REASON)[0] == "commons.unknown"
    assert library.try_inflow(ALICE, "100 EUR", 1000, resource_conforms_to=REASON)[0] == "spec.unknown"
    for much, returns, share in (("100 EUR", "equity", None), ("100 EUR", "debt", 10)):
        with pytest.raises(FormatError, match="equity has a share"):
            library.try_inflow(ALICE, much, 1000, returns, share_permille=share)
    with pytest.raises(FormatError, match="more than nothing"):
        library.try_inflow(ALICE, "0 EUR", 1000)


def test_d7_a_flow_gives_a_claim_at_most_its_share_and_what_is_left(library: Library) -> None:
    debt = library.inflow(ALICE, "100 EUR", 1200)
    equity = library.inflow(CAROL, "100 EUR", 1200, "equity", share_permille=50)
    assert [library.decide(one) for one in (debt, equity)] == ["", ""]
    held = {claim.claim: claim for claim in capped_claims(library.state)}
    assert return_of(held[debt], measure("100 EUR")) == (100, 0)
    assert return_of(held[debt], measure("500 EUR")) == (120, 0)
    assert return_of(held[equity], measure("101 EUR")) == (505, -2)
    assert return_of(held[equity], measure("9000 EUR")) == (120, 0)
    assert return_of(held[equity], measure("9000 hour")) == (0, 0)


def test_d7_an_inflow_that_never_came_is_struck_with_its_claim(library: Library) -> None:
    brought = library.inflow(ALICE, "100 EUR", 1200)
    assert library.decide(brought) == ""
    assert recording.strike(library.state, library.context, brought) is None
    assert library.claim_row(brought).status == "closed"
    assert recording.restore(library.state, library.context, brought) is None
    assert library.claim_row(brought).status == "open"
    row = transvestment.inflow(library.state, brought)
    assert row is not None
    assert row.status == "adopted"
