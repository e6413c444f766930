"""Joining and asking over streams in memory: what arrives, and what is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from p2pnode.core import codec
from p2pnode.core.errors import NodeError, PeerError, Unreachable, UsageError
from p2pnode.core.limits import ANNEX_SALT_BYTES
from protocols import join, query
from protocols.framing import FrameStream
from protocols.port import JoinAnswer, JoinRequest, WireEntry
from tests.shell.protocols.nodes import MemoryNode, MemoryStream, stream_pair
from tests.unit.replication.shelf import GROUP, key_of

ENTRY = WireEntry(b"header", bytes(64), b"payload")
REQUEST = JoinRequest(GROUP, (ENTRY, ENTRY), (bytes(ANNEX_SALT_BYTES) + b"name",))
TIMEOUT_S = 60


async def _with_alice(
    protocol: Any, act: Callable[[MemoryStream], Any], prepare: Callable[[MemoryNode], None] = lambda _: None
) -> tuple[Any, MemoryNode]:
    """Let a newcomer act on a stream that Alice serves; what came of it, and Alice."""
    with trio.fail_after(TIMEOUT_S):
        async with trio.open_nursery() as nursery:
            alice = MemoryNode("alice", {}, nursery)
            prepare(alice)
            mine, theirs = stream_pair(key_of("newcomer").public, alice.own_key)
            nursery.start_soon(partial(protocol.serve, theirs, port=alice))
            return await act(mine), alice
    raise AssertionError


async def test_a_request_arrives_and_its_answer_comes_back() -> None:
    entries = tuple(WireEntry(b"h%d" % i, bytes(64), bytes(1000)) for i in range(700))
    answer = JoinAnswer("member", founding=ENTRY, entries=entries)

    def prepare(alice: MemoryNode) -> None:
        alice.join_answer = answer

    got, alice = await _with_alice(join, lambda stream: join.ask(stream, REQUEST), prepare)
    assert got == answer
    assert alice.admitted == [REQUEST]
    assert alice.penalties == []


async def test_a_refusal_says_why_and_gives_nothing() -> None:
    got, _ = await _with_alice(join, lambda stream: join.ask(stream, REQUEST))
    assert got == JoinAnswer("refused", "invite.unknown", "no such invitation")


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ([2, GROUP, [], []], "join.bad_request"),
        ([True, GROUP, [list(ENTRY)], []], "join.bad_request"),
        ([1, b"short", [list(ENTRY)], []], "join.bad_request"),
        ([1, GROUP, [], []], "join.bad_request"),
        ([1, GROUP, [list(ENTRY)] * 65, []], "join.bad_request"),
        ([1, GROUP, [list(ENTRY)], [b"no salt"]], "join.bad_request"),
        ([1, GROUP, [[b"h", bytes(63), b""]], []], "join.bad_entry"),
        ([1, GROUP, [[b"h", bytes(64)]], []], "join.bad_entry"),
        ([1, GROUP, [[bytes(1025), bytes(64), b""]], []], "join.bad_entry"),
    ],
)
async def test_what_no_newcomer_sends_is_refused(value: Any, rule: str) -> None:
    async def act(stream: MemoryStream) -> None:
        frames = FrameStream(stream, 1 << 20)
        await frames.write(codec.encode(value))
        with pytest.raises(Unreachable):
            await frames.read()

    _, alice = await _with_alice(join, act)
    assert [penalty for _, penalty in alice.penalties] == [rule]
    assert alice.admitted == []


async def _answered(asking: Callable[[MemoryStream], Any], *frames: bytes) -> Any:
    """What a newcomer makes of frames that somebody answers with, whatever was asked."""
    mine, theirs = stream_pair(key_of("newcomer").public, key_of("mallory").public)
    writer = FrameStream(theirs, 1 << 20)
    for frame in frames:
        await writer.write(frame)
    await theirs.close()
    with trio.fail_after(TIMEOUT_S):
        return await asking(mine)


@pytest.mark.parametrize(
    "frames",
    [
        [[1, "welcome", "", "", None, 0]],
        [[1, "member", "", "", None, 0]],
        [[1, "refused", "", "", list(ENTRY), 0]],
        [[1, "refused", "", "", None, 3]],
        [[1, "member", "", "", list(ENTRY), 10_001]],
        [[1, "refused", "x" * 65, "", None, 0]],
        [[1, "member", "", "", list(ENTRY), 1], []],
        [[1, "member", "", "", list(ENTRY), 1], [list(ENTRY)] * 2],
    ],
)
async def test_what_no_inviter_answers_blames_it(frames: list[Any]) -> None:
    with pytest.raises(PeerError) as caught:
        await _answered(lambda stream: join.ask(stream, REQUEST), *map(codec.encode, frames))
    assert caught.value.rule == "join.bad_answer"


async def test_an_answer_that_is_cut_off_blames_nobody() -> None:
    first = codec.encode([1, "member", "", "", list(ENTRY), 2])
    with pytest.raises(Unreachable):
        await _answered(lambda stream: join.ask(stream, REQUEST), first, codec.encode([list(ENTRY)]))


@pytest.mark.parametrize("protocol", [join, query])
async def test_who_asks_nothing_is_let_go(protocol: Any, autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        alice = MemoryNode("alice", {}, nursery)
        mine, theirs = stream_pair(key_of("newcomer").public, alice.own_key)
        await protocol.serve(theirs, port=alice)
        assert alice.penalties == []
        with pytest.raises(NodeError):
            await FrameStream(mine, 1000).read()


async def test_a_question_is_answered() -> None:
    got, alice = await _with_alice(query, lambda stream: query.ask(stream, ["members", GROUP]))
    assert got == {"question": ["members", GROUP]}
    assert alice.penalties == []


async def test_a_question_without_answer_says_what_to_do() -> None:
    async def act(stream: MemoryStream) -> None:
        with pytest.raises(UsageError) as caught:
            await query.ask(stream, ["nothing"])
        assert (caught.value.rule, caught.value.remedy) == ("query.unknown", "ask another")

    _, alice = await _with_alice(query, act)
    assert alice.penalties == []


async def test_an_answer_that_is_too_large_is_declined() -> None:
    def prepare(alice: MemoryNode) -> None:
        alice.answer_to = lambda question: bytes(query.ANSWER_BYTES_MAX)

    async def act(stream: MemoryStream) -> None:
        with pytest.raises(UsageError) as caught:
            await query.ask(stream, ["everything"])
        assert caught.value.rule == "query.too_large"

    await _with_alice(query, act, prepare)


@pytest.mark.parametrize("value", [{}, [], [1], "members", [["members"]]])
async def test_what_is_no_question_is_refused(value: Any) -> None:
    async def act(stream: MemoryStream) -> None:
        frames = FrameStream(stream, 1 << 20)
        await frames.write(codec.encode(value))
        with pytest.raises(Unreachable):
            await frames.read()

    _, alice = await _with_alice(query, act)
    assert [rule for _, rule in alice.penalties] == ["query.bad_question"]


@pytest.mark.parametrize("value", [[0], [2, 1], [1, "rule"], [1, "r", "m", "x" * 501], [True, 1], {}])
async def test_what_is_no_answer_blames_whoever_gave_it(value: Any) -> None:
    with pytest.raises(PeerError) as caught:
        await _answered(lambda stream: query.ask(stream, ["members", GROUP]), codec.encode(value))
    assert caught.value.rule == "query.bad_answer"
