"""The index of lists: where rows of the economy stand in what people see.

It follows from the state rows alone and is written with them; which rows are listed how is said in
`economy/listing.py`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice

from p2pnode.consensus.rows import row_key
from p2pnode.economy.listing import LISTINGS, Listing, places

Listed = tuple[int, int, int, bytes]
"""List, agent, rank, id: a row of the index."""

_BY_START = {table.encode("ascii") + b"\0": listing for table, listing in LISTINGS.items()}
_ROWS_AT_ONCE = 100_000
"""Put in together and in order, so that a page of the index is written a few times and not for every row."""

_MAKING_CACHE_KIB = 64 * 1024


class ListQueries:
    """What can be read of the index."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(
        self, table: str, agent: bytes, after: tuple[int, bytes] | None, limit: int
    ) -> list[tuple[bytes, bytes]]:
        """A part of a list in its order: ids and the values of the rows, behind a rank and an id where they
        are given.

        Shapes: agent is empty for the list of everybody; somebody whose id has the same start may be in it.
        """
        bounds = (LISTINGS[table].number, _number_of(agent))
        rows = self._connection.execute(
            "SELECT id, value FROM (SELECT rank, id FROM listed WHERE list=? AND agent=?"
            + ("" if after is None else " AND (rank, id) < (?, ?)")
            + " ORDER BY rank DESC, id DESC LIMIT ?)"
            # What is put together is text to SQLite, and no text is equal to bytes.
            + " JOIN state_row ON key=CAST(? || id AS BLOB) ORDER BY rank DESC, id DESC",
            (*bounds, *(after or ()), limit, row_key(table)),
        )
        return rows.fetchall()


def listed(key: bytes, value: bytes) -> Iterator[Listed]:
    """The places of a state row in the index."""
    start = key[: key.index(b"\0") + 1]
    listing = _BY_START.get(start)
    if listing is not None:
        for agent, rank in places(listing, value):
            yield listing.number, _number_of(agent), rank, key[len(start) :]


def listing_of(key: bytes) -> Listing | None:
    """How the table of a state row is listed, if it is."""
    return _BY_START.get(key[: key.index(b"\0") + 1])


def add_listed(connection: sqlite3.Connection, rows: Iterable[Listed], index: str = "listed") -> None:
    """Put rows into an index: that of the last state, or of one that is on its way."""
    connection.executemany(f"INSERT OR REPLACE INTO {index} VALUES (?, ?, ?, ?)", rows)


def drop_listed(connection: sqlite3.Connection, rows: Iterable[Listed]) -> None:
    """Take rows out of the index."""
    connection.executemany("DELETE FROM listed WHERE list=? AND agent=? AND rank=? AND id=?", rows)


def list_again(connection: sqlite3.Connection, rows_of: Iterable[tuple[bytes, bytes]]) -> None:
    """Make the index anew from all state rows."""
    (cache,) = connection.execute("PRAGMA cache_size").fetchone()
    connection.execute(f"PRAGMA cache_size=-{_MAKING_CACHE_KIB}")
    connection.execute("DELETE FROM listed")
    rows = (place for key, value in rows_of for place in listed(key, value))
    while part := list(islice(rows, _ROWS_AT_ONCE)):
        add_listed(connection, sorted(part))
    connection.execute(f"PRAGMA cache_size={cache}")


def _number_of(agent: bytes) -> int:
    return int.from_bytes(agent[:8], "big", signed=True)
