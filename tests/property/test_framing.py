"""Frames: cut into pieces anywhere they come out whole; anything else ends by name and in bounds."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from p2pnode.core.errors import FormatError, PeerError, Unreachable, UsageError
from p2pnode.replication.messages import Heads, decode_message, encode_message, heads_of
from protocols.framing import FrameStream
from protocols.join import decode_answer, decode_request
from protocols.query import decode_answer as decode_query_answer
from protocols.query import decode_question

_MAX = 1000


class Pieces:
    """A byte stream that gives what it was made of, piece by piece."""

    peer_key = bytes(32)

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = [piece for piece in pieces if piece]
        self.written: list[bytes] = []

    async def read(self, size_max: int) -> bytes:
        await trio.lowlevel.checkpoint()
        return self.pieces.pop(0) if self.pieces else b""

    async def write(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        self.written.append(data)

    async def close(self) -> None:
        await trio.lowlevel.checkpoint()

    async def reset(self) -> None:
        await trio.lowlevel.checkpoint()


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(st.lists(st.binary(max_size=_MAX), max_size=6), st.lists(st.integers(0, 9999), max_size=8))
def test_frames_come_out_as_they_went_in(frames: list[bytes], cuts: list[int]) -> None:
    async def main() -> None:
        writing = Pieces([])
        writer = FrameStream(writing, _MAX)
        for frame in frames[:3]:
            await writer.write(frame)
        await writer.write_all(frames[3:])
        reader = FrameStream(Pieces(_cut(b"".join(writing.written), cuts)), _MAX)
        assert [await reader.read() for _ in frames] == frames
        assert await reader.read() is None

    trio.run(main)


@given(st.binary(max_size=60), st.lists(st.integers(0, 99), max_size=4))
def test_any_bytes_end_cleanly_or_by_name(data: bytes, cuts: list[int]) -> None:
    async def main() -> None:
        reader = FrameStream(Pieces(_cut(data, cuts)), 20)
        try:
            while (frame := await reader.read()) is not None:
                assert len(frame) <= 20
        except PeerError as error:
            assert error.rule == "frame.too_large"
        except Unreachable as error:
            assert "inside a frame" in str(error)

    trio.run(main)


def test_a_frame_that_stops_half_way_is_given_up() -> None:
    class Stopping(Pieces):
        async def read(self, size_max: int) -> bytes:
            if self.pieces:
                return self.pieces.pop(0)
            await trio.sleep_forever()
            raise AssertionError

    async def main() -> None:
        with pytest.raises(Unreachable, match="middle of a frame"):
            await FrameStream(Stopping([b"\0\0\0\5ab"]), _MAX).read()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_peer_that_does_not_read_is_given_up() -> None:
    class Full(Pieces):
        async def write(self, data: bytes) -> None:
            await trio.sleep_forever()

    async def main() -> None:
        for writing in (
            FrameStream(Full([]), _MAX).write(b"x"),
            FrameStream(Full([]), _MAX).write_all([b"x"]),
        ):
            with pytest.raises(Unreachable, match="does not read"):
                await writing

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@given(st.binary(max_size=200), st.integers(0, 15))
def test_every_decoder_refuses_by_name(data: bytes, kind: int) -> None:
    for frame in (data, bytes((0x94, kind)) + data, bytes((0x95, kind)) + data):
        try:
            message = decode_message(frame)
            if isinstance(message, Heads):
                heads_of(message.heads)
        except FormatError as error:
            assert error.rule.startswith("sync.")
        else:
            assert decode_message(encode_message(message)) == message
        for decode in (decode_request, decode_answer, decode_question, decode_query_answer):
            try:
                decode(frame)
            except FormatError as error:
                assert error.rule.startswith(("join.", "query.", "codec."))
            except UsageError:
                assert decode is decode_query_answer
