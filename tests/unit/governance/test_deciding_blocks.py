"""Decisions through blocks: each subject from the proposal to what it changes, as a group executes it."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.core.entry import Entry
from p2pnode.governance import ballot, proposal, roles, tables
from p2pnode.governance.ballot import RANKED, YES, Ballot
from p2pnode.governance.deciding import close_due
from p2pnode.governance.decision import decision
from p2pnode.governance.proposal import Proposal
from tests.unit.governance.assembly import HOUR_MS, Assembly
from tests.unit.governance.chain import Chain, id_of, key
from tests.vectors.cases.material import COMMITMENT

_QUICK = {"rule": "majority", "quorum": [1, 2], "window_hours": 2, "grace_hours": 0, "early": False}
_SUBJECTS = "admit amend council lying_voters mandate reinstate remove restore_key role suspend voting_role"
_FOUNDERS = [key(number) for number in range(5)]


class _Group(Chain):
    """Five founders with short windows."""

    def __init__(self, **settings: Any) -> None:
        quick = dict.fromkeys(_SUBJECTS.split(), _QUICK)
        super().__init__(*_FOUNDERS, decisions=quick, hearing_hours=1, **settings)

    def block(self, *entries: Entry, hours: int = 1) -> list[str]:
        execution = self.execution(entries, hours=hours, close_due=close_due)
        self.adopt(execution)
        self.time_ms += hours * HOUR_MS
        self.height += 1
        self.previous = self.previous[1:] + self.previous[:1]
        return [rule for _, rule in execution.outcomes]

    def decide(self, subject: str, body: Any, ranked: Sequence[bytes] = ()) -> str:
        """Propose something, let four of five agree, and give the rule by which it was not carried out."""
        opened = self.entry(_FOUNDERS[0], proposal.OPEN_TYPE, proposal.encode_open(Proposal(subject, body)))
        assert self.block(opened) == [""]
        choice = RANKED if ranked else YES
        cast = ballot.encode_cast(Ballot(bytes(opened.id), choice, tuple(ranked)))
        voting = [person for person in _FOUNDERS[:4] if id_of(person) != body.get("member")]
        assert set(self.block(*[self.entry(person, ballot.CAST_TYPE, cast) for person in voting])) == {""}
        self.block(hours=2)
        decided = decision(self.rows, bytes(opened.id))
        assert decided is not None
        assert decided.result == "passed"
        return decided.rule

    def status(self, person: Any) -> str | None:
        row = tables.member(self.rows, id_of(person))
        return None if row is None else row.status


def test_w10_a_newcomer_is_admitted_by_decision_removed_and_comes_back() -> None:
    group, newcomer = _Group(admission="decision"), key(9)
    join = group.join(newcomer, _FOUNDERS[1])
    assert group.block(join) == ["join.needs_decision"]
    assert group.decide("admit", {"join": bytes(join.id)}) == ""
    assert group.status(newcomer) == "member"
    assert group.decide("remove", {"member": id_of(newcomer)}) == ""
    assert group.status(newcomer) == "removed"
    again = group.join(newcomer, _FOUNDERS[1])
    assert group.block(again) == ["join.needs_decision"]
    assert group.decide("admit", {"join": bytes(again.id)}) == ""
    assert group.status(newcomer) == "member"


def test_a_founder_is_removed_and_votes_no_longer() -> None:
    group, last = _Group(), _FOUNDERS[4]
    assert group.votes(last)
    epoch = group.configuration.epoch
    assert group.decide("remove", {"member": id_of(last)}) == ""
    assert (group.status(last), group.votes(last)) == ("removed", False)
    assert group.configuration.epoch > epoch


def test_w10_a_suspension_ends_by_decision() -> None:
    group, last = _Group(), _FOUNDERS[4]
    assert group.decide("suspend", {"days": 30, "member": id_of(last)}) == ""
    assert not tables.is_in_good_standing(group.rows, id_of(last))
    assert group.decide("reinstate", {"member": id_of(last)}) == ""
    assert tables.is_in_good_standing(group.rows, id_of(last))
    assert group.decide("reinstate", {"member": id_of(last)}) == "decision.not_suspended"


def test_a_charter_is_amended_and_the_configuration_names_it() -> None:
    group = _Group()
    before = group.configuration.charter_hash
    assert group.decide("amend", {"charter": {"purpose": "tea", "roles": {"cook": {"holders_max": 1}}}}) == ""
    assert tables.charter(group.rows).value["purpose"] == "tea"
    assert group.configuration.charter_hash == tables.charter(group.rows).hash != before
    assert group.decide("role", {"give": True, "member": id_of(_FOUNDERS[1]), "role": "cook"}) == ""
    assert roles.roles_of(group.rows, id_of(_FOUNDERS[1])) == ("cook",)
    taken = {"give": True, "member": id_of(_FOUNDERS[2]), "role": "cook"}
    assert group.decide("role", taken) == "decision.role_is_taken"


def test_j19_tolerated_liars_fall_only_by_decision() -> None:
    group = _Group()
    assert group.configuration.lying_voters == 1
    assert group.decide("lying_voters", {"lying_voters": 0}) == ""
    assert group.configuration.lying_voters == 0
    assert group.decide("lying_voters", {"lying_voters": 5}) == "decision.no_quorum"


def test_a_member_without_keys_gets_a_new_one() -> None:
    group, last, fresh = _Group(), _FOUNDERS[4], key(40)
    body = {"device": fresh.public, "member": id_of(last), "recovery": COMMITMENT}
    assert group.decide("restore_key", body) == ""
    row = tables.member(group.rows, id_of(last))
    assert row is not None
    assert row.devices == (fresh.public,)
    text = proposal.encode_open(Proposal("text", {}))
    assert group.block(group.entry(fresh, proposal.OPEN_TYPE, text)) == [""]
    (rule,) = group.block(group.entry(last, proposal.OPEN_TYPE, text))
    assert rule != ""


def test_j22_an_elected_council() -> None:
    group = _Group()
    candidates = sorted(id_of(person) for person in _FOUNDERS)
    body = {"candidates": candidates, "seats": 3, "term_days": 100}
    assert group.decide("council", body, ranked=candidates[1:4]) == ""
    elected = tables.council(group.rows)
    assert elected is not None
    assert elected[0] == tuple(candidates[1:4])


@pytest.mark.parametrize("admission", ["invitation", "decision"])
def test_a_provisional_newcomer_neither_votes_nor_counts(admission: str) -> None:
    group, newcomer = _Group(admission=admission), key(9)
    opened = group.entry(_FOUNDERS[0], proposal.OPEN_TYPE, proposal.encode_open(Proposal("text", {})))
    cast = ballot.encode_cast(Ballot(bytes(opened.id), YES))
    join = group.join(newcomer, _FOUNDERS[1])
    *_, rule = group.block(opened, join, group.entry(newcomer, ballot.CAST_TYPE, cast))
    assert rule in ("ballot.not_entitled", "author.no_member")


@given(st.integers(0, 2**32))
@settings(max_examples=25)
def test_rows_do_not_depend_on_the_order_in_which_ballots_come(seed: int) -> None:
    random = Random(seed)
    picnic = {"rule": "majority", "window_hours": 10, "grace_hours": 0, "early": False}
    writing = Assembly(5, decisions={"picnic": picnic})
    opened = writing.propose(0, "picnic", {})
    for _ in range(12):
        who, at_ms = random.randrange(5), writing.now_ms + random.randrange(3)
        if random.random() < 0.5:
            writing.cast(who, opened, random.choice(["yes", "no", "abstain"]), at_ms)
        else:
            scope = random.choice([{}, {"subject": "picnic"}, {"proposal": opened}])
            writing.delegate(
                who, random.choice([other for other in range(5) if other != who]), at_ms, **scope
            )
    first, *others = writing.entries
    random.shuffle(others)
    again = Assembly(5, decisions={"picnic": picnic})
    for entry in (first, *others):
        assert again.execute(entry) is None
    assert again.state.changes() == writing.state.changes()
    for assembly in (writing, again):
        assembly.later(10)
        assembly.end_block()
    assert again.state.changes() == writing.state.changes()
