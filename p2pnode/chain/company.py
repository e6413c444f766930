"""Who is there, as far as this node knows, and whether it has heard what was said in its absence.

There is who is connected here, and who was heard through others a moment ago. All of it is advice to the
timers of one group's chain: it decides when a voter speaks, never what holds.

Source: C 5.4 (R6), J33.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from p2pnode.consensus import timing
from p2pnode.core.presence import Presence


class _Word(NamedTuple):
    """The last word of a voter who is not connected here. Units: until when it counts as there."""

    time_ms: int
    until_ms: int


class Company:
    """The peers of one node, seen from one group; mutable, owned by the group's chain."""

    def __init__(self, own_key: bytes) -> None:
        self._own_key = own_key
        self._peers: frozenset[bytes] = frozenset()
        self._heard: set[bytes] = set()
        self._since_ms: int | None = None
        self._far: dict[bytes, _Word] = {}
        self._said_ms: int | None = None
        self._said_in_vain = 0
        self._changed = 0

    def meet(self, peers: Collection[bytes], now_ms: int) -> None:
        """These and no others are connected now. Shapes: device keys."""
        others = frozenset(peers) - {self._own_key}
        if others == self._peers:
            return
        for gone in self._peers - others:
            self._far.pop(gone, None)  # whoever is there all the same says so, having lost us too
        self._said_in_vain = 0
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

    def present(self, now_ms: int) -> frozenset[bytes]:
        """The device keys of those who are there."""
        return self._peers | {key for key, word in self._far.items() if word.until_ms > now_ms}

    def is_news(self, presence: Presence, now_ms: int, delta_ms: int) -> bool:
        """Whether somebody's word is fresh, and enough later than the last one to be worth handing on."""
        lasts_ms = timing.present_for_ms(None, delta_ms)
        known = self._far.get(presence.key)
        is_fresh = now_ms - lasts_ms < presence.time_ms <= now_ms + lasts_ms
        is_later = known is None or presence.time_ms >= known.time_ms + delta_ms
        return presence.key != self._own_key and is_fresh and is_later

    def note(self, presence: Presence, now_ms: int, delta_ms: int) -> None:
        """A voter was heard, through whomever. A clock that is ahead makes nobody be there for longer."""
        if presence.key not in self.present(now_ms):
            self._said_in_vain = 0
        known = self._far.get(presence.key)
        time_ms = min(presence.time_ms, now_ms)
        pause_ms = None if known is None else time_ms - known.time_ms
        self._far[presence.key] = _Word(time_ms, time_ms + timing.present_for_ms(pause_ms, delta_ms))

    def note_entries(self, changed: int) -> None:
        """So often has the log changed: while it does, the group is not stuck."""
        if changed != self._changed:
            self._changed = changed
            self._said_in_vain = 0

    def says_at_ms(self, work_since_ms: int, delta_ms: int) -> int | None:
        """When this voter is to say again that it is there; None while nobody would hear it.

        A decision that goes well is over before the first time, and a group that is stuck gets quiet: the
        pause grows until somebody comes or goes, or an entry does.
        """
        if not self._peers:
            return None
        if self._said_ms is None or self._said_ms < work_since_ms:
            return work_since_ms + delta_ms
        return self._said_ms + timing.present_again_ms(self._said_in_vain, delta_ms)

    def note_said(self, now_ms: int) -> None:
        """This voter has said that it is there."""
        self._said_ms = now_ms
        self._said_in_vain += 1
