"""Frontiers: digests that depend on the heads alone, and what moved since when."""

import pytest

from p2pnode.core.crypto import ZERO_HASH, sha256
from p2pnode.replication.frontier import NO_SEQ, Frontier, Head, head_term
from tests.unit.replication.shelf import GROUP, key_of

ALL = frozenset((0, 1, 2))
EPOCH = bytes(16)


def _head(name: str, seq: int, changed: int, *, lane: int = 0, forked: bool = False) -> Head:
    return Head(key_of(name).public, lane, seq, sha256(f"{name}{seq}".encode()), changed, forked)


def test_the_digest_does_not_depend_on_the_way_there() -> None:
    one = Frontier(GROUP, EPOCH, [_head("alice", 0, 1), _head("bob", 3, 2), _head("alice", 7, 3)])
    other = Frontier(GROUP, EPOCH, [_head("alice", 7, 1)])
    other.apply([_head("bob", 3, 9)])
    assert one.digest(ALL) == other.digest(ALL)
    other.apply([_head("bob", 4, 10)])
    assert one.digest(ALL) != other.digest(ALL)


def test_j38_a_digest_covers_the_lanes_of_its_reader_and_marks_forks() -> None:
    frontier = Frontier(GROUP, EPOCH, [_head("alice", 5, 1), _head("alice", 2, 2, lane=2)])
    open_lane = frontier.digest(frozenset((2,)))
    assert open_lane == Frontier(GROUP, EPOCH, [_head("alice", 2, 7, lane=2)]).digest(ALL)
    assert frontier.digest(frozenset()) == bytes(32)
    assert frontier.digest(frozenset((1,))) == bytes(32)
    before = frontier.digest(ALL)
    frontier.apply([_head("alice", 5, 3, forked=True)])
    assert frontier.digest(ALL) != before
    assert frontier.digest(frozenset((2,))) == open_lane


def test_j38_the_term_of_a_head_is_fixed() -> None:
    author, id_ = bytes(range(32)), bytes(range(32, 64))
    term = head_term(author, 2, 258, id_, 1)
    assert term.to_bytes(32, "big") == sha256(author + b"\x02" + b"\0\0\0\0\0\0\1\2" + id_ + b"\x01")
    nothing_before = head_term(author, 0, NO_SEQ, ZERO_HASH, 2)
    assert nothing_before.to_bytes(32, "big") == sha256(author + b"\0" + b"\xff" * 8 + ZERO_HASH + b"\x02")


def test_changed_since_gives_each_moved_lane_once_in_order() -> None:
    frontier = Frontier(GROUP, EPOCH, [_head("carol", 0, 3), _head("alice", 0, 1), _head("bob", 0, 2)])
    assert [head.changed for head in frontier.changed_since(0)] == [1, 2, 3]
    frontier.apply([_head("alice", 1, 4)])
    assert [(head.seq, head.changed) for head in frontier.changed_since(1)] == [(0, 2), (0, 3), (1, 4)]
    assert frontier.changed_since(4) == []
    assert frontier.changed == 4


def test_a_counter_that_runs_back_is_a_fault_of_the_caller() -> None:
    frontier = Frontier(GROUP, EPOCH, [_head("alice", 0, 5)])
    with pytest.raises(ValueError, match="only grows"):
        frontier.apply([_head("alice", 1, 4)])
    with pytest.raises(ValueError, match="16 bytes"):
        Frontier(GROUP, b"")
