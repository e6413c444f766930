"""Branches of forked lanes that a quorum has acknowledged, as far as this node has heard of it (J17).

Whoever knows of one gives no N to a fresh block that seals its key and leaves the branch out, and follows it
here. Correct voters acknowledge no key of which they know that it was used twice, and two quorums share one
of them as long as no more voters lie than the group tolerates: then no second branch has a quorum, and where
two have one, neither is kept. Voters who have not heard may still seal such a branch away, and what they
notarized stands. Nothing is protected while more lies above the cut than is looked through. Not here: how a
lane is made to follow a branch (`branches.py`), and the refusal itself (`blocks.py`).

Source: C 2.5 (E4), 6.2, J17.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from p2pnode.chain.branches import first_open
from p2pnode.chain.candidates import LANES_ORDERED
from p2pnode.consensus.format import CutEntry
from p2pnode.core.crypto import sha256
from p2pnode.core.entry import Header, decode_header
from p2pnode.replication.lane import LaneState

if TYPE_CHECKING:
    from p2pnode.group_log import GroupLog

ENTRIES_MAX = 20_000
"""Entries above the cut that are looked through: a flood of them protects nothing, and keeps nobody busy."""

Place = tuple[bytes, int]


def acknowledged(log: GroupLog, voting_keys: Collection[bytes], quorum: int) -> dict[Place, CutEntry]:
    """How far a quorum of voters acknowledged a branch beyond a fork, by author and lane.

    Shapes: voting_keys are those of this height; only forks are there whose key no block has sealed.
    """
    branches = _branches(log)
    if not branches:
        return {}
    heard = _heard(log, voting_keys, branches)
    found: dict[Place, CutEntry] = {}
    torn: set[Place] = set()
    for entry_id, header in sorted(branches.items(), key=lambda item: (item[1].seq, item[0])):
        if len(heard.get(entry_id, ())) < quorum:
            continue
        place = (header.author, header.lane)
        before = found.get(place)
        if before is not None and before.seq == header.seq:
            torn.add(place)  # both have a quorum: too many voters lie, and neither is kept
        found[place] = CutEntry(header.author, header.lane, header.seq, entry_id)
    return {place: entry for place, entry in found.items() if place not in torn}


def _branches(log: GroupLog) -> dict[bytes, Header]:
    """What lies on branches beyond forks that no block has settled, by id."""
    open_: dict[Place, int] = {}
    for (author, number), fork_seq in log.fork_seqs.items():
        lane = log.lane(author, number)
        if number in LANES_ORDERED and lane is not None and not log.is_sealed(author):
            open_[author, number] = first_open(lane, fork_seq)
    branches = {
        id_: header
        for id_, header in log.dead.items()
        if header.seq >= open_.get((header.author, header.lane), header.seq + 1)
    }
    for place, first in open_.items():
        lane = log.lanes[log.numbers[place]]
        for stored in log.file.entries(lane.number, first, min(lane.seq, first + ENTRIES_MAX)):
            branches[sha256(stored.header)] = decode_header(stored.header)
    return branches


def _heard(
    log: GroupLog, voting_keys: Collection[bytes], branches: Mapping[bytes, Header]
) -> dict[bytes, set[bytes]]:
    """The voters in whose causal past each entry of a branch lies."""
    covers: dict[bytes, frozenset[bytes]] = {}
    heard: dict[bytes, set[bytes]] = {}
    for entry_id, header in _above_the_cut(log, branches):
        covered = covers.get(header.prev, frozenset())
        for ack in header.acks:
            covered |= covers.get(ack, frozenset())
            covered |= _with_past(ack, branches)
        covers[entry_id] = covered
        if header.author in voting_keys:
            for id_ in covered:
                heard.setdefault(id_, set()).add(header.author)
    return heard


def _with_past(entry_id: bytes, branches: Mapping[bytes, Header]) -> frozenset[bytes]:
    """An entry of a branch and what comes before it there."""
    past: set[bytes] = set()
    while entry_id in branches:
        past.add(entry_id)
        entry_id = branches[entry_id].prev
    return frozenset(past)


def _above_the_cut(log: GroupLog, branches: Mapping[bytes, Header]) -> list[tuple[bytes, Header]]:
    """What no block has ordered of lanes that go on, parents first."""
    found: list[tuple[bytes, Header]] = []
    for lane in _lanes(log):
        if len(found) > ENTRIES_MAX:
            return []
        last = min(lane.delivered, lane.decided + 1 + ENTRIES_MAX)
        for stored in log.file.entries(lane.number, lane.decided + 1, last):
            entry_id = sha256(stored.header)
            if entry_id not in branches:
                found.append((entry_id, decode_header(stored.header)))
    return sorted(found, key=lambda item: item[1].depth)


def _lanes(log: GroupLog) -> Iterator[LaneState]:
    for number in sorted(log.lanes):
        lane = log.lanes[number]
        if lane.lane in LANES_ORDERED and lane.delivered > lane.decided:
            yield lane
