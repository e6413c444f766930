"""Real node processes on loopback: starting, asking, killing them, and waiting until something is so.

Not here: what the tests expect. Every wait has a deadline and looks at the node's own answers.
"""

from __future__ import annotations

import json
import os
import select
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from p2pnode.core.errors import NodeError
from p2pnode.home import Home
from p2pnode.local.client import Client
from tests.integration.forked import Forked, ready_pipe

ROOT = Path(__file__).resolve().parent.parent.parent
READY_S = 120.0
SOON_S = 180.0
_STOP_S = 90.0
_STEP_S = 0.05
_STEP_S_MAX = 1.0
"""A test rests twice as long as it looked: the nodes need the machine for what it waits for."""
DAY_MS = 86_400_000


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    output: str
    errors: str

    @property
    def answer(self) -> Any:
        """What a command answered with --json."""
        return json.loads(self.output)

    @property
    def refusal(self) -> dict[str, str]:
        """Rule, message and remedy that a command gave on standard error with --json."""
        refusal: dict[str, str] = json.loads(self.errors.splitlines()[-1])
        return refusal


def environment(folder: Path) -> dict[str, str]:
    """The environment of a person who has nothing but a home folder."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return {
        **kept,
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        "NO_COLOR": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
    }


def run_command(folder: Path, *words: str, timeout_s: float = SOON_S) -> Ended:
    """Run a command of the program to its end."""
    with tempfile.TemporaryDirectory() as files:
        output, errors = Path(files) / "output", Path(files) / "errors"
        process = Forked(words, environment=environment(folder), folder=folder, output=output, errors=errors)
        try:
            status = process.wait(timeout_s)
        finally:
            process.kill()
        return Ended(status, output.read_text("utf-8"), errors.read_text("utf-8"))


def eventually(what: str, condition: Callable[[], Any], *, within_s: float = SOON_S) -> Any:
    """The first true answer of a condition. A node that does not answer just now counts as no answer."""
    deadline = time.monotonic() + within_s
    last: object = None
    while True:
        began = time.monotonic()
        try:
            last = condition()
        except NodeError as error:
            last = error
        if last and not isinstance(last, NodeError):
            return last
        now = time.monotonic()
        if now > deadline:
            raise AssertionError(f"not within {within_s:.0f} s: {what}; last: {last!r}")
        time.sleep(min(max(_STEP_S, 2 * (now - began)), _STEP_S_MAX))


class Running:
    """One node with a home of its own; `start` and `kill` as often as a test likes."""

    def __init__(self, folder: Path, name: str, *, home: Path | None = None) -> None:
        self.folder = folder
        self.name = name
        self.path = home or folder / name
        self.home = Home(self.path)
        self.log_file = folder / f"{name}.log"
        self.listen = "/ip4/127.0.0.1/tcp/0"
        self.first_status: dict[str, Any] = {}
        self._process: Forked | None = None

    def launch(self, *flags: str, ready: Connection | None = None) -> Forked:
        """Start the process without waiting for it."""
        assert not self.is_running
        self._process = Forked(
            ("--home", str(self.path), "up", "--listen", self.listen, *flags),
            environment=environment(self.folder),
            folder=self.folder,
            output=self.log_file,
            errors=self.log_file,
            ready=ready,
        )
        return self._process

    def start(self, *flags: str) -> Running:
        """Run the node; returns when it answers. After the first start it keeps its port."""
        reading, writing = ready_pipe()
        with reading:
            with writing:
                self.launch(*flags, ready=writing)
            text = self._read_line(reading.fileno())
        self.first_status = json.loads(text)
        address = self.first_status["addresses"][0]
        self.listen = address.partition("/p2p/")[0]
        return self

    def _read_line(self, descriptor: int) -> bytes:
        text = b""
        deadline = time.monotonic() + READY_S
        while not text.endswith(b"\n"):
            readable, _, _ = select.select([descriptor], [], [], max(deadline - time.monotonic(), 0))
            block = os.read(descriptor, 65536) if readable else b""
            if not block:
                raise AssertionError(f"{self.name} did not become ready:\n{self.log_tail()}")
            text += block
        return text

    def log_tail(self) -> str:
        """The end of what the process printed."""
        return self.log_file.read_text(errors="replace")[-4000:] if self.log_file.exists() else ""

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def process(self) -> Forked:
        assert self._process is not None
        return self._process

    def wait(self, timeout_s: float = _STOP_S) -> int:
        """How the process ended."""
        return self.process.wait(timeout_s)

    def stop(self) -> int:
        """Ask the process to stop, as Ctrl-C does."""
        if not self.is_running:
            return self.wait()
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def kill(self) -> None:
        """Take the process away in the middle of whatever it does."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def signal(self, number: int) -> None:
        """Send the process a signal, to stop it in its tracks or let it go on."""
        assert self._process is not None
        self._process.send_signal(number)

    # ---- asking

    @property
    def client(self) -> Client:
        """A caller of the local API. Errors: NotRunning."""
        return Client(self.home)

    def command(self, *words: str) -> Ended:
        """Run a command against this home, with --json."""
        return run_command(self.folder, "--home", str(self.path), "--json", *words)

    def done(self, *words: str) -> Any:
        """What a command answers; it has to succeed."""
        ended = self.command(*words)
        assert ended.status == 0, f"{words} ended with {ended.status}: {ended.errors}\n{self.log_tail()}"
        return ended.answer

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.client.get("/status")
        return status

    @property
    def peer_id(self) -> str:
        return str(self.first_status["peer_id"])

    @property
    def address(self) -> str:
        return str(self.first_status["addresses"][0])

    def group(self, group: str) -> dict[str, Any]:
        """The summary of one group that this node holds."""
        summary: dict[str, Any] = self.client.get("/group", group=group)["summary"]
        return summary

    def found(self, name: str) -> str:
        """Found a group; its id."""
        founded = self.client.post("/groups", {"name": name, "my_name": self.name})
        return str(founded["summary"]["id"])

    def invite(self, group: str, *, uses: int = 1, expires_in_ms: int = DAY_MS) -> str:
        """A link into a group."""
        expires_ms = int(time.time() * 1000) + expires_in_ms
        body = {"group": group, "uses": uses, "expires_ms": expires_ms}
        return str(self.client.post("/invitations", body)["link"])

    def join(self, link: str) -> dict[str, Any]:
        joined: dict[str, Any] = self.client.post("/joins", {"link": link, "my_name": self.name})
        return joined

    def contribute(self, group: str, what: str, note: str = "") -> str:
        """Write a contribution; the id of its entry."""
        body = {"action": "work", "resource": what, "effort": "1", "effort_unit": "hour"}
        written = self.client.post("/contributions", {"group": group, "body": body, "note": note})
        return str(written["entry"])

    def entries(self, group: str) -> dict[str, dict[str, Any]]:
        """Every row of a group's log by its id."""
        rows: dict[str, dict[str, Any]] = {}
        before = None
        while True:
            page = self.client.get("/log", group=group, limit=1000, before=before)
            rows.update((row["entry"], row) for row in page["rows"])
            before = page["next"]
            if before is None:
                return rows

    def verify(self) -> dict[str, Any]:
        """What a check of everything stored found."""
        verification: dict[str, Any] = self.client.post("/verify", {})
        return verification


@contextmanager
def nodes_in(folder: Path) -> Iterator[Callable[..., Running]]:
    """Makes nodes, and takes every process away when the block is left."""
    made: list[Running] = []

    def make(name: str, *, home: Path | None = None) -> Running:
        made.append(Running(folder, name, home=home))
        return made[-1]

    try:
        yield make
    finally:
        for node in made:
            node.kill()


def are_equal(nodes: Sequence[Running], group: str) -> bool:
    """Whether all nodes hold the same of a group, and nothing is missing or undecided."""
    for node in nodes:
        # Which annexes are missing shows only once the views have come across the entries that name them.
        node.client.post("/claims/known", {"group": group, "root": "0" * 40, "commits": []})
    summaries = [node.group(group) for node in nodes]
    return (
        len({summary["frontier"] for summary in summaries}) == 1
        and len({summary["entries"] for summary in summaries}) == 1
        and not any(summary["wanted"] or summary["undecided"] for summary in summaries)
    )


def converge(nodes: Sequence[Running], group: str, *, within_s: float = SOON_S) -> None:
    """Wait until all nodes hold the same of a group."""

    def check() -> bool:
        for node in nodes:
            assert node.is_running, f"{node.name} stopped:\n{node.log_tail()}"
        return are_equal(nodes, group)

    try:
        eventually("equal frontiers", check, within_s=within_s)
    except AssertionError as error:
        states = {node.name: node.group(group) for node in nodes if node.is_running}
        logs = "\n".join(f"--- {node.name}\n{node.log_tail()}" for node in nodes)
        raise AssertionError(f"{error}\n{json.dumps(states, indent=1)}\n{logs}") from error


def form_group(nodes: Sequence[Running], name: str = "orchard") -> str:
    """Have the first node found a group and all others join it; everybody is a final member afterwards."""
    founder, *others = nodes
    group = founder.found(name)
    for node in others:
        node.join(founder.invite(group))

    def all_are_members() -> bool:
        rows = [node.client.get("/members", group=group) for node in nodes]
        return all(
            len(found) == len(nodes) and all(row["status"] == "member" for row in found) for found in rows
        )

    eventually("everybody is a member everywhere", all_are_members)
    return group
