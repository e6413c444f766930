"""Requests to the driver that are under way, and what to do with their results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from p2pnode.replication.effects import Effect

Continuation = Callable[[Any, int], list[Effect]]
"""Called with the result and the time in ms."""


class Requests:
    """Hands out tokens and finds the continuation of each when its result comes."""

    def __init__(self) -> None:
        self._last = 0
        self._pending: dict[int, Continuation] = {}

    def new(self, continuation: Continuation) -> int:
        """A token for a request."""
        self._last += 1
        self._pending[self._last] = continuation
        return self._last

    def done(self, token: int, result: Any, now_ms: int) -> list[Effect]:
        """Go on where the request was made. Errors: KeyError for a token that is not under way."""
        return self._pending.pop(token)(result, now_ms)
