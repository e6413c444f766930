"""Groups that decide: real processes vote, go on without some of them, and agree whatever happens between."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

from tests.integration.conftest import Make
from tests.integration.nodes import Running, converge, eventually

_QUICK = "delta_seconds = 2\n"
"""When two propose at the same moment, the view is given up after four times delta."""

_CHARTER_OF_TEXTS = """
[decisions.text]
rule = "majority"
quorum = [1, 2]
window_hours = 1
grace_hours = 0
early = true
"""


def _voters(node: Running, group: str) -> int:
    return len(node.client.get("/group", group=group)["voters"])


def _are_members(nodes: Sequence[Running], group: str, count: int) -> bool:
    for node in nodes:
        rows = node.client.get("/members", group=group)
        if sum(row["status"] == "member" for row in rows) != count:
            return False
    return True


def test_a_group_decides_with_one_voter_dead_and_tells_it_later(make: Make, tmp_path: Path) -> None:
    nodes = [make(name).start() for name in ("alice", "bob", "carol", "dave")]
    group = _found_together(nodes, tmp_path, _QUICK)
    alice, bob, carol, dave = nodes
    dave.kill()
    erin = make("erin").start()
    erin.join(bob.invite(group))
    present = [alice, bob, carol, erin]
    eventually("erin is a member", lambda: _are_members(present, group, 5), within_s=120)
    dave.start()
    everybody = [*present, dave]
    eventually("dave heard of it", lambda: _are_members(everybody, group, 5), within_s=120)
    converge(everybody, group, within_s=120)


def test_a_group_without_a_quorum_waits_and_goes_on_when_it_is_there_again(
    make: Make, tmp_path: Path
) -> None:
    nodes = [make(name).start() for name in ("alice", "bob", "carol")]
    group = _found_together(nodes, tmp_path, _QUICK)
    alice, bob, carol = nodes
    bob.kill()
    carol.kill()
    erin = make("erin").start()
    erin.join(alice.invite(group))
    rows = alice.client.get("/members", group=group)
    assert {row["name"]: row["status"] for row in rows}["erin"] == "provisional"
    bob.start()
    eventually("two of three decide", lambda: _are_members([alice, bob, erin], group, 4), within_s=120)
    carol.start()
    converge([alice, bob, carol, erin], group, within_s=120)
    assert _are_members([alice, bob, carol, erin], group, 4)


def _found_together(nodes: Sequence[Running], folder: Path, charter: str) -> str:
    """A group that all nodes found, each with a vote, by handing files around."""
    author, *others = nodes
    terms, draft = folder / "charter.toml", folder / "orchard.founding"
    terms.write_text(charter, encoding="utf-8")
    offers: list[str] = []
    for node in others:
        offer = folder / f"{node.name}.offer"
        node.done("group", "offer", str(offer), "--my-name", node.name)
        offers += ["--with", str(offer)]
    words = ("--charter", str(terms), *offers, "-o", str(draft), "--my-name", author.name)
    author.done("group", "found", "orchard", *words)
    for node in others:
        node.done("group", "sign", str(draft), "--yes")
    author.done("group", "open", str(draft))
    for node in others:
        node.done("group", "open", str(draft))
    group: str = author.status()["groups"][0]["id"]
    eventually("all hold the group", lambda: _are_members(nodes, group, len(nodes)), within_s=120)
    return group


def test_five_founders_go_on_without_two(make: Make, tmp_path: Path) -> None:
    nodes = [make(name).start() for name in ("alice", "bob", "carol", "dave", "erin")]
    group = _found_together(nodes, tmp_path, "lying_voters = 0\n" + _QUICK)
    assert _voters(nodes[0], group) == 5
    for gone in nodes[3:]:
        gone.signal(signal.SIGSTOP)
    frank = make("frank").start()
    frank.join(nodes[1].invite(group))
    present = [*nodes[:3], frank]
    eventually("three of five decide", lambda: _are_members(present, group, 6), within_s=180)
    for back in nodes[3:]:
        back.signal(signal.SIGCONT)
    eventually("the two hear of it", lambda: _are_members([*nodes, frank], group, 6), within_s=180)
    converge([*nodes, frank], group, within_s=180)


def test_a_proposal_is_decided_and_counted_again_by_anybody(make: Make, tmp_path: Path) -> None:
    nodes = [make(name).start() for name in ("alice", "bob", "carol")]
    charter = _QUICK + "ballot_grace_hours = 0\n" + _CHARTER_OF_TEXTS
    group = _found_together(nodes, tmp_path, charter)
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
