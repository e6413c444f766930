"""Snapshots: chunks that say everything between two places, and a reader that loses nothing."""

from dataclasses import replace

import pytest

from p2pnode.consensus.rows import KEY_BYTES_MAX, VALUE_BYTES_MAX
from p2pnode.consensus.snapshot import (
    CHUNK_BYTES_MAX,
    ROWS_MAX,
    Beside,
    Chunk,
    check_chunk,
    decode_chunk,
    encode_chunk,
    make_chunk,
)
from p2pnode.consensus.snapshot_reader import Range, SnapshotReader
from p2pnode.consensus.trie import EMPTY_ROOT, check_row, place_of, prove, update, way_to
from p2pnode.core import codec
from p2pnode.core.crypto import sha256
from p2pnode.core.errors import FormatError

ROWS = {b"row\0%d" % number: b"value %d" % number for number in range(100)}
BUILT = update(EMPTY_ROOT, ROWS, {}.__getitem__)
BY_HASH = {sha256(key): (key, value) for key, value in ROWS.items()}
ORDER = sorted(BY_HASH)


def chunk_after(start: bytes | None, bytes_max: int = 500) -> bytes:
    return make_chunk(BUILT.root, start, BUILT.new.__getitem__, BY_HASH.__getitem__, bytes_max)


def refused(rule: str, start: bytes | None, data: bytes, root: bytes = BUILT.root) -> None:
    with pytest.raises(FormatError) as caught:
        check_chunk(root, start, data)
    assert caught.value.rule == rule


def test_j9_chunks_follow_each_other_to_the_end() -> None:
    reader = SnapshotReader(BUILT.root)
    rows: list[tuple[bytes, bytes]] = []
    nodes: dict[bytes, bytes] = {}
    while not reader.is_complete:
        proven = reader.add(chunk_after(reader.end))
        rows += proven.chunk.rows
        nodes.update(proven.nodes)
    assert rows == [BY_HASH[name] for name in ORDER]
    assert nodes == BUILT.new


def test_a_reader_stands_where_it_stood_after_a_bad_chunk() -> None:
    reader = SnapshotReader(BUILT.root)
    reader.add(chunk_after(None))
    end = reader.end
    good = decode_chunk(chunk_after(end))
    twice = encode_chunk(replace(good, rows=(good.rows[0], *good.rows)))
    swapped = encode_chunk(replace(good, rows=(good.rows[1], good.rows[0], *good.rows[2:])))
    shorter = encode_chunk(replace(good, rows=good.rows[1:]))
    pretended = encode_chunk(replace(good, right=Beside(b"", ())))
    for bad in (
        chunk_after(None),
        chunk_after(ORDER[60]),
        chunk_after(end)[:-1],
        twice,
        swapped,
        shorter,
        pretended,
    ):
        with pytest.raises(FormatError):
            reader.add(bad)
        assert reader.end == end
    rows = reader.add(chunk_after(end)).chunk.rows
    assert end is not None
    assert rows[0] == BY_HASH[ORDER[ORDER.index(end) + 1]]


def chunk_of(asked: Range, bytes_max: int = 500) -> bytes:
    place = (BUILT.root, asked.after, BUILT.new.__getitem__, BY_HASH.__getitem__)
    return make_chunk(*place, bytes_max, asked.until)


def test_parts_of_a_state_may_come_in_any_order() -> None:
    reader = SnapshotReader(BUILT.root)
    assert reader.ranges(9) == (Range(None, None),), "a small state is one chunk"
    rows = dict(reader.add(chunk_of(Range(None, None))).chunk.rows)
    assert len(reader.ranges(5)) == 5
    while not reader.is_complete:
        asked = reader.ranges(100)[-1]
        part = reader.add(chunk_of(asked), asked).chunk.rows
        assert rows.keys().isdisjoint(dict(part)), "nothing is sent twice"
        rows.update(part)
        assert reader.end is not None or reader.is_complete
        reader = SnapshotReader(BUILT.root, reader.mark)
    assert rows == ROWS


def test_what_goes_on_behind_what_was_asked_for_is_refused() -> None:
    asked = Range(ORDER[10], ORDER[12])
    good = check_chunk(BUILT.root, asked.after, chunk_of(asked), asked.until)
    assert [sha256(key) for key, _ in good.chunk.rows] == ORDER[11:13]
    longer = chunk_of(Range(ORDER[10], ORDER[13]))
    with pytest.raises(FormatError) as caught:
        check_chunk(BUILT.root, asked.after, longer, asked.until)
    assert caught.value.rule == "snapshot.other_place"


def test_where_no_row_is_the_next_one_shows_it() -> None:
    asked = Range(ORDER[10], (int.from_bytes(ORDER[10]) + 1).to_bytes(32))
    proven = check_chunk(BUILT.root, asked.after, chunk_of(asked), asked.until)
    assert [sha256(key) for key, _ in proven.chunk.rows] == [ORDER[11]]


def test_an_empty_state_is_one_chunk() -> None:
    data = make_chunk(EMPTY_ROOT, None, {}.__getitem__, {}.__getitem__)
    reader = SnapshotReader(EMPTY_ROOT)
    assert reader.add(data).nodes == {}
    assert reader.is_complete
    refused("snapshot.other_root", None, data)


def test_a_state_of_one_row_is_one_chunk() -> None:
    one = update(EMPTY_ROOT, {b"k": b"v"}, {}.__getitem__)
    reader = SnapshotReader(one.root)
    data = make_chunk(one.root, None, one.new.__getitem__, lambda _: (b"k", b"v"))
    proven = reader.add(data)
    assert (proven.chunk.rows, proven.nodes) == (((b"k", b"v"),), one.new)
    assert reader.is_complete


def test_a_range_may_begin_anywhere() -> None:
    for start in (bytes(32), ORDER[0], ORDER[49], ORDER[98], ORDER[99], b"\xff" * 32):
        chunk = check_chunk(BUILT.root, start, chunk_after(start, 1 << 20)).chunk
        assert [sha256(key) for key, _ in chunk.rows] == [name for name in ORDER if name > start]
        assert chunk.is_last


def test_nothing_is_left_out_at_the_start() -> None:
    # An honest chunk of what comes later, offered as if it came next.
    refused("snapshot.other_place", ORDER[10], chunk_after(ORDER[11]))
    refused("snapshot.other_place", None, chunk_after(ORDER[0]))
    refused("snapshot.other_place", ORDER[10], chunk_after(ORDER[9]))
    refused("snapshot.other_place", ORDER[10], chunk_after(None))


def test_the_first_chunk_begins_with_the_first_row() -> None:
    # The true hashes of what is left out stand to the left of the first row, and no row is shown before it.
    chunk = decode_chunk(chunk_after(ORDER[10]))
    place = place_of(ORDER[11])
    bits, hashes, _ = way_to(BUILT.root, place, BUILT.new.__getitem__)
    left = [(bit, name) for bit, name in zip(bits, hashes, strict=True) if place >> (255 - bit) & 1]
    beside = Beside(bytes(bit for bit, _ in left), tuple(name for _, name in left))
    forged = encode_chunk(replace(chunk, before=None, left=beside))
    refused("snapshot.bad_chunk", None, forged)
    refused("snapshot.bad_chunk", ORDER[10], forged)


def test_nothing_is_left_out_at_the_end() -> None:
    chunk = decode_chunk(chunk_after(ORDER[10]))
    assert chunk.right.bits
    nothing = Beside(b"", ())
    refused("snapshot.other_root", ORDER[10], encode_chunk(replace(chunk, right=nothing)))
    refused("snapshot.other_root", ORDER[10], encode_chunk(replace(chunk, left=nothing)))
    refused("snapshot.bad_chunk", ORDER[10], encode_chunk(replace(chunk, rows=())))
    shorter = replace(chunk, rows=chunk.rows[:-1])
    refused("snapshot.other_root", ORDER[10], encode_chunk(shorter))


def test_no_row_in_the_middle_is_left_out_added_or_altered() -> None:
    chunk = decode_chunk(chunk_after(ORDER[10]))
    rows = chunk.rows
    assert len(rows) > 3
    for forged in (
        (*rows[:2], *rows[3:]),
        (*rows[:2], (rows[2][0], b"other"), *rows[3:]),
        (*rows[:2], (rows[2][0] + b"!", rows[2][1]), *rows[3:]),
    ):
        with pytest.raises(FormatError, match=r"snapshot\.(other_root|bad_chunk|other_place)"):
            check_chunk(BUILT.root, ORDER[10], encode_chunk(replace(chunk, rows=forged)))
    swapped = (rows[1], rows[0], *rows[2:])
    refused("snapshot.bad_chunk", ORDER[10], encode_chunk(replace(chunk, rows=swapped)))
    twice = (rows[0], *rows)
    refused("snapshot.bad_chunk", ORDER[10], encode_chunk(replace(chunk, rows=twice)))


def test_hashes_stand_on_their_own_side() -> None:
    chunk = decode_chunk(chunk_after(ORDER[10]))
    swapped = replace(chunk, left=chunk.right, right=chunk.left)
    refused("snapshot.bad_chunk", ORDER[10], encode_chunk(swapped))


def test_chunks_keep_their_bounds() -> None:
    large = {b"big\0%d" % number: bytes(VALUE_BYTES_MAX) for number in range(3)}
    many = {b"%d" % number: b"" for number in range(ROWS_MAX + 10)}
    for rows in (large, many):
        built = update(EMPTY_ROOT, rows, {}.__getitem__)
        by_hash = {sha256(key): (key, value) for key, value in rows.items()}
        reader = SnapshotReader(built.root)
        taken: dict[bytes, bytes] = {}
        while not reader.is_complete:
            data = make_chunk(built.root, reader.end, built.new.__getitem__, by_hash.__getitem__)
            assert len(data) <= CHUNK_BYTES_MAX
            taken.update(reader.add(data).chunk.rows)
        assert taken == rows


@pytest.mark.parametrize(
    "value",
    [
        [],
        [2, None, b"", [], [], b"", []],
        [True, None, b"", [], [], b"", []],
        [1, [bytes(32)], b"", [], [], b"", []],
        [1, None, b"\x01", [], [b"k", b"v"], b"", []],
        [1, None, b"\x01", [bytes(32)], [b"k", b"v"], b"", []],
        [1, None, b"", [], [b"k"], b"", []],
        [1, None, b"", [], [b"k", "v"], b"", []],
        [1, None, b"", [], [b"", b"v"], b"", []],
        [1, None, b"", [], [b"k" * (KEY_BYTES_MAX + 1), b"v"], b"", []],
        [1, None, b"", [], [b"k", bytes(VALUE_BYTES_MAX + 1)], b"", []],
        [1, None, b"", [], [], b"\x00", [bytes(32)]],
        [1, None, b"", [], [b"k", b"v"], b"\x01\x00", [bytes(32)] * 2],
        [1, None, b"", [], {}, b"", []],
    ],
)
def test_a_misshapen_chunk_is_refused(value: object) -> None:
    refused("snapshot.bad_chunk", None, codec.encode(value))


def test_a_chunk_and_a_proof_agree() -> None:
    chunk = check_chunk(BUILT.root, ORDER[10], chunk_after(ORDER[10])).chunk
    for key, value in chunk.rows:
        check_row(BUILT.root, key, value, prove(BUILT.root, key, BUILT.new.__getitem__))
    assert encode_chunk(Chunk(chunk.before, chunk.left, chunk.rows, chunk.right)) == chunk_after(ORDER[10])
