"""C2: a newcomer takes the state of a group with 1,000,000 entries of history from a snapshot.

A row in ten entries: 100,000 rows of about 120 bytes. The pure part is measured: making the chunks out of
memory, checking them and building the trie again, and a block that changes 5,000 rows afterwards. The
baseline decodes the same rows and hashes each once.
"""

import time

import msgpack

from p2pnode.consensus.rows import row_key
from p2pnode.consensus.snapshot import make_chunk
from p2pnode.consensus.snapshot_reader import SnapshotReader
from p2pnode.consensus.trie import EMPTY_ROOT, update
from p2pnode.core import codec
from p2pnode.core.crypto import sha256
from tests.bench.figures import Figure, Options, figure

_ROWS = 100_000
_CHANGES = 5_000


def measure(options: Options) -> list[Figure]:
    count = options.scaled(_ROWS)
    runs = [_run(count, options.scaled(_CHANGES)) for _ in range(min(options.runs, 3))]

    def values(name: str) -> list[float]:
        return [run[name] for run in runs]

    return [
        figure(
            "c2.newcomer.ms", f"CPU ms to check and build {count:,} rows", values("take"), values("plain")
        ),
        figure("c2.newcomer.rate", "rows per CPU s", [count / value * 1000 for value in values("take")]),
        figure("c2.serve.ms", "CPU ms to make all chunks", values("make")),
        figure("c2.chunks", "chunks", values("chunks")),
        figure("c2.bytes", "bytes a row", values("bytes")),
        figure("c2.build.ms", "CPU ms to build the trie at once", values("build")),
        figure("c2.block.ms", f"CPU ms for {options.scaled(_CHANGES):,} changed rows", values("block")),
    ]


def _row(number: int) -> tuple[bytes, bytes]:
    name = sha256(number.to_bytes(8, "big"))
    return row_key("contribution", name), codec.encode([number, "accepted", name, 1_800_000_000_000 + number])


def _run(count: int, changes: int) -> dict[str, float]:
    rows = dict(_row(number) for number in range(count))
    by_hash = {sha256(key): (key, value) for key, value in rows.items()}
    start = time.process_time()
    built = update(EMPTY_ROOT, rows, {}.__getitem__)
    build = time.process_time() - start
    reader = SnapshotReader(built.root)
    chunks: list[bytes] = []
    nodes: dict[bytes, bytes] = {}
    make = take = 0.0
    while not reader.is_complete:
        start = time.process_time()
        chunks.append(make_chunk(built.root, reader.end, built.new.__getitem__, by_hash.__getitem__))
        middle = time.process_time()
        nodes.update(reader.add(chunks[-1]).nodes)
        take += time.process_time() - middle
        make += middle - start
    changed = {key: b"changed" for key, _ in map(_row, range(0, count, max(1, count // changes)))}
    start = time.process_time()
    update(built.root, changed, nodes.__getitem__)
    block = time.process_time() - start
    return {
        "build": build * 1000,
        "make": make * 1000,
        "take": take * 1000,
        "block": block * 1000,
        "chunks": len(chunks),
        "bytes": sum(map(len, chunks)) / count,
        "plain": _plain(chunks) * 1000,
    }


def _plain(chunks: list[bytes]) -> float:
    start = time.process_time()
    for chunk in chunks:
        flat = msgpack.unpackb(chunk)[4]
        for key, value in zip(flat[::2], flat[1::2], strict=True):
            sha256(key + value)
    return time.process_time() - start
