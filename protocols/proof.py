"""`/p2pnode/proof/1`: headers and certificates of final blocks, and proofs under them, for who may have them.

One question and one answer on a stream. An answer is the file of a proof, which is verified with nothing but
itself; it may be long, so it comes in parts. Who may have what is decided behind the port: what a proof shows
may lie in a lane that the asker does not read.

Source: J23, J41, protocols/README.md.
"""

from __future__ import annotations

import logging

import trio

from p2pnode.consensus.proof import PROOF_BYTES_MAX
from p2pnode.consensus.rows import KEY_BYTES_MAX
from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES
from p2pnode.core.errors import FormatError, NodeError, PeerError, Unreachable, UsageError
from p2pnode.core.fields import is_plain_text, is_rule_id
from p2pnode.core.limits import COUNTER_MAX
from protocols.framing import FrameStream
from protocols.port import EntryProofAsked, FinalProofAsked, NodePort, ProofAsked, RowProofAsked
from protocols.stream import ByteStream

ID = "/p2pnode/proof/1"
VERSION = 1
TIMEOUT_S = 30
QUESTION_BYTES_MAX = 512
PART_BYTES = 256 * 1024
_TEXT_CHARACTERS_MAX = 500

_log = logging.getLogger("p2pnode.proof")


async def serve(stream: ByteStream, *, port: NodePort) -> None:
    """Answer one question; errors end here."""
    frames = FrameStream(stream, QUESTION_BYTES_MAX)
    try:
        with trio.fail_after(TIMEOUT_S):
            frame = await frames.read()
            if frame is None:
                return
            for part in await _answer(port, stream.peer_key, decode_question(frame)):
                await frames.write(part)
        await stream.close()
    except (FormatError, PeerError) as error:
        port.penalize(stream.peer_key, error.rule)
        await stream.reset()
    except (NodeError, trio.TooSlowError) as error:
        _log.debug("proof.ended peer=%s reason=%s", stream.peer_key.hex()[:8], error)
        await stream.reset()


async def _answer(port: NodePort, peer: bytes, question: ProofAsked) -> list[bytes]:
    try:
        # The channel has proven the peer's own key; other device keys are not asked for here.
        data = await port.prove(peer, question)
    except FormatError as error:
        # What is kept here is damaged, or too much for one proof: no fault of who asks.
        _log.warning("proof.not_made rule=%s reason=%s", error.rule, error.detail)
        texts = ("proof.not_made", "this node cannot make that proof", "ask another member")
        return [codec.encode([VERSION, *texts])]
    except UsageError as error:
        texts = (error.rule, error.message, error.remedy)
        return [codec.encode([VERSION, *(text[:_TEXT_CHARACTERS_MAX] for text in texts)])]
    return encode_answer(data)


async def ask(stream: ByteStream, question: ProofAsked) -> bytes:
    """The proof that answers a question; nothing of it is verified yet.

    Errors: UsageError when the peer declines; Unreachable; PeerError proof.*, frame.*, codec.*.
    """
    frames = FrameStream(stream, PART_BYTES)
    try:
        with trio.fail_after(TIMEOUT_S):
            await frames.write(encode_question(question))
            size = decode_answer(await _next(frames))
            data = bytearray()
            while len(data) < size:
                part = await _next(frames)
                if len(part) != min(PART_BYTES, size - len(data)):
                    raise FormatError("proof.bad_answer", "a part of another length")
                data += part
            return bytes(data)
    except trio.TooSlowError:
        raise Unreachable(f"the peer did not answer within {TIMEOUT_S} s") from None
    except FormatError as error:
        raise PeerError(error.rule, error.detail) from error


async def _next(frames: FrameStream) -> bytes:
    frame = await frames.read()
    if frame is None:
        raise Unreachable("the peer ended the conversation before its answer was complete")
    return frame


def encode_question(question: ProofAsked) -> bytes:
    """The bytes of a question."""
    match question:
        case FinalProofAsked(group, height):
            return codec.encode([VERSION, "final", group, height])
        case EntryProofAsked(group, entry):
            return codec.encode([VERSION, "entry", group, entry])
        case RowProofAsked(group, key):
            return codec.encode([VERSION, "row", group, key])


def decode_question(frame: bytes) -> ProofAsked:
    """The question in a frame. Errors: FormatError proof.bad_question, codec.*."""
    value = codec.decode(frame, bytes_max=QUESTION_BYTES_MAX)
    if type(value) is list and len(value) >= 4 and type(value[0]) is int and value[0] == VERSION:
        what, group, subject = value[1:4]
        if type(group) is bytes and len(group) == HASH_BYTES:
            question = _question_of(what, group, subject)
            if question is not None:
                return question
    raise FormatError("proof.bad_question", f"an array [{VERSION}, final, entry or row, group, subject]")


def _question_of(what: Value, group: bytes, subject: Value) -> ProofAsked | None:
    if what == "final" and type(subject) is int and 0 <= subject <= COUNTER_MAX:
        return FinalProofAsked(group, subject)
    if what == "entry" and type(subject) is bytes and len(subject) == HASH_BYTES:
        return EntryProofAsked(group, subject)
    if what == "row" and type(subject) is bytes and 0 < len(subject) <= KEY_BYTES_MAX:
        return RowProofAsked(group, subject)
    return None


def encode_answer(data: bytes) -> list[bytes]:
    """The frames of an answer: the size of the proof, then the proof in parts."""
    parts = [data[start : start + PART_BYTES] for start in range(0, len(data), PART_BYTES)]
    return [codec.encode([VERSION, len(data)]), *parts]


def decode_answer(frame: bytes) -> int:
    """The size of the proof that follows the first frame of an answer.

    Errors: UsageError when the peer declined; FormatError proof.bad_answer, codec.*.
    """
    value = codec.decode(frame, bytes_max=PART_BYTES)
    if type(value) is list and value and type(value[0]) is int and value[0] == VERSION:
        if len(value) == 2 and type(value[1]) is int and 0 < value[1] <= PROOF_BYTES_MAX:
            return value[1]
        if len(value) == 4:
            rule, message, remedy = value[1:]
            if all(map(_is_short, (rule, message, remedy))) and is_rule_id(rule):
                raise UsageError(rule, message, remedy)
    raise FormatError("proof.bad_answer", "neither the size of a proof nor a reason why there is none")


def _is_short(text: Value) -> bool:
    return type(text) is str and len(text) <= _TEXT_CHARACTERS_MAX and is_plain_text(text, lines=True)
