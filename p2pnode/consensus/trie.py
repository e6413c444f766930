"""The one hash over all state rows, with proofs that a row is there or is not (J9).

A path-compressed binary Merkle trie over SHA-256(key), most significant bit first. Two kinds of nodes:

    leaf    0x00, SHA-256(key), SHA-256(value)
    branch  0x01, bit, prefix, left, right

`bit` is one byte: the first place where the keys below differ. `prefix` is what they share before it: its
bits in whole bytes, unused bits zero. `left` is the hash of the node below whose keys have a 0 at that place.
A node's hash is SHA-256 of its bytes. The shape follows from the set of keys alone. Where nodes are kept is
not known here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from p2pnode.consensus.slices import Slices, finish
from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES, ZERO_HASH, sha256
from p2pnode.core.errors import FormatError

EMPTY_ROOT = ZERO_HASH
"""The root over no rows."""

PROOF_BYTES_MAX = 16 * 1024
_BITS = 8 * HASH_BYTES
KNOWN_MAX = 1 << 16
"""Nodes kept in memory: some 15 MB, the ways to the rows that the last blocks changed."""

_SLICE_NODES = 256
"""Nodes read, or joined, between two pauses: each of them is hashed."""

_LEAF = b"\x00"
_BRANCH = b"\x01"
_LEAF_BYTES = 1 + 2 * HASH_BYTES
_GONE = b""
"""In the place of a leaf's hash: the row is taken away."""

NodeAt = Callable[[bytes], bytes]
"""The bytes of the node with a hash."""


@dataclass(frozen=True, slots=True)
class TrieChange:
    """What some changed rows do to a trie.

    Shapes: stale are hashes of nodes of the old trie, ascending; left are hashes of the leaves that changed
    rows had before; leaves are the keys of rows that were set, by the hash of their leaf.
    """

    root: bytes
    new: dict[bytes, bytes]
    stale: tuple[bytes, ...]
    left: tuple[bytes, ...]
    leaves: dict[bytes, bytes]


class Part(NamedTuple):
    """A leaf or a whole subtree, at the least key that could stand in it."""

    place: int
    hash: bytes


class Leaf(NamedTuple):
    """A row by its hashes."""

    key_hash: bytes
    value_hash: bytes

    @property
    def node(self) -> bytes:
        """The bytes of its node."""
        return _LEAF + self.key_hash + self.value_hash

    @property
    def part(self) -> Part:
        """The leaf as a part of a trie."""
        return Part(place_of(self.key_hash), sha256(self.node))


class Branch(NamedTuple):
    """A node with two below it. Shapes: place is the shared prefix, followed by zeros."""

    bit: int
    place: int
    left: bytes
    right: bytes

    @property
    def right_place(self) -> int:
        """The least key that could stand on the right."""
        return self.place | 1 << (_BITS - 1 - self.bit)

    @property
    def end(self) -> int:
        """The least place behind all keys that could stand below."""
        return self.place + (1 << (_BITS - self.bit))


def place_of(key_hash: bytes) -> int:
    """A hash of a key as a number in trie order."""
    return int.from_bytes(key_hash, "big")


def leaf_of(key: bytes, value: bytes) -> Leaf:
    """The leaf of a row."""
    return Leaf(sha256(key), sha256(value))


def node_of(data: bytes, name: bytes) -> Leaf | Branch:
    """The node in some bytes. Errors: FormatError trie.bad_node for bytes that have another hash."""
    if sha256(data) != name:
        raise FormatError("trie.bad_node", f"{name.hex()} is damaged")
    return _node_in(data, name)


def _node_in(data: bytes, name: bytes) -> Leaf | Branch:
    """The node in bytes that have this hash."""
    if data[:1] == _LEAF and len(data) == _LEAF_BYTES:
        return Leaf(data[1 : 1 + HASH_BYTES], data[1 + HASH_BYTES :])
    if data[:1] == _BRANCH and len(data) > 2:
        size = -(-data[1] // 8)
        if len(data) == 2 + size + 2 * HASH_BYTES:
            place = int.from_bytes(data[2 : 2 + size], "big") << (_BITS - 8 * size)
            return Branch(data[1], place, data[2 + size : -HASH_BYTES], data[-HASH_BYTES:])
    raise FormatError("trie.bad_node", f"{name.hex()} is no node")


class _Known:
    """Nodes that were made or read a short while ago, by their hash, which says what they hold in any trie.

    Shapes: the newer half, and the older one, which goes when the newer is full.
    """

    def __init__(self) -> None:
        self._newer: dict[bytes, bytes] = {}
        self._older: dict[bytes, bytes] = {}

    def read(self, name: bytes, node_at: NodeAt) -> bytes:
        """The checked bytes of a node. Errors: FormatError trie.bad_node."""
        data = self._newer.get(name)
        if data is None:
            data = self._older.get(name)
            if data is None:
                data = node_at(name)
                if sha256(data) != name:
                    raise FormatError("trie.bad_node", f"{name.hex()} is damaged")
            self.add({name: data})
        return data

    def add(self, nodes: Mapping[bytes, bytes]) -> None:
        """Keep nodes of which the bytes are known to have their hash."""
        if len(self._newer) > KNOWN_MAX // 2:
            self._older, self._newer = self._newer, {}
        self._newer.update(nodes)


_known = _Known()


class RootBuilder:
    """Joins leaves and subtrees, added in ascending order of their places, under one root.

    Shapes: `new` collects the branches that are complete, and may be emptied between two additions.
    """

    def __init__(self) -> None:
        self.new: dict[bytes, bytes] = {}
        # Each open part stands with the first bit in which it differs from the one before it. A part closes
        # what differs at a later bit, because nothing that follows can come below that branch.
        self._open: list[tuple[int, int, bytes]] = []

    def add(self, place: int, name: bytes) -> None:
        """Add the node with a hash. Errors: ValueError for a place that is not behind the one before."""
        bit = -1
        if self._open:
            before_bit, before, _ = self._open[-1]
            if place <= before:
                raise ValueError("parts of a trie are added in ascending order")
            bit = _first_difference(before, place)
            if before_bit > bit:
                self._close(bit)
        self._open.append((bit, place, name))

    @property
    def mark(self) -> list[Value]:
        """Where it stands, for `at`."""
        return [[bit, place.to_bytes(HASH_BYTES, "big"), name] for bit, place, name in self._open]

    @staticmethod
    def at(mark: list[Value]) -> RootBuilder:
        """A builder that goes on where another one stood."""
        builder = RootBuilder()
        builder._open = [(bit, place_of(place), name) for bit, place, name in mark]
        return builder

    def copy(self) -> RootBuilder:
        """A builder that goes on from here, with nothing in `new`."""
        other = RootBuilder()
        other._open = self._open.copy()
        return other

    def finish(self) -> bytes:
        """The root over everything that was added."""
        self._close(-1)
        return self._open[0][2] if self._open else EMPTY_ROOT

    def _close(self, bit: int) -> None:
        """Join the last open parts as long as they differ at a later bit than the given one."""
        parts = self._open
        while len(parts) > 1 and parts[-1][0] > bit:
            own_bit, _, right = parts.pop()
            before_bit, place, left = parts[-1]
            node = _branch_node(own_bit, place, left, right)
            name = sha256(node)
            self.new[name] = node
            parts[-1] = (before_bit, place, name)


def update(root: bytes, changes: Mapping[bytes, bytes | None], node_at: NodeAt) -> TrieChange:
    """A trie after some rows were set or, with None, taken away.

    Errors: FormatError trie.bad_node for a stored node that is damaged.
    """
    return finish(updating(root, changes, node_at))


def updating(root: bytes, changes: Mapping[bytes, bytes | None], node_at: NodeAt) -> Slices[TrieChange]:
    """The same in slices (J30); the nodes of the trie before have to stay meanwhile."""
    builder = RootBuilder()
    targets: list[tuple[int, bytes]] = []
    leaves: dict[bytes, bytes] = {}
    for number, (key, value) in enumerate(changes.items(), 1):
        if not number % _SLICE_NODES:
            yield
        key_hash, name = sha256(key), _GONE
        if value is not None:
            node = _LEAF + key_hash + sha256(value)
            name = sha256(node)
            builder.new[name] = node
            leaves[name] = key
        targets.append((place_of(key_hash), name))
    targets.sort()
    parts, opened, left = yield from _open(root, targets, node_at)
    for number, (place, name) in enumerate(parts, 1):
        if not number % _SLICE_NODES:
            yield
        builder.add(place, name)
    changed, new = builder.finish(), builder.new
    stale = tuple(sorted(name for name in opened if name not in new))
    fresh = {name: node for name, node in new.items() if name not in opened}
    _known.add(fresh)
    return TrieChange(changed, fresh, stale, tuple(left), leaves)


def prove(root: bytes, key: bytes, node_at: NodeAt) -> bytes:
    """The proof that a row is there, or that none is.

    Shapes: canonical [bits, hashes, leaf]: one byte for each branch from the root down, the hash of the node
    beside the way at each, and the leaf [SHA-256(key), SHA-256(value)] found instead of the row, or nil.
    """
    key_hash = sha256(key)
    bits, hashes, leaf = way_to(root, place_of(key_hash), node_at)
    other = None if leaf is None or leaf.key_hash == key_hash else list(leaf)
    return codec.encode([bytes(bits), hashes, other])


def check_row(root: bytes, key: bytes, value: bytes | None, proof: bytes) -> None:
    """Check that a row has a value under a root or, with None, that there is no such row.

    Errors: FormatError proof.bad_row for a misshapen proof, proof.other_root when it proves something else,
    codec.*.
    """
    bits, hashes, other = _decode_proof(proof)
    key_hash = sha256(key)
    if value is not None:
        if other is not None:
            raise FormatError("proof.bad_row", "another row's leaf for a row that is there")
        found = Leaf(key_hash, sha256(value))
    elif other is None:
        if root != EMPTY_ROOT or bits:
            raise FormatError("proof.other_root", "there are rows, and the proof names none of them")
        return
    else:
        difference = _first_difference(place_of(other.key_hash), place_of(key_hash))
        # At a branch over the bit where both differ, the row could stand on the other side.
        if difference == _BITS or difference in bits:
            raise FormatError("proof.bad_row", "the leaf found does not stand in the row's place")
        found = other
    if root_above(found.part, bits, hashes) != root:
        raise FormatError("proof.other_root", "the proof leads to another root")


def way_to(root: bytes, place: int, node_at: NodeAt) -> tuple[list[int], list[bytes], Leaf | None]:
    """The bits of the branches on the way to a place, the hashes beside it, and the leaf at its end."""
    bits: list[int] = []
    hashes: list[bytes] = []
    name = root
    while name != EMPTY_ROOT:
        node = node_of(node_at(name), name)
        if isinstance(node, Leaf):
            return bits, hashes, node
        bits.append(node.bit)
        on_right = bool(place >> (_BITS - 1 - node.bit) & 1)
        hashes.append(node.left if on_right else node.right)
        name = node.right if on_right else node.left
    return bits, hashes, None


def root_above(part: Part, bits: Sequence[int], hashes: Sequence[bytes]) -> bytes:
    """The root over a part with the hashes beside its way."""
    name = part.hash
    for bit, beside in zip(reversed(bits), reversed(hashes), strict=True):
        on_right = part.place >> (_BITS - 1 - bit) & 1
        left, right = (beside, name) if on_right else (name, beside)
        name = sha256(_branch_node(bit, part.place, left, right))
    return name


def part_beside(place: int, bit: int, name: bytes) -> Part:
    """The subtree on the other side of a branch on the way to a place."""
    shift = _BITS - 1 - bit
    return Part((place >> shift ^ 1) << shift, name)


def _decode_proof(proof: bytes) -> tuple[bytes, list[bytes], Leaf | None]:
    value: Value = codec.decode(proof, bytes_max=PROOF_BYTES_MAX)
    if type(value) is not list or len(value) != 3:
        raise FormatError("proof.bad_row", "not an array of 3 fields")
    bits, hashes, leaf = value
    if type(bits) is not bytes or sorted(set(bits)) != list(bits):
        raise FormatError("proof.bad_row", "bits not ascending")
    if type(hashes) is not list or len(hashes) != len(bits) or not all(is_hash(item) for item in hashes):
        raise FormatError("proof.bad_row", "not one hash for each bit")
    if leaf is None:
        return bits, hashes, None
    if type(leaf) is not list or len(leaf) != 2 or not all(is_hash(item) for item in leaf):
        raise FormatError("proof.bad_row", "leaf")
    return bits, hashes, Leaf(*leaf)


def _open(
    root: bytes, targets: list[tuple[int, bytes]], node_at: NodeAt
) -> Slices[tuple[list[tuple[int, bytes]], set[bytes], list[bytes]]]:
    """The parts of a trie after the changes, whole where nothing changes, the nodes that were opened, and the
    leaves among them.
    """
    places = [place for place, _ in targets]
    parts: list[tuple[int, bytes]] = []
    opened: set[bytes] = set()
    left: list[bytes] = []

    def add(first: int, last: int) -> None:
        parts.extend(target for target in targets[first:last] if target[1] != _GONE)

    # What is still to be looked at, the leftmost on top: a node, its place, the changes that fall to it.
    waiting = [(root, 0, 0, len(targets))]
    looked_at = 0
    while waiting:
        name, place, first, last = waiting.pop()
        looked_at += 1
        if not looked_at % _SLICE_NODES:
            yield
        if name == EMPTY_ROOT:
            add(first, last)
            continue
        if first == last:
            parts.append((place, name))
            continue
        node = _node_in(_known.read(name, node_at), name)
        if isinstance(node, Leaf):
            own = place_of(node.key_hash)
            middle = bisect_left(places, own, first, last)
            add(first, middle)
            if middle < last and places[middle] == own:
                opened.add(name)
                left.append(name)
            else:
                parts.append((own, name))
            add(middle, last)
            continue
        begin = bisect_left(places, node.place, first, last)
        end = bisect_left(places, node.end, begin, last)
        if first < begin:
            add(first, begin)
        if end < last:
            waiting.append((EMPTY_ROOT, 0, end, last))
        if begin == end:
            parts.append((node.place, name))
            continue
        opened.add(name)
        middle = bisect_left(places, node.right_place, begin, end)
        waiting.append((node.right, node.right_place, middle, end))
        waiting.append((node.left, node.place, begin, middle))
    return parts, opened, left


def _branch_node(bit: int, place: int, left: bytes, right: bytes) -> bytes:
    size = -(-bit // 8)
    prefix = (place >> (_BITS - bit) << (8 * size - bit)).to_bytes(size, "big")
    return _BRANCH + bytes([bit]) + prefix + left + right


def _first_difference(one: int, other: int) -> int:
    return _BITS - (one ^ other).bit_length()


def is_hash(value: object) -> bool:
    """Whether a decoded value has the shape of a hash."""
    return type(value) is bytes and len(value) == HASH_BYTES
