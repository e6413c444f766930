"""Ballots as entries: who may cast which, delegation, ballots that another member recorded."""

from typing import Any

import pytest

from p2pnode.consensus.rows import row_key
from p2pnode.governance import ballot, tables
from p2pnode.governance.ballot import ABSTAIN, NO, OBJECT, RANKED, YES
from p2pnode.governance.deciding import vote
from tests.unit.governance.assembly import HOUR_MS, IDS, OPENED_MS, REASON, Assembly

_CODE, _OTHER_CODE = b"\x01" * 16, b"\x02" * 16


def _group(people: int = 6, rule: str = "majority", **settings: Any) -> tuple[Assembly, bytes]:
    """A group and an open proposal, with a window of ten hours."""
    picnic = {"rule": rule, "window_hours": 10, "grace_hours": 0, "early": False}
    assembly = Assembly(people, decisions={"picnic": picnic}, **settings)
    return assembly, assembly.propose(0, "picnic", {})


def _through(assembly: Assembly, proposal: bytes) -> dict[int, int]:
    return {IDS.index(member): IDS.index(speaker) for member, speaker in assembly.count(proposal).through}


def test_an_objection_needs_a_reason() -> None:
    assembly, proposal = _group()
    assert assembly.refused_ballot(0, proposal, OBJECT) == "ballot.needs_reason"
    assembly.cast(0, proposal, OBJECT, annex=REASON)
    assert assembly.count(proposal).object == 1


def test_where_consent_is_asked_who_disagrees_says_why() -> None:
    assembly, proposal = _group(rule="consent")
    assert assembly.refused_ballot(0, proposal, NO) == "ballot.consent_needs_reason"
    assembly.cast_all(proposal, YES, YES, ABSTAIN, OBJECT)
    assert assembly.count(proposal).result == "objected"
    assembly.cast(3, proposal, ABSTAIN, at_ms=OPENED_MS + 1)
    assert assembly.count(proposal).result == "passed"


@pytest.mark.parametrize(
    ("choice", "more", "rule"),
    [
        (RANKED, {"ranked": (IDS[0],)}, "ballot.wrong_choice"),
        (YES, {"member": bytes(32)}, "ballot.not_entitled"),
        (YES, {"member": IDS[1]}, "ballot.recorded_for_oneself"),
    ],
)
def test_ballots_that_say_nothing_here(choice: str, more: Any, rule: str) -> None:
    assembly, proposal = _group()
    assert assembly.refused_ballot(1, proposal, choice, **more) == rule


def test_a_ballot_needs_a_proposal() -> None:
    assembly, _ = _group()
    assert assembly.refused_ballot(1, bytes(32), YES) == "ballot.no_open_proposal"


def test_a_stranger_has_no_vote_and_a_provisional_newcomer_neither() -> None:
    assembly, proposal = _group(4)
    assert assembly.refused_ballot(7, proposal, YES) == "author.no_member"
    row = tables.member(assembly.state, IDS[3])
    assert row is not None
    provisional = tables.MemberRow(
        9, "provisional", row.devices, row.inception, bytes(32), IDS[0], bytes(32), 1
    )
    tables.put_member(assembly.state, IDS[3], provisional)
    assert assembly.refused_ballot(3, proposal, YES) == "ballot.no_member"
    assert assembly.refused_proposal(3, "picnic", {}) == "proposal.no_member"


# ---- delegation


def test_a_delegate_speaks_for_who_has_no_ballot() -> None:
    assembly, proposal = _group()
    assembly.delegate(1, 0)
    assembly.delegate(2, 1)
    assembly.cast(0, proposal, YES)
    assert _through(assembly, proposal) == {0: 0, 1: 0, 2: 0}
    # A ballot of one's own goes before, and those behind follow it.
    assembly.cast(1, proposal, NO)
    assert _through(assembly, proposal) == {0: 0, 1: 1, 2: 1}
    count = assembly.count(proposal)
    assert (count.yes, count.no, count.took_part) == (1, 2, 3)


@pytest.mark.parametrize("circle", [(1, 2), (1, 2, 3), (1, 2, 3, 4, 5)])
def test_a_circle_of_delegates_speaks_for_nobody(circle: tuple[int, ...]) -> None:
    assembly, proposal = _group()
    for who, to in zip(circle, (*circle[1:], circle[0]), strict=True):
        assembly.delegate(who, to)
    assembly.cast(0, proposal, YES)
    assert _through(assembly, proposal) == {0: 0}
    # One who votes after all speaks for the whole circle.
    assembly.cast(circle[0], proposal, NO)
    assert _through(assembly, proposal) == {0: 0, **dict.fromkeys(circle, circle[0])}


def test_somebody_behind_a_circle_is_not_heard_through_it() -> None:
    assembly, proposal = _group()
    for who, to in ((1, 2), (2, 1), (3, 1)):
        assembly.delegate(who, to)
    assembly.cast(0, proposal, YES)
    assert _through(assembly, proposal) == {0: 0}


def test_the_narrowest_delegation_wins_and_can_be_taken_back() -> None:
    assembly, proposal = _group()
    assembly.cast_all(proposal, YES, NO, ABSTAIN)
    for to, scope in ((0, {}), (1, {"subject": "picnic"}), (2, {"proposal": proposal})):
        assembly.delegate(5, to, **scope)
        assert _through(assembly, proposal)[5] == to
    assembly.delegate(5, None, at_ms=OPENED_MS + 1, proposal=proposal)
    assert _through(assembly, proposal)[5] == 1
    assembly.delegate(5, None, at_ms=OPENED_MS + 1, subject="picnic")
    assert _through(assembly, proposal)[5] == 0
    assembly.delegate(5, None, at_ms=OPENED_MS + 1)
    assert 5 not in _through(assembly, proposal)


def test_a_delegation_for_another_subject_does_not_count() -> None:
    assembly, proposal = _group()
    assembly.delegate(5, 0, subject="text")
    assembly.cast(0, proposal, YES)
    assert _through(assembly, proposal) == {0: 0}


def test_j24_a_delegation_of_after_the_deadline_leaves_the_one_before_in_force() -> None:
    assembly, proposal = _group()
    assembly.cast_all(proposal, YES, NO)
    assembly.delegate(5, 0, subject="picnic", at_ms=OPENED_MS)
    late_ms = OPENED_MS + 11 * HOUR_MS
    for minute, to in enumerate((1, None, 1)):
        assembly.delegate(5, to, subject="picnic", at_ms=late_ms + minute)
    assert _through(assembly, proposal)[5] == 0
    assert assembly.refused_delegation(5, IDS[1], proposal=proposal, at_ms=late_ms) == "ballot.late"


def test_only_some_of_the_latest_delegations_are_kept() -> None:
    assembly, _ = _group()
    for minute in range(10):
        assembly.delegate(5, minute % 2, at_ms=OPENED_MS + minute)
    kept = ballot.delegations(assembly.state, IDS[5], ballot.EVERYTHING)
    assert [item.time_ms - OPENED_MS for item in kept] == [6, 7, 8, 9]


def test_a_delegate_who_has_no_vote_here_speaks_for_nobody() -> None:
    quick = {"rule": "majority", "window_hours": 1}
    assembly = Assembly(5, decisions={"remove": quick})
    assembly.delegate(1, 4)
    assembly.delegate(2, 0)
    proposal = assembly.propose(0, "remove", {"member": IDS[4]})
    assembly.cast(0, proposal, YES)
    assert _through(assembly, proposal) == {0: 0, 2: 0}
    assert assembly.refused_delegation(3, IDS[4], proposal=proposal) == "ballot.not_entitled"


def test_delegations_that_mean_nothing() -> None:
    assembly, proposal = _group(4)
    assert assembly.refused_delegation(0, IDS[0]) == "ballot.to_oneself"
    assert assembly.refused_delegation(0, IDS[7]) == "ballot.no_such_member"
    assert assembly.refused_delegation(0, IDS[1], subject="tea") == "ballot.unknown_subject"
    assert assembly.refused_delegation(0, IDS[1], proposal=bytes(32)) == "ballot.no_open_proposal"
    assert assembly.refused_delegation(0, IDS[7], proposal=proposal) == "ballot.not_entitled"


# ---- recorded by another


def test_a_recorded_ballot_counts_once_the_member_confirms_it() -> None:
    assembly, proposal = _group()
    recorded = assembly.cast(0, proposal, NO, member=IDS[5])
    assert _through(assembly, proposal) == {}
    assert assembly.confirm(0, proposal, 5, recorded) == "ballot.needs_code"
    assert assembly.confirm(5, proposal, 5, recorded) is None
    count = assembly.count(proposal)
    assert (count.no, count.took_part) == (1, 1)
    held = vote(assembly.state, proposal)
    assert held is not None
    assert held.own[IDS[5]].recorder == IDS[0]


def test_a_code_on_paper_confirms_and_is_worth_nothing_afterwards() -> None:
    assembly, proposal = _group()
    assembly.codes(5, _CODE, _OTHER_CODE)
    recorded = assembly.cast(0, proposal, YES, member=IDS[5])
    assert assembly.confirm(0, proposal, 5, recorded, b"\x03" * 16) == "ballot.wrong_code"
    assert assembly.confirm(0, proposal, 5, recorded, _CODE) is None
    assert assembly.count(proposal).yes == 1
    again = assembly.cast(1, proposal, NO, at_ms=OPENED_MS + 1, member=IDS[5])
    assert assembly.confirm(1, proposal, 5, again, _CODE) == "ballot.wrong_code"
    assert assembly.confirm(1, proposal, 5, again, _OTHER_CODE) is None
    assert (assembly.count(proposal).yes, assembly.count(proposal).no) == (0, 1)


def test_a_code_of_one_member_is_not_another_members() -> None:
    assembly, proposal = _group()
    assembly.codes(5, _CODE)
    recorded = assembly.cast(0, proposal, YES, member=IDS[4])
    assert assembly.confirm(0, proposal, 4, recorded, _CODE) == "ballot.wrong_code"


def test_a_new_sheet_of_codes_makes_the_old_one_worthless() -> None:
    assembly, proposal = _group()
    assembly.codes(5, _CODE)
    assembly.codes(5, _OTHER_CODE)
    recorded = assembly.cast(0, proposal, YES, member=IDS[5])
    assert assembly.confirm(0, proposal, 5, recorded, _CODE) == "ballot.wrong_code"
    assert [key for key, _ in assembly.state.scan(row_key("code", IDS[5]))] == [
        row_key("code", IDS[5], ballot.code_hash(IDS[5], _OTHER_CODE))
    ]


def test_ones_own_ballot_goes_before_a_recorded_one_of_any_time() -> None:
    assembly, proposal = _group()
    assembly.cast(5, proposal, YES)
    recorded = assembly.cast(0, proposal, NO, at_ms=OPENED_MS + HOUR_MS, member=IDS[5])
    assert assembly.confirm(5, proposal, 5, recorded) is None
    assert (assembly.count(proposal).yes, assembly.count(proposal).no) == (1, 0)


def test_one_member_records_for_few_others() -> None:
    assembly, proposal = _group(recorded_ballots_max=2)
    assembly.cast(0, proposal, YES, member=IDS[4])
    assembly.cast(0, proposal, YES, member=IDS[5])
    assert assembly.refused_ballot(0, proposal, YES, member=IDS[3]) == "ballot.too_many_recorded"
    assembly.cast(0, proposal, NO, at_ms=OPENED_MS + 1, member=IDS[5])
    assembly.cast(1, proposal, NO, member=IDS[3])


def test_nobody_drowns_a_member_in_recorded_ballots() -> None:
    assembly, proposal = _group()
    for who in range(4):
        assembly.cast(who, proposal, YES, member=IDS[5])
    assert assembly.refused_ballot(4, proposal, YES, member=IDS[5]) == "ballot.too_many_recorded"
    # The member votes for herself all the same.
    assembly.cast(5, proposal, NO)
    assert assembly.count(proposal).no == 1


def test_a_charter_may_forbid_recording() -> None:
    assembly, proposal = _group(recorded_ballots_max=0)
    assert assembly.refused_ballot(0, proposal, YES, member=IDS[5]) == "ballot.too_many_recorded"


def test_what_there_is_to_confirm() -> None:
    assembly, proposal = _group()
    own = assembly.cast(5, proposal, YES)
    assert assembly.confirm(5, proposal, 5, own) == "ballot.nothing_to_confirm"


# ---- elections


def test_j22_a_council_is_elected_by_ranked_ballots() -> None:
    council = {"rule": "majority", "window_hours": 10, "grace_hours": 0, "early": False}
    assembly = Assembly(5, decisions={"council": council})
    body = {"candidates": list(IDS[:4]), "seats": 2, "term_days": 365}
    proposal = assembly.propose(0, "council", body)
    assert assembly.refused_ballot(0, proposal, YES) == "ballot.wrong_choice"
    assert assembly.refused_ballot(0, proposal, RANKED, ranked=(IDS[4],)) == "ballot.no_candidate"
    for who, ranked in enumerate([(2, 1), (2, 1), (2, 3), (1, 2), (3,)]):
        assembly.cast(who, proposal, RANKED, ranked=tuple(IDS[one] for one in ranked))
    assembly.later(10)
    assembly.end_block()
    decided = assembly.decided(proposal)
    assert (decided.result, decided.rule, decided.ranked) == ("passed", "", 5)
    assert decided.elected[0] == IDS[2]
    elected = tables.council(assembly.state)
    assert elected == (tuple(sorted(decided.elected)), assembly.now_ms + 365 * 24 * HOUR_MS)


def test_an_election_that_ballots_cannot_decide_is_a_tie() -> None:
    council = {"rule": "majority", "window_hours": 10, "grace_hours": 0, "early": False}
    assembly = Assembly(4, decisions={"council": council})
    body = {"candidates": list(IDS[:2]), "seats": 1, "term_days": 365}
    proposal = assembly.propose(0, "council", body)
    for who in range(4):
        assembly.cast(who, proposal, RANKED, ranked=(IDS[who % 2],))
    assembly.later(10)
    assembly.end_block()
    assert assembly.is_open(proposal)
    assembly.cast(3, proposal, ABSTAIN)
    assembly.later(10)
    assembly.end_block()
    assert assembly.decided(proposal).elected == (IDS[0],)
