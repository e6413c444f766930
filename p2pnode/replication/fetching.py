"""What one session fetches from its peer: entries, in answer to wants or pushed, and annexes.

A lane is asked of one peer at a time (`wanted`). What a want did not bring, because the peer has it not or
because it has to wait here, is parked: it is asked for again after a growing pause, or as soon as the
group's members change.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from p2pnode.core.crypto import HASH_BYTES, sha256
from p2pnode.core.errors import PeerError
from p2pnode.core.limits import CREDIT_BYTES
from p2pnode.replication.effects import (
    Blame,
    Effect,
    End,
    Ingest,
    KeepAnnexes,
    ListWantedAnnexes,
    OpenBulk,
    Send,
)
from p2pnode.replication.exchange import Exchange, Ingested, Want
from p2pnode.replication.frontier import NO_SEQ, LaneKey
from p2pnode.replication.messages import (
    ANNEX_HASHES_MAX,
    MESSAGE_BYTES_MAX,
    Annexes,
    AnnexWant,
    Credit,
    Push,
    Runs,
    Wants,
    annexes_of,
    encode_message,
)
from p2pnode.replication.requests import Requests
from p2pnode.replication.wanted import Wanted

BULK_ENTRIES_MIN = 2000
"""From this many entries on, a connection of their own is worth its handshake (J42)."""

WANTS_A_FRAME = 1024
PUSHES_MAX = 64
"""Pushed runs under way; a peer that pushes faster is asked for the rest instead."""

_ANNEXES_REMEMBERED_MAX = 100_000


_Place = tuple[bytes, LaneKey]
"""A lane of a group."""

Suspicion = tuple[Exchange, bytes, int, int]
"""Where a lane may be forked: group, author, lane, seq."""


@dataclass(slots=True)
class _Asked:
    """A want under way, and where our head stood when it was sent."""

    exchange: Exchange
    before: dict[LaneKey, int]
    ingests: int = 0
    is_answered: bool = False
    is_bulk: bool = False
    suspected: set[LaneKey] = field(default_factory=set)


@dataclass(slots=True)
class Fetching:
    """The receiving side of a session."""

    requests: Requests
    wanted: Wanted
    has_bulk: bool
    compress: bool = True
    _suspicions: list[Suspicion] = field(default_factory=list)
    _asked: dict[int, _Asked] = field(default_factory=dict)
    _last_number: int = 0
    _received_bytes: int = 0
    _pushes: dict[_Place, deque[int]] = field(default_factory=dict)
    _annexes_asked: set[bytes] = field(default_factory=set)
    _annex_numbers: dict[int, tuple[Exchange, list[bytes]]] = field(default_factory=dict)
    _groups_listing: set[bytes] = field(default_factory=set)

    def ask(self, exchange: Exchange, now_ms: int) -> list[Effect]:
        """Ask for everything that is missing in a group and that no other session is fetching."""
        if not exchange.is_open or not exchange.missing:
            return []
        under_way = [frozenset(asked.before) for asked in self._asked.values() if asked.exchange is exchange]
        # What is being taken is here in a moment.
        under_way.append(frozenset(key for group, key in self._pushes if group == exchange.group))
        wants = [
            want
            for want in exchange.lacking(under_way)
            if self.wanted.claim((exchange.group, want.author, want.lane), self, now_ms)
        ]
        total = sum(want.last - want.first + 1 for want in wants)
        is_bulk_open = any(asked.is_bulk for asked in self._asked.values())
        if total >= BULK_ENTRIES_MIN and self.has_bulk and not is_bulk_open:
            number = self._note(exchange, wants, is_bulk=True)
            token = self.requests.new(lambda _, now: self._bulk_over(number, now))
            return [OpenBulk(token, exchange.group, wants)]
        effects: list[Effect] = []
        for start in range(0, len(wants), WANTS_A_FRAME):
            batch = wants[start : start + WANTS_A_FRAME]
            number = self._note(exchange, batch, is_bulk=False)
            effects.append(Send(encode_message(wants_message(exchange.number, number, batch, self.compress))))
        return effects

    def take_suspicions(self) -> list[Suspicion]:
        """Where the peer's entries did not continue ours since the last time."""
        found, self._suspicions = self._suspicions, []
        return found

    def _note(self, exchange: Exchange, wants: Sequence[Want], *, is_bulk: bool) -> int:
        self._last_number += 1
        before = {(want.author, want.lane): want.first - 1 for want in wants}
        self._asked[self._last_number] = _Asked(exchange, before, is_bulk=is_bulk)
        return self._last_number

    def renew(self, exchange: Exchange, keys: Sequence[LaneKey], now_ms: int) -> None:
        """Heads moved: what we are fetching there makes progress."""
        for asked in self._asked.values():
            if asked.exchange is exchange:
                for key in keys:
                    if key in asked.before:
                        self.wanted.claim((exchange.group, *key), self, now_ms)

    def runs(self, message: Runs, size_bytes: int, now_ms: int) -> list[Effect]:
        """A frame of runs came. Errors: PeerError sync.unasked, sync.over_credit."""
        asked = self._asked.get(message.number)
        if asked is None or asked.is_answered or asked.is_bulk:
            raise PeerError("sync.unasked", "runs that answer no want")
        self._count(size_bytes)
        asked.is_answered = message.last
        asked.ingests += 1
        number = message.number
        if not message.body:
            return self._ingested(number, size_bytes, Ingested(0), now_ms)
        token = self.requests.new(lambda result, now: self._ingested(number, size_bytes, result, now))
        return [Ingest(token, asked.exchange.group, message.body, message.compressed, pushed=False)]

    def _count(self, size_bytes: int) -> None:
        self._received_bytes += size_bytes
        if self._received_bytes > CREDIT_BYTES + 2 * MESSAGE_BYTES_MAX:
            raise PeerError("sync.over_credit", "more bytes than credit was given for")

    def _give_credit(self, size_bytes: int) -> Effect:
        self._received_bytes -= size_bytes
        return Send(encode_message(Credit(size_bytes)))

    def _ingested(self, number: int, size_bytes: int, result: Ingested, now_ms: int) -> list[Effect]:
        effects = [self._give_credit(size_bytes), *self._judge(self._asked[number].exchange, result)]
        asked = self._asked[number]
        if result.suspect is not None:
            asked.suspected.add(result.suspect[:2])
        asked.ingests -= 1
        if asked.is_answered and not asked.ingests:
            effects += self._over(number, now_ms)
        return effects

    def _judge(self, exchange: Exchange, result: Ingested) -> list[Effect]:
        if result.suspect is not None:
            self._suspicions.append((exchange, *result.suspect))
        if result.refused is not None:
            return [Blame(result.refused), End(result.refused)]
        return []

    def _bulk_over(self, number: int, now_ms: int) -> list[Effect]:
        asked = self._asked[number]
        if not any(self._has_moved(asked, key) for key in asked.before):
            # It brought nothing: what is missing comes over this stream.
            self.has_bulk = False
        else:
            asked.before = {key: NO_SEQ for key in asked.before if self._has_moved(asked, key)}
        return self._over(number, now_ms, is_parking=False)

    def _has_moved(self, asked: _Asked, key: LaneKey) -> bool:
        head = asked.exchange.frontier.heads.get(key)
        return head is not None and head.seq > asked.before[key]

    def _over(self, number: int, now_ms: int, *, is_parking: bool = True) -> list[Effect]:
        """A want was answered: park what it did not bring, and ask for what is left."""
        asked = self._asked.pop(number)
        exchange = asked.exchange
        for key in asked.before:
            self.wanted.release((exchange.group, *key), self)
            # One frame tells of one lane under suspicion: the others are asked for again to hear of theirs.
            is_stuck = key in exchange.missing and not self._has_moved(asked, key)
            if is_parking and is_stuck and (key in asked.suspected or not asked.suspected):
                exchange.parked.add(key)
        return [*self.ask(exchange, now_ms), *self.want_annexes(exchange)]

    def push(self, exchange: Exchange, message: Push, now_ms: int) -> list[Effect]:
        """Unasked entries came; the head they end at was learned already.

        Errors: FormatError sync.bad_push.
        """
        annexes = annexes_of(message)
        key = (message.author, message.lane)
        mine = exchange.frontier.heads.get(key)
        under_way = self._pushes.get((exchange.group, key), deque())
        held = max([NO_SEQ if mine is None else mine.seq, *under_way])
        is_continuing = message.first <= held + 1 <= message.seq
        if (
            not is_continuing
            or message.lane not in exchange.lanes
            or sum(map(len, self._pushes.values())) >= PUSHES_MAX
            or not self.wanted.claim((exchange.group, *key), self, now_ms)
        ):
            return self.ask(exchange, now_ms)
        under_way.append(message.seq)
        self._pushes[exchange.group, key] = under_way
        token = self.requests.new(lambda result, now: self._pushed(exchange, key, result, now))
        return [Ingest(token, exchange.group, message.body, False, True, annexes)]

    def _pushed(self, exchange: Exchange, key: LaneKey, result: Ingested, now_ms: int) -> list[Effect]:
        under_way = self._pushes[exchange.group, key]
        under_way.popleft()
        if not under_way:
            del self._pushes[exchange.group, key]
        is_asked = any(asked.exchange is exchange and key in asked.before for asked in self._asked.values())
        if not under_way and not is_asked:
            self.wanted.release((exchange.group, *key), self)
        effects = self._judge(exchange, result)
        if result.waiting is not None and key in exchange.missing:
            exchange.parked.add(key)
        return [*effects, *self.ask(exchange, now_ms), *self.want_annexes(exchange)]

    def want_annexes(self, exchange: Exchange) -> list[Effect]:
        """Find out which annexes are missing, to ask the peer for them; one look at a time in each group."""
        if not exchange.is_open or exchange.group in self._groups_listing:
            return []
        self._groups_listing.add(exchange.group)
        token = self.requests.new(lambda result, now: self._annexes_listed(exchange, result, now))
        return [ListWantedAnnexes(token, exchange.group)]

    def want_annexes_again(self, exchange: Exchange) -> list[Effect]:
        """Ask also for annexes that the peer did not have when it was asked first: it may have them by
        now."""
        self._annexes_asked.clear()
        return self.want_annexes(exchange)

    def _annexes_listed(self, exchange: Exchange, hashes: Sequence[bytes], now_ms: int) -> list[Effect]:
        fresh: list[bytes] = []
        for hash_ in hashes:
            if hash_ not in self._annexes_asked and self.wanted.claim((exchange.group, hash_), self, now_ms):
                fresh.append(hash_)
                if len(fresh) == ANNEX_HASHES_MAX:
                    break
        if not fresh or not exchange.is_open:
            self._groups_listing.discard(exchange.group)
            return []
        if len(self._annexes_asked) > _ANNEXES_REMEMBERED_MAX:
            self._annexes_asked.clear()
        self._annexes_asked.update(fresh)
        self._last_number += 1
        self._annex_numbers[self._last_number] = (exchange, fresh)
        return [Send(encode_message(AnnexWant(exchange.number, self._last_number, b"".join(fresh))))]

    def annexes(self, message: Annexes, size_bytes: int) -> list[Effect]:
        """Annexes came. Errors: PeerError sync.unasked, sync.over_credit."""
        if message.number not in self._annex_numbers:
            raise PeerError("sync.unasked", "annexes that nobody asked for")
        self._count(size_bytes)
        exchange, hashes = self._annex_numbers[message.number]
        asked = frozenset(hashes)
        blobs = [blob for blob in message.blobs if sha256(blob) in asked]
        if len(blobs) != len(message.blobs):
            raise PeerError("sync.unasked", "an annex that nobody asked for")
        token = self.requests.new(lambda _, __: self._annexes_kept(message.number, size_bytes, message.last))
        return [KeepAnnexes(token, exchange.group, blobs)]

    def _annexes_kept(self, number: int, size_bytes: int, is_last: bool) -> list[Effect]:
        effects = [self._give_credit(size_bytes)]
        if not is_last:
            return effects
        exchange, hashes = self._annex_numbers.pop(number)
        for hash_ in hashes:
            self.wanted.release((exchange.group, hash_), self)
        self._groups_listing.discard(exchange.group)
        return [*effects, *self.want_annexes(exchange)]


def wants_message(group_number: int, number: int, wants: Sequence[Want], compress: bool) -> Wants:
    """Wants as a message."""
    return Wants(
        group_number,
        number,
        compress,
        b"".join(want.author for want in wants),
        bytes(want.lane for want in wants),
        [want.first for want in wants],
        [want.last for want in wants],
    )


def hashes_of(message: AnnexWant) -> list[bytes]:
    """The hashes in a request for annexes. Errors: PeerError sync.bad_column."""
    if len(message.hashes) % HASH_BYTES:
        raise PeerError("sync.bad_column", "not a multiple of 32 bytes")
    return [message.hashes[at : at + HASH_BYTES] for at in range(0, len(message.hashes), HASH_BYTES)]


def wants_of(message: Wants) -> list[Want]:
    """The wants in a message. Errors: PeerError sync.bad_column."""
    count = len(message.firsts)
    if (len(message.authors), len(message.lanes), len(message.lasts)) != (32 * count, count, count):
        raise PeerError("sync.bad_column", "columns of different lengths")
    return [
        Want(message.authors[32 * index : 32 * index + 32], message.lanes[index], first, last)
        for index, (first, last) in enumerate(zip(message.firsts, message.lasts, strict=True))
    ]
