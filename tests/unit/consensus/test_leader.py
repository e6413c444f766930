"""Who may propose."""

from p2pnode.consensus import leader

_VOTERS = tuple(bytes([number]) * 32 for number in range(1, 8))
_PREVIOUS = b"\x70" * 32


def test_r5_ranks_count_only_who_is_present() -> None:
    order = leader.ranks(_VOTERS, _PREVIOUS, 3, 0)
    assert sorted(order) == sorted(_VOTERS)
    assert [leader.rank(member, _VOTERS, order) for member in order] == list(range(7))
    assert leader.rank(order[4], order[4:], order) == 0
    assert leader.rank(order[4], (order[1], order[6]), order) == 1


def test_r5_ranks_differ_between_heights_attempts_and_chains() -> None:
    orders = {
        leader.ranks(_VOTERS, previous, height, attempt)
        for previous in (_PREVIOUS, b"\x71" * 32)
        for height in (3, 4)
        for attempt in (0, 1)
    }
    assert len(orders) == 8


def test_r5_the_order_does_not_depend_on_the_order_of_arguments() -> None:
    assert leader.ranks(_VOTERS[::-1], _PREVIOUS, 3, 0) == leader.ranks(_VOTERS, _PREVIOUS, 3, 0)
    assert leader.leaders(_VOTERS[::-1], _VOTERS[2:4], _PREVIOUS, 3) == leader.leaders(
        _VOTERS, _VOTERS[3:1:-1], _PREVIOUS, 3
    )


def test_r5_who_signed_lately_leads_before_who_is_away() -> None:
    recent = _VOTERS[4:]
    order = leader.leaders(_VOTERS, recent, _PREVIOUS, 3)
    assert set(order[:3]) == set(recent)
    assert sorted(order) == sorted(_VOTERS)
    assert order[:3] == tuple(
        member for member in leader.leaders(_VOTERS, (), _PREVIOUS, 3) if member in recent
    )


def test_r5_everybody_leads_in_turn_from_view_1_on() -> None:
    order = leader.leaders(_VOTERS, (), _PREVIOUS, 3)
    assert [leader.leader(view, order) for view in range(1, 15)] == [*order, *order]
