"""A group's state made anew: opened from its file, and folded from its entries in another order."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import astuple
from typing import Any

from p2pnode import views
from p2pnode.chain import branches
from p2pnode.consensus.format import PROPOSAL_TYPE, body_named
from p2pnode.consensus.format import decode_header as decode_block
from p2pnode.core.entry import decode_header, read_entry
from p2pnode.core.ids import Lane
from p2pnode.group_log import GroupLog
from p2pnode.replication.fork import check_fork_proof
from p2pnode.replication.ingest import Taken
from p2pnode.replication.lane import LaneState
from p2pnode.replication.run import Row, Run, stored_header
from p2pnode.store.database import MEMORY
from p2pnode.store.group_file import FoundingBytes, GroupFile, id_prefix

_FAR_MS = 1 << 52
_CHUNK = 100


def rebuilt(log: GroupLog, image: bytes, *, is_folding: bool) -> Iterator[tuple[str, Any, Any]]:
    """Parts of the state, as the running node has them and as they come out anew."""
    reopened = GroupLog(GroupFile(MEMORY, make=lambda _: _opened(image)), log.key)
    for part, mine, fresh in zip(_PARTS, _memory(log), _memory(reopened), strict=True):
        yield f"{part} in memory and on disk", mine, fresh
    # Votes that are not kept any more order nothing again; what they ordered stands in the blocks (J18).
    if is_folding and all(lane.pruned < 0 for lane in log.lanes.values()):
        yield from _compared(reopened, _refolded(log, reopened))
    reopened.file.close()


def _compared(reopened: GroupLog, refolded: GroupLog) -> Iterator[tuple[str, Any, Any]]:
    yield "lanes folded again", _lanes(reopened), _lanes(refolded)
    yield "members folded again", _members(reopened), _members(refolded)
    yield "decisions folded again", len(reopened.undecided), len(refolded.undecided)
    yield "views folded again", _views(reopened), _views(refolded)
    yield "chain folded again", _chain(reopened), _chain(refolded)
    refolded.file.close()


_PARTS = ("lanes", "blocked", "unacked", "forked", "undecided", "members", "frontier")


def _opened(image: bytes) -> sqlite3.Connection:
    connection = sqlite3.connect(MEMORY, isolation_level=None, check_same_thread=False)
    if image:
        connection.deserialize(image)
    return connection


def _memory(log: GroupLog) -> tuple[Any, ...]:
    lanes = {number: astuple(lane) for number, lane in sorted(log.lanes.items())}
    heads = dict(sorted(log.frontier.heads.items()))
    return (
        lanes,
        log.blocked,
        log.unacked,
        log.forked,
        log.undecided,
        _members(log),
        (heads, log.frontier.changed),
    )


def _members(log: GroupLog) -> tuple[Any, ...]:
    return (tuple(log.state.members.values()), tuple(sorted(log.state.outcomes.items())))


def _lanes(log: GroupLog) -> dict[Any, Any]:
    """What does not depend on the order in which entries came."""
    return {
        # Of newcomers only so much is taken as there is room for, and that depends on the order.
        lane.key: None
        if log.state.standing(lane.author) not in ("member", "removed")
        else (lane.ended_at, lane.ended_id)
        if lane.ended_at is not None
        else (
            lane.seq,
            lane.id,
            lane.depth,
            lane.time_ms,
            lane.delivered,
            # How far votes need not be read again is a node's own matter.
            None if lane.lane == Lane.VOTES else lane.decided,
            lane.acked,
            lane.payload_bytes,
        )
        for lane in sorted(log.lanes.values(), key=lambda lane: lane.key)
    }


def _chain(log: GroupLog) -> tuple[Any, ...]:
    """Final blocks, and the state that they give."""
    chain = log.file.chain
    return ([block.id for block in chain.blocks(1, 1 << 40)], list(chain.scan(b"")))


def _views(log: GroupLog) -> tuple[Any, ...]:
    """Claims by the ids of their entries."""
    rows = log.file.contributions(before=_FAR_MS, limit=1 << 30)
    ids = {position: _id_at(log, position) for position, *_ in rows}
    contributions = sorted((ids[position], item, time, void) for position, item, time, void in rows)
    # The founders' names are wanted from the first start on, not by a view.
    founders = {inception.annex for inception in log.state.founding.inceptions}
    wanted = [hash_ for hash_ in log.file.wanted_annexes(1 << 30) if hash_ not in founders]
    return (contributions, sorted(wanted))


def _id_at(log: GroupLog, position: int) -> bytes:
    stored = log.file.entry_at(position)
    assert stored is not None
    return read_entry(stored.header, None, None).id


def _refolded(log: GroupLog, source: GroupLog) -> GroupLog:
    """The same entries in a new file, lane after lane from the last lane on."""
    founding = source.file.founding()
    file = GroupFile(MEMORY)
    file.begin_with(FoundingBytes(founding.header, founding.signature, founding.payload), bytes(16))
    fresh = GroupLog(file, log.key)
    waiting = [
        run
        for lane in sorted(source.lanes.values(), key=lambda lane: -lane.number)
        for run in _runs(source, lane)
    ]
    bodies = _bodies(source)
    with fresh.change() as change:
        for body in bodies:
            change.add_annex(body)
    for body in bodies:
        fresh.chain.take_body(body)
    _take_all(fresh, source, waiting)
    for proof in source.file.fork_proofs().values():
        with fresh.change() as change:
            change.seal(proof, check_fork_proof(proof))
    for header in source.file.dead_headers():
        with fresh.change() as change:
            change.add_dead(header)
    _take_all(fresh, source, waiting)
    while views.is_behind(fresh):
        with fresh.change() as change:
            views.fold_slice(fresh, change, 500)
    for annex_hash in fresh.file.wanted_annexes(1 << 30):
        for annex in source.file.annexes([annex_hash]):
            with fresh.change() as change:
                change.add_annex(annex)
    return fresh


def _bodies(source: GroupLog) -> list[bytes]:
    """The bodies of final blocks and of proposed ones, whose certificates make the blocks before them final.

    Who left reads the votes of later voters no more, and knows by such a certificate alone.
    """
    final = [block.body for block in source.file.chain.blocks(1, 1 << 40)]
    proposed = [
        body_named(stored.payload or b"")
        for lane in source.lanes.values()
        if lane.lane == Lane.VOTES
        for stored in source.file.entries(lane.number, 0, lane.seq)
        if stored_header(stored.header).type == PROPOSAL_TYPE
    ]
    hashes = dict.fromkeys(hash_ for hash_ in proposed if hash_ is not None)
    return list(dict.fromkeys([*final, *(body for hash_ in hashes for body in source.file.annexes([hash_]))]))


def _take_all(log: GroupLog, source: GroupLog, runs: list[Run]) -> None:
    """Take runs and commit blocks until nothing moves any more."""
    is_moving = True
    while is_moving:
        is_moving = _follow(log, source)
        for run in runs:
            with log.change() as change:
                taken = change.take(run, _FAR_MS)
            is_moving = is_moving or (isinstance(taken, Taken) and bool(taken.rows))


def _follow(log: GroupLog, source: GroupLog) -> bool:
    """Commit the blocks that votes make final, as a node does that only looks on. Whether there were any.

    A header may stand in a proposal beyond a fork only, which is not among the entries any more.
    """
    is_moving = False
    while True:
        row = source.file.chain.block(log.chain.tip.height + 1)
        if row is not None:
            log.chain.blocks.put_to_vote(decode_block(row.header))
        step = log.chain.step(_FAR_MS, (), may_sign=False)
        if step.final is None and not step.follow and not step.leave:
            if log.chain.blocks.is_busy:
                continue
            return is_moving
        with log.change() as change:
            for author, number in step.leave:
                branches.leave(change, author, number)
            for place in step.follow:
                branches.follow(change, place)
            if step.final is not None:
                change.commit(step.final)
        is_moving = True


def _runs(source: GroupLog, lane: LaneState) -> Iterator[Run]:
    """A lane in short runs that end at verified signatures."""
    rows: list[Row] = []
    prev = bytes(32)
    first = 0
    for seq, stored in enumerate(source.file.entries(lane.number, 0, lane.seq)):
        header = decode_header(stored.header)
        entry = read_entry(stored.header, stored.signature, stored.payload)
        rows.append(
            Row(
                seq,
                entry.id,
                id_prefix(entry.id),
                stored.header,
                stored.signature,
                stored.payload,
                header.depth,
                header.time_ms,
                header.acks,
                header.type,
            )
        )
        if stored.checked and stored.signature and (len(rows) >= _CHUNK or seq == lane.seq):
            yield Run(header.group, header.author, header.lane, first, prev, rows)
            prev, first, rows = entry.id, seq + 1, []
