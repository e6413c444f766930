"""A statement of decisions as one HTML file: no script, nothing loaded, readable aloud and on paper."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from p2pnode.exporters.statement import Item, Statement

STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 Georgia, "Times New Roman", serif; max-width: 42rem; margin: 2rem auto; padding: 1rem; }
h1, h2, h3 { line-height: 1.25; }
article { border-top: 1px solid; margin-top: 2rem; break-inside: avoid-page; }
table { border-collapse: collapse; }
caption { text-align: left; font-weight: bold; }
th, td { text-align: left; padding: .15rem 1.5rem .15rem 0; font-weight: normal; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.result { font-size: 1.15rem; font-weight: bold; }
.words { white-space: pre-line; }
.unsound { border: 3px solid; padding: .5rem; font-weight: bold; }
.reference { font-family: monospace; overflow-wrap: anywhere; font-size: .85rem; }
@page { margin: 2cm; }
@media print { body { margin: 0; max-width: none; } }
""".strip()
"""How every statement looks, on a screen and on paper."""

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Whatever somebody wrote into a proposal, nothing in the file runs or is fetched."""


def statement_html(statement: Statement) -> str:
    """The whole file."""
    title = escape(statement.title)
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        f"<title>{title}</title>",
        f"<style>\n{STYLE}\n</style>",
        "</head>",
        "<body>",
        "<main>",
        f"<h1>{title}</h1>",
        f"<p>Made on {escape(statement.made)}. Group:",
        f'<span class="reference">{escape(statement.group_id)}</span></p>',
        *([] if statement.items else ["<p>Nothing was decided.</p>"]),
    ]
    for number, item in enumerate(statement.items, start=1):
        parts += _item(number, item)
    return "\n".join([*parts, "</main>", "</body>", "</html>", ""])


def _item(number: int, item: Item) -> Iterable[str]:
    yield f'<article aria-labelledby="decision-{number}">'
    yield f'<h2 id="decision-{number}">{number}. {escape(item.title)}</h2>'
    if item.about != item.title:
        yield f"<p>{escape(item.about)}</p>"
    yield f'<p class="result">{escape(item.result)}</p>'
    if item.text:
        yield f'<p class="words">{escape(item.text)}</p>'
    if item.elected:
        yield "<h3>Elected</h3>"
        yield "<ol>"
        yield from (f"<li>{escape(name)}</li>" for name in item.elected)
        yield "</ol>"
    yield "<table>"
    yield "<caption>Ballots</caption>"
    yield from (
        f'<tr><th scope="row">{escape(label)}</th><td class="number">{count}</td></tr>'
        for label, count in item.figures
    )
    yield "</table>"
    yield f"<p>Rule: {escape(item.rule)}.</p>"
    yield from _quoted("Reasons of objections", item.reasons)
    yield from _quoted("Answers of the person concerned", item.answers)
    yield "<table>"
    yield "<caption>Times</caption>"
    yield from (
        f'<tr><th scope="row">{escape(label)}</th><td>{escape(time)}</td></tr>' for label, time in item.times
    )
    yield "</table>"
    yield f"<p>{escape(item.check)}</p>" if item.is_sound else f'<p class="unsound">{escape(item.check)}</p>'
    yield f'<p>Proposal: <span class="reference">{escape(item.reference)}</span></p>'
    yield "</article>"


def _quoted(heading: str, words: Iterable[tuple[str, str]]) -> Iterable[str]:
    found = list(words)
    if found:
        yield f"<h3>{heading}</h3>"
        yield "<dl>"
        for name, text in found:
            yield f'<dt>{escape(name)}</dt><dd class="words">{escape(text)}</dd>'
        yield "</dl>"
