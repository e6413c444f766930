"""`/p2pnode/sync/1`: one long-lived stream for each pair of peers, over which logs become equal and stay so.

Of two peers the one with the smaller key opens the stream. Everything that is decided is decided in
`p2pnode.replication.session`; here bytes move, requests are carried out, and time passes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import trio

from p2pnode.core.errors import NodeError, PeerError, Unreachable
from p2pnode.replication import effects as fx
from p2pnode.replication.messages import MESSAGE_BYTES_MAX
from p2pnode.replication.session import Session
from protocols import bulk
from protocols.framing import FrameStream
from protocols.outbox import Outbox
from protocols.port import (
    AnnexesWanted,
    Change,
    ForkFound,
    GroupChanged,
    HeadsMoved,
    NodePort,
    PresenceTold,
    Resync,
)
from protocols.sessions import Sessions, sessions_of
from protocols.stream import ByteStream

ID = "/p2pnode/sync/1"
CLOCK_LOOK_MS = 60_000
"""How often to see whether this machine's wall clock was set: sessions outlive that."""

CLOCK_JUMP_MS = 1_000

_log = logging.getLogger("p2pnode.sync")


async def serve(stream: ByteStream, *, port: NodePort) -> None:
    """Hold the session that a peer opened; its errors are the peer's or the network's, and end here."""
    try:
        await run(stream, port)
    except NodeError as error:
        _log.debug("session.ended peer=%s reason=%s", stream.peer_key.hex()[:8], error)


async def run(stream: ByteStream, port: NodePort) -> None:
    """Hold a session until the stream ends. Errors: Unreachable; PeerError when the peer is to blame."""
    conversation = _Conversation(stream, port)
    try:
        await conversation.hold()
    except BaseExceptionGroup as group:
        raise single_error(group, port, stream.peer_key) from group
    finally:
        await stream.reset()


def single_error(group: BaseExceptionGroup[BaseException], port: NodePort, peer: bytes) -> BaseException:
    """The one error that says why a session ended; the peer is penalised when it was to blame.

    A cancellation or a fault of ours comes first: it is returned without the peer's errors beside it.
    """
    _, others = group.split(NodeError)
    if others is not None:
        return others
    blaming, _ = group.split(PeerError)
    error: BaseException = group if blaming is None else blaming
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, PeerError):
        port.penalize(peer, error.rule)
    return error


class _Conversation:
    """One session and the tasks that serve it."""

    def __init__(self, stream: ByteStream, port: NodePort) -> None:
        self._stream = stream
        self._port = port
        self._peer = stream.peer_key
        self._sessions: Sessions = sessions_of(port)
        self._frames = FrameStream(stream, MESSAGE_BYTES_MAX)
        self._outbox = Outbox(self._frames)
        self._stirred = trio.Event()
        self._their_clock_ms: int | None = None
        self._ahead_ms = 0
        self._session = Session(
            port,
            self._peer,
            nonce=port.random(32),
            wanted=self._sessions.wanted,
            now_ms=self._sessions.now_ms(),
            has_bulk=True,
        )
        self._nursery: trio.Nursery

    async def hold(self) -> None:
        async with self._port.watch() as changes:
            try:
                async with trio.open_nursery() as nursery:
                    self._nursery = nursery
                    self._sessions.begin(self._session, nursery.cancel_scope)
                    nursery.start_soon(self._outbox.run)
                    self._perform(self._session.start(self._port.now_ms()))
                    nursery.start_soon(self._watch, changes)
                    nursery.start_soon(self._keep_time)
                    await self._read()
                    nursery.cancel_scope.cancel()
            finally:
                self._sessions.end(self._session)
                self._perform_last(self._session.end())

    async def _read(self) -> None:
        while (frame := await self._frames.read()) is not None:
            self._perform(self._session.receive(frame, self._sessions.now_ms()))
            # A task started above runs before the next frame is taken: runs are ingested in their order.
            await trio.lowlevel.checkpoint()

    async def _watch(self, changes: trio.MemoryReceiveChannel[Change]) -> None:
        async for change in changes:
            self._perform(self._changed(change))

    def _changed(self, change: Change) -> list[fx.Effect]:
        now_ms = self._sessions.now_ms()
        match change:
            case HeadsMoved(group, heads, is_urgent):
                is_pushing = is_urgent or self._sessions.is_pushing_to(self._session)
                return self._session.moved(group, heads, now_ms, is_pushing=is_pushing)
            case GroupChanged(group):
                return self._session.regrouped(group, now_ms)
            case AnnexesWanted(group):
                return self._session.annexes_wanted(group)
            case PresenceTold(group, relays, presence):
                return self._session.presence_told(group, relays, presence)
            case ForkFound(group, proof):
                return self._session.fork_found(group, proof)
            case Resync():
                return self._session.resync(now_ms)

    async def _keep_time(self) -> None:
        while True:
            wait_ms = self._session.wake_at_ms(self._sessions.now_ms()) - self._sessions.now_ms()
            with trio.move_on_after(min(max(wait_ms, 1), CLOCK_LOOK_MS) / 1000):
                await self._stirred.wait()
            self._look_at_clock()
            self._stirred = trio.Event()
            now_ms = self._sessions.now_ms()
            if now_ms >= self._session.wake_at_ms(now_ms):
                self._perform(self._session.tick(now_ms))

    def _look_at_clock(self) -> None:
        """Tell again how far the peer's clock is from ours when ours was set."""
        ahead_ms = self._port.now_ms() - self._sessions.now_ms()
        if self._their_clock_ms is not None and abs(ahead_ms - self._ahead_ms) > CLOCK_JUMP_MS:
            self._tell_clock(self._their_clock_ms, ahead_ms)

    def _tell_clock(self, their_clock_ms: int, ahead_ms: int) -> None:
        """Say how far the peer's clock is from ours: the session counts from its own (J31)."""
        self._their_clock_ms, self._ahead_ms = their_clock_ms, ahead_ms
        self._port.clock_heard(self._peer, their_clock_ms - ahead_ms)

    def _perform(self, effects: Sequence[fx.Effect]) -> None:
        rule: str | None = None
        for effect in effects:
            match effect:
                case fx.Send(frame):
                    self._outbox.put(frame)
                case (
                    fx.RememberCursor() | fx.HearOut() | fx.HearClosed() | fx.HearPresence() | fx.HearClock()
                ):
                    self._note(effect)
                case fx.Blame(rule):
                    pass
                case fx.End(reason):
                    raise Unreachable(reason) if rule is None else PeerError(rule, reason)
                case _:
                    self._nursery.start_soon(self._do, effect)
        # Even without effects: something may have been put off until a moment that is nearer than the last.
        self._stirred.set()

    def _perform_last(self, effects: Sequence[fx.Effect]) -> None:
        for effect in effects:
            if isinstance(effect, fx.RememberCursor):
                self._note(effect)

    def _note(
        self, effect: fx.RememberCursor | fx.HearOut | fx.HearClosed | fx.HearPresence | fx.HearClock
    ) -> None:
        match effect:
            case fx.RememberCursor(group, cursor, knows_us):
                self._port.remember_cursor(self._peer, group, cursor)
                if knows_us:
                    self._port.heads_confirmed(self._peer, group)
            case fx.HearOut(group):
                self._port.heard_out(self._peer, group)
            case fx.HearClosed(group):
                self._port.lanes_closed(self._peer, group)
            case fx.HearPresence(group, relays, presence):
                self._port.presence_heard(self._peer, group, relays, presence)
            case fx.HearClock(offset_ms):
                self._tell_clock(offset_ms, self._port.now_ms() - self._sessions.now_ms())

    async def _do(self, effect: fx.Effect) -> None:
        """Carry out one request and give its result to the session."""
        port = self._port
        result: Any
        match effect:
            case fx.Ingest(token, group, body, compressed, pushed, annexes):
                result = await port.ingest(group, self._peer, body, compressed, pushed, annexes)
            case fx.Serve(token, group, wants, bytes_max):
                result = await port.read_runs(group, wants, bytes_max)
            case fx.ReadPush(token, group, want, run_bytes_max):
                result = await port.read_push(group, want, run_bytes_max)
            case fx.FindAnnexes(token, group, hashes):
                result = await port.read_annexes(group, hashes)
            case fx.ListWantedAnnexes(token, group):
                result = port.wanted_annexes(group)
            case fx.KeepAnnexes(token, group, blobs):
                await port.keep_annexes(group, self._peer, blobs)
                result = None
            case fx.ReadFork(token, group, author, lane):
                result = await port.read_fork(group, author, lane)
            case fx.KeepFork(token, group, proof):
                result = await port.keep_fork(group, self._peer, proof)
            case fx.ReadHeaders(token, group, author, lane, first, count):
                result = await port.read_headers(group, author, lane, first, count) if count else []
            case fx.OpenBulk(token, group, wants):
                await bulk.fetch(port, self._session, group, wants)
                result = None
            case _:
                raise AssertionError(effect)
        self._perform(self._session.done(token, result, self._sessions.now_ms()))
