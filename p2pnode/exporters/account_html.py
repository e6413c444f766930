"""What was given and received as one HTML file: no script, nothing loaded, readable aloud and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from p2pnode.exporters.account_words import (
    cut_words,
    how_to_check,
    moment_of,
    ordered_up_to,
    period_of,
    proof_of,
    title_of,
)
from p2pnode.exporters.statement import day_and_time
from p2pnode.exporters.statement_html import POLICY, STYLE
from p2pnode.local.account_shapes import Account, AccountSection

_COLUMNS = ("When", "What", "How much", "How far it is", "Entry")


def account_html(account: Account) -> str:
    """The whole file."""
    title = escape(title_of(account))
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        f"<title>{title}</title>",
        f"<style>\n{STYLE}\nbody {{ max-width: 60rem; }}\n</style>",
        "</head>",
        "<body>",
        "<main>",
        f"<h1>{title}</h1>",
        f"<p>Made on {escape(day_and_time(account['made_ms']))} in {escape(account['group'])}. Group:",
        f'<span class="reference">{escape(account["group_id"])}</span></p>',
        f"<p>{escape(period_of(account))} {escape(ordered_up_to(account))}</p>",
        *([f'<p class="unsound">{escape(cut_words())}</p>'] if account["is_cut"] else []),
    ]
    for number, section in enumerate(account["sections"], start=1):
        parts += _section(number, section)
    parts += ['<article aria-labelledby="checking">', '<h2 id="checking">How to check it</h2>']
    parts += [f"<p>{escape(sentence)}</p>" for sentence in how_to_check(account)]
    return "\n".join([*parts, "</article>", "</main>", "</body>", "</html>", ""])


def _section(number: int, section: AccountSection) -> Iterator[str]:
    yield f'<section aria-labelledby="section-{number}">'
    yield f'<h2 id="section-{number}">{escape(section["title"])}</h2>'
    if not section["lines"]:
        yield f"<p>{escape(section['empty'])}</p>"
    else:
        yield "<table>"
        yield "<tr>" + "".join(f'<th scope="col">{one}</th>' for one in _COLUMNS) + "</tr>"
        for line in section["lines"]:
            cells = (moment_of(line), line["text"], line["amount"], line["state"])
            yield "<tr>" + "".join(f"<td>{escape(one)}</td>" for one in cells)
            yield f'<td class="reference">{escape(proof_of(line))}</td></tr>'
        yield "</table>"
    if section["totals"]:
        yield "<p>Together:</p>"
        yield "<ul>"
        yield from (f"<li>{escape(total)}</li>" for total in section["totals"])
        yield "</ul>"
    yield "</section>"
