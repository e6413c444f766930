"""The entry: one signed record of one device's lane in one group.

An entry is (header bytes, signature, payload or nothing). The header is a MessagePack array

    [version, group, author, lane, seq, prev, depth, time_ms, acks, type, payload_bytes, payload_hash]

its id is SHA-256 of the header bytes, and the signature covers a domain tag and the header. The payload is
detached, so a chain survives when a payload is never fetched. Received bytes are kept and hashed; they are
never encoded again for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import msgpack

from p2pnode.core.crypto import (
    HASH_BYTES,
    SIGNATURE_BYTES,
    ZERO_HASH,
    SigningKey,
    is_acceptable_key,
    is_signed,
    sha256,
)
from p2pnode.core.errors import FormatError
from p2pnode.core.ids import DeviceKey, EntryId, GroupId, Lane
from p2pnode.core.limits import (
    ACKS_MAX,
    COUNTER_MAX,
    HEADER_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    SEQ_MAX,
    TYPE_CHARACTERS_MAX,
)

ENTRY_TAG = b"p2pnode/e1\0"
VERSION = 1
FOUNDING_TYPE = "group.found"
ACK_TYPE = "ack"
_FIELDS = 12
_TYPE_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._")


class Header(NamedTuple):
    """The twelve signed fields, in their order on the wire. Units: time in ms since 1970, payload in
    bytes.
    """

    version: int
    group: bytes
    author: bytes
    lane: int
    seq: int
    prev: bytes
    depth: int
    time_ms: int
    acks: tuple[bytes, ...]
    type: str
    payload_bytes: int
    payload_hash: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A checked entry: its header, the very bytes it came in, and what came with it."""

    header: Header
    header_bytes: bytes
    id: EntryId
    signature: bytes | None
    payload: bytes | None

    @property
    def group(self) -> GroupId:
        """The group that the entry belongs to; a founding entry's group is its own id (J1)."""
        return GroupId(self.id) if self.header.group == ZERO_HASH else GroupId(self.header.group)

    @property
    def author(self) -> DeviceKey:
        """The device key that signs."""
        return DeviceKey(self.header.author)


def encode_header(header: Header) -> bytes:
    """The canonical bytes of a header; its fields are not checked here."""
    packed: bytes = msgpack.packb(header, use_bin_type=True)
    return packed


def decode_header(data: bytes) -> Header:
    """The header in some received bytes. Errors: FormatError entry.* (see `check_header`)."""
    if len(data) > HEADER_BYTES_MAX:
        raise FormatError("entry.header_too_large", f"at most {HEADER_BYTES_MAX} bytes")
    try:
        fields = msgpack.unpackb(
            data,
            raw=False,
            use_list=True,
            strict_map_key=True,
            max_array_len=64,
            max_map_len=0,
            max_ext_len=0,
        )
    except (ValueError, TypeError, RecursionError, msgpack.exceptions.UnpackException) as error:
        raise FormatError("entry.bad_header", type(error).__name__) from error
    if type(fields) is not list or len(fields) < _FIELDS or type(fields[8]) is not list:
        raise FormatError("entry.bad_header", "not an array of twelve fields")
    # A later version appends fields; those that stand here keep their meaning (J6).
    if fields[0] == VERSION and len(fields) != _FIELDS:
        raise FormatError("entry.bad_header", "not an array of twelve fields")
    header = Header._make([*fields[:8], tuple(fields[8]), *fields[9:_FIELDS]])
    check_header(header)
    extra = fields[_FIELDS:]
    if any(type(item) not in (int, bytes, str) for item in extra):
        raise FormatError("entry.bad_header", "a later field of an unknown kind")
    if msgpack.packb([*header, *extra], use_bin_type=True) != data:
        raise FormatError("entry.not_canonical", "encoding the header again gives other bytes")
    return header


def _is_uint(value: object, most: int) -> bool:
    return type(value) is int and 0 <= value <= most


def _is_hash(value: object) -> bool:
    return type(value) is bytes and len(value) == HASH_BYTES


def check_header(header: Header) -> None:
    """Check everything a header says by itself. Errors: FormatError entry.bad_header, entry.bad_key,
    entry.bad_chain, entry.bad_acks, entry.bad_type, entry.bad_payload_field, entry.bad_founding,
    entry.bad_vote_lane."""
    version, group, author, lane, seq, prev, depth, time_ms, acks, type_, payload_bytes, payload_hash = header
    if not _is_uint(version, COUNTER_MAX) or version < VERSION or not _is_hash(group):
        raise FormatError("entry.bad_header", "version or group")
    if type(author) is not bytes or not is_acceptable_key(author):
        raise FormatError("entry.bad_key", "the author is not an acceptable Ed25519 key")
    if not _is_uint(lane, Lane.OPEN) or not _is_uint(seq, SEQ_MAX) or not _is_hash(prev):
        raise FormatError("entry.bad_header", "lane, seq or prev")
    if (seq == 0) != (prev == ZERO_HASH):
        raise FormatError("entry.bad_chain", "prev is zero exactly for the first entry of a lane")
    if not _is_uint(depth, COUNTER_MAX) or not _is_uint(time_ms, COUNTER_MAX):
        raise FormatError("entry.bad_header", "depth or time")
    check_acks(acks)
    if lane == Lane.VOTES and (acks or depth != seq):
        raise FormatError("entry.bad_vote_lane", "lane 1 has no acks and depth = seq (J2)")
    check_type(type_)
    if not _is_uint(payload_bytes, PAYLOAD_BYTES_MAX) or not _is_hash(payload_hash):
        raise FormatError("entry.bad_payload_field", f"at most {PAYLOAD_BYTES_MAX} bytes")
    if (payload_bytes == 0) != (payload_hash == ZERO_HASH):
        raise FormatError("entry.bad_payload_field", "the hash is zero exactly for an empty payload")
    if (group == ZERO_HASH) != (type_ == FOUNDING_TYPE):
        raise FormatError("entry.bad_founding", "the group is zero exactly in a founding entry")
    if group == ZERO_HASH and (lane != Lane.LOCAL or seq != 0 or acks or depth != 0):
        raise FormatError("entry.bad_founding", "a founding entry stands alone (J1)")


def check_acks(acks: tuple[bytes, ...]) -> None:
    """Check that acks are at most eight ids in strictly ascending order. Errors: FormatError
    entry.bad_acks.
    """
    if len(acks) > ACKS_MAX or not all(_is_hash(ack) for ack in acks):
        raise FormatError("entry.bad_acks", f"at most {ACKS_MAX} ids of 32 bytes")
    if any(left >= right for left, right in pairwise(acks)):
        raise FormatError("entry.bad_acks", "not strictly ascending")


def check_type(type_: object) -> None:
    """Check the characters of a type's name. Errors: FormatError entry.bad_type."""
    if (
        type(type_) is not str
        or not 1 <= len(type_) <= TYPE_CHARACTERS_MAX
        or not _TYPE_CHARACTERS.issuperset(type_)
    ):
        raise FormatError("entry.bad_type", "1 to 32 of a-z, 0-9, dot and underscore")


def check_payload(header: Header, payload: bytes) -> None:
    """Check that a payload is the one its header names. Errors: FormatError entry.bad_payload."""
    if len(payload) != header.payload_bytes or (payload and sha256(payload) != header.payload_hash):
        raise FormatError("entry.bad_payload", "its length or hash is not the header's")


def read_entry(header_bytes: bytes, signature: bytes | None, payload: bytes | None) -> Entry:
    """An entry whose format, size and hashes are right; the signature is not verified here. Errors:
    FormatError entry.*.
    """
    header = decode_header(header_bytes)
    if payload is not None:
        check_payload(header, payload)
    if signature is not None and len(signature) != SIGNATURE_BYTES:
        raise FormatError("entry.bad_signature", "a signature has 64 bytes")
    return Entry(header, header_bytes, EntryId(sha256(header_bytes)), signature, payload)


def is_authentic_alone(entry: Entry) -> bool:
    """Whether the entry's own signature verifies."""
    return entry.signature is not None and is_signed(
        entry.header.author, ENTRY_TAG + entry.header_bytes, entry.signature
    )


def check_alone(header_bytes: bytes, signature: bytes, payload: bytes | None) -> Entry:
    """An entry that needs no context: format, size, hash and signature. Errors: FormatError entry.*."""
    entry = read_entry(header_bytes, signature, payload)
    if not is_authentic_alone(entry):
        raise FormatError("entry.bad_signature", "the signature does not verify")
    return entry


def sign_entry(key: SigningKey, header: Header, payload: bytes) -> Entry:
    """A new entry by the holder of a key. Shapes: header.payload_* must already describe the payload."""
    check_header(header)
    check_payload(header, payload)
    header_bytes = encode_header(header)
    signature = key.sign(ENTRY_TAG + header_bytes)
    return Entry(header, header_bytes, EntryId(sha256(header_bytes)), signature, payload)


def payload_fields(payload: bytes) -> tuple[int, bytes]:
    """The two header fields that describe a payload: its length and its hash."""
    return (len(payload), sha256(payload)) if payload else (0, ZERO_HASH)
