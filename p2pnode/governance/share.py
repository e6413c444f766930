"""How much of the log a member fills: a level that every ordered entry raises and time lowers (J16).

A member has so many bytes a year by the charter, and what it has filled runs off evenly. Whoever is above its
share waits: proposers leave its entries out until the level has fallen. No block is wrong for holding them.
"""

from __future__ import annotations

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.governance import tables

YEAR_MS = 365 * 24 * 60 * 60 * 1000
_TABLE = "filled"


def note_ordered(state: State, context: BlockContext) -> None:
    """Raise the levels of those whose entries a block orders."""
    year_bytes = tables.charter(state).member_year_bytes
    for author, count in context.ordered_bytes:
        held = tables.member_of_device(state, author)
        if held is not None:
            level = _level(state, held[0], year_bytes, context.time_ms) + count
            tables.write(state, row_key(_TABLE, held[0]), [context.time_ms, level])


def waiting_until_ms(rows: Rows) -> dict[bytes, int]:
    """The members that are above their share, and when they are not any more. Units: block time."""
    year_bytes = tables.charter(rows).member_year_bytes
    return {
        member_id: time_ms + (level - year_bytes) * YEAR_MS // year_bytes + 1
        for member_id, (time_ms, level) in tables.scan(rows, _TABLE)
        if level > year_bytes
    }


def _level(rows: Rows, member_id: bytes, year_bytes: int, time_ms: int) -> int:
    """What a member fills at a time. Units: bytes."""
    held = tables.read(rows, row_key(_TABLE, member_id))
    if held is None:
        return 0
    since_ms, level = held
    return max(0, int(level) - (time_ms - int(since_ms)) * year_bytes // YEAR_MS)
