"""Which entries that no block has ordered yet would be void, said before it happens (J37).

An entry that held when it was written may not hold once others have come: an offer was taken up, an agreement
withdrawn, a promise given back. Its author learns it from the log and from `why`, with the rule and a remedy.
"""

from __future__ import annotations

from collections.abc import Sequence

from p2pnode.core.entry_type import UNKNOWN_TYPE_RULE
from p2pnode.core.ids import Lane
from p2pnode.governance.state import PETITION_RULES
from p2pnode.local.shapes import EntryRow
from p2pnode.port import HeldGroup
from p2pnode.service.context import Context
from p2pnode.service.viewing import GroupView

_OPEN_STATES = ("signed", "acknowledged")


async def foresee(context: Context, held: HeldGroup, rows: Sequence[EntryRow]) -> None:
    """Write into rows of entries by which rule they would be void, were they ordered now; facts count."""
    undecided = [row for row in rows if row["state"] in _OPEN_STATES and row["lane"] != Lane.VOTES]
    if not undecided:
        return
    await context.view(held, lambda view: write_rules(view, undecided), with_facts=True)


def write_rules(view: GroupView, rows: Sequence[EntryRow]) -> None:
    """Write the rules that a view with facts has found into rows of entries."""
    for row in rows:
        entry_id = bytes.fromhex(row["entry"])
        if entry_id in view.provisional:
            row["rule"] = view.provisional[entry_id] or None


def foreseen(state: str, rule: str) -> str:
    """The words before a rule that would make an entry void, while no block has said so."""
    is_kept = rule in PETITION_RULES or rule in (UNKNOWN_TYPE_RULE, "level.unchecked")
    return "were it ordered now, it would be void, " if state in _OPEN_STATES and not is_kept else ""
