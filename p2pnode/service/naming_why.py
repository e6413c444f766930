"""`why` about what has a name and is no entry: balances, commons, things, meters, records, claims, offers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from p2pnode.core.errors import UsageError
from p2pnode.economy import event, metering, tables
from p2pnode.economy.actions import FLOWING
from p2pnode.economy.labels import measure_text
from p2pnode.economy.tables import STANDING
from p2pnode.service.commons_rows import commons_shown, thing_shown
from p2pnode.service.commons_why import moment
from p2pnode.service.economy_names import agent_name, amount, kind_name
from p2pnode.service.economy_why import economy_lines
from p2pnode.service.meters import meter_of
from p2pnode.service.naming_commons import commons_of
from p2pnode.service.naming_economy import FOUND_BY, agent_of, resource_of
from p2pnode.service.open_why import claim_lines, intent_lines, meter_lines, sign_remedy
from p2pnode.service.paging import Page, listed_rows
from p2pnode.service.viewing import GroupView

Explained = tuple[str, list[str], str]
"""What it is, why it is so, and what to do."""

_LINES_MAX = 20
_LOOKED_AT_MAX = 500


def thing_lines(view: GroupView, word: str) -> Explained | None:
    """What something is that a person names, why it is so, and what to do; None for others.

    Errors: UsageError of a word that may mean several things of one sort.
    """
    readings: tuple[Callable[[GroupView, str], Explained], ...] = (
        _balance,
        _commons,
        _thing,
        _meter,
        _record,
        _claim,
        _intent,
    )
    for reading in readings:
        try:
            return reading(view, word)
        except UsageError as error:
            if error.rule.endswith(".ambiguous"):
                raise
    return None


# ---- balances


def _balance(view: GroupView, word: str) -> Explained:
    """What two have given each other. Errors: UsageError agent.*."""
    first, _, second = word.partition("/")
    one, other = agent_of(view, first), agent_of(view, second)
    names = agent_name(view, one), agent_name(view, other)
    lines = [*_given(view, one, other), *_given(view, other, one)]
    if not lines:
        return f"the balance of {names[0]} with {names[1]}", ["neither has given the other anything yet"], ""
    behind = list(_behind(view, one, other))
    if behind:
        lines += ["behind it, the newest first:", *behind]
    lines.append("nothing of it is a debt; what was promised stands in promises, claims and agreements")
    return f"the balance of {names[0]} with {names[1]}", lines, ""


def balances_of(view: GroupView, member_id: bytes) -> list[str]:
    """With whom a member has a balance, and how to ask why."""
    name = view.name(member_id)
    others = {other for table in ("given", "taken") for other, _ in tables.flows(view.rows, table, member_id)}
    called = sorted(agent_name(view, other) for other in others)[:_LINES_MAX]
    return [f"has given to or taken from {', '.join(called)}; why: p2pnode why {name}/NAME"] if called else []


def _given(view: GroupView, provider: bytes, receiver: bytes) -> Iterator[str]:
    for other, flow in tables.flows(view.rows, "given", provider):
        if other == receiver and flow.amount != tables.ZERO:
            yield f"{agent_name(view, provider)} gave {agent_name(view, receiver)} {measure_text(flow)}"


def _behind(view: GroupView, one: bytes, other: bytes) -> Iterator[str]:
    """The newest records that make a balance."""
    shown = 0
    for record_id, row in listed_rows(view, "event", one, Page(_LOOKED_AT_MAX)):
        said = event.decode(row.payload)
        is_between = {row.provider, row.receiver} == {one, other}
        if not is_between or row.status != STANDING or said.action not in FLOWING:
            continue
        if shown == _LINES_MAX:
            yield f"and more: p2pnode record list {agent_name(view, one)}"
            return
        shown += 1
        what = f"{said.action} {measure_text(said.quantity)} {kind_name(view, said.resource_conforms_to)}"
        when, who = moment(said.performed_ms), agent_name(view, row.provider)
        correcting = "" if said.corrects is None else f", correcting {said.corrects.hex()[:8]}"
        yield f"  {record_id.hex()[:8]} of {when}: {who}, {what.rstrip()}{correcting}"
    for _, meter in tables.rows_of(view.rows, metering.MeterRow, "meter"):
        if meter.receiver is not None and {meter.holder, meter.receiver} == {one, other}:
            yield f"  the meter {meter.name}: {amount(meter.total, meter.unit)} in all its readings"


# ---- commons, things, meters


def _commons(view: GroupView, word: str) -> Explained:
    """Errors: UsageError commons.*."""
    shown = commons_shown(view, commons_of(view, word), None)
    lines = [f"guarded by {', '.join(shown['stewards'])}"]
    lines += [f"the licence: {term}" for term in shown["licence"]]
    for one in shown["standings"][:_LINES_MAX]:
        owed = f", owes {', '.join(one['owed'])}" if one["owed"] else ""
        verdict = f" is {one['verdict']}" if one["verdict"] else " has given or used nothing that is weighed"
        lines.append(f"{one['agent']}{verdict}{owed}")
    return (
        f"the commons {shown['name']}",
        lines,
        f"each entry behind it: p2pnode commons standing {shown['name']} NAME",
    )


def _thing(view: GroupView, word: str) -> Explained:
    """Errors: UsageError resource.*."""
    key = resource_of(view, word)
    shown = thing_shown(view, key)
    lines = [f"{shown['there']} there, {shown['of']} in the accounts of {shown['accountable'] or 'nobody'}"]
    if shown["custodian"] != shown["accountable"]:
        lines.append(f"held by {shown['custodian'] or 'nobody'}, whose it is not")
    if shown["commons"]:
        lines.append(f"it belongs to the commons {shown['commons']}")
    if shown["condition"]:
        because = f": {shown['why']}" if shown["why"] else ""
        lines.append(f"{shown['marked_by']} says that it is {shown['condition']}{because}")
    lines += [
        f"booked by {one['booker']}, booking {one['id'][:8]}: {one['status']}"
        for one in shown["bookings"][:_LINES_MAX]
    ]
    made = tables.event(view.rows, key)
    if made is not None:
        lines.append(f"it came by the record {key.hex()[:8]} of {agent_name(view, made.author)}")
    return f"the thing {shown['name']}", lines, ""


def _meter(view: GroupView, word: str) -> Explained:
    """Errors: UsageError meter.*."""
    key = meter_of(view, word)
    row = metering.meter(view.rows, key)
    assert row is not None, "named"
    return f"the meter {row.name}", meter_lines(view, key, row), ""


# ---- records, claims, offers


def _record(view: GroupView, word: str) -> Explained:
    """A record that came in a batch. Errors: UsageError event.*."""
    key = FOUND_BY["events"](view, word)
    row = tables.event(view.rows, key)
    lines = economy_lines(view, key)
    if row is not None:
        where = f"record {row.item} of the entry {row.entry.hex()[:8]}; whether that is final: p2pnode why"
        lines.append(f"{where} {row.entry.hex()[:8]}")
    return f"the record {key.hex()[:8]}", lines, "" if row is None else sign_remedy(view, key, row)


def _claim(view: GroupView, word: str) -> Explained:
    """Errors: UsageError claim.*."""
    key = FOUND_BY["claims"](view, word)
    return f"the claim {key.hex()[:8]}", claim_lines(view, key), ""


def _intent(view: GroupView, word: str) -> Explained:
    """Errors: UsageError intent.*."""
    key = FOUND_BY["intents"](view, word)
    return f"the offer or need {key.hex()[:8]}", intent_lines(view, key), ""
