"""Row 9 of libp2p 0.8.1's faults: how streams stall, break and end."""

from __future__ import annotations

import pytest
import trio
from libp2p.stream_muxer.yamux import yamux

from p2pnode.net import muxer
from p2pnode.net.streams import Libp2pStream, StreamReset

from .conftest import (
    ECHO,
    MakeHost,
    Pair,
    eventually,
    is_echoing,
    muxer_of,
)

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
        with trio.fail_after(120):
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
        with pytest.raises(StreamReset, match="took nothing"), trio.fail_after(120):
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
        with pytest.raises(StreamReset), trio.fail_after(120):
            await read_to_the_end(stream)


async def test_row_9_a_lost_connection_is_not_an_end(pair: Pair) -> None:
    alice, bob = pair
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        stream = await bob.open_stream(alice.key, ECHO)
        muxer_of(alice, bob).abort()
        with pytest.raises(StreamReset), trio.fail_after(120):
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
        with trio.fail_after(120):
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
        with trio.fail_after(120):
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
        with pytest.raises(StreamReset), trio.fail_after(120):
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
        with trio.fail_after(120):
            assert await is_echoing(bob, alice)
