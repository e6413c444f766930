"""A newcomer to a group with a long chain: killed on the way, and level with the others in the end."""

from tests.integration.conftest import Make
from tests.integration.nodes import Running, converge, eventually

_BLOCKS = 20
_CHARTER = "checkpoint_entries = 1\n"


def _is_level(node: Running, other: Running, group: str) -> bool:
    ours, theirs = node.group(group), other.group(group)
    return ours["height"] == theirs["height"] and not ours["level"]


def _file(node: Running, proof_hex: str) -> str:
    path = node.folder / "first.proof"
    path.write_bytes(bytes.fromhex(proof_hex))
    return str(path)


def test_a_newcomer_who_is_killed_gets_level_and_checks_history(make: Make) -> None:
    alice, bob = make("alice").start(), make("bob").start()
    body = {"name": "orchard", "my_name": "alice", "charter": _CHARTER}
    group = str(alice.client.post("/groups", body)["summary"]["id"])
    first = alice.contribute(group, "digging")
    for number in range(1, _BLOCKS):
        eventually("it is ordered", lambda least=number: alice.group(group)["height"] >= least)  # type: ignore[misc]
        alice.contribute(group, f"digging {number}")
    bob.join(alice.invite(group))
    for _ in range(2):
        bob.kill()
        bob.start()
    # Whoever has not run history again yet is shown by others what it came to (J41).
    asked = {"entry": first, "group": group, "peer": alice.peer_id}
    early = eventually("alice shows bob a proof", lambda: bob.client.get("/proof", **asked))
    assert early["peer_id"] == alice.peer_id
    assert bob.command("proof", "verify", _file(bob, early["proof_hex"]), "--trusted", group).status == 0
    eventually("bob is level", lambda: _is_level(bob, alice, group))
    assert len(bob.client.get("/members", group=group)) == 2
    written = bob.contribute(group, "pruning")
    converge([alice, bob], group)
    assert written in alice.entries(group)
    assert bob.verify()["damage"] == []
    # What each entry came to stands in no row: only history, run again, tells it.
    shown = [node.client.get("/proof", entry=first, decision=False) for node in (alice, bob)]
    assert shown[0]["height"] == shown[1]["height"]
    verified = bob.command("proof", "verify", _file(bob, shown[1]["proof_hex"]))
    assert verified.status == 0, verified.errors
