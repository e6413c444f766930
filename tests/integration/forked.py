"""The program in a process that is forked from one which has read the program and its libraries already.

Reading them takes most of the time that a node needs to start, and tests start hundreds. What begins here
is the program with its words, in a process, a folder and an environment of its own, and is killed like any
other. Not here: starting it as a person does; transcripts, recipes and the demo do that.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import cli

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["p2pnode.daemon", "p2pnode.commands.node", __name__])


def ready_pipe() -> tuple[Connection, Connection]:
    """Where a node writes that it is ready: the end to read, and the end for the node."""
    return _CONTEXT.Pipe(duplex=False)


class Forked:
    """A process of the program; `ready` is where it says that it is ready."""

    def __init__(
        self,
        words: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        output: Path,
        errors: Path,
        ready: Connection | None = None,
    ) -> None:
        arguments = (tuple(words), dict(environment), folder, output, errors, ready)
        self._process = _CONTEXT.Process(target=_run, args=arguments, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended: its status, or minus the signal that ended it."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same, as a question that is asked now."""
        return self._process.exitcode

    def wait(self, timeout_s: float | None = None) -> int:
        """How it ended. Errors: TimeoutExpired."""
        self._process.join(timeout_s)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("p2pnode", timeout_s or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()


def _run(
    words: tuple[str, ...],
    environment: dict[str, str],
    folder: Path,
    output: Path,
    errors: Path,
    ready: Connection | None,
) -> None:
    for number, file in ((1, output), (2, errors)):
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    flags: tuple[str, ...] = ()
    if ready is not None:
        # The program closes its descriptor itself.
        flags = ("--ready-fd", str(os.dup(ready.fileno())))
        ready.close()
    sys.argv = ["p2pnode", *words, *flags]
    cli.main()
