"""State rows: what a group agrees on, as keys with values, and changes on top that can be thrown away.

Reading and layering only. What the tables mean is the business of those who execute entries; how the rows
become one hash stands in `trie.py`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Protocol

KEY_BYTES_MAX = 256
"""A table's name and a few ids."""

VALUE_BYTES_MAX = 128 * 1024
"""The longest list a group keeps in one row, so that a few rows fill a chunk of a snapshot."""

_INSERTED_MAX = 64
"""More new keys than this are sorted together with those that are in order already."""

_READ_MAX = 4096
"""Rows from below that are not read again: every event asks who its parties are."""

_TABLE_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_.")


class Rows(Protocol):
    """Rows that can be read. Shapes: values are canonical bytes of the codec."""

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        ...

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The rows whose keys start with a prefix, ascending, as they were when the scan began."""
        ...


def row_key(table: str, *parts: bytes) -> bytes:
    """The key of a row.

    Shapes: within a table every part but the last has a fixed size, so that keys are distinct and a scan of
    `row_key(table, part)` finds the rows of that part alone.
    """
    return _start_of(table) + b"".join(parts)


@lru_cache(maxsize=256)
def _start_of(table: str) -> bytes:
    if not table or not _TABLE_CHARACTERS.issuperset(table):
        raise ValueError(f"{table!r} is no name of a table")
    return table.encode("ascii") + b"\0"


class MemoryRows:
    """Rows in memory that nobody changes any more."""

    def __init__(self, rows: Mapping[bytes, bytes]) -> None:
        self._rows = dict(rows)
        self._keys = sorted(self._rows)

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        return self._rows.get(key)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The rows whose keys start with a prefix, ascending by key."""
        return ((key, self._rows[key]) for key in _with_prefix(self._keys, prefix))


class State:
    """Rows with changes on top; the rows below stay as they are.

    One thing at a time can be tried out: its changes are kept or dropped as a whole. The rows below do not
    change while this is in use.
    """

    def __init__(self, base: Rows) -> None:
        self._base = base
        self._changes: dict[bytes, bytes | None] = {}
        # The keys of the changes in order; the newest are put in their places when order counts.
        self._keys: list[bytes] = []
        self._new_keys: list[bytes] = []
        self._tried: dict[bytes, bytes | None] | None = None
        self._read: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, changed or from below."""
        tried = self._tried
        if tried is not None and key in tried:
            return tried[key]
        if key in self._changes:
            return self._changes[key]
        if key in self._read:
            return self._read[key]
        value = self._base.get(key)
        if len(self._read) >= _READ_MAX:
            self._read.clear()
        self._read[key] = value
        return value

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The rows whose keys start with a prefix, ascending, as they were when the scan began."""
        changed = {key: self._changes[key] for key in _with_prefix(self._ordered_keys(), prefix)}
        if self._tried:
            changed.update((key, value) for key, value in self._tried.items() if key.startswith(prefix))
            changed = {key: changed[key] for key in sorted(changed)}
        below = self._base.scan(prefix)
        return _merged(below, list(changed.items())) if changed else below

    def put(self, key: bytes, value: bytes) -> None:
        """Set a row. Errors: ValueError for a key or value beyond its bound, which executors prevent."""
        if not 0 < len(key) <= KEY_BYTES_MAX or len(value) > VALUE_BYTES_MAX:
            raise ValueError(f"a row of {len(key)} and {len(value)} bytes")
        self._set(key, value)

    def delete(self, key: bytes) -> None:
        """Take a row away; there need not be one."""
        self._set(key, None)

    def apply(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Take over the changes of an overlay."""
        for key, value in changes.items():
            self._set(key, value)

    def changes(self) -> dict[bytes, bytes | None]:
        """Every key that was set or taken away, ascending; None is a row taken away."""
        return {key: self._changes[key] for key in self._ordered_keys()}

    def changed(self, prefix: bytes) -> list[bytes]:
        """The changed keys that start with a prefix, ascending."""
        return _with_prefix(self._ordered_keys(), prefix)

    def take(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """Take out what was set with a prefix that has no rows below: notes that end with their block.

        Shapes: ascending by key.
        """
        assert self._tried is None, "what is tried may yet be dropped"
        keys = _with_prefix(self._ordered_keys(), prefix)
        if keys:
            first = bisect_left(self._keys, prefix)
            del self._keys[first : first + len(keys)]
        taken = [(key, self._changes.pop(key)) for key in keys]
        return [(key, value) for key, value in taken if value is not None]

    def on(self, base: Rows) -> State:
        """The same changes on top of the same rows, read in another way; neither sees the other's changes."""
        other = State(base)
        other._keys, other._changes = self._ordered_keys().copy(), self._changes.copy()
        return other

    def overlay(self) -> State:
        """A layer on top, for something that may turn out void."""
        return State(self)

    def begin_attempt(self) -> None:
        """Set what is changed from here on apart: an overlay in this very state, for what is tried often."""
        assert self._tried is None, "one thing is tried at a time"
        self._tried = {}

    def end_attempt(self, *, is_kept: bool) -> None:
        """Keep or drop what was changed since the attempt began."""
        tried, self._tried = self._tried, None
        if is_kept and tried:
            self.apply(tried)

    def _set(self, key: bytes, value: bytes | None) -> None:
        if self._tried is not None:
            self._tried[key] = value
            return
        if key not in self._changes:
            self._new_keys.append(key)
        self._changes[key] = value

    def _ordered_keys(self) -> list[bytes]:
        new = self._new_keys
        if len(new) > _INSERTED_MAX:
            self._keys += new
            self._keys.sort()
        else:
            for key in new:
                insort(self._keys, key)
        new.clear()
        return self._keys


def _with_prefix(keys: list[bytes], prefix: bytes) -> list[bytes]:
    """The keys with a prefix out of ascending ones."""
    first = bisect_left(keys, prefix)
    if not prefix:
        return keys[first:]
    return keys[first : bisect_left(keys, _after(prefix), lo=first)] if _after(prefix) else keys[first:]


def _after(prefix: bytes) -> bytes:
    """The least key above all keys with a prefix; empty if there is none."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else b""


def _merged(
    below: Iterator[tuple[bytes, bytes]], changed: list[tuple[bytes, bytes | None]]
) -> Iterator[tuple[bytes, bytes]]:
    """The rows from below with changed ones in their places."""
    place = 0
    for key, value in below:
        while place < len(changed) and changed[place][0] < key:
            above = changed[place][1]
            if above is not None:
                yield changed[place][0], above
            place += 1
        if place < len(changed) and changed[place][0] == key:
            continue
        yield key, value
    for key, above in changed[place:]:
        if above is not None:
            yield key, above
