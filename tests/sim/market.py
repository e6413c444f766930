"""What machines of the simulator say about giving and taking, and that no sum is ever lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2pnode.core.amount import Amount, add, negated
from p2pnode.core.events import Item, Reply
from p2pnode.economy import event, journal, tables
from p2pnode.economy.event import EVENT_TYPE, Event, NewResource
from p2pnode.economy.measure import Measure
from p2pnode.economy.recording import COUNTERSIGN, COUNTERSIGN_TYPE, Countersignature
from p2pnode.governance.tables import members, scan, speaker_of
from p2pnode.group_log import GroupLog
from tests.sim.commoners import booking_item, commons_item
from tests.sim.commons_sums import lost_commons_sum
from tests.sim.disk import SimulatedShelf, queries_of
from tests.sim.writing import write

if TYPE_CHECKING:
    from tests.sim.machine import Machine
    from tests.sim.world import World

_KILOGRAM = Measure((1, 0), "kilogram")


def market_item(machine: Machine, log: GroupLog, kind: str, number: int) -> Item | None:
    """Something to say, by what is final here; None where there is nothing to speak of."""
    # Read beside the machine: what its person looks up is none of the statements after which its power goes.
    rows, now_ms = queries_of(machine.disk, SimulatedShelf.path(log.group)).chain, machine.wall_ms
    speaker = speaker_of(rows, machine.key.public)
    if speaker is None:
        return None
    if kind == "sign":
        waiting = [key for key, _ in scan(rows, "to_sign", speaker[0])]
        if not waiting:
            return None
        said = Countersignature(waiting[number % len(waiting)], number % 3 > 0)
        return Item(COUNTERSIGN_TYPE, COUNTERSIGN.encode(said))
    if kind == "common":
        return commons_item(rows, bytes(log.group), speaker[0], now_ms, number)
    if kind == "book":
        return booking_item(rows, bytes(log.group), now_ms, number)
    things = list(tables.rows_of(rows, tables.ResourceRow, "resource"))
    if kind == "make" or (kind == "use" and not things):
        made = Event(
            "produce",
            now_ms,
            creates=NewResource(f"bread {number}"),
            resource_quantity=_KILOGRAM,
            stream=event.STREAMS[number % len(event.STREAMS)],
        )
        return Item(EVENT_TYPE, event.encode(made))
    source = things[number % len(things)][0] if things else None
    if kind == "use":
        used = Event("consume", now_ms, resource_inventoried_as=source, resource_quantity=_KILOGRAM)
        return Item(EVENT_TYPE, event.encode(used))
    others = [member_id for member_id, row in members(rows) if row.status == "member"]
    given = Event(
        "transfer",
        now_ms,
        creates=None if source is None else NewResource(f"given {number}"),
        receiver=others[number % len(others)],
        resource_inventoried_as=source,
        resource_quantity=_KILOGRAM,
    )
    return Item(EVENT_TYPE, event.encode(given))


def lost_sum(log: GroupLog) -> str | None:
    """Which sum of the final rows does not conserve, or None."""
    rows = log.file.chain
    lost = lost_commons_sum(rows)
    if lost is not None:
        return lost
    sums: dict[str, Amount] = {}
    for table in ("given", "taken"):
        total: Amount = (0, 0)
        for _, value in scan(rows, table):
            total = add(total, (value[0], value[1]))
        sums[table] = total
    if sums["given"] != sums["taken"]:
        return f"given {sums['given']}, taken {sums['taken']}"
    there: Amount = (0, 0)
    for key, row in tables.rows_of(rows, tables.ResourceRow, "resource"):
        if row.onhand[0] < 0 or row.accounting != row.onhand:
            return f"resource {key.hex()[:8]} holds {row.onhand} of {row.accounting}"
        there = add(there, row.onhand)
    made: Amount = (0, 0)
    events = list(tables.rows_of(rows, tables.EventRow, "event"))
    for _, held in events:
        said = event.decode(held.payload)
        is_stock = said.creates is not None or said.resource_inventoried_as is not None
        if held.status == tables.STANDING and said.action in ("produce", "consume") and is_stock:
            amount = held.resource_amount or tables.ZERO
            made = add(made, amount if said.action == "produce" else (-amount[0], amount[1]))
    if made != there:
        return f"made {made}, there {there}"
    unaccounted = _unaccounted(log)
    if unaccounted is not None:
        return unaccounted
    waiting = {key[32:] for key, _ in scan(rows, "waiting")}
    held_back = {key for key, row in events if row.status == tables.WAITING}
    return None if waiting == held_back else f"{len(waiting)} listed as waiting, {len(held_back)} wait"


def give(world: World, name: str, label: str, receiver: str, mark: str) -> None:
    """Give the first thing there is, all of it, to somebody; `mark` names the event for who is to sign."""
    machine, group = world.machines[name], world.groups[label]
    if machine.node is None:
        return
    rows = machine.node.logs[group].file.chain
    source, held = next(iter(tables.rows_of(rows, tables.ResourceRow, "resource")))
    speaker = speaker_of(rows, world.machines[receiver].key.public)
    assert speaker is not None
    said = Event(
        "transfer",
        machine.wall_ms,
        creates=NewResource(f"given by {name}"),
        receiver=speaker[0],
        resource_inventoried_as=source,
        resource_quantity=Measure(held.onhand, held.unit),
    )

    def written(reply: Reply) -> None:
        world.proposals[mark] = bytes(reply.value[0].id)

    write(world, name, group, Item(EVENT_TYPE, event.encode(said)), written)


def sign(world: World, name: str, label: str, mark: str) -> None:
    """Sign what somebody gave, also before any block has ordered it."""
    named = world.proposals.get(mark)
    if named is not None and world.machines[name].node is not None:
        said = Countersignature(named, True)
        write(world, name, world.groups[label], Item(COUNTERSIGN_TYPE, COUNTERSIGN.encode(said)))


def _unaccounted(log: GroupLog) -> str | None:
    """What of the contributions the journal does not account for, or None."""
    rows = log.file.chain
    totals: dict[tuple[bytes, str, str], Amount] = {}
    for member_id, _ in members(rows):
        for stream, total in tables.contributions(rows, member_id):
            totals[member_id, stream, total.unit] = total.amount
    for what in event.STREAMS:
        for line in journal.lines(rows, what, 0, log.chain.tip.height):
            key = (line.who, what, line.unit)
            totals[key] = add(totals.get(key, tables.ZERO), negated(line.amount))
    for record_id, held in tables.rows_of(rows, tables.EventRow, "event"):
        said = event.decode(held.payload)
        is_counted = held.status == tables.STANDING and said.corrects is None and said.stream is not None
        if is_counted and journal.is_held_back(rows, record_id):
            key = (held.provider, said.stream or "", said.quantity.unit)
            amount = held.effort_amount if said.effort_quantity is not None else held.resource_amount
            totals[key] = add(totals[key], negated(amount or tables.ZERO))
    for (member_id, stream, unit), difference in totals.items():
        if difference != tables.ZERO:
            return f"{member_id.hex()[:8]} gave {difference} {unit} of {stream} that no block counts"
    return None
