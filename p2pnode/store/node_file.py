"""`node.db`: the node's durable promises and its address book. Every commit here reaches the disk."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from p2pnode.core.crypto import sha256
from p2pnode.core.entry import Entry
from p2pnode.store.database import Connect, Writing, connect, is_sound, open_database
from p2pnode.store.group_file import FoundingBytes

_ROWS_A_STATEMENT = 500


_MOVES = "moves:"
_ALL_PROMISES = (1 << 63) - 1


class Promise(NamedTuple):
    """An own entry whose bytes are kept until its group's file is known to be on disk."""

    number: int
    group: bytes
    lane: int
    seq: int
    header: bytes
    signature: bytes
    payload: bytes


class Mark(NamedTuple):
    """The last seq that this key signed in a lane."""

    group: bytes
    lane: int
    seq: int
    id: bytes


class Membership(NamedTuple):
    """How this node stands to a group. Shapes: state is "joining", "member" or "restored"."""

    state: str
    link: str = ""
    annex: bytes | None = None
    founding: FoundingBytes | None = None


class PeerRow(NamedTuple):
    """A peer in the address book. Units: seen_ms is wall time, 0 when never met."""

    key: bytes
    addresses: tuple[str, ...]
    wanted: bool
    blocked: bool
    seen_ms: int


class NodeTransaction:
    """Everything that one transaction on node.db may change."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def promise(self, entries: Sequence[Entry], annexes: Sequence[bytes] = ()) -> int:
        """Keep own entries of a group and their annexes; the number of the last promise.

        Their marks follow from them; they are written down when the promises are forgotten.
        """
        number = 0
        for start in range(0, len(entries), _ROWS_A_STATEMENT):
            number = self._add_to_outbox(entries[start : start + _ROWS_A_STATEMENT])
        if annexes:
            self._connection.executemany(
                "INSERT INTO outbox_annex VALUES (?, ?, ?)",
                [(number, entries[0].group, annex) for annex in annexes],
            )
        return number

    def _add_to_outbox(self, entries: Sequence[Entry]) -> int:
        """The number of the last row. One statement takes hundreds of rows."""
        values: list[object] = []
        for e in entries:
            values += (e.group, e.header.lane, e.header.seq, e.header_bytes, e.signature, e.payload or b"")
        marks = ",".join(["(?,?,?,?,?,?)"] * len(entries))
        done = self._connection.execute(
            f"INSERT INTO outbox (group_id, lane, seq, header, signature, payload) VALUES {marks}", values
        )
        return done.lastrowid or 0

    def raise_mark(self, group: bytes, lane: int, seq: int, entry_id: bytes) -> None:
        self._connection.execute(
            "INSERT INTO mark VALUES (?, ?, ?, ?) ON CONFLICT (group_id, lane)"
            " DO UPDATE SET seq=excluded.seq, id=excluded.id WHERE excluded.seq > mark.seq",
            (group, lane, seq, entry_id),
        )

    def forget_promises(self, group: bytes, until: int) -> None:
        """Drop promises of a group up to a number; the marks that follow from them stay."""
        for mark in _promised_marks(self._connection, group, until):
            self.raise_mark(*mark)
        self._connection.execute("DELETE FROM outbox WHERE group_id=? AND number<=?", (group, until))
        self._connection.execute("DELETE FROM outbox_annex WHERE group_id=? AND number<=?", (group, until))

    def put_membership(self, group: bytes, membership: Membership) -> None:
        founding = membership.founding
        fields = (
            (None, None, None)
            if founding is None
            else (founding.header, founding.signature, founding.payload)
        )
        self._connection.execute(
            "INSERT OR REPLACE INTO membership VALUES (?, ?, ?, ?, ?, ?, ?)",
            (group, membership.state, membership.link, membership.annex, *fields),
        )

    def set_membership_state(self, group: bytes, state: str) -> None:
        self._connection.execute("UPDATE membership SET state=? WHERE group_id=?", (state, group))

    def drop_membership(self, group: bytes) -> None:
        """Forget a group but for its marks."""
        self._connection.execute("DELETE FROM membership WHERE group_id=?", (group,))
        self._connection.execute("DELETE FROM cursor WHERE group_id=?", (group,))
        self.forget_promises(group, _ALL_PROMISES)

    def put_peer(self, peer: PeerRow) -> None:
        """Remember a peer, or forget one of which there is nothing to remember: strangers are many."""
        if not (peer.addresses or peer.wanted or peer.blocked):
            self._connection.execute("DELETE FROM peer WHERE key=?", (peer.key,))
            return
        self._connection.execute(
            "INSERT OR REPLACE INTO peer VALUES (?, ?, ?, ?, ?)",
            (peer.key, json.dumps(peer.addresses), peer.wanted, peer.blocked, peer.seen_ms),
        )

    def put_setting(self, name: str, value: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))

    def put_cursor(self, peer: bytes, group: bytes, epoch: bytes, changed: int) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?)", (peer, group, epoch, changed)
        )

    def put_moves(self, group: bytes, changed: int) -> None:
        """Note how many head moves a group's file held when positions in peers' logs were written down."""
        self.put_setting(_MOVES + group.hex(), changed.to_bytes(8, "big"))

    def forget_cursors(self, group: bytes) -> None:
        self._connection.execute("DELETE FROM cursor WHERE group_id=?", (group,))
        self._connection.execute("DELETE FROM setting WHERE name=?", (_MOVES + group.hex(),))


class NodeFile:
    """The writing connection of node.db."""

    def __init__(self, path: Path | str, *, make: Connect = connect) -> None:
        self.path = path
        self._connection = open_database(path, "node", make=make)
        self._transaction = NodeTransaction(self._connection)

    def write(self) -> Writing[NodeTransaction]:
        """One durable transaction."""
        return Writing(self.path, self._connection, self._transaction)

    def promises(self, group: bytes) -> list[Promise]:
        return [
            Promise(*row)
            for row in self._connection.execute(
                "SELECT number, group_id, lane, seq, header, signature, payload FROM outbox WHERE "
                "group_id=? ORDER BY number",
                (group,),
            )
        ]

    def promised_annexes(self, group: bytes) -> list[bytes]:
        rows = self._connection.execute("SELECT content FROM outbox_annex WHERE group_id=?", (group,))
        return [bytes(row[0]) for row in rows]

    def promised_groups(self) -> list[bytes]:
        return [
            row[0]
            for row in self._connection.execute("SELECT DISTINCT group_id FROM outbox ORDER BY group_id")
        ]

    def marks(self, group: bytes) -> dict[int, Mark]:
        """The last seq that this key signed in each lane: as written down, or as a promise has it."""
        rows = self._connection.execute("SELECT group_id, lane, seq, id FROM mark WHERE group_id=?", (group,))
        marks = {row[1]: Mark(*row) for row in rows}
        for mark in _promised_marks(self._connection, group, _ALL_PROMISES):
            if mark.lane not in marks or marks[mark.lane].seq < mark.seq:
                marks[mark.lane] = mark
        return marks

    def memberships(self) -> dict[bytes, Membership]:
        """Every group that this node is in or asks to join, in order of group id."""
        rows = self._connection.execute(
            "SELECT group_id, state, link, annex, founding_header, founding_signature, founding_payload"
            " FROM membership ORDER BY group_id"
        )
        return {
            row[0]: Membership(row[1], row[2], row[3], None if row[4] is None else FoundingBytes(*row[4:]))
            for row in rows
        }

    def peers(self) -> list[PeerRow]:
        rows = self._connection.execute(
            "SELECT key, addresses, wanted, blocked, seen_ms FROM peer ORDER BY key"
        )
        return [
            PeerRow(key, tuple(json.loads(addresses)), bool(wanted), bool(blocked), seen_ms)
            for key, addresses, wanted, blocked, seen_ms in rows
        ]

    def setting(self, name: str) -> bytes | None:
        row = self._connection.execute("SELECT value FROM setting WHERE name=?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def moves(self, group: bytes) -> int:
        """How many head moves a group's file held at the last note of positions; fewer now is a loss."""
        held = self.setting(_MOVES + group.hex())
        return 0 if held is None else int.from_bytes(held, "big")

    def cursors(self) -> dict[tuple[bytes, bytes], tuple[bytes, int]]:
        """(peer, group) to (the peer's epoch, what it had changed when we were last in step)."""
        rows = self._connection.execute("SELECT peer, group_id, epoch, changed FROM cursor")
        return {(row[0], row[1]): (row[2], row[3]) for row in rows}

    @property
    def is_sound(self) -> bool:
        return is_sound(self._connection)

    def close(self) -> None:
        self._connection.close()


def _promised_marks(connection: sqlite3.Connection, group: bytes, until: int) -> list[Mark]:
    """What the promises of a group up to a number say of each lane's mark."""
    # Beside MAX, SQLite takes the other columns from the row that has the maximum.
    rows = connection.execute(
        "SELECT lane, MAX(seq), header FROM outbox WHERE group_id=? AND number<=? GROUP BY lane",
        (group, until),
    )
    return [Mark(group, lane, seq, sha256(header)) for lane, seq, header in rows]
