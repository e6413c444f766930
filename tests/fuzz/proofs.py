"""How targets read what can be checked without a log: claims in one array with what shows them."""

from __future__ import annotations

from typing import Any

from p2pnode import proving
from p2pnode.consensus import certificate, faults, snapshot, trie
from p2pnode.consensus.proof import Proven
from p2pnode.core import codec
from p2pnode.core.crypto import sha256
from p2pnode.core.errors import FormatError


def _claimed(data: bytes, *kinds: tuple[type, ...]) -> list[Any]:
    parts = codec.decode(data)
    if type(parts) is not list or len(parts) != len(kinds):
        raise FormatError("vector.not_typed", "an array of claims and a proof")
    if not all(type(part) in kind for part, kind in zip(parts, kinds, strict=True)):
        raise FormatError("vector.not_typed", "an array of claims and a proof")
    return parts


def read_node(data: bytes) -> trie.Leaf | trie.Branch:
    """A node under the name that it has."""
    return trie.node_of(data, sha256(data))


def node_facts(node: trie.Leaf | trie.Branch) -> dict[str, Any]:
    facts: dict[str, Any] = {
        name: value.hex() if isinstance(value, bytes) else value for name, value in node._asdict().items()
    }
    return {**facts, "place": f"{node.place:064x}"} if isinstance(node, trie.Branch) else facts


def read_row(data: bytes) -> None:
    """Read [root, key, value or nil, proof]."""
    trie.check_row(*_claimed(data, (bytes,), (bytes,), (bytes, type(None)), (bytes,)))


def read_chunk(data: bytes) -> snapshot.Chunk:
    """Read [root, key hash or nil, chunk]."""
    return snapshot.check_chunk(*_claimed(data, (bytes,), (bytes, type(None)), (bytes,))).chunk


def chunk_facts(chunk: snapshot.Chunk) -> dict[str, Any]:
    return {"keys": [key.hex() for key, _ in chunk.rows], "is_last": chunk.is_last}


def read_final(data: bytes) -> tuple[certificate.Final, str]:
    """Read [configuration, final]."""
    configuration, final = _claimed(data, (list,), (list,))
    block = certificate.final_of_value(final)
    return block, certificate.check_final(block, certificate.configuration_of_value(configuration))


def final_facts(read: tuple[certificate.Final, str]) -> dict[str, Any]:
    return {"block": read[0].header.id.hex(), "finality": read[1]}


def schism_facts(schism: faults.Schism) -> dict[str, Any]:
    return {"culprits": [member.hex() for member in faults.culprits(schism)]}


def read_proof_from_block(data: bytes) -> Proven:
    """Read [trusted block's id, proof]."""
    trusted, proof = _claimed(data, (bytes,), (bytes,))
    return proving.verify_proof(proof, trusted)


def proof_facts(proven: Proven) -> dict[str, Any]:
    outcome, row = proven.outcome, proven.row
    return {
        "group": proven.group.hex(),
        "height": proven.header.height,
        "block": proven.header.id.hex(),
        "finality": proven.finality,
        "weak": [height for height, _ in proven.weak],
        "configuration": proven.configuration.hash.hex(),
        "outcome": None if outcome is None else [outcome.entry.id.hex(), outcome.rule],
        "row": None if row is None else [row.key.hex(), None if row.value is None else row.value.hex()],
    }
