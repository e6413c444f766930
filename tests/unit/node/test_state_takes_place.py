"""A state that came in chunks takes the place of the last one in one step; what was there goes in slices."""

from __future__ import annotations

import sqlite3

from p2pnode.consensus.snapshot import Beside, Chunk, ProvenChunk
from p2pnode.consensus.trie import EMPTY_ROOT, TrieChange, leaf_of, update
from p2pnode.core.crypto import sha256
from p2pnode.store.database import MEMORY
from p2pnode.store.group_file import GroupFile

COUNT = 1200


def rows_of(mark: bytes) -> dict[bytes, bytes]:
    return {b"row\0" + mark + number.to_bytes(4, "big"): mark for number in range(COUNT)}


def proven(rows: dict[bytes, bytes], trie: TrieChange) -> ProvenChunk:
    """All rows as one chunk, as if they had come."""
    beside = Beside(b"", ())
    return ProvenChunk(Chunk(None, beside, tuple(rows.items()), beside), trie.leaves, trie.new)


def bring(file: GroupFile, rows: dict[bytes, bytes]) -> bytes:
    """Let rows come as a snapshot brings them, and take their place; the root of their trie."""
    trie = update(EMPTY_ROOT, rows, file.chain.trie_node)
    with file.write() as transaction:
        transaction.level.add_state(proven(rows, trie))
    with file.write() as transaction:
        transaction.level.install(7)
    return trie.root


def tables(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}


def test_j30_a_state_takes_the_place_of_another_and_the_replay_begins_with_that() -> None:
    made: list[sqlite3.Connection] = []

    def make(path: str) -> sqlite3.Connection:
        made.append(sqlite3.connect(path, isolation_level=None))
        return made[0]

    file = GroupFile(MEMORY, make=make)
    known = tables(made[0])
    held, first, second, third = (rows_of(mark) for mark in (b"0", b"a", b"b", b"c"))
    with file.write() as transaction:
        transaction.chain.put_rows(held)
    for rows in (first, second):
        root = bring(file, rows)
        assert dict(file.chain.scan(b"")) == rows
        assert sha256(file.chain.trie_node(root)) == root
    key, value = next(iter(second.items()))
    states = file.states
    states.node_at(sha256(leaf_of(key, value).node))
    assert states.row_at(sha256(key)) == (key, value)
    assert file.level.replayed() == 7
    bring(file, third)
    assert dict(file.chain.scan(b"")) == third
    slices = 0
    is_more = True
    while is_more:
        with file.write() as transaction:
            is_more = transaction.level.clear_aside()
        slices += 1
    assert tables(made[0]) == known, "nothing of the states before is left, but what is run again"
    assert slices >= 3 * COUNT // 500, "in slices"
    with file.write() as transaction:
        assert dict(transaction.replay(7).scan(b"")) == held, "history is run again from what was here first"
        transaction.level.end_replay()
        assert not dict(transaction.replay(7).scan(b""))
    file.close()
