"""Voters who come and go: nobody speaks in the open view before it has heard what was said there (C 5.7)."""

from __future__ import annotations

from p2pnode.consensus.height import Cast, Propose, Wake
from tests.unit.consensus.scene import DELTA_MS, START_MS, Scene, X, Y


def test_who_is_alone_proposes_nothing_and_waits_for_company() -> None:
    scene = Scene(5, 1)
    scene.here, scene.heard_at_ms = (), None
    assert scene.said() == []
    scene.heard_at_ms = scene.now_ms
    assert scene.said() == [Propose(0, 0, -1, None)]


def test_who_decides_alone_waits_for_nobody() -> None:
    scene = Scene(1, 0)
    scene.here, scene.heard_at_ms = (), None
    assert scene.said() == [Propose(0, 0, -1, None)]


def test_who_has_not_heard_yet_wakes_when_it_has_listened_long_enough() -> None:
    scene = Scene(5, 1)
    scene.heard_at_ms = START_MS + DELTA_MS
    assert scene.step() == [Wake(START_MS + DELTA_MS)]
    assert scene.said(DELTA_MS) == [Propose(0, 0, -1, None)]


def test_what_was_proposed_in_my_absence_is_voted_for_whatever_its_rank() -> None:
    """It would be my turn first, and yet another block would split the votes of those who never meet."""
    scene = Scene(5, 1, me=0)
    scene.here, scene.heard_at_ms = (), None
    scene.propose(scene.order[4], X)
    assert scene.said() == []
    scene.heard_at_ms = scene.now_ms
    assert scene.said() == [Cast("N", 0, 0, X)]


def test_of_several_proposed_in_my_absence_the_one_with_most_votes_is_joined() -> None:
    scene = Scene(5, 1, me=0)
    scene.here, scene.heard_at_ms = (), None
    scene.propose(scene.order[1], X)
    scene.propose(scene.order[2], Y)
    scene.vote([scene.order[1]], "N", X)
    scene.vote(scene.order[2:4], "N", Y)
    assert scene.said() == []
    scene.heard_at_ms = scene.now_ms
    assert scene.said() == [Cast("N", 0, 0, Y)]


def test_who_comes_back_finalizes_and_leads_later_views_without_waiting() -> None:
    scene = Scene(5, 1, me=0)
    scene.here, scene.heard_at_ms = (), None
    scene.vote(scene.others, "N", X)
    assert scene.said() == [Cast("F", 0, 0, X)]
    other = Scene(5, 1, me=0)
    other.here, other.heard_at_ms = (), None
    for view in range(other.leaders.index(other.order[0]) + 1):
        other.vote(other.others, "S", view=view)
    assert [type(action) for action in other.said()] == [Propose]


def test_five_who_come_one_by_one_decide_in_seven_visits() -> None:
    """Four first votes and four second ones: the fourth visitor gives both, the fifth only the second."""
    scenes = [Scene(5, 1, me=rank) for rank in (3, 1, 0, 4, 2)]
    said: list[tuple[bytes, object]] = []
    for visit in range(7):
        scene = scenes[visit % 5]
        scene.here, scene.heard_at_ms = (), None
        said += _words_of(scene, said)
        scene.heard_at_ms = scene.now_ms
        said += _words_of(scene, said)
    votes = [action for _, action in said if isinstance(action, Cast)]
    assert [vote.kind for vote in votes] == ["N"] * 4 + ["F"] * 4
    assert {vote.block for vote in votes} == {X}


def _words_of(scene: Scene, said: list[tuple[bytes, object]]) -> list[tuple[bytes, object]]:
    """What a voter says who is shown what all have said."""
    assert scene.me is not None
    for author, action in said:
        if isinstance(action, Propose):
            scene.propose(author, X)
        elif isinstance(action, Cast) and author != scene.me:
            scene.vote([author], action.kind, action.block)
    words = scene.said()
    if words[:1] and isinstance(words[0], Propose):
        scene.propose(scene.me, X)
        words += scene.said()
    return [(scene.me, action) for action in words]
