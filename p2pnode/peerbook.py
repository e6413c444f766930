"""The address book in memory: whom this node knows, wants and refuses. Every change becomes a row in
node.db.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from p2pnode.core.errors import FormatError, UsageError
from p2pnode.core.events import Event, PeerNoted
from p2pnode.core.ids import device_key_of_did, device_key_of_peer_id, did_of, peer_id_of
from p2pnode.store.node_file import PeerRow

ADDRESSES_PER_PEER_MAX = 16
PEERS_MAX = 2000
_SHORTEST_ENDING = 6


@dataclass(slots=True)
class KnownPeer:
    """One peer. Units: seen_ms is wall time, 0 when never met."""

    key: bytes
    addresses: list[str] = field(default_factory=list)
    is_wanted: bool = False
    is_blocked: bool = False
    seen_ms: int = 0
    source: str = "book"


def split_address(address: str) -> tuple[bytes, str]:
    """The key and the address in a multiaddr that ends in /p2p/PEER. Errors: UsageError peer.bad_address."""
    bare, _, peer_id = address.strip().partition("/p2p/")
    try:
        return device_key_of_peer_id(peer_id), bare
    except FormatError as error:
        raise UsageError(
            "peer.bad_address",
            f"{address!r} does not end in /p2p/ and a peer id",
            "copy the whole address that `p2pnode id` shows on the other machine",
        ) from error


class PeerBook:
    """Known peers by key."""

    def __init__(self, rows: Iterable[PeerRow], submit: Callable[[Event], None]) -> None:
        self.peers = {
            row.key: KnownPeer(row.key, list(row.addresses), row.wanted, row.blocked, row.seen_ms)
            for row in rows
        }
        self._submit = submit

    def add(
        self, key: bytes, addresses: Iterable[str], *, source: str, is_wanted: bool | None = None
    ) -> bool:
        """Learn addresses, newest first; whether anything is new. A full book learns no strangers."""
        peer = self.peers.get(key)
        if peer is None:
            if len(self.peers) >= PEERS_MAX and not is_wanted:
                return False
            peer = self.peers[key] = KnownPeer(key, source=source)
        before = (tuple(peer.addresses), peer.is_wanted)
        fresh = [address for address in addresses if address not in peer.addresses]
        peer.addresses = (fresh + peer.addresses)[:ADDRESSES_PER_PEER_MAX]
        if is_wanted is not None:
            peer.is_wanted = is_wanted
        if before != (tuple(peer.addresses), peer.is_wanted):
            self.keep(peer)
            return True
        return False

    def seen(self, key: bytes, now_ms: int) -> None:
        """Note that a peer is here. A full book notes no strangers."""
        if key not in self.peers and len(self.peers) >= PEERS_MAX:
            return
        peer = self.peers.setdefault(key, KnownPeer(key, source="met"))
        peer.seen_ms = now_ms

    def gone(self, key: bytes, now_ms: int) -> None:
        """Note that a peer is here no longer; one that could not be found again is forgotten."""
        peer = self.peers.get(key)
        if peer is None:
            return
        peer.seen_ms = now_ms
        self.keep(peer)
        if not (peer.addresses or peer.is_wanted or peer.is_blocked):
            del self.peers[key]

    def keep(self, peer: KnownPeer) -> None:
        """Write a peer down."""
        self._submit(
            PeerNoted(peer.key, tuple(peer.addresses), peer.is_wanted, peer.is_blocked, peer.seen_ms)
        )

    def find(self, text: str, others: Iterable[bytes] = ()) -> bytes:
        """The peer that a person means: a peer id, a did, or the end of one. Errors: UsageError peer.*"""
        text = text.strip()
        for reads in (device_key_of_peer_id, device_key_of_did):
            try:
                return bytes(reads(text))
            except FormatError:
                continue
        if text.startswith("/"):
            return split_address(text)[0]
        known = sorted({*self.peers, *others})
        fitting = [key for key in known if len(text) >= _SHORTEST_ENDING and _ends(key, text)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise UsageError("peer.ambiguous", f"{text!r} fits several peers", "give more of the peer id")
        raise UsageError(
            "peer.unknown",
            f"no known peer has the id {text!r}",
            "p2pnode peers list shows the known ones; add one with p2pnode peers add ADDRESS",
        )


def _ends(key: bytes, text: str) -> bool:
    return peer_id_of(key).endswith(text) or did_of(key).endswith(text)
