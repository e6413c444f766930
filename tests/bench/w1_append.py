"""W1: durable append. Callers wait for each reply; a reply means that the entry survives a power cut."""

import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import trio

from p2pnode import clock
from p2pnode.core.events import Append, Item
from p2pnode.local.client import Client
from p2pnode.port import LivePort
from p2pnode.writer import Writer
from tests.bench import baseline
from tests.bench.figures import Figure, Options, figure
from tests.bench.homes import Author, open_node
from tests.bench.node_process import started_node
from tests.bench.processes import child, commands, reply, usage
from tests.bench.workload import items

CALLERS = (1, 10, 100)
_BATCH = 500


def measure(options: Options) -> list[Figure]:
    """One call each from 1, 10 and 100 callers, then batches of 500, then through the local API."""
    count = options.scaled(2000)
    rates: dict[str, list[float]] = {}
    plain: dict[str, list[float]] = {}
    for _ in range(options.runs):
        for name, (rate, cpu_us) in baseline.append_rates(count).items():
            _note(plain, name, {"rate": rate, "cpu_us": cpu_us})
        with child(__name__) as node:
            for callers in CALLERS:
                run = node.ask("append", callers=callers, count=count * (1 if callers == 1 else 4))
                _note(rates, f"{callers} callers", run)
            _note(rates, "batch", node.ask("batch", count=count * 10))
    unit, one, batch = "entries/s", plain["one"], plain["batch"]
    figures = [figure(f"w1.append.{n}_callers", unit, rates[f"{n} callers"], one) for n in CALLERS]
    figures.append(figure("w1.append.batch", unit, rates["batch"], batch))
    unit, one, batch = "CPU us/entry", plain["one cpu"], plain["batch cpu"]
    figures += [figure(f"w1.append.{n}_callers.cpu", unit, rates[f"{n} callers cpu"], one) for n in CALLERS]
    figures.append(figure("w1.append.batch.cpu", unit, rates["batch cpu"], batch))
    return [*figures, *_through_api(options.scaled(400))]


def _note(rates: dict[str, list[float]], name: str, run: dict[str, float]) -> None:
    rates.setdefault(name, []).append(run["rate"])
    rates.setdefault(name + " cpu", []).append(run["cpu_us"])


def _through_api(count: int) -> list[Figure]:
    """What programs on the same machine get, a connection for each call."""
    with tempfile.TemporaryDirectory(prefix="p2pnode-bench-") as folder:
        author = Author(Path(folder) / "home")
        group = author.found().hex()
        author.close()
        body = {"group": group, "body": {"action": "work", "effort": "1.5", "resource": "mended the fence"}}
        figures = []
        with started_node(author.home.path):
            for callers in (1, 10):
                rate = _post(author, body, callers, count)
                figures.append(figure(f"w1.append.api.{callers}_callers", "entries/s", [rate]))
        return figures


def _post(author: Author, body: dict[str, Any], callers: int, count: int) -> float:
    client = Client(author.home)

    def call() -> None:
        for _ in range(count // callers):
            client.post("/contributions", body)

    threads = [threading.Thread(target=call) for _ in range(callers)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return count // callers * callers / (time.monotonic() - start)


def _append(group: bytes, part: tuple[Item, ...], request: object) -> Append:
    return Append(request, group, part)


async def _main(folder: Path) -> None:
    author = Author(folder / "home")
    group = author.found()
    author.close()
    key, node = open_node(author.home)
    port = LivePort(
        key.signing_key,
        wall_ms=clock.wall_ms,
        group_path=lambda group: str(author.home.group_db(group)),
        cursors={},
    )
    port.perform(node.start(is_restored=False))
    token = trio.lowlevel.current_trio_token()
    failures: list[BaseException] = []
    writer = Writer(
        node,
        clock.wall_ms,
        lambda effects: token.run_sync_soon(port.perform, effects),
        failures.append,
    )
    port.submit = writer.submit
    writer.start()

    async def append(parts: list[tuple[Item, ...]]) -> None:
        for part in parts:
            await port.ask(partial(_append, group, part))

    for command in commands():
        callers = command.get("callers", 1)
        each = max(command["count"] // callers, 1)
        size = 1 if command["do"] == "append" else _BATCH
        parts = [items(first, min(size, each * callers - first)) for first in range(0, each * callers, size)]
        before = usage()
        async with trio.open_nursery() as nursery:
            for caller in range(callers):
                nursery.start_soon(append, parts[caller::callers])
        after = usage()
        done = each * callers
        reply(
            {
                "rate": done / (after["ns"] - before["ns"]) * 1e9,
                "cpu_us": (after["cpu_s"] - before["cpu_s"]) / done * 1e6,
            }
        )
    writer.stop()
    if failures:
        raise failures[0]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="p2pnode-bench-") as made:
        trio.run(_main, Path(made))
    sys.exit(0)
