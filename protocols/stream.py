"""What a protocol asks of a connection: an ordered, authenticated stream of bytes.

Nothing here knows what carries it; `p2pnode.net` provides such streams, tests provide them in memory.
"""

from __future__ import annotations

from typing import Protocol


class ByteStream(Protocol):
    """One stream to one authenticated peer. Errors: Unreachable when the stream or its connection is gone."""

    @property
    def peer_key(self) -> bytes:
        """The Ed25519 public key that the remote end has proven. Shapes: 32 bytes."""

    async def read(self, size_max: int) -> bytes:
        """Some bytes as they come; empty only at a clean end."""

    async def write(self, data: bytes) -> None:
        """Send all of the bytes, waiting while the remote end does not read."""

    async def close(self) -> None:
        """Finish sending. Never raises."""

    async def reset(self) -> None:
        """Abort both directions. Never raises."""
