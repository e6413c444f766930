"""Fork proofs: they convince when both branches are signed, and only then."""

from typing import Any

import msgspec
import pytest

from p2pnode.core.crypto import ZERO_HASH, sha256
from p2pnode.core.entry import Header, sign_entry
from p2pnode.core.errors import FormatError
from p2pnode.replication.fork import Branch, check_fork_proof, encode_fork_proof
from p2pnode.replication.run import StoredEntry
from tests.unit.replication.shelf import GROUP, START_MS, chain, key_of

ALICE = key_of("alice")


def _branches(common: int = 3, left: int = 1, right: int = 1) -> tuple[list[StoredEntry], list[StoredEntry]]:
    trunk = chain(ALICE, 0, [], common)
    return chain(ALICE, 0, trunk, left, "one"), chain(ALICE, 0, trunk, right, "other")


def _branch(entries: list[StoredEntry]) -> Branch:
    return Branch(tuple(entry.header for entry in entries), entries[-1].signature or b"")


def _rule(proof: bytes) -> str:
    with pytest.raises(FormatError) as caught:
        check_fork_proof(proof)
    return caught.value.rule


def test_a_proof_names_the_place_whatever_the_order_of_its_branches() -> None:
    left, right = map(_branch, _branches(common=3))
    proof = encode_fork_proof(left, right)
    assert proof == encode_fork_proof(right, left)
    checked = check_fork_proof(proof)
    assert checked[:4] == (GROUP, ALICE.public, 0, 3)
    assert {branch.headers for branch in checked.branches} == {left.headers, right.headers}
    assert len(proof) < 600


def test_j5_the_nearest_valid_signature_may_be_512_entries_away() -> None:
    left, right = _branches(common=0, left=512)
    proof = encode_fork_proof(_branch(left), _branch(right))
    assert check_fork_proof(proof).seq == 0
    too_long, _ = _branches(common=0, left=513)
    assert _rule(encode_fork_proof(_branch(too_long), _branch(right))) == "fork.bad_format"


def test_j5_the_halves_must_differ() -> None:
    left, _ = _branches(left=2)
    assert _rule(encode_fork_proof(_branch(left), _branch(left[:1]))) == "fork.same_branch"


def test_branches_must_start_in_one_place() -> None:
    left, right = _branches(left=2, right=2)
    assert _rule(encode_fork_proof(_branch(left), _branch(right[1:]))) == "fork.bad_place"
    # One seq, but an earlier entry differs already: not the first difference.
    assert _rule(encode_fork_proof(_branch(left[1:]), _branch(right[1:]))) == "fork.bad_place"


def test_branches_must_be_chains() -> None:
    left, right = _branches(left=3)
    assert _rule(encode_fork_proof(_branch([left[0], left[2]]), _branch(right))) == "fork.bad_branch"


def test_both_branches_must_be_signed() -> None:
    left, right = map(_branch, _branches())
    assert _rule(encode_fork_proof(left._replace(signature=bytes(64)), right)) == "fork.bad_signature"
    assert _rule(encode_fork_proof(left._replace(signature=right.signature), right)) == "fork.bad_signature"


def test_the_form_is_unique() -> None:
    proof = encode_fork_proof(*map(_branch, _branches()))
    fields: list[Any] = msgspec.msgpack.decode(proof)
    assert _rule(msgspec.msgpack.encode([fields[0], *fields[3:5], *fields[1:3]])) == "fork.bad_order"
    assert _rule(msgspec.msgpack.encode([*fields, 1])) == "fork.bad_format"
    assert _rule(b"\xdc\x00\x05" + proof[1:]) == "fork.bad_format"
    assert _rule(bytes(2 << 20)) == "fork.too_large"


def test_founding_entries_are_exempt() -> None:
    def founding(time_ms: int) -> Branch:
        header = Header(
            1, ZERO_HASH, ALICE.public, 0, 0, ZERO_HASH, 0, time_ms, (), "group.found", 0, ZERO_HASH
        )
        entry = sign_entry(ALICE, header, b"")
        assert entry.signature is not None
        return Branch((entry.header_bytes,), entry.signature)

    assert _rule(encode_fork_proof(founding(START_MS), founding(START_MS + 1))) == "fork.bad_place"


def test_an_empty_branch_is_a_fault_of_the_caller() -> None:
    left, _ = map(_branch, _branches())
    with pytest.raises(ValueError, match="at least one header"):
        encode_fork_proof(left, Branch((), bytes(64)))
    assert sha256(left.headers[0]) != ZERO_HASH
