"""Homes that went back in time or were copied (J35): nothing is signed twice in one place."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from p2pnode.core.errors import UsageError
from tests.integration.conftest import Make
from tests.integration.nodes import Running, converge, eventually, form_group

_COMPANIONS = ("", "-wal", "-shm")


def _copy_database(source: Path, target: Path) -> None:
    """Put a database with its companions in the place of another; neither is open."""
    for companion in _COMPANIONS:
        target.with_name(target.name + companion).unlink(missing_ok=True)
        path = source.with_name(source.name + companion)
        if path.exists():
            shutil.copyfile(path, target.with_name(target.name + companion))


def _refusal(node: Running, group: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        node.contribute(group, "must not be signed")
    return caught.value


def _assert_nobody_forked(nodes: list[Running], group: str) -> None:
    for node in nodes:
        assert node.group(group)["forks"] == 0
        assert node.status()["notices"] == []
        assert node.verify()["damage"] == []


def _assert_writes_wait_for_a_member(alice: Running, bob: Running, group: str, written: set[str]) -> None:
    """Alice has started alone; bob is off, and holds what alice has forgotten."""
    refusal = _refusal(alice, group)
    assert refusal.rule == "restore.unconfirmed"
    assert refusal.remedy
    status = alice.status()
    assert not status["may_write"]
    assert [notice["rule"] for notice in status["notices"]] == ["restore.unconfirmed"]

    bob.start()
    eventually("a member has confirmed", lambda: alice.status()["may_write"])
    assert written <= set(alice.entries(group)), "what others held came back before anything was signed"
    after = alice.contribute(group, "after the restore")
    converge([alice, bob], group)
    assert after in bob.entries(group)
    _assert_nobody_forked([alice, bob], group)


def test_a_restored_backup_writes_once_a_member_has_confirmed(make: Make, tmp_path: Path) -> None:
    alice, bob = (make(name).start() for name in ("alice", "bob"))
    group = form_group([alice, bob])
    archive = str(tmp_path / "alice.tar")
    alice.contribute(group, "before the backup")
    alice.done("backup", archive)
    written = {alice.contribute(group, f"after the backup {number}", "a note") for number in range(5)}
    converge([alice, bob], group)
    alice.stop()
    bob.stop()
    shutil.rmtree(alice.path)

    assert alice.done("restore", archive)["home"] == str(alice.path)
    alice.start()
    _assert_writes_wait_for_a_member(alice, bob, group, written)

    # It was only this once: the next start needs nobody.
    bob.stop()
    alice.stop()
    alice.start()
    alice.contribute(group, "alone again")


def test_a_restored_founder_without_other_members_may_write(make: Make, tmp_path: Path) -> None:
    alice = make("alice").start()
    group = alice.found("orchard")
    alice.contribute(group, "before")
    archive = str(tmp_path / "alice.tar")
    alice.stop()
    alice.done("backup", archive)
    shutil.rmtree(alice.path)
    alice.done("restore", archive)
    alice.start()
    alice.contribute(group, "after")
    _assert_nobody_forked([alice], group)


def test_an_older_node_db_is_noticed(make: Make, tmp_path: Path) -> None:
    alice, bob = (make(name).start() for name in ("alice", "bob"))
    group = form_group([alice, bob])
    alice.stop()
    _copy_database(alice.home.node_db, tmp_path / "older.db")
    for _ in range(2):  # the node remembers its last start, so an older file is one of two starts ago
        alice.start()
        alice.contribute(group, "forgotten by node.db")
        converge([alice, bob], group)
        alice.stop()
    bob.stop()
    _copy_database(tmp_path / "older.db", alice.home.node_db)
    alice.start()
    _assert_writes_wait_for_a_member(alice, bob, group, set())


def test_an_older_group_file_is_repaired_or_waits(make: Make, tmp_path: Path) -> None:
    alice, bob = (make(name).start() for name in ("alice", "bob"))
    group = form_group([alice, bob])
    alice.stop()
    path = alice.home.group_db(bytes.fromhex(group))
    _copy_database(path, tmp_path / "older.db")
    alice.start()
    written = {alice.contribute(group, f"work {number}") for number in range(5)}
    converge([alice, bob], group)
    alice.stop()
    _copy_database(tmp_path / "older.db", path)
    alice.start()
    eventually("alice may write", lambda: alice.status()["may_write"])
    after = alice.contribute(group, "after")
    converge([alice, bob], group)
    assert written | {after} <= set(alice.entries(group))
    _assert_nobody_forked([alice, bob], group)


def test_the_copy_of_a_home_signs_nothing_before_a_member_has_confirmed(make: Make, tmp_path: Path) -> None:
    alice, bob = (make(name).start() for name in ("alice", "bob"))
    group = form_group([alice, bob])
    alice.contribute(group, "before the copy")
    converge([alice, bob], group)
    alice.stop()
    bob.stop()
    shutil.copytree(alice.path, tmp_path / "copy")
    copy = make("copy", home=tmp_path / "copy").start()
    assert _refusal(copy, group).rule == "restore.unconfirmed"
    alice.start()
    written = alice.contribute(group, "by the original, where it always was")
    copy.stop()
    bob.start()
    converge([alice, bob], group)
    assert written in bob.entries(group)
    _assert_nobody_forked([alice, bob], group)
