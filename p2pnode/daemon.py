"""The running node: builds every part, runs them in one nursery, and takes them down in order.

Nothing is decided here. The writer's thread handles events; this loop moves bytes and carries out effects.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio

import p2pnode
from p2pnode import clock, opening
from p2pnode.announcing import Announcer
from p2pnode.config import Config
from p2pnode.core.errors import NodeError, StoreError
from p2pnode.core.events import Alert, ConfirmClock, Effect, HeaderFound, PeersPresent, SignatureFound
from p2pnode.core.ids import peer_id_of
from p2pnode.home import Home
from p2pnode.keyfile import INCARNATION_BYTES, KeyFile, open_key
from p2pnode.leveller import Leveller
from p2pnode.local.http import serve
from p2pnode.logs import Log
from p2pnode.net.dialer import Supervisor
from p2pnode.net.discovery import local_discovery
from p2pnode.net.gossip import Gossip
from p2pnode.net.host import Host
from p2pnode.net.listening import default_listen
from p2pnode.node import Node
from p2pnode.peerbook import PeerBook, split_address
from p2pnode.port import LivePort
from p2pnode.service import Context, LiveService, answers
from p2pnode.service.pending import asked_before
from p2pnode.service.proof_answers import Prover
from p2pnode.store.database import reported
from p2pnode.store.node_file import NodeFile
from p2pnode.store.shelf import FolderShelf
from p2pnode.writer import Writer
from protocols import PROTOCOLS, query, sync
from protocols.port import GroupChanged, HeadsMoved, Resync

_log = Log("daemon")

SESSION_PAUSE_S = 1.0
SESSION_PAUSE_S_MAX = 30.0
FAREWELL_S = 0.2
SIGNATURE_TRIES = 3
SIGNATURE_PAUSE_S = 30.0
SOUGHT_MAX = 64
"""Entries sought one by one at a time: who spoils many signatures must not make us ask everybody for each."""

_INCARNATIONS = "incarnations"

OnReady = Callable[[Mapping[str, Any]], None]


def main(
    home: Home,
    config: Config,
    *,
    passphrase: str | None,
    ready_fd: int | None = None,
    on_ready: OnReady | None = None,
) -> None:
    """Run the node until it is told to stop. Errors: UsageError, StoreError."""
    with home.lock():
        key = open_key(home, passphrase)
        try:
            with reported(home.path):
                node, is_restored = _open_node(home, key)
                _run_to_its_end(partial(_run, home, config, key, node, is_restored, ready_fd, on_ready))
        except StoreError as error:
            if "damaged" in error.message:
                _have_files_checked(home)
            raise


def _run_to_its_end(run: Callable[[], Awaitable[None]]) -> None:
    try:
        trio.run(run)
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _have_files_checked(home: Home) -> None:
    """Damage was met somewhere: the next start looks for it in every file, and sets aside what has it."""
    try:
        node_file = NodeFile(home.node_db)
        opening.mark_suspects(node_file)
        node_file.close()
    except StoreError:
        pass  # the damage is in node.db, which every start checks


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that says why the node stopped."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            return _first(error)
        if not isinstance(error, trio.Cancelled):
            return error
    return group


def _open_node(home: Home, key: KeyFile) -> tuple[Node, bool]:
    """The node with its databases, and whether they and the key belong to different days (J35)."""
    node_file, is_lost = _sound_node_file(home)
    stored = node_file.setting(_INCARNATIONS)
    pair = None if stored is None else (stored[:INCARNATION_BYTES], stored[INCARNATION_BYTES:])
    is_restored = key.moved or is_lost or not key.continues(pair)
    with node_file.write() as transaction:
        transaction.put_setting(_INCARNATIONS, key.incarnation + key.previous_incarnation)
    key.begin()
    return Node(key.signing_key, node_file, FolderShelf(home.groups_dir), os.urandom), is_restored


def _sound_node_file(home: Home) -> tuple[NodeFile, bool]:
    """node.db, or a fresh one in the place of a damaged one: what it held is found again in groups and
    peers.
    """
    is_lost = not home.node_db.exists() and bool(home.group_dbs())
    try:
        node_file = NodeFile(home.node_db)
        if node_file.is_sound:
            return node_file, is_lost
        node_file.close()
    except StoreError as error:
        if "damaged" not in error.message:
            raise
    for companion in ("-wal", "-shm", ""):
        path = home.node_db.with_name(home.node_db.name + companion)
        if path.exists():
            path.rename(path.with_name(f"{path.name}.damaged-{clock.wall_ms()}"))
    _log.warning("store.node_file_set_aside", path=str(home.node_db))
    return NodeFile(home.node_db), True


class Daemon:
    """One running node in the loop's thread."""

    def __init__(self, home: Home, config: Config, key: KeyFile, node: Node) -> None:
        self.home = home
        self.config = config
        self.key = key
        self.node = node
        own = key.signing_key
        self.port = LivePort(
            own,
            wall_ms=clock.wall_ms,
            group_path=lambda group: str(home.group_db(group)),
            cursors=node.node_file.cursors(),
        )
        self.host = Host(
            secret_seed=own.seed,
            listen=list(config.listen) or default_listen(own.public),
            protocols={protocol.ID: partial(protocol.serve, port=self.port) for protocol in PROTOCOLS},
            connections_max=config.connections_max,
            blocked=self.port.is_blocked,
            on_connected=self._connected,
            on_disconnected=self._disconnected,
        )
        self.supervisor = Supervisor(self.host)
        self.writer = Writer(node, clock.wall_ms, self._deliver, self._fail)
        self.book = PeerBook(node.node_file.peers(), self.writer.submit)
        memberships = node.node_file.memberships()
        self.context = Context(
            home=home,
            port=self.port,
            host=self.host,
            supervisor=self.supervisor,
            book=self.book,
            recovery_commitment=key.recovery_commitment,
            started_ms=clock.wall_ms(),
            stop=self.stop,
            pending_joins={
                group: asked_before(one.link) for group, one in memberships.items() if one.state == "joining"
            },
            announce=config.announce,
        )
        self.service = LiveService(self.context)
        self.announcer = Announcer(self.port, self.context.addresses, self._meet)
        self.gossip = Gossip(self.host, self.announcer.received) if config.gossip else None
        self.leveller = Leveller(self.port, self.host, self.host.open_stream)
        self.stopping = trio.Event()
        self.failure: BaseException | None = None
        self._sessions: dict[bytes, trio.CancelScope] = {}
        self._sought: set[bytes] = set()
        self._nursery: trio.Nursery | None = None
        self.port.submit = self.writer.submit
        self.port.open_by = self._open_stream
        self.port.on_failure = self._stop_for
        self.port.on_banned = self._banned
        self.port.on_alert = self._alerted
        self.port.on_entry_wanted = self._want_entry
        self.port.on_closed = self.leveller.lanes_closed
        self.port.answer_by = answers.Answerer(self.context).answer
        self.port.prove_by = Prover(self.port).prove

    def stop(self) -> None:
        self.stopping.set()

    # ---- the writer's thread talks to the loop's thread

    def _deliver(self, effects: list[Effect]) -> None:
        self._token.run_sync_soon(self.port.perform, effects)

    def _fail(self, error: BaseException) -> None:
        self._token.run_sync_soon(self._stop_for, error)

    def _stop_for(self, error: BaseException) -> None:
        """Stop because something failed; the first failure is the one that says why."""
        if self.failure is None:
            self.failure = error
        self.stop()

    def _alerted(self, alert: Alert) -> None:
        notice = {"event": "notice", "rule": alert.rule, "message": alert.message, "remedy": ""}
        self.context.emit(notice)
        if alert.rule == "restore.confirmed" and not self.port.alerts and self.key.moved:
            self.key.settle()

    # ---- peers

    def _connected(self, peer: bytes) -> None:
        _log.info("peer.connected", peer=peer)
        self.book.seen(peer, clock.wall_ms())
        self.context.emit({"event": "peer", "peer_id": peer_id_of(peer), "connected": True})
        self._tell_present()
        self.leveller.peer_came()
        if self._nursery is not None:
            self._nursery.start_soon(self._keep_session, peer)

    def _disconnected(self, peer: bytes) -> None:
        _log.info("peer.disconnected", peer=peer)
        self.context.emit({"event": "peer", "peer_id": peer_id_of(peer), "connected": False})
        self._tell_present()
        self.leveller.peer_gone(peer)
        self.book.gone(peer, clock.wall_ms())
        scope = self._sessions.pop(peer, None)
        if scope is not None:
            scope.cancel()

    def _tell_present(self) -> None:
        """Say who is on-line: timers of the group's decisions run while a quorum is."""
        self.writer.submit(PeersPresent(frozenset(self.host.connected())))

    def _banned(self, peer: bytes) -> None:
        if self._nursery is not None:
            self._nursery.start_soon(self.host.drop, peer)

    async def _keep_session(self, peer: bytes) -> None:
        """Have a sync session with a connected peer; of two peers the one with the smaller key opens it."""
        with trio.CancelScope() as scope:
            self._sessions[peer] = scope
            pause_s = SESSION_PAUSE_S
            is_told = False
            while peer in self.host.connected() and not self.port.is_blocked(peer):
                try:
                    if not is_told:
                        await self._learn_addresses(peer)
                        is_told = True
                    if self.port.own_key > peer:
                        return
                    stream = await self.host.open_stream(peer, sync.ID)
                    await sync.run(stream, self.port)
                    pause_s = SESSION_PAUSE_S
                except NodeError as error:
                    _log.debug("session.ended", peer=peer, reason=str(error))
                await trio.sleep(pause_s)
                pause_s = min(pause_s * 2, SESSION_PAUSE_S_MAX)

    async def _learn_addresses(self, peer: bytes) -> None:
        """Ask a fellow member where the others can be reached, so that a group stays together without its
        founder.
        """
        for held in list(self.port.groups().values()):
            if held.state.standing(peer) not in ("member", "provisional"):
                continue
            try:
                stream = await self.host.open_stream(peer, query.ID)
                try:
                    answer = await query.ask(stream, ["addresses", held.group])
                finally:
                    await stream.close()
            except NodeError as error:
                # Whoever lost its log takes us for strangers until the session that follows has refilled it.
                _log.debug("addresses.untold", peer=peer, reason=str(error))
                continue
            for key, addresses in answers.addresses_of(answer):
                if key != self.port.own_key and held.state.standing(key) in ("member", "provisional"):
                    self.book.add(key, addresses, source="member")
                    self.supervisor.want(key, self.book.peers[key].addresses)

    def _want_entry(self, group: bytes, entry: bytes) -> None:
        if self._nursery is not None and len(self._sought) < SOUGHT_MAX and entry not in self._sought:
            self._sought.add(entry)
            self._nursery.start_soon(self._find_entry, group, entry)

    async def _find_entry(self, group: bytes, entry: bytes) -> None:
        """Ask members for an entry whose signature did not arrive whole (J5) or of which only the header is
        needed (J17), three times at most.
        """
        try:
            await self._ask_for_entry(group, entry)
        finally:
            self._sought.discard(entry)

    async def _ask_for_entry(self, group: bytes, entry: bytes) -> None:
        for attempt in range(SIGNATURE_TRIES):
            for peer in self.host.connected():
                held = self.port.groups().get(group)
                if held is None or held.state.standing(peer) is None:
                    continue
                try:
                    stream = await self.host.open_stream(peer, query.ID)
                    try:
                        answer = await query.ask(stream, ["entry", group, entry])
                    finally:
                        await stream.close()
                except NodeError as error:
                    _log.debug("signature.not_found", peer=peer, reason=str(error))
                    continue
                signature = answers.signature_in(answer, entry)
                header = answers.header_in(answer, entry)
                if signature is not None:
                    self.writer.submit(SignatureFound(group, entry, signature))
                if header is not None:
                    self.writer.submit(HeaderFound(group, header))
                if signature is not None or header is not None:
                    return
            await trio.sleep(SIGNATURE_PAUSE_S * 2**attempt)

    async def _open_stream(self, peer: bytes, protocol: str, own_connection: bool) -> Any:
        return await self.host.open_stream(peer, protocol, own_connection=own_connection)

    def _meet(self, peer: bytes, addresses: list[str]) -> None:
        """Dial somebody who is said to be reachable; a handshake proves who it is."""
        if peer != self.port.own_key and peer not in self.host.connected() and not self.port.is_blocked(peer):
            self.book.add(peer, addresses, source="announced")
            self.supervisor.want(peer, self.book.peers[peer].addresses)

    async def _run_gossip(self, gossip: Gossip) -> None:
        async with gossip.run():
            await self.announcer.run(gossip)

    async def _run_discovery(self) -> None:
        """Meet members of our groups in the local network; strangers there are left alone."""
        bare = [address.partition("/p2p/")[0] for address in self.context.addresses()]
        async with local_discovery(self.port.own_key, bare) as found_peers:
            async for found in found_peers:
                if any(held.state.standing(found.peer_key) for held in self.port.groups().values()):
                    self._meet(found.peer_key, list(found.addresses))

    # ---- running

    @asynccontextmanager
    async def running(self, *, is_restored: bool) -> AsyncIterator[None]:
        """The node without its local API: writer, network, sessions."""
        self._token = trio.lowlevel.current_trio_token()
        effects = self.node.start(is_restored=is_restored)
        # Opening has forgotten those that hold no longer.
        self.port.know_cursors(self.node.node_file.cursors())
        self.port.perform(effects)
        self.writer.wake(effects)
        if self.key.moved and not self.port.alerts:
            self.key.settle()
        self.writer.start()
        try:
            if self.config.sign_confirm:
                await self.port.ask(ConfirmClock)
            async with self.host.run(), trio.open_nursery() as nursery:
                self._nursery = nursery
                self._want_peers()
                nursery.start_soon(self.supervisor.run)
                nursery.start_soon(self.port.keep_cursors)
                nursery.start_soon(self.service.keep_joining)
                nursery.start_soon(self._narrate)
                nursery.start_soon(self.leveller.run)
                if self.gossip is not None:
                    nursery.start_soon(self._run_gossip, self.gossip)
                if self.config.mdns:
                    nursery.start_soon(self._run_discovery)
                yield
                self._nursery = None
                nursery.cancel_scope.cancel()
        finally:
            self.port.flush_cursors()
            # The writer's connections go last, while the home is locked: SQLite then tidies up the files.
            self.port.close_readers()
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(self.writer.stop)
        if self.failure is not None:
            raise self.failure

    def _want_peers(self) -> None:
        for address in self.config.bootstrap:
            key, bare = split_address(address)
            self.book.add(key, [bare], source="bootstrap", is_wanted=True)
        for key, known in self.book.peers.items():
            is_member = any(held.state.standing(key) is not None for held in self.port.groups().values())
            if known.is_blocked:
                self.port.blocked.add(key)
            elif known.addresses and (known.is_wanted or is_member):
                self.supervisor.want(key, known.addresses)

    async def _narrate(self) -> None:
        """Tell listeners of the local API what changes in groups."""
        async with self.port.watch() as changes:
            async for change in changes:
                match change:
                    case HeadsMoved(group, heads):
                        held = self.port.groups().get(group)
                        entries = 0 if held is None else held.entry_count
                        self.context.emit(
                            {"event": "heads", "group": group.hex(), "entries": entries, "added": len(heads)}
                        )
                    case GroupChanged(group):
                        self.context.emit({"event": "group", "group": group.hex()})
                    case Resync():
                        self.context.emit({"event": "resync"})

    async def serve_api(self, ready: Callable[[], Awaitable[None]]) -> None:
        """Serve the local API; `ready` is awaited once it answers."""

        async def started(port: int) -> None:
            self.context.api_port = port
            self.home.write_api(port)
            await ready()

        async with trio.open_nursery() as nursery:
            await serve(
                self.service,
                port=self.config.api_port,
                token=self.home.make_token(),
                version=p2pnode.__version__,
                ready=lambda port: nursery.start_soon(started, port),
            )


async def _run(
    home: Home,
    config: Config,
    key: KeyFile,
    node: Node,
    is_restored: bool,
    ready_fd: int | None,
    on_ready: OnReady | None,
) -> None:
    daemon = Daemon(home, config, key, node)

    async def ready() -> None:
        status = await daemon.service.status()
        if ready_fd is not None:
            os.write(ready_fd, json.dumps(status).encode() + b"\n")
            os.close(ready_fd)
        if on_ready is not None:
            on_ready(status)

    async with daemon.running(is_restored=is_restored), trio.open_nursery() as nursery:
        nursery.start_soon(_stop_on_signal, daemon)
        nursery.start_soon(daemon.serve_api, ready)
        await daemon.stopping.wait()
        if daemon.failure is not None:
            # Callers of the local API are being told why; nothing else can be done any more.
            await trio.sleep(FAREWELL_S)
        _log.info("node.stopping")
        nursery.cancel_scope.cancel()
        home.forget_api()


async def _stop_on_signal(daemon: Daemon) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            daemon.stop()
