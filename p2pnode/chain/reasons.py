"""Why a block is called for at one height, and what of the log belongs into it.

Source: C 5.3 (R0), J16, J23, J28.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from p2pnode.chain.candidates import LANES_ORDERED, Found
from p2pnode.consensus.block import Tip
from p2pnode.core.entry import Entry
from p2pnode.core.errors import FormatError
from p2pnode.governance import tables
from p2pnode.governance.ballot import CAST_TYPE, decode_cast
from p2pnode.governance.casting import is_last_waited_for
from p2pnode.governance.due import next_due_ms
from p2pnode.governance.share import waiting_until_ms
from p2pnode.replication.fork import check_fork_proof
from p2pnode.replication.lane import LaneState
from p2pnode.replication.run import stored_entry
from p2pnode.store.group_file import number_and_seq
from p2pnode.vocabulary import CALLING_TYPES

if TYPE_CHECKING:
    from p2pnode.group_log import GroupLog

DAY_MS = 24 * 3_600_000


class Reasons:
    """The reasons for a block on top of the tip. One owner, which tells the time."""

    def __init__(self, log: GroupLog, tip: Tip) -> None:
        self._log = log
        self._tip = tip
        charter = tables.charter(log.file.chain)
        self._checkpoint_entries = charter.checkpoint_entries
        self._checkpoint_ms = charter.checkpoint_days * DAY_MS
        self._waiting_ms = waiting_until_ms(log.file.chain)
        self.due_ms = next_due_ms(log.file.chain)
        self.now_ms = 0
        self._waiting: dict[int, Entry] = {}

    def is_called_for(self) -> bool:
        """Whether something asks for a block now."""
        log = self._log
        usable = [self._entry_at(position) for position in log.undecided if self._is_usable(position)]
        if self._call([entry for entry in usable if entry is not None]) or self.seals():
            return True
        if self.due_ms is not None and self.due_ms <= self.now_ms:
            return True
        above = self._above()
        return above >= self._checkpoint_entries or (above > 0 and self.now_ms >= self._checkpoint_at_ms)

    def calls_at_ms(self) -> int | None:
        """When something will call for a block by the clock alone, if it does not already."""
        times = [*self._waiting_ms.values(), *([] if self.due_ms is None else [self.due_ms])]
        if self._above():
            times.append(self._checkpoint_at_ms)
        return min((time_ms for time_ms in times if time_ms > self.now_ms), default=None)

    def has_reason(self, found: Sequence[Found], seals: Sequence[bytes], time_ms: int) -> bool:
        """Whether a block may exist: one without a reason would keep the group busy for nothing (R0)."""
        log = self._log
        found = [item for item in found if log.counts(item.entry.header)]
        return (
            any(not log.is_sealed(check_fork_proof(proof).author) for proof in seals)
            or self._call([item.entry for item in found])
            or (self.due_ms is not None and self.due_ms <= time_ms)
            or len(found) >= self._checkpoint_entries
            or (bool(found) and time_ms >= self._checkpoint_at_ms)
        )

    def seals(self) -> tuple[bytes, ...]:
        """Proofs of forks that no block holds yet."""
        return tuple(self._log.unsealed_proofs())

    def orderable(self, lane: LaneState) -> int:
        """The last seq of a lane that a block made here orders for its own sake."""
        last = self._log.orderable(lane)
        return min(last, lane.decided) if self.is_above_share(lane.author) else last

    def is_above_share(self, author: bytes) -> bool:
        """Whether a member fills more than its share, so that its entries wait (J16)."""
        if not self._waiting_ms:
            return False
        held = tables.member_of_device(self._log.file.chain, author)
        return held is not None and self._waiting_ms.get(held[0], 0) > self.now_ms

    def worth_an_order(self, found: Sequence[Found]) -> list[Found]:
        """What could hold and is within its author's share, and what that names: the rest gets no order."""
        log = self._log
        if not log.gone and not log.struck and not self._waiting_ms:
            return list(found)
        by_id = {item.candidate.id: item for item in found}
        above = {author for author, _ in log.numbers if self.is_above_share(author)}
        waiting = [
            item.candidate.id
            for item in found
            if item.candidate.author not in above and log.counts(item.entry.header)
        ]
        kept: set[bytes] = set()
        while waiting:
            entry_id = waiting.pop()
            if entry_id not in kept and entry_id in by_id:
                kept.add(entry_id)
                waiting += by_id[entry_id].candidate.needs
        return [item for item in found if item.candidate.id in kept]

    def _call(self, entries: Sequence[Entry]) -> bool:
        """Whether entries need an order now: ballots do only when they end a vote early (C 6.1)."""
        cast: list[tuple[bytes, bytes]] = []
        for entry in entries:
            if entry.header.type in CALLING_TYPES:
                return True
            if entry.header.type == CAST_TYPE:
                try:
                    ballot = decode_cast(entry.payload or b"")
                except FormatError:
                    continue  # it is void
                if ballot.member is None:
                    cast.append((entry.author, ballot.proposal))
        return bool(cast) and is_last_waited_for(self._log.file.chain, cast)

    def _entry_at(self, position: int) -> Entry | None:
        """An entry that waits for an order."""
        if position not in self._waiting:
            held = self._log.file.entry_at(position)
            if held is None:
                return None
            self._waiting[position] = stored_entry(held)
        return self._waiting[position]

    def forget_entries(self) -> None:
        """What was read may not be there any more."""
        self._waiting.clear()

    def _above(self) -> int:
        """How many entries wait for an order."""
        lanes = [lane for lane in self._log.lanes.values() if lane.lane in LANES_ORDERED]
        return sum(max(0, self.orderable(lane) - lane.decided) for lane in lanes)

    @property
    def _checkpoint_at_ms(self) -> int:
        return self._tip.time_ms + self._checkpoint_ms

    def _is_usable(self, position: int) -> bool:
        number, seq = number_and_seq(position)
        lane = self._log.lanes[number]
        if lane.author not in self._log.gone:
            return seq <= self.orderable(lane)
        entry = self._entry_at(position)
        is_counted = entry is not None and self._log.counts(entry.header)
        return is_counted and seq <= self._log.includable(lane)
