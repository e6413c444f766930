"""What a person is told to type exists; and a command loads no more than it needs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from cli import COMMANDS, program
from p2pnode.service.rules import RULES

_PROSE = frozenset({"and", "does", "itself", "key", "on", "shows", "tells", "lists", "to", "needs", "has"})
"""Words that follow the program's name, or a command's, in a sentence."""


def _texts(checkout: Path) -> Iterator[str]:
    files = [checkout / "cli.py", *sorted((checkout / "p2pnode").rglob("*.py"))]
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def _named(text: str) -> Iterator[tuple[str, str]]:
    """The commands in a text: the first word, and the second where it may be one of a group's."""
    for match in re.finditer(r"\bp2pnode ((?:--\w+ [A-Z]+ )*)([a-z][a-z-]*)(?: ([a-z][a-z-]+))?", text):
        if match[2] not in _PROSE:
            yield match[2], "" if match[3] in _PROSE else match[3] or ""


def test_every_command_that_a_text_names_exists(checkout: Path) -> None:
    commands = typer.main.get_command(program(COMMANDS)).commands  # type: ignore[attr-defined]
    named = {one for text in _texts(checkout) for one in _named(text)}
    assert ("mandate", "list") in named
    for first, second in sorted(named):
        assert first in commands, f"p2pnode {first}"
        parts = getattr(commands[first], "commands", None)
        assert parts is None or not second or second in parts, f"p2pnode {first} {second}"


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_remedy_leaves_nothing_out(rule: str) -> None:
    _, remedy = RULES[rule]
    # `why` alone explains nothing, and a vote is on something.
    assert not re.search(r"p2pnode (why|vote|delegate|join)(?![ \w-])", remedy)


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (("version",), "p2pnode.governance p2pnode.commands.deciding p2pnode.commands.devices"),
        (("proof", "verify", "nothing"), "http.client p2pnode.commands.proposing p2pnode.store p2pnode.net"),
        (
            ("decisions", "check", "nothing"),
            "http.client p2pnode.commands.proposing p2pnode.store p2pnode.net",
        ),
        (("status",), "p2pnode.governance p2pnode.consensus p2pnode.commands.deciding"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_command_loads_no_more_than_it_needs(
    words: tuple[str, ...], absent: str, checkout: Path, tmp_path: Path
) -> None:
    run = "import sys, cli\ntry: cli.main()\nexcept SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", run, *words, "--home", str(tmp_path / "none")],
        capture_output=True,
        text=True,
        cwd=checkout,
        check=True,
    )
    assert not set(absent.split()) & set(done.stderr.splitlines()[-1].split())
