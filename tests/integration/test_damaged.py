"""Files that were deleted or garbled: set aside, refilled from the others, and said."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pnode.core.ids import device_key_of_peer_id
from tests.integration.conftest import Make
from tests.integration.nodes import Running, converge, eventually, form_group

_PAGE_BYTES = 8192
_STORE_REFUSES = 3


def _garble(path: Path, first: int) -> None:
    """Overwrite a file from a byte on, as a failing disk does."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(first)
        file.write(b"\xa5" * (size - first))


def _with_log(make: Make, *, is_opening: bool = True) -> tuple[Running, Running, str]:
    """Two members who wrote enough that a garbled page hits entries; the founder is stopped.

    `is_opening`: whether the founder has the smaller key, with which one opens the sync session.
    """
    nodes = [make(name).start() for name in ("alice", "bob")]
    nodes.sort(key=lambda node: device_key_of_peer_id(node.peer_id), reverse=not is_opening)
    alice, bob = nodes
    group = form_group([alice, bob])
    for number in range(40):
        bob.contribute(group, f"work {number}")
        alice.contribute(group, f"work {number}", note="a note " * 100)
    converge([alice, bob], group)
    assert alice.stop() == 0
    return alice, bob, group


def _start_again_and_again(node: Running) -> None:
    """Start a node that may find damage while it runs, stop, and mend it at its next start."""
    eventually("the node finds its damage and mends it", lambda: _is_mended(node))


def _is_mended(node: Running) -> bool:
    if not node.is_running:
        node.start()
    notices = [notice["rule"] for notice in node.status()["notices"]]
    return "store.set_aside" in notices


def _assert_refilled(alice: Running, bob: Running, group: str) -> None:
    converge([alice, bob], group)
    eventually(
        "alice may write again",
        lambda: not any(notice["rule"] == "restore.unconfirmed" for notice in alice.status()["notices"]),
    )
    after = alice.contribute(group, "after the damage")
    converge([alice, bob], group)
    assert after in bob.entries(group)
    for node in (alice, bob):
        assert node.group(group)["forks"] == 0
        assert node.verify()["damage"] == []
    assert set(alice.entries(group)) == set(bob.entries(group))


def test_a_group_file_that_is_no_database_is_set_aside_and_refilled(make: Make) -> None:
    alice, bob, group = _with_log(make)
    path = alice.home.group_db(bytes.fromhex(group))
    _garble(path, 0)
    alice.start()
    notices = {notice["rule"]: notice for notice in alice.status()["notices"]}
    assert notices["store.set_aside"]["remedy"]
    assert list(path.parent.glob("*.damaged-*")), "the damaged file is kept"
    _assert_refilled(alice, bob, group)


def test_garbled_pages_in_a_group_file_are_found_and_refilled(make: Make) -> None:
    alice, bob, group = _with_log(make)
    _garble(alice.home.group_db(bytes.fromhex(group)), 3 * _PAGE_BYTES)
    alice.launch()
    _start_again_and_again(alice)
    _assert_refilled(alice, bob, group)


@pytest.mark.parametrize("is_opening", [True, False])
def test_a_deleted_group_file_is_refilled(make: Make, is_opening: bool) -> None:
    alice, bob, group = _with_log(make, is_opening=is_opening)
    path = alice.home.group_db(bytes.fromhex(group))
    for companion in ("", "-wal", "-shm"):
        path.with_name(path.name + companion).unlink(missing_ok=True)
    alice.start()
    _assert_refilled(alice, bob, group)


def test_a_damaged_node_db_is_set_aside_and_the_groups_are_found_again(make: Make) -> None:
    alice, bob, group = _with_log(make)
    _garble(alice.home.node_db, 0)
    alice.start()
    assert [row["id"] for row in alice.status()["groups"]] == [group]
    _assert_refilled(alice, bob, group)


def test_a_deleted_node_db_is_made_anew(make: Make) -> None:
    alice, bob, group = _with_log(make)
    for companion in ("", "-wal", "-shm"):
        alice.home.node_db.with_name("node.db" + companion).unlink(missing_ok=True)
    alice.start()
    _assert_refilled(alice, bob, group)


def test_a_flipped_byte_is_found_by_verify(make: Make) -> None:
    alice, _, group = _with_log(make)
    path = alice.home.group_db(bytes.fromhex(group))
    # A word inside a stored payload: SQLite cannot see it, only the hash can.
    content = path.read_bytes()
    at = content.index(b"work 7")
    path.write_bytes(content[:at] + b"Work 7" + content[at + 6 :])
    alice.start()
    ended = alice.command("verify")
    assert ended.status == 1
    (damage,) = ended.answer["damage"]
    assert damage["rule"] == "entry.bad_payload"
    assert damage["remedy"]
    assert alice.status()["pid"], "the node runs on"
