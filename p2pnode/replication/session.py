"""One conversation between two peers about all groups that both hold: `/p2pnode/sync/1` without I/O.

    Hello ─► Proof ─► Offer ─► Heads (or Ranges) ─► Wants ─► Runs ─► Credit
                        ▲                                              │
                        └── the stream stays open: Heads and Push ◄────┘ whenever something moves

Frames, local changes and results of requests go in; effects come out, in order. The session decides who
gets what and when; it does not judge entries. Both sides run the same code and speak at once; nothing waits
for the other except where the arrows say so.

Source: C 4.2 and 4.3, D 7, J5, J23, J38, J39, J42.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from p2pnode.core.errors import FormatError, PeerError
from p2pnode.core.ids import Lane
from p2pnode.core.presence import Presence
from p2pnode.replication.effects import (
    Blame,
    Effect,
    End,
    HearClock,
    HearClosed,
    HearOut,
    HearPresence,
    RememberCursor,
)
from p2pnode.replication.exchange import Cursor, Exchange, GroupView
from p2pnode.replication.fetching import Fetching, hashes_of, wants_of
from p2pnode.replication.fork import check_fork_proof
from p2pnode.replication.frontier import NO_SEQ, Head
from p2pnode.replication.hello import Channel, is_proven, prove, ticket_of
from p2pnode.replication.hunt import Hunting, Proofs, want_proof
from p2pnode.replication.messages import (
    GROUPS_MAX,
    VERSION,
    Annexes,
    AnnexWant,
    Branch,
    BranchWant,
    Credit,
    Fork,
    ForkWant,
    Heads,
    Hello,
    Message,
    Offer,
    Offered,
    PresenceShown,
    Proof,
    Push,
    Ranges,
    Runs,
    Shown,
    Wants,
    decode_message,
    heads_of,
)
from p2pnode.replication.offering import Offering, send
from p2pnode.replication.prompts import Prompts
from p2pnode.replication.ranges import shown_of
from p2pnode.replication.requests import Requests
from p2pnode.replication.serving import Serving
from p2pnode.replication.wanted import Wanted

HANDSHAKE_MS = 10_000
OFFERS_MAX = 4 * GROUPS_MAX
OFFERS_A_SECOND_MAX = 16
"""An offer may call for a long answer: repeating it is bounded."""


PRESENCES_MAX = 4096
PRESENCES_A_SECOND_MAX = 256
"""Each is a signature to check at worst; a charter with a delta of a second makes voters speak every two."""


class Surroundings(Protocol):
    """What a session may look at: live, and without waiting."""

    @property
    def own_key(self) -> bytes:
        """The device key of this node."""

    def sign(self, message: bytes) -> bytes:
        """A signature by the own key."""

    def groups(self) -> Mapping[bytes, GroupView]:
        """The groups that are held here."""

    def lanes_readable(self, group: bytes, keys: frozenset[bytes]) -> frozenset[int]:
        """What somebody who has proven some device keys may read (J23)."""

    def cursor(self, peer: bytes, group: bytes) -> Cursor | None:
        """Up to where this node has everything that a peer had."""

    def presences(self, group: bytes) -> Sequence[tuple[int, Presence]]:
        """The last words of voters that they are there, and how often each was handed on with this time."""


class Session:
    """One side of a conversation; mutable, with one owner.

    Shapes: nonce has 32 fresh random bytes; `wanted` is shared by all sessions of a node; `has_bulk` says
    whether the driver can fulfil OpenBulk. Units: now_ms is wall or virtual time and never runs back.
    """

    def __init__(
        self,
        local: Surroundings,
        peer_key: bytes,
        *,
        nonce: bytes,
        wanted: Wanted,
        now_ms: int,
        has_bulk: bool = False,
    ) -> None:
        self.peer_key = peer_key
        self.peer_keys: frozenset[bytes] = frozenset()
        self.ticket: bytes | None = None
        self._local = local
        self._nonce = nonce
        self._wanted = wanted
        self._requests = Requests()
        self._serving = Serving(self._requests)
        self._fetching = Fetching(self._requests, wanted, has_bulk)
        self._hunting = Hunting(self._requests)
        self._proofs = Proofs(self._requests, self._hunting)
        self._prompts = Prompts(is_checking=local.own_key < peer_key)
        self._offering: Offering | None = None
        self._deadline_ms: int | None = now_ms + HANDSHAKE_MS
        self._start_ms = now_ms
        self._offers_taken = 0
        self._presences_taken = 0
        self._is_over = False

    def wake_at_ms(self, now_ms: int) -> int:
        """When `tick` is to be called, if nothing else happens before."""
        if self._deadline_ms is not None or self._offering is None:
            return self._deadline_ms or now_ms
        return self._prompts.wake_at_ms(self._offering, now_ms)

    def open_group(self, group: bytes) -> Exchange | None:
        """The state of a group that both sides offered."""
        return None if self._offering is None else self._offering.open(group)

    def group_numbered(self, their_number: int) -> Exchange | None:
        """The open group that the peer calls by a number, as it does on a bulk stream."""
        return None if self._offering is None else self._offering.numbered(their_number)

    # What happens.

    def start(self, now_ms: int) -> list[Effect]:
        """The stream is open."""
        return [send(Hello(VERSION, self._nonce, now_ms))]

    def receive(self, frame: bytes, now_ms: int) -> list[Effect]:
        """A frame came. A peer that breaks the rules is blamed and the session ends; nothing is raised."""
        if self._is_over:
            return []
        try:
            return self._closing(self._take(decode_message(frame), len(frame), now_ms), now_ms)
        except (FormatError, PeerError) as error:
            self._is_over = True
            return [Blame(error.rule), End(str(error))]

    def done(self, token: int, result: Any, now_ms: int) -> list[Effect]:
        """A request was done; its effect names what the result is."""
        if self._is_over:
            return []
        return self._closing(self._requests.done(token, result, now_ms), now_ms)

    def moved(
        self, group: bytes, heads: Iterable[Head], now_ms: int, *, is_pushing: bool = True
    ) -> list[Effect]:
        """Heads moved here and are durable. `is_pushing`: whether this peer is among those to push to."""
        exchange = self.open_group(group)
        if exchange is None or self._is_over:
            return []
        moved = list(heads)
        exchange.note_moved(moved)
        self._fetching.renew(exchange, [(head.author, head.lane) for head in moved], now_ms)
        is_urgent = any(head.forked or head.author == self._local.own_key for head in moved)
        effects: list[Effect] = []
        if self._prompts.may_announce(exchange, now_ms, is_urgent=is_urgent):
            effects = self._announce(exchange, is_pushing=is_pushing)
        return self._closing(effects, now_ms)

    def regrouped(self, group: bytes, now_ms: int) -> list[Effect]:
        """A group was opened or left, or who may read what in it changed."""
        if self._offering is None or self._deadline_ms is not None or self._is_over:
            return []
        view = self._local.groups().get(group)
        lanes = frozenset[int]() if view is None else self._local.lanes_readable(group, self.peer_keys)
        exchange = self._offering.get(group)
        if exchange is None:
            exchange = self._offering.add(view, lanes) if view is not None and lanes else None
            if exchange is None:
                return []
            effects = [self._offer([exchange], is_answer=True)]
            offered = self._offering.earlier_offer(exchange)
            if offered is not None:
                effects += self._take_offered(offered, False, now_ms)
            return self._closing(effects, now_ms)
        if view is not None:
            exchange.view = view
        self._prompts.note_members(exchange)
        exchange.parked.clear()
        if exchange.lanes == lanes:
            return self._closing(self._fetching.ask(exchange, now_ms), now_ms)
        exchange.lanes = lanes
        return self._closing([self._offer([exchange], is_answer=True)], now_ms)

    def resync(self, now_ms: int) -> list[Effect]:
        """Changes were missed: look at every group again."""
        if self._offering is None or self._is_over:
            return []
        groups = sorted({*self._local.groups(), *(exchange.group for exchange in self._offering)})
        effects = [effect for group in groups for effect in self.regrouped(group, now_ms)]
        for exchange in [exchange for exchange in self._offering if exchange.is_open]:
            missed = exchange.frontier.changed_since(exchange.announced or 0)
            effects += self.moved(exchange.group, missed, now_ms)
            effects += self._fetching.want_annexes(exchange)
        return effects

    def annexes_wanted(self, group: bytes) -> list[Effect]:
        """Entries name annexes that are not here."""
        exchange = self.open_group(group)
        return [] if exchange is None or self._is_over else self._fetching.want_annexes(exchange)

    def fork_found(self, group: bytes, proof: bytes) -> list[Effect]:
        """A fork proof is to be spread."""
        exchange = self.open_group(group)
        if exchange is None or self._is_over:
            return []
        fork = check_fork_proof(proof)
        if fork.lane not in exchange.lanes:
            return []
        return [send(Fork(exchange.number, fork.author, fork.lane, proof))]

    def presence_told(self, group: bytes, relays: int, presence: Presence) -> list[Effect]:
        """A voter is there, as this node says itself or has heard."""
        exchange = self.open_group(group)
        return [] if exchange is None or self._is_over else self._tell_presence(exchange, relays, presence)

    def tick(self, now_ms: int) -> list[Effect]:
        """Time went by."""
        if self._is_over:
            return []
        if self._deadline_ms is not None or self._offering is None:
            is_late = self._deadline_ms is not None and now_ms >= self._deadline_ms
            return self._closing(
                [End("the peer did not introduce itself in time")] if is_late else [], now_ms
            )
        effects: list[Effect] = []
        for exchange in [exchange for exchange in self._offering if exchange.is_open]:
            due = self._prompts.due(exchange, now_ms)
            if due.is_reviving:
                exchange.parked.clear()
                effects += [want_proof(exchange, key) for key in sorted(exchange.unproven)]
            effects += self._fetching.ask(exchange, now_ms)
            if due.is_announcing:
                effects += self._announce(exchange, is_pushing=False)
            if due.is_levelling and exchange.level() > exchange.level_shown:
                effects += self._offering.show(exchange, [])
            if due.is_checking:
                effects.append(self._offer([exchange], is_answer=True))
                effects += self._fetching.want_annexes_again(exchange)
        return self._closing(effects, now_ms)

    def end(self) -> list[Effect]:
        """The stream is over: what is still to be remembered."""
        self._is_over = True
        self._wanted.release_all(self._fetching)
        return self._cursors()

    # What follows.

    def _closing(self, effects: list[Effect], now_ms: int) -> list[Effect]:
        """The same effects with what always follows: searches for forks, cursors, and nothing after the
        end."""
        for suspicion in self._fetching.take_suspicions():
            effects += self._hunting.suspect(*suspicion)
        effects += self._heard_out()
        if self._is_cursor_due() and self._prompts.may_remember(now_ms):
            effects += self._cursors()
        for index, effect in enumerate(effects):
            if isinstance(effect, End):
                self._is_over = True
                return effects[: index + 1]
        return effects

    def _heard_out(self) -> list[Effect]:
        """Say once of each group that everything which the peer had is here."""
        effects: list[Effect] = []
        for exchange in self._offering or ():
            if not exchange.is_heard_out and exchange.told > NO_SEQ and exchange.is_level:
                exchange.is_heard_out = True
                effects.append(HearOut(exchange.group))
                for relays, presence in self._local.presences(exchange.group):
                    effects += self._tell_presence(exchange, relays, presence)
        return effects

    def _tell_presence(self, exchange: Exchange, relays: int, presence: Presence) -> list[Effect]:
        is_theirs = presence.key == self.peer_key or Lane.VOTES.value not in exchange.lanes
        if is_theirs or not exchange.note_presence(presence.key, presence.time_ms):
            return []
        return [send(PresenceShown(exchange.number, relays, *presence))]

    def _take_presence(self, exchange: Exchange, message: PresenceShown) -> list[Effect]:
        if not exchange.note_presence(message.key, message.time_ms):
            return []
        presence = Presence(message.key, message.time_ms, message.signature)
        return [HearPresence(exchange.group, message.relays, presence)]

    def _is_cursor_due(self) -> bool:
        return self._offering is not None and any(exchange.is_cursor_due for exchange in self._offering)

    def _cursors(self) -> list[Effect]:
        effects: list[Effect] = []
        for exchange in self._offering or ():
            cursor = exchange.cursor()
            if cursor is not None:
                effects.append(RememberCursor(exchange.group, cursor, exchange.knows_us))
        return effects

    def _take(self, message: Message, size_bytes: int, now_ms: int) -> list[Effect]:
        match message:
            case Hello():
                return self._take_hello(message, now_ms)
            case Proof():
                return self._take_proof(message)
            case _ if self._deadline_ms is not None or self._offering is None:
                raise PeerError("sync.out_of_order", "a frame before both sides introduced themselves")
            case Offer():
                self._offers_taken += len(message.groups)
                seconds = (now_ms - self._start_ms) // 1000
                if self._offers_taken > OFFERS_MAX + OFFERS_A_SECOND_MAX * seconds:
                    raise PeerError("sync.too_many_offers", f"at most {OFFERS_A_SECOND_MAX} a second")
                return [
                    effect
                    for offered in message.groups
                    for effect in self._take_offered(offered, message.answer, now_ms)
                ]
            case Credit():
                return self._serving.grant(message.size_bytes)
            case Runs():
                return self._fetching.runs(message, size_bytes, now_ms)
            case Annexes():
                return self._fetching.annexes(message, size_bytes)
            case Branch():
                return self._hunting.branch(message)
            case PresenceShown():
                self._presences_taken += 1
                seconds = (now_ms - self._start_ms) // 1000
                if self._presences_taken > PRESENCES_MAX + PRESENCES_A_SECOND_MAX * seconds:
                    raise PeerError("sync.too_many_presences", f"at most {PRESENCES_A_SECOND_MAX} a second")
                exchange = self._offering.numbered(message.group)
                return [] if exchange is None else self._take_presence(exchange, message)
            case Heads() | Push() | Ranges() | Fork() | Wants() | AnnexWant() | ForkWant() | BranchWant():
                exchange = self._offering.numbered(message.group)
                # Not an offence: the group may have been closed here while the frame was under way.
                return [] if exchange is None else self._take_in(exchange, message, now_ms)
            case _:
                raise PeerError("sync.out_of_order", "a frame that belongs elsewhere")

    def _take_in(self, exchange: Exchange, message: Message, now_ms: int) -> list[Effect]:
        """A frame about one open group."""
        match message:
            case Heads():
                exchange.told = max(exchange.told, message.changed)
                return self._learn(exchange, heads_of(message.heads), now_ms)
            case Push():
                shown = Shown(message.author, message.lane, message.seq, message.tag, False)
                effects = self._learn(exchange, [shown], now_ms, is_asking=False)
                return effects + self._fetching.push(exchange, message, now_ms)
            case Ranges() if self._offering is not None:
                effects, learned = self._offering.take_ranges(exchange, message)
                return effects + self._learn(exchange, learned, now_ms)
            case Fork():
                taken = self._proofs.take(exchange, message)
                return taken + self._fetching.ask(exchange, now_ms)
            case Wants():
                return self._serving.want_runs(exchange, message.number, wants_of(message), message.compress)
            case AnnexWant():
                return self._serving.want_annexes(exchange, message.number, hashes_of(message))
            case ForkWant():
                return self._serving.want_fork(exchange, message.author, message.lane)
            case BranchWant():
                return self._serving.want_branch(exchange, message)
            case _:
                raise PeerError("sync.out_of_order", "a frame that belongs elsewhere")

    def _take_hello(self, message: Hello, now_ms: int) -> list[Effect]:
        if self._offering is not None or message.nonce == self._nonce:
            raise PeerError("sync.bad_hello", "one hello with a fresh nonce")
        channel = Channel(self._local.own_key, self.peer_key, self._nonce, message.nonce)
        self._offering = Offering(channel)
        self.ticket = ticket_of(channel)
        proof = Proof([prove(channel, self._local.own_key, self._local.sign)])
        return [HearClock(message.time_ms - now_ms), send(proof)]

    def _take_proof(self, message: Proof) -> list[Effect]:
        if self._offering is None or self._deadline_ms is None:
            raise PeerError("sync.out_of_order", "one proof, after the hello")
        if not message.keys or not all(is_proven(self._offering.channel, key) for key in message.keys):
            raise PeerError("sync.bad_proof", "a device key that the peer does not hold")
        self.peer_keys = frozenset(key.key for key in message.keys)
        self._deadline_ms = None
        exchanges: list[Exchange] = []
        for group, view in self._local.groups().items():
            lanes = self._local.lanes_readable(group, self.peer_keys)
            exchange = self._offering.add(view, lanes) if lanes else None
            if exchange is not None:
                exchanges.append(exchange)
        return [self._offer(exchanges, is_answer=False)]

    def _offer(self, exchanges: list[Exchange], *, is_answer: bool) -> Effect:
        if self._offering is None:
            raise PeerError("sync.out_of_order", "no hello yet")
        cursors = [(exchange, self._local.cursor(self.peer_key, exchange.group)) for exchange in exchanges]
        return self._offering.offer(cursors, is_answer=is_answer)

    def _take_offered(self, offered: Offered, is_answer: bool, now_ms: int) -> list[Effect]:
        exchange = None if self._offering is None else self._offering.find(offered)
        if exchange is None or self._offering is None:
            return []
        was_closed = exchange.is_closed
        owes_answer = exchange.take_offer(offered)
        # Once a session: a peer that opens and closes lanes by turns makes nobody ask others by turns.
        effects: list[Effect] = [HearClosed(exchange.group)] if exchange.is_closed and not was_closed else []
        if not exchange.is_open:
            return effects
        effects += [self._offer([exchange], is_answer=False)] if is_answer and owes_answer else []
        effects += self._offering.answer(exchange, offered)
        effects += self._fetching.ask(exchange, now_ms)
        return effects + self._fetching.want_annexes_again(exchange)

    def _announce(self, exchange: Exchange, *, is_pushing: bool) -> list[Effect]:
        """Tell the peer what moved: own small news as entries, the rest as heads."""
        news = exchange.news(is_pushing)
        effects: list[Effect] = []
        if news.shown and self._offering is not None:
            effects += self._offering.show(exchange, [shown_of(head) for head in news.shown])
        for head, first in news.pushed:
            effects += self._serving.push(exchange, head, first)
        return effects

    def _learn(
        self, exchange: Exchange, heads: list[Shown], now_ms: int, *, is_asking: bool = True
    ) -> list[Effect]:
        learned = exchange.learn(heads)
        effects: list[Effect] = [want_proof(exchange, key) for key in learned.unproven]
        for author, lane, seq in learned.suspects:
            effects += self._hunting.suspect(exchange, author, lane, seq)
        return effects + (self._fetching.ask(exchange, now_ms) if is_asking else [])
