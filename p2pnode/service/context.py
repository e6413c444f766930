"""What the parts of the service share: the node's port, its network, its address book, its home."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import trio

from p2pnode.core.annex import encode_annex
from p2pnode.core.entry import Entry
from p2pnode.core.errors import UsageError
from p2pnode.core.events import Append, CatchUp, Item
from p2pnode.core.limits import ANNEX_SALT_BYTES
from p2pnode.describing import Describer
from p2pnode.economy.figures import Sums
from p2pnode.home import Home
from p2pnode.local.naming import Named, choose
from p2pnode.net.dialer import Supervisor
from p2pnode.net.host import Host
from p2pnode.peerbook import PeerBook
from p2pnode.port import HeldGroup, LivePort
from p2pnode.service.pending import PendingJoin
from p2pnode.service.provisional import Provisional
from p2pnode.service.rules import refusal
from p2pnode.service.viewing import GroupView
from p2pnode.serving import GroupReader
from p2pnode.store.group_file import GroupQueries

_Result = TypeVar("_Result")
_EVENTS_MAX = 256
_CONFIRM_TIMEOUT_S = 2


@dataclass(slots=True)
class Context:
    """A running node's parts. Units: started_ms is wall time."""

    home: Home
    port: LivePort
    host: Host
    supervisor: Supervisor
    book: PeerBook
    recovery_commitment: bytes
    started_ms: int
    stop: Callable[[], None]
    pending_joins: dict[bytes, PendingJoin]
    counted: dict[bytes, Sums] = field(default_factory=dict)
    api_port: int = 0
    announce: tuple[str, ...] = ()
    provisional: dict[bytes, Provisional] = field(default_factory=dict)
    listeners: list[trio.MemorySendChannel[dict[str, Any]]] = field(default_factory=list)

    def emit(self, event: dict[str, Any]) -> None:
        """Tell everybody who listens to `events`; who is too slow is told to read everything again."""
        for listener in self.listeners:
            try:
                listener.send_nowait(event)
            except trio.WouldBlock:
                listener.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[trio.MemoryReceiveChannel[dict[str, Any]]]:
        send, receive = trio.open_memory_channel[dict[str, Any]](_EVENTS_MAX)
        self.listeners.append(send)
        try:
            yield receive
        finally:
            self.listeners.remove(send)

    def addresses(self) -> list[str]:
        """What others may dial: the configured addresses, or those that were found."""
        if self.announce:
            return [f"{address.partition('/p2p/')[0]}/p2p/{self.host.peer_id}" for address in self.announce]
        return self.host.addresses()

    def held(self, word: str) -> HeldGroup:
        """The group that a person means. Errors: UsageError group.unknown, group.ambiguous."""
        groups = self.port.groups()
        candidates = [Named(held.group.hex(), held.name) for held in groups.values()]
        return groups[bytes.fromhex(choose("group", word, candidates, where="p2pnode group list"))]

    async def describe(self, held: HeldGroup, work: Callable[[Describer], _Result]) -> _Result:
        """Read rows of a group in a worker thread."""
        state, own = held.state, self.port.own_key

        def read(reader: GroupReader) -> _Result:
            with reader.reading() as queries:
                return work(Describer(queries, state, own))

        return await self.port.read(held.group, read)

    async def view(
        self, held: HeldGroup, work: Callable[[GroupView], _Result], *, with_facts: bool = False
    ) -> _Result:
        """Read a group with what is provisional in it, in a worker thread."""
        state, own, now_ms = held.state, self.port.own_key, self.port.now_ms()
        facts = self.provisional.setdefault(held.group, Provisional()) if with_facts else None

        def read(reader: GroupReader) -> _Result:
            with reader.reading() as queries:
                describer = Describer(queries, state, own)
                return work(GroupView(held.group, queries, describer, own, now_ms, facts))

        return await self.port.read(held.group, read)

    async def append(self, held: HeldGroup, items: tuple[Item, ...]) -> tuple[Entry, ...]:
        """Write entries, after a peer had a moment to say that our own log is longer than we know (J35)."""
        others = any(
            device != self.port.own_key for member in held.state.members.values() for device in member.devices
        )
        if others and not held.confirmed.is_set():
            reachable = any(status.addresses for status in self.supervisor.statuses())
            if reachable or self.host.connected():
                with trio.move_on_after(_CONFIRM_TIMEOUT_S):
                    await held.confirmed.wait()
            held.confirmed.set()
        try:
            written: tuple[Entry, ...] = await self.port.ask(
                lambda request: Append(request, held.group, items)
            )
        except UsageError as error:
            # The way out is the same for a stranger, a removed member and a revoked device: how one stands.
            raise refusal(error.rule) if error.rule == "member.not_one" else error from error
        return written

    async def say(
        self,
        held: HeldGroup,
        type_: str,
        payload: bytes,
        annex: bytes | None = None,
        *,
        with_facts: bool = False,
    ) -> Entry:
        """Write an entry that would not be void as far as can be told. Errors: UsageError by its rule."""
        rule = await self.view(held, lambda view: view.void_rule_of(type_, payload), with_facts=with_facts)
        if rule is not None:
            raise refusal(rule)
        item = Item(type_, payload, annexes=() if annex is None else (annex,))
        return (await self.append(held, (item,)))[0]

    async def query(self, held: HeldGroup, work: Callable[[GroupQueries], _Result]) -> _Result:
        """Read something of a group in a worker thread."""

        def read(reader: GroupReader) -> _Result:
            with reader.reading() as queries:
                return work(queries)

        return await self.port.read(held.group, read)

    async def catch_up(self, held: HeldGroup) -> None:
        """Have the views of a group up to date."""
        await self.port.ask(lambda request: CatchUp(request, held.group))

    def annex(self, **content: Any) -> bytes:
        """A fresh annex with the parts of some content that are there."""
        present = {name: value for name, value in content.items() if value}
        return encode_annex(os.urandom(ANNEX_SALT_BYTES), present)
