"""Old entries of lanes of votes go once nobody needs them, so that what a group keeps of them is bounded.

What a lane says of heights that have been final for long decides nothing any more: blocks keep their
certificates, and whoever is so far behind gets level by a snapshot, or follows by blocks. Kept are so many
heights that every node which goes on by lanes of votes finds them whole. A lane whose key was used twice
keeps all, as evidence. With proposals go the bodies of their blocks; final ones stand with the blocks.

Who lacks a lane's beginning begins where its peer does (`may_begin`): at an entry about a height that is
final here, so that whoever leaves something out of the present ones is not believed.

Source: J18.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2pnode.chain.saying import Saying, heights_of
from p2pnode.consensus.format import PROPOSAL_TYPE, body_named
from p2pnode.core.ids import Lane
from p2pnode.replication.run import Row, stored_header

if TYPE_CHECKING:
    from p2pnode.group_change import Change
    from p2pnode.group_log import GroupLog
    from p2pnode.replication.lane import LaneState

HEIGHTS_KEPT = 512
"""Heights below the last final one of which lanes of votes are kept whole."""

PAUSE_HEIGHTS = 16
"""Final blocks after which it is looked again for what may go."""

SLICE_ENTRIES = 256
"""Entries looked at in one slice."""


def is_due(log: GroupLog) -> bool:
    """Whether there may be something to prune."""
    return log.chain.tip.height >= log.pruned_at + PAUSE_HEIGHTS + HEIGHTS_KEPT


def prune_slice(change: Change) -> bool:
    """Prune a slice of one lane; whether there may be more."""
    log = change.log
    for number in sorted(log.lanes):
        lane = log.lanes[number]
        if lane.lane != Lane.VOTES or lane.ended_at is not None or lane.author in log.forked:
            continue
        last, bodies = _last_old(log, lane)
        if last > lane.pruned:
            held = change.get(number)
            assert held is not None
            change.transaction.prune(number, last, bodies)
            held.pruned = last
            return True
    log.pruned_at = log.chain.tip.height - HEIGHTS_KEPT
    return False


def _last_old(log: GroupLog, lane: LaneState) -> tuple[int, list[bytes]]:
    """The last entry of the next slice of a lane that may go, and the bodies that these entries name.

    The newest entry stays: it is the head that peers compare.
    """
    height = log.chain.tip.height - HEIGHTS_KEPT
    first, last = lane.pruned + 1, lane.pruned
    until = min(lane.decided, lane.seq - 1, lane.pruned + SLICE_ENTRIES)
    bodies: list[bytes] = []
    for seq, stored in enumerate(log.file.entries(lane.number, first, until), first):
        header = stored_header(stored.header)
        payload = stored.payload or b""
        heights = heights_of(Saying(lane.author, header.type, header.time_ms, payload))
        if heights and heights[-1] > height:
            break
        named = body_named(payload) if header.type == PROPOSAL_TYPE else None
        bodies += [] if named is None else [named]
        last = seq
    return last, bodies


def may_begin(log: GroupLog, author: bytes, row: Row) -> bool:
    """Whether a lane of votes may begin here at an entry: it is about nothing that is still to be decided."""
    heights = heights_of(Saying(author, row.type, row.time_ms, row.payload or b""))
    return bool(heights) and heights[-1] <= log.chain.tip.height
