"""A host by itself and two hosts with each other: the interface that the rest of the node relies on."""

from __future__ import annotations

import pytest
import trio

from p2pnode.core.errors import Unreachable
from p2pnode.net.host import Host
from p2pnode.net.listening import ListenError, default_port
from p2pnode.net.muxer import RECEIVE_WINDOW_BYTES_MAX
from p2pnode.net.streams import Libp2pStream, ProtocolNotSpoken, StreamReset

from .conftest import ECHO, MakeHost, Pair, eventually, is_echoing


async def test_a_stream_carries_bytes_and_ends_cleanly(pair: Pair) -> None:
    alice, bob = pair
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        stream = await bob.open_stream(alice.key, ECHO)
        assert stream.peer_key == alice.key
        sent = bytes(range(256)) * 20_000
        received = bytearray()

        async def read() -> None:
            while data := await stream.read(100_000):
                assert len(data) <= 100_000
                received.extend(data)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await stream.write(sent)
            await stream.close()
        assert received == sent
        assert len(sent) > RECEIVE_WINDOW_BYTES_MAX


async def test_both_sides_know_each_other_by_key(make_host: MakeHost) -> None:
    seen: list[bytes] = []

    async def who(stream: Libp2pStream) -> None:
        seen.append(stream.peer_key)
        await stream.close()

    alice, bob = make_host(protocols={"/test/who/1": who}), make_host()
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        assert bob.connected() == [alice.key]
        assert alice.connected() == [bob.key]
        stream = await bob.open_stream(alice.key, "/test/who/1")
        assert await stream.read(1) == b""
    assert seen == [bob.key]


async def test_dialling_a_connected_peer_keeps_the_connection(pair: Pair) -> None:
    alice, bob = pair
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        await bob.dial(alice.key, alice.addresses())
        await alice.dial(bob.key, bob.addresses())
        assert len(bob.network.get_connections()) == 1


async def test_another_key_at_the_address_is_not_taken_for_the_peer(make_host: MakeHost) -> None:
    alice, bob, eve = make_host(), make_host(), make_host()
    async with bob.run(), eve.run():
        address = eve.addresses()[0].partition("/p2p/")[0]
        with pytest.raises(Unreachable):
            await bob.dial(alice.key, [address])
        assert bob.connected() == []
        with pytest.raises(Unreachable, match="names another peer"):
            await bob.dial(alice.key, eve.addresses())


async def test_an_unknown_protocol_is_named_in_the_error(pair: Pair) -> None:
    alice, bob = pair
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        with pytest.raises(ProtocolNotSpoken, match="/test/missing/9"):
            await bob.open_stream(alice.key, "/test/missing/9")
        assert await is_echoing(bob, alice)


async def test_a_stream_to_a_stranger_is_unreachable(pair: Pair) -> None:
    alice, bob = pair
    async with bob.run():
        with pytest.raises(Unreachable, match="not connected"):
            await bob.open_stream(alice.key, ECHO)
        with pytest.raises(Unreachable):
            await bob.ping(alice.key)


async def test_ping_measures_a_round_trip(pair: Pair) -> None:
    alice, bob = pair
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        assert 0 <= await bob.ping(alice.key, 5_000) < 5_000


async def test_drop_ends_the_connection_on_both_sides(make_host: MakeHost) -> None:
    gone = trio.Event()
    alice, bob = make_host(on_disconnected=lambda _key: gone.set()), make_host()
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        await bob.drop(alice.key)
        assert bob.connected() == []
        with trio.fail_after(120):
            await gone.wait()
        assert alice.connected() == []


async def test_bulk_runs_on_a_connection_of_its_own_that_ends_with_the_stream(make_host: MakeHost) -> None:
    events: list[str] = []
    alice = make_host(
        on_connected=lambda _key: events.append("came"), on_disconnected=lambda _key: events.append("went")
    )
    bob = make_host()
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        control = bob.network.get_connections()
        stream = await bob.open_stream(alice.key, ECHO, own_connection=True)
        assert len(bob.network.get_connections()) == 2
        await stream.write(b"bulk")
        assert await stream.read(10) == b"bulk"
        await stream.close()
        assert await stream.read(10) == b""
        await eventually(lambda: len(bob.network.get_connections()) == 1)
        assert bob.network.get_connections() == control
        assert await is_echoing(bob, alice)
        assert events == ["came"]


async def test_bulk_shares_the_connection_where_no_second_can_be_dialled(pair: Pair) -> None:
    alice, bob = pair
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        stream = await alice.open_stream(bob.key, ECHO, own_connection=True)
        assert len(alice.network.get_connections()) == 1
        await stream.reset()


async def test_a_reset_bulk_stream_takes_its_connection_along(pair: Pair) -> None:
    alice, bob = pair
    async with alice.run(), bob.run():
        await bob.dial(alice.key, alice.addresses())
        stream = await bob.open_stream(alice.key, ECHO, own_connection=True)
        await stream.reset()
        with pytest.raises(StreamReset):
            await stream.read(1)
        await eventually(lambda: len(bob.network.get_connections()) == 1)


async def test_wildcards_are_announced_as_real_addresses(make_host: MakeHost) -> None:
    host = make_host(listen=["/ip4/0.0.0.0/tcp/0"])
    async with host.run():
        addresses = host.addresses()
        assert addresses
        assert all(one.endswith(f"/p2p/{host.peer_id}") and "0.0.0.0" not in one for one in addresses)
        assert f"/ip4/127.0.0.1/tcp/{host.listen_port()}/p2p/{host.peer_id}" == addresses[-1]
        assert await _can_be_reached(make_host(), host, addresses[-1])


async def _can_be_reached(guest: Host, host: Host, address: str) -> bool:
    async with guest.run():
        await guest.dial(host.key, [address])
        return await is_echoing(guest, host)


async def test_ipv4_and_ipv6_share_one_port(make_host: MakeHost) -> None:
    first = make_host()
    async with first.run():
        port = first.listen_port()
    host = make_host(listen=[f"/ip4/0.0.0.0/tcp/{port}", f"/ip6/::/tcp/{port}"])
    async with host.run():
        assert await _can_be_reached(make_host(), host, f"/ip4/127.0.0.1/tcp/{port}")


async def test_a_host_that_listens_nowhere_can_dial(make_host: MakeHost) -> None:
    alice, bob = make_host(), make_host(listen=[])
    async with alice.run(), bob.run():
        assert bob.addresses() == []
        assert bob.listen_port() == 0
        await bob.dial(alice.key, alice.addresses())
        assert await is_echoing(bob, alice)
        assert await is_echoing(alice, bob)


def test_the_default_port_is_fixed_by_the_key() -> None:
    ports = {default_port(bytes([n]) * 32) for n in range(256)}
    assert default_port(b"k" * 32) == default_port(b"k" * 32)
    assert len(ports) > 200
    assert all(20_000 <= port < 60_000 for port in ports)


@pytest.mark.parametrize(
    "address",
    ["", "0.0.0.0:4001", "/ip4/::/tcp/1", "/ip4/1.2.3.4/udp/1", "/ip4/1.2.3.4/tcp/99999", "/ip4/x/tcp/1"],
)
async def test_a_bad_listen_address_is_named(make_host: MakeHost, address: str) -> None:
    with pytest.raises(ListenError) as caught:
        async with make_host(listen=[address]).run():
            pass
    assert caught.value.rule == "net.bad_listen_address"
    assert "/ip4/0.0.0.0/tcp/4001" in caught.value.remedy


async def test_an_error_in_the_body_comes_out_as_itself(pair: Pair) -> None:
    alice, bob = pair

    async def fail_inside() -> None:
        async with alice.run(), bob.run():
            await bob.dial(alice.key, alice.addresses())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_inside()
