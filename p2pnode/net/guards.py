"""libp2p 0.8.1 with its measured faults closed: what it accepts, how many, and what an exception may reach.

The row numbers in the comments are those of the tests in tests/shell/net. The file builds a libp2p host that
listens on nothing, dials nothing by itself and offers Noise and Yamux only; `host.py` gives it work.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key_pair
from libp2p.custom_types import StreamHandlerFn, TProtocol
from libp2p.exceptions import ParseError
from libp2p.host.basic_host import BasicHost
from libp2p.host.ping import ID as PING_PROTOCOL
from libp2p.host.ping import PingService
from libp2p.identity.identify.identify import ID as IDENTIFY_PROTOCOL
from libp2p.identity.identify.identify import identify_handler_for
from libp2p.io.abc import Reader
from libp2p.network.auto_connector import AutoConnector
from libp2p.network.config import ConnectionConfig
from libp2p.network.connection import swarm_connection
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.network.exceptions import SwarmException
from libp2p.network.stream.net_stream import NetStream
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStore
from libp2p.protocol_muxer import multiselect_communicator
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE_PROTOCOL
from libp2p.security.noise.transport import Transport as Noise
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX_PROTOCOL
from libp2p.tools.anyio_service import TrioManager
from libp2p.transport.upgrader import TransportUpgrader
from libp2p.utils.varint import read_varint_prefixed_bytes_limited
from multiaddr import Multiaddr  # type: ignore[import-untyped]

from p2pnode.core.errors import FormatError
from p2pnode.core.ids import device_key_of_peer_id, peer_id_of
from p2pnode.net.muxer import CreditStream, Muxer, MuxerChoice, shielded_for
from p2pnode.net.sockets import BufferedTcp

if TYPE_CHECKING:
    from libp2p.abc import IMuxedConn, INetConn, INetStream
    from libp2p.io.abc import ReadWriteCloser
    from libp2p.tools.anyio_service.api import ManagerAPI

_log = logging.getLogger("p2pnode.net.guards")

CONNECTIONS_PER_PEER_MAX = 8
OUTBOUND_CONNECTIONS_KEPT = 64
"""Places that strangers who dial us cannot take from the peers that we dial."""

UPGRADE_TIMEOUT_S = 10.0
NEGOTIATION_LINE_BYTES_MAX = 1024


def quiet_libp2p() -> None:
    """Keep libp2p's log under the logger `libp2p`, at a level that ordinary failures do not reach.

    Ordinary failed dials are logged there at ERROR, and `swarm_connection` logs to the root logger, which
    installs a handler of its own on standard error.
    """
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("libp2p."):
            logging.getLogger(name).setLevel(logging.NOTSET)
    logging.getLogger("libp2p").setLevel(logging.CRITICAL)
    swarm_connection.logging = logging.getLogger("libp2p.network.connection")  # type: ignore[assignment,attr-defined]


async def _read_line_bounded(reader: Reader) -> bytes:
    """Read one negotiation line; libp2p would let the sender choose how much memory that takes."""
    line = await read_varint_prefixed_bytes_limited(reader, NEGOTIATION_LINE_BYTES_MAX)
    if not line.endswith(b"\n"):
        raise ParseError("a negotiation line has no end")
    return line[:-1]


multiselect_communicator.read_delim = _read_line_bounded  # type: ignore[attr-defined]


def key_of_peer(peer_id: ID) -> bytes:
    """The Ed25519 key inside a peer id. Errors: FormatError id.bad_peer_id."""
    return device_key_of_peer_id(peer_id.to_base58())


def peer_of_key(key: bytes) -> ID:
    return ID.from_base58(peer_id_of(key))


def guard_tasks(manager: ManagerAPI) -> None:
    """Rows 3 and 4: a service of libp2p stops, and the host with it, when any task that it started raises."""
    assert isinstance(manager, TrioManager)
    start = manager.run_task

    def start_guarded(function: Callable[..., Awaitable[object]], *args: object, **options: Any) -> None:
        async def guarded(*inner: object) -> None:
            try:
                await function(*inner)
            except Exception as error:  # noqa: BLE001 - boundary of libp2p
                _log.info("a task of libp2p failed: %r", error)

        start(guarded, *args, **options)

    manager.run_task = start_guarded  # type: ignore[assignment,method-assign]


class _NoAutoConnector(AutoConnector):
    """Row 6: libp2p's own would dial whatever peers wrote into its address book."""

    async def start(self) -> None:
        pass

    async def run_background_task(self, nursery: trio.Nursery) -> None:
        pass

    async def maybe_connect(self) -> None:
        pass

    def record_disconnect(self, peer_id: ID) -> None:
        pass


class Switchboard(Swarm):
    """All connections of one host."""

    def __init__(
        self,
        peer_id: ID,
        upgrader: TransportUpgrader,
        *,
        connections_max: int,
        streams_per_peer_max: int,
        blocked: Callable[[bytes], bool],
        on_end: Callable[[SwarmConn], None],
    ) -> None:
        ceiling = connections_max + OUTBOUND_CONNECTIONS_KEPT
        config = ConnectionConfig(
            max_connections=ceiling,
            high_watermark=ceiling,
            min_connections=0,
            low_watermark=0,
            max_connections_per_peer=CONNECTIONS_PER_PEER_MAX,
            inbound_upgrade_timeout=UPGRADE_TIMEOUT_S,
            outbound_upgrade_timeout=UPGRADE_TIMEOUT_S,
        )
        super().__init__(peer_id, PeerStore(), upgrader, transports=[BufferedTcp()], connection_config=config)
        self.auto_connector = _NoAutoConnector(swarm=self)
        # Row 2: one place per inbound connection, given back when the connection ends, see below.
        self._inbound_limiter = trio.CapacityLimiter(connections_max)
        self._streams_per_peer_max = streams_per_peer_max
        self._blocked = blocked
        self._on_end = on_end
        self.preferred: dict[ID, SwarmConn] = {}

    def set_stream_handler(self, stream_handler: Callable[[INetStream], Awaitable[None]]) -> None:
        """Row 3: no exception of any inbound handler may leave its stream."""

        async def guarded(stream: INetStream) -> None:
            try:
                await stream_handler(stream)
            except Exception as error:  # noqa: BLE001 - boundary of libp2p: this would stop the whole host
                _log.info("a stream of %s failed: %r", stream.muxed_conn.peer_id, error)
                with shielded_for(1):
                    await stream.reset()
            else:
                # Row 9: a handler that forgets to close would leave the other side waiting.
                with shielded_for(1):
                    await stream.close()
            finally:
                assert isinstance(stream, NetStream)
                assert isinstance(stream.muxed_stream, CreditStream)
                stream.muxed_stream.discard_unread()

        super().set_stream_handler(guarded)

    async def _do_handle_inbound_connection(
        self,
        read_write_closer: ReadWriteCloser,
        maddr: Multiaddr,
        failure_event: object,  # noqa: ARG002 - libp2p's signature
    ) -> None:
        """Row 2: libp2p keeps the inbound place and this task until the whole swarm stops."""
        raw = RawConnection(read_write_closer, False)
        try:
            muxed = await self.upgrade_inbound_raw_conn(raw, maddr)
            assert isinstance(muxed, Muxer)
            await muxed.event_closed.wait()
        except Exception as error:  # noqa: BLE001 - boundary of libp2p: a stranger's handshake failed
            _log.debug("inbound connection refused: %r", error)
        finally:
            with shielded_for(1):
                await raw.close()

    async def add_conn(self, muxed_conn: IMuxedConn, direction: str = "unknown") -> SwarmConn:
        assert isinstance(muxed_conn, Muxer)
        refusal = self._refusal(muxed_conn.peer_id)
        if refusal:
            with shielded_for(1):
                await muxed_conn.close()
            self._forget(muxed_conn.peer_id)
            raise SwarmException(refusal)
        muxed_conn.streams_inbound_max = self._streams_per_peer_max
        muxed_conn.on_end = self._connection_ended
        return await super().add_conn(muxed_conn, direction)

    def _refusal(self, peer_id: ID) -> str:
        if peer_id == self.self_id:
            return "the peer is this node itself"
        try:
            key = key_of_peer(peer_id)
        except FormatError:
            return "the peer's key is not an Ed25519 key"
        if self._blocked(key):
            return "the peer is blocked"
        if len(self.connections.get(peer_id, ())) >= CONNECTIONS_PER_PEER_MAX:
            return "the peer has enough connections"
        return ""

    def _connection_ended(self, muxer: Muxer) -> None:
        """The one place where a connection is forgotten, however it ended."""
        for connection in list(self.connections.get(muxer.peer_id, ())):
            if connection.muxed_conn is muxer:
                assert isinstance(connection, SwarmConn)
                connection.event_closed.set()
                self.remove_conn(connection)
        preferred = self.preferred.get(muxer.peer_id)
        if preferred is not None and preferred.muxed_conn is muxer:
            del self.preferred[muxer.peer_id]
            self._on_end(preferred)

        self._forget(muxer.peer_id)

    def _forget(self, peer_id: ID) -> None:
        # libp2p keeps an entry for each key that ever connected; when there are too many it may drop our own.
        if peer_id not in self.connections and peer_id != self.self_id:
            self.peerstore.clear_peerdata(peer_id)

    def _select_connection(self, connections: list[INetConn], peer_id: ID) -> INetConn:
        preferred = self.preferred.get(peer_id)
        return preferred if preferred is not None and preferred in connections else connections[0]

    async def dial_peer(self, peer_id: ID) -> list[INetConn]:
        """Row 6: libp2p would dial what any peer wrote into its address book; here the supervisor dials."""
        raise SwarmException(f"no connection to {peer_id}")

    # Connections are refused when they are one too many; libp2p would end running transfers instead.

    def _trim_connections(self, peer_id: ID) -> None:
        pass

    def _schedule_prune(self) -> None:
        pass

    # Nobody listens to these two, and each would start a task per listener and stream.

    async def notify_opened_stream(self, stream: INetStream) -> None:  # noqa: ARG002
        await trio.lowlevel.checkpoint()

    async def notify_closed_stream(self, stream: INetStream) -> None:  # noqa: ARG002
        await trio.lowlevel.checkpoint()


class QuietHost(BasicHost):
    """A libp2p host that answers identify and ping, and asks nobody.

    Identify would fill the address book with what strangers claim, in tasks whose failure ends the process.
    """

    def __init__(self, network: Switchboard) -> None:
        # Filled below: the handlers need the host, and an empty table would bring libp2p's own.
        placeholder: OrderedDict[TProtocol, StreamHandlerFn] = OrderedDict({PING_PROTOCOL: _refuse})
        super().__init__(network, default_protocols=placeholder, disable_identify_address_discovery=True)
        self.set_stream_handler(PING_PROTOCOL, PingService(self).handle_ping)
        self.set_stream_handler(IDENTIFY_PROTOCOL, identify_handler_for(self, use_varint_format=True))

    def announce(self, addresses: list[Multiaddr]) -> None:
        """Tell these addresses, and no others, to whoever asks by identify."""
        self._addrs_factory = lambda _candidates: list(addresses)

    def _schedule_identify(self, peer_id: ID, *, reason: str) -> None:
        pass


async def _refuse(stream: INetStream) -> None:
    await stream.reset()


def build_host(
    secret_seed: bytes,
    *,
    connections_max: int,
    streams_per_peer_max: int,
    blocked: Callable[[bytes], bool],
    on_end: Callable[[SwarmConn], None],
) -> tuple[QuietHost, Switchboard]:
    """Row 1: Noise only. libp2p's default set also takes an unproven peer id over /plaintext/2.0.0."""
    key_pair = create_new_key_pair(secret_seed)
    upgrader = TransportUpgrader(
        {NOISE_PROTOCOL: Noise(key_pair, noise_privkey=create_noise_key_pair().private_key)},
        {},
        negotiate_timeout=int(UPGRADE_TIMEOUT_S),
    )
    upgrader.muxer_multistream = MuxerChoice({TProtocol(YAMUX_PROTOCOL): Muxer}, int(UPGRADE_TIMEOUT_S))
    peer_id = ID.from_pubkey(key_pair.public_key)
    network = Switchboard(
        peer_id,
        upgrader,
        connections_max=connections_max,
        streams_per_peer_max=streams_per_peer_max,
        blocked=blocked,
        on_end=on_end,
    )
    network.peerstore.add_key_pair(peer_id, key_pair)
    return QuietHost(network), network
