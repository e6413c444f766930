"""What was given and received as PDF/UA: tagged, so that it can be read aloud, with its fonts inside.

What people wrote reaches the typesetter as data and never as markup.
"""

from __future__ import annotations

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
from p2pnode.exporters.statement_pdf import typeset
from p2pnode.local.account_shapes import Account

_SOURCE = """
#let account = json(bytes(sys.inputs.statement))
#set document(title: account.title)
#set text(lang: "en", size: 9pt)
#set page(paper: "a4", margin: 2cm, numbering: "1 / 1")
#set par(justify: false)
#show heading.where(level: 2): it => block(above: 2em, it)
= #account.title
Made on #account.made in #account.group.

Group: #text(size: 8pt, account.group_id)

#for sentence in account.sentences [ #sentence #parbreak() ]
#for section in account.sections [
  == #section.title
  #if section.lines.len() == 0 [ #section.empty ] else [
    #table(
      columns: (2.6cm, 1fr, 2.4cm, 3.6cm, 2.4cm),
      stroke: none,
      inset: (x: 2pt, y: 4pt),
      table.header([When], [What], [How much], [How far it is], [Entry]),
      table.hline(),
      ..section.lines.map(line => line.map(cell => [#cell])).flatten()
    )
  ]
  #if section.totals.len() > 0 [
    Together:
    #list(..section.totals.map(total => [#total]))
  ]
]
== How to check it
#for sentence in account.checking [ #sentence #parbreak() ]
"""


def account_pdf(account: Account) -> bytes:
    """The whole file. The same statement gives the same bytes on one machine."""
    shown = {
        "title": title_of(account),
        "made": day_and_time(account["made_ms"]),
        "group": account["group"],
        "group_id": account["group_id"],
        "sentences": [
            period_of(account),
            ordered_up_to(account),
            *([cut_words()] if account["is_cut"] else []),
        ],
        "sections": [
            {
                "title": section["title"],
                "empty": section["empty"],
                "totals": section["totals"],
                "lines": [
                    [moment_of(line), line["text"], line["amount"], line["state"], proof_of(line)]
                    for line in section["lines"]
                ],
            }
            for section in account["sections"]
        ],
        "checking": how_to_check(account),
    }
    return typeset(_SOURCE, shown, account["made_ms"])
