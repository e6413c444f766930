"""The demo as a person starts it: it leaves its nodes when asked to, and else nothing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.nodes import ROOT, SOON_S, environment

_CLI = ROOT / "cli.py"
_PLAYED_S = 600.0
_DEMO = [sys.executable, str(_CLI), "demo"]


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """The environment of a person whose temporary files are in a folder of the test."""
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "p2pnode"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{_CLI}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    (tmp_path / "temporary").mkdir()
    return environment(tmp_path) | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "TMPDIR": str(tmp_path / "temporary"),
    }


def test_a_demo_leaves_its_nodes_when_asked_to_and_says_how_to_stop_them(
    surroundings: dict[str, str],
) -> None:
    temporary = Path(surroundings["TMPDIR"])
    done = subprocess.run(
        [*_DEMO, "circle", "--keep"],
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=_PLAYED_S,
        check=False,
    )
    printed = done.stdout
    assert done.returncode == 0, done.stderr
    for name in ("alice", "bob", "carol"):
        [command] = re.findall(rf"^  (p2pnode --home \S+/{name} log) ", printed, re.MULTILINE)
        assert "entry" in subprocess.check_output(command, shell=True, env=surroundings, text=True)
    [stop] = re.findall(r"^  (for home in .*)$", printed, re.MULTILINE)
    nodes = _nodes(temporary)
    assert len(nodes) == 3
    subprocess.run(stop, shell=True, env=surroundings, timeout=_PLAYED_S, check=True)
    assert list(temporary.iterdir()) == []
    _wait_until_ended(nodes)


def test_ctrl_c_ends_a_demo_with_all_its_nodes(surroundings: dict[str, str]) -> None:
    temporary = Path(surroundings["TMPDIR"])
    with subprocess.Popen(
        [*_DEMO, "tools"], env=surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stderr is not None
        # The last line before the nodes are there, and the first one when they run.
        seen = [line for line, _ in zip(demo.stderr, range(2), strict=False)]
        assert "3 nodes start" in seen[0]
        nodes = _nodes(temporary)
        assert len(nodes) == 3
        demo.send_signal(signal.SIGINT)
        _, said = demo.communicate(timeout=_PLAYED_S)
    assert demo.returncode == 130
    assert "are ended" in said
    assert list(temporary.iterdir()) == []
    _wait_until_ended(nodes)


def _nodes(temporary: Path) -> list[int]:
    """The processes of the nodes whose homes are in a folder."""
    return [int(lock.read_text()) for lock in temporary.glob("*/*/*/lock")]


def _alive(processes: list[int]) -> list[int]:
    """Those that still run; one that has ended and that nobody has asked about has no command line."""
    return [one for one in processes if (path := Path(f"/proc/{one}/cmdline")).exists() and path.read_bytes()]


def _wait_until_ended(processes: list[int]) -> None:
    """A node says that it has stopped a moment before its process ends."""
    deadline = time.monotonic() + SOON_S
    while still := _alive(processes):
        assert time.monotonic() < deadline, still
        time.sleep(0.1)
