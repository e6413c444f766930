"""`/p2pnode/join/1`: a newcomer hands in the entry by which it joins, and gets what it needs to begin.

One request and one answer on a stream. The answer says how the inviter's node judged; when it let the
newcomer in, the founding entry and the entries by which members came in follow, so that the newcomer can
check who is who before it trusts anybody. Everything else comes by sync.

Source: J21, protocols/README.md.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import trio

from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES, SIGNATURE_BYTES
from p2pnode.core.errors import FormatError, NodeError, PeerError, Unreachable
from p2pnode.core.fields import is_plain_text, is_rule_id
from p2pnode.core.limits import (
    ANNEX_BYTES_MAX,
    ANNEX_SALT_BYTES,
    HEADER_BYTES_MAX,
    NEWCOMER_BYTES_MAX,
    NEWCOMER_ENTRIES_MAX,
    PAYLOAD_BYTES_MAX,
)
from protocols.framing import FrameStream
from protocols.port import JoinAnswer, JoinRequest, NodePort, WireEntry
from protocols.stream import ByteStream

ID = "/p2pnode/join/1"
VERSION = 1
VERDICTS = ("provisional", "member", "petition", "refused")
TIMEOUT_S = 30
ENTRIES_MAX = 10_000
TEXT_CHARACTERS_MAX = 500
_FRAME_BYTES_MAX = 2 * NEWCOMER_BYTES_MAX
_PART_BYTES = 256 * 1024

_log = logging.getLogger("p2pnode.join")


async def serve(stream: ByteStream, *, port: NodePort) -> None:
    """Answer a newcomer; errors end here."""
    frames = FrameStream(stream, _FRAME_BYTES_MAX)
    try:
        with trio.fail_after(TIMEOUT_S):
            frame = await frames.read()
            if frame is None:
                return
            answer = await port.admit(stream.peer_key, decode_request(frame))
            for part in encode_answer(answer):
                await frames.write(part)
        await stream.close()
    except (FormatError, PeerError) as error:
        port.penalize(stream.peer_key, error.rule)
        await stream.reset()
    except (NodeError, trio.TooSlowError) as error:
        _log.debug("join.ended peer=%s reason=%s", stream.peer_key.hex()[:8], error)
        await stream.reset()


async def ask(stream: ByteStream, request: JoinRequest) -> JoinAnswer:
    """Hand in a request and wait for the answer. Errors: Unreachable; PeerError join.*, frame.*."""
    frames = FrameStream(stream, _FRAME_BYTES_MAX)
    try:
        with trio.fail_after(TIMEOUT_S):
            await frames.write(encode_request(request))
            return await _read_answer(frames)
    except trio.TooSlowError:
        raise Unreachable(f"the inviter's node did not answer within {TIMEOUT_S} s") from None
    except FormatError as error:
        raise PeerError(error.rule, error.detail) from error


async def _read_answer(frames: FrameStream) -> JoinAnswer:
    answer, count = decode_answer(await _one(frames))
    entries: list[WireEntry] = []
    while len(entries) < count:
        part = codec.decode(await _one(frames), bytes_max=_FRAME_BYTES_MAX)
        if type(part) is not list or not part or len(entries) + len(part) > count:
            raise FormatError("join.bad_answer", "a part that holds other than the missing entries")
        entries += [_entry_of(item) for item in part]
    return answer._replace(entries=tuple(entries))


async def _one(frames: FrameStream) -> bytes:
    frame = await frames.read()
    if frame is None:
        raise Unreachable("the inviter's node ended the conversation before its answer was complete")
    return frame


def encode_request(request: JoinRequest) -> bytes:
    """The bytes of a request."""
    entries = [list(entry) for entry in request.entries]
    return codec.encode([VERSION, request.group, entries, list(request.annexes)])


def decode_request(frame: bytes) -> JoinRequest:
    """The request in a frame. Errors: FormatError join.bad_request, codec.*."""
    value = codec.decode(frame, bytes_max=_FRAME_BYTES_MAX)
    if type(value) is not list or len(value) < 4 or value[0] != VERSION or type(value[0]) is not int:
        raise FormatError("join.bad_request", "an array [1, group, entries, annexes]")
    _, group, entries, annexes = value[:4]
    if type(group) is not bytes or len(group) != HASH_BYTES:
        raise FormatError("join.bad_request", "the group is a hash")
    if type(entries) is not list or not 1 <= len(entries) <= NEWCOMER_ENTRIES_MAX:
        raise FormatError("join.bad_request", f"1 to {NEWCOMER_ENTRIES_MAX} entries")
    if type(annexes) is not list or len(annexes) > NEWCOMER_ENTRIES_MAX:
        raise FormatError("join.bad_request", f"at most {NEWCOMER_ENTRIES_MAX} annexes")
    if not all(
        type(annex) is bytes and ANNEX_SALT_BYTES <= len(annex) <= ANNEX_SALT_BYTES + ANNEX_BYTES_MAX
        for annex in annexes
    ):
        raise FormatError("join.bad_request", "an annex of another size")
    return JoinRequest(group, tuple(_entry_of(item) for item in entries), tuple(annexes))


def encode_answer(answer: JoinAnswer) -> list[bytes]:
    """The frames of an answer: the verdict, then the entries in parts, the first of them if there are too
    many."""
    founding = None if answer.founding is None else list(answer.founding)
    texts = [answer.rule, answer.message[:TEXT_CHARACTERS_MAX]]
    entries = answer.entries[:ENTRIES_MAX]
    first = [VERSION, answer.verdict, *texts, founding, len(entries)]
    return [codec.encode(first), *_parts(entries)]


def _parts(entries: Sequence[WireEntry]) -> list[bytes]:
    parts: list[bytes] = []
    part: list[Value] = []
    size = 0
    for entry in entries:
        if part and (size + sum(map(len, entry)) > _PART_BYTES or len(part) == 1000):
            parts.append(codec.encode(part))
            part, size = [], 0
        part.append(list(entry))
        size += sum(map(len, entry))
    return [*parts, codec.encode(part)] if part else parts


def decode_answer(frame: bytes) -> tuple[JoinAnswer, int]:
    """The verdict in the first frame of an answer, and how many entries follow.

    Errors: FormatError join.bad_answer, codec.*.
    """
    value = codec.decode(frame, bytes_max=_FRAME_BYTES_MAX)
    if type(value) is not list or len(value) < 6 or value[0] != VERSION or type(value[0]) is not int:
        raise FormatError("join.bad_answer", "an array [1, verdict, rule, message, founding, count]")
    _, verdict, rule, message, founding, count = value[:6]
    if verdict not in VERDICTS or type(rule) is not str or type(message) is not str:
        raise FormatError("join.bad_answer", "verdict, rule and message are texts")
    if len(message) > TEXT_CHARACTERS_MAX or not is_plain_text(message) or (rule and not is_rule_id(rule)):
        raise FormatError("join.bad_answer", "a rule or a message that is no short plain text")
    if type(count) is not int or not 0 <= count <= ENTRIES_MAX:
        raise FormatError("join.bad_answer", f"at most {ENTRIES_MAX} entries")
    is_admitted = verdict in ("provisional", "member")
    if is_admitted != (founding is not None) or (count and not is_admitted):
        raise FormatError("join.bad_answer", "entries come exactly to whom was let in")
    return JoinAnswer(verdict, rule, message, None if founding is None else _entry_of(founding)), count


def _entry_of(value: Value) -> WireEntry:
    """An entry in a decoded frame; what it says is checked by whoever takes it."""
    if type(value) is not list or len(value) != 3 or not all(type(item) is bytes for item in value):
        raise FormatError("join.bad_entry", "an entry is [header, signature, payload]")
    entry = WireEntry(*value)
    if len(entry.header) > HEADER_BYTES_MAX or len(entry.payload) > PAYLOAD_BYTES_MAX:
        raise FormatError("join.bad_entry", "larger than an entry may be")
    if len(entry.signature) != SIGNATURE_BYTES:
        raise FormatError("join.bad_entry", f"a signature has {SIGNATURE_BYTES} bytes")
    return entry
