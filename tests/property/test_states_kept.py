"""States behind the last one can be read whole for as long as they are kept, and nothing else stays."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.consensus.snapshot import make_chunk
from p2pnode.consensus.snapshot_reader import SnapshotReader
from p2pnode.consensus.trie import EMPTY_ROOT, update
from p2pnode.store import chain_tables
from p2pnode.store.chain_tables import BlockRow
from p2pnode.store.group_file import GroupFile

_KEYS = st.sampled_from([b"row\0%d" % number for number in range(12)])
_VALUES = st.one_of(st.none(), st.sampled_from([b"one", b"two", b"three"]))
_BLOCKS = st.lists(st.dictionaries(_KEYS, _VALUES, max_size=5), min_size=1, max_size=12)


def _read(file: GroupFile, root: bytes) -> dict[bytes, bytes]:
    states, reader, rows = file.states, SnapshotReader(root), {}
    while not reader.is_complete:
        chunk = make_chunk(root, reader.end, states.node_at, states.row_at, 60)
        rows.update(reader.add(chunk).chunk.rows)
    return rows


@settings(max_examples=25, deadline=None)
@given(blocks=_BLOCKS, kept=st.integers(0, 6))
def test_j9_a_state_is_kept_whole_until_it_is_forgotten(
    blocks: list[dict[bytes, bytes | None]], kept: int
) -> None:
    rows: dict[bytes, bytes] = {}
    states = [(EMPTY_ROOT, dict(rows))]
    before, chain_tables.STATES_KEPT = chain_tables.STATES_KEPT, kept
    try:
        with TemporaryDirectory() as folder:
            file = GroupFile(Path(folder) / "group.db")
            for height, changes in enumerate(blocks, 1):
                changes = {key: value for key, value in changes.items() if value is not None or key in rows}
                trie = update(states[-1][0], changes, file.chain.trie_node)
                with file.write() as transaction:
                    chain = transaction.chain
                    chain.add_block(BlockRow(height, b"", b"", b"", b"", b""))
                    chain.put_state(changes, trie)
                rows = {key: value for key, value in {**rows, **changes}.items() if value is not None}
                states.append((trie.root, dict(rows)))
                for root, held in states[max(0, height - kept) :]:
                    assert _read(file, root) == held
            _only_what_is_reached(file, states[len(states) - 1 - min(kept, len(blocks)) :])
            file.close()
    finally:
        chain_tables.STATES_KEPT = before


def _only_what_is_reached(file: GroupFile, states: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
    """Nothing is kept that no state to be kept reaches."""
    reached: set[bytes] = set()
    for _, held in states:
        reached |= set(update(EMPTY_ROOT, dict(held), {}.__getitem__).new)
    connection = file._connection
    assert {bytes(row[0]) for row in connection.execute("SELECT hash FROM trie_node")} == reached
    leaves = {bytes(row[0]) for row in connection.execute("SELECT hash FROM leaf")}
    assert leaves <= reached
