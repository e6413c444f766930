"""Leaving a group, keeping peers away, and what the address book remembers."""

from __future__ import annotations

from p2pnode.core.errors import UsageError
from tests.integration.conftest import Make
from tests.integration.nodes import Running, converge, eventually, form_group


def _statuses(node: Running, group: str) -> dict[str, str]:
    return {row["name"]: row["status"] for row in node.client.get("/members", group=group)}


def _is_connected(node: Running, other: Running) -> bool:
    rows = node.client.get("/peers")
    return any(row["connected"] for row in rows if row["peer_id"] == other.peer_id)


def test_who_leaves_keeps_the_log_and_writes_no_more(make: Make) -> None:
    nodes = [make(name).start() for name in ("alice", "bob")]
    alice, bob = nodes
    group = form_group(nodes)
    bob.contribute(group, "before leaving")
    left = bob.done("leave", "orchard", "--yes")
    assert left["entry"]
    eventually("alice knows", lambda: _statuses(alice, group)["bob"] == "left")
    ended = bob.command("contribute", "after leaving", "--effort", "1h", "-g", "orchard")
    assert ended.status == 2
    assert ended.refusal["rule"] == "member.not_one"
    assert left["entry"] in bob.entries(group)

    # Removed members read up to their removal: what alice writes now is not for bob.
    written = alice.contribute(group, "among ourselves")
    bob.stop()
    bob.start()
    eventually("they are connected", lambda: _is_connected(bob, alice))
    assert written not in bob.entries(group)


def test_leaving_with_delete_tells_the_others_and_leaves_no_file(make: Make) -> None:
    nodes = [make(name).start() for name in ("alice", "bob")]
    alice, bob = nodes
    group = form_group(nodes)
    bob.contribute(group, "before leaving", note="a note")
    converge(nodes, group)
    left = bob.done("leave", "orchard", "--delete", "--yes")
    assert left["deleted_bytes"] > 0
    assert bob.client.get("/groups") == []
    assert list(bob.home.groups_dir.iterdir()) == []
    eventually("alice knows", lambda: _statuses(alice, group)["bob"] == "left")

    # The key wrote there once: it must not begin again at its first entry.
    ended = bob.command("join", alice.invite(group))
    assert ended.status == 2
    assert ended.refusal["rule"] == "join.was_here"
    assert "--profile" in ended.refusal["remedy"]
    bob.stop()
    bob.start()
    assert bob.client.get("/groups") == []


def test_a_blocked_peer_stays_away_until_it_is_unblocked(make: Make) -> None:
    nodes = [make(name).start() for name in ("alice", "bob")]
    alice, bob = nodes
    group = form_group(nodes)
    assert alice.done("peers", "block", bob.peer_id)["blocked"]
    eventually("bob is gone", lambda: not _is_connected(alice, bob))
    written = alice.contribute(group, "not for bob")
    alice.stop()
    alice.start()
    row = next(row for row in alice.client.get("/peers") if row["peer_id"] == bob.peer_id)
    assert row["blocked"]
    assert "blocked" in " ".join(alice.client.get("/why", word=bob.peer_id)["lines"])
    assert written not in bob.entries(group)

    alice.done("peers", "unblock", bob.peer_id)
    converge(nodes, group)
    assert written in bob.entries(group)


def test_a_removed_peer_is_forgotten_and_a_known_one_is_met_again(make: Make) -> None:
    alice, bob = (make(name).start() for name in ("alice", "bob"))
    bob.done("peers", "add", alice.address)
    eventually("they are connected", lambda: _is_connected(bob, alice))
    ping = bob.done("peers", "ping", alice.peer_id)
    assert ping["rtt_ms"] >= 0
    assert ping["address"] == alice.listen

    bob.stop()
    bob.start()
    eventually("they are connected again", lambda: _is_connected(bob, alice))
    row = next(row for row in bob.client.get("/peers") if row["peer_id"] == alice.peer_id)
    assert row["direction"] == "out"
    assert row["last_seen_ms"]

    bob.done("peers", "remove", alice.peer_id)
    assert bob.client.get("/peers") == []
    bob.stop()
    bob.start()
    assert bob.client.get("/peers") == []


def test_an_invitation_holds_only_while_it_may(make: Make) -> None:
    alice, bob, carol = (make(name).start() for name in ("alice", "bob", "carol"))
    group = alice.found("orchard")
    link = alice.invite(group, uses=1)
    assert bob.join(link)["standing"] == "member"
    try:
        joined = carol.join(link)
    except UsageError as error:
        assert error.rule == "invite.spent"
        assert error.remedy
    else:
        raise AssertionError(f"a spent invitation let somebody in: {joined}")
    assert carol.client.get("/groups") == []
    assert carol.join(alice.invite(group))["standing"] == "member"


def test_joining_waits_for_an_inviter_who_is_away(make: Make) -> None:
    alice, bob = (make(name).start() for name in ("alice", "bob"))
    group = alice.found("orchard")
    link = alice.invite(group)
    alice.stop()
    joined = bob.join(link)
    assert joined["standing"] == "petitioner"
    assert "cannot be reached" in joined["message"]
    bob.stop()
    bob.start()
    alice.start()
    eventually("bob is a member", lambda: bob.group(group)["standing"] == "member")
    names = eventually(
        "alice knows his name", lambda: {row["name"] for row in alice.client.get("/members", group=group)}
    )
    assert names == {"alice", "bob"}
