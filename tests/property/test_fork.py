"""Fork proofs: the real ones convince, changed ones never do unless they are the same proof."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pnode.core.errors import FormatError
from p2pnode.replication.fork import Branch, check_fork_proof, encode_fork_proof
from tests.unit.replication.shelf import chain, key_of

ALICE = key_of("alice")
TRUNK = chain(ALICE, 0, [], 5)


def _branch(common: int, length: int, text: str) -> Branch:
    entries = chain(ALICE, 0, TRUNK[:common], length, text)
    return Branch(tuple(entry.header for entry in entries), entries[-1].signature or b"")


@given(st.integers(0, 5), st.integers(1, 6), st.integers(1, 6))
def test_two_branches_always_convince(common: int, left: int, right: int) -> None:
    proof = encode_fork_proof(_branch(common, left, "one"), _branch(common, right, "other"))
    checked = check_fork_proof(proof)
    assert (checked.author, checked.lane, checked.seq) == (ALICE.public, 0, common)
    assert encode_fork_proof(*checked.branches) == proof


@given(st.integers(0, 5), st.data())
def test_a_changed_proof_convinces_nobody(common: int, data: st.DataObject) -> None:
    proof = bytearray(encode_fork_proof(_branch(common, 2, "one"), _branch(common, 1, "other")))
    position = data.draw(st.integers(0, len(proof) - 1))
    proof[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(FormatError) as caught:
        check_fork_proof(bytes(proof))
    assert caught.value.rule.startswith(("fork.", "entry."))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_by_name(proof: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        check_fork_proof(proof)
    assert caught.value.rule.startswith(("fork.", "entry."))
