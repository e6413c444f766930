"""`/p2pnode/proof/1` over streams in memory: what arrives, and what is refused by name (J41)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio

from p2pnode.consensus.proof import encode_proof
from p2pnode.core import codec
from p2pnode.core.errors import FormatError, PeerError, Unreachable, UsageError
from p2pnode.service.proof_fetching import proven_by
from protocols import proof
from protocols.framing import FrameStream
from protocols.port import EntryProofAsked, FinalProofAsked, ProofAsked, RowProofAsked
from tests.shell.protocols.nodes import MemoryNode, MemoryStream, stream_pair
from tests.unit.replication.shelf import GROUP, key_of
from tests.vectors.cases import decided_group
from tests.vectors.cases.decided_group import FOUNDING, FULL, PLAIN

ENTRY = EntryProofAsked(GROUP, b"e" * 32)
TIMEOUT_S = 60


async def _with_alice(act: Callable[[MemoryStream], Any], data: bytes = b"") -> tuple[Any, MemoryNode]:
    """Let a stranger act on a stream that Alice serves; what came of it, and Alice."""
    with trio.fail_after(TIMEOUT_S):
        async with trio.open_nursery() as nursery:
            alice = MemoryNode("alice", {}, nursery)
            alice.proof = data
            mine, theirs = stream_pair(key_of("stranger").public, alice.own_key)
            nursery.start_soon(partial(proof.serve, theirs, port=alice))
            return await act(mine), alice
    raise AssertionError


@pytest.mark.parametrize("size", [1, proof.PART_BYTES, 3 * proof.PART_BYTES + 7])
async def test_j41_a_proof_arrives_in_parts(size: int) -> None:
    data = bytes(index % 251 for index in range(size))
    got, alice = await _with_alice(lambda stream: proof.ask(stream, ENTRY), data)
    assert got == data
    assert alice.proofs_asked == [(key_of("stranger").public, ENTRY)]
    assert alice.penalties == []


async def test_j41_a_refusal_says_why_and_what_to_do() -> None:
    async def act(stream: MemoryStream) -> None:
        with pytest.raises(UsageError) as caught:
            await proof.ask(stream, ENTRY)
        assert (caught.value.rule, caught.value.remedy) == ("proof.unknown_entry", "ask another")

    _, alice = await _with_alice(act)
    assert alice.penalties == []


async def test_j41_who_asks_is_not_blamed_for_what_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    async def damaged(node: MemoryNode, peer: bytes, question: ProofAsked) -> bytes:
        raise FormatError("trie.bad_node", "it is damaged")

    monkeypatch.setattr(MemoryNode, "prove", damaged)

    async def act(stream: MemoryStream) -> None:
        with pytest.raises(UsageError) as caught:
            await proof.ask(stream, ENTRY)
        assert caught.value.rule == "proof.not_made"
        assert caught.value.remedy

    _, alice = await _with_alice(act)
    assert alice.penalties == []


@pytest.mark.parametrize(
    ("frame", "rule"),
    [
        (codec.encode([1, "all", GROUP, 0]), "proof.bad_question"),
        (codec.encode([1, "entry", GROUP, b"short"]), "proof.bad_question"),
        (codec.encode([1, "final", GROUP]), "proof.bad_question"),
        (b"\xc1", "codec.not_msgpack"),
        (bytes(513), "frame.too_large"),
    ],
)
async def test_j41_what_nobody_asks_is_refused_and_blamed(frame: bytes, rule: str) -> None:
    async def act(stream: MemoryStream) -> None:
        frames = FrameStream(stream, 1 << 20)
        await frames.write(frame)
        with pytest.raises(Unreachable):
            await frames.read()

    _, alice = await _with_alice(act)
    assert [penalty for _, penalty in alice.penalties] == [rule]
    assert alice.proofs_asked == []


async def _answered(*frames: bytes) -> bytes:
    """What somebody makes of frames that a peer answers with, whatever was asked."""
    mine, theirs = stream_pair(key_of("stranger").public, key_of("mallory").public)
    writer = FrameStream(theirs, 1 << 20)
    for frame in frames:
        await writer.write(frame)
    await theirs.close()
    with trio.fail_after(TIMEOUT_S):
        return await proof.ask(mine, ENTRY)


@pytest.mark.parametrize(
    ("frames", "rule"),
    [
        ([codec.encode([1, 17 << 20])], "proof.bad_answer"),
        ([codec.encode([1, 0])], "proof.bad_answer"),
        ([codec.encode([1, 4]), b"12"], "proof.bad_answer"),
        ([codec.encode([1, 4]), b"12345"], "proof.bad_answer"),
        ([codec.encode([1, 4]), b""], "proof.bad_answer"),
        ([codec.encode([1, 4]), bytes(proof.PART_BYTES + 1)], "frame.too_large"),
    ],
)
async def test_j41_what_no_peer_answers_blames_it(frames: list[bytes], rule: str) -> None:
    with pytest.raises(PeerError) as caught:
        await _answered(*frames)
    assert caught.value.rule == rule


async def test_j41_a_proof_that_is_cut_off_blames_nobody() -> None:
    with pytest.raises(Unreachable):
        await _answered(codec.encode([1, proof.PART_BYTES + 5]), bytes(proof.PART_BYTES))


# ---- what a proof has to show


_OF = bytes(FOUNDING.group)
_ASKED_OF_ALL = [
    FinalProofAsked(_OF, 0),
    EntryProofAsked(_OF, bytes(decided_group.ENTRIES[2].id)),
]


@pytest.mark.parametrize("question", _ASKED_OF_ALL)
def test_j41_a_proof_of_what_was_asked_is_believed(question: ProofAsked) -> None:
    assert proven_by(encode_proof(FULL), question).group == _OF


@pytest.mark.parametrize(
    ("data", "question", "rule"),
    [
        (encode_proof(PLAIN), EntryProofAsked(_OF, bytes(decided_group.ENTRIES[2].id)), "proof.other_answer"),
        (encode_proof(FULL), EntryProofAsked(_OF, b"e" * 32), "proof.other_answer"),
        (encode_proof(FULL), RowProofAsked(_OF, b"member\0x"), "proof.other_answer"),
        (encode_proof(PLAIN), FinalProofAsked(_OF, 99), "proof.other_answer"),
        (encode_proof(PLAIN), FinalProofAsked(b"g" * 32, 0), "proof.other_trust"),
        (encode_proof(PLAIN)[:-1], FinalProofAsked(_OF, 0), "codec.not_msgpack"),
    ],
)
def test_j41_a_proof_of_something_else_is_not(data: bytes, question: ProofAsked, rule: str) -> None:
    with pytest.raises(PeerError) as caught:
        proven_by(data, question)
    assert caught.value.rule == rule


def test_j41_a_header_that_nobody_signed_is_not_believed() -> None:
    data = encode_proof(PLAIN)
    last = PLAIN.links[-1].final.header
    altered = data.replace(last.state_root, bytes(32))
    assert altered != data
    with pytest.raises(PeerError) as caught:
        proven_by(altered, FinalProofAsked(_OF, 0))
    assert caught.value.rule.startswith("certificate.")
