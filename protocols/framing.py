"""Frames on a stream: a length in four bytes, most significant first, then that many bytes.

Reading is bounded before anything is allocated, and in time: a peer that stops in the middle of a frame is
given up.
"""

from __future__ import annotations

import trio

from p2pnode.core.errors import PeerError, Unreachable
from protocols.stream import ByteStream

LENGTH_BYTES = 4
_CHUNK_BYTES = 256 * 1024
FRAME_TIMEOUT_S = 30
"""For the rest of a frame once its first byte came, and for a write that the peer does not read."""


class FrameStream:
    """Frames over a byte stream; one reader and one writer at a time."""

    def __init__(self, stream: ByteStream, frame_bytes_max: int) -> None:
        self.stream = stream
        self._frame_bytes_max = frame_bytes_max
        self._buffer = bytearray()

    async def read(self) -> bytes | None:
        """The next frame; None at a clean end between two frames.

        Errors: PeerError frame.too_large; Unreachable when the stream broke, stalled or ended in a frame.
        """
        if not self._buffer and not await self._more():
            return None
        with trio.move_on_after(FRAME_TIMEOUT_S):
            size = int.from_bytes(await self._exactly(LENGTH_BYTES), "big")
            if size > self._frame_bytes_max:
                raise PeerError("frame.too_large", f"{size} bytes, at most {self._frame_bytes_max}")
            return await self._exactly(size)
        raise Unreachable("the peer stopped in the middle of a frame")

    async def write(self, frame: bytes) -> None:
        """Send one frame. Errors: Unreachable when the stream broke or the peer does not read."""
        with trio.move_on_after(FRAME_TIMEOUT_S):
            await self.stream.write(len(frame).to_bytes(LENGTH_BYTES, "big") + frame)
            return
        raise Unreachable("the peer does not read what is sent")

    async def write_all(self, frames: list[bytes]) -> None:
        """Send several frames at once: small ones share their packets. Errors: as `write`."""
        await self.write_raw(
            b"".join(part for frame in frames for part in (len(frame).to_bytes(LENGTH_BYTES, "big"), frame))
        )

    async def write_raw(self, data: bytes) -> None:
        """Send framed bytes. Errors: as `write`."""
        with trio.move_on_after(FRAME_TIMEOUT_S):
            await self.stream.write(data)
            return
        raise Unreachable("the peer does not read what is sent")

    async def _more(self) -> bool:
        data = await self.stream.read(_CHUNK_BYTES)
        self._buffer += data
        return bool(data)

    async def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            if not await self._more():
                # A peer that gave up in time looks the same as one that cheats: nobody is blamed for it.
                raise Unreachable("the stream ended inside a frame")
        frame = bytes(self._buffer[:size])
        del self._buffer[:size]
        return frame
