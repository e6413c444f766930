"""W2: a fresh member fetches a whole group from another node over libp2p, until all is durable and readable.

The time runs from the order to dial to the last head that is durable. Then the reader is killed, and what its
files hold is compared with the writer's.
"""

from pathlib import Path
from typing import Any

from p2pnode.home import Home
from p2pnode.serving import GroupReader
from tests.bench import baseline
from tests.bench.figures import Figure, Options, figure
from tests.bench.homes import DataSet, data_set, heads_of, scratch
from tests.bench.node_process import last_contributions
from tests.bench.processes import child

_MEGABYTE = 1 << 20


def measure(options: Options) -> list[Figure]:
    """One author, and a hundred; four in quick mode."""
    entries = options.scaled(options.entries)
    figures: list[Figure] = []
    for authors in (4,) if options.is_quick else (1, 100):
        figures += _figures(f"w2.catch_up.{authors}_authors", entries, authors, options.runs)
    return figures


def _figures(name: str, entries: int, authors: int, runs: int) -> list[Figure]:
    data = data_set(entries, authors)
    ours: list[dict[str, float]] = []
    plain: list[dict[str, float]] = []
    every: list[dict[str, float]] = []
    for number in range(runs):
        ours.append(_catch_up(data, entries))
        plain.append(_plain(entries, authors, is_every_signature=False))
        if number == 0:
            every.append(_plain(entries, authors, is_every_signature=True))

    def column(rows: list[dict[str, float]], key: str) -> list[float]:
        return [row[key] for row in rows]

    units = {
        "rate": "entries/s",
        "cpu_us": "CPU us/entry, both sides",
        "reader_cpu_us": "CPU us/entry, reader",
        "peak": "MB, reader's peak",
        "wire": "bytes/entry",
    }
    figures = [
        figure(f"{name}.{key}", unit, column(ours, key), column(plain, key)) for key, unit in units.items()
    ]
    figures.append(
        figure(f"{name}.rate.every_signature", "entries/s", column(ours, "rate"), column(every, "rate"))
    )
    figures.append(figure(f"{name}.views_cpu_us", "CPU us/entry, afterwards", column(ours, "views_cpu_us")))
    return figures


def _catch_up(data: DataSet, entries: int) -> dict[str, float]:
    with data.homes("writer", "reader0") as (writer_home, reader_home):
        with (
            child("tests.bench.node_process", writer_home) as writer,
            child("tests.bench.node_process", reader_home) as reader,
        ):
            there, _ = writer.answer(), reader.answer()
            before = writer.ask("usage")
            start = reader.ask("connect", **there["nodes"][0])
            end = reader.ask("wait", digest=there["digest"])
            after = writer.ask("usage")
            viewed = reader.ask("settle")
            reader.kill()
        _compare(writer_home, reader_home)
    cpu_s = after["cpu_s"] - before["cpu_s"], end["cpu_s"] - start["cpu_s"]
    return {
        "rate": entries / (end["ns"] - start["ns"]) * 1e9,
        "cpu_us": sum(cpu_s) / entries * 1e6,
        "reader_cpu_us": cpu_s[1] / entries * 1e6,
        "peak": end["peak"] / _MEGABYTE,
        "wire": (end["sent"] + end["received"]) / entries,
        "views_cpu_us": (viewed["cpu_s"] - end["cpu_s"]) / entries * 1e6,
    }


def _compare(writer: Path, reader: Path) -> None:
    if heads_of(reader) != heads_of(writer):
        raise AssertionError("the reader's heads differ from the writer's after it was killed")
    (path,) = Home(reader).group_dbs()
    group = GroupReader(b"", str(path))
    with group.reading() as queries:
        if not last_contributions(queries):
            raise AssertionError("nothing can be read")
    group.close()


def _plain(entries: int, authors: int, *, is_every_signature: bool) -> dict[str, float]:
    with scratch() as folder:
        baseline.copy_filled(folder / "writer.db", entries, authors)
        arguments = ("tests.bench.baseline", folder / "writer.db", authors)
        with (
            child(*arguments) as writer,
            child("tests.bench.baseline", folder / "reader.db", authors) as reader,
        ):
            port = writer.answer()["port"]
            reader.answer()
            before = writer.ask("usage")
            run: dict[str, Any] = reader.ask("fetch", port=port, every=is_every_signature)
            after = writer.ask("usage")
    cpu_s = after["cpu_s"] - before["cpu_s"], run["cpu_s"]
    return {
        "rate": entries / run["s"],
        "cpu_us": sum(cpu_s) / entries * 1e6,
        "reader_cpu_us": cpu_s[1] / entries * 1e6,
        "peak": run["peak"] / _MEGABYTE,
        "wire": run["bytes"] / entries,
    }
