"""Which groups two peers talk about, and how each learns where the other stands.

A group is offered, blinded, to a peer that may read something of it; it is open when both sides offered it.
An offer is answered with heads: none when the digests are equal, those that moved since the peer's cursor,
or all of them; in groups with very many lanes by reconciling ranges. An offer may be repeated at any time,
to compare again or because the readable lanes changed.

Source: C 4.2, J23, J38, J39.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from p2pnode.core.errors import PeerError
from p2pnode.core.limits import FULL_HEADS_LANES_MAX
from p2pnode.replication.effects import Effect, Send
from p2pnode.replication.exchange import Cursor, Exchange, GroupView
from p2pnode.replication.frontier import Head
from p2pnode.replication.hello import Channel, blinded, lanes_of
from p2pnode.replication.messages import (
    GROUPS_MAX,
    Heads,
    Message,
    Offer,
    Offered,
    Ranges,
    Shown,
    encode_message,
    head_columns,
)
from p2pnode.replication.ranges import Reconciler, is_open, shown_of


@dataclass(slots=True)
class Offering:
    """The groups of one session."""

    channel: Channel
    _exchanges: dict[bytes, Exchange] = field(default_factory=dict)
    _by_their_name: dict[bytes, Exchange] = field(default_factory=dict)
    _by_their_number: dict[int, Exchange] = field(default_factory=dict)
    _offers: dict[int, Offered] = field(default_factory=dict)
    _reconcilers: dict[bytes, Reconciler] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self._exchanges.values())

    def get(self, group: bytes) -> Exchange | None:
        """The state of a group that was offered, open or not."""
        return self._exchanges.get(group)

    def open(self, group: bytes) -> Exchange | None:
        """The state of a group that both sides offered."""
        exchange = self._exchanges.get(group)
        return exchange if exchange is not None and exchange.is_open else None

    def numbered(self, their_number: int) -> Exchange | None:
        """The open group that the peer calls by a number."""
        exchange = self._by_their_number.get(their_number)
        return exchange if exchange is not None and exchange.is_open else None

    def add(self, view: GroupView, lanes: frozenset[int]) -> Exchange | None:
        """A group that may be offered from now on; None when there are too many."""
        if len(self._exchanges) >= GROUPS_MAX:
            return None
        exchange = Exchange(view, self.channel.own_key, len(self._exchanges), lanes)
        self._exchanges[view.group] = exchange
        self._by_their_name[self._their_name(view.group)] = exchange
        return exchange

    def earlier_offer(self, exchange: Exchange) -> Offered | None:
        """What the peer offered of a group before we could."""
        name = self._their_name(exchange.group)
        return next((offered for offered in self._offers.values() if offered.blinded == name), None)

    def _their_name(self, group: bytes) -> bytes:
        """How the peer names a group in this session."""
        return blinded(group, self.channel.peer_nonce, self.channel.own_nonce)

    def offer(self, exchanges: Iterable[tuple[Exchange, Cursor | None]], *, is_answer: bool) -> Effect:
        """Offer groups. Shapes: the cursors are our positions in the peer's moves."""
        own, peer = self.channel.own_nonce, self.channel.peer_nonce
        groups = [
            exchange.offered(blinded(exchange.group, own, peer), cursor) for exchange, cursor in exchanges
        ]
        return send(Offer(groups, is_answer))

    def find(self, offered: Offered) -> Exchange | None:
        """The group that the peer offers, if we offer it too. Errors: PeerError sync.bad_offer."""
        lanes = lanes_of(offered.lanes)
        if len(offered.digests) != 32 * len(lanes):
            raise PeerError("sync.bad_offer", "one digest for each readable lane")
        known = self._offers.get(offered.number)
        if known is not None and known.blinded != offered.blinded:
            raise PeerError("sync.bad_offer", "a number stands for one group")
        self._offers[offered.number] = offered
        exchange = self._by_their_name.get(offered.blinded)
        if exchange is not None:
            self._by_their_number[offered.number] = exchange
        return exchange

    def answer(self, exchange: Exchange, offered: Offered) -> list[Effect]:
        """Show the peer what it may lack, judging by its offer."""
        heads, are_all = exchange.heads_for(offered)
        if are_all and len(heads) > FULL_HEADS_LANES_MAX and exchange.their_lanes == exchange.lanes:
            exchange.is_reconciling = True
            return [send(Ranges(exchange.number, self._reconcile(exchange).opening()))]
        return self.show(exchange, [shown_of(head) for head in heads])

    def show(self, exchange: Exchange, heads: Sequence[Shown]) -> list[Effect]:
        """Heads frames; only the last one says up to where the peer has seen everything."""
        exchange.level_shown = level = exchange.level()
        batches = [
            heads[start : start + FULL_HEADS_LANES_MAX]
            for start in range(0, len(heads), FULL_HEADS_LANES_MAX)
        ]
        effects = [send(Heads(exchange.number, 0, head_columns(batch))) for batch in batches[:-1]]
        last = batches[-1] if batches else []
        return [*effects, send(Heads(exchange.number, level, head_columns(last)))]

    def _reconcile(self, exchange: Exchange) -> Reconciler:
        heads: list[Head] = [head for head in exchange.frontier.heads.values() if head.lane in exchange.lanes]
        self._reconcilers[exchange.group] = Reconciler(heads)
        return self._reconcilers[exchange.group]

    def take_ranges(self, exchange: Exchange, message: Ranges) -> tuple[list[Effect], list[Shown]]:
        """One step of reconciliation: what to answer, and the heads that the peer showed."""
        reconciler = self._reconcilers.get(exchange.group) or self._reconcile(exchange)
        replies, learned = reconciler.answer(message.parts)
        effects: list[Effect] = []
        if replies:
            effects.append(send(Ranges(exchange.number, replies)))
        if not is_open(replies):
            # Nothing is left to ask: the peer has seen all of the heads that were compared.
            self._reconcilers.pop(exchange.group, None)
            exchange.is_reconciling = False
            effects += self.show(exchange, [])
        return effects, learned


def send(message: Message) -> Effect:
    """A message as an effect."""
    return Send(encode_message(message))
