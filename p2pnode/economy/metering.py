"""Meters: `meter.install`, `meter.read`, `meter.close`: readings become what somebody produced or consumed.

One entry carries up to 500 readings of one meter under one signature; each is judged by itself, as a
record of a batch is, and named like one (J13). A reading says how much flowed in the interval that ends with
it. Raw readings stay in the log; the rows keep a sum for each entry, and for each holder, action, unit and
month. What is consumed counts when something is shared by use; what a meter produces for the group is given
to it, interval by interval, and shared with what else it receives.

| table | key | value |
|---|---|---|
| `meter` | entry id | `MeterRow` |
| `meter_of` | holder, name | entry id of the open meter of that name |
| `meter_run` | meter id, beginning of the first interval in 8 bytes | `RunRow` |
| `metered` | holder, action, zero, unit, zero, month | amount |

Source: D12.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core import codec
from p2pnode.core.amount import Amount, add, amount_of
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.core.limits import BATCH_RECORDS_MAX, CLOCK_AHEAD_MS_MAX, COUNTER_MAX
from p2pnode.economy import agents, form, journal, tables
from p2pnode.economy.form import Form
from p2pnode.economy.measure import Measure
from p2pnode.economy.record import Record
from p2pnode.economy.tables import CLOSED, ITEM_BYTES, OPEN
from p2pnode.governance import tables as members

INSTALL_TYPE = "meter.install"
READ_TYPE = "meter.read"
CLOSE_TYPE = "meter.close"

PRODUCE, CONSUME = "produce", "consume"
DECIMALS_MAX = 9
EVERY_MS_MIN = 1000
EVERY_MS_MAX = 366 * 86_400_000
METERS_MAX = 100
"""Meters of one member."""

READINGS_BYTES_MAX = 16 * 1024
_TIME_BYTES = 8
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Meter:
    """A register that counts what its holder, the author, produces or consumes.

    Shapes: decimals says in which part of the unit readings are written; reader is another member who may
    send them. Units: every_ms is the interval of readings.
    """

    action: str
    decimals: int
    every_ms: int
    name: str
    unit: str
    in_scope_of: str | None = None
    reader: bytes | None = None
    receiver: bytes | None = None


def _check(meter: Meter) -> None:
    if meter.receiver is not None and meter.action != PRODUCE:
        raise FormatError("meter.bad_receiver", "only what is produced goes to somebody")


INSTALL: Form[Meter] = Form(
    "meter",
    Meter,
    {
        "action": form.choice(PRODUCE, CONSUME),
        "decimals": form.number(DECIMALS_MAX),
        "every_ms": form.number(EVERY_MS_MAX, EVERY_MS_MIN),
        "name": form.a_name,
        "unit": form.a_unit,
    },
    {"in_scope_of": form.words, "reader": form.an_id, "receiver": form.an_id},
    _check,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """Readings of one meter. Shapes: readings are [end of the interval in ms, amount in the
    meter's decimals]; after_gap says that some are missing before the first, and that this is known.
    """

    meter: bytes
    readings: tuple[tuple[int, int], ...]
    after_gap: bool = False


@dataclass(frozen=True, slots=True)
class Close:
    """No more readings of a meter count."""

    meter: bytes


CLOSE: Form[Close] = Form("meter", Close, {"meter": form.an_id})


@dataclass(frozen=True, slots=True)
class MeterRow:
    """A meter. Shapes: last_ms is the end of the last interval that was read, total the sum of all."""

    status: str
    holder: bytes
    reader: bytes | None
    name: str
    action: str
    unit: str
    decimals: int
    every_ms: int
    in_scope_of: str | None
    last_ms: int | None
    total: Amount
    receiver: bytes | None = None


@dataclass(frozen=True, slots=True)
class RunRow:
    """What the readings of one entry come to. Shapes: first_ms is the beginning of the first interval."""

    entry: bytes
    first_ms: int
    last_ms: int
    count: int
    total: Amount


def encode_reading(said: Reading) -> bytes:
    """The payload of readings. Errors: FormatError reading.bad_field."""
    value: dict[str, codec.Value] = {
        "meter": said.meter,
        "readings": [list(reading) for reading in said.readings],
    }
    payload = codec.encode(value | ({"after_gap": True} if said.after_gap else {}))
    decode_reading(payload)
    return payload


def decode_reading(payload: bytes) -> Reading:
    """The readings in a payload. Errors: FormatError reading.bad_field, codec.*."""
    value = codec.decode(payload, bytes_max=READINGS_BYTES_MAX)
    fields = Fields(value, "reading", ("meter", "readings"), ("after_gap",))
    items = fields.items("readings", BATCH_RECORDS_MAX, least=1)
    for item in items:
        if type(item) is not list or len(item) != 2 or type(item[0]) is not int or type(item[1]) is not int:
            raise fields.refuse("readings", "not [time in ms, amount]")
        if not 0 <= item[0] <= COUNTER_MAX or not -COUNTER_MAX <= item[1] <= COUNTER_MAX:
            raise fields.refuse("readings", "beyond 53 bits")
    after_gap = fields.has("after_gap") and form.true(fields, "after_gap")
    return Reading(fields.hash("meter"), tuple((at_ms, amount) for at_ms, amount in items), after_gap)


# ---- executing


def install(state: State, record: Record, context: BlockContext) -> str | None:
    """Install a meter for its author."""
    said = INSTALL.decode(record.payload)
    if said.reader is not None and not agents.is_present(state, said.reader):
        return "meter.no_such_member"
    if said.receiver not in (None, context.group):
        # Anybody else would have to sign what they receive.
        return "meter.other_receiver"
    key = row_key("meter_of", record.author, said.name.encode())
    if state.get(key) is not None:
        return "meter.known"
    if tables.count(state, "meter_of", record.author) >= METERS_MAX:
        return "meter.too_many"
    members.write(state, key, record.id)
    row = MeterRow(
        status=OPEN,
        holder=record.author,
        reader=said.reader,
        name=said.name,
        action=said.action,
        unit=said.unit,
        decimals=said.decimals,
        every_ms=said.every_ms,
        in_scope_of=said.in_scope_of,
        last_ms=None,
        total=tables.ZERO,
        receiver=said.receiver,
    )
    tables.put(state, "meter", record.id, row)
    return None


def read(state: State, record: Record, _: BlockContext) -> str | None:
    """Count readings; those that do not hold are void by themselves. Errors: FormatError amount.*."""
    said = decode_reading(record.payload)
    row = meter(state, said.meter)
    if row is None:
        return "meter.unknown"
    if record.author not in (row.holder, row.reader):
        return "meter.not_yours"
    if row.status != OPEN:
        return "meter.closed"
    counted = _count(said, row, record.time_ms + CLOCK_AHEAD_MS_MAX)
    if counted.first_ms is None:
        return counted.rules[0][1]
    for item, rule in counted.rules:
        members.write(state, row_key("void_record", record.id, item.to_bytes(ITEM_BYTES, "big")), rule)
    for month in sorted(counted.months):
        key = f"{row.action}\0{row.unit}\0{month}".encode("ascii")
        flow = amount_of(counted.months[month], -row.decimals)
        if flow != tables.ZERO:
            tables.add_amount(state, flow, "metered", row.holder, key)
    total = amount_of(sum(counted.months.values()), -row.decimals)
    run = RunRow(record.entry, counted.first_ms, counted.last_ms, counted.count, total)
    tables.put(state, "meter_run", said.meter + counted.first_ms.to_bytes(_TIME_BYTES, "big"), run)
    after = add(row.total, total)
    tables.put(state, "meter", said.meter, replace(row, last_ms=counted.last_ms, total=after))
    if total != tables.ZERO:
        _share(state, record.id, row, Measure(total, row.unit))
    return None


def _share(state: State, record_id: bytes, row: MeterRow, flow: Measure) -> None:
    """Count for sharing what was read, and on the accounts what the group is given by it."""
    if row.action == CONSUME:
        journal.note_reading(state, record_id, row.holder, flow, is_given=False)
    elif row.receiver is not None:
        journal.note_reading(state, record_id, row.holder, flow, is_given=True)
        tables.add_flow(state, row.holder, row.receiver, flow)


@dataclass(slots=True)
class _Counted:
    """What some readings come to. Shapes: rules are those of void readings, by number; one owner."""

    last_ms: int
    first_ms: int | None = None
    count: int = 0
    months: dict[int, int] = field(default_factory=dict)
    rules: list[tuple[int, str]] = field(default_factory=list)


def _count(said: Reading, row: MeterRow, until_ms: int) -> _Counted:
    counted = _Counted(-1 if row.last_ms is None else row.last_ms)
    last_ms, is_gap_known = row.last_ms, said.after_gap
    for item, (at_ms, amount) in enumerate(said.readings):
        rule = _void_rule(last_ms, at_ms, row.every_ms, until_ms, is_gap_known=is_gap_known)
        if rule is None:
            last_ms, is_gap_known = at_ms, False
            if amount < 0:
                # The interval was read, so that those behind it still follow without a gap.
                rule = "meter.negative_flow"
        if rule is not None:
            counted.rules.append((item, rule))
            continue
        begin_ms = max(at_ms - row.every_ms, 0)
        if counted.first_ms is None:
            counted.first_ms = begin_ms
        month = month_of(begin_ms)
        counted.months[month] = counted.months.get(month, 0) + amount
        counted.count += 1
    counted.last_ms = counted.last_ms if last_ms is None else last_ms
    return counted


def _void_rule(
    last_ms: int | None, at_ms: int, every_ms: int, until_ms: int, *, is_gap_known: bool
) -> str | None:
    """Why a reading cannot follow the last one, or None."""
    if at_ms > until_ms:
        return "meter.in_future"
    if last_ms is None:
        return None
    if at_ms <= last_ms:
        return "meter.taken_twice"
    if at_ms < last_ms + every_ms:
        return "meter.overlap"
    return "meter.gap" if at_ms > last_ms + every_ms and not is_gap_known else None


def close(state: State, record: Record, _: BlockContext) -> str | None:
    """Let no more readings count; its holder does that, or who reads it."""
    said = CLOSE.decode(record.payload)
    row = meter(state, said.meter)
    if row is None:
        return "meter.unknown"
    if record.author not in (row.holder, row.reader):
        return "meter.not_yours"
    if row.status != OPEN:
        return "meter.closed"
    state.delete(row_key("meter_of", row.holder, row.name.encode()))
    tables.put(state, "meter", said.meter, replace(row, status=CLOSED))
    return None


# ---- what there is


def meter(rows: Rows, meter_id: bytes) -> MeterRow | None:
    """A meter."""
    return next((row for key, row in tables.rows_of(rows, MeterRow, "meter", meter_id) if not key), None)


def runs(rows: Rows, meter_id: bytes) -> Iterator[tuple[int, RunRow]]:
    """What was read of a meter, by the beginning of each entry's first interval, ascending."""
    for key, row in tables.rows_of(rows, RunRow, "meter_run", meter_id):
        yield int.from_bytes(key, "big"), row


def metered(rows: Rows, member_id: bytes) -> Iterator[tuple[str, int, Measure]]:
    """What meters of a member counted: action, month as 202603, and how much."""
    for key, value in members.scan(rows, "metered", member_id):
        action, unit, month = key.decode("ascii").split("\0")
        yield action, int(month), Measure((value[0], value[1]), unit)


def month_of(time_ms: int) -> int:
    """The month of a time in UTC, as year times 100 and month.

    Source: days to civil dates in the proleptic Gregorian calendar, years beginning in March.
    """
    day = time_ms // _DAY_MS + 719_468
    era, day_of_era = divmod(day, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    return year * 100 + month


def void_rules(rows: Rows, entry_id: bytes) -> dict[int, str]:
    """The rules that make records of an entry void, by their number."""
    return {
        int.from_bytes(key, "big"): str(value) for key, value in members.scan(rows, "void_record", entry_id)
    }
