"""One height, event by event: the second convocation (R8, R9, J20, J32)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from p2pnode.consensus import leader
from p2pnode.consensus.convocation import Closing
from p2pnode.consensus.format import Vote
from p2pnode.consensus.height import (
    Action,
    AskToClose,
    Cast,
    Close,
    Commit,
    Propose,
    Roll,
)
from p2pnode.consensus.rules import Lock
from tests.unit.consensus.scene import DAY_MS, DELTA_MS, PREVIOUS, START_MS, Scene, X, Y, Z


def _short_of_voters(**changes: Any) -> Scene:
    """Five voters, two of them gone."""
    scene = Scene(5, 1, me=0, **changes)
    scene.here = scene.order[:3]
    return scene


def _rolls(actions: Sequence[Action]) -> int:
    return sum(isinstance(action, Roll) for action in actions)


def test_r8_j32_the_roll_is_called_after_work_has_waited_a_fortnight() -> None:
    scene = _short_of_voters()
    assert _rolls(scene.said()) == 0
    assert _rolls(scene.said(14 * DAY_MS - 1)) == 0
    assert _rolls(scene.said(1)) == 1
    assert _rolls(scene.said(DAY_MS)) == 0


def test_j32_the_fortnight_counts_at_this_height_only() -> None:
    scene = _short_of_voters()
    scene.known.since_ms = START_MS - 20 * DAY_MS
    assert _rolls(scene.said()) == 0
    assert _rolls(scene.said(14 * DAY_MS)) == 1


def test_r8_no_roll_is_called_in_the_second_attempt() -> None:
    scene = _short_of_voters()
    scene.close(scene.order[1:4])
    assert _rolls(scene.said(15 * DAY_MS)) == 0


def test_r8_nobody_closes_before_its_own_answer_is_written() -> None:
    scene = _short_of_voters()
    scene.roll(scene.order[1:4])
    scene.now_ms += 28 * DAY_MS
    assert _closes(scene) == []


def test_r8_nobody_agrees_before_being_asked() -> None:
    scene = _short_of_voters()
    scene.roll(scene.order[:3])
    scene.height.agree_to_close()
    scene.now_ms += 14 * DAY_MS
    assert [type(action) for action in _closes(scene)] == [AskToClose]


def test_r8_a_close_binds_from_the_moment_it_is_given() -> None:
    scene = _short_of_voters()
    scene.roll(scene.order[:3])
    scene.now_ms += 14 * DAY_MS
    _closes(scene)
    scene.height.agree_to_close()
    assert _closes(scene) == [Close(None, ())]
    scene.propose(scene.order[1], X)
    assert scene.said() == []


def test_closes_of_other_heights_are_ignored() -> None:
    scene = Scene(5, 1, me=4)
    for member in scene.order[:4]:
        scene.height.add_close(member, Closing(8, None, None, b""))
    scene.step()
    assert scene.height.attempt == 0


def test_j32_a_decision_that_cannot_be_shown_yet_waits_for_closes() -> None:
    scene = Scene(5, 1, me=None)
    scene.close(scene.order[:2])
    scene.close(scene.order[2:3], Lock(0, Y))
    scene.vote(scene.order[:3], "F", X, attempt=1)
    assert scene.step() == []
    scene.close(scene.order[3:4])
    commit = scene.step()[0]
    assert isinstance(commit, Commit)
    assert {closing.lock for _, closing in commit.closes} == {None}


def test_r9_ranks_wait_from_the_opening_of_the_second_attempt() -> None:
    order = leader.ranks(Scene(5, 1).order, PREVIOUS, 7, 1)
    scene = Scene(5, 1, me=Scene(5, 1).order.index(order[1]))
    scene.now_ms += DAY_MS
    scene.close([order[0], *order[2:4]])
    assert scene.said() == []
    assert scene.said(DELTA_MS // 2 - 1) == []
    assert scene.said(1) == [Propose(1, 0, -1, None)]


def test_j32_work_that_pauses_begins_to_wait_anew() -> None:
    scene = Scene(5, 1, me=4)
    scene.here = [*scene.order[:2], scene.order[4]]
    assert scene.said() == []
    scene.known.works = False
    assert scene.said(13 * DAY_MS) == []
    scene.known.works, scene.known.since_ms = True, scene.now_ms
    assert _rolls(scene.said(2 * DAY_MS)) == 0
    assert _rolls(scene.said(12 * DAY_MS)) == 1


def test_r8_no_roll_while_a_quorum_is_visible() -> None:
    scene = Scene(5, 1, me=0)
    scene.here = scene.order[:4]
    assert _rolls(scene.said(30 * DAY_MS)) == 0


def test_r8_every_voter_answers_a_roll_even_without_work() -> None:
    scene = Scene(5, 1, me=0)
    scene.known.works = False
    scene.roll(scene.order[1:2])
    assert scene.said() == [Roll()]
    assert scene.said() == []


def test_r8_outsiders_call_no_roll() -> None:
    scene = Scene(5, 1, me=0)
    scene.known.works = False
    scene.roll([b"\x63" * 32])
    assert scene.said() == []


def _closes(scene: Scene) -> list[Action]:
    return [action for action in scene.said() if isinstance(action, AskToClose | Close)]


def test_r8_after_a_fortnight_a_person_is_asked_and_then_the_attempt_closed() -> None:
    scene = _short_of_voters()
    scene.roll(scene.order[:3])
    assert _closes(scene) == []
    scene.now_ms += 14 * DAY_MS - 1
    assert _closes(scene) == []
    scene.now_ms += 1
    answered, silent = tuple(sorted(scene.order[:3])), tuple(sorted(scene.order[3:]))
    assert _closes(scene) == [AskToClose(answered, silent)]
    assert _closes(scene) == [], "it asks once"
    scene.height.agree_to_close()
    assert _closes(scene) == [Close(None, ())]


def test_r8_too_few_answers_close_nothing() -> None:
    scene = _short_of_voters()
    scene.roll(scene.order[:2])
    scene.now_ms += 28 * DAY_MS
    assert _closes(scene) == []


def test_r8_a_quorum_that_came_back_closes_nothing_and_takes_the_answer_back() -> None:
    scene = _short_of_voters()
    scene.roll(scene.order[:3])
    scene.now_ms += 14 * DAY_MS
    assert len(_closes(scene)) == 1
    scene.here = scene.order
    assert _closes(scene) == []
    scene.height.agree_to_close()
    assert _closes(scene) == []
    scene.here = scene.order[:3]
    assert [type(action) for action in _closes(scene)] == [AskToClose]


def test_r8_when_others_closed_too_many_one_joins_them() -> None:
    # Else one early closer would block a group that is there again.
    scene = Scene(5, 1, me=0)
    scene.roll(scene.order[:3])
    scene.close(scene.order[3:])
    scene.now_ms += 14 * DAY_MS
    assert [type(action) for action in _closes(scene)] == [AskToClose]


def test_r8_the_close_shows_the_highest_notarized_view() -> None:
    scene = _short_of_voters()
    scene.vote(scene.order[1:], "N", X, view=0)
    scene.roll(scene.order[:3])
    scene.now_ms += 14 * DAY_MS
    _closes(scene)
    scene.height.agree_to_close()
    close = _closes(scene)[0]
    assert isinstance(close, Close)
    assert close.lock == Lock(0, X)
    assert [voter for voter, _ in close.votes] == sorted(scene.order[1:])


def test_r8_nobody_closes_whose_finalized_block_it_cannot_show() -> None:
    scene = _short_of_voters(mine=[Vote(7, 0, 0, "F", X, b"")])
    scene.roll(scene.order[:3])
    scene.now_ms += 14 * DAY_MS
    assert _closes(scene) == []
    scene.vote(scene.order[1:], "N", X, view=0)
    assert [type(action) for action in _closes(scene)] == [AskToClose]


@pytest.mark.parametrize("is_on_disk", [True, False])
def test_r8_a_closed_voter_says_nothing_more_in_the_first_attempt(is_on_disk: bool) -> None:
    scene = Scene(5, 1, me=4, closed=is_on_disk)
    if not is_on_disk:
        assert scene.me is not None
        scene.close([scene.me])
    scene.propose(scene.order[0], X)
    scene.vote(scene.order[:4], "N", X)
    assert scene.said(10 * DELTA_MS) == []


def test_r9_a_majority_of_closes_opens_the_second_attempt_with_a_majority_quorum() -> None:
    scene = Scene(5, 1, me=4)
    scene.close(scene.order[:2])
    scene.step()
    assert scene.height.attempt == 0
    scene.close(scene.order[2:3])
    scene.propose(scene.order[0], X, attempt=1)
    scene.step()
    assert (scene.height.attempt, scene.height.view) == (1, 0)
    assert Cast("N", 1, 0, X) in scene.said(3 * DELTA_MS)
    scene.vote(scene.order[:2], "N", X, attempt=1)
    assert Cast("F", 1, 0, X) in scene.said()
    scene.vote(scene.order[:2], "F", X, attempt=1)
    commit = scene.said()[-1]
    assert isinstance(commit, Commit)
    assert commit.attempt == 1
    assert [voter for voter, _ in commit.closes] == sorted(scene.order[:3])


def test_r9_votes_of_the_second_attempt_decide_nothing_before_it_is_open() -> None:
    scene = Scene(5, 1, me=4)
    scene.known.works = False
    scene.vote(scene.order[:3], "F", X, attempt=1)
    assert scene.said() == []
    scene.close(scene.order[:3])
    assert [type(action) for action in scene.said()] == [Commit]


def test_r9_a_late_certificate_of_the_first_attempt_still_decides() -> None:
    scene = Scene(5, 1, me=4)
    scene.close(scene.order[:3])
    scene.step()
    scene.vote(scene.order[:4], "F", X, view=2)
    commit = scene.said()[0]
    assert isinstance(commit, Commit)
    assert (commit.attempt, commit.view, commit.closes) == (0, 2, ())


def test_r9_j32_the_lock_binds_fresh_proposals_and_rises() -> None:
    scene = Scene(5, 1, me=4)
    scene.close(scene.order[:2])
    scene.close(scene.order[2:3], Lock(0, X))
    first, second = [member for member in leader.ranks(scene.order, PREVIOUS, 7, 1) if member != scene.me][:2]
    scene.propose(first, Y, attempt=1)
    assert not any(isinstance(action, Cast) and action.kind == "N" for action in scene.said())
    assert scene.height.lock == Lock(0, X)
    scene.propose(second, X, attempt=1)
    assert Cast("N", 1, 0, X) in scene.said()
    scene.close(scene.order[3:4], Lock(2, Z))
    scene.step()
    assert scene.height.lock == Lock(2, Z)


def test_r9_the_locked_block_is_what_is_proposed() -> None:
    for number in range(5):
        scene = Scene(5, 1, me=number)
        scene.close([member for member in scene.order if member != scene.me][:3], Lock(1, X))
        said = scene.said() + scene.said(3 * DELTA_MS)
        assert Propose(1, 0, -1, X) in said


def test_r9_who_answered_is_not_suspended() -> None:
    for silent, is_taken in ((4, True), (3, False)):
        scene = Scene(5, 1, me=0)
        scene.roll(scene.order[:4])
        scene.close(scene.order[:3])
        proposer = leader.ranks(scene.order, PREVIOUS, 7, 1)[0]
        if proposer == scene.me:
            proposer = leader.ranks(scene.order, PREVIOUS, 7, 1)[1]
        scene.known.suspending = {X: (scene.order[silent],)}
        scene.known.works = False
        scene.propose(proposer, X, attempt=1)
        assert (Cast("N", 1, 0, X) in scene.said(2 * DELTA_MS)) == is_taken
        assert scene.height.silent == (scene.order[4],)


def test_r9_nobody_is_suspended_in_the_first_attempt() -> None:
    scene = Scene(5, 1, me=1)
    scene.known.suspending = {X: (scene.order[4],)}
    scene.propose(scene.order[0], X)
    assert not any(isinstance(action, Cast) for action in scene.said(DELTA_MS))


def test_r8_a_height_after_a_convocation_that_suspended_nobody_does_not_wait_again() -> None:
    scene = _short_of_voters(is_carried=True)
    assert _rolls(scene.said()) == 1
    scene.roll(scene.order[:3])
    assert [type(action) for action in _closes(scene)] == [AskToClose]


def test_j20_with_too_few_keys_left_recovery_keys_convene_at_once() -> None:
    scene = Scene(1, 0, me=0, lost=[b"\x01" * 32])
    assert scene.me is not None
    assert scene.said() == [Roll()], "the first attempt belongs to the lost key"
    scene.roll([scene.me])
    assert [type(action) for action in _closes(scene)] == [AskToClose]
    scene.height.agree_to_close()
    assert _closes(scene) == [Close(None, ())]
    scene.close([scene.me])
    assert scene.said() == [Propose(1, 0, -1, None)]
    scene.propose(scene.me, X, attempt=1)
    commit = scene.said()[-1]
    assert isinstance(commit, Commit)
    assert commit.attempt == 1
    assert len(commit.closes) == 1


def test_j20_while_enough_keys_are_left_nothing_is_hurried() -> None:
    lost = leader.ranks([bytes([number]) * 32 for number in (1, 2, 3)], PREVIOUS, 7, 0)[2]
    scene = Scene(3, 0, me=0, lost=[lost])
    assert _rolls(scene.said(13 * DAY_MS)) == 0
