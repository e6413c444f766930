"""Voters who fall silent: when they were last heard, when they stop to count, and how they come back (J26).

Silence is read from blocks, never from a clock: a voter is heard when a block's parent certificate holds its
signature, or when the block's cut moves its lanes.

Source: C 5.8.2, J26.
"""

from __future__ import annotations

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import State
from p2pnode.governance import tables
from p2pnode.governance.tables import SeenRow
from p2pnode.governance.voting import comes_back, goes_away, may_survive

DAY_MS = 24 * 60 * 60 * 1000
SILENT_BLOCKS_MIN = 8
SILENT_DAYS_MIN = 7
"""Distinct days with blocks: one busy afternoon proves nobody's absence."""

SILENT_MS_MIN = 30 * DAY_MS
PAUSE_MS = 7 * DAY_MS
"""At most one voter in seven days: whoever controls the network may not shrink the electorate quickly."""

VOTERS_MIN = 3
"""Below this, and below half of the members, only people decide who votes."""


def note_seen(state: State, context: BlockContext) -> None:
    """Write which voters this block heard of."""
    count, last_day = tables.days(state)
    day = context.time_ms // DAY_MS
    if day > last_day or context.height == 1:
        count, last_day = count + 1, max(day, last_day)
        tables.write(state, tables.DAYS_KEY, [count, last_day])
    for member_id, row in tables.voters(state):
        if member_id in context.signers or row.key in context.moved:
            tables.put_seen(state, member_id, SeenRow(context.height, context.time_ms, count))


def bring_back(state: State, context: BlockContext) -> None:
    """Give the voting role back to those who were silent and whose voting key now published something."""
    for member_id, away in tables.aways(state):
        held = tables.device(state, away.key)
        if away.reason not in ("dormant", "absent") or away.key not in context.moved:
            continue
        if held is not None and held.status == "active" and tables.is_in_good_standing(state, member_id):
            comes_back(state, member_id, away.key, context)


def put_to_rest(state: State, context: BlockContext) -> None:
    """Make the voter dormant who has been silent longest, if one has been so for long enough."""
    last_ms = tables.read(state, tables.DORMANCY_KEY)
    if last_ms is not None and context.time_ms < last_ms + PAUSE_MS:
        return
    voters = tables.voters(state)
    _, present = tables.roll(state)
    left = len(voters) - 1
    if left < max(VOTERS_MIN, -(-present // 2)) or not may_survive(left, tables.lying_voters(state)):
        return
    count, _ = tables.days(state)
    silent = []
    for member_id, _ in voters:
        seen = tables.seen(state, member_id)
        if seen is not None and _is_silent(seen, count, context):
            silent.append((seen.height, member_id))
    if silent:
        goes_away(state, min(silent)[1], "dormant", context)
        tables.write(state, tables.DORMANCY_KEY, context.time_ms)


def _is_silent(seen: SeenRow, days: int, context: BlockContext) -> bool:
    return (
        context.height - seen.height >= SILENT_BLOCKS_MIN
        and days - seen.days >= SILENT_DAYS_MIN
        and context.time_ms - seen.time_ms >= SILENT_MS_MIN
    )
