"""One group as its only writer holds it: lanes in memory, their file on disk, and the transactions between
the two.

A `Change` is one transaction. It works on copies of lanes; after COMMIT the copies replace the originals
and the effects go out, so that a rollback needs no undo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from p2pnode.core.crypto import SigningKey, sha256
from p2pnode.core.entry import Entry, decode_header, read_entry
from p2pnode.core.ids import Lane
from p2pnode.governance.founding import read_founding
from p2pnode.governance.ordering import voters
from p2pnode.governance.state import GroupState, fold
from p2pnode.group_change import Change
from p2pnode.replication.fork import branch_headers, check_fork_proof
from p2pnode.replication.frontier import Frontier
from p2pnode.replication.lane import LaneState, has_head, head_of, is_blocked, is_unacked
from p2pnode.replication.run import stored_entry
from p2pnode.store.group_file import (
    SEQ_BITS,
    GroupFile,
    GroupQueries,
    number_and_seq,
    position_of,
)


class GroupLog:
    """The lanes, the members and the frontier of one group."""

    def __init__(self, file: GroupFile, key: SigningKey) -> None:
        self.file = file
        self.key = key
        founding = file.founding()
        self.founding = read_entry(founding.header, founding.signature, founding.payload)
        self.group = bytes(self.founding.group)
        self.voters = voters(read_founding(self.founding))
        self.lanes = {lane.number: lane for lane in file.lanes()}
        self.numbers = {lane.key: lane.number for lane in self.lanes.values()}
        self.state = self.fold_state(file, self.lanes.get)
        proofs = [check_fork_proof(encoded) for encoded in file.fork_proofs().values()]
        self.fork_seqs = {(proof.author, proof.lane): proof.seq for proof in proofs}
        self.dead = {sha256(header): decode_header(header) for header in file.dead_headers()}
        for proof in proofs:
            self.dead.update(branch_headers(proof))
        self.undecided = {item.position for item in file.governed() if item.decided_order is None}
        epoch = file.setting("epoch") or bytes(16)
        self.frontier = Frontier(
            self.group, epoch, [head_of(lane) for lane in self.lanes.values() if has_head(lane)]
        )
        self.changed = self.frontier.changed
        self.blocked = {lane.number for lane in self.lanes.values() if is_blocked(lane)}
        self.unacked = {lane.number for lane in self.lanes.values() if is_unacked(lane)}
        self.named_by_voters = self._named_by_voters()
        self.vouched: frozenset[bytes] = frozenset()

    def fold_state(self, reader: GroupQueries, lane_of: Callable[[int], LaneState | None]) -> GroupState:
        """The members as the governed entries make them, read through a connection."""
        decided: list[tuple[tuple[int, int, bytes], Entry, int]] = []
        provisional: list[tuple[tuple[int, bytes], Entry]] = []
        for item in reader.governed():
            entry = stored_entry(item.entry)
            number, seq = number_and_seq(item.position)
            lane = lane_of(number)
            if lane is not None and lane.ended_at is not None and seq >= lane.ended_at:
                continue
            if item.decided_order is None or item.decided_ms is None:
                provisional.append(((entry.header.depth, entry.id), entry))
            else:
                order = (item.decided_order, entry.header.depth, entry.id)
                decided.append((order, entry, item.decided_ms))
        return fold(
            self.founding,
            [(entry, decided_ms) for _, entry, decided_ms in sorted(decided, key=lambda row: row[0])],
            [entry for _, entry in sorted(provisional, key=lambda row: row[0])],
        )

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

    def _named_by_voters(self) -> frozenset[bytes]:
        """The ids that waiting entries of voters name: those they have seen, and so decided on."""
        ids: set[bytes] = set()
        for number in self.blocked:
            lane = self.lanes[number]
            seq = lane.delivered if lane.author in self.voters and lane.lane == Lane.LOCAL else None
            while seq is not None:
                seq = self.file.next_ack(number, seq, lane.seq)
                held = None if seq is None else self.file.entry_at(position_of(number, seq))
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
            for id_ in sorted(named)
            if id_ != self.founding.id and id_ not in self.dead and self.file.position_of_id(id_) is None
        ]

    @property
    def is_voter(self) -> bool:
        return self.key.public in self.voters

    @property
    def has_duty(self) -> bool:
        """Whether we are the one to decide on an entry that waits for it, and an ack of ours would.

        A key that was used twice gets no more acks (J17): what it left undecided stays so.
        """
        if not self.undecided or not self.is_voter:
            return False
        forked = self.forked
        return any(
            (lane := self.lanes[position >> SEQ_BITS]).author != self.key.public
            and lane.author not in forked
            and position - position_of(lane.number, 0) <= lane.last_usable
            for position in self.undecided
        )

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
        self.fork_seqs, self.dead = change.fork_seqs, change.dead
        self.undecided = change.undecided
        self.named_by_voters, self.vouched = change.named_by_voters, change.vouched
        if change.state is not None:
            self.state = change.state
        self.frontier.apply(change.heads)


def _keep(numbers: set[int], number: int, is_member: bool) -> None:
    if is_member:
        numbers.add(number)
    else:
        numbers.discard(number)
