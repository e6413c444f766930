"""The tables of a group's chain: blocks, state rows, nodes of the trie, and what became of entries."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

_ROWS_A_SCAN = 256


class BlockRow(NamedTuple):
    """One final block.

    Shapes: all are encoded; configuration is the one that voted on it; convocation is there exactly for a
    block of the second attempt.
    """

    height: int
    id: bytes
    header: bytes
    body: bytes
    certificate: bytes
    configuration: bytes
    convocation: bytes | None = None


class ChainQueries:
    """What can be read of a chain; it is the `Rows` of the last final block."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, key: bytes) -> bytes | None:
        """The value of a state row."""
        row = self._connection.execute("SELECT value FROM state_row WHERE key=?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """State rows whose keys start with a prefix, ascending; they may change meanwhile."""
        after, end = prefix, _end_of(prefix)
        comparison = ">="
        while True:
            rows = self._connection.execute(
                f"SELECT key, value FROM state_row WHERE key {comparison} ?"
                + (" AND key < ?" if end is not None else "")
                + " ORDER BY key LIMIT ?",
                (after, *([end] if end is not None else []), _ROWS_A_SCAN),
            ).fetchall()
            yield from rows
            if len(rows) < _ROWS_A_SCAN:
                return
            after, comparison = rows[-1][0], ">"

    def trie_node(self, node_hash: bytes) -> bytes:
        """A node of the trie. Errors: KeyError for one that is not kept."""
        row = self._connection.execute("SELECT content FROM trie_node WHERE hash=?", (node_hash,)).fetchone()
        if row is None:
            raise KeyError(node_hash.hex())
        return bytes(row[0])

    def tip(self) -> BlockRow | None:
        """The last final block."""
        row = self._connection.execute("SELECT * FROM block ORDER BY height DESC LIMIT 1").fetchone()
        return None if row is None else BlockRow(*row)

    def block(self, height: int) -> BlockRow | None:
        """The final block of a height."""
        row = self._connection.execute("SELECT * FROM block WHERE height=?", (height,)).fetchone()
        return None if row is None else BlockRow(*row)

    def blocks(self, first: int, last: int) -> list[BlockRow]:
        """Final blocks from first to last, both included."""
        rows = self._connection.execute(
            "SELECT * FROM block WHERE height BETWEEN ? AND ? ORDER BY height", (first, last)
        )
        return list(map(BlockRow._make, rows))

    def void_rule(self, position: int) -> str | None:
        """The rule that refused a final entry, or None where it held or is not final."""
        row = self._connection.execute("SELECT rule FROM void WHERE position=?", (position,)).fetchone()
        return None if row is None else str(row[0])


class ChainTransaction(ChainQueries):
    """What committing a block changes."""

    def add_block(self, row: BlockRow) -> None:
        """Keep a final block."""
        self._connection.execute("INSERT INTO block VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def put_rows(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Write state rows; None deletes one."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO state_row VALUES (?, ?)",
            [(key, value) for key, value in changes.items() if value is not None],
        )
        self._connection.executemany(
            "DELETE FROM state_row WHERE key=?", [(key,) for key, value in changes.items() if value is None]
        )

    def put_trie(self, new: Mapping[bytes, bytes], stale: Iterable[bytes]) -> None:
        """Write nodes of the trie and drop those that the last state no longer reaches."""
        self._connection.executemany(
            "DELETE FROM trie_node WHERE hash=?", [(node_hash,) for node_hash in stale]
        )
        self._connection.executemany("INSERT OR REPLACE INTO trie_node VALUES (?, ?)", list(new.items()))

    def add_void(self, rules: Iterable[tuple[int, str]]) -> None:
        """Note which final entries a rule refused."""
        self._connection.executemany("INSERT OR REPLACE INTO void VALUES (?, ?)", list(rules))


def _end_of(prefix: bytes) -> bytes | None:
    """The first key after all that start with a prefix, or None where there is none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else None
