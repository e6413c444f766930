"""Sharing what flowed in: what is counted when, runs as proposals, and that nothing is ever shared twice."""

from __future__ import annotations

from typing import Any

import pytest

from p2pnode.core.amount import add, amount_text
from p2pnode.core.errors import FormatError
from p2pnode.economy import event, journal, sharing, tables
from p2pnode.economy.sharing import apply_rule, run_row, share_id
from p2pnode.governance import tables as members
from p2pnode.governance.ballot import ballots
from p2pnode.governance.decision import decision
from p2pnode.governance.distribution_rule import check_distribution
from tests.unit.economy.market import ALICE, BOB, CAROL, DORA, HOUR_MS, IDS, Market

SURPLUS: dict[str, Any] = {
    "unit": "EUR",
    "buckets": [
        {"name": "reserve", "kind": "fund", "of": "whole", "permille": 100},
        {"name": "all alike", "kind": "equal", "of": "whole", "permille": 300},
        {
            "name": "work",
            "kind": "contributions",
            "permille": 1000,
            "weights": [
                {"unit": "hour", "stream": "care", "weight": 2},
                {"unit": "hour", "weight": 1},
            ],
        },
    ],
}
SUN: dict[str, Any] = {
    "unit": "kilowattHour",
    "flow": "received",
    "gives": "transfers",
    "decimals": 3,
    "buckets": [{"name": "used", "kind": "consumption", "of": "whole", "permille": 1000}],
}


class Cooperative(Market):
    """A group with rules for sharing, in whose name Dora may pay, and customers outside."""

    def __init__(self, **rules: Any) -> None:
        super().__init__(distribution=rules or {"surplus": SURPLUS, "sun": SUN}, ballot_grace_hours=0)
        self.customer = self.outsider(ALICE, "Customer")
        self.end_block()

    def earn(self, much: str, **said: Any) -> bytes:
        return self.record(ALICE, "transfer", much=much, provider=self.customer, receiver=self.group, **said)

    def work(self, who: int, hours: str, stream: str = "commons", **said: Any) -> bytes:
        said = {"work": f"{hours} hour", "receiver": self.group, "stream": stream, **said}
        return self.record(who, "work", **said)

    def body(self, name: str = "surplus", after: int = 0, last: int | None = None) -> dict[str, Any]:
        rule = self.rules[name]
        return apply_rule(self.state, name, rule, after, self.height - 1 if last is None else last).body

    @property
    def rules(self) -> dict[str, Any]:
        found: dict[str, Any] = members.charter(self.state).setting("distribution")
        return found

    def run(self, name: str = "surplus", after: int = 0) -> bytes:
        """A run that everybody votes for."""
        run_id = self.propose(ALICE, "distribute", self.body(name, after))
        self.end_block()
        return self.pass_(run_id)

    def pass_(self, run_id: bytes) -> bytes:
        self.cast_all(run_id, "yes", "yes", "yes", "yes")
        assert len(ballots(self.state, run_id)) == 4
        self.later(1)
        self.end_block()
        row = decision(self.state, run_id)
        assert row is not None
        assert row.result == "passed"
        self.last_rule = row.rule
        return run_id

    def owed(self, run_id: bytes) -> dict[int, str]:
        found = {}
        for who, member_id in enumerate(IDS[:4]):
            claim = tables.claim(self.state, share_id(run_id, member_id))
            if claim is not None:
                assert (claim.provider, claim.receiver) == (self.group, member_id)
                found[who] = amount_text(claim.quantity.amount)
        return found

    def lost(self) -> str | None:
        """What of the contributions the journal does not account for, or None."""
        self.end_block()
        for who in IDS[:4]:
            for stream, total in tables.contributions(self.state, who):
                counted = tables.ZERO
                for line in journal.lines(self.state, stream, 0, self.height):
                    if line.who == who and line.unit == total.unit:
                        counted = add(counted, line.amount)
                for record_id, row in tables.rows_of(self.state, tables.EventRow, "event"):
                    said = event.decode(row.payload)
                    is_his = (row.provider, said.stream, said.quantity.unit) == (who, stream, total.unit)
                    is_standing = row.status == tables.STANDING and said.corrects is None
                    if is_his and is_standing and journal.is_held_back(self.state, record_id):
                        held = row.effort_amount or row.resource_amount or tables.ZERO
                        counted = add(counted, held)
                if counted != total.amount:
                    return f"{stream}: {counted} of {total}"
        return None


def test_d5_a_run_shares_what_came_in_less_what_it_cost() -> None:
    group = Cooperative()
    group.earn("1000 EUR")
    group.work(ALICE, "3")
    group.work(BOB, "1", "care")
    group.work(BOB, "1")
    group.end_block()
    run_id = group.run()
    row = run_row(group.state, run_id)
    assert row is not None
    assert row.status == "carried_out"
    # 100 stay; 300 go to four alike; 600 by points 3 to 2 + 1.
    assert group.owed(run_id) == {ALICE: "375", BOB: "375", CAROL: "75", DORA: "75"}
    assert [bucket[:4] for bucket in sharing.shares(group.state, run_id)] == [
        ["reserve", "fund", 100_000, 10_000],
        ["all alike", "equal", 100_000, 30_000],
        ["work", "contributions", 60_000, 60_000],
    ]
    assert group.lost() is None


def test_d5_what_is_indivisible_goes_by_remainder_and_then_by_member_id() -> None:
    group = Cooperative(
        surplus={"unit": "EUR", "buckets": [{"name": "all", "kind": "equal", "permille": 1000}]}
    )
    group.earn("0.03 EUR")
    group.earn("0.009 EUR")
    group.end_block()
    run_id = group.run()
    assert group.owed(run_id) == {ALICE: "0.01", BOB: "0.01", CAROL: "0.01"}


def test_nothing_is_shared_twice_and_what_comes_late_is_counted_later() -> None:
    group = Cooperative()
    group.earn("100 EUR")
    group.work(ALICE, "2")
    group.end_block()
    first = group.height - 1
    group.run()
    assert group.refused_proposal(BOB, "distribute", group.body()) == "distribution.shared_already"
    group.work(BOB, "5")
    group.earn("50 EUR")
    group.end_block()
    second = group.run(after=first)
    # Of 50: 5 stay, 15 alike, 30 for Bob's hours alone.
    assert group.owed(second) == {ALICE: "3.75", BOB: "33.75", CAROL: "3.75", DORA: "3.75"}


def test_two_runs_over_the_same_blocks_cannot_both_be_carried_out() -> None:
    group = Cooperative()
    group.earn("100 EUR")
    group.end_block()
    body = group.body()
    one, other = group.propose(ALICE, "distribute", body), group.propose(BOB, "distribute", body)
    group.end_block()
    for run_id in (one, other):
        group.cast_all(run_id, "yes", "yes", "yes", "yes")
    group.later(1)
    group.end_block()
    rules = sorted(row.rule for run_id in (one, other) if (row := decision(group.state, run_id)))
    assert rules == ["", "distribution.shared_already"]
    assert [bool(group.owed(run_id)) for run_id in (one, other)].count(True) == 1


def test_what_the_group_pays_to_settle_a_share_is_no_cost() -> None:
    group = Cooperative()
    mandate = group.propose(
        ALICE,
        "mandate",
        {"acts": ["transfer"], "days": 30, "holders": [IDS[DORA]], "name": "bank", "needed": 1},
    )
    group.earn("100 EUR")
    group.end_block()
    group.pass_(mandate)
    first = group.height - 1
    run_id = group.run()
    claim = share_id(run_id, IDS[ALICE])
    paid = group.record(
        ALICE, "transfer", much="7.5 EUR", provider=group.group, receiver=IDS[ALICE], settles=claim
    )
    assert group.sign_event(DORA, paid, mandate=mandate) is None
    row = tables.claim(group.state, claim)
    assert row is not None
    assert row.status == tables.FULFILLED
    bill = group.record(ALICE, "transfer", much="10 EUR", provider=group.group, receiver=group.customer)
    assert group.sign_event(DORA, bill, mandate=mandate) is None
    group.earn("30 EUR")
    group.end_block()
    assert group.body(after=first)["flow"] == [20, 0]


def test_d5_what_is_disputed_or_struck_does_not_count_until_that_is_settled() -> None:
    group = Cooperative()
    group.earn("100 EUR")
    doubted, struck = group.work(BOB, "4"), group.work(CAROL, "4")
    group.work(ALICE, "4")
    assert group.attest(ALICE, doubted, "dispute") is None
    group.end_block()

    def hours() -> dict[bytes, str]:
        group.end_block()
        run = apply_rule(group.state, "surplus", SURPLUS, 0, group.height)
        return {share.who: str(share.points) for share in run.result.buckets[2].shares}

    assert hours() == {IDS[ALICE]: "4", IDS[CAROL]: "4"}
    assert group.attest(CAROL, doubted, "uphold") is None
    assert IDS[BOB] not in hours(), "one upholds, one disputes: not settled"
    assert group.attest(DORA, doubted, "uphold") is None
    assert hours()[IDS[BOB]] == "4"
    assert group.attest(DORA, doubted, "dispute") is None
    assert IDS[BOB] not in hours()
    assert group.lost() is None
    for record, stands in ((struck, False), (doubted, True)):
        group.pass_(group.propose(ALICE, "dispute", {"event": record, "stands": stands}))
    assert hours() == {IDS[ALICE]: "4", IDS[BOB]: "4"}
    assert group.lost() is None
    # The group has decided: another dispute of a member does not undo it.
    assert group.attest(DORA, doubted, "dispute") is None
    assert hours()[IDS[BOB]] == "4"
    group.pass_(group.propose(ALICE, "dispute", {"event": struck, "stands": True}))
    assert hours()[IDS[CAROL]] == "4"
    assert group.lost() is None


def test_a_run_over_past_blocks_gives_the_same_whatever_came_later() -> None:
    group = Cooperative()
    group.earn("100 EUR")
    work = group.work(BOB, "4")
    group.work(ALICE, "1")
    group.end_block()
    before, last = group.body(), group.height - 1
    group.attest(ALICE, work, "dispute")
    correction = group.event(
        "work", work="-1 hour", corrects=work, provider=IDS[BOB], receiver=group.group, stream="commons"
    )
    group.write(BOB, event.EVENT_TYPE, event.encode(correction))
    group.work(CAROL, "9")
    group.end_block()
    assert group.body(last=last) == before
    assert group.lost() is None


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"rule": "other"}, "distribution.unknown_rule"),
        ({"last": 99}, "distribution.bad_range"),
        ({"after": 2, "last": 2}, "distribution.bad_range"),
        ({"flow": [1, 0]}, "distribution.other_result"),
        ({"result": bytes(32)}, "distribution.other_result"),
        ({"last": 1}, "distribution.nothing_to_share"),
    ],
)
def test_a_run_that_is_not_what_the_rule_gives_is_void(change: dict[str, Any], rule: str) -> None:
    group = Cooperative()
    group.earn("100 EUR")
    group.end_block()
    assert group.refused_proposal(ALICE, "distribute", {**group.body(), **change}) == rule


def test_a_loss_is_not_shared() -> None:
    group = Cooperative(free={"unit": "EUR", "buckets": [{"name": "x", "kind": "fund", "permille": 1}]})
    first = group.earn("5 EUR")
    group.end_block()
    height = group.height
    back = group.event(
        "transfer", much="-5 EUR", corrects=first, provider=group.customer, receiver=group.group
    )
    group.write(ALICE, event.EVENT_TYPE, event.encode(back))
    group.end_block()
    body = group.body("free", after=height - 1)
    assert body["flow"] == [-5, 0]
    assert group.refused_proposal(ALICE, "distribute", body) == "distribution.nothing_to_share"


def test_d12_energy_goes_by_what_each_used_and_no_more() -> None:
    group = Cooperative()
    group.record(ALICE, "produce", much="10 kilowattHour", receiver=group.group)
    for who, used in ((ALICE, "1.5"), (BOB, "4.5"), (CAROL, "9")):
        group.record(who, "consume", much=f"{used} kilowattHour")
    group.end_block()
    first = group.height - 1
    run_id = group.run("sun")
    shares = {
        who: amount_text(row.resource_amount)
        for who in range(4)
        if (row := tables.event(group.state, share_id(run_id, IDS[who]))) is not None
        and row.resource_amount is not None
    }
    assert shares == {ALICE: "1", BOB: "3", CAROL: "6"}
    assert group.taken(CAROL, group.group, "kilowattHour") == (6, 0)
    # The next day there is more than anybody needs: the rest stays to be sold.
    group.record(ALICE, "produce", much="10 kilowattHour", receiver=group.group)
    group.record(BOB, "consume", much="4 kilowattHour")
    group.end_block()
    second = group.run("sun", after=first)
    row = run_row(group.state, second)
    assert row is not None
    assert row.rest == 6_000
    assert group.taken(BOB, group.group, "kilowattHour") == (7, 0)


def test_d12_fixed_keys_count_for_present_members() -> None:
    keys = [{"member": IDS[who].hex(), "weight": weight} for who, weight in ((0, 3), (1, 1), (7, 5))]
    rule = {
        "unit": "kilowattHour",
        "buckets": [{"name": "shares", "kind": "keys", "permille": 1000, "keys": keys}],
    }
    group = Cooperative(plant=rule)
    group.record(ALICE, "produce", much="8 kilowattHour", receiver=group.group)
    group.end_block()
    assert group.owed(group.run("plant")) == {ALICE: "6", BOB: "2"}


def test_d18_everybody_has_the_same_before_anything_is_weighed() -> None:
    group = Cooperative(
        surplus={
            "unit": "EUR",
            "buckets": [
                {"name": "basic income", "kind": "equal", "each": 20},
                {
                    "name": "work",
                    "kind": "contributions",
                    "permille": 1000,
                    "weights": [{"unit": "hour", "weight": 1}],
                },
            ],
        }
    )
    group.earn("100 EUR")
    group.work(ALICE, "100")
    group.end_block()
    first = group.height - 1
    assert group.owed(group.run()) == {ALICE: "40", BOB: "20", CAROL: "20", DORA: "20"}
    # When there is not enough for all, all have the same of what there is.
    group.earn("60 EUR")
    group.end_block()
    assert group.owed(group.run(after=first)) == dict.fromkeys(range(4), "15")


def test_who_left_keeps_a_share_of_what_they_contributed() -> None:
    group = Cooperative()
    group.earn("100 EUR")
    group.work(DORA, "2")
    group.write(DORA, "member.leave", b"\x80")
    group.end_block()
    run_id = group.propose(ALICE, "distribute", group.body())
    group.end_block()
    group.cast_all(run_id, "yes", "yes", "yes")
    group.later(1)
    group.end_block()
    assert group.owed(run_id) == {ALICE: "10", BOB: "10", CAROL: "10", DORA: "60"}


def test_a_change_of_the_charter_does_not_change_a_run_that_is_open() -> None:
    group = Cooperative()
    group.earn("100 EUR")
    group.end_block()
    run_id = group.propose(ALICE, "distribute", group.body())
    group.pass_(group.propose(BOB, "amend", {"charter": {"distribution": {"surplus": None}}}))
    assert "surplus" not in group.rules
    group.pass_(run_id)
    assert group.owed(run_id) == dict.fromkeys(range(4), "7.5")


def test_a_run_that_fails_changes_nothing() -> None:
    group = Cooperative()
    group.earn("100 EUR")
    group.end_block()
    run_id = group.propose(ALICE, "distribute", group.body())
    group.end_block()
    group.cast_all(run_id, "no", "no", "no", "yes")
    group.later(HOUR_MS)
    group.end_block()
    row = run_row(group.state, run_id)
    assert row is not None
    assert row.status == "proposed"
    assert group.owed(run_id) == {}
    assert group.body()["flow"] == [100, 0]


@pytest.mark.parametrize(
    "change",
    [
        {"unit": "two words"},
        {"buckets": []},
        {"buckets": [{"name": "x", "kind": "fund"}]},
        {"buckets": [{"name": "x", "kind": "fund", "permille": 1001}]},
        {"buckets": [{"name": "x", "kind": "fund", "permille": 1, "amount": 1}]},
        {"buckets": [{"name": "x", "kind": "fund", "each": 1}]},
        {"buckets": [{"name": "x", "kind": "fund", "amount": "-1"}]},
        {"buckets": [{"name": "x", "kind": "fund", "amount": [1]}]},
        {"buckets": [{"name": "x", "kind": "all my friends", "permille": 1}]},
        {"buckets": [{"name": "x", "kind": "contributions", "permille": 1}]},
        {"buckets": [{"name": "x", "kind": "equal", "permille": 1, "keys": []}]},
        {"buckets": [{"name": "x", "kind": "keys", "permille": 1, "keys": [{"member": "ab", "weight": 1}]}]},
        {"buckets": 2 * [{"name": "x", "kind": "fund", "permille": 1}]},
        {"formula": "sum(hours) / 2"},
        {"buckets": [{"name": "x", "kind": "fund", "permille": "len(members)"}]},
        {"buckets": [{"name": "x", "kind": "fund", "amount": "__import__('os').getpid()"}]},
        {
            "buckets": [
                {
                    "name": "x",
                    "kind": "contributions",
                    "permille": 1,
                    "weights": [{"unit": "hour", "weight": "2 ** 9"}],
                }
            ]
        },
        {"decimals": 7},
    ],
)
def test_accident_a_rule_is_data_within_bounds_and_cannot_reach_python(change: dict[str, Any]) -> None:
    assert check_distribution({"surplus": SURPLUS})
    with pytest.raises(FormatError, match=r"charter\.bad_field"):
        check_distribution({"surplus": {**SURPLUS, **change}})
