"""Proposals from opening to closing: who votes, until when, what comes out, what is carried out."""

from itertools import permutations
from typing import Any

import pytest

from p2pnode.consensus.rows import row_key
from p2pnode.governance import tables
from p2pnode.governance.ballot import ABSTAIN, NO, OBJECT, YES
from p2pnode.governance.deciding import ROUNDS_MAX, close_due
from p2pnode.governance.decision import decisions
from p2pnode.governance.proposal import electorate, next_due_ms, open_proposals
from tests.unit.governance.assembly import HOUR_MS, IDS, OPENED_MS, PEOPLE, Assembly

_WEEK = 168
_PICNIC = {"picnic": {"rule": "majority", "window_hours": 10, "grace_hours": 2, "early": False}}
_EARLY = {"picnic": {"rule": "majority", "window_hours": 10, "grace_hours": 0, "early": True}}


def _picnic(people: int = 5, **changes: Any) -> Assembly:
    """A group with one simple subject of its own: a window of ten hours, two of grace."""
    return Assembly(people, decisions={"picnic": {**_PICNIC["picnic"], **changes}})


def _close(assembly: Assembly, hours: int = 12) -> None:
    assembly.later(hours)
    assembly.end_block()


def test_j24_a_vote_closes_at_deadline_and_grace_not_before() -> None:
    assembly = _picnic()
    proposal = assembly.propose(0, "picnic", {})
    assembly.cast_all(proposal, YES, YES, YES)
    assert next_due_ms(assembly.state) == OPENED_MS + 12 * HOUR_MS
    assembly.now_ms = OPENED_MS + 12 * HOUR_MS - 1
    assembly.end_block()
    assert assembly.is_open(proposal)
    assembly.now_ms += 1
    assembly.end_block()
    decided = assembly.decided(proposal)
    assert (decided.result, decided.yes, decided.voters) == ("passed", 3, 5)
    assert (decided.deadline_ms, decided.closed_ms) == (OPENED_MS + 10 * HOUR_MS, assembly.now_ms)
    assert (decided.opened_ms, decided.opened_height, decided.closed_height) == (OPENED_MS, 1, 2)
    assert next_due_ms(assembly.state) is None


def test_j24_a_ballot_of_before_the_deadline_counts_in_the_grace_and_one_of_after_is_void() -> None:
    assembly = _picnic()
    proposal = assembly.propose(0, "picnic", {})
    deadline_ms = OPENED_MS + 10 * HOUR_MS
    assembly.later(11)
    assembly.cast(0, proposal, YES, at_ms=deadline_ms)
    assert assembly.refused_ballot(1, proposal, NO, at_ms=deadline_ms + 1) == "ballot.late"
    assembly.cast(2, proposal, YES, at_ms=deadline_ms - HOUR_MS)
    assembly.cast(3, proposal, NO, at_ms=deadline_ms - HOUR_MS)
    _close(assembly, 1)
    assert (assembly.decided(proposal).yes, assembly.decided(proposal).no) == (2, 1)
    assert assembly.refused_ballot(1, proposal, NO, at_ms=deadline_ms) == "ballot.no_open_proposal"


def test_a_ballot_may_be_changed_until_closing_in_any_order_of_arrival() -> None:
    for order in permutations([(YES, 1), (NO, 3), (ABSTAIN, 2)]):
        assembly = _picnic()
        proposal = assembly.propose(0, "picnic", {})
        for choice, hour in order:
            assembly.cast(1, proposal, choice, at_ms=OPENED_MS + hour * HOUR_MS)
        count = assembly.count(proposal)
        assert (count.yes, count.no, count.abstain, count.took_part) == (0, 1, 0, 1)


def test_j24_at_one_time_the_larger_id_is_the_later_ballot() -> None:
    outcomes = set()
    for order in ((YES, NO), (NO, YES)):
        assembly = _picnic()
        proposal = assembly.propose(0, "picnic", {})
        ids = {}
        for choice in order:
            # The same two entries in both orders.
            assembly.entries = assembly.entries[:1]
            ids[choice] = assembly.cast(1, proposal, choice)
        latest = max(ids, key=lambda choice: ids[choice])
        count = assembly.count(proposal)
        assert (count.yes, count.no) == ((1, 0) if latest == YES else (0, 1))
        outcomes.add((count.yes, count.no))
    assert len(outcomes) == 1


def test_a_vote_counts_persons_not_devices() -> None:
    assembly = _picnic()
    tables.put_device(assembly.state, PEOPLE[6].public, tables.DeviceRow(IDS[1], "active"))
    proposal = assembly.propose(0, "picnic", {})
    assembly.cast(1, proposal, YES)
    assembly.cast(6, proposal, NO, at_ms=OPENED_MS + 1)
    assembly.cast(2, proposal, NO)
    count = assembly.count(proposal)
    assert (count.yes, count.no, count.took_part) == (0, 2, 2)


def _add_member(assembly: Assembly, who: int) -> None:
    founder = tables.member(assembly.state, IDS[0])
    assert founder is not None
    row = tables.MemberRow(
        who, "member", (PEOPLE[who].public,), founder.inception, bytes(32), IDS[0], bytes(32), 1
    )
    tables.put_member(assembly.state, IDS[who], row)
    tables.put_device(assembly.state, PEOPLE[who].public, tables.DeviceRow(IDS[who], "active"))


def test_nobody_packs_the_electorate_while_a_vote_is_open() -> None:
    assembly = _picnic(3)
    before = assembly.propose(0, "picnic", {})
    for who in (5, 6, 7):
        _add_member(assembly, who)
        assert assembly.refused_ballot(who, before, NO) == "ballot.not_entitled"
    assembly.cast_all(before, YES, YES)
    after = assembly.propose(0, "picnic", {"again": 1})
    assembly.cast(5, after, NO)
    _close(assembly)
    assert (assembly.decided(before).result, assembly.decided(before).voters) == ("passed", 3)
    assert electorate(assembly.state, assembly.decided(before).electorate) == IDS[:3]
    assert assembly.decided(after).voters == 6


def test_who_is_suspended_or_gone_while_a_vote_is_open_still_counts_in_it() -> None:
    assembly = _picnic(5, quorum=[1, 1])
    proposal = assembly.propose(0, "picnic", {})
    tables.write(assembly.state, row_key("suspension", IDS[4]), OPENED_MS + 100 * HOUR_MS)
    assembly.cast_all(proposal, YES, YES, YES, YES, NO)
    assert assembly.refused_proposal(4, "picnic", {}) == "proposal.no_member"
    _close(assembly)
    assert (assembly.decided(proposal).result, assembly.decided(proposal).no) == ("passed", 1)
    # In the next vote the suspended member has no part.
    assert assembly.decided(proposal).voters == 5
    again = assembly.propose(0, "picnic", {})
    assert assembly.refused_ballot(4, again, NO) == "ballot.not_entitled"


def test_the_rule_of_the_opening_decides() -> None:
    assembly = _picnic(quorum=[1, 5])
    proposal = assembly.propose(0, "picnic", {})
    charter = dict(tables.charter(assembly.state).value)
    charter["decisions"] = {**charter["decisions"], "picnic": {"rule": "majority", "quorum": [1, 1]}}
    tables.write(assembly.state, tables.CHARTER_KEY, charter)
    assembly.cast(0, proposal, YES)
    _close(assembly)
    assert assembly.decided(proposal).result == "passed"


def test_a_tie_means_keep_talking() -> None:
    assembly = _picnic(4)
    proposal = assembly.propose(0, "picnic", {})
    assembly.cast_all(proposal, YES, YES, NO, NO)
    _close(assembly)
    assert assembly.is_open(proposal)
    reopened_ms = assembly.now_ms
    assert next_due_ms(assembly.state) == reopened_ms + 12 * HOUR_MS
    # Ballots stay; whoever was convinced changes theirs.
    assembly.cast(3, proposal, YES, at_ms=reopened_ms + HOUR_MS)
    _close(assembly)
    decided = assembly.decided(proposal)
    assert (decided.result, decided.round, decided.yes, decided.no) == ("passed", 2, 3, 1)
    assert decided.deadline_ms == reopened_ms + 10 * HOUR_MS


def test_a_tie_that_stays_one_changes_nothing() -> None:
    assembly = _picnic(4)
    proposal = assembly.propose(0, "picnic", {})
    assembly.cast_all(proposal, YES, NO)
    for round_ in range(1, ROUNDS_MAX + 1):
        assert assembly.is_open(proposal), round_
        _close(assembly)
    assert (assembly.decided(proposal).result, assembly.decided(proposal).round) == ("tie", ROUNDS_MAX)


def test_too_few_took_part() -> None:
    assembly = _picnic(5)
    proposal = assembly.propose(0, "picnic", {})
    assembly.cast_all(proposal, YES, YES)
    _close(assembly)
    assert assembly.decided(proposal).result == "no_quorum"


def test_without_any_ballot_nothing_is_decided_even_where_no_quorum_is_asked() -> None:
    assembly = _picnic(5, quorum=[0, 1])
    proposal = assembly.propose(0, "picnic", {})
    _close(assembly)
    assert assembly.decided(proposal).result == "no_quorum"


def test_an_early_end_when_everybody_has_voted() -> None:
    assembly = Assembly(3, decisions=_EARLY)
    proposal = assembly.propose(0, "picnic", {})
    assembly.cast_all(proposal, YES, NO)
    assembly.end_block()
    assert assembly.is_open(proposal)
    assembly.later(1)
    assembly.cast(2, proposal, YES)
    assembly.end_block()
    decided = assembly.decided(proposal)
    assert (decided.result, decided.deadline_ms) == ("passed", OPENED_MS + HOUR_MS)


def test_j24_an_early_end_keeps_the_grace() -> None:
    assembly = Assembly(2, decisions={"picnic": {**_EARLY["picnic"], "grace_hours": 3}})
    proposal = assembly.propose(0, "picnic", {})
    assembly.cast(0, proposal, YES, at_ms=OPENED_MS)
    assembly.cast(1, proposal, YES, at_ms=OPENED_MS + 2 * HOUR_MS)
    assembly.later(4)
    assembly.end_block()
    assert assembly.is_open(proposal)
    # Written before everybody had voted, on its way until now.
    assembly.cast(0, proposal, ABSTAIN, at_ms=OPENED_MS + HOUR_MS)
    assert assembly.refused_ballot(0, proposal, NO, at_ms=OPENED_MS + 3 * HOUR_MS) == "ballot.late"
    _close(assembly, 1)
    assert (assembly.decided(proposal).yes, assembly.decided(proposal).abstain) == (1, 1)


def test_removal_hears_the_person_and_cannot_close_before() -> None:
    quick = {"remove": {"rule": "majority", "window_hours": 1, "grace_hours": 0, "early": True}}
    assembly = Assembly(5, hearing_hours=_WEEK, decisions=quick)
    proposal = assembly.propose(0, "remove", {"member": IDS[4]})
    assert electorate(assembly.state, _row(assembly, proposal)) == IDS[:4]
    assert assembly.refused_ballot(4, proposal, NO) == "ballot.not_entitled"
    assembly.cast_all(proposal, YES, YES, YES, YES)
    assembly.later(_WEEK - 1)
    assembly.end_block()
    assert assembly.is_open(proposal), "the hearing is not over"
    assert assembly.answer(3, proposal) == "answer.not_concerned"
    assert assembly.answer(4, proposal) is None
    assembly.later(1)
    assembly.end_block()
    decided = assembly.decided(proposal)
    assert (decided.result, decided.rule, len(decided.answers)) == ("passed", "", 1)
    removed = tables.member(assembly.state, IDS[4])
    assert removed is not None
    assert removed.status == "removed"
    # Removed, nobody can vote or propose; the others go on.
    assert assembly.refused_proposal(4, "text", {}) == "author.no_member"
    assert assembly.answer(4, proposal) == "author.no_member"
    assert assembly.propose(0, "text", {})


def _row(assembly: Assembly, proposal: bytes) -> bytes:
    name: bytes = tables.read(assembly.state, row_key("proposal", proposal))[4]
    return name


def test_nobody_is_removed_where_nobody_else_votes() -> None:
    assembly = Assembly(1)
    assert assembly.refused_proposal(0, "remove", {"member": IDS[0]}) == "proposal.nobody_votes"


def test_a_removed_member_may_come_back() -> None:
    # The way back: a suspension ends by decision, and a removal by asking to be admitted again (joining.py).
    quick = {"rule": "majority", "window_hours": 1, "grace_hours": 0, "early": False}
    assembly = Assembly(5, decisions={"suspend": quick, "reinstate": quick})
    proposal = assembly.propose(0, "suspend", {"member": IDS[4], "days": 30})
    assembly.cast_all(proposal, YES, YES, YES)
    _close(assembly, 1)
    assert tables.suspended_until_ms(assembly.state, IDS[4]) == assembly.now_ms + 30 * 24 * HOUR_MS
    back = assembly.propose(1, "reinstate", {"member": IDS[4]})
    assembly.cast_all(back, YES, YES, YES)
    _close(assembly, 1)
    assert assembly.decided(back).rule == ""
    assert tables.is_in_good_standing(assembly.state, IDS[4])


def _amending(assembly: Assembly, changes: Any) -> bytes:
    return assembly.propose(0, "amend", {"charter": changes})


_AMEND = {"rule": "majority", "quorum": [1, 5], "window_hours": 1, "grace_hours": 0, "early": False}


def test_an_amendment_changes_the_charter() -> None:
    assembly = Assembly(5, decisions={"amend": _AMEND})
    proposal = _amending(assembly, {"purpose": "to share", "roles": {"cook": {}}})
    assembly.cast(0, proposal, YES)
    _close(assembly, 1)
    assert assembly.decided(proposal).rule == ""
    charter = tables.charter(assembly.state)
    assert (charter.value["purpose"], list(charter.roles)) == ("to share", ["cook"])


@pytest.mark.parametrize(
    ("changes", "threshold"),
    [
        # A weaker rule for removal passes only under the old, stricter one,
        ({"decisions": {"remove": {"rule": "majority"}}}, ("supermajority", (2, 3), (2, 3))),
        # a stricter one only under the new one,
        ({"decisions": {"text": {"rule": "consent"}}}, ("consent", (1, 2), (1, 2))),
        (
            {"decisions": {"amend": {"rule": "supermajority", "share": [4, 5]}}},
            ("supermajority", (4, 5), (1, 2)),
        ),
        # the way to decide on liars is asked for where liars are set,
        ({"lying_voters": 0}, ("supermajority", (2, 3), (2, 3))),
        # and everything else under the rule for amendments.
        ({"purpose": "x"}, ("majority", (1, 2), (1, 5))),
        ({"decisions": {"remove": None}}, ("majority", (1, 2), (1, 5))),
    ],
    ids=str,
)
def test_a_lower_threshold_passes_only_under_the_stricter_of_old_and_new(
    changes: Any, threshold: Any
) -> None:
    assembly = Assembly(5, decisions={"amend": _AMEND})
    proposal = _amending(assembly, changes)
    assert assembly.is_open(proposal)
    assembly.cast(0, proposal, YES)
    _close(assembly, 1)
    rule, share, quorum = threshold
    assert assembly.decided(proposal).decided_by[:3] == [rule, list(share), list(quorum)]
    assert assembly.decided(proposal).result == ("passed" if quorum == (1, 5) else "no_quorum")


def test_an_amendment_opened_before_a_stricter_charter_has_to_pass_under_it() -> None:
    decisions = {"amend": _AMEND, "picnic": {"rule": "majority", "quorum": [1, 5]}}
    assembly = Assembly(5, decisions=decisions)
    weaker = _amending(assembly, {"decisions": {"picnic": {"rule": "majority", "quorum": [0, 1]}}})
    assembly.cast(0, weaker, YES)
    charter = dict(tables.charter(assembly.state).value)
    charter["decisions"] = {**charter["decisions"], "picnic": {"rule": "consent", "quorum": [4, 5]}}
    tables.write(assembly.state, tables.CHARTER_KEY, charter)
    _close(assembly, 1)
    assert assembly.decided(weaker).result == "no_quorum"


def test_what_cannot_be_carried_out_any_more_says_why() -> None:
    assembly = _picnic()
    proposal = assembly.propose(0, "picnic", {})
    assembly.cast_all(proposal, YES, YES, YES)
    assembly.later(12)

    def half_done(state: Any, context: Any, _: bytes, subject: str, body: Any) -> str:
        state.put(b"half", b"\xc0")
        return "decision.no_member"

    close_due(assembly.state, assembly.context, half_done)
    assert (assembly.decided(proposal).result, assembly.decided(proposal).rule) == (
        "passed",
        "decision.no_member",
    )
    assert assembly.state.get(b"half") is None


def test_an_author_takes_a_proposal_back() -> None:
    assembly = _picnic()
    proposal = assembly.propose(0, "picnic", {})
    assembly.cast(1, proposal, YES)
    assert assembly.withdraw(1, proposal) == "withdraw.not_the_author"
    assert assembly.withdraw(0, proposal) is None
    assert assembly.decided(proposal).result == "withdrawn"
    assert assembly.withdraw(0, proposal) == "withdraw.no_proposal"
    assert next_due_ms(assembly.state) is None


@pytest.mark.parametrize(
    ("subject", "body", "rule"),
    [
        ("tea", {}, "proposal.unknown_subject"),
        ("default", {}, None),
        ("remove", {"member": bytes(32)}, "proposal.no_such_member"),
        ("amend", {"charter": {"name": ""}}, "charter.bad_field"),
        ("role", {"member": IDS[0], "role": "cook", "give": True}, "proposal.unknown_role"),
        ("admit", {"join": bytes(32)}, "proposal.no_petition"),
        ("mandate", {"withdraw": bytes(32)}, "proposal.no_mandate"),
        (
            "mandate",
            {"acts": ["buy"], "days": 1, "holders": [bytes(32)], "name": "n", "needed": 1},
            "proposal.no_such_member",
        ),
        ("council", {"candidates": [bytes(32)], "seats": 1, "term_days": 1}, "proposal.no_such_member"),
    ],
)
def test_what_cannot_be_proposed(subject: str, body: Any, rule: str | None) -> None:
    assert Assembly(3).refused_proposal(0, subject, body) == rule


def test_nobody_takes_the_whole_agenda() -> None:
    assembly = _picnic()
    for number in range(20):
        assembly.propose(0, "picnic", {"number": number})
    assert assembly.refused_proposal(0, "picnic", {}) == "proposal.too_many"
    assert assembly.propose(1, "picnic", {})
    assembly.end_block()
    assert assembly.withdraw(0, next(iter(open_proposals(assembly.state)))) in (
        None,
        "withdraw.not_the_author",
    )


def test_j9_a_closed_proposal_shrinks_to_one_row() -> None:
    assembly = _picnic()
    before = assembly.state.changes()
    proposal = assembly.propose(0, "picnic", {"what": "a" * 1000})
    assembly.cast_all(proposal, YES, NO, OBJECT, ABSTAIN)
    assembly.cast(0, proposal, YES, member=IDS[4])
    assembly.delegate(4, 0, proposal=proposal)
    assembly.cast(1, proposal, YES, at_ms=OPENED_MS + 1)
    _close(assembly)
    left = {key for key, value in assembly.state.changes().items() if value is not None} - set(before)
    assert left == {
        row_key("decision", proposal),
        row_key("electorate", assembly.decided(proposal).electorate),
    }
    assert [proposal_id for proposal_id, _ in decisions(assembly.state)] == [proposal]
