"""Views: what readers ask for, folded from delivered entries in slices, off the road of incoming entries.

They can be thrown away: `VERSION` rises when a fold changes, and the views are folded again from the first
entry.
"""

from __future__ import annotations

from p2pnode.core.annex import annexes_named
from p2pnode.core.crypto import sha256
from p2pnode.core.entry import Header, decode_header
from p2pnode.core.errors import FormatError
from p2pnode.economy import batch, claim, importing
from p2pnode.economy.batch import BATCH_TYPE
from p2pnode.economy.claim import CLAIM_TYPE, DUPLICATE_RULE
from p2pnode.economy.importing import IMPORT_TYPE
from p2pnode.group_change import Change
from p2pnode.group_log import GroupLog
from p2pnode.replication.lane import LaneState
from p2pnode.replication.run import stored_header
from p2pnode.store.group_file import ContributionRow, GroupTransaction, Place, position_of
from p2pnode.vocabulary import records_of

VERSION = b"3"
IMPORT_ROOT = b"import"
"""Rows of sheets stand beside commits, whose roots are ids of git objects."""

_VIEWED_TYPES = frozenset({CLAIM_TYPE, IMPORT_TYPE})


def is_behind(log: GroupLog) -> bool:
    """Whether some delivered entries are not in the views yet."""
    return any(lane.viewed < lane.delivered for lane in log.lanes.values())


def fold_slice(log: GroupLog, change: Change, entries_max: int) -> int:
    """Fold at most so many entries into the views; how many there were."""
    left = entries_max
    for number in sorted(log.lanes):
        original = log.lanes[number]
        if left <= 0 or original.viewed >= original.delivered:
            continue
        lane = change.get(number)
        assert lane is not None
        last = min(lane.delivered, lane.viewed + left)
        _fold_lane(change, lane, last)
        left -= last - lane.viewed
        lane.viewed = last
    return entries_max - left


def _fold_lane(change: Change, lane: LaneState, last: int) -> None:
    transaction = change.transaction
    first = lane.viewed + 1
    rows: list[ContributionRow] = []
    for seq, stored in enumerate(transaction.entries(lane.number, first, last), first):
        if stored.payload is None:
            continue
        header = stored_header(stored.header)
        position = position_of(lane.number, seq)
        for annex in annexes_named(stored.payload):
            change.want_annex(annex, position)
        if not _is_viewed(header, stored.payload):
            continue
        for item, (type_, payload, void) in enumerate(records_of(header, stored.payload)):
            if type_ == IMPORT_TYPE:
                if void is None:
                    name = importing.decode(payload).name
                    transaction.add_claim(IMPORT_ROOT, name, (position, item))
                continue
            if void is None:
                # It may make a row void that is still to be written.
                transaction.add_contributions(rows)
                rows.clear()
                void = _rival_rule(transaction, payload, (position, item))
            rows.append((position, item, header.author, header.time_ms, type_, void))
    transaction.add_contributions(rows)


def _is_viewed(header: Header, payload: bytes) -> bool:
    """Whether an entry or the records of a batch belong into a view; the rest is in the state."""
    if header.type != BATCH_TYPE:
        return header.type in _VIEWED_TYPES
    try:
        return batch.decode(payload).type in _VIEWED_TYPES
    except FormatError:
        return False


def _rival_rule(transaction: GroupTransaction, payload: bytes, place: Place) -> str | None:
    """Why a claim does not stand beside an earlier one of the same commit, or None.

    Until the group orders its entries, the claim that comes first in (depth, id) stands (J27): whichever
    came here first, all nodes show the same.
    """
    claimed = claim.decode(payload)
    holder = transaction.add_claim(claimed.root_commit, claimed.commit, place)
    if holder == place:
        return None
    if _rank(transaction, holder) < _rank(transaction, place):
        return DUPLICATE_RULE
    transaction.put_claim(claimed.root_commit, claimed.commit, place)
    transaction.void_contribution(holder, DUPLICATE_RULE)
    return None


def _rank(transaction: GroupTransaction, place: Place) -> tuple[int, bytes, int]:
    position, item = place
    stored = transaction.entry_at(position)
    assert stored is not None
    return decode_header(stored.header).depth, sha256(stored.header), item
