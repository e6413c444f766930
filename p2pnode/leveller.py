"""Asks peers for what gets this node level with its groups: one task for a group. One question follows
the other, but parts of a state are asked for at the same time.

What to ask for, and whether an answer holds, the node says (`chain/levelling.py`). Here is only who is asked:
several members for the newest final block, then one after another, so that nobody who lies or stalls stands
alone between this node and its group.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol

import trio

from p2pnode.chain.leading import Next
from p2pnode.core.codec import Value
from p2pnode.core.errors import NodeError, PeerError, UsageError
from p2pnode.core.events import LevelAnswered, LevelAsked
from p2pnode.logs import Log
from p2pnode.port import LivePort
from p2pnode.replication.level import CHUNKS_MAX, ChunkWanted, FinalWanted, Wanted, question_of
from protocols import query
from protocols.port import GroupChanged, Resync

_log = Log("leveller")

FINALS_ASKED_MAX = 5
"""Members who are asked for the newest final block: one that is honest and not behind is enough."""

PAUSE_S = 1.0
"""Before the next try, when nothing came of the last one."""

LOOK_PAUSE_S = 10.0
LOOK_SHARE = 10
"""While history is on its way, a newer state is looked for at most a tenth of the time."""

_PARTS_MAX = 1000
"""Parts of one way to the newest final block."""

_QUICK_S = 1.0
_SLOW_S = 5.0
"""A chunk has a quarter of a MiB: who needs so long for one sends it no faster with others beside it."""

OpenStream = Callable[[bytes, str], Awaitable[Any]]


class Peers(Protocol):
    """Who is on-line."""

    def connected(self) -> Sequence[bytes]:
        """The keys of all peers with a connection."""
        ...


class Pace:
    """How many questions are on their way at the same time: more while answers come quickly, few on a slow
    line, where what is asked together would only come too late together."""

    def __init__(self, at_once_max: int) -> None:
        self._at_once_max = at_once_max
        self.at_once = 1

    def note(self, taken_s: float | None) -> None:
        """An answer came after so long, or None came."""
        if taken_s is None or taken_s > _SLOW_S:
            self.at_once = max(1, self.at_once // 2)
        elif taken_s <= _QUICK_S:
            self.at_once = min(self._at_once_max, 2 * self.at_once)


class Leveller:
    """Gets a running node level with its groups; `run` for as long as the node runs."""

    def __init__(self, port: LivePort, peers: Peers, open_stream: OpenStream) -> None:
        self._port = port
        self._peers = peers
        self._open_stream = open_stream
        self._met: set[tuple[bytes, bytes]] = set()
        self._running: set[bytes] = set()
        self._turn = 0
        self._nursery: trio.Nursery | None = None

    async def run(self) -> None:
        """Begin with a group whenever a member of it is met or known, for ever."""
        async with self._port.watch() as changes, trio.open_nursery() as nursery:
            self._nursery = nursery
            self._begin(nursery)
            try:
                async for change in changes:
                    if isinstance(change, GroupChanged | Resync):
                        self._begin(nursery)
            finally:
                self._nursery = None  # who comes while the node stops is not asked any more

    def peer_came(self) -> None:
        """Somebody has a connection."""
        if self._nursery is not None:
            self._begin(self._nursery)

    def peer_gone(self, peer: bytes) -> None:
        """A peer has no connection any more: when it comes back, it may know of later blocks."""
        self._met = {place for place in self._met if place[0] != peer}

    def lanes_closed(self, peer: bytes, group: bytes) -> None:
        """A peer does not show a group's lanes any more: it is asked how far the group is."""
        self._met.discard((peer, group))
        self.peer_came()

    def _begin(self, nursery: trio.Nursery) -> None:
        for group in list(self._port.groups()):
            new = {(peer, group) for peer in self._members(group)} - self._met
            if new and group not in self._running:
                self._met |= new
                self._running.add(group)
                nursery.start_soon(self._keep_level, group)

    def _members(self, group: bytes) -> list[bytes]:
        """Who may be asked, each time beginning with another one."""
        held = self._port.groups().get(group)
        if held is None:
            return []
        members = [
            peer
            for peer in sorted(self._peers.connected())
            if held.state.standing(peer) in ("member", "provisional") and not self._port.is_blocked(peer)
        ]
        self._turn += 1
        cut = self._turn % max(len(members), 1)
        return members[cut:] + members[:cut]

    async def _keep_level(self, group: bytes) -> None:
        try:
            await self._level(group)
        finally:
            self._running.discard(group)
        self.peer_came()  # somebody may have come meanwhile

    async def _level(self, group: bytes) -> None:
        """Ask until this node is level with a group, history included."""
        fetching_s = 0.0
        await self._look(group)
        looked_s = trio.current_time()
        while True:
            began_s = trio.current_time()
            following = await self._ask(partial(LevelAsked, group=group, is_fresh=False))
            has_moved = following.has_moved
            if following.wanted is not None:
                has_moved = await self._fetch_all(group, following)
                fetching_s += trio.current_time() - began_s
            elif not following.is_busy:
                return
            if trio.current_time() > looked_s + max(LOOK_PAUSE_S, LOOK_SHARE * fetching_s):
                fetching_s = 0.0
                await self._look(group)
                looked_s = trio.current_time()
            if not has_moved:
                await trio.sleep(PAUSE_S)

    async def _look(self, group: bytes) -> None:
        """Ask some members for the newest final block that they know."""
        before: Wanted | None = None
        for _ in range(_PARTS_MAX):
            following = await self._ask(partial(LevelAsked, group=group, is_fresh=True))
            wanted = following.wanted
            if not isinstance(wanted, FinalWanted) or wanted == before:
                return
            async with trio.open_nursery() as nursery:
                for peer in self._members(group)[:FINALS_ASKED_MAX]:
                    nursery.start_soon(self._fetch_from, peer, group, wanted)
            before = wanted

    async def _fetch_all(self, group: bytes, following: Next) -> bool:
        """Ask for what is wanted and, where it is part of a state, for all that follows from the answers."""
        if not isinstance(following.wanted, ChunkWanted):
            return following.wanted is not None and await self._fetch(group, following.wanted) is not None
        asked: set[Wanted] = set()
        pace = Pace(CHUNKS_MAX)
        has_moved = False

        async def fetch(wanted: Wanted) -> None:
            nonlocal has_moved
            began_s = trio.current_time()
            came = await self._fetch(group, wanted)
            pace.note(trio.current_time() - began_s if came is not None else None)
            asked.discard(wanted)
            if came is not None:
                has_moved = True
                begin(came)

        def begin(following: Next) -> None:
            for wanted in (following.wanted, *following.others):
                is_part = isinstance(wanted, ChunkWanted) and wanted not in asked
                if wanted is not None and is_part and len(asked) < pace.at_once:
                    asked.add(wanted)
                    nursery.start_soon(fetch, wanted)

        async with trio.open_nursery() as nursery:
            begin(following)
        return has_moved

    async def _fetch(self, group: bytes, wanted: Wanted) -> Next | None:
        """Ask one member after the other; what comes next once something came of it, else None."""
        members = self._members(group)
        for peer in members:
            following = await self._fetch_from(peer, group, wanted)
            if following is not None and following.has_moved:
                return following
        if not set(members).isdisjoint(self._members(group)):
            # Nobody who is still there has it; who went away in the middle may come back with it.
            own = self._port.own_key
            await self._ask(partial(LevelAnswered, group=group, peer=own, wanted=wanted, answer=None))
            await self._look(group)
        return None

    async def _fetch_from(self, peer: bytes, group: bytes, wanted: Wanted) -> Next | None:
        """Hand a peer's answer to the node; None where it has none."""
        answer = await self._answer_of(peer, question_of(group, wanted))
        if answer is None:
            return None
        return await self._ask(partial(LevelAnswered, group=group, peer=peer, wanted=wanted, answer=answer))

    async def _answer_of(self, peer: bytes, question: Value) -> Value:
        try:
            stream = await self._open_stream(peer, query.ID)
            try:
                return await query.ask(stream, question)
            finally:
                await stream.close()
        except PeerError as error:
            self._port.penalize(peer, error.rule)
        except (NodeError, UsageError) as error:
            _log.debug("level.unanswered", peer=peer, reason=str(error))
        return None

    async def _ask(self, event_for: Callable[[Any], LevelAsked | LevelAnswered]) -> Next:
        following: Next = await self._port.ask(event_for)
        return following
