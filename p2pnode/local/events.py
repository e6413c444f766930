"""Server-sent events: what happens in the node, for a page or a terminal that stays open."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

import trio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from p2pnode.local.service import Service

HEARTBEAT_S = 15.0
"""A comment at this interval tells a reader that the node is alive, and the node that the reader is."""

_WAITING_MAX = 256
"""Events held for a slow reader; beyond it the reader is told to read everything again."""

_LOST = {"event": "resync"}


def encode_event(event: dict[str, Any]) -> bytes:
    """One event as the text of an event stream. Source: WHATWG HTML, server-sent events."""
    text = json.dumps(event, separators=(",", ":"), ensure_ascii=True)
    return f"event: {event['event']}\ndata: {text}\n\n".encode()


class EventStream(Response):
    """The service's events until the caller hangs up."""

    media_type = "text/event-stream"

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service = service
        self.headers["cache-control"] = "no-store"
        # The length is not known beforehand.
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with trio.open_nursery() as nursery:
            sender, receiver = trio.open_memory_channel[dict[str, Any]](_WAITING_MAX)
            nursery.start_soon(self._collect, sender)
            nursery.start_soon(self._deliver, receiver, send)
            while (await receive())["type"] != "http.disconnect":
                pass
            nursery.cancel_scope.cancel()

    async def _collect(self, sender: trio.MemorySendChannel[dict[str, Any]]) -> None:
        """Take events as fast as they come: a slow reader must not hold up the node."""
        lost = False
        events = cast("AsyncGenerator[dict[str, Any], None]", self._service.events())
        async with sender, aclosing(events):
            async for event in events:
                try:
                    if lost:
                        sender.send_nowait(_LOST)
                        lost = False
                    sender.send_nowait(event)
                except trio.WouldBlock:
                    lost = True

    async def _deliver(self, receiver: trio.MemoryReceiveChannel[dict[str, Any]], send: Send) -> None:
        while True:
            block = b": still here\n\n"
            with trio.move_on_after(HEARTBEAT_S):
                try:
                    block = encode_event(await receiver.receive())
                except trio.EndOfChannel:
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                    return
            await send({"type": "http.response.body", "body": block, "more_body": True})
