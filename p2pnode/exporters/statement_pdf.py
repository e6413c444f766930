"""A statement of decisions as PDF/UA: tagged, so that it can be read aloud, with its fonts inside.

What people wrote reaches the typesetter as data and never as markup.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from p2pnode.exporters.statement import Statement

_SOURCE = """
#let statement = json(bytes(sys.inputs.statement))
#let pairs(caption, rows) = [
  === #caption
  #for row in rows [ #terms.item([#row.at(0)], [#row.at(1)]) ]
]
#set document(title: statement.title)
#set text(lang: "en", size: 11pt)
#set page(paper: "a4", margin: 2cm, numbering: "1 / 1")
#set par(justify: false)
#show heading.where(level: 2): it => block(above: 2em, it)
= #statement.title
Made on #statement.made.

Group: #text(size: 8pt, statement.group_id)
#if statement.items.len() == 0 [ Nothing was decided. ]
#for (index, item) in statement.items.enumerate() [
  == #(index + 1). #item.title
  #if item.about != item.title [ #item.about ]

  #strong(item.result)

  #for line in item.text.split("\\n") [ #line #linebreak() ]
  #if item.elected.len() > 0 [
    === Elected
    #enum(..item.elected.map(name => [#name]))
  ]
  #pairs("Ballots", item.figures.map(row => (row.at(0), str(row.at(1)))))

  Rule: #item.rule.
  #if item.reasons.len() > 0 { pairs("Reasons of objections", item.reasons) }
  #if item.answers.len() > 0 { pairs("Answers of the person concerned", item.answers) }
  #pairs("Times", item.times)
  #if item.is_sound [ #item.check ] else [ #block(stroke: 2pt, inset: 6pt, strong(item.check)) ]

  Proposal: #text(size: 8pt, item.reference)
]
"""


def statement_pdf(statement: Statement) -> bytes:
    """The whole file. The same statement gives the same bytes on one machine."""
    shown = {**asdict(statement), "title": statement.title, "made": statement.made}
    return typeset(_SOURCE, shown, statement.made_ms)


def typeset(source: str, shown: Mapping[str, Any], made_ms: int) -> bytes:
    """A file out of a source and the data that it prints. Units: made_ms in ms since 1970."""
    import typst

    inputs = {"statement": json.dumps(shown)}
    moment = made_ms // 1000
    try:
        return typst.compile(
            source.encode(), format="pdf", sys_inputs=inputs, pdf_standards="ua-1", timestamp=moment
        )
    except typst.TypstError:
        # A letter that no font here can draw must not keep anybody from printing: PDF/UA forbids the empty
        # box in its place, an ordinary tagged PDF shows it.
        return typst.compile(source.encode(), format="pdf", sys_inputs=inputs, timestamp=moment)
