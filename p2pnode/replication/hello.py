"""Who speaks, and of which groups: proofs of device keys, blinded group ids, and what is derived from both
nonces.

Each side proves its keys by signing both nonces and both peer keys, so a proof is worth nothing in another
session. Groups are named by a hash over both nonces: somebody who does not hold a group learns nothing from
hearing it offered.

Source: J39, D 7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from p2pnode.core.crypto import is_signed, tagged_hash
from p2pnode.core.ids import Lane
from p2pnode.replication.frontier import EPOCH_BYTES
from p2pnode.replication.messages import TICKET_BYTES, KeyProof

_PROOF_TAG = b"p2pnode/sync-proof/1\0"


class Channel(NamedTuple):
    """What one session is bound to, as its own side sees it."""

    own_key: bytes
    peer_key: bytes
    own_nonce: bytes
    peer_nonce: bytes

    def turned(self) -> Channel:
        """The same session as the other side sees it."""
        return Channel(self.peer_key, self.own_key, self.peer_nonce, self.own_nonce)


def prove(channel: Channel, device_key: bytes, sign: Callable[[bytes], bytes]) -> KeyProof:
    """The proof that this side of a session holds a device key."""
    return KeyProof(device_key, sign(_proof_message(channel, device_key)))


def is_proven(channel: Channel, proof: KeyProof) -> bool:
    """Whether the other side of a session holds the device key that it names."""
    return is_signed(proof.key, _proof_message(channel.turned(), proof.key), proof.signature)


def _proof_message(channel: Channel, device_key: bytes) -> bytes:
    """What the speaking side signs: its own nonce and key come first."""
    return (
        _PROOF_TAG + channel.own_nonce + channel.peer_nonce + channel.own_key + channel.peer_key + device_key
    )


def blinded(group: bytes, speaker_nonce: bytes, listener_nonce: bytes) -> bytes:
    """The name of a group in one direction of one session."""
    return tagged_hash("sync-group/1", group, speaker_nonce, listener_nonce)


def ticket_of(channel: Channel) -> bytes:
    """What lets a bulk stream join its session; the same for both sides."""
    first, second = sorted((channel.own_nonce, channel.peer_nonce))
    return tagged_hash("sync-bulk/1", first, second)[:TICKET_BYTES]


def cursor_epoch(epoch: bytes, lanes: frozenset[int]) -> bytes:
    """The epoch of a cursor: with other lanes readable, an old position says nothing about the new ones."""
    return tagged_hash("sync-cursor/1", epoch, bytes((mask_of(lanes),)))[:EPOCH_BYTES]


def mask_of(lanes: frozenset[int]) -> int:
    """Lanes as a bit mask."""
    return sum(1 << lane for lane in sorted(lanes))


def lanes_of(mask: int) -> frozenset[int]:
    """The lanes in a bit mask."""
    return frozenset(int(lane) for lane in Lane if mask >> lane & 1)
