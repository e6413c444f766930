"""One connection to a peer from a list of addresses: each is tried a little after the one before it.

Decides nothing about what the connection is for. Whatever does not win, and whatever is cut off, is closed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import trio
from libp2p.abc import INetConn
from libp2p.network.connection.swarm_connection import SwarmConn
from multiaddr import Multiaddr  # type: ignore[import-untyped]

from p2pnode.core.errors import Unreachable
from p2pnode.core.ids import peer_id_of
from p2pnode.net.guards import Switchboard, peer_of_key
from p2pnode.net.muxer import shielded_for
from p2pnode.net.streams import STREAM_FAULTS

_log = logging.getLogger("p2pnode.net.racing")

STAGGER_MS = 250
ADDRESSES_PER_DIAL_MAX = 16
CLOSE_TIMEOUT_S = 3.0


async def race(network: Switchboard, peer_key: bytes, addresses: Sequence[str]) -> SwarmConn:
    """The first connection that any of the addresses gives. Errors: Unreachable, naming what failed."""
    winners: list[SwarmConn] = []
    failures: list[str] = []

    async def attempt(address: str, failed: trio.Event) -> None:
        try:
            connection = await _dial(network, peer_key, address)
        except Unreachable as error:
            failures.append(f"{address}: {error}")
            failed.set()
            return
        winners.append(connection)
        nursery.cancel_scope.cancel()

    is_over = False
    try:
        async with trio.open_nursery() as nursery:
            for address in list(dict.fromkeys(addresses))[:ADDRESSES_PER_DIAL_MAX]:
                failed = trio.Event()
                nursery.start_soon(attempt, address, failed)
                with trio.move_on_after(STAGGER_MS / 1000):
                    await failed.wait()
        is_over = True
    finally:
        # Two may win in one moment, and a caller that gives up leaves a winner that nobody would ever use.
        with shielded_for(CLOSE_TIMEOUT_S):
            await close_all(winners[1 if is_over else 0 :])
    if not winners:
        raise Unreachable("; ".join(failures) or f"no address of {peer_id_of(peer_key)} is known")
    return winners[0]


async def _dial(network: Switchboard, peer_key: bytes, address: str) -> SwarmConn:
    peer = peer_of_key(peer_key)
    bare, _, named = address.partition("/p2p/")
    if named and named != peer.to_base58():
        raise Unreachable("the address names another peer")
    try:
        connection = await network._dial_addr_single_attempt(Multiaddr(bare), peer)
    except Exception as error:  # boundary of libp2p and multiaddr: addresses come from strangers
        raise Unreachable(str(error.__cause__ or error)) from error
    assert isinstance(connection, SwarmConn)
    return connection


async def close_connection(connection: INetConn) -> None:
    """End a connection and everything on it. Never raises."""
    try:
        await connection.close()
    except STREAM_FAULTS as error:
        _log.debug("closing a connection failed: %r", error)


async def close_all(connections: Iterable[INetConn]) -> None:
    """End connections, all at the same time: each takes a fifth of a second."""
    async with trio.open_nursery() as nursery:
        for connection in connections:
            nursery.start_soon(close_connection, connection)
