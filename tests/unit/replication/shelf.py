"""A node in memory, as a session sees one: lanes of real signed entries, heads, and plain rules of who may
read.

Not the real store: it takes what continues a lane and is signed at its end, and remembers everything it was
asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from p2pnode.core.crypto import ZERO_HASH, SigningKey, is_signed, sha256
from p2pnode.core.entry import ENTRY_TAG, Header, payload_fields, sign_entry
from p2pnode.core.errors import FormatError
from p2pnode.core.presence import Presence
from p2pnode.replication.exchange import Cursor, GroupView, Ingested, Want
from p2pnode.replication.fork import check_fork_proof
from p2pnode.replication.frontier import Frontier, Head, LaneKey
from p2pnode.replication.run import Row, StoredEntry, decode_runs, encode_run

START_MS = 1_760_000_000_000
GROUP = sha256(b"the group")


def key_of(name: str) -> SigningKey:
    """The same key for the same name, always."""
    return SigningKey(sha256(name.encode()))


@dataclass
class Rack:
    """One group on a shelf."""

    group: bytes
    frontier: Frontier
    public: bool = False
    members: set[bytes] = field(default_factory=set)
    lanes: dict[LaneKey, list[StoredEntry]] = field(default_factory=dict)
    annexes: dict[bytes, bytes] = field(default_factory=dict)
    wanted: list[bytes] = field(default_factory=list)
    forks: dict[LaneKey, bytes] = field(default_factory=dict)
    ends: dict[LaneKey, int] = field(default_factory=dict)
    decided: set[bytes] = field(default_factory=set)

    def is_member(self, author: bytes) -> bool:
        return author in self.decided


class Shelf:
    """One node's groups; everything is in memory and synchronous."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.key = key_of(name)
        self.racks: dict[bytes, Rack] = {}
        self.cursors: dict[tuple[bytes, bytes], Cursor] = {}
        self.there: list[tuple[int, Presence]] = []
        self.blamed: list[str] = []
        self.faults: dict[LaneKey, int] = {}
        self.ingested: list[tuple[bytes, bool]] = []

    def open(self, members: Iterable[bytes], *, group: bytes = GROUP, public: bool = False) -> Rack:
        frontier = Frontier(group, sha256(self.name.encode() + group)[:16])
        self.racks[group] = Rack(group, frontier, public, set(members))
        return self.racks[group]

    # What a session may look at.

    @property
    def own_key(self) -> bytes:
        return self.key.public

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)

    def groups(self) -> Mapping[bytes, GroupView]:
        return self.racks

    def lanes_readable(self, group: bytes, keys: frozenset[bytes]) -> frozenset[int]:
        rack = self.racks[group]
        if keys & rack.members:
            return frozenset((0, 1, 2))
        return frozenset((2,)) if rack.public else frozenset()

    def cursor(self, peer: bytes, group: bytes) -> Cursor | None:
        return self.cursors.get((peer, group))

    def presences(self, group: bytes) -> Sequence[tuple[int, Presence]]:
        return self.there

    # Writing and reading.

    def put(self, key: LaneKey, entries: Sequence[StoredEntry], *, group: bytes = GROUP) -> Head:
        """Add entries that continue a lane."""
        rack = self.racks[group]
        lane = rack.lanes.setdefault(key, [])
        lane.extend(entries)
        fault = self.faults.get(key)
        if fault is not None and len(lane) > fault:
            head = Head(*key, fault - 1, sha256(lane[fault - 1].header), rack.frontier.changed + 1, True)
            rack.frontier.apply([head])
            return head
        head = Head(*key, len(lane) - 1, sha256(lane[-1].header), rack.frontier.changed + 1, key in rack.ends)
        rack.frontier.apply([head])
        return head

    def append(self, count: int = 1, *, lane: int = 0, group: bytes = GROUP, text: str = "") -> Head:
        """Write own entries."""
        have = self.racks[group].lanes.get((self.own_key, lane), [])
        return self.put((self.own_key, lane), chain(self.key, lane, have, count, text, group), group=group)

    def ingest(
        self, group: bytes, frame: bytes, compressed: bool, pushed: bool, annexes: Sequence[bytes] = ()
    ) -> tuple[Ingested, list[Head]]:
        """Take runs; also the heads that moved. Annexes are kept when a new entry's payload is their hash."""
        self.ingested.append((frame, pushed))
        rack = self.racks[group]
        heads: list[Head] = []
        stored, waiting, suspect = 0, None, None
        try:
            runs = decode_runs(frame, compressed=compressed)
        except FormatError as error:
            return Ingested(0, error.rule), []
        for run in runs:
            have = rack.lanes.get((run.author, run.lane), [])
            last = run.rows[-1]
            if run.author not in rack.members:
                waiting = "author.unknown"
            elif run.first_seq > len(have):
                waiting = "lane.gap"
            elif run.first_seq and sha256(have[run.first_seq - 1].header) != run.prev_id:
                suspect = (run.author, run.lane, run.first_seq - 1)
            elif last.signature is None or not is_signed(run.author, ENTRY_TAG + last.header, last.signature):
                return Ingested(stored, "entry.bad_signature"), heads
            else:
                end = rack.ends.get((run.author, run.lane), run.first_seq + len(run.rows)) - run.first_seq
                fresh = [_stored(row, row is last) for row in run.rows[len(have) - run.first_seq : end]]
                stored += len(fresh)
                named = {entry.payload for entry in fresh}
                rack.annexes.update({sha256(blob): blob for blob in annexes if sha256(blob) in named})
                if fresh:
                    heads.append(self.put((run.author, run.lane), fresh, group=group))
        return Ingested(stored, None, waiting, suspect), heads

    def read_runs(
        self, group: bytes, wants: Sequence[Want], bytes_max: int
    ) -> tuple[list[bytes], list[Want]]:
        rack = self.racks[group]
        runs: list[bytes] = []
        remaining: list[Want] = []
        size = 0
        for want in wants:
            have = rack.lanes.get((want.author, want.lane), [])[: want.last + 1]
            first = want.first
            while first < len(have) and (not runs or size < bytes_max):
                entries = have[first : first + 50]
                while not entries[-1].checked:
                    entries = have[first : first + len(entries) + 1]
                prev = sha256(have[first - 1].header) if first else ZERO_HASH
                runs.append(encode_run(group, want.author, want.lane, first, prev, entries))
                size += len(runs[-1])
                first += len(entries)
            if first < len(have):
                remaining.append(want._replace(first=first))
        return runs, remaining

    def read_push(self, group: bytes, want: Want, run_bytes_max: int) -> tuple[bytes | None, list[bytes]]:
        runs, remaining = self.read_runs(group, [want], run_bytes_max)
        if len(runs) != 1 or remaining or len(runs[0]) > run_bytes_max:
            return None, []
        rack = self.racks[group]
        entries = rack.lanes[want.author, want.lane][want.first : want.last + 1]
        payloads = [entry.payload or b"" for entry in entries]
        return runs[0], [rack.annexes[payload] for payload in payloads if payload in rack.annexes]

    def read_headers(self, group: bytes, key: LaneKey, first: int, count: int) -> list[StoredEntry]:
        return self.racks[group].lanes.get(key, [])[first : first + count]

    def keep_fork(self, group: bytes, proof: bytes) -> str | None:
        rack = self.racks[group]
        try:
            fork = check_fork_proof(proof)
        except FormatError as error:
            return error.rule
        key = (fork.author, fork.lane)
        rack.forks[key] = proof
        rack.ends[key] = fork.seq
        kept = rack.lanes.get(key, [])[: fork.seq]
        rack.lanes[key] = kept
        last = sha256(kept[-1].header) if kept else ZERO_HASH
        rack.frontier.apply([Head(*key, len(kept) - 1, last, rack.frontier.changed + 1, True)])
        return None


def chain(
    key: SigningKey, lane: int, have: Sequence[StoredEntry], count: int, text: str = "", group: bytes = GROUP
) -> list[StoredEntry]:
    """New entries of a lane after those that are there."""
    prev = sha256(have[-1].header) if have else ZERO_HASH
    made: list[StoredEntry] = []
    for seq in range(len(have), len(have) + count):
        payload = f"{text} {seq} of {lane}, some words that make it as long as a note is".encode()
        size, digest = payload_fields(payload)
        fields = (group, key.public, lane, seq, prev, seq, START_MS + 1000 * seq, (), "note", size, digest)
        entry = sign_entry(key, Header(1, *fields), payload)
        prev = entry.id
        made.append(StoredEntry(entry.header_bytes, entry.signature, payload, 1))
    return made


def _stored(row: Row, is_last: bool) -> StoredEntry:
    return StoredEntry(row.header, row.signature, row.payload, int(is_last))
