"""`/p2pnode/query/1`: one question about a peer's views, and its answer with the entries that prove it.

A question is an array [name, arguments...]. An answer is a map; under "entries" it carries [header,
signature, payload] of each entry from which the asker can check what is claimed. Who may ask what is
decided behind the port (J23).
"""

from __future__ import annotations

import logging

import trio

from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.errors import FormatError, NodeError, PeerError, Unreachable, UsageError
from p2pnode.core.fields import is_plain_text, is_rule_id
from p2pnode.core.limits import FRAME_BYTES_MAX
from protocols.framing import FrameStream
from protocols.port import NodePort
from protocols.stream import ByteStream

ID = "/p2pnode/query/1"
TIMEOUT_S = 30
QUESTION_BYTES_MAX = 64 * 1024
ANSWER_BYTES_MAX = FRAME_BYTES_MAX + 64 * 1024
_ANSWERED = 0
_DECLINED = 1
_TEXT_CHARACTERS_MAX = 500

_log = logging.getLogger("p2pnode.query")


async def serve(stream: ByteStream, *, port: NodePort) -> None:
    """Answer one question; errors end here."""
    frames = FrameStream(stream, QUESTION_BYTES_MAX)
    try:
        with trio.fail_after(TIMEOUT_S):
            frame = await frames.read()
            if frame is None:
                return
            await frames.write(await _answer(port, stream.peer_key, decode_question(frame)))
        await stream.close()
    except (FormatError, PeerError) as error:
        port.penalize(stream.peer_key, error.rule)
        await stream.reset()
    except (NodeError, trio.TooSlowError) as error:
        _log.debug("query.ended peer=%s reason=%s", stream.peer_key.hex()[:8], error)
        await stream.reset()


async def _answer(port: NodePort, peer: bytes, question: Value) -> bytes:
    try:
        # The channel has proven the peer's own key; other device keys are not asked for here.
        answer = codec.encode([_ANSWERED, await port.answer(peer, frozenset((peer,)), question)])
    except UsageError as error:
        texts = (error.rule, error.message, error.remedy)
        return codec.encode([_DECLINED, *(text[:_TEXT_CHARACTERS_MAX] for text in texts)])
    if len(answer) > ANSWER_BYTES_MAX:
        return codec.encode(
            [_DECLINED, "query.too_large", "the answer is too large", "ask for less at a time"]
        )
    return answer


async def ask(stream: ByteStream, question: Value) -> Value:
    """The answer to a question.

    Errors: UsageError when the peer declines; Unreachable; PeerError query.*, frame.*, codec.*.
    """
    frames = FrameStream(stream, ANSWER_BYTES_MAX)
    try:
        with trio.fail_after(TIMEOUT_S):
            await frames.write(codec.encode(question))
            frame = await frames.read()
    except trio.TooSlowError:
        raise Unreachable(f"the peer did not answer within {TIMEOUT_S} s") from None
    if frame is None:
        raise Unreachable("the peer ended the conversation without an answer")
    try:
        return decode_answer(frame)
    except FormatError as error:
        raise PeerError(error.rule, error.detail) from error


def decode_question(frame: bytes) -> Value:
    """The question in a frame. Errors: FormatError query.bad_question, codec.*."""
    question = codec.decode(frame, bytes_max=QUESTION_BYTES_MAX)
    if type(question) is not list or not question or type(question[0]) is not str:
        raise FormatError("query.bad_question", "a question is an array that starts with its name")
    return question


def decode_answer(frame: bytes) -> Value:
    """The answer in a frame. Errors: UsageError when the peer declined; FormatError query.bad_answer,
    codec.*."""
    value = codec.decode(frame, bytes_max=ANSWER_BYTES_MAX)
    if not _is_plain(value):
        raise FormatError("query.bad_answer", "a text with control characters")
    if type(value) is list and len(value) == 2 and value[0] == _ANSWERED and type(value[0]) is int:
        return value[1]
    if type(value) is list and len(value) == 4 and value[0] == _DECLINED and type(value[0]) is int:
        rule, message, remedy = value[1:]
        if all(
            type(text) is str and len(text) <= _TEXT_CHARACTERS_MAX for text in (rule, message, remedy)
        ) and is_rule_id(rule):
            raise UsageError(rule, message, remedy)
    raise FormatError("query.bad_answer", "neither an answer nor a reason why there is none")


def _is_plain(value: Value) -> bool:
    """Whether all texts in an answer may be shown in a terminal."""
    if type(value) is str:
        return is_plain_text(value, lines=True)
    if type(value) is list:
        return all(_is_plain(item) for item in value)
    if type(value) is dict:
        return all(_is_plain(name) and _is_plain(item) for name, item in value.items())
    return True
