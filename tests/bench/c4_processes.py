"""C4: how long a decision takes among real processes on one machine, in round trips between them.

Each voter is a process with libp2p, its own files and real flushes. First all ping each other over the
connections that they will use; then one after the other puts something to the group while nothing else
happens. Measured is until the block is final at the writer, and until it is final at the last of all. On
loopback that is the speed of the machine, which all processes share; with lines that take 50 ms each way it
is mostly the number of round trips. Two cores bear 4 and 7 voters, so c3 has the larger groups.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import combinations
from pathlib import Path
from statistics import median

from p2pnode import clock
from p2pnode.core.annex import annex_hash
from p2pnode.core.events import OpenGroup
from p2pnode.core.ids import DeviceKey
from p2pnode.governance import founding
from p2pnode.governance.charter import charter_of_toml
from p2pnode.governance.inception import Inception
from tests.bench.figures import Figure, Options, figure
from tests.bench.homes import COMMITMENT, Author, annex_of, scratch
from tests.bench.processes import Child, child

_COUNTS = (4, 7)
_DELAYS_MS = (0, 50)
_DECISIONS = 40
_PINGS = 10


def measure(options: Options) -> list[Figure]:
    found = []
    for count in _COUNTS[: 1 if options.is_quick else None]:
        for delay_ms in _DELAYS_MS[: 1 if options.is_quick else None]:
            with _voters(count, delay_ms) as voters:
                found += _group(f"c4.{count}.{delay_ms}_ms", voters, options.scaled(_DECISIONS))
    found.append(figure("c4.load", "processes that wait for the machine", [os.getloadavg()[0]]))
    return found


def _group(name: str, voters: Sequence[tuple[str, Child]], decisions: int) -> list[Figure]:
    round_trips_ms: list[float] = []
    for (_, one), (peer, _) in combinations(voters, 2):
        round_trips_ms += [taken / 1e6 for taken in one.ask("ping", peer=peer, count=_PINGS)]
    round_trip_ms = [median(round_trips_ms)]
    at_writer_ms, at_all_ms = [], []
    for height in range(1, decisions + 1):
        _, writer = voters[height % len(voters)]
        others = [one for _, one in voters if one is not writer]
        for one in others:
            one.tell("final", height=height)
        began_ns, final_ns = writer.ask("decide", text=f"text {height}")
        at_writer_ms.append((final_ns - began_ns) / 1e6)
        at_all_ms.append((max(final_ns, *(one.answer() for one in others)) - began_ns) / 1e6)
    figures = [figure(f"{name}.round_trip", "ms", round_trip_ms)]
    for where, waits_ms in (("writer", at_writer_ms), ("all", at_all_ms)):
        waits_ms.sort()
        for share, value in (
            ("p50", waits_ms[len(waits_ms) // 2]),
            ("p95", waits_ms[len(waits_ms) * 95 // 100]),
        ):
            figures.append(
                figure(f"{name}.{where}.{share}", "ms; beside it a round trip", [value], round_trip_ms)
            )
    return figures


@contextmanager
def _voters(count: int, delay_ms: int) -> Iterator[list[tuple[str, Child]]]:
    """Processes of people who founded a group together, all connected. Shapes: (device key, process)."""
    with scratch() as folder, ExitStack() as stack:
        homes = [folder / f"voter{number}" for number in range(count)]
        _found(homes)
        flags = ["--delay-ms", delay_ms] if delay_ms else []
        children = [stack.enter_context(child("tests.bench.node_process", *flags, home)) for home in homes]
        nodes = [one.answer()["nodes"][0] for one in children]
        for number, one in enumerate(children):
            for other in nodes[number + 1 :]:
                one.ask("connect", **other)
        for one in children:
            one.ask("settle")
        yield [(node["peer"], one) for node, one in zip(nodes, children, strict=True)]


def _found(folders: Sequence[Path]) -> None:
    """Found a group of all of them, and open it in each home."""
    authors = sorted((Author(folder) for folder in folders), key=lambda author: author.key.device_key)
    annexes = [annex_of(author.home.path.name) for author in authors]
    inceptions = [
        Inception(DeviceKey(author.key.device_key), COMMITMENT, annex_hash(annex))
        for author, annex in zip(authors, annexes, strict=True)
    ]
    terms = founding.propose(charter_of_toml("", name="Upper Valley"), os.urandom(32), inceptions)
    signed = [founding.sign_terms(author.key.signing_key, terms) for author in authors]
    payload = founding.found(terms, signed)
    entry = founding.founding_entry(authors[0].key.signing_key, payload, clock.wall_ms())
    for author, annex in zip(authors, annexes, strict=True):
        author.ask(OpenGroup("bench", (entry.header_bytes, entry.signature or b"", payload), (annex,)))
        author.key.settle()
        author.close()
