"""A child process with whole nodes, network included, that does what it is told on standard input.

`python -m tests.bench.node_process HOME...` answers first with its addresses; with `--delay-ms N` before the
homes, what it reads arrives so much later. The local API is left out;
`started_node` runs the real command line, which has it.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio
from libp2p.io.trio import TrioTCPStream

from p2pnode.chain.report import ChainReport
from p2pnode.config import Config
from p2pnode.core.events import Append, ChainAsked, Item
from p2pnode.core.ids import device_key_of_peer_id
from p2pnode.daemon import Daemon
from p2pnode.economy import contribution
from p2pnode.governance.proposal import OPEN_TYPE, Proposal, encode_open
from p2pnode.home import Home
from p2pnode.net.guards import quiet_libp2p
from p2pnode.port import HeldGroup
from p2pnode.serving import GroupReader
from p2pnode.store.group_file import GroupQueries, position_of
from protocols.port import HeadsMoved
from tests.bench.delayed_lines import delay_reading
from tests.bench.homes import ROOT, open_node
from tests.bench.processes import cpu_s_of, memory_of, reply, usage
from tests.bench.workload import items

_START_TIMEOUT_S = 60
_CHECK_PAUSE_S = 0.2
_CHECK_LOOKS_MAX = 18_000


class Meter:
    """Counts the bytes of all TCP streams of this process."""

    def __init__(self) -> None:
        self.sent = self.received = 0
        write, read = TrioTCPStream.write, TrioTCPStream.read

        async def counted_write(stream: TrioTCPStream, data: bytes) -> None:
            self.sent += len(data)
            await write(stream, data)

        async def counted_read(stream: TrioTCPStream, n: int | None = None) -> bytes:
            data = await read(stream, n)
            self.received += len(data)
            return data

        setattr(TrioTCPStream, "write", counted_write)  # noqa: B010 - the only place where all bytes pass
        setattr(TrioTCPStream, "read", counted_read)  # noqa: B010


class Commander:
    """Carries out commands: `connect` and `wait` on all nodes of this process, the others on the first."""

    def __init__(self, daemons: list[Daemon], meter: Meter) -> None:
        self._daemons = daemons
        self._daemon = daemons[0]
        self._meter = meter

    @property
    def _held(self) -> HeldGroup:
        (held,) = self._daemon.port.groups().values()
        return held

    def usage(self) -> dict[str, Any]:
        return {**usage(), "sent": self._meter.sent, "received": self._meter.received}

    async def obey(self, command: dict[str, Any]) -> Any:
        match command["do"]:
            case "usage":
                return self.usage()
            case "connect":
                before = self.usage()
                addresses = [address.partition("/p2p/")[0] for address in command["addresses"]]
                for daemon in self._daemons:
                    daemon.supervisor.want(bytes.fromhex(command["peer"]), addresses)
                return before
            case "wait":
                return await self._wait(bytes.fromhex(command["digest"]))
            case "level":
                return await self._level(command["height"])
            case "report":
                return (await self._report()).height
            case "count":
                return self._held.entry_count
            case "checked":
                return await self._checked()
            case "entries":
                return await self._entries(command["count"])
            case "digest":
                return _digest_of(self._daemon).hex()
            case "sleep":
                await trio.sleep(command["s"])
                return self.usage()
            case "settle":
                await self._daemon.port.settled(self._held.group)
                return self.usage()
            case "append":
                return await self._append(command["count"], command["rate"])
            case "watch":
                return await self._watch(bytes.fromhex(command["author"]), command["count"])
            case _:
                return await self._obey_voter(command)

    async def _obey_voter(self, command: dict[str, Any]) -> Any:
        """The commands by which decisions are measured."""
        match command["do"]:
            case "ping":
                return await self._ping(bytes.fromhex(command["peer"]), command["count"])
            case "decide":
                return await self._decide(command["text"])
            case "final":
                return await self._final(command["height"])
        raise AssertionError(command)

    async def _wait(self, digest: bytes) -> dict[str, Any]:
        """Wait until everything is here and durable."""
        for daemon in self._daemons:
            async with daemon.port.watch() as changes:
                while _digest_of(daemon) != digest:
                    await changes.receive()
        return self.usage()

    async def _report(self) -> ChainReport:
        report: ChainReport = await self._daemon.port.ask(partial(ChainAsked, group=self._held.group))
        return report

    async def _level(self, height: int) -> dict[str, Any]:
        """Wait until the state of a block is here, and an entry of our own is written on top of it."""
        async with self._daemon.port.watch() as changes:
            while (await self._report()).height < height:
                await changes.receive()
        (item,) = items(0, 1)
        await self._daemon.port.ask(partial(_append, self._held.group, item))
        report = await self._report()
        return {**self.usage(), "members": len(self._held.state.members), "snapshot": report.level.snapshot}

    async def _checked(self) -> dict[str, Any]:
        """Wait until history gives what the snapshot said."""
        for _ in range(_CHECK_LOOKS_MAX):
            level = (await self._report()).level
            if level.difference is not None:
                raise AssertionError(level.difference)
            if level.is_checked:
                return self.usage()
            await trio.sleep(_CHECK_PAUSE_S)
        raise AssertionError(level)

    async def _entries(self, count: int) -> dict[str, Any]:
        """Wait until so many entries are here."""
        async with self._daemon.port.watch() as changes:
            while self._held.entry_count < count:
                await changes.receive()
        return self.usage()

    async def _append(self, count: int, rate: float) -> list[int]:
        """Append one by one; when each call began."""
        held, started = self._held, list[int]()
        due = trio.current_time()
        for item in items(0, count):
            await trio.sleep_until(due)
            due += 1 / rate
            started.append(time.monotonic_ns())
            await self._daemon.port.ask(partial(_append, held.group, item))
        return started

    async def _ping(self, peer: bytes, count: int) -> list[int]:
        """Round trips to a peer over its connection. Units: nanoseconds."""
        async with self._daemon.port.watch() as changes:
            while peer not in self._daemon.host.connected():
                with trio.move_on_after(_CHECK_PAUSE_S):
                    await changes.receive()
        found = list[int]()
        for _ in range(count):
            began_ns = time.monotonic_ns()
            await self._daemon.host.ping(peer)
            found.append(time.monotonic_ns() - began_ns)
        return found

    async def _decide(self, text: str) -> list[int]:
        """Put something to the group; when that began, and when the block that orders it was final here."""
        item = Item(OPEN_TYPE, encode_open(Proposal("text", {"text": text})))
        height = (await self._report()).height + 1
        began_ns = time.monotonic_ns()
        await self._daemon.port.ask(partial(_append, self._held.group, item))
        return [began_ns, await self._final(height)]

    async def _final(self, height: int) -> int:
        """Wait until a block is final here; when it was."""
        async with self._daemon.port.watch() as changes:
            while (await self._report()).height < height:
                await changes.receive()
        return time.monotonic_ns()

    async def _watch(self, author: bytes, count: int) -> list[int]:
        """Read and decode the next entries of an author as they come; when each was there to be read."""
        held, seen = self._held, list[int]()
        async with self._daemon.port.watch() as changes:
            reply("watching")
            at = held.frontier.heads[author, 0].seq if (author, 0) in held.frontier.heads else -1
            while len(seen) < count:
                change = await changes.receive()
                head = held.frontier.heads.get((author, 0))
                if not isinstance(change, HeadsMoved) or head is None or head.seq == at:
                    continue
                await self._daemon.port.read(held.group, partial(_decoded, author, at + 1, head.seq))
                seen += [time.monotonic_ns()] * (head.seq - at)
                at = head.seq
        return seen


def _append(group: bytes, item: Item, request: object) -> Append:
    return Append(request, group, (item,))


def _digest_of(daemon: Daemon) -> bytes:
    (held,) = daemon.port.groups().values()
    return held.frontier.digest(frozenset({0, 1, 2}))


def _decoded(author: bytes, first: int, last: int, reader: GroupReader) -> None:
    with reader.reading() as queries:
        number = reader.lane_number(queries, author, 0)
        assert number is not None
        stored = queries.entries(number, first, last)
        assert len(stored) == last - first + 1
        for one in stored:
            contribution.decode(one.payload or b"")


def last_contributions(queries: GroupQueries) -> int:
    """Decode the last entry of every author that is a contribution; how many there were."""
    count = 0
    for lane in queries.lanes():
        stored = queries.entry_at(position_of(lane.number, lane.seq)) if lane.seq >= 0 else None
        if stored is not None and stored.payload and b"resource_conforms_to" in stored.payload:
            contribution.decode(stored.payload)
            count += 1
    return count


async def _lines() -> AsyncIterator[dict[str, Any]]:
    async with trio.lowlevel.FdStream(os.dup(0)) as stream:
        left = b""
        async for part in stream:
            *lines, left = (left + part).split(b"\n")
            for line in lines:
                yield json.loads(line)


async def _main(paths: list[str]) -> None:
    meter = Meter()
    async with AsyncExitStack() as stack:
        daemons = []
        for path in paths:
            home = Home(Path(path))
            key, node = open_node(home)
            daemon = Daemon(home, Config(listen=("/ip4/127.0.0.1/tcp/0",)), key, node)
            await stack.enter_async_context(daemon.running(is_restored=False))
            daemons.append(daemon)
        commander = Commander(daemons, meter)
        own = [
            {"peer": daemon.port.own_key.hex(), "addresses": daemon.context.addresses()} for daemon in daemons
        ]
        reply({"nodes": own, "digest": _digest_of(daemons[0]).hex(), **commander.usage()})
        async for command in _lines():
            reply(await commander.obey(command))


class StartedNode:
    """A node that the real command line started."""

    def __init__(self, process: int, status: dict[str, Any], start_s: float) -> None:
        self.status = status
        self.start_s = start_s
        self._process = process

    def key(self) -> str:
        """Its device key in hexadecimal digits."""
        return device_key_of_peer_id(self.status["peer_id"]).hex()

    def cpu_s(self) -> float:
        return cpu_s_of(self._process)

    def memory(self) -> dict[str, int]:
        return memory_of(self._process)


@contextmanager
def started_node(home: Path) -> Iterator[StartedNode]:
    """Run `up` on a home until the block is left; it is ready when its API answers and it can be dialled."""
    read_fd, write_fd = os.pipe()
    arguments = ["--home", str(home), "up", "--listen", "/ip4/127.0.0.1/tcp/0", "--ready-fd", str(write_fd)]
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), *arguments, "--log-level", "error"],
        cwd=ROOT,
        pass_fds=[write_fd],
        stdout=subprocess.DEVNULL,
    )
    os.close(write_fd)
    try:
        with os.fdopen(read_fd) as ready:
            status = json.loads(ready.readline())
        yield StartedNode(process.pid, status, time.monotonic() - start)
    finally:
        process.terminate()
        process.wait(_START_TIMEOUT_S)


if __name__ == "__main__":
    quiet_libp2p()
    homes = sys.argv[1:]
    if homes[0] == "--delay-ms":
        delay_reading(int(homes[1]) / 1000)
        homes = homes[2:]
    trio.run(_main, homes)
