"""The trie depends on the rows alone, and its proofs and chunks on nothing but the root."""

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from p2pnode.consensus.snapshot import check_chunk, decode_chunk, encode_chunk, make_chunk
from p2pnode.consensus.snapshot_reader import SnapshotReader
from p2pnode.consensus.trie import EMPTY_ROOT, check_row, leaf_of, prove, update
from p2pnode.core.crypto import sha256
from p2pnode.core.errors import FormatError

keys = st.integers(0, 40).map(lambda number: b"k%d" % number)
values = st.binary(max_size=20)
changes = st.dictionaries(keys, st.none() | values, max_size=20)
tables = st.dictionaries(keys, values, max_size=30)


def built(rows: dict[bytes, bytes]) -> tuple[bytes, dict[bytes, bytes]]:
    change = update(EMPTY_ROOT, rows, {}.__getitem__)
    return change.root, change.new


def after(rows: dict[bytes, bytes], change: dict[bytes, bytes | None]) -> dict[bytes, bytes]:
    return {key: value for key, value in {**rows, **change}.items() if value is not None}


@given(st.lists(changes, max_size=6))
def test_changing_is_building_anew(steps: list[dict[bytes, bytes | None]]) -> None:
    rows: dict[bytes, bytes] = {}
    root, nodes = EMPTY_ROOT, {}
    for change in steps:
        made = update(root, change, nodes.__getitem__)
        assert not made.new.keys() & nodes.keys()
        for name in made.stale:
            del nodes[name]
        root, nodes = made.root, {**nodes, **made.new}
        rows = after(rows, change)
        assert (root, nodes) == built(rows)


@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_rows_is_nothing(rows: dict[bytes, bytes], random: object) -> None:
    shuffled = list(rows.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert built(dict(shuffled)) == built(rows)


@given(tables, changes)
def test_two_states_have_two_roots(rows: dict[bytes, bytes], change: dict[bytes, bytes | None]) -> None:
    other = after(rows, change)
    assert (built(rows)[0] == built(other)[0]) == (rows == other)


@given(tables, keys, values)
def test_a_row_is_proven_as_it_is_and_not_otherwise(
    rows: dict[bytes, bytes], key: bytes, other: bytes
) -> None:
    root, nodes = built(rows)
    proof = prove(root, key, nodes.__getitem__)
    for value in (None, other, rows.get(key)):
        try:
            check_row(root, key, value, proof)
            holds = True
        except FormatError:
            holds = False
        assert holds == (value == rows.get(key))


@given(tables, st.none() | st.binary(min_size=32, max_size=32) | keys.map(sha256), st.integers(1, 200))
def test_a_chunk_holds_all_rows_from_its_start_to_its_end(
    rows: dict[bytes, bytes], start: bytes | None, bytes_max: int
) -> None:
    root, nodes = built(rows)
    by_hash = {sha256(key): (key, value) for key, value in rows.items()}
    data = make_chunk(root, start, nodes.__getitem__, by_hash.__getitem__, bytes_max)
    chunk = check_chunk(root, start, data).chunk
    behind = [by_hash[name] for name in sorted(by_hash) if start is None or name > start]
    assert list(chunk.rows) == behind[: len(chunk.rows)]
    assert chunk.is_last == (len(chunk.rows) == len(behind))
    assert chunk.rows or not behind


@given(tables.filter(bool), st.integers(1, 200), st.data())
def test_no_other_chunk_passes(rows: dict[bytes, bytes], bytes_max: int, data: st.DataObject) -> None:
    root, nodes = built(rows)
    by_hash = {sha256(key): (key, value) for key, value in rows.items()}
    start = data.draw(st.none() | keys.map(sha256))
    chunk = decode_chunk(make_chunk(root, start, nodes.__getitem__, by_hash.__getitem__, bytes_max))
    forged = list(chunk.rows)
    match data.draw(st.sampled_from(["left out", "added", "altered", "in front", "behind", "moved"])):
        case "left out" if forged:
            del forged[data.draw(st.integers(0, len(forged) - 1))]
        case "added":
            forged.insert(data.draw(st.integers(0, len(forged))), (b"new", b""))
        case "altered" if forged:
            place = data.draw(st.integers(0, len(forged) - 1))
            forged[place] = (forged[place][0], forged[place][1] + b"!")
        case "in front":
            chunk = replace(chunk, before=leaf_of(*data.draw(st.sampled_from(sorted(rows.items())))))
        case "behind":
            chunk = replace(chunk, right=replace(chunk.right, bits=b"", hashes=()))
        case "moved":
            start = data.draw(st.none() | keys.map(sha256))
    try:
        passed = check_chunk(root, start, encode_chunk(replace(chunk, rows=tuple(forged)))).chunk
    except FormatError:
        return
    # What passes is the truth about another start, or was not changed at all.
    behind = [by_hash[name] for name in sorted(by_hash) if start is None or name > start]
    assert list(passed.rows) == behind[: len(passed.rows)]
    assert passed.is_last == (len(passed.rows) == len(behind))


@given(tables, st.integers(1, 300), st.randoms(use_true_random=False))
def test_a_snapshot_gives_all_rows_and_nodes_in_any_order(
    rows: dict[bytes, bytes], bytes_max: int, random: Random
) -> None:
    root, nodes = built(rows)
    by_hash = {sha256(key): (key, value) for key, value in rows.items()}
    reader = SnapshotReader(root)
    taken: dict[bytes, bytes] = {}
    held: dict[bytes, bytes] = {}
    while not reader.is_complete:
        asked = random.choice(reader.ranges(100))
        place = (root, asked.after, nodes.__getitem__, by_hash.__getitem__, bytes_max, asked.until)
        proven = reader.add(make_chunk(*place), asked)
        taken.update(proven.chunk.rows)
        held.update(proven.nodes)
        reader = SnapshotReader(root, reader.mark)
    assert (taken, held) == (rows, nodes)
