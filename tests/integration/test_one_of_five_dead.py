"""Five founders with real processes, of whom one may lie: the charter's own number, so that four decide."""

from __future__ import annotations

from pathlib import Path

from tests.integration.conftest import Make
from tests.integration.deciding import QUICK, decided, found_together, is_final, propose, waiting
from tests.integration.nodes import converge, eventually


def test_four_of_five_decide_when_one_is_dead_and_three_do_not(make: Make, tmp_path: Path) -> None:
    nodes = [make(name).start() for name in ("alice", "bob", "carol", "dave", "erin")]
    group = found_together(nodes, tmp_path, QUICK)
    alice, bob, carol, dave, erin = nodes
    erin.kill()
    there = [alice, bob, carol, dave]
    decided(there, group, propose(bob, group, "text", "We do it.", "--title", "Without erin"), "four decide")
    dave.kill()
    alone = propose(alice, group, "text", "We do more.", "--title", "Without two")

    def have_three_spoken() -> bool:
        answer = waiting(carol, group)
        return answer["stage"] == "notarize" and answer["needed"] == 4 and len(answer["spoken"]) == 3

    eventually("three have spoken, and a fourth is missing", have_three_spoken)
    assert not is_final([alice], group, alone)
    dave.start()
    erin.start()
    decided(nodes, group, alone, "with the others back they decide")
    converge(nodes, group, within_s=120)
