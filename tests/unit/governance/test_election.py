"""Elections by single transferable vote: known counts, and what must hold for every election."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.governance.election import SCALE, Elected, Ranking, elect


def _elect(seats: int, *ballots: tuple[int, str]) -> Elected:
    return elect(
        seats, [Ranking(tuple(bytes([ord(name)]) for name in names), weight) for weight, names in ballots]
    )


def _names(elected: Elected) -> str:
    return b"".join(elected.members).decode()


def test_a_surplus_moves_on_at_a_reduced_value() -> None:
    # 24 people, 3 seats: 24 // 4 + 1 = 7 votes. Of the 8 for p, one is too many: an eighth of each moves on.
    party = _elect(3, (3, "op"), (8, "po"), (1, "osc"), (4, "cs"), (1, "cbp"), (4, "hc"), (3, "b"))
    assert party.rounds[0].elected == (b"p",)
    assert dict(party.rounds[1].votes)[b"o"] == 4 * SCALE + 8 * (SCALE // 8)
    assert [step.excluded for step in party.rounds[1:4]] == [(b"s",), (b"b",), (b"h",)]
    # The votes of h lift c above the quota, and o is the last one left for the last seat.
    assert _names(party) == "pco"


def test_what_does_not_divide_is_cut_off() -> None:
    # 7 of 10 for a, 4 are enough: each of 7 ballots moves on at 3/7.
    party = _elect(2, (7, "ab"), (2, "c"), (1, "d"))
    assert dict(party.rounds[1].votes)[b"b"] == 7 * (SCALE * 3 // 7) == 299_999


@pytest.mark.parametrize(
    ("seats", "ballots", "names"),
    [
        (1, [(3, "a"), (2, "b")], "a"),
        (1, [(4, "a"), (3, "b"), (2, "cb")], "b"),
        (2, [(5, "a"), (2, "b"), (1, "c")], "ab"),
        (2, [(6, "ab"), (3, "c")], "ac"),
        (2, [(7, "ab"), (2, "c")], "ab"),
        (3, [(1, "a"), (1, "b")], "ab"),
        (1, [], ""),
        (2, [(10, "abc")], "ab"),
    ],
)
def test_who_is_elected(seats: int, ballots: list[tuple[int, str]], names: str) -> None:
    elected = _elect(seats, *ballots)
    assert (sorted(_names(elected)), elected.is_tie) == (sorted(names), False)


@pytest.mark.parametrize(
    ("seats", "ballots"),
    [
        (1, [(2, "a"), (2, "b")]),
        (1, [(1, "ab"), (1, "ba")]),
        (2, [(3, "a"), (2, "b"), (2, "c")]),
        (1, [(1, "a"), (1, "b"), (1, "c")]),
        # Together c and d would reach b: who goes first is open.
        (1, [(4, "a"), (2, "b"), (1, "cb"), (1, "db")]),
    ],
)
def test_where_ballots_cannot_decide_nobody_draws_lots(seats: int, ballots: list[tuple[int, str]]) -> None:
    elected = _elect(seats, *ballots)
    assert (elected.members, elected.is_tie) == ((), True)


def test_a_tie_is_decided_by_earlier_counts_where_they_differ() -> None:
    # b and c both have 3 once d is out; before that c had 2, so c goes, and b is second.
    elected = _elect(1, (5, "a"), (3, "b"), (2, "c"), (1, "dc"))
    assert [step.excluded for step in elected.rounds[:2]] == [(b"d",), (b"c",)]
    assert _names(elected) == "a"


def test_several_go_at_once_when_they_cannot_catch_up() -> None:
    elected = _elect(1, (5, "a"), (4, "b"), (1, "cb"), (1, "db"))
    assert elected.rounds[0].excluded == (b"c", b"d")
    assert _names(elected) == "b"


_BALLOTS = st.lists(
    st.tuples(
        st.integers(1, 5),
        st.permutations("abcde").flatmap(
            lambda names: st.integers(1, 5).map(lambda size: "".join(names[:size]))
        ),
    ),
    max_size=8,
)


@settings(max_examples=40)
@given(st.integers(1, 5), _BALLOTS, st.randoms(use_true_random=False))
def test_no_order_matters_and_votes_do_not_grow(
    seats: int, ballots: list[tuple[int, str]], shuffling: object
) -> None:
    elected = _elect(seats, *ballots)
    mixed = [(1, names) for weight, names in ballots for _ in range(weight)]
    shuffling.shuffle(mixed)  # type: ignore[attr-defined]
    again = _elect(seats, *mixed)
    assert (again.members, again.is_tie) == (elected.members, elected.is_tie)
    assert len(elected.members) <= seats
    assert len(set(elected.members)) == len(elected.members)
    total = sum(weight for weight, _ in ballots) * SCALE
    assert all(sum(votes for _, votes in step.votes) <= total for step in elected.rounds)


@settings(max_examples=40)
@given(st.integers(1, 4), _BALLOTS, st.permutations("abcde"))
def test_names_do_not_matter(seats: int, ballots: list[tuple[int, str]], others: list[str]) -> None:
    renamed = str.maketrans("abcde", "".join(others))
    elected = _elect(seats, *ballots)
    again = _elect(seats, *[(weight, names.translate(renamed)) for weight, names in ballots])
    assert sorted(_names(elected).translate(renamed)) == sorted(_names(again))
    assert elected.is_tie == again.is_tie


@settings(max_examples=40)
@given(st.integers(1, 4), _BALLOTS, st.sets(st.sampled_from("abcde"), min_size=1))
def test_a_party_with_enough_votes_gets_its_seats(
    seats: int, ballots: list[tuple[int, str]], party: set[str]
) -> None:
    # Droop proportionality for solid coalitions: who puts these candidates first, in any order, and has k
    # quotas, gets k seats or all its candidates. One vote of slack for what is cut off.
    elected = _elect(seats, *ballots)
    solid = sum(weight for weight, names in ballots if set(names[: len(party)]) == party)
    votes = sum(weight for weight, _ in ballots)
    quota = votes // (seats + 1) + 1
    due = min((solid - 1) // quota if solid else 0, len(party), seats)
    if not elected.is_tie:
        assert sum(name in party for name in _names(elected)) >= due
