"""One height, event by event: R0 to R7 and the rulings on them."""

from __future__ import annotations

from p2pnode.consensus import timing
from p2pnode.consensus.format import Proposal, Vote
from p2pnode.consensus.height import (
    Cast,
    Commit,
    Propose,
    Schism,
    Wake,
)
from tests.unit.consensus.scene import DAY_MS, DELTA_MS, START_MS, Scene, X, Y, Z


def _view_led_by(scene: Scene, member: bytes) -> int:
    return next(view for view in range(1, 20) if scene.leader(view) == member)


# ---- R0: work


def test_r0_without_work_nothing_is_said_and_no_timer_runs() -> None:
    scene = Scene(4, 1)
    scene.known.works = False
    assert scene.step() == []
    assert scene.step(365 * DAY_MS) == []


def test_j28_votes_of_others_are_no_work() -> None:
    # One hostile vote must not keep a group writing.
    scene = Scene(4, 1)
    scene.known.works = False
    scene.vote(scene.others[:1], "S")
    scene.vote(scene.others[:1], "N", X)
    assert scene.step() == []
    assert scene.step(365 * DAY_MS) == []


def test_j28_a_proposal_found_valid_is_work_and_so_is_an_own_vote() -> None:
    scene = Scene(4, 1, me=1)
    scene.known.works = False
    scene.known.invalid = (X,)
    scene.propose(scene.order[0], X)
    assert scene.step() == []
    scene.known.invalid = ()
    assert scene.said() == [Cast("N", 0, 0, X)]
    assert scene.said(4 * DELTA_MS) == [Cast("S", 0, 0, b"")]


def test_j28_a_valid_proposal_that_is_not_notarized_is_work_all_the_same() -> None:
    scene = Scene(4, 1, me=3)
    scene.known.works = False
    scene.known.omitting = (X,)
    scene.propose(scene.order[0], X)
    assert scene.said() == []
    assert scene.said(4 * DELTA_MS) == [Cast("S", 0, 0, b"")]


def test_j28_own_votes_on_disk_are_work_after_a_restart() -> None:
    scene = Scene(4, 1, mine=[Vote(7, 0, 0, "N", X, b"")])
    scene.known.works = False
    assert scene.said() == []
    assert scene.said(4 * DELTA_MS) == [Cast("S", 0, 0, b"")]


# ---- R1: commit


def test_r1_a_lone_voter_decides_at_once() -> None:
    scene = Scene(1, 0)
    assert scene.said() == [Propose(0, 0, -1, None)]
    assert scene.me is not None
    scene.propose(scene.me, X)
    said = scene.said()
    assert said[:2] == [Cast("N", 0, 0, X), Cast("F", 0, 0, X)]
    assert [type(action) for action in said] == [Cast, Cast, Commit]
    assert scene.step(10 * DAY_MS) == [], "it is done"


def test_r1_a_quorum_of_f_votes_in_any_view_is_final() -> None:
    scene = Scene(4, 1)
    scene.vote(scene.others, "F", X, view=5)
    commit = scene.step()[0]
    assert isinstance(commit, Commit)
    assert (commit.block, commit.attempt, commit.view, commit.closes) == (X, 0, 5, ())
    assert scene.height.missing().stage == "done"


def test_r1_commits_without_a_vote_of_its_own_and_whoever_it_is() -> None:
    for scene in (Scene(4, 1, me=None), Scene(4, 1, closed=True)):
        scene.known.works = False
        scene.vote(scene.order[1:], "F", X)
        assert [type(action) for action in scene.step()] == [Commit]


def test_r1_waits_for_the_block_and_never_asks_the_clock() -> None:
    scene = Scene(4, 1)
    scene.known.unknown = (X,)
    scene.known.works = False
    scene.vote(scene.others, "F", X)
    assert scene.step() == []
    assert scene.height.missing().stage == "block"
    scene.known.unknown = ()
    assert [type(action) for action in scene.step()] == [Commit]
    assert {is_fresh for _, is_fresh in scene.known.asked} == {False}


def test_j26_a_commit_gives_all_signatures_that_are_held() -> None:
    scene = Scene(4, 1, me=None)
    scene.vote(scene.order, "F", X)
    commit = scene.step()[0]
    assert isinstance(commit, Commit)
    assert [voter for voter, _ in commit.votes] == sorted(scene.order)


def test_r1_two_final_blocks_stop_everything() -> None:
    scene = Scene(4, 1)
    scene.vote(scene.others, "F", X)
    scene.vote(scene.others, "F", Y, view=1)
    schism = scene.step()
    assert len(schism) == 1
    assert isinstance(schism[0], Schism)
    assert [commit.block for commit in schism[0].commits] == [X, Y]
    assert scene.step(DAY_MS) == []
    assert scene.height.missing().stage == "schism"


def test_r1_a_second_final_block_after_the_commit_is_told() -> None:
    scene = Scene(4, 1)
    scene.vote(scene.others, "F", X)
    assert [type(action) for action in scene.step()] == [Commit]
    scene.vote(scene.others, "F", X, view=1)
    assert scene.step() == []
    scene.vote(scene.others, "F", Y, view=2)
    assert [type(action) for action in scene.step()] == [Schism]


def test_votes_of_others_than_voters_and_of_other_heights_do_not_count() -> None:
    scene = Scene(4, 1)
    scene.known.works = False
    scene.vote([bytes([number]) * 32 for number in range(100, 110)], "F", X)
    for member in scene.others:
        scene.height.add_vote(member, Vote(8, 0, 0, "F", X, b""))
        scene.height.add_vote(member, Vote(7, 2, 0, "F", X, b""))
    scene.vote(scene.others[:1] * 3, "F", X)
    assert scene.step() == []


# ---- R2, R3: views and finalizing


def test_r2_r3_a_notarized_block_is_finalized_and_the_next_view_begins() -> None:
    scene = Scene(4, 1, me=1)
    scene.vote(scene.others, "N", X)
    assert scene.said() == [Cast("F", 0, 0, X)]
    assert scene.height.view == 1


def test_r2_skips_of_a_quorum_end_a_view() -> None:
    scene = Scene(4, 1, me=1)
    scene.vote(scene.others[:2], "S")
    scene.step()
    assert scene.height.view == 0
    scene.vote(scene.others[2:], "S")
    scene.step()
    assert scene.height.view == 1


def test_r3_a_skipped_view_is_not_finalized() -> None:
    scene = Scene(4, 1, mine=[Vote(7, 0, 0, "S", b"", b"")])
    scene.vote(scene.others, "N", X)
    assert scene.said() == []


def test_r3_a_block_is_executed_before_it_is_finalized() -> None:
    scene = Scene(4, 1, me=1)
    scene.known.unknown = (X,)
    scene.vote(scene.others, "N", X)
    assert scene.said() == []
    scene.known.unknown = ()
    assert scene.said() == [Cast("F", 0, 0, X)]


def test_r3_every_earlier_view_is_finalized_too() -> None:
    scene = Scene(4, 1, me=1)
    scene.vote(scene.others, "S", view=0)
    scene.vote(scene.others, "N", X, view=1)
    scene.vote(scene.others, "S", view=2)
    scene.vote(scene.others, "N", X, view=3)
    assert scene.said() == [Cast("F", 0, 1, X), Cast("F", 0, 3, X)]
    assert scene.height.view == 4


def test_r3_a_view_not_reached_yet_is_neither_finalized_nor_proposed_again() -> None:
    scene = Scene(4, 1)
    assert scene.me is not None
    view = _view_led_by(scene, scene.me)
    for earlier in range(view - 1):
        scene.vote(scene.others, "S", view=earlier)
    scene.vote(scene.others, "N", X, view=view - 1)
    scene.vote(scene.others, "N", X, view=view + 2)
    assert scene.said() == [Cast("F", 0, view - 1, X)]
    assert scene.said(2 * DELTA_MS) == [Propose(0, view, view - 1, X)]


# ---- R4: notarizing


def test_r4_one_block_is_notarized_in_a_view() -> None:
    scene = Scene(4, 1, me=2)
    scene.propose(scene.order[0], X)
    assert scene.said() == [Cast("N", 0, 0, X)]
    scene.propose(scene.order[1], Y)
    assert scene.said(DELTA_MS) == []


def test_r4_an_own_vote_on_disk_binds_after_a_restart() -> None:
    scene = Scene(4, 1, me=2, mine=[Vote(7, 0, 0, "N", Y, b"")])
    scene.propose(scene.order[0], X)
    assert scene.said() == []


def test_r4_of_two_open_proposals_the_lower_rank_is_taken() -> None:
    scene = Scene(4, 1, me=3)
    scene.now_ms += 10 * DELTA_MS
    scene.propose(scene.order[1], Y)
    scene.propose(scene.order[0], X)
    assert scene.said() == [Cast("N", 0, 0, X)]


def test_r4_an_invalid_or_unknown_block_is_not_notarized() -> None:
    scene = Scene(4, 1, me=3)
    scene.known.invalid, scene.known.unknown = (X,), (Y,)
    scene.propose(scene.order[0], X)
    scene.propose(scene.order[1], Y)
    assert scene.said(DELTA_MS) == []


def test_r4_only_the_first_proposal_of_a_proposer_is_looked_at() -> None:
    # Otherwise a liar makes everybody execute one block after another (J30).
    scene = Scene(4, 1, me=3)
    scene.known.invalid = (X,)
    scene.propose(scene.order[0], X)
    scene.propose(scene.order[0], Y)
    assert scene.said() == []
    assert Y not in [block for block, _ in scene.known.asked]


def test_r4_only_the_leader_proposes_in_later_views() -> None:
    scene = Scene(4, 1, me=0)
    view = next(view for view in range(1, 5) if scene.leader(view) != scene.me)
    for earlier in range(view):
        scene.vote(scene.others, "S", view=earlier)
    usurper = next(member for member in scene.others if member != scene.leader(view))
    scene.propose(usurper, X, view=view)
    assert scene.said() == []
    scene.propose(scene.leader(view), Y, view=view)
    assert scene.said() == [Cast("N", 0, view, Y)]


def test_r4_a_fresh_block_over_a_notarized_one_is_refused() -> None:
    scene = Scene(4, 1, me=0)
    view = next(view for view in range(1, 5) if scene.leader(view) != scene.me)
    scene.vote(scene.others, "N", X, view=0)
    for earlier in range(1, view):
        scene.vote(scene.others, "S", view=earlier)
    scene.said()
    scene.propose(scene.leader(view), Y, view=view)
    assert scene.said() == []


def test_r4_a_notarized_block_is_notarized_again() -> None:
    scene = Scene(4, 1, me=0)
    view = next(view for view in range(1, 5) if scene.leader(view) != scene.me)
    scene.vote(scene.others, "N", X, view=0)
    for earlier in range(1, view):
        scene.vote(scene.others, "S", view=earlier)
    scene.said()
    scene.propose(scene.leader(view), X, view=view, justifying_view=0)
    assert scene.said() == [Cast("N", 0, view, X)]
    assert (X, False) in scene.known.asked, "the clock does not judge a block with votes behind it"


# ---- J29: nobody is passed over


def test_j29_a_later_rank_is_not_notarized_before_its_time() -> None:
    scene = Scene(4, 1, me=0)
    scene.here = scene.order
    scene.known.works = False
    scene.propose(scene.order[2], X)
    assert scene.step() == [Wake(START_MS + DELTA_MS)]
    assert scene.said(DELTA_MS - 1) == []
    assert scene.said(1) == [Cast("N", 0, 0, X)]


def test_j29_ranks_count_from_the_beginning_of_my_work() -> None:
    scene = Scene(4, 1, me=3)
    scene.known.since_ms = START_MS - 10 * DELTA_MS
    scene.propose(scene.order[2], X)
    assert scene.said() == [], "work of the height before does not count"
    scene = Scene(4, 1, me=3, began_ms=START_MS - 10 * DELTA_MS)
    scene.known.since_ms = START_MS - 10 * DELTA_MS
    scene.propose(scene.order[2], X)
    assert scene.said() == [Cast("N", 0, 0, X)]


def test_j29_absent_voters_are_not_waited_for() -> None:
    scene = Scene(4, 1, me=3)
    scene.here = scene.order[2:]
    scene.propose(scene.order[2], X)
    assert scene.said() == [Cast("N", 0, 0, X)]


def test_j29_a_block_that_omits_something_old_is_skipped() -> None:
    scene = Scene(4, 1, me=1)
    scene.known.omitting = (X,)
    scene.propose(scene.order[0], X)
    assert not any(isinstance(action, Cast) for action in scene.said())
    assert scene.said(4 * DELTA_MS) == [Propose(0, 0, -1, None), Cast("S", 0, 0, b"")]


def test_j17_a_fresh_block_that_seals_an_acknowledged_branch_away_gets_no_vote() -> None:
    scene = Scene(4, 1, me=1)
    scene.known.sealing = (X,)
    scene.propose(scene.order[0], X)
    assert not any(isinstance(action, Cast) for action in scene.said())
    assert scene.said(DELTA_MS // 2) == [Propose(0, 0, -1, None)]


def test_j29_a_block_that_omits_something_does_not_keep_others_from_proposing() -> None:
    scene = Scene(4, 1, me=1)
    scene.known.omitting = (X,)
    scene.propose(scene.order[0], X)
    assert scene.said(DELTA_MS // 2) == [Propose(0, 0, -1, None)]


def test_j29_a_proposal_again_is_taken_whatever_it_omits() -> None:
    scene = Scene(4, 1, me=0)
    view = next(view for view in range(1, 5) if scene.leader(view) != scene.me)
    scene.known.omitting = (X,)
    scene.vote(scene.others, "N", X, view=view - 1)
    for earlier in range(view - 1):
        scene.vote(scene.others, "S", view=earlier)
    scene.said()
    scene.propose(scene.leader(view), X, view=view, justifying_view=view - 1)
    assert scene.said() == [Cast("N", 0, view, X)]


# ---- R5: proposing


def test_r5_the_first_rank_proposes_at_once_and_the_others_wait() -> None:
    for rank in range(4):
        scene = Scene(4, 1, me=rank)
        if rank:
            assert scene.step() == [Wake(START_MS + rank * DELTA_MS // 2)]
            assert scene.said(rank * DELTA_MS // 2 - 1) == []
        assert scene.said(1 if rank else 0) == [Propose(0, 0, -1, None)]


def test_r5_a_proposal_seen_keeps_the_others_silent() -> None:
    scene = Scene(4, 1, me=2)
    scene.propose(scene.order[0], X)
    said = scene.said(2 * DELTA_MS)
    assert said == [Cast("N", 0, 0, X)]


def test_r5_an_invalid_proposal_keeps_nobody_silent() -> None:
    scene = Scene(4, 1, me=1)
    scene.known.invalid = (X,)
    scene.propose(scene.order[0], X)
    assert scene.said(DELTA_MS) == [Propose(0, 0, -1, None)]


def test_r5_a_proposal_before_its_time_keeps_nobody_silent() -> None:
    scene = Scene(4, 1, me=0)
    scene.propose(scene.order[3], X)
    assert scene.said() == [Propose(0, 0, -1, None)]


def test_r5_one_proposal_a_view_also_after_a_restart() -> None:
    scene = Scene(4, 1)
    assert scene.me is not None
    scene.propose(scene.me, X)
    assert not any(isinstance(action, Propose) for action in scene.said(2 * DELTA_MS))


def test_r5_after_skips_the_leader_proposes_a_fresh_block_at_once() -> None:
    scene = Scene(4, 1)
    assert scene.me is not None
    view = _view_led_by(scene, scene.me)
    for earlier in range(view):
        scene.vote(scene.others, "S", view=earlier)
    assert scene.said() == [Propose(0, view, -1, None)]


def test_r5_after_a_notarized_view_the_leader_waits_two_deltas() -> None:
    scene = Scene(4, 1)
    assert scene.me is not None
    view = _view_led_by(scene, scene.me)
    for earlier in range(view - 1):
        scene.vote(scene.others, "S", view=earlier)
    scene.vote(scene.others, "N", X, view=view - 1)
    assert scene.said() == [Cast("F", 0, view - 1, X)]
    assert scene.said(2 * DELTA_MS - 1) == []
    assert scene.said(1) == [Propose(0, view, view - 1, X)]


def test_r5_the_highest_notarized_view_is_proposed_again() -> None:
    scene = Scene(4, 1)
    assert scene.me is not None
    view = _view_led_by(scene, scene.me)
    if view < 2:
        view += 4
    for earlier in range(view):
        scene.vote(scene.others, "S", view=earlier)
    scene.vote(scene.others, "N", X, view=0)
    scene.vote(scene.others, "N", X, view=view - 2)
    said = scene.said(2 * DELTA_MS)
    assert said[-1] == Propose(0, view, view - 2, X)


def test_r5_nothing_fresh_is_proposed_without_work() -> None:
    scene = Scene(4, 1, mine=[Vote(7, 0, 0, "S", b"", b"")])
    scene.known.works = False
    assert scene.me is not None
    for earlier in range(_view_led_by(scene, scene.me)):
        scene.vote(scene.others, "S", view=earlier)
    assert scene.said(DELTA_MS) == []


def test_r5_an_own_proposal_on_disk_is_not_made_again_in_a_later_view() -> None:
    scene = Scene(4, 1)
    assert scene.me is not None
    view = _view_led_by(scene, scene.me)
    for earlier in range(view):
        scene.vote(scene.others, "S", view=earlier)
    scene.propose(scene.me, X, view=view)
    assert scene.said() == [Cast("N", 0, view, X)]


def test_r5_a_notarized_block_that_is_invalid_here_is_not_proposed_again() -> None:
    scene = Scene(4, 1)
    assert scene.me is not None
    view = _view_led_by(scene, scene.me)
    scene.known.invalid = (X,)
    for earlier in range(view - 1):
        scene.vote(scene.others, "S", view=earlier)
    scene.vote(scene.others, "N", X, view=view - 1)
    assert scene.said() == []
    assert scene.said(3 * DELTA_MS) == []


def test_r5_a_leader_proposes_again_once_it_has_judged_what_was_notarized() -> None:
    """After a restart every block is judged anew; who skipped the view judges its block for nothing else."""
    scene = Scene(4, 1, mine=[Vote(7, 0, 0, "S", b"", b"")])
    assert scene.me is not None
    view = _view_led_by(scene, scene.me)
    scene.known.unknown = (X,)
    scene.vote(scene.others, "N", X, view=0)
    for earlier in range(1, view):
        scene.vote(scene.others, "S", view=earlier)
    assert scene.said() == []
    assert scene.said(2 * DELTA_MS) == []
    scene.known.unknown = ()
    assert scene.said() == [Propose(0, view, 0, X)]


def test_r5_an_own_block_is_notarized_whatever_it_had_to_leave_out() -> None:
    scene = Scene(4, 1)
    assert scene.me is not None
    scene.known.omitting = (X,)
    scene.propose(scene.me, X)
    assert scene.said() == [Cast("N", 0, 0, X)]


def test_proposals_of_other_heights_are_ignored() -> None:
    scene = Scene(4, 1, me=1)
    scene.height.add_proposal(scene.order[0], Proposal(8, 0, 0, -1, X, b"", ()))
    assert scene.said() == []


# ---- R6, R7: skipping


def test_r6_a_view_is_skipped_after_four_deltas_with_a_visible_quorum() -> None:
    scene = Scene(4, 1, me=3)
    scene.propose(scene.order[0], X)
    scene.known.unknown = (X,)
    assert scene.step() == [Wake(START_MS + 4 * DELTA_MS)]
    assert scene.said(4 * DELTA_MS - 1) == []
    assert scene.said(1) == [Cast("S", 0, 0, b"")]
    assert scene.said(DAY_MS) == [], "once"


def test_r6_without_a_visible_quorum_the_clock_stands_still_for_two_days() -> None:
    scene = Scene(4, 1, me=3)
    scene.propose(scene.order[0], X)
    scene.known.unknown = (X,)
    scene.here = scene.order[2:]
    assert scene.step() == [Wake(START_MS + 2 * DAY_MS)]
    assert scene.said(2 * DAY_MS - 1) == []
    assert scene.said(1) == [Cast("S", 0, 0, b"")]


def test_r6_the_timer_begins_anew_when_a_quorum_is_seen_again() -> None:
    scene = Scene(4, 1, me=3)
    scene.propose(scene.order[0], X)
    scene.known.unknown = (X,)
    assert scene.said() == []
    everybody, scene.here = scene.here, scene.order[2:]
    assert scene.said(3 * DELTA_MS) == []
    scene.here = everybody
    assert scene.said(DELTA_MS) == []
    assert scene.said(4 * DELTA_MS - 1) == []
    assert scene.said(1) == [Cast("S", 0, 0, b"")]


def test_r6_the_voter_itself_counts_as_visible() -> None:
    scene = Scene(4, 1, me=3)
    scene.propose(scene.order[0], X)
    scene.known.unknown = (X,)
    scene.here = scene.order[:2]
    assert scene.said() == []
    assert scene.said(4 * DELTA_MS) == [Cast("S", 0, 0, b"")]


def test_r6_each_view_has_its_own_time() -> None:
    scene = Scene(4, 1, me=0)
    view = next(view for view in range(1, 5) if scene.leader(view) != scene.me)
    scene.propose(scene.order[1], X)
    scene.known.unknown = (X,)
    scene.said()
    scene.said(3 * DELTA_MS)
    for earlier in range(view):
        scene.vote(scene.others, "S", view=earlier)
    assert scene.said() == []
    wait_ms = timing.skip_after_ms(view, 4, 3, DELTA_MS)
    assert scene.said(wait_ms - 1) == []
    assert scene.said(1) == [Cast("S", 0, view, b"")]


def test_r6_two_days_count_from_the_beginning_of_the_view_and_of_the_work() -> None:
    scene = Scene(4, 1, me=3)
    scene.here = scene.order[3:]
    scene.known.unknown = (X,)
    scene.propose(scene.order[0], X)
    scene.known.works, scene.known.since_ms = False, START_MS + 5 * DAY_MS
    assert scene.said(5 * DAY_MS) == []
    scene.known.works = True
    assert scene.said() == []
    assert scene.said(2 * DAY_MS - 1) == []
    assert scene.said(1) == [Cast("S", 0, 0, b"")]
    scene.vote(scene.others, "S")
    assert not any(isinstance(action, Cast) for action in scene.said())
    assert not any(isinstance(action, Cast) for action in scene.said(2 * DAY_MS - 1))
    assert Cast("S", 0, 1, b"") in scene.said(1)


def test_r6_a_clock_set_back_without_a_visible_quorum() -> None:
    scene = Scene(4, 1, me=3)
    scene.here = scene.order[3:]
    scene.known.unknown = (X,)
    scene.propose(scene.order[0], X)
    assert scene.said() == []
    assert scene.said(-100 * DAY_MS) == []
    assert scene.said(2 * DAY_MS) == [Cast("S", 0, 0, b"")]


def test_r6_a_finalized_view_is_never_skipped() -> None:
    scene = Scene(4, 1, me=3, mine=[Vote(7, 0, 0, "F", X, b"")])
    assert not any(isinstance(action, Cast) for action in scene.said(100 * DAY_MS))


def test_r6_a_clock_set_back_makes_nobody_wait_longer() -> None:
    scene = Scene(4, 1, me=3)
    scene.propose(scene.order[0], X)
    scene.known.unknown = (X,)
    assert scene.said() == []
    assert scene.said(-100 * DAY_MS) == []
    assert scene.said(4 * DELTA_MS) == [Cast("S", 0, 0, b"")]


def test_r7_a_view_that_nobody_can_win_is_skipped_at_once() -> None:
    scene = Scene(4, 1, me=3)
    scene.propose(scene.order[0], X)
    scene.vote([scene.order[1]], "N", Y)
    scene.vote([scene.order[2]], "S")
    assert scene.said() == [Cast("N", 0, 0, X), Cast("S", 0, 0, b"")]


def test_r7_a_view_that_may_still_be_won_is_not_skipped() -> None:
    scene = Scene(4, 1, me=3)
    scene.propose(scene.order[0], X)
    scene.vote([scene.order[1]], "N", Y)
    assert scene.said() == [Cast("N", 0, 0, X)]


def test_r7_who_has_not_notarized_waits_for_the_timer() -> None:
    scene = Scene(4, 1, me=3)
    scene.vote([scene.order[0]], "N", X)
    scene.vote([scene.order[1]], "N", Y)
    scene.vote([scene.order[2]], "N", Z)
    assert scene.said() == []


def test_j33_presence_decides_when_and_never_what() -> None:
    commits = []
    for here in ((), (0,), (0, 1, 2, 3)):
        scene = Scene(4, 1, me=2)
        scene.here = [scene.order[number] for number in here]
        scene.vote(scene.others[:2], "N", X)
        scene.propose(scene.order[0], X)
        scene.vote(scene.others, "F", X)
        commits.append(scene.said()[-1])
    assert len(set(commits)) == 1


# ---- what is waited for


def test_missing_says_who_has_not_spoken() -> None:
    scene = Scene(4, 1, me=3)
    scene.known.works = False
    scene.step()
    assert scene.height.missing().stage == "idle"
    scene.known.works = True
    scene.step()
    assert scene.height.missing().stage == "proposal"
    scene.propose(scene.order[0], X)
    scene.said()
    missing = scene.height.missing()
    assert (missing.stage, missing.needed, missing.spoken) == ("notarize", 3, (scene.me,))
    assert missing.silent == tuple(sorted(scene.order[:3]))
    scene.vote(scene.order[:2], "N", X)
    scene.said()
    missing = scene.height.missing()
    assert (missing.stage, missing.spoken) == ("finalize", (scene.me,))
    scene.roll(scene.order[:1])
    assert scene.height.missing().stage == "answers"
    scene.roll(scene.order[:3])
    assert scene.height.missing().stage == "finalize", "a quorum is there again: its votes decide"
    scene.close(scene.order[:1])
    missing = scene.height.missing()
    assert (missing.stage, missing.needed, missing.spoken) == ("closes", 3, (scene.order[0],))


def test_the_same_events_in_another_order_lead_to_the_same_words() -> None:
    ends = []
    for order in (1, -1):
        scene = Scene(4, 1, me=3)
        events = [("N", X, 0, member) for member in scene.order[:3]] + [
            ("S", b"", 1, member) for member in scene.order[:3]
        ]
        for kind, block, view, member in events[::order]:
            scene.vote([member], kind, block, view)  # type: ignore[arg-type]
        ends.append((scene.said(), scene.height.view))
    assert ends[0] == ends[1]
