"""One group between two peers: what is asked for, and what is left alone for a while."""

from __future__ import annotations

from dataclasses import dataclass

from p2pnode.replication.exchange import UNPROVEN_MAX, Exchange, Want
from p2pnode.replication.frontier import Frontier, Head
from p2pnode.replication.messages import Shown

GROUP, OWN, AUTHOR = b"g" * 32, b"o" * 32, b"a" * 32
LANES = frozenset({0, 1, 2})


@dataclass
class View:
    group: bytes
    frontier: Frontier
    public: bool = True

    def is_member(self, key: bytes) -> bool:
        return key == AUTHOR


def exchange_with(*heads: Head) -> Exchange:
    return Exchange(View(GROUP, Frontier(GROUP, b"e" * 16, heads)), OWN, 0, LANES)


def test_what_is_parked_is_not_asked_for_until_its_lane_moves() -> None:
    """An entry from the future waits: asking for it again at once would never end."""
    exchange = exchange_with(Head(AUTHOR, 0, 15, b"i" * 32, 1, False))
    exchange.learn([Shown(AUTHOR, 0, 24, b"t" * 16, False)])
    assert exchange.lacking() == [Want(AUTHOR, 0, 16, 24)]
    exchange.parked.add((AUTHOR, 0))
    assert exchange.lacking() == []
    assert exchange.lacking() == []
    moved = Head(AUTHOR, 0, 16, b"j" * 32, 2, False)
    exchange.frontier.apply([moved])
    exchange.note_moved([moved])
    assert exchange.lacking() == [Want(AUTHOR, 0, 17, 24)]


def test_a_lower_fork_is_asked_for() -> None:
    exchange = exchange_with(Head(AUTHOR, 0, 9, b"i" * 32, 1, True))
    assert exchange.learn([Shown(AUTHOR, 0, 2, b"t" * 16, True)]).unproven == [(AUTHOR, 0)]
    exchange.note_moved([Head(AUTHOR, 0, 9, b"i" * 32, 2, True)])
    assert (AUTHOR, 0) in exchange.unproven
    exchange.note_moved([Head(AUTHOR, 0, 2, b"k" * 32, 3, True)])
    assert not exchange.unproven


def test_a_lane_that_goes_on_elsewhere_before_it_ends_is_doubted_once_at_each_seq() -> None:
    exchange = exchange_with(Head(AUTHOR, 0, 2, b"i" * 32, 1, True))
    shown = [Shown(AUTHOR, 0, 9, b"t" * 16, True)]
    assert exchange.learn(shown).unproven == [(AUTHOR, 0)]
    assert exchange.learn(shown).unproven == []
    exchange.frontier.apply([Head(AUTHOR, 0, 4, b"k" * 32, 2, True)])
    assert exchange.learn(shown).unproven == [(AUTHOR, 0)]
    exchange.frontier.apply([Head(AUTHOR, 0, 5, b"m" * 32, 3, True, True)])
    assert exchange.learn(shown).unproven == [], "its fork is known"


def test_no_more_proofs_are_asked_for_at_a_time_than_a_peer_answers() -> None:
    keys = [number.to_bytes(32, "big") for number in range(2 * UNPROVEN_MAX)]
    exchange = exchange_with(*(Head(key, 0, 2, b"i" * 32, 1, True) for key in keys[:UNPROVEN_MAX]))
    learned = exchange.learn([Shown(key, 0, 5, b"t" * 16, True) for key in keys])
    assert len(learned.unproven) == UNPROVEN_MAX


def test_accusations_without_end_are_not_remembered_without_end() -> None:
    exchange = exchange_with()
    for number in range(3):
        shown = [
            Shown((number * 1000 + index).to_bytes(32, "big"), 0, 5, b"t" * 16, True) for index in range(1000)
        ]
        exchange.learn(shown)
    assert len(exchange.unproven) == UNPROVEN_MAX
