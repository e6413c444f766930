"""What is provisional in a group, kept from one question to the next (J37).

The entries above the last cut are executed on top of the final rows. Whoever asks again gets what was
executed before, and what came since is executed on top of it as long as it stands behind it in the order;
else, after a block, and when some time has passed, all is executed anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, State
from p2pnode.core.entry import Entry
from p2pnode.core.ids import Lane
from p2pnode.replication.run import stored_entry
from p2pnode.store.group_file import GroupQueries
from p2pnode.vocabulary import execute_entry

PROVISIONAL_MAX = 10_000
"""Entries above the last cut that are executed for a view (J37)."""

PROVISIONAL_BYTES_MAX = 2 * 1024 * 1024
"""Payloads of these entries: batches bring hundreds of records each."""

_KEPT_MS = 60_000
"""Promises and agreements run out by the time at which one asks."""


class Executed(NamedTuple):
    """What some entries above the last cut do; nothing in it is changed any more.

    Shapes: place is that of the state below and the time; reached says by lane number up to which seq entries
    were taken; last is (depth, id) of the last of them; rules give for each entry why it would be void, or
    nothing. Units: payload_bytes of all of them.
    """

    place: tuple[int, bytes, int]
    reached: Mapping[int, int]
    last: tuple[int, bytes]
    rules: Mapping[bytes, str]
    payload_bytes: int
    rows: State


@dataclass(slots=True)
class Provisional:
    """What was executed last in one group. Readers in several threads put whole values in it."""

    executed: Executed | None = None

    def read(self, queries: GroupQueries, context: BlockContext) -> tuple[State, dict[bytes, str]]:
        """The rows with what is provisional on top, read through a connection, and the rule of each entry."""
        final = queries.chain
        place = (context.height, context.previous, context.time_ms // _KEPT_MS)
        before = self.executed
        if before is None or before.place != place:
            before = _nothing(place, final)
        fresh = _fresh(queries, before)
        if fresh is None or (fresh and _rank(fresh[0]) < before.last):
            before = _nothing(place, final)
            fresh = _fresh(queries, before)
        rows, rules = before.rows.on(final), dict(before.rules)
        if not fresh:
            self.executed = before
            return rows, rules
        size, last, reached = before.payload_bytes, before.last, dict(before.reached)
        for entry in fresh:
            size += entry.header.payload_bytes
            if len(rules) >= PROVISIONAL_MAX or (size > PROVISIONAL_BYTES_MAX and rules):
                break
            rules[entry.id] = execute_entry(rows, entry, context) or ""
            last = _rank(entry)
        for lane in queries.lanes():
            reached[lane.number] = lane.last_usable
        self.executed = Executed(place, reached, last, dict(rules), size, rows.on(final))
        return rows, rules


def _nothing(place: tuple[int, bytes, int], final: Rows) -> Executed:
    return Executed(place, {}, (-1, b""), {}, 0, State(final))


def _rank(entry: Entry) -> tuple[int, bytes]:
    return entry.header.depth, bytes(entry.id)


def _fresh(queries: GroupQueries, before: Executed) -> list[Entry] | None:
    """The facts above the last cut that were not taken yet, in order; None when one was taken back since."""
    found: list[Entry] = []
    for lane in queries.lanes():
        reached = before.reached.get(lane.number, lane.decided)
        if lane.last_usable < reached and reached > lane.decided:
            return None
        if lane.lane != Lane.VOTES:
            last = min(lane.last_usable, lane.decided + PROVISIONAL_MAX)
            stored = queries.entries(lane.number, reached + 1, last)
            found += [stored_entry(item) for item in stored if item.payload is not None]
    return sorted(found, key=_rank)
