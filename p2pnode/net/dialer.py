"""Keeps connections to the peers that the node wants: one task per peer, patient, awake when it counts (J42).

It decides when to dial, not whom to want and not what to say once connected.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from p2pnode.core.errors import Unreachable
from p2pnode.core.ids import peer_id_of
from p2pnode.net.host import DIAL_TIMEOUT_MS, Host
from p2pnode.net.wakeups import watch_addresses, watch_sleep

_log = logging.getLogger("p2pnode.net.dialer")

BACKOFF_MS_MIN = 500
BACKOFF_MS_MAX = 30_000
STEADY_MS = 10_000
"""A shorter connection does not reset the back-off: the peer may refuse us after the handshake."""

CHECK_TIMEOUT_MS = 2_000


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """How a wanted peer stands; `next_try_ms` counts from now and is None while connected or dialling."""

    peer_key: bytes
    addresses: tuple[str, ...]
    connected: bool
    next_try_ms: int | None
    last_error: str


@dataclass(slots=True)
class _Wanted:
    addresses: list[str]
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    stirred: trio.Event = field(default_factory=trio.Event)
    connected_at: float | None = None
    next_try_at: float | None = None
    last_error: str = ""

    def next_try_ms(self, now: float) -> int | None:
        return None if self.next_try_at is None else max(0, round((self.next_try_at - now) * 1000))

    def stir(self) -> None:
        self.stirred.set()
        self.stirred = trio.Event()


class Supervisor:
    """Dials wanted peers until they are there, and again whenever they are lost."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._wanted: dict[bytes, _Wanted] = {}
        self._nursery: trio.Nursery | None = None
        host.watch(self._peer_came, self._peer_went)

    def want(self, peer_key: bytes, addresses: Sequence[str]) -> None:
        """Keep a connection to this peer from now on; of a peer already wanted only the addresses change."""
        if peer_key == self._host.key:
            return
        if peer_key in self._wanted:
            self.update(peer_key, addresses)
            return
        wanted = self._wanted[peer_key] = _Wanted(list(addresses))
        if self._nursery is not None:
            self._nursery.start_soon(self._keep, peer_key, wanted)

    def unwant(self, peer_key: bytes) -> None:
        """Dial this peer no more; a connection that exists stays."""
        wanted = self._wanted.pop(peer_key, None)
        if wanted is not None:
            wanted.scope.cancel()

    def update(self, peer_key: bytes, addresses: Sequence[str]) -> None:
        """Replace the addresses of a wanted peer and, when they are new, try them at once."""
        wanted = self._wanted.get(peer_key)
        if wanted is not None and wanted.addresses != list(addresses):
            wanted.addresses = list(addresses)
            wanted.stir()

    def statuses(self) -> list[PeerStatus]:
        """How each wanted peer stands now."""
        now = trio.current_time()
        connected = set(self._host.connected())
        return [
            PeerStatus(
                peer_key=key,
                addresses=tuple(one.addresses),
                connected=key in connected,
                next_try_ms=one.next_try_ms(now),
                last_error="" if key in connected else one.last_error,
            )
            for key, one in self._wanted.items()
        ]

    async def run(self) -> None:
        """Supervise until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                nursery.start_soon(watch_addresses, self.check)
                nursery.start_soon(watch_sleep, self.check)
                for peer_key, wanted in self._wanted.items():
                    nursery.start_soon(self._keep, peer_key, wanted)
                await trio.sleep_forever()
            finally:
                self._nursery = None

    def check(self) -> None:
        """The network may have changed: ping every connection now, end the dead ones, retry the lost ones."""
        if self._nursery is None:
            return
        for peer_key in self._host.connected():
            self._nursery.start_soon(self._check_one, peer_key)
        for wanted in self._wanted.values():
            wanted.stir()

    async def _check_one(self, peer_key: bytes) -> None:
        try:
            await self._host.ping(peer_key, CHECK_TIMEOUT_MS)
        except Unreachable as error:
            _log.info("%s", error)
            await self._host.drop(peer_key)

    async def _keep(self, peer_key: bytes, wanted: _Wanted) -> None:
        with wanted.scope:
            delay_ms = BACKOFF_MS_MIN
            while True:
                if wanted.connected_at is not None or peer_key in self._host.connected():
                    connected_at = wanted.connected_at or trio.current_time()
                    await self._wait_until_lost(peer_key, wanted)
                    if (trio.current_time() - connected_at) * 1000 >= STEADY_MS:
                        delay_ms = BACKOFF_MS_MIN
                        continue
                elif wanted.addresses and await self._try(peer_key, wanted):
                    continue
                is_stirred = await self._pause(wanted, delay_ms)
                delay_ms = BACKOFF_MS_MIN if is_stirred else min(delay_ms * 2, BACKOFF_MS_MAX)

    async def _wait_until_lost(self, peer_key: bytes, wanted: _Wanted) -> None:
        while peer_key in self._host.connected():
            await wanted.stirred.wait()

    async def _try(self, peer_key: bytes, wanted: _Wanted) -> bool:
        try:
            await self._host.dial(peer_key, wanted.addresses, DIAL_TIMEOUT_MS)
        except Unreachable as error:
            wanted.last_error = str(error)
            _log.debug("%s: %s", peer_id_of(peer_key), error)
            return False
        wanted.last_error = ""
        return True

    async def _pause(self, wanted: _Wanted, delay_ms: int) -> bool:
        # Jitter keeps two nodes that lost each other from dialling each other at the same moment for ever.
        seconds = delay_ms * random.uniform(1.0, 1.25) / 1000
        wanted.next_try_at = trio.current_time() + seconds
        stirred = wanted.stirred
        with trio.move_on_after(seconds):
            await stirred.wait()
        wanted.next_try_at = None
        return stirred.is_set()

    def _peer_came(self, peer_key: bytes) -> None:
        wanted = self._wanted.get(peer_key)
        if wanted is not None:
            wanted.connected_at = trio.current_time()
            wanted.stir()

    def _peer_went(self, peer_key: bytes) -> None:
        wanted = self._wanted.get(peer_key)
        if wanted is not None:
            wanted.connected_at = None
            wanted.stir()
