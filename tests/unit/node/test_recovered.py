"""A voter whose device is lost, in a group that cannot decide without it (J20)."""

from __future__ import annotations

from pathlib import Path

from p2pnode.consensus.certificate import check_final, configuration_of_value, final_of_value
from p2pnode.core import codec
from p2pnode.core.errors import UsageError
from p2pnode.core.events import AgreeToClose, Append, Item
from p2pnode.governance import recovering, tables
from p2pnode.governance.access import Reader, reader_of
from p2pnode.governance.devices import DEVICE_OBJECT_TYPE, encode_object
from tests.unit.node.council import Council
from tests.unit.node.world import Machine


def member_of(council: Council, name: str) -> bytes:
    held = tables.member_of_device(council["alice"].node.logs[council.group].file.chain, council[name].key)
    assert held is not None
    return held[0]


def recover(council: Council, lost: str, folder: Path, name: str = "tablet") -> bytes:
    """A new machine that speaks for the member of a lost one, from what it knows of the group: its founding.

    Shapes: the id of the recovery.
    """
    council.machines[name] = tablet = Machine(folder, name)
    council.open(tablet)
    key = council.recovery[council[lost].key]
    word = recovering.recover_by(
        key, council.group, member_of(council, lost), tablet.key, b"\x01" * 32, (0, council.group)
    )
    item = Item(recovering.RECOVER_TYPE, recovering.encode(word))
    entries = tablet.ask(Append(1, council.group, (item,)), council.now_ms)
    return bytes(entries[0].id)


def convoke(council: Council, names: tuple[str, ...]) -> None:
    """Let some meet, and agree when they are asked."""
    height = council.tip(names[0])
    for _ in range(4):
        council.meet(*names)
        for name in names:
            try:
                council[name].ask(AgreeToClose(1, council.group), council.now_ms)
            except UsageError as error:
                assert error.rule == "convocation.not_asked"
        if council.tip(names[0]) > height:
            return


def final_class(council: Council, name: str, height: int) -> str:
    row = council[name].node.logs[council.group].file.chain.block(height)
    final = final_of_value([row.header, codec.decode(row.certificate), codec.decode(row.convocation)])
    return check_final(final, configuration_of_value(codec.decode(row.configuration)))


def close(council: Council) -> None:
    for machine in council.machines.values():
        machine.node.close()


def test_j20_a_recovery_key_votes_for_a_lost_voter_until_the_new_device_is_known(tmp_path: Path) -> None:
    council = Council(tmp_path, ("alice", "bob"), checkpoint_entries=1)
    council["alice"].write(council.group, "x", council.now_ms)
    council.meet("alice", "bob")
    assert council.tip("alice") == 1
    recover(council, "bob", tmp_path)
    two = ("alice", "tablet")
    convoke(council, two)
    assert council.tip("alice") == council.tip("tablet") == 2
    assert final_class(council, "tablet", 2) == "recovered"
    council["alice"].restart()
    council["tablet"].restart()
    council["alice"].write(council.group, "y", council.now_ms)
    convoke(council, two)
    assert council.tip("alice") == council.tip("tablet") == 3, "again while it waits for objections"
    council.wait(8)
    convoke(council, two)
    log = council["alice"].node.logs[council.group]
    voting = {key for _, key in log.chain.tip.configuration.voters}
    assert voting == {council[name].key for name in two}
    council["alice"].write(council.group, "z", council.now_ms)
    height = council.tip("alice")
    council.meet(*two)
    assert council.tip("alice") == height + 1
    assert log.chain.tip.certificate is not None
    assert log.chain.tip.certificate.attempt == 0, "the new device votes like any other"
    close(council)


def test_j20_a_recovery_speaks_in_no_group_that_decides_without_it(tmp_path: Path) -> None:
    council = Council(tmp_path, ("alice", "bob", "carol"), checkpoint_entries=1)
    recover(council, "bob", tmp_path)
    council.meet("alice", "tablet")
    log = council["alice"].node.logs[council.group]
    assert reader_of(log.state, council["tablet"].key) is Reader.STRANGER
    council.meet("alice", "carol")
    assert council.tip("alice") >= 1
    assert log.chain.tip.certificate is not None
    assert log.chain.tip.certificate.attempt == 0
    close(council)


def test_j20_a_device_that_is_not_lost_objects_and_votes_on(tmp_path: Path) -> None:
    council = Council(tmp_path, ("alice", "bob"), checkpoint_entries=1)
    recovery = recover(council, "bob", tmp_path)
    council.meet("alice", "tablet")
    log = council["alice"].node.logs[council.group]
    assert reader_of(log.state, council["tablet"].key) is Reader.MEMBER
    council.meet("alice", "bob")
    assert council.tip("alice") == 1
    assert log.chain.tip.certificate is not None
    assert log.chain.tip.certificate.attempt == 0, "bob's device is not lost, and votes on"
    council["bob"].ask(
        Append(1, council.group, (Item(DEVICE_OBJECT_TYPE, encode_object(recovery)),)), council.now_ms
    )
    council.meet("alice", "bob")
    assert council.tip("alice") == 2
    assert reader_of(log.state, council["tablet"].key) is Reader.STRANGER
    close(council)


def test_j20_the_only_voter_whose_key_was_used_twice_decides_by_its_recovery_key(tmp_path: Path) -> None:
    council = Council(tmp_path, ("alice",), checkpoint_entries=1)
    left, right = (council.sign("alice", text, at="alice") for text in (b"left", b"right"))
    council.hand("alice", left)
    council.prove("alice", left, right)
    council.meet("alice")
    assert council.tip("alice") == 0
    recover(council, "alice", tmp_path)
    convoke(council, ("tablet", "alice"))
    assert council.tip("tablet") >= 1
    assert final_class(council, "tablet", 1) == "recovered"
    row = tables.device(council["tablet"].node.logs[council.group].file.chain, council["alice"].key)
    assert row is not None
    assert row.status == "sealed"
    assert len(council["tablet"].node.logs[council.group].chain.tip.configuration.voters) == 1, "never none"
    close(council)
