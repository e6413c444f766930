"""Hosts on loopback, talking through the real library."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
import trio
from libp2p.network.connection.swarm_connection import SwarmConn

from p2pnode.net.guards import peer_of_key
from p2pnode.net.host import Host
from p2pnode.net.muxer import Muxer
from p2pnode.net.racing import race
from p2pnode.net.streams import Libp2pStream

ECHO = "/test/echo/1"

_seeds = itertools.count(1)


async def echo(stream: Libp2pStream) -> None:
    while data := await stream.read(65_536):
        await stream.write(data)
    await stream.close()


MakeHost = Callable[..., Host]
Pair = tuple[Host, Host]


@pytest.fixture
def make_host() -> Iterator[MakeHost]:
    def make(seed: bytes | None = None, **options: object) -> Host:
        options.setdefault("listen", ["/ip4/127.0.0.1/tcp/0"])
        options["protocols"] = {ECHO: echo, **options.get("protocols", {})}  # type: ignore[dict-item]
        return Host(secret_seed=seed or next(_seeds).to_bytes(32, "big"), **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def pair(make_host: MakeHost) -> Pair:
    return make_host(), make_host()


async def is_echoing(dialer: Host, target: Host) -> bool:
    stream = await dialer.open_stream(target.key, ECHO)
    await stream.write(b"are you there")
    await stream.close()
    answer = b""
    while data := await stream.read(100):
        answer += data
    return answer == b"are you there"


async def eventually(holds: Callable[[], object], within_s: float = 120) -> None:
    """Wait for a state that no event announces; the deadline only ends a test that has failed already."""
    with trio.fail_after(within_s):
        while not holds():  # noqa: ASYNC110
            await trio.sleep(0.005)


def control_of(host: Host, peer: Host) -> SwarmConn:
    return host.network.preferred[peer_of_key(peer.key)]


def muxer_of(host: Host, peer: Host) -> Muxer:
    found = control_of(host, peer).muxed_conn
    assert isinstance(found, Muxer)
    return found


async def connect_once_more(dialer: Host, target: Host) -> SwarmConn:
    """A further connection, as an unfriendly peer would make it."""
    return await race(dialer.network, target.key, target.addresses())
