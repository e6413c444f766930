"""N1: a newcomer to a group with 1,000,000 entries of history, over libp2p, until it can work.

The time runs from the order to dial until the state of the last final block is here by a snapshot and an
entry of the newcomer's own is durable on top of it. History goes on coming meanwhile; the baseline is the
time until the same newcomer has all of it, which is when it could begin without a snapshot at the earliest.
"""

from tests.bench.figures import Figure, Options, figure
from tests.bench.homes import data_set
from tests.bench.processes import child

_ENTRIES = 1_000_000
_AUTHORS = 100
_QUICK = {"entries": 2_000, "authors": 4}
_QUICK_SETTINGS = {"block_entries_max": 200, "checkpoint_entries": 50}


def measure(options: Options) -> list[Figure]:
    """One newcomer after the other, each with a fresh home."""
    if options.is_quick:
        data = data_set(**_QUICK, has_near=False, **_QUICK_SETTINGS)
    else:
        data = data_set(_ENTRIES, _AUTHORS, has_near=False)
    runs = []
    for _ in range(1 if options.is_quick else min(options.runs, 3)):
        with data.homes("writer", "reader0") as (writer_home, reader_home):
            runs.append(_run(writer_home, reader_home))

    def values(name: str) -> list[float]:
        return [run[name] for run in runs]

    return [
        figure("n1.usable.ms", "ms until usable; beside: until all is here", values("usable"), values("all")),
        figure("n1.usable.cpu_ms", "CPU ms of the newcomer until then", values("cpu")),
        figure("n1.usable.bytes", "bytes received until then", values("bytes")),
        figure("n1.checked.ms", "ms until history was run again", values("checked")),
        figure("n1.blocks", "height of the snapshot", values("height")),
        figure("n1.peak", "MB, newcomer's peak", values("peak")),
    ]


def _run(writer_home: object, reader_home: object) -> dict[str, float]:
    with (
        child("tests.bench.node_process", writer_home) as writer,
        child("tests.bench.node_process", reader_home) as reader,
    ):
        there, _ = writer.answer(), reader.answer()
        height = writer.ask("report")
        start = reader.ask("connect", **there["nodes"][0])
        usable = reader.ask("level", height=height)
        end = reader.ask("entries", count=writer.ask("count"))
        checked = reader.ask("checked")
        reader.kill()
    if usable["members"] < 2 or usable["snapshot"] != height:
        raise AssertionError(f"the state of block {height} did not come from a snapshot: {usable}")
    return {
        "usable": (usable["ns"] - start["ns"]) / 1e6,
        "all": (end["ns"] - start["ns"]) / 1e6,
        "cpu": (usable["cpu_s"] - start["cpu_s"]) * 1000,
        "bytes": usable["received"] - start["received"],
        "height": height,
        "checked": (checked["ns"] - start["ns"]) / 1e6,
        "peak": checked["peak"] / (1 << 20),
    }
