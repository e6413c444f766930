"""Where the reading of devices ended that are gone (J23): the block that ended it, and the cut it left."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from p2pnode.core import codec


class End(NamedTuple):
    """The block that ended the reading of a device.

    Shapes: lasts has the last readable seq of each lane, by author and lane; lanes without one are not in it.
    """

    height: int
    lasts: Mapping[tuple[bytes, int], int]


class EndingQueries:
    """What is known of devices that are gone."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def end_of(self, device: bytes) -> End | None:
        """Where the reading of a device ended; None where it goes on, or this node did not see the block."""
        row = self._connection.execute(
            "SELECT height, cut FROM ended JOIN ended_cut USING (height) WHERE device=?", (device,)
        ).fetchone()
        if row is None:
            return None
        return End(int(row[0]), {(author, lane): seq for author, lane, seq in codec.decode(row[1])})


class EndingTransaction(EndingQueries):
    """What a block changes of it."""

    def put(self, devices: Iterable[bytes], end: End) -> None:
        """Note that a block ended the reading of devices."""
        rows = [[*key, seq] for key, seq in sorted(end.lasts.items()) if seq >= 0]
        self._connection.execute(
            "INSERT OR REPLACE INTO ended_cut VALUES (?, ?)", (end.height, codec.encode(rows))
        )
        self._connection.executemany(
            "INSERT OR REPLACE INTO ended VALUES (?, ?)", [(device, end.height) for device in devices]
        )
