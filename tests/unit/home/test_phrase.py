"""The recovery phrase."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pnode.core.errors import UsageError
from p2pnode.governance.inception import recovery_commitment_of
from p2pnode.phrase import new_phrase, recovery_commitment, recovery_key

_ZEROS = " ".join(["abandon"] * 23 + ["art"])
"""Source: test vectors of BIP-39, 256 bits of zeros."""


def test_a_phrase_is_the_bip39_form_of_the_seed() -> None:
    assert recovery_key(_ZEROS).seed == bytes(32)
    assert recovery_key(" ".join(["zoo"] * 23 + ["vote"])).seed == b"\xff" * 32


def test_new_phrases_differ_and_open() -> None:
    one, other = new_phrase(), new_phrase()
    assert len(one.split()) == 24
    assert recovery_key(one).public != recovery_key(other).public


def test_the_commitment_is_the_one_that_an_inception_checks() -> None:
    assert recovery_commitment(_ZEROS) == recovery_commitment_of(recovery_key(_ZEROS).public)


def test_what_a_person_may_write_differently_does_not_matter() -> None:
    words = _ZEROS.split()
    numbered = "\n".join(f"{number}. {word.upper()}" for number, word in enumerate(words, start=1))
    assert recovery_key(numbered).seed == bytes(32)


@pytest.mark.parametrize(
    ("phrase", "rule", "hint"),
    [
        ("", "phrase.word_count", "0 words"),
        (_ZEROS + " art", "phrase.word_count", "25 words"),
        (_ZEROS.replace("art", "artt"), "phrase.unknown_word", "word 24, 'artt'"),
        (_ZEROS.replace("art", "able"), "phrase.checksum", "no recovery phrase"),
    ],
)
def test_a_mistyped_phrase_says_what_is_wrong(phrase: str, rule: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        recovery_key(phrase)
    assert caught.value.rule == rule
    assert hint in caught.value.message
    assert caught.value.remedy


def test_a_mistyped_word_suggests_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        recovery_key(_ZEROS.replace("art", "artt"))
    assert "art" in caught.value.remedy


@given(st.text())
def test_any_text_is_a_phrase_or_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        recovery_key(text)
    with pytest.raises(UsageError):
        recovery_key(_ZEROS[:-3] + text + "q")  # no word of the list ends so
