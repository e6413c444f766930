"""The written forms of agreement."""

from dataclasses import replace

import pytest

from p2pnode.consensus import format as agreement
from p2pnode.consensus.format import Body, Configuration, CutEntry, Vote
from p2pnode.consensus.merkle import audit_path, is_leaf_of, merkle_root
from p2pnode.core import codec
from p2pnode.core.errors import FormatError
from tests.vectors.cases.material import ALICE, BOB, CIRCLE

LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]


def test_j8_roots_are_those_of_rfc_6962() -> None:
    # Published with the reference implementation of certificate transparency.
    assert merkle_root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle_root(LEAVES[:1]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert merkle_root(LEAVES[:3]).hex() == "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
    assert merkle_root(LEAVES).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@pytest.mark.parametrize("count", range(1, 9))
def test_j8_every_leaf_is_proven_and_nothing_else(count: int) -> None:
    leaves = LEAVES[:count]
    root = merkle_root(leaves)
    for index, leaf in enumerate(leaves):
        path = audit_path(leaves, index)
        assert is_leaf_of(root, leaf, index, count, path)
        assert not is_leaf_of(root, leaf + b"x", index, count, path)
        assert not is_leaf_of(root, leaf, index + 1, count, path)
        assert not is_leaf_of(root, leaf, index, count, [*path, bytes(32)])
        if path:
            assert not is_leaf_of(root, leaf, index, count, path[:-1])
    with pytest.raises(IndexError):
        audit_path(leaves, count)


def test_j8_the_cut_root_does_not_depend_on_the_order_of_arrival() -> None:
    cut = [
        CutEntry(ALICE.public, 0, 1, bytes(32)),
        CutEntry(ALICE.public, 2, 0, bytes(32)),
        CutEntry(BOB.public, 0, 3, bytes(32)),
    ]
    assert agreement.cut_root(cut) == agreement.cut_root(cut[::-1])
    assert agreement.cut_root(cut) != agreement.cut_root(cut[:2])


def test_j8_one_outcome_is_provable() -> None:
    outcomes = [(bytes([number]) * 32, "" if number else "invite.spent") for number in range(5)]
    leaves = [codec.encode(list(outcome)) for outcome in outcomes]
    root = agreement.ops_root(outcomes)
    assert is_leaf_of(root, leaves[0], 0, 5, audit_path(leaves, 0))


def test_j8_the_cut_holds_facts_only() -> None:
    with pytest.raises(FormatError, match=r"body\.bad_cut"):
        agreement.encode_body(Body((CutEntry(ALICE.public, 1, 0, bytes(32)),), (), None))


def test_votes_are_bound_to_group_epoch_and_place() -> None:
    vote = Vote(3, 0, 1, "F", b"\x01" * 32, b"")
    vote = replace(vote, signature=agreement.sign_vote(ALICE, CIRCLE.group, 1, vote))
    assert agreement.is_vote_signed(ALICE.public, CIRCLE.group, 1, vote)
    assert not agreement.is_vote_signed(BOB.public, CIRCLE.group, 1, vote)
    assert not agreement.is_vote_signed(ALICE.public, bytes(32), 1, vote)
    assert not agreement.is_vote_signed(ALICE.public, CIRCLE.group, 2, vote)
    changed = (
        replace(vote, height=4), replace(vote, attempt=1), replace(vote, view=2), replace(vote, kind="N"),
        replace(vote, block=bytes(32)),
    )  # fmt: skip
    assert not any(agreement.is_vote_signed(ALICE.public, CIRCLE.group, 1, other) for other in changed)


@pytest.mark.parametrize(
    ("voters", "liars", "quorum"),
    [
        (1, 0, 1),
        (2, 0, 2),
        (3, 0, 2),
        (4, 1, 3),
        (5, 1, 4),
        (6, 1, 4),
        (7, 2, 5),
        (10, 3, 7),
        (20, 6, 14),
        (200, 66, 134),
    ],
)
def test_quorums_share_an_honest_voter(voters: int, liars: int, quorum: int) -> None:
    named = tuple((number.to_bytes(32, "big"), ALICE.public) for number in range(voters))
    assert Configuration(named, liars, bytes(32), 1).quorum == quorum
    assert 2 * quorum - voters > liars


def test_a_configuration_is_named_by_everything_in_it() -> None:
    one = Configuration(((bytes(32), ALICE.public),), 0, bytes(32), 1)
    others = (
        replace(one, lying_voters=1),
        replace(one, epoch=2),
        replace(one, charter_hash=b"\x01" * 32),
        replace(one, voters=()),
    )
    assert len({one.hash, *(other.hash for other in others)}) == 5
