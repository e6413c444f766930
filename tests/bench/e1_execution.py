"""E1: executing final entries. A block of 5,000 events on the real road: candidates, order, execution, trie,
roots, commit, views.

Contributions, transfers that fulfil a promise, and the same transfers in batches of 500 records. The baseline
inserts the rows that came of it into SQLite, without any check or hash.
"""

import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from p2pnode.core.events import Item
from tests.bench import workload
from tests.bench.figures import Figure, Options, figure
from tests.bench.market_home import MarketHome

_EVENTS = 5000
_RECORDS = 500
_BLOCK_SHARE = 4
"""No author fills more than this part of a block; the first one orders the promise too."""


def measure(options: Options) -> list[Figure]:
    """The last of some blocks, each on top of the ones before."""
    count = options.scaled(_EVENTS)
    size = min(_RECORDS, count // 5)
    kinds: dict[str, tuple[int, Callable[[MarketHome, int], list[Item]]]] = {
        "contribution": (count, lambda _, first: list(workload.items(first, count))),
        "event": (count, lambda market, first: market.transfers(first, count)),
        "batch": (count // size, lambda market, first: market.batches(first, count, size)),
    }
    figures: list[Figure] = []
    for name, (entries, items) in kinds.items():
        runs = _run(entries, count, items, 2 if options.is_quick else max(2, min(options.runs, 4)))
        rates = {key: [count / run[key] for run in runs[1:]] for key in runs[0]}
        figures.append(figure(f"e1.{name}.cpu", "events per CPU s", rates["cpu"], rates["plain"]))
        figures.append(figure(f"e1.{name}.wall", "events/s", rates["wall"]))
    return figures


def _run(
    entries: int, count: int, items: Callable[[MarketHome, int], list[Item]], blocks: int
) -> list[dict[str, float]]:
    with tempfile.TemporaryDirectory(prefix="p2pnode-bench-") as folder:
        settings = {"block_entries_max": _BLOCK_SHARE * (entries + 1), "checkpoint_entries": entries}
        market = MarketHome(Path(folder), **settings)
        runs: list[dict[str, float]] = []
        for block in range(blocks):
            market.write(items(market, block * count))
            height, start = market.log.chain.tip.height, time.monotonic()
            cpu = market.settle()
            wall = time.monotonic() - start
            if market.log.chain.tip.height <= height:
                raise AssertionError("no block ordered the events")
            runs.append({"cpu": cpu, "wall": wall, "plain": _plain(market, Path(folder), count)})
        found = sum(1 for _ in market.log.file.chain.scan(b"event\0"))
        if found != blocks * count:
            raise AssertionError(f"{found} events stand of {blocks * count}")
        market.author.close()
        return runs


def _plain(market: MarketHome, folder: Path, count: int) -> float:
    """CPU seconds to insert as many of the rows that stand there now."""
    rows = list(zip(range(count), market.log.file.chain.scan(b"event\0"), strict=False))
    start = time.process_time()
    connection = sqlite3.connect(folder / f"plain-{start}.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE held (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO held VALUES (?, ?)", [row for _, row in rows])
    connection.execute("COMMIT")
    connection.close()
    return time.process_time() - start
