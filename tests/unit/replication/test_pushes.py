"""Own entries that are sent unasked: which, to whom, in what order, and what comes along."""

from __future__ import annotations

import pytest

from p2pnode.core.crypto import ZERO_HASH, sha256
from p2pnode.core.entry import Header, payload_fields, sign_entry
from p2pnode.replication import effects as fx
from p2pnode.replication.frontier import Head
from p2pnode.replication.messages import (
    PUSH_ANNEX_BYTES_MAX,
    Message,
    Push,
    Wants,
    decode_message,
    encode_message,
)
from p2pnode.replication.run import StoredEntry
from tests.unit.replication.shelf import GROUP, START_MS, Shelf
from tests.unit.replication.wire import Pair, Side


@pytest.fixture
def pair() -> Pair:
    """Alice on the left and Bob on the right, who hold one group and have compared it."""
    alice, bob = Shelf("alice"), Shelf("bob")
    for shelf in (alice, bob):
        shelf.open({alice.own_key, bob.own_key})
    met = Pair(alice, bob)
    assert met.settle()
    for side in (met.left, met.right):
        side.frames.clear()
    return met


def _said(side: Side) -> list[Message]:
    return [decode_message(frame) for frame in side.frames]


def _kinds(side: Side) -> list[str]:
    return [type(message).__name__ for message in _said(side)]


def _moved(pair: Pair, head: Head, *, is_pushing: bool = True) -> list[fx.Effect]:
    return pair.left.session.moved(GROUP, [head], pair.now_ms, is_pushing=is_pushing)


def _tell(pair: Pair, head: Head, *, is_pushing: bool = True) -> None:
    pair.left.perform(_moved(pair, head, is_pushing=is_pushing), pair.now_ms)
    pair.settle()


def _level(pair: Pair) -> int:
    exchange = pair.left.session.open_group(GROUP)
    assert exchange is not None
    return exchange.level()


def _named(shelf: Shelf, annex: bytes) -> Head:
    """An own first entry that names an annex: its payload is the annex's hash."""
    shelf.racks[GROUP].annexes[sha256(annex)] = annex
    payload = sha256(annex)
    place = (GROUP, shelf.own_key, 0, 0, ZERO_HASH, 0, START_MS, (), "note")
    entry = sign_entry(shelf.key, Header(1, *place, *payload_fields(payload)), payload)
    return shelf.put((shelf.own_key, 0), [StoredEntry(entry.header_bytes, entry.signature, payload, 1)])


def test_what_is_written_during_a_push_follows_it_in_one_frame(pair: Pair) -> None:
    """A voter writes its vote right behind its proposal: announcing it would cost a round trip."""
    alice, bob = pair.left.shelf, pair.right.shelf
    reading = _moved(pair, alice.append())
    assert [type(effect) for effect in reading] == [fx.ReadPush]
    assert _moved(pair, alice.append()) == []
    last = alice.append()
    assert _moved(pair, last) == []
    pair.left.perform(reading, pair.now_ms)
    pair.settle()
    pushes = [(push.first, push.seq) for push in _said(pair.left) if isinstance(push, Push)]
    assert pushes == [(0, 0), (1, 2)]
    assert _kinds(pair.right) == []
    assert bob.racks[GROUP].frontier.heads[alice.own_key, 0].seq == last.seq


def test_no_level_is_claimed_beyond_what_waits_behind_a_push(pair: Pair) -> None:
    alice = pair.left.shelf
    first = alice.append()
    reading = _moved(pair, first)
    last = alice.append()
    _moved(pair, last)
    assert _level(pair) == first.changed - 1
    follow = pair.left.session.done(reading[0].token, alice.read_push(GROUP, reading[0].want, 4096), START_MS)  # type: ignore[union-attr]
    assert [type(effect) for effect in follow] == [fx.Send, fx.ReadPush]
    assert _level(pair) == last.changed - 1
    pair.left.perform(follow, pair.now_ms)
    assert _level(pair) == last.changed


def test_what_is_too_much_to_follow_a_push_is_announced(pair: Pair) -> None:
    alice, bob = pair.left.shelf, pair.right.shelf
    reading = _moved(pair, alice.append())
    _moved(pair, alice.append(40))
    pair.left.perform(reading, pair.now_ms)
    pair.settle()
    assert _kinds(pair.left) == ["Push", "Heads", "Runs"]
    assert bob.racks[GROUP].frontier.heads[alice.own_key, 0].seq == 40


def test_nothing_follows_a_push_to_a_reader_who_may_not_read_the_lane_any_more(pair: Pair) -> None:
    alice, bob = pair.left.shelf, pair.right.shelf
    reading = _moved(pair, alice.append())
    _moved(pair, alice.append())
    alice.racks[GROUP].members.discard(bob.own_key)
    pair.left.perform(pair.left.session.regrouped(GROUP, pair.now_ms), pair.now_ms)
    pair.left.perform(reading, pair.now_ms)
    assert [push.seq for push in _said(pair.left) if isinstance(push, Push)] == [0]


def test_pushes_that_come_while_another_is_taken_are_taken_behind_it(pair: Pair) -> None:
    """Asking for them instead would cost a round trip; so would asking because the members changed."""
    alice, bob = pair.left.shelf, pair.right.session
    for _ in range(3):
        head = alice.append()
        pair.left.perform(_moved(pair, head), pair.now_ms)
    frames = list(pair.left.sent)
    pair.left.sent.clear()
    taken = [effect for frame in frames for effect in bob.receive(frame, pair.now_ms)]
    assert [type(effect) for effect in taken] == [fx.Ingest] * 3
    assert bob.regrouped(GROUP, pair.now_ms) == []
    pair.right.perform(taken, pair.now_ms)
    assert _kinds(pair.right) == []
    assert pair.right.shelf.racks[GROUP].frontier.heads[alice.own_key, 0].seq == head.seq


def test_what_a_push_did_not_bring_is_asked_for_when_it_was_taken(pair: Pair) -> None:
    alice, bob = pair.left.shelf, pair.right.session
    pushes = []
    for _ in range(2):
        pair.left.perform(_moved(pair, alice.append()), pair.now_ms)
        pushes.append(pair.left.sent.pop())
    broken = decode_message(pushes[1])
    assert isinstance(broken, Push)
    beyond = Push(broken.group, broken.author, 0, 7, 7, broken.tag, broken.body, [])
    assert [type(effect) for effect in bob.receive(pushes[0], pair.now_ms)] == [fx.Ingest]
    assert bob.receive(encode_message(beyond), pair.now_ms) == [], "what is being taken comes first"
    answer, heads = pair.right.shelf.ingest(GROUP, decode_message(pushes[0]).body, False, True)  # type: ignore[union-attr]
    bob.moved(GROUP, heads, pair.now_ms)
    pair.right.perform(bob.done(max(bob._requests._pending), answer, pair.now_ms), pair.now_ms)
    wants = [message for message in _said(pair.right) if isinstance(message, Wants)]
    assert [(want.firsts, want.lasts) for want in wants] == [([1], [7])]


def test_votes_are_pushed_to_every_peer_and_facts_to_some(pair: Pair) -> None:
    _tell(pair, pair.left.shelf.append(lane=1), is_pushing=False)
    assert _kinds(pair.left) == ["Push"]
    _tell(pair, pair.left.shelf.append(lane=0), is_pushing=False)
    assert _kinds(pair.left) == ["Push", "Heads", "Runs"]


def test_a_push_brings_the_annexes_that_its_entries_name(pair: Pair) -> None:
    annex = bytes(32) + b"thanks"
    _tell(pair, _named(pair.left.shelf, annex))
    assert [push.annexes for push in _said(pair.left) if isinstance(push, Push)] == [[annex]]
    assert pair.right.shelf.racks[GROUP].annexes == {sha256(annex): annex}
    assert _kinds(pair.right) == []


def test_annexes_that_no_entry_names_are_dropped_without_blame(pair: Pair) -> None:
    head = pair.left.shelf.append()
    pair.left.perform(_moved(pair, head), pair.now_ms)
    push = decode_message(pair.left.sent.pop())
    assert isinstance(push, Push)
    fields = (push.group, push.author, push.lane, push.first, push.seq, push.tag, push.body)
    pair.left.sent.append(encode_message(Push(*fields, [bytes(100)])))
    pair.settle()
    bob = pair.right.shelf
    assert bob.racks[GROUP].frontier.heads[head.author, 0].seq == head.seq
    assert bob.racks[GROUP].annexes == {}
    assert bob.blamed == []


def test_more_annexes_than_a_push_may_bring_are_an_offence(pair: Pair) -> None:
    half = bytes(PUSH_ANNEX_BYTES_MAX // 2 + 1)
    pair.left.sent.append(encode_message(Push(0, b"a" * 32, 0, 0, 0, bytes(16), b"", [half, half])))
    pair.settle()
    assert pair.right.shelf.blamed == ["sync.bad_push"]
    assert pair.right.is_over
