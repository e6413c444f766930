"""One transaction on a group: what is taken, delivered, decided, written and sealed in it.

It works on copies of lanes; after COMMIT the log adopts them and the effects go out, so that a rollback
needs no undo. Not here: what lives between transactions (`group_log`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

from p2pnode.authoring import rows_of, sign_chain
from p2pnode.chain import branches
from p2pnode.chain.parting import devices_ended
from p2pnode.chain.pruning import may_begin
from p2pnode.chain.stored import commit as commit_block
from p2pnode.consensus.execution import read_cut
from p2pnode.consensus.format import PROPOSAL_TYPE, body_named
from p2pnode.consensus.format import encode_header as encode_block
from p2pnode.core.crypto import ZERO_HASH, sha256
from p2pnode.core.entry import Entry, Header, decode_header, read_entry
from p2pnode.core.errors import UsageError
from p2pnode.core.events import Item
from p2pnode.core.ids import EntryId, Lane
from p2pnode.core.limits import ACKS_MAX, CLOCK_AHEAD_MS_MAX, NEWCOMER_BYTES_MAX, NEWCOMER_ENTRIES_MAX
from p2pnode.governance.member_types import NEWCOMER_TYPES
from p2pnode.governance.state import PETITION_RULES, GroupState, may_admit
from p2pnode.replication.causality import Parent, ack_fault, cover
from p2pnode.replication.fork import ForkProof, branch_headers
from p2pnode.replication.frontier import Head
from p2pnode.replication.ingest import Apart, Held, Refused, Taken, beginning_at, decide, end_lane
from p2pnode.replication.lane import LaneState, has_head, head_of, is_blocked, mark_of
from p2pnode.replication.run import Row, Run
from p2pnode.store.ending_tables import End
from p2pnode.store.group_file import (
    GroupTransaction,
    lane_values,
    number_and_seq,
    position_of,
)
from p2pnode.vocabulary import GOVERNED_TYPES, blobs_named

if TYPE_CHECKING:
    from p2pnode.chain.step import Final
    from p2pnode.group_log import GroupLog

_UNBOUNDED = 1 << 40
_ACK_TYPE = "ack"


class Change:
    """One transaction on a group. `heads` and `is_regrouped` are complete after `finish`."""

    def __init__(self, log: GroupLog, transaction: GroupTransaction) -> None:
        self.log = log
        self.transaction = transaction
        self.lanes: dict[int, LaneState] = {}
        self.heads: list[Head] = []
        self.changed = log.changed
        self.fork_seqs, self.dead = log.fork_seqs, log.dead
        self.undecided = set(log.undecided)
        self.state: GroupState | None = None
        self.own_entries: list[Entry] = []
        self.final: Final | None = None
        self.is_levelled = False
        self._annexes_missing: set[bytes] = set()
        self.has_dropped = False
        self.is_governed_changed = False
        self._is_state_stale = False

    # ---- lanes

    def get(self, number: int) -> LaneState | None:
        """A lane as this transaction may change it."""
        held = self.lanes.get(number)
        if held is None:
            original = self.log.lanes.get(number)
            if original is None:
                return None
            held = self.lanes[number] = LaneState(*lane_values(original))
        return held

    def lane(self, author: bytes, lane: int) -> LaneState | None:
        number = self.log.numbers.get((author, lane))
        if number is not None:
            return self.get(number)
        return next((held for held in self.lanes.values() if held.key == (author, lane)), None)

    def lane_for_writing(self, author: bytes, lane: int) -> LaneState:
        held = self.lane(author, lane)
        if held is None:
            held = self.transaction.add_lane(author, lane)
            self.lanes[held.number] = held
        return held

    @property
    def group_state(self) -> GroupState:
        """The members as this transaction has them; folded when somebody asks, not for every entry."""
        if self._is_state_stale:
            self.state = self.log.fold_state(self.transaction, self.get)
            self._is_state_stale = False
        return self.state if self.state is not None else self.log.state

    # ---- taking runs

    def take(self, run: Run, now_ms: int) -> Taken | Refused | Held | Apart:
        """Decide on a run and store what of it may be stored."""
        lane = self.lane(run.author, run.lane)
        state = lane if lane is not None else LaneState(0, run.author, run.lane)
        room = self._room(run)
        if room <= 0:
            return Apart("author.unknown" if state.seq < 0 else "newcomer.quota", state.seq)
        state = self._begun(state, run)
        decision = decide(state, run, now_ms, room, lambda seq: self.id_at(state.number, seq))
        if isinstance(decision, Apart) and lane is not None:
            decision = branches.take_other(self, lane, run, decision, now_ms, room)
        if isinstance(decision, Taken) and decision.rows:
            if branches.is_faulty(decision) and branches.is_on_the_way(state, self.fork_seqs.get(state.key)):
                return Apart("lane.other_branch", state.seq)
            self._store(decision, run)
        return decision

    def _begun(self, state: LaneState, run: Run) -> LaneState:
        """The lane as it is, or as it begins with a run whose peer does not keep what comes before it."""
        is_gap = run.lane == Lane.VOTES and run.first_seq > state.seq + 1 and state.ended_at is None
        if is_gap and run.author not in self._forked() and may_begin(self.log, run.author, run.rows[0]):
            return beginning_at(state, run)
        return state

    def _room(self, run: Run) -> int:
        """How many entries may be taken of a run.

        Whatever quota its author has: what a stored entry of somebody else names is taken, or that lane
        would be delivered on some nodes and wait on others for ever (J14, J16).
        """
        standing = self.group_state.standing(run.author)
        is_gone = run.author in self.log.gone and run.lane != Lane.VOTES
        if run.lane == Lane.VOTES and self._is_unheard(run.author):
            lane = self.lane(run.author, run.lane)
            return NEWCOMER_ENTRIES_MAX if lane is None else lane.decided + NEWCOMER_ENTRIES_MAX - lane.seq
        if run.author == self.log.key.public or (standing in ("member", "removed") and not is_gone):
            return _UNBOUNDED
        lane = self.lane(run.author, run.lane)
        held = -1 if lane is None else lane.seq
        if is_gone:
            # What a block ordered, and room to ask to come back: the rest counts for nothing (J23).
            final = read_cut(self.log.file.chain, run.author, run.lane)
            room = (-1 if final is None else final[0]) + NEWCOMER_ENTRIES_MAX - held
        else:
            room = self._newcomer_room(run, standing)
        if run.rows[-1].seq - held <= room:
            return room
        named = self.waited_for()
        ordered = self.log.chain.bodies.named(run.author, run.lane) - held
        return max([room, ordered, *(row.seq - held for row in run.rows if row.id in named)])

    def _is_unheard(self, author: bytes) -> bool:
        """Whether a key votes no more, and its member or itself is gone: nobody needs its votes."""
        is_over = author in self.log.gone or author in self.log.struck
        return is_over and author != self.log.key.public and author not in self.log.chain.voting_keys

    def waited_for(self) -> frozenset[bytes]:
        """The ids that entries here wait for."""
        numbers = sorted({*self.log.blocked, *self.lanes})
        return self.log.waited_for(self.transaction, numbers, self._peek)

    def _peek(self, number: int) -> LaneState | None:
        """A lane as it is in this transaction, to be read only."""
        return self.lanes.get(number) or self.log.lanes.get(number)

    def _newcomer_room(self, run: Run, standing: str | None) -> int:
        """How many entries a newcomer may still add (J21)."""
        lanes = [held for lane in Lane if (held := self.lane(run.author, lane)) is not None]
        entries = sum(held.seq + 1 for held in lanes)
        # What was taken once, of somebody whose join came to nothing later, may grow as on other nodes.
        if standing is None and not entries and not self._is_admissible(run):
            return 0
        if sum(held.payload_bytes for held in lanes) > NEWCOMER_BYTES_MAX:
            return 0
        return NEWCOMER_ENTRIES_MAX - entries

    def _is_admissible(self, run: Run) -> bool:
        if run.lane != Lane.LOCAL:
            return False
        return any(
            row.type in NEWCOMER_TYPES
            and may_admit(self.group_state, read_entry(row.header, row.signature, row.payload))
            in (None, *PETITION_RULES)
            for row in run.rows[:NEWCOMER_ENTRIES_MAX]
        )

    def id_at(self, number: int, seq: int) -> bytes | None:
        """The id of an entry held at a seq of a lane."""
        held = self.transaction.entry_at(position_of(number, seq))
        return None if held is None else read_entry(held.header, None, None).id

    def _store(self, taken: Taken, run: Run) -> None:
        lane = self.lane_for_writing(run.author, run.lane)
        state = taken.state
        if state.pruned > lane.pruned:
            self.transaction.prune(lane.number, state.pruned, ())
            lane.pruned, lane.decided = state.pruned, state.decided
            lane.seq = lane.delivered = lane.viewed = lane.checked = state.pruned
        before = lane.seq
        self.transaction.add_rows(lane.number, taken.rows, taken.checked)
        lane.seq, lane.id, lane.depth, lane.time_ms = state.seq, state.id, state.depth, state.time_ms
        lane.payload_bytes = state.payload_bytes
        lane.ended_at, lane.ended_id, lane.ended_rule = state.ended_at, state.ended_id, state.ended_rule
        for row in taken.rows:
            if row.type in GOVERNED_TYPES:
                self._govern(lane, row.seq)
        if lane.lane == Lane.VOTES:
            self._want_bodies(lane.number, taken.rows)
        if lane.delivered == before < lane.last_deliverable and not any(row.acks for row in taken.rows):
            self._deliver_to(lane, lane.last_deliverable, has_acks=False)

    def _want_bodies(self, number: int, rows: Sequence[Row]) -> None:
        """Note the bodies of proposed blocks, which travel as annexes do."""
        for row in rows:
            if row.type == PROPOSAL_TYPE and row.payload is not None:
                body_hash = body_named(row.payload)
                if body_hash is not None:
                    position = position_of(number, row.seq)
                    self.want_annex(body_hash, position)

    def _govern(self, lane: LaneState, seq: int) -> None:
        """Note an entry that changes who belongs to the group. Elsewhere than in lane 0 it is void."""
        if lane.lane == Lane.LOCAL:
            position = position_of(lane.number, seq)
            self.transaction.add_governed(position)
            if seq > lane.decided:  # behind a snapshot, entries come that were decided long ago
                self.undecided.add(position)
                self.note_regrouped()

    # ---- delivery

    def deliver_all(self) -> None:
        """Deliver every lane as far as its causal past is present."""
        progress = True
        while progress:
            progress = False
            for number in sorted({*self.log.blocked, *self.lanes}):
                lane = self.get(number)
                if lane is not None and is_blocked(lane):
                    progress = self._deliver(lane) or progress

    def _deliver(self, lane: LaneState) -> bool:
        start = lane.delivered
        while lane.delivered < lane.last_deliverable:
            seq = self.transaction.next_ack(lane.number, lane.delivered, lane.last_deliverable)
            if seq is None:
                self._deliver_to(lane, lane.last_deliverable, has_acks=False)
                break
            if lane.delivered < seq - 1:
                self._deliver_to(lane, seq - 1, has_acks=False)
            if not self._deliver_one(lane, seq):
                break
        return lane.delivered > start

    def _deliver_one(self, lane: LaneState, seq: int) -> bool:
        position = position_of(lane.number, seq)
        held = self.transaction.entry_at(position)
        assert held is not None
        header = decode_header(held.header)
        parents: list[Parent] = []
        for ack in header.acks:
            parent = self._parent(ack)
            if parent is None:
                return False
            parents.append(parent)
        previous = self.transaction.entry_at(position - 1) if seq else None
        previous_depth = decode_header(previous.header).depth if previous else -1
        fault = ack_fault(lane, header.depth, header.time_ms, previous_depth, parents)
        if fault is not None:
            if not branches.leave_faulty(self, lane, seq):
                end_lane(lane, seq, header.prev, "lane.fault")
            return False
        self.transaction.resolve_acks(position, [parent.position for parent in parents])
        self._deliver_to(lane, seq, has_acks=True)
        return True

    def _parent(self, ack: bytes) -> Parent | None:
        """What an ack names, if it is delivered here, or lies on a dead branch (J17). What a lane holds
        beyond a fault is never delivered anywhere, and who names it waits for ever (J14).
        """
        if ack == self.log.founding.id:
            header = self.log.founding.header
            return Parent(0, header.depth, header.time_ms, header.author, -1)
        position = self.transaction.position_of_id(ack)
        if position is None:
            dead = self.dead.get(ack)
            return None if dead is None else self._dead_parent(dead)
        number, seq = number_and_seq(position)
        lane = self.get(number)
        held = self.transaction.entry_at(position)
        if lane is None or held is None:
            return None
        header = decode_header(held.header)
        if lane.ended_at is not None and seq >= lane.ended_at:
            return self._dead_parent(header)
        if seq > lane.delivered:
            return None
        return Parent(position, header.depth, header.time_ms, header.author, header.lane)

    def is_dead(self, header: Header) -> bool:
        """Whether an entry lies on a branch of a forked lane, whichever of the branches it is."""
        fork_seq = self.fork_seqs.get((header.author, header.lane))
        return fork_seq is not None and header.seq >= fork_seq

    def _dead_parent(self, header: Header) -> Parent | None:
        """An entry on a dead branch, once what comes before the fork is delivered.

        It covers the lane up to the fork and nothing else: so nodes that hold its branch and nodes that
        know only its header agree on what follows.
        """
        if branches.is_awaited(self, header):
            return None
        lane = self.lane(header.author, header.lane)
        fork_seq = self.fork_seqs.get((header.author, header.lane))
        if lane is None or fork_seq is None or header.seq < fork_seq or lane.delivered < fork_seq - 1:
            return None
        position = position_of(lane.number, fork_seq - 1) if fork_seq else 0
        return Parent(position, header.depth, header.time_ms, header.author, header.lane)

    def _deliver_to(self, lane: LaneState, seq: int, *, has_acks: bool) -> None:
        """Note that a lane is delivered up to a seq, and what follows when it is our own."""
        before, lane.delivered = lane.delivered, seq
        named = self.transaction.acks_between(lane.number, before, seq) if has_acks else []
        if lane.author == self.log.key.public and lane.lane != Lane.VOTES:
            mark = mark_of(lane.lane)
            for _, targets in named:
                cover(self.transaction, self, mark, targets, _nothing)
            setattr(lane, mark, seq)

    # ---- final blocks

    def commit(self, final: Final) -> None:
        """Write a final block: its rows, its outcomes, and how far each lane is decided."""
        made = final.made
        ended = devices_ended(self.transaction.chain, made.execution.changes)
        commit_block(self.transaction.chain, made, final.certificate, final.configuration, final.convocation)
        # Whoever missed the proposal asks for the header by its id, as for any other annex.
        self.add_annex(encode_block(made.header))
        for number, seq in final.made.lanes:
            lane = self.get(number)
            assert lane is not None
            lane.decided = seq
        for number, seq in final.votes_over.items():
            lane = self.get(number)
            assert lane is not None
            lane.decided = max(lane.decided, seq)
        self.final = final
        if ended:
            decided = {lane.key: lane.decided for lane in map(self._peek, self.log.lanes) if lane is not None}
            self.transaction.endings.put(ended, End(made.header.height, decided))
        self._note_decided()

    def note_levelled(self) -> None:
        """A snapshot took the place of the state; lanes are decided as far as it says, here or not."""
        self.is_levelled = True
        self._note_decided()

    def _note_decided(self) -> None:
        self.undecided = {position for position in self.undecided if self._is_undecided(position)}
        branches.settle_ends(self)
        self.note_regrouped()

    def _is_undecided(self, position: int) -> bool:
        number, seq = number_and_seq(position)
        lane = self._peek(number)
        return lane is None or seq > lane.decided

    # ---- own entries

    def append_all(self, items: Sequence[Item], now_ms: int) -> list[Entry]:
        """Write entries of our own, whose form was checked. Errors: UsageError key.forked, clock.behind."""
        if self.log.key.public in self._forked():
            raise UsageError(
                "key.forked",
                "this device's key was used twice in this group, so it must not sign again",
                "join again with a new key: p2pnode --profile NAME join LINK",
            )
        entries: list[Entry] = []
        for lane, part in groupby(items, key=attrgetter("lane")):
            entries += self._append_chain(lane, list(part), now_ms)
        for item in items:
            for annex in item.annexes:
                self.add_annex(annex)
        return entries

    def _append_chain(self, lane_number: int, items: Sequence[Item], now_ms: int) -> list[Entry]:
        """Write consecutive entries of one lane; the first acknowledges for all of them."""
        own = self.log.key.public
        lane = self.lane_for_writing(own, lane_number)
        parents = sorted(self._choose_acks(lane_number), key=itemgetter(0))
        time_ms = max(now_ms, lane.time_ms + 1, *(parent.time_ms for _, parent in parents), 0)
        if time_ms + len(items) - 1 > now_ms + CLOCK_AHEAD_MS_MAX:
            raise UsageError(
                "clock.behind",
                "this machine's clock is more than ten minutes behind the last entry of this device",
                "set the clock, then try again",
            )
        depth = 1 + max([lane.depth, *(parent.depth for _, parent in parents)])
        acks = tuple(ack for ack, _ in parents)
        place = (1, self.log.group, own, lane_number, lane.seq + 1, lane.id, depth, time_ms, acks)
        entries = sign_chain(self.log.key, Header(*place, items[0].type, 0, ZERO_HASH), items)
        self.add_own(entries, [parent.position for _, parent in parents])
        return entries

    def add_own(self, entries: Sequence[Entry], targets: Sequence[int] | None) -> None:
        """Store entries of our own that continue their lane, of which only the first may have acks.

        Shapes: targets are the positions that its acks name, where they are known already.
        """
        first, last = entries[0].header, entries[-1].header
        lane = self.lane_for_writing(first.author, first.lane)
        before = lane.seq
        self.transaction.add_rows(lane.number, rows_of(entries), [1] * len(entries))
        lane.seq, lane.id, lane.depth, lane.time_ms = last.seq, entries[-1].id, last.depth, last.time_ms
        for entry in entries:
            lane.payload_bytes += entry.header.payload_bytes
            if entry.header.type in GOVERNED_TYPES:
                self._govern(lane, entry.header.seq)
        if lane.delivered == before and (targets is not None or not first.acks):
            if first.acks:
                self.transaction.resolve_acks(position_of(lane.number, first.seq), targets or ())
            self._deliver_to(lane, lane.last_deliverable, has_acks=bool(first.acks))
        self.own_entries += entries

    def add_annex(self, annex: bytes) -> None:
        annex_hash = sha256(annex)
        self.transaction.put_annex(annex_hash, annex)
        self._annexes_missing.discard(annex_hash)

    def keep_named(self, rows: Sequence[Row], blobs: Sequence[bytes]) -> None:
        """Keep what came along with entries and is named by them, or wanted anyway; the rest is dropped."""
        if not blobs:
            return
        named = {name for row in rows if row.payload for name in blobs_named(row.type, row.payload)}
        for blob in blobs:
            blob_hash = sha256(blob)
            if blob_hash in named or self.transaction.is_wanted_annex(blob_hash):
                self.add_annex(blob)

    def want_annex(self, annex_hash: bytes, position: int = 0) -> None:
        """Ask for something by its hash that no entry here names."""
        if self.transaction.want_annex(annex_hash, position):
            self._annexes_missing.add(annex_hash)

    @property
    def is_urgent(self) -> bool:
        """Whether own entries call for a block: the sooner all voters have them, the sooner it is final."""
        return any(entry.header.type in GOVERNED_TYPES for entry in self.own_entries)

    @property
    def has_new_annex_wants(self) -> bool:
        """Whether annexes were named that are not here and of which nobody was told yet."""
        return bool(self._annexes_missing)

    def _choose_acks(self, lane: int) -> list[tuple[EntryId, Parent]]:
        """Delivered heads that are not in our causal past yet, deepest first, at most eight (J2)."""
        if lane == Lane.VOTES:
            return []
        own = self.log.key.public
        candidates: list[tuple[int, EntryId, Parent]] = []
        mine: list[tuple[EntryId, Parent]] = []
        own_local = self.lane(own, Lane.LOCAL)
        if (
            lane == Lane.LOCAL
            and (own_local is None or own_local.seq < 0)
            and own == self.log.founding.author
        ):
            header = self.log.founding.header
            mine.append((self.log.founding.id, Parent(0, header.depth, header.time_ms, own, -1)))
        for number in sorted({*self.log.unacked, *self.lanes}):
            held = self.lanes.get(number) or self.log.lanes[number]
            if not self._is_worth_an_ack(held, lane):
                continue
            entry_id, parent = self._head_parent(held)
            if held.author == own:
                mine.append((entry_id, parent))
            else:
                candidates.append((-parent.depth, entry_id, parent))
        candidates.sort(key=lambda candidate: candidate[:2])
        return (mine + [(entry_id, parent) for _, entry_id, parent in candidates])[:ACKS_MAX]

    def _is_worth_an_ack(self, held: LaneState, lane: int) -> bool:
        if held.lane == Lane.VOTES or (lane == Lane.OPEN and held.lane != Lane.OPEN):
            return False
        if held.author in self.log.gone or held.author in self.log.struck:
            return False  # what of it counts is ordered already (J23, J25)
        if held.author in self._forked() or (held.author == self.log.key.public and held.lane == lane):
            return False
        acked: int = getattr(held, mark_of(lane))
        if held.last_usable == acked + 1:
            only = self.transaction.entry_at(position_of(held.number, held.last_usable))
            return only is not None and decode_header(only.header).type != _ACK_TYPE
        return held.last_usable > acked

    def _head_parent(self, held: LaneState) -> tuple[EntryId, Parent]:
        position = position_of(held.number, held.last_usable)
        if held.last_usable == held.seq:
            return EntryId(held.id), Parent(position, held.depth, held.time_ms, held.author, held.lane)
        stored = self.transaction.entry_at(position)
        assert stored is not None
        entry = read_entry(stored.header, None, None)
        return entry.id, Parent(position, entry.header.depth, entry.header.time_ms, held.author, held.lane)

    # ---- forks

    def seal(self, encoded: bytes, proof: ForkProof) -> bool:
        """Keep a fork proof: the lane ends at its lowest fork, the key gets no more acks. Whether it is
        new.
        """
        return branches.learn(self, encoded, proof)

    def may_seal(self, proof: ForkProof) -> bool:
        """Whether a proof is about somebody who matters here: known, or named by what waits."""
        if self.group_state.standing(proof.author) is not None:
            return True
        if any(self.lane(proof.author, lane) is not None for lane in Lane):
            return True
        return not self.waited_for().isdisjoint(branch_headers(proof))

    def add_dead(self, encoded: bytes) -> bool:
        """Keep the header of a dead branch that an entry waits for, or a dead header follows. Whether it was
        one."""
        id_, header = sha256(encoded), decode_header(encoded)
        is_named = id_ in self.waited_for() or id_ in self.log.below_dead()
        if not self.is_dead(header) or not is_named:
            return False
        self.transaction.add_dead(id_, encoded)
        self.dead = {**self.dead, id_: header}
        return True

    def note_regrouped(self) -> None:
        """Who belongs to the group, or what of its lanes counts, changed."""
        self.is_governed_changed = self._is_state_stale = True

    def walk_again(self) -> None:
        """Deliver everything anew: what acks resolve to follows from where forked lanes end."""
        self.transaction.forget_walks()
        for number in self.log.lanes:
            lane = self.get(number)
            if lane is not None:
                lane.delivered = lane.acked = lane.acked_open = lane.viewed = -1

    def _forked(self) -> frozenset[bytes]:
        return frozenset(author for author, _ in self.fork_seqs)

    # ---- the end of the transaction

    def finish(self) -> None:
        """Deliver, fold members again where needed, and write the lanes that moved."""
        self.deliver_all()
        if self.is_governed_changed:
            self.state = self.log.fold_state(self.transaction, self.get)
        for number in sorted(self.lanes):
            lane = self.lanes[number]
            original = self.log.lanes.get(number)
            if lane == original:
                continue
            head = head_of(lane)
            if has_head(lane) and (
                original is None or not has_head(original) or _place(head) != _place(head_of(original))
            ):
                self.changed += 1
                lane.changed = self.changed
                self.heads.append(head._replace(changed=self.changed))
            self.transaction.put_lane(lane)


def _place(head: Head) -> tuple[int, bytes, int]:
    return head.seq, head.id, head.ending


def _nothing(lane: LaneState, until: int) -> None:
    """Nothing else follows when our own past covers a lane."""
