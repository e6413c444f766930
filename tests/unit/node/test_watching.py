"""A watcher that does not keep up hears once that it missed something, and costs nothing more."""

from __future__ import annotations

from p2pnode.core.crypto import SigningKey
from p2pnode.core.events import Closed
from p2pnode.port import WATCHER_CHANGES_MAX, LivePort
from protocols.port import GroupChanged, Resync


async def test_a_stalled_watcher_gets_one_word_that_it_missed_something() -> None:
    port = LivePort(SigningKey(b"k" * 32), wall_ms=lambda: 1000, group_path=str, cursors={})
    async with port.watch() as changes:
        port.perform([Closed(b"g" * 32)] * (WATCHER_CHANGES_MAX + 50))
        heard = [await changes.receive() for _ in range(WATCHER_CHANGES_MAX + 1)]
        assert heard == [GroupChanged(b"g" * 32)] * WATCHER_CHANGES_MAX + [Resync()]
        assert changes.statistics().current_buffer_used == 0
        assert changes.statistics().tasks_waiting_send == 0
        port.perform([Closed(b"h" * 32)])
        assert await changes.receive() == GroupChanged(b"h" * 32)
