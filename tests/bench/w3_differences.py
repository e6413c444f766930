"""W3: two nodes hold the same large group but for one new entry of each author; then they are in sync.

The time runs from the order to dial to equal frontiers, between processes that run already; bytes are those
of the TCP streams, both ways.
"""

from tests.bench import baseline
from tests.bench.figures import Figure, Options, figure
from tests.bench.homes import DataSet, data_set, scratch
from tests.bench.processes import child

_SETTLE_S = 5.0


def measure(options: Options) -> list[Figure]:
    authors = 4 if options.is_quick else 100
    entries = options.scaled(options.entries)
    data = data_set(entries, authors)
    idle_s = min(1.0, options.idle_s) if options.is_quick else options.idle_s
    ours = [
        _differences(data, idle_s if number == 0 else 0.0, 0.2 if options.is_quick else _SETTLE_S)
        for number in range(options.runs)
    ]
    plain = [_plain(entries, authors) for _ in range(options.runs)]
    figures = [
        figure(f"w3.differences.{key}", unit, [run[key] for run in ours], [run[key] for run in plain])
        for key, unit in {"ms": "ms", "bytes": "bytes both ways", "cpu_ms": "CPU ms, both sides"}.items()
    ]
    return [*figures, figure("w3.in_sync.bytes", "bytes/minute both ways", [ours[0]["idle_bytes"]])]


def _differences(data: DataSet, idle_s: float, settle_s: float) -> dict[str, float]:
    with (
        data.homes("writer", "near") as (writer_home, near_home),
        child("tests.bench.node_process", writer_home) as writer,
        child("tests.bench.node_process", near_home) as near,
    ):
        there, _ = writer.answer(), near.answer()
        before = writer.ask("usage")
        start = near.ask("connect", **there["nodes"][0])
        end = near.ask("wait", digest=there["digest"])
        after = writer.ask("usage")
        idle_bytes = 0.0
        if idle_s:
            quiet = near.ask("sleep", s=settle_s)
            later = near.ask("sleep", s=idle_s)
            idle_bytes = (_bytes(later) - _bytes(quiet)) * 60 / idle_s
    return {
        "ms": (end["ns"] - start["ns"]) / 1e6,
        "bytes": _bytes(end) - _bytes(start),
        "cpu_ms": (after["cpu_s"] - before["cpu_s"] + end["cpu_s"] - start["cpu_s"]) * 1000,
        "idle_bytes": idle_bytes,
    }


def _bytes(usage: dict[str, float]) -> float:
    return usage["sent"] + usage["received"]


def _plain(entries: int, authors: int) -> dict[str, float]:
    with scratch() as folder:
        baseline.copy_filled(folder / "writer.db", entries, authors)
        baseline.copy_filled(folder / "near.db", entries - authors, authors)
        with (
            child("tests.bench.baseline", folder / "writer.db", authors) as writer,
            child("tests.bench.baseline", folder / "near.db", authors) as near,
        ):
            port = writer.answer()["port"]
            near.answer()
            before = writer.ask("usage")
            run = near.ask("fetch", port=port, every=True)
            after = writer.ask("usage")
    cpu_s = after["cpu_s"] - before["cpu_s"] + run["cpu_s"]
    return {"ms": run["s"] * 1000, "bytes": run["bytes"], "cpu_ms": cpu_s * 1000}
