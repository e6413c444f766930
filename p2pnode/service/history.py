"""The past of a group's chain, read from its final blocks: which block ordered an entry, with what outcome.

Blocks keep their cuts, not their outcomes in order; these are put together again and compared with the root
that the block names.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator

from p2pnode.chain.candidates import read_lane
from p2pnode.consensus.certificate import Final, configuration_of_value, final_of_value
from p2pnode.consensus.cut import in_order
from p2pnode.consensus.format import (
    Configuration,
    decode_body,
    decode_header,
    ops_root,
)
from p2pnode.consensus.proof import Link
from p2pnode.core import codec
from p2pnode.core.crypto import sha256
from p2pnode.core.entry import decode_header as read_header
from p2pnode.core.errors import UsageError
from p2pnode.governance.configuration import configuration_of
from p2pnode.replication.lane import LaneState
from p2pnode.store.chain_tables import BlockRow
from p2pnode.store.group_file import GroupQueries

_BLOCKS_A_READ = 256


class History:
    """All final blocks of one group, by what they ordered."""

    def __init__(self, queries: GroupQueries) -> None:
        self._queries = queries
        self._lanes = {lane.number: lane for lane in queries.lanes()}
        self._numbers = {lane.key: lane.number for lane in self._lanes.values()}
        self._cuts: dict[int, list[tuple[int, int]]] = {}
        for row in _rows(queries, 1):
            # Behind a snapshot the bodies come later.
            for entry in decode_body(row.body).cut if row.body else ():
                number = self._numbers.get((entry.key, entry.lane))
                if number is not None:
                    self._cuts.setdefault(number, []).append((entry.seq, row.height))

    def height_of(self, number: int, seq: int) -> int | None:
        """The height of the block that ordered an entry."""
        cuts = self._cuts.get(number, [])
        index = bisect_left(cuts, (seq, 0))
        return cuts[index][1] if index < len(cuts) else None

    def outcomes(self, height: int) -> list[tuple[bytes, str]]:
        """What a block decided about each entry, in order of execution.

        Errors: UsageError proof.not_rebuilt where what is here does not give the block's root.
        """
        row = self._queries.chain.block(height)
        assert row is not None
        header = decode_header(row.header)
        before = {number: self._lane_before(number, height) for number in self._lanes}
        dead = {sha256(data): read_header(data) for data in self._queries.dead_headers()}
        found = []
        for entry in decode_body(row.body).cut:
            lane = before.get(self._numbers.get((entry.key, entry.lane), -1))
            if lane is not None:
                found += read_lane(self._queries, lane, entry.seq, before.get, dead)
        by_id = {item.candidate.id: item for item in found}
        outcomes = []
        for candidate in in_order([item.candidate for item in found], header.previous):
            rule = self._queries.chain.void_rule(by_id[candidate.id].position)
            outcomes.append((candidate.id, rule or ""))
        outcomes += self._queries.chain.late_outcomes(height)
        if ops_root(outcomes) != header.ops_root:
            raise UsageError(
                "proof.not_rebuilt",
                f"this node cannot put together what block {height} decided",
                "ask another member for the proof",
            )
        return outcomes

    def _lane_before(self, number: int, height: int) -> LaneState:
        """A lane as it stood before a block."""
        lane = self._lanes[number].copy()
        cuts = [seq for seq, at in self._cuts.get(number, []) if at < height]
        lane.decided = cuts[-1] if cuts else -1
        return lane

    def links(self, height: int) -> tuple[Link, ...]:
        """The way of a proof from the founding to a block: each change of who votes, and the last."""
        return tuple(links_above(self._queries, 0, height, (height,)))


def links_above(queries: GroupQueries, height: int, last: int, shown: Collection[int]) -> Iterator[Link]:
    """The way from a block up to another: each change of who votes, and the blocks that are to be shown."""
    for row in _rows(queries, height + 1):
        if row.height > last:
            return
        header = decode_header(row.header)
        is_change = header.next_config_hash != header.config_hash
        if is_change or row.height in shown:
            yield Link(_final_of(row), configuration_above(queries, row.height) if is_change else None)


def configuration_above(queries: GroupQueries, height: int) -> Configuration:
    """Who votes above a block: nobody else as long as no block that is left out here changes it."""
    above = queries.chain.next_blocks(height + 1, 1)
    if not above:
        return configuration_of(queries.chain)
    return configuration_of_value(codec.decode(above[0].configuration))


def _rows(queries: GroupQueries, first: int) -> Iterator[BlockRow]:
    while rows := queries.chain.next_blocks(first, _BLOCKS_A_READ):
        yield from rows
        first = rows[-1].height + 1


def _final_of(row: BlockRow) -> Final:
    convocation = None if row.convocation is None else codec.decode(row.convocation)
    return final_of_value([row.header, codec.decode(row.certificate), convocation])
