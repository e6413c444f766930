"""Child processes that speak lines of JSON: each line in is a command, each line out its answer."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.homes import ROOT

_STOP_TIMEOUT_S = 30


class Child:
    """One running child."""

    def __init__(self, module: str, *arguments: object) -> None:
        self.started_ns = time.monotonic_ns()
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def tell(self, do: str, **fields: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **fields}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"a child ended with status {self._process.wait()}")
        return json.loads(line)

    def ask(self, do: str, **fields: Any) -> Any:
        self.tell(do, **fields)
        return self.answer()

    def kill(self) -> None:
        """End it as a power switch would."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Close its input, which stops it; kill it where that does not help."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
            self._process.wait(_STOP_TIMEOUT_S)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.kill()
        self._process.stdout.close()


@contextmanager
def child(module: str, *arguments: object) -> Iterator[Child]:
    """A child process for the time of a block."""
    one = Child(module, *arguments)
    try:
        yield one
    finally:
        one.end()


def usage() -> dict[str, Any]:
    """What this process has used so far. Units: CPU seconds of all threads, bytes."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu_s": used.ru_utime + used.ru_stime, **memory_of(os.getpid()), "ns": time.monotonic_ns()}


def memory_of(process: int) -> dict[str, int]:
    """Resident memory of a process now and at its peak."""
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines() if ":" in line
    )
    return {
        name: int(fields[field].split()[0]) * 1024 for name, field in (("rss", "VmRSS"), ("peak", "VmHWM"))
    }


def cpu_s_of(process: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def commands() -> Iterator[dict[str, Any]]:
    """The commands that this child is told, until its input ends."""
    for line in sys.stdin:
        yield json.loads(line)


def reply(answer: Any) -> None:
    print(json.dumps(answer), flush=True)
