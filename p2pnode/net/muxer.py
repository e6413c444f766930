"""Yamux as this node runs it: libp2p's frame reader, with our own rules for credit, cancellation and life.

libp2p's own writer gives up after 5 s without credit, polls an empty window every 10 ms, grants credit with a
frame per read, ignores a peer that overruns its window, keeps a connection whose pings go unanswered, and a
cancelled write leaves half a Noise message on the wire. This file is the fix for all of these; it decides
nothing about peers.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from libp2p.abc import IMuxedConn, ISecureConn
from libp2p.io.exceptions import IOException
from libp2p.network.connection.exceptions import RawConnError
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import (
    MuxedStreamEOF,
    MuxedStreamError,
    MuxedStreamReset,
)
from libp2p.stream_muxer.muxer_multistream import MuxerMultistream
from libp2p.stream_muxer.yamux import yamux as _yamux

_log = logging.getLogger("p2pnode.net.muxer")

RECEIVE_WINDOW_BYTES_MAX = 4 * 1024 * 1024
"""What a peer can make us buffer on one stream; 40 MiB/s at a round trip of 100 ms."""

STALL_MS = 30_000
"""How long a writer waits for credit before it takes the reader for dead."""

KEEP_ALIVE_INTERVAL_MS = 15_000
KEEP_ALIVE_ANSWER_MS = 10_000

_FRAME_BODY_BYTES_MAX = 65_519 - _yamux.HEADER_SIZE
"""A frame and its header fill exactly one Noise message."""

_READ_BYTES_DEFAULT = 65_536

_yamux.MAX_WINDOW_SIZE = RECEIVE_WINDOW_BYTES_MAX


def shielded_for(seconds: float) -> trio.CancelScope:
    """A scope for last words: outer cancellation waits for it, and it waits no longer than this."""
    scope = trio.move_on_after(seconds)
    scope.shield = True
    return scope


class CreditStream(_yamux.YamuxStream):
    """A Yamux stream whose writer sleeps until credit comes and whose reader returns credit in batches."""

    _window_bytes = 0
    _received_window_bytes = 0
    _is_closed = False
    _is_reset = False
    _credit_came: trio.Event | None = None

    def __init__(self, stream_id: int, conn: Muxer, is_initiator: bool) -> None:
        self._owner = conn
        self._finished = trio.Event()
        super().__init__(stream_id, conn, is_initiator)
        self._writer_turn = trio.Lock()
        self._unreturned_bytes = 0

    # The frame reader assigns to these; as properties they wake or stop us, without a copy of it.

    @property
    def send_window(self) -> int:
        return self._window_bytes

    @send_window.setter
    def send_window(self, value: int) -> None:
        self._window_bytes = value
        self._wake_writer()

    @property
    def recv_window(self) -> int:
        return self._received_window_bytes

    @recv_window.setter
    def recv_window(self, value: int) -> None:
        self._received_window_bytes = value
        if value < 0:
            _log.info("peer %s overran its window on stream %s", self._owner.peer_id, self.stream_id)
            self._owner.abort()

    @property
    def closed(self) -> bool:
        return self._is_closed

    @closed.setter
    def closed(self, value: bool) -> None:
        self._is_closed = value
        if value:
            self._finished.set()
            self._wake_writer()

    @property
    def reset_received(self) -> bool:
        return self._is_reset

    @reset_received.setter
    def reset_received(self, value: bool) -> None:
        self._is_reset = value
        if value:
            # libp2p keeps what nobody will read for a minute, which a peer can do to us over and over.
            self.discard_unread()

    def discard_unread(self) -> None:
        """Drop what the peer sent and nobody read."""
        buffer = self._owner.stream_buffers.get(self.stream_id)
        if buffer is not None:
            buffer.clear()

    def _wake_writer(self) -> None:
        if self._credit_came is not None:
            self._credit_came.set()
            self._credit_came = None

    async def wait_finished(self) -> None:
        """Return once both directions have ended, or the stream was reset."""
        await self._finished.wait()

    async def write(self, data: bytes) -> None:
        view = memoryview(data)
        async with self._writer_turn:
            sent = 0
            while sent < len(view):
                await self._wait_for_credit()
                size = min(self._window_bytes, _FRAME_BODY_BYTES_MAX, len(view) - sent)
                self._window_bytes -= size
                header = struct.pack(_yamux.YAMUX_HEADER_FORMAT, 0, _yamux.TYPE_DATA, 0, self.stream_id, size)
                await self._owner.write_frame(header + view[sent : sent + size])
                sent += size

    async def _wait_for_credit(self) -> None:
        while True:
            if self.reset_received or self._owner.event_shutting_down.is_set():
                raise MuxedStreamReset("the stream was reset")
            if self._is_closed or self.send_closed:
                raise MuxedStreamError("the stream is closed for writing")
            if self._window_bytes > 0:
                return
            if self._credit_came is None:
                self._credit_came = trio.Event()
            with trio.move_on_after(STALL_MS / 1000) as scope:
                await self._credit_came.wait()
            if scope.cancelled_caught and self._window_bytes <= 0:
                raise MuxedStreamError(f"the reader took nothing for {STALL_MS // 1000} s")

    async def read(self, n: int | None = -1) -> bytes:
        data = await self.read_some(n if n is not None and n > 0 else _READ_BYTES_DEFAULT)
        if not data:
            raise MuxedStreamEOF("the stream ended")
        return data

    async def read_some(self, size_max: int) -> bytes:
        """At least one byte and at most `size_max`; nothing only after the peer ended its direction."""
        while True:
            buffer = self._owner.stream_buffers.get(self.stream_id)
            if buffer:
                data = bytes(memoryview(buffer)[:size_max])
                del buffer[:size_max]
                if self._is_closed and not buffer:
                    await self._owner.forget_stream(self)
                elif not self.recv_closed:
                    await self._return_credit(len(data))
                return data
            if self.reset_received:
                raise MuxedStreamReset("the stream was reset")
            if self._owner.event_shutting_down.is_set():
                raise MuxedStreamReset("the connection ended")
            if self.recv_closed:
                return b""
            event = self._owner.stream_events.get(self.stream_id)
            if buffer is None or event is None:
                raise MuxedStreamReset("the stream is gone")
            await event.wait()
            if self.stream_id in self._owner.stream_events:
                self._owner.stream_events[self.stream_id] = trio.Event()

    async def _return_credit(self, size: int) -> None:
        self._unreturned_bytes += size
        if self._unreturned_bytes * 2 < self.target_recv_window:
            return
        increment, self._unreturned_bytes = self._unreturned_bytes, 0
        now = trio.current_time()
        # A reader that empties half a window within four round trips is held back by the window: double it.
        if self.epoch_start > 0 and now - self.epoch_start < 4 * self._effective_rtt():
            grown = min(self.target_recv_window * 2, RECEIVE_WINDOW_BYTES_MAX)
            increment += grown - self.target_recv_window
            self.target_recv_window = grown
        self.epoch_start = now
        self._received_window_bytes += increment
        header = struct.pack(
            _yamux.YAMUX_HEADER_FORMAT, 0, _yamux.TYPE_WINDOW_UPDATE, 0, self.stream_id, increment
        )
        try:
            await self._owner.write_frame(header)
        except IOException:
            # The data was read; whoever reads on will learn that the connection ended.
            self._owner.abort()


# The frame reader makes its streams by this name.
_yamux.YamuxStream = CreditStream  # type: ignore[assignment,misc]


class Muxer(_yamux.Yamux):
    """One multiplexed connection; `on_end` is called exactly once, when nothing of it runs any more."""

    on_end: Callable[[Muxer], None] | None = None
    streams_inbound_max = 64

    def __init__(
        self,
        secured_conn: ISecureConn,
        peer_id: ID,
        is_initiator: bool | None = None,
        on_close: Callable[[], Awaitable[Any]] | None = None,
    ) -> None:
        super().__init__(secured_conn, peer_id, is_initiator, on_close)
        self._heard_at = 0.0
        self._ping_turn = trio.Lock()
        self._listen_for_life(secured_conn)

    def _listen_for_life(self, secured_conn: ISecureConn) -> None:
        read = secured_conn.read

        async def read_and_note(n: int | None = None) -> bytes:
            data = await read(n)
            self._heard_at = trio.current_time()
            return data

        secured_conn.read = read_and_note  # type: ignore[method-assign]

    def abort(self) -> None:
        """End the connection now, from anywhere; its streams read as reset."""
        self.event_shutting_down.set()
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    async def start(self) -> None:
        try:
            await super().start()
        except Exception:  # noqa: BLE001 - boundary of libp2p: an exception here would stop the whole host
            _log.debug("connection to %s failed", self.peer_id, exc_info=True)
        finally:
            self.event_shutting_down.set()
            # add_conn waits for this event: it must come even when the connection ended before it began.
            self.event_started.set()
            with shielded_for(2):
                await self._cleanup_on_error()
            self.event_closed.set()
            if self.on_end is not None:
                self.on_end(self)

    async def write_frame(self, data: bytes) -> None:
        """Write one frame whole or end the connection: half a Noise message cannot be taken back."""
        async with self._write_lock:
            if self.event_shutting_down.is_set():
                raise RawConnError("the connection is closed")
            is_whole = False
            try:
                await self.secured_conn.write(data)
                is_whole = True
            finally:
                if not is_whole:
                    self.abort()

    async def _write_frame(self, data: bytes) -> None:
        await self.write_frame(data)

    async def forget_stream(self, stream: CreditStream) -> None:
        """Drop the bookkeeping of a stream that has ended in both directions and is read empty."""
        await self._finalize_stream(stream, fully_closed=True)

    async def accept_stream(self) -> CreditStream:
        while True:
            stream = await super().accept_stream()
            assert isinstance(stream, CreditStream)
            open_count = sum(1 for one in self.streams.values() if not (one.is_initiator or one.closed))
            if open_count <= self.streams_inbound_max:
                return stream
            _log.debug("peer %s opened too many streams", self.peer_id)
            await stream.reset()

    async def ping(self, timeout_ms: int) -> float | None:
        """Seconds until the peer answered a Yamux ping; None when nothing at all was heard in time."""
        async with self._ping_turn:
            asked_at = self._ping_sent_time = trio.current_time()
            self._ping_event = trio.Event()
            self._ping_id = (self._ping_id + 1) % 2**32
            if self._nursery is None or self.event_shutting_down.is_set():
                return None
            # In its own task: a deadline must not cut a frame that a slow link is still taking.
            self._nursery.start_soon(self._send_ping, self._ping_id)
            with trio.move_on_after(timeout_ms / 1000):
                await self._ping_event.wait()
                return trio.current_time() - asked_at
            return timeout_ms / 1000 if self._heard_at > asked_at else None

    async def _send_ping(self, ping_id: int) -> None:
        try:
            await self.write_frame(
                struct.pack(_yamux.YAMUX_HEADER_FORMAT, 0, _yamux.TYPE_PING, _yamux.FLAG_SYN, 0, ping_id)
            )
        except IOException:
            self.abort()

    async def _measure_rtt_loop(self) -> None:
        # libp2p starts this beside the frame reader. Measuring early matters: credit grows by the round trip.
        await trio.sleep(0.5)
        is_answering = True
        while is_answering:
            is_answering = await self.ping(KEEP_ALIVE_ANSWER_MS) is not None
            await trio.sleep(KEEP_ALIVE_INTERVAL_MS / 1000 if is_answering else 0)
        _log.info("peer %s answers no more", self.peer_id)
        self.abort()


class MuxerChoice(MuxerMultistream):
    """Negotiates Yamux and nothing else, and makes our muxer of it."""

    async def new_conn(self, conn: ISecureConn, peer_id: ID) -> IMuxedConn:
        protocol, _ = await self._selector.select(conn, conn.is_initiator, self.negotiate_timeout)
        return self._annotate_connection(Muxer(conn, peer_id, is_initiator=conn.is_initiator), conn, protocol)
