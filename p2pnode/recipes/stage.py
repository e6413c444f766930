"""People with a node each on one machine, and what they type.

Every step is a command of the program, run as a process against a node that is another process.
Not here: any story, and how a story is shown.
"""

from __future__ import annotations

import json
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from p2pnode.core.errors import NodeError, NodeFault
from p2pnode.home import Home
from p2pnode.local.client import Client

_READY_S = 300.0
_COMMAND_S = 300.0
_SOON_S = 600.0
"""Longer than anything takes on a slow and busy machine; whoever watches may end it at any time."""
_STOP_S = 30.0
_STEP_S = 0.2
"""Between two looks at the nodes."""
_OWN_PATHS = frozenset({"decisions", "feed"})
"""Lists that the node does not answer with the others of the economy."""
_RECORDED = re.compile(r"\b(?:as|event) ([0-9a-f]{8})\b")
_QUICK = "delta_seconds = 2\nballot_grace_hours = 0\n"
"""Everybody is on one machine: messages take no time, and no ballot is on its way when a vote closes."""


class StoryStopped(NodeFault):
    """A step of a story did not go as told."""


class Narrator(Protocol):
    """Who shows a story while it is played."""

    def tells(self, sentence: str) -> None:
        """What happens now, in words."""

    def types(self, name: str, command: str) -> None:
        """What somebody types."""

    def reads(self, output: str) -> None:
        """What they see."""

    def waits(self, what: str) -> None:
        """What everybody waits for."""

    def sees(self, what: str) -> None:
        """It has come."""


class Silent:
    """A narrator for whom only the outcome counts."""

    def tells(self, sentence: str) -> None: ...

    def types(self, name: str, command: str) -> None: ...

    def reads(self, output: str) -> None: ...

    def waits(self, what: str) -> None: ...

    def sees(self, what: str) -> None: ...


class Person:
    """Somebody with a node of their own."""

    def __init__(self, name: str, folder: Path, narrator: Narrator) -> None:
        self.name = name
        self.group = ""
        self.path = folder / name.lower()
        self.log_file = folder / f"{name.lower()}.log"
        self._folder = folder
        self._narrator = narrator
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: int | None = None
        self._listen = "/ip4/127.0.0.1/tcp/0"

    # ---- the node

    def switch_on(self) -> None:
        """Start the node; `wait_until_ready` says when it can be asked."""
        reading, writing = os.pipe()
        flags = ("--listen", self._listen, "--ready-fd", str(writing))
        try:
            with self.log_file.open("ab") as log:
                self._process = subprocess.Popen(
                    [*_program(), "--home", str(self.path), "up", *flags],
                    env=_environment(),
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=[writing],
                    # Ctrl-C in the terminal is for the story, which then ends its nodes in good order.
                    start_new_session=True,
                )
        finally:
            os.close(writing)
            self._pipe = reading

    def wait_until_ready(self) -> None:
        """Return when the node answers. Errors: StoryStopped."""
        assert self._pipe is not None
        with os.fdopen(self._pipe, "rb") as pipe:
            self._pipe = None
            readable, _, _ = select.select([pipe], [], [], _READY_S)
            line = pipe.readline() if readable else b""
        if not line:
            raise _stopped(f"The node of {self.name} did not start; the end of its log: {self._log_end()}")
        # After the first start the node keeps its port, so that the others find it again.
        self._listen = json.loads(line)["addresses"][0].partition("/p2p/")[0]

    def switch_off(self) -> None:
        """Ask the node to stop, as Ctrl-C does, and wait until it has."""
        self.ask_to_stop()
        self.wait_until_off()

    def ask_to_stop(self) -> None:
        """Ask the node to stop."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def wait_until_off(self) -> None:
        """Wait until the node has stopped; one that does not is killed."""
        if self._process is None:
            return
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None

    def _log_end(self) -> str:
        return self.log_file.read_text(errors="replace")[-2000:]

    # ---- what the person does

    def types(self, *words: str) -> str:
        """Run a command before everybody's eyes; what it prints. Errors: StoryStopped."""
        self._narrator.types(self.name, shlex.join(("p2pnode", *words)))
        output = self.does(*words)
        self._narrator.reads(output)
        return output

    def records(self, *words: str) -> str:
        """Run a command that writes an entry; the start of its id. Errors: StoryStopped."""
        output = self.types(*words)
        found = _RECORDED.search(output)
        if found is None:
            raise _stopped(f"No id in what `{shlex.join(words)}` said: {output}")
        return found[1]

    def is_refused(self, *words: str) -> str:
        """Run a command that the node has to refuse; what it says. Errors: StoryStopped."""
        self._narrator.types(self.name, shlex.join(("p2pnode", *words)))
        done = self._run(words)
        if done.returncode != 2:
            raise _stopped(f"{self.name}: `{shlex.join(words)}` was not refused: {done.stdout}{done.stderr}")
        self._narrator.reads(done.stderr)
        return done.stderr

    def does(self, *words: str) -> str:
        """Run a command that nobody needs to see; what it prints. Errors: StoryStopped."""
        done = self._run(words)
        if done.returncode:
            raise _stopped(f"{self.name}: `{shlex.join(words)}` ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def asks(self, *words: str) -> Any:
        """What a command answers to a program. Errors: StoryStopped."""
        return json.loads(self.does("--json", *words))

    def hears(self, path: str, **query: str) -> Any:
        """What the node answers without a command, for what is asked again and again. Errors: NodeError."""
        return self.client.get(path, group=self.group, **query)

    def rows(self, about: str, **query: str) -> list[Any]:
        """The rows of one of the lists that the node has. Errors: NodeError."""
        if about in _OWN_PATHS:
            answer = self.hears(f"/{about}", **query)
        else:
            answer = self.hears("/economy", about=about, **query)
        return list(answer["rows"] if isinstance(answer, dict) else answer)

    def _run(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*_program(), "--home", str(self.path), *words],
            env=_environment(),
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_S,
            check=False,
        )

    @property
    def client(self) -> Client:
        """A caller of the node's local API. Errors: NotRunning."""
        return Client(Home(self.path))


class Stage:
    """A group of people who play a story together."""

    def __init__(self, folder: Path, narrator: Narrator) -> None:
        self.folder = folder
        self.people: list[Person] = []
        self._narrator = narrator
        self._group = ""

    def tells(self, sentence: str) -> None:
        """Say what happens now."""
        self._narrator.tells(sentence)

    def found(self, name: str, template: str, names: Sequence[str]) -> list[Person]:
        """Start a node for each person and found a group of them all, each with a vote."""
        self.people = [Person(one, self.folder, self._narrator) for one in names]
        self._narrator.waits(f"{len(names)} nodes start")
        for person in self.people:
            person.switch_on()
        for person in self.people:
            person.wait_until_ready()
        self._narrator.sees(f"{len(names)} nodes run, each with its own keys and its own log")
        self._sign_the_founding(name, template)
        self._group = str(self.people[0].client.get("/groups")[0]["id"])
        for person in self.people:
            person.group = self._group
        self.until("everybody is a member, as every node sees it", self._are_all_members)
        return self.people

    def _sign_the_founding(self, name: str, template: str) -> None:
        author, *others = self.people
        charter = self.folder / f"{template}.toml"
        charter.write_text(_QUICK + _without_keys(author.does("charter", "template", template), _QUICK))
        draft = f"{template}.founding"
        offers: list[str] = []
        for person in others:
            offers += ["--with", f"{person.name.lower()}.offer"]
            person.does("group", "offer", offers[-1], "--my-name", person.name)
        words = ("group", "found", name, "--charter", charter.name, *offers, "-o", draft)
        author.types(*words, "--my-name", author.name)
        for person in others:
            person.does("group", "sign", draft, "--yes")
        for person in self.people:
            person.does("group", "open", draft)

    def _are_all_members(self) -> bool:
        return all(
            [row["status"] for row in person.client.get("/members", group=self._group)]
            == ["member"] * len(self.people)
            for person in self.people
        )

    # ---- waiting

    def until(self, what: str, condition: Callable[[], object]) -> Any:
        """Wait for the first true answer, and give it back. Errors: StoryStopped after ten minutes."""
        self._narrator.waits(what)
        deadline = time.monotonic() + _SOON_S
        last: object = None
        while True:
            try:
                last = condition()
            except NodeError as error:
                last = error
            if last and not isinstance(last, NodeError):
                self._narrator.sees(what)
                return last
            if time.monotonic() > deadline:
                raise _stopped(f"This did not come: {what}. The last answer was {last!r}.")
            time.sleep(_STEP_S)

    def expects(self, what: str, is_so: bool) -> None:
        """Say what has to be so now. Errors: StoryStopped."""
        if not is_so:
            raise _stopped(f"It is not so: {what}.")
        self._narrator.sees(what)

    def until_heard(self, person: Person, about: str, rows: int = 1, **query: str) -> None:
        """Wait until a list of a person's node has so many rows."""
        self.until(f"{person.name} has heard of it", lambda: len(person.rows(about, **query)) >= rows)

    def until_all_hold_the_same(self, people: Iterable[Person] = ()) -> None:
        """Wait until the nodes that are on have the same log."""
        watched = list(people) or self.people
        self.until("all logs are equal, entry by entry", lambda: self._are_equal(watched))

    def _are_equal(self, people: Sequence[Person]) -> bool:
        summaries = [person.client.get("/group", group=self._group)["summary"] for person in people]
        return len({summary["frontier"] for summary in summaries}) == 1 and not any(
            summary["wanted"] or summary["undecided"] for summary in summaries
        )

    def until_final(self, entry: str, people: Iterable[Person] = ()) -> None:
        """Wait until the group has put an entry in order, on every node that is on."""
        watched = list(people) or self.people
        self.until(
            f"{entry} is final on {len(watched)} nodes",
            lambda: all(self._state(person, entry) == "final" for person in watched),
        )

    def _state(self, person: Person, entry: str) -> str:
        return str(person.client.get("/entry", entry=entry)["row"]["state"])

    # ---- the end

    def stop(self) -> None:
        """Stop every node."""
        for person in self.people:
            person.ask_to_stop()
        for person in self.people:
            person.wait_until_off()


def _program() -> list[str]:
    """The words that start this program again."""
    found = find_spec("cli")
    assert found is not None
    assert found.origin is not None
    return [sys.executable, found.origin]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("P2PNODE_")}
    return {**kept, "NO_COLOR": "1"}


def _without_keys(charter: str, replaced: str) -> str:
    """A charter without the settings that another text gives."""
    keys = tuple(line.partition("=")[0] for line in replaced.splitlines())
    return "\n".join(line for line in charter.splitlines() if not line.startswith(keys))


def _stopped(message: str) -> StoryStopped:
    return StoryStopped(message)
