"""Runs the transcripts in this folder against real nodes (README.md says how to read and write them)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

FOLDER = Path(__file__).parent
TRANSCRIPTS = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
PATIENCE_S = 300
_REST_S_MAX = 2
_BLOCK = re.compile(r"^```console( eventually)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_READY = "Stop with Ctrl-C or `p2pnode down`."


class Step(NamedTuple):
    """One command with the output that it should have."""

    line: int
    command: str
    expected: list[str]
    is_eventual: bool


def steps_of(text: str) -> list[Step]:
    steps: list[Step] = []
    for block in _BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(2)) + 1
        for offset, row in enumerate(block[2].splitlines()):
            if row.startswith("$ "):
                steps.append(Step(line + offset, row[2:], [], block[1] is not None))
            else:
                steps[-1].expected.append(row)
    return steps


def fits(expected: list[str], printed: list[str]) -> bool:
    """Whether the printed lines are those expected, with `...` and `[..]` standing for anything."""
    if not expected:
        return not printed
    if expected[0] == "...":
        return any(fits(expected[1:], printed[skipped:]) for skipped in range(len(printed) + 1))
    if not printed:
        return False
    pattern = ".*".join(re.escape(part) for part in expected[0].split("[..]"))
    return re.fullmatch(pattern, printed[0]) is not None and fits(expected[1:], printed[1:])


class Terminal:
    """A folder, an environment, and the nodes that were started in it."""

    def __init__(self, folder: Path, checkout: Path) -> None:
        self.folder = folder
        self._nodes: list[subprocess.Popen[bytes]] = []
        programs = folder / ".programs"
        programs.mkdir()
        program = programs / "p2pnode"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{checkout / "cli.py"}" "$@"\n')
        program.chmod(0o755)
        self._environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder / "data"),
            "TZ": "UTC",
            "LANG": "C.UTF-8",
            "P2PNODE_LISTEN": "/ip4/127.0.0.1/tcp/0",
            "CHECKOUT": str(checkout),
            "GIT_CONFIG_GLOBAL": os.devnull,
        }

    def run(self, command: str) -> list[str]:
        """What the command printed, with its exit status as the last line when that is not 0."""
        if command.endswith(" &"):
            return self._start(command.removesuffix(" &"))
        done = subprocess.run(
            ["sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env=self._environment,
            timeout=PATIENCE_S,
            check=False,
        )
        lines = done.stdout.decode("utf-8").splitlines()
        return lines if done.returncode == 0 else [*lines, f"[exit status {done.returncode}]"]

    def _start(self, command: str) -> list[str]:
        log = self.folder / f".log-{len(self._nodes)}"
        with log.open("wb") as errors:
            node = subprocess.Popen(
                ["sh", "-c", f"exec {command}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=self.folder,
                env=self._environment,
            )
        self._nodes.append(node)
        assert node.stdout is not None
        lines: list[str] = []
        for raw in node.stdout:
            lines.append(raw.decode("utf-8").rstrip("\n"))
            if lines[-1] == _READY:
                return lines
        return [*lines, *log.read_text("utf-8").splitlines(), f"[exit status {node.wait()}]"]

    def close(self) -> None:
        for node in self._nodes:
            node.terminate()
        for node in self._nodes:
            try:
                node.wait(PATIENCE_S)
            finally:
                node.kill()
                if node.stdout is not None:
                    node.stdout.close()


@pytest.fixture
def terminal(tmp_path: Path, checkout: Path) -> Iterator[Terminal]:
    opened = Terminal(tmp_path, checkout)
    yield opened
    opened.close()


@pytest.mark.process
@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(terminal: Terminal, path: Path) -> None:
    steps = steps_of(path.read_text("utf-8"))
    assert steps
    for step in steps:
        began = time.monotonic()
        printed = terminal.run(step.command)
        deadline = began + PATIENCE_S
        while step.is_eventual and not fits(step.expected, printed) and time.monotonic() < deadline:
            # As long as the look itself: the nodes need the machine for what is waited for.
            time.sleep(min(time.monotonic() - began, _REST_S_MAX))
            began = time.monotonic()
            printed = terminal.run(step.command)
        if not fits(step.expected, printed):
            expected, shown = "\n".join(step.expected), "\n".join(printed)
            pytest.fail(
                f"{path.name}:{step.line}: $ {step.command}\n--- expected\n{expected}\n--- printed\n{shown}"
            )


def test_a_difference_is_noticed() -> None:
    assert fits(["a", "...", "b[..]d"], ["a", "x", "y", "bcd"])
    assert fits(["..."], [])
    assert not fits(["a"], ["a", "b"])
    assert not fits(["a", "b"], ["a"])
    assert not fits(["a[..]c"], ["abd"])
    assert not fits([], ["a"])
    assert not fits(["a.c"], ["abc"])


def test_steps_are_read_with_their_lines() -> None:
    text = "text\n```console\n$ one\nout\n$ two\n```\n```console eventually\n$ three\n```\n```sh\n$ no\n```\n"
    assert steps_of(text) == [
        Step(3, "one", ["out"], False),
        Step(5, "two", [], False),
        Step(8, "three", [], True),
    ]
