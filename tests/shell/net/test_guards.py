"""Rows 1 to 3 of libp2p 0.8.1's faults: what strangers send. Each row names what it does left alone."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.io.trio import TrioTCPStream
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.protocol_muxer.multiselect_client import MultiselectClient
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator
from libp2p.security.insecure import transport as plaintext
from libp2p.stream_muxer.yamux import yamux

from p2pnode.core.errors import Unreachable
from p2pnode.net.gossip import Gossip
from p2pnode.net.guards import CONNECTIONS_PER_PEER_MAX, peer_of_key
from p2pnode.net.host import CONTROL_PROTOCOL, Host
from p2pnode.net.muxer import Muxer
from p2pnode.net.streams import Libp2pStream, StreamReset, open_on

from .conftest import (
    ECHO,
    MakeHost,
    Pair,
    connect_once_more,
    eventually,
    is_echoing,
)


@asynccontextmanager
async def tcp_to(host: Host) -> AsyncIterator[trio.SocketStream]:
    stream = await trio.open_tcp_stream("127.0.0.1", host.listen_port())
    async with stream:
        yield stream


async def is_closed_by_peer(stream: trio.SocketStream) -> bool:
    """Whether the other side ends the connection; the caller sets the deadline."""
    try:
        while await stream.receive_some(65_536):
            pass
    except trio.BrokenResourceError:
        pass
    return True


# Row 1: the default host takes /plaintext/2.0.0, on which anyone is whoever they claim to be.


@pytest.mark.parametrize("offer", [plaintext.PLAINTEXT_PROTOCOL_ID, "/secio/1.0.0", "/tls/1.0.0"])
async def test_row_1_only_noise_is_negotiated(make_host: MakeHost, offer: str) -> None:
    host = make_host()
    async with host.run(), tcp_to(host) as tcp:
        lines = MultiselectCommunicator(RawConnection(TrioTCPStream(tcp), True))
        with trio.fail_after(120):
            await MultiselectClient().handshake(lines)
            await lines.write(offer)
            assert await lines.read() == "na"


async def test_row_1_a_plaintext_spoof_is_refused(
    make_host: MakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[bytes] = []

    async def who(stream: Libp2pStream) -> None:
        served.append(stream.peer_key)
        await stream.close()

    victim, bob = make_host(protocols={"/test/who/1": who}), make_host()
    eve = create_new_key_pair(b"e" * 32)
    bobs_public = create_new_key_pair(bob._secret_seed).public_key
    make_message = plaintext.make_exchange_message
    monkeypatch.setattr(plaintext, "make_exchange_message", lambda _key: make_message(bobs_public))
    async with victim.run(), tcp_to(victim) as tcp:
        raw = RawConnection(TrioTCPStream(tcp), True)
        lines = MultiselectCommunicator(raw)
        with trio.fail_after(120):
            await MultiselectClient().handshake(lines)
            await lines.write(plaintext.PLAINTEXT_PROTOCOL_ID)
            assert await lines.read() == "na"
            spoof = plaintext.InsecureTransport(eve)
            with pytest.raises(Exception), trio.fail_after(1):  # noqa: B017,PT011 - any refusal will do
                await spoof.secure_outbound(raw, peer_of_key(victim.key))
        assert victim.network.get_connections() == []
    assert served == []


# Row 2: after 250 inbound connections ever, the default host takes no more.


async def test_row_2_four_hundred_inbound_connections_in_a_row(pair: Pair) -> None:
    alice, bob = pair
    async with alice.run(), bob.run():
        for _ in range(400):
            connection = await connect_once_more(bob, alice)
            assert isinstance(connection.muxed_conn, Muxer)
            connection.muxed_conn.abort()
            await connection.muxed_conn.event_closed.wait()
            await eventually(lambda: not alice.network.get_connections())
        await bob.dial(alice.key, alice.addresses())
        assert await is_echoing(bob, alice)
        assert alice.network._inbound_limiter.borrowed_tokens == 1


async def test_row_2_the_limit_of_inbound_connections_holds_and_recovers(make_host: MakeHost) -> None:
    alice, bob, carol = make_host(connections_max=2), make_host(), make_host()
    async with alice.run(), bob.run(), carol.run():
        first = await connect_once_more(bob, alice)
        await connect_once_more(bob, alice)
        with pytest.raises(Unreachable):
            await carol.dial(alice.key, alice.addresses(), timeout_ms=2_000)
        await first.close()
        await eventually(lambda: alice.network._inbound_limiter.borrowed_tokens < 2)
        await carol.dial(alice.key, alice.addresses())
        assert await is_echoing(carol, alice)


async def test_row_2_strangers_cannot_take_the_places_of_those_we_dial(make_host: MakeHost) -> None:
    alice, bob, carol = make_host(connections_max=1), make_host(), make_host()
    async with alice.run(), bob.run(), carol.run():
        await bob.dial(alice.key, alice.addresses())
        await alice.dial(carol.key, carol.addresses())
        assert await is_echoing(alice, carol)


async def test_row_2_silent_tcp_connections_are_ended(
    make_host: MakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p2pnode.net.guards.UPGRADE_TIMEOUT_S", 1)
    host = make_host()
    async with host.run(), tcp_to(host) as tcp:
        with trio.fail_after(120):
            assert await is_closed_by_peer(tcp)


async def test_row_2_one_peer_cannot_hold_more_than_its_connections(pair: Pair) -> None:
    alice, bob = pair
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        for _ in range(CONNECTIONS_PER_PEER_MAX - 1):
            await connect_once_more(bob, alice)
        bob.network.connections[peer_of_key(alice.key)].clear()  # an unfriendly peer does not count its own
        surplus = await connect_once_more(bob, alice)
        assert isinstance(surplus.muxed_conn, Muxer)
        with trio.fail_after(120):
            await surplus.muxed_conn.event_closed.wait()
        assert len(alice.network.get_connections()) == CONNECTIONS_PER_PEER_MAX
        assert alice.connected() == [bob.key]


# Row 3: any exception in any inbound handler ends the host.


async def test_row_3_an_exception_in_a_handler_resets_its_stream_only(make_host: MakeHost) -> None:
    async def broken(stream: Libp2pStream) -> None:
        await stream.read(1)
        raise ZeroDivisionError

    alice, bob = make_host(protocols={"/test/broken/1": broken}), make_host()
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        stream = await bob.open_stream(alice.key, "/test/broken/1")
        await stream.write(b"x")
        with pytest.raises(StreamReset), trio.fail_after(120):
            await stream.read(1)
        assert await is_echoing(bob, alice)


GARBAGE = (
    b"",
    b"\x00",
    b"abc",
    b"\xff" * 12,
    b"\x32" + b"\xff" * 50,
    b"\xff\xff\xff\xff\x0f" + b"x" * 100,
    b"\x13/multistream/1.0.0\n" * 3,
    bytes(range(256)) * 300,
)


async def test_row_3_garbage_on_every_protocol_leaves_the_host_running(pair: Pair) -> None:
    alice, bob = pair
    gossip = Gossip(alice, _forget)
    async with alice.run(), gossip.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        spoken = [str(name) for name in alice.libp2p.get_mux().get_protocols() if name]
        assert {ECHO, CONTROL_PROTOCOL, "/meshsub/1.1.0", "/ipfs/id/1.0.0", "/ipfs/ping/1.0.0"} == set(spoken)
        for protocol in spoken:
            for garbage in GARBAGE:
                connection = await connect_once_more(bob, alice)
                stream = Libp2pStream(await open_on(connection, protocol, 5_000))
                try:
                    await stream.write(garbage)
                except StreamReset:
                    pass  # refused while it was still coming
                await stream.close()
                await stream.reset()
                assert isinstance(connection.muxed_conn, Muxer)
                connection.muxed_conn.abort()
                await connection.muxed_conn.event_closed.wait()
        # A stream for control is a claim on control, so bob has talked himself out of his first connection.
        await bob.dial(alice.key, alice.addresses())
        assert await is_echoing(bob, alice)
        assert gossip._nursery is not None


async def _forget(_topic: str, _author: bytes, _data: bytes) -> None:
    pass


@pytest.mark.parametrize("garbage", GARBAGE[1:])
async def test_row_3_garbage_before_the_handshake_leaves_the_host_running(pair: Pair, garbage: bytes) -> None:
    alice, bob = pair
    async with alice.run(), bob.run():
        async with tcp_to(alice) as tcp:
            await tcp.send_all(garbage)
            await tcp.send_eof()
            with trio.fail_after(120):
                assert await is_closed_by_peer(tcp)
        await bob.dial(alice.key, alice.addresses())
        assert await is_echoing(bob, alice)


async def test_row_3_a_negotiation_line_cannot_choose_how_much_memory_it_takes(make_host: MakeHost) -> None:
    host = make_host()
    async with host.run(), tcp_to(host) as tcp:
        await tcp.send_all(b"\xff\xff\xff\x7f")  # a line of 256 MiB is announced
        with trio.fail_after(120):
            assert await is_closed_by_peer(tcp)


def frame(kind: int, flags: int, stream_id: int, length: int, body: bytes = b"") -> bytes:
    return struct.pack(yamux.YAMUX_HEADER_FORMAT, 0, kind, flags, stream_id, length) + body


@pytest.mark.parametrize(
    "bad",
    [
        frame(yamux.TYPE_DATA, 0, 1, 2**32 - 1),
        frame(yamux.TYPE_DATA, 0, 77, 5, b"hello"),
        frame(9, 0xFFFF, 3, 4),
        frame(yamux.TYPE_WINDOW_UPDATE, yamux.FLAG_SYN | yamux.FLAG_RST, 79, 0),
        frame(yamux.TYPE_WINDOW_UPDATE, yamux.FLAG_SYN, 0, 2**32 - 1),
        frame(yamux.TYPE_PING, yamux.FLAG_ACK, 0, 12),
        frame(yamux.TYPE_GO_AWAY, 0, 0, 2**32 - 1),
        b"\x07" * 500,
    ],
)
async def test_row_3_odd_yamux_frames_leave_the_host_running(pair: Pair, bad: bytes) -> None:
    alice, bob = pair
    async with alice.run(), bob.run():
        connection = await connect_once_more(bob, alice)
        assert isinstance(connection.muxed_conn, Muxer)
        await connection.muxed_conn.write_frame(bad)
        connection.muxed_conn.abort()
        await bob.dial(alice.key, alice.addresses())
        assert await is_echoing(bob, alice)
