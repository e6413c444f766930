"""One libp2p host: listens, dials, opens streams, keeps one control connection per peer. Decides no policy.

Two nodes that dial each other at once make two connections. Each connection that is dialled for control is
therefore claimed on `/p2pnode/control/1` before it is used: the accepting side answers yes or no, and when
both have a claim under way the node with the smaller key refuses the other's. Connections for bulk are not
claimed.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Literal

import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.network.stream.net_stream import NetStream
from libp2p.peer.id import ID
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr  # type: ignore[import-untyped]

from p2pnode.core.crypto import SigningKey
from p2pnode.core.errors import NodeError, Unreachable
from p2pnode.core.ids import peer_id_of
from p2pnode.net import listening
from p2pnode.net.guards import (
    QuietHost,
    Switchboard,
    build_host,
    guard_tasks,
    key_of_peer,
    peer_of_key,
    quiet_libp2p,
)
from p2pnode.net.muxer import Muxer, shielded_for
from p2pnode.net.racing import CLOSE_TIMEOUT_S, close_all, close_connection, race
from p2pnode.net.sockets import BufferedTcpStream
from p2pnode.net.streams import Libp2pStream, ProtocolNotSpoken, open_on

_log = logging.getLogger("p2pnode.net")

CONTROL_PROTOCOL = "/p2pnode/control/1"
DIAL_TIMEOUT_MS = 10_000
STREAM_TIMEOUT_MS = 10_000
BULK_LINGER_MS = 10_000

_YES = b"\x01"
_NO = b"\x00"

StreamHandler = Callable[[Libp2pStream], Awaitable[None]]


def _nobody(_peer_key: bytes) -> bool:
    return False


def _ignore(_peer_key: bytes) -> None:
    pass


class Host:
    """A node's presence on the network; use it inside `async with host.run()`."""

    def __init__(
        self,
        *,
        secret_seed: bytes,
        listen: Sequence[str],
        protocols: Mapping[str, StreamHandler],
        connections_max: int = 256,
        streams_per_peer_max: int = 64,
        blocked: Callable[[bytes], bool] = _nobody,
        on_connected: Callable[[bytes], None] = _ignore,
        on_disconnected: Callable[[bytes], None] = _ignore,
    ) -> None:
        self.key = SigningKey(secret_seed).public
        self.peer_id = peer_id_of(self.key)
        self._secret_seed = secret_seed
        self._listen_addresses = list(listen)
        self._protocols = dict(protocols)
        self._connections_max = connections_max
        self._streams_per_peer_max = streams_per_peer_max
        self._blocked = blocked
        self._watchers = [(on_connected, on_disconnected)]
        self._endpoints: list[listening.Endpoint] = []
        self._dialable: dict[bytes, list[str]] = {}
        self._dials: dict[bytes, trio.Lock] = {}
        self._claims: dict[bytes, trio.Event] = {}
        self._nursery: trio.Nursery | None = None
        self._libp2p, self._network = self._build()

    def _build(self) -> tuple[QuietHost, Switchboard]:
        quiet_libp2p()
        host, network = build_host(
            self._secret_seed,
            connections_max=self._connections_max,
            streams_per_peer_max=self._streams_per_peer_max,
            blocked=self._blocked,
            on_end=self._control_ended,
        )
        host.set_stream_handler(TProtocol(CONTROL_PROTOCOL), self._answer_claim)
        for protocol, handler in self._protocols.items():
            host.set_stream_handler(TProtocol(protocol), partial(self._serve, handler))
        return host, network

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Listen and serve until the block is left. Errors: ListenError, before anything else happens."""
        listeners = listening.open_listeners(self._listen_addresses)
        self._endpoints = listening.bound_endpoints(listeners)
        self._libp2p.announce([Multiaddr(one.multiaddr) for one in listening.dialable(self._endpoints)])
        try:
            async with background_trio_service(self._network) as tasks, trio.open_nursery() as nursery:
                guard_tasks(tasks)
                self._nursery = nursery
                accepting = trio.CancelScope()
                if listeners:
                    nursery.start_soon(self._listen_in, accepting, listeners, nursery)
                try:
                    yield
                finally:
                    accepting.cancel()
                    with shielded_for(CLOSE_TIMEOUT_S):
                        await close_all(self._network.get_connections())
                    self._nursery = None
                    nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise _innermost(group) from None
        finally:
            for listener in listeners:
                listener.socket.close()
            self._endpoints = []

    def addresses(self) -> list[str]:
        """Multiaddrs under which others can dial this host, as the interfaces are now."""
        return [f"{one.multiaddr}/p2p/{self.peer_id}" for one in listening.dialable(self._endpoints)]

    def listen_port(self) -> int:
        """The TCP port of the first listening socket; 0 for a host that only dials."""
        return self._endpoints[0].port if self._endpoints else 0

    @property
    def libp2p(self) -> QuietHost:
        """The libp2p host, for this package's own files only."""
        return self._libp2p

    @property
    def network(self) -> Switchboard:
        """The libp2p connections, for this package's own files only."""
        return self._network

    def watch(self, came: Callable[[bytes], None], went: Callable[[bytes], None]) -> None:
        """Call these, too, when a control connection begins and ends. They must not raise."""
        self._watchers.append((came, went))

    def connected(self) -> list[bytes]:
        """Keys of the peers that a control connection reaches now."""
        return [key_of_peer(peer) for peer, one in self._network.preferred.items() if not one.is_closed]

    def _is_connected(self, peer: ID) -> bool:
        control = self._network.preferred.get(peer)
        return control is not None and not control.is_closed

    def direction(self, peer_key: bytes) -> Literal["in", "out", "none"]:
        """Who dialled the control connection to a peer."""
        connection = self._network.preferred.get(peer_of_key(peer_key))
        if connection is None:
            return "none"
        return "out" if connection.muxed_conn.is_initiator else "in"

    async def dial(
        self, peer_key: bytes, addresses: Sequence[str], timeout_ms: int = DIAL_TIMEOUT_MS
    ) -> None:
        """Have a control connection to the peer, keeping a live one. Errors: Unreachable."""
        self._dialable[peer_key] = list(addresses)
        lock = self._dials.setdefault(peer_key, trio.Lock())
        try:
            with trio.fail_after(timeout_ms / 1000):
                async with lock:
                    if not self._is_connected(peer_of_key(peer_key)):
                        await self._claim(peer_key, await self._connect(peer_key, addresses))
        except trio.TooSlowError:
            raise Unreachable(f"no answer within {timeout_ms} ms from {', '.join(addresses)}") from None
        finally:
            if not lock.locked() and not lock.statistics().tasks_waiting:
                self._dials.pop(peer_key, None)

    async def open_stream(
        self,
        peer_key: bytes,
        protocol: str,
        *,
        own_connection: bool = False,
        timeout_ms: int = STREAM_TIMEOUT_MS,
    ) -> Libp2pStream:
        """Open a stream to a connected peer. Errors: Unreachable, StreamReset, ProtocolNotSpoken.

        With `own_connection` it runs on a connection of its own where one can be dialled, so that bulk does
        not hold up small messages; that connection ends with the stream.
        """
        connection = self._connection_to(peer_key)
        if own_connection and self._dialable.get(peer_key):
            try:
                with trio.fail_after(timeout_ms / 1000):
                    own = await self._connect(peer_key, self._dialable[peer_key])
            except (Unreachable, trio.TooSlowError):
                _log.debug("no second connection to %s; bulk shares the first", peer_id_of(peer_key))
            else:
                return await self._open_on_own(own, protocol, timeout_ms)
        return Libp2pStream(await open_on(connection, protocol, timeout_ms))

    async def ping(self, peer_key: bytes, timeout_ms: int = 2_000) -> int:
        """The round trip to a connected peer, in milliseconds. Errors: Unreachable."""
        muxer = self._connection_to(peer_key).muxed_conn
        assert isinstance(muxer, Muxer)
        seconds = await muxer.ping(timeout_ms)
        if seconds is None:
            raise Unreachable(f"{peer_id_of(peer_key)} did not answer within {timeout_ms} ms")
        return round(seconds * 1000)

    async def drop(self, peer_key: bytes) -> None:
        """End every connection to the peer."""
        await close_all(self._network.get_connections(peer_of_key(peer_key)))

    def _connection_to(self, peer_key: bytes) -> SwarmConn:
        peer = peer_of_key(peer_key)
        live = [one for one in self._network.get_connections(peer) if not one.is_closed]
        if not live:
            raise Unreachable(f"not connected to {peer_id_of(peer_key)}")
        chosen = self._network._select_connection(live, peer)
        assert isinstance(chosen, SwarmConn)
        return chosen

    async def _listen_in(
        self, scope: trio.CancelScope, listeners: list[trio.SocketListener], nursery: trio.Nursery
    ) -> None:
        with scope:
            await trio.serve_listeners(self._accept, listeners, handler_nursery=nursery)

    async def _accept(self, stream: trio.SocketStream) -> None:
        try:
            await self._network._handle_inbound_connection(BufferedTcpStream(stream), _ANYWHERE)
        except Exception as error:  # noqa: BLE001 - boundary of libp2p: a stranger's connection must not stop us
            _log.info("an inbound connection failed: %r", error)

    async def _serve(self, handler: StreamHandler, stream: INetStream) -> None:
        assert isinstance(stream, NetStream)
        ours = Libp2pStream(stream)
        try:
            await handler(ours)
        except NodeError as error:
            _log.debug("%s of %s ended: %s", stream.get_protocol(), peer_id_of(ours.peer_key), error)
            await ours.reset()
        except BaseException:
            await ours.reset()
            raise

    # Dialling and claiming

    async def _connect(self, peer_key: bytes, addresses: Sequence[str]) -> SwarmConn:
        if self._blocked(peer_key):
            raise Unreachable(f"{peer_id_of(peer_key)} is blocked here: `p2pnode peers unblock` lifts that")
        return await race(self._network, peer_key, addresses)

    async def _claim(self, peer_key: bytes, connection: SwarmConn) -> None:
        peer = peer_of_key(peer_key)
        if self._is_connected(peer):
            await close_connection(connection)
            return
        answered = self._claims[peer_key] = trio.Event()
        is_ours = False
        try:
            is_ours = await self._ask_for_control(connection)
            if is_ours:
                self._prefer(peer_key, connection)
            else:
                # The peer has the smaller key and a claim under way, which our handler will take.
                await answered.wait()
        finally:
            if self._claims.get(peer_key) is answered:
                del self._claims[peer_key]
            if not is_ours:
                with shielded_for(CLOSE_TIMEOUT_S):
                    await close_connection(connection)

    async def _ask_for_control(self, connection: SwarmConn) -> bool:
        try:
            stream = Libp2pStream(await open_on(connection, CONTROL_PROTOCOL, STREAM_TIMEOUT_MS))
        except ProtocolNotSpoken:
            return True  # another libp2p program: there is nobody to agree with
        try:
            answer = await stream.read(1)
        finally:
            await stream.close()
        return answer == _YES

    async def _answer_claim(self, stream: INetStream) -> None:
        assert isinstance(stream, NetStream)
        ours = Libp2pStream(stream)
        connection = stream.swarm_conn
        assert isinstance(connection, SwarmConn)
        answered = self._claims.get(ours.peer_key)
        if answered is not None and self.key < ours.peer_key:
            await ours.write(_NO)
        else:
            await ours.write(_YES)
            # A peer claims only when it has no control connection: one that we still have is dead.
            self._prefer(ours.peer_key, connection)
            if answered is not None:
                answered.set()
        await ours.close()

    def _prefer(self, peer_key: bytes, connection: SwarmConn) -> None:
        peer = peer_of_key(peer_key)
        old = self._network.preferred.get(peer)
        if old is connection or connection.is_closed:
            return
        if old is not None:
            assert isinstance(old.muxed_conn, Muxer)
            old.muxed_conn.abort()
            self._tell_gone(peer_key)
        self._network.preferred[peer] = connection
        for came, _ in list(self._watchers):
            came(peer_key)

    def _control_ended(self, connection: SwarmConn) -> None:
        self._tell_gone(key_of_peer(connection.muxed_conn.peer_id))

    def _tell_gone(self, peer_key: bytes) -> None:
        for _, went in list(self._watchers):
            went(peer_key)

    # Bulk

    async def _open_on_own(self, connection: SwarmConn, protocol: str, timeout_ms: int) -> Libp2pStream:
        ended = trio.Event()
        is_open = False
        try:
            stream = Libp2pStream(await open_on(connection, protocol, timeout_ms), on_ended=ended.set)
            is_open = True
        finally:
            if not is_open:
                with shielded_for(CLOSE_TIMEOUT_S):
                    await close_connection(connection)
        assert self._nursery is not None
        self._nursery.start_soon(self._end_with, stream, ended, connection)
        return stream

    async def _end_with(self, stream: Libp2pStream, ended: trio.Event, connection: SwarmConn) -> None:
        """Close a bulk connection once its stream has ended in both directions, or soon after ours did."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_after, stream.wait_finished, nursery.cancel_scope)
                await ended.wait()
                await trio.sleep(BULK_LINGER_MS / 1000)
                nursery.cancel_scope.cancel()
        finally:
            with shielded_for(CLOSE_TIMEOUT_S):
                await close_connection(connection)


_ANYWHERE = Multiaddr("/ip4/0.0.0.0/tcp/0")
"""libp2p names the listener in its log; ours are told apart by their sockets."""


async def _cancel_after(wait: Callable[[], Awaitable[None]], scope: trio.CancelScope) -> None:
    await wait()
    scope.cancel()


def _innermost(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one exception inside the groups that nurseries wrap around it; the group if there are more."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
