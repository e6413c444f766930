"""What follows from an entry about giving or taking: who has to sign, what it fulfils, how it was judged."""

from __future__ import annotations

from p2pnode.consensus.rows import row_key
from p2pnode.core.errors import UsageError
from p2pnode.economy import metering, tables
from p2pnode.economy.agreement import ACCEPTED, CLOSED, AgreementRow, agreement
from p2pnode.economy.loop import loop
from p2pnode.economy.sharing import run_row
from p2pnode.economy.tables import ITEM_BYTES
from p2pnode.governance.tables import read, scan, speaker_of
from p2pnode.service.commons_why import commons_lines
from p2pnode.service.economy_loops import loop_lines, loops_about
from p2pnode.service.economy_names import agent_name
from p2pnode.service.economy_rows import agreement_shown, event_shown, missing_answers, promise_shown
from p2pnode.service.economy_rules import ECONOMY_RULES
from p2pnode.service.naming_economy import agreement_of, commitment_of
from p2pnode.service.open_why import claim_lines, intent_lines, meter_lines, sign_remedy
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
        # Means from outside are an event of the same id, once the group has adopted them.
        return _event_lines(view, entry_id, row) + commons_lines(view, entry_id)
    if run_row(view.rows, entry_id) is not None:
        return run_lines(view, entry_id)
    if agreement(view.rows, entry_id) is not None:
        return _agreement_lines(view, entry_id)
    ring = loop(view.rows, entry_id)
    if ring is not None:
        return loop_lines(view, entry_id, ring)
    about_commons = commons_lines(view, entry_id)
    if about_commons:
        return about_commons
    promise = tables.commitment(view.rows, entry_id)
    if promise is not None:
        shown = promise_shown(view, entry_id, promise)
        given = f"{shown['fulfilled']} of {shown['promised']} given; {shown['status']}"
        people = f"{shown['provider']} promised {shown['receiver'] or 'whoever wants it'}"
        agreed = [] if promise.clause_of is None else _agreement_lines(view, promise.clause_of)
        return [
            f"{people} {shown['promised']} {shown['kind']}".rstrip(),
            given,
            *loops_about(view, entry_id),
            *agreed,
        ]
    if read(view.rows, row_key("git_claim", entry_id)) is not None:
        return ["a claim about somebody's commit; it becomes a contribution when its author signs it"]
    found = claim_lines(view, entry_id) or intent_lines(view, entry_id)
    if found:
        return found
    meter = metering.meter(view.rows, entry_id)
    if meter is not None:
        return meter_lines(view, entry_id, meter)
    return [
        f"record {int.from_bytes(item, 'big')} is void, {rule}: {ECONOMY_RULES.get(rule, ('', ''))[0]}"
        for item, rule in scan(view.rows, "void_record", entry_id)
        if len(item) == ITEM_BYTES
    ]


def economy_remedy(view: GroupView, entry_id: bytes) -> str:
    """What whoever asks can do about an entry that waits for signatures, or nothing."""
    row = tables.event(view.rows, entry_id)
    if row is not None:
        return sign_remedy(view, entry_id, row)
    agreed = agreement(view.rows, entry_id)
    return "" if agreed is None else _remedy(view, agreed)


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
    if shown["reason"]:
        lines.append(f"{shown['ended_by']} said: {shown['reason']}")
    for one in shown["clauses"]:
        if one["promised"]:
            given = f"{one['fulfilled']} of {one['promised']} {one['kind']}".rstrip()
            set_off = f", {one['set_off']} of it set off in loops" if one["set_off"] else ""
            lines.append(f"{one['provider']} gave {one['receiver']} {given}{set_off}")
    lines += [f"frozen: {sentence}" for sentence in shown["frozen"]]
    if shown["status"] == ACCEPTED and shown["review_ms"] and shown["review_ms"] <= view.now_ms:
        lines.append("the day has come on which its parties wanted to look at it again")
    if shown["status"] == CLOSED:
        left = ", ".join(f"{part['left']} of clause {part['clause']}" for part in shown["remainder"])
        lines.append(f"closed by {shown['ended_by'] or 'its own end'}; left: {left or 'nothing'}")
    return lines


def named_lines(view: GroupView, word: str) -> tuple[str, list[str], str] | None:
    """What an agreement or a clause is that a person names, why it is so, and what to do; None for others."""
    try:
        if "/" in word:
            key = commitment_of(view, word)
            return f"the clause {word}", economy_lines(view, key), ""
        key = agreement_of(view, word)
    except UsageError:
        return None
    row = agreement(view.rows, key)
    assert row is not None, "named"
    return f"the agreement {row.terms.name}", _agreement_lines(view, key), _remedy(view, row)


def _remedy(view: GroupView, row: AgreementRow) -> str:
    missing = missing_answers(view, row)
    speaker = speaker_of(view.rows, view.own_key)
    if speaker is not None and speaker[0] in missing:
        return f"say yes or no: p2pnode agree accept {row.terms.name}, or p2pnode agree decline"
    if missing:
        return "nobody is bound while they think; who proposed it may take it back: p2pnode agree withdraw"
    return ""
