"""The printed statement of giving and taking (W5): what it says, and that words stay words."""

from html.parser import HTMLParser

from p2pnode.exporters.account_html import account_html
from p2pnode.exporters.account_pdf import account_pdf
from p2pnode.local.account_shapes import Account, AccountLine

_NASTY = '<script>alert(1)</script> #read("/etc/passwd") $x$ */ \\ “Łódź” *bold*'


def _line(**changed: object) -> AccountLine:
    line = {
        "time_ms": 1_780_000_000_000,
        "text": "work gardening, Alice to garden, for commons",
        "amount": "2 h",
        "state": "final: a block has ordered it",
        "entry": "ab" * 32,
        "block": 7,
    }
    return {**line, **changed}  # type: ignore[typeddict-item]


def _account(*lines: AccountLine, **changed: object) -> Account:
    account = {
        "group": "garden",
        "group_id": "00" * 32,
        "who": "",
        "made_ms": 1_780_000_000_000,
        "from_ms": None,
        "to_ms": None,
        "height": 9,
        "block": "cd" * 32,
        "sections": [
            {"title": "Given", "lines": list(lines), "totals": ["2 h in final blocks"], "empty": "Nothing."}
        ],
        "is_cut": False,
    }
    return {**account, **changed}  # type: ignore[typeddict-item]


class _Reader(HTMLParser):
    """Which tags a file has, whether they close, its words, and what it would load or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.loads: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [name for name, _ in attrs if name in ("src", "href") or name.startswith("on")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def test_w5_a_line_says_how_far_it_is_and_how_to_prove_it() -> None:
    read = _Reader(account_html(_account(_line())))
    for words in (
        "Given and received: garden",
        "work gardening, Alice to garden, for commons",
        "final: a block has ordered it",
        "abababababababab, block 7",
        "2 h in final blocks",
        "up to block 9, " + "cd" * 32,
        "p2pnode proof verify line.proof --trusted " + "00" * 32,
    ):
        assert words in read.words, words
    assert not read.open


def test_w5_what_people_write_stays_text() -> None:
    read = _Reader(account_html(_account(_line(text=_NASTY), group=_NASTY, who=_NASTY)))
    assert read.words.count(_NASTY) >= 3
    assert "script" not in read.tags
    assert not read.loads
    assert not read.open


def test_w5_before_the_first_block_it_says_that_nothing_is_proven() -> None:
    read = _Reader(account_html(_account(_line(block=None), block="", height=0, is_cut=True)))
    assert "nothing of it can be proven" in read.words
    assert "There is more than this shows" in read.words


def test_w5_a_pdf_is_made_of_anything_that_people_write() -> None:
    account = _account(_line(text=_NASTY), _line(text="北京 🥕", time_ms=2**52, block=None), _line(state=""))
    data = account_pdf(account)
    assert data.startswith(b"%PDF-")
    assert data == account_pdf(account)
    assert account_pdf(_account()).startswith(b"%PDF-")
