"""Nodes in memory for the protocols: a shelf behind the port, and streams made of two memory channels."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio

from p2pnode.core.crypto import sha256
from p2pnode.core.errors import Unreachable, UsageError
from p2pnode.core.presence import Presence
from p2pnode.replication.exchange import Cursor, GroupView, Ingested, Want
from p2pnode.replication.frontier import Head
from p2pnode.replication.run import StoredEntry
from protocols import PROTOCOLS
from protocols.port import AnnexesWanted, Change, HeadsMoved, JoinAnswer, JoinRequest, ProofAsked
from tests.unit.replication.shelf import GROUP, START_MS, Shelf


class MemoryStream:
    """One end of a stream; `limit_bytes` lets the connection break after so many bytes were sent."""

    def __init__(self, peer_key: bytes, send: Any, receive: Any) -> None:
        self._peer_key = peer_key
        self._send = send
        self._receive = receive
        self._rest = b""
        self.sent_bytes = 0
        self.limit_bytes: int | None = None
        self.is_reset = False

    @property
    def peer_key(self) -> bytes:
        return self._peer_key

    async def read(self, size_max: int) -> bytes:
        if not self._rest:
            try:
                self._rest = await self._receive.receive()
            except trio.EndOfChannel:
                return b""
            except (trio.ClosedResourceError, trio.BrokenResourceError) as error:
                raise Unreachable("reset") from error
            if not self._rest:
                raise Unreachable("reset by the peer")
        data, self._rest = self._rest[:size_max], self._rest[size_max:]
        return data

    async def write(self, data: bytes) -> None:
        try:
            if self.limit_bytes is not None and self.sent_bytes + len(data) > self.limit_bytes:
                await self._send.send(data[: self.limit_bytes - self.sent_bytes] or b"\0")
                await self.reset()
                raise Unreachable("the line was cut")
            self.sent_bytes += len(data)
            await self._send.send(data)
        except (trio.ClosedResourceError, trio.BrokenResourceError) as error:
            raise Unreachable("reset") from error

    async def close(self) -> None:
        self._send.close()

    async def reset(self) -> None:
        self.is_reset = True
        try:
            self._send.send_nowait(b"")
        except (trio.WouldBlock, trio.ClosedResourceError, trio.BrokenResourceError):
            pass  # whoever reads sees the closed channel instead
        self._send.close()
        self._receive.close()


def stream_pair(
    left_key: bytes, right_key: bytes, chunks: float = math.inf
) -> tuple[MemoryStream, MemoryStream]:
    """Two ends of a stream: the first belongs to `left_key` and leads to `right_key`."""
    to_right, right_receives = trio.open_memory_channel[bytes](chunks)
    to_left, left_receives = trio.open_memory_channel[bytes](chunks)
    return (
        MemoryStream(right_key, to_right, left_receives),
        MemoryStream(left_key, to_left, right_receives),
    )


class MemoryNode:
    """A node port over a shelf; other nodes are reached by key."""

    def __init__(self, name: str, network: dict[bytes, MemoryNode], nursery: trio.Nursery) -> None:
        self.shelf = Shelf(name)
        self.network = network
        self.nursery = nursery
        self.penalties: list[tuple[bytes, str]] = []
        self.confirmed: list[bytes] = []
        self.heard: list[tuple[bytes, bytes]] = []
        self.closed: list[tuple[bytes, bytes]] = []
        self.heard_there: list[tuple[int, Presence]] = []
        self.offsets_ms: list[int] = []
        self.wall_ahead_ms = 0
        self.opened: list[tuple[str, bool]] = []
        self.streams: list[MemoryStream] = []
        self.admitted: list[JoinRequest] = []
        self.answer_to: Callable[[Any], Any] = lambda question: {"question": question}
        self.proof = b""
        self.proofs_asked: list[tuple[bytes, ProofAsked]] = []
        self.join_answer = JoinAnswer("refused", "invite.unknown", "no such invitation")
        self._watchers: list[trio.MemorySendChannel[Change]] = []
        self._random = 0
        self._changed = trio.Event()
        network[self.own_key] = self

    @property
    def own_key(self) -> bytes:
        return self.shelf.own_key

    def now_ms(self) -> int:
        return START_MS + self.wall_ahead_ms + int(trio.current_time() * 1000)

    def random(self, size: int) -> bytes:
        self._random += 1
        return sha256(self.own_key + self._random.to_bytes(8, "big"))[:size]

    def sign(self, message: bytes) -> bytes:
        return self.shelf.sign(message)

    def groups(self) -> Mapping[bytes, GroupView]:
        return self.shelf.groups()

    def lanes_readable(self, group: bytes, keys: frozenset[bytes]) -> frozenset[int]:
        return self.shelf.lanes_readable(group, keys)

    def cursor(self, peer: bytes, group: bytes) -> Cursor | None:
        return self.shelf.cursor(peer, group)

    def remember_cursor(self, peer: bytes, group: bytes, cursor: Cursor) -> None:
        self.shelf.cursors[peer, group] = cursor

    def heads_confirmed(self, peer: bytes, group: bytes) -> None:
        self.confirmed.append(peer)

    def presences(self, group: bytes) -> Sequence[tuple[int, Presence]]:
        return self.shelf.presences(group)

    def presence_heard(self, peer: bytes, group: bytes, relays: int, presence: Presence) -> None:
        self.heard_there.append((relays, presence))

    def heard_out(self, peer: bytes, group: bytes) -> None:
        self.heard.append((peer, group))

    def lanes_closed(self, peer: bytes, group: bytes) -> None:
        self.closed.append((peer, group))

    def clock_heard(self, peer: bytes, offset_ms: int) -> None:
        self.offsets_ms.append(offset_ms)

    async def ingest(
        self,
        group: bytes,
        peer: bytes,
        frame: bytes,
        compressed: bool,
        pushed: bool,
        annexes: Sequence[bytes] = (),
    ) -> Ingested:
        result, heads = self.shelf.ingest(group, frame, compressed, pushed, annexes)
        await trio.lowlevel.checkpoint()
        self.moved(group, heads)
        return result

    async def read_runs(
        self, group: bytes, wants: Sequence[Want], bytes_max: int
    ) -> tuple[list[bytes], list[Want]]:
        await trio.lowlevel.checkpoint()
        return self.shelf.read_runs(group, wants, bytes_max)

    async def read_push(
        self, group: bytes, want: Want, run_bytes_max: int
    ) -> tuple[bytes | None, list[bytes]]:
        await trio.lowlevel.checkpoint()
        return self.shelf.read_push(group, want, run_bytes_max)

    async def read_annexes(self, group: bytes, hashes: Sequence[bytes]) -> list[bytes]:
        await trio.lowlevel.checkpoint()
        annexes = self.shelf.racks[group].annexes
        return [annexes[hash_] for hash_ in hashes if hash_ in annexes]

    async def keep_annexes(self, group: bytes, peer: bytes, blobs: Sequence[bytes]) -> None:
        await trio.lowlevel.checkpoint()
        rack = self.shelf.racks[group]
        for blob in blobs:
            rack.annexes[sha256(blob)] = blob
            rack.wanted.remove(sha256(blob))
        self._stir()

    def wanted_annexes(self, group: bytes) -> list[bytes]:
        return list(self.shelf.racks[group].wanted)

    async def keep_fork(self, group: bytes, peer: bytes, proof: bytes) -> str | None:
        await trio.lowlevel.checkpoint()
        rule = self.shelf.keep_fork(group, proof)
        if rule is None:
            self.moved(group, [self.shelf.racks[group].frontier.changed_since(0)[-1]])
        return rule

    async def read_fork(self, group: bytes, author: bytes, lane: int) -> bytes | None:
        await trio.lowlevel.checkpoint()
        return self.shelf.racks[group].forks.get((author, lane))

    async def read_headers(
        self, group: bytes, author: bytes, lane: int, first: int, count: int
    ) -> list[StoredEntry]:
        await trio.lowlevel.checkpoint()
        return self.shelf.read_headers(group, (author, lane), first, count)

    async def admit(self, peer: bytes, request: JoinRequest) -> JoinAnswer:
        await trio.lowlevel.checkpoint()
        self.admitted.append(request)
        return self.join_answer

    async def answer(self, peer: bytes, keys: frozenset[bytes], question: Any) -> Any:
        await trio.lowlevel.checkpoint()
        if question == ["nothing"]:
            raise UsageError("query.unknown", "this node has no answer", "ask another")
        return self.answer_to(question)

    async def prove(self, peer: bytes, question: ProofAsked) -> bytes:
        await trio.lowlevel.checkpoint()
        self.proofs_asked.append((peer, question))
        if not self.proof:
            raise UsageError("proof.unknown_entry", "this node does not hold that entry", "ask another")
        return self.proof

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[trio.MemoryReceiveChannel[Change]]:
        send, receive = trio.open_memory_channel[Change](256)
        self._watchers.append(send)
        try:
            yield receive
        finally:
            self._watchers.remove(send)

    def penalize(self, peer: bytes, rule: str) -> None:
        self.penalties.append((peer, rule))
        self._stir()

    def is_blocked(self, peer: bytes) -> bool:
        return False

    async def open_stream(self, peer: bytes, protocol: str, own_connection: bool) -> MemoryStream:
        await trio.lowlevel.checkpoint()
        self.opened.append((protocol, own_connection))
        other = self.network.get(peer)
        if other is None:
            raise Unreachable("no such node")
        mine, theirs = stream_pair(self.own_key, peer)
        self.streams.append(mine)
        other.streams.append(theirs)
        self.nursery.start_soon(partial(handler_of(protocol), theirs, port=other))
        return mine

    # What tests do.

    def moved(self, group: bytes, heads: Sequence[Head]) -> None:
        if heads:
            self.tell(HeadsMoved(group, tuple(heads)))

    def append(self, count: int = 1, *, lane: int = 0, group: bytes = GROUP) -> None:
        self.moved(group, [self.shelf.append(count, lane=lane, group=group)])

    def want_annex(self, hash_: bytes, group: bytes = GROUP) -> None:
        self.shelf.racks[group].wanted.append(hash_)
        self.tell(AnnexesWanted(group))

    def tell(self, change: Change) -> None:
        for watcher in self._watchers:
            watcher.send_nowait(change)
        self._stir()

    def _stir(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something that this node does makes a condition true."""
        while not condition():
            await self._changed.wait()

    def digest(self, group: bytes = GROUP) -> bytes:
        return self.shelf.racks[group].frontier.digest(frozenset((0, 1, 2)))

    def entry_count(self, group: bytes = GROUP) -> int:
        return sum(head.seq + 1 for head in self.shelf.racks[group].frontier.heads.values())


def handler_of(protocol: str) -> Callable[..., Awaitable[None]]:
    return next(module.serve for module in PROTOCOLS if protocol == module.ID)
