"""Boxes of private groups."""

import pytest
from nacl.bindings import crypto_box_seal, crypto_sign_ed25519_pk_to_curve25519

from p2pnode.core import codec
from p2pnode.core.errors import FormatError
from p2pnode.governance import epoch_key, sealed
from tests.vectors.cases.material import ALICE, BOB, EVE, header_of

KEY, NONCE = b"\x33" * 32, b"\x44" * 24
HEADER = header_of(type=sealed.SEALED_TYPE)


def test_j12_type_and_body_are_inside_the_box() -> None:
    payload = sealed.seal(KEY, NONCE, HEADER, "contribution", b"two hours")
    assert sealed.open_sealed(KEY, HEADER, payload) == ("contribution", b"two hours")
    assert b"contribution" not in payload
    assert b"two hours" not in payload
    epoch, nonce, _ = codec.decode(payload)
    assert (epoch, nonce) == (sealed.epoch_id(KEY), NONCE)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"group": b"\x02" * 32},
        {"author": EVE.public},
        {"lane": 2},
        {"seq": 2},
        {"prev": b"\x02" * 32},
        {"depth": 9},
        {"time_ms": 1},
        {"acks": (b"\x03" * 32,)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_j12_a_box_opens_in_its_place_only(changes: dict[str, object]) -> None:
    payload = sealed.seal(KEY, NONCE, HEADER, "contribution", b"two hours")
    with pytest.raises(FormatError, match=r"sealed\.bad"):
        sealed.open_sealed(KEY, HEADER._replace(**changes), payload)  # type: ignore[arg-type]


def test_j12_another_epoch_is_told_from_a_broken_box() -> None:
    payload = sealed.seal(KEY, NONCE, HEADER, "contribution", b"")
    with pytest.raises(FormatError, match=r"sealed\.other_epoch"):
        sealed.open_sealed(b"\x34" * 32, HEADER, payload)
    with pytest.raises(FormatError, match=r"sealed\.bad"):
        sealed.open_sealed(KEY, HEADER, payload[:-1] + bytes([payload[-1] ^ 1]))


def test_j12_the_largest_body_fits_exactly() -> None:
    room = 65536 - len(sealed.seal(KEY, NONCE, HEADER, "note", b"x" * 60000)) + 60000
    assert len(sealed.seal(KEY, NONCE, HEADER, "note", bytes(room))) == 65536
    with pytest.raises(FormatError, match=r"sealed\.too_large"):
        sealed.seal(KEY, NONCE, HEADER, "note", bytes(room + 1))


def test_j12_blobs_are_bound_to_their_purpose() -> None:
    blob = sealed.seal_blob(KEY, NONCE, "annex", b"Alice")
    assert sealed.open_blob(KEY, "annex", blob) == b"Alice"
    with pytest.raises(FormatError, match=r"sealed\.bad"):
        sealed.open_blob(KEY, "attachment", blob)


def test_j12_an_epoch_key_reaches_each_device_and_nobody_else() -> None:
    box = epoch_key.box_for(KEY, ALICE.public, b"\x01" * 32)
    assert epoch_key.open_box(ALICE, sealed.epoch_id(KEY), box) == KEY
    with pytest.raises(FormatError, match=r"epoch\.bad_box"):
        epoch_key.open_box(BOB, sealed.epoch_id(KEY), box)


def test_j12_the_recipient_checks_what_it_was_given() -> None:
    box = epoch_key.box_for(b"\x35" * 32, ALICE.public, b"\x01" * 32)
    with pytest.raises(FormatError, match=r"epoch\.other_key"):
        epoch_key.open_box(ALICE, sealed.epoch_id(KEY), box)


def test_j12_boxes_are_the_librarys_sealed_boxes() -> None:
    theirs = crypto_box_seal(KEY, crypto_sign_ed25519_pk_to_curve25519(ALICE.public))
    assert epoch_key.open_box(ALICE, sealed.epoch_id(KEY), theirs) == KEY
