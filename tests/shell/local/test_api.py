"""The API's door: who gets in, what a wrong request is told, and that each route calls its method."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from p2pnode.core.errors import FormatError, PeerError, StoreError, Unreachable, UsageError
from p2pnode.local.guard import BODY_BYTES_MAX
from p2pnode.local.service import Service

GIT_ID = "a" * 40
CLAIM = {
    "commit": GIT_ID,
    "authored_ms": -1,
    "files": 1,
    "lines_added": 2,
    "lines_removed": 3,
    "author": "Alice",
    "co_authors": [],
    "message": "",
    "provider": None,
}
OFFER = {"format": "p2pnode/offer/1", "inception_hex": "aa", "annex_hex": "", "addresses": ["/ip4/x"]}
DRAFT = {
    "format": "p2pnode/founding/1",
    "author": "did:key:x",
    "terms_hex": "bb",
    "offers": [OFFER],
    "signatures": {"did:key:x": "cc"},
    "entry_hex": [],
}
DEVICE_INVITATION = {
    "format": "p2pnode/device/1",
    "group": "g",
    "name": "n",
    "member": "ab" * 32,
    "member_name": "",
    "founding_hex": ["aa", "bb", "cc"],
    "device": "did:key:x",
    "addresses": [],
}
LINE = {"line": 2, "fields": {"action": "work"}, "note": "n", "identifier": "", "ordinal": 0}
CALLS: list[tuple[str, str, Any, str, tuple[Any, ...]]] = [
    ("GET", "/status", None, "status", ()),
    ("GET", "/groups", None, "groups", ()),
    ("GET", "/group?group=a%2Fb+c", None, "group", ("a/b c",)),
    ("POST", "/groups", {"name": "n"}, "found_group", ("n", "circle", "", None)),
    ("POST", "/foundings/offer", {"my_name": "Bob"}, "offer_founding", ("Bob",)),
    (
        "POST",
        "/foundings/draft",
        {"name": "n", "charter": "c", "offers": [OFFER]},
        "draft_founding",
        ("n", "circle", "", "c", [OFFER]),
    ),
    ("POST", "/foundings/read", {"draft": DRAFT}, "read_founding", (DRAFT,)),
    ("POST", "/foundings/sign", {"draft": DRAFT}, "sign_founding", (DRAFT,)),
    ("POST", "/foundings/open", {"drafts": [DRAFT]}, "open_founding", ([DRAFT],)),
    ("GET", "/charter?group=g", None, "charter", ("g",)),
    ("GET", "/waiting?group=g", None, "waiting", ("g",)),
    ("POST", "/convocations", {"group": "g"}, "convene", ("g",)),
    ("POST", "/sponsors", {"group": "g", "newcomer": "n"}, "sponsor", ("g", "n")),
    (
        "POST",
        "/proposals",
        {"group": "g", "subject": "text", "body": {"text": "t"}, "title": "h"},
        "propose",
        ("g", "text", {"text": "t"}, "h", ""),
    ),
    ("POST", "/proposals/withdraw", {"proposal": "p"}, "withdraw", (None, "p")),
    ("POST", "/proposals/answer", {"proposal": "p", "text": "t"}, "answer_proposal", (None, "p", "t")),
    (
        "POST",
        "/ballots",
        {"proposal": "p", "choice": "ranked", "ranked": ["a", "b"], "member": "m"},
        "vote",
        (None, "p", "ranked", ["a", "b"], "", "m"),
    ),
    (
        "POST",
        "/ballots/confirm",
        {"group": "g", "proposal": "p", "code": "c"},
        "confirm_ballot",
        ("g", "p", None, "c"),
    ),
    ("POST", "/ballots/codes", {"group": "g", "count": 3}, "publish_codes", ("g", 3)),
    ("GET", "/mandates?group=g", None, "mandates", ("g",)),
    (
        "POST",
        "/mandates/sign",
        {"group": "g", "mandate": "m", "entry": "abcd", "act": "payment"},
        "sign_mandate",
        ("g", "m", "abcd", "payment"),
    ),
    ("POST", "/delegations", {"group": "g", "subject": "text"}, "delegate", ("g", None, None, "text")),
    ("GET", "/decisions?group=g", None, "decisions", ("g",)),
    ("GET", "/decision?proposal=p", None, "decision", (None, "p")),
    ("POST", "/decisions/export", {"group": "g", "proposals": ["p"]}, "export_decisions", ("g", ["p"])),
    ("GET", "/proof?entry=e&decision=true", None, "proof", ("e", True, None, None)),
    ("GET", "/proof?entry=e&group=g&peer=p", None, "proof", ("e", False, "g", "p")),
    ("GET", "/proof/final?group=g&height=7&peer=p", None, "proof_final", ("g", 7, "p")),
    ("GET", "/proof/membership?group=g", None, "proof_membership", ("g", None)),
    ("GET", "/devices?group=g", None, "devices", ("g",)),
    ("POST", "/devices/invite", {"group": "g"}, "invite_device", ("g", None)),
    ("POST", "/devices/accept", {"invitation": DEVICE_INVITATION}, "accept_device", (DEVICE_INVITATION,)),
    ("POST", "/devices", {"group": "g", "answer": "a"}, "add_device", ("g", "a")),
    ("POST", "/devices/revoke", {"group": "g", "device": "d"}, "revoke_device", ("g", "d", None)),
    ("POST", "/devices/rotate", {"group": "g", "device": "d"}, "rotate_device", ("g", "d")),
    ("POST", "/devices/object", {"group": "g"}, "object_to_change", ("g",)),
    (
        "POST",
        "/recoveries",
        {"invitation": DEVICE_INVITATION, "phrase": "p"},
        "recover",
        (DEVICE_INVITATION, "p"),
    ),
    ("POST", "/voters/rest", {"group": "g", "lying_voters": 0}, "rest", ("g", 0)),
    ("POST", "/voters/return", {"group": "g"}, "come_back", ("g",)),
    ("POST", "/invitations", {"group": "g", "expires_ms": 5, "uses": 2}, "invite", ("g", 2, 5)),
    ("POST", "/joins", {"link": "l", "my_name": "Bob"}, "join", ("l", "Bob")),
    ("GET", "/members?group=g", None, "members", ("g",)),
    ("POST", "/departures", {"group": "g", "delete": True}, "leave_group", ("g", True)),
    ("GET", "/peers", None, "peers", ()),
    ("POST", "/peers", {"address": "a"}, "add_peer", ("a",)),
    ("POST", "/peers/remove", {"peer": "p"}, "remove_peer", ("p",)),
    ("POST", "/peers/ping", {"peer": "p"}, "ping_peer", ("p",)),
    ("POST", "/peers/block", {"peer": "p"}, "block_peer", ("p",)),
    ("POST", "/peers/unblock", {"peer": "p"}, "unblock_peer", ("p",)),
    ("POST", "/queries", {"peer": "p", "question": {"name": "groups"}}, "query", ("p", {"name": "groups"})),
    (
        "POST",
        "/contributions",
        {"group": "g", "body": {"action": "work", "effort": "2"}, "note": "n"},
        "contribute",
        ("g", {"action": "work", "effort": "2"}, "n"),
    ),
    (
        "POST",
        "/claims/known",
        {"group": "g", "root": GIT_ID, "commits": []},
        "claims_known",
        ("g", GIT_ID, []),
    ),
    (
        "POST",
        "/claims",
        {"group": "g", "root": GIT_ID, "claims": [CLAIM]},
        "import_claims",
        ("g", GIT_ID, [CLAIM]),
    ),
    ("GET", "/log?lane=2&type=ack&limit=7&before=9", None, "log", (None, None, 2, "ack", 7, 9, True)),
    ("GET", "/log?votes=false", None, "log", (None, None, None, None, 100, None, False)),
    ("GET", "/entry?entry=ab", None, "entry", ("ab",)),
    ("POST", "/verify", {}, "verify", (None,)),
    ("GET", "/why?word=x", None, "why", ("x",)),
    (
        "POST",
        "/economy",
        {"group": "g", "what": "event", "said": {"action": "work"}, "note": "n"},
        "record",
        ("g", "event", {"action": "work"}, "n"),
    ),
    ("GET", "/economy?group=g&about=to-sign&who=me", None, "economy", ("g", "to-sign", "me", 500, None)),
    (
        "POST",
        "/lines",
        {"group": "g", "source": "hours", "lines": [LINE], "dry_run": True},
        "import_lines",
        ("g", "hours", [LINE], 0, True, False),
    ),
    (
        "POST",
        "/meters/readings",
        {"group": "g", "meter": "ab" * 32, "readings": [[900_000, 17]]},
        "read_meter",
        ("g", "ab" * 32, [(900_000, 17)], False),
    ),
    ("GET", "/export?group=g&table=events&after=x", None, "export_page", ("g", "events", "x")),
    ("GET", "/export/bundle?group=g&who=me", None, "export_bundle", ("g", "me")),
    (
        "GET",
        "/feed?group=g&purpose=offer&near=here&limit=7",
        None,
        "feed",
        ("g", {"purpose": "offer", "near": "here"}, None, 7),
    ),
    (
        "GET",
        f"/signatures?group=g&recorded_by=Bob&git_author=c%40d&after={'ab' * 32}",
        None,
        "to_sign",
        ("g", "Bob", "c@d", "ab" * 32),
    ),
    ("POST", "/signatures", {"group": "g", "records": ["ab" * 32]}, "sign_records", ("g", ["ab" * 32])),
    ("GET", "/skills?group=g", None, "skills", ("g", "me", None)),
    ("GET", "/skills/bundle?group=g", None, "export_skills", ("g",)),
    ("GET", "/economy/export?group=g&readings=true", None, "export_economy", ("g", True)),
    ("GET", "/receipt?group=g&record=ab", None, "receipt", ("g", "ab")),
    ("GET", "/agreement?group=g&agreement=boxes", None, "agreement", ("g", "boxes")),
    ("GET", "/commons?group=g&commons=garden&who=me", None, "commons", ("g", "garden", "me")),
    ("GET", "/thing?group=g&thing=drill", None, "thing", ("g", "drill")),
    (
        "GET",
        "/loops/found?group=g&claims=true&any_kind=true",
        None,
        "loops_found",
        ("g", True, True),
    ),
    (
        "POST",
        "/distribution/preview",
        {"group": "g", "said": {"unit": "EUR"}},
        "preview_run",
        ("g", {"unit": "EUR"}),
    ),
    ("GET", "/distribution?group=g&run=ab", None, "run", ("g", "ab")),
    ("POST", "/account", {"group": "g", "who": "me", "to_ms": 9}, "account", ("g", "me", None, 9)),
    (
        "POST",
        "/figures",
        {"group": "g", "commons": "bakery", "last": "2026-11"},
        "figures",
        ("g", "bakery", None, "2026-11"),
    ),
    ("POST", "/distribution/export", {"group": "g", "run": "ab"}, "export_run", ("g", "ab")),
    ("GET", "/disk", None, "disk", ()),
    ("POST", "/backup", {"path": "/b"}, "backup", ("/b",)),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "name", "arguments"), CALLS, ids=lambda value: str(value)[:20]
)
async def test_route_calls_its_method(caller, service, method, path, body, name, arguments) -> None:
    status, headers, answer = await caller.ask(method, path, body)
    assert (status, answer) == (200, {"method": name})
    assert service.asked == [(name, arguments)]
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers


async def test_every_method_has_a_route(caller, service) -> None:
    offered = {
        name for name, _ in inspect.getmembers(Service, inspect.isfunction) if not name.startswith("_")
    }
    assert offered == {name for *_, name, _ in CALLS} | {"events", "shutdown"}
    assert await caller.ask("POST", "/shutdown") != ()
    assert service.asked == [("shutdown", ())]


@pytest.mark.parametrize(
    "token", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic " + "t" * 64, "Bearer " + "t" * 63]
)
async def test_request_without_the_token_is_refused(caller, service, token) -> None:
    status, headers, answer = await caller.ask("GET", "/status", headers={"Authorization": token})
    assert (status, answer["rule"]) == (401, "api.no_token")
    assert headers["www-authenticate"] == "bearer"
    assert service.asked == []


@pytest.mark.parametrize(
    "host", ["", "example.org", "127.0.0.1", "127.0.0.1:1", "localhost.example.org:{port}"]
)
async def test_foreign_host_is_refused(caller, service, host) -> None:
    status, _, answer = await caller.ask("GET", "/status", headers={"Host": host.format(port=caller.port)})
    # HTTP itself demands a Host header, so without one the server answers before the guard does.
    assert (status, host and answer["rule"]) == (400, "") if not host else (403, "api.foreign_host")
    assert service.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}"])
async def test_names_of_this_computer_are_accepted(caller, host) -> None:
    name = host.format(port=caller.port)
    status, _, _ = await caller.ask("GET", "/status", headers={"Host": name, "Origin": f"http://{name}"})
    assert status == 200


@pytest.mark.parametrize(
    "origin", ["null", "https://example.org", "http://127.0.0.1", "https://127.0.0.1:{port}"]
)
async def test_page_of_another_site_is_refused(caller, service, origin) -> None:
    status, _, answer = await caller.ask(
        "GET", "/status", headers={"Origin": origin.format(port=caller.port)}
    )
    assert (status, answer["rule"]) == (403, "api.foreign_origin")
    assert service.asked == []


async def test_preflight_of_another_site_is_refused(caller) -> None:
    headers = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST", "Authorization": ""}
    status, received, _ = await caller.ask("OPTIONS", "/groups", headers=headers)
    assert status == 403
    assert not any(name.startswith("access-control") for name in received)


async def test_header_sent_twice_is_refused(caller) -> None:
    one = f"Host: 127.0.0.1:{caller.port}\r\nAuthorization: Bearer {'t' * 64}\r\nAuthorization: Bearer x\r\n"
    answer = await caller.raw(f"GET /status HTTP/1.1\r\n{one}Connection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"api.twice" in answer


async def test_large_declared_body_is_refused_unread(caller, service) -> None:
    head = f"Host: 127.0.0.1:{caller.port}\r\nAuthorization: Bearer {'t' * 64}\r\n"
    answer = await caller.raw(
        f"POST /joins HTTP/1.1\r\n{head}Content-Length: {BODY_BYTES_MAX + 1}\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 413")
    assert service.asked == []


async def test_large_chunked_body_is_refused(caller, service) -> None:
    head = (
        f"Host: 127.0.0.1:{caller.port}\r\nAuthorization: Bearer {'t' * 64}\r\nTransfer-Encoding: chunked\r\n"
    )
    piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    answer = await caller.raw(f"POST /joins HTTP/1.1\r\n{head}\r\n".encode() + piece * 8 + b"1\r\nx\r\n")
    assert answer.startswith(b"HTTP/1.1 413")
    assert service.asked == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/joins", {}),
        ("/joins", {"link": 5}),
        ("/joins", {"link": "x", "surprise": 1}),
        ("/joins", []),
        ("/joins", b"{"),
        ("/joins", b"\xff"),
        ("/joins", b"[" * 100_000),
        ("/joins", {"link": "x" * 20_000}),
        ("/invitations", {"group": "g", "uses": True, "expires_ms": 1}),
        ("/invitations", {"group": "g", "uses": 1.0, "expires_ms": 1}),
        ("/invitations", {"group": "g", "uses": 1001, "expires_ms": 1}),
        ("/claims", {"group": "g", "root": "A" * 40, "claims": []}),
        ("/claims", {"group": "g", "root": GIT_ID, "claims": [CLAIM] * 501}),
        ("/claims", {"group": "g", "root": GIT_ID, "claims": [{**CLAIM, "provider": "carol"}]}),
        ("/signatures", {"group": "g", "records": []}),
        ("/signatures", {"group": "g", "records": ["ab"]}),
        ("/signatures", {"group": "g", "records": ["ab" * 32] * 501}),
        ("/queries", {"peer": "p", "question": {"name": "secrets"}}),
    ],
    ids=range(18),
)
async def test_bad_body_is_told_what_is_wrong(caller, service, path, body) -> None:
    status, _, answer = await caller.ask("POST", path, body)
    assert status in {400, 422}
    assert answer["rule"] == "api.bad_request"
    assert answer["message"]
    assert "openapi" in answer["remedy"]
    assert service.asked == []


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "lane=3", "before=-1"])
async def test_bad_query_is_refused(caller, service, query) -> None:
    status, _, answer = await caller.ask("GET", f"/log?{query}")
    assert (status, answer["rule"]) == (422, "api.bad_request")
    assert service.asked == []


@pytest.mark.parametrize(
    ("method", "path", "status", "rule"),
    [
        ("GET", "/nowhere", 404, "api.unknown_path"),
        ("GET", "/docs", 404, "api.unknown_path"),
        ("DELETE", "/groups", 405, "api.wrong_method"),
    ],
)
async def test_wrong_path_or_method(caller, method, path, status, rule) -> None:
    answered, _, answer = await caller.ask(method, path)
    assert (answered, answer["rule"]) == (status, rule)


@pytest.mark.parametrize(
    ("error", "status", "rule", "message"),
    [
        (UsageError("group.unknown", "no group x", "name another"), 404, "group.unknown", "no group x"),
        (UsageError("invite.uses", "too many", "fewer"), 400, "invite.uses", "too many"),
        (FormatError("link.checksum", "mistyped"), 400, "link.checksum", "link.checksum: mistyped"),
        (PeerError("frame.bad", "nonsense"), 502, "frame.bad", "frame.bad: nonsense"),
        (Unreachable("nobody answers"), 504, "peer.unreachable", "nobody answers"),
        (StoreError("disk full", "free space"), 507, "store.refused", "disk full"),
        (ValueError("oops"), 500, "node.bug", "ValueError: oops"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_errors_have_one_shape(caller, service, error, status, rule, message) -> None:
    service.answers["status"] = error
    answered, _, answer = await caller.ask("GET", "/status")
    assert answered == status
    assert answer.keys() == {"rule", "message", "remedy"}
    assert (answer["rule"], answer["message"]) == (rule, message)
    service.answers.clear()
    assert (await caller.ask("GET", "/status"))[0] == 200


async def test_schema_lists_every_route_with_its_answer(caller) -> None:
    _, _, schema = await caller.ask("GET", "/openapi.json")
    for method, path, *_ in CALLS:
        operation = schema["paths"][path.partition("?")[0]][method.lower()]
        assert "schema" in operation["responses"]["200"]["content"]["application/json"]
    assert "frontier" in schema["components"]["schemas"]["GroupSummary"]["properties"]


async def test_schema_needs_the_token_too(caller) -> None:
    assert (await caller.ask("GET", "/openapi.json", headers={"Authorization": ""}))[0] == 401


async def test_garbage_leaves_the_server_answering(caller) -> None:
    for garbage in (b"\x00" * 100, b"GET\r\n\r\n", b"\x16\x03\x01" + b"\xff" * 300, b"A" * 200_000):
        try:
            await caller.raw(garbage + b"\r\n\r\n")
        except OSError:
            pass  # a reset is an answer too
    assert (await caller.ask("GET", "/status"))[0] == 200
