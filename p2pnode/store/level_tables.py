"""The tables by which a node that is far behind gets level: a snapshot on its way, and the replay behind it.

Blocks and chunks lie here as they came and were checked, so that a kill costs at most one of them. The replay
has rows and a trie of its own beside those of the last final block.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from p2pnode.consensus.execution import read_cut
from p2pnode.consensus.trie import TrieChange
from p2pnode.store.chain_tables import BlockRow, ChainQueries, ChainTransaction

_REPLAYED = "replayed"
_HEIGHT_BYTES = 8
_COMING_TABLES = ("coming_block", "coming_chunk")


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

    def chunks(self) -> Iterator[bytes]:
        """The chunks that are here, from the first on."""
        number = 0
        while True:
            row = self._connection.execute(
                "SELECT content FROM coming_chunk WHERE number=?", (number,)
            ).fetchone()
            if row is None:
                return
            yield bytes(row[0])
            number += 1

    def chunk_count(self) -> int:
        """How many chunks are here."""
        row = self._connection.execute("SELECT COUNT(*) FROM coming_chunk").fetchone()
        return int(row[0])

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

    def add_chunk(self, content: bytes) -> None:
        """Keep the next chunk."""
        self._connection.execute("INSERT INTO coming_chunk VALUES (?, ?)", (self.chunk_count(), content))

    def drop_chunks(self) -> None:
        """Begin another state."""
        self._connection.execute("DELETE FROM coming_chunk")

    def drop_coming(self) -> None:
        """Forget the snapshot that was on its way."""
        for table in _COMING_TABLES:
            self._connection.execute(f"DELETE FROM {table}")

    def begin_replay(self, height: int) -> None:
        """Let the replay begin with the state of the last final block, unless it has begun."""
        if self.replayed() is None:
            self._connection.execute("INSERT INTO replay_row SELECT * FROM state_row")
            self._connection.execute("INSERT INTO replay_node SELECT * FROM trie_node")
            self.put_replayed(height)

    def put_replayed(self, height: int) -> None:
        """Note how far history was run."""
        self._set_replayed(height.to_bytes(_HEIGHT_BYTES, "big"))

    def end_replay(self) -> None:
        """Drop the replayed state: it is that of the snapshot."""
        for table in ("replay_row", "replay_node"):
            self._connection.execute(f"DELETE FROM {table}")
        self._set_replayed(b"")

    def _set_replayed(self, value: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (_REPLAYED, value))

    def clear_state(self) -> None:
        """Make room for the rows of a snapshot."""
        for table in ("state_row", "trie_node", "leaf", "retired", "listed"):
            self._connection.execute(f"DELETE FROM {table}")

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
