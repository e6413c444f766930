"""Announcements over GossipSub: small, signed by their sender, lossy. Truth never travels here.

libp2p's GossipSub loses messages in a sparse mesh and gives late joiners nothing, so what arrives here only
says that it is worth asking. This file keeps one pubsub stream per control connection, bounds what a peer can
send, and lets no exception of a handler reach the service that runs it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio
from libp2p.peer.id import ID
from libp2p.pubsub import rpc_queue
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11, GossipSub
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pubsub import Pubsub
from libp2p.tools.anyio_service import background_trio_service

from p2pnode.core.errors import FormatError, UsageError
from p2pnode.net.guards import guard_tasks, key_of_peer, peer_of_key
from p2pnode.net.host import Host

_log = logging.getLogger("p2pnode.net.gossip")

MESSAGE_BYTES_MAX = 1024
TOPIC_BYTES_MAX = 256
PUBLISH_INTERVAL_MS = 1_000
HEARTBEAT_INTERVAL_S = 1
RECEIVED_MAX = 256
MESSAGES_PER_PEER_AND_SECOND_MAX = 64
"""Beyond this a peer's messages are dropped before their signatures are checked, which is what costs."""

_RPC_BYTES_MAX = 64 * 1024
_TOPICS_PER_PEER_MAX = 256
_DEGREE, _DEGREE_LOW, _DEGREE_HIGH = 6, 4, 12
_QUEUE_LENGTH = 256

Received = Callable[[str, bytes, bytes], Awaitable[None]]
"""Called with topic, key of the author and message, one at a time."""

# Row 7: the default of 32 slots loses announcements while a peer is busy for a moment.
rpc_queue.RpcQueue.__init__.__defaults__ = (_QUEUE_LENGTH, _RPC_BYTES_MAX)


class Mesh(GossipSub):
    """GossipSub v1.1 with a heartbeat that survives, and that does not starve peers in back-off (row 8)."""

    def __init__(self) -> None:
        super().__init__(
            protocols=[PROTOCOL_ID_V11],
            degree=_DEGREE,
            degree_low=_DEGREE_LOW,
            degree_high=_DEGREE_HIGH,
            heartbeat_interval=HEARTBEAT_INTERVAL_S,
            adaptive_gossip_enabled=False,
            spam_protection_enabled=False,
            eclipse_protection_enabled=False,
        )
        self._is_choosing_whom_to_tell = False

    async def heartbeat(self) -> None:
        while True:
            await trio.sleep(self.heartbeat_interval)
            try:
                await self._beat()
            except Exception as error:  # noqa: BLE001 - boundary of libp2p: this would stop the router
                _log.warning("a gossip heartbeat failed: %r", error)

    async def _beat(self) -> None:
        grafts, prunes = self.mesh_heartbeat()
        self.fanout_heartbeat()
        told = self.gossip_heartbeat()
        if grafts or prunes or told:
            await self._emit_control_msgs(grafts, prunes, told)
        self.mcache.shift()
        if self.scorer is not None:
            self.scorer.on_heartbeat()
        self._periodic_security_cleanup()
        self._prune_idontwant_entries()

    def gossip_heartbeat(self) -> dict[ID, dict[str, list[bytes]]]:  # type: ignore[override]
        # Row 8: who is in back-off gets no messages by the mesh, so the hints are for exactly that peer.
        self._is_choosing_whom_to_tell = True
        try:
            return super().gossip_heartbeat()
        finally:
            self._is_choosing_whom_to_tell = False

    def _get_in_topic_gossipsub_peers_from_minus(  # type: ignore[no-untyped-def]
        self, topic, num_to_select, minus, backoff_check=False
    ):
        check = backoff_check and not self._is_choosing_whom_to_tell
        return super()._get_in_topic_gossipsub_peers_from_minus(topic, num_to_select, minus, check)


class BoundedPubsub(Pubsub):
    """Pubsub that drops what is too large, too much or too odd before it costs anything."""

    def __init__(self, host: Host, router: Mesh, deliver: Callable[[str, bytes, bytes], None]) -> None:
        super().__init__(
            host.libp2p,
            router,
            strict_signing=True,
            max_subscriptions_per_rpc=_TOPICS_PER_PEER_MAX,
            max_subscriptions_per_peer=_TOPICS_PER_PEER_MAX,
            max_inbound_rpc_size=_RPC_BYTES_MAX,
        )
        self._deliver = deliver
        self._second = 0
        self._sent_by: dict[ID, int] = {}

    async def push_msg(self, msg_forwarder: ID, msg: rpc_pb2.Message) -> None:
        if msg_forwarder != self.my_id and not self._is_admissible(msg_forwarder, msg):
            return
        await super().push_msg(msg_forwarder, msg)

    def _is_admissible(self, forwarder: ID, msg: rpc_pb2.Message) -> bool:
        second = int(trio.current_time())
        if second != self._second:
            self._second = second
            self._sent_by.clear()
        self._sent_by[forwarder] = self._sent_by.get(forwarder, 0) + 1
        return (
            self._sent_by[forwarder] <= MESSAGES_PER_PEER_AND_SECOND_MAX
            and len(msg.data) <= MESSAGE_BYTES_MAX
            and len(msg.topicIDs) == 1
            and len(msg.seqno) <= 16
        )

    def notify_subscriptions(self, publish_message: rpc_pb2.Message) -> None:
        topic = publish_message.topicIDs[0]
        author = ID(publish_message.from_id)
        if author == self.my_id or topic not in self.topic_ids:
            return
        try:
            key = key_of_peer(author)
        except FormatError:
            return
        self._deliver(topic, key, publish_message.data)

    # libp2p's queues follow every connection; ours follows the control connection, see Gossip.

    async def handle_peer_queue(self) -> None:
        self.event_handle_peer_queue_started.set()
        await trio.sleep_forever()

    async def handle_dead_peer_queue(self) -> None:
        self.event_handle_dead_peer_queue_started.set()
        await trio.sleep_forever()


class Gossip:
    """Announcements of one host; make it before `host.run()` and use it inside `async with gossip.run()`."""

    def __init__(self, host: Host, on_received: Received) -> None:
        self._host = host
        self._on_received = on_received
        self._send, self._receive = trio.open_memory_channel[tuple[str, bytes, bytes]](RECEIVED_MAX)
        self._mesh = Mesh()
        notifees = host.network.notifees
        before = list(notifees)
        self._pubsub = BoundedPubsub(host, self._mesh, self._deliver)
        # Pubsub's own listener would block each connection until its queue is read, which nobody does here.
        notifees[:] = before
        self._nursery: trio.Nursery | None = None
        self._waiting: dict[str, bytes] = {}
        host.watch(self._peer_came, self._peer_went)

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Gossip until the block is left."""
        async with (
            background_trio_service(self._pubsub) as pubsub_tasks,
            background_trio_service(self._mesh) as mesh_tasks,
            trio.open_nursery() as nursery,
        ):
            guard_tasks(pubsub_tasks)
            guard_tasks(mesh_tasks)
            self._nursery = nursery
            nursery.start_soon(self._pass_on)
            for peer_key in self._host.connected():
                self._peer_came(peer_key)
            try:
                yield
            finally:
                self._nursery = None
                nursery.cancel_scope.cancel()
        self._pubsub.seen_messages._stop_event.set()

    async def subscribe(self, topic: str) -> None:
        """Receive what peers publish under a topic, and relay it."""
        if not topic or len(topic.encode()) > TOPIC_BYTES_MAX:
            raise UsageError("gossip.bad_topic", f"a topic has 1 to {TOPIC_BYTES_MAX} bytes")
        await self._pubsub.subscribe(topic)

    async def unsubscribe(self, topic: str) -> None:
        """Stop receiving and relaying a topic."""
        self._waiting.pop(topic, None)
        await self._pubsub.unsubscribe(topic)

    def publish(self, topic: str, data: bytes) -> None:
        """Announce at most once a second per topic: of several in between the last one goes out."""
        if len(data) > MESSAGE_BYTES_MAX:
            raise UsageError("gossip.too_large", f"an announcement has at most {MESSAGE_BYTES_MAX} bytes")
        if self._nursery is None:
            return
        is_turn_taken = topic in self._waiting
        self._waiting[topic] = data
        if not is_turn_taken:
            self._nursery.start_soon(self._publish_in_turn, topic)

    async def _publish_in_turn(self, topic: str) -> None:
        while self._waiting.get(topic):
            data, self._waiting[topic] = self._waiting[topic], b""
            try:
                await self._pubsub.publish(topic, data)
            except Exception as error:  # noqa: BLE001 - boundary of libp2p: an announcement may be lost
                _log.debug("an announcement was not published: %r", error)
            await trio.sleep(PUBLISH_INTERVAL_MS / 1000)
        self._waiting.pop(topic, None)

    def _deliver(self, topic: str, peer_key: bytes, data: bytes) -> None:
        try:
            self._send.send_nowait((topic, peer_key, data))
        except trio.WouldBlock:
            _log.debug("too many announcements at once; one is dropped")

    async def _pass_on(self) -> None:
        async for topic, peer_key, data in self._receive:
            await self._on_received(topic, peer_key, data)

    def _peer_came(self, peer_key: bytes) -> None:
        if self._nursery is not None:
            self._nursery.start_soon(self._add_peer, peer_of_key(peer_key))

    async def _add_peer(self, peer: ID) -> None:
        await self._pubsub._handle_new_peer_with_retry(peer)

    def _peer_went(self, peer_key: bytes) -> None:
        peer = peer_of_key(peer_key)
        try:
            self._pubsub._handle_dead_peer(peer)
        except Exception as error:  # noqa: BLE001 - boundary of libp2p: the peer is gone in any case
            _log.debug("forgetting %s failed: %r", peer, error)
