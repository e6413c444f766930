"""What a node remembers of one lane: its tip, and how far it is delivered, decided and acknowledged."""

from __future__ import annotations

from dataclasses import dataclass, replace

from p2pnode.core.crypto import ZERO_HASH
from p2pnode.core.ids import Lane
from p2pnode.replication.frontier import Head

FORK_RULE = "lane.fork"
"""Why a lane ends at a fork, not at an entry that is wrong by itself."""


@dataclass(slots=True)
class LaneState:
    """The row of one lane; a transaction works on copies, which replace the originals after COMMIT.

    Shapes: seq and the marks are sequence numbers, -1 before the first entry. `delivered` is how far the
    causal past is present; `decided` how far a voter's lane covers it; `acked` and `acked_open` how far our
    own lanes 0 and 2 cover it. `ended_at` is the first seq that no cut passes: the fork, or the first entry
    of wrong depth or time (J14, J17); `ended_id` is the id before it. `pruned` is how far a lane of votes
    is not kept any more (J18).
    """

    number: int
    author: bytes
    lane: int
    seq: int = -1
    id: bytes = ZERO_HASH
    depth: int = -1
    time_ms: int = -1
    delivered: int = -1
    decided: int = -1
    acked: int = -1
    acked_open: int = -1
    viewed: int = -1
    checked: int = -1
    ended_at: int | None = None
    ended_id: bytes = ZERO_HASH
    ended_rule: str = ""
    changed: int = 0
    payload_bytes: int = 0
    pruned: int = -1

    @property
    def key(self) -> tuple[bytes, int]:
        """What names the lane inside its group: author and lane."""
        return (self.author, self.lane)

    @property
    def last_deliverable(self) -> int:
        """The last seq held that lies before the end of the lane."""
        return self.seq if self.ended_at is None else min(self.seq, self.ended_at - 1)

    @property
    def last_usable(self) -> int:
        """The last seq that a cut may contain."""
        return self.delivered if self.ended_at is None else min(self.delivered, self.ended_at - 1)

    def copy(self) -> LaneState:
        """A copy that may be changed without touching this one."""
        return replace(self)


def head_of(lane: LaneState) -> Head:
    """What the frontier says of a lane; one that ended counts up to its last good entry, with a marker
    (J38).
    """
    is_ended = lane.ended_at is not None
    is_proven = is_ended and lane.ended_rule == FORK_RULE
    if lane.ended_at is None or lane.seq < lane.ended_at - 1:
        return Head(lane.author, lane.lane, lane.seq, lane.id, lane.changed, is_ended, is_proven)
    return Head(lane.author, lane.lane, lane.ended_at - 1, lane.ended_id, lane.changed, True, is_proven)


def has_head(lane: LaneState) -> bool:
    """Whether the frontier says anything of a lane: it has entries, or is known to be forked."""
    return lane.seq >= 0 or lane.ended_at is not None


def is_blocked(lane: LaneState) -> bool:
    """Whether part of a lane waits for entries that it names."""
    return lane.delivered < lane.last_deliverable


def is_unacked(lane: LaneState) -> bool:
    """Whether one of our own lanes may still have to acknowledge part of a lane."""
    return lane.last_usable > lane.acked or (lane.lane == Lane.OPEN and lane.last_usable > lane.acked_open)


def mark_of(own_lane: int) -> str:
    """Which mark says how far an own lane covers others."""
    return "acked_open" if own_lane == Lane.OPEN else "acked"
