"""Who is there, as far as this node knows, and whether it has heard what was said in its absence.

All of it is advice to the timers of one group's chain: it decides when a voter speaks, never what holds.

Source: C 5.4 (R6), J33.
"""

from __future__ import annotations

from collections.abc import Collection

from p2pnode.consensus import timing


class Company:
    """The peers of one node, seen from one group; mutable, owned by the group's chain."""

    def __init__(self, own_key: bytes) -> None:
        self._own_key = own_key
        self._peers: frozenset[bytes] = frozenset()
        self._heard: set[bytes] = set()
        self._since_ms: int | None = None

    def meet(self, peers: Collection[bytes], now_ms: int) -> None:
        """These and no others are connected now. Shapes: device keys."""
        others = frozenset(peers) - {self._own_key}
        if others == self._peers:
            return
        self._peers = others
        self._heard &= others
        if not others:
            self._since_ms = None
        elif self._since_ms is None:
            self._since_ms = now_ms

    def hear_out(self, peer: bytes) -> None:
        """Everything that a peer held of the group when it was met is here."""
        if peer in self._peers:
            self._heard.add(peer)

    @property
    def present(self) -> frozenset[bytes]:
        """The device keys of those who are there."""
        return self._peers

    def heard_at_ms(self, now_ms: int, delta_ms: int) -> int | None:
        """From when on this voter may speak of what it was not there for, or None while it is alone.

        What one proposes whom nobody hears, a group whose members come one by one gets many times over.
        """
        if self._heard:
            return now_ms
        return None if self._since_ms is None else self._since_ms + timing.hear_for_ms(delta_ms)
