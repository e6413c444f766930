"""What a node that is far behind asks its peers for, and the shapes of the answers.

Questions of `/p2pnode/query/1`: the way to the newest final block, blocks, and a chunk of a state; and for
who is a member no more, entries up to the block that ended it, and the annexes that they name (J23). What is
asked for when, and whether an answer holds, is decided where the chain is (`chain/levelling.py`, `past.py`).
"""

from __future__ import annotations

from typing import NamedTuple

from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES, KEY_BYTES
from p2pnode.core.errors import FormatError
from p2pnode.core.ids import Lane
from p2pnode.core.limits import COUNTER_MAX, FRAME_BYTES_MAX
from p2pnode.replication.exchange import Want

BLOCKS_MAX = 256
"""Blocks in one answer."""

WANTS_MAX = 256
"""Lanes of which entries are asked for at a time."""

CHUNKS_MAX = 8
"""Chunks of a state that are asked for at the same time."""

ANNEXES_MAX = 64
"""Annexes that are asked for at a time."""

PROOF_BYTES_MAX = 768 * 1024
"""A way that is longer comes in parts; a proof of the last ones fits beside it into a frame."""

_RULE = "level.bad_answer"
_BLOCK_FIELDS = 4
_LANES = frozenset(int(lane) for lane in Lane)


class FinalWanted(NamedTuple):
    """The way from a block that is known to the newest final one. Shapes: height 0 names the group."""

    height: int
    block: bytes


class BlocksWanted(NamedTuple):
    """Final blocks with their bodies, from first to last or the first of these."""

    first: int
    last: int


class ChunkWanted(NamedTuple):
    """The chunk of a state behind a key hash, None for the first one, up to another one."""

    root: bytes
    after: bytes | None
    until: bytes | None = None


class EntriesWanted(NamedTuple):
    """Entries of some lanes."""

    wants: tuple[Want, ...]


class AnnexesWanted(NamedTuple):
    """Annexes by their hashes."""

    hashes: tuple[bytes, ...]


Wanted = FinalWanted | BlocksWanted | ChunkWanted | EntriesWanted | AnnexesWanted


class SentBlock(NamedTuple):
    """A final block as a peer sends it. Shapes: certificate and convocation are decoded values."""

    header: bytes
    body: bytes
    certificate: Value
    convocation: Value


def question_of(group: bytes, wanted: Wanted) -> Value:
    """The question that asks for something."""
    match wanted:
        case FinalWanted(height, block):
            return ["final", group, height, block]
        case BlocksWanted(first, last):
            return ["blocks", group, first, last]
        case ChunkWanted(root, after, until):
            return ["chunk", group, root, after, until]
        case EntriesWanted(wants):
            return ["entries", group, [list(want) for want in wants]]
        case AnnexesWanted(hashes):
            return ["annexes", group, list(hashes)]


def wanted_of(question: Value) -> Wanted | None:
    """What such a question asks for, or None for another question or one of another shape."""
    match question:
        case ["final", bytes(), int(height), bytes(block)] if _is_height(height) and len(block) == HASH_BYTES:
            return FinalWanted(height, block)
        case ["blocks", bytes(), int(first), int(last)] if _is_height(first) and _is_height(last):
            return BlocksWanted(first, last)
        case ["chunk", bytes(), bytes(root), after, until] if len(root) == HASH_BYTES:
            is_shaped = all(place is None or _is_name(place) for place in (after, until))
            return ChunkWanted(root, after, until) if is_shaped else None
        case ["entries", bytes(), list(rows)] if 0 < len(rows) <= WANTS_MAX and all(map(_is_want, rows)):
            return EntriesWanted(tuple(Want(*row) for row in rows))
        case ["annexes", bytes(), list(names)] if 0 < len(names) <= ANNEXES_MAX and all(map(_is_name, names)):
            return AnnexesWanted(tuple(names))
        case _:
            return None


def final_in(answer: Value) -> tuple[bytes, bool]:
    """The proof in an answer, and whether it goes on. Errors: FormatError level.bad_answer."""
    match answer:
        case {"proof": bytes(proof), "more": bool(more)} if len(proof) <= FRAME_BYTES_MAX:
            return proof, more
        case _:
            raise FormatError(_RULE, "a proof, and whether more follows")


def blocks_in(answer: Value) -> tuple[SentBlock, ...]:
    """The blocks in an answer, at least one. Errors: FormatError level.bad_answer."""
    rows = answer.get("blocks") if type(answer) is dict else None
    if type(rows) is not list or not 0 < len(rows) <= BLOCKS_MAX or not all(map(_is_block, rows)):
        raise FormatError(_RULE, f"1 to {BLOCKS_MAX} of [header, body, certificate, convocation or nil]")
    return tuple(SentBlock(*row) for row in rows)


def chunk_in(answer: Value) -> bytes:
    """The chunk in an answer. Errors: FormatError level.bad_answer."""
    match answer:
        case {"chunk": bytes(chunk)}:
            return chunk
        case _:
            raise FormatError(_RULE, "a chunk")


def runs_in(answer: Value) -> bytes:
    """The frame of runs in an answer. Errors: FormatError level.bad_answer."""
    match answer:
        case {"runs": bytes(frame)}:
            return frame
        case _:
            raise FormatError(_RULE, "a frame of runs")


def annexes_in(answer: Value) -> tuple[bytes, ...]:
    """The annexes in an answer. Errors: FormatError level.bad_answer."""
    blobs = answer.get("annexes") if type(answer) is dict else None
    if type(blobs) is not list or len(blobs) > ANNEXES_MAX or any(type(blob) is not bytes for blob in blobs):
        raise FormatError(_RULE, f"at most {ANNEXES_MAX} annexes")
    return tuple(blobs)


def _is_want(row: Value) -> bool:
    match row:
        case [bytes(author), int(lane), int(first), int(last)]:
            is_place = len(author) == KEY_BYTES and lane in _LANES and type(lane) is int
            return is_place and _is_height(first) and _is_height(last) and first <= last
        case _:
            return False


def _is_name(name: Value) -> bool:
    return type(name) is bytes and len(name) == HASH_BYTES


def _is_block(row: Value) -> bool:
    if type(row) is not list or len(row) != _BLOCK_FIELDS:
        return False
    return type(row[0]) is bytes and type(row[1]) is bytes and type(row[2]) is list


def _is_height(value: int) -> bool:
    return type(value) is int and 0 <= value <= COUNTER_MAX
