"""One group's file, as its only writer sees it. What is not in a transaction cannot be written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from p2pnode.core.crypto import sha256
from p2pnode.core.limits import SEQ_MAX
from p2pnode.replication.lane import LaneState
from p2pnode.replication.run import Row, StoredEntry
from p2pnode.store.chain_tables import ChainQueries, ChainTransaction, StateQueries
from p2pnode.store.database import Connect, Writing, connect, is_sound, open_database, reported
from p2pnode.store.ending_tables import EndingQueries, EndingTransaction
from p2pnode.store.level_tables import LevelQueries, LevelTransaction, ReplayTransaction

Place = tuple[int, int]
"""An entry's position and the index of a record in it."""

ContributionRow = tuple[int, int, bytes, int, str, str | None]
"""A record's place, its author, time in ms, type, and the rule that makes it void."""

SEQ_BITS = 40
_ROWS_A_STATEMENT = 500
_ENTRY_COLUMNS = 6
_LANE_FIELDS = tuple(field.name for field in fields(LaneState))
lane_values = attrgetter(*_LANE_FIELDS)
"""The fields of a lane's state in their order."""

_lane_changes = attrgetter(*_LANE_FIELDS[3:], _LANE_FIELDS[0])
_ADD_LANE = f"INSERT INTO lane ({', '.join(_LANE_FIELDS)}) VALUES ({', '.join('?' * len(_LANE_FIELDS))})"
# The first three name a lane and never change.
_PUT_LANE = f"UPDATE lane SET {', '.join(f'{name}=?' for name in _LANE_FIELDS[3:])} WHERE number=?"


class Governed(NamedTuple):
    """An entry that calls for an order."""

    position: int
    entry: StoredEntry


@dataclass(frozen=True, slots=True)
class FoundingBytes:
    """The founding entry, kept outside the lanes (J1)."""

    header: bytes
    signature: bytes
    payload: bytes


def position_of(number: int, seq: int) -> int:
    """Where an entry lies: its lane's number and its seq in one integer."""
    return number << SEQ_BITS | seq


def number_and_seq(position: int) -> tuple[int, int]:
    """The lane number and the seq that a position packs."""
    return position >> SEQ_BITS, position & SEQ_MAX


def id_prefix(entry_id: bytes) -> int:
    """The first eight bytes of an id as SQLite keeps them."""
    return int.from_bytes(entry_id[:8], "big", signed=True)


class GroupQueries:
    """What can be read of a group through one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def chain(self) -> ChainQueries:
        """The tables of the group's chain."""
        return ChainQueries(self._connection)

    @property
    def states(self) -> StateQueries:
        """The last state and those before it, by their roots."""
        return StateQueries(self._connection)

    @property
    def level(self) -> LevelQueries:
        """A snapshot on its way, and the replay behind one."""
        return LevelQueries(self._connection)

    @property
    def endings(self) -> EndingQueries:
        """Where the reading of devices ended that are gone."""
        return EndingQueries(self._connection)

    def close(self) -> None:
        self._connection.close()

    def founding(self) -> FoundingBytes:
        values = dict(
            self._connection.execute(
                "SELECT name, value FROM setting WHERE name IN "
                "('founding_header','founding_signature','founding_payload')"
            )
        )
        return FoundingBytes(
            values["founding_header"], values["founding_signature"], values["founding_payload"]
        )

    def setting(self, name: str) -> bytes | None:
        row = self._connection.execute("SELECT value FROM setting WHERE name=?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def lanes(self) -> list[LaneState]:
        columns = ", ".join(_LANE_FIELDS)
        return [
            LaneState(*row) for row in self._connection.execute(f"SELECT {columns} FROM lane ORDER BY number")
        ]

    def lane_numbers(self) -> dict[tuple[bytes, int], int]:
        return {
            (author, lane): number
            for author, lane, number in self._connection.execute("SELECT author, lane, number FROM lane")
        }

    def entries(self, number: int, first: int, last: int) -> list[StoredEntry]:
        """Entries of a lane from first to last, both included, in order."""
        rows = self._connection.execute(
            "SELECT header, signature, payload, checked FROM entry WHERE position BETWEEN ? AND ? "
            "ORDER BY position",
            (position_of(number, first), position_of(number, last)),
        )
        return list(map(StoredEntry._make, rows))

    def entry_at(self, position: int) -> StoredEntry | None:
        row = self._connection.execute(
            "SELECT header, signature, payload, checked FROM entry WHERE position=?", (position,)
        ).fetchone()
        return None if row is None else StoredEntry(*row)

    def first_held(self, number: int, seq: int) -> int:
        """The first seq from `seq` on that is held; `seq` itself where there is none."""
        row = self._connection.execute(
            "SELECT position FROM entry WHERE position BETWEEN ? AND ? ORDER BY position LIMIT 1",
            (position_of(number, seq), position_of(number, SEQ_MAX)),
        ).fetchone()
        return seq if row is None else number_and_seq(row[0])[1]

    def next_checked(self, number: int, seq: int, within: int) -> int | None:
        """The first seq from `seq` on, at most `within` steps later, whose own signature was verified."""
        row = self._connection.execute(
            "SELECT position FROM entry WHERE position BETWEEN ? AND ? AND checked=1 ORDER BY position "
            "LIMIT 1",
            (position_of(number, seq), position_of(number, min(seq + within, SEQ_MAX))),
        ).fetchone()
        return None if row is None else number_and_seq(row[0])[1]

    def position_of_id(self, entry_id: bytes) -> int | None:
        for position, header in self._connection.execute(
            "SELECT position, header FROM entry WHERE prefix=?", (id_prefix(entry_id),)
        ):
            if sha256(header) == entry_id:
                return int(position)
        return None

    def positions_of_text(self, prefix_hex: str) -> list[int]:
        """Positions of entries whose id starts with some hexadecimal digits, at most eleven of them."""
        digits = prefix_hex[:16]
        low = int.from_bytes(bytes.fromhex(digits.ljust(16, "0")), "big", signed=True)
        high = int.from_bytes(bytes.fromhex(digits.ljust(16, "f")), "big", signed=True)
        found = self._connection.execute(
            "SELECT position, header FROM entry WHERE prefix BETWEEN ? AND ? LIMIT 11", (low, high)
        ).fetchall()
        return [position for position, header in found if sha256(header).hex().startswith(prefix_hex)]

    def acks_between(self, number: int, after: int, until: int) -> list[tuple[int, list[int]]]:
        """Positions in (after, until] of a lane whose acks are resolved, with the positions they name."""
        rows = self._connection.execute(
            "SELECT position, targets FROM ack WHERE position BETWEEN ? AND ? AND targets IS NOT NULL "
            "ORDER BY position",
            (position_of(number, after + 1), position_of(number, until)),
        )
        return [(position, _unpacked(targets)) for position, targets in rows]

    def next_ack(self, number: int, after: int, until: int) -> int | None:
        """The first seq in (after, until] whose acks are not resolved yet."""
        row = self._connection.execute(
            "SELECT position FROM ack WHERE position BETWEEN ? AND ? AND targets IS NULL ORDER BY "
            "position LIMIT 1",
            (position_of(number, after + 1), position_of(number, until)),
        ).fetchone()
        return None if row is None else number_and_seq(row[0])[1]

    def governed(self) -> list[Governed]:
        """Entries that call for an order, decided or not."""
        rows = self._connection.execute(
            "SELECT position, header, signature, payload, checked"
            " FROM governed JOIN entry USING (position) ORDER BY position"
        )
        return [Governed(row[0], StoredEntry(*row[1:])) for row in rows]

    def undecided(self) -> list[Governed]:
        """Entries that call for an order and lie above the last final cut."""
        rows = self._connection.execute(
            "SELECT position, header, signature, payload, entry.checked"
            " FROM governed JOIN entry USING (position)"
            f" JOIN lane ON number = position >> {SEQ_BITS}"
            f" WHERE (position & {SEQ_MAX}) > decided ORDER BY position"
        )
        return [Governed(row[0], StoredEntry(*row[1:])) for row in rows]

    def fork_proofs(self) -> dict[tuple[bytes, int], bytes]:
        """The proof of each forked lane, by author and lane."""
        rows = self._connection.execute("SELECT author, lane, proof FROM fork ORDER BY author, lane")
        return {(author, lane): proof for author, lane, proof in rows}

    def dead_headers(self) -> list[bytes]:
        """Headers of dead branches that were fetched because an entry names them."""
        return [row[0] for row in self._connection.execute("SELECT header FROM dead ORDER BY id")]

    def dead_header(self, entry_id: bytes) -> bytes | None:
        row = self._connection.execute("SELECT header FROM dead WHERE id=?", (entry_id,)).fetchone()
        return None if row is None else bytes(row[0])

    def unchecked(self, number: int, after: int, limit: int) -> list[tuple[int, StoredEntry]]:
        """The next entries of a lane after a seq, with their seq, for checking their own signatures."""
        rows = self._connection.execute(
            "SELECT position, header, signature, payload, checked FROM entry"
            " WHERE position BETWEEN ? AND ? ORDER BY position LIMIT ?",
            (position_of(number, after + 1), position_of(number, SEQ_MAX), limit),
        )
        return [(number_and_seq(row[0])[1], StoredEntry(*row[1:])) for row in rows]

    def annexes(self, hashes: Sequence[bytes]) -> list[bytes]:
        found = []
        for annex_hash in hashes:
            row = self._connection.execute(
                "SELECT content FROM annex WHERE hash=? AND content IS NOT NULL", (annex_hash,)
            ).fetchone()
            if row is not None:
                found.append(bytes(row[0]))
        return found

    def wanted_annexes(self, limit: int, start: bytes = b"") -> list[bytes]:
        """Missing annexes in ascending order from `start` on, and from the beginning when they end."""
        found: list[bytes] = []
        for bounds in ("hash >= ?", "hash < ?"):
            rows = self._connection.execute(
                f"SELECT hash FROM annex WHERE content IS NULL AND {bounds} ORDER BY hash LIMIT ?",
                (start, limit - len(found)),
            )
            found += [bytes(row[0]) for row in rows]
        return found

    def claim_positions(self, root: bytes, commits: Iterable[bytes]) -> dict[bytes, int]:
        found: dict[bytes, int] = {}
        for commit in commits:
            row = self._connection.execute(
                "SELECT position FROM claim WHERE root=? AND commit_id=?", (root, commit)
            ).fetchone()
            if row is not None:
                found[commit] = int(row[0])
        return found

    def contributions(self, *, before: int, limit: int) -> list[tuple[int, int, int, str | None]]:
        """The newest contributions: (position, item, time_ms, void rule or nothing), newest first."""
        return [
            (row[0], row[1], row[2], row[3])
            for row in self._connection.execute(
                "SELECT position, item, time_ms, void FROM contribution WHERE time_ms < ?"
                " ORDER BY time_ms DESC, position, item LIMIT ?",
                (before, limit),
            )
        ]

    def entry_count(self) -> int:
        row = self._connection.execute("SELECT COALESCE(SUM(seq + 1), 0) FROM lane").fetchone()
        return int(row[0])


class GroupTransaction(GroupQueries):
    """Everything that one transaction may change."""

    @property
    def chain(self) -> ChainTransaction:
        """The tables of the group's chain."""
        return ChainTransaction(self._connection)

    @property
    def level(self) -> LevelTransaction:
        """A snapshot on its way, and the replay behind one."""
        return LevelTransaction(self._connection)

    @property
    def endings(self) -> EndingTransaction:
        """Where the reading of devices ended that are gone."""
        return EndingTransaction(self._connection)

    def replay(self, height: int) -> ReplayTransaction:
        """The chain as far as history was run again."""
        return ReplayTransaction(self._connection, height)

    def add_lane(self, author: bytes, lane: int) -> LaneState:
        """A new empty lane with the next number."""
        number = int(self._connection.execute("SELECT COALESCE(MAX(number), 0) + 1 FROM lane").fetchone()[0])
        state = LaneState(number, author, lane)
        self._connection.execute(_ADD_LANE, lane_values(state))
        return state

    def put_lane(self, state: LaneState) -> None:
        """Write what changed of a lane that was added before."""
        self._connection.execute(_PUT_LANE, _lane_changes(state))

    def add_rows(self, number: int, rows: Sequence[Row], is_checked: Sequence[int]) -> None:
        """Insert entries of one lane. One statement takes hundreds of rows: the interpreter lock is handed
        over once.
        """
        base = number << SEQ_BITS
        for start in range(0, len(rows), _ROWS_A_STATEMENT):
            part = rows[start : start + _ROWS_A_STATEMENT]
            values: list[object] = []
            for row, checked in zip(part, is_checked[start : start + _ROWS_A_STATEMENT], strict=True):
                values += (base | row.seq, row.prefix, row.header, row.signature, row.payload, checked)
            marks = ",".join(["(" + ",".join("?" * _ENTRY_COLUMNS) + ")"] * len(part))
            self._connection.execute(f"INSERT INTO entry VALUES {marks}", values)
            bearing = [(base | row.seq,) for row in part if row.acks]
            if bearing:
                self._connection.executemany("INSERT INTO ack (position) VALUES (?)", bearing)

    def drop_rows(self, number: int, first: int) -> None:
        """Forget the entries of a lane from a seq on: another of its branches is to take their place."""
        bounds = (position_of(number, first), position_of(number, SEQ_MAX))
        for table in ("entry", "ack", "governed"):
            self._connection.execute(f"DELETE FROM {table} WHERE position BETWEEN ? AND ?", bounds)

    def prune(self, number: int, last: int, bodies: Sequence[bytes]) -> None:
        """Forget the entries of a lane up to a seq, and the bodies of blocks that they named."""
        bounds = (position_of(number, 0), position_of(number, last))
        self._connection.execute("DELETE FROM entry WHERE position BETWEEN ? AND ?", bounds)
        self._connection.executemany("DELETE FROM annex WHERE hash=?", [(name,) for name in bodies])

    def resolve_acks(self, position: int, targets: Sequence[int]) -> None:
        self._connection.execute(
            "UPDATE ack SET targets=? WHERE position=?",
            (b"".join(target.to_bytes(8, "big") for target in targets), position),
        )

    def add_governed(self, position: int) -> None:
        self._connection.execute("INSERT OR IGNORE INTO governed (position) VALUES (?)", (position,))

    def set_checked(self, position: int, checked: int) -> None:
        self._connection.execute("UPDATE entry SET checked=? WHERE position=?", (checked, position))

    def drop_signature(self, position: int) -> None:
        self._connection.execute("UPDATE entry SET signature=NULL WHERE position=?", (position,))

    def put_signature(self, position: int, signature: bytes) -> None:
        self._connection.execute(
            "UPDATE entry SET signature=?, checked=1 WHERE position=? AND checked=0", (signature, position)
        )

    def put_fork(self, author: bytes, lane: int, proof: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO fork VALUES (?, ?, ?)", (author, lane, proof))

    def add_dead(self, entry_id: bytes, header: bytes) -> None:
        self._connection.execute("INSERT OR IGNORE INTO dead VALUES (?, ?)", (entry_id, header))

    def forget_walks(self) -> None:
        """Forget what acks resolve to and the views: both follow from the entries again."""
        self._connection.execute("UPDATE ack SET targets=NULL")
        self.clear_views()

    def want_annex(self, annex_hash: bytes, position: int) -> bool:
        """Note an annex that an entry names; whether it is missing."""
        done = self._connection.execute(
            "INSERT OR IGNORE INTO annex (hash, position) VALUES (?, ?)", (annex_hash, position)
        )
        return done.rowcount == 1

    def put_annex(self, annex_hash: bytes, content: bytes, position: int = 0) -> None:
        self._connection.execute(
            "INSERT INTO annex VALUES (?, ?, ?) ON CONFLICT (hash) DO UPDATE SET content=excluded.content",
            (annex_hash, position, content),
        )

    def is_wanted_annex(self, annex_hash: bytes) -> bool:
        row = self._connection.execute(
            "SELECT 1 FROM annex WHERE hash=? AND content IS NULL", (annex_hash,)
        ).fetchone()
        return row is not None

    def put_setting(self, name: str, value: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))

    def add_contributions(self, rows: Sequence[ContributionRow]) -> None:
        self._connection.executemany("INSERT OR REPLACE INTO contribution VALUES (?, ?, ?, ?, ?, ?)", rows)

    def add_claim(self, root: bytes, commit: bytes, place: Place) -> Place:
        """Note a claim, unless there is one of the same commit; the place of the one that stands."""
        done = self._connection.execute(
            "INSERT OR IGNORE INTO claim VALUES (?, ?, ?, ?)", (root, commit, *place)
        )
        if done.rowcount == 1:
            return place
        position, item = self._connection.execute(
            "SELECT position, item FROM claim WHERE root=? AND commit_id=?", (root, commit)
        ).fetchone()
        return position, item

    def put_claim(self, root: bytes, commit: bytes, place: Place) -> None:
        """Let another claim of the same commit stand."""
        self._connection.execute("INSERT OR REPLACE INTO claim VALUES (?, ?, ?, ?)", (root, commit, *place))

    def void_contribution(self, place: Place, void: str) -> None:
        self._connection.execute("UPDATE contribution SET void=? WHERE position=? AND item=?", (void, *place))

    def clear_views(self) -> None:
        """Throw the views away; they are folded again from the first entry."""
        self._connection.execute("DELETE FROM contribution")
        self._connection.execute("DELETE FROM claim")
        self._connection.execute("UPDATE lane SET viewed=-1")


class GroupFile(GroupQueries):
    """The writing connection of one group."""

    def __init__(self, path: Path | str, *, make: Connect = connect) -> None:
        self.path = path
        super().__init__(open_database(path, "group", make=make))
        self._synchronous = "FULL"
        self._transaction = GroupTransaction(self._connection)

    def begin_with(self, founding: FoundingBytes, epoch: bytes) -> None:
        """Make a fresh file the file of one group."""
        with self.write() as transaction:
            transaction.put_setting("founding_header", founding.header)
            transaction.put_setting("founding_signature", founding.signature)
            transaction.put_setting("founding_payload", founding.payload)
            transaction.put_setting("epoch", epoch)

    @property
    def is_begun(self) -> bool:
        return self.setting("founding_header") is not None

    def write(self, *, durable: bool = True) -> Writing[GroupTransaction]:
        """One transaction. Without `durable`, a power cut may take it back: only for what is kept elsewhere
        too.
        """
        wanted = "FULL" if durable else "NORMAL"
        if wanted != self._synchronous:
            with reported(self.path):
                self._connection.execute(f"PRAGMA synchronous={wanted}")
            self._synchronous = wanted
        return Writing(self.path, self._connection, self._transaction)

    def settle(self, promise: int) -> None:
        """Put everything committed so far on disk: a durable commit carries all commits before it.

        Shapes: promise is the last promise whose entries were committed here.
        """
        with self.write(durable=True) as transaction:
            transaction.put_setting("settled", promise.to_bytes(8, "big"))

    @property
    def is_sound(self) -> bool:
        return is_sound(self._connection)


def _unpacked(targets: bytes) -> list[int]:
    return [int.from_bytes(targets[at : at + 8], "big") for at in range(0, len(targets), 8)]
