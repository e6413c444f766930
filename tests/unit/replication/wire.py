"""Two sessions in virtual time, connected by two queues of frames; every effect is done at once."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable

from p2pnode.core.crypto import sha256
from p2pnode.replication import effects as fx
from p2pnode.replication.session import Session
from p2pnode.replication.wanted import Wanted
from tests.unit.replication.shelf import START_MS, Shelf

_nonces = itertools.count(1)


class Side:
    """One side: a shelf, its session, and what it sent."""

    def __init__(
        self, shelf: Shelf, peer: Shelf, wanted: Wanted | None = None, now_ms: int = START_MS
    ) -> None:
        self.shelf = shelf
        self.peer = peer
        self.sent: deque[bytes] = deque()
        self.bytes_sent = 0
        self.frames: list[bytes] = []
        self.is_over = False
        self.confirmed = 0
        self.heard: list[fx.Effect] = []
        self.session = Session(
            shelf,
            peer.own_key,
            nonce=next(_nonces).to_bytes(32, "big"),
            wanted=wanted or Wanted(),
            now_ms=now_ms,
        )

    def perform(self, effects: list[fx.Effect], now_ms: int) -> None:
        pending = deque(effects)
        while pending and not self.is_over:
            pending.extendleft(reversed(self._one(pending.popleft(), now_ms)))

    def _one(self, effect: fx.Effect, now_ms: int) -> list[fx.Effect]:
        shelf, session = self.shelf, self.session
        match effect:
            case fx.Send(frame):
                self.sent.append(frame)
                self.frames.append(frame)
                self.bytes_sent += len(frame)
                return []
            case fx.Ingest(token, group, body, compressed, pushed, annexes):
                result, heads = shelf.ingest(group, body, compressed, pushed, annexes)
                return session.moved(group, heads, now_ms) + session.done(token, result, now_ms)
            case fx.KeepAnnexes(token, group, blobs):
                rack = shelf.racks[group]
                for blob in blobs:
                    digest = sha256(blob)
                    rack.annexes[digest] = blob
                    rack.wanted.remove(digest)
                return session.done(token, None, now_ms)
            case fx.KeepFork(token, group, proof):
                rule = shelf.keep_fork(group, proof)
                rack = shelf.racks[group]
                heads = [] if rule else [rack.frontier.changed_since(0)[-1]]
                return session.moved(group, heads, now_ms) + session.done(token, rule, now_ms)
            case fx.RememberCursor(group, cursor):
                self.confirmed += 1
                shelf.cursors[session.peer_key, group] = cursor
                return []
            case fx.Blame(rule):
                shelf.blamed.append(rule)
                return []
            case fx.End():
                self.is_over = True
                return []
            case fx.HearClock() | fx.HearOut() | fx.HearClosed() | fx.HearPresence():
                self.heard.append(effect)
                return []
            case _:
                return self._read(effect, now_ms)

    def _read(self, effect: fx.Effect, now_ms: int) -> list[fx.Effect]:
        """Requests that only read."""
        shelf, session = self.shelf, self.session
        match effect:
            case fx.Serve(token, group, wants, bytes_max):
                return session.done(token, shelf.read_runs(group, wants, bytes_max), now_ms)
            case fx.ReadPush(token, group, want, run_bytes_max):
                return session.done(token, shelf.read_push(group, want, run_bytes_max), now_ms)
            case fx.FindAnnexes(token, group, hashes):
                annexes = shelf.racks[group].annexes
                return session.done(token, [annexes[h] for h in hashes if h in annexes], now_ms)
            case fx.ListWantedAnnexes(token, group):
                return session.done(token, list(shelf.racks[group].wanted), now_ms)
            case fx.ReadFork(token, group, author, lane):
                return session.done(token, shelf.racks[group].forks.get((author, lane)), now_ms)
            case fx.ReadHeaders(token, group, author, lane, first, count):
                found = shelf.read_headers(group, (author, lane), first, count)
                return session.done(token, found, now_ms)
            case _:
                raise AssertionError(effect)


class Pair:
    """Both sides, and the frames between them."""

    def __init__(self, left: Shelf, right: Shelf, now_ms: int = START_MS) -> None:
        self.now_ms = now_ms
        self.left = Side(left, right, now_ms=now_ms)
        self.right = Side(right, left, now_ms=now_ms)
        self.rounds = 0
        for side in (self.left, self.right):
            side.perform(side.session.start(now_ms), now_ms)

    def settle(self, until: Callable[[], bool] = lambda: False, frames_max: int = 100_000) -> bool:
        """Deliver frames in rounds until nobody has anything to say; False when cut off before."""
        delivered = 0
        while self.left.sent or self.right.sent:
            self.rounds += 1
            batches = [(self.right, list(self.left.sent)), (self.left, list(self.right.sent))]
            self.left.sent.clear()
            self.right.sent.clear()
            for side, frames in batches:
                for frame in frames:
                    if delivered >= frames_max or until():
                        return False
                    delivered += 1
                    side.perform(side.session.receive(frame, self.now_ms), self.now_ms)
        return True

    def pass_time(self, duration_ms: int) -> None:
        """Let time go by, waking the sessions when they ask for it."""
        until = self.now_ms + duration_ms
        while True:
            wake = min(side.session.wake_at_ms(self.now_ms) for side in (self.left, self.right))
            if wake > until:
                break
            self.now_ms = max(wake, self.now_ms + 1)
            for side in (self.left, self.right):
                side.perform(side.session.tick(self.now_ms), self.now_ms)
            self.settle()
        self.now_ms = until

    def close(self) -> None:
        for side in (self.left, self.right):
            side.perform(side.session.end(), self.now_ms)

    @property
    def bytes_sent(self) -> int:
        return self.left.bytes_sent + self.right.bytes_sent
