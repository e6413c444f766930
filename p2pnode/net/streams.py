"""A libp2p stream as the protocols see it: bytes in, bytes out, an authenticated peer, and our own errors."""

from __future__ import annotations

from collections.abc import Callable

import trio
from libp2p.exceptions import BaseLibp2pError
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.network.stream.net_stream import NetStream
from libp2p.protocol_muxer.multiselect_client import MULTISELECT_PROTOCOL_ID, PROTOCOL_NOT_FOUND_MSG
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator

from p2pnode.core.errors import Unreachable
from p2pnode.net.guards import key_of_peer
from p2pnode.net.muxer import CreditStream, shielded_for

STREAM_FAULTS = (
    BaseLibp2pError,
    OSError,
    ValueError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
)
"""What libp2p raises when a stream or connection fails; ValueError covers bytes that it cannot decode."""

CLOSE_TIMEOUT_S = 1.0


class StreamReset(Unreachable):
    """The stream ended without an end: what was read so far may be cut off anywhere."""


class ProtocolNotSpoken(Unreachable):
    """The peer is there but does not speak this protocol."""


class Libp2pStream:
    """One stream; `peer_key` is the key that the remote proved to hold."""

    def __init__(self, stream: NetStream, on_ended: Callable[[], None] | None = None) -> None:
        assert isinstance(stream.muxed_stream, CreditStream)
        self._stream = stream
        self._bytes = stream.muxed_stream
        self._on_ended = on_ended
        self._peer_key = key_of_peer(stream.muxed_conn.peer_id)

    @property
    def peer_key(self) -> bytes:
        return self._peer_key

    async def read(self, size_max: int) -> bytes:
        """At least one byte, at most `size_max`; empty only at a clean end. Errors: StreamReset."""
        try:
            return await self._bytes.read_some(size_max)
        except STREAM_FAULTS as error:
            raise StreamReset("the peer or the network ended the stream") from error

    async def write(self, data: bytes) -> None:
        """Return when libp2p took the bytes, which says nothing about the reader. Errors: StreamReset."""
        try:
            await self._bytes.write(data)
        except STREAM_FAULTS as error:
            raise StreamReset(f"the stream took no more bytes: {error}") from error

    async def close(self) -> None:
        """End our direction; the peer's may go on. Never raises."""
        try:
            with shielded_for(CLOSE_TIMEOUT_S):
                # Half-closes on the wire; reading goes on below this object.
                await self._stream.close()
        except STREAM_FAULTS:
            await self.reset()
            return
        if self._on_ended is not None:
            self._on_ended()

    async def reset(self) -> None:
        """Abort both directions. Never raises."""
        try:
            with shielded_for(CLOSE_TIMEOUT_S):
                await self._stream.reset()
        except STREAM_FAULTS:
            pass  # the connection is gone, and the stream with it
        if self._on_ended is not None:
            self._on_ended()

    async def wait_finished(self) -> None:
        """Return once both directions have ended."""
        await self._bytes.wait_finished()


async def open_on(connection: SwarmConn, protocol: str, timeout_ms: int) -> NetStream:
    """Open a stream on this very connection in one round trip. Errors: ProtocolNotSpoken, StreamReset."""
    stream: NetStream | None = None
    is_open = False
    try:
        with trio.fail_after(timeout_ms / 1000):
            stream = await connection.new_stream()
            lines = MultiselectCommunicator(stream)
            # Both lines at once: waiting for the greeting would cost a round trip and decide nothing.
            await lines.write(MULTISELECT_PROTOCOL_ID)
            await lines.write(protocol)
            greeting, answer = await lines.read(), await lines.read()
            if greeting != MULTISELECT_PROTOCOL_ID or answer not in (protocol, PROTOCOL_NOT_FOUND_MSG):
                raise StreamReset(f"the peer answered {protocol} with something else")
            if answer == PROTOCOL_NOT_FOUND_MSG:
                raise ProtocolNotSpoken(f"the peer does not speak {protocol}; it may run another version")
            is_open = True
            return stream
    except trio.TooSlowError as error:
        raise StreamReset(f"the peer did not answer {protocol} within {timeout_ms} ms") from error
    except STREAM_FAULTS as error:
        raise StreamReset(f"no stream for {protocol}: {error}") from error
    finally:
        if stream is not None and not is_open:
            with shielded_for(CLOSE_TIMEOUT_S):
                await stream.reset()
