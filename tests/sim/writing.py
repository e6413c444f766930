"""How the person at a machine writes an entry, and what those who watch remember of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from p2pnode.core.events import Append, Item, Reply

if TYPE_CHECKING:
    from tests.sim.world import World


def write(
    world: World, name: str, group: bytes, item: Item, then: Callable[[Reply], None] | None = None
) -> None:
    """Have a machine that is on write something; `then` hears of it once it is durable."""
    machine = world.machines[name]

    def answered(reply: Reply) -> None:
        if reply.error is not None:
            world.log(f"{name} refused {getattr(reply.error, 'rule', reply.error)}")
            return
        world.watch.acknowledged(machine, group, reply.value)
        if then is not None:
            then(reply)

    machine.submit(Append(answered, group, (item,)))
