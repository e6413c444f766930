"""Sealing a seed under a passphrase."""

import pytest
from nacl.pwhash import argon2id

from p2pnode.core.errors import StoreError
from p2pnode.sealing import ORDINARY_EFFORT, Effort, SealedSeed, open_seed, seal_seed

_SEED = bytes(range(32))
_FIRST = (
    "0000000000000000000000000000000000000000000000008e7313cce83c504aaea913420ec76994"
    "56b1d8ab47157b132514a6c58749ef3de2dd14f77afb34389e69b0f459707a86"
)


def test_the_ordinary_effort_is_at_least_what_the_recommendation_says() -> None:
    assert ORDINARY_EFFORT.memory_bytes >= 64 * 2**20
    assert ORDINARY_EFFORT.passes >= 3


def test_two_sealings_of_one_seed_differ_and_both_open() -> None:
    one, other = (seal_seed(_SEED, "x", Effort(1, 8192)) for _ in range(2))
    assert one.sealed != other.sealed
    assert one.salt != other.salt
    assert open_seed(one, "x") == open_seed(other, "x") == _SEED
    assert open_seed(one, "y") is None


def test_a_sealed_seed_survives_its_fields() -> None:
    sealed = seal_seed(_SEED, "x", Effort(1, 8192))
    assert SealedSeed.of_fields(sealed.to_fields()) == sealed


def test_a_changed_sealed_seed_does_not_open() -> None:
    sealed = seal_seed(_SEED, "x", Effort(1, 8192))
    for position in range(len(sealed.sealed)):
        changed = bytearray(sealed.sealed)
        changed[position] ^= 1
        assert open_seed(sealed._replace(sealed=bytes(changed)), "x") is None


def test_this_version_opens_what_the_first_one_sealed() -> None:
    sealed = SealedSeed.of_fields(
        {
            "passes": 1,
            "memory_bytes": 8192,
            "salt": "00" * 16,
            "sealed": _FIRST,
        }
    )
    assert open_seed(sealed, "é") == _SEED


def test_missing_memory_is_told_to_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> bytes:
        raise RuntimeError("failed")

    monkeypatch.setattr(argon2id, "kdf", refuse)
    with pytest.raises(StoreError, match="64 MiB"):
        seal_seed(_SEED, "x", ORDINARY_EFFORT)
