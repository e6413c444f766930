"""`p2pnode sign`: what is shown, what is asked, and what is sent when many records are signed at once."""

from typing import Any

import pytest

from .conftest import CommandLine, RecordingService


def claim(number: int, **said: Any) -> dict[str, Any]:
    return {
        "id": f"{number:064x}",
        "claims": "produce",
        "git_author": "Carol <c@d.example>",
        "author": "Alice",
        "performed_ms": 0,
        "note": f"commit {number}",
        **said,
    }


EVENT = {
    "id": "ee" * 32,
    "action": "transfer",
    "quantity": "3 kg",
    "kind": "bread",
    "provider": "Alice",
    "receiver": "Carol",
    "lesson": "",
    "performed_ms": 0,
    "waits_for": ["Carol"],
    "status": "waiting",
    "attestations": [],
}


def test_what_waits_is_shown_whole(run: CommandLine, node: RecordingService) -> None:
    node.answers["economy"] = [EVENT, *map(claim, range(30))]
    shown = run("sign", "-g", "x")
    assert "transfer 3 kg bread" in shown.out
    assert all(f"commit {number}\n" in shown.out for number in range(30))
    assert "Sign all of them: p2pnode sign --all" in shown.out


def test_all_is_signed_page_by_page_and_what_is_refused_is_told(
    run: CommandLine, node: RecordingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = [
        {"rows": [claim(number) for number in range(500)], "next": "ab" * 32},
        {"rows": [claim(number) for number in range(500, 601)], "next": None},
    ]

    async def to_sign(*arguments: Any) -> Any:
        node.asked.append(("to_sign", arguments))
        return pages[arguments[3] is not None]

    async def sign_records(group: str, records: list[str]) -> Any:
        node.asked.append(("sign_records", (group, records)))
        why = {"rule": "countersign.not_asked", "message": "not for you", "remedy": "p2pnode sign"}
        return {"signed": records[1:], "refused": [{"record": records[0], **why}]}

    monkeypatch.setattr(node, "to_sign", to_sign, raising=False)
    monkeypatch.setattr(node, "sign_records", sign_records, raising=False)
    shown = run("sign", "--all", "--from", "Alice", "--yes", "-g", "x")
    assert shown.status == 0
    assert [arguments for name, arguments in node.asked if name == "to_sign"] == [
        ("x", "Alice", None, None),
        ("x", "Alice", None, "ab" * 32),
    ]
    sent = [arguments[1] for name, arguments in node.asked if name == "sign_records"]
    assert [len(records) for records in sent] == [500, 101]
    assert [one for records in sent for one in records] == [f"{number:064x}" for number in range(601)]
    assert "commit 19\n" in shown.out
    assert "commit 20\n" not in shown.out
    assert "and 581 others" in shown.out
    assert (
        "Signed: 599 records.\nRefused: 2 records.\n  2: not for you, such as 00000000; p2pnode" in shown.out
    )


def test_nothing_is_signed_without_a_yes(run: CommandLine, node: RecordingService) -> None:
    node.answers["to_sign"] = {"rows": [claim(1)], "next": None}
    for words in (("sign", "--all", "-g", "x"), ("sign", "--all", "--json", "-g", "x")):
        refused = run(*words)
        assert refused.status == 2
        assert "--yes" in refused.err
    shown = run("sign", "--author", "c@d.example", "-g", "x")
    assert "commit 1" in shown.out
    assert {name for name, _ in node.asked} == {"to_sign"}
    assert node.asked[-1] == ("to_sign", ("x", None, "c@d.example", None))


def test_nothing_waits_and_nobody_is_asked(run: CommandLine, node: RecordingService) -> None:
    node.answers["to_sign"] = {"rows": [], "next": None}
    assert run("sign", "--all", "-g", "x").out == "Nothing waits for your signature.\n"


@pytest.mark.parametrize(
    "words",
    [
        ("abcd", "--all"),
        ("abcd", "--from", "Bob"),
        ("--decline",),
        ("--all", "--decline"),
        ("--mandate", "m"),
    ],
)
def test_one_or_all(run: CommandLine, node: RecordingService, words: tuple[str, ...]) -> None:
    assert run("sign", *words, "-g", "x").status == 2
    assert node.asked == []
