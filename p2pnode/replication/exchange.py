"""One group between two peers: what was shown to whom, what is missing, and up to where both are level.

Nothing is sent from here: `session` and `fetching` ask an exchange what there is to say and to ask for.

Source: C 4.2, D 7, J38.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from p2pnode.core.ids import Lane
from p2pnode.core.limits import NEWCOMER_ENTRIES_MAX
from p2pnode.replication.frontier import EPOCH_BYTES, NO_SEQ, Frontier, Head, LaneKey
from p2pnode.replication.hello import cursor_epoch, lanes_of, mask_of
from p2pnode.replication.messages import TAG_BYTES, Offered, Shown

MISSING_MAX = 32_768
"""More lanes than a group of MEMBERS_MAX with all their devices has: a peer that shows more is not
followed."""

UNPROVEN_MAX = 128
"""Proofs that are asked for at a time, fewer than a peer takes requests; the others come with the next
comparison."""

PRESENT_MAX = 4096
"""More voters than these are forgotten, and told of once more than needed."""

PUSHED_ENTRIES_MAX = 16
"""A longer gap is announced: whoever lacks it asks for it."""

_NO_EPOCH = bytes(EPOCH_BYTES)


class GroupView(Protocol):
    """What a session sees of a group: its heads and members, live."""

    @property
    def group(self) -> bytes:
        """The group's id."""

    @property
    def frontier(self) -> Frontier:
        """The heads of admitted lanes."""

    @property
    def public(self) -> bool:
        """Whether strangers may follow lane 2."""

    def is_member(self, author: bytes) -> bool:
        """Whether the group has decided on an author: as much as there is of its entries is taken."""


class Cursor(NamedTuple):
    """A position in a peer's order of head moves: all that moved up to here is durable on this side."""

    epoch: bytes
    changed: int


class Want(NamedTuple):
    """Entries of one lane, first and last included."""

    author: bytes
    lane: int
    first: int
    last: int


class Ingested(NamedTuple):
    """What came of a frame of runs.

    Shapes: stored counts entries; refused is the rule that blames the sender; waiting the rule that says why
    something was not kept; suspect is (author, lane, seq) where what was sent does not continue what is held.
    """

    stored: int
    refused: str | None = None
    waiting: str | None = None
    suspect: tuple[bytes, int, int] | None = None


class Learned(NamedTuple):
    """What received heads call for beyond fetching: proofs of forks, and a look at lanes that may be
    forked."""

    unproven: list[LaneKey]
    suspects: list[tuple[bytes, int, int]]


class News(NamedTuple):
    """Heads to show to the peer, and own new entries to push: (head, first seq of what the peer lacks)."""

    shown: list[Head]
    pushed: list[tuple[Head, int]]


class Exchange:
    """The state of one group in one session; mutable, with one owner.

    Shapes: `lanes` are those that the peer may read; `announced` is our counter of head moves up to which
    the peer was told, None before it offered the group itself; `told` is the same the other way round;
    `is_closed` once the peer has stopped showing lane 0.
    """

    def __init__(self, view: GroupView, own_key: bytes, number: int, lanes: frozenset[int]) -> None:
        self.view = view
        self.group = view.group
        self.number = number
        self.lanes = lanes
        self.their_number: int | None = None
        self.their_lanes: frozenset[int] = frozenset()
        self.announced: int | None = None
        self.level_shown = NO_SEQ
        self.told = NO_SEQ
        self.recorded = NO_SEQ
        self.missing: dict[LaneKey, int] = {}
        self.parked: set[LaneKey] = set()
        self.unproven: dict[LaneKey, int] = {}
        self.pushing: dict[LaneKey, int] = {}
        self._held_back: dict[LaneKey, int] = {}
        self.is_reconciling = False
        self.is_heard_out = False
        self.is_closed = False
        self._present: dict[bytes, int] = {}
        self._own_key = own_key
        self._their_epoch = _NO_EPOCH
        self._held: dict[LaneKey, int] = {}
        self._sent: dict[LaneKey, int] = {}
        self._overflowed = False
        self._equal_lanes: frozenset[int] = frozenset()
        self._knew_us = False
        self._answered_at = NO_SEQ
        self._position = Cursor(_NO_EPOCH, 0)
        self._fork_points: set[LaneKey] = set()
        self.doubted: dict[LaneKey, int] = {}
        self._doubted_at: dict[LaneKey, int] = {}

    @property
    def frontier(self) -> Frontier:
        """Our heads, live."""
        return self.view.frontier

    @property
    def is_open(self) -> bool:
        """Whether both sides hold the group and let the other read something of it."""
        return bool(self.lanes) and self.their_number is not None and bool(self.their_lanes)

    def offered(self, blinded: bytes, cursor: Cursor | None) -> Offered:
        """What we say about the group when we offer it. Shapes: cursor is our position in the peer's
        moves."""
        digests = b"".join(self.frontier.digest(frozenset((lane,))) for lane in sorted(self.lanes))
        at = self._position = cursor or Cursor(_NO_EPOCH, 0)
        mask = mask_of(self.lanes)
        return Offered(
            self.number,
            blinded,
            mask,
            digests,
            self.frontier.epoch,
            self.frontier.changed,
            at.epoch,
            at.changed,
        )

    def take_offer(self, offered: Offered) -> bool:
        """Note what the peer says about the group; whether it is worth an answer.

        That is when it differs from what we hold, and once when nothing does: only from the answer does
        whoever asked learn that its own entries arrived.
        """
        self.their_number = offered.number
        lanes = lanes_of(offered.lanes)
        self.is_closed |= Lane.LOCAL.value in self.their_lanes and Lane.LOCAL.value not in lanes
        self.their_lanes = lanes
        if offered.epoch != self._their_epoch:
            # Its store of the group was made anew: positions in the old one mean nothing.
            self.told = self.recorded = NO_SEQ
        self._their_epoch = offered.epoch
        self._overflowed = False
        self._equal_lanes = (self.their_lanes & self.lanes) - self._unequal_lanes(offered)
        if not self.their_lanes:
            self.missing.clear()
            self.announced = None
            return False
        is_first = self.frontier.changed != self._answered_at
        self._answered_at = self.frontier.changed
        return is_first or self.their_lanes != self.lanes or bool(self._unequal_lanes(offered))

    def _unequal_lanes(self, offered: Offered) -> frozenset[int]:
        """The lanes that the peer may read and of which its log is not known to be equal to ours."""
        theirs = {
            lane: offered.digests[32 * index : 32 * (index + 1)]
            for index, lane in enumerate(sorted(lanes_of(offered.lanes)))
        }
        return frozenset(
            lane for lane in self.lanes if theirs.get(lane) != self.frontier.digest(frozenset((lane,)))
        )

    def heads_for(self, offered: Offered) -> tuple[list[Head], bool]:
        """The heads to show in answer to an offer, and whether they are all there are (no usable cursor)."""
        lanes = self._unequal_lanes(offered)
        self.announced = self.frontier.changed
        for lane in sorted(self.lanes):
            own = self.frontier.heads.get((self._own_key, lane))
            if own is not None:
                self._sent[own.author, lane] = own.seq
        if not lanes:
            return [], False
        is_usable = (
            offered.cursor_epoch == cursor_epoch(self.frontier.epoch, self.lanes)
            and offered.cursor_changed <= self.frontier.changed
        )
        since = offered.cursor_changed if is_usable else 0
        heads = [head for head in self.frontier.changed_since(since) if head.lane in lanes]
        if is_usable and not heads and self._has_nothing_new(offered):
            # Both believe to have seen everything, and yet the digests differ: a disk was set back, and its
            # positions were given out a second time. Only all heads can tell what is missing.
            is_usable = False
            heads = [head for head in self.frontier.changed_since(0) if head.lane in lanes]
        return heads, not is_usable

    def _has_nothing_new(self, offered: Offered) -> bool:
        """Whether we have been told everything that the peer has moved, as far as positions say."""
        is_known = self._position.epoch == cursor_epoch(self._their_epoch, self.their_lanes)
        return max(self.told, self._position.changed if is_known else NO_SEQ) >= offered.changed

    def level(self) -> int:
        """Up to which of our head moves the peer has been told everything, less what is still under way."""
        if self.is_reconciling:
            return 0
        return min([self.announced or 0, *(changed - 1 for changed in self.pushing.values())])

    def note_presence(self, key: bytes, time_ms: int) -> bool:
        """A voter's word passes between the peers; False when as much has passed before."""
        if self._present.get(key, -1) >= time_ms:
            return False
        if len(self._present) >= PRESENT_MAX and key not in self._present:
            self._present.clear()
        self._present[key] = time_ms
        return True

    def news(self, is_pushing: bool) -> News:
        """What moved since the last time, as far as the peer may read it and is not known to hold it.

        Shapes: votes are pushed in any case: a decision takes as long as its slowest quorum.
        """
        if self.announced is None:
            return News([], [])
        shown: list[Head] = []
        pushed: list[tuple[Head, int]] = []
        for head in self.frontier.changed_since(self.announced):
            key = (head.author, head.lane)
            if head.lane not in self.lanes or (not head.forked and self._held.get(key, NO_SEQ) >= head.seq):
                continue
            first = max(self._sent.get(key, NO_SEQ), self._held.get(key, NO_SEQ)) + 1
            is_own = head.author == self._own_key and not head.forked
            if is_own:
                self._sent[key] = head.seq
            if not is_own or not (is_pushing or head.lane == Lane.VOTES):
                shown.append(head)
            elif key in self.pushing:
                self._held_back.setdefault(key, first)
            else:
                self._push(head, first, News(shown, pushed))
        self.announced = self.frontier.changed
        return News(shown, pushed)

    def _push(self, head: Head, first: int, news: News) -> None:
        """Have own entries pushed, or shown when they are too many."""
        if 0 <= head.seq - first < PUSHED_ENTRIES_MAX:
            news.pushed.append((head, first))
            self.pushing[head.author, head.lane] = head.changed
        else:
            news.shown.append(head)

    def pushed(self, key: LaneKey) -> News:
        """A push is on its way: what follows at once, because its lane grew meanwhile."""
        self.pushing.pop(key, None)
        first = self._held_back.pop(key, None)
        head = self.frontier.heads.get(key)
        news = News([], [])
        if first is not None and head is not None and not head.forked and head.lane in self.lanes:
            self._push(head, first, news)
        return news

    @property
    def knows_us(self) -> bool:
        """Whether the peer told how far it holds what we signed; what is beyond ours is asked for (J35).

        That is each lane of facts and votes that we have; a voter may never have written a fact, and a peer
        that knows nothing of ours tells nothing.
        """
        own = [(self._own_key, int(lane)) for lane in (Lane.LOCAL, Lane.VOTES)]
        told = [key for key in own if key[1] in self._equal_lanes or key in self._held]
        return bool(told) and all(key in told for key in own if key in self.frontier.heads)

    def note_held(self, key: LaneKey, seq: int) -> None:
        """The peer holds a lane up to a seq. Forgetting it costs some bytes, so memory is bounded by
        forgetting."""
        if len(self._held) >= MISSING_MAX and key not in self._held:
            self._held.clear()
        self._held[key] = max(seq, self._held.get(key, NO_SEQ))

    def learn(self, heads: Iterable[Shown]) -> Learned:
        """Compare the peer's heads with ours and note what is missing here."""
        unproven: list[LaneKey] = []
        suspects: list[tuple[bytes, int, int]] = []
        for head in heads:
            self.note_held(head.key, head.seq)
            mine = self.frontier.heads.get(head.key)
            if mine is not None and mine.forked and not head.forked:
                continue
            if head.forked and (self._is_doubtful(head, mine) or self._is_proof_wanted(head, mine)):
                unproven.append(head.key)
            if mine is None or mine.seq < head.seq:
                self._miss(head.key, head.seq)
            elif mine.seq == head.seq and mine.id[:TAG_BYTES] != head.tag:
                suspects.append((head.author, head.lane, head.seq))
        return Learned(unproven, suspects)

    def _is_doubtful(self, head: Shown, mine: Head | None) -> bool:
        """Whether to ask why a lane ends at the peer that ends here at an entry that is wrong by itself.

        The peer may know that this is but one of two branches. It is asked once at each seq.
        """
        if mine is None or not mine.forked or mine.is_proven or mine.seq > head.seq:
            return False
        if self._doubted_at.get(head.key) == mine.seq or len(self._doubted_at) >= MISSING_MAX:
            return False
        if len(self.doubted) + len(self.unproven) >= UNPROVEN_MAX:
            return False
        self._doubted_at[head.key] = mine.seq
        self.doubted[head.key] = head.seq
        return True

    def _is_proof_wanted(self, head: Shown, mine: Head | None) -> bool:
        """Note where the peer's lane ends; whether to ask why. A lane ends at the lowest of its forks."""
        key = head.key
        if len(self._fork_points) < MISSING_MAX:
            self._fork_points.add(key)
        if self.missing.get(key, NO_SEQ) > head.seq:
            del self.missing[key]
        if mine is not None and mine.forked and mine.seq <= head.seq:
            self.unproven.pop(key, None)
            return False
        if key in self.unproven:
            return False
        if len(self.unproven) + len(self.doubted) >= UNPROVEN_MAX:
            self._overflowed = True
            return False
        self.unproven[key] = head.seq
        return True

    def _miss(self, key: LaneKey, seq: int) -> None:
        if seq == NO_SEQ:
            return
        if len(self.missing) >= MISSING_MAX and key not in self.missing:
            self._overflowed = True
            return
        self.missing[key] = max(seq, self.missing.get(key, NO_SEQ))

    def miss_fault(self, key: LaneKey) -> None:
        """The peer has no proof: the lane ends at an entry that is wrong by itself, which we have to see
        (J14)."""
        seq = self.unproven.pop(key, None)
        mine = self.frontier.heads.get(key)
        if seq is not None and (mine is None or not mine.forked):
            self._fork_points.discard(key)
            self._miss(key, seq + 1)

    def note_moved(self, heads: Iterable[Head]) -> None:
        """Our heads moved: what they reach is missing no longer."""
        for head in heads:
            self.parked.discard((head.author, head.lane))
            self._note_reached(head)

    def _note_reached(self, head: Head) -> None:
        """What our head reaches is missing no longer."""
        key = (head.author, head.lane)
        is_ended = head.forked and key not in self._fork_points
        if key in self.missing and (is_ended or self.missing[key] <= head.seq):
            del self.missing[key]
        if head.forked and head.seq <= self.unproven.get(key, NO_SEQ):
            self.unproven.pop(key, None)

    def lacking(self, passed_over: Sequence[frozenset[LaneKey]] = ()) -> list[Want]:
        """What to ask the peer for: of authors who are new here, first lane 0, and little of it until it is
        taken. Members come first: their lanes tell who else is one."""
        wants: list[Want] = []
        newcomers: list[Want] = []
        for head in [self.frontier.heads[key] for key in self.missing if key in self.frontier.heads]:
            self._note_reached(head)
        for key, last in self.missing.items():
            if key in self.parked or any(key in keys for keys in passed_over):
                continue
            author, lane = key
            mine = self.frontier.heads.get(key)
            first = 0 if mine is None else mine.seq + 1
            is_member = self.view.is_member(author)
            if not is_member and not self._is_known(author):
                if lane != 0 and (author, 0) in self.missing:
                    continue
                last = min(last, first + NEWCOMER_ENTRIES_MAX - 1)
            (wants if is_member else newcomers).append(Want(author, lane, first, last))
        return wants + newcomers

    def _is_known(self, author: bytes) -> bool:
        return any((author, lane) in self.frontier.heads for lane in range(3))

    @property
    def is_level(self) -> bool:
        """Whether everything that the peer showed is here."""
        return self.is_open and not self.missing and not self.unproven and not self._overflowed

    @property
    def is_cursor_due(self) -> bool:
        """Whether everything that the peer showed is here, and that is news: so is that it knows ours."""
        is_news = self.told > self.recorded or (not self._knew_us and self.told > NO_SEQ and self.knows_us)
        return is_news and self.is_level

    def cursor(self) -> Cursor | None:
        """The position to remember, when it says something new."""
        if not self.is_cursor_due:
            return None
        self.recorded, self._knew_us = self.told, self.knows_us
        return Cursor(cursor_epoch(self._their_epoch, self.their_lanes), self.told)
