"""Statements of decisions: what they say, and that nobody can write anything else into them."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from p2pnode.core.annex import annex_hash, encode_annex
from p2pnode.exporters.statement import REMOVED, Statement, day_and_time, rule_in_words, statement_of
from p2pnode.exporters.statement_html import statement_html
from p2pnode.exporters.statement_pdf import statement_pdf
from p2pnode.exporters.subject_words import about_in_words
from p2pnode.governance.ballot import OBJECT, YES
from p2pnode.governance.decision_rule import rule_of_value
from p2pnode.governance.proposal import OPEN_TYPE, Proposal, encode_open
from tests.unit.exporters.meeting import WORDS, export_of, meeting
from tests.unit.governance.assembly import IDS, OPENED_MS, Assembly
from tests.vectors.cases.deciding import bodies

_NASTY = "<script>alert(1)</script> #read(\"/etc/passwd\") $x$ */ \\ 'quoted' “Łódź”"
_QUICK = {"rule": "majority", "window_hours": 10, "grace_hours": 0, "early": False}


def _statement(title: str = "Tea", text: str = "Black or green?") -> Statement:
    words = encode_annex(bytes(32), {"title": title, "text": text})
    assembly = Assembly(3, decisions={"picnic": _QUICK})
    proposal = assembly.write(0, OPEN_TYPE, encode_open(Proposal("picnic", {}, annex_hash(words))))
    assembly.cast_all(proposal, YES, YES)
    assembly.cast(2, proposal, OBJECT, annex=annex_hash(words))
    assembly.later(10)
    assembly.end_block()
    return statement_of(export_of(assembly, words), OPENED_MS)


class _Outline(HTMLParser):
    """Which tags a file has, whether they close, and what it would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [name for name, _ in attrs if name in ("src", "href") or name.startswith("on")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_statement_says_what_was_decided() -> None:
    (item,) = _statement().items
    assert (item.title, item.about, item.text) == ("Tea", "Picnic", "Black or green?")
    assert item.result == "Passed"
    assert dict(item.figures) == {
        "Yes": 2,
        "No": 0,
        "Abstentions": 0,
        "Objections": 1,
        "Took part": 3,
        "Could vote": 3,
    }
    assert item.reasons == ((f"member {IDS[2].hex()[:8]}", "Black or green?"),)
    assert item.rule.startswith("needs more yes than no; at least 1/2")
    assert item.is_sound
    assert "the figures agree" in item.check
    assert dict(item.times)["Opened"] == "15 January 2027, 08:00 UTC"


def test_words_that_were_removed_are_not_made_up() -> None:
    assembly, _ = meeting()
    (item,) = statement_of(export_of(assembly), OPENED_MS).items
    assert item.title == "Picnic"
    assert item.text == REMOVED
    assert item.reasons[0][1] == REMOVED
    (item,) = statement_of(export_of(assembly, WORDS), OPENED_MS).items
    assert item.reasons[0][1] == "At the lake.\nBring tea."


def test_a_result_that_does_not_hold_is_marked_on_paper() -> None:
    assembly, _ = meeting()
    export = export_of(assembly)
    (decided,) = export.decisions
    row = replace(decided.evidence.row, yes=6)
    false = replace(export, decisions=(replace(decided, evidence=replace(decided.evidence, row=row)),))
    statement = statement_of(false, OPENED_MS)
    assert not statement.items[0].is_sound
    assert "does not give these figures" in statement.items[0].check
    assert 'class="unsound"' in statement_html(statement)
    assert statement_pdf(statement).startswith(b"%PDF-")


def test_html_is_whole_loads_nothing_and_has_headings_in_order() -> None:
    outline = _Outline()
    text = statement_html(_statement(_NASTY, _NASTY))
    outline.feed(text)
    assert outline.open == []
    assert outline.loads == []
    assert "script" not in outline.tags
    assert [tag for tag in outline.tags if re.fullmatch(r"h\d", tag)][:3] == ["h1", "h2", "h3"]
    assert '<html lang="en">' in text
    assert outline.tags.count("caption") == outline.tags.count("table")
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize("words", [_NASTY, "日本 \U0001f375", "= heading\n#let x = 1\n- a", "a" * 5000, "#"])
def test_pdf_takes_any_words_and_runs_none(words: str) -> None:
    pdf = statement_pdf(_statement(words, words))
    assert pdf.startswith(b"%PDF-1.7")
    assert b"/StructTreeRoot" in pdf or b"/MarkInfo" in pdf


def test_pdf_is_made_to_be_read_aloud() -> None:
    pdf = statement_pdf(_statement())
    assert b"pdfuaid" in pdf
    assert pdf == statement_pdf(_statement())


def test_a_meeting_without_decisions() -> None:
    statement = Statement("Circle", bytes(32).hex(), OPENED_MS, ())
    assert "Nothing was decided." in statement_html(statement)
    assert statement_pdf(statement).startswith(b"%PDF-")


def test_decisions_stand_in_the_order_in_which_they_were_closed() -> None:
    assembly = Assembly(3, decisions={"picnic": _QUICK})
    for hour in range(4):
        proposal = assembly.propose(0, "picnic", {"hour": hour})
        assembly.cast_all(proposal, YES, YES)
        assembly.later(10)
        assembly.end_block()
    times = [dict(item.times)["Counted"] for item in statement_of(export_of(assembly), OPENED_MS).items]
    assert times == [day_and_time(OPENED_MS + 36_000_000 * (hour + 1)) for hour in range(4)]


@pytest.mark.parametrize("subject", sorted(bodies()))
def test_every_subject_has_words(subject: str) -> None:
    words = about_in_words(Proposal(subject, bodies()[subject]), lambda member: f"<{member.hex()[:2]}>")
    assert words != subject.replace("_", " ").capitalize()
    assert "{" not in words


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"rule": "majority", "quorum": [0, 1]}, "needs more yes than no; no quorum"),
        ({"rule": "consent"}, "passes if nobody objects with a reason; at least 1/2"),
        ({"rule": "supermajority", "share": [3, 4]}, "needs 3/4 of yes among yes and no; at least 1/2"),
    ],
)
def test_rules_in_words(rule: dict[str, object], words: str) -> None:
    assert rule_in_words(rule_of_value(rule, 0), "text").startswith(words)
    assert rule_in_words(rule_of_value(rule, 0), "council").startswith("elected by ranked ballots")


def test_times_that_no_calendar_has() -> None:
    assert day_and_time(2**53 - 1) == "at an impossible time"
