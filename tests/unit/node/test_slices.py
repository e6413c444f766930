"""A large block is made and judged a slice at a time (J30)."""

from __future__ import annotations

from pathlib import Path

from p2pnode.consensus.slices import SLICE_ENTRIES
from p2pnode.core.events import Append, Item, PeersPresent, WakeAt, Woke
from tests.unit.node.council import Council, tell

TWO = ("alice", "bob")
COUNT = 2 * SLICE_ENTRIES + 10


def full_council(folder: Path) -> Council:
    """Two voters who hold what fills three slices, and nobody has said anything yet."""
    council = Council(folder, TWO, checkpoint_entries=COUNT)
    items = tuple(Item("note", bytes([number % 256])) for number in range(COUNT))
    council["bob"].ask(Append(1, council.group, items), council.now_ms)
    for machine in council.machines.values():
        present = frozenset(other.key for other in council.machines.values())
        machine.handle(PeersPresent(present), council.now_ms)
    return council


def slices(council: Council, name: str) -> int:
    """Let a machine do what it has begun; how often it stopped in between."""
    count = 0
    machine = council[name]
    while machine.node.logs[council.group].chain.blocks.is_busy:
        count += 1
        effects = machine.handle(Woke(), council.now_ms)
        if machine.node.logs[council.group].chain.blocks.is_busy:
            assert WakeAt(council.now_ms) in effects, "it goes on by itself"
    return count


def test_j30_a_large_block_is_made_and_judged_in_slices(tmp_path: Path) -> None:
    council = full_council(tmp_path)
    tell(council["bob"], council["alice"], council.group, council.now_ms)
    slices(council, "alice")
    council.now_ms += 20 * 60_000
    for name in TWO:
        council[name].handle(Woke(), council.now_ms)
    made = {name: slices(council, name) for name in TWO}
    assert max(made.values()) >= 4, "reading takes three slices, executing as many"
    proposers = [name for name in TWO if council[name].node.logs[council.group].lane(council[name].key, 1)]
    assert proposers
    other = next(name for name in TWO if name != proposers[0])
    tell(council[proposers[0]], council[other], council.group, council.now_ms)
    council[other].handle(Woke(), council.now_ms)
    council.meet(*TWO)
    assert council.tip("alice") == council.tip("bob") == 1
    assert council["alice"].node.logs[council.group].lane(council["bob"].key, 0).decided == COUNT - 1
    for machine in council.machines.values():
        machine.node.close()


def test_j30_other_work_is_done_between_two_slices(tmp_path: Path) -> None:
    council = full_council(tmp_path)
    council.now_ms += 20 * 60_000
    council["bob"].handle(Woke(), council.now_ms)
    blocks = council["bob"].node.logs[council.group].chain.blocks
    assert blocks.is_making
    entry = council["bob"].write(council.group, "meanwhile", council.now_ms)
    assert blocks.is_making
    slices(council, "bob")
    lane = council["bob"].node.logs[council.group].lane(council["bob"].key, 1)
    assert lane is not None
    assert lane.seq >= 0, "the block was put to the vote"
    council.meet(*TWO)
    assert council.tip("alice") >= 1
    assert council["bob"].node.logs[council.group].lane(council["bob"].key, 0).seq == entry.header.seq
    for machine in council.machines.values():
        machine.node.close()
