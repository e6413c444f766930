"""How long a voter waits before it speaks. Waiting decides how fast a group agrees, never on what (A7).

Units: milliseconds; `delta_ms` is the time in which a message is expected to reach everybody.
"""

from __future__ import annotations

DELTA_MS = 30_000
"""What a charter without a word on it means: enough for a wide-area network with relays."""

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

ROLL_CALL_AFTER_MS = 14 * DAY_MS
CLOSE_AFTER_MS = 14 * DAY_MS
UNSEEN_SKIP_AFTER_MS = 48 * HOUR_MS
EXPONENT_MAX = 6
PRESENT_AGAIN_MS_MAX = HOUR_MS
PRESENT_DOUBLINGS_MAX = 12
"""More than an hour has of the shortest deltas."""


def doublings(view: int, voters: int, quorum: int) -> int:
    """How often the skip timer has doubled: once for as many views as voters may be absent, plus one.

    Doubling in every view would stall a group whose next leaders are all away. Source: J28, at most six.
    """
    return min(view // (voters - quorum + 1), EXPONENT_MAX)


def skip_after_ms(view: int, voters: int, quorum: int, delta_ms: int) -> int:
    """How long a view may last while a quorum is visible (R6)."""
    return 4 * delta_ms << doublings(view, voters, quorum)


def unseen_skip_after_ms(view: int, voters: int, quorum: int) -> int:
    """How long a view may last by the wall clock although no quorum was ever visible at once (R6)."""
    return UNSEEN_SKIP_AFTER_MS << doublings(view, voters, quorum)


def propose_after_ms(rank: int, delta_ms: int) -> int:
    """How long the voter of a rank leaves the open view to those before it (R5, J29)."""
    return rank * delta_ms // 2


def hear_for_ms(delta_ms: int) -> int:
    """How long a voter who meets others again listens at most before it votes or proposes in an open view."""
    return 2 * delta_ms


def present_again_ms(said: int, delta_ms: int) -> int:
    """How long a voter waits before it says again that it is there, while something waits for a decision and
    nothing has moved since it said so that many times: two deltas at first, an hour in the end (J33)."""
    doubled_ms = 2 * delta_ms << min(max(0, said - 1), PRESENT_DOUBLINGS_MAX)
    return max(2 * delta_ms, min(doubled_ms, PRESENT_AGAIN_MS_MAX))


def present_for_ms(pause_ms: int | None, delta_ms: int) -> int:
    """For how long a voter that was heard through others counts as there: twice as long as it may be silent
    after such a pause. None: it is the first that was heard of it, and so is what comes after hours."""
    if pause_ms is None or pause_ms > 2 * PRESENT_AGAIN_MS_MAX:
        return 4 * delta_ms
    return 2 * max(2 * delta_ms, min(2 * pause_ms, PRESENT_AGAIN_MS_MAX))


def repropose_after_ms(delta_ms: int) -> int:
    """How long a leader waits for the F votes of a notarized block before it proposes it again (R5)."""
    return 2 * delta_ms
