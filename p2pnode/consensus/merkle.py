"""Merkle trees over lists, so that one leaf can be proven against a root. Source: RFC 6962, section 2.1."""

from __future__ import annotations

from collections.abc import Sequence

from p2pnode.core.crypto import HASH_BYTES, sha256

PATH_MAX = 64


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over some leaves; of none, the hash of nothing."""
    if not leaves:
        return sha256(b"")
    return _levels(leaves)[-1][0]


def audit_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes that lead from one leaf to the root. Errors: IndexError for a leaf that does not exist."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"no leaf {index} of {len(leaves)}")
    path = []
    for level in _levels(leaves)[:-1]:
        neighbour = index ^ 1
        if neighbour < len(level):
            path.append(level[neighbour])
        index >>= 1
    return path


def is_leaf_of(root: bytes, leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bool:
    """Whether a path proves that a leaf stands at an index of a tree of so many leaves."""
    if not 0 <= index < count or len(path) > PATH_MAX or any(len(item) != HASH_BYTES for item in path):
        return False
    node, last, rest = _leaf_hash(leaf), count - 1, list(path)
    while last:
        if index & 1 or index < last:
            if not rest:
                return False
            neighbour = rest.pop(0)
            node = _node_hash(neighbour, node) if index & 1 else _node_hash(node, neighbour)
        index >>= 1
        last >>= 1
    return not rest and node == root


def _leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf)


def _node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)


def _levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """All levels from the leaves up. A node without a neighbour rises as it is, which is RFC 6962's tree."""
    levels = [[_leaf_hash(leaf) for leaf in leaves]]
    while len(levels[-1]) > 1:
        below = levels[-1]
        level = [_node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)]
        if len(below) % 2:
            level.append(below[-1])
        levels.append(level)
    return levels
