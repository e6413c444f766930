"""One side of a sync session in the simulator: the real Session, driven by callbacks instead of streams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from p2pnode.core.events import (
    AnnexesReceived,
    ClockHeard,
    ForkShown,
    HeardOut,
    PresenceHeard,
    Received,
    Reply,
)
from p2pnode.core.presence import Presence
from p2pnode.replication import effects as wish
from p2pnode.replication.exchange import Cursor, GroupView
from p2pnode.replication.frontier import Head
from p2pnode.replication.session import Session
from tests.sim.network import Line
from tests.sim.timeline import EPOCH_MS

if TYPE_CHECKING:
    from tests.sim.machine import Machine

ANNEXES_WANTED_MAX = 2_000


class End:
    """The end of a line at one machine; it is also what its session may look at."""

    def __init__(self, machine: Machine, peer: Machine, line: Line) -> None:
        self.machine = machine
        self.peer = peer
        self.line = line
        # A wall clock that jumps must not stop a session's timers: it runs on from where it stood.
        self._offset_ms = EPOCH_MS + machine.clock_offset_ms
        self._wake_at_ms: int | None = None
        self._their_clock_ms: int | None = None
        nonce = machine.world.chance(machine.name, peer.name, line.number, "nonce").bytes(32)
        self.session = Session(
            self, peer.key.public, nonce=nonce, wanted=machine.wanted, now_ms=self._now_ms, has_bulk=False
        )

    @property
    def _now_ms(self) -> int:
        return self.machine.world.timeline.now_ms + self._offset_ms

    @property
    def is_open(self) -> bool:
        return self.line.is_open and self.machine.ends.get(self.peer.name) is self

    # ---- what the session may look at

    @property
    def own_key(self) -> bytes:
        return self.machine.key.public

    def sign(self, message: bytes) -> bytes:
        return self.machine.key.sign(message)

    def groups(self) -> Mapping[bytes, GroupView]:
        return self.machine.views

    def lanes_readable(self, group: bytes, keys: frozenset[bytes]) -> frozenset[int]:
        return self.machine.lanes_readable(group, keys)

    def cursor(self, peer: bytes, group: bytes) -> Cursor | None:
        return self.machine.cursor(peer, group)

    def presences(self, group: bytes) -> Sequence[tuple[int, Presence]]:
        view = self.machine.views.get(group)
        return [] if view is None else list(view.presences.values())

    # ---- what happens

    def start(self) -> None:
        self._feed(self.session.start(self._now_ms))

    def receive(self, frame: bytes) -> None:
        if self.is_open:
            self._feed(self.session.receive(frame, self._now_ms))

    def done(self, token: int, result: Any) -> None:
        if self.is_open:
            self._feed(self.session.done(token, result, self._now_ms))

    def moved(self, group: bytes, heads: Iterable[Head], *, is_pushing: bool) -> None:
        self._feed(self.session.moved(group, heads, self._now_ms, is_pushing=is_pushing))

    def regrouped(self, group: bytes) -> None:
        self._feed(self.session.regrouped(group, self._now_ms))

    def annexes_wanted(self, group: bytes) -> None:
        self._feed(self.session.annexes_wanted(group))

    def presence_told(self, group: bytes, relays: int, presence: Presence) -> None:
        self._feed(self.session.presence_told(group, relays, presence))

    def fork_found(self, group: bytes, proof: bytes) -> None:
        self._feed(self.session.fork_found(group, proof))

    def tell_clock(self) -> None:
        """Say how far the peer's clock is from this machine's: when it is heard, and when this one is set."""
        if self._their_clock_ms is not None and self.is_open:
            ahead_ms = EPOCH_MS + self.machine.clock_offset_ms - self._offset_ms
            self.machine.submit(ClockHeard(self.peer.key.public, self._their_clock_ms - ahead_ms))

    def _tick(self, at_ms: int) -> None:
        if self.is_open and self._wake_at_ms == at_ms:
            self._wake_at_ms = None
            self._feed(self.session.tick(self._now_ms))

    def broken(self) -> None:
        """The stream is over."""
        for effect in self.session.end():
            if isinstance(effect, wish.RememberCursor):
                self._remember(effect)

    # ---- what follows

    def _remember(self, effect: wish.RememberCursor) -> None:
        self.machine.remember_cursor(self.peer.key.public, effect.group, effect.cursor)
        if effect.knows_us:
            self.machine.heads_confirmed(self.peer.key.public, effect.group)

    def _feed(self, effects: Sequence[wish.Effect]) -> None:
        for effect in effects:
            if not self.is_open:
                return
            self._carry_out(effect)
        if self.is_open:
            wake_ms = self.session.wake_at_ms(self._now_ms) - self._offset_ms
            now_ms = self.machine.world.timeline.now_ms
            wake_ms = max(wake_ms, now_ms + 1)
            if self._wake_at_ms is None or wake_ms < self._wake_at_ms or self._wake_at_ms <= now_ms:
                self._wake_at_ms = wake_ms
                self.machine.world.timeline.at(wake_ms, lambda: self._tick(wake_ms))

    def send_raw(self, frame: bytes) -> None:
        """Put a frame on the line, whatever it is."""
        world = self.machine.world

        def arrive() -> None:
            end = self.peer.ends.get(self.machine.name)
            if end is not None and end.line is self.line:
                end.receive(frame)

        world.watch.sent(self, frame)
        world.network.send(self.line, self.machine.name, self.peer.name, arrive)

    def _carry_out(self, effect: wish.Effect) -> None:
        machine, peer = self.machine, self.peer.key.public
        match effect:
            case wish.Send(frame):
                self.send_raw(frame)
            case wish.Ingest(token, group, body, compressed, pushed, annexes):
                blobs = tuple(annexes)
                machine.submit(
                    Received(
                        lambda reply: self.done(token, reply.value),
                        group,
                        peer,
                        body,
                        compressed,
                        pushed,
                        blobs,
                    )
                )
            case wish.KeepAnnexes(token, group, blobs):
                machine.submit(
                    AnnexesReceived(lambda reply: self.done(token, None), group, peer, tuple(blobs))
                )
            case wish.KeepFork(token, group, proof):
                machine.submit(ForkShown(lambda reply: self._fork_kept(token, reply), group, peer, proof))
            case wish.RememberCursor():
                self._remember(effect)
            case wish.HearPresence(group, relays, presence):
                machine.submit(PresenceHeard(group, peer, relays, presence))
            case wish.HearOut(group):
                machine.submit(HeardOut(group, peer))
            case wish.HearClosed():
                pass  # who is asked because of it is the daemon's business
            case wish.HearClock(offset_ms):
                self._their_clock_ms = offset_ms
                self.tell_clock()
            case wish.Blame(rule):
                machine.penalize(peer, rule)
            case wish.End(reason):
                machine.world.log(f"{machine.name} ends the line to {self.peer.name}: {reason}")
                machine.world.network.close(self.line)
            case wish.OpenBulk(token, _, _):
                machine.world.timeline.after(1, lambda: self.done(token, None))
            case _:
                machine.world.timeline.after(1, lambda: self._read(effect))

    def _fork_kept(self, token: int, reply: Reply) -> None:
        self.done(token, reply.value)

    def _read(self, effect: Any) -> None:
        """Requests that only read."""
        is_silent = self.machine.is_mute and isinstance(effect, wish.Serve | wish.ReadPush)
        if not self.is_open or is_silent:
            return
        view = self.machine.views.get(effect.group)
        match effect:
            case wish.Serve(token, _, wants, bytes_max):
                self.done(token, ([], []) if view is None else view.reader.read_runs(wants, bytes_max))
            case wish.ReadPush(token, _, want, run_bytes_max):
                pushed = (None, []) if view is None else view.reader.read_push(want, (), run_bytes_max)
                self.done(token, pushed)
            case wish.ReadHeaders(token, _, author, lane, first, count):
                self.done(token, [] if view is None else view.reader.read_headers(author, lane, first, count))
            case wish.FindAnnexes(token, _, hashes):
                self.done(token, [] if view is None else self._queries(view, "annexes", hashes))
            case wish.ListWantedAnnexes(token, _):
                found = [] if view is None else self._queries(view, "wanted_annexes", ANNEXES_WANTED_MAX)
                self.done(token, found)
            case wish.ReadFork(token, _, author, lane):
                proofs = {} if view is None else self._queries(view, "fork_proofs")
                self.done(token, proofs.get((author, lane)))
            case _:
                raise AssertionError(f"the driver does not know {effect}")

    @staticmethod
    def _queries(view: Any, name: str, *arguments: Any) -> Any:
        with view.reader.reading() as queries:
            return getattr(queries, name)(*arguments)
