"""Lines that take a while: what a process reads from TCP arrives later, as from a machine far away.

Installed in one process, it delays all that this process reads; order and throughput stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import trio
from libp2p.exceptions import BaseLibp2pError
from libp2p.io.trio import TrioTCPStream

_READ_BYTES = 1 << 16
_PARTS_MAX = 1 << 10

Read = Callable[[TrioTCPStream, "int | None"], Coroutine[Any, Any, "bytes | None"]]


class _Line:
    """The reading side of one stream. Units: seconds."""

    def __init__(self, stream: TrioTCPStream, read: Read, delay_s: float) -> None:
        self._held = b""
        self._next: tuple[float, bytes | BaseException] | None = None
        self._delay_s = delay_s
        sender, self._parts = trio.open_memory_channel[tuple[float, bytes | BaseException]](_PARTS_MAX)
        trio.lowlevel.spawn_system_task(self._carry, stream, read, sender)

    async def _carry(
        self, stream: TrioTCPStream, read: Read, sender: trio.MemorySendChannel[tuple[float, Any]]
    ) -> None:
        part: bytes | BaseException = b"-"
        while isinstance(part, bytes) and part:
            try:
                part = await read(stream, _READ_BYTES) or b""
            except (BaseLibp2pError, OSError) as error:
                part = error
            await sender.send((trio.current_time() + self._delay_s, part))

    async def read(self, count: int | None) -> bytes:
        if not self._held:
            # Kept while it is waited for, so that nothing is lost when the reader is cancelled.
            if self._next is None:
                self._next = await self._parts.receive()
            due_s, part = self._next
            await trio.sleep_until(due_s)
            if isinstance(part, BaseException):
                raise part
            if not part:
                return b""
            self._held, self._next = part, None
        taken, self._held = self._held[:count], self._held[len(self._held[:count]) :]
        return taken


def delay_reading(delay_s: float) -> None:
    """Let whatever this process reads from now on arrive so much later."""
    read: Read = TrioTCPStream.read
    lines: dict[TrioTCPStream, _Line] = {}

    async def delayed_read(stream: TrioTCPStream, n: int | None = None) -> bytes:
        line = lines.get(stream)
        if line is None:
            line = lines[stream] = _Line(stream, read, delay_s)
        return await line.read(n)

    setattr(TrioTCPStream, "read", delayed_read)  # noqa: B010 - the only place where all bytes pass
