"""The tables of a group's chain: blocks, state rows, nodes of the trie, and what became of entries.

A state stays for some blocks after it was left behind, so that whoever fetches it comes to its end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from p2pnode.consensus.trie import Leaf, TrieChange, leaf_of, node_of
from p2pnode.core.crypto import sha256
from p2pnode.store.list_tables import (
    Listed,
    ListQueries,
    add_listed,
    drop_listed,
    list_again,
    listed,
    listing_of,
)

STATES_KEPT = 128
"""States of so many blocks before the last one can still be fetched."""

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

    _ROWS = "state_row"
    _NODES = "trie_node"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, key: bytes) -> bytes | None:
        """The value of a state row."""
        row = self._connection.execute(f"SELECT value FROM {self._ROWS} WHERE key=?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """State rows whose keys start with a prefix, ascending; they may change meanwhile."""
        after, end = prefix, _end_of(prefix)
        comparison = ">="
        while True:
            rows = self._connection.execute(
                f"SELECT key, value FROM {self._ROWS} WHERE key {comparison} ?"
                + (" AND key < ?" if end is not None else "")
                + " ORDER BY key LIMIT ?",
                (after, *([end] if end is not None else []), _ROWS_A_SCAN),
            ).fetchall()
            yield from rows
            if len(rows) < _ROWS_A_SCAN:
                return
            after, comparison = rows[-1][0], ">"

    def scan_each(self, prefixes: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        """State rows whose keys start with one of some distinct prefixes, in no order: one question for a
        page of rows.

        Shapes: a prefix ends with an id, so that there are keys behind those that start with it.
        """
        if not prefixes:
            return []
        bounds = [bound for prefix in prefixes for bound in (prefix, _end_of(prefix))]
        rows = self._connection.execute(
            f"WITH wanted(first, last) AS (VALUES {', '.join(['(?, ?)'] * len(prefixes))})"
            f" SELECT key, value FROM wanted CROSS JOIN {self._ROWS} WHERE key >= first AND key < last",
            bounds,
        )
        return rows.fetchall()

    @property
    def lists(self) -> ListQueries:
        """The index of lists."""
        return ListQueries(self._connection)

    def trie_node(self, node_hash: bytes) -> bytes:
        """A node of the trie. Errors: KeyError for one that is not kept."""
        row = self._connection.execute(
            f"SELECT content FROM {self._NODES} WHERE hash=?", (node_hash,)
        ).fetchone()
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

    def next_blocks(self, first: int, limit: int) -> list[BlockRow]:
        """The next final blocks from a height on: behind a snapshot some are not here, or without body."""
        rows = self._connection.execute(
            "SELECT * FROM block WHERE height>=? ORDER BY height LIMIT ?", (first, limit)
        )
        return list(map(BlockRow._make, rows))

    def void_rule(self, position: int) -> str | None:
        """The rule that refused a final entry, or None where it held or is not final."""
        row = self._connection.execute("SELECT rule FROM void WHERE position=?", (position,)).fetchone()
        return None if row is None else str(row[0])

    def void_entries(self, limit: int) -> list[tuple[int, str]]:
        """Positions of final entries that a rule refused, with the rule: so many at the most."""
        rows = self._connection.execute(
            "SELECT position, rule FROM void ORDER BY position DESC LIMIT ?", (limit,)
        )
        return [(int(position), str(rule)) for position, rule in rows]

    def late_outcomes(self, height: int) -> list[tuple[bytes, str]]:
        """What a block decided about entries of later rules that it ran after all, in order of execution."""
        rows = self._connection.execute(
            "SELECT entry, rule FROM late_outcome WHERE height=? ORDER BY number", (height,)
        )
        return [(bytes(entry), str(rule)) for entry, rule in rows]

    def late_outcome(self, entry_id: bytes) -> tuple[int, str] | None:
        """The block that ran an entry of later rules after all, and the rule that made it void or nothing."""
        row = self._connection.execute(
            "SELECT height, rule FROM late_outcome WHERE entry=?", (entry_id,)
        ).fetchone()
        return None if row is None else (int(row[0]), str(row[1]))


class StateQueries:
    """A state by its root, as `make_chunk` reads it: the last one or one of those before it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._chain = ChainQueries(connection)
        self._connection = connection
        self._leaves: dict[bytes, bytes] = {}

    def node_at(self, node_hash: bytes) -> bytes:
        """A node of the trie. Errors: KeyError for one that is not kept."""
        content = self._chain.trie_node(node_hash)
        node = node_of(content, node_hash)
        if isinstance(node, Leaf):
            self._leaves[node.key_hash] = node_hash
        return content

    def row_at(self, key_hash: bytes) -> tuple[bytes, bytes]:
        """The row of a leaf that was read. Errors: KeyError for one that is not kept."""
        row = self._connection.execute(
            "SELECT leaf.key, COALESCE(leaf.value, state_row.value)"
            " FROM leaf LEFT JOIN state_row USING (key) WHERE hash=?",
            (self._leaves[key_hash],),
        ).fetchone()
        if row is None or row[1] is None:
            raise KeyError(key_hash.hex())
        return bytes(row[0]), bytes(row[1])


class ChainTransaction(ChainQueries):
    """What committing a block changes."""

    def add_block(self, row: BlockRow) -> None:
        """Keep a final block."""
        self._connection.execute("INSERT OR REPLACE INTO block VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def put_rows(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Write state rows; None deletes one."""
        self._list(changes)
        self._keep_leaves(changes)
        self._write_rows(changes)

    def put_state(self, changes: Mapping[bytes, bytes | None], trie: TrieChange) -> None:
        """Write what a block does to the state rows and to the trie over them."""
        self._list(changes)
        self._connection.executemany(
            "UPDATE leaf SET value=(SELECT value FROM state_row WHERE state_row.key=leaf.key) WHERE hash=?",
            [(name,) for name in trie.left],
        )
        self._connection.executemany(
            "INSERT OR REPLACE INTO leaf VALUES (?, ?, NULL)", sorted(trie.leaves.items())
        )
        self._write_rows(changes)
        self.put_trie(trie.new, trie.stale)

    def put_trie(self, new: Mapping[bytes, bytes], stale: Iterable[bytes]) -> None:
        """Write nodes of the trie after the last block; those that its state no longer reaches go later.

        Shapes: in ascending order, so that a page of the table is looked at once.
        """
        tip = self.tip()
        height = 0 if tip is None else tip.height
        self._connection.executemany(
            "INSERT OR REPLACE INTO retired VALUES (?, ?)", [(node_hash, height) for node_hash in stale]
        )
        self._connection.executemany(
            "DELETE FROM retired WHERE hash=?", [(node_hash,) for node_hash in sorted(new)]
        )
        self._write_nodes(new)
        self._forget_states(height - STATES_KEPT)

    def list_again(self) -> None:
        """Make the index of lists anew from all rows."""
        list_again(self._connection, self.scan(b""))

    def _list(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Keep the index of lists in step with rows that are about to be written."""
        dropped: list[Listed] = []
        added: list[Listed] = []
        for key, value in changes.items():
            listing = listing_of(key)
            if listing is None:
                continue
            before = None if listing.is_fixed and value is not None else self.get(key)
            if before is not None:
                dropped += listed(key, before)
            if value is not None:
                added += listed(key, value)
        drop_listed(self._connection, dropped)
        add_listed(self._connection, sorted(added))

    def _write_rows(self, changes: Mapping[bytes, bytes | None]) -> None:
        self._connection.executemany(
            f"INSERT OR REPLACE INTO {self._ROWS} VALUES (?, ?)",
            [(key, value) for key, value in changes.items() if value is not None],
        )
        self._connection.executemany(
            f"DELETE FROM {self._ROWS} WHERE key=?",
            [(key,) for key, value in changes.items() if value is None],
        )

    def _write_nodes(self, new: Mapping[bytes, bytes]) -> None:
        nodes = sorted(new.items())
        self._connection.executemany(f"INSERT OR REPLACE INTO {self._NODES} VALUES (?, ?)", nodes)

    def _keep_leaves(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Note the row of each new leaf, and keep the values of rows that change."""
        for key, value in changes.items():
            before = self.get(key)
            if before is not None and before != value:
                self._connection.execute(
                    "UPDATE leaf SET value=? WHERE hash=?", (before, sha256(leaf_of(key, before).node))
                )
            if value is not None:
                self._connection.execute(
                    "INSERT OR REPLACE INTO leaf VALUES (?, ?, NULL)", (sha256(leaf_of(key, value).node), key)
                )

    def _forget_states(self, height: int) -> None:
        """Drop what the states up to a height alone reach."""
        for table in ("trie_node", "leaf"):
            self._connection.execute(
                f"DELETE FROM {table} WHERE hash IN (SELECT hash FROM retired WHERE height<=?)", (height,)
            )
        self._connection.execute("DELETE FROM retired WHERE height<=?", (height,))

    def add_late(self, height: int, outcomes: Iterable[tuple[bytes, str]]) -> None:
        """Note what became of entries of later rules in the block that ran them."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO late_outcome VALUES (?, ?, ?, ?)",
            [(height, number, entry_id, rule) for number, (entry_id, rule) in enumerate(outcomes)],
        )

    def add_void(self, rules: Iterable[tuple[int, str]]) -> None:
        """Note which final entries a rule refused."""
        self._connection.executemany("INSERT OR REPLACE INTO void VALUES (?, ?)", list(rules))


def _end_of(prefix: bytes) -> bytes | None:
    """The first key after all that start with a prefix, or None where there is none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else None
