"""The tables of a group's economy: the shape of each key and value, read and written by typed functions.

| table | key | value |
|---|---|---|
| `agent` | entry id | `AgentRow`: somebody or something outside the group that gives or takes |
| `spec` | entry id | `SpecRow`: what kind of thing something is |
| `process` | entry id | `ProcessRow` |
| `resource` | record id of the event that made it | `ResourceRow` |
| `event` | record id | `EventRow` |
| `to_sign` | member id, record id | nil: what waits for a member's counter-signature |
| `waiting` | member id, record id | nil: what a member has said that others still have to sign |
| `intent` | entry id | `IntentRow` |
| `commitment` | entry id, or id of a clause | `CommitmentRow` |
| `claim` | entry id | `ClaimRow` |
| `given` | provider, receiver, unit | amount |
| `taken` | receiver, provider, unit | the same amount, to be found from the other side |
| `contributed` | member id, stream, zero, unit | amount |
| `attestation` | record id, member id | `AttestationRow` |
| `git_claim` | record id | [importer, provider or nil, event, entry, item, time_ms] |
| `git_commit` | hash of root and commit | record id of the claim that stands |
| `void_record` | entry id, number in 2 bytes | the rule that makes a record of a batch void |

The tables of agreements stand with their rules (`agreement.py`). A record's id is its entry's, and in a batch
`record_id`. No rule here: what may be written when is the business of executors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, TypeVar

from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core import codec
from p2pnode.core.amount import Amount, add, amount_of_value
from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.economy.form import Kind, Place
from p2pnode.economy.measure import Measure
from p2pnode.governance.tables import scan

ITEM_BYTES = 2
ZERO: Amount = (0, 0)
SIGNERS_MAX = 64

WAITING, STANDING, DECLINED, STRUCK = "waiting", "standing", "declined", "struck"
"""An event waits for signatures, stands, was declined by somebody it names, or was struck by a decision."""

OPEN, FULFILLED, RELEASED, CLOSED = "open", "fulfilled", "released", "closed"

KNOWN_MAX = 4096
"""Rows whose bytes need not be read again: the accounts and promises that the events of a block change."""

_Row = TypeVar("_Row")
_known: dict[tuple[type[Any], bytes], Any] = {}
_columns: dict[type[Any], Callable[[Any], Any]] = {}


@dataclass(frozen=True, slots=True)
class AgentRow:
    """An agent that is no member. Shapes: kind is organization, ecological or person; a person's name stands
    in the annex alone (J11).
    """

    author: bytes
    kind: str
    name: str | None
    annex: bytes | None


@dataclass(frozen=True, slots=True)
class SpecRow:
    """A resource specification."""

    author: bytes
    name: str
    unit_of_resource: str | None
    unit_of_effort: str | None
    is_medium_of_exchange: bool


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """A process. Shapes: based_on is the name of its specification, the stage of what comes out of it."""

    author: bytes
    name: str
    based_on: str | None
    in_scope_of: str | None
    is_finished: bool


@dataclass(frozen=True, slots=True)
class ResourceRow:
    """A thing or a stock of things.

    Shapes: accountable has the rights, custodian holds it; accounting counts what belongs to the accountable,
    onhand what is there. Amounts are of `unit`.
    """

    name: str
    kind: Kind | None
    unit: str
    accounting: Amount
    onhand: Amount
    accountable: bytes | None
    custodian: bytes | None
    location: Place | None = None
    contained_in: bytes | None = None
    stage: str | None = None
    state: str | None = None
    tracking_identifier: str | None = None


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event of the order.

    Shapes: signers are member ids, ascending; the amounts are those of the event with its corrections;
    payload is the event as it was said; entry and item name where. Units: time_ms is the entry's.
    """

    status: str
    author: bytes
    provider: bytes
    receiver: bytes
    signers: tuple[bytes, ...]
    payload: bytes
    entry: bytes
    item: int
    time_ms: int
    resource_amount: Amount | None
    effort_amount: Amount | None
    mandate: bytes | None = None


@dataclass(frozen=True, slots=True)
class IntentRow:
    """An offer or a need. Shapes: taken counts what commitments have taken up of it. Units: time_ms is the
    entry's.
    """

    status: str
    author: bytes
    payload: bytes
    taken: Amount
    time_ms: int


@dataclass(frozen=True, slots=True)
class CommitmentRow:
    """A promise.

    Shapes: signers are the parties who agreed to it; clause_of names an agreement; payload is the promise or
    the clause as it was said.
    """

    status: str
    provider: bytes
    receiver: bytes | None
    signers: tuple[bytes, ...]
    action: str
    kind: Kind | None
    unit: str
    promised: Amount
    fulfilled: Amount
    due_ms: int | None
    clause_of: bytes | None
    satisfies: bytes | None
    payload: bytes


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """What somebody asks for because of an event. Shapes: provider is who is asked."""

    status: str
    provider: bytes
    receiver: bytes
    triggered_by: bytes
    quantity: Measure
    settled: Amount
    payload: bytes


@dataclass(frozen=True, slots=True)
class AttestationRow:
    """How a member judges a contribution. Shapes: competence is what the judgement rests on."""

    verdict: str
    competence: str | None
    annex: bytes | None
    entry: bytes


_REMEMBERED = frozenset({ClaimRow, CommitmentRow, IntentRow, ResourceRow})
"""Rows that come back from their bytes exactly as they were written, lists within lists there are none.

Events do too, but most of them are not looked at again in the block that orders them.
"""


# ---- one row of each table


def agent(rows: Rows, agent_id: bytes) -> AgentRow | None:
    """An agent outside the group."""
    return _get(rows, AgentRow, "agent", agent_id)


def spec(rows: Rows, spec_id: bytes) -> SpecRow | None:
    """A resource specification."""
    return _get(rows, SpecRow, "spec", spec_id)


def process(rows: Rows, process_id: bytes) -> ProcessRow | None:
    """A process."""
    return _get(rows, ProcessRow, "process", process_id)


def resource(rows: Rows, resource_id: bytes) -> ResourceRow | None:
    """A resource."""
    return _get(rows, ResourceRow, "resource", resource_id)


def event(rows: Rows, record_id: bytes) -> EventRow | None:
    """An event."""
    return _get(rows, EventRow, "event", record_id)


def intent(rows: Rows, intent_id: bytes) -> IntentRow | None:
    """An offer or a need."""
    return _get(rows, IntentRow, "intent", intent_id)


def commitment(rows: Rows, commitment_id: bytes) -> CommitmentRow | None:
    """A commitment."""
    return _get(rows, CommitmentRow, "commitment", commitment_id)


def claim(rows: Rows, claim_id: bytes) -> ClaimRow | None:
    """A claim."""
    return _get(rows, ClaimRow, "claim", claim_id)


def attestation(rows: Rows, record_id: bytes, member_id: bytes) -> AttestationRow | None:
    """How a member judges an event."""
    return _get(rows, AttestationRow, "attestation", record_id + member_id)


def event_key(record_id: bytes) -> bytes:
    """The key of the row that a receipt shows."""
    return row_key("event", record_id)


def event_of_value(data: bytes) -> EventRow:
    """The event in the value of a row, also one that somebody shows. Errors: FormatError receipt.bad_field,
    amount.*, codec.*.
    """
    value = codec.decode(data)
    names = [field.name for field in fields(EventRow)]
    if type(value) is not list or len(value) != len(names):
        raise FormatError("receipt.bad_field", "not the row of an event")
    checked = Fields(dict(zip(names, value, strict=True)), "receipt", names)
    checked.choice("status", (WAITING, STANDING, DECLINED, STRUCK))
    for name in ("author", "provider", "receiver", "entry"):
        checked.hash(name)
    if value[names.index("mandate")] is not None:
        checked.hash("mandate")
    for number, signer in enumerate(checked.items("signers", SIGNERS_MAX)):
        Fields({str(number): signer}, "receipt", (str(number),)).hash(str(number))
    for name in ("item", "time_ms"):
        checked.uint(name)
    for name in ("resource_amount", "effort_amount"):
        if value[names.index(name)] is not None:
            amount_of_value(checked.value(name))
    if type(checked.value("payload")) is not bytes:
        raise checked.refuse("payload", "not bytes")
    return _row(EventRow, value)


def put(state: State, table: str, key: bytes, row: Any) -> None:
    """Write a row of a table of this module."""
    data = codec.encode_parts(_columns_of(type(row))(row))
    if type(row) in _REMEMBERED:
        _remember(type(row), data, row)
    state.put(row_key(table, key), data)


def put_events(
    state: State,
    row: EventRow,
    ids: Sequence[bytes],
    payloads: Sequence[bytes],
    resource_amounts: Sequence[Amount] | None,
    effort_amounts: Sequence[Amount] | None,
) -> None:
    """Write the records of a batch as events that differ from a row in payload, item and amounts alone."""
    columns = list(_columns_of(EventRow)(row))
    names = [field.name for field in fields(EventRow)]
    payload, item, resource, effort = map(
        names.index, ("payload", "item", "resource_amount", "effort_amount")
    )
    start = row_key("event")
    for number, name in enumerate(ids):
        columns[payload], columns[item] = payloads[number], number
        if resource_amounts is not None:
            columns[resource] = resource_amounts[number]
        if effort_amounts is not None:
            columns[effort] = effort_amounts[number]
        state.put(start + name, codec.encode_parts(columns))


def rows_of(rows: Rows, made: type[_Row], table: str, *parts: bytes) -> Iterator[tuple[bytes, _Row]]:
    """All rows of a table: the key behind these parts, and the row, ascending."""
    return ((key, _row(made, value)) for key, value in scan(rows, table, *parts))


def _columns_of(made: type[Any]) -> Callable[[Any], Any]:
    """What gives the columns of a row in their order."""
    known = _columns.get(made)
    if known is None:
        known = _columns[made] = attrgetter(*(field.name for field in fields(made)))
    return known


def row(rows: Rows, made: type[_Row], table: str, key: bytes) -> _Row | None:
    """One row of a table, for modules that have tables of their own."""
    return _get(rows, made, table, key)


def _get(rows: Rows, made: type[_Row], table: str, key: bytes) -> _Row | None:
    data = rows.get(row_key(table, key))
    return None if data is None else row_of(made, data)


def row_of(made: type[_Row], data: bytes) -> _Row:
    """The row in the value of a row of this group, which is not checked again."""
    known = _known.get((made, data))
    if known is None:
        known = _row(made, codec.decode_own(data))
        _remember(made, data, known)
    row: _Row = known
    return row


def _remember(made: type[Any], data: bytes, row: Any) -> None:
    """Keep what some bytes stand for: most rows that are read were written or read a moment ago."""
    if len(_known) >= KNOWN_MAX:
        _known.clear()
    _known[made, data] = row


def _row(made: type[_Row], value: Value) -> _Row:
    row: _Row = made(*map(_frozen, value))
    return row


def _frozen(item: Value) -> Any:
    """A value of a row as the dataclasses hold it. Shapes: [[m, e], unit] is a measure."""
    if type(item) is not list:
        return item
    if len(item) == 2 and type(item[0]) is list and type(item[1]) is str:
        return Measure((item[0][0], item[0][1]), item[1])
    return tuple(item)


# ---- accounts


def amount(rows: Rows, table: str, *parts: bytes) -> Amount:
    """An amount in a row, zero where there is none."""
    return _amount_at(rows, row_key(table, *parts))


def add_amount(state: State, change: Amount, table: str, *parts: bytes) -> None:
    """Add to an amount in a row; a row of zero goes. Errors: FormatError amount.out_of_range."""
    key = row_key(table, *parts)
    total = add(_amount_at(state, key), change)
    if total == ZERO:
        state.delete(key)
    else:
        data = codec.encode_parts(total)
        _remember(tuple, data, total)
        state.put(key, data)


def _amount_at(rows: Rows, key: bytes) -> Amount:
    data = rows.get(key)
    if data is None:
        return ZERO
    known: Amount | None = _known.get((tuple, data))
    if known is None:
        mantissa, exponent = codec.decode_own(data)
        known = (mantissa, exponent)
        _remember(tuple, data, known)
    return known


def add_flow(state: State, provider: bytes, receiver: bytes, flow: Measure) -> None:
    """Count what one gave and another took: the same amount on both sides."""
    unit = flow.unit.encode("ascii")
    add_amount(state, flow.amount, "given", provider, receiver, unit)
    add_amount(state, flow.amount, "taken", receiver, provider, unit)


def flows(rows: Rows, table: str, agent_id: bytes) -> Iterator[tuple[bytes, Measure]]:
    """What somebody gave or took, by the other side and the unit."""
    for key, value in scan(rows, table, agent_id):
        yield key[:HASH_BYTES], Measure((value[0], value[1]), key[HASH_BYTES:].decode("ascii"))


def add_contribution(state: State, member_id: bytes, stream: str, given: Measure) -> None:
    """Count a contribution."""
    key = f"{stream}\0{given.unit}".encode("ascii")
    add_amount(state, given.amount, "contributed", member_id, key)


def contributed(rows: Rows, member_id: bytes, stream: str, unit: str) -> Amount:
    """What a member contributed of one stream and unit."""
    return amount(rows, "contributed", member_id, f"{stream}\0{unit}".encode("ascii"))


def contributions(rows: Rows, member_id: bytes) -> Iterator[tuple[str, Measure]]:
    """What a member contributed, by stream and unit."""
    for key, value in scan(rows, "contributed", member_id):
        stream, _, unit = key.decode("ascii").partition("\0")
        yield stream, Measure((value[0], value[1]), unit)


def count(rows: Rows, table: str, *parts: bytes) -> int:
    """How many rows there are."""
    return sum(1 for _ in rows.scan(row_key(table, *parts)))
