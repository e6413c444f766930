"""What still counts of somebody whose membership is over: what the block that ended it contains (J23)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from p2pnode.core.codec import encode
from p2pnode.core.entry import Entry, read_entry
from p2pnode.core.events import Append, Item, Leave
from p2pnode.core.ids import DeviceKey
from p2pnode.core.limits import NEWCOMER_ENTRIES_MAX
from p2pnode.governance import devices, tables
from p2pnode.governance.devices import Revoke
from p2pnode.governance.voters import RETURN_TYPE, encode_return
from tests.unit.node.council import Council

FOUR = ("alice", "bob", "carol", "dave")
THREE = FOUR[:3]


def without_dave(folder: Path, **settings: int) -> Council:
    """A group that dave has just left, as three of four know."""
    council = Council(folder, FOUR, **settings)
    council["dave"].ask(Leave(1, council.group), council.now_ms)
    council.meet(*FOUR)
    row = tables.member_of_device(council["alice"].node.logs[council.group].file.chain, council["dave"].key)
    assert row is not None
    assert row[1].status == "left"
    return council


def close(council: Council) -> None:
    for machine in council.machines.values():
        machine.node.close()


def test_j23_who_is_gone_calls_for_no_block(tmp_path: Path) -> None:
    council = without_dave(tmp_path, checkpoint_entries=1)
    height = council.tip("alice")
    late = council.sign("dave", encode_return(), at="alice", type_=RETURN_TYPE)
    council.hand("alice", late)
    council.meet(*THREE)
    assert council.tip("alice") == height
    assert not council["alice"].node.logs[council.group].chain.blocks.has_work()
    ours = council["alice"].write(council.group, "x", council.now_ms)
    assert late.id not in ours.header.acks
    council.meet(*THREE)
    assert council.tip("alice") == height + 1
    lane = council["alice"].node.logs[council.group].lane(council["dave"].key, 0)
    assert lane.decided < late.header.seq, "nor does it stand in the blocks of others"
    close(council)


def test_j23_an_entry_that_names_one_of_somebody_gone_is_ordered_with_it(tmp_path: Path) -> None:
    council = Council(tmp_path, FOUR)
    council["dave"].ask(Leave(1, council.group), council.now_ms)
    council.meet("alice", "bob", "dave")
    log = council["alice"].node.logs[council.group]
    assert log.chain.tip.height >= 1
    assert void_rule_of_what_carol_named(council) == "author.no_member"
    close(council)


def test_j25_an_entry_that_names_one_beyond_a_revocation_is_ordered_with_it(tmp_path: Path) -> None:
    council = Council(tmp_path, FOUR)
    revoke = Revoke(DeviceKey(council["dave"].key), ((0, -1),))
    recovery = council.recovery[council["dave"].key]
    signed = replace(
        revoke, recovery=(recovery.public, devices.sign_revocation(recovery, council.group, revoke))
    )
    item = Item(devices.DEVICE_REVOKE_TYPE, devices.encode_revoke(signed))
    council["alice"].ask(Append(1, council.group, (item,)), council.now_ms)
    council.meet("alice", "bob", "dave")
    assert council.tip("alice") >= 1
    assert void_rule_of_what_carol_named(council) == "device.revoked"
    close(council)


def void_rule_of_what_carol_named(council: Council) -> str | None:
    """Let carol, who knows of no end, name an entry that dave wrote after it, and be ordered."""
    log = council["alice"].node.logs[council.group]
    late = council.sign("dave", encode_return(), at="dave", type_=RETURN_TYPE)
    council.hand("carol", *entries_of(council, "dave"), late)
    ours = council["carol"].write(council.group, "x", council.now_ms)
    assert late.id in ours.header.acks
    council["carol"].ask(Append(1, council.group, (Item("voter.leave", encode({})),)), council.now_ms)
    council.meet(*THREE)
    assert log.lane(council["carol"].key, 0).decided >= ours.header.seq
    assert log.lane(council["dave"].key, 0).decided == late.header.seq
    position = log.file.position_of_id(late.id)
    assert position is not None
    return log.file.chain.void_rule(position)


def test_j23_who_is_gone_fills_nobodys_disk(tmp_path: Path) -> None:
    council = without_dave(tmp_path)
    log = council["alice"].node.logs[council.group]
    decided = log.lane(council["dave"].key, 0).decided
    for number in range(NEWCOMER_ENTRIES_MAX + 10):
        council.hand("alice", council.sign("dave", bytes([number]), at="alice"))
    lane = log.lane(council["dave"].key, 0)
    assert lane.seq == decided + NEWCOMER_ENTRIES_MAX
    close(council)


def test_whose_votes_count_no_more_fills_nobodys_disk_with_them(tmp_path: Path) -> None:
    council = without_dave(tmp_path)
    council["alice"].write(council.group, "x", council.now_ms)
    council.meet(*THREE)
    log = council["alice"].node.logs[council.group]
    dave = council["dave"].key
    assert dave not in log.chain.voting_keys
    before = log.lane(dave, 1)
    for number in range(NEWCOMER_ENTRIES_MAX + 10):
        vote = council.sign("dave", bytes([number]), at="alice", type_="block.vote", lane=1)
        council.hand("alice", vote)
    lane = log.lane(dave, 1)
    assert lane.seq == (-1 if before is None else before.decided) + NEWCOMER_ENTRIES_MAX
    close(council)


def entries_of(council: Council, name: str) -> list[Entry]:
    """What a machine has written in its lane 0."""
    log = council[name].node.logs[council.group]
    lane = log.lane(council[name].key, 0)
    if lane is None:
        return []
    return [
        read_entry(row.header, row.signature, row.payload)
        for row in log.file.entries(lane.number, 0, lane.seq)
    ]
