"""The only reader of this computer's clocks; everything else is told the time as an argument.

Not here: what a time means. Sleeping and waiting belong to trio.
"""

from __future__ import annotations

import time


def wall_ms() -> int:
    """Milliseconds since 1970 in UTC, as this computer believes; it may jump either way."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Milliseconds since some moment, never backwards; only differences mean anything."""
    return time.monotonic_ns() // 1_000_000
