"""A newcomer takes the state from a snapshot, works with it, and checks the history behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from p2pnode.chain.leading import Next
from p2pnode.core.codec import Value
from p2pnode.core.errors import UsageError
from p2pnode.core.events import LevelAnswered, LevelAsked, Woke
from p2pnode.replication.level import Wanted
from p2pnode.service import levels
from p2pnode.serving import GroupReader
from p2pnode.store.group_file import GroupQueries
from tests.unit.node.world import NOW_MS, Machine

MachineOf = Callable[[str], Machine]
BLOCKS = 20


@contextmanager
def reading(machine: Machine, group: bytes) -> Iterator[GroupQueries]:
    reader = GroupReader(group, str(machine.folder / "groups" / f"{group.hex()}.db"))
    with reader.reading() as queries:
        yield queries
    reader.close()


def answer_of(machine: Machine, group: bytes, wanted: Wanted) -> Value:
    """What a machine answers, None when it has none."""
    with reading(machine, group) as queries:
        try:
            return levels.answer_to(queries, wanted)
        except UsageError:
            return None


def next_of(machine: Machine, group: bytes, *, is_fresh: bool = False) -> Next:
    following = machine.ask(LevelAsked(1, group, is_fresh))
    assert isinstance(following, Next)
    return following


def answered(machine: Machine, other: Machine, group: bytes, wanted: Wanted) -> Next:
    """Hand over another machine's answer."""
    answer = answer_of(other, group, wanted)
    following = machine.ask(LevelAnswered(1, group, other.key, wanted, answer))
    assert isinstance(following, Next)
    return following


def take_snapshot(machine: Machine, other: Machine, group: bytes) -> int:
    """Ask one peer until its state is here; how many answers it took."""
    following, count = next_of(machine, group, is_fresh=True), 0
    height = machine.node.logs[group].level.snapshot
    while following.wanted is not None and machine.node.logs[group].level.snapshot == height:
        following = answered(machine, other, group, following.wanted)
        count += 1
    return count


def replay(machine: Machine, other: Machine, group: bytes) -> None:
    """Run history again as far as entries are here."""
    for _ in range(200):
        before = machine.node.logs[group].level.replayed
        following = next_of(machine, group)
        if following.wanted is not None:
            answered(machine, other, group, following.wanted)
        elif not following.is_busy or machine.node.logs[group].level.replayed == before:
            return


def long_group(machine: MachineOf, blocks: int = BLOCKS) -> tuple[Machine, bytes]:
    """A group of one with a long chain."""
    founder = machine("founder")
    group = founder.found(checkpoint_entries=1)
    member = machine("alice")
    member.join(founder, group)
    for number in range(blocks):
        founder.write(group, str(number), NOW_MS + number)
        founder.handle(Woke(), NOW_MS + number)
    assert founder.node.logs[group].chain.tip.height > blocks
    return founder, group


def newcomer_to(machine: MachineOf, founder: Machine, group: bytes) -> Machine:
    late = machine("late")
    late.join(founder, group)
    return late


def test_a_newcomer_has_the_state_of_the_last_block_without_any_history(machine: MachineOf) -> None:
    founder, group = long_group(machine)
    late = newcomer_to(machine, founder, group)
    take_snapshot(late, founder, group)
    theirs, ours = founder.node.logs[group], late.node.logs[group]
    assert ours.chain.tip.id == theirs.chain.tip.id
    assert ours.level.snapshot == theirs.chain.tip.height
    assert dict(ours.file.chain.scan(b"")) == dict(theirs.file.chain.scan(b""))
    assert ours.state.standing(late.key) == "member"
    assert not ours.level.is_level, "it cannot judge blocks yet"
    entry = late.write(group, "hello")
    late.give(founder, group)
    assert founder.node.logs[group].file.position_of_id(entry.id) is not None


def test_i15_history_gives_what_the_snapshot_said(machine: MachineOf) -> None:
    founder, group = long_group(machine)
    late = newcomer_to(machine, founder, group)
    take_snapshot(late, founder, group)
    replay(late, founder, group)
    assert late.node.logs[group].level.replayed == 0, "no entries are here yet"
    founder.share(late, group)
    replay(late, founder, group)
    ours = late.node.logs[group].level
    assert ours.report().is_checked
    assert ours.report().checked == late.node.logs[group].chain.tip.height
    assert ours.is_level
    heights = [row.height for row in late.node.logs[group].file.chain.next_blocks(1, 1000) if row.body]
    assert heights == list(range(1, late.node.logs[group].chain.tip.height + 1))
