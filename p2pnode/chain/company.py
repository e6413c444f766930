"""Who is there, as far as this node knows, and whether it has heard what was said in its absence.

There is who is connected here, and who was heard through others a moment ago. All of it is advice to the
timers of one group's chain: it decides when a voter speaks, never what holds.

Source: C 5.4 (R6), J33.
"""

from __future__ import annotations

from collections.abc import Collection

from p2pnode.consensus import timing
from p2pnode.core.presence import Presence


class Company:
    """The peers of one node, seen from one group; mutable, owned by the group's chain."""

    def __init__(self, own_key: bytes) -> None:
        self._own_key = own_key
        self._peers: frozenset[bytes] = frozenset()
        self._heard: set[bytes] = set()
        self._since_ms: int | None = None
        self._far: dict[bytes, int] = {}
        self._said_ms: int | None = None

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

    def heard_at_ms(self, now_ms: int, delta_ms: int) -> int | None:
        """From when on this voter may speak of what it was not there for, or None while it is alone.

        What one proposes whom nobody hears, a group whose members come one by one gets many times over.
        """
        if self._heard:
            return now_ms
        return None if self._since_ms is None else self._since_ms + timing.hear_for_ms(delta_ms)

    # ---- presence

    def present(self, now_ms: int, delta_ms: int) -> frozenset[bytes]:
        """The device keys of those who are there."""
        since_ms = now_ms - timing.present_for_ms(delta_ms)
        return self._peers | {key for key, time_ms in self._far.items() if time_ms > since_ms}

    def is_news(self, presence: Presence, now_ms: int, delta_ms: int) -> bool:
        """Whether somebody's word is fresh, and enough later than the last one to be worth handing on."""
        lasts_ms = timing.present_for_ms(delta_ms)
        known_ms = self._far.get(presence.key, presence.time_ms - delta_ms)
        is_fresh = now_ms - lasts_ms < presence.time_ms <= now_ms + lasts_ms
        return presence.key != self._own_key and is_fresh and presence.time_ms >= known_ms + delta_ms

    def note(self, presence: Presence, now_ms: int) -> None:
        """A voter was heard, through whomever. A clock that is ahead makes nobody be there for longer."""
        self._far[presence.key] = min(presence.time_ms, now_ms)

    def says_at_ms(self, work_since_ms: int, delta_ms: int) -> int | None:
        """When this voter is to say again that it is there; None while nobody would hear it.

        A decision that goes well is over before the first time.
        """
        if not self._peers:
            return None
        if self._said_ms is None or self._said_ms < work_since_ms:
            return work_since_ms + delta_ms
        return self._said_ms + timing.present_again_ms(delta_ms)

    def note_said(self, now_ms: int) -> None:
        """This voter has said that it is there."""
        self._said_ms = now_ms
