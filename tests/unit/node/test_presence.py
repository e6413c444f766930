"""Voters who see each other only through others: their timers run all the same (J33)."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pnode.core.codec import encode
from p2pnode.core.crypto import SigningKey
from p2pnode.core.events import Append, Item, PeersPresent, Penalize, PresenceHeard, PresenceTold, Woke
from p2pnode.core.presence import Presence, sign_presence
from tests.unit.node.council import Council

DELTA_MS = 30_000
_NAMES = ("alice", "bob", "carol", "dave")


@pytest.fixture
def council(tmp_path: Path) -> Council:
    """Four founders in a row: each is connected to its neighbours."""
    council = Council(tmp_path, _NAMES)
    row = [council[name] for name in _NAMES]
    for place, machine in enumerate(row):
        beside = {other.key for other in row[max(0, place - 1) : place + 2]} - {machine.key}
        machine.handle(PeersPresent(frozenset(beside)), council.now_ms)
    return council


def _told(effects: list[object]) -> list[PresenceTold]:
    return [effect for effect in effects if isinstance(effect, PresenceTold)]


def _wait(council: Council, name: str, wait_ms: int) -> list[PresenceTold]:
    council.now_ms += wait_ms
    return _told(list(council[name].handle(Woke(), council.now_ms)))


def _call_for_a_block(council: Council, name: str) -> None:
    item = Item("voter.leave", encode({}))
    council[name].ask(Append(1, council.group, (item,)), council.now_ms)


def _hear(council: Council, name: str, relays: int, presence: Presence) -> list[object]:
    event = PresenceHeard(council.group, council["bob"].key, relays, presence)
    return list(council[name].handle(event, council.now_ms))


def _present(council: Council, name: str) -> frozenset[bytes]:
    return council[name].node.logs[council.group].chain.company.present(council.now_ms)


def test_j33_a_voter_says_that_it_is_there_once_a_decision_takes_long(council: Council) -> None:
    assert _wait(council, "alice", 10 * DELTA_MS) == [], "nothing is to be decided"
    _call_for_a_block(council, "alice")
    assert _wait(council, "alice", DELTA_MS - 1) == []
    (said,) = _wait(council, "alice", 1)
    assert (said.relays, said.presence.key) == (0, council["alice"].key)
    assert _wait(council, "alice", 2 * DELTA_MS - 1) == []
    assert len(_wait(council, "alice", 1)) == 1
    council["alice"].handle(PeersPresent(frozenset()), council.now_ms)
    assert _wait(council, "alice", 4 * DELTA_MS) == [], "nobody would hear it"


def _times_said(council: Council, name: str, deltas: int) -> list[int]:
    """After how many deltas a voter says that it is there."""
    return [number for number in range(1, deltas + 1) if _wait(council, name, DELTA_MS)]


def _get_quiet(council: Council, name: str) -> None:
    """Let hours pass in which nothing moves."""
    for _ in range(8):
        assert len(_wait(council, name, 130 * DELTA_MS)) == 1
    assert _times_said(council, name, 10) == []


def test_j33_a_group_that_is_stuck_gets_quiet_until_something_moves(council: Council) -> None:
    alice = council["alice"]
    _call_for_a_block(council, "alice")
    assert _times_said(council, "alice", 40) == [1, 3, 5, 9, 17, 33], "it voted after the second time"
    bob, carol, dave = (council[name] for name in _NAMES[1:])
    _get_quiet(council, "alice")
    for peers in ({bob.key, carol.key}, {bob.key}):
        alice.handle(PeersPresent(frozenset(peers)), council.now_ms)
        assert len(_times_said(council, "alice", 10)) >= 2, "a peer came or went"
        _get_quiet(council, "alice")
    _hear(council, "alice", 1, sign_presence(dave.node.key, council.group, council.now_ms))
    assert len(_times_said(council, "alice", 10)) >= 2, "a voter was heard of who was not there"
    _get_quiet(council, "alice")
    alice.ask(Append(1, council.group, (Item("voter.return", encode({})),)), council.now_ms)
    assert len(_times_said(council, "alice", 10)) >= 2, "an entry was written"


def test_j33_who_speaks_seldom_counts_as_there_for_longer(council: Council) -> None:
    alice = council["alice"]
    for pause in (2, 4, 8, 16, 32, 64, 120, 120):
        council.now_ms += pause * DELTA_MS
        _hear(council, "dave", 1, sign_presence(alice.node.key, council.group, council.now_ms))
        again = min(2 * pause, 120) if pause > 2 else 2
        council.now_ms += again * DELTA_MS
        assert alice.key in _present(council, "dave")
        council.now_ms -= again * DELTA_MS
    council.now_ms += 240 * DELTA_MS
    assert alice.key not in _present(council, "dave"), "not twice as long as it should have been silent"
    council.now_ms += 241 * DELTA_MS
    _hear(council, "dave", 1, sign_presence(alice.node.key, council.group, council.now_ms))
    council.now_ms += 4 * DELTA_MS
    assert alice.key not in _present(council, "dave"), "it was away: nothing is known of its pauses"


def test_j33_a_peer_that_was_seen_to_go_is_not_there_for_having_said_so(council: Council) -> None:
    carol, dave = council["carol"], council["dave"]
    _hear(council, "dave", 0, sign_presence(carol.node.key, council.group, council.now_ms))
    dave.handle(PeersPresent(frozenset()), council.now_ms)
    _wait(council, "dave", 1)
    assert _present(council, "dave") == frozenset()


def test_j33_presence_goes_two_hops_beyond_the_first_and_lasts_four_deltas(council: Council) -> None:
    alice = council["alice"]
    presence = sign_presence(alice.node.key, council.group, council.now_ms)
    relays = []
    for number, name in enumerate(_NAMES[1:]):
        effects = _hear(council, name, number, presence)
        relays += [told.relays for told in _told(effects)]
        assert alice.key in _present(council, name)
        assert _told(_hear(council, name, number, presence)) == [], "it is no news any more"
    assert relays == [1, 2]
    assert len(_present(council, "dave")) == 2, "carol is connected, alice is heard of"
    council.now_ms += 4 * DELTA_MS
    assert alice.key not in _present(council, "dave")


def test_j33_what_is_forged_stale_or_of_no_voter_counts_for_nothing(council: Council) -> None:
    alice, now_ms = council["alice"].node.key, council.now_ms
    forged = sign_presence(alice, b"another group".ljust(32), now_ms)
    assert Penalize(council["bob"].key, "presence.bad_signature") in _hear(council, "carol", 0, forged)
    stranger = SigningKey(b"\x05" * 32)
    for presence in (
        sign_presence(alice, council.group, now_ms - 4 * DELTA_MS),
        sign_presence(alice, council.group, now_ms + 4 * DELTA_MS + 1),
        sign_presence(stranger, council.group, now_ms),
    ):
        assert _told(_hear(council, "dave", 0, presence)) == []
    assert _present(council, "dave") == {council["carol"].key}


def test_j33_a_quorum_that_is_seen_only_through_others_lets_a_view_end(council: Council) -> None:
    """Of four voters dave sees carol alone; with alice heard through others, three are there."""
    dave, group = council["dave"], council.group
    _call_for_a_block(council, "dave")
    height = dave.node.logs[group].chain.height
    for _ in range(8):
        council.now_ms += DELTA_MS
        dave.handle(Woke(), council.now_ms)
    assert [vote.kind for _, vote in height.votes] == ["N"], "no quorum was seen: it would wait for days"
    for _ in range(5):
        _hear(council, "dave", 1, sign_presence(council["alice"].node.key, group, council.now_ms))
        council.now_ms += DELTA_MS
        dave.handle(Woke(), council.now_ms)
    assert [vote.kind for _, vote in height.votes] == ["N", "S"]
