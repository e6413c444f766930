"""Pages of the long lists of the economy, out of an index of final rows and what is provisional on top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from p2pnode.consensus.rows import row_key
from p2pnode.core.crypto import HASH_BYTES
from p2pnode.core.errors import UsageError
from p2pnode.economy import tables
from p2pnode.economy.listing import EVERYBODY, LISTINGS, concerns
from p2pnode.service.viewing import GroupView

ROWS_MAX = 500
"""Rows of a page: what a person looks at."""


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted. Shapes: after is the id of the row before the first one."""

    limit: int = ROWS_MAX
    after: bytes | None = None


def listed_rows(view: GroupView, table: str, who: bytes | None, page: Page) -> list[tuple[bytes, Any]]:
    """A page of rows with their ids, in the order of `economy/listing.py`, of everybody or of one agent.

    Errors: UsageError list.no_such_row.
    """
    listing, agent = LISTINGS[table], EVERYBODY if who is None else who
    after = None if page.after is None else (_rank(view, table, page.after), page.after)
    limit = min(page.limit, ROWS_MAX)
    start = row_key(table)
    changed = {key[len(start) :]: view.rows.get(key) for key in view.rows.changed(start)}
    # As many more as may have left their places since the last block.
    values: dict[bytes, bytes | None] = dict(view.final.lists.rows(table, agent, after, limit + len(changed)))
    found: list[tuple[tuple[int, bytes], Any]] = []
    for row_id, data in (values | changed).items():
        if data is None:
            continue
        row = tables.row_of(listing.made, data)
        place = (listing.rank(row), row_id)
        if concerns(listing, row, agent) and (after is None or place < after):
            found.append((place, row))
    found.sort(key=lambda item: item[0], reverse=True)
    return [(row_id, row) for (_, row_id), row in found[:limit]]


def rows_below(view: GroupView, table: str, ids: Sequence[bytes]) -> dict[bytes, list[tuple[bytes, bytes]]]:
    """What a table holds below each of some ids: the rest of the keys, ascending, and the values."""
    start = row_key(table)
    found = dict(view.final.scan_each([start + one for one in ids]))
    wanted = set(ids)
    for key in view.rows.changed(start):
        value = view.rows.get(key)
        found.pop(key, None)
        if value is not None and key[len(start) : len(start) + HASH_BYTES] in wanted:
            found[key] = value
    rows: dict[bytes, list[tuple[bytes, bytes]]] = {}
    for key in sorted(found):
        row_id = key[len(start) : len(start) + HASH_BYTES]
        rows.setdefault(row_id, []).append((key[len(start) + HASH_BYTES :], found[key]))
    return rows


def _rank(view: GroupView, table: str, row_id: bytes) -> int:
    listing = LISTINGS[table]
    data = view.rows.get(row_key(table, row_id))
    if data is None:
        raise UsageError(
            "list.no_such_row",
            "the row after which the list is to go on is not in it",
            "give the id of a row that the list has shown, or begin again without --after",
        )
    return listing.rank(tables.row_of(listing.made, data))
