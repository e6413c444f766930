"""Two sessions over a line that is cut anywhere bring any two stores together, at a bounded cost."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.replication import effects as fx
from p2pnode.replication.run import StoredEntry
from p2pnode.replication.session import Session
from p2pnode.replication.wanted import Wanted
from tests.unit.replication.shelf import GROUP, START_MS, Shelf, chain, key_of
from tests.unit.replication.wire import Pair

ALL = frozenset((0, 1, 2))
NAMES = ("alice", "bob", "carol", "dave", "erin")
LENGTH = 12
MEMBERS = frozenset(key_of(name).public for name in NAMES)


@cache
def _lane(name: str, lane: int, text: str = "") -> tuple[StoredEntry, ...]:
    return tuple(chain(key_of(name), lane, [], LENGTH, text))


_places = st.tuples(st.sampled_from(NAMES), st.sampled_from((0, 1, 2)))
_stores = st.dictionaries(_places, st.integers(1, LENGTH), max_size=12)


def _shelf(name: str, lengths: dict[tuple[str, int], int], branch: str = "") -> Shelf:
    shelf = Shelf(name)
    shelf.open(MEMBERS)
    for (author, lane), length in sorted(lengths.items()):
        text = branch if author == "erin" else ""
        shelf.put((key_of(author).public, lane), _lane(author, lane, text)[:length])
    return shelf


def _are_equal(left: Shelf, right: Shelf) -> bool:
    return left.racks[GROUP].frontier.digest(ALL) == right.racks[GROUP].frontier.digest(ALL)


@given(_stores, _stores)
def test_any_two_stores_become_equal_within_a_byte_bound(
    ours: dict[tuple[str, int], int], theirs: dict[tuple[str, int], int]
) -> None:
    left, right = _shelf("alice", ours), _shelf("bob", theirs)
    pair = Pair(left, right)
    assert pair.settle()
    assert _are_equal(left, right)
    assert left.blamed == right.blamed == []
    places = {*ours, *theirs}
    differing = sum(abs(ours.get(place, 0) - theirs.get(place, 0)) for place in places)
    # Proofs and offers; what lists a lane and asks for it; and each missing entry once.
    assert pair.bytes_sent < 1000 + 500 * len(places) + 200 * differing
    again = Pair(left, right)
    assert again.settle()
    assert again.bytes_sent < 1000


@settings(max_examples=50)
@given(_stores, _stores, st.lists(st.integers(0, 25), max_size=6), st.booleans())
def test_sessions_that_are_cut_anywhere_never_lose_an_entry(
    ours: dict[tuple[str, int], int], theirs: dict[tuple[str, int], int], cuts: list[int], is_saved: bool
) -> None:
    left, right = _shelf("alice", ours), _shelf("bob", theirs)
    for cut in cuts:
        pair = Pair(left, right)
        pair.settle(frames_max=cut)
        if is_saved:
            pair.close()
    assert Pair(left, right).settle()
    assert _are_equal(left, right)
    assert left.blamed == right.blamed == []


@settings(max_examples=50)
@given(_stores, _stores)
def test_two_branches_of_a_lane_end_in_one_proof(
    ours: dict[tuple[str, int], int], theirs: dict[tuple[str, int], int]
) -> None:
    left, right = _shelf("alice", ours, "one"), _shelf("bob", theirs, "other")
    pair = Pair(left, right)
    assert pair.settle()
    pair.pass_time(10_000)
    assert _are_equal(left, right)
    both = {place for place in {*ours} & {*theirs} if place[0] == "erin"}
    forked = {(key_of(name).public, lane) for name, lane in both}
    assert set(left.racks[GROUP].forks) == set(right.racks[GROUP].forks) == forked
    assert left.blamed == right.blamed == []


@given(_stores, st.lists(st.binary(max_size=120), min_size=1, max_size=5), st.integers(0, 15))
def test_no_frame_makes_a_session_raise(
    store: dict[tuple[str, int], int], frames: list[bytes], kind: int
) -> None:
    left, right = _shelf("alice", store), _shelf("bob", {})
    pair = Pair(left, right)
    assert pair.settle()
    for body in frames:
        for frame in (body, bytes((0x95, kind)) + body):
            session = Session(left, right.own_key, nonce=b"n" * 32, wanted=Wanted(), now_ms=START_MS)
            session.start(START_MS)
            for target in (session, pair.left.session):
                effects = target.receive(frame, START_MS)
                assert all(isinstance(effect, fx.Effect) for effect in effects)


@given(_stores, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3)), min_size=1, max_size=10))
def test_frames_lost_repeated_or_reordered_raise_nothing_and_spoil_nothing(
    store: dict[tuple[str, int], int], mishaps: list[tuple[int, int]]
) -> None:
    """Streams do not do this; a hostile peer does."""
    left, right = _shelf("alice", store), _shelf("bob", {})
    pair = Pair(left, right)
    for position, mishap in mishaps:
        pair.settle(frames_max=position)
        queue = pair.left.sent
        if not queue:
            break
        frame = queue.popleft()
        if mishap == 1:
            queue.extend((frame, frame))
        elif mishap == 2:
            queue.append(frame)
        elif mishap == 3:
            queue.appendleft(frame[: len(frame) // 2])
    pair.settle()
    right.blamed.clear()
    fresh = Pair(left, right)
    assert fresh.settle()
    assert _are_equal(left, right)
    assert right.blamed == []
