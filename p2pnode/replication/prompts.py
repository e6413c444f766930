"""When a session does something without being asked: announce, ask again, remember a cursor, compare.

Units: every time is in ms of the clock that the session is driven by.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from p2pnode.replication.exchange import Exchange
from p2pnode.replication.frontier import NO_SEQ

ANNOUNCE_GAP_MS = 100
"""Heads that move faster than this are announced together; the first is announced at once."""

ASK_MS = 1_000
"""How often to see whether something that another session was fetching may be asked for here."""

REVIVE_MS = 60_000
"""First pause before what could not be had is asked for again."""

CURSOR_GAP_MS = 5_000
"""A lost cursor costs bytes, not entries: writing it for every entry would cost more."""

LEVEL_MS = 10_000
"""When to tell the peer that it has seen everything, if nothing else was to be said."""

CHECK_MS = 120_000
"""First pause before digests are compared again in a group where nothing moved."""

PAUSE_MS_MAX = 3_600_000
"""Pauses double up to this (J38)."""


class Due(NamedTuple):
    """What is due for a group."""

    is_announcing: bool
    is_reviving: bool
    is_levelling: bool
    is_checking: bool


@dataclass(slots=True)
class _Times:
    """One group's times; None means that nothing is planned."""

    announced_ms: int | None = None
    announce_at_ms: int | None = None
    ask_at_ms: int | None = None
    revive_at_ms: int | None = None
    revive_pause_ms: int = REVIVE_MS
    level_at_ms: int | None = None
    check_at_ms: int | None = None
    check_pause_ms: int = CHECK_MS
    has_moved: bool = False


@dataclass(slots=True)
class Prompts:
    """The times of all groups in a session; `is_checking` is true on one of the two sides."""

    is_checking: bool
    _remembered_ms: int | None = None
    _groups: dict[bytes, _Times] = field(default_factory=dict)

    def _times(self, exchange: Exchange) -> _Times:
        return self._groups.setdefault(exchange.group, _Times())

    def may_announce(self, exchange: Exchange, now_ms: int, *, is_urgent: bool) -> bool:
        """Whether to announce what moved now; if not, it is planned."""
        times = self._times(exchange)
        times.has_moved = True
        last = times.announced_ms
        if is_urgent or last is None or now_ms >= last + ANNOUNCE_GAP_MS:
            times.announced_ms = now_ms
            times.announce_at_ms = None
            return True
        times.announce_at_ms = last + ANNOUNCE_GAP_MS
        return False

    def note_members(self, exchange: Exchange) -> None:
        """The group's members changed: what was refused may be taken now."""
        self._times(exchange).revive_pause_ms = REVIVE_MS

    def may_remember(self, now_ms: int) -> bool:
        """Whether cursors may be written now."""
        if self._remembered_ms is not None and now_ms < self._remembered_ms + CURSOR_GAP_MS:
            return False
        self._remembered_ms = now_ms
        return True

    def due(self, exchange: Exchange, now_ms: int) -> Due:
        """What is due for a group; it counts as done when this returns."""
        times = self._times(exchange)
        is_announcing = _is_past(times.announce_at_ms, now_ms)
        is_reviving = _is_past(times.revive_at_ms, now_ms)
        is_levelling = _is_past(times.level_at_ms, now_ms)
        is_checking = _is_past(times.check_at_ms, now_ms)
        if is_announcing:
            times.announced_ms, times.announce_at_ms = now_ms, None
        if is_reviving:
            times.revive_pause_ms = min(2 * times.revive_pause_ms, PAUSE_MS_MAX)
            times.revive_at_ms = None
        if is_levelling:
            times.level_at_ms = None
        if is_checking:
            times.check_pause_ms = (
                CHECK_MS if times.has_moved else min(2 * times.check_pause_ms, PAUSE_MS_MAX)
            )
            times.has_moved = False
            times.check_at_ms = None
        times.ask_at_ms = None
        return Due(is_announcing, is_reviving, is_levelling, is_checking)

    def wake_at_ms(self, exchanges: Iterable[Exchange], now_ms: int) -> int:
        """When something is due next. What is not planned yet and should be is planned here."""
        wake = now_ms + PAUSE_MS_MAX
        for exchange in exchanges:
            if not exchange.is_open:
                continue
            times = self._times(exchange)
            self._plan(times, exchange, now_ms)
            planned = (
                times.announce_at_ms,
                times.ask_at_ms,
                times.revive_at_ms,
                times.level_at_ms,
                times.check_at_ms,
            )
            wake = min([wake, *(at for at in planned if at is not None)])
            if exchange.is_cursor_due and self._remembered_ms is not None:
                wake = min(wake, self._remembered_ms + CURSOR_GAP_MS)
        return wake

    def _plan(self, times: _Times, exchange: Exchange, now_ms: int) -> None:
        if len(exchange.missing) > len(exchange.parked):
            times.ask_at_ms = times.ask_at_ms or now_ms + ASK_MS
        else:
            times.ask_at_ms = None
        if exchange.parked or exchange.unproven:
            times.revive_at_ms = times.revive_at_ms or now_ms + times.revive_pause_ms
        else:
            times.revive_at_ms = None
        if exchange.level() > max(exchange.level_shown, NO_SEQ):
            times.level_at_ms = times.level_at_ms or now_ms + LEVEL_MS
        else:
            times.level_at_ms = None
        if self.is_checking:
            times.check_at_ms = times.check_at_ms or now_ms + times.check_pause_ms


def _is_past(at_ms: int | None, now_ms: int) -> bool:
    return at_ms is not None and now_ms >= at_ms
