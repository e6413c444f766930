"""The plain way: SQLite, TCP and PyNaCl in few lines, without groups, lanes, libp2p or privacy.

It is what the figures are compared with: the same entries, each hashed, chained and signed; one table; every
commit on the disk. Catching up verifies every signature, or the chain and one signature for 500 entries.
"""

import os
import shutil
import socket
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgpack
from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair

from tests.bench.processes import commands, reply, usage
from tests.bench.workload import payload

_RUN = 500
_ROWS_A_TRANSACTION = 2000
Row = tuple[int, int, bytes, bytes, bytes]
"""Author, seq, header, signature, payload."""


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS entry (author INTEGER, seq INTEGER, header BLOB, signature BLOB,"
        " payload BLOB, PRIMARY KEY (author, seq)) WITHOUT ROWID"
    )
    return connection


class Log:
    """Signed chains of some authors in one file."""

    def __init__(self, path: Path, authors: int) -> None:
        self.connection = _open(path)
        pairs = [crypto_sign_seed_keypair(number.to_bytes(32, "big")) for number in range(authors)]
        self.keys = [pair[0] for pair in pairs]
        self._secrets = [pair[1] for pair in pairs]
        self.heads = [(-1, bytes(32))] * authors
        for author, seq, header in self.connection.execute(
            "SELECT author, MAX(seq), header FROM entry GROUP BY 1"
        ):
            self.heads[author] = (seq, sha256(header).digest())

    def make(self, author: int, body: bytes) -> Row:
        """The next entry of an author, signed but not written."""
        seq, prev = self.heads[author]
        header: bytes = msgpack.packb([1, self.keys[author], seq + 1, prev, seq, sha256(body).digest()])
        self.heads[author] = (seq + 1, sha256(header).digest())
        return author, seq + 1, header, crypto_sign(header, self._secrets[author])[:64], body

    def write(self, rows: list[Row]) -> None:
        self.connection.execute("BEGIN")
        self.connection.executemany("INSERT INTO entry VALUES (?,?,?,?,?)", rows)
        self.connection.execute("COMMIT")

    def take(self, rows: list[Row], *, is_every_signature: bool) -> None:
        """Check and write what a peer sent: its chain, and every signature or the last one of each run."""
        for index, (author, seq, header, signature, body) in enumerate(rows):
            fields = msgpack.unpackb(header)
            head_seq, prev = self.heads[author]
            is_last = index + 1 == len(rows) or rows[index + 1][0] != author or (index + 1) % _RUN == 0
            if (fields[2], fields[3], fields[5]) != (
                head_seq + 1,
                prev,
                sha256(body).digest(),
            ) or seq != fields[2]:
                raise AssertionError("the chain is broken")
            if is_every_signature or is_last:
                crypto_sign_open(signature + header, self.keys[author])
            self.heads[author] = (seq, sha256(header).digest())
        self.write(rows)


def fill(path: Path, entries: int, authors: int) -> None:
    """Make a log file with entries of some authors."""
    log = Log(path, authors)
    each = entries // authors
    for author in range(authors):
        log.write([log.make(author, payload(author * 1_000_000 + number)) for number in range(each)])
    log.connection.close()


def copy_filled(path: Path, entries: int, authors: int) -> None:
    """A log file with entries of some authors; it is made once and kept in a folder for temporary files."""
    kept = Path(tempfile.gettempdir()) / "p2pnode-bench-data" / f"baseline-{entries}-{authors}.db"
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as making:
            fill(Path(making) / "one.db", entries, authors)
            (Path(making) / "one.db").rename(kept)
    shutil.copyfile(kept, path)


def _send(stream: socket.socket, value: Any) -> int:
    body: bytes = msgpack.packb(value)
    stream.sendall(len(body).to_bytes(4, "big") + body)
    return len(body) + 4


def _receive(stream: Any) -> Iterator[tuple[Any, int]]:
    while head := stream.read(4):
        size = int.from_bytes(head, "big")
        yield msgpack.unpackb(stream.read(size)), size + 4


def _serve(log: Log, listener: socket.socket) -> None:
    """Tell each caller what it lacks, by its heads; then push what is appended."""
    while True:
        stream, _ = listener.accept()
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_answer, args=(log, stream), daemon=True).start()


def _answer(log: Log, stream: socket.socket) -> None:
    connection = sqlite3.connect(log.connection.execute("PRAGMA database_list").fetchone()[2])
    for heads, _ in _receive(stream.makefile("rb")):
        rows: list[Row] = []
        for author, head in enumerate(heads):
            for row in connection.execute(
                "SELECT * FROM entry WHERE author=? AND seq>? ORDER BY seq", (author, head)
            ):
                rows.append(row)
                if len(rows) == _ROWS_A_TRANSACTION:
                    _send(stream, rows)
                    rows = []
        _send(stream, rows)
        _send(stream, [])
        _PUSHED.append(stream)


_PUSHED: list[socket.socket] = []


def _fetch(log: Log, port: int, *, is_every_signature: bool) -> dict[str, Any]:
    """Dial, send our heads, take everything that comes until the end mark."""
    before = usage()
    sent, received = 0, 0
    with socket.create_connection(("127.0.0.1", port)) as stream:
        sent = _send(stream, [head[0] for head in log.heads])
        for rows, size in _receive(stream.makefile("rb")):
            received += size
            if not rows:
                break
            log.take([tuple(row) for row in rows], is_every_signature=is_every_signature)
    after = usage()
    return {
        "s": (after["ns"] - before["ns"]) / 1e9,
        "cpu_s": after["cpu_s"] - before["cpu_s"],
        "bytes": sent + received,
        "peak": after["peak"],
    }


def _watch(log: Log, port: int, count: int) -> list[int]:
    """Take pushed entries one by one and say when each was written and read back."""
    seen: list[int] = []
    with socket.create_connection(("127.0.0.1", port)) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _send(stream, [head[0] for head in log.heads])
        is_behind = True
        for rows, _ in _receive(stream.makefile("rb")):
            if rows:
                log.take([tuple(row) for row in rows], is_every_signature=True)
                if not is_behind:
                    msgpack.unpackb(rows[-1][4])
                    seen.append(time.monotonic_ns())
            elif is_behind:
                is_behind = False
                reply("watching")
            if len(seen) == count:
                return seen
    raise AssertionError("the writer ended early")


def _append_live(log: Log, count: int, rate: float) -> list[int]:
    started: list[int] = []
    due = time.monotonic()
    for body in [payload(number) for number in range(count)]:
        time.sleep(max(0.0, due - time.monotonic()))
        due += 1 / rate
        started.append(time.monotonic_ns())
        row = log.make(0, body)
        log.write([row])
        for stream in _PUSHED:
            _send(stream, [row])
    return started


def append_rates(entries: int) -> dict[str, tuple[float, float]]:
    """One entry at a time, each on the disk; and in batches of 500. Units: entries/s, CPU us."""
    bodies = [payload(number) for number in range(entries * 4)]
    parts = {
        "one": [[body] for body in bodies[:entries]],
        "batch": [bodies[first : first + _RUN] for first in range(0, len(bodies), _RUN)],
    }
    rates = {}
    with tempfile.TemporaryDirectory(prefix="p2pnode-bench-") as folder:
        log = Log(Path(folder) / "one.db", 1)
        for name, lists in parts.items():
            count = sum(map(len, lists))
            before = usage()
            for part in lists:
                log.write([log.make(0, body) for body in part])
            after = usage()
            rates[name] = (
                count / (after["ns"] - before["ns"]) * 1e9,
                (after["cpu_s"] - before["cpu_s"]) / count * 1e6,
            )
    return rates


def main(path: str, authors: int) -> None:
    """A child process: `python -m tests.bench.baseline FILE AUTHORS`."""
    log = Log(Path(path), authors)
    count = log.connection.execute("SELECT COUNT(*) FROM entry").fetchone()[0]
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_serve, args=(log, listener), daemon=True).start()
    reply({"port": listener.getsockname()[1], "entries": count, **usage()})
    for command in commands():
        match command["do"]:
            case "fetch":
                reply(_fetch(log, command["port"], is_every_signature=command["every"]))
            case "watch":
                reply(_watch(log, command["port"], command["count"]))
            case "append":
                reply(_append_live(log, command["count"], command["rate"]))
            case "usage":
                reply(usage())
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
