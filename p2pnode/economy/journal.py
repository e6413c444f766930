"""What is counted when something is shared: lines that are only ever added, each in the block of its entry.

| table | key | value |
|---|---|---|
| `journal` | what in 1 byte, height in 8 bytes, number in 3 bytes | [[record, who, unit, kind, amount]...] |
| `settled_dispute` | record id | nil: the group decided that it counts, whatever members say of it |

A contribution counts from the block in which it stands. Taken back, struck, or disputed by as many as uphold
it, it is counted down by a line of the block that brought this, and up again once that is settled. So a run
over some blocks gives the same at any later time; what comes late is counted when it comes, nothing twice.
What comes in as outside money is no income (D7): there is no line of it. Readings of a meter are one line for
each entry: what its holder consumed by them, or what the group received.

The lines of a block are collected in `journal_open` (what in 1 byte, record id) while it is executed;
its end writes them ascending by record and leaves nothing there, so that a group agrees on a row for many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core import codec
from p2pnode.core.amount import Amount, add, negated
from p2pnode.core.codec import Value
from p2pnode.economy import event as events
from p2pnode.economy import tables, transvestment
from p2pnode.economy.actions import FLOWING
from p2pnode.economy.event import Event
from p2pnode.economy.form import Kind
from p2pnode.economy.measure import Measure
from p2pnode.economy.tables import STANDING, ZERO, EventRow
from p2pnode.governance import tables as members

LIVELIHOOD, COMMONS, CARE = "livelihood", "commons", "care"
CONSUMED, RECEIVED, GIVEN = "consumed", "received", "given"
_CODES = {LIVELIHOOD: b"\1", COMMONS: b"\2", CARE: b"\3", CONSUMED: b"\4", RECEIVED: b"\5", GIVEN: b"\6"}
CONTRIBUTED = (LIVELIHOOD, COMMONS, CARE)
_DISPUTE = "dispute"
_HEIGHT_BYTES = 8
_NUMBER_BYTES = 3

LINES_A_ROW = 100
"""The longest of them are below a kilobyte each, and a row may have 128."""


class Line(NamedTuple):
    """One line. Shapes: who gave or used; for what the group received or gave, the other side."""

    what: str
    height: int
    record: bytes
    who: bytes
    unit: str
    kind: str | None
    amount: Amount


def lines(rows: Rows, what: str, after: int, last: int) -> Iterator[Line]:
    """The lines of one sort in the blocks above one height up to another, in their order."""
    for height in range(after + 1, last + 1):
        prefix = row_key("journal", _CODES[what], height.to_bytes(_HEIGHT_BYTES, "big"))
        for _, data in rows.scan(prefix):
            for record_id, who, unit, kind, amount in codec.decode_own(data):
                yield Line(what, height, record_id, who, unit, kind, (amount[0], amount[1]))


def close_block(state: State, height: int) -> None:
    """Write the lines of a block, when nothing more is counted in it."""
    opened: dict[bytes, list[Value]] = {}
    prefix = row_key("journal_open")
    for key, data in state.take(prefix):
        code, record_id = key[len(prefix) : len(prefix) + 1], key[len(prefix) + 1 :]
        opened.setdefault(code, []).append([record_id, *codec.decode_own(data)])
    for code, found in opened.items():
        for number, first in enumerate(range(0, len(found), LINES_A_ROW)):
            place = height.to_bytes(_HEIGHT_BYTES, "big") + number.to_bytes(_NUMBER_BYTES, "big")
            part = found[first : first + LINES_A_ROW]
            state.put(row_key("journal", code, place), codec.encode_parts(part))


def note_event(
    state: State,
    group: bytes,
    record_id: bytes,
    row: EventRow,
    said: Event,
    flow: Measure,
    cost: Amount,
    *,
    is_new: bool,
) -> None:
    """Write down what an event changes, which stands now or stands no more.

    Shapes: the flow is below zero for what is taken back; cost is the part of it that no run has shared out;
    a new event corrects nothing, and nobody can have judged it before.
    Errors: FormatError amount.out_of_range.
    """
    kind = _words(state, said.resource_conforms_to)
    for what, who in _sorts(state, group, record_id, row, said):
        # A correction counts with the record that it corrects.
        if what not in CONTRIBUTED or is_new or not is_held_back(state, said.corrects or record_id):
            amount = cost if what == GIVEN else flow.amount
            _add(state, what, record_id, who, Measure(amount, flow.unit), kind)


def note_alike(
    state: State, group: bytes, row: EventRow, said: Event, flows: Sequence[tuple[bytes, Amount]]
) -> None:
    """Write down new events of which each but its amount is as one of them; none of them settles a claim."""
    kind = _words(state, said.resource_conforms_to)
    for what, who in _sorts(state, group, flows[0][0], row, said):
        for record_id, amount in flows:
            _add(state, what, record_id, who, Measure(amount, said.quantity.unit), kind)


def _sorts(rows: Rows, group: bytes, record_id: bytes, row: EventRow, said: Event) -> list[tuple[str, bytes]]:
    """The sorts of lines that an event makes, each with whom it is about."""
    found: list[tuple[str, bytes]] = []
    if said.action in FLOWING and row.provider != row.receiver:
        if row.receiver == group and not _is_capital(rows, record_id, said):
            found.append((RECEIVED, row.provider))
        if row.provider == group and not _pays_a_share(rows, said):
            found.append((GIVEN, row.receiver))
    if (said.action == "consume" or said.stream is not None) and members.member(rows, row.provider):
        found += [(CONSUMED, row.provider)] if said.action == "consume" else []
        found += [(said.stream, row.provider)] if said.stream is not None else []
    return found


def note_reading(state: State, entry_id: bytes, holder: bytes, flow: Measure, *, is_given: bool) -> None:
    """Write down what readings of a meter come to. Shapes: given, it is what the group receives; else what
    the holder consumed. Errors: FormatError amount.out_of_range.
    """
    _add(state, RECEIVED if is_given else CONSUMED, entry_id, holder, flow, None)


def is_held_back(rows: Rows, record_id: bytes) -> bool:
    """Whether a contribution does not count while members disagree: as many dispute it as uphold it."""
    judged = tables.rows_of(rows, tables.AttestationRow, "attestation", record_id)
    verdicts = [row.verdict for _, row in judged]
    disputed = verdicts.count(_DISPUTE)
    is_disputed = disputed > 0 and 2 * disputed >= len(verdicts)
    return is_disputed and rows.get(row_key("settled_dispute", record_id)) is None


def note_judgement(state: State, record_id: bytes, was_held_back: bool) -> None:
    """Count a standing contribution down or up after somebody judged it. Errors: FormatError
    amount.out_of_range.
    """
    row = tables.event(state, record_id)
    is_now = is_held_back(state, record_id)
    if row is None or row.status != STANDING or is_now == was_held_back:
        return
    said = events.decode(row.payload)
    if said.stream is None or members.member(state, row.provider) is None:
        return
    amount = (row.effort_amount if said.effort_quantity is not None else row.resource_amount) or ZERO
    change = Measure(negated(amount) if is_now else amount, said.quantity.unit)
    kind = _words(state, said.resource_conforms_to)
    _add(state, said.stream, record_id, row.provider, change, kind)


def settle_dispute(state: State, record_id: bytes) -> None:
    """Let a contribution count whatever members say of it: the group decided so."""
    was_held_back = is_held_back(state, record_id)
    members.write(state, row_key("settled_dispute", record_id), None)
    note_judgement(state, record_id, was_held_back)


def _is_capital(rows: Rows, record_id: bytes, said: Event) -> bool:
    """Whether an event, or what it corrects, is outside money that the group has adopted."""
    is_possible = said.action == "transfer" and said.stream is None
    return is_possible and transvestment.inflow(rows, said.corrects or record_id) is not None


def _pays_a_share(rows: Rows, said: Event) -> bool:
    """Whether the group gives what an earlier run has shared already."""
    claim = None if said.settles is None else tables.claim(rows, said.settles)
    return claim is not None and rows.get(row_key("distribution", claim.triggered_by)) is not None


def _words(rows: Rows, kind: Kind | None) -> str | None:
    if not isinstance(kind, bytes):
        return kind
    spec = tables.spec(rows, kind)
    return None if spec is None else spec.name


def _add(state: State, what: str, record_id: bytes, who: bytes, flow: Measure, kind: str | None) -> None:
    key = row_key("journal_open", _CODES[what], record_id)
    held = members.read(state, key)
    total = flow.amount if held is None else add((held[3][0], held[3][1]), flow.amount)
    if total == ZERO:
        state.delete(key)
    else:
        state.put(key, codec.encode_parts([who, flow.unit, kind, total]))
