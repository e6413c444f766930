"""Names of things: groups, devices, lanes and entries, as bytes and as text.

A device is its Ed25519 public key. `did:key` is the form shown to the world, the libp2p peer id the form the
network uses; both are derived from the key without any library of either.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NewType

import base58

from p2pnode.core.crypto import KEY_BYTES, is_acceptable_key
from p2pnode.core.errors import FormatError

EntryId = NewType("EntryId", bytes)
"""SHA-256 of a header."""

GroupId = NewType("GroupId", bytes)
"""The id of a group's founding entry."""

DeviceKey = NewType("DeviceKey", bytes)
"""An Ed25519 public key."""

MemberId = NewType("MemberId", bytes)
"""SHA-256 over a member's inception: it stays when the member's keys change."""

_DID_PREFIX = "did:key:z"
_ED25519_MULTICODEC = b"\xed\x01"
_PEER_ID_PREFIX = b"\x00\x24\x08\x01\x12\x20"
"""Identity multihash of libp2p's protobuf of an Ed25519 public key. Source: libp2p peer id specification."""


class Lane(IntEnum):
    """The three hash chains that one device keeps in one group."""

    LOCAL = 0
    """Facts for members."""
    VOTES = 1
    """Consensus."""
    OPEN = 2
    """Facts for everyone who follows the group."""


def _key(raw: bytes, prefix: bytes, rule: str) -> DeviceKey:
    if not raw.startswith(prefix) or not is_acceptable_key(raw[len(prefix) :]):
        raise FormatError(rule, "not the name of an Ed25519 key")
    return DeviceKey(raw[len(prefix) :])


def _from_base58(text: str, rule: str) -> bytes:
    if len(text) > 128:
        raise FormatError(rule, "too long")
    try:
        raw = base58.b58decode(text.encode("ascii"))
    except (ValueError, UnicodeEncodeError) as error:
        raise FormatError(rule, "not base58") from error
    # The decoder drops white space at the end; one key has one text.
    if base58.b58encode(raw).decode("ascii") != text:
        raise FormatError(rule, "not base58")
    return raw


def did_of(key: bytes) -> str:
    """The `did:key` of a device key. Source: W3C did:key method, Ed25519."""
    return _DID_PREFIX + base58.b58encode(_ED25519_MULTICODEC + key).decode("ascii")


def device_key_of_did(text: str) -> DeviceKey:
    """The device key that a `did:key` names. Errors: FormatError id.bad_did."""
    if not text.startswith(_DID_PREFIX):
        raise FormatError("id.bad_did", "a did:key of an Ed25519 key starts with did:key:z6Mk")
    return _key(_from_base58(text[len(_DID_PREFIX) :], "id.bad_did"), _ED25519_MULTICODEC, "id.bad_did")


def peer_id_of(key: bytes) -> str:
    """The libp2p peer id of a device key, in base58."""
    return base58.b58encode(_PEER_ID_PREFIX + key).decode("ascii")


def device_key_of_peer_id(text: str) -> DeviceKey:
    """The device key inside a libp2p peer id. Errors: FormatError id.bad_peer_id."""
    return _key(_from_base58(text, "id.bad_peer_id"), _PEER_ID_PREFIX, "id.bad_peer_id")


def id_text(value: bytes) -> str:
    """The text of a group, member or entry id: 64 hexadecimal digits."""
    return value.hex()


def id_of_text(text: str) -> bytes:
    """The 32 bytes of an id's text. Errors: FormatError id.bad_hex."""
    try:
        value = bytes.fromhex(text)
    except ValueError as error:
        raise FormatError("id.bad_hex", "an id has 64 hexadecimal digits") from error
    if len(value) != KEY_BYTES:
        raise FormatError("id.bad_hex", "an id has 64 hexadecimal digits")
    return value
