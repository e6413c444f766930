"""Groups that decide: real processes vote, go on without some of them, and agree whatever happens between."""

from __future__ import annotations

from collections.abc import Sequence

from tests.integration.conftest import Make
from tests.integration.nodes import Running, converge, eventually, form_group


def _voters(node: Running, group: str) -> int:
    return len(node.client.get("/group", group=group)["voters"])


def _form_voters(make: Make, names: Sequence[str]) -> tuple[list[Running], str]:
    """A group in which everybody votes: up to four become voters by a founder's invitation."""
    nodes = [make(name).start() for name in names]
    group = form_group(nodes)
    for node in nodes:
        eventually("everybody votes", lambda node=node: _voters(node, group) == len(nodes))
    return nodes, group


def _are_members(nodes: Sequence[Running], group: str, count: int) -> bool:
    for node in nodes:
        rows = node.client.get("/members", group=group)
        if sum(row["status"] == "member" for row in rows) != count:
            return False
    return True


def test_a_group_decides_with_one_voter_dead_and_tells_it_later(make: Make) -> None:
    nodes, group = _form_voters(make, ("alice", "bob", "carol", "dave"))
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


def test_a_group_without_a_quorum_waits_and_goes_on_when_it_is_there_again(make: Make) -> None:
    nodes, group = _form_voters(make, ("alice", "bob", "carol"))
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
