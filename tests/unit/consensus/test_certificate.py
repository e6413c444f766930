"""Certificates: how many distinct voters of the right configuration signed the right words."""

from dataclasses import replace

import pytest

from p2pnode.consensus.certificate import (
    Convocation,
    Final,
    assemble,
    check_certificate,
    check_final,
    configuration_of_value,
    convocation_of,
)
from p2pnode.consensus.convocation import sign_closing
from p2pnode.consensus.format import Certificate
from p2pnode.core.crypto import SigningKey
from p2pnode.core.errors import FormatError
from tests.vectors.cases.decided import GROUP, Voters, header_of, voters

FIVE = voters(5)
CONFIGURATION = FIVE.configuration
HEADER = header_of(CONFIGURATION)
OTHER = header_of(CONFIGURATION, body_hash=b"\x77" * 32)


def rule_of(certificate: Certificate, **changes: object) -> str | None:
    arguments = {
        "configuration": CONFIGURATION,
        "group": GROUP,
        "epoch": 0,
        "header_id": HEADER.id,
        **changes,
    }
    try:
        check_certificate(certificate, **arguments)  # type: ignore[arg-type]
    except FormatError as error:
        return error.rule
    return None


def rule_of_final(final: Final, signed_by: Voters = FIVE) -> str | None:
    try:
        check_final(final, signed_by.configuration)
    except FormatError as error:
        return error.rule
    return None


@pytest.mark.parametrize(("count", "quorum"), [(1, 1), (3, 2), (4, 3), (5, 4), (7, 5), (21, 14)])
def test_a_quorum_of_distinct_voters_decides_and_one_less_does_not(count: int, quorum: int) -> None:
    some = voters(count)
    header = header_of(some.configuration)
    assert check_final(some.final(header, *range(count - quorum, count)), some.configuration) == "ordinary"
    if quorum > 1:
        assert rule_of_final(some.final(header, *range(quorum - 1)), some) == "certificate.no_quorum"


def test_what_is_assembled_passes_whatever_the_order() -> None:
    votes = FIVE.votes(HEADER, 4, 0, 3, 2)
    certificate = assemble(CONFIGURATION, votes, "F", 0, 0, HEADER.id)
    assert certificate is not None
    assert certificate.signers == (0, 2, 3, 4)
    assert rule_of(certificate) is None
    assert assemble(CONFIGURATION, votes[::-1] + votes, "F", 0, 0, HEADER.id) == certificate


def test_only_votes_that_say_the_same_are_counted() -> None:
    three = FIVE.votes(HEADER, 0, 1, 2)
    stranger = voters(5, seed=b"stranger")
    for fourth in (
        FIVE.votes(HEADER, 2),
        FIVE.votes(OTHER, 3),
        FIVE.votes(HEADER, 3, kind="N"),
        FIVE.votes(HEADER, 3, kind="S"),
        FIVE.votes(HEADER, 3, view=1),
        FIVE.votes(HEADER, 3, attempt=1),
        stranger.votes(HEADER, 3),
    ):
        assert assemble(CONFIGURATION, three + fourth, "F", 0, 0, HEADER.id) is None
    assert assemble(CONFIGURATION, three + FIVE.votes(HEADER, 3), "F", 0, 0, HEADER.id) is not None


def test_j26_all_signatures_are_kept() -> None:
    certificate = assemble(CONFIGURATION, FIVE.votes(HEADER, 0, 1, 2, 3, 4), "F", 0, 0, HEADER.id)
    assert certificate is not None
    assert certificate.signers == (0, 1, 2, 3, 4)
    assert rule_of(certificate) is None


def test_votes_of_two_heights_are_a_fault_of_the_caller() -> None:
    higher = replace(FIVE.vote(3, HEADER), height=2)
    votes = [*FIVE.votes(HEADER, 0, 1, 2), (CONFIGURATION.voters[3][0], higher)]
    with pytest.raises(ValueError, match="several heights"):
        assemble(CONFIGURATION, votes, "F", 0, 0, HEADER.id)


def test_a_skip_certificate_names_no_block() -> None:
    certificate = assemble(CONFIGURATION, FIVE.votes(HEADER, 0, 1, 2, 3, kind="S"), "S", 0, 0, b"")
    assert certificate is not None
    assert rule_of(certificate, header_id=b"", kind="S") is None
    assert rule_of(certificate) == "certificate.other_block"


def test_each_part_of_a_certificate_counts() -> None:
    good = FIVE.certificate(HEADER)
    assert rule_of(good) is None
    assert rule_of(good, header_id=OTHER.id) == "certificate.other_block"
    assert rule_of(good, kind="N") == "certificate.other_block"
    assert rule_of(good, group=b"\x01" * 32) == "certificate.bad_signature"
    assert rule_of(good, epoch=1) == "certificate.bad_signature"
    assert rule_of(good, quorum=5) == "certificate.no_quorum"
    assert rule_of(good, quorum=4) is None
    others = voters(5, seed=b"stranger").configuration
    assert rule_of(good, configuration=others) == "certificate.bad_signature"
    for part, value in (("height", 2), ("attempt", 1), ("view", 1)):
        assert rule_of(replace(good, **{part: value})) == "certificate.bad_signature"
    swapped = (good.signatures[1], good.signatures[0], *good.signatures[2:])
    assert rule_of(replace(good, signatures=swapped)) == "certificate.bad_signature"
    assert rule_of(replace(good, signers=(0, 1, 2, 5))) == "certificate.unknown_signer"


@pytest.mark.parametrize("signers", [(), (0, 0, 0, 0), (0, 0, 1, 2), (3, 2, 1, 0), (0, 1, 2)])
def test_a_voter_is_counted_once(signers: tuple[int, ...]) -> None:
    good = FIVE.certificate(HEADER)
    assert rule_of(replace(good, signers=signers)) == "certificate.bad_field"


def test_one_bad_signature_spoils_a_certificate_even_beyond_the_quorum() -> None:
    all_five = FIVE.certificate(HEADER, 0, 1, 2, 3, 4)
    spoiled = (*all_five.signatures[:4], bytes(64))
    assert rule_of(replace(all_five, signatures=spoiled)) == "certificate.bad_signature"


def test_a_final_block_belongs_to_its_configuration_and_height() -> None:
    good = FIVE.final(HEADER)
    assert rule_of_final(good) is None
    later = voters(5, epoch=1)
    assert rule_of_final(good, later) == "certificate.other_configuration"
    lenient = voters(5, lying_voters=0)
    assert rule_of_final(good, lenient) == "certificate.other_configuration"
    early = replace(HEADER, epoch=1)
    assert rule_of_final(FIVE.final(early)) == "certificate.other_configuration"
    higher = replace(HEADER, height=2)
    certificate = replace(FIVE.certificate(higher), height=1)
    assert rule_of_final(Final(higher, certificate)) == "certificate.other_height"
    assert rule_of_final(Final(OTHER, good.certificate)) == "certificate.other_block"
    notarized = Final(HEADER, FIVE.certificate(HEADER, kind="N"))
    assert rule_of_final(notarized) == "certificate.other_block"


def test_j32_a_majority_decides_only_with_the_closes_of_a_majority() -> None:
    convoked = FIVE.convoked(HEADER)
    assert len(convoked.certificate.signers) == 3
    assert check_final(convoked, CONFIGURATION) == "convoked"
    assert convoked.convocation is not None
    closes = convoked.convocation.closes
    assert rule_of_final(replace(convoked, convocation=None)) == "certificate.no_closes"
    assert rule_of_final(replace(FIVE.final(HEADER), convocation=convoked.convocation)) == (
        "certificate.no_closes"
    )
    two = Convocation(closes[:2], None)
    assert rule_of_final(replace(convoked, convocation=two)) == "certificate.no_closes"
    forged = Convocation((*closes[:2], replace(closes[2], signer=3)), None)
    assert rule_of_final(replace(convoked, convocation=forged)) == "certificate.bad_close"
    unknown = Convocation((*closes[:2], replace(closes[2], signer=5)), None)
    assert rule_of_final(replace(convoked, convocation=unknown)) == "certificate.bad_close"
    third = Final(HEADER, FIVE.certificate(HEADER, attempt=2), convoked.convocation)
    assert rule_of_final(third) == "certificate.other_height"


def test_a_close_is_counted_once() -> None:
    convoked = FIVE.convoked(HEADER)
    assert convoked.convocation is not None
    same = Convocation(convoked.convocation.closes[:1] * 3, None)
    assert rule_of_final(replace(convoked, convocation=same)) == "certificate.bad_close"


def test_j32_the_highest_lock_names_the_block() -> None:
    plain = FIVE.convoked(HEADER)
    low = FIVE.close(0, HEADER, 0, OTHER.id)
    high = FIVE.close(1, HEADER, 1, HEADER.id)
    none = FIVE.close(2, HEADER)
    shown = FIVE.certificate(HEADER, kind="N", view=1)

    def rule(*closes: object, lock: Certificate | None = shown) -> str | None:
        return rule_of_final(replace(plain, convocation=Convocation(closes, lock)))  # type: ignore[arg-type]

    assert rule(low, high, none) is None
    assert rule(low, high, none, lock=None) == "certificate.other_lock"
    assert rule(low, FIVE.close(1, HEADER), none) == "certificate.other_lock"
    assert rule(FIVE.close(0, HEADER, 2, OTHER.id), high, none) == "certificate.other_lock"
    assert rule(FIVE.close(0, HEADER), FIVE.close(1, HEADER), none) == "certificate.other_lock"
    assert rule(low, FIVE.close(1, HEADER, 1, OTHER.id), none) == "certificate.other_lock"
    view_0 = FIVE.certificate(HEADER, kind="N", view=0)
    assert rule(low, high, none, lock=view_0) == "certificate.other_lock"
    final = FIVE.certificate(HEADER, view=1)
    assert rule(low, high, none, lock=final) == "certificate.other_block"
    few = FIVE.certificate(HEADER, 0, 1, 2, kind="N", view=1)
    assert rule(low, high, none, lock=few) == "certificate.no_quorum"


def test_closes_make_what_a_second_attempt_rests_on() -> None:
    notarized = FIVE.certificate(HEADER, kind="N", view=3)
    members = [member for member, _ in CONFIGURATION.voters]
    closes = {
        members[4]: sign_closing(FIVE.keys[4], GROUP, 0, 1, None),
        members[1]: sign_closing(FIVE.keys[1], GROUP, 0, 1, notarized),
    }
    assert convocation_of(CONFIGURATION, closes) is None
    stranger = SigningKey(b"\x31" * 32)
    closes[b"\x31" * 32] = sign_closing(stranger, GROUP, 0, 1, None)
    assert convocation_of(CONFIGURATION, closes) is None
    closes[members[0]] = sign_closing(FIVE.keys[0], GROUP, 0, 1, None)
    convocation = convocation_of(CONFIGURATION, closes)
    assert convocation is not None
    assert [close.signer for close in convocation.closes] == [0, 1, 4]
    assert convocation.lock == notarized
    second = FIVE.certificate(HEADER, attempt=1)
    assert check_final(Final(HEADER, second, convocation), CONFIGURATION) == "convoked"


def test_a_configuration_is_written_and_read() -> None:
    value = CONFIGURATION.value
    assert configuration_of_value(value) == CONFIGURATION
    (member, key), (other_member, other_key), *_ = value[0]
    for bad in (
        [],
        [[], 0, bytes(32), 0, []],
        value[:4],
        [*value[:4], [bytes(32)]],
        [*value[:4], [bytes(31)] * len(value[0])],
        [value[0][::-1], *value[1:]],
        [[[member, key], [member, other_key]], *value[1:]],
        [[[member, key], [other_member, key]], 0, *value[2:]],
        [[[member, bytes(32)]], 0, *value[2:]],
        [value[0], 5, *value[2:]],
        [value[0], True, *value[2:]],
        [value[0], 1, bytes(31), 0, []],
        [value[0], 1, bytes(32), -1, []],
    ):
        with pytest.raises(FormatError, match=r"configuration\.bad_field"):
            configuration_of_value(bad)
