"""Entries as rows and sentences, read from a group's file. Called in worker threads, changes nothing."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from p2pnode.consensus.certificate import quorum_of
from p2pnode.consensus.rules import FIRST_ATTEMPT
from p2pnode.core.annex import annexes_named, decode_annex
from p2pnode.core.codec import decode
from p2pnode.core.crypto import sha256
from p2pnode.core.entry import Entry, read_entry
from p2pnode.core.entry_type import UNKNOWN_TYPE_RULE
from p2pnode.core.errors import FormatError
from p2pnode.core.ids import Lane, MemberId, did_of
from p2pnode.governance import tables
from p2pnode.governance.configuration import configuration_of
from p2pnode.governance.state import PETITION_RULES, GroupState
from p2pnode.local.shapes import EntryDetail, EntryRow, LogPage
from p2pnode.plain import plain
from p2pnode.replication.lane import LaneState
from p2pnode.replication.run import StoredEntry
from p2pnode.store.group_file import GroupQueries, number_and_seq, position_of
from p2pnode.vocabulary import records_of
from p2pnode.wording import name_given, sentence_of

SCANNED_MAX = 50_000
"""Entries looked at for one page, when few of them fit what is asked for."""

_NUMBER_BITS = 22
_TEXT_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries a page shows. Shapes: votes says whether those on blocks are among them."""

    author: bytes | None = None
    lane: int | None = None
    type: str | None = None
    votes: bool = True


class Describer:
    """Rows of one group, with names looked up once."""

    def __init__(self, queries: GroupQueries, state: GroupState, own_key: bytes) -> None:
        self._queries = queries
        self._state = state
        self._own_key = own_key
        self._names: dict[bytes, str] = {}
        self._member_names: dict[bytes, str] = {}
        self._lanes = {lane.number: lane for lane in queries.lanes()}

    @property
    def group_name(self) -> str:
        """What people call the group."""
        return self._state.name

    @cached_property
    def _covered(self) -> tuple[int, list[dict[int, int]]]:
        """How many voters make a quorum, and up to where each voter's own entries cover every lane."""
        configuration = configuration_of(self._queries.chain)
        covers = [_causal_past(self._queries, self._lanes, key) for _, key in configuration.voters]
        return quorum_of(configuration, FIRST_ATTEMPT), covers

    @cached_property
    def _is_behind(self) -> bool:
        """Whether history behind a snapshot is still to be run: what became of its entries stands nowhere."""
        return self._queries.level.replayed() is not None

    def is_acknowledged(self, lane: LaneState, seq: int) -> bool:
        """Whether a quorum of the voters has an entry above the last cut in the past of their own entries."""
        quorum, covers = self._covered
        return sum(seq <= cover.get(lane.number, -1) for cover in covers) >= quorum

    @cached_property
    def parked(self) -> frozenset[bytes]:
        """The ids of entries that a later rule version executes (J6)."""
        return frozenset(sha256(header) for _, (header, _, _) in tables.scan(self._queries.chain, "parked"))

    def member_name(self, member_id: bytes) -> str:
        """The name of a member, of the group or of an agent outside it, or the start of the id."""
        if member_id == self._state.group:
            return self._state.name
        if member_id not in self._member_names:
            member = self._state.members.get(MemberId(member_id))
            annex = None if member is None else member.inception.annex
            content = None if annex is None else self.annex(annex)
            name = str(content.get("name", "")) if content else ""
            self._member_names[member_id] = name or self.thing_name(member_id)
        return self._member_names[member_id]

    def thing_name(self, entry_id: bytes) -> str:
        """What an entry gave a name to, such as a thing, an agreement or an agent; or the start of the id."""
        entry = self.entry_of(entry_id)
        return (None if entry is None else name_given(entry, self)) or entry_id.hex()[:8]

    def member_names(self, member_ids: Iterable[bytes]) -> list[str]:
        """The names of several members; two of one name are told apart by the start of their ids."""
        ids = list(member_ids)
        names = [self.member_name(member_id) for member_id in ids]
        counts = Counter(names)
        return [
            f"{name} ({member_id.hex()[:8]})" if counts[name] > 1 else name
            for name, member_id in zip(names, ids, strict=True)
        ]

    def member_of(self, device_key: bytes) -> bytes | None:
        """The id of the member that a device speaks or spoke for."""
        member = self._state.member_of(device_key)
        return None if member is None else member.id

    def name_of(self, device_key: bytes) -> str:
        """The name in the member's annex, or nothing where it is not here."""
        if device_key not in self._names:
            member = self._state.member_of(device_key)
            annex = member.inception.annex if member is not None else None
            content = self.annex(annex) if annex is not None else None
            self._names[device_key] = str(content.get("name", "")) if content else ""
        return self._names[device_key]

    def annex(self, annex_hash: bytes) -> dict[str, Any] | None:
        found = self._queries.annexes([annex_hash])
        try:
            return decode_annex(found[0]) if found else None
        except FormatError:
            return None

    def page(self, wanted: Filter, limit: int, before: int | None) -> LogPage:
        """Entries that are kept (J18) by falling time; `next` continues where this page ends."""
        rows: list[EntryRow] = []
        for scanned, (lane, seq, stored) in enumerate(self._newest_first(wanted, before)):
            if len(rows) >= limit or scanned >= SCANNED_MAX:
                # What was looked at and not meant is not looked at again.
                return LogPage(rows=rows, next=self._cursor(lane.number, seq) + 1)
            entry = read_entry(stored.header, stored.signature, stored.payload)
            if wanted.type is None or entry.header.type == wanted.type:
                rows.append(self.row(lane, seq, entry))
        return LogPage(rows=rows, next=None)

    def _newest_first(
        self, wanted: Filter, before: int | None
    ) -> Iterator[tuple[LaneState, int, StoredEntry]]:
        heap: list[tuple[int, int, int]] = []
        for lane in self._lanes.values():
            if wanted.author not in (None, lane.author) or wanted.lane not in (None, lane.lane):
                continue
            if lane.lane == Lane.VOTES and not wanted.votes:
                continue
            seq = lane.seq if before is None else self._last_before(lane, before)
            if seq > lane.pruned:
                heap.append((-self._cursor(lane.number, seq), lane.number, seq))
        heapq.heapify(heap)
        while heap:
            _, number, seq = heapq.heappop(heap)
            stored = self._stored(number, seq)
            yield self._lanes[number], seq, stored
            if seq - 1 > self._lanes[number].pruned:
                heapq.heappush(heap, (-self._cursor(number, seq - 1), number, seq - 1))

    def _stored(self, number: int, seq: int) -> StoredEntry:
        stored = self._queries.entry_at(position_of(number, seq))
        assert stored is not None
        return stored

    def _cursor(self, number: int, seq: int) -> int:
        time_ms = read_entry(self._stored(number, seq).header, None, None).header.time_ms
        return time_ms << _NUMBER_BITS | number

    def _last_before(self, lane: LaneState, before: int) -> int:
        """The last seq whose cursor is smaller; cursors rise along a lane."""
        low, high = lane.pruned + 1, lane.seq + 1
        while low < high:
            middle = (low + high) // 2
            if self._cursor(lane.number, middle) < before:
                low = middle + 1
            else:
                high = middle
        return low - 1

    def row(self, lane: LaneState, seq: int, entry: Entry) -> EntryRow:
        header = entry.header
        state, rule = self._standing(lane, seq, entry)
        return EntryRow(
            entry=entry.id.hex(),
            group=self._state.group.hex(),
            author=did_of(header.author),
            author_name=self.name_of(header.author),
            lane=header.lane,
            seq=header.seq,
            depth=header.depth,
            time_ms=header.time_ms,
            type=header.type,
            payload_bytes=header.payload_bytes,
            state=state,  # type: ignore[typeddict-item]
            rule=rule,
            text=self.sentence(entry)[:_TEXT_CHARACTERS_MAX],
            cursor=header.time_ms << _NUMBER_BITS | lane.number,
        )

    def _standing(self, lane: LaneState, seq: int, entry: Entry) -> tuple[str, str | None]:
        if seq <= lane.decided and lane.lane != Lane.VOTES:
            if self._is_behind and seq > self._queries.level.replayed_cut(lane.author, lane.lane):
                return "acknowledged", "level.unchecked"
            rule = self._queries.chain.void_rule(position_of(lane.number, seq))
            if rule == UNKNOWN_TYPE_RULE:
                late = self._queries.chain.late_outcome(entry.id)
                rule = rule if late is None else late[1] or None
            is_void = rule is not None and rule not in PETITION_RULES and entry.id not in self.parked
            return ("void" if is_void else "final"), rule
        if lane.ended_at is not None and seq >= lane.ended_at:
            return "void", lane.ended_rule
        outcome = self._state.outcomes.get(entry.id)
        would_be_void = outcome.rule if outcome is not None else self._void_rule(entry)
        if seq > lane.delivered:
            return "waiting", "entry.missing_past"
        is_built_on = lane.lane != Lane.VOTES and self.is_acknowledged(lane, seq)
        return ("acknowledged" if is_built_on else "signed"), would_be_void

    def _void_rule(self, entry: Entry) -> str | None:
        if entry.payload is None:
            return None
        rules = [rule for _, _, rule in records_of(entry.header, entry.payload)]
        return rules[0] if len(rules) == 1 else None

    def sentence(self, entry: Entry) -> str:
        """One plain sentence about what an entry says."""
        return sentence_of(entry, self)

    def entry_of(self, entry_id: bytes) -> Entry | None:
        """An entry by its whole id, the founding entry included."""
        if entry_id == self._state.group:
            founding = self._queries.founding()
            return read_entry(founding.header, founding.signature, founding.payload)
        position = self._queries.position_of_id(entry_id)
        stored = None if position is None else self._queries.entry_at(position)
        return None if stored is None else read_entry(stored.header, stored.signature, stored.payload)

    def details(self, digits: str) -> list[EntryDetail]:
        """The entries whose ids start with some hexadecimal digits."""
        return [self.detail(position) for position in self._queries.positions_of_text(digits)]

    def detail(self, position: int) -> EntryDetail:
        """One entry with everything needed to check it elsewhere."""
        number, seq = number_and_seq(position)
        stored = self._stored(number, seq)
        entry = read_entry(stored.header, stored.signature, stored.payload)
        annexes = annexes_named(entry.payload or b"")
        return EntryDetail(
            row=self.row(self._lanes[number], seq, entry),
            prev=entry.header.prev.hex(),
            acks=[ack.hex() for ack in entry.header.acks],
            header_hex=entry.header_bytes.hex(),
            signature_hex=entry.signature.hex() if entry.signature else None,
            payload_hex=entry.payload.hex() if entry.payload is not None else None,
            body=_plain_body(entry),
            annex=self.annex(annexes[0]) if annexes else None,
        )


def _causal_past(queries: GroupQueries, lanes: Mapping[int, LaneState], author: bytes) -> dict[int, int]:
    """Up to where an author's facts have every lane in their past, as far as it lies above the last cut."""
    covered: dict[int, int] = {}
    reached = [
        (lane.number, lane.delivered)
        for lane in lanes.values()
        if lane.author == author and lane.lane != Lane.VOTES
    ]
    while reached:
        number, seq = reached.pop()
        lane = lanes.get(number)
        if lane is None:
            continue
        before = covered.get(number, lane.decided)
        if seq > before:
            covered[number] = seq
            named = queries.acks_between(number, before, seq)
            reached += [number_and_seq(target) for _, targets in named for target in targets]
    return covered


def _plain_body(entry: Entry) -> Any:
    try:
        return plain(decode(entry.payload)) if entry.payload else None
    except FormatError:
        return None


def is_start_of_id(word: str) -> bool:
    """Whether a word can be the start of an entry's id: 4 to 64 hexadecimal digits in small letters."""
    return 4 <= len(word) <= 64 and all(digit in "0123456789abcdef" for digit in word)
