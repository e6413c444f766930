"""Virtual time: what happens next, and nothing else happens.

One thread, one heap. Chance is a hash of a salt and a name, so that leaving a step out of a case changes
only what depends on it.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable

EPOCH_MS = 1_767_225_600_000
"""The wall clock of an honest machine when a case begins."""

Action = Callable[[], None]


class Timeline:
    """What is planned, in order of time and of planning."""

    def __init__(self) -> None:
        self.now_ms = 0
        self._planned: list[tuple[int, int, Action]] = []
        self._serial = 0

    def at(self, time_ms: int, action: Action) -> None:
        self._serial += 1
        heapq.heappush(self._planned, (max(time_ms, self.now_ms), self._serial, action))

    def after(self, delay_ms: int, action: Action) -> None:
        self.at(self.now_ms + delay_ms, action)

    def run_until(self, time_ms: int) -> None:
        """Let everything happen that is planned up to a time."""
        while self._planned and self._planned[0][0] <= time_ms:
            self.now_ms, _, action = heapq.heappop(self._planned)
            action()
        self.now_ms = max(self.now_ms, time_ms)


class Chance:
    """A stream of bytes and numbers that its name determines; also a node's source of random bytes."""

    def __init__(self, *names: object) -> None:
        self._name = ":".join(map(str, names)).encode()
        self._count = 0

    def bytes(self, size: int) -> bytes:
        self._count += 1
        return hashlib.shake_128(self._name + b"|%d" % self._count).digest(size)

    def below(self, bound: int) -> int:
        return int.from_bytes(self.bytes(8), "big") % bound

    def between(self, least: int, most: int) -> int:
        return least + self.below(most - least + 1)
