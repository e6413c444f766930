"""The tables by which a node that is far behind gets level: a snapshot on its way, and the replay behind it.

Blocks and the rows of chunks lie here as they came and were checked, so that a kill costs at most one of
them. A whole state takes the place of the last one by its tables' names, in one short step however many rows
there are; what had to go is set aside and cleared a slice at a time (J30). The replay has rows and a trie of
its own beside those of the last final block.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from p2pnode.consensus.execution import read_cut
from p2pnode.consensus.snapshot import ProvenChunk
from p2pnode.consensus.trie import TrieChange
from p2pnode.store.chain_tables import BlockRow, ChainQueries, ChainTransaction
from p2pnode.store.list_tables import add_listed, listed

_REPLAYED = "replayed"
_HEIGHT_BYTES = 8
_CLEARED_ROWS = 500
"""Rows that are cleared in one slice."""

_COLUMNS = {
    "row": "key BLOB PRIMARY KEY, value BLOB NOT NULL",
    "node": "hash BLOB PRIMARY KEY, content BLOB NOT NULL",
    "leaf": "hash BLOB PRIMARY KEY, key BLOB NOT NULL, value BLOB",
    "listed": "list INTEGER NOT NULL, agent INTEGER NOT NULL, rank INTEGER NOT NULL, id BLOB NOT NULL,"
    " PRIMARY KEY (list, agent, rank, id)",
}
_KEYS = {"row": "key", "node": "hash", "leaf": "hash", "listed": "list, agent, rank, id"}
_PLACES = {"row": "state_row", "node": "trie_node", "leaf": "leaf", "listed": "listed"}
"""The parts of a state, and the tables of the last one."""

_REPLAYED_PARTS = ("row", "node")

_ASIDE = "aside_"


class ComingBlock(NamedTuple):
    """A final block above the tip. Shapes: following is the configuration after it; a body is empty until it
    is here."""

    block: BlockRow
    following: bytes


class LevelQueries:
    """What there is of a snapshot, and how far the history behind it was run."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def coming_blocks(self) -> list[ComingBlock]:
        """The blocks that lead to the snapshot, ascending."""
        rows = self._connection.execute("SELECT * FROM coming_block ORDER BY height")
        return [ComingBlock(BlockRow(*row[:-1]), row[-1]) for row in rows]

    def replayed(self) -> int | None:
        """The height up to which history was run, or None when there is none left to run."""
        row = self._connection.execute("SELECT value FROM setting WHERE name=?", (_REPLAYED,)).fetchone()
        return None if row is None or not row[0] else int.from_bytes(row[0], "big")

    def replayed_cut(self, author: bytes, lane: int) -> int:
        """The last seq of a lane that was ordered as far as history was run, -1 for none."""
        cut = read_cut(_ReplayRows(self._connection), author, lane)
        return -1 if cut is None else cut[0]

    def other_rows(self, limit: int) -> list[bytes]:
        """Keys of rows in which the replayed state and the last one differ, the first of them."""
        rows = self._connection.execute(
            "SELECT key FROM state_row LEFT JOIN replay_row AS other USING (key)"
            " WHERE other.value IS NOT state_row.value"
            " UNION SELECT key FROM replay_row LEFT JOIN state_row AS other USING (key)"
            " WHERE other.value IS NULL ORDER BY key LIMIT ?",
            (limit,),
        )
        return [bytes(row[0]) for row in rows]


class _ReplayRows(ChainQueries):
    """The rows as far as history was run."""

    _ROWS = "replay_row"


class LevelTransaction(LevelQueries):
    """What getting level changes."""

    def put_coming(self, blocks: Iterable[ComingBlock]) -> None:
        """Keep checked blocks above the tip."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO coming_block VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(*coming.block, coming.following) for coming in blocks],
        )

    def add_state(self, proven: ProvenChunk) -> None:
        """Keep rows of the state on its way, and nodes of its trie."""
        rows, nodes, leaves = proven.chunk.rows, proven.nodes, proven.leaves
        self._connection.executemany("INSERT OR REPLACE INTO coming_row VALUES (?, ?)", rows)
        self._connection.executemany("INSERT OR REPLACE INTO coming_node VALUES (?, ?)", list(nodes.items()))
        self._connection.executemany(
            "INSERT OR REPLACE INTO coming_leaf VALUES (?, ?, NULL)",
            list(leaves.items()),
        )
        places = [place for key, value in rows for place in listed(key, value)]
        add_listed(self._connection, places, "coming_listed")

    def drop_coming(self) -> None:
        """Forget the snapshot that was on its way."""
        self._connection.execute("DELETE FROM coming_block")
        for part in _COLUMNS:
            self._empty("coming", part)

    def install(self, height: int) -> None:
        """Let the state that came be the last one. Shapes: height is that of the one which held until now;
        the replay begins with it, unless it has begun."""
        is_first = self.replayed() is None
        for part, place in _PLACES.items():
            if is_first and part in _REPLAYED_PARTS:
                self._connection.execute(f"DROP TABLE replay_{part}")
                self._connection.execute(f"ALTER TABLE {place} RENAME TO replay_{part}")
            else:
                self._set_aside(place)
            self._connection.execute(f"ALTER TABLE coming_{part} RENAME TO {place}")
            self._create("coming", part)
        self._connection.execute("DELETE FROM retired")
        if is_first:
            self.put_replayed(height)

    def clear_aside(self) -> bool:
        """Clear a slice of what was set aside; whether there is more."""
        tables = self._aside()
        if not tables:
            return False
        key = _KEYS[tables[0].rpartition("_")[2]]
        done = self._connection.execute(
            f"DELETE FROM {tables[0]} WHERE ({key}) IN (SELECT {key} FROM {tables[0]} LIMIT ?)",
            (_CLEARED_ROWS,),
        )
        if done.rowcount < _CLEARED_ROWS:
            self._connection.execute(f"DROP TABLE {tables[0]}")
        return done.rowcount == _CLEARED_ROWS or len(tables) > 1

    def _aside(self) -> list[str]:
        rows = self._connection.execute(
            "SELECT name FROM sqlite_master WHERE type='table' AND name GLOB ? ORDER BY name", (_ASIDE + "*",)
        )
        return [str(row[0]) for row in rows]

    def _empty(self, where: str, part: str) -> None:
        """Empty a table without touching its rows, of which there may be very many."""
        table = f"{where}_{part}"
        if self._connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None:
            self._set_aside(table)
            self._create(where, part)

    def _set_aside(self, table: str) -> None:
        numbers = [int(name.split("_")[1]) for name in self._aside()]
        number = max(numbers, default=0) + 1
        self._connection.execute(f"ALTER TABLE {table} RENAME TO {_ASIDE}{number}_{table.rpartition('_')[2]}")

    def _create(self, where: str, part: str) -> None:
        self._connection.execute(f"CREATE TABLE {where}_{part} ({_COLUMNS[part]}) WITHOUT ROWID")

    def put_replayed(self, height: int) -> None:
        """Note how far history was run."""
        self._set_replayed(height.to_bytes(_HEIGHT_BYTES, "big"))

    def end_replay(self) -> None:
        """Drop the replayed state: it is that of the snapshot."""
        for part in _REPLAYED_PARTS:
            self._empty("replay", part)
        self._set_replayed(b"")

    def _set_replayed(self, value: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (_REPLAYED, value))

    def add_links(self, blocks: Sequence[ComingBlock]) -> None:
        """Put the blocks that lead to the snapshot among the final ones."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO block VALUES (?, ?, ?, ?, ?, ?, ?)", [coming.block for coming in blocks]
        )


class ReplayTransaction(ChainTransaction):
    """The chain as far as it was replayed."""

    _ROWS = "replay_row"
    _NODES = "replay_node"

    def __init__(self, connection: sqlite3.Connection, height: int) -> None:
        super().__init__(connection)
        self._height = height

    def tip(self) -> BlockRow | None:
        """The last replayed block."""
        return self.block(self._height)

    def put_rows(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Write rows of the replayed state."""
        self._write_rows(changes)

    def put_state(self, changes: Mapping[bytes, bytes | None], trie: TrieChange) -> None:
        """Write what a block does to the replayed state."""
        self._write_rows(changes)
        self.put_trie(trie.new, trie.stale)

    def put_trie(self, new: Mapping[bytes, bytes], stale: Iterable[bytes]) -> None:
        """Write nodes of the replayed state's trie, and drop at once what it no longer reaches."""
        self._connection.executemany(
            "DELETE FROM replay_node WHERE hash=?", [(node_hash,) for node_hash in stale]
        )
        self._write_nodes(new)
