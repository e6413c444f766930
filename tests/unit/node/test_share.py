"""A member that fills more than its share of the log waits; what names its entries does not (J16)."""

from __future__ import annotations

from pathlib import Path

from p2pnode.consensus.rows import row_key
from p2pnode.core.entry import Entry
from p2pnode.core.events import Append, ConfirmClock, Item, Woke
from p2pnode.governance import tables
from p2pnode.governance.share import YEAR_MS, waiting_until_ms
from tests.unit.node.council import Council

TWO = ("alice", "bob")
SHARE_BYTES = 1 << 20
LARGE = bytes(65_000)


def flood(council: Council, count: int = 20) -> Entry:
    """Let bob write more than its share; the last of its entries."""
    items = tuple(Item("note", LARGE) for _ in range(count))
    entries = council["bob"].ask(Append(1, council.group, items), council.now_ms)
    last = entries[-1]
    assert isinstance(last, Entry)
    return last


def decided(council: Council, name: str) -> int:
    return int(council["alice"].node.logs[council.group].lane(council[name].key, 0).decided)


def test_j16_who_is_above_its_share_waits_until_it_has_run_off(tmp_path: Path) -> None:
    council = Council(tmp_path, TWO, checkpoint_entries=1, member_year_bytes=SHARE_BYTES)
    first = flood(council)
    council.meet(*TWO)
    chain = council["alice"].node.logs[council.group].file.chain
    assert decided(council, "bob") == first.header.seq, "nobody knows how large a block makes it before"
    held = tables.member_of_device(chain, council["bob"].key)
    assert held is not None
    time_ms, level = tables.read(chain, row_key("filled", held[0]))
    assert 20 * len(LARGE) < level < 21 * len(LARGE)
    until_ms = waiting_until_ms(chain)[held[0]]
    assert until_ms == time_ms + (level - SHARE_BYTES) * YEAR_MS // SHARE_BYTES + 1

    second = flood(council, 1)
    height = council.tip("alice")
    council.meet(*TWO)
    assert council.tip("alice") == height, "it calls for no block"
    council.now_ms = until_ms - 1
    council["alice"].handle(Woke(), council.now_ms)
    assert not council["alice"].node.logs[council.group].chain.blocks.has_work()
    assert decided(council, "bob") < second.header.seq
    council.now_ms = until_ms + 1
    for machine in council.machines.values():
        machine.ask(ConfirmClock(1), council.now_ms)
    council["alice"].handle(Woke(), council.now_ms)
    assert council["alice"].node.logs[council.group].chain.blocks.has_work()
    council.meet(*TWO)
    assert decided(council, "bob") == second.header.seq
    for machine in council.machines.values():
        machine.node.close()


def test_j16_an_entry_that_names_one_above_the_share_is_ordered_with_it(tmp_path: Path) -> None:
    council = Council(tmp_path, TWO, checkpoint_entries=1, member_year_bytes=SHARE_BYTES)
    flood(council)
    council.meet(*TWO)
    second = flood(council, 1)
    council.meet(*TWO)
    assert decided(council, "bob") < second.header.seq
    ours = council["alice"].write(council.group, "x", council.now_ms)
    assert second.id in ours.header.acks
    council.meet(*TWO)
    assert decided(council, "bob") == second.header.seq
    for machine in council.machines.values():
        machine.node.close()
