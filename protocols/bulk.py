"""`/p2pnode/bulk/1`: large amounts of entries on a connection of their own, so that small messages never
wait behind them.

The wanting side opens the stream with the ticket of its sync session, sends its wants, and gives credit
back for what has become durable. The stream ends with the last answer. Whatever cuts it off, nothing is
lost: what is missing is asked for again.

Source: J42, C 4.4.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import trio

from p2pnode.core.errors import FormatError, NodeError, PeerError, Unreachable
from p2pnode.core.limits import CREDIT_BYTES
from p2pnode.replication import effects as fx
from p2pnode.replication.exchange import Want
from p2pnode.replication.fetching import wants_message, wants_of
from p2pnode.replication.messages import (
    MESSAGE_BYTES_MAX,
    WANTS_MAX,
    Credit,
    Runs,
    Ticket,
    Wants,
    decode_message,
    encode_message,
)
from p2pnode.replication.requests import Requests
from p2pnode.replication.serving import Serving
from p2pnode.replication.session import Session
from protocols.framing import FrameStream
from protocols.outbox import Outbox
from protocols.port import NodePort
from protocols.sessions import sessions_of
from protocols.stream import ByteStream

ID = "/p2pnode/bulk/1"
IDLE_TIMEOUT_S = 60
"""Without a frame for so long the stream is given up; the sync session goes on without it."""

_log = logging.getLogger("p2pnode.bulk")


async def serve(stream: ByteStream, *, port: NodePort) -> None:
    """Send what a peer wants; errors end here."""
    try:
        await _Sending(stream, port).hold()
    except (NodeError, BaseExceptionGroup) as error:
        _end(error, port, stream.peer_key)
    finally:
        await stream.reset()


async def fetch(port: NodePort, session: Session, group: bytes, wants: Sequence[Want]) -> None:
    """Fetch entries of a group from the peer of a session; returns when it is over, however it ended."""
    stream: ByteStream | None = None
    try:
        with trio.fail_after(IDLE_TIMEOUT_S):
            stream = await port.open_stream(session.peer_key, ID, True)
        await _Receiving(stream, port, session, group).hold(wants)
    except trio.TooSlowError:
        _log.debug("bulk.ended peer=%s reason=no stream in time", session.peer_key.hex()[:8])
    except (NodeError, BaseExceptionGroup) as error:
        _end(error, port, session.peer_key)
    finally:
        if stream is not None:
            await stream.reset()


def _end(error: NodeError | BaseExceptionGroup[BaseException], port: NodePort, peer: bytes) -> None:
    """Note why a bulk stream ended. Errors: whatever is neither the peer's nor the network's."""
    if isinstance(error, BaseExceptionGroup):
        _, others = error.split(NodeError)
        if others is not None:
            raise others
        leaf: BaseException = error
        while isinstance(leaf, BaseExceptionGroup):
            leaf = leaf.exceptions[0]
        error = leaf if isinstance(leaf, NodeError) else Unreachable(str(leaf))
    if isinstance(error, PeerError | FormatError):
        port.penalize(peer, error.rule)
    _log.debug("bulk.ended peer=%s reason=%s", peer.hex()[:8], error)


async def _read(frames: FrameStream) -> bytes | None:
    with trio.move_on_after(IDLE_TIMEOUT_S):
        return await frames.read()
    raise Unreachable("nothing came for a while")


class _Sending:
    """The side that has the entries."""

    def __init__(self, stream: ByteStream, port: NodePort) -> None:
        self._port = port
        self._peer = stream.peer_key
        self._frames = FrameStream(stream, MESSAGE_BYTES_MAX)
        self._outbox = Outbox(self._frames)
        self._requests = Requests()
        self._serving = Serving(self._requests)
        self._nursery: trio.Nursery

    async def hold(self) -> None:
        session = await self._session()
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._outbox.run)
            while (frame := await _read(self._frames)) is not None:
                message = decode_message(frame)
                match message:
                    case Wants():
                        exchange = session.group_numbered(message.group)
                        if exchange is None:
                            raise Unreachable("the group is open no longer")
                        wants = wants_of(message)
                        self._perform(
                            self._serving.want_runs(exchange, message.number, wants, message.compress)
                        )
                    case Credit():
                        self._perform(self._serving.grant(message.size_bytes))
                    case _:
                        raise PeerError("bulk.out_of_order", "a frame that belongs elsewhere")
            nursery.cancel_scope.cancel()

    async def _session(self) -> Session:
        """The session that the stream's ticket names."""
        frame = await _read(self._frames)
        message = None if frame is None else decode_message(frame)
        if not isinstance(message, Ticket):
            raise PeerError("bulk.out_of_order", "a bulk stream starts with a ticket")
        session = sessions_of(self._port).with_ticket(self._peer, message.ticket)
        if session is None:
            raise Unreachable("the ticket is of a session that is over")
        return session

    def _perform(self, effects: Sequence[fx.Effect]) -> None:
        for effect in effects:
            match effect:
                case fx.Send(frame):
                    self._outbox.put(frame)
                case fx.Serve():
                    self._nursery.start_soon(self._read_runs, effect)
                case _:
                    raise AssertionError(effect)

    async def _read_runs(self, effect: fx.Serve) -> None:
        result = await self._port.read_runs(effect.group, effect.wants, effect.bytes_max)
        self._perform(self._requests.done(effect.token, result, 0))


class _Receiving:
    """The side that wants the entries."""

    def __init__(self, stream: ByteStream, port: NodePort, session: Session, group: bytes) -> None:
        self._port = port
        self._session = session
        self._group = group
        self._frames = FrameStream(stream, MESSAGE_BYTES_MAX)
        self._outbox = Outbox(self._frames)
        self._under_way_bytes = 0

    async def hold(self, wants: Sequence[Want]) -> None:
        exchange, ticket = self._session.open_group(self._group), self._session.ticket
        if exchange is None or ticket is None:
            return
        unanswered: set[int] = set()
        self._outbox.put(encode_message(Ticket(ticket)))
        for number, start in enumerate(range(0, len(wants), WANTS_MAX)):
            batch = wants[start : start + WANTS_MAX]
            self._outbox.put(encode_message(wants_message(exchange.number, number, batch, False)))
            unanswered.add(number)
        async with trio.open_nursery() as writing:
            writing.start_soon(self._outbox.run)
            async with trio.open_nursery() as ingesting:
                while unanswered:
                    frame = await _read(self._frames)
                    if frame is None:
                        raise Unreachable("the peer ended the stream before the last answer")
                    message = decode_message(frame)
                    if not isinstance(message, Runs) or message.number not in unanswered:
                        raise PeerError("bulk.out_of_order", "something else than an answer to a want")
                    if message.last:
                        unanswered.discard(message.number)
                    self._count(len(frame))
                    if message.body:
                        ingesting.start_soon(self._ingest, message, len(frame))
                        # The task started above runs before the next frame is taken: order is kept.
                        await trio.lowlevel.checkpoint()
            writing.cancel_scope.cancel()

    def _count(self, size_bytes: int) -> None:
        self._under_way_bytes += size_bytes
        if self._under_way_bytes > CREDIT_BYTES + 2 * MESSAGE_BYTES_MAX:
            raise PeerError("sync.over_credit", "more bytes than credit was given for")

    async def _ingest(self, message: Runs, size_bytes: int) -> None:
        result = await self._port.ingest(
            self._group, self._session.peer_key, message.body, message.compressed, False
        )
        if result.refused is not None:
            raise PeerError(result.refused, "sent over a bulk stream")
        if result.suspect is not None:
            raise Unreachable("a lane does not continue; the sync session looks into it")
        self._under_way_bytes -= size_bytes
        self._outbox.put(encode_message(Credit(size_bytes)))
