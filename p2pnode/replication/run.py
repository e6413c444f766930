"""The run: consecutive entries of one lane on the wire, without what the receiver can compute.

Group, author, lane, seq, prev, payload size and payload hash are implied; what remains is laid out column by
column. The receiver rebuilds the headers with its own encoder, so they are canonical by construction, and
chains the ids from `prev_id`. A run proves nothing by itself: whoever stores it compares `prev_id` with the
head it holds and verifies the last signature.

This is the hot path of catching up: both directions work on whole columns and touch each entry once.

Source: J7; protocols/README.md has the format.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import accumulate, pairwise
from operator import sub
from typing import Annotated, Any, NamedTuple, cast

import msgspec

from p2pnode.core.crypto import SIGNATURE_BYTES, ZERO_HASH, is_acceptable_key, sha256
from p2pnode.core.entry import (
    FOUNDING_TYPE,
    VERSION,
    Entry,
    Header,
    check_acks,
    check_payload,
    check_type,
    decode_header,
    payload_fields,
)
from p2pnode.core.errors import FormatError
from p2pnode.core.ids import EntryId, Lane
from p2pnode.core.limits import (
    COUNTER_MAX,
    FRAME_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    RUN_ENTRIES_MAX,
    SEQ_MAX,
)

_Hash = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
_LaneNumber = Annotated[int, msgspec.Meta(ge=0, le=int(Lane.OPEN))]
_Seq = Annotated[int, msgspec.Meta(ge=0, le=SEQ_MAX)]
_Index = Annotated[int, msgspec.Meta(ge=0, lt=RUN_ENTRIES_MAX)]
_Size = Annotated[int, msgspec.Meta(ge=1, le=PAYLOAD_BYTES_MAX)]
_Payload = Annotated[bytes, msgspec.Meta(max_length=PAYLOAD_BYTES_MAX)]

_VERSION_PREFIX = bytes((0x9C, VERSION))
"""How every header of the known version begins: an array of twelve, then the version."""

_COMPRESSION_LEVEL = 1
"""Higher levels cost several times the CPU for a few bytes in a hundred."""


class StoredEntry(NamedTuple):
    """One entry as a store holds it; `checked` is 1 when its own signature was verified here (J5)."""

    header: bytes
    signature: bytes | None
    payload: bytes | None
    checked: int


class Row(NamedTuple):
    """One rebuilt entry. Shapes: `prefix` is the first 8 bytes of the id as a signed big-endian integer."""

    seq: int
    id: bytes
    prefix: int
    header: bytes
    signature: bytes | None
    payload: bytes | None
    depth: int
    time_ms: int
    acks: Sequence[bytes]
    type: str


class Run(NamedTuple):
    """A decoded run: where it starts, what it continues, and its rows with chained ids."""

    group: bytes
    author: bytes
    lane: int
    first_seq: int
    prev_id: bytes
    rows: list[Row]


class _Absent(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A payload that did not come along, as its header names it.

    A struct, because msgspec 0.22 crashes when a tuple stands beside length-limited bytes in a union.
    """

    size: _Size
    hash: _Hash


class _Columns(msgspec.Struct, array_like=True, tag=1, frozen=True, forbid_unknown_fields=True):
    """Entries of the known header version; depths and times are differences after the first."""

    group: _Hash
    author: _Hash
    lane: _LaneNumber
    first_seq: _Seq
    prev_id: _Hash
    depths: list[int]
    times_ms: list[int]
    acks: list[tuple[_Index, list[_Hash]]]
    types: str | list[str]
    payloads: list[_Payload | _Absent]
    signatures: bytes
    unsigned: list[_Index]


class _Whole(msgspec.Struct, array_like=True, tag=2, frozen=True, forbid_unknown_fields=True):
    """Entries of which at least one has a header of a later version: the headers travel as they are (J6)."""

    group: _Hash
    author: _Hash
    lane: _LaneNumber
    first_seq: _Seq
    prev_id: _Hash
    headers: list[bytes]
    payloads: list[_Payload | None]
    signatures: bytes
    unsigned: list[_Index]


_HEADER_FIELDS = len(Header._fields)
_ACKS_FIELD = Header._fields.index("acks")
_encode = msgspec.msgpack.Encoder().encode
_decode_header_fields = msgspec.msgpack.Decoder().decode
_decode_frame = msgspec.msgpack.Decoder(list[_Columns | _Whole]).decode
_new_hash = hashlib.sha256().copy
_make_row = cast("type[Row]", partial(tuple.__new__, Row))


def stored_header(data: bytes) -> Header:
    """The fields of a header that was checked when it was stored, at a tenth of the cost."""
    fields = _decode_header_fields(data)
    fields[_ACKS_FIELD] = tuple(fields[_ACKS_FIELD])
    return Header._make(fields[:_HEADER_FIELDS])


def stored_entry(stored: StoredEntry) -> Entry:
    """An entry that was checked when it was stored."""
    header_id = EntryId(sha256(stored.header))
    return Entry(stored_header(stored.header), stored.header, header_id, stored.signature, stored.payload)


def encode_run(
    group: bytes, author: bytes, lane: int, first_seq: int, prev_id: bytes, entries: Sequence[StoredEntry]
) -> bytes:
    """The bytes of one run. Errors: ValueError for a run that no peer would take.

    Shapes: 1 to RUN_ENTRIES_MAX consecutive entries of the lane; the last one's signature was verified.
    """
    if not 1 <= len(entries) <= RUN_ENTRIES_MAX or entries[-1].signature is None or not entries[-1].checked:
        raise ValueError("a run has 1 to 500 entries and ends at a verified signature")
    headers, signatures, payloads, _ = zip(*entries, strict=True)
    unsigned = [index for index, signature in enumerate(signatures) if signature is None]
    signed = b"".join(filter(None, signatures) if unsigned else signatures)
    if any(header[:2] != _VERSION_PREFIX for header in headers):
        return _encode(
            _Whole(group, author, lane, first_seq, prev_id, list(headers), list(payloads), signed, unsigned)
        )
    fields = list(zip(*map(_decode_header_fields, headers), strict=True))
    depths, times, acks, types, sizes, hashes = fields[6:]
    if None in payloads:
        payloads = tuple(
            _Absent(size, digest) if payload is None and size else payload or b""
            for payload, size, digest in zip(payloads, sizes, hashes, strict=True)
        )
    return _encode(
        _Columns(
            group,
            author,
            lane,
            first_seq,
            prev_id,
            [depths[0], *map(sub, depths[1:], depths)],
            [times[0], *map(sub, times[1:], times)],
            [(index, ids) for index, ids in enumerate(acks) if ids],
            types[0] if len(set(types)) == 1 else list(types),
            list(payloads),
            signed,
            unsigned,
        )
    )


def pack_runs(runs: Sequence[bytes], *, compress: bool) -> bytes:
    """A frame's body of encoded runs of one group. Units: at most FRAME_BYTES_MAX before compression."""
    count = len(runs)
    if count < 16:
        opening = bytes((0x90 | count,))
    else:
        opening = (
            b"\xdc" + count.to_bytes(2, "big") if count < 1 << 16 else b"\xdd" + count.to_bytes(4, "big")
        )
    body = opening + b"".join(runs)
    return zlib.compress(body, _COMPRESSION_LEVEL) if compress else body


def decode_runs(frame: bytes, *, compressed: bool) -> list[Run]:
    """The runs in a frame's body, headers rebuilt and ids chained; signatures are not verified here.

    Errors: FormatError run.too_large, run.bad_frame, run.mixed_groups, run.bad_header, run.bad_column,
    run.bad_signatures and entry.*.
    """
    body = _inflate(frame) if compressed else frame
    if len(body) > FRAME_BYTES_MAX:
        raise FormatError("run.too_large", f"at most {FRAME_BYTES_MAX} bytes")
    try:
        received = _decode_frame(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FormatError("run.bad_frame", str(error)) from error
    if not received:
        raise FormatError("run.bad_frame", "no runs")
    group = received[0].group
    if any(run.group != group for run in received):
        raise FormatError("run.mixed_groups", "a frame holds runs of one group")
    return [
        _rows_of_columns(run) if type(run) is _Columns else _rows_of_whole(cast("_Whole", run))
        for run in received
    ]


def _inflate(frame: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        # One byte beyond the limit tells "exactly full" from "more to come".
        body = inflater.decompress(frame, FRAME_BYTES_MAX + 1)
    except zlib.error as error:
        raise FormatError("run.bad_frame", "not zlib") from error
    if len(body) > FRAME_BYTES_MAX:
        raise FormatError("run.too_large", f"at most {FRAME_BYTES_MAX} bytes when inflated")
    if not inflater.eof or inflater.unused_data:
        raise FormatError("run.bad_frame", "the zlib stream does not end with the frame")
    return body


def _check_place(run: _Columns | _Whole, count: int) -> None:
    """What both forms share: the fields of the lane, and the number of entries."""
    if not 1 <= count <= RUN_ENTRIES_MAX or run.first_seq + count - 1 > SEQ_MAX:
        raise FormatError("run.bad_column", f"a run has 1 to {RUN_ENTRIES_MAX} entries")
    if run.group == ZERO_HASH or not is_acceptable_key(run.author):
        raise FormatError("run.bad_header", "group or author")
    if (run.first_seq == 0) != (run.prev_id == ZERO_HASH):
        raise FormatError("run.bad_header", "prev is zero exactly for the first entry of a lane")


def _signature_column(signatures: bytes, unsigned: list[int], count: int) -> Sequence[bytes | None]:
    """One signature or None for each entry; the last entry always has one."""
    if len(signatures) != SIGNATURE_BYTES * (count - len(unsigned)):
        raise FormatError("run.bad_signatures", "not 64 bytes for each signed entry")
    cut = [signatures[at : at + SIGNATURE_BYTES] for at in range(0, len(signatures), SIGNATURE_BYTES)]
    if not unsigned:
        return cut
    if unsigned[-1] >= count - 1 or any(left >= right for left, right in pairwise(unsigned)):
        raise FormatError("run.bad_signatures", "unsigned entries are listed ascending, never the last")
    remaining = iter(cut)
    absent = frozenset(unsigned)
    return [None if index in absent else next(remaining) for index in range(count)]


def _counter_column(differences: list[int]) -> list[int]:
    """The values behind a column of differences, each a valid counter."""
    values = list(accumulate(differences))
    if min(values) < 0 or max(values) > COUNTER_MAX:
        raise FormatError("run.bad_column", "a depth or time out of range")
    return values


def _ack_column(acks: list[tuple[int, list[bytes]]], count: int) -> list[Sequence[bytes]]:
    """The acks of each entry; only entries that have some are listed."""
    column: list[Sequence[bytes]] = [()] * count
    before = -1
    for index, ids in acks:
        if not before < index < count or not ids:
            raise FormatError("run.bad_column", "acks are listed in ascending order, none of them empty")
        check_acks(tuple(ids))
        column[index] = ids
        before = index
    return column


def _type_column(types: str | list[str], count: int) -> list[str]:
    """The type of each entry; one text stands for all when they are equal."""
    names = {types} if type(types) is str else set(types)
    if type(types) is list and (len(types) != count or len(names) < 2):
        raise FormatError("run.bad_column", "types are one text, or one for each entry when they differ")
    for name in sorted(names):
        check_type(name)
    if FOUNDING_TYPE in names:
        raise FormatError("run.bad_column", "a founding entry does not travel in a run")
    return types if type(types) is list else [cast("str", types)] * count


def _payload_columns(
    payloads: list[bytes | _Absent],
) -> tuple[Sequence[bytes | None], list[int], list[bytes]]:
    """What came of each payload, and the two header fields that name it."""
    if set(map(type, payloads)) == {bytes}:
        present = cast("list[bytes]", payloads)
        return present, list(map(len, present)), [sha256(p) if p else ZERO_HASH for p in present]
    named = [(p.size, p.hash) if isinstance(p, _Absent) else payload_fields(p) for p in payloads]
    kept = [None if isinstance(payload, _Absent) else payload for payload in payloads]
    return kept, [size for size, _ in named], [digest for _, digest in named]


def _prefixes(ids: list[bytes]) -> tuple[int, ...]:
    return struct.unpack(">" + "q24x" * len(ids), b"".join(ids))


def _run_of(run: _Columns | _Whole, columns: Iterable[tuple[Any, ...]]) -> Run:
    """The run with one row for each tuple; building rows through tuple.__new__ halves their cost."""
    return Run(run.group, run.author, run.lane, run.first_seq, run.prev_id, list(map(_make_row, columns)))


def _rows_of_columns(run: _Columns) -> Run:
    """Rebuild the headers of a run of the known version."""
    count = len(run.payloads)
    _check_place(run, count)
    if len(run.depths) != count or len(run.times_ms) != count:
        raise FormatError("run.bad_column", "columns of different lengths")
    seqs = range(run.first_seq, run.first_seq + count)
    depths, times = _counter_column(run.depths), _counter_column(run.times_ms)
    acks, types = _ack_column(run.acks, count), _type_column(run.types, count)
    if run.lane == Lane.VOTES and (run.acks or depths != list(seqs)):
        raise FormatError("entry.bad_vote_lane", "lane 1 has no acks and depth = seq (J2)")
    signatures = _signature_column(run.signatures, run.unsigned, count)
    payloads, sizes, hashes = _payload_columns(run.payloads)
    group, author, lane, prev = run.group, run.author, run.lane, run.prev_id
    encode, new_hash = _encode, _new_hash
    ids: list[bytes] = []
    headers: list[bytes] = []
    for seq, depth, time_ms, ack, type_, size, payload_hash in zip(
        seqs, depths, times, acks, types, sizes, hashes, strict=True
    ):
        header = encode(
            (VERSION, group, author, lane, seq, prev, depth, time_ms, ack, type_, size, payload_hash)
        )
        hasher = new_hash()
        hasher.update(header)
        prev = hasher.digest()
        ids.append(prev)
        headers.append(header)
    columns = zip(
        seqs, ids, _prefixes(ids), headers, signatures, payloads, depths, times, acks, types, strict=True
    )
    return _run_of(run, columns)


def _rows_of_whole(run: _Whole) -> Run:
    """Check the headers of a run that has some of a later version."""
    count = len(run.headers)
    _check_place(run, count)
    if len(run.payloads) != count:
        raise FormatError("run.bad_column", "columns of different lengths")
    signatures = _signature_column(run.signatures, run.unsigned, count)
    prev, later = run.prev_id, False
    rows: list[tuple[Any, ...]] = []
    for index, (header_bytes, payload) in enumerate(zip(run.headers, run.payloads, strict=True)):
        header = decode_header(header_bytes)
        place = (run.group, run.author, run.lane, run.first_seq + index, prev)
        if (header.group, header.author, header.lane, header.seq, header.prev) != place:
            raise FormatError("run.bad_header", "a header that does not continue the one before it")
        if payload is None and not header.payload_bytes:
            raise FormatError("run.bad_column", "an empty payload is never absent")
        if payload is not None:
            check_payload(header, payload)
        later = later or header.version != VERSION
        prev = sha256(header_bytes)
        prefix = int.from_bytes(prev[:8], "big", signed=True)
        row = (header.seq, prev, prefix, header_bytes, signatures[index], payload)
        rows.append((*row, header.depth, header.time_ms, header.acks, header.type))
    if not later:
        raise FormatError("run.bad_header", "headers of the known version travel in columns")
    return _run_of(run, rows)
