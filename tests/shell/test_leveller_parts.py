"""Parts of a state are fetched at the same time and from several members, also when one of them lies."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from p2pnode.chain import levelling
from p2pnode.core.errors import Unreachable
from p2pnode.leveller import Pace
from p2pnode.replication.level import CHUNKS_MAX, ChunkWanted, wanted_of
from tests.shell.test_leveller import Answer, Neighbourhood, Served, answers
from tests.unit.node.council import Council
from tests.unit.node.test_levelling import small_chunk

ANSWER_S = 0.1
AWAY_S = 20


class Slow(Served):
    """A peer that takes a moment for each part of a state, and the most that it was asked for together."""

    def __init__(self, answer: Answer, parts: list[int]) -> None:
        super().__init__(answer)
        self._parts = parts
        """How many parts all peers are asked for now, and the most that there were."""

    async def answer(self, peer: bytes, keys: frozenset[bytes], question: Any) -> Any:
        if question[0] == "chunk":
            self._parts[0] += 1
            self._parts[1] = max(self._parts)
            await trio.sleep(ANSWER_S)
            self._parts[0] -= 1
        return await super().answer(peer, keys, question)


def in_parts(council: Council, name: str, question: Any) -> Any:
    """An honest answer, with few rows in a part of a state."""
    wanted = wanted_of(question)
    if isinstance(wanted, ChunkWanted):
        return small_chunk(council[name], council.group, wanted)
    return answers(council[name], council.group, question)


@pytest.fixture
def council(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Council:
    """Three who vote; carol was away while the others decided something."""
    monkeypatch.setattr(levelling, "BEHIND_BLOCKS_MIN", 3)
    made = Council(tmp_path, ("alice", "bob", "carol"), checkpoint_entries=1)
    for number in range(3):
        made["alice"].write(made.group, str(number), made.now_ms)
        made.meet("alice", "bob")
    return made


async def _levelled(council: Council, alice: Answer) -> tuple[Neighbourhood, dict[str, Slow], int]:
    """Carol gets level; how many parts were on their way together at the most."""
    parts = [0, 0]
    served = {"alice": Slow(alice, parts), "bob": Slow(partial(in_parts, council, "bob"), parts)}
    peers = {council[name].key: one for name, one in served.items()}
    async with trio.open_nursery() as nursery:
        around = Neighbourhood(council["carol"], council.group, peers, nursery)
        await around.level()
        nursery.cancel_scope.cancel()
    assert council.state_root("carol") == council.state_root("bob")
    rows = [dict(council[name].node.logs[council.group].file.chain.scan(b"")) for name in ("bob", "carol")]
    assert rows[0] == rows[1]
    return around, served, parts[1]


async def test_parts_are_asked_for_together_and_from_all(council: Council, autojump_clock: Any) -> None:
    around, served, together = await _levelled(council, partial(in_parts, council, "alice"))
    assert together == CHUNKS_MAX
    asked = [one.asked.count("chunk") for one in served.values()]
    assert min(asked) > 3
    assert around.penalties == []


async def test_a_part_that_is_a_lie_is_asked_for_elsewhere(council: Council, autojump_clock: Any) -> None:
    asked: list[Any] = []

    def lying(question: Any) -> Any:
        answer = in_parts(council, "alice", question)
        if question[0] == "chunk":
            asked.append(question[3])
            return {"chunk": answer["chunk"][:-1] + b"\xff"}
        return answer

    around, served, _ = await _levelled(council, lying)
    assert asked, "she was asked for a part"
    assert {key for key, _ in around.penalties} == {council["alice"].key}
    assert served["bob"].asked.count("chunk") > 3


class Leaving(Neighbourhood):
    """Everybody goes away in the middle of a state, and comes back after a while."""

    is_away = False

    def connected(self) -> list[bytes]:
        return [] if self.is_away else super().connected()

    async def open_stream(self, peer: bytes, protocol: str) -> Any:
        if self.is_away:
            raise Unreachable("no line")
        return await super().open_stream(peer, protocol)

    async def leave(self) -> None:
        self.is_away = True
        await trio.sleep(AWAY_S)
        self.is_away = False


async def test_what_came_is_kept_while_the_only_peer_is_away(council: Council, autojump_clock: Any) -> None:
    parts: list[Any] = []

    def leaving(question: Any) -> Any:
        if question[0] == "chunk":
            parts.append(tuple(question[3:]))
            if len(parts) == 8:
                nursery.start_soon(around.leave)
                around.is_away = True
            if around.is_away:
                raise Unreachable("no line")
        return in_parts(council, "bob", question)

    async with trio.open_nursery() as nursery:
        peers = {council["bob"].key: Served(leaving)}
        around = Leaving(council["carol"], council.group, peers, nursery)
        await around.level()
        nursery.cancel_scope.cancel()
    assert council.state_root("carol") == council.state_root("bob")
    assert len(parts) > 8
    assert parts.count((None, None)) == 1, "the state was not begun again"


def test_a_slow_line_is_asked_for_one_part_at_a_time() -> None:
    pace = Pace(8)
    for taken_s, at_once in (
        (0.1, 2),
        (0.1, 4),
        (3, 4),
        (0.1, 8),
        (0.1, 8),
        (9, 4),
        (None, 2),
        (9, 1),
        (9, 1),
    ):
        pace.note(taken_s)
        assert pace.at_once == at_once
