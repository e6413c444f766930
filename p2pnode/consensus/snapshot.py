"""All rows of a state in chunks, each proven to be complete and unchanged under the state's root (J9).

A chunk holds consecutive rows in trie order, together with the row before them and the hashes of everything
to the left and to the right, so that the root follows from it: a row left out, added or altered gives another
root. Where chunks come from and where rows are kept is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from p2pnode.consensus.rows import KEY_BYTES_MAX, VALUE_BYTES_MAX
from p2pnode.consensus.trie import (
    EMPTY_ROOT,
    Leaf,
    NodeAt,
    Part,
    RootBuilder,
    is_hash,
    leaf_of,
    node_of,
    part_beside,
    place_of,
    way_to,
)
from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.crypto import sha256
from p2pnode.core.errors import FormatError

VERSION = 1
CHUNK_BYTES_MAX = 256 * 1024
ROWS_MAX = 4096
ROWS_BYTES_MAX = CHUNK_BYTES_MAX - 20 * 1024
"""Room is left for 256 hashes on either side, which is as deep as a trie can be made."""

_FIELDS = 7
_FRAMING_BYTES = 8
"""The most that MessagePack adds to a key and a value."""

RowAt = Callable[[bytes], tuple[bytes, bytes]]
"""The row (key, value) whose key has a hash."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Hashes beside the way from the root down to a leaf, on one side. Shapes: bits ascending."""

    bits: bytes
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive rows and what proves them. Shapes: before is the leaf in front of the first row."""

    before: Leaf | None
    left: Beside
    rows: tuple[tuple[bytes, bytes], ...]
    right: Beside

    @property
    def is_last(self) -> bool:
        """Whether no rows follow."""
        return not self.right.bits


class ProvenChunk(NamedTuple):
    """A chunk that holds, and the trie nodes that its rows prove.

    Shapes: leaves are the keys of its rows by the hash of their leaf; nodes are these leaves and all branches
    above them, by hash.
    """

    chunk: Chunk
    leaves: dict[bytes, bytes]
    nodes: dict[bytes, bytes]

    @property
    def last(self) -> bytes | None:
        """The key hash of its last row, or None when nothing follows."""
        return None if self.chunk.is_last else sha256(self.chunk.rows[-1][0])


def make_chunk(
    root: bytes,
    after: bytes | None,
    node_at: NodeAt,
    row_at: RowAt,
    bytes_max: int = ROWS_BYTES_MAX,
    until: bytes | None = None,
) -> bytes:
    """The chunk of the rows behind a key hash, or of the first rows, up to another key hash.

    Units: bytes_max counts rows; a chunk has at least one row if any follows. Errors: FormatError
    trie.bad_node for a stored node that is damaged.
    """
    before, leaves = _leaves_after(root, -1 if after is None else place_of(after), node_at)
    rows: list[tuple[bytes, bytes]] = []
    size, last = 0, before
    for leaf in leaves:
        if rows and until is not None and leaf.key_hash > until:
            break
        row = row_at(leaf.key_hash)
        size += len(row[0]) + len(row[1]) + _FRAMING_BYTES
        if rows and (size > bytes_max or len(rows) == ROWS_MAX):
            break
        rows.append(row)
        last = leaf
    first = before or (leaf_of(*rows[0]) if rows else None)
    left = _beside(root, first, node_at, is_left=True)
    right = _beside(root, last, node_at, is_left=False)
    return encode_chunk(Chunk(before, left, tuple(rows), right))


def check_chunk(root: bytes, after: bytes | None, data: bytes, until: bytes | None = None) -> ProvenChunk:
    """A chunk that holds all rows of a state from behind a key hash to its own last row.

    Errors: FormatError snapshot.bad_chunk for a misshapen chunk, snapshot.other_place for one that begins
    elsewhere or goes on too far, snapshot.other_root for rows that are not those of the state, codec.*.
    """
    chunk = decode_chunk(data)
    rows = [leaf_of(key, value) for key, value in chunk.rows]
    _check_place(chunk, rows, after, until)
    shown = rows if chunk.before is None else [chunk.before, *rows]
    parts = [leaf.part for leaf in shown]
    builder = RootBuilder()
    _add_all(builder, [*_left_of(chunk, shown), *parts, *_right_of(chunk, shown)])
    if builder.finish() != root:
        raise FormatError("snapshot.other_root", "these are not the rows of this state")
    names = [part.hash for part in parts[len(parts) - len(rows) :]]
    nodes = {name: leaf.node for name, leaf in zip(names, rows, strict=True)} | builder.new
    leaves = {name: key for name, (key, _) in zip(names, chunk.rows, strict=True)}
    return ProvenChunk(chunk, leaves, nodes)


def encode_chunk(chunk: Chunk) -> bytes:
    """The canonical bytes of a chunk.

    Shapes: [1, [SHA-256(key), SHA-256(value)] of the row before or nil, left bits, left hashes, [key, value,
    key, value...], right bits, right hashes]; bits and hashes from the root down, as in the proof of one row.
    """
    before = None if chunk.before is None else list(chunk.before)
    flat = [item for row in chunk.rows for item in row]
    left, right = chunk.left, chunk.right
    return codec.encode([VERSION, before, left.bits, list(left.hashes), flat, right.bits, list(right.hashes)])


def decode_chunk(data: bytes) -> Chunk:
    """A chunk of the right shape; what it proves is not looked at. Errors: FormatError snapshot.bad_chunk,
    codec.*."""
    value = codec.decode(data, bytes_max=CHUNK_BYTES_MAX, items_max=2 * ROWS_MAX)
    if type(value) is not list or len(value) != _FIELDS or type(value[0]) is not int or value[0] != VERSION:
        raise FormatError("snapshot.bad_chunk", f"not an array of {_FIELDS} fields, version {VERSION}")
    before = value[1]
    if before is not None and not _is_hashes(before, 2):
        raise FormatError("snapshot.bad_chunk", "the row before is two hashes")
    chunk = Chunk(
        None if before is None else Leaf(*before),
        _beside_of(value[2], value[3]),
        _rows_of(value[4]),
        _beside_of(value[5], value[6]),
    )
    # Without a leaf there is nothing that hashes could stand beside; without rows nothing would go forward.
    if (before is None and chunk.left.bits) or (not chunk.rows and chunk.right.bits):
        raise FormatError("snapshot.bad_chunk", "hashes of rows that a chunk has to show")
    return chunk


def _check_place(chunk: Chunk, leaves: list[Leaf], after: bytes | None, until: bytes | None) -> None:
    """Check that a chunk begins right behind a key hash, or with the very first row, and how far it goes."""
    if chunk.before is not None and (after is None or chunk.before.key_hash > after):
        raise FormatError("snapshot.other_place", "rows are left out at the start")
    if after is not None and leaves and leaves[0].key_hash <= after:
        raise FormatError("snapshot.other_place", "rows that were not asked for")
    if until is not None and len(leaves) > 1 and leaves[-1].key_hash > until:
        raise FormatError("snapshot.other_place", "rows behind those that were asked for")


def _left_of(chunk: Chunk, shown: list[Leaf]) -> list[Part]:
    """The subtrees to the left of the first leaf."""
    pairs = zip(chunk.left.bits, chunk.left.hashes, strict=True)
    return [part_beside(place_of(shown[0].key_hash), bit, name) for bit, name in pairs]


def _right_of(chunk: Chunk, shown: list[Leaf]) -> list[Part]:
    """The subtrees to the right of the last leaf, which stand from below to the root."""
    pairs = zip(reversed(chunk.right.bits), reversed(chunk.right.hashes), strict=True)
    return [part_beside(place_of(shown[-1].key_hash), bit, name) for bit, name in pairs]


def _add_all(builder: RootBuilder, parts: list[Part]) -> None:
    try:
        for place, name in parts:
            builder.add(place, name)
    except ValueError as error:
        raise FormatError("snapshot.bad_chunk", "rows or hashes not in ascending order") from error


def _leaves_after(root: bytes, after: int, node_at: NodeAt) -> tuple[Leaf | None, Iterator[Leaf]]:
    """The last leaf up to a place, and all behind it in order."""
    # Subtrees in order on either side of the way: the nearest on top.
    left: list[Part] = []
    right: list[Part] = []
    name, before = root, None
    while name != EMPTY_ROOT:
        node = node_of(node_at(name), name)
        if isinstance(node, Leaf):
            if place_of(node.key_hash) <= after:
                before = node
                break
            right.append(Part(place_of(node.key_hash), name))
        elif node.place > after:
            right.append(Part(node.place, name))
        elif node.right_place <= after:
            left.append(Part(node.place, node.left))
            name = node.right
            continue
        else:
            right.append(Part(node.right_place, node.right))
            name = node.left
            continue
        # Everything here stands behind the place, so the leaf before it ends what is nearest on the left.
        name = left.pop().hash if left else EMPTY_ROOT
    return before, _leaves_of(right, node_at)


def _leaves_of(parts: list[Part], node_at: NodeAt) -> Iterator[Leaf]:
    """The leaves of some subtrees, the first of which stands last."""
    while parts:
        name = parts.pop().hash
        node = node_of(node_at(name), name)
        if isinstance(node, Leaf):
            yield node
        else:
            parts.append(Part(node.right_place, node.right))
            parts.append(Part(node.place, node.left))


def _beside(root: bytes, leaf: Leaf | None, node_at: NodeAt, *, is_left: bool) -> Beside:
    """The hashes on one side of the way to a leaf."""
    if leaf is None:
        return Beside(b"", ())
    place = place_of(leaf.key_hash)
    bits, hashes, _ = way_to(root, place, node_at)
    chosen = [
        (bit, name)
        for bit, name in zip(bits, hashes, strict=True)
        if (part_beside(place, bit, name).place < place) == is_left
    ]
    return Beside(bytes(bit for bit, _ in chosen), tuple(name for _, name in chosen))


def _beside_of(bits: Value, hashes: Value) -> Beside:
    if type(bits) is not bytes or sorted(set(bits)) != list(bits) or not _is_hashes(hashes, len(bits)):
        raise FormatError("snapshot.bad_chunk", "not one hash for each bit, bits ascending")
    return Beside(bits, tuple(hashes))


def _rows_of(flat: Value) -> tuple[tuple[bytes, bytes], ...]:
    if type(flat) is not list or len(flat) % 2 or any(type(item) is not bytes for item in flat):
        raise FormatError("snapshot.bad_chunk", "rows are a key and a value each")
    keys, values = flat[::2], flat[1::2]
    if any(not 0 < len(key) <= KEY_BYTES_MAX for key in keys):
        raise FormatError("snapshot.bad_chunk", f"a key has 1 to {KEY_BYTES_MAX} bytes")
    if any(len(value) > VALUE_BYTES_MAX for value in values):
        raise FormatError("snapshot.bad_chunk", f"a value has at most {VALUE_BYTES_MAX} bytes")
    return tuple(zip(keys, values, strict=True))


def _is_hashes(value: Value, count: int) -> bool:
    return type(value) is list and len(value) == count and all(is_hash(item) for item in value)
