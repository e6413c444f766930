"""Every command as a process: what it asks of the node, what it prints, and how it ends."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from p2pnode.core.errors import FormatError, PeerError, StoreError, Unreachable, UsageError
from p2pnode.home import Home

from .conftest import CommandLine, RecordingService

GROUP = "ab" * 32
ENTRY = "cd" * 32
DID = "did:key:z6MkqEMMesWgJGShgsxUASQQyhQrqHB3g47JaT1MH1FEuu8P"
PEER = "12D3KooWLbTUokqx9dDizGdC7UBuuPwhW2wqHrwRr2TSpiS7td4w"
SUMMARY: dict[str, Any] = {
    "id": GROUP,
    "name": "Repair café",
    "kind": "circle",
    "standing": "member",
    "frontier": "ef" * 32,
    "entries": 1234,
    "authors": 3,
    "members": 3,
    "undecided": 2,
    "height": 41,
    "waits_for": "the first votes of Bob: 2 of 3 are here",
    "as_of": "",
    "level": "usable from a snapshot of block 41; history is checked to 50 %",
    "wanted": 7,
    "forks": 0,
    "disk_bytes": 2_500_000,
}
STATUS: dict[str, Any] = {
    "version": "0.1.0",
    "pid": 4711,
    "home": "/srv/alice/node",
    "started_ms": 1_700_000_000_000,
    "peer_id": PEER,
    "did": DID,
    "addresses": [f"/ip4/192.0.2.7/tcp/4001/p2p/{PEER}"],
    "api": "http://127.0.0.1:1234",
    "peers_connected": 2,
    "peers_known": 5,
    "may_write": False,
    "groups": [SUMMARY],
    "notices": [{"rule": "key.moved", "message": "This home was restored.", "remedy": "Wait for a peer."}],
}
ROW: dict[str, Any] = {
    "entry": ENTRY,
    "group": GROUP,
    "author": DID,
    "author_name": "",
    "lane": 0,
    "seq": 3,
    "depth": 9,
    "time_ms": 1_700_000_000_000,
    "type": "contribution",
    "payload_bytes": 99,
    "state": "void",
    "rule": "invite.spent",
    "text": "gave 2 hours of bicycle repair",
    "cursor": 17,
}
PEER_ROW: dict[str, Any] = {
    "peer_id": PEER,
    "did": DID,
    "connected": True,
    "direction": "out",
    "addresses": ["/ip4/192.0.2.7/tcp/4001"],
    "groups": [],
    "source": "user",
    "rtt_ms": 12.34,
    "last_seen_ms": 1_700_000_000_000,
    "next_try_ms": None,
    "problem": None,
    "blocked": False,
    "penalties": 0,
}


def test_status_for_people_and_for_programs(run: CommandLine, node: RecordingService) -> None:
    node.answers["status"] = STATUS
    shown = run("status")
    assert shown.status == 0
    assert "usable from a snapshot of block 41; history is checked to 50 %" in shown.out
    for text in (
        "4711",
        PEER,
        "Repair café",
        "abababab",
        "1234",
        "2.5 MB",
        "2 connected of 5",
        "2023-11-14 22:13",
    ):
        assert text in shown.out
    assert "This home was restored." in shown.out
    assert "Wait for a peer." in shown.out
    assert run("status", "--json").json == STATUS
    assert run("--json", "status").json == STATUS


def test_hostile_text_cannot_move_the_cursor_or_write_markup(
    run: CommandLine, node: RecordingService
) -> None:
    name = "[red]a\x1b[2J\u202eb\r\nc[/red][link=x]"
    node.answers["groups"] = [{**SUMMARY, "name": name}]
    shown = run("group", "list")
    assert shown.status == 0
    assert "[red]a\ufffd[2J\ufffdb\ufffd\ufffdc[/red][link=x]" in shown.out
    assert not set(shown.out) & {"\x1b", "\u202e", "\r"}
    assert run("group", "list", "--json").json[0]["name"] == name


def test_table_on_a_narrow_screen_is_wrapped_and_shows_markup_as_text(
    run: CommandLine, node: RecordingService
) -> None:
    node.answers["log"] = {"rows": [{**ROW, "text": "[red]" + "many words " * 20 + "\x1b[2J"}], "next": None}
    shown = run("log", screen=True, COLUMNS="100", TERM="xterm")
    assert shown.status == 0
    assert "\x1b[1m" in shown.out  # bold headings
    assert "\x1b[2J" not in shown.out
    assert "[red]many" in shown.out
    assert shown.out.count("many") == 20
    assert len(shown.out.splitlines()) > 4


def test_terminal_of_another_encoding_is_no_fault(run: CommandLine, node: RecordingService) -> None:
    node.answers["peers"] = [PEER_ROW]
    shown = run.process("peers", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert shown.status == 0
    assert "piS7td4w" in shown.out


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (("group", "found", "Tools"), ("found_group", ("Tools", "circle", "", None))),
        (
            ("group", "found", "T", "--my-name", "Al", "--template", "x"),
            ("found_group", ("T", "x", "Al", None)),
        ),
        (("group", "members", "x"), ("members", ("x",))),
        (("members", "x"), ("members", ("x",))),
        (("members", "sponsor", "n", "-g", "x"), ("sponsor", ("x", "n"))),
        (("charter", "x"), ("charter", ("x",))),
        (("decisions", "x"), ("decisions", ("x",))),
        (("decisions", "show", "p"), ("decision", (None, "p"))),
        (("device", "x"), ("devices", ("x",))),
        (("device", "add", "p2pnode:device:a", "-g", "x"), ("add_device", ("x", "p2pnode:device:a"))),
        (("device", "revoke", "d", "-g", "x", "--yes"), ("revoke_device", ("x", "d", None))),
        (("device", "rotate", "d", "-g", "x"), ("rotate_device", ("x", "d"))),
        (("device", "object", "x"), ("object_to_change", ("x",))),
        (("voter", "leave", "x", "--lying-voters", "0"), ("rest", ("x", 0))),
        (("voter", "return", "x"), ("come_back", ("x",))),
        (("vote", "p", "yes"), ("vote", (None, "p", "yes", [], "", None))),
        (("vote", "p", "object", "-r", "no"), ("vote", (None, "p", "object", [], "no", None))),
        (("vote", "p", "--rank", "b", "--rank", "a"), ("vote", (None, "p", "ranked", ["b", "a"], "", None))),
        (("vote", "p", "yes", "--for", "m", "-g", "x"), ("vote", ("x", "p", "yes", [], "", "m"))),
        (("vote", "p", "--confirm", "--code", "c"), ("confirm_ballot", (None, "p", None, "c"))),
        (("vote", "p", "--confirm", "--for", "Bob"), ("confirm_ballot", (None, "p", "Bob", None))),
        (("codes", "-g", "x", "--count", "3"), ("publish_codes", ("x", 3))),
        (("mandate", "sign", "bank", "abcd", "-g", "x"), ("sign_mandate", ("x", "bank", "abcd", None))),
        (("delegate", "Bob", "-g", "x", "--subject", "text"), ("delegate", ("x", "Bob", None, "text"))),
        (("delegate", "--back", "-g", "x"), ("delegate", ("x", None, None, None))),
        (("delegate", "Bob", "--proposal", "p"), ("delegate", (None, "Bob", "p", None))),
        (
            ("propose", "text", "t", "-g", "x", "--title", "h", "--why", "w"),
            ("propose", ("x", "text", {"text": "t"}, "h", "w")),
        ),
        (("propose", "admit", "n", "-g", "x"), ("propose", ("x", "admit", {"join": "n"}, "", ""))),
        (("propose", "remove", "m", "-g", "x"), ("propose", ("x", "remove", {"member": "m"}, "", ""))),
        (
            ("propose", "suspend", "m", "--days", "7", "-g", "x"),
            ("propose", ("x", "suspend", {"member": "m", "days": 7}, "", "")),
        ),
        (
            ("propose", "role", "m", "cook", "--take", "-g", "x"),
            ("propose", ("x", "role", {"member": "m", "role": "cook", "give": False}, "", "")),
        ),
        (
            ("propose", "voting-role", "m", "-g", "x"),
            ("propose", ("x", "voting_role", {"member": "m", "give": True}, "", "")),
        ),
        (
            ("propose", "council", "a", "b", "--seats", "1", "-g", "x"),
            ("propose", ("x", "council", {"candidates": ["a", "b"], "seats": 1, "term_days": 365}, "", "")),
        ),
        (
            ("propose", "amend", "sponsors=3", "roles.cook={term_days=9}", "purpose=to eat", "-g", "x"),
            (
                "propose",
                (
                    "x",
                    "amend",
                    {"charter": {"sponsors": 3, "roles": {"cook": {"term_days": 9}}, "purpose": "to eat"}},
                    "",
                    "",
                ),
            ),
        ),
        (
            ("propose", "restore-key", "m", "--request", "p2pnode:restore:did:key:x:abcd", "-g", "x"),
            (
                "propose",
                ("x", "restore_key", {"member": "m", "device": "did:key:x", "recovery": "abcd"}, "", ""),
            ),
        ),
        (
            ("propose", "other", "garden", "--body", '{"bed": 3}', "-g", "x"),
            ("propose", ("x", "garden", {"bed": 3}, "", "")),
        ),
        (("propose", "withdraw", "p"), ("withdraw", (None, "p"))),
        (("propose", "answer", "p", "words"), ("answer_proposal", (None, "p", "words"))),
        (("leave", "x", "--yes"), ("leave_group", ("x", False))),
        (("leave", "x", "--yes", "--delete"), ("leave_group", ("x", True))),
        (("join", "p2pnode:join:abc", "--my-name", "Bob"), ("join", ("p2pnode:join:abc", "Bob"))),
        (("peers", "add", "/ip4/x"), ("add_peer", ("/ip4/x",))),
        (("peers", "remove", "p"), ("remove_peer", ("p",))),
        (("peers", "ping", "p"), ("ping_peer", ("p",))),
        (("peers", "block", "p"), ("block_peer", ("p",))),
        (("peers", "unblock", "p"), ("unblock_peer", ("p",))),
        (("query", "p"), ("query", ("p", {"name": "groups"}))),
        (
            ("query", "p", "entry", "abc", "-g", "g"),
            ("query", ("p", {"name": "entry", "entry": "abc", "group": "g"})),
        ),
        (
            ("query", "p", "log", "g", "--limit", "5"),
            ("query", ("p", {"name": "log", "group": "g", "limit": 5})),
        ),
        (("log", "show", "-g", "g", "-n", "5"), ("log", ("g", None, None, None, 5, None, False))),
        (("log", "show", "--lane", "2", "--type", "ack"), ("log", (None, None, 2, "ack", 20, None, True))),
        (("log",), ("log", (None, None, None, None, 20, None, False))),
        (("log", "show", "abc"), ("entry", ("abc",))),
        (("why", "abc"), ("why", ("abc",))),
        (
            ("contribute", "repair", "-g", "g", "--effort", "1,5 h", "--note", "n"),
            (
                "contribute",
                ("g", {"action": "work", "resource": "repair", "effort": "1.5", "effort_unit": "hour"}, "n"),
            ),
        ),
        (
            (
                "contribute",
                "apples",
                "-g",
                "g",
                "--quantity",
                "12 kg",
                "--when",
                "2026-11-20",
                "--stream",
                "care",
            ),
            (
                "contribute",
                (
                    "g",
                    {
                        "action": "produce",
                        "resource": "apples",
                        "quantity": "12",
                        "quantity_unit": "kilogram",
                        "performed_ms": 1_795_132_800_000,
                        "stream": "care",
                    },
                    "",
                ),
            ),
        ),
    ],
    ids=lambda value: (
        " ".join(value)[:40] if isinstance(value[0], str) and isinstance(value[-1], str) else ""
    ),
)
def test_command_asks_the_node(
    run: CommandLine, node: RecordingService, words: tuple[str, ...], asked: tuple[str, tuple[Any, ...]]
) -> None:
    shown = run(*words, "--json")
    assert shown.status == 0, shown.err
    assert shown.json == {"method": asked[0]}
    assert node.asked == [asked]


def test_the_only_group_need_not_be_named(run: CommandLine, node: RecordingService) -> None:
    node.answers["groups"] = [SUMMARY]
    assert run("members", "--json").status == 0
    assert node.asked[-1] == ("members", (GROUP,))
    node.answers["groups"] = []
    shown = run("members")
    assert shown.status == 2
    assert "group found" in shown.err
    node.answers["groups"] = [SUMMARY, {**SUMMARY, "name": "Tools"}]
    shown = run("contribute", "x", "--effort", "1h")
    assert shown.status == 2
    assert "Repair café, Tools" in shown.err


def test_invitation_with_its_square(run: CommandLine, node: RecordingService) -> None:
    invitation = {
        "link": "p2pnode:join:" + "x" * 700,
        "group": GROUP,
        "name": "Tools",
        "uses": 2,
        "expires_ms": 1_700_000_000_000,
        "addresses": ["/ip4/192.0.2.7/tcp/4001"],
    }
    node.answers["invite"] = invitation
    shown = run("invite", "Tools", "--uses", "2", "--expires", "12h", "--qr")
    assert shown.out.splitlines()[0] == invitation["link"]
    assert "2 people" in shown.out
    assert shown.out.count("█") > 100
    name, (group, uses, _) = node.asked[0]
    assert (name, group, uses) == ("invite", "Tools", 2)
    assert run("invite", "Tools", "--json").json == invitation
    # A link that fits in no square is still printed.
    node.answers["invite"] = {**invitation, "link": "p2pnode:join:" + "x" * 4000}
    assert "too long" in run("invite", "Tools", "--qr").out


@pytest.mark.parametrize(
    "given", ["p2pnode:join:abc\n", "Hi Bob, here it is:\n\n  p2pnode:join:abc\n\nFor 1 person."]
)
def test_link_is_found_in_a_message(run: CommandLine, node: RecordingService, given: str) -> None:
    assert run("join", "-", "--json", given=given).status == 0
    assert node.asked == [("join", ("p2pnode:join:abc", ""))]


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("invite", "x", "--expires", "soon"), "invite.bad_time"),
        (("leave", "x"), "leave.unconfirmed"),
        (("contribute", "x"), "contribution.no_quantity"),
        (("contribute", "x", "--effort", "many hours"), "amount.bad_text"),
        (("contribute", "x", "--effort", "1h", "--when", "last week"), "date.bad_text"),
        (("import", "git", "/nowhere", "-g", "x"), "git.no_folder"),
        (("init", "--passphrase"), "passphrase.nobody"),
        (("--home", "/x", "--profile", "y", "status"), "home.two_answers"),
        (("restore", "/nowhere.tar"), "backup.missing"),
        (("up", "--ready-fd", "77"), "up.bad_descriptor"),
        (("up", "--listen", "somewhere"), "config.bad_value"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_use_ends_with_2_and_a_remedy(
    run: CommandLine, node: RecordingService, words: tuple[str, ...], rule: str
) -> None:
    shown = run(*words, "--json")
    assert (shown.status, shown.out) == (2, "")
    error = json.loads(shown.err)
    assert error["rule"] == rule
    assert error["message"]
    assert error["remedy"]
    assert node.asked == []
    assert "What to do: " in run(*words).err


@pytest.mark.parametrize(
    "words", [("bogus",), ("status", "--bogus"), ("invite", "x", "--uses", "0"), ("why",)]
)
def test_wrong_words_end_with_2(run: CommandLine, words: tuple[str, ...]) -> None:
    shown = run(*words)
    assert (shown.status, shown.out) == (2, "")
    assert "Error" in shown.err


@pytest.mark.parametrize(
    ("error", "status", "shown_text"),
    [
        (UsageError("group.unknown", "There is no group 'x' here.", "Did you mean y?"), 2, "Did you mean y?"),
        (FormatError("link.checksum", "mistyped"), 2, "mistyped"),
        (StoreError("The disk is full.", "Free some space."), 3, "Free some space."),
        (Unreachable("Nobody answers."), 4, "Nobody answers."),
        (PeerError("frame.bad", "nonsense"), 1, "nonsense"),
        (ValueError("oops"), 70, "oops"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_of_the_node_end_with_who_must_act(
    run: CommandLine, node: RecordingService, error: Exception, status: int, shown_text: str
) -> None:
    node.answers["status"] = error
    shown = run("status")
    assert (shown.status, shown.out) == (status, "")
    assert shown_text in shown.err
    assert "Traceback" not in shown.err


def test_no_node_ends_with_4(run: CommandLine, home: Home) -> None:
    shown = run("status")
    assert shown.status == 4
    assert "p2pnode up" in shown.err
    # A killed node leaves its file behind; the port may belong to anybody now.
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        home.make_token()
        home.api.write_text(json.dumps({"port": foreign.getsockname()[1], "pid": 2**22 + 1}))
        assert run("status").status == 4
        foreign.setblocking(False)
        with pytest.raises(BlockingIOError):
            foreign.accept()


def test_node_that_answers_nonsense_is_no_traceback(
    run: CommandLine, home: Home, node: RecordingService
) -> None:
    home.token.write_text("0" * 64 + "\n")
    shown = run("status")
    assert shown.status == 2
    assert "token" in shown.err


def test_verify_says_no_when_something_is_damaged(run: CommandLine, node: RecordingService) -> None:
    result: dict[str, Any] = {"groups": 1, "entries": 2, "signatures": 2, "payload_bytes": 10, "damage": []}
    node.answers["verify"] = result
    assert run("verify").status == 0
    damage = {
        "group": GROUP,
        "place": "lane 0 seq 1",
        "rule": "r",
        "message": "m",
        "remedy": "restore a backup",
    }
    node.answers["verify"] = {**result, "damage": [damage]}
    shown = run("log", "verify")
    assert shown.status == 1
    assert "Restore a backup." in shown.out
    assert run("verify", "--json").json["damage"] == [damage]


def test_log_shows_rows_and_how_to_go_on(run: CommandLine, node: RecordingService) -> None:
    node.answers["log"] = {"rows": [ROW], "next": 17}
    shown = run("log")
    for text in ("cdcdcdcd", "…H1FEuu8P", "void (invite.spent)", "gave 2 hours of bicycle repair"):
        assert text in shown.out
    assert "--before 17" in shown.err


def test_tail_prints_each_entry_once(run: CommandLine, node: RecordingService) -> None:
    node.answers["log"] = {"rows": [ROW], "next": None}
    node.happening = [{"event": "heads", "group": GROUP, "entries": 1, "added": 1}, {"event": "resync"}]
    node.ends = True
    shown = run("log", "tail", "--json")
    assert shown.status == 0
    assert [json.loads(line) for line in shown.out.splitlines()] == [ROW]


def test_import_asks_what_is_known_and_sends_the_rest(
    run: CommandLine, node: RecordingService, tmp_path: Path
) -> None:
    from .test_git import Repository

    repository = Repository(tmp_path / "repository")
    first = repository.commit("one", {"a": b"1\n"})
    second = repository.commit("two", {"a": b"2\n"})
    node.answers["claims_known"] = [first]
    node.answers["import_claims"] = {"group": GROUP, "written": 1, "known": 0, "entries": 1}
    shown = run("import", "git", str(repository.path), "-g", "x", "--json")
    unmatched = [{"author": "Alice <alice@example.org>", "mail": "alice@example.org", "commits": 1}]
    assert shown.json == {
        "group": GROUP,
        "commits": 2,
        "written": 1,
        "known": 1,
        "entries": 1,
        "unmatched": unmatched,
    }
    assert node.asked[0] == ("claims_known", ("x", first, [first, second]))
    name, (group, root, claims) = node.asked[1]
    assert (name, group, root) == ("import_claims", "x", first)
    assert [claim["commit"] for claim in claims] == [second]
    assert (claims[0]["lines_added"], claims[0]["message"]) == (1, "two")
    assert "1 claimed now, 1 known already" in run("import", "git", str(repository.path), "-g", "x").out


def test_j27_import_names_the_authors_that_are_said(
    run: CommandLine, node: RecordingService, tmp_path: Path
) -> None:
    from .test_git import Repository

    repository = Repository(tmp_path / "repository")
    repository.commit("one")
    repository.commit("two", GIT_AUTHOR_NAME="Carol", GIT_AUTHOR_EMAIL="c@d.example")
    repository.commit("three", GIT_AUTHOR_NAME="Dave", GIT_AUTHOR_EMAIL="d@d.example")
    node.answers["claims_known"] = []
    node.answers["import_claims"] = {"group": GROUP, "written": 3, "known": 0, "entries": 1}
    node.answers["members"] = [
        {"id": "ab" * 32, "name": "Alice", "status": "member", "is_self": True},
        {"id": "cd" * 32, "name": "Carol", "status": "member", "is_self": False},
        {"id": "ef" * 32, "name": "Dave", "status": "petitioner", "is_self": False},
    ]
    words = ("import", "git", str(repository.path), "-g", "x")
    shown = run(*words, "--author", "c@d.example=Carol", "--author", "alice=me")
    (sent,) = [arguments[2] for name, arguments in node.asked if name == "import_claims"]
    assert [claim["provider"] for claim in sent] == ["ab" * 32, "cd" * 32, None]
    assert "  Dave <d@d.example>  1 commit\n" in shown.out
    assert "--author d@d.example=MEMBER" in shown.out
    assert "Alice" not in shown.out

    node.asked.clear()
    refused = run(*words, "--author", "d@d.example=Dave")
    assert refused.status == 2
    assert "no member 'Dave'" in refused.err
    assert {name for name, _ in node.asked} == {"members"}


def test_large_messages_travel_in_several_requests(
    run: CommandLine, node: RecordingService, tmp_path: Path
) -> None:
    from .test_git import Repository

    repository = Repository(tmp_path / "repository")
    ids = [repository.commit("\x01é" * 30_000) for _ in range(40)]
    node.answers["claims_known"] = []
    node.answers["import_claims"] = {"group": GROUP, "written": 1, "known": 0, "entries": 1}
    assert run("import", "git", str(repository.path), "-g", "x").status == 0
    sent = [claim["commit"] for name, arguments in node.asked[1:] for claim in arguments[2]]
    assert sent == ids
    assert len(node.asked) > 2


def test_id_works_without_a_node_and_init_makes_it(run: CommandLine, home: Home) -> None:
    assert run("id").status == 2
    made = run("init", "--json")
    assert made.status == 0
    assert len(made.json["recovery_phrase"].split()) == 24
    assert made.json["recovery_phrase"] not in home.key.read_text()
    shown = run("id", "--json")
    assert shown.json == {"peer_id": made.json["peer_id"], "did": made.json["did"], "addresses": []}
    again = run("init")
    assert again.status == 2
    assert made.json["peer_id"] in run("id").out


def test_init_for_people_shows_the_phrase_in_numbered_words(run: CommandLine) -> None:
    shown = run("init")
    assert shown.status == 0
    assert " 1 " in shown.out
    assert "24 " in shown.out
    assert "p2pnode up" in shown.out


def test_passphrase_from_the_environment_seals_the_key(run: CommandLine, home: Home) -> None:
    assert run("init", P2PNODE_PASSPHRASE="correct horse").status == 0
    assert "sealed_seed" in home.key.read_text()
    assert "correct horse" not in home.key.read_text()
    assert run("id").status == 0


def test_backup_and_restore_without_a_node(run: CommandLine, home: Home, tmp_path: Path) -> None:
    run("init")
    archive = tmp_path / "a backup.tar"
    assert run("backup", str(archive)).status == 0
    assert archive.stat().st_mode & 0o077 == 0
    assert run("backup", str(archive)).status == 2
    assert run("restore", str(archive)).status == 2
    target = tmp_path / "restored"
    shown = run("restore", str(archive), "--home", str(target))
    assert shown.status == 0
    assert "p2pnode up" in shown.out
    assert run("id", "--home", str(target)).out == run("id").out


def test_backup_of_a_running_node_goes_through_it(
    run: CommandLine, node: RecordingService, tmp_path: Path
) -> None:
    node.answers["backup"] = {"path": "/x", "bytes": 5, "groups": 1}
    assert run("backup", "~/b.tar", HOME=str(tmp_path)).status == 0
    assert node.asked == [("backup", (str(tmp_path / "b.tar"),))]


def test_disk_without_and_with_a_node(run: CommandLine, home: Home, request: pytest.FixtureRequest) -> None:
    (home.groups_dir / f"{GROUP}.db").write_bytes(b"x" * 1000)
    offline = run("disk", "--json").json
    assert offline["groups"] == [{"id": GROUP, "name": "", "disk_bytes": 1000, "entries": None}]
    assert "1.0 kB" in run("disk").out
    node: RecordingService = request.getfixturevalue("node")
    node.answers["disk"] = {**offline, "groups": [{**offline["groups"][0], "name": "Tools", "entries": 5}]}
    assert "Tools" in run("disk").out


def test_config_shows_where_each_value_comes_from(run: CommandLine, home: Home) -> None:
    home.config_file.write_text("mdns = true\n")
    settings = run("config", "show", "--json", P2PNODE_API_PORT="4242").json
    assert settings["mdns"] == {"value": True, "origin": str(home.config_file)}
    assert settings["api_port"] == {"value": 4242, "origin": "P2PNODE_API_PORT"}
    assert settings["gossip"]["origin"] == "default"
    home.config_file.write_text("mndns = true\n")
    shown = run("config", "show")
    assert shown.status == 2
    assert "mdns" in shown.err


def test_profiles_are_separate_identities(run: CommandLine, tmp_path: Path) -> None:
    def profile(*words: str) -> Any:
        return run(*words, XDG_DATA_HOME=str(tmp_path), P2PNODE_HOME="").json

    alice = profile("init", "--profile", "alice", "--json")
    bob = profile("init", "--profile", "bob", "--json")
    assert alice["peer_id"] != bob["peer_id"]
    assert profile("profiles", "--json")["profiles"] == ["alice", "bob"]


def test_completion_offers_groups_and_is_silent_without_a_node(
    run: CommandLine, home: Home, request: pytest.FixtureRequest
) -> None:
    surroundings = {
        "_P2PNODE_COMPLETE": "complete_bash",
        "COMP_WORDS": "p2pnode members list R",
        "COMP_CWORD": "3",
    }
    shown = run.process(**surroundings)
    assert (shown.out.strip(), shown.err) == ("", "")
    node: RecordingService = request.getfixturevalue("node")
    node.answers["groups"] = [{**SUMMARY, "name": "Repair"}, {**SUMMARY, "name": "Tools"}]
    assert run.process(**surroundings).out.split() == ["Repair"]


COMMANDS = (
    "init up down status id invite join leave vote delegate codes contribute why query backup restore disk "
    "verify profiles version"
).split()
GROUPED = {
    "charter": ("show", "check", "template"),
    "decisions": ("list", "show", "export", "check", "statement"),
    "device": ("list", "invite", "accept", "add", "revoke", "rotate", "object"),
    "group": ("found", "list", "show", "members", "offer", "sign", "open", "convene"),
    "mandate": ("list", "sign"),
    "members": ("list", "sponsor"),
    "proof": ("show", "verify"),
    "propose": ("admit", "remove", "amend", "role", "council", "mandate", "text", "restore-key", "withdraw"),
    "recover": ("from", "ask"),
    "voter": ("leave", "return"),
    "log": ("show", "tail", "verify"),
    "peers": ("list", "add", "remove", "ping", "block", "unblock"),
    "import": ("git",),
    "config": ("show",),
}


def test_help_teaches_every_command(run: CommandLine) -> None:
    top = run("--help").out
    assert "p2pnode up" in top
    for name in (*COMMANDS, *GROUPED):
        assert f"\n  {name} " in top
        # No line of the overview is cut off.
        assert "..." not in next(line for line in top.splitlines() if line.startswith(f"  {name} "))
    for name, parts in GROUPED.items():
        overview = run(name, "--help").out
        for part in parts:
            assert f"\n  {part} " in overview


def test_light_commands_load_no_network_library(run: CommandLine, checkout: Path) -> None:
    shown = run.process("id", PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in shown.err.splitlines()}
    assert not loaded & {"libp2p", "trio", "fastapi", "hypercorn", "rich", "segno", "sqlite3", "asyncio"}
