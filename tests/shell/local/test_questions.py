"""What a command asks a person at a terminal, and what it does with the answers."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

from p2pnode.home import Home

from .conftest import RecordingService


def converse(checkout: Path, home: Home, words: list[str], answers: list[tuple[str, str]]) -> tuple[int, str]:
    """The exit status and the screen of a command whose questions are answered as they appear.

    A hidden question is complete with the space behind it: what is typed before that is thrown away.
    """
    here, there = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("P2PNODE_")}
    command = subprocess.Popen(
        [sys.executable, str(checkout / "cli.py"), *words],
        stdin=there,
        stdout=there,
        stderr=there,
        start_new_session=True,
        env={**kept, "P2PNODE_HOME": str(home.path), "TERM": "dumb"},
    )
    os.close(there)
    screen = ""
    seen = 0
    try:
        while select.select([here], [], [], 30)[0] and (chunk := os.read(here, 4096)):
            screen += chunk.decode()
            while answers and answers[0][0] in screen[seen:]:
                question, answer = answers.pop(0)
                seen = screen.index(question, seen) + len(question)
                os.write(here, f"{answer}\n".encode())
    except OSError:
        pass  # how Linux says that the other side has closed the terminal
    finally:
        os.close(here)
        # Without its terminal a command that still waits gets an end of input.
        status = command.wait(30)
    return status, screen


def test_init_offers_a_passphrase_and_asks_until_it_is_typed_twice_alike(checkout: Path, home: Home) -> None:
    answers = [
        ("(Enter for none): ", "one"),
        ("again: ", "two"),
        ("(Enter for none): ", "three"),
        ("again: ", "three"),
    ]
    status, screen = converse(checkout, home, ["init"], answers)
    assert (status, answers) == (0, [])
    assert "The two differ" in screen
    assert "sealed_seed" in home.key.read_text()
    assert "three" not in screen


def test_init_takes_no_passphrase_for_an_answer(checkout: Path, home: Home) -> None:
    status, screen = converse(checkout, home, ["init"], [("(Enter for none): ", "")])
    assert status == 0
    assert "recovery phrase" in screen
    assert "sealed_seed" not in home.key.read_text()


def test_leaving_is_asked_and_may_be_refused(checkout: Path, home: Home, node: RecordingService) -> None:
    status, _ = converse(checkout, home, ["leave", "orchard", "--delete"], [("delete its data", "n")])
    assert (status, node.asked) == (1, [])
    node.answers["leave_group"] = {
        "group": "x",
        "name": "o",
        "entry": None,
        "told_peers": 0,
        "deleted_bytes": 1,
    }
    status, _ = converse(checkout, home, ["leave", "orchard"], [("Leave orchard?", "y")])
    assert (status, node.asked) == (0, [("leave_group", ("orchard", False))])
