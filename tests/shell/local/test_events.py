"""The stream of events: every event once, readers that go away, and readers that stop reading."""

from __future__ import annotations

import functools
import json
import socket
from contextlib import AsyncExitStack

import pytest
import trio

from p2pnode.local import events, http
from p2pnode.local.http import HOST, serve

from .conftest import TOKEN, Caller, RecordingService


async def open_events(port: int) -> trio.SocketStream:
    stream = await trio.open_tcp_stream(HOST, port)
    head = f"GET /events HTTP/1.1\r\nHost: {HOST}:{port}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    await stream.send_all(head.encode())
    return stream


async def read_until(stream: trio.SocketStream, wanted: bytes) -> bytes:
    received = b""
    with trio.fail_after(120):
        while wanted not in received:
            chunk = await stream.receive_some()
            assert chunk, received
            received += chunk
    return received


async def test_events_arrive_in_order_as_server_sent_events(
    caller: Caller, service: RecordingService
) -> None:
    service.happening = [
        {"event": "heads", "group": "é\nx", "added": 2},
        {"event": "peer", "peer_id": "p", "connected": True},
    ]
    async with await open_events(caller.port) as stream:
        received = await read_until(stream, b"connected")
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"text/event-stream" in head
    assert b"no-store" in head
    lines = body.decode().splitlines()
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert names == ["ready", "heads", "peer"]
    data = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert data[1:] == service.happening


async def test_reader_that_hangs_up_ends_its_iterator(caller: Caller, service: RecordingService) -> None:
    async with await open_events(caller.port) as stream:
        await read_until(stream, b"ready")
        assert not service.events_closed.is_set()
    with trio.fail_after(120):
        await service.events_closed.wait()
    assert (await caller.ask("GET", "/status"))[0] == 200


async def test_quiet_stream_shows_that_it_lives(
    caller: Caller, service: RecordingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.01)
    async with await open_events(caller.port) as stream:
        await read_until(stream, b": still here")


async def test_slow_reader_is_told_that_events_were_lost(caller: Caller, service: RecordingService) -> None:
    service.endless = {"event": "group", "group": "x" * 10_000}
    async with await open_events(caller.port) as stream:
        await read_until(stream, b"ready")
        # Nothing is read until the node has had to drop something; then the note must come through.
        with trio.fail_after(120):
            await service.has_yielded_much.wait()
        await read_until(stream, b"resync")


async def test_reader_that_stopped_reading_does_not_keep_the_node_from_stopping(
    service: RecordingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        pytest.skip("this system ends stalled connections by its own timers only")
    monkeypatch.setattr(http, "_STALLED_MS_MAX", 300)
    service.endless = {"event": "group", "group": "x" * 10_000}
    ports: list[int] = []
    ready = trio.Event()

    def on_ready(port: int) -> None:
        ports.append(port)
        ready.set()

    async with AsyncExitStack() as open_until_the_end:
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(
                    functools.partial(serve, service, port=0, token=TOKEN, version="1", ready=on_ready)
                )
                await ready.wait()
                stream = await open_until_the_end.enter_async_context(await open_events(ports[0]))
                await read_until(stream, b"ready")
                await service.has_yielded_much.wait()
                nursery.cancel_scope.cancel()
    assert nursery.cancel_scope.cancelled_caught


async def test_iterator_that_ends_ends_the_stream(caller: Caller, service: RecordingService) -> None:
    service.ends = True
    async with await open_events(caller.port) as stream:
        await read_until(stream, b"0\r\n\r\n")
