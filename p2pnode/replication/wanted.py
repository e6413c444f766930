"""What is being fetched from whom, over all sessions of a node, so that nothing is fetched twice at a time.

A claim that makes no progress lapses: a slow or lying peer delays others for a while and no longer.
"""

from __future__ import annotations

from collections.abc import Hashable

CLAIM_MS = 30_000
"""Long enough for a slow line to bring the next frame, short enough that a silent peer does not hold up the
rest."""


class Wanted:
    """Claims on things, each held by one session; shared by all sessions of a node."""

    def __init__(self) -> None:
        self._claims: dict[Hashable, tuple[object, int]] = {}

    def claim(self, thing: Hashable, owner: object, now_ms: int) -> bool:
        """Take or renew the claim on something, unless another owner is making progress with it."""
        held = self._claims.get(thing)
        if held is not None and held[0] is not owner and held[1] > now_ms:
            return False
        self._claims[thing] = (owner, now_ms + CLAIM_MS)
        return True

    def release(self, thing: Hashable, owner: object) -> None:
        """Give up a claim, if it is still held."""
        held = self._claims.get(thing)
        if held is not None and held[0] is owner:
            del self._claims[thing]

    def release_all(self, owner: object) -> None:
        """Give up everything that an owner holds: its session is over."""
        for thing in [thing for thing, held in self._claims.items() if held[0] is owner]:
            del self._claims[thing]
