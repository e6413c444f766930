"""Loops of promises among machines that are apart, and come back: carried out whole, or not at all."""

from __future__ import annotations

from p2pnode.economy import loop, tables
from p2pnode.economy.loop import LoopRow
from tests.sim.scene import LABEL, NAMES, apart, log_of, motions, played, world_of
from tests.sim.world import Step

_FOUR = NAMES[:4]


def _said(at_ms: int, kind: str, *names: str, count: int = 1) -> list[Step]:
    return [[at_ms + index, "append", name, LABEL, kind, count] for index, name in enumerate(names)]


def test_w8_loops_are_settled_once_and_nobody_waits_for_the_other_half() -> None:
    """What is kept on one side of a split voids what the other has signed; the sums are judged by all."""
    steps = [
        *_said(5_000, "owe", *_FOUR, count=6),
        *motions(20_000, "alice"),
        *_said(30_000, "ring", "alice", "bob"),
        *_said(45_000, "nod", *_FOUR, count=2),
        apart(60_000, _FOUR[:1], _FOUR[1:]),
        *_said(61_000, "ring", "bob"),
        *_said(75_000, "nod", *_FOUR, count=3),
        *_said(76_000, "keep", "alice", "bob"),
        apart(95_000, _FOUR),
        *_said(110_000, "sign", *_FOUR, count=2),
        *_said(125_000, "nod", *_FOUR, count=3),
        *_said(140_000, "nod", *_FOUR, count=3),
        *_said(150_000, "nod", *_FOUR, count=3),
    ]
    world = world_of(4, steps, end_ms=170_000)
    played(world)
    rows = log_of(world, "alice").file.chain
    found = [row for _, row in tables.rows_of(rows, LoopRow, "loop")]
    assert {row.status for row in found} >= {loop.SETTLED}
    assert all(row.status != loop.SETTLED or row.signers == row.parties for row in found)
