"""Cuts: what one block may order, in which order it runs, and what a choice must not leave out."""

from __future__ import annotations

import random

import pytest

from p2pnode.consensus.cut import (
    PAYLOAD_BYTES_MAX,
    Bounds,
    Candidate,
    bounds_fault,
    choose,
    closure_fault,
    in_order,
)
from p2pnode.core.crypto import sha256

_PREVIOUS = sha256(b"the block before")
_WIDE = Bounds(5000)


def _id(name: str) -> bytes:
    return sha256(name.encode())


def _entry(name: str, *needs: str, author: str = "alice", payload_bytes: int = 10) -> Candidate:
    return Candidate(_id(name), _id(author), 0, 0, tuple(map(_id, needs)), payload_bytes)


def _dag(seed: int, count: int) -> list[Candidate]:
    dice = random.Random(seed)
    names = [f"{seed}/{number}" for number in range(count)]
    return [
        _entry(
            name, *dice.sample(names[:number], min(number, dice.randrange(4))), author=f"author {number % 7}"
        )
        for number, name in enumerate(names)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_j10_the_order_is_topological_and_the_same_whatever_order_entries_came_in(seed: int) -> None:
    candidates = _dag(seed, 60)
    ordered = in_order(candidates, _PREVIOUS)
    places = {candidate.id: place for place, candidate in enumerate(ordered)}
    assert len(places) == len(candidates)
    for candidate in candidates:
        assert all(places[need] < places[candidate.id] for need in candidate.needs)
    shuffled = list(candidates)
    random.Random(seed).shuffle(shuffled)
    assert in_order(shuffled, _PREVIOUS) == ordered


def test_j10_rivals_run_by_the_hash_of_the_block_before_and_their_id() -> None:
    rivals = [_entry(f"rival {number}") for number in range(9)]
    for previous in (_PREVIOUS, sha256(b"another block")):
        ranks = [sha256(previous + candidate.id) for candidate in in_order(rivals, previous)]
        assert ranks == sorted(ranks)
    assert in_order(rivals, _PREVIOUS) != in_order(rivals, sha256(b"another block"))


@pytest.mark.parametrize("seed", range(20))
def test_j17_what_is_chosen_is_closed_however_little_fits(seed: int) -> None:
    candidates = _dag(seed, 60)
    for entries_max in (1, 4, 13, 40, 5000):
        bounds = Bounds(entries_max)
        chosen = choose(candidates, _PREVIOUS, bounds)
        assert closure_fault(chosen) is None
        assert bounds_fault(chosen, bounds) is None
        assert chosen


def test_j17_a_choice_that_leaves_out_what_it_names_is_refused() -> None:
    first, second = _entry("first"), _entry("second", "first")
    assert closure_fault([first, second]) is None
    assert closure_fault([second]) == "block.open_cut"
    assert in_order([second], _PREVIOUS) == []


def test_j8_an_author_fills_a_quarter_of_a_block() -> None:
    flood = [_entry(f"flood {number}") for number in range(100)]
    other = _entry("bob's", author="bob")
    bounds = Bounds(40)
    chosen = choose([*flood, other], _PREVIOUS, bounds)
    assert len(chosen) == 11
    assert other in chosen
    assert bounds_fault(flood[:11], bounds) == "block.author_share"


def test_j8_a_block_has_bounds_of_entries_and_payload() -> None:
    many = [_entry(f"entry {number}", author=f"author {number}") for number in range(50)]
    assert len(choose(many, _PREVIOUS, Bounds(8))) == 8
    assert bounds_fault(many[:9], Bounds(8)) == "block.too_many_entries"
    large = [
        _entry(f"large {number}", author=f"author {number}", payload_bytes=15 * PAYLOAD_BYTES_MAX // 32)
        for number in range(3)
    ]
    assert len(choose(large, _PREVIOUS, _WIDE)) == 2
    assert bounds_fault(large, _WIDE) == "block.too_large"
