"""Reading the lanes of votes as they grow: each entry once, and which heights it speaks of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from p2pnode.chain.saying import Saying, heights_of
from p2pnode.chain.showing import PAST_HEIGHTS_MAX
from p2pnode.consensus.convocation import CLOSE_TYPE
from p2pnode.consensus.format import CERTIFICATE_TYPE
from p2pnode.core.ids import Lane
from p2pnode.replication.run import stored_header

if TYPE_CHECKING:
    from p2pnode.group_log import GroupLog


class Listening:
    """How far each lane of votes was read; mutable, owned by the chain."""

    def __init__(self, log: GroupLog) -> None:
        self._log = log
        self._heard: dict[int, int] = {}
        self._heights: dict[int, list[tuple[int, int]]] = {}

    def new(self, numbers: Iterable[int]) -> Iterator[tuple[Saying, list[int]]]:
        """What is new in some lanes, as far as they are lanes of votes, with the heights it speaks of."""
        for number in numbers:
            lane = self._log.lanes[number]
            if lane.lane != Lane.VOTES:
                continue
            first = max(self._heard.get(number, lane.decided), lane.pruned) + 1
            for seq, stored in enumerate(self._log.file.entries(number, first, lane.last_usable), first):
                header = stored_header(stored.header)
                saying = Saying(lane.author, header.type, header.time_ms, stored.payload or b"")
                heights = heights_of(saying)
                last = max(heights, default=0)
                # What was shown is read again after a restart, so that nobody shows it twice.
                last += PAST_HEIGHTS_MAX if saying.type in (CERTIFICATE_TYPE, CLOSE_TYPE) else 0
                self._heights.setdefault(number, []).append((seq, last))
                yield saying, heights
                self._heard[number] = seq

    def over(self, height: int) -> dict[int, int]:
        """Up to where lanes of votes speak of nothing above a height: what need not be read again."""
        over: dict[int, int] = {}
        for number, heights in self._heights.items():
            for seq, last in heights:
                if last > height:
                    break
                over[number] = seq
        return over

    def forget_below(self, height: int) -> None:
        """Forget what speaks of nothing above a height."""
        self._heights = {
            number: [(seq, last) for seq, last in heights if last > height]
            for number, heights in self._heights.items()
        }
