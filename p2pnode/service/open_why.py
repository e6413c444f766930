"""Why something is still open: who has to sign, what is asked for, what is left of an offer or of a meter."""

from __future__ import annotations

from p2pnode.economy import event, metering, promising, recording, tables
from p2pnode.economy.labels import measure_text
from p2pnode.economy.tables import EventRow
from p2pnode.governance.tables import speaker_of
from p2pnode.service.commons_why import moment
from p2pnode.service.economy_feed import intent_shown
from p2pnode.service.economy_names import agent_name, amount, kind_name
from p2pnode.service.paging import Page, listed_rows
from p2pnode.service.viewing import GroupView

_LINES_MAX = 20
_LOOKED_AT_MAX = 500


def sign_remedy(view: GroupView, key: bytes, row: EventRow) -> str:
    """What whoever asks can do about an event that waits for signatures."""
    if row.status != tables.WAITING:
        return ""
    short, missing = (
        key.hex()[:8],
        recording.missing_signers(view.rows, row, event.decode(row.payload), view.context),
    )
    speaker = speaker_of(view.rows, view.own_key)
    if speaker is not None and speaker[0] in missing:
        return f"it waits for you: p2pnode sign {short}, or p2pnode sign {short} --decline"
    names = " and ".join(agent_name(view, one) for one in missing)
    return f"{names} has to say yes or no: p2pnode sign {short}" if names else ""


def claim_lines(view: GroupView, key: bytes) -> list[str]:
    """Why somebody asks for something; nothing for what is no claim."""
    row = tables.claim(view.rows, key)
    if row is None:
        return []
    said = promising.CLAIM.decode(row.payload)
    what = f"{measure_text(row.quantity)} {kind_name(view, said.resource_conforms_to)}".rstrip()
    because = row.triggered_by.hex()[:8]
    return [
        f"{agent_name(view, row.receiver)} asks {agent_name(view, row.provider)} for {what}: {row.status}",
        f"{amount(row.settled, row.quantity.unit)} of it was given",
        f"because of {because}: p2pnode why {because}",
    ]


def intent_lines(view: GroupView, key: bytes) -> list[str]:
    """How far an offer or a need was taken up, and by whom; nothing for what is neither."""
    row = tables.intent(view.rows, key)
    if row is None:
        return []
    shown = intent_shown(view, key, row, promising.INTENT.decode(row.payload))
    lines = [f"{shown['status']}; left: {shown['left'] or 'nothing'}"]
    taken = (
        (promise_id, promise)
        for promise_id, promise in listed_rows(view, "commitment", row.author, Page(_LOOKED_AT_MAX))
        if promise.satisfies == key
    )
    for promise_id, promise in list(taken)[:_LINES_MAX]:
        parties = {promise.provider, promise.receiver} - {row.author, None}
        who = ", ".join(sorted(agent_name(view, party) for party in parties))
        much = amount(promise.promised, promise.unit)
        lines.append(f"taken up by {who}: {much}, promise {promise_id.hex()[:8]}, {promise.status}")
    return lines


def meter_lines(view: GroupView, key: bytes, row: metering.MeterRow) -> list[str]:
    """Why a meter counts what it counts."""
    to = "" if row.receiver is None else f", for {agent_name(view, row.receiver)}"
    lines = [f"counts what {view.name(row.holder)} {row.action}s{to}: {amount(row.total, row.unit)} so far"]
    if row.reader is not None:
        lines.append(f"{view.name(row.reader)} may send its readings too")
    found = list(metering.runs(view.rows, key))
    for begin_ms, run in found[-_LINES_MAX:]:
        much = amount(run.total, row.unit)
        when = f"{run.count} readings from {moment(begin_ms)} to {moment(run.last_ms)}"
        lines.append(f"  {run.entry.hex()[:8]}: {much} in {when}")
    if not found:
        lines.append("nothing was read yet")
    return lines if row.status == tables.OPEN else [*lines, "closed: no more readings count"]
