"""What can happen in a case: the verbs of its steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from p2pnode.core.annex import annex_hash, encode_annex
from p2pnode.core.codec import encode as encode_value
from p2pnode.core.crypto import sha256
from p2pnode.core.events import Item, Leave, Received, Reply
from p2pnode.core.ids import Lane
from p2pnode.economy import batch, claim, contribution
from p2pnode.economy.claim import CLAIM_TYPE, Claim
from p2pnode.economy.contribution import CONTRIBUTION_TYPE, Contribution
from p2pnode.economy.measure import Measure
from p2pnode.replication.exchange import Want
from p2pnode.replication.run import pack_runs
from tests.sim.assembly import agree, ballot, found, propose, voter
from tests.sim.keys import add_device, object_to, recover, revoke, rotate
from tests.sim.levelling import level, level_lie
from tests.sim.lies import lie
from tests.sim.market import give, market_item, sign
from tests.sim.owing import owing_item
from tests.sim.programs import LATER_TYPE, raise_rules, upgrade
from tests.sim.timeline import EPOCH_MS

if TYPE_CHECKING:
    from tests.sim.machine import Machine
    from tests.sim.world import Step, World

_DAY_MS = 24 * 60 * 60 * 1000


def perform(world: World, step: Step) -> None:
    """Do one step of a case; what cannot be done now (a machine is down, a name is unknown) is left out."""
    world.log(f"step {step[1:]}")
    VERBS[step[1]](world, *step[2:])


# ---- the life of a group


def _join(world: World, newcomer: str, inviter: str, label: str, uses: int, expiry_ms: int) -> None:
    """Shapes: uses of one link are shared by all joins of the same inviter and the same number of uses."""
    group = world.groups.get(label)
    if group is None:
        return
    key = f"{label}:{inviter}:{uses}:{expiry_ms}"
    if key not in world.links:
        world.serial += 1
        expiry = EPOCH_MS + expiry_ms if expiry_ms else EPOCH_MS + 30 * _DAY_MS
        link = world.machines[inviter].make_link(group, uses, expiry, world.serial)
        if link is None:
            return
        world.links[key] = link
    machine = world.machines[newcomer]
    if machine.node is not None and group not in machine.views:
        machine.join(world.links[key])


def _append(world: World, name: str, label: str, kind: str, count: int) -> None:
    group = world.groups.get(label)
    machine = world.machines[name]
    if group is None or machine.node is None or group not in machine.views:
        return
    world.serial += 1
    if kind in _MARKET or kind in _OWING:
        item_of = market_item if kind in _MARKET else owing_item
        found = [item_of(machine, machine.node.logs[group], kind, world.serial + n) for n in range(count)]
        items = tuple(item for item in found if item is not None)
        if items:
            machine.append(group, items)
        return
    items = tuple(_item(world, machine, kind, index) for index in range(count))
    machine.append(group, items)


def _item(world: World, machine: Machine, kind: str, index: int) -> Item:
    mark = f"{machine.name}-{world.serial}-{index}"
    match kind:
        case "open":
            return Item(CONTRIBUTION_TYPE, contribution.encode(_work(machine, mark)), Lane.OPEN.value)
        case "note":
            annex = encode_annex(sha256(mark.encode()), {"note": f"thanks to {mark}"})
            payload = contribution.encode(_work(machine, mark, annex_hash(annex)))
            return Item(CONTRIBUTION_TYPE, payload, annexes=(annex,))
        case "claim":
            return Item(CLAIM_TYPE, claim.encode(_claim(world.serial % 5 + index)), annexes=(_SHARED,))
        case "batch":
            records = [_claim(world.serial % 7 + number).value for number in range(3)]
            return Item(batch.BATCH_TYPE, batch.encode(CLAIM_TYPE, {}, records), annexes=(_SHARED,))
        case "unknown":
            return Item(LATER_TYPE, encode_value({"of": "a later version", "mark": mark}))
        case "large":
            return Item(LATER_TYPE, sha256(mark.encode()) * 640)
        case _:
            return Item(CONTRIBUTION_TYPE, contribution.encode(_work(machine, mark)))


def _work(machine: Machine, mark: str, annex: bytes | None = None) -> Contribution:
    return Contribution(
        "work", mark, machine.wall_ms, "garden", "commons", None, Measure((2, 0), "hour"), annex
    )


def _claim(number: int) -> Claim:
    # Claims are compared by their commit alone, so they may share an annex.
    return Claim(bytes(20), number.to_bytes(20, "big"), EPOCH_MS, 1, 2, 3, _SHARED_HASH)


_MARKET = frozenset({"book", "common", "give", "make", "sign", "use"})
_OWING = frozenset({"keep", "nod", "owe", "ring"})
_SHARED = encode_annex(bytes(32), {"author": "somebody"})
_SHARED_HASH = annex_hash(_SHARED)


def _leave(world: World, name: str, label: str) -> None:
    group = world.groups.get(label)
    machine = world.machines[name]
    if group is not None and machine.node is not None:
        machine.submit(Leave(lambda reply: _left(world, machine, group, reply), group))


def _left(world: World, machine: Machine, group: bytes, reply: Reply) -> None:
    if reply.error is None:
        world.watch.acknowledged(machine, group, reply.value)


# ---- the network


def _way(world: World, a: str, b: str, is_up: int) -> None:
    world.network.set_way(a, b, is_up=bool(is_up))


def _partition(world: World, sides: list[list[str]]) -> None:
    world.network.partition(sides)


def _slow(world: World, a: str, b: str, least_ms: int, most_ms: int, loss_percent: int) -> None:
    way = world.network.ways[a, b]
    way.delay_ms, way.loss_percent = (least_ms, most_ms), loss_percent


def _reset(world: World, a: str, b: str) -> None:
    world.network.reset(a, b)


def _courier(world: World, from_: str, to: str, label: str, author: str, first: int, count: int) -> None:
    """Carry a run of one author from one machine to another outside any session."""
    group = world.groups.get(label)
    source, target = world.machines[from_], world.machines[to]
    view = source.views.get(group) if group is not None else None
    if view is None or group is None:
        return
    key = world.machines[author].key.public
    runs, _ = view.reader.read_runs([Want(key, 0, first, first + count - 1)], 1 << 16)
    if not runs:
        return
    frame = pack_runs(runs, compress=True)

    def deliver() -> None:
        target.submit(Received(lambda reply: None, group, source.key.public, frame, True, True))

    world.network.post(from_, to, deliver)


def _sessions(world: World, name: str, is_on: int) -> None:
    """Whether a machine has sessions with others; letters and questions reach it and them all the same."""
    machine = world.machines[name]
    machine.has_sessions = bool(is_on)
    for other in [] if is_on else list(machine.ends):
        world.network.reset(name, other)


# ---- the machine


def _kill(world: World, name: str) -> None:
    world.machines[name].kill()


def _power(world: World, name: str) -> None:
    world.machines[name].cut_power()


def _power_in(world: World, name: str, statements: int, is_after: int, is_power_cut: int = 1) -> None:
    """Stop so many statements from now, before or after the statement: the machine, or only the process."""
    disk = world.machines[name].disk
    disk.fuse, disk.is_cut_after = disk.statements + statements, bool(is_after)
    disk.is_power_cut = bool(is_power_cut)


def _fill(world: World, name: str, statements: int) -> None:
    disk = world.machines[name].disk
    disk.is_full_at = disk.statements + statements


def _boot(world: World, name: str) -> None:
    machine = world.machines[name]
    if machine.node is None:
        machine.boot()
        world.watch.after_boot(machine)


def _back_up(world: World, name: str) -> None:
    world.machines[name].back_up()


def _restore(world: World, name: str, is_whole_disk: int) -> None:
    machine = world.machines[name]
    if not machine.backups:
        return
    backup = machine.backups[-1]
    world.watch.before_restore(machine, backup, is_whole_disk=bool(is_whole_disk))
    machine.restore(backup, is_whole_disk=bool(is_whole_disk))
    machine.boot(is_moved=not is_whole_disk)


def _clone(world: World, name: str, twin: str) -> None:
    """Copy a whole machine onto another one; both go on with the same key."""
    original, copy = world.machines[name], world.machines[twin]
    copy.kill()
    copy.disk.put_images(original.disk.images())
    copy.incarnation = original.incarnation
    copy.boot()


def _damage(world: World, name: str, label: str) -> None:
    machine = world.machines[name]
    group = world.groups.get(label)
    if group is not None and world.watch.may_be_damaged(machine, group):
        machine.kill()
        machine.spoil(group)
        machine.boot()


def _clock(world: World, name: str, offset_ms: int) -> None:
    world.machines[name].set_clock(offset_ms)


VERBS: dict[str, Callable[..., Any]] = {
    "found": found,
    "join": _join,
    "append": _append,
    "leave": _leave,
    "voter": voter,
    "propose": propose,
    "ballot": ballot,
    "agree": agree,
    "device": add_device,
    "rotate": rotate,
    "revoke": revoke,
    "recover": recover,
    "object": object_to,
    "way": _way,
    "partition": _partition,
    "slow": _slow,
    "reset": _reset,
    "sessions": _sessions,
    "courier": _courier,
    "kill": _kill,
    "power": _power,
    "power_in": _power_in,
    "fill": _fill,
    "boot": _boot,
    "back_up": _back_up,
    "restore": _restore,
    "clone": _clone,
    "damage": _damage,
    "clock": _clock,
    "lie": lie,
    "level": level,
    "level_lie": level_lie,
    "give": give,
    "sign": sign,
    "upgrade": upgrade,
    "raise_rules": raise_rules,
}
