"""Pairs of sessions: what they say to each other, to whom they say nothing, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest

from p2pnode.core.crypto import sha256
from p2pnode.core.limits import ANNEX_SALT_BYTES, CREDIT_BYTES, RUN_BYTES_MAX
from p2pnode.core.presence import sign_presence
from p2pnode.replication import effects as fx
from p2pnode.replication.exchange import Ingested, Want
from p2pnode.replication.fork import Branch, check_fork_proof, encode_fork_proof
from p2pnode.replication.frontier import Head
from p2pnode.replication.hello import Channel, is_proven, prove
from p2pnode.replication.messages import (
    Annexes,
    Credit,
    Heads,
    Hello,
    Offer,
    Offered,
    PresenceShown,
    Proof,
    Push,
    Runs,
    Shown,
    Wants,
    decode_message,
    encode_message,
    head_columns,
)
from p2pnode.replication.serving import SLICE_BYTES_MIN
from p2pnode.replication.session import PRESENCES_MAX, Session
from p2pnode.replication.wanted import CLAIM_MS, Wanted
from tests.unit.replication.shelf import GROUP, START_MS, Shelf, chain, key_of
from tests.unit.replication.wire import Pair, Side

ALL = frozenset((0, 1, 2))
HOUR_MS = 3_600_000


def _two(*more: str, public: bool = False) -> tuple[Shelf, Shelf]:
    """Alice and Bob, who hold one group with each other and more members."""
    alice, bob = Shelf("alice"), Shelf("bob")
    members = {alice.own_key, bob.own_key, *(key_of(name).public for name in more)}
    for shelf in (alice, bob):
        shelf.open(members, public=public)
    return alice, bob


def _met(alice: Shelf, bob: Shelf) -> Pair:
    pair = Pair(alice, bob)
    assert pair.settle()
    return pair


def _are_equal(alice: Shelf, bob: Shelf) -> bool:
    return alice.racks[GROUP].frontier.digest(ALL) == bob.racks[GROUP].frontier.digest(ALL)


def _kinds(side: Side, since: int = 0) -> list[str]:
    return [type(decode_message(frame)).__name__ for frame in side.frames[since:]]


def _tell(pair: Pair, side: Side, head: Head) -> None:
    side.perform(side.session.moved(GROUP, [head], pair.now_ms), pair.now_ms)


def test_two_logs_become_equal() -> None:
    alice, bob = _two("carol")
    alice.append(130)
    bob.append(7)
    bob.append(3, lane=2)
    carol = chain(key_of("carol"), 0, [], 20)
    alice.put((key_of("carol").public, 0), carol[:5])
    bob.put((key_of("carol").public, 0), carol)
    pair = _met(alice, bob)
    assert _are_equal(alice, bob)
    assert pair.left.confirmed == pair.right.confirmed == 1
    assert alice.blamed == bob.blamed == []


def test_w3_a_hundred_differences_cost_little() -> None:
    """One entry more in each of 100 lanes, after an earlier session; lanes are shorter here, which changes
    nothing."""
    names = [f"member {i}" for i in range(100)]
    alice, bob = _two(*names)
    lanes = {name: chain(key_of(name), 0, [], 21) for name in names}
    for name, entries in lanes.items():
        for shelf in (alice, bob):
            shelf.put((key_of(name).public, 0), entries[:20])
    _met(alice, bob).close()
    for name, entries in lanes.items():
        alice.put((key_of(name).public, 0), entries[20:])
    pair = _met(alice, bob)
    assert _are_equal(alice, bob)
    assert pair.bytes_sent < 40_000
    # Rounds are half round trips; the first one carries Hello, the last one Credit.
    assert pair.rounds - 2 <= 5


def test_without_an_earlier_session_all_heads_are_shown_once() -> None:
    names = [f"member {i}" for i in range(50)]
    alice, bob = _two(*names)
    for name in names:
        entries = chain(key_of(name), 0, [], 3)
        alice.put((key_of(name).public, 0), entries)
        bob.put((key_of(name).public, 0), entries[:2])
    first = _met(alice, bob)
    assert _are_equal(alice, bob)
    first.close()
    second = _met(alice, bob)
    assert second.bytes_sent < 1000
    assert _kinds(second.left) == _kinds(second.right) == ["Hello", "Proof", "Offer", "Heads"]


def test_c43_a_new_entry_is_pushed_in_one_frame() -> None:
    alice, bob = _two()
    pair = _met(alice, bob)
    seen = len(pair.left.frames), len(pair.right.frames)
    _tell(pair, pair.left, alice.append())
    pair.settle()
    assert _kinds(pair.left, seen[0]) == ["Push"]
    assert _kinds(pair.right, seen[1]) == []
    assert _are_equal(alice, bob)
    _tell(pair, pair.left, alice.append(5))
    pair.settle()
    assert _kinds(pair.left, seen[0]) == ["Push", "Push"], "one commit of a few entries is one frame too"
    assert _are_equal(alice, bob)


def test_c43_what_is_too_large_to_push_is_announced() -> None:
    alice, bob = _two()
    pair = _met(alice, bob)
    seen = len(pair.left.frames)
    _tell(pair, pair.left, alice.append(2, text="long " * 1000))
    pair.settle()
    assert _kinds(pair.left, seen) == ["Heads", "Runs"]
    assert _are_equal(alice, bob)
    seen = len(pair.left.frames)
    _tell(pair, pair.left, alice.append(100))
    pair.settle()
    assert _kinds(pair.left, seen) == ["Heads", "Runs"]
    assert _are_equal(alice, bob)


def test_c43_entries_of_others_are_announced_and_fast_moves_together() -> None:
    alice, bob = _two("carol")
    pair = _met(alice, bob)
    seen = len(pair.left.frames)
    carol = chain(key_of("carol"), 0, [], 30)
    for entry in carol:
        _tell(pair, pair.left, alice.put((key_of("carol").public, 0), [entry]))
        pair.settle()
    pair.pass_time(1000)
    assert _are_equal(alice, bob)
    assert _kinds(pair.left, seen).count("Heads") == 2, "the first at once, the others together"


def test_nobody_is_told_what_it_told_us() -> None:
    alice, bob = _two()
    pair = _met(alice, bob)
    _tell(pair, pair.left, alice.append(100))
    pair.settle()
    # Bob's heads moved because of Alice: nothing to announce to her.
    assert _kinds(pair.right)[-2:] == ["Wants", "Credit"]


def test_j38_an_idle_pair_is_nearly_silent() -> None:
    alice, bob = _two()
    alice.append(3)
    pair = _met(alice, bob)
    before = pair.bytes_sent
    pair.pass_time(2 * HOUR_MS)
    assert pair.bytes_sent - before < 100 * 120
    first_hours = pair.bytes_sent
    pair.pass_time(24 * HOUR_MS)
    assert pair.bytes_sent - first_hours <= 25 * 200, "at most one comparison an hour"


def test_j38_a_difference_that_nobody_announced_is_found_by_comparing() -> None:
    alice, bob = _two()
    pair = _met(alice, bob)
    alice.append(4)
    bob.append(2, lane=2)
    pair.pass_time(HOUR_MS)
    assert _are_equal(alice, bob)


def test_after_missed_changes_a_session_looks_again() -> None:
    alice, bob = _two()
    pair = _met(alice, bob)
    alice.append(4)
    pair.left.perform(pair.left.session.resync(pair.now_ms), pair.now_ms)
    pair.settle()
    assert _are_equal(alice, bob)


def test_j23_a_stranger_gets_no_hint_of_a_private_group() -> None:
    alice, eve = Shelf("alice"), Shelf("eve")
    alice.open({alice.own_key})
    alice.append(3)
    # Eve knows the group's id, and offers it.
    eve.open({alice.own_key, eve.own_key})
    pair = _met(alice, eve)
    assert _kinds(pair.left) == ["Hello", "Proof", "Offer"]
    offer = decode_message(pair.left.frames[2])
    assert isinstance(offer, Offer)
    assert offer.groups == []
    assert eve.racks[GROUP].lanes == {}
    # The same frames as to somebody with whom there is nothing in common.
    nobody = Shelf("nobody")
    assert [len(frame) for frame in _met(alice, nobody).left.frames] == [len(f) for f in pair.left.frames]


def test_j23_a_stranger_gets_lane_2_of_a_public_group() -> None:
    alice, eve = Shelf("alice"), Shelf("eve")
    alice.open({alice.own_key}, public=True)
    eve.open({alice.own_key}, public=True)
    for lane in (0, 1, 2):
        alice.append(3, lane=lane)
    _met(alice, eve)
    assert set(eve.racks[GROUP].lanes) == {(alice.own_key, 2)}


def test_j23_lanes_that_a_stranger_asks_for_are_passed_over() -> None:
    alice, eve = Shelf("alice"), Shelf("eve")
    alice.open({alice.own_key}, public=True)
    eve.open({alice.own_key}, public=True)
    alice.append(3)
    pair = _met(alice, eve)
    seen = len(pair.left.frames)
    pair.right.sent.append(
        encode_message(Wants(0, 99, False, alice.own_key * 2, b"\x00\x01", [0, 0], [2, 2]))
    )
    pair.settle()
    answer = decode_message(pair.left.frames[seen])
    assert isinstance(answer, Runs)
    assert (answer.body, answer.last) == (b"", True)


def test_j39_a_proof_holds_in_one_session_only() -> None:
    alice, bob = key_of("alice"), key_of("bob")
    channel = Channel(alice.public, bob.public, b"a" * 32, b"b" * 32)
    proof = prove(channel, alice.public, alice.sign)
    assert is_proven(channel.turned(), proof)
    assert not is_proven(channel, proof)
    for other in (
        channel._replace(peer_nonce=b"c" * 32),
        channel._replace(peer_key=key_of("eve").public),
        channel._replace(own_key=key_of("eve").public),
    ):
        assert not is_proven(other.turned(), proof)


def test_j39_a_group_is_named_anew_in_every_session() -> None:
    alice, bob = _two()
    names: set[bytes] = set()
    for _ in range(2):
        pair = _met(alice, bob)
        for side in (pair.left, pair.right):
            offer = decode_message(side.frames[2])
            assert isinstance(offer, Offer)
            names.add(offer.groups[0].blinded)
            assert not any(GROUP in frame for frame in side.frames[:4])
    assert len(names) == 4


def test_a_key_that_is_not_proven_ends_the_session() -> None:
    alice, eve = Shelf("alice"), Shelf("eve")
    alice.open({alice.own_key})
    session = Session(alice, eve.own_key, nonce=b"a" * 32, wanted=Wanted(), now_ms=START_MS)
    session.start(START_MS)
    session.receive(encode_message(Hello(1, b"e" * 32, START_MS)), START_MS)
    channel = Channel(eve.own_key, alice.own_key, b"e" * 32, b"a" * 32)
    forged = prove(channel, alice.own_key, eve.sign)
    effects = session.receive(encode_message(Proof([forged])), START_MS)
    assert [type(effect) for effect in effects] == [fx.Blame, fx.End]
    assert effects[0] == fx.Blame("sync.bad_proof")
    assert session.receive(encode_message(Proof([forged])), START_MS) == []


def test_a_newcomer_who_is_admitted_later_gets_everything() -> None:
    alice, bob = _two()
    alice.racks[GROUP].members = {alice.own_key}
    alice.append(3)
    bob.append(2)
    pair = _met(alice, bob)
    assert not _are_equal(alice, bob)
    alice.racks[GROUP].members.add(bob.own_key)
    pair.left.perform(pair.left.session.regrouped(GROUP, pair.now_ms), pair.now_ms)
    pair.settle()
    assert _are_equal(alice, bob)


def test_a_group_that_is_opened_during_a_session_is_offered_in_it() -> None:
    alice, bob = _two()
    alice.append(3)
    rack = bob.racks.pop(GROUP)
    pair = _met(alice, bob)
    bob.racks[GROUP] = rack
    pair.right.perform(pair.right.session.regrouped(GROUP, pair.now_ms), pair.now_ms)
    pair.settle()
    assert _are_equal(alice, bob)


def test_a_group_that_is_left_is_spoken_of_no_more() -> None:
    alice, bob = _two()
    pair = _met(alice, bob)
    del bob.racks[GROUP]
    pair.right.perform(pair.right.session.regrouped(GROUP, pair.now_ms), pair.now_ms)
    pair.settle()
    seen = len(pair.left.frames)
    _tell(pair, pair.left, alice.append())
    pair.settle()
    assert _kinds(pair.left, seen) == []
    assert alice.blamed == bob.blamed == []


def test_a_reader_who_gains_lanes_is_shown_all_of_them() -> None:
    """The cursor of the narrower view says nothing about the lanes that are new."""
    alice, bob = _two(public=True)
    alice.racks[GROUP].members = {alice.own_key}
    for lane in (0, 2):
        alice.append(3, lane=lane)
    _met(alice, bob).close()
    assert set(bob.racks[GROUP].lanes) == {(alice.own_key, 2)}
    alice.racks[GROUP].members.add(bob.own_key)
    _met(alice, bob)
    assert _are_equal(alice, bob)


@pytest.mark.parametrize("public", [True, False])
def test_j23_who_is_shown_lane_0_no_more_hears_it_once(public: bool) -> None:
    alice, bob = _two(public=public)
    alice.append(3)
    pair = _met(alice, bob)
    members = alice.racks[GROUP].members
    for _ in range(2):
        for change in (members.discard, members.add):
            change(bob.own_key)
            pair.left.perform(pair.left.session.regrouped(GROUP, pair.now_ms), pair.now_ms)
            pair.settle()
    closed = [effect for effect in pair.right.heard if isinstance(effect, fx.HearClosed)]
    assert closed == [fx.HearClosed(GROUP)]
    assert not [effect for effect in pair.left.heard if isinstance(effect, fx.HearClosed)]


def test_unknown_authors_are_asked_for_a_little_of_lane_0_first() -> None:
    alice, bob = _two("carol")
    carol = key_of("carol")
    bob.racks[GROUP].members.discard(carol.public)
    for lane in (0, 2):
        alice.put((carol.public, lane), chain(carol, lane, [], 100))
    pair = _met(alice, bob)
    wants = [m for m in map(decode_message, pair.right.frames) if isinstance(m, Wants)]
    assert [(want.lanes, want.firsts, want.lasts) for want in wants] == [(b"\x00", [0], [63])]
    assert pair.right.confirmed == 0, "not everything that was shown is here"
    bob.racks[GROUP].members.add(carol.public)
    pair.right.perform(pair.right.session.regrouped(GROUP, pair.now_ms), pair.now_ms)
    pair.settle()
    assert _are_equal(alice, bob)
    pair.pass_time(10_000)
    assert pair.right.confirmed == 1


def test_members_are_asked_for_first_and_whole() -> None:
    alice, bob = _two("carol", "dora")
    for name in ("carol", "dora"):
        alice.put((key_of(name).public, 0), chain(key_of(name), 0, [], 100))
    dora = key_of("dora").public
    bob.racks[GROUP].decided.add(dora)
    pair = _met(alice, bob)
    wants = next(m for m in map(decode_message, pair.right.frames) if isinstance(m, Wants))
    assert wants.authors == dora + key_of("carol").public
    assert wants.lasts == [99, 63]


def test_what_waits_is_asked_for_again_at_growing_intervals() -> None:
    alice, bob = _two("carol")
    carol = key_of("carol")
    bob.racks[GROUP].members.discard(carol.public)
    alice.put((carol.public, 0), chain(carol, 0, [], 2))
    pair = _met(alice, bob)
    pair.pass_time(HOUR_MS)
    assert 3 <= _kinds(pair.right).count("Wants") <= 8


@pytest.mark.parametrize(("common", "depth"), [(3, 0), (0, 1), (3, 600), (3, 1100), (700, 1100)])
def test_j17_a_fork_is_found_however_far_back(common: int, depth: int) -> None:
    alice, bob = _two("carol")
    carol = key_of("carol")
    trunk = chain(carol, 0, [], common)
    left, right = chain(carol, 0, trunk, depth + 1, "one"), chain(carol, 0, trunk, depth + 1, "other")
    alice.put((carol.public, 0), trunk + left)
    bob.put((carol.public, 0), trunk + right)
    _met(alice, bob)
    assert _are_equal(alice, bob)
    for shelf in (alice, bob):
        proof = shelf.racks[GROUP].forks[carol.public, 0]
        assert check_fork_proof(proof)[:4] == (GROUP, carol.public, 0, common)
    assert alice.blamed == bob.blamed == []


def test_j17_a_fork_is_found_when_one_branch_is_longer() -> None:
    alice, bob = _two("carol")
    carol = key_of("carol")
    trunk = chain(carol, 0, [], 3)
    alice.put((carol.public, 0), trunk + chain(carol, 0, trunk, 2, "one"))
    bob.put((carol.public, 0), trunk + chain(carol, 0, trunk, 9, "other"))
    _met(alice, bob)
    assert _are_equal(alice, bob)
    assert alice.racks[GROUP].frontier.heads[carol.public, 0].forked


def test_j38_a_fork_known_to_one_side_is_proven_to_the_other() -> None:
    alice, bob, eve = *_two("carol"), Shelf("eve")
    carol = key_of("carol")
    eve.open(alice.racks[GROUP].members | {eve.own_key})
    alice.racks[GROUP].members.add(eve.own_key)
    trunk = chain(carol, 0, [], 3)
    alice.put((carol.public, 0), trunk + chain(carol, 0, trunk, 2, "one"))
    eve.put((carol.public, 0), trunk + chain(carol, 0, trunk, 2, "other"))
    _met(alice, eve)
    _met(alice, bob)
    assert _are_equal(alice, bob)
    assert bob.racks[GROUP].forks == alice.racks[GROUP].forks
    assert len(bob.racks[GROUP].lanes[carol.public, 0]) == 3, "what came before the fork stands"


def test_a_fork_proof_is_spread_to_those_who_may_read_the_lane() -> None:
    alice, bob, eve = *_two("carol"), Shelf("eve")
    carol = key_of("carol")
    eve.open(set(), public=True)
    alice.racks[GROUP].public = True
    with_bob, with_eve = _met(alice, bob), _met(alice, eve)
    trunk = chain(carol, 0, [], 1)
    for shelf in (alice, bob):
        shelf.put((carol.public, 0), trunk)
    other = Shelf("other")
    other.open({carol.public})
    other.put((carol.public, 0), chain(carol, 0, [], 1, "other"))
    proof = _proof_of(alice, other, carol.public)
    alice.keep_fork(GROUP, proof)
    for pair in (with_bob, with_eve):
        pair.left.perform(pair.left.session.fork_found(GROUP, proof), pair.now_ms)
        pair.settle()
    assert bob.racks[GROUP].forks == {(carol.public, 0): proof}
    assert eve.racks[GROUP].forks == {}


def _proof_of(left: Shelf, right: Shelf, author: bytes) -> bytes:
    heads = [shelf.racks[GROUP].lanes[author, 0][0] for shelf in (left, right)]
    return encode_fork_proof(*(Branch((entry.header,), entry.signature or b"") for entry in heads))


def test_annexes_that_nobody_asked_for_are_an_offence() -> None:
    alice, bob = _two()
    pair = _met(alice, bob)
    pair.left.sent.append(encode_message(Annexes(0, 1, True, [bytes(ANNEX_SALT_BYTES)])))
    pair.settle()
    assert bob.blamed == ["sync.unasked"]
    assert pair.right.is_over


def test_annexes_come_in_frames_of_bounded_size() -> None:
    alice, bob = _two()
    blobs = [bytes(ANNEX_SALT_BYTES) + bytes([i]) * 60_000 for i in range(40)]
    alice.racks[GROUP].annexes = {sha256(blob): blob for blob in blobs}
    bob.racks[GROUP].wanted = [sha256(blob) for blob in blobs] + [sha256(b"erased")]
    pair = _met(alice, bob)
    assert len(bob.racks[GROUP].annexes) == 40
    assert bob.racks[GROUP].wanted == [sha256(b"erased")], "asked for once, not for ever"
    assert max(map(len, pair.left.frames)) < 300 * 1024


def _alone(alice: Shelf, peer: Shelf) -> Session:
    """Alice's session, brought to the point where the peer has offered the group and has five entries."""
    pair = Pair(alice, peer)
    pair.settle()
    return pair.left.session


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        (Runs(0, 7, True, False, b"x"), "sync.unasked"),
        (Credit(64 * 1024 * 1024), "sync.bad_credit"),
        (Hello(1, b"x" * 32, 0), "sync.bad_hello"),
        (Proof([]), "sync.out_of_order"),
        (Wants(0, 1, False, b"x", b"", [], []), "sync.bad_column"),
        (Offer([], False), None),
        (Heads(5, 1, head_columns([])), None),
        (Offer([Offered(0, b"x" * 32, 7, bytes(96), bytes(16), 0, bytes(16), 0)], False), "sync.bad_offer"),
        (Offer([Offered(9, b"x" * 32, 7, bytes(95), bytes(16), 0, bytes(16), 0)], False), "sync.bad_offer"),
    ],
)
def test_what_no_correct_peer_sends_ends_the_session(message: Any, rule: str | None) -> None:
    alice, bob = _two()
    session = _alone(alice, bob)
    effects = session.receive(encode_message(message), START_MS)
    blamed = [effect.rule for effect in effects if isinstance(effect, fx.Blame)]
    assert blamed == ([] if rule is None else [rule])
    assert (fx.End in map(type, effects)) == (rule is not None)


def test_too_many_wants_are_refused() -> None:
    alice, bob = _two()
    alice.append(3)
    pair = _met(alice, bob)
    count = 4000
    frame = encode_message(
        Wants(0, 1, False, alice.own_key * count, bytes(count), [0] * count, [1_000_000] * count)
    )
    effects: list[fx.Effect] = []
    for _ in range(6):
        effects += pair.left.session.receive(frame, START_MS)
    assert fx.Blame("sync.too_many_wants") in effects


def test_a_refused_frame_blames_its_sender() -> None:
    alice, bob = _two()
    bob.append(5)
    session = Session(alice, bob.own_key, nonce=b"a" * 32, wanted=Wanted(), now_ms=START_MS)
    pair = Pair(alice, bob)
    pair.left.session = session
    pair.left.sent.clear()
    pair.left.perform(session.start(START_MS), START_MS)
    original = pair.left._one

    def refuse(effect: fx.Effect, now_ms: int) -> list[fx.Effect]:
        if isinstance(effect, fx.Ingest):
            return session.done(effect.token, Ingested(0, "run.bad_column"), now_ms)
        return original(effect, now_ms)

    pair.left._one = refuse  # type: ignore[method-assign]
    pair.settle()
    assert alice.blamed == ["run.bad_column"]
    assert pair.left.is_over


def test_nothing_goes_out_beyond_the_credit() -> None:
    """A peer that asks for much and never gives credit gets two mebibytes, and no more is read for it."""
    alice, bob = _two()
    alice.append(1500, text="long " * 400)
    pair = Pair(alice, bob)
    pair.settle(lambda: pair.left.session.open_group(GROUP) is not None)
    everything = Wants(0, 1, False, alice.own_key, b"\x00", [0], [1499])
    effects = pair.left.session.receive(encode_message(everything), START_MS)
    pair.left.perform(effects, START_MS)
    assert CREDIT_BYTES - SLICE_BYTES_MIN < pair.left.bytes_sent < CREDIT_BYTES + RUN_BYTES_MAX
    pair.left.perform(pair.left.session.receive(encode_message(Credit(300_000)), START_MS), START_MS)
    assert pair.left.bytes_sent > CREDIT_BYTES + RUN_BYTES_MAX


def test_two_sessions_do_not_fetch_one_lane_at_a_time() -> None:
    alice, bob, carol = *_two("carol"), Shelf("carol")
    carol.open(alice.racks[GROUP].members)
    for shelf in (bob, carol):
        shelf.put((bob.own_key, 0), chain(bob.key, 0, [], 30))
    wanted = Wanted()
    first, second = Pair(alice, bob), Pair(alice, carol)
    for pair in (first, second):
        peer = pair.right.shelf
        pair.left.session = Session(alice, peer.own_key, nonce=peer.own_key, wanted=wanted, now_ms=START_MS)
        pair.left.sent.clear()
        pair.left.perform(pair.left.session.start(START_MS), START_MS)
    # Bob is asked and does not answer: his claim holds until it lapses.
    first.settle(lambda: "Wants" in _kinds(first.left))
    second.settle()
    assert _kinds(first.left).count("Wants") == 1
    assert _kinds(second.left).count("Wants") == 0
    second.pass_time(CLAIM_MS + 2000)
    assert _kinds(second.left).count("Wants") == 1
    assert _are_equal(alice, carol)


def test_claims_end_with_their_session() -> None:
    wanted, one, other = Wanted(), object(), object()
    assert wanted.claim("lane", one, 0)
    assert wanted.claim("lane", one, 5)
    assert not wanted.claim("lane", other, 10)
    wanted.release("lane", other)
    assert not wanted.claim("lane", other, 10)
    wanted.release_all(one)
    assert wanted.claim("lane", other, 10)
    assert wanted.claim("lane", one, 10 + CLAIM_MS)


def test_j42_large_amounts_are_fetched_on_a_connection_of_their_own() -> None:
    alice, bob = _two()
    bob.append(3000)
    pair = Pair(alice, bob)
    opened: list[fx.OpenBulk] = []
    session = Session(alice, bob.own_key, nonce=b"a" * 32, wanted=Wanted(), now_ms=START_MS, has_bulk=True)
    pair.left.session = session
    pair.left.sent.clear()
    original = pair.left._one

    def open_bulk(effect: fx.Effect, now_ms: int) -> list[fx.Effect]:
        if isinstance(effect, fx.OpenBulk):
            opened.append(effect)
            return []
        return original(effect, now_ms)

    pair.left._one = open_bulk  # type: ignore[method-assign]
    pair.left.perform(session.start(START_MS), START_MS)
    pair.settle()
    # The author is new here: a little over this stream, then the rest over the other one.
    assert [list(effect.wants) for effect in opened] == [[Want(bob.own_key, 0, 64, 2999)]]
    pair.left.perform(session.done(opened[0].token, None, START_MS), START_MS)
    pair.settle()
    assert _are_equal(alice, bob), "the stream brought nothing: the rest comes over this one"
    assert len(opened) == 1


def test_a_head_that_a_liar_shows_costs_one_question() -> None:
    alice, bob = _two()
    pair = _met(alice, bob)
    seen = len(pair.right.frames)
    lie = Shown(alice.own_key, 0, 1 << 39, b"t" * 16, False)
    pair.left.sent.append(encode_message(Heads(0, 99, head_columns([lie]))))
    pair.settle()
    pair.pass_time(30_000)
    assert _kinds(pair.right, seen).count("Wants") == 1
    assert pair.right.confirmed == 1, "only what came before"


def test_the_cursor_never_passes_a_push_that_is_under_way() -> None:
    alice, bob = _two()
    pair = _met(alice, bob)
    head = alice.append()
    effects = pair.left.session.moved(GROUP, [head], pair.now_ms)
    assert [type(effect) for effect in effects] == [fx.ReadPush]
    exchange = pair.left.session.open_group(GROUP)
    assert exchange is not None
    assert exchange.level() == head.changed - 1
    pair.left.perform(effects, pair.now_ms)
    assert exchange.level() == head.changed


def test_a_pushed_run_is_not_taken_twice() -> None:
    alice, bob = _two()
    pair = _met(alice, bob)
    _tell(pair, pair.left, alice.append())
    push = next(frame for frame in pair.left.frames if isinstance(decode_message(frame), Push))
    pair.settle()
    taken = len(bob.ingested)
    pair.left.sent.append(push)
    pair.settle()
    assert len(bob.ingested) == taken
    assert bob.blamed == []


def test_c41_very_many_lanes_are_reconciled_by_ranges() -> None:
    names = [f"member {i}" for i in range(4200)]
    alice, bob = _two(*names)
    for index, name in enumerate(names):
        entries = chain(key_of(name), 0, [], 2 if index in (7, 4000) else 1)
        alice.put((key_of(name).public, 0), entries)
        bob.put((key_of(name).public, 0), entries[:1])
    bob.append()
    pair = _met(alice, bob)
    assert _are_equal(alice, bob)
    assert "Ranges" in _kinds(pair.left)
    assert pair.bytes_sent < 30_000, "listing the heads alone would take 200 kB"
    pair.close()
    assert _met(alice, bob).bytes_sent < 1000


def test_a_group_that_is_opened_anew_has_positions_of_its_own() -> None:
    alice, bob = _two()
    for _ in range(40):
        alice.append()
    pair = _met(alice, bob)
    old = bob.cursors[alice.own_key, GROUP]
    rack = alice.racks.pop(GROUP)
    pair.left.perform(pair.left.session.regrouped(GROUP, pair.now_ms), pair.now_ms)
    pair.settle()
    # The same entries in a store that was made anew: its counter starts again.
    fresh = alice.open(rack.members)
    fresh.frontier.epoch = b"another epoch..."
    alice.put((alice.own_key, 0), rack.lanes[alice.own_key, 0][:1])
    pair.left.perform(pair.left.session.regrouped(GROUP, pair.now_ms), pair.now_ms)
    pair.settle()
    pair.pass_time(10_000)
    assert _are_equal(alice, bob), "and it gets back what it lacks"
    pair.close()
    cursor = bob.cursors[alice.own_key, GROUP]
    assert cursor.epoch != old.epoch
    assert cursor.changed <= fresh.frontier.changed
    alice.append(2)
    _met(alice, bob)
    assert _are_equal(alice, bob)


def test_j23_rights_that_end_stop_an_answer_under_way() -> None:
    alice, bob = _two()
    alice.append(1500, text="long " * 400)
    pair = Pair(alice, bob)
    pair.settle(lambda: pair.left.session.open_group(GROUP) is not None)
    everything = Wants(0, 1, False, alice.own_key, b"\x00", [0], [1499])
    pair.left.perform(pair.left.session.receive(encode_message(everything), START_MS), START_MS)
    before = pair.left.bytes_sent
    alice.racks[GROUP].members.discard(bob.own_key)
    pair.left.perform(pair.left.session.regrouped(GROUP, START_MS), START_MS)
    pair.left.perform(pair.left.session.receive(encode_message(Credit(2_000_000)), START_MS), START_MS)
    assert pair.left.bytes_sent - before < 500
    last = decode_message(pair.left.frames[-1])
    assert isinstance(last, Runs)
    assert (last.body, last.last) == (b"", True)


def test_offers_may_not_be_repeated_without_end() -> None:
    alice, bob = _two()
    pair = _met(alice, bob)
    offer = next(frame for frame in pair.right.frames if isinstance(decode_message(frame), Offer))
    effects: list[fx.Effect] = []
    for _ in range(5000):
        effects += pair.left.session.receive(offer, START_MS)
    assert fx.Blame("sync.too_many_offers") in effects


def test_j14_a_lane_that_ends_at_a_fault_is_followed_to_it() -> None:
    """No proof exists for a wrong depth: whoever sees the entry sees the fault."""
    alice, bob = _two("carol")
    carol = key_of("carol")
    entries = chain(carol, 0, [], 4)
    for shelf, count in ((alice, 4), (bob, 3)):
        shelf.put((carol.public, 0), entries[:count])
        shelf.faults = {(carol.public, 0): 3}
    ended = Head(carol.public, 0, 2, sha256(entries[2].header), 9, True)
    alice.racks[GROUP].frontier.apply([ended])
    _met(alice, bob)
    assert _are_equal(alice, bob)
    assert bob.racks[GROUP].frontier.heads[carol.public, 0].forked
    assert len(bob.racks[GROUP].lanes[carol.public, 0]) == 4


def test_j23_a_stranger_is_not_told_of_moves_in_lanes_that_it_may_not_read() -> None:
    alice, eve = Shelf("alice"), Shelf("eve")
    alice.open({alice.own_key}, public=True)
    eve.open({alice.own_key}, public=True)
    pair = _met(alice, eve)
    seen = len(pair.left.frames)
    for lane in (0, 1):
        _tell(pair, pair.left, alice.append(lane=lane))
        _tell(pair, pair.left, alice.append(100, lane=lane))
    pair.settle()
    told = [
        m for m in map(decode_message, pair.left.frames[seen:]) if not isinstance(m, Heads) or m.heads.seqs
    ]
    assert told == []
    _tell(pair, pair.left, alice.append(lane=2))
    pair.settle()
    assert _kinds(pair.left)[-1] == "Push"


def test_what_a_stranger_pushes_is_asked_for_first() -> None:
    alice, eve = Shelf("alice"), Shelf("eve")
    alice.open({alice.own_key}, public=True)
    eve.open({alice.own_key, eve.own_key}, public=True)
    pair = _met(alice, eve)
    _tell(pair, pair.right, eve.append())
    pair.settle()
    assert "Push" in _kinds(pair.right)
    assert [pushed for _, pushed in alice.ingested] == [False]
    assert alice.racks[GROUP].lanes == {}


def test_a_group_that_is_equal_when_it_is_opened_lives_on() -> None:
    alice, bob = _two()
    alice.racks[GROUP].members = {alice.own_key}
    pair = _met(alice, bob)
    alice.racks[GROUP].members.add(bob.own_key)
    pair.left.perform(pair.left.session.regrouped(GROUP, pair.now_ms), pair.now_ms)
    pair.settle()
    for side in (pair.left, pair.right):
        _tell(pair, side, side.shelf.append())
        pair.settle()
    assert _are_equal(alice, bob)


def test_more_bytes_than_credit_was_given_for_end_the_session() -> None:
    alice, bob = _two()
    bob.append(3)
    pair = Pair(alice, bob)
    pair.settle(lambda: "Wants" in _kinds(pair.left))
    junk = encode_message(Runs(0, 1, False, False, bytes(1024 * 1024)))
    effects: list[fx.Effect] = []
    for _ in range(6):
        # Nothing becomes durable here, so no credit goes out.
        effects += pair.left.session.receive(junk, START_MS)
    assert [effect.rule for effect in effects if isinstance(effect, fx.Blame)] == ["sync.over_credit"]


def test_c41_nothing_is_level_while_ranges_are_compared() -> None:
    names = [f"member {i}" for i in range(4100)]
    alice, bob = _two(*names)
    for name in names:
        entries = chain(key_of(name), 0, [], 1)
        for shelf in (alice, bob):
            shelf.put((key_of(name).public, 0), entries)
    bob.put((key_of(names[0]).public, 0), chain(key_of(names[0]), 0, entries_of(bob, names[0]), 1))
    pair = Pair(alice, bob)
    pair.settle(lambda: "Ranges" in _kinds(pair.left))
    _tell(pair, pair.left, alice.append(100))
    told = [m for m in map(decode_message, pair.left.frames) if isinstance(m, Heads)]
    assert [message.changed for message in told] == [0]
    exchange = pair.left.session.open_group(GROUP)
    assert exchange is not None
    assert exchange.is_reconciling


def entries_of(shelf: Shelf, name: str) -> list[Any]:
    return shelf.racks[GROUP].lanes[key_of(name).public, 0]


def test_j33_presence_is_told_once_to_who_may_read_votes_and_to_who_comes_later() -> None:
    alice, bob = _two()
    early = sign_presence(key_of("carol"), GROUP, START_MS)
    alice.there = [(1, early)]
    pair = _met(alice, bob)
    assert fx.HearPresence(GROUP, 1, early) in pair.right.heard
    later = sign_presence(key_of("carol"), GROUP, START_MS + 1)
    for _ in range(2):
        pair.left.perform(pair.left.session.presence_told(GROUP, 0, later), pair.now_ms)
        assert pair.settle()
        pair.right.perform(pair.right.session.presence_told(GROUP, 1, later), pair.now_ms)
        assert pair.settle()
    heard = [effect for effect in pair.right.heard if isinstance(effect, fx.HearPresence)]
    assert heard == [fx.HearPresence(GROUP, 1, early), fx.HearPresence(GROUP, 0, later)]
    assert not any(isinstance(effect, fx.HearPresence) for effect in pair.left.heard), "no echo"


def test_j33_too_much_presence_ends_the_session() -> None:
    alice, bob = _two()
    pair = _met(alice, bob)
    number = pair.left.session.open_group(GROUP).number  # type: ignore[union-attr]
    for time_ms in range(PRESENCES_MAX + 1):
        shown = PresenceShown(number, 0, alice.own_key, time_ms, bytes(64))
        effects = pair.right.session.receive(encode_message(shown), pair.now_ms)
    assert effects[0] == fx.Blame("sync.too_many_presences")
