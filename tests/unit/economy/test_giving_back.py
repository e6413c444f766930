"""D7: runs give back to outside money, and however often, never beyond a cap."""

from __future__ import annotations

from typing import Any

import pytest

from p2pnode.core.amount import amount_text
from p2pnode.economy import event, recording, sharing, tables, transvestment
from p2pnode.economy.sharing import run_row, share_id
from p2pnode.governance.decision import decision
from tests.sim.commons_sums import lost_commons_sum
from tests.unit.economy.library import Library
from tests.unit.economy.market import ALICE, BOB, CAROL, DORA, IDS, REASON, Market
from tests.unit.economy.test_sharing import Cooperative

OUTSIDE: dict[str, Any] = {"name": "outside", "kind": "capped", "of": "whole", "permille": 300}
ALIKE: dict[str, Any] = {"name": "all alike", "kind": "equal", "permille": 1000}
BACK: dict[str, Any] = {"unit": "EUR", "buckets": [OUTSIDE, ALIKE]}


class Borrowers(Cooperative, Library):
    """A cooperative that takes outside money in, in whose name Bob pays."""

    def __init__(self, **rules: Any) -> None:
        quick = {"rule": "majority", "window_hours": 1, "grace_hours": 0, "early": True}
        settings = {"decisions": {"commons": quick}, "ballot_grace_hours": 0}
        Market.__init__(self, 4, distribution=rules or {"surplus": BACK}, **settings)
        self.customer, self.bank = self.outsider(ALICE, "Customer"), self.outsider(ALICE, "Bank")
        self.end_block()
        self.trust(BOB)
        self.shared = 0

    def borrow(self, much: str, cap_permille: int, returns: str = "debt", **said: Any) -> bytes:
        """What comes in and is adopted."""
        brought = self.inflow(ALICE, much, cap_permille, returns, **{"provider": self.bank, **said})
        assert self.decide(brought) == ""
        return brought

    def share(self, earned: str = "", name: str = "surplus") -> bytes:
        """A run over everything since the last one."""
        if earned:
            self.earn(earned)
        self.end_block()
        after, self.shared = self.shared, self.height - 1
        return self.run(name, after)

    def pay(self, claim: bytes, much: str) -> bytes:
        rule, paid = self.pay_back(BOB, claim, much, self.bank)
        assert rule is None, rule
        return paid

    def flow(self) -> str:
        """What there is to share now."""
        self.end_block()
        run = sharing.apply_rule(self.state, "surplus", self.rules["surplus"], self.shared, self.height)
        return amount_text(run.basis.flow)

    def promised(self, claim: bytes) -> str:
        return amount_text(transvestment.returning(self.state, claim).promised)

    def returns(self, run_id: bytes) -> dict[bytes, int]:
        """What a run gave back, in smallest shares."""
        return {share[0]: share[2] for share in sharing.shares(self.state, run_id)[0][4]}


def test_d7_runs_give_back_up_to_the_cap_and_never_beyond() -> None:
    group = Borrowers()
    debt = group.borrow("100 EUR", 1200)
    first = group.share("200 EUR")
    # 60 flow back, 140 go to four alike; what came in from outside is not shared out.
    assert group.returns(first) == {debt: 6_000}
    assert group.owed(first) == dict.fromkeys(range(4), "35")
    assert group.promised(debt) == "60"
    assert group.claim_row(debt).settled == (0, 0), "promised is not paid"
    second = group.share("300 EUR")
    assert group.returns(second) == {debt: 6_000}, "of 90 no more than the cap leaves"
    assert transvestment.capped_claims(group.state) == ()
    assert group.returns(group.share("100 EUR")) == {}
    # What was promised is paid, and is no cost once more.
    for much in ("100 EUR", "20 EUR"):
        group.pay(debt, much)
    assert group.claim_row(debt).status == "fulfilled"
    assert group.promised(debt) == "0"
    assert group.flow() == "0"
    assert lost_commons_sum(group.state) is None


def test_d7_outside_money_is_no_income_however_it_changes() -> None:
    group = Borrowers()
    assert group.flow() == "0"
    debt = group.borrow("1000 EUR", 1200)
    assert group.flow() == "0"
    said = group.event("transfer", much="-10 EUR", corrects=debt, provider=group.bank, receiver=group.group)
    group.write(ALICE, event.EVENT_TYPE, event.encode(said))
    assert group.flow() == "0"
    for change in (recording.strike, recording.restore):
        assert change(group.state, group.context, debt) is None
        assert group.flow() == "0"
    group.end_block()
    body = group.body()
    assert group.refused_proposal(ALICE, "distribute", body) == "distribution.nothing_to_share"
    group.earn("5 EUR")
    assert group.flow() == "5"


def test_d7_what_no_run_has_promised_is_a_cost_and_nothing_counts_twice() -> None:
    group = Borrowers()
    debt = group.borrow("100 EUR", 1200)
    beside = group.pay(debt, "30 EUR")
    group.earn("100 EUR")
    assert group.flow() == "70"
    run_id = group.share()
    assert group.returns(run_id) == {debt: 2_100}
    more = group.pay(debt, "50 EUR")
    assert (group.promised(debt), group.flow()) == ("0", "-29")
    # Taken back, what no run had promised comes off first; then the promise stands again.
    assert recording.strike(group.state, group.context, more) is None
    assert (group.promised(debt), group.flow()) == ("0", "21")
    assert recording.strike(group.state, group.context, beside) is None
    assert (group.promised(debt), group.flow()) == ("21", "30")
    assert recording.restore(group.state, group.context, more) is None
    assert (group.promised(debt), group.flow()) == ("0", "1")
    assert lost_commons_sum(group.state) is None


def test_d7_equity_takes_its_share_of_a_flow_and_other_units_take_nothing() -> None:
    group = Borrowers(surplus={"unit": "EUR", "buckets": [{**OUTSIDE, "permille": 1000}, ALIKE]})
    equity = group.borrow("100 EUR", 1200, "equity", share_permille=50)
    group.borrow("100 hour", 1000)
    assert group.returns(group.share("200 EUR")) == {equity: 1_000}


def test_d7_once_is_promised_once() -> None:
    group = Borrowers()
    once = group.borrow("100 EUR", 1200, "once")
    assert group.returns(group.share("100 EUR")) == {once: 3_000}
    assert group.returns(group.share("100 EUR")) == {}
    group.pay(once, "30 EUR")
    assert group.claim_row(once).status == "fulfilled"


def test_d7_two_runs_at_a_time_do_not_exceed_a_cap_together() -> None:
    kinds = {
        kind: {"unit": "EUR", "of_kind": kind, "buckets": [{**OUTSIDE, "permille": 1000}]}
        for kind in ("bread", "cheese")
    }
    group = Borrowers(**kinds)
    debt = group.borrow("100 EUR", 1000)
    for kind in kinds:
        group.earn("80 EUR", resource_conforms_to=kind)
    group.end_block()
    runs = [group.propose(ALICE, "distribute", group.body(kind)) for kind in kinds]
    group.end_block()
    for run_id in runs:
        group.cast_all(run_id, "yes", "yes", "yes", "yes")
    group.later(1)
    group.end_block()
    rules = [row.rule for run_id in runs if (row := decision(group.state, run_id)) is not None]
    assert sorted(rules) == ["", "distribution.beyond_cap"]
    assert group.promised(debt) == "80"


@pytest.mark.parametrize("meanwhile", ["paid", "struck"])
def test_d7_what_changes_while_a_run_is_open_voids_it_rather_than_exceed_a_cap(meanwhile: str) -> None:
    group = Borrowers()
    debt = group.borrow("100 EUR", 1000)
    group.earn("300 EUR")
    group.end_block()
    run_id = group.propose(ALICE, "distribute", group.body())
    group.end_block()
    if meanwhile == "paid":
        group.pay(debt, "11 EUR")
    else:
        assert recording.strike(group.state, group.context, debt) is None
    group.pass_(run_id)
    assert group.last_rule == "distribution.beyond_cap"
    assert group.owed(run_id) == {}


def test_d7_what_is_paid_within_the_cap_leaves_an_open_run_as_it_is() -> None:
    group = Borrowers()
    debt = group.borrow("100 EUR", 1000)
    group.earn("300 EUR")
    group.end_block()
    run_id = group.propose(ALICE, "distribute", group.body())
    group.end_block()
    group.pay(debt, "10 EUR")
    group.pass_(run_id)
    row = run_row(group.state, run_id)
    assert row is not None
    assert row.status == "carried_out"
    assert [one.left for one in row.capped] == [(100, 0)], "as it was when the run opened"
    assert group.promised(debt) == "90"


def test_d7_a_rule_that_transfers_gives_back_at_once() -> None:
    group = Borrowers(surplus={**BACK, "gives": "transfers"})
    debt = group.borrow("100 EUR", 500)
    run_id = group.share("100 EUR")
    assert group.claim_row(debt).settled == (30, 0)
    assert group.status(share_id(run_id, debt)) == "standing"
    assert group.taken(ALICE, group.group, "EUR") == (175, -1)
    assert group.flow() == "0"
    group.share("100 EUR")
    assert group.claim_row(debt).status == "fulfilled"
    assert lost_commons_sum(group.state) is None


def test_d7_a_struck_return_stands_again_only_below_the_cap() -> None:
    group = Borrowers()
    debt = group.borrow("100 EUR", 1000)
    wrong = group.pay(debt, "40 EUR")
    assert recording.strike(group.state, group.context, wrong) is None
    group.pay(debt, "100 EUR")
    assert recording.restore(group.state, group.context, wrong) == "inflow.extinguished"
    assert lost_commons_sum(group.state) is None


def test_the_group_pays_what_somebody_who_left_still_has_to_get() -> None:
    group = Borrowers()
    lent = group.borrow("100 EUR", 1000, provider=IDS[ALICE])
    run_id = group.share("100 EUR")
    group.write(ALICE, "member.leave", b"\x80")
    group.end_block()
    claims = {share_id(run_id, IDS[ALICE]): "17.5", lent: "30"}
    for claim, much in claims.items():
        said = {"provider": group.group, "receiver": IDS[ALICE], "settles": claim}
        # Nobody signs for who is gone: without a mandate nothing is said to be paid.
        assert group.refused_event(BOB, "use", much=f"{much} EUR", **said) == "event.no_such_agent"
        paid = group.record(BOB, "transfer", much=f"{much} EUR", **said)
        assert group.status(paid) == "waiting"
        assert group.sign_event(BOB, paid, mandate=REASON) is None
        assert amount_text(group.claim_row(claim).settled) == much
    assert group.claim_row(share_id(run_id, IDS[ALICE])).status == "fulfilled"
    gift = {"provider": group.group, "receiver": IDS[ALICE]}
    assert group.refused_event(BOB, "transfer", much="1 EUR", **gift) == "event.no_such_agent"
    of_carol = share_id(run_id, IDS[CAROL])
    assert (
        group.refused_event(BOB, "transfer", much="1 EUR", **gift, settles=of_carol) == "claim.other_parties"
    )
    assert tables.claim(group.state, share_id(run_id, IDS[DORA])) is not None
