"""Rows 5, 6 and 10 of libp2p 0.8.1's faults, and how two hosts agree on one connection."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.peer.id import ID

from p2pnode.core.errors import Unreachable
from p2pnode.net import muxer, racing
from p2pnode.net.guards import peer_of_key
from p2pnode.net.listening import ListenError
from p2pnode.net.streams import Libp2pStream

from .conftest import (
    MakeHost,
    Pair,
    control_of,
    eventually,
    is_echoing,
    muxer_of,
)

# Row 5: leaving the host closes nothing, a failed listen is silent, and two hosts share one port.


async def test_row_5_leaving_the_host_frees_the_port_and_ends_the_connections(make_host: MakeHost) -> None:
    gone = trio.Event()
    alice, bob = make_host(), make_host(on_disconnected=lambda _key: gone.set())
    async with bob.run():
        async with alice.run():
            await bob.dial(alice.key, alice.addresses())
            port = alice.listen_port()
        with trio.fail_after(120):
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
            await bob.dial(alice.key, [silent, refusing, *alice.addresses()], timeout_ms=60_000)
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


# Row 10: a frozen peer stays connected. (With a stopped process: test_dialer.py.)


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
        with trio.fail_after(120):
            await muxer_of(bob, alice).event_closed.wait()
        assert bob.connected() == []


async def _swallow(_data: bytes) -> None:
    await trio.lowlevel.checkpoint()


# More findings of the same table and of the task.


def test_libp2p_leaves_the_root_logger_alone(checkout: Path) -> None:
    code = """
import logging
from p2pnode.net.host import Host
from libp2p.network.connection import swarm_connection
Host(secret_seed=bytes(32), listen=[], protocols={})
swarm_connection.logging.warning("an ordinary failure")
logging.getLogger("libp2p.transport.tcp").error("an ordinary failure")
print(logging.getLogger().handlers)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
    assert done.stderr == ""


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
        with trio.fail_after(120):
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


async def test_a_peer_that_left_is_forgotten(make_host: MakeHost) -> None:
    alice = make_host()
    async with alice.run():
        before = alice.network.peerstore.peer_ids()
        for _ in range(3):
            bob = make_host()
            async with bob.run():
                await bob.dial(alice.key, alice.addresses())
        await eventually(lambda: not alice.network.get_connections())
        await eventually(lambda: alice.network.peerstore.peer_ids() == before)
        assert alice.network.auto_connector._recent_disconnects == {}


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


async def test_of_two_addresses_that_win_together_one_connection_stays(
    make_host: MakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    loopback = "/ip4/127.0.0.1/tcp/0"
    alice, bob = make_host(listen=[loopback, "/ip4/127.0.0.2/tcp/0"]), make_host()
    dial = racing._dial
    dialled: list[SwarmConn] = []
    both = trio.Event()

    async def dial_together(*arguments: object) -> SwarmConn:
        connection = await dial(*arguments)  # type: ignore[arg-type]
        dialled.append(connection)
        if len(dialled) == 2:
            both.set()
        else:
            await both.wait()
        return connection

    monkeypatch.setattr(racing, "_dial", dial_together)
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        assert len(dialled) == 2
        assert len(bob.network.get_connections()) == 1
        assert await is_echoing(bob, alice)


async def test_a_dial_that_is_given_up_leaves_no_connection_behind(pair: Pair) -> None:
    alice, bob = pair
    async with alice.run(), bob.run():
        for milliseconds in range(0, 40, 2):
            with trio.move_on_after(milliseconds / 1000):
                await bob.dial(alice.key, alice.addresses())
            await eventually(lambda: len(bob.network.get_connections()) == len(bob.connected()))
            await eventually(lambda: len(alice.network.get_connections()) == len(alice.connected()))
            await bob.drop(alice.key)
        await bob.dial(alice.key, alice.addresses())
        assert await is_echoing(bob, alice)
