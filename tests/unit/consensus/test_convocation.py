"""Answers to a roll call and closes."""

from dataclasses import replace

import pytest

from p2pnode.consensus import convocation
from p2pnode.consensus.convening import is_closing_shown
from p2pnode.consensus.convocation import Closing, Convocation, RollAnswer
from p2pnode.consensus.format import Certificate, Configuration, Vote, sign_vote
from p2pnode.consensus.rules import Lock
from p2pnode.core.crypto import SigningKey
from p2pnode.core.errors import FormatError

A, B, C, D, E = (bytes([number]) * 32 for number in range(1, 6))
X, Y = b"\x58" * 32, b"\x59" * 32
_KEY = SigningKey(b"\x09" * 32)
_GROUP = b"\x67" * 32


def _certificate(view: int, block: bytes) -> Certificate:
    return Certificate(7, 0, view, "N", block, (0, 2), (b"\x01" * 64, b"\x02" * 64))


def _closing(lock: Lock | None = None) -> Closing:
    certificate = None if lock is None else _certificate(*lock)
    return convocation.sign_closing(_KEY, _GROUP, 3, 7, certificate)


def test_what_is_written_is_read() -> None:
    assert convocation.decode_roll(convocation.encode_roll(RollAnswer(7))) == RollAnswer(7)
    for closing in (_closing(), _closing(Lock(2, X))):
        assert convocation.decode_closing(convocation.encode_closing(closing)) == closing


def test_a_close_is_signed_for_one_group_epoch_height_and_lock() -> None:
    closing = _closing(Lock(2, X))
    configuration = Configuration(
        ((A, _KEY.public), (B, SigningKey(b"\x08" * 32).public)), 0, b"\x63" * 32, 3
    )
    assert convocation.is_closing_said(configuration, 0, _GROUP, closing)
    assert not convocation.is_closing_said(replace(configuration, epoch=4), 0, _GROUP, closing)
    assert not convocation.is_closing_said(configuration, 0, b"\x68" * 32, closing)
    assert not convocation.is_closing_said(configuration, 1, _GROUP, closing)
    for other in (replace(closing, height=8), replace(closing, lock=Lock(1, X)), replace(closing, lock=None)):
        assert not convocation.is_closing_said(configuration, 0, _GROUP, other)


def test_a_close_does_not_say_more_than_its_certificate() -> None:
    with pytest.raises(FormatError, match=r"close\.other_lock"):
        convocation.encode_closing(replace(_closing(Lock(2, X)), lock=Lock(3, X)))
    with pytest.raises(FormatError, match=r"close\.bad_field"):
        convocation.encode_closing(replace(_closing(), lock=Lock(3, X)))


def test_r8_answers_of_voters_are_kept_and_the_first_stays() -> None:
    roll = Convocation((A, B, C))
    roll.add_roll(B, 10)
    roll.add_roll(B, 5)
    roll.add_roll(D, 1)
    assert roll.answers == {B: 10}
    assert roll.silent() == (A, C)


def test_r9_a_majority_of_closes_reopens_and_outsiders_do_not_help() -> None:
    closes = Convocation((A, B, C, D, E))
    for member in (A, B, b"\x06" * 32, b"\x07" * 32, B):
        closes.add_close(member, _closing())
    assert not closes.is_reopened
    closes.add_close(E, _closing())
    assert closes.is_reopened
    assert closes.closed == (A, B, E)


def test_j32_the_lock_only_rises() -> None:
    closes = Convocation((A, B, C))
    seen = []
    for member, lock in (
        (A, None),
        (B, Lock(0, X)),
        (C, None),
        (B, Lock(2, Y)),
        (B, Lock(1, X)),
        (A, Lock(0, X)),
    ):
        closes.add_close(member, _closing(lock))
        seen.append(closes.lock)
    assert seen == [None, Lock(0, X), Lock(0, X), Lock(2, Y), Lock(2, Y), Lock(2, Y)]


def test_j32_a_decision_shows_the_closes_it_rests_on() -> None:
    closes = Convocation((A, B, C, D, E))
    for member, lock in ((E, None), (A, Lock(1, X)), (C, Lock(0, Y))):
        closes.add_close(member, _closing(lock))
    assert [voter for voter, _ in closes.closes_for(X)] == [A, C, E]
    # A higher lock for another block came late: the decision for X rests on those before it.
    closes.add_close(D, _closing(Lock(2, Y)))
    assert [voter for voter, _ in closes.closes_for(X)] == [A, C, E]
    assert [voter for voter, _ in closes.closes_for(Y)] == [A, C, D, E]


def test_j32_a_decision_without_enough_closes_of_its_own_is_not_shown() -> None:
    closes = Convocation((A, B, C))
    closes.add_close(A, _closing())
    closes.add_close(B, _closing(Lock(0, X)))
    assert closes.closes_for(Y) == ()
    # A liar's two closes: others decided on the one without a lock.
    closes.add_close(B, _closing())
    assert [(voter, closing.lock) for voter, closing in closes.closes_for(Y)] == [(A, None), (B, None)]
    assert [(voter, closing.lock) for voter, closing in closes.closes_for(X)] == [(A, None), (B, Lock(0, X))]


def test_r9_a_lock_counts_only_with_a_certificate_that_verifies() -> None:
    keys = [SigningKey(bytes([number]) * 32) for number in (1, 2, 3)]
    voters = tuple((member, key.public) for member, key in zip((A, B, C), keys, strict=True))
    configuration = Configuration(voters, 0, b"\x63" * 32, 3)

    def signed(signers: tuple[int, ...], block: bytes, attempt: int = 0) -> Certificate:
        unsigned = Vote(7, attempt, 2, "N", block, b"")
        signatures = tuple(sign_vote(keys[signer], _GROUP, 3, unsigned) for signer in signers)
        return Certificate(7, attempt, 2, "N", block, signers, signatures)

    def is_shown(closing: Closing) -> bool:
        return is_closing_shown(closing, A, configuration, _GROUP)

    good = convocation.sign_closing(keys[0], _GROUP, 3, 7, signed((0, 2), X))
    assert is_shown(good)
    assert is_shown(convocation.sign_closing(keys[0], _GROUP, 3, 7, None))
    assert not is_shown(convocation.sign_closing(keys[1], _GROUP, 3, 7, None)), "another voter's"
    assert not is_shown(convocation.sign_closing(keys[0], _GROUP, 3, 7, signed((0,), X))), "no quorum"
    assert not is_shown(convocation.sign_closing(keys[0], _GROUP, 3, 7, signed((0, 2), X, attempt=1)))
    forged = replace(signed((0, 2), X), block=Y)
    assert not is_shown(convocation.sign_closing(keys[0], _GROUP, 3, 7, forged)), "votes for another block"
    assert not is_shown(replace(good, certificate=None)), "a lock without a certificate"
    assert not is_shown(replace(good, certificate=signed((0, 2), Y)))
