"""Counting from ballots and delegations alone."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.governance.ballot import ABSTAIN, NO, OBJECT, YES, BallotRow, Delegation
from p2pnode.governance.decision_rule import rule_of_value
from p2pnode.governance.tally import Question, count, counted_hash
from tests.unit.governance.assembly import IDS

_LETTERS = {"y": YES, "n": NO, "a": ABSTAIN, "o": OBJECT}


def _own(ballots: str) -> dict[bytes, BallotRow]:
    """Ballots by letter, in the order of the members; a dot stays away."""
    return {
        member: BallotRow(1, bytes([number]) * 32, _LETTERS[letter])
        for number, (member, letter) in enumerate(zip(IDS, ballots, strict=False))
        if letter != "."
    }


def _result(ballots: str, **rule: Any) -> str:
    electorate = IDS[: len(ballots)]
    return count(Question(rule_of_value({"quorum": [1, 2], **rule}, 0), electorate), _own(ballots), {}).result


_MAJORITY: dict[str, Any] = {"rule": "majority"}
_TWO_THIRDS: dict[str, Any] = {"rule": "supermajority", "share": [2, 3]}
_CONSENT: dict[str, Any] = {"rule": "consent"}


@pytest.mark.parametrize(
    ("ballots", "rule", "result"),
    [
        ("yyn.", _MAJORITY, "passed"),
        ("ynn.", _MAJORITY, "rejected"),
        ("yn..", _MAJORITY, "tie"),
        ("yo..", _MAJORITY, "tie"),
        ("aaa.", _MAJORITY, "tie"),
        ("yaaa", _MAJORITY, "passed"),
        ("y...", _MAJORITY, "no_quorum"),
        ("....", {**_MAJORITY, "quorum": [0, 1]}, "no_quorum"),
        ("y...", {**_MAJORITY, "quorum": [1, 4]}, "passed"),
        ("yy...", _MAJORITY, "no_quorum"),
        ("yyy...", _MAJORITY, "passed"),
        ("yyn", _TWO_THIRDS, "passed"),
        ("yyynn", _TWO_THIRDS, "rejected"),
        ("yyyyoo", _TWO_THIRDS, "passed"),
        ("yyynn.", _TWO_THIRDS, "rejected"),
        ("yynn", _TWO_THIRDS, "tie"),
        ("nnny", _TWO_THIRDS, "rejected"),
        ("yyyn", {"rule": "supermajority", "share": [3, 4]}, "passed"),
        ("yyyn", {"rule": "supermajority", "share": [4, 5]}, "rejected"),
        ("yya.", _CONSENT, "passed"),
        ("yyyo", _CONSENT, "objected"),
        ("aaa.", _CONSENT, "tie"),
        ("y...", _CONSENT, "no_quorum"),
        ("yyyy", {**_CONSENT, "quorum": [1, 1]}, "passed"),
        ("yyy.", {**_CONSENT, "quorum": [1, 1]}, "no_quorum"),
    ],
)
def test_results(ballots: str, rule: dict[str, Any], result: str) -> None:
    assert _result(ballots, **rule) == result


def test_ballots_of_others_than_the_electorate_are_left_out() -> None:
    question = Question(rule_of_value(_MAJORITY, 0), IDS[:2])
    found = count(question, _own("yyyyyy"), {IDS[5]: Delegation(1, bytes(32), IDS[0])})
    assert (found.yes, found.took_part, found.electorate) == (2, 2, 2)


def test_nobody_outside_the_electorate_passes_a_vote_on() -> None:
    question = Question(rule_of_value(_MAJORITY, 0), IDS[:2])
    delegates = {IDS[1]: Delegation(1, bytes(32), IDS[5]), IDS[5]: Delegation(1, bytes(32), IDS[0])}
    assert count(question, _own("y"), delegates).through == ((IDS[0], IDS[0]),)


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from("yna.o"), min_size=8, max_size=8),
    st.lists(st.one_of(st.none(), st.integers(0, 7)), min_size=8, max_size=8),
    st.randoms(use_true_random=False),
)
def test_counting_depends_on_no_order_and_counts_everybody_once(
    letters: list[str], chosen: list[int | None], shuffling: Any
) -> None:
    own = _own("".join(letters))
    delegates = {
        IDS[who]: Delegation(1, bytes([who]) * 32, IDS[to])
        for who, to in enumerate(chosen)
        if to is not None and to != who and IDS[who] not in own
    }
    question = Question(rule_of_value(_MAJORITY, 0), IDS[:8])
    found = count(question, own, delegates)
    mixed_own, mixed_delegates = list(own.items()), list(delegates.items())
    shuffling.shuffle(mixed_own)
    shuffling.shuffle(mixed_delegates)
    assert count(question, dict(mixed_own), dict(mixed_delegates)) == found
    assert found.yes + found.no + found.abstain + found.object == found.took_part
    # Walked one by one, without memory of other walks.
    for who, member in enumerate(IDS[:8]):
        at, seen = member, {member}
        while at not in own and at in delegates and delegates[at].to not in seen:
            at = delegates[at].to or b""
            seen.add(at)
        speaker = dict(found.through).get(member)
        assert speaker == (at if at in own else None), who


def test_the_hash_of_what_was_counted_names_each_ballot() -> None:
    own, delegates = _own("yn."), {IDS[2]: Delegation(1, b"\x07" * 32, IDS[0])}
    whole = counted_hash(IDS[:3], own, delegates)
    assert whole == counted_hash(IDS[:3], own, {**delegates, IDS[1]: Delegation(1, bytes(32), IDS[0])})
    fewer = {IDS[0]: own[IDS[0]]}
    others = [
        counted_hash(IDS[:3], own, {}),
        counted_hash(IDS[:3], fewer, delegates),
    ]
    assert len({whole, *others}) == 3
