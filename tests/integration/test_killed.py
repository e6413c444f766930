"""Nodes that are killed at any moment while their users write: what was acknowledged stays, nobody forks."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

import pytest

from p2pnode.core.errors import NodeError, UsageError
from p2pnode.serving import GroupReader
from tests.integration.conftest import Make
from tests.integration.nodes import Running, converge, eventually, form_group

_KILLS = 50
_STARTS_KILLED = 0.5
"""Which part of the starts is killed half-way."""

_START_S = 1.0
_PAUSE_S = 0.4
_DECIDED_S = 400
"""A view that the kills left split is given up after four times delta: minutes, in a circle."""

_WRITE_PAUSE_S = 0.03
"""Leaves the machine to the nodes: what counts is how often they die, not how much is written."""


class _Writer(threading.Thread):
    """A user of one node, who writes all the time and remembers what was acknowledged."""

    def __init__(self, node: Running, group: str, stopping: threading.Event) -> None:
        super().__init__(name=f"writer of {node.name}", daemon=True)
        self.node = node
        self.acknowledged: list[str] = []
        self.refusals: list[str] = []
        self._group = group
        self._stopping = stopping

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                note = f"note {len(self.acknowledged)}" if len(self.acknowledged) % 5 == 0 else ""
                self.acknowledged.append(self.node.contribute(self._group, "pruning", note))
            except UsageError as error:
                self.refusals.append(f"{error.rule}: {error.message}")
                return
            except NodeError:
                pass  # killed, starting, or gone in the middle of the answer: not acknowledged
            self._stopping.wait(_WRITE_PAUSE_S)


def _kill_often(nodes: list[Running], writers: list[_Writer], dice: random.Random) -> None:
    kills = 0
    while kills < _KILLS:
        node = dice.choice(nodes)
        time.sleep(dice.uniform(0, _PAUSE_S))
        assert node.is_running, f"{node.name} stopped by itself:\n{node.log_tail()}"
        node.kill()
        kills += 1
        if dice.random() < _STARTS_KILLED:
            node.launch()
            time.sleep(dice.uniform(0, _START_S))
            node.kill()
            kills += 1
        node.start()
        for writer in writers:
            assert not writer.refusals, f"{writer.name}: {writer.refusals}\n{node.log_tail()}"


def _stored(node: Running, group: str) -> int:
    """How many entries stand in the file of a group; none ever goes in so short a life."""
    reader = GroupReader(bytes.fromhex(group), str(node.home.group_db(bytes.fromhex(group))))
    with reader.reading() as queries:
        count = sum(lane.seq + 1 for lane in queries.lanes())
    reader.close()
    return count


def _checked_in_a_pause(node: Running, group: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a node lists and what it finds when it checks all, with nothing written in between.

    Nodes that hold the same may still be voting on the last block.
    """

    def look() -> tuple[dict[str, Any], dict[str, Any]] | None:
        before = _stored(node, group)
        seen = node.entries(group), node.verify()
        return seen if _stored(node, group) == before else None

    seen: tuple[dict[str, Any], dict[str, Any]] = eventually("nobody writes", look)
    return seen


@pytest.mark.parametrize("seed", [1])
def test_fifty_kills_lose_nothing_and_fork_nobody(make: Make, seed: int) -> None:
    nodes = [make(name).start() for name in ("alice", "bob", "carol")]
    group = form_group(nodes)
    converge(nodes, group)
    stopping = threading.Event()
    writers = [_Writer(node, group, stopping) for node in nodes]
    try:
        for writer in writers:
            writer.start()
        _kill_often(nodes, writers, random.Random(seed))
    finally:
        stopping.set()
        for writer in writers:
            writer.join()
    assert not [refusal for writer in writers for refusal in writer.refusals]
    converge(nodes, group, within_s=_DECIDED_S)

    acknowledged = {entry for writer in writers for entry in writer.acknowledged}
    assert all(writer.acknowledged for writer in writers)
    for node in nodes:
        held, verification = _checked_in_a_pause(node, group)
        assert acknowledged <= set(held)
        assert not [row for row in held.values() if row["state"] == "void"]
        assert node.group(group)["forks"] == 0
        assert node.status()["notices"] == []
        assert verification["damage"] == []
        assert verification["entries"] == len(held)
