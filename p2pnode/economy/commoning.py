"""Carrying out what is said about commons: opening, changing, roles, and what the group adopts by decision.

Nobody encloses a commons: a licence is changed by who holds the right that the charter gives, and that is
nobody where it is silent; whoever else writes a change puts it before the group.
"""

from __future__ import annotations

from dataclasses import replace

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import State, row_key
from p2pnode.core.codec import Value
from p2pnode.core.errors import FormatError
from p2pnode.economy import agents, commons, event, recording, tables, transvestment, using
from p2pnode.economy.commons import ADOPTED, CHANGE_TYPE, WAITING, ChangeRow, CommonsRow
from p2pnode.economy.record import Record
from p2pnode.economy.tables import EventRow
from p2pnode.governance import tables as members
from p2pnode.governance.commons_rules import ASSIGN, CHANGE

COMMONS_SUBJECT = "commons"


def open_commons(state: State, record: Record, context: BlockContext) -> str | None:
    """Open a commons; its name is its own as long as the group lives."""
    said = commons.OPENING.decode(record.payload)
    if commons.commons_named(state, said.name) is not None:
        return "commons.name_taken"
    stewards = said.stewards or (record.author,)
    rule = commons.void_rule_of_parts(state, stewards, said.things, context)
    rule = rule or _take_things(state, record.id, (), said.things)
    if rule is not None:
        return rule
    members.write(state, commons.name_key(said.name), record.id)
    row = CommonsRow(
        author=record.author,
        name=said.name,
        kind=said.kind,
        reach=said.reach,
        terms=commons.licence_bytes(said.licence),
        stewards=stewards,
        things=said.things,
        opened_ms=context.time_ms,
    )
    tables.put(state, "commons", record.id, row)
    return None


def _take_things(
    state: State, commons_id: bytes, before: tuple[bytes, ...], after: tuple[bytes, ...]
) -> str | None:
    """Let things belong to a commons, and those that do not any more to none."""
    for thing in before:
        state.delete(row_key("commons_thing", thing))
    for thing in after:
        if commons.commons_of_thing(state, thing) is not None:
            return "commons.thing_taken"
        members.write(state, row_key("commons_thing", thing), commons_id)
    return None


def change_commons(state: State, record: Record, context: BlockContext) -> str | None:
    """Change a commons by right; without the right, put the change before the group."""
    said = commons.CHANGE.decode(record.payload)
    row = commons.commons(state, said.commons)
    if row is None:
        return "commons.unknown"
    if commons.has_right(state, said.commons, row, record.author, CHANGE):
        return _carry_out_change(state, context, record.payload)
    # What could not be carried out now is refused at once; a vote about it would be a waste.
    rule = _carry_out_change(state.overlay(), context, record.payload)
    if rule is None:
        waiting = ChangeRow(WAITING, record.author, said.commons, CHANGE_TYPE, record.payload)
        tables.put(state, "commons_change", record.id, waiting)
    return rule


def _carry_out_change(state: State, context: BlockContext, payload: bytes) -> str | None:
    said = commons.CHANGE.decode(payload)
    row = commons.commons(state, said.commons)
    assert row is not None, "a commons stays"
    rule = commons.void_rule_of_parts(state, said.stewards, said.things, context)
    if rule is None and said.things:
        rule = _take_things(state, said.commons, row.things, said.things)
    if rule is not None:
        return rule
    after = replace(
        row,
        reach=said.reach or row.reach,
        terms=commons.licence_bytes(said.licence) if said.licence else row.terms,
        stewards=said.stewards or row.stewards,
        things=said.things or row.things,
    )
    tables.put(state, "commons", said.commons, after)
    return None


def give_role(state: State, record: Record, context: BlockContext) -> str | None:
    """Give somebody a role in a commons, or end it; everybody may give up their own."""
    said = commons.ROLE.decode(record.payload)
    row = commons.commons(state, said.commons)
    if row is None:
        return "commons.unknown"
    if agents.kind_of(state, said.agent, context) in (None, agents.GROUP):
        return "commons.no_such_agent"
    is_mine = said.agent == record.author and said.role is None
    if not is_mine and not commons.has_right(state, said.commons, row, record.author, ASSIGN):
        return "commons.no_right"
    key = row_key("commons_role", said.commons, said.agent)
    if said.role is None:
        if state.get(key) is None:
            return "commons.no_role"
        state.delete(key)
    else:
        members.write(state, key, [said.role, record.id])
    return None


# ---- by decision


def adopt(state: State, context: BlockContext, body: Value) -> str | None:
    """Carry out what somebody has put before the group: a change, a withdrawal or an inflow."""
    entry_id = body["entry"]
    row = tables.row(state, ChangeRow, "commons_change", entry_id)
    attempt = state.overlay()
    try:
        if row is not None:
            rule = _adopt_change(attempt, context, entry_id, row)
        else:
            rule = _adopt_inflow(attempt, context, entry_id)
    except FormatError as error:
        return error.rule  # a sum beyond all bounds
    if rule is None:
        state.apply(attempt.changes())
    return rule


def _adopt_change(state: State, context: BlockContext, entry_id: bytes, row: ChangeRow) -> str | None:
    if row.status != WAITING:
        return "commons.adopted"
    tables.put(state, "commons_change", entry_id, replace(row, status=ADOPTED))
    if row.type == CHANGE_TYPE:
        return _carry_out_change(state, context, row.payload)
    return using.carry_out_withdrawal(state, row.payload)


def _adopt_inflow(state: State, context: BlockContext, entry_id: bytes) -> str | None:
    row = transvestment.inflow(state, entry_id)
    if row is None:
        return "commons.nothing_to_adopt"
    if row.status != WAITING:
        return "commons.adopted"
    said = transvestment.INFLOW.decode(row.payload)
    brought = replace(transvestment.as_event(said, context.group), provider=row.provider)
    event_row = EventRow(
        status=tables.WAITING,
        author=row.author,
        provider=row.provider,
        receiver=context.group,
        signers=(row.author,),
        payload=event.encode(brought),
        entry=entry_id,
        item=0,
        time_ms=row.time_ms,
        resource_amount=said.quantity.amount,
        effort_amount=None,
    )
    transvestment.open_claim(state, entry_id, row, context.group)
    return recording.let_stand(state, context, entry_id, event_row, brought)
