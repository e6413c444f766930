"""W5: the real command line on a home with many entries: time to be reachable, memory, idle CPU."""

import time
from pathlib import Path

from tests.bench import baseline
from tests.bench.figures import Figure, Options, figure
from tests.bench.homes import data_set, scratch
from tests.bench.node_process import started_node
from tests.bench.processes import child

_MEGABYTE = 1 << 20
_PEERS = 8
_REST_S = 3.0


def measure(options: Options) -> list[Figure]:
    authors = 4 if options.is_quick else 100
    entries = options.scaled(options.entries)
    rest_s = 0.2 if options.is_quick else _REST_S
    with data_set(entries, authors).homes("writer") as (home,):
        ours = [_start(home, rest_s) for _ in range(options.runs)]
    plain = [_plain(entries, authors) for _ in range(options.runs)]
    idle_s = 1.0 if options.is_quick else options.idle_s
    peers = 2 if options.is_quick else _PEERS
    return [
        figure("w5.start.s", "s", [run["s"] for run in ours], [run["s"] for run in plain]),
        figure("w5.start.rss", "MB", [run["rss"] for run in ours], [run["rss"] for run in plain]),
        figure("w5.idle.cpu", f"% of a core, {peers} peers", [_idle(peers, idle_s, rest_s)]),
    ]


def _start(home: Path, rest_s: float) -> dict[str, float]:
    with started_node(home) as node:
        time.sleep(rest_s)
        return {"s": node.start_s, "rss": node.memory()["rss"] / _MEGABYTE}


def _idle(peers: int, idle_s: float, rest_s: float) -> float:
    names = [f"reader{number}" for number in range(peers)]
    with (
        data_set(100, 1, peers).homes("writer", *names) as (home, *peer_homes),
        started_node(home) as node,
        child("tests.bench.node_process", *peer_homes) as others,
    ):
        others.answer()
        others.ask("connect", peer=node.key(), addresses=node.status["addresses"])
        others.ask("wait", digest=node.status["groups"][0]["frontier"])
        time.sleep(rest_s)
        before, start = node.cpu_s(), time.monotonic()
        time.sleep(idle_s)
        return (node.cpu_s() - before) / (time.monotonic() - start) * 100


def _plain(entries: int, authors: int) -> dict[str, float]:
    with scratch() as folder:
        path = folder / "one.db"
        baseline.copy_filled(path, entries, authors)
        with child("tests.bench.baseline", path, authors) as node:
            ready = node.answer()
            return {"s": (ready["ns"] - node.started_ns) / 1e9, "rss": ready["rss"] / _MEGABYTE}
