"""W4: from before the append on one node until another has read and decoded the entry; one clock for both."""

from statistics import median, quantiles

from tests.bench import baseline
from tests.bench.figures import Figure, Options, figure
from tests.bench.homes import data_set, scratch
from tests.bench.processes import Child, child

RATES = (20, 200)
_ENTRIES = 200
_HELD = 100


def measure(options: Options) -> list[Figure]:
    count = 20 if options.is_quick else _ENTRIES
    figures: list[Figure] = []
    for rate in RATES[-1:] if options.is_quick else RATES:
        ours = [_live(count, rate) for _ in range(options.runs)]
        plain = [_plain(count, rate) for _ in range(options.runs)]
        figures += [
            figure(
                f"w4.live.{rate}_a_second.{key}",
                unit,
                [one[key] for one in ours],
                [one[key] for one in plain],
            )
            for key, unit in {"p50": "ms", "p95": "ms", "cpu_ms": "CPU ms/entry, both sides"}.items()
        ]
    return figures


def _live(count: int, rate: float) -> dict[str, float]:
    with (
        data_set(_HELD, 1).homes("writer", "reader0") as (writer_home, reader_home),
        child("tests.bench.node_process", writer_home) as writer,
        child("tests.bench.node_process", reader_home) as reader,
    ):
        there, _ = writer.answer(), reader.answer()
        reader.ask("connect", **there["nodes"][0])
        reader.ask("wait", digest=there["digest"])
        writer.ask("settle")
        reader.ask("settle")
        return _timed(writer, reader, {"author": there["nodes"][0]["peer"]}, count, rate)


def _plain(count: int, rate: float) -> dict[str, float]:
    with scratch() as folder:
        baseline.copy_filled(folder / "writer.db", _HELD, 1)
        with (
            child("tests.bench.baseline", folder / "writer.db", 1) as writer,
            child("tests.bench.baseline", folder / "reader.db", 1) as reader,
        ):
            port = writer.answer()["port"]
            reader.answer()
            return _timed(writer, reader, {"port": port}, count, rate)


def _timed(
    writer: Child, reader: Child, source: dict[str, object], count: int, rate: float
) -> dict[str, float]:
    before = writer.ask("usage"), reader.ask("usage")
    reader.tell("watch", count=count, **source)
    if reader.answer() != "watching":
        raise AssertionError("the reader does not watch")
    started = writer.ask("append", count=count, rate=rate)
    seen = reader.answer()
    after = writer.ask("usage"), reader.ask("usage")
    delays_ms = [(there - here) / 1e6 for here, there in zip(started, seen, strict=True)]
    cpu_s = sum(later["cpu_s"] - earlier["cpu_s"] for earlier, later in zip(before, after, strict=True))
    return {
        "p50": median(delays_ms),
        "p95": quantiles(delays_ms, n=20)[-1],
        "cpu_ms": cpu_s / count * 1000,
    }
