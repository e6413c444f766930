"""Figures as pictures (D20): files of the right kind, texts as they are, the same bytes for the same."""

from xml.etree import ElementTree as ET

from p2pnode.exporters.plotting import drawn
from p2pnode.local.figure_shapes import Evenness, FiguresShown, Share

_NASTY = "<script>alert(1)</script> $x^2$ & \x1b[31m 北 \\frac"


def _share(text: str) -> Share:
    return Share(exact="1/2", percent=text)


def _figures(**changed: object) -> FiguresShown:
    even = Evenness(top_tenth=_share("50.0 %"), gini=_share("20.0 %"), tenths=[10 * n for n in range(1, 11)])
    found = {
        "group": "00" * 32,
        "name": "garden",
        "commons": "",
        "height": 3,
        "members": 4,
        "contributors": 3,
        "streams": [
            {"stream": "care", "unit": "h", "amount": "3 h", "contributors": 3, "evenness": even},
            {"stream": "commons", "unit": "", "amount": "4", "contributors": 1, "evenness": None},
        ],
        "months": [
            {
                "month": f"2026-{month:02}",
                "contributors": month,
                "amounts": [{"stream": "care", "unit": "h", "amount": "1.5 h", "permille": 1000}],
            }
            for month in range(1, 9)
        ],
        "uses": [],
        "back": [],
        "inflows": [],
        "flows": [
            {
                "unit": "EUR",
                "between_members": "0 EUR",
                "mutual": None,
                "received": "10 EUR",
                "to_members": "5 EUR",
                "to_others": "0 EUR",
                "returned": _share("50.0 %"),
            }
        ],
    }
    return {**found, **changed}  # type: ignore[typeddict-item]


def _texts(data: bytes) -> list[str]:
    return [one.text or "" for one in ET.fromstring(data).iter() if one.tag.endswith("}text")]


def test_d20_an_svg_holds_its_words_as_text_and_no_script() -> None:
    data = drawn(_figures(name=_NASTY), "svg")
    texts = " ".join(_texts(data))
    assert "<script>alert(1)</script> $x^2$ &" in texts
    assert "2026-08" in texts
    assert not [one for one in ET.fromstring(data).iter() if one.tag.endswith("script")]


def test_d20_the_same_figures_give_the_same_bytes() -> None:
    small = _figures(months=[], streams=[])
    assert drawn(small, "svg") == drawn(small, "svg")


def test_d20_a_png_is_a_png_also_of_nothing() -> None:
    empty = _figures(streams=[], months=[], flows=[], contributors=0)
    assert drawn(empty, "png").startswith(b"\x89PNG\r\n")
