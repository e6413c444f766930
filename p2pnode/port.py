"""The node as protocols and the local API see it, in the event loop's thread.

Questions that change something go to the writer as events and come back as replies; reading goes to
connections of its own. What the loop knows of groups (heads, members) is kept up to date from the writer's
effects, after COMMIT.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import trio

from p2pnode.core.codec import Value
from p2pnode.core.crypto import SigningKey
from p2pnode.core.entry import Entry
from p2pnode.core.errors import StoreError, UsageError
from p2pnode.core.events import (
    Alert,
    AnnexesReceived,
    CatchUp,
    ClockHeard,
    Closed,
    CursorsNoted,
    Effect,
    Event,
    ForkShown,
    HeaderWanted,
    HeadsConfirmed,
    HeardOut,
    JoinAsked,
    Moved,
    Penalize,
    PresenceHeard,
    Received,
    Regrouped,
    Reply,
    SignatureWanted,
)
from p2pnode.core.events import AnnexesWanted as AnnexesWantedEffect
from p2pnode.core.events import ForkFound as ForkFoundEffect
from p2pnode.core.events import PresenceTold as PresenceToldEffect
from p2pnode.core.presence import Presence
from p2pnode.governance.access import lanes_readable
from p2pnode.governance.state import GroupState
from p2pnode.net.streams import Libp2pStream
from p2pnode.node import Admission
from p2pnode.penalties import Conduct, after_violation
from p2pnode.replication.exchange import Cursor, Ingested, Want
from p2pnode.replication.frontier import Frontier
from p2pnode.replication.run import StoredEntry
from p2pnode.serving import FreshEntries, GroupReader
from protocols.port import (
    AnnexesWanted,
    Change,
    ForkFound,
    GroupChanged,
    HeadsMoved,
    JoinAnswer,
    JoinRequest,
    PresenceTold,
    ProofAsked,
    Resync,
    WireEntry,
)

_log = logging.getLogger("p2pnode.port")
_Result = TypeVar("_Result")

WATCHER_CHANGES_MAX = 256
ANNEXES_WANTED_MAX = 2000
READERS_MAX = 4
INLINE_ENTRIES_MAX = 4
"""So few entries are read in the loop: readers never wait, and a thread would cost many times the reading."""

CONDUCTS_MAX = 4096
"""Peers whose offences are remembered: keys cost nothing."""

CURSORS_PAUSE_S = 5

OpenStream = Callable[[bytes, str, bool], Awaitable[Libp2pStream]]


@dataclass(slots=True)
class HeldGroup:
    """A group as the loop knows it. Shapes: wanted_annexes is None until they are read again."""

    group: bytes
    frontier: Frontier
    state: GroupState
    reader: GroupReader
    fresh: FreshEntries = field(default_factory=FreshEntries)
    wanted_annexes: list[bytes] | None = None
    is_unconfirmed: bool = False
    confirmed: trio.Event = field(default_factory=trio.Event)
    presences: dict[bytes, tuple[int, Presence]] = field(default_factory=dict)

    @property
    def public(self) -> bool:
        return self.state.public

    def is_member(self, author: bytes) -> bool:
        return self.state.standing(author) == "member"

    @property
    def name(self) -> str:
        return self.state.name

    @property
    def entry_count(self) -> int:
        return sum(head.seq + 1 for head in self.frontier.heads.values())


class Request:
    """Something asked of the writer, and its answer, for which one task waits.

    It wakes that task without a `trio.Event`, which would cost as much again as the rest of the way.
    """

    __slots__ = ("_reply", "_task")

    def __init__(self) -> None:
        self._reply: Reply | None = None
        self._task: trio.lowlevel.Task | None = None

    def answer(self, reply: Reply) -> None:
        self._reply = reply
        if self._task is not None:
            trio.lowlevel.reschedule(self._task)
            self._task = None

    async def wait(self) -> Any:
        if self._reply is None:
            self._task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._abandon)
        else:
            await trio.lowlevel.checkpoint()
        assert self._reply is not None
        if self._reply.error is not None:
            raise self._reply.error
        return self._reply.value

    def _abandon(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED


class LivePort:
    """Everything a running node offers to its protocols. All methods run in the loop's thread."""

    def __init__(
        self,
        key: SigningKey,
        *,
        wall_ms: Callable[[], int],
        group_path: Callable[[bytes], str],
        cursors: Mapping[tuple[bytes, bytes], tuple[bytes, int]],
    ) -> None:
        self._key = key
        self._wall_ms = wall_ms
        self._group_path = group_path
        self._groups: dict[bytes, HeldGroup] = {}
        self._cursors: dict[tuple[bytes, bytes], Cursor] = {}
        self.know_cursors(cursors)
        self._dirty_cursors: set[tuple[bytes, bytes]] = set()
        self._watchers: list[trio.MemorySendChannel[Change]] = []
        self._lagging: set[trio.MemorySendChannel[Change]] = set()
        self._readers = trio.CapacityLimiter(READERS_MAX)
        self.conducts: dict[bytes, Conduct] = {}
        self.blocked: set[bytes] = set()
        self.alerts: dict[tuple[str, str], Alert] = {}
        self.submit: Callable[[Event], None] = _nowhere
        self.open_by: OpenStream | None = None
        self.on_banned: Callable[[bytes], None] = _ignore
        self.on_alert: Callable[[Alert], None] = _ignore
        self.on_closed: Callable[[bytes, bytes], None] = _ignore_two
        self.on_failure: Callable[[BaseException], None] = _ignore
        self.on_entry_wanted: Callable[[bytes, bytes], None] = _ignore_two
        self.answer_by: Callable[[bytes, frozenset[bytes], Value], Awaitable[Value]] | None = None
        self.prove_by: Callable[[bytes, ProofAsked], Awaitable[bytes]] | None = None

    # ---- the writer's side

    def perform(self, effects: Sequence[Effect]) -> None:
        """Carry out what the node asked for: first what changed, then the replies that speak of it."""
        for effect in effects:
            if isinstance(effect, Reply):
                self._keep_fresh(effect.value)
        for effect in effects:
            if not isinstance(effect, Reply):
                self._perform(effect)
        for effect in effects:
            if isinstance(effect, Reply) and isinstance(effect.request, Request):
                effect.request.answer(effect)

    def _keep_fresh(self, value: object) -> None:
        """Keep own entries that a reply brings for the sessions that push them in a moment."""
        if self._watchers and type(value) is tuple and value and isinstance(value[0], Entry):
            held = self._groups.get(value[0].group)
            if held is not None:
                held.fresh.add(value)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Regrouped(group, state, epoch):
                self._regroup(group, state, epoch)
            case Moved(group, heads, is_urgent):
                held = self._groups[group]
                held.frontier.apply(heads)
                self._tell(HeadsMoved(group, heads, is_urgent))
            case Closed(group):
                gone = self._groups.pop(group, None)
                if gone is not None:
                    gone.reader.close()
                for place in [place for place in self._cursors if place[1] == group]:
                    del self._cursors[place]
                    self._dirty_cursors.discard(place)
                self._tell(GroupChanged(group))
            case AnnexesWantedEffect(group):
                self._groups[group].wanted_annexes = None
                self._tell(AnnexesWanted(group))
            case SignatureWanted(group, entry) | HeaderWanted(group, entry):
                self.on_entry_wanted(group, entry)
            case ForkFoundEffect(group, _, proof):
                self._tell(ForkFound(group, proof))
            case Penalize(peer, rule):
                self.penalize(peer, rule)
            case PresenceToldEffect(group, relays, presence):
                self._groups[group].presences[presence.key] = (relays, presence)
                self._tell(PresenceTold(group, relays, presence))
            case Alert():
                self._alert(effect)

    def _regroup(self, group: bytes, state: GroupState, epoch: bytes) -> None:
        held = self._groups.get(group)
        if held is None:
            reader = GroupReader(group, self._group_path(group))
            # A group that was restored is announced as such before it is opened.
            is_unconfirmed = ("restore.unconfirmed", group.hex()) in self.alerts
            self._groups[group] = HeldGroup(
                group, Frontier(group, epoch), state, reader, is_unconfirmed=is_unconfirmed
            )
        else:
            held.state = state
        self._tell(GroupChanged(group))

    def _alert(self, alert: Alert) -> None:
        group = alert.facts.get("group", "")
        if alert.rule == "restore.confirmed":
            self.alerts.pop(("restore.unconfirmed", group), None)
        else:
            self.alerts[(alert.rule, group)] = alert
        held = self._groups.get(bytes.fromhex(group)) if group else None
        if held is not None and alert.rule.startswith("restore."):
            held.is_unconfirmed = alert.rule == "restore.unconfirmed"
        _log.warning("%s %s", alert.rule, alert.message)
        self.on_alert(alert)

    def _tell(self, change: Change) -> None:
        for watcher in self._watchers:
            try:
                watcher.send_nowait(change)
            except trio.WouldBlock:
                # One word that something was missed is enough, however much it is.
                if watcher not in self._lagging:
                    self._lagging.add(watcher)
                    trio.lowlevel.spawn_system_task(self._send_later, watcher)

    async def _send_later(self, watcher: trio.MemorySendChannel[Change]) -> None:
        try:
            await watcher.send(Resync())
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the watcher has gone
        finally:
            self._lagging.discard(watcher)

    async def ask(self, event_for: Callable[[Request], Event]) -> Any:
        """Have the writer handle an event, and wait for its reply. Errors: whatever the node replies."""
        request = Request()
        self.submit(event_for(request))
        return await request.wait()

    async def read(self, group: bytes, work: Callable[[GroupReader], _Result]) -> _Result:
        """Do some reading of a group in a worker thread. Errors: UsageError group.unknown."""
        held = self._groups.get(group)
        if held is None:
            raise UsageError(
                "group.unknown", "this node is not in that group", "p2pnode group list shows its groups"
            )
        try:
            return await trio.to_thread.run_sync(work, held.reader, limiter=self._readers)
        except StoreError as error:
            self.on_failure(error)
            raise

    async def keep_cursors(self) -> None:
        """Write cursors down from time to time, for ever; losing some costs bytes, never entries."""
        while True:
            await trio.sleep(CURSORS_PAUSE_S)
            self.flush_cursors()

    def flush_cursors(self) -> None:
        if self._dirty_cursors:
            rows = tuple((*place, *self._cursors[place]) for place in sorted(self._dirty_cursors))
            self._dirty_cursors.clear()
            self.submit(CursorsNoted(rows))

    # ---- the protocols' side (protocols/port.py)

    @property
    def own_key(self) -> bytes:
        return self._key.public

    def now_ms(self) -> int:
        return self._wall_ms()

    def random(self, size: int) -> bytes:
        return os.urandom(size)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    def close_readers(self) -> None:
        """Close what reads the groups' files; nothing is read afterwards."""
        for held in self._groups.values():
            held.reader.close()

    def groups(self) -> Mapping[bytes, HeldGroup]:
        return self._groups

    @property
    def signing_key(self) -> SigningKey:
        return self._key

    async def settled(self, group: bytes) -> None:
        """Wait until everything that was put in line for the writer before now is done."""
        await self.ask(lambda request: CatchUp(request, group))

    def lanes_readable(self, group: bytes, keys: frozenset[bytes]) -> frozenset[int]:
        held = self._groups.get(group)
        return frozenset() if held is None else lanes_readable(held.state, keys)

    def cursor(self, peer: bytes, group: bytes) -> Cursor | None:
        return self._cursors.get((peer, group))

    def know_cursors(self, cursors: Mapping[tuple[bytes, bytes], tuple[bytes, int]]) -> None:
        """Take up the cursors that were kept."""
        self._cursors = {place: Cursor(*cursor) for place, cursor in cursors.items()}

    def remember_cursor(self, peer: bytes, group: bytes, cursor: Cursor) -> None:
        if self._cursors.get((peer, group)) != cursor:
            self._cursors[peer, group] = cursor
            self._dirty_cursors.add((peer, group))

    def heads_confirmed(self, peer: bytes, group: bytes) -> None:
        held = self._groups.get(group)
        if held is None:
            return
        held.confirmed.set()
        if held.is_unconfirmed:
            self.submit(HeadsConfirmed(group, peer))

    def presences(self, group: bytes) -> Sequence[tuple[int, Presence]]:
        held = self._groups.get(group)
        return [] if held is None else list(held.presences.values())

    def presence_heard(self, peer: bytes, group: bytes, relays: int, presence: Presence) -> None:
        self.submit(PresenceHeard(group, peer, relays, presence))

    def heard_out(self, peer: bytes, group: bytes) -> None:
        self.submit(HeardOut(group, peer))

    def lanes_closed(self, peer: bytes, group: bytes) -> None:
        self.on_closed(peer, group)

    def clock_heard(self, peer: bytes, offset_ms: int) -> None:
        self.submit(ClockHeard(peer, offset_ms))

    async def ingest(
        self,
        group: bytes,
        peer: bytes,
        frame: bytes,
        compressed: bool,
        pushed: bool,
        annexes: Sequence[bytes] = (),
    ) -> Ingested:
        blobs = tuple(annexes)
        answer = await self.ask(
            lambda request: Received(request, group, peer, frame, compressed, pushed, blobs)
        )
        assert isinstance(answer, Ingested)
        held = self._groups.get(group)
        if blobs and held is not None:
            held.wanted_annexes = None
        return answer

    async def read_runs(
        self, group: bytes, wants: Sequence[Want], bytes_max: int
    ) -> tuple[list[bytes], list[Want]]:
        held = self._groups.get(group)
        if held is None:
            return [], []
        if sum(want.last - want.first + 1 for want in wants) <= INLINE_ENTRIES_MAX:
            fresh = held.fresh.runs(group, wants, bytes_max)
            return (fresh, []) if fresh else held.reader.read_runs(wants, bytes_max)
        return await self.read(group, lambda reader: reader.read_runs(wants, bytes_max))

    async def read_push(
        self, group: bytes, want: Want, run_bytes_max: int
    ) -> tuple[bytes | None, list[bytes]]:
        held = self._groups.get(group)
        if held is None:
            return None, []
        fresh = held.fresh.entries(want)
        if fresh or want.last - want.first < INLINE_ENTRIES_MAX:
            return held.reader.read_push(want, fresh, run_bytes_max)
        return await self.read(group, lambda reader: reader.read_push(want, (), run_bytes_max))

    async def read_annexes(self, group: bytes, hashes: Sequence[bytes]) -> list[bytes]:
        def work(reader: GroupReader) -> list[bytes]:
            with reader.reading() as queries:
                return queries.annexes(hashes)

        return await self.read(group, work) if group in self._groups else []

    async def keep_annexes(self, group: bytes, peer: bytes, blobs: Sequence[bytes]) -> None:
        kept = await self.ask(lambda request: AnnexesReceived(request, group, peer, tuple(blobs)))
        held = self._groups.get(group)
        if kept and held is not None:
            held.wanted_annexes = None

    def wanted_annexes(self, group: bytes) -> list[bytes]:
        held = self._groups.get(group)
        if held is None:
            return []
        wanted = held.wanted_annexes
        if wanted is None or len(wanted) >= ANNEXES_WANTED_MAX:
            # From anywhere: who names annexes that do not exist must not stand before those that do.
            with held.reader.reading() as queries:
                wanted = queries.wanted_annexes(ANNEXES_WANTED_MAX, self.random(32))
            held.wanted_annexes = wanted
        return wanted

    async def keep_fork(self, group: bytes, peer: bytes, proof: bytes) -> str | None:
        rule = await self.ask(lambda request: ForkShown(request, group, peer, proof))
        return None if rule is None else str(rule)

    async def read_fork(self, group: bytes, author: bytes, lane: int) -> bytes | None:
        def work(reader: GroupReader) -> bytes | None:
            with reader.reading() as queries:
                return queries.fork_proofs().get((author, lane))

        return await self.read(group, work) if group in self._groups else None

    async def read_headers(
        self, group: bytes, author: bytes, lane: int, first: int, count: int
    ) -> list[StoredEntry]:
        if group not in self._groups:
            return []
        return await self.read(group, lambda reader: reader.read_headers(author, lane, first, count))

    async def admit(self, peer: bytes, request: JoinRequest) -> JoinAnswer:
        try:
            admission = await self.ask(
                lambda ticket: JoinAsked(
                    ticket,
                    request.group,
                    peer,
                    tuple((entry.header, entry.signature, entry.payload) for entry in request.entries),
                    request.annexes,
                )
            )
        except UsageError as error:
            return JoinAnswer("refused", error.rule, error.message)
        assert isinstance(admission, Admission)
        if admission.state == "petition":
            return JoinAnswer(
                "petition", admission.rule or "", "this group decides about newcomers by a vote"
            )
        if admission.state != "admitted":
            return JoinAnswer("refused", admission.rule or "", "the invitation does not hold")
        standing = self._groups[request.group].state.standing(peer)
        entries = await self.read(request.group, _governed_entries)
        return JoinAnswer(
            "member" if standing == "member" else "provisional",
            founding=WireEntry(*admission.founding),
            entries=entries,
        )

    async def answer(self, peer: bytes, keys: frozenset[bytes], question: Value) -> Value:
        assert self.answer_by is not None
        return await self.answer_by(peer, keys, question)

    async def prove(self, peer: bytes, question: ProofAsked) -> bytes:
        assert self.prove_by is not None
        return await self.prove_by(peer, question)

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[trio.MemoryReceiveChannel[Change]]:
        send, receive = trio.open_memory_channel[Change](WATCHER_CHANGES_MAX)
        self._watchers.append(send)
        try:
            yield receive
        finally:
            self._watchers.remove(send)
            send.close()

    def penalize(self, peer: bytes, rule: str) -> None:
        now_ms = self._wall_ms()
        before = self.conducts.pop(peer, Conduct())
        if len(self.conducts) >= CONDUCTS_MAX:
            del self.conducts[min(self.conducts, key=lambda key: self.conducts[key].banned_until_ms)]
        after = self.conducts[peer] = after_violation(before, rule, now_ms)
        if after is before:
            return
        _log.warning("peer.penalized peer=%s rule=%s violations=%d", peer.hex()[:8], rule, after.violations)
        if after.bans > before.bans:
            self.on_banned(peer)

    def is_blocked(self, peer: bytes) -> bool:
        conduct = self.conducts.get(peer)
        return peer in self.blocked or (conduct is not None and conduct.banned_until_ms > self._wall_ms())

    async def open_stream(self, peer: bytes, protocol: str, own_connection: bool) -> Libp2pStream:
        assert self.open_by is not None
        return await self.open_by(peer, protocol, own_connection)


def _governed_entries(reader: GroupReader) -> tuple[WireEntry, ...]:
    with reader.reading() as queries:
        return tuple(
            WireEntry(item.entry.header, item.entry.signature, item.entry.payload)
            for item in queries.governed()
            if item.entry.signature is not None and item.entry.payload is not None
        )


def _nowhere(event: Event) -> None:
    raise AssertionError(f"no writer is running to take {event!r}")


def _ignore_two(thing: object, other: object) -> None:
    """Nobody listens."""


def _ignore(thing: object) -> None:
    """Nobody listens."""
