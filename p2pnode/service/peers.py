"""Peers: the address book, dialling, blocking, asking."""

from __future__ import annotations

import trio

from p2pnode.core.errors import PeerError, Unreachable
from p2pnode.core.ids import did_of, peer_id_of
from p2pnode.local import shapes
from p2pnode.peerbook import KnownPeer, split_address
from p2pnode.penalties import Conduct
from p2pnode.service import answers
from p2pnode.service.context import Context
from protocols import query as query_protocol

_QUERY_TIMEOUT_S = 10
_PING_TIMEOUT_MS = 5000


class PeersService:
    """The part of the service about peers."""

    context: Context

    async def peers(self) -> list[shapes.PeerRow]:
        book = self.context.book.peers
        kept_out = [key for key in self.context.port.conducts if self.context.port.is_blocked(key)]
        keys = sorted({*book, *self.context.host.connected(), *kept_out})
        return [await self._peer_row(key) for key in keys]

    async def _peer_row(self, key: bytes) -> shapes.PeerRow:
        peer = self.context.book.peers.get(key, KnownPeer(key, source="met"))
        is_connected = key in self.context.host.connected()
        status = next((one for one in self.context.supervisor.statuses() if one.peer_key == key), None)
        next_try = None if status is None or status.next_try_ms is None else status.next_try_ms
        groups = [
            held.group.hex()
            for held in self.context.port.groups().values()
            if held.state.standing(key) is not None
        ]
        return shapes.PeerRow(
            peer_id=peer_id_of(key),
            did=did_of(key),
            connected=is_connected,
            direction=self.context.host.direction(key) if is_connected else "none",
            addresses=list(peer.addresses),
            groups=groups,
            source=peer.source,
            rtt_ms=None,
            last_seen_ms=peer.seen_ms or None,
            next_try_ms=None if next_try is None else self.context.port.now_ms() + next_try,
            problem=status.last_error or None if status is not None else None,
            blocked=self.context.port.is_blocked(key),
            penalties=self.context.port.conducts.get(key, Conduct()).violations,
        )

    async def add_peer(self, address: str) -> shapes.PeerRow:
        key, bare = split_address(address)
        self.context.book.add(key, [bare], source="added", is_wanted=True)
        self.context.supervisor.want(key, self.context.book.peers[key].addresses)
        return await self._peer_row(key)

    async def remove_peer(self, peer: str) -> shapes.PeerRow:
        key = self._find(peer)
        known = self.context.book.peers.get(key, KnownPeer(key))
        known.is_wanted, known.addresses = False, []
        self.context.supervisor.unwant(key)
        self.context.book.keep(known)
        await self.context.host.drop(key)
        row = await self._peer_row(key)
        self.context.book.peers.pop(key, None)
        return row

    async def ping_peer(self, peer: str) -> shapes.Ping:
        key = self._find(peer)
        addresses = self.context.book.peers.get(key, KnownPeer(key)).addresses
        if key not in self.context.host.connected():
            await self.context.host.dial(key, addresses)
        rtt_ms = await self.context.host.ping(key, _PING_TIMEOUT_MS)
        return shapes.Ping(peer_id=peer_id_of(key), rtt_ms=float(rtt_ms), address=(addresses or [""])[0])

    async def block_peer(self, peer: str) -> shapes.PeerRow:
        key = self._find(peer)
        known = self.context.book.peers.setdefault(key, KnownPeer(key))
        known.is_blocked = True
        self.context.port.blocked.add(key)
        self.context.supervisor.unwant(key)
        self.context.book.keep(known)
        await self.context.host.drop(key)
        return await self._peer_row(key)

    async def unblock_peer(self, peer: str) -> shapes.PeerRow:
        key = self._find(peer)
        known = self.context.book.peers.setdefault(key, KnownPeer(key))
        known.is_blocked = False
        self.context.port.blocked.discard(key)
        self.context.port.conducts.pop(key, None)
        self.context.book.keep(known)
        if known.is_wanted:
            self.context.supervisor.want(key, known.addresses)
        return await self._peer_row(key)

    def _find(self, peer: str) -> bytes:
        return self.context.book.find(peer, self.context.host.connected())

    async def query(self, peer: str, question: shapes.Question) -> shapes.Answer:
        key = self._find(peer)
        group = self.context.held(question["group"]).group if question.get("group") else None
        asked = answers.question_of(question, group)
        addresses = self.context.book.peers.get(key, KnownPeer(key)).addresses
        try:
            with trio.fail_after(_QUERY_TIMEOUT_S):
                if key not in self.context.host.connected():
                    await self.context.host.dial(key, addresses)
                stream = await self.context.host.open_stream(key, query_protocol.ID)
                try:
                    answer = await query_protocol.ask(stream, asked)
                finally:
                    await stream.close()
        except trio.TooSlowError:
            raise Unreachable(f"{peer_id_of(key)} did not answer in {_QUERY_TIMEOUT_S} s") from None
        try:
            shown, proven = answers.checked(answer)
        except (KeyError, TypeError, IndexError) as error:
            raise PeerError(
                "query.bad_answer", "the peer's answer has another shape than the question"
            ) from error
        return shapes.Answer(peer_id=peer_id_of(key), question=question["name"], answer=shown, proven=proven)
