"""What people and programs get wrong: clear errors, the right exit status, and a node that runs on."""

from __future__ import annotations

import json
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Make
from tests.integration.nodes import DAY_MS, Running, form_group, run_command

_WRONG_USE = 2
_NOT_THERE = 4
_NOBODY = "12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5"


def test_two_nodes_cannot_use_one_home(make: Make) -> None:
    alice = make("alice").start()
    ended = alice.command("up", "--listen", "/ip4/127.0.0.1/tcp/0")
    assert ended.status == _WRONG_USE
    assert ended.refusal["rule"] == "home.locked"
    assert str(alice.process.pid) in ended.refusal["message"]
    assert "p2pnode down" in ended.refusal["remedy"]
    assert alice.status()["pid"] == alice.process.pid


def test_two_nodes_cannot_use_one_port(make: Make) -> None:
    alice = make("alice").start()
    bob = make("bob")
    ended = bob.command("up", "--listen", alice.listen)
    assert ended.status == _WRONG_USE
    assert ended.refusal["remedy"]
    assert alice.listen.rpartition("/")[2] in ended.refusal["message"]
    api_port = alice.first_status["api"].rpartition(":")[2]
    ended = bob.command("up", "--listen", bob.listen, "--api", api_port)
    assert ended.status == _WRONG_USE
    assert ended.refusal["rule"] == "api.port_taken"
    bob.start()


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("group", "list"),
        ("group", "found", "orchard"),
        ("invite",),
        ("members",),
        ("contribute", "pruning", "--effort", "2h"),
        ("log",),
        ("peers",),
        ("verify",),
        ("why", "orchard"),
        ("query", _NOBODY, "groups"),
        ("down",),
    ],
)
def test_without_a_node_every_command_says_how_to_start_one(tmp_path: Path, words: tuple[str, ...]) -> None:
    ended = run_command(tmp_path, "--json", *words)
    assert ended.status == _NOT_THERE
    assert ended.output == ""
    assert "p2pnode up" in ended.refusal["message"] + ended.refusal["remedy"]


def test_a_killed_node_leaves_nothing_that_confuses_commands(make: Make) -> None:
    alice = make("alice").start()
    alice.kill()
    ended = alice.command("status")
    assert ended.status == _NOT_THERE
    assert "p2pnode up" in ended.refusal["message"]


def _mistakes(alice: Running, bob: Running, group: str) -> list[tuple[tuple[str, ...], int, str]]:
    link = alice.invite(group)
    return [
        (("group", "show", "nothing-like-it"), _WRONG_USE, "group.unknown"),
        (("contribute", "pruning"), _WRONG_USE, "contribution.no_quantity"),
        (("contribute", "pruning", "--effort", "much"), _WRONG_USE, "amount.bad_text"),
        (("contribute", "x", "--effort", "1h", "--when", "soon"), _WRONG_USE, "date.bad_text"),
        (("join", link[:-5]), _WRONG_USE, ""),
        (("join", link[:40] + ("a" if link[40] != "a" else "b") + link[41:]), _WRONG_USE, ""),
        (("join", "https://example.org/"), _WRONG_USE, ""),
        (("join", link), _WRONG_USE, "join.already_in"),
        (("invite", "--expires", "yesterday"), _WRONG_USE, "invite.bad_time"),
        (("peers", "add", "/ip4/127.0.0.1/tcp/4001"), _WRONG_USE, "peer.bad_address"),
        (("peers", "block", "nobody-here"), _WRONG_USE, "peer.unknown"),
        (("peers", "ping", _NOBODY), _NOT_THERE, "unreachable"),
        (("query", _NOBODY, "groups"), _NOT_THERE, "unreachable"),
        (("query", bob.peer_id, "entry", "zz"), _WRONG_USE, ""),
        (("log", "show", "zz"), _WRONG_USE, "entry.bad_id"),
        (("log", "show", "0000000000"), _WRONG_USE, "entry.unknown"),
        (("why", "nothing-like-it"), _WRONG_USE, "why.unknown"),
        (("backup", str(alice.path / "key")), _WRONG_USE, ""),
        (("import", "git", str(alice.path)), _WRONG_USE, ""),
        (("group", "found", ""), _WRONG_USE, ""),
    ]


def test_mistakes_at_the_terminal_are_named_with_a_remedy(make: Make) -> None:
    nodes = [make(name).start() for name in ("alice", "bob")]
    alice, bob = nodes
    group = form_group(nodes)
    wrong = []
    for words, status, rule in _mistakes(alice, bob, group):
        ended = alice.command(*words)
        refusal = json.loads(ended.errors.splitlines()[-1]) if ended.errors.startswith("{") else {}
        is_right = (
            ended.status == status
            and ended.output == ""
            and bool(refusal.get("message"))
            and (status != _WRONG_USE or bool(refusal["remedy"]))
            and rule in ("", refusal["rule"])
        )
        if not is_right:
            wrong.append((words, status, rule, ended))
    assert not wrong
    assert alice.status()["pid"] == alice.process.pid


def test_the_key_file_of_others_is_not_used(make: Make) -> None:
    alice = make("alice").start()
    alice.stop()
    alice.home.key.chmod(0o644)
    ended = alice.command("up", "--listen", alice.listen)
    assert ended.status == _WRONG_USE
    assert ended.refusal["rule"] == "key.not_private"
    assert "chmod 600" in ended.refusal["remedy"]


def _request(
    node: Running, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    port = int(node.first_status["api"].rpartition(":")[2])
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    given = {"Authorization": f"Bearer {node.home.read_token()}", "Content-Type": "application/json"}
    try:
        text = body if isinstance(body, str) else json.dumps(body)
        connection.request(method, path, None if body is None else text, given | (headers or {}))
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_wrong_calls_of_the_api_get_4xx_with_a_remedy(make: Make) -> None:
    alice = make("alice").start()
    group = alice.found("orchard")
    now_ms = int(time.time() * 1000)
    body = {"action": "work", "resource": "x", "effort": "1", "effort_unit": "hour"}
    calls: list[tuple[str, str, Any, dict[str, str], set[int]]] = [
        ("GET", "/status", None, {"Authorization": "Bearer " + "0" * 64}, {401}),
        ("GET", "/status", None, {"Origin": "https://example.org"}, {403}),
        ("GET", "/status", None, {"Host": "example.org"}, {400, 403, 421}),
        ("GET", "/nothing", None, {}, {404}),
        ("DELETE", "/status", None, {}, {405}),
        ("GET", "/group?group=unknown", None, {}, {404}),
        ("GET", "/log?limit=0", None, {}, {422}),
        ("POST", "/groups", {"name": "x" * 300}, {}, {400, 422}),
        ("POST", "/groups", "{not json", {}, {400, 422}),
        ("POST", "/contributions", {"group": group, "body": body | {"surprise": 1}}, {}, {422}),
        ("POST", "/contributions", {"group": group, "body": body | {"effort": "1e9"}}, {}, {400}),
        ("POST", "/contributions", {"group": group, "body": body | {"action": "\0"}}, {}, {400}),
        ("POST", "/invitations", {"group": group, "expires_ms": now_ms - DAY_MS}, {}, {400}),
        ("POST", "/invitations", {"group": group, "expires_ms": now_ms + DAY_MS, "uses": 0}, {}, {422}),
        ("POST", "/joins", {"link": "p2pnode:join:"}, {}, {400}),
        ("POST", "/backup", {"path": "relative.tar"}, {}, {400}),
        ("POST", "/claims", {"group": group, "root": "0" * 39, "claims": []}, {}, {422}),
    ]
    wrong = []
    for method, path, given, headers, expected in calls:
        status, answer = _request(alice, method, path, given, headers=headers)
        if status not in expected or not answer.get("rule") or not answer.get("remedy"):
            wrong.append((method, path, given, expected, status, answer))
    assert not wrong
    assert len(alice.entries(group)) == 0
