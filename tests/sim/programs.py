"""Versions of the program that machines run: what a later one knows, and how a group takes its rules up (J6).

A later program here is this one with one type of entry more, which came with the second version of the rules;
the third version brings nothing, so that nobody but those who have it may go on by it. One thread plays all
machines, therefore each gets its own table of types for as long as it acts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING

from p2pnode import vocabulary
from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core.entry import Entry
from p2pnode.core.entry_type import EntryType
from p2pnode.core.events import Item, Reply
from p2pnode.core.ids import Lane
from p2pnode.governance import executing, tables
from p2pnode.governance.founding import RULE_VERSION
from p2pnode.governance.proposal import OPEN_TYPE, Proposal, encode_open
from tests.sim.writing import write

if TYPE_CHECKING:
    from tests.sim.world import World

LATER_TYPE = "later.thing"
LATER_VERSION = RULE_VERSION + 1
LONG_RULE = "later.long"
_LONG_BYTES = 1_000
_TABLE = "later"


def _execute(state: State, entry: Entry, _: BlockContext) -> str | None:
    """Count what each author says, and in which order it was run: a row that depends on all before."""
    if len(entry.payload or b"") > _LONG_BYTES:
        return LONG_RULE
    count, last = tables.read(state, row_key(_TABLE, entry.author)) or (0, b"")
    tables.write(state, row_key(_TABLE, entry.author), [count + 1, bytes(entry.id)])
    tables.write(state, row_key(_TABLE), [bytes(entry.id), last])
    return None


_LATER = EntryType(
    LATER_TYPE, frozenset({Lane.LOCAL.value}), lambda payload: None, execute=_execute, since=LATER_VERSION
)
_LATER_TYPES = MappingProxyType({**vocabulary.TYPES, LATER_TYPE: _LATER})


@contextmanager
def running(version: int) -> Iterator[None]:
    """Let the program be of a version, for what one machine does."""
    if version == RULE_VERSION:
        yield
        return
    types, known = vocabulary.TYPES, executing.check_version.__defaults__
    vocabulary.TYPES, executing.check_version.__defaults__ = _LATER_TYPES, (version,)
    try:
        yield
    finally:
        vocabulary.TYPES, executing.check_version.__defaults__ = types, known


def later_rows(rows: Rows) -> list[tuple[bytes, object]]:
    """What entries of the later type have come to."""
    return list(tables.scan(rows, _TABLE))


def parked_count(rows: Rows) -> int:
    """How many entries wait for later rules."""
    return len(list(tables.scan(rows, "parked")))


def upgrade(world: World, name: str, version: int) -> None:
    """Install another version of the program; a machine that is on starts anew."""
    machine = world.machines[name]
    machine.version = version
    if machine.node is not None:
        machine.kill()
        machine.boot()


def raise_rules(world: World, name: str, label: str, version: int, mark: str) -> None:
    """Put to the group that it goes on by later rules."""
    group = world.groups.get(label)
    if group is None or world.machines[name].node is None:
        return

    def proposed(reply: Reply) -> None:
        world.proposals[mark] = bytes(reply.value[0].id)

    item = Item(OPEN_TYPE, encode_open(Proposal("rule_version", {"version": version})))
    write(world, name, group, item, proposed)
