"""The trie over state rows: its hash, its proofs, and depths that only an attacker makes."""

import pytest

from p2pnode.consensus import trie
from p2pnode.consensus.trie import (
    EMPTY_ROOT,
    Leaf,
    RootBuilder,
    check_row,
    leaf_of,
    node_of,
    place_of,
    prove,
    update,
    way_to,
)
from p2pnode.core import codec
from p2pnode.core.crypto import sha256
from p2pnode.core.errors import FormatError

ROWS = {b"row\0%d" % number: b"value %d" % number for number in range(40)}
BUILT = update(EMPTY_ROOT, ROWS, {}.__getitem__)
NODES = BUILT.new


def refused(rule: str, *arguments: object) -> None:
    with pytest.raises(FormatError) as caught:
        check_row(*arguments)  # type: ignore[arg-type]
    assert caught.value.rule == rule


def test_j9_a_leaf_is_the_hash_of_both_hashes() -> None:
    built = update(EMPTY_ROOT, {b"k": b"v"}, {}.__getitem__)
    assert built.root == sha256(b"\x00" + sha256(b"k") + sha256(b"v"))
    assert built.new == {built.root: b"\x00" + sha256(b"k") + sha256(b"v")}
    assert built.stale == ()


def test_j9_a_branch_holds_its_bit_its_prefix_and_both_sides() -> None:
    # The hashes of these two keys share their first 4 bits, and part in the next.
    right, left = b"key 0", b"key 15"
    assert (sha256(left)[0] >> 4, sha256(left)[0] >> 3 & 1) == (sha256(right)[0] >> 4, 0)
    assert sha256(right)[0] >> 3 & 1
    built = update(EMPTY_ROOT, {left: b"1", right: b"2"}, {}.__getitem__)
    below = [sha256(leaf_of(key, value).node) for key, value in ((left, b"1"), (right, b"2"))]
    prefix = bytes([sha256(left)[0] & 0xF0])
    assert built.root == sha256(b"\x01\x04" + prefix + below[0] + below[1])


def test_no_rows_have_the_empty_root() -> None:
    gone = update(BUILT.root, dict.fromkeys(ROWS), NODES.__getitem__)
    assert (gone.root, gone.new) == (EMPTY_ROOT, {})
    assert gone.stale == tuple(sorted(NODES))
    assert update(EMPTY_ROOT, {b"never": None}, {}.__getitem__).root == EMPTY_ROOT


def test_a_change_that_changes_nothing_leaves_every_node() -> None:
    same = update(BUILT.root, {**dict(list(ROWS.items())[:5]), b"never": None}, NODES.__getitem__)
    assert (same.root, same.new, same.stale) == (BUILT.root, {}, ())


def test_only_the_way_to_a_change_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trie, "_known", trie._Known())
    read = []

    def node_at(name: bytes) -> bytes:
        read.append(name)
        return NODES[name]

    key = b"row\x007"
    changed = update(BUILT.root, {key: b"other"}, node_at)
    bits, _, _ = way_to(BUILT.root, place_of(sha256(key)), NODES.__getitem__)
    assert len(read) == len(changed.new) == len(changed.stale) == len(bits) + 1
    update(BUILT.root, {key: b"a third"}, node_at)
    assert len(read) == len(changed.stale), "what was read a moment ago is not read again"


def test_j9_every_row_is_proven_and_every_missing_row() -> None:
    for key, value in ROWS.items():
        proof = prove(BUILT.root, key, NODES.__getitem__)
        check_row(BUILT.root, key, value, proof)
        refused("proof.other_root", BUILT.root, key, value + b"!", proof)
        refused("proof.other_root", sha256(BUILT.root), key, value, proof)
        refused("proof.other_root", BUILT.root, key, None, proof)
    for number in range(40, 80):
        key = b"row\0%d" % number
        proof = prove(BUILT.root, key, NODES.__getitem__)
        check_row(BUILT.root, key, None, proof)
        refused("proof.bad_row", BUILT.root, key, b"value", proof)


def test_j9_no_proof_hides_a_row_that_is_there() -> None:
    # Every leaf, with its honest way, offered as the reason why another row should be missing.
    ways = {key: way_to(BUILT.root, place_of(sha256(key)), NODES.__getitem__) for key in ROWS}
    for hidden in ROWS:
        for bits, hashes, leaf in ways.values():
            assert leaf is not None
            forged = codec.encode([bytes(bits), hashes, list(leaf)])
            refused("proof.bad_row", BUILT.root, hidden, None, forged)


def test_an_empty_state_proves_that_nothing_is_there() -> None:
    proof = prove(EMPTY_ROOT, b"k", {}.__getitem__)
    check_row(EMPTY_ROOT, b"k", None, proof)
    refused("proof.other_root", BUILT.root, b"k", None, proof)
    refused("proof.other_root", EMPTY_ROOT, b"k", b"v", proof)
    refused("proof.other_root", EMPTY_ROOT, b"k", None, codec.encode([b"\x00", [bytes(32)], None]))


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        [b"", [], None, None],
        ["", [], None],
        [b"\x01\x00", [bytes(32)] * 2, None],
        [b"\x01\x01", [bytes(32)] * 2, None],
        [b"\x01", [], None],
        [b"\x01", [bytes(31)], None],
        [b"\x01", {}, None],
        [b"", [], [bytes(32)]],
        [b"", [], [bytes(32), bytes(33)]],
        [b"", [], b"leaf"],
    ],
)
def test_a_misshapen_proof_is_refused(value: object) -> None:
    refused("proof.bad_row", BUILT.root, b"k", b"v", codec.encode(value))


def test_a_proof_is_bounded() -> None:
    refused("codec.too_large", BUILT.root, b"k", b"v", bytes(16 * 1024 + 1))
    deepest = codec.encode([bytes(range(256)), [bytes(32)] * 256, None])
    refused("proof.other_root", BUILT.root, b"k", b"v", deepest)


def test_a_damaged_node_is_noticed() -> None:
    name, node = next(iter(NODES.items()))
    flipped = node[:-1] + bytes([node[-1] ^ 1])
    for data in (flipped, node[:-1], node + b"\0", bytes([node[0] ^ 1]) + node[1:], b""):
        with pytest.raises(FormatError, match=r"trie\.bad_node"):
            node_of(data, name)
    for data in (b"\x00", b"\x01\x08" + bytes(64), b"\x01\x09" + bytes(65), b"\x02" + bytes(64)):
        with pytest.raises(FormatError, match=r"trie\.bad_node"):
            node_of(data, sha256(data))


def test_the_deepest_trie_is_walked_and_changed() -> None:
    # Each place differs from zero in another bit: 256 branches one below the other, which no search for
    # hashes reaches.
    places = [0, *(1 << bit for bit in range(256))]
    leaves = [Leaf(place.to_bytes(32, "big"), bytes(32)) for place in places]
    builder = RootBuilder()
    for leaf in leaves:
        builder.add(*leaf.part)
    root = builder.finish()
    nodes = {**builder.new, **{sha256(leaf.node): leaf.node for leaf in leaves}}
    bits, _, found = way_to(root, 0, nodes.__getitem__)
    assert (bits, found) == (list(range(256)), leaves[0])
    added = update(root, {b"k": b"v"}, nodes.__getitem__)
    check_row(added.root, b"k", b"v", prove(added.root, b"k", {**nodes, **added.new}.__getitem__))
    removed = update(added.root, {b"k": None}, {**nodes, **added.new}.__getitem__)
    assert removed.root == root
    assert removed.stale == tuple(sorted(added.new))


def test_parts_come_in_order() -> None:
    builder = RootBuilder()
    builder.add(5, bytes(32))
    for place in (5, 4):
        with pytest.raises(ValueError, match="ascending"):
            builder.add(place, bytes(32))
