"""One test per measured fault of libp2p 0.8.1: each row names what the library does when it is left alone."""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.io.trio import TrioTCPStream
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.peer.id import ID
from libp2p.protocol_muxer.multiselect_client import MultiselectClient
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator
from libp2p.security.insecure import transport as plaintext
from libp2p.stream_muxer.yamux import yamux

from p2pnode.core.errors import Unreachable
from p2pnode.net import muxer
from p2pnode.net.gossip import Gossip
from p2pnode.net.guards import CONNECTIONS_PER_PEER_MAX, peer_of_key
from p2pnode.net.host import CONTROL_PROTOCOL, Host
from p2pnode.net.listening import ListenError
from p2pnode.net.muxer import Muxer
from p2pnode.net.streams import Libp2pStream, StreamReset, open_on

from .conftest import ECHO, MakeHost, eventually, is_echoing

Pair = tuple[Host, Host]


def control_of(host: Host, peer: Host) -> SwarmConn:
    return host.network.preferred[peer_of_key(peer.key)]


def muxer_of(host: Host, peer: Host) -> Muxer:
    found = control_of(host, peer).muxed_conn
    assert isinstance(found, Muxer)
    return found


async def connect_once_more(dialer: Host, target: Host) -> SwarmConn:
    """A further connection, as an unfriendly peer would make it."""
    return await dialer._race(target.key, target.addresses())


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
        with trio.fail_after(5):
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
        with trio.fail_after(5):
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
        with trio.fail_after(5):
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
        with trio.fail_after(5):
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
        with pytest.raises(StreamReset), trio.fail_after(5):
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
            with trio.fail_after(5):
                assert await is_closed_by_peer(tcp)
        await bob.dial(alice.key, alice.addresses())
        assert await is_echoing(bob, alice)


async def test_row_3_a_negotiation_line_cannot_choose_how_much_memory_it_takes(make_host: MakeHost) -> None:
    host = make_host()
    async with host.run(), tcp_to(host) as tcp:
        await tcp.send_all(b"\xff\xff\xff\x7f")  # a line of 256 MiB is announced
        with trio.fail_after(5):
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


# Row 5: leaving the host closes nothing, a failed listen is silent, and two hosts share one port.


async def test_row_5_leaving_the_host_frees_the_port_and_ends_the_connections(make_host: MakeHost) -> None:
    gone = trio.Event()
    alice, bob = make_host(), make_host(on_disconnected=lambda _key: gone.set())
    async with bob.run():
        async with alice.run():
            await bob.dial(alice.key, alice.addresses())
            port = alice.listen_port()
        with trio.fail_after(5):
            await gone.wait()
        with socket.socket() as plain:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            plain.bind(("127.0.0.1", port))
            plain.listen()


async def test_row_5_a_cancelled_host_frees_the_port_too(make_host: MakeHost) -> None:
    alice = make_host()
    with trio.CancelScope() as scope:
        async with alice.run():
            port = alice.listen_port()
            scope.cancel()
            await trio.sleep_forever()
    async with make_host(listen=[f"/ip4/127.0.0.1/tcp/{port}"]).run():
        pass


async def test_row_5_two_nodes_on_one_port_the_second_is_told(make_host: MakeHost) -> None:
    alice = make_host()
    async with alice.run():
        address = f"/ip4/127.0.0.1/tcp/{alice.listen_port()}"
        with pytest.raises(ListenError) as caught:
            async with make_host(listen=[address]).run():
                pass
        assert caught.value.rule == "net.cannot_listen"
        assert address in caught.value.message
        assert "--listen" in caught.value.remedy


async def test_row_5_a_failed_listen_is_an_error(make_host: MakeHost) -> None:
    with pytest.raises(ListenError, match=r"192\.0\.2\.77"):
        async with make_host(listen=["/ip4/127.0.0.1/tcp/0", "/ip4/192.0.2.77/tcp/0"]).run():
            pass


# Row 6: one address per dial, and a peer that failed once is not tried again for 60 s.


async def test_row_6_a_dead_address_comes_first(pair: Pair) -> None:
    alice, bob = pair
    async with alice.run(), bob.run():
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            silent = f"/ip4/127.0.0.1/tcp/{deaf.getsockname()[1]}"
            refusing = "/ip4/127.0.0.1/tcp/1"
            await bob.dial(alice.key, [silent, refusing, *alice.addresses()], timeout_ms=5_000)
        assert await is_echoing(bob, alice)


async def test_row_6_a_peer_that_failed_is_tried_again_at_once(pair: Pair) -> None:
    alice, bob = pair
    async with bob.run():
        with pytest.raises(Unreachable, match="tcp/1"):
            await bob.dial(alice.key, ["/ip4/127.0.0.1/tcp/1"])
        async with alice.run():
            await bob.dial(alice.key, alice.addresses())
            assert await is_echoing(bob, alice)


@pytest.mark.parametrize(
    "address", ["", "x", "/ip4/1.2.3.4", "/ip4/127.0.0.1/udp/1/quic-v1", "/p2p/", "/ip4/127.0.0.1/tcp/70000"]
)
async def test_row_6_an_address_that_is_none_is_unreachable(pair: Pair, address: str) -> None:
    alice, bob = pair
    async with bob.run():
        with pytest.raises(Unreachable):
            await bob.dial(alice.key, [address], timeout_ms=2_000)


async def test_row_6_libp2p_dials_nothing_by_itself(pair: Pair) -> None:
    alice, bob = pair
    async with alice.run(), bob.run():
        peer = peer_of_key(alice.key)
        bob.libp2p.get_peerstore().add_addrs(peer, alice.libp2p.get_addrs(), 3_600)
        with pytest.raises(Exception, match="no connection"):
            await bob.libp2p.new_stream(peer, ["/ipfs/ping/1.0.0"])
        assert alice.network.get_connections() == []


# Row 9: a stalled reader kills the writer after 5 s, a reset reads as an end, a missing close hangs the peer.


async def test_row_9_a_reader_that_pauses_delays_the_writer_and_nothing_else(make_host: MakeHost) -> None:
    go_on = trio.Event()
    total = 4 * yamux.DEFAULT_WINDOW_SIZE
    taken: list[int] = []

    async def slow(stream: Libp2pStream) -> None:
        await stream.read(1)
        await go_on.wait()
        count = 1
        while data := await stream.read(65_536):
            count += len(data)
        taken.append(count)
        await stream.close()

    alice, bob = make_host(protocols={"/test/slow/1": slow}), make_host()
    async with alice.run(), bob.run(), trio.open_nursery() as nursery:
        await bob.dial(alice.key, alice.addresses())
        stream = await bob.open_stream(alice.key, "/test/slow/1")
        nursery.start_soon(stream.write, bytes(total))
        await eventually(lambda: stream._bytes.send_window <= 0)
        assert await is_echoing(bob, alice)
        go_on.set()
        await eventually(lambda: not stream._bytes._writer_turn.locked())
        await stream.close()
        with trio.fail_after(5):
            assert await stream.read(1) == b""
    assert taken == [total]


async def test_row_9_a_reader_that_never_goes_on_ends_the_write(
    make_host: MakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(muxer, "STALL_MS", 100)

    async def stalled(stream: Libp2pStream) -> None:
        await trio.sleep_forever()

    alice, bob = make_host(protocols={"/test/stalled/1": stalled}), make_host()
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        stream = await bob.open_stream(alice.key, "/test/stalled/1")
        with pytest.raises(StreamReset, match="took nothing"), trio.fail_after(5):
            await stream.write(bytes(2 * yamux.DEFAULT_WINDOW_SIZE))
        await stream.reset()
        assert await is_echoing(bob, alice)


async def read_to_the_end(stream: Libp2pStream) -> None:
    while await stream.read(100):
        pass


async def test_row_9_a_reset_inside_a_frame_is_not_an_end(make_host: MakeHost) -> None:
    async def half(stream: Libp2pStream) -> None:
        await stream.read(1)
        await stream.write(b"\x00\x00\x10\x00only the beginning")
        await stream.reset()

    alice, bob = make_host(protocols={"/test/half/1": half}), make_host()
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        stream = await bob.open_stream(alice.key, "/test/half/1")
        await stream.write(b"x")
        with pytest.raises(StreamReset), trio.fail_after(5):
            await read_to_the_end(stream)


async def test_row_9_a_lost_connection_is_not_an_end(pair: Pair) -> None:
    alice, bob = pair
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        stream = await bob.open_stream(alice.key, ECHO)
        muxer_of(alice, bob).abort()
        with pytest.raises(StreamReset), trio.fail_after(5):
            await stream.read(1)
        with pytest.raises(StreamReset):
            await stream.write(b"x")
        await stream.close()
        await stream.reset()


async def test_row_9_a_handler_that_forgets_to_close_does_not_hang_the_peer(make_host: MakeHost) -> None:
    async def forgetful(stream: Libp2pStream) -> None:
        await stream.write(b"bye")

    alice, bob = make_host(protocols={"/test/forgetful/1": forgetful}), make_host()
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        stream = await bob.open_stream(alice.key, "/test/forgetful/1")
        with trio.fail_after(5):
            assert await stream.read(10) == b"bye"
            assert await stream.read(10) == b""


async def test_row_9_a_cancelled_write_ends_the_connection_instead_of_garbling_it(pair: Pair) -> None:
    alice, bob = pair
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        broken = muxer_of(bob, alice)
        stream = await bob.open_stream(alice.key, ECHO)
        started, release = trio.Event(), trio.Event()
        write = broken.secured_conn.write

        async def stuck(data: bytes) -> None:
            started.set()
            await release.wait()
            await write(data)

        broken.secured_conn.write = stuck  # type: ignore[method-assign]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.write, b"half of this may be on the wire")
            await started.wait()
            nursery.cancel_scope.cancel()
        with trio.fail_after(5):
            await broken.event_closed.wait()
        await bob.dial(alice.key, alice.addresses())
        assert await is_echoing(bob, alice)


async def test_row_9_a_peer_that_overruns_its_window_loses_its_connection(make_host: MakeHost) -> None:
    async def stalled(stream: Libp2pStream) -> None:
        await trio.sleep_forever()

    alice, bob = make_host(protocols={"/test/stalled/1": stalled}), make_host()
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        stream = await bob.open_stream(alice.key, "/test/stalled/1")
        stream._bytes.send_window = 2**30  # an unfriendly peer does not wait for credit
        with pytest.raises(StreamReset), trio.fail_after(10):
            await stream.write(bytes(2**24))
        await eventually(lambda: not alice.network.get_connections())


async def test_row_9_more_streams_than_allowed_are_reset(make_host: MakeHost) -> None:
    async def patient(stream: Libp2pStream) -> None:
        await trio.sleep_forever()

    alice = make_host(streams_per_peer_max=4, protocols={"/test/patient/1": patient})
    bob = make_host()
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        held = [await bob.open_stream(alice.key, "/test/patient/1") for _ in range(4)]
        with pytest.raises(StreamReset):
            await bob.open_stream(alice.key, "/test/patient/1")
        await held[0].reset()
        with trio.fail_after(5):
            assert await is_echoing(bob, alice)


# Row 10: a frozen peer stays connected. (With a stopped process: test_processes.py.)


async def test_row_10_a_peer_that_answers_no_ping_is_dropped(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(muxer, "KEEP_ALIVE_INTERVAL_MS", 50)
    monkeypatch.setattr(muxer, "KEEP_ALIVE_ANSWER_MS", 200)
    alice, bob = pair
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        silent = muxer_of(alice, bob)
        monkeypatch.setattr(silent.secured_conn, "write", _swallow)
        with trio.fail_after(10):
            await muxer_of(bob, alice).event_closed.wait()
        assert bob.connected() == []


async def _swallow(_data: bytes) -> None:
    await trio.lowlevel.checkpoint()


# More findings of the same table and of the task.


async def test_libp2p_leaves_the_root_logger_alone(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    alice, bob = pair
    before = list(logging.getLogger().handlers)
    async with bob.run():
        with pytest.raises(Unreachable):
            await bob.dial(alice.key, ["/ip4/127.0.0.1/tcp/1"])
        async with alice.run():
            await bob.dial(alice.key, alice.addresses())
            muxer_of(alice, bob).abort()
    assert logging.getLogger().handlers == before
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("attempt", range(6))
async def test_simultaneous_dials_leave_one_connection_that_both_agree_on(pair: Pair, attempt: int) -> None:
    alice, bob = pair
    async with alice.run(), bob.run():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(alice.dial, bob.key, bob.addresses())
            nursery.start_soon(bob.dial, alice.key, alice.addresses())
        await eventually(lambda: len(alice.network.get_connections()) == 1)
        await eventually(lambda: len(bob.network.get_connections()) == 1)
        assert control_of(alice, bob).direction != control_of(bob, alice).direction
        assert await is_echoing(alice, bob)
        assert await is_echoing(bob, alice)


async def test_a_peer_is_found_again_after_its_restart(make_host: MakeHost) -> None:
    seed = b"r" * 32
    gone = trio.Event()
    bob = make_host(on_disconnected=lambda _key: gone.set())
    async with bob.run():
        alice = make_host(seed)
        async with alice.run():
            port = alice.listen_port()
            await bob.dial(alice.key, alice.addresses())
        with trio.fail_after(5):
            await gone.wait()
        again = make_host(seed, listen=[f"/ip4/127.0.0.1/tcp/{port}"])
        async with again.run():
            await bob.dial(again.key, again.addresses())
            assert await is_echoing(bob, again)
            assert await is_echoing(again, bob)


async def test_a_restarted_peer_replaces_its_dead_connection(make_host: MakeHost) -> None:
    events: list[str] = []
    alice = make_host(
        on_connected=lambda _key: events.append("came"), on_disconnected=lambda _key: events.append("went")
    )
    seed = b"s" * 32
    async with alice.run():
        first, second = make_host(seed), make_host(seed)
        async with first.run():
            await first.dial(alice.key, alice.addresses())
            async with second.run():  # as if `first` had lost its power and nobody had noticed
                await second.dial(alice.key, alice.addresses())
                assert await is_echoing(second, alice)
                assert await is_echoing(alice, second)
                assert events == ["came", "went", "came"]


async def test_a_blocked_peer_is_refused_in_both_directions(make_host: MakeHost) -> None:
    blocked: set[bytes] = set()
    served: list[bytes] = []

    async def who(stream: Libp2pStream) -> None:
        served.append(stream.peer_key)

    alice = make_host(blocked=blocked.__contains__, protocols={"/test/who/1": who})
    eve = make_host()
    blocked.add(eve.key)
    async with alice.run(), eve.run():
        with pytest.raises(Unreachable):
            await eve.dial(alice.key, alice.addresses(), timeout_ms=2_000)
        with pytest.raises(Unreachable, match="blocked"):
            await alice.dial(eve.key, eve.addresses())
        assert alice.network.get_connections() == []
        assert served == []
        blocked.clear()
        await eve.dial(alice.key, alice.addresses())
        assert await is_echoing(eve, alice)


async def test_a_host_does_not_connect_to_itself(make_host: MakeHost) -> None:
    alice = make_host()
    async with alice.run():
        with pytest.raises(Unreachable):
            await alice.dial(alice.key, alice.addresses(), timeout_ms=2_000)
        assert alice.connected() == []


def test_the_key_in_a_peer_id_is_read_as_libp2p_reads_it() -> None:
    public = create_new_key_pair(b"k" * 32).public_key
    assert peer_of_key(public.to_bytes()) == ID.from_pubkey(public)
