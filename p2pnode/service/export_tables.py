"""The tables of an export: one for each kind of thing in a group's economy, with columns that stay.

Every row says whether it is final or only known here so far. Amounts are exact decimal texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from p2pnode.consensus.format import decode_header
from p2pnode.consensus.rows import row_key
from p2pnode.core.amount import amount_text
from p2pnode.core.crypto import HASH_BYTES
from p2pnode.core.errors import UsageError
from p2pnode.economy import booking, event, metering, promising, tables
from p2pnode.economy.actions import FLOWING
from p2pnode.economy.agreement import agreements, clause_id, status_at
from p2pnode.economy.event import Event
from p2pnode.economy.measure import Measure
from p2pnode.governance.tables import members, scan
from p2pnode.local.exchange_calls import ExportPage
from p2pnode.service.commons_rows import thing_name
from p2pnode.service.economy_names import agent_name, kind_name, place_text
from p2pnode.service.viewing import GroupView

ROWS_AT_ONCE = 5000
FINALITY = ("finality", "text")

Row = list[Any]
_Rows = Iterator[tuple[bytes, Row]]


def page_of(view: GroupView, name: str, after: str | None) -> ExportPage:
    """So many rows of a table behind a key. Errors: UsageError export.no_such_table, export.bad_place."""
    if name not in TABLES:
        raise UsageError(
            "export.no_such_table", f"there is no table '{name}'", f"one of {', '.join(sorted(TABLES))}"
        )
    try:
        start = None if after is None else bytes.fromhex(after)
    except ValueError as error:
        raise UsageError("export.bad_place", "pages are named by hexadecimal keys", "begin anew") from error
    columns, table, made = TABLES[name]
    changed = view.rows.changes()
    rows: list[Row] = []
    last: str | None = None
    for key, row in made(view, start or b""):
        if len(rows) == ROWS_AT_ONCE:
            break
        # A clause is as final as its agreement.
        is_changed = row_key(table, key[:HASH_BYTES] if name == "clauses" else key) in changed
        rows.append([*row, "provisional" if is_changed else "final"])
        last = key.hex()
    tip = view.final.tip()
    return ExportPage(
        group=view.group.hex(),
        name=view.describer.group_name,
        height=0 if tip is None else tip.height,
        time_ms=0 if tip is None else decode_header(tip.header).time_ms,
        columns=[list(column) for column in (*columns, FINALITY)],
        rows=rows,
        next=last if len(rows) == ROWS_AT_ONCE else None,
    )


def _behind(view: GroupView, made: type[Any], table: str, start: bytes) -> Iterator[tuple[bytes, Any]]:
    """The rows of a table with greater keys."""
    size = len(row_key(table))
    for key, value in view.rows.scan(row_key(table)):
        if key[size:] > start or not start:
            yield key[size:], tables.row_of(made, value)


def _hex(identifier: bytes | None) -> str:
    return "" if identifier is None else identifier.hex()


def _amount(measure: Measure | None) -> Row:
    return ["", ""] if measure is None else [amount_text(measure.amount), measure.unit]


def _agents(view: GroupView, start: bytes) -> _Rows:
    classes = {view.group: "group"}
    classes |= {member_id: "member" for member_id, _ in members(view.rows)}
    classes |= {key: row.kind for key, row in tables.rows_of(view.rows, tables.AgentRow, "agent")}
    for key in sorted(classes):
        if key > start:
            yield key, [key.hex(), agent_name(view, key), classes[key]]


def _kinds(view: GroupView, start: bytes) -> _Rows:
    for key, row in _behind(view, tables.SpecRow, "spec", start):
        units = [row.unit_of_resource or "", row.unit_of_effort or ""]
        yield key, [key.hex(), row.name, *units, row.is_medium_of_exchange]


def _processes(view: GroupView, start: bytes) -> _Rows:
    for key, row in _behind(view, tables.ProcessRow, "process", start):
        named = [row.based_on or "", row.in_scope_of or ""]
        yield key, [key.hex(), row.name, *named, row.author.hex(), row.is_finished]


def _resources(view: GroupView, start: bytes) -> _Rows:
    for key, row in _behind(view, tables.ResourceRow, "resource", start):
        held = [amount_text(row.accounting), amount_text(row.onhand), row.unit]
        whose = [_hex(row.accountable), _hex(row.custodian), place_text(row.location), _hex(row.contained_in)]
        state = [row.stage or "", row.state or "", row.tracking_identifier or ""]
        yield key, [key.hex(), row.name, kind_name(view, row.kind), *held, *whose, *state]


def _events(view: GroupView, start: bytes) -> _Rows:
    for key, row in _behind(view, tables.EventRow, "event", start):
        said = event.decode(row.payload)
        yield (
            key,
            [
                key.hex(),
                row.entry.hex(),
                row.item,
                row.status,
                said.action,
                row.provider.hex(),
                row.receiver.hex(),
                row.author.hex(),
                said.performed_ms,
                row.time_ms,
                kind_name(view, said.resource_conforms_to),
                *_amount(said.resource_quantity),
                *_amount(said.effort_quantity),
                *_amount(said.quantity if _is_counted(view, row, said) else None),
                said.stream or "",
                said.in_scope_of or "",
                *map(_hex, (said.corrects, said.fulfills, said.settles, said.realization_of)),
                *map(_hex, (said.input_of, said.output_of, said.resource_inventoried_as)),
                _hex(said.to_resource_inventoried_as),
                view.text(said.annex, "note"),
                said.lesson or "",
            ],
        )


def _is_counted(view: GroupView, row: tables.EventRow, said: Event) -> bool:
    """Whether an event stands on the accounts of its two sides."""
    if row.status != tables.STANDING or said.action not in FLOWING or row.provider == row.receiver:
        return False
    corrected = None if said.corrects is None else tables.event(view.rows, said.corrects)
    return corrected is None or corrected.status != tables.STRUCK


def _intents(view: GroupView, start: bytes) -> _Rows:
    for key, row in _behind(view, tables.IntentRow, "intent", start):
        said = promising.INTENT.decode(row.payload)
        kind = kind_name(view, said.resource_conforms_to)
        taken = amount_text(row.taken)
        place = place_text(said.eligible_location)
        note = view.text(said.annex, "note")
        words = [said.purpose, said.action, row.author.hex(), kind]
        yield (
            key,
            [key.hex(), row.status, *words, *_amount(said.quantity), taken, said.due_ms, place, note],
        )


def _commitments(view: GroupView, start: bytes) -> _Rows:
    for key, row in _behind(view, tables.CommitmentRow, "commitment", start):
        sides = [row.provider.hex(), _hex(row.receiver), kind_name(view, row.kind)]
        amounts = [amount_text(row.promised), amount_text(row.fulfilled), row.unit]
        named = [_hex(row.clause_of), _hex(row.satisfies)]
        yield key, [key.hex(), row.status, row.action, *sides, *amounts, row.due_ms, *named]


def _claims(view: GroupView, start: bytes) -> _Rows:
    for key, row in _behind(view, tables.ClaimRow, "claim", start):
        said = promising.CLAIM.decode(row.payload)
        sides = [row.provider.hex(), row.receiver.hex(), row.triggered_by.hex()]
        kind = kind_name(view, said.resource_conforms_to)
        amounts = [*_amount(row.quantity), amount_text(row.settled)]
        yield key, [key.hex(), row.status, said.action, *sides, kind, *amounts, said.due_ms]


def _agreements(view: GroupView, start: bytes) -> _Rows:
    for key, row in agreements(view.rows):
        if key > start:
            terms = row.terms
            parties = " ".join(party.hex() for party in terms.parties)
            times = [row.proposed_ms, terms.review_ms, terms.end_ms]
            status = status_at(row, view.now_ms)
            yield key, [key.hex(), terms.name, status, terms.mode, parties, *times, terms.hash.hex()]


def _clauses(view: GroupView, start: bytes) -> _Rows:
    for agreement_id, row in agreements(view.rows):
        for number, clause in enumerate(row.terms.clauses):
            key = agreement_id + number.to_bytes(2, "big")
            if key <= start:
                continue
            named = [clause_id(agreement_id, number).hex(), agreement_id.hex(), row.terms.name]
            sides = [clause.provider.hex(), clause.receiver.hex(), clause.action]
            what = [kind_name(view, clause.resource_conforms_to), *_amount(clause.quantity)]
            rhythm = [clause.times or 1, clause.every_days, clause.due_ms, row.terms.end_ms]
            status = status_at(row, view.now_ms)
            yield key, [*named, status, number + 1, *sides, *what, *rhythm]


def _balances(view: GroupView, start: bytes) -> _Rows:
    """What each gave another, and therefore what each took."""
    for key, value in scan(view.rows, "given"):
        if key > start:
            provider, receiver = key[:HASH_BYTES], key[HASH_BYTES : 2 * HASH_BYTES]
            unit = key[2 * HASH_BYTES :].decode("ascii")
            yield key, [provider.hex(), receiver.hex(), amount_text((value[0], value[1])), unit]


def _contributions(view: GroupView, start: bytes) -> _Rows:
    for key, value in scan(view.rows, "contributed"):
        if key > start:
            stream, _, unit = key[HASH_BYTES:].decode("ascii").partition("\0")
            given = amount_text((value[0], value[1]))
            yield key, [key[:HASH_BYTES].hex(), stream, given, unit]


def _bookings(view: GroupView, start: bytes) -> _Rows:
    for key, row in _behind(view, booking.BookingRow, "booking", start):
        whose = [row.booker.hex(), row.owner.hex(), row.resource.hex(), thing_name(view, row.resource)]
        times = [row.begin_ms, row.end_ms, row.out_ms, row.back_ms]
        yield key, [key.hex(), row.status, row.action, *whose, *_amount(row.quantity), *times]


def _meters(view: GroupView, start: bytes) -> _Rows:
    for key, row in _behind(view, metering.MeterRow, "meter", start):
        whose = [row.holder.hex(), _hex(row.reader), row.action, row.in_scope_of or ""]
        read = [row.every_ms, row.last_ms, amount_text(row.total), row.unit]
        yield key, [key.hex(), row.name, row.status, *whose, *read]


def _readings(view: GroupView, start: bytes) -> _Rows:
    for key, row in _behind(view, metering.RunRow, "meter_run", start):
        meter_id = key[:HASH_BYTES]
        held = metering.meter(view.rows, meter_id)
        assert held is not None, "only meters are read"
        times = [row.first_ms, row.last_ms, row.count]
        sides = [held.action, held.holder.hex(), _hex(held.receiver)]
        yield key, [meter_id.hex(), row.entry.hex(), *times, amount_text(row.total), held.unit, *sides]


def _metered(view: GroupView, start: bytes) -> _Rows:
    for key, value in scan(view.rows, "metered"):
        if key > start:
            action, unit, month = key[HASH_BYTES:].decode("ascii").split("\0")
            yield (
                key,
                [key[:HASH_BYTES].hex(), action, int(month), amount_text((value[0], value[1])), unit],
            )


def _columns(text: str) -> tuple[tuple[str, str], ...]:
    """Columns from names with the first letter of their kind behind a colon; text needs none."""
    kinds = {"a": "amount", "t": "time", "i": "integer", "f": "flag", "": "text"}
    return tuple((name, kinds[kind]) for name, _, kind in (word.partition(":") for word in text.split()))


TABLES: Mapping[
    str, tuple[tuple[tuple[str, str], ...], str, Callable[[GroupView, bytes], Iterator[tuple[bytes, Row]]]]
] = {
    "agents": (_columns("id name class"), "agent", _agents),
    "agreements": (
        _columns("id name status mode parties proposed:t review:t end:t terms"),
        "agreement",
        _agreements,
    ),
    "balances": (_columns("provider receiver amount:a unit"), "given", _balances),
    "bookings": (
        _columns("id status action booker owner resource thing amount:a unit begin:t end:t out:t back:t"),
        "booking",
        _bookings,
    ),
    "claims": (
        _columns("id status action provider receiver triggered_by kind amount:a unit settled:a due:t"),
        "claim",
        _claims,
    ),
    "clauses": (
        _columns(
            "id agreement agreement_name status number:i provider receiver action kind amount:a unit"
            " times:i every_days:i due:t end:t"
        ),
        "agreement",
        _clauses,
    ),
    "commitments": (
        _columns(
            "id status action provider receiver kind promised:a fulfilled:a unit due:t clause_of satisfies"
        ),
        "commitment",
        _commitments,
    ),
    "contributions": (_columns("member stream amount:a unit"), "contributed", _contributions),
    "events": (
        _columns(
            "id entry item:i status action provider receiver author performed:t recorded:t kind"
            " resource_amount:a resource_unit effort_amount:a effort_unit counted_amount:a counted_unit"
            " stream commons corrects fulfills settles realization_of input_of output_of resource to_resource"
            " note lesson"
        ),
        "event",
        _events,
    ),
    "intents": (
        _columns("id status purpose action author kind amount:a unit taken:a due:t place note"),
        "intent",
        _intents,
    ),
    "kinds": (_columns("id name unit_of_resource unit_of_effort medium_of_exchange:f"), "spec", _kinds),
    "metered": (_columns("member action month:i amount:a unit"), "metered", _metered),
    "meters": (
        _columns("id name status holder reader action commons every_ms:i last:t total:a unit"),
        "meter",
        _meters,
    ),
    "processes": (_columns("id name based_on commons author finished:f"), "process", _processes),
    "readings": (
        _columns("meter entry first:t last:t count:i amount:a unit action provider receiver"),
        "meter_run",
        _readings,
    ),
    "resources": (
        _columns(
            "id name kind accounting:a onhand:a unit accountable custodian place contained_in stage state"
            " tracking_identifier"
        ),
        "resource",
        _resources,
    ),
}
"""Each table: its columns, the rows from which it is made, and how."""
