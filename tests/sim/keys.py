"""Verbs about the keys of members: further devices, who of them votes, which speak no more, and recovery."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from p2pnode.core.crypto import SigningKey, sha256
from p2pnode.core.events import Append, Item, OpenGroup, Reply
from p2pnode.core.ids import DeviceKey, Lane
from p2pnode.governance import recovering
from p2pnode.governance.devices import (
    DEVICE_ADD_TYPE,
    DEVICE_OBJECT_TYPE,
    DEVICE_REVOKE_TYPE,
    KEY_ROTATE_TYPE,
    Add,
    Revoke,
    encode_add,
    encode_object,
    encode_revoke,
    encode_rotate,
    sign_device,
    sign_revocation,
)

if TYPE_CHECKING:
    from p2pnode.group_log import GroupLog
    from tests.sim.machine import Machine
    from tests.sim.world import World


def recovery_key_of(name: str) -> SigningKey:
    """The printed key of a founder."""
    return SigningKey(sha256(f"{name}'s printed phrase".encode()))


def add_device(world: World, name: str, device: str, label: str) -> None:
    """A member takes another machine as a device; the machine opens the group once it is one."""
    log = _log(world, name, label)
    if log is None:
        return
    member = log.state.member_of(log.key.public)
    assert member is not None
    new = world.machines[device]
    word = sign_device(new.key, log.group, member.id)
    payload = encode_add(Add(DeviceKey(new.key.public), word))
    _write(world, name, log, Item(DEVICE_ADD_TYPE, payload), lambda _: _open(world, new, label))


def rotate(world: World, name: str, device: str, label: str) -> None:
    """The voting device of a member hands the vote to another machine."""
    log = _log(world, name, label)
    if log is not None:
        item = Item(KEY_ROTATE_TYPE, encode_rotate(world.machines[device].key.public))
        _write(world, name, log, item)


def revoke(world: World, name: str, device: str, label: str, owner: str = "") -> None:
    """A machine strikes another one as far as it holds its lanes: at once with the owner's printed key."""
    log = _log(world, name, label)
    if log is None:
        return
    key = world.machines[device].key.public
    lanes = [log.lane(key, number) for number in (Lane.LOCAL, Lane.OPEN)]
    keep = tuple((int(lane.lane), lane.seq) for lane in lanes if lane is not None)
    word = Revoke(DeviceKey(key), keep)
    if owner:
        phrase = recovery_key_of(owner)
        word = Revoke(word.device, keep, (phrase.public, sign_revocation(phrase, log.group, word)))
    _write(world, name, log, Item(DEVICE_REVOKE_TYPE, encode_revoke(word)))


def recover(world: World, device: str, owner: str, label: str, mark: str) -> None:
    """A new machine speaks for a founder whose printed key it has."""
    machine = world.machines[device]
    if machine.node is None:
        return
    founded = world.founded[label]

    def opened(reply: Reply) -> None:
        log = _log(world, device, label)
        if reply.error is not None or log is None:
            return
        member = log.state.member_of(world.machines[owner].key.public)
        assert member is not None
        phrase = recovery_key_of(owner)
        last = (log.chain.tip.height, log.chain.tip.id)
        word = recovering.recover_by(phrase, log.group, member.id, machine.key.public, sha256(b"next"), last)

        def written(answer: Reply) -> None:
            world.proposals[mark] = bytes(answer.value[0].id)

        _write(world, device, log, Item(recovering.RECOVER_TYPE, recovering.encode(word)), written)

    machine.submit(OpenGroup(opened, founded.entry, ()))


def object_to(world: World, name: str, label: str, mark: str) -> None:
    """A device objects to what somebody does in its member's name."""
    log, entry = _log(world, name, label), world.proposals.get(mark)
    if log is not None and entry is not None:
        _write(world, name, log, Item(DEVICE_OBJECT_TYPE, encode_object(entry)))


def _log(world: World, name: str, label: str) -> GroupLog | None:
    node = world.machines[name].node
    return None if node is None else node.logs.get(world.groups[label])


def _open(world: World, machine: Machine, label: str) -> None:
    if machine.node is not None:
        machine.submit(OpenGroup(_ignore, world.founded[label].entry, ()))


def _write(
    world: World, name: str, log: GroupLog, item: Item, then: Callable[[Reply], None] | None = None
) -> None:
    machine, group = world.machines[name], log.group

    def answered(reply: Reply) -> None:
        if reply.error is not None:
            world.log(f"{name} refused {getattr(reply.error, 'rule', reply.error)}")
            return
        world.watch.acknowledged(machine, group, reply.value)
        if then is not None:
            then(reply)

    machine.submit(Append(answered, group, (item,)))


def _ignore(reply: Reply) -> None:
    """Opening a group a second time changes nothing."""
