"""What machines of the simulator promise each other and set off, and that no promise is ever half kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2pnode.core.amount import Amount, add, negated
from p2pnode.core.events import Item
from p2pnode.economy import event, loop, promising, tables
from p2pnode.economy.event import EVENT_TYPE, Event
from p2pnode.economy.loop import LoopRow, Owed
from p2pnode.economy.measure import Measure
from p2pnode.economy.tables import OPEN, STANDING, ZERO, CommitmentRow, EventRow
from p2pnode.governance.tables import members, scan, speaker_of
from p2pnode.group_log import GroupLog
from p2pnode.loop_finding import loops_in
from tests.sim.disk import SimulatedShelf, queries_of

if TYPE_CHECKING:
    from tests.sim.machine import Machine

_WEEK_MS = 7 * 24 * 3600 * 1000


def owing_item(machine: Machine, log: GroupLog, kind: str, number: int) -> Item | None:
    """Something to promise, to find, to answer or to keep, by what is final here; or None."""
    rows, now_ms = queries_of(machine.disk, SimulatedShelf.path(log.group)).chain, machine.wall_ms
    speaker = speaker_of(rows, machine.key.public)
    if speaker is None:
        return None
    me = speaker[0]
    if kind == "owe":
        others = [one for one, row in members(rows) if row.status == "member" and one != me]
        hours = Measure((1 + number % 3, 0), "hour")
        said = promising.Commitment("work", effort_quantity=hours, receiver=others[number % len(others)])
        return Item(promising.COMMITMENT_TYPE, promising.COMMITMENT.encode(said))
    if kind == "ring":
        found = loops_in(loop.all_owed(rows, with_claims=False))
        if not found:
            return None
        ring = found[number % len(found)]
        return Item(loop.PROPOSE_TYPE, loop.LOOP.encode(loop.Loop(ring.unit, ring.items, now_ms + _WEEK_MS)))
    if kind == "nod":
        waiting = [key for key, _ in scan(rows, "loop_of", me)]
        if not waiting:
            return None
        answer = loop.Answer(waiting[number % len(waiting)], number % 7 > 0)
        return Item(loop.ANSWER_TYPE, loop.ANSWER.encode(answer))
    mine = [key for key, row in _promises(rows) if row.provider == me and row.status == OPEN]
    if not mine:
        return None
    kept = mine[number % len(mine)]
    promise = tables.commitment(rows, kept)
    assert promise is not None
    given = Event(
        "work",
        now_ms,
        effort_quantity=Measure((1, 0), "hour"),
        fulfills=kept,
        receiver=promise.receiver,
    )
    return Item(EVENT_TYPE, event.encode(given))


def _promises(rows: object) -> list[tuple[bytes, CommitmentRow]]:
    return list(tables.rows_of(rows, CommitmentRow, "commitment"))  # type: ignore[arg-type]


def broken_promise(log: GroupLog) -> str | None:
    """Which promise counts another sum than was given and set off, which loop gave somebody more, or None."""
    rows = log.file.chain
    counted: dict[bytes, Amount] = {}
    events = dict(tables.rows_of(rows, EventRow, "event"))
    for held in events.values():
        said = event.decode(held.payload)
        stands = held.status == STANDING and (
            said.corrects is None or events[said.corrects].status == STANDING
        )
        if stands and said.fulfills is not None:
            counted[said.fulfills] = add(counted.get(said.fulfills, ZERO), said.quantity.amount)
    set_off: dict[bytes, Amount] = {}
    for key, row in tables.rows_of(rows, LoopRow, "loop"):
        if row.status != loop.SETTLED:
            continue
        positions: dict[bytes, Amount] = {}
        for item in row.said.items:
            set_off[item.promise] = add(set_off.get(item.promise, ZERO), item.amount)
            owed = loop.owed(rows, item.promise)
            assert isinstance(owed, Owed)
            for person, change in ((owed.provider, negated(item.amount)), (owed.receiver, item.amount)):
                positions[person] = add(positions.get(person, ZERO), change)
        if any(total != ZERO for total in positions.values()) or row.signers != row.parties:
            return f"loop {key.hex()[:8]} moved {positions}"
    for key, promise in _promises(rows):
        expected = add(counted.get(key, ZERO), set_off.get(key, ZERO))
        if promise.fulfilled != expected:
            return f"promise {key.hex()[:8]} counts {promise.fulfilled} of {expected}"
        if tables.amount(rows, "set_off", key) != set_off.get(key, ZERO):
            return f"promise {key.hex()[:8]} has another sum set off"
    return None
