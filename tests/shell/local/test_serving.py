"""Where the API listens."""

from __future__ import annotations

import socket

import pytest

from p2pnode.core.errors import UsageError
from p2pnode.local.http import HOST, serve

from .conftest import Caller, RecordingService


async def test_port_in_use_is_told_with_the_remedy(service: RecordingService) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        with pytest.raises(UsageError) as caught:
            await serve(
                service, port=other.getsockname()[1], token="t" * 64, version="1", ready=lambda _: None
            )
    assert caught.value.rule == "api.port_taken"
    assert "--api" in caught.value.remedy


async def test_only_this_computer_is_served(caller: Caller) -> None:
    with socket.socket() as listener:
        # The address belongs to this computer and is not the one that is served, so the port is free there.
        listener.bind(("127.0.0.2", caller.port))


async def test_cancelled_server_gives_its_port_back(service: RecordingService) -> None:
    import trio

    for _ in range(2):
        ports: list[int] = []
        with trio.fail_after(120):
            async with trio.open_nursery() as nursery:

                def on_ready(port: int, nursery: trio.Nursery = nursery, ports: list[int] = ports) -> None:
                    ports.append(port)
                    nursery.cancel_scope.cancel()

                await serve(service, port=0, token="t" * 64, version="1", ready=on_ready)
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, ports[0]))
