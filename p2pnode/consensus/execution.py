"""Running a block: rows in, changes and outcomes out (J30).

Pure, and the same on every node: cut rows first, then seals of forked keys, then the entries in the order of
J10, then what the end of a block brings. What an entry does is the business of its type; the rules come in as
functions.

Source: C 5.4, 5.9, J17, J30.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from p2pnode.consensus.format import CutEntry
from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.consensus.slices import SLICE_ENTRIES, SLICE_PAYLOAD_BYTES, Slices, finish
from p2pnode.core import codec
from p2pnode.core.crypto import SIGNATURE_BYTES
from p2pnode.core.entry import Entry

Outcome = tuple[bytes, str]
"""An entry's id, and the rule that makes it void, or an empty text."""


@dataclass(frozen=True, slots=True)
class BlockContext:
    """What an entry may know of the block that orders it.

    Shapes: previous is the id of the block before; signers are the member ids under the parent's
    certificate, ascending; moved are the authors whose lanes the cut moved, ascending; ordered_bytes says, at
    the end of the block, how much of each author it orders, ascending. Provisional: nothing is ordered yet,
    the same rules are asked what would follow (J37). Everything follows from the block alone, nothing from
    the attempt in which it was decided. Units: time_ms is the block's time.
    """

    group: bytes
    height: int
    time_ms: int
    previous: bytes
    is_provisional: bool = False
    signers: tuple[bytes, ...] = ()
    moved: tuple[bytes, ...] = ()
    ordered_bytes: tuple[tuple[bytes, int], ...] = ()


Executor = Callable[[State, Entry, BlockContext], "str | None"]
"""Executes one entry. Shapes: None when it holds; else the rule that makes it void, and nothing was written
(a petition is written and gives the rule of what it waits for).
"""


class Seal(NamedTuple):
    """A key that was used twice, and how much of the forked lane counts. Shapes: keep_seq -1 for nothing."""

    key: bytes
    lane: int
    keep_seq: int


@dataclass(frozen=True, slots=True)
class BlockRules:
    """What happens to seals, to each entry, and at the end of a block.

    Shapes: end_block gives the outcomes of parked entries that it executed.
    """

    execute_seal: Callable[[State, Seal, BlockContext], None]
    execute_entry: Executor
    end_block: Callable[[State, BlockContext], tuple[Outcome, ...]]


@dataclass(frozen=True, slots=True)
class Execution:
    """What a block does. Shapes: changes ascending by key; outcomes in order of execution."""

    changes: dict[bytes, bytes | None]
    outcomes: tuple[Outcome, ...]


def execute(
    rows: Rows,
    context: BlockContext,
    cut: Sequence[CutEntry],
    seals: Sequence[Seal],
    entries: Sequence[Entry],
    rules: BlockRules,
) -> Execution:
    """Run a block on the rows before it; the rows stay as they are.

    Shapes: cut holds the lanes that the block moves; entries are in order of execution, with payloads.
    """
    return finish(executing(rows, context, cut, seals, entries, rules))


def executing(
    rows: Rows,
    context: BlockContext,
    cut: Sequence[CutEntry],
    seals: Sequence[Seal],
    entries: Sequence[Entry],
    rules: BlockRules,
) -> Slices[Execution]:
    """The same with a pause after each slice of entries."""
    state = State(rows)
    for place in cut:
        write_cut(state, place)
    for seal in sorted(seals):
        rules.execute_seal(state, seal, context)
    outcomes: list[Outcome] = []
    count = payload_bytes = 0
    for entry in entries:
        if count >= SLICE_ENTRIES or payload_bytes >= SLICE_PAYLOAD_BYTES:
            count = payload_bytes = 0
            yield
        outcomes.append((bytes(entry.id), rules.execute_entry(state, entry, context) or ""))
        count, payload_bytes = count + 1, payload_bytes + entry.header.payload_bytes
    outcomes += rules.end_block(state, replace(context, ordered_bytes=_ordered_bytes(entries)))
    return Execution(state.changes(), tuple(outcomes))


def _ordered_bytes(entries: Sequence[Entry]) -> tuple[tuple[bytes, int], ...]:
    """How much of each author's a block orders: headers, signatures and payloads."""
    sizes: dict[bytes, int] = {}
    for entry in entries:
        size = len(entry.header_bytes) + SIGNATURE_BYTES + entry.header.payload_bytes
        sizes[entry.author] = sizes.get(entry.author, 0) + size
    return tuple(sorted(sizes.items()))


def write_cut(state: State, place: CutEntry) -> None:
    """Write how far the group has ordered a lane."""
    state.put(_cut_key(place.key, place.lane), codec.encode([place.seq, place.id]))


def read_cut(rows: Rows, key: bytes, lane: int) -> tuple[int, bytes] | None:
    """How far the group has ordered a lane: the last seq and its entry's id."""
    data = rows.get(_cut_key(key, lane))
    if data is None:
        return None
    seq, entry_id = codec.decode(data)
    return seq, entry_id


def _cut_key(key: bytes, lane: int) -> bytes:
    return row_key("cut", key, bytes([lane]))
