"""The sync sessions of a node that are under way: one for each peer, and what they share."""

from __future__ import annotations

from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import trio

from p2pnode.replication.session import Session
from p2pnode.replication.wanted import Wanted
from protocols.port import NodePort

PUSHED_PEERS_MAX = 8
"""Own entries are pushed to so many peers; the others are told and ask (C 4.3), but for votes and what is
urgent."""


@dataclass(slots=True)
class _Running:
    session: Session
    scope: trio.CancelScope


@dataclass(slots=True)
class Sessions:
    """All sessions of one node."""

    start_ms: int
    wanted: Wanted = field(default_factory=Wanted)
    _running: dict[bytes, _Running] = field(default_factory=dict)

    def now_ms(self) -> int:
        """The clock of all sessions: wall time when the first began, carried on by one that is never set."""
        return self.start_ms + int(trio.current_time() * 1000)

    def begin(self, session: Session, scope: trio.CancelScope) -> None:
        """A session begins; an older one with the same peer ends, because its stream must be dead."""
        older = self._running.pop(session.peer_key, None)
        if older is not None:
            older.scope.cancel()
        self._running[session.peer_key] = _Running(session, scope)

    def end(self, session: Session) -> None:
        """A session is over."""
        running = self._running.get(session.peer_key)
        if running is not None and running.session is session:
            del self._running[session.peer_key]

    def with_ticket(self, peer_key: bytes, ticket: bytes) -> Session | None:
        """The session that a bulk stream of a peer belongs to."""
        running = self._running.get(peer_key)
        return running.session if running is not None and running.session.ticket == ticket else None

    def is_pushing_to(self, session: Session) -> bool:
        """Whether a session is among those over which own entries are pushed: the oldest ones."""
        for rank, running in enumerate(self._running.values()):
            if running.session is session:
                return rank < PUSHED_PEERS_MAX
        return False


_OF_PORT: WeakKeyDictionary[NodePort, Sessions] = WeakKeyDictionary()


def sessions_of(port: NodePort) -> Sessions:
    """The sessions of the node behind a port."""
    sessions = _OF_PORT.get(port)
    if sessions is None:
        sessions = _OF_PORT[port] = Sessions(port.now_ms() - int(trio.current_time() * 1000))
    return sessions
