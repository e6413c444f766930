"""Groups that decide: real processes vote, go on without some of them, and agree whatever happens between."""

from __future__ import annotations

from pathlib import Path

from tests.integration.conftest import Make
from tests.integration.deciding import QUICK, are_members, found_together
from tests.integration.nodes import Running, converge, eventually

_CHARTER_OF_TEXTS = """
[decisions.text]
rule = "majority"
quorum = [1, 2]
window_hours = 1
grace_hours = 0
early = true
"""


def test_a_group_decides_with_one_voter_dead_and_tells_it_later(make: Make, tmp_path: Path) -> None:
    nodes = [make(name).start() for name in ("alice", "bob", "carol", "dave")]
    group = found_together(nodes, tmp_path, QUICK)
    alice, bob, carol, dave = nodes
    dave.kill()
    erin = make("erin").start()
    erin.join(bob.invite(group))
    present = [alice, bob, carol, erin]
    eventually("erin is a member", lambda: are_members(present, group, 5), within_s=120)
    dave.start()
    everybody = [*present, dave]
    eventually("dave heard of it", lambda: are_members(everybody, group, 5), within_s=120)
    converge(everybody, group, within_s=120)


def test_a_group_without_a_quorum_waits_and_goes_on_when_it_is_there_again(
    make: Make, tmp_path: Path
) -> None:
    nodes = [make(name).start() for name in ("alice", "bob", "carol")]
    group = found_together(nodes, tmp_path, QUICK)
    alice, bob, carol = nodes
    bob.kill()
    carol.kill()
    erin = make("erin").start()
    erin.join(alice.invite(group))
    rows = alice.client.get("/members", group=group)
    assert {row["name"]: row["status"] for row in rows}["erin"] == "provisional"
    bob.start()
    eventually("two of three decide", lambda: are_members([alice, bob, erin], group, 4), within_s=120)
    carol.start()
    converge([alice, bob, carol, erin], group, within_s=120)
    assert are_members([alice, bob, carol, erin], group, 4)


def test_a_proposal_is_decided_and_counted_again_by_anybody(make: Make, tmp_path: Path) -> None:
    nodes = [make(name).start() for name in ("alice", "bob", "carol")]
    charter = QUICK + "ballot_grace_hours = 0\n" + _CHARTER_OF_TEXTS
    group = found_together(nodes, tmp_path, charter)
    alice, bob, carol = nodes
    opened = alice.done("propose", "text", "We open on Saturdays.", "--title", "Opening hours", "-g", group)
    proposal = opened["entry"]
    for node in nodes:
        eventually("it is open", lambda node=node: _state_of(node, group, proposal) is not None)
        node.done("vote", proposal, "yes", "-g", group)
    for node in nodes:
        eventually(
            "it is decided", lambda node=node: _state_of(node, group, proposal) == "passed", within_s=120
        )
    exported = tmp_path / "decisions.json"
    bob.done("decisions", "export", str(exported), "-g", group)
    assert carol.command("decisions", "check", str(exported)).status == 0
    for suffix in ("html", "pdf"):
        statement = tmp_path / f"meeting.{suffix}"
        carol.done("decisions", "statement", str(statement), "-g", group)
        assert statement.stat().st_size > 1000
    receipt = tmp_path / "receipt"
    alice.done("proof", "show", proposal, "-o", str(receipt))
    for node in nodes:
        node.stop()
    verified = alice.done("proof", "verify", str(receipt), "--trusted", group)
    assert verified


def _state_of(node: Running, group: str, proposal: str) -> str | None:
    rows = node.client.get("/decisions", group=group)
    return next((str(row["state"]) for row in rows if row["id"] == proposal), None)
