"""The frames of `/p2pnode/sync/1` and `/p2pnode/bulk/1`: their fields, bounds, and bytes.

A frame is a MessagePack array whose first item is the kind. `group` is always the number under which the
sender of the frame offered the group in this session. Lists of equal things travel as columns. Later
versions append fields, which are ignored. Not here: in which order frames may come (`session`), and how
runs look inside (`run`).

Source: protocols/README.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, NamedTuple

import msgspec

from p2pnode.core.crypto import HASH_BYTES, KEY_BYTES, SIGNATURE_BYTES
from p2pnode.core.errors import FormatError
from p2pnode.core.ids import Lane
from p2pnode.core.limits import (
    ANNEX_BYTES_MAX,
    ANNEX_SALT_BYTES,
    AUTHENTIC_STEPS_MAX,
    COUNTER_MAX,
    FRAME_BYTES_MAX,
    FULL_HEADS_LANES_MAX,
    HEADER_BYTES_MAX,
    SEQ_MAX,
)
from p2pnode.core.presence import RELAYS_MAX
from p2pnode.replication.frontier import EPOCH_BYTES, NO_SEQ, LaneKey

VERSION = 1
TAG_BYTES = 16
"""Of a head's id; two entries of one place with equal tags would cost their author 2^64 hashes."""

TICKET_BYTES = 16
PUSH_ANNEXES_MAX = 16
PUSH_ANNEX_BYTES_MAX = 8192
"""Of all annexes in a push together: small ones save a round trip, large ones are asked for."""

MESSAGE_BYTES_MAX = FRAME_BYTES_MAX + 64 * 1024
"""A frame body of runs, and the fields around it."""

GROUPS_MAX = 1024
KEYS_MAX = 8
WANTS_MAX = 4096
ANNEX_HASHES_MAX = 1000
PARTS_MAX = 4096
LANE_KEY_BYTES = KEY_BYTES + 1

_Bytes32 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
_Signature = Annotated[bytes, msgspec.Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]
_Epoch = Annotated[bytes, msgspec.Meta(min_length=EPOCH_BYTES, max_length=EPOCH_BYTES)]
_Tag = Annotated[bytes, msgspec.Meta(min_length=TAG_BYTES, max_length=TAG_BYTES)]
_Number = Annotated[int, msgspec.Meta(ge=0, le=COUNTER_MAX)]
_GroupNumber = Annotated[int, msgspec.Meta(ge=0, lt=GROUPS_MAX)]
_LaneNumber = Annotated[int, msgspec.Meta(ge=0, le=int(Lane.OPEN))]
_LaneMask = Annotated[int, msgspec.Meta(ge=0, le=7)]
_Seq = Annotated[int, msgspec.Meta(ge=0, le=SEQ_MAX)]
_HeadSeq = Annotated[int, msgspec.Meta(ge=NO_SEQ, le=SEQ_MAX)]
_Index = Annotated[int, msgspec.Meta(ge=0, lt=FULL_HEADS_LANES_MAX)]
_Body = Annotated[bytes, msgspec.Meta(max_length=FRAME_BYTES_MAX)]
_Annex = Annotated[
    bytes, msgspec.Meta(min_length=ANNEX_SALT_BYTES, max_length=ANNEX_SALT_BYTES + ANNEX_BYTES_MAX)
]
_PushedAnnex = Annotated[bytes, msgspec.Meta(min_length=ANNEX_SALT_BYTES, max_length=PUSH_ANNEX_BYTES_MAX)]
_HeaderBytes = Annotated[bytes, msgspec.Meta(max_length=HEADER_BYTES_MAX)]


class Shown(NamedTuple):
    """A head as a peer shows it. Shapes: tag is the first 16 bytes of its id."""

    author: bytes
    lane: int
    seq: int
    tag: bytes
    forked: bool

    @property
    def key(self) -> LaneKey:
        """What names the lane."""
        return (self.author, self.lane)


class KeyProof(msgspec.Struct, array_like=True, frozen=True):
    """A device key, and its signature over this session."""

    key: _Bytes32
    signature: _Signature


class Offered(msgspec.Struct, array_like=True, frozen=True):
    """One group that the sender holds: which lanes the receiver may read, and how it stands.

    Shapes: lanes is a bit mask, 0 to withdraw the offer; digests holds 32 bytes for each lane in it,
    ascending. epoch and changed are the sender's own position; the cursor is the receiver's position up to
    which the sender has everything.
    """

    number: _GroupNumber
    blinded: _Bytes32
    lanes: _LaneMask
    digests: Annotated[bytes, msgspec.Meta(max_length=3 * HASH_BYTES)]
    epoch: _Epoch
    changed: _Number
    cursor_epoch: _Epoch
    cursor_changed: _Number


class HeadColumns(msgspec.Struct, array_like=True, frozen=True):
    """Heads, column by column; forked lists the indices of lanes that end at a fork."""

    authors: bytes = b""
    lanes: bytes = b""
    seqs: Annotated[list[_HeadSeq], msgspec.Meta(max_length=FULL_HEADS_LANES_MAX)] = []
    tags: bytes = b""
    forked: Annotated[list[_Index], msgspec.Meta(max_length=FULL_HEADS_LANES_MAX)] = []


class Hello(msgspec.Struct, array_like=True, frozen=True, tag=0):
    """First frame of each side. Units: time_ms is the sender's wall clock."""

    version: Annotated[int, msgspec.Meta(ge=1, le=COUNTER_MAX)]
    nonce: _Bytes32
    time_ms: _Number


class Proof(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """Second frame of each side: the device keys it speaks for (J39)."""

    keys: Annotated[list[KeyProof], msgspec.Meta(max_length=KEYS_MAX)]


class Offer(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """Groups, blinded; with `answer` set, the receiver offers back what differs."""

    groups: Annotated[list[Offered], msgspec.Meta(max_length=GROUPS_MAX)]
    answer: bool


class Heads(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """Heads that moved; with this frame, the sender has shown all that moved up to `changed`."""

    group: _GroupNumber
    changed: _Number
    heads: HeadColumns


class Wants(msgspec.Struct, array_like=True, frozen=True, tag=4):
    """Entries asked for, column by column; the answers carry `number`."""

    group: _GroupNumber
    number: _Number
    compress: bool
    authors: bytes
    lanes: bytes
    firsts: Annotated[list[_Seq], msgspec.Meta(max_length=WANTS_MAX)]
    lasts: Annotated[list[_Seq], msgspec.Meta(max_length=WANTS_MAX)]


class Runs(msgspec.Struct, array_like=True, frozen=True, tag=5):
    """A frame body of runs (`run`), empty when nothing is left to send; `last` ends the answer to a want."""

    group: _GroupNumber
    number: _Number
    last: bool
    compressed: bool
    body: _Body


class Credit(msgspec.Struct, array_like=True, frozen=True, tag=6):
    """The receiver has made this many bytes durable: as many more may be under way."""

    size_bytes: Annotated[int, msgspec.Meta(ge=1, le=64 * FRAME_BYTES_MAX)]


class Push(msgspec.Struct, array_like=True, frozen=True, tag=7):
    """One small run, unasked, of which the last entry is a new head, and small annexes that it names."""

    group: _GroupNumber
    author: _Bytes32
    lane: _LaneNumber
    first: _Seq
    seq: _Seq
    tag: _Tag
    body: Annotated[bytes, msgspec.Meta(max_length=8192)]
    annexes: Annotated[list[_PushedAnnex], msgspec.Meta(max_length=PUSH_ANNEXES_MAX)]


class AnnexWant(msgspec.Struct, array_like=True, frozen=True, tag=8):
    """Annexes asked for. Shapes: hashes is a column of 32 bytes each."""

    group: _GroupNumber
    number: _Number
    hashes: Annotated[bytes, msgspec.Meta(max_length=ANNEX_HASHES_MAX * HASH_BYTES)]


class Annexes(msgspec.Struct, array_like=True, frozen=True, tag=9):
    """Annexes that were asked for; `last` ends the answer."""

    group: _GroupNumber
    number: _Number
    last: bool
    blobs: Annotated[list[_Annex], msgspec.Meta(max_length=ANNEX_HASHES_MAX)]


class ForkWant(msgspec.Struct, array_like=True, frozen=True, tag=10):
    """Asks for the proof that a lane is forked."""

    group: _GroupNumber
    author: _Bytes32
    lane: _LaneNumber


class Fork(msgspec.Struct, array_like=True, frozen=True, tag=11):
    """A fork proof (`fork`), asked for or not; empty when there is none."""

    group: _GroupNumber
    author: _Bytes32
    lane: _LaneNumber
    proof: _Body


class BranchWant(msgspec.Struct, array_like=True, frozen=True, tag=12):
    """Asks for headers of a lane, to find where two branches part."""

    group: _GroupNumber
    number: _Number
    author: _Bytes32
    lane: _LaneNumber
    first: _Seq
    count: Annotated[int, msgspec.Meta(ge=1, le=AUTHENTIC_STEPS_MAX)]


class Branch(msgspec.Struct, array_like=True, frozen=True, tag=13):
    """Headers of a lane from the asked seq on, each with its signature or empty bytes."""

    group: _GroupNumber
    number: _Number
    headers: Annotated[list[_HeaderBytes], msgspec.Meta(max_length=AUTHENTIC_STEPS_MAX)]
    signatures: Annotated[
        list[Annotated[bytes, msgspec.Meta(max_length=SIGNATURE_BYTES)]],
        msgspec.Meta(max_length=AUTHENTIC_STEPS_MAX),
    ]


class Part(msgspec.Struct, array_like=True, frozen=True):
    """A range of lane keys up to `bound`, exclusive; empty bytes mean the end of all keys.

    Shapes: fingerprint has 32 bytes to be compared, or none. `heads` are all of the sender's heads in the
    range when `reply` is set, else those that differ. Neither: nothing is to be said about the range.
    """

    bound: Annotated[bytes, msgspec.Meta(max_length=LANE_KEY_BYTES)]
    fingerprint: Annotated[bytes, msgspec.Meta(max_length=HASH_BYTES)] = b""
    reply: bool = False
    heads: HeadColumns | None = None


class Ranges(msgspec.Struct, array_like=True, frozen=True, tag=14):
    """A step of range-based reconciliation over heads (`ranges`)."""

    group: _GroupNumber
    parts: Annotated[list[Part], msgspec.Meta(max_length=PARTS_MAX)]


class Ticket(msgspec.Struct, array_like=True, frozen=True, tag=15):
    """First frame on a bulk stream: to which session it belongs."""

    ticket: Annotated[bytes, msgspec.Meta(min_length=TICKET_BYTES, max_length=TICKET_BYTES)]


class PresenceShown(msgspec.Struct, array_like=True, frozen=True, tag=16):
    """A voter says that it is there, handed on `relays` times by others (J33)."""

    group: _GroupNumber
    relays: Annotated[int, msgspec.Meta(ge=0, le=RELAYS_MAX)]
    key: _Bytes32
    time_ms: _Number
    signature: _Signature


Message = (
    Hello
    | Proof
    | Offer
    | Heads
    | Wants
    | Runs
    | Credit
    | Push
    | AnnexWant
    | Annexes
    | ForkWant
    | Fork
    | BranchWant
    | Branch
    | Ranges
    | Ticket
    | PresenceShown
)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode


def encode_message(message: Message) -> bytes:
    """The bytes of a frame."""
    return _encode(message)


def decode_message(frame: bytes) -> Message:
    """The message in a received frame. Errors: FormatError sync.bad_frame."""
    if len(frame) > MESSAGE_BYTES_MAX:
        raise FormatError("sync.bad_frame", f"at most {MESSAGE_BYTES_MAX} bytes")
    try:
        message: Message = _decode(frame)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FormatError("sync.bad_frame", str(error)) from error
    return message


def head_columns(heads: Sequence[Shown]) -> HeadColumns:
    """Heads as columns."""
    return HeadColumns(
        b"".join(head.author for head in heads),
        bytes(head.lane for head in heads),
        [head.seq for head in heads],
        b"".join(head.tag for head in heads),
        [index for index, head in enumerate(heads) if head.forked],
    )


def heads_of(columns: HeadColumns) -> list[Shown]:
    """The heads in received columns. Errors: FormatError sync.bad_heads."""
    count = len(columns.seqs)
    lengths = (len(columns.authors), len(columns.lanes), len(columns.tags))
    if lengths != (KEY_BYTES * count, count, TAG_BYTES * count):
        raise FormatError("sync.bad_heads", "columns of different lengths")
    if any(lane > Lane.OPEN for lane in columns.lanes) or any(index >= count for index in columns.forked):
        raise FormatError("sync.bad_heads", "a lane or an index out of range")
    forked = frozenset(columns.forked)
    heads = [
        Shown(
            columns.authors[KEY_BYTES * index : KEY_BYTES * (index + 1)],
            columns.lanes[index],
            seq,
            columns.tags[TAG_BYTES * index : TAG_BYTES * (index + 1)],
            index in forked,
        )
        for index, seq in enumerate(columns.seqs)
    ]
    if any(head.seq == NO_SEQ and not head.forked for head in heads):
        raise FormatError("sync.bad_heads", "only a forked lane may have no entry before the fork")
    return heads


def annexes_of(push: Push) -> Sequence[bytes]:
    """The annexes that came with pushed entries. Errors: FormatError sync.bad_push."""
    if sum(map(len, push.annexes)) > PUSH_ANNEX_BYTES_MAX:
        raise FormatError("sync.bad_push", f"annexes of more than {PUSH_ANNEX_BYTES_MAX} bytes together")
    return push.annexes


def column_of(items: Iterable[bytes]) -> bytes:
    """Byte strings of equal length as one column."""
    return b"".join(items)


def items_of(column: bytes, size: int) -> list[bytes]:
    """The items of a column. Errors: FormatError sync.bad_column."""
    if len(column) % size:
        raise FormatError("sync.bad_column", f"not a multiple of {size} bytes")
    return [column[at : at + size] for at in range(0, len(column), size)]
