"""Runs: whatever can be written comes back the same, and whatever comes is refused by name or is sound."""

from __future__ import annotations

import zlib
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from p2pnode.core.crypto import ZERO_HASH, sha256
from p2pnode.core.entry import Header, decode_header, payload_fields, sign_entry
from p2pnode.core.errors import FormatError
from p2pnode.replication.run import Run, StoredEntry, decode_runs, encode_run, pack_runs
from tests.unit.replication.shelf import GROUP, key_of

ALICE = key_of("alice")
_hashes = st.binary(min_size=32, max_size=32)
_types = st.text("abcdefghijklmnopqrstuvwxyz0123456789._", min_size=1, max_size=32).filter(
    lambda name: name != "group.found"
)


@st.composite
def runs(draw: st.DrawFn) -> tuple[int, int, bytes, list[StoredEntry]]:
    """A lane, a first seq, what it continues, and the entries; some unsigned, some without payload."""
    lane = draw(st.sampled_from((0, 1, 2)))
    first = draw(st.one_of(st.integers(0, 300), st.just((1 << 40) - 10)))
    prev = start = ZERO_HASH if first == 0 else draw(_hashes.filter(any))
    made: list[StoredEntry] = []
    count = draw(st.integers(1, 9))
    for index in range(count):
        seq = first + index
        acks = tuple(sorted(draw(st.sets(_hashes, max_size=0 if lane == 1 else 3))))
        payload = draw(st.binary(max_size=300))
        size, digest = payload_fields(payload)
        depth = seq if lane == 1 else draw(st.integers(0, (1 << 53) - 1))
        time_ms = draw(st.integers(0, (1 << 53) - 1))
        header = Header(
            1, GROUP, ALICE.public, lane, seq, prev, depth, time_ms, acks, draw(_types), size, digest
        )
        entry = sign_entry(ALICE, header, payload)
        prev = entry.id
        is_last = index == count - 1
        signature = entry.signature if is_last or draw(st.booleans()) else None
        kept = payload if not payload or draw(st.booleans()) else None
        made.append(StoredEntry(entry.header_bytes, signature, kept, int(is_last)))
    return lane, first, start, made


def _frame(drawn: tuple[int, int, bytes, list[StoredEntry]], *, compress: bool) -> bytes:
    lane, first, start, entries = drawn
    return pack_runs([encode_run(GROUP, ALICE.public, lane, first, start, entries)], compress=compress)


@given(runs(), st.booleans())
def test_a_run_comes_back_as_it_was(drawn: Any, compress: bool) -> None:
    run = decode_runs(_frame(drawn, compress=compress), compressed=compress)[0]
    lane, first, start, entries = drawn
    assert (run.lane, run.first_seq, run.prev_id) == (lane, first, start)
    assert [(row.header, row.signature, row.payload) for row in run.rows] == [entry[:3] for entry in entries]
    for row in run.rows:
        header = decode_header(row.header)
        assert (header.depth, header.time_ms, tuple(header.acks), header.type) == (
            row.depth,
            row.time_ms,
            tuple(row.acks),
            row.type,
        )


def _check_sound(run: Run) -> None:
    """Every accepted row is a valid header that continues the one before it."""
    for row in run.rows:
        header = decode_header(row.header)
        assert (header.group, header.author, header.lane) == (run.group, run.author, run.lane)
        assert header.seq == row.seq
        assert row.id == sha256(row.header)
    assert decode_header(run.rows[0].header).prev == run.prev_id
    for before, after in pairwise(run.rows):
        assert decode_header(after.header).prev == before.id
        assert after.seq == before.seq + 1
    assert run.rows[-1].signature is not None


@given(runs(), st.data())
def test_a_changed_frame_is_refused_by_name_or_sound(drawn: Any, data: st.DataObject) -> None:
    frame = bytearray(_frame(drawn, compress=False))
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(frame) - 1))
        frame[position] = data.draw(st.integers(0, 255))
    try:
        found = decode_runs(bytes(frame), compressed=False)
    except FormatError as error:
        assert error.rule.startswith(("run.", "entry."))
    else:
        for run in found:
            _check_sound(run)


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.binary(max_size=70)
    | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=20,
)


@given(runs(), st.integers(0, 12), _values)
def test_a_field_of_another_kind_is_refused_by_name_or_sound(drawn: Any, index: int, value: Any) -> None:
    lane, first, start, entries = drawn
    fields = msgspec.msgpack.decode(encode_run(GROUP, ALICE.public, lane, first, start, entries))
    fields[index] = value
    try:
        run = decode_runs(msgspec.msgpack.encode([fields]), compressed=False)[0]
    except FormatError as error:
        assert error.rule.startswith(("run.", "entry."))
    else:
        _check_sound(run)


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_refused_by_name(frame: bytes, is_zlib: bool) -> None:
    for compressed in (False, True):
        try:
            decode_runs(zlib.compress(frame) if compressed and is_zlib else frame, compressed=compressed)
        except FormatError as error:
            assert error.rule.startswith(("run.", "entry."))
