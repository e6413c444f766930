"""The supervisor: wanted peers are dialled until they are there, and again when they are lost (J42)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
import trio

from p2pnode.core.crypto import SigningKey
from p2pnode.net import dialer, muxer, wakeups
from p2pnode.net.dialer import Supervisor
from p2pnode.net.host import Host

from .conftest import MakeHost, eventually, is_echoing

_NOWHERE = ["/ip4/127.0.0.1/tcp/1"]


@asynccontextmanager
async def supervised(host: Host) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(host)
    async with host.run(), trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        yield supervisor
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def process(seed: bytes, checkout: Path, port: int = 0) -> AsyncIterator[tuple[trio.Process, str]]:
    script = Path(__file__).with_name("lonely_node.py")
    child = await trio.lowlevel.open_process(
        [sys.executable, str(script), seed.hex(), str(port)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(checkout)},
    )
    try:
        assert child.stdout is not None
        line = b""
        with trio.fail_after(120):
            while not line.endswith(b"\n"):
                line += await child.stdout.receive_some(1_000)
        yield child, line.decode().strip()
    finally:
        child.kill()
        with trio.CancelScope(shield=True):
            await child.wait()
            if child.stdout is not None:
                await child.stdout.aclose()


async def test_a_wanted_peer_is_connected_and_reported(make_host: MakeHost) -> None:
    alice, bob = make_host(), make_host()
    async with alice.run(), supervised(bob) as supervisor:
        supervisor.want(alice.key, alice.addresses())
        await eventually(bob.connected)
        (status,) = supervisor.statuses()
        assert status.peer_key == alice.key
        assert status.connected
        assert status.next_try_ms is None
        assert status.last_error == ""


async def test_a_failure_is_reported_with_the_time_of_the_next_try(make_host: MakeHost) -> None:
    alice = make_host()
    async with supervised(make_host()) as supervisor:
        supervisor.want(alice.key, _NOWHERE)
        await eventually(lambda: supervisor.statuses()[0].last_error)
        (status,) = supervisor.statuses()
        assert not status.connected
        assert "tcp/1" in status.last_error
        assert status.next_try_ms is not None
        assert 0 <= status.next_try_ms <= dialer.BACKOFF_MS_MAX * 1.25


async def test_j42_the_back_off_doubles_up_to_its_limit(
    make_host: MakeHost, autojump_clock: trio.testing.MockClock
) -> None:
    alice = make_host()
    bob = make_host()
    tries: list[float] = []

    async def refuse(*_: object) -> None:
        tries.append(trio.current_time())
        raise dialer.Unreachable("nobody there")

    bob.dial = refuse  # type: ignore[method-assign]
    supervisor = Supervisor(bob)
    supervisor.want(alice.key, _NOWHERE)
    with trio.move_on_after(300):
        await supervisor.run()
    gaps = [later - earlier for earlier, later in pairwise(tries)]
    assert gaps[0] == pytest.approx(0.56, abs=0.07)
    assert all(1.5 < later / earlier < 2.6 for earlier, later in pairwise(gaps[:6]))
    assert all(30 <= gap <= 37.5 for gap in gaps[7:])


async def test_j42_new_addresses_are_tried_at_once(
    make_host: MakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialer, "BACKOFF_MS_MIN", 3_600_000)
    alice, bob = make_host(), make_host()
    async with alice.run(), supervised(bob) as supervisor:
        supervisor.want(alice.key, _NOWHERE)
        await eventually(lambda: supervisor.statuses()[0].last_error)
        supervisor.want(alice.key, alice.addresses())
        await eventually(bob.connected)


async def test_a_peer_without_addresses_waits_for_some(make_host: MakeHost) -> None:
    alice, bob = make_host(), make_host()
    async with alice.run(), supervised(bob) as supervisor:
        supervisor.want(alice.key, [])
        supervisor.update(alice.key, alice.addresses())
        await eventually(bob.connected)


async def test_an_unwanted_peer_is_dialled_no_more(make_host: MakeHost) -> None:
    alice, bob = make_host(), make_host()
    async with supervised(bob) as supervisor:
        supervisor.want(alice.key, _NOWHERE)
        await eventually(lambda: supervisor.statuses()[0].last_error)
        supervisor.unwant(alice.key)
        assert supervisor.statuses() == []
        assert len(supervisor._nursery.child_tasks) <= 3  # type: ignore[union-attr]
        await eventually(lambda: len(supervisor._nursery.child_tasks) == 2)  # type: ignore[union-attr]


async def test_a_host_does_not_want_itself(make_host: MakeHost) -> None:
    bob = make_host()
    async with supervised(bob) as supervisor:
        supervisor.want(bob.key, bob.addresses())
        assert supervisor.statuses() == []


async def test_j42_a_lost_peer_is_dialled_again(make_host: MakeHost) -> None:
    alice, bob = make_host(), make_host()
    async with alice.run(), supervised(bob) as supervisor:
        supervisor.want(alice.key, alice.addresses())
        await eventually(bob.connected)
        await alice.drop(bob.key)
        await eventually(lambda: not bob.connected())
        await eventually(bob.connected)
        assert await is_echoing(bob, alice)


async def test_two_supervisors_that_want_each_other_agree(make_host: MakeHost) -> None:
    alice, bob = make_host(), make_host()
    async with supervised(alice) as ours, supervised(bob) as theirs:
        ours.want(bob.key, bob.addresses())
        theirs.want(alice.key, alice.addresses())
        await eventually(lambda: alice.connected() and bob.connected())
        await eventually(lambda: len(alice.network.get_connections()) == 1)
        assert await is_echoing(alice, bob)


async def test_j42_a_check_ends_what_does_not_answer(
    make_host: MakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialer, "CHECK_TIMEOUT_MS", 100)
    alice, bob = make_host(), make_host()
    async with alice.run(), supervised(bob) as supervisor:
        supervisor.want(alice.key, alice.addresses())
        await eventually(bob.connected)
        dead = next(iter(alice.network.preferred.values())).muxed_conn
        assert isinstance(dead, muxer.Muxer)
        monkeypatch.setattr(dead.secured_conn, "write", _swallow)
        supervisor.check()
        await eventually(dead.event_closed.is_set)
        await eventually(bob.connected)
        assert await is_echoing(bob, alice)


async def _swallow(_data: bytes) -> None:
    await trio.lowlevel.checkpoint()


async def test_j42_waking_from_sleep_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 101.0, 162.0, 163.0])
    monkeypatch.setattr(wakeups.time, "clock_gettime", lambda _clock: next(clock))
    monkeypatch.setattr(wakeups, "_TICK_MS", 1)
    woken: list[None] = []
    with pytest.raises(RuntimeError, match="StopIteration"):
        await wakeups.watch_sleep(lambda: woken.append(None))
    assert len(woken) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="netlink is Linux")
async def test_a_burst_of_netlink_messages_is_one_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeups, "_SETTLE_MS", 50)
    ours, theirs = trio.socket.socketpair()
    changes: list[None] = []
    with ours, theirs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wakeups._follow, ours, lambda: changes.append(None))
            for _ in range(5):
                await theirs.send(b"change")
            await eventually(lambda: changes)
            await theirs.send(b"another")
            await eventually(lambda: len(changes) == 2)
            nursery.cancel_scope.cancel()


@pytest.mark.process
async def test_row_10_a_frozen_process_is_dropped_and_found_again(
    make_host: MakeHost, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(muxer, "KEEP_ALIVE_INTERVAL_MS", 100)
    monkeypatch.setattr(muxer, "KEEP_ALIVE_ANSWER_MS", 500)
    monkeypatch.setattr(dialer, "DIAL_TIMEOUT_MS", 1_000)
    seed = b"f" * 32
    key = SigningKey(seed).public
    bob = make_host()
    async with process(seed, checkout) as (child, address), supervised(bob) as supervisor:
        supervisor.want(key, [address])
        await eventually(bob.connected)
        child.send_signal(signal.SIGSTOP)
        await eventually(lambda: not bob.connected())
        child.send_signal(signal.SIGCONT)
        await eventually(bob.connected)
        stream = await bob.open_stream(key, "/test/echo/1")
        await stream.write(b"back")
        assert await stream.read(10) == b"back"


@pytest.mark.process
async def test_a_killed_process_is_found_again_after_its_restart(make_host: MakeHost, checkout: Path) -> None:
    seed = b"g" * 32
    key = SigningKey(seed).public
    bob = make_host()
    async with supervised(bob) as supervisor:
        async with process(seed, checkout) as (_, address):
            supervisor.want(key, [address])
            await eventually(bob.connected)
        await eventually(lambda: not bob.connected())
        async with process(seed, checkout, port=int(address.split("/")[4])):
            await eventually(bob.connected)
