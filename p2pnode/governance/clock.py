"""When a node may trust its clock enough to sign (J31). Validity of entries never depends on a clock; this
is prudence.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from p2pnode.core.limits import CLOCK_AHEAD_MS_MAX

PEERS_MIN = 2
SILENCE_MS_MAX = 30 * 24 * 60 * 60 * 1000

FAULTS = MappingProxyType(
    {
        "clock.ahead": "this machine's clock is more than ten minutes ahead of its peers",
        "clock.unconfirmed": "nobody was heard for thirty days and the clock moved far beyond the last entry",
    }
)
"""What is wrong with a clock, by rule."""


def may_sign(now_ms: int, last_own_ms: int | None, offsets_ms: Sequence[int]) -> str | None:
    """Why a node should not sign now, or None.

    Shapes: offsets_ms are peers' clocks minus ours. Rules: clock.ahead, clock.unconfirmed.
    """
    if len(offsets_ms) >= PEERS_MIN:
        ordered = sorted(offsets_ms)
        return "clock.ahead" if -ordered[len(ordered) // 2] > CLOCK_AHEAD_MS_MAX else None
    if not offsets_ms and last_own_ms is not None and now_ms > last_own_ms + SILENCE_MS_MAX:
        return "clock.unconfirmed"
    return None
