"""Reading a group's file for others: runs that end at a verified signature, headers, annexes.

Each call uses a connection of its own with a snapshot; it never waits for the writer. Called in worker
threads. What this device wrote a moment ago need not be read at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue

from p2pnode.core.entry import Entry
from p2pnode.core.ids import Lane
from p2pnode.core.limits import RUN_BYTES_MAX, RUN_ENTRIES_MAX
from p2pnode.replication.exchange import Want
from p2pnode.replication.messages import PUSH_ANNEX_BYTES_MAX, PUSH_ANNEXES_MAX
from p2pnode.replication.run import StoredEntry, encode_run, stored_header
from p2pnode.store.database import Connect, connect_existing, open_reader, reported
from p2pnode.store.group_file import GroupQueries
from p2pnode.vocabulary import blobs_named

_FRESH_ENTRIES_MAX = 32
_ENTRY_OVERHEAD_BYTES = 96
"""About what an entry takes in a run besides its payload and acks."""


class GroupReader:
    """Reading connections to one group's file, as many as are used at once."""

    def __init__(self, group: bytes, path: str, *, make: Connect = connect_existing) -> None:
        self.group = group
        self._path = path
        self._make = make
        self._idle: SimpleQueue[GroupQueries] = SimpleQueue()
        self._numbers: dict[tuple[bytes, int], int] = {}
        self._is_closed = False

    @contextmanager
    def reading(self) -> Iterator[GroupQueries]:
        """One connection for the time of a block. Errors: UsageError group.unknown when the group is gone."""
        try:
            queries = self._idle.get_nowait()
        except Empty:
            queries = GroupQueries(open_reader(self._path, make=self._make))
        try:
            with reported(self._path):
                yield queries
        finally:
            self._idle.put(queries)
            if self._is_closed:
                self.close()

    def close(self) -> None:
        """Close the connections that nobody uses now, and the others when they are free."""
        self._is_closed = True
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    def lane_number(self, queries: GroupQueries, author: bytes, lane: int) -> int | None:
        if (author, lane) not in self._numbers:
            self._numbers = queries.lane_numbers()
        return self._numbers.get((author, lane))

    def read_runs(self, wants: Sequence[Want], bytes_max: int) -> tuple[list[bytes], list[Want]]:
        """Encoded runs for the first wants, about bytes_max together, and the wants that remain."""
        runs: list[bytes] = []
        size = 0
        with self.reading() as queries:
            for index, want in enumerate(wants):
                number = self.lane_number(queries, want.author, want.lane)
                first = _first_kept(queries, number, want)
                while number is not None and first <= want.last:
                    if size >= bytes_max:
                        return runs, [want._replace(first=first), *wants[index + 1 :]]
                    entries = _next_run(queries, number, first, want.last, min(RUN_BYTES_MAX, bytes_max))
                    if not entries:
                        break
                    prev_id = stored_header(entries[0].header).prev
                    runs.append(encode_run(self.group, want.author, want.lane, first, prev_id, entries))
                    size += len(runs[-1])
                    first += len(entries)
        return runs, []

    def read_push(
        self, want: Want, fresh: Sequence[StoredEntry], run_bytes_max: int
    ) -> tuple[bytes | None, list[bytes]]:
        """One run with all that is wanted, None when it is too long; and small annexes that it names.

        Shapes: fresh are the entries wanted when they need not be read, else empty.
        """
        entries = fresh or self._entries_of(want)
        if len(entries) <= want.last - want.first or not entries[-1].checked:
            return None, []
        prev_id = stored_header(entries[0].header).prev
        run = encode_run(self.group, want.author, want.lane, want.first, prev_id, entries)
        return (run, self._annexes_of(entries)) if len(run) <= run_bytes_max else (None, [])

    def _entries_of(self, want: Want) -> list[StoredEntry]:
        with self.reading() as queries:
            number = self.lane_number(queries, want.author, want.lane)
            return [] if number is None else queries.entries(number, want.first, want.last)

    def _annexes_of(self, entries: Sequence[StoredEntry]) -> list[bytes]:
        """As many of the annexes that entries name as travel with a push."""
        named: dict[bytes, None] = {}
        for entry in entries:
            if entry.payload:
                named.update(dict.fromkeys(blobs_named(stored_header(entry.header).type, entry.payload)))
        if not named:
            return []
        with self.reading() as queries:
            held = queries.annexes(list(named)[:PUSH_ANNEXES_MAX])
        chosen: list[bytes] = []
        room = PUSH_ANNEX_BYTES_MAX
        for annex in held:
            if len(annex) <= room:
                chosen.append(annex)
                room -= len(annex)
        return chosen

    def read_headers(self, author: bytes, lane: int, first: int, count: int) -> list[StoredEntry]:
        """Consecutive entries of a lane without their payloads."""
        with self.reading() as queries:
            number = self.lane_number(queries, author, lane)
            if number is None or count <= 0:
                return []
            last = first + count - 1
            first = queries.first_held(number, first) if lane == Lane.VOTES else first
            return [entry._replace(payload=None) for entry in queries.entries(number, first, last)]


def read_bounded(queries: GroupQueries, group: bytes, wants: Sequence[Want], bytes_max: int) -> list[bytes]:
    """Encoded runs for the first wants, about bytes_max together; no entry beyond what is wanted goes out.

    Where no verified signature stands at or before the end of a want, there is nothing for it here.
    """
    numbers = queries.lane_numbers()
    runs: list[bytes] = []
    size = 0
    for want in wants:
        number = numbers.get((want.author, want.lane))
        first = _first_kept(queries, number, want)
        while number is not None and first <= want.last and size < bytes_max:
            entries = _next_run(queries, number, first, want.last, bytes_max)
            if not entries or len(entries) > want.last - first + 1:
                break
            prev_id = stored_header(entries[0].header).prev
            runs.append(encode_run(group, want.author, want.lane, first, prev_id, entries))
            size += len(runs[-1])
            first += len(entries)
    return runs


def _first_kept(queries: GroupQueries, number: int | None, want: Want) -> int:
    """Where to begin: what is pruned of a lane of votes is passed over (J18)."""
    if number is None or want.lane != Lane.VOTES:
        return want.first
    return queries.first_held(number, want.first)


def _next_run(queries: GroupQueries, number: int, first: int, last: int, bytes_max: int) -> list[StoredEntry]:
    """Entries from `first` on that end at a verified signature, as near to `last` and bytes_max as there is
    one.
    """
    furthest = first + RUN_ENTRIES_MAX - 1
    entries = queries.entries(number, first, min(last, furthest))
    size = best = 0
    for index, (_, signature, payload, checked) in enumerate(entries, 1):
        size += (len(payload) if payload else 0) + _ENTRY_OVERHEAD_BYTES
        if size > bytes_max and best:
            break
        if checked == 1 and signature is not None:
            best = index
            if size > bytes_max:
                break
    if best or last >= furthest:
        return entries[:best]
    # Nothing verified among what was asked for: go on to the next verified signature.
    seq = queries.next_checked(number, last + 1, furthest - last - 1)
    return [] if seq is None else queries.entries(number, first, seq)


class FreshEntries:
    """The newest entries of this device in one group: what is pushed a moment later is not read again."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[tuple[bytes, int, int], Entry] = {}

    def add(self, entries: Sequence[Entry]) -> None:
        """Keep entries that are in the group's file, in the place of older ones."""
        for entry in entries[-_FRESH_ENTRIES_MAX:]:
            self._entries[entry.header.author, entry.header.lane, entry.header.seq] = entry
        while len(self._entries) > _FRESH_ENTRIES_MAX:
            del self._entries[next(iter(self._entries))]

    def runs(self, group: bytes, wants: Sequence[Want], bytes_max: int) -> list[bytes]:
        """One run for each want, or none at all when something is not here or they would be too large."""
        runs: list[bytes] = []
        bytes_max = min(bytes_max, RUN_BYTES_MAX)
        for want in wants:
            rows = self.entries(want)
            bytes_max -= sum(len(row.payload or b"") + _ENTRY_OVERHEAD_BYTES for row in rows)
            if not rows or bytes_max < 0:
                return []
            prev_id = stored_header(rows[0].header).prev
            runs.append(encode_run(group, want.author, want.lane, want.first, prev_id, rows))
        return runs

    def entries(self, want: Want) -> list[StoredEntry]:
        """All entries that are wanted, or nothing when something is not here."""
        places = [(want.author, want.lane, seq) for seq in range(want.first, want.last + 1)]
        held = [entry for entry in map(self._entries.get, places) if entry is not None]
        if len(held) < len(places):
            return []
        return [StoredEntry(entry.header_bytes, entry.signature, entry.payload, 1) for entry in held]
