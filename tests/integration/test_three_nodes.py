"""Three members: founding, joining, writing, importing; what one writes is on all, with its notes."""

import os
import subprocess
from pathlib import Path

from tests.integration.conftest import Make
from tests.integration.nodes import ROOT, Running, converge, eventually, form_group

_COMMITS_MIN = 30


def _git(folder: Path, *words: str, minute: int = 0) -> str:
    author = {"NAME": "Ada", "EMAIL": "ada@example.org", "DATE": f"2026-01-01T12:{minute:02}:00Z"}
    variables = {
        f"GIT_{role}_{name}": value for role in ("AUTHOR", "COMMITTER") for name, value in author.items()
    }
    return subprocess.run(
        ["git", "-C", str(folder), *words],
        env={**os.environ, **variables},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def _repository(folder: Path) -> Path:
    """The project's own repository; one made up for the test where its history is cut short."""
    inside = subprocess.run(
        ["git", "-C", str(ROOT), "rev-list", "--count", "HEAD"], check=False, capture_output=True, text=True
    )
    if inside.returncode == 0 and int(inside.stdout) >= _COMMITS_MIN:
        return ROOT
    made = folder / "repository"
    made.mkdir()
    _git(made, "init", "--quiet")
    for number in range(_COMMITS_MIN):
        (made / "notes.txt").write_text(f"note {number}\n")
        _git(made, "add", "notes.txt")
        _git(made, "commit", "--quiet", "-m", f"Note {number}", minute=number)
    return made


def _notes(node: Running, group: str) -> set[str]:
    """The notes of all contributions, as this node can show them."""
    notes = set()
    for entry, row in node.entries(group).items():
        if row["type"] == "contribution":
            annex = node.client.get("/entry", entry=entry)["annex"]
            notes.add(annex["note"] if annex else "")
    return notes


def test_what_three_members_write_is_on_all_of_them(make: Make, tmp_path: Path) -> None:
    nodes = [make(name).start() for name in ("alice", "bob", "carol")]
    alice, bob, carol = nodes
    group = form_group(nodes)

    repository = _repository(tmp_path)
    imported = alice.done("import", "git", str(repository), "-g", group)
    count = int(_git(repository, "rev-list", "--count", "HEAD"))
    assert imported["written"] == imported["commits"] == count
    for node, what in ((bob, "pruning"), (carol, "mowing")):
        node.done("contribute", what, "--effort", "2h", "-g", "orchard", "--note", f"note of {node.name}")
    converge(nodes, group)

    logs = [node.entries(group) for node in nodes]
    assert set(logs[0]) == set(logs[1]) == set(logs[2])
    claims = [row for row in logs[2].values() if row["type"] == "batch"]
    assert len(claims) == imported["entries"] < count
    assert {row["author"] for row in claims} == {alice.first_status["did"]}
    for node in nodes:
        assert _notes(node, group) == {"note of bob", "note of carol"}
        names = {row["name"] for row in node.client.get("/members", group=group)}
        assert names == {"alice", "bob", "carol"}
        verification = node.verify()
        assert verification["damage"] == []
        assert verification["entries"] == len(logs[0])
    # The claims' annexes came too: the message of the newest commit can be read on another node.
    newest = max(claims, key=lambda row: row["seq"])
    assert carol.client.get("/entry", entry=newest["entry"])["annex"]["message"]

    again = bob.done("import", "git", str(repository), "-g", group)
    assert (again["written"], again["known"]) == (0, count)


def test_entries_become_final_with_the_next_decision(make: Make) -> None:
    nodes = [make(name).start() for name in ("alice", "bob")]
    alice, bob = nodes
    group = form_group(nodes)
    entry = bob.contribute(group, "pruning")
    eventually("alice holds it", lambda: entry in alice.entries(group))
    carol = make("carol").start()
    carol.join(alice.invite(group))
    for node in (*nodes, carol):
        eventually("it is final", lambda node=node: node.entries(group)[entry]["state"] == "final")


def test_a_node_that_was_off_line_catches_up(make: Make) -> None:
    nodes = [make(name).start() for name in ("alice", "bob", "carol")]
    alice, bob, carol = nodes
    group = form_group(nodes)
    assert carol.stop() == 0
    written = [node.contribute(group, f"work {number}") for number in range(20) for node in (alice, bob)]
    carol.start()
    converge(nodes, group)
    assert set(written) <= set(carol.entries(group))


def test_what_was_written_off_line_arrives_later(make: Make) -> None:
    nodes = [make(name).start() for name in ("alice", "bob")]
    alice, bob = nodes
    group = form_group(nodes)
    alice.stop()
    written = [bob.contribute(group, f"work {number}") for number in range(5)]
    alice.start()
    converge(nodes, group)
    assert set(written) <= set(alice.entries(group))


def test_members_meet_without_the_founder(make: Make) -> None:
    nodes = [make(name).start() for name in ("alice", "bob", "carol")]
    alice, bob, carol = nodes
    group = form_group(nodes)
    converge(nodes, group)
    # Both were invited by alice; where the other can be reached they hear from her.
    eventually(
        "bob and carol are connected",
        lambda: any(row["connected"] and row["peer_id"] == carol.peer_id for row in bob.client.get("/peers")),
    )
    alice.stop()
    written = bob.contribute(group, "pruning", note="without alice")
    eventually("carol holds it", lambda: written in carol.entries(group))

    # Also after both have started anew, with nobody there who could introduce them.
    bob.stop()
    carol.stop()
    bob.start()
    written = bob.contribute(group, "mowing", note="still without alice")
    carol.start()
    eventually("carol holds it", lambda: written in carol.entries(group))
    eventually(
        "the note is there",
        lambda: carol.client.get("/entry", entry=written)["annex"] == {"note": "still without alice"},
    )
