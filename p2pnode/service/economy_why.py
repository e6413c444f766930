"""What follows from an entry about giving or taking: who has to sign, what it fulfils, how it was judged."""

from __future__ import annotations

from p2pnode.consensus.rows import row_key
from p2pnode.economy import tables
from p2pnode.economy.agreement import agreement
from p2pnode.economy.loop import loop
from p2pnode.economy.sharing import run_row
from p2pnode.economy.tables import ITEM_BYTES
from p2pnode.governance.tables import read, scan
from p2pnode.service.economy_loops import loop_lines, loops_about
from p2pnode.service.economy_names import agent_name
from p2pnode.service.economy_rows import agreement_shown, event_shown, promise_shown
from p2pnode.service.economy_rules import ECONOMY_RULES
from p2pnode.service.sharing_why import run_lines
from p2pnode.service.viewing import GroupView

_STATUS = {
    tables.WAITING: "it changes nothing yet: it waits for the signature of",
    tables.DECLINED: "somebody whom it names has declined it; it changes nothing",
    tables.STRUCK: "the group decided that it does not stand; it counts no more",
    tables.STANDING: "everybody whom it names has agreed; it counts",
}


def economy_lines(view: GroupView, entry_id: bytes) -> list[str]:
    """What the group's rows say about an entry, in words; nothing about other entries."""
    row = tables.event(view.rows, entry_id)
    if row is not None:
        return _event_lines(view, entry_id, row)
    if run_row(view.rows, entry_id) is not None:
        return run_lines(view, entry_id)
    if agreement(view.rows, entry_id) is not None:
        return _agreement_lines(view, entry_id)
    ring = loop(view.rows, entry_id)
    if ring is not None:
        return loop_lines(view, entry_id, ring)
    promise = tables.commitment(view.rows, entry_id)
    if promise is not None:
        shown = promise_shown(view, entry_id, promise)
        given = f"{shown['fulfilled']} of {shown['promised']} given; {shown['status']}"
        return [given, *loops_about(view, entry_id)]
    if read(view.rows, row_key("git_claim", entry_id)) is not None:
        return ["a claim about somebody's commit; it becomes a contribution when its author signs it"]
    return [
        f"record {int.from_bytes(item, 'big')} is void, {rule}: {ECONOMY_RULES.get(rule, ('', ''))[0]}"
        for item, rule in scan(view.rows, "void_record", entry_id)
        if len(item) == ITEM_BYTES
    ]


def _event_lines(view: GroupView, entry_id: bytes, row: tables.EventRow) -> list[str]:
    shown = event_shown(view, entry_id, row)
    waiting = f" {', '.join(shown['waits_for'])}" if shown["waits_for"] else ""
    lines = [f"given by {shown['provider']}, taken by {shown['receiver']}", _STATUS[row.status] + waiting]
    signers = ", ".join(agent_name(view, signer) for signer in row.signers)
    lines.append(f"signed by {signers}")
    for judged in shown["attestations"]:
        competence = f", competent in {judged['competence']}" if judged["competence"] else ""
        reason = f": {judged['reason']}" if judged["reason"] else ""
        lines.append(f"{judged['member']}{competence} {judged['verdict']}s it{reason}")
    return lines


def _agreement_lines(view: GroupView, agreement_id: bytes) -> list[str]:
    shown = agreement_shown(view, agreement_id)
    waiting = f", waits for {', '.join(shown['waits_for'])}" if shown["waits_for"] else ""
    lines = [f"the agreement {shown['name']} is {shown['status']}{waiting}"]
    for one in shown["clauses"]:
        if one["promised"]:
            given = f"{one['fulfilled']} of {one['promised']} {one['kind']}".rstrip()
            lines.append(f"{one['provider']} gave {one['receiver']} {given}")
    return lines
