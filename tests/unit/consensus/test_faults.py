"""Provable faults: contradicting votes, two final blocks, and who signed both ways."""

from dataclasses import replace
from itertools import permutations

import pytest

from p2pnode.consensus.certificate import Convocation, Final
from p2pnode.consensus.faults import (
    EVIDENCE_MAX,
    DoubleVote,
    Schism,
    certificates_in,
    contradict,
    culprits,
    decode_double_vote,
    decode_schism,
    double_votes,
    encode_double_vote,
    encode_schism,
    schism_of,
)
from p2pnode.consensus.format import Kind
from p2pnode.core import codec
from p2pnode.core.errors import FormatError
from tests.vectors.cases.decided import GROUP, Voters, header_of, voters

FOUR = voters(4)
CONFIGURATION = FOUR.configuration
ONE, OTHER = sorted(
    (header_of(CONFIGURATION, body_hash=bytes([number]) * 32) for number in (1, 2)),
    key=lambda header: header.id,
)


def members(*signers: int, some: Voters = FOUR) -> tuple[bytes, ...]:
    return tuple(some.configuration.voters[signer][0] for signer in signers)


def made(*finals: Final, evidence: tuple[object, ...] = (), some: Voters = FOUR) -> Schism:
    """A schism after it went through a file."""
    schism = Schism(some.configuration, finals, evidence)  # type: ignore[arg-type]
    return decode_schism(encode_schism(schism))


def refused(rule: str, schism: Schism) -> None:
    with pytest.raises(FormatError) as caught:
        encode_schism(schism)
    assert caught.value.rule == rule


@pytest.mark.parametrize(
    ("one", "other", "is_contradiction"),
    [
        ("N", "N", True),
        ("F", "F", True),
        ("S", "F", True),
        ("F", "S", True),
        ("N", "F", False),
        ("N", "S", False),
        ("S", "S", False),
    ],
)
def test_what_contradicts_in_one_view(one: Kind, other: Kind, is_contradiction: bool) -> None:
    first, second = FOUR.vote(0, ONE, one), FOUR.vote(0, OTHER, other)
    assert contradict(first, second) == contradict(second, first) == is_contradiction
    assert not contradict(first, FOUR.vote(0, OTHER, other, view=1))
    assert not contradict(first, FOUR.vote(0, OTHER, other, attempt=1))
    assert not contradict(first, replace(second, height=2))
    assert not contradict(first, FOUR.vote(0, ONE, one))


def test_double_votes_are_found_in_any_order() -> None:
    votes = [
        *FOUR.votes(ONE, 0, 1, 2, kind="N"),
        *FOUR.votes(ONE, 0, 1, 2, kind="F"),
        *FOUR.votes(OTHER, 3, kind="N"),
        *FOUR.votes(OTHER, 1, kind="N"),
        *FOUR.votes(OTHER, 2, 3, kind="S"),
        *FOUR.votes(OTHER, 0, kind="N", view=1),
    ]
    found = double_votes(votes)
    assert tuple(voter for voter, _, _ in found) == members(1, 2)
    assert [(one.kind, other.kind) for _, one, other in found] == [("N", "N"), ("F", "S")]
    assert all(double_votes(order) == found for order in list(permutations(votes[:6] + votes[7:9]))[::5000])
    assert double_votes(votes[::-1]) == found


def test_a_double_vote_is_a_file() -> None:
    votes = (FOUR.vote(2, OTHER, "N"), FOUR.vote(2, ONE, "N"))
    fault = DoubleVote(GROUP, 0, FOUR.keys[2].public, votes)
    data = encode_double_vote(fault)
    assert decode_double_vote(data) == replace(fault, votes=votes[::-1])
    for rule, changed in (
        ("fault.no_contradiction", replace(fault, votes=(FOUR.vote(2, ONE, "N"), FOUR.vote(2, ONE, "F")))),
        ("fault.bad_field", replace(fault, votes=votes[:1] * 2)),
        ("fault.bad_signature", replace(fault, key=FOUR.keys[1].public)),
        ("fault.bad_signature", replace(fault, epoch=1)),
        ("fault.bad_signature", replace(fault, group=bytes(32))),
        ("fault.bad_field", replace(fault, key=bytes(32))),
    ):
        with pytest.raises(FormatError) as caught:
            encode_double_vote(changed)
        assert caught.value.rule == rule


def test_two_final_blocks_of_one_view_name_whoever_signed_both() -> None:
    schism = made(FOUR.final(OTHER, 1, 2, 3), FOUR.final(ONE, 0, 1, 2))
    assert [final.header for final in schism.finals] == [ONE, OTHER]
    assert culprits(schism) == members(1, 2)


def test_i11_the_evidence_names_the_liars_of_two_views_and_nobody_else() -> None:
    # Voters 0 and 1 lie, one more than four can stand. Voter 2 finalizes in view 0; 3 is cut off, sees the
    # view skipped with the help of the liars, and finalizes another block in view 1.
    lies = [
        *FOUR.votes(ONE, 0, 1, 2, kind="N"),
        *FOUR.votes(ONE, 0, 1, 2, kind="F"),
        *FOUR.votes(ONE, 0, 1, 3, kind="S"),
        *FOUR.votes(OTHER, 0, 1, 3, kind="N", view=1),
        *FOUR.votes(OTHER, 0, 1, 3, kind="F", view=1),
    ]
    finals = (FOUR.final(ONE, 0, 1, 2), FOUR.final(OTHER, 0, 1, 3, view=1))
    assert culprits(made(*finals)) == ()
    assert culprits(schism_of(CONFIGURATION, *finals, lies)) == members(0, 1)
    evidence = certificates_in(CONFIGURATION, lies)
    assert [(item.kind, item.view) for item in evidence] == [("F", 0), ("N", 0), ("S", 0), ("F", 1), ("N", 1)]
    assert culprits(made(*finals, evidence=evidence)) == members(0, 1)


def test_r8_whoever_closed_with_less_than_it_finalized_is_named() -> None:
    five = voters(5)
    one, other = (header_of(five.configuration, body_hash=bytes([number]) * 32) for number in (1, 2))
    first = five.final(one, 0, 1, 2, 3, view=2)
    closes = (
        five.close(0, other),
        five.close(1, other, 1, other.id),
        five.close(4, other),
    )
    shown = five.certificate(other, 0, 1, 2, 4, kind="N", view=1)
    second = Final(other, five.certificate(other, 0, 1, 4, attempt=1), Convocation(closes, shown))
    # Voter 4 finalized nothing in the first attempt; 2 and 3 did not close.
    assert culprits(made(first, second, some=five)) == members(0, 1, some=five)


def test_evidence_is_bounded() -> None:
    votes = [vote for view in range(100) for vote in FOUR.votes(ONE, 0, 1, 2, kind="S", view=view)]
    schism = schism_of(CONFIGURATION, FOUR.final(ONE, view=100), FOUR.final(OTHER, view=101), votes)
    assert [item.view for item in schism.evidence] == list(range(EVIDENCE_MAX))
    encode_schism(schism)


def test_a_schism_needs_two_final_blocks_of_one_height() -> None:
    good = Schism(CONFIGURATION, (FOUR.final(ONE), FOUR.final(OTHER)))
    encode_schism(good)
    refused("schism.no_schism", replace(good, finals=(FOUR.final(ONE), FOUR.final(ONE, 1, 2, 3))))
    higher = header_of(CONFIGURATION, height=2)
    refused("schism.no_schism", replace(good, finals=(FOUR.final(ONE), FOUR.final(higher))))
    foreign = header_of(CONFIGURATION, group=b"\x01" * 32)
    refused("schism.no_schism", replace(good, finals=(FOUR.final(ONE), FOUR.final(foreign))))
    few = Final(OTHER, FOUR.certificate(OTHER, 0, 1))
    refused("certificate.no_quorum", replace(good, finals=(FOUR.final(ONE), few)))
    refused("certificate.other_configuration", replace(good, configuration=voters(5).configuration))
    skipped = FOUR.certificate(ONE, kind="S")
    refused("schism.bad_field", replace(good, evidence=(skipped, skipped)))
    refused("schism.bad_field", replace(good, evidence=(replace(skipped, height=2),)))
    forged = replace(skipped, signatures=skipped.signatures[::-1])
    refused("certificate.bad_signature", replace(good, evidence=(forged,)))


def test_a_schism_in_the_wrong_order_is_refused() -> None:
    data = encode_schism(Schism(CONFIGURATION, (FOUR.final(ONE), FOUR.final(OTHER))))
    version, configuration, one, other, evidence = codec.decode(data)
    for value in (
        [version, configuration, other, one, evidence],
        [2, configuration, one, other, evidence],
        [True, configuration, one, other, evidence],
        [version, configuration, one, other, [one] * 65],
        [version, configuration, one, other],
    ):
        with pytest.raises(FormatError, match=r"^schism\."):
            decode_schism(codec.encode(value))
