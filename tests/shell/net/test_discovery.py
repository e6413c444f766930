"""Addresses that people write and that networks shout: what is taken, and what is refused with a reason."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from p2pnode.core.crypto import SigningKey
from p2pnode.core.errors import FormatError, UsageError
from p2pnode.core.ids import peer_id_of
from p2pnode.net.discovery import (
    ADDRESSES_PER_PEER_MAX,
    FoundPeer,
    _Listener,
    local_discovery,
    parse_bootstrap,
    parse_peer_address,
    peers_of_record,
    record_of,
)

KEY = SigningKey(b"a" * 32).public
OTHER = SigningKey(b"b" * 32).public
NAME = peer_id_of(KEY)


@pytest.mark.parametrize(
    "address",
    [
        "/ip4/192.0.2.1/tcp/4001",
        "/ip6/2001:db8::1/tcp/1",
        "/dns4/node.example.org/tcp/65535",
        "/dns/a-b_c/tcp/80",
    ],
)
def test_a_peer_address_names_key_and_address(address: str) -> None:
    assert parse_peer_address(f"{address}/p2p/{NAME}") == (KEY, address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/ip4/192.0.2.1/tcp/4001",
        f"/ip4/192.0.2.1/tcp/0/p2p/{NAME}",
        f"/ip4/192.0.2.1/tcp/65536/p2p/{NAME}",
        f"/ip4/192.0.2.1/tcp/-1/p2p/{NAME}",
        f"/ip4/192.0.2.1/tcp/４/p2p/{NAME}",
        f"/ip4/192.0.2.1/udp/4001/p2p/{NAME}",
        f"/ip4/0.0.0.0/tcp/4001/p2p/{NAME}",
        f"/ip4/224.0.0.1/tcp/4001/p2p/{NAME}",
        f"/ip4/::1/tcp/4001/p2p/{NAME}",
        f"/ip6/::/tcp/4001/p2p/{NAME}",
        f"/dns4/a b/tcp/4001/p2p/{NAME}",
        f"/dns4//tcp/4001/p2p/{NAME}",
        f"/unix/x/tcp/4001/p2p/{NAME}",
        f"/dns4/{'a' * 300}/tcp/4001/p2p/{NAME}",
        "/ip4/192.0.2.1/tcp/4001/p2p/QmNotAnEd25519Key",
        f"/ip4/192.0.2.1/tcp/4001/p2p/{NAME}/p2p-circuit",
    ],
)
def test_what_cannot_be_dialled_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        parse_peer_address(text)


def test_a_bootstrap_list_gathers_the_addresses_of_each_peer() -> None:
    lines = [
        "# our servers",
        "",
        f"  /ip4/192.0.2.1/tcp/4001/p2p/{NAME}\n",
        f"/ip4/192.0.2.2/tcp/4001/p2p/{peer_id_of(OTHER)}",
        f"/ip6/2001:db8::1/tcp/4001/p2p/{NAME}",
        f"/ip4/192.0.2.1/tcp/4001/p2p/{NAME}",
    ]
    assert parse_bootstrap(lines) == [
        FoundPeer(KEY, ("/ip4/192.0.2.1/tcp/4001", "/ip6/2001:db8::1/tcp/4001")),
        FoundPeer(OTHER, ("/ip4/192.0.2.2/tcp/4001",)),
    ]


def test_a_bad_line_of_a_bootstrap_list_is_named() -> None:
    with pytest.raises(UsageError, match="line 2") as caught:
        parse_bootstrap(["", "nonsense"])
    assert caught.value.rule == "net.bad_bootstrap"


def test_a_record_gives_back_what_was_announced() -> None:
    announced = [f"/ip4/192.0.2.1/tcp/4001/p2p/{NAME}", "/ip6/2001:db8::1/tcp/4001"]
    assert peers_of_record(record_of(KEY, announced)) == [
        FoundPeer(KEY, ("/ip4/192.0.2.1/tcp/4001", "/ip6/2001:db8::1/tcp/4001"))
    ]


def test_a_record_cannot_name_more_addresses_than_are_dialled() -> None:
    record = record_of(KEY, [f"/ip4/192.0.2.{n}/tcp/4001" for n in range(1, 200)])
    (found,) = peers_of_record(record)
    assert len(found.addresses) == ADDRESSES_PER_PEER_MAX


@given(st.binary(max_size=400))
def test_no_record_raises(record: bytes) -> None:
    prefixed = b"".join(bytes([len(part)]) + part for part in (b"dnsaddr=" + record[:200],))
    assert peers_of_record(prefixed + record) == []


async def test_two_nodes_on_one_network_find_each_other() -> None:
    lo = ["127.0.0.1"]
    with trio.fail_after(120):
        async with (
            local_discovery(KEY, [f"/ip4/192.0.2.1/tcp/4001/p2p/{NAME}"], lo) as first,
            local_discovery(OTHER, ["/ip4/192.0.2.2/tcp/4002", "/ip4/127.0.0.1/tcp/4002"], lo) as second,
        ):
            assert await first.receive() == FoundPeer(OTHER, ("/ip4/192.0.2.2/tcp/4002",))
            assert await second.receive() == FoundPeer(KEY, ("/ip4/192.0.2.1/tcp/4001",))


@pytest.mark.parametrize("name", ["EventLoopBlocked", "NotRunningException"])
async def test_a_busy_machine_does_not_end_the_search(name: str) -> None:
    import zeroconf

    class _Busy:
        def get_service_info(self, *_args: object, **_options: object) -> None:
            raise getattr(zeroconf, name)

    send, receive = trio.open_memory_channel[FoundPeer](1)
    listener = _Listener(_Busy(), KEY, send, trio.lowlevel.current_trio_token())  # type: ignore[arg-type]
    listener.add_service(_Busy(), "_p2p._udp.local.", "somebody")  # type: ignore[arg-type]
    with pytest.raises(trio.WouldBlock):
        receive.receive_nowait()
