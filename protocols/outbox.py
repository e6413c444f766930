"""What is to be written to a stream, by one task, in order; small frames that wait together go out
together."""

from __future__ import annotations

import trio

from p2pnode.core.errors import Unreachable
from protocols.framing import FrameStream

OUTBOX_BYTES_MAX = 8 * 1024 * 1024
"""More than credit ever allows: beyond it the peer asks without reading."""


class Outbox:
    """A bounded queue of frames."""

    def __init__(self, frames: FrameStream) -> None:
        self._frames = frames
        self._waiting: list[bytes] = []
        self._size_bytes = 0
        self._stirred = trio.Event()

    def put(self, frame: bytes) -> None:
        """Queue a frame. Errors: Unreachable when the peer does not read."""
        self._size_bytes += len(frame)
        if self._size_bytes > OUTBOX_BYTES_MAX:
            raise Unreachable("the peer does not read what is sent")
        self._waiting.append(frame)
        self._stirred.set()

    async def run(self) -> None:
        """Write what is queued, for ever. Errors: Unreachable."""
        while True:
            await self._stirred.wait()
            self._stirred = trio.Event()
            frames, self._waiting = self._waiting, []
            await self._frames.write_all(frames)
            self._size_bytes -= sum(map(len, frames))
