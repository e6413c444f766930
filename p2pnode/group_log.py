"""One group as its only writer holds it: lanes in memory, their file on disk, and the transactions between
the two.

A `Change` is one transaction. It works on copies of lanes; after COMMIT the copies replace the originals
and the effects go out, so that a rollback needs no undo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from p2pnode.chain.branches import last_orderable
from p2pnode.chain.candidates import LANES_ORDERED
from p2pnode.chain.chain import Chain
from p2pnode.chain.levelling import Level
from p2pnode.chain.stored import begin, is_begun, read_tip, tip_after
from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.format import decode_header as decode_block
from p2pnode.consensus.rows import Rows
from p2pnode.core.crypto import SigningKey, sha256
from p2pnode.core.entry import Entry, Header, decode_header, read_entry
from p2pnode.core.ids import Lane
from p2pnode.governance import tables
from p2pnode.governance.member_types import OPEN_TYPES
from p2pnode.governance.state import GroupState, state_of
from p2pnode.governance.tables import DeviceRow
from p2pnode.group_change import Change
from p2pnode.replication.fork import ForkProof, branch_headers, check_fork_proof
from p2pnode.replication.frontier import Frontier
from p2pnode.replication.lane import LaneState, has_head, head_of, is_blocked, is_unacked
from p2pnode.replication.run import stored_entry
from p2pnode.store.group_file import (
    GroupFile,
    GroupQueries,
    number_and_seq,
    position_of,
)
from p2pnode.vocabulary import execute_entry


class GroupLog:
    """The lanes, the members and the frontier of one group."""

    def __init__(self, file: GroupFile, key: SigningKey) -> None:
        self.file = file
        self.key = key
        founding = file.founding()
        self.founding = read_entry(founding.header, founding.signature, founding.payload)
        self.group = bytes(self.founding.group)
        self.lanes = {lane.number: lane for lane in file.lanes()}
        self.numbers = {lane.key: lane.number for lane in self.lanes.values()}
        if not is_begun(file.chain):
            with file.write(durable=False) as transaction:
                begin(transaction.chain, self.founding)
        proofs = [check_fork_proof(encoded) for encoded in file.fork_proofs().values()]
        self.fork_seqs = {(proof.author, proof.lane): proof.seq for proof in proofs}
        self.dead = {sha256(header): decode_header(header) for header in file.dead_headers()}
        for proof in proofs:
            self.dead.update(branch_headers(proof))
        self.undecided = {item.position for item in file.undecided()}
        self.state = self.fold_state(file, self.lanes.get)
        epoch = file.setting("epoch") or bytes(16)
        self.frontier = Frontier(
            self.group, epoch, [head_of(lane) for lane in self.lanes.values() if has_head(lane)]
        )
        self.changed = self.frontier.changed
        self.blocked = {lane.number for lane in self.lanes.values() if is_blocked(lane)}
        self.unacked = {lane.number for lane in self.lanes.values() if is_unacked(lane)}
        self.struck, self.gone = _struck(file.chain), _gone(file.chain)
        tip, voted_by = read_tip(file.chain, self.founding)
        self.level = Level(self)
        self.chain = Chain(self, tip, voted_by)
        self.pruned_at = 0

    def fold_state(self, reader: GroupQueries, lane_of: Callable[[int], LaneState | None]) -> GroupState:
        """The group as its last final block and what is provisional make it, read through a connection."""
        provisional: list[tuple[tuple[int, bytes], Entry]] = []
        for item in reader.undecided():
            entry = stored_entry(item.entry)
            number, seq = number_and_seq(item.position)
            lane = lane_of(number)
            if lane is not None and lane.decided < seq and (lane.ended_at is None or seq < lane.ended_at):
                provisional.append(((entry.header.depth, entry.id), entry))
        rows = reader.chain
        last = rows.tip()
        above = BlockContext(
            group=self.group,
            height=1 if last is None else last.height + 1,
            time_ms=self.founding.header.time_ms if last is None else decode_block(last.header).time_ms,
            previous=self.group if last is None else last.id,
        )
        entries = [entry for _, entry in sorted(provisional, key=lambda row: row[0])]
        return state_of(rows, self.founding, {}, entries, above, execute_entry)

    def lane(self, author: bytes, lane: int) -> LaneState | None:
        number = self.numbers.get((author, lane))
        return None if number is None else self.lanes[number]

    @property
    def forked(self) -> frozenset[bytes]:
        """The keys that were used twice, in whatever lane."""
        return frozenset(author for author, _ in self.fork_seqs)

    def waited_for(
        self, reader: GroupQueries, numbers: Iterable[int], lane_of: Callable[[int], LaneState | None]
    ) -> frozenset[bytes]:
        """The ids that the first waiting entry of each blocked lane names."""
        ids: set[bytes] = set()
        for number in numbers:
            lane = lane_of(number)
            if lane is None or not is_blocked(lane):
                continue
            seq = reader.next_ack(number, lane.delivered, lane.last_deliverable)
            held = None if seq is None else reader.entry_at(position_of(number, seq))
            if held is not None:
                ids.update(decode_header(held.header).acks)
        return frozenset(ids)

    def missing_headers(self) -> list[bytes]:
        """Ids that waiting entries name and that may lie on a dead branch, which no run brings (J17)."""
        if not self.fork_seqs:
            return []
        named = self.waited_for(self.file, self.blocked, self.lanes.get)
        return [
            id_
            for id_ in [*sorted(named), *sorted(self.below_dead())]
            if id_ != self.founding.id and id_ not in self.dead and self.file.position_of_id(id_) is None
        ]

    def below_dead(self) -> set[bytes]:
        """What dead headers follow on branches that no block has settled.

        Voters who acknowledged different entries of one branch have acknowledged together what lies below
        all of them; who cannot follow the branch down to there counts too few of them (J17).
        """
        return {
            header.prev
            for header in self.dead.values()
            if header.lane in LANES_ORDERED
            and header.seq > self.fork_seqs.get((header.author, header.lane), header.seq)
            and not self.is_sealed(header.author)
            and header.prev not in self.dead
        }

    def unsealed_proofs(self) -> list[bytes]:
        """Proofs of forks by keys that are not sealed yet, one for each key that the group knows, or of whom
        something could be ordered now."""
        proofs: dict[bytes, bytes] = {}
        if not self.fork_seqs:
            return []
        for (author, _), proof in self.file.fork_proofs().items():
            if not self.is_sealed(author) and self._is_worth_a_seal(author):
                proofs.setdefault(author, proof)
        return [proofs[author] for author in sorted(proofs)]

    def _is_worth_a_seal(self, author: bytes) -> bool:
        if tables.device(self.file.chain, author) is not None:
            return True
        lanes = (self.lane(author, lane) for lane in (Lane.LOCAL, Lane.OPEN))
        return any(lane is not None and lane.delivered > lane.decided for lane in lanes)

    def is_sealed(self, author: bytes) -> bool:
        """Whether a final block has struck a key for a fork."""
        held = self.struck.get(author)
        return held is not None and held.status == "sealed"

    @property
    def sealed(self) -> frozenset[bytes]:
        """The keys that final blocks have struck for a fork."""
        return frozenset(author for author in self.struck if self.is_sealed(author))

    def includable(self, lane: LaneState) -> int:
        """The last seq of a lane that a block made here may contain: nothing beyond a fork but what a quorum
        acknowledged (J17)."""
        last = last_orderable(lane, self.fork_seqs.get(lane.key))
        kept = self.chain.blocks.acknowledged.get(lane.key)
        if kept is not None and (lane.ended_at, lane.ended_id) == (kept.seq + 1, kept.id):
            last = lane.last_usable
        held = self.struck.get(lane.author)
        if held is None or held.status != "sealed":
            return last
        return min(last, max(held.kept(lane.lane), lane.decided))

    def orderable(self, lane: LaneState) -> int:
        """The last seq of a lane that waits for an order: of a struck key what counts (J25), of somebody who
        is no member any more nothing beyond the block that ended it (J23)."""
        if lane.author in self.gone:
            return min(self.includable(lane), lane.decided)
        held = self.struck.get(lane.author)
        last = self.includable(lane)
        return last if held is None else min(last, max(held.kept(lane.lane), lane.decided))

    def counts(self, header: Header) -> bool:
        """Whether an entry could hold at all: its key was not struck before, and whose membership is over can
        only come back (J23)."""
        if header.author in self.gone and header.type not in OPEN_TYPES:
            return False
        held = self.struck.get(header.author)
        return held is None or header.seq <= held.kept(header.lane)

    def knows_fork(self, proof: ForkProof) -> bool:
        """Whether this fork, or a lower one of the same lane, is known."""
        known = self.fork_seqs.get((proof.author, proof.lane))
        return known is not None and known <= proof.seq

    @contextmanager
    def change(self, *, durable: bool = True) -> Iterator[Change]:
        """One transaction; what it did is adopted after COMMIT."""
        with self.file.write(durable=durable) as transaction:
            change = Change(self, transaction)
            yield change
            change.finish()
        self._adopt(change)

    def _adopt(self, change: Change) -> None:
        for lane in change.lanes.values():
            self.lanes[lane.number] = lane
            self.numbers[lane.key] = lane.number
            _keep(self.blocked, lane.number, is_blocked(lane))
            _keep(self.unacked, lane.number, is_unacked(lane))
        self.changed = change.changed
        is_judged_anew = change.has_dropped or change.fork_seqs != self.fork_seqs
        self.fork_seqs, self.dead = change.fork_seqs, change.dead
        self.undecided = change.undecided
        if change.state is not None:
            self.state = change.state
        self.frontier.apply(change.heads)
        if is_judged_anew:
            self.chain.blocks.judge_again(has_dropped=change.has_dropped)
        if change.is_levelled:
            self._begin_at_snapshot()
        if change.final is not None:
            self.struck, self.gone = _struck(self.file.chain), _gone(self.file.chain)
            self.chain.advance(tip_after(self.chain.tip, change.final.made, change.final.certificate))
        if change.state is not None:
            self.chain.note_speakers()
        self.chain.hear(sorted(change.lanes))
        self.chain.has_moved = True
        self.chain.is_stirred |= change.is_governed_changed or self.chain.blocks.is_waiting

    def _begin_at_snapshot(self) -> None:
        """Go on from the state that was taken, as after a start."""
        self.struck, self.gone = _struck(self.file.chain), _gone(self.file.chain)
        self.level = Level(self)
        self.chain = Chain(self, *read_tip(self.file.chain, self.founding))


def _struck(rows: Rows) -> dict[bytes, DeviceRow]:
    """The keys that speak no more, with what counts of them."""
    return {key: row for key, row in tables.devices(rows) if row.status in ("sealed", "revoked")}


def _gone(rows: Rows) -> frozenset[bytes]:
    """The keys of those who are members no more."""
    over = {member_id for member_id, row in tables.members(rows) if row.status in ("left", "removed")}
    return frozenset(key for key, row in tables.devices(rows) if row.member in over)


def _keep(numbers: set[int], number: int, is_member: bool) -> None:
    if is_member:
        numbers.add(number)
    else:
        numbers.discard(number)
