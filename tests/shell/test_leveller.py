"""Who is asked for a snapshot: one member after the other, also when some lie, stall or have nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from p2pnode.chain import levelling
from p2pnode.core.errors import Unreachable, UsageError
from p2pnode.core.events import Penalize, Reply
from p2pnode.leveller import Leveller
from p2pnode.replication.level import ChunkWanted, wanted_of
from p2pnode.service import levels
from protocols import query
from protocols.port import Change, GroupChanged
from tests.shell.protocols.nodes import MemoryStream, stream_pair
from tests.unit.node.council import Council
from tests.unit.node.test_levelling import reading
from tests.unit.node.world import Machine

TIMEOUT_S = 60
Answer = Callable[[Any], Any]


class Served:
    """What a peer serves queries with."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.asked: list[str] = []

    async def answer(self, peer: bytes, keys: frozenset[bytes], question: Any) -> Any:
        self.asked.append(question[0])
        return self._answer(question)

    def penalize(self, peer: bytes, rule: str) -> None:
        raise AssertionError(f"an honest question is blamed: {rule}")


class Neighbourhood:
    """A machine with its port, and the peers that it can open streams to."""

    def __init__(
        self, machine: Machine, group: bytes, peers: Mapping[bytes, Served], nursery: trio.Nursery
    ) -> None:
        self.machine, self.group, self.peers, self.nursery = machine, group, peers, nursery
        self.penalties: list[tuple[bytes, str]] = []
        self.own_key = machine.key
        self._levelled = trio.Event()
        self._changes, self._seen = trio.open_memory_channel[Change](100)

    # ---- the port

    def groups(self) -> Mapping[bytes, Any]:
        return self.machine.node.logs

    def is_blocked(self, peer: bytes) -> bool:
        return any(key == peer for key, _ in self.penalties)

    def penalize(self, peer: bytes, rule: str) -> None:
        self.penalties.append((peer, rule))

    async def ask(self, event_for: Callable[[int], Any]) -> Any:
        await trio.lowlevel.checkpoint()
        effects = self.machine.handle(event_for(1))
        self.penalties += [(one.peer, one.rule) for one in effects if isinstance(one, Penalize)]
        (reply,) = [one for one in effects if isinstance(one, Reply)]
        if self.machine.node.logs[self.group].level.snapshot:
            self._levelled.set()
        return reply.value

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[trio.MemoryReceiveChannel[Change]]:
        yield self._seen

    # ---- the network

    def connected(self) -> list[bytes]:
        return list(self.peers)

    async def open_stream(self, peer: bytes, protocol: str) -> MemoryStream:
        assert protocol == query.ID
        mine, theirs = stream_pair(self.own_key, peer)
        self.nursery.start_soon(partial(query.serve, theirs, port=self.peers[peer]))  # type: ignore[arg-type]
        return mine

    # ---- what happens

    async def level(self) -> None:
        """Let the leveller run until the state of a snapshot is here."""
        leveller = Leveller(self, self, self.open_stream)  # type: ignore[arg-type]
        self._changes.send_nowait(GroupChanged(self.group))
        with trio.fail_after(TIMEOUT_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(leveller.run)
                await self._levelled.wait()
                nursery.cancel_scope.cancel()


def answers(machine: Machine, group: bytes, question: Any) -> Any:
    wanted = wanted_of(question)
    assert wanted is not None
    with reading(machine, group) as queries:
        return levels.answer_to(queries, wanted)


@pytest.fixture
def council(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Council:
    """Three who vote; carol was away while the others decided something."""
    monkeypatch.setattr(levelling, "BEHIND_BLOCKS_MIN", 3)
    made = Council(tmp_path, ("alice", "bob", "carol"), checkpoint_entries=1)
    for number in range(3):
        made["alice"].write(made.group, str(number), made.now_ms)
        made.meet("alice", "bob")
    return made


async def _levelled(council: Council, alice: Answer) -> tuple[Neighbourhood, Served, Served]:
    """Carol gets level among an honest bob and an alice who answers as the test wants."""
    group = council.group
    one, other = Served(alice), Served(partial(answers, council["bob"], group))
    peers = {council["alice"].key: one, council["bob"].key: other}
    async with trio.open_nursery() as nursery:
        around = Neighbourhood(council["carol"], group, peers, nursery)
        await around.level()
        nursery.cancel_scope.cancel()
    assert council.state_root("carol") == council.state_root("bob")
    return around, one, other


async def test_several_members_are_asked_for_the_newest_block(council: Council, autojump_clock: Any) -> None:
    around, alice, bob = await _levelled(council, partial(answers, council["alice"], council.group))
    assert alice.asked[0] == bob.asked[0] == "final"
    assert len(alice.asked) + len(bob.asked) >= 4
    assert around.penalties == []


async def test_who_lies_is_blamed_and_the_next_one_asked(council: Council, autojump_clock: Any) -> None:
    def lying(question: Any) -> Any:
        answer = answers(council["alice"], council.group, question)
        if isinstance(wanted_of(question), ChunkWanted):
            return {"chunk": answer["chunk"][:-1] + b"\xff"}
        return answer

    around, _, bob = await _levelled(council, lying)
    assert "chunk" in bob.asked
    assert {key for key, _ in around.penalties} <= {council["alice"].key}


async def test_who_answers_with_another_shape_is_blamed(council: Council, autojump_clock: Any) -> None:
    around, alice, _ = await _levelled(council, lambda question: "no map")
    assert alice.asked == ["final"], "nobody asks again who is kept out"
    assert around.penalties == [(council["alice"].key, "level.bad_answer")]


@pytest.mark.parametrize("error", [UsageError("query.unknown", "nothing here"), Unreachable("no line")])
async def test_who_has_nothing_is_not_blamed(council: Council, error: Exception, autojump_clock: Any) -> None:
    def failing(question: Any) -> Any:
        raise error

    around, _, bob = await _levelled(council, failing)
    assert around.penalties == []
    assert bob.asked.count("chunk") == 1


async def test_who_closes_its_lanes_is_asked_again_how_far_the_group_is(council: Council) -> None:
    """Bob is level; nobody else would ever be asked again on the same connection (J23)."""
    alice = Served(partial(answers, council["alice"], council.group))
    async with trio.open_nursery() as nursery:
        around = Neighbourhood(council["bob"], council.group, {council["alice"].key: alice}, nursery)
        leveller = Leveller(around, around, around.open_stream)  # type: ignore[arg-type]
        nursery.start_soon(leveller.run)
        await wait_all_tasks_blocked()
        leveller.peer_came()
        await wait_all_tasks_blocked()
        assert alice.asked == ["final"]
        leveller.lanes_closed(council["alice"].key, council.group)
        await wait_all_tasks_blocked()
        assert alice.asked == ["final", "final"]
        nursery.cancel_scope.cancel()
