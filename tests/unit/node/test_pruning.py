"""Old votes go, and whoever pruned them still serves newcomers and level peers (J18)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pnode.chain import leading, levelling, pruning
from p2pnode.consensus.format import VOTE_TYPE
from p2pnode.core.events import LevelAnswered
from p2pnode.describing import Describer, Filter
from p2pnode.replication.exchange import Want
from p2pnode.replication.level import FinalWanted
from p2pnode.service import levels
from p2pnode.serving import GroupReader
from p2pnode.verifying import verify_group
from tests.unit.node.council import Council
from tests.unit.node.test_levelling import next_of, reading
from tests.unit.node.test_parting import close, copied

THREE = ("alice", "bob", "carol")
FOUR = (*THREE, "dave")
KEPT = 6


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Council:
    """Four founders, one of whom is away for longer than votes are kept; for copies."""
    council = Council(tmp_path_factory.mktemp("grown"), FOUR, checkpoint_entries=1)
    council["alice"].write(council.group, "first", council.now_ms)
    council.meet(*FOUR)
    for number in range(KEPT + 4):
        council["alice"].write(council.group, str(number), council.now_ms)
        council.meet(*THREE)
    assert council.tip("alice") > KEPT + 4
    close(council)
    return council


@pytest.fixture
def council(template: Council, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Council]:
    monkeypatch.setattr(pruning, "HEIGHTS_KEPT", KEPT)
    monkeypatch.setattr(pruning, "PAUSE_HEIGHTS", 1)
    monkeypatch.setattr(levelling, "BEHIND_BLOCKS_MIN", 4)
    council = copied(template, tmp_path)
    yield council
    close(council)


def prune(council: Council, *names: str) -> None:
    for name in names:
        log = council[name].node.logs[council.group]
        while leading.clear_slice(log):
            pass


def votes_held(council: Council, name: str) -> int:
    """How many entries of lanes of votes a machine keeps."""
    log = council[name].node.logs[council.group]
    lanes = [lane for lane in log.lanes.values() if lane.lane == 1]
    return sum(len(log.file.entries(lane.number, 0, lane.seq)) for lane in lanes)


def level(council: Council, name: str, other: str) -> None:
    """Get one machine level by what another answers."""
    for _ in range(200):
        following = next_of(council[name], council.group)
        wanted = following.wanted or next_of(council[name], council.group, is_fresh=True).wanted
        if following.wanted is None and council.tip(name) == council.tip(other):
            return
        assert wanted is not None
        if isinstance(wanted, FinalWanted) and council.tip(name) == council.tip(other):
            return
        with reading(council[other], council.group) as queries:
            answer = levels.answer_to(queries, wanted)
        event = LevelAnswered(1, council.group, council[other].key, wanted, answer)
        council[name].handle(event, council.now_ms)


def test_j18_old_votes_go_and_the_group_goes_on(council: Council) -> None:
    log = council["alice"].node.logs[council.group]
    digest = log.frontier.digest(frozenset({1}))
    prune(council, *THREE)
    after = votes_held(council, "alice")
    said = sum(lane.seq + 1 for lane in log.lanes.values() if lane.lane == 1)
    assert 0 < after <= said - KEPT
    assert log.frontier.digest(frozenset({1})) == digest, "heads are the same: peers find nothing missing"
    council["bob"].write(council.group, "next", council.now_ms)
    height = council.tip("alice")
    council.meet(*THREE)
    assert {council.tip(name) for name in THREE} == {height + 1}
    for _ in range(KEPT):
        council["bob"].write(council.group, "more", council.now_ms)
        council.meet(*THREE)
        prune(council, *THREE)
    assert votes_held(council, "alice") <= after + 3 * len(THREE), "however long it goes on"


def test_what_is_kept_holds_and_is_kept_over_a_restart(council: Council) -> None:
    prune(council, *THREE)
    held = votes_held(council, "alice")
    council["alice"].restart()
    assert votes_held(council, "alice") == held
    log = council["alice"].node.logs[council.group]
    findings = verify_group(log.file, council.group, lambda done, total: None, lambda: False)
    assert findings.entries > held
    assert findings.damage == []
    council["bob"].write(council.group, "next", council.now_ms)
    height = council.tip("bob")
    council.meet(*THREE)
    assert council.tip("alice") == height + 1


def test_the_list_of_entries_ends_where_a_lane_was_pruned(council: Council) -> None:
    prune(council, *THREE)
    machine = council["alice"]
    kept = votes_held(council, "alice")
    with reading(machine, council.group) as queries:
        describer = Describer(queries, machine.node.logs[council.group].state, machine.key)
        votes, before = [], None
        while True:
            page = describer.page(Filter(None, 1, None), 4, before)
            votes += page["rows"]
            before = page["next"]
            if before is None:
                break
    assert len({row["entry"] for row in votes}) == len(votes) == kept > 4


def test_who_was_away_for_longer_gets_level_and_votes_again(council: Council) -> None:
    prune(council, *THREE)
    dave = council["dave"].node.logs[council.group]
    level(council, "dave", "alice")
    assert dave.level.snapshot > 1
    council.meet(*FOUR)
    level(council, "dave", "alice")
    assert dave.frontier.digest(frozenset({0, 1, 2})) == council["alice"].node.logs[
        council.group
    ].frontier.digest(frozenset({0, 1, 2}))
    assert not dave.fork_seqs
    height = council.tip("alice")
    # Two of four decide nothing: dave's vote is needed, and bob's is missing.
    council["alice"].write(council.group, "with dave", council.now_ms)
    council.meet("alice", "carol", "dave")
    assert council.tip("dave") == council.tip("alice") == height + 1


def test_j18_no_run_begins_among_heights_that_are_still_to_be_decided(council: Council) -> None:
    """Whoever leaves out the first of what a voter says of the next height is not believed."""
    alice, bob = council["alice"], council["bob"]
    first = council.sign("bob", b"x", at="bob", type_=VOTE_TYPE, lane=1)
    council.hand("bob", first)
    second = council.sign("bob", b"y", at="bob", type_=VOTE_TYPE, lane=1)
    before = alice.node.logs[council.group].lane(bob.key, 1)
    assert before is not None
    council.hand("alice", second)
    after = alice.node.logs[council.group].lane(bob.key, 1)
    assert after is not None
    assert (after.seq, after.pruned) == (before.seq, before.pruned)


def test_j18_what_is_pruned_is_passed_over_in_every_answer(council: Council) -> None:
    prune(council, "alice")
    log = council["alice"].node.logs[council.group]
    lane = log.lane(council["bob"].key, 1)
    assert lane is not None
    assert lane.pruned >= 0
    reader = GroupReader(council.group, str(council["alice"].folder / "groups" / f"{council.group.hex()}.db"))
    runs, remaining = reader.read_runs([Want(lane.author, 1, 0, lane.seq)], 1 << 18)
    assert runs
    assert not remaining
    headers = reader.read_headers(lane.author, 1, 0, lane.seq + 1)
    assert len(headers) == lane.seq - lane.pruned
    reader.close()
