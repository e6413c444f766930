"""A group of two whose second voter lost the device, with real processes (J20)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from p2pnode.consensus.recovered import is_recovered
from tests.integration.conftest import Make
from tests.integration.deciding import QUICK, found_together, votes_by_voter, waiting
from tests.integration.nodes import ROOT, SOON_S, Running, environment, eventually


def with_input(node: Running, words: str, *command: str) -> str:
    """What a command prints that reads from standard input."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), "--home", str(node.path), *command],
        env=environment(node.folder),
        cwd=node.folder,
        input=words,
        capture_output=True,
        text=True,
        timeout=SOON_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def agrees(node: Running, group: str) -> None:
    """Agree to decide in a second convocation, where that is asked."""
    node.command("group", "convene", group, "--yes")


def test_a_group_of_two_goes_on_with_the_recovery_phrase_of_one(make: Make, tmp_path: Path) -> None:
    alice, bob = make("alice"), make("bob")
    phrase = json.loads(with_input(bob, "", "init", "--json"))["recovery_phrase"]
    alice.start()
    bob.start()
    group = found_together([alice, bob], tmp_path, QUICK)
    bob.kill()
    file = tmp_path / "back.device"
    alice.done("device", "invite", str(file), "--for", "bob", "-g", group)
    tablet = make("tablet").start()
    with_input(tablet, phrase, "recover", "from", str(file))

    def is_decided() -> bool:
        for node in (alice, tablet):
            agrees(node, group)
        return int(waiting(alice, group)["height"]) >= 1

    eventually("the two decide", is_decided, within_s=180)
    eventually("the new device follows", lambda: waiting(tablet, group)["height"] >= 1, within_s=60)
    votes = [vote for said in votes_by_voter(alice, group).values() for vote in said if vote.kind == "F"]
    assert any(vote.attempt == 1 and is_recovered(vote.signature) for vote in votes)
