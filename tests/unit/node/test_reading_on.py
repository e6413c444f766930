"""Who is gone reads lanes 0 and 1 up to the block that ended its membership, and nothing beyond it (J23)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from p2pnode.chain.parting import is_gone
from p2pnode.core.crypto import sha256
from p2pnode.core.errors import UsageError
from p2pnode.core.events import Effect, LevelAnswered, PeersPresent
from p2pnode.core.ids import DeviceKey
from p2pnode.governance import devices, joining, tables
from p2pnode.governance.devices import Revoke
from p2pnode.governance.inception import Inception, recovery_commitment_of
from p2pnode.governance.invitation import parse_link
from p2pnode.replication.exchange import Want
from p2pnode.replication.level import AnnexesWanted, BlocksWanted, EntriesWanted, Wanted, wanted_of
from p2pnode.replication.run import decode_runs
from p2pnode.service import levels
from tests.unit.node.council import Council
from tests.unit.node.test_levelling import LIAR, next_of, reading
from tests.unit.node.test_parting import (
    THREE,
    close,
    copied,
    decide,
    faults,
    founded,
    known,
    member_id,
    own_wanted,
    tell,
    write,
)
from tests.unit.node.world import DAY_MS

Value = Any


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Council:
    """A group that wrote, removed dave while he was away, and wrote again, kept for copies."""
    council = founded(tmp_path_factory.mktemp("removed"))
    council["alice"].write(council.group, "while dave was away", council.now_ms)
    council.meet(*THREE)
    decide(council, "remove", {"member": member_id(council, "dave")})
    council["bob"].write(council.group, "after the removal", council.now_ms)
    council.meet(*THREE)
    close(council)
    return council


@pytest.fixture
def council(template: Council, tmp_path: Path) -> Iterator[Council]:
    council = copied(template, tmp_path)
    yield council
    close(council)


def end_of(council: Council) -> int:
    """The height at which dave was removed."""
    with reading(council["alice"], council.group) as queries:
        end = queries.endings.end_of(council["dave"].key)
    assert end is not None
    return end.height


def answer_if_any(council: Council, wanted: Wanted) -> Value:
    """The answer, or None where dave may not have one."""
    try:
        return answer(council, wanted)
    except UsageError:
        return None


def answer(council: Council, wanted: Wanted) -> Value:
    with reading(council["alice"], council.group) as queries:
        return levels.answer_to_gone(queries, wanted, council["dave"].key)


def hear(council: Council) -> None:
    """Let dave hear that the group goes on without him."""
    tell(council, answer(council, own_wanted(council)))
    assert known(council) is not None


def take(council: Council, wanted: Wanted, said: Value) -> list[Effect]:
    event = LevelAnswered(1, council.group, LIAR, wanted, said)
    return council["dave"].handle(event, council.now_ms)


def read_on(council: Council) -> list[Wanted]:
    """Ask and answer until dave has read what he may."""
    asked: list[Wanted] = []
    while (wanted := next_of(council["dave"], council.group).wanted) is not None:
        assert len(asked) < 50
        asked.append(wanted)
        assert not faults(take(council, wanted, answer_if_any(council, wanted)))
        if next_of(council["dave"], council.group).wanted == wanted:
            take(council, wanted, None)  # nobody has more of it
    return asked


def texts(council: Council, name: str) -> set[str]:
    """What a machine holds of what was written in words."""
    log = council[name].node.logs[council.group]
    found = [
        row.payload or b""
        for lane in log.lanes.values()
        for row in log.file.entries(lane.number, 0, lane.seq)
    ]
    words = ("while dave was away", "after the removal")
    return {word for word in words if any(word.encode() in payload for payload in found)}


def test_j23_who_was_away_reads_on_to_its_removal_and_no_further(council: Council) -> None:
    assert texts(council, "alice") == {"while dave was away", "after the removal"}
    hear(council)
    asked = read_on(council)
    assert {type(wanted) for wanted in asked} >= {BlocksWanted, EntriesWanted}
    dave = council["dave"].node.logs[council.group]
    assert dave.chain.tip.height == end_of(council) < council.tip("alice")
    row = tables.member(dave.file.chain, member_id(council, "dave"))
    assert row is not None
    assert row.status == "removed"
    assert texts(council, "dave") == {"while dave was away"}
    with reading(council["alice"], council.group) as queries:
        block = queries.chain.block(end_of(council))
    assert block is not None
    assert dave.chain.tip.id == block.id
    found = known(council)
    assert found is not None
    assert found.height == council.tip("alice")


def test_j23_who_was_let_in_again_and_removed_while_away_reads_on_to_the_second_removal(
    council: Council,
) -> None:
    dave, group = council["dave"], council.group
    hear(council)
    read_on(council)
    first = council.tip("dave")
    link = parse_link(council["alice"].link(group, expiry_ms=council.now_ms + DAY_MS))
    inception = Inception(
        DeviceKey(dave.key), recovery_commitment_of(b"r" * 32), sha256(dave.annex(name="d"))
    )
    join = write(council, "dave", joining.JOIN_TYPE, joining.encode(joining.join_by(link, inception)))
    council["dave"].give(council["alice"], group, council.now_ms)
    council.meet(*THREE)
    decide(council, "admit", {"join": join})
    council["alice"].write(group, "after the removal", council.now_ms)
    council.meet(*THREE)
    log = council["alice"].node.logs[group]
    assert not is_gone(log.state.final, dave.key)
    again = next(key for key, row in tables.members(log.file.chain) if dave.key in row.devices)
    decide(council, "remove", {"member": again})
    assert end_of(council) > first
    council["dave"].handle(PeersPresent(frozenset({LIAR})), council.now_ms)
    assert not faults(tell(council, answer(council, own_wanted(council))))
    read_on(council)
    assert council.tip("dave") == end_of(council)
    assert texts(council, "dave") == {"while dave was away", "after the removal"}


def test_nothing_beyond_the_cut_is_served(council: Council) -> None:
    end = end_of(council)
    last = council.tip("alice")
    blocks = answer(council, BlocksWanted(1, last))["blocks"]
    assert len(blocks) == end
    for wanted in (BlocksWanted(end + 1, last), BlocksWanted(last, last)):
        with pytest.raises(UsageError) as caught:
            answer(council, wanted)
        assert caught.value.rule == "query.members_only"
    log = council["alice"].node.logs[council.group]
    wants = tuple(Want(lane.author, lane.lane, 0, lane.seq) for lane in log.lanes.values() if lane.seq >= 0)
    runs = decode_runs(answer(council, EntriesWanted(wants))["runs"], compressed=False)
    with reading(council["alice"], council.group) as queries:
        held = queries.endings.end_of(council["dave"].key)
    assert held is not None
    assert {run.lane for run in runs} >= {0, 1}
    for run in runs:
        assert run.rows[-1].seq <= held.lasts[run.author, run.lane]
    bob = next(run for run in runs if (run.author, run.lane) == (council["bob"].key, 0))
    assert not any(b"after the removal" in (row.payload or b"") for row in bob.rows)
    bodies = [block.body for block in log.file.chain.blocks(end, last)]
    names = tuple(sha256(body) for body in bodies)
    assert log.file.annexes(list(names)) == bodies
    assert answer(council, AnnexesWanted(names)) == {"annexes": []}


def test_members_and_strangers_get_nothing_that_way(council: Council) -> None:
    with reading(council["alice"], council.group) as queries:
        for key in (council["bob"].key, LIAR):
            for wanted in (BlocksWanted(1, 1), EntriesWanted((Want(key, 0, 0, 0),)), AnnexesWanted((LIAR,))):
                with pytest.raises(UsageError) as caught:
                    levels.answer_to_gone(queries, wanted, key)
                assert caught.value.rule == "query.members_only"


def test_who_lies_about_a_block_is_blamed_and_another_is_asked(council: Council) -> None:
    hear(council)
    wanted = next_of(council["dave"], council.group).wanted
    assert isinstance(wanted, BlocksWanted)
    told = answer(council, wanted)["blocks"]
    altered = [[told[0][0], told[1][1], *told[0][2:]], *told[1:]]
    assert faults(take(council, wanted, {"blocks": altered})) == ["block.other_body"]
    assert next_of(council["dave"], council.group).wanted == wanted
    assert faults(take(council, wanted, {"blocks": told[1:]})) == ["block.other_height"]
    read_on(council)
    assert council.tip("dave") == end_of(council)


def test_what_nobody_has_is_asked_again_when_others_come(council: Council) -> None:
    hear(council)
    for kind in (BlocksWanted, AnnexesWanted):
        wanted = next_of(council["dave"], council.group).wanted
        assert isinstance(wanted, kind)
        take(council, wanted, None)
    assert next_of(council["dave"], council.group).wanted is None
    council["dave"].handle(PeersPresent(frozenset({LIAR})), council.now_ms)
    read_on(council)
    assert council.tip("dave") == end_of(council)


def test_a_power_cut_on_the_way_costs_nothing_that_was_read(council: Council) -> None:
    hear(council)
    for _ in range(2):
        wanted = next_of(council["dave"], council.group).wanted
        assert wanted is not None
        take(council, wanted, answer(council, wanted))
    council["dave"].restart()
    read_on(council)
    assert council.tip("dave") == end_of(council)


def test_a_revoked_device_reads_on_to_its_revocation(tmp_path: Path) -> None:
    council = founded(tmp_path)
    dave = council["dave"].key
    recovery = council.recovery[dave]
    revoke = Revoke(DeviceKey(dave), ((0, -1),))
    proof = recovery.public, devices.sign_revocation(recovery, council.group, revoke)
    signed = replace(revoke, recovery=proof)
    write(council, "alice", devices.DEVICE_REVOKE_TYPE, devices.encode_revoke(signed))
    council.meet(*THREE)
    council["bob"].write(council.group, "after the removal", council.now_ms)
    council.meet(*THREE)
    hear(council)
    read_on(council)
    log = council["dave"].node.logs[council.group]
    row = tables.device(log.file.chain, dave)
    assert row is not None
    assert row.status == "revoked"
    assert log.chain.tip.height == end_of(council) < council.tip("alice")
    assert texts(council, "dave") == set()
    assert is_gone(log.state.final, dave)
    close(council)


# ---- whose own entry is not here yet


def test_an_honest_peer_is_not_blamed_by_who_does_not_know_yet_whose_device_it_is(
    council: Council, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = council["dave"].node.logs[council.group]
    said = answer(council, own_wanted(council))
    # As on a device whose own join, or addition to a member, has not arrived.
    monkeypatch.setattr(type(log.state), "member_of", lambda self, key: None)
    assert not faults(tell(council, said))
    found = log.level.parting
    assert found is not None
    assert found.status == "removed"


@pytest.mark.parametrize(
    "question",
    [
        ["entries", b"g" * 32, []],
        ["entries", b"g" * 32, [[b"k" * 32, 0, 1, 0]]],
        ["entries", b"g" * 32, [[b"k" * 32, 3, 0, 0]]],
        ["entries", b"g" * 32, [[b"k" * 31, 0, 0, 0]]],
        ["entries", b"g" * 32, [[b"k" * 32, True, 0, 0]]],
        ["entries", b"g" * 32, [[b"k" * 32, 0, 0, 0]] * 257],
        ["annexes", b"g" * 32, []],
        ["annexes", b"g" * 32, [b"h" * 31]],
        ["annexes", b"g" * 32, [b"h" * 32] * 65],
    ],
)
def test_questions_of_another_shape_are_none(question: Value) -> None:
    assert wanted_of(question) is None
