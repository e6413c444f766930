"""A running API over a service that remembers what it was asked; API, guard and server are the real ones."""

from __future__ import annotations

import functools
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import trio

from p2pnode.local.http import HOST, serve

TOKEN = "t" * 64


class RecordingService:
    """Answers every method of the protocol with its own name, or with what a test put into `answers`."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[Any, ...]]] = []
        self.answers: dict[str, Any] = {}
        self.happening: list[dict[str, Any]] = []
        self.endless: dict[str, Any] | None = None
        self.events_closed = trio.Event()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def answer(*arguments: Any) -> Any:
            self.asked.append((name, arguments))
            result = self.answers.get(name, {"method": name})
            if isinstance(result, BaseException):
                raise result
            return result

        return answer

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        try:
            for event in self.happening:
                yield event
            while self.endless is not None:
                yield self.endless
                await trio.lowlevel.checkpoint()
            await trio.sleep_forever()
        finally:
            self.events_closed.set()


class Caller:
    """Speaks HTTP by hand, so that a test may also speak it wrongly."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def raw(self, request: bytes) -> bytes:
        stream = await trio.open_tcp_stream(HOST, self.port)
        async with stream:
            await stream.send_all(request)
            with trio.fail_after(10):
                return b"".join([chunk async for chunk in stream])

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, str], Any]:
        """The status, the headers and the decoded body of one answer."""
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {
            "Host": f"{HOST}:{self.port}",
            "Authorization": f"Bearer {TOKEN}",
            "Content-Length": str(len(content)),
            "Content-Type": "application/json",
            "Connection": "close",
        }
        fields.update(headers or {})
        lines = [
            f"{method} {path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in fields.items() if value),
        ]
        answer = await self.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
        head, _, rest = answer.partition(b"\r\n\r\n")
        status_line, *header_lines = head.decode("latin-1").split("\r\n")
        received = dict(line.lower().split(": ", 1) for line in header_lines)
        return int(status_line.split()[1]), received, json.loads(rest) if rest else None


@pytest.fixture
def service() -> RecordingService:
    return RecordingService()


@pytest.fixture
async def caller(service: RecordingService, nursery: trio.Nursery) -> Caller:
    ports: list[int] = []
    ready = trio.Event()

    def on_ready(port: int) -> None:
        ports.append(port)
        ready.set()

    nursery.start_soon(functools.partial(serve, service, port=0, token=TOKEN, version="1", ready=on_ready))
    with trio.fail_after(30):
        await ready.wait()
    return Caller(ports[0])
