"""What a node answers about itself and others: query, why, log, disk, verify, status; and how quiet it is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.integration.conftest import Make
from tests.integration.nodes import Running, converge, eventually, form_group, run_command

_IDLE_S = 60.0


def test_a_peer_answers_with_proofs(make: Make) -> None:
    nodes = [make(name).start() for name in ("alice", "bob")]
    alice, bob = nodes
    group = form_group(nodes)
    entry = bob.contribute(group, "pruning")
    converge(nodes, group)

    groups = bob.done("query", alice.peer_id, "groups")["answer"]["groups"]
    assert [(row["id"], row["name"]) for row in groups] == [(group, "orchard")]
    frontier = bob.done("query", alice.peer_id, "frontier", "orchard")["answer"]
    assert frontier["digest"] == bob.group(group)["frontier"]
    members = bob.done("query", alice.peer_id, "members", "orchard")
    assert {row["status"] for row in members["answer"]["members"]} == {"member"}
    assert members["proven"] >= 2, "the founding entry and the join"
    found = bob.done("query", alice.peer_id, "entry", entry)
    assert found["proven"] == 1
    log = bob.done("query", alice.peer_id, "log", "orchard", "--limit", "3")
    assert log["proven"] == 3


def test_w15_why_explains_entries_groups_people_peers_and_rules(make: Make) -> None:
    nodes = [make(name).start() for name in ("alice", "bob")]
    alice, bob = nodes
    group = form_group(nodes)
    entry = alice.contribute(group, "pruning")
    for word, subject in (
        (entry[:8], f"the entry {entry[:8]}"),
        ("orchard", "the group orchard"),
        (bob.peer_id, f"the peer {bob.peer_id}"),
        ("invite.expired", "the rule invite.expired"),
    ):
        explanation = alice.done("why", word)
        assert explanation["subject"] == subject
        assert explanation["lines"]
    # Why is this not final, or is it; how do I stand in this group; who has given whom.
    lines = alice.done("why", entry[:8])["lines"]
    assert any(line.startswith(("signed: ", "acknowledged: ", "final: ")) for line in lines)
    assert alice.done("why", "orchard")["lines"][0].startswith("you are ")
    balance = alice.done("why", "me/orchard")["lines"]
    assert any(line.lstrip().startswith(entry[:8]) for line in balance)


def test_the_log_is_shown_in_pages_and_by_author(make: Make) -> None:
    nodes = [make(name).start() for name in ("alice", "bob")]
    alice, bob = nodes
    group = form_group(nodes)
    written = [alice.contribute(group, f"work {number}") for number in range(25)]
    bob.contribute(group, "by bob")
    converge(nodes, group)
    shown: list[str] = []
    before: list[str] = []
    while True:
        page = alice.done("log", "show", "--author", "me", "--type", "contribution", "-n", "10", *before)
        shown += [row["entry"] for row in page["rows"]]
        if page["next"] is None:
            break
        before = ["--before", str(page["next"])]
    assert shown == written[::-1]
    detail = alice.done("log", "show", written[0][:12])
    assert detail["row"]["entry"] == written[0]
    assert detail["signature_hex"]


def test_status_and_disk_tell_what_scripts_need(make: Make) -> None:
    alice = make("alice").start()
    group = alice.found("orchard")
    alice.contribute(group, "pruning")
    status = alice.done("status")
    assert status["peer_id"] == alice.peer_id
    assert status["addresses"] == [alice.address]
    assert status["api"].startswith("http://127.0.0.1:")
    (row,) = status["groups"]
    assert (row["id"], row["name"], row["entries"]) == (group, "orchard", 1)
    assert len(row["frontier"]) == 64
    disk = alice.done("disk")
    assert disk["total_bytes"] == disk["node_bytes"] + sum(one["disk_bytes"] for one in disk["groups"])
    assert disk["free_bytes"] > 0
    alice.stop()
    assert alice.done("disk")["total_bytes"] > 0


def test_down_stops_the_node_and_up_finds_everything_again(make: Make, tmp_path: Path) -> None:
    alice = make("alice").start()
    group = alice.found("orchard")
    entry = alice.contribute(group, "pruning", note="a note")
    before = alice.group(group)
    assert alice.done("down") == {"stopped": True}
    assert alice.wait() == 0
    assert not alice.home.api.exists()
    alice.start()
    after = alice.group(group)
    assert (after["frontier"], after["entries"]) == (before["frontier"], before["entries"])
    assert alice.client.get("/entry", entry=entry)["annex"] == {"note": "a note"}
    assert run_command(tmp_path, "--home", str(alice.path), "id", "--json").answer["peer_id"] == alice.peer_id


def test_events_tell_what_happens(make: Make) -> None:
    nodes = [make(name).start() for name in ("alice", "bob")]
    alice, bob = nodes
    group = form_group(nodes)
    events = bob.client.events()
    assert next(events)["event"] == "ready"
    entry = alice.contribute(group, "pruning")
    # Votes move heads too; the entry is there once an event has spoken of it.
    heard = (event for event in events if event["event"] == "heads")
    assert any(event["group"] == group and entry in bob.entries(group) for event in heard)
    alice.stop()
    gone = next(event for event in events if event["event"] == "peer")
    assert (gone["peer_id"], gone["connected"]) == (alice.peer_id, False)
    events.close()


@pytest.mark.long
def test_two_nodes_in_step_write_nothing(make: Make) -> None:
    nodes = [make(name).start() for name in ("alice", "bob")]
    group = form_group(nodes)
    nodes[0].contribute(group, "pruning", note="a note")
    converge(nodes, group)
    # Cursors and views follow a little later; then there is nothing left to write.
    eventually("the disk is quiet", lambda: _is_quiet(nodes, 10.0), within_s=90)
    assert _is_quiet(nodes, _IDLE_S)


def _is_quiet(nodes: list[Running], for_s: float) -> bool:
    """Whether no file of any node changes for a while."""
    before = [_files(node.path) for node in nodes]
    time.sleep(for_s)
    return before == [_files(node.path) for node in nodes]


def _files(home: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for path in home.rglob("*"):
        if path.is_file() and not path.name.endswith("-shm"):
            status = path.stat()
            found[str(path)] = (status.st_size, status.st_mtime_ns)
    return found
