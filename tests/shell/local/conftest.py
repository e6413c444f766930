"""A running API over a service that remembers what it was asked; API, guard and server are the real ones."""

from __future__ import annotations

import functools
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trio

from cli import main
from p2pnode.home import Home
from p2pnode.local.http import HOST, serve

TOKEN = "t" * 64


class RecordingService:
    """Answers every method of the protocol with its own name, or with what a test put into `answers`."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[Any, ...]]] = []
        self.answers: dict[str, Any] = {}
        self.happening: list[dict[str, Any]] = []
        self.endless: dict[str, Any] | None = None
        self.ends = False
        self.yielded = 0
        self.has_yielded_much = trio.Event()
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
            yield {"event": "ready"}
            for event in self.happening:
                yield event
            while self.endless is not None:
                self.yielded += 1
                if self.yielded == 4000:
                    self.has_yielded_much.set()
                yield self.endless
                await trio.lowlevel.checkpoint()
            if not self.ends:
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
            with trio.fail_after(120):
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
    with trio.fail_after(120):
        await ready.wait()
    return Caller(ports[0])


class Ran(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


class CommandLine:
    """Runs commands on one home: here, which is fast, or as `process`, which shows what a shell would see."""

    def __init__(self, checkout: Path, home: Home) -> None:
        self.home = home
        self._program = checkout / "cli.py"

    def __call__(self, *words: str, given: str = "", screen: bool = False, **environment: str) -> Ran:
        out, err = _Screen() if screen else io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self._environment(environment).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["p2pnode", *words])
            patch.setattr(sys, "stdin", io.StringIO(given))
            with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as left:
                main()
                raise SystemExit(0)
        return Ran(int(left.value.code or 0), out.getvalue(), err.getvalue())

    def process(self, *words: str, **environment: str) -> Ran:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("P2PNODE_")}
        done = subprocess.run(
            [sys.executable, str(self._program), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
            check=False,
            env={**kept, **self._environment(environment)},
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def _environment(self, own: dict[str, str]) -> dict[str, str]:
        return {"P2PNODE_HOME": str(self.home.path), "TZ": "UTC", **own}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home without a node."""
    made = Home(tmp_path / "home")
    made.create()
    return made


@pytest.fixture
def run(checkout: Path, home: Home) -> CommandLine:
    """Commands on a home without a node."""
    return CommandLine(checkout, home)


@pytest.fixture
def node(home: Home, service: RecordingService) -> Iterator[RecordingService]:
    """The recording service, answering for the home from a thread of its own."""
    token = home.make_token()
    ready = threading.Event()
    scopes: list[tuple[trio.lowlevel.TrioToken, trio.CancelScope]] = []

    def on_ready(port: int) -> None:
        home.write_api(port)
        ready.set()

    async def main() -> None:
        with trio.CancelScope() as scope:
            scopes.append((trio.lowlevel.current_trio_token(), scope))
            await serve(service, port=0, token=token, version="1", ready=on_ready)

    thread = threading.Thread(target=trio.run, args=(main,))
    thread.start()
    assert ready.wait(30)
    yield service
    trio_token, scope = scopes[0]
    trio_token.run_sync_soon(scope.cancel)
    thread.join(30)
    assert not thread.is_alive()
