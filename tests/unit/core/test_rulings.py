"""The rulings that the foundations carry, one test each; the golden vectors hold the many small cases."""

import hashlib

import pytest

from p2pnode import vocabulary
from p2pnode.core import amount, codec
from p2pnode.core.annex import annex_hash, annexes_named, decode_annex, encode_annex
from p2pnode.core.crypto import SMALL_ORDER_KEYS, ZERO_HASH, SigningKey, is_acceptable_key, is_signed
from p2pnode.core.entry import (
    Header,
    check_alone,
    decode_header,
    encode_header,
    payload_fields,
    read_entry,
    sign_entry,
)
from p2pnode.core.entry_type import UNKNOWN_TYPE_RULE
from p2pnode.core.errors import FormatError
from p2pnode.governance.decision_rule import rule_of_value

ALICE = SigningKey(b"\x01" * 32)
GROUP = b"\x47" * 32


def _header(**changes: object) -> Header:
    fields = Header(1, GROUP, ALICE.public, 0, 0, ZERO_HASH, 0, 1000, (), "ack", 0, ZERO_HASH)
    return fields._replace(**changes)  # type: ignore[arg-type]


def test_j2_lane_1_has_no_acks_and_its_depth_is_its_seq() -> None:
    assert decode_header(encode_header(_header(lane=1))).lane == 1
    for changes in ({"depth": 1}, {"acks": (b"\x01" * 32,)}):
        with pytest.raises(FormatError, match=r"entry\.bad_vote_lane"):
            decode_header(encode_header(_header(lane=1, **changes)))


def test_j2_acks_are_at_most_eight_in_ascending_order() -> None:
    ids = tuple(bytes([number]) * 32 for number in range(9))
    assert decode_header(encode_header(_header(acks=ids[:8]))).acks == ids[:8]
    for acks in (ids, ids[1::-1], (ids[1], ids[1])):
        with pytest.raises(FormatError, match=r"entry\.bad_acks"):
            decode_header(encode_header(_header(acks=acks)))


def test_j2_an_acknowledgement_says_nothing_else() -> None:
    assert vocabulary.void_rule_of(_header(), b"") is None
    assert vocabulary.void_rule_of(_header(), codec.encode({})) == "ack.bad_payload"


def test_j3_amounts_have_one_form() -> None:
    assert amount.amount_of(1500, -3) == (15, -1)
    assert amount.amount_of(0, -7) == (0, 0)
    assert amount.amount_of(3, 2) == (300, 0)
    assert amount.amount_of_value([-(2**63) + 1, -18]) == (-(2**63) + 1, -18)
    for value in ([10, -1], [2**63, 0], [1, -19], [1, 1], [True, 0], (1, 0)):
        with pytest.raises(FormatError):
            amount.amount_of_value(value)


def test_j4_small_order_keys_are_refused() -> None:
    # The identity as R and S = 0 verify for every message under these keys in a naive library.
    assert len(SMALL_ORDER_KEYS) == 14
    for key in SMALL_ORDER_KEYS:
        assert not is_acceptable_key(key)
        assert not is_signed(key, b"anything", b"\x01" + bytes(63))
        with pytest.raises(FormatError, match=r"entry\.bad_key"):
            decode_header(encode_header(_header(author=key)))


def test_j4_only_one_form_of_a_signature_is_valid() -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    signature = ALICE.sign(b"words")
    other = signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    assert is_signed(ALICE.public, b"words", signature)
    assert not is_signed(ALICE.public, b"words", other)
    assert not is_signed(ALICE.public, b"words.", signature)


def test_j6_later_versions_append_fields_that_are_kept_in_the_id() -> None:
    later = codec.encode([*_header(version=2), 7, b"x", "y"])
    entry = check_alone(later, ALICE.sign(b"p2pnode/e1\0" + later), b"")
    assert entry.header.version == 2
    assert entry.header.author == ALICE.public
    assert entry.id == hashlib.sha256(later).digest()
    with pytest.raises(FormatError, match=r"entry\.bad_header"):
        decode_header(codec.encode([*_header(), 7]))


def test_j6_unknown_types_are_parked_and_not_refused() -> None:
    payload = codec.encode({"x": 1})
    size, digest = payload_fields(payload)
    header = _header(type="seed.exchange", payload_bytes=size, payload_hash=digest)
    assert sign_entry(ALICE, header, payload).header.type == "seed.exchange"
    assert vocabulary.void_rule_of(header, payload) == UNKNOWN_TYPE_RULE


def test_j11_an_annex_is_salted_and_named_by_its_hash() -> None:
    first, second = (encode_annex(salt * 32, {"name": "Alice"}) for salt in (b"\x01", b"\x02"))
    assert annex_hash(first) != annex_hash(second)
    assert annex_hash(first) == hashlib.sha256(first).digest()
    assert decode_annex(first) == decode_annex(second) == {"name": "Alice"}


def test_j11_annexes_are_found_in_payloads_of_any_type() -> None:
    hashes = [bytes([number]) * 32 for number in range(3)]
    payload = codec.encode(
        {
            "annex": hashes[0],
            "records": [{"annex": hashes[1]}, {"annex": hashes[1]}, {"deep": {"annex": hashes[2]}}],
        }
    )
    assert annexes_named(payload) == tuple(hashes)
    assert annexes_named(codec.encode({"annex": b"short", "other": hashes[0]})) == ()
    assert annexes_named(b"") == annexes_named(b"\xc1") == ()


def test_j14_a_broken_body_is_void_but_never_refused() -> None:
    for payload in (b"", b"\xc1", codec.encode({"effort": "much"})):
        size, digest = payload_fields(payload)
        header = _header(type="contribution", payload_bytes=size, payload_hash=digest)
        entry = sign_entry(ALICE, header, payload)
        assert entry.signature is not None
        assert check_alone(entry.header_bytes, entry.signature, payload) == entry
        assert vocabulary.void_rule_of(header, payload) is not None


def test_j14_a_type_in_another_lane_is_void() -> None:
    assert vocabulary.void_rule_of(_header(lane=2), b"") == "type.wrong_lane"


def test_an_entry_keeps_the_bytes_it_came_in() -> None:
    entry = sign_entry(ALICE, _header(), b"")
    assert read_entry(entry.header_bytes, None, None).header_bytes is entry.header_bytes


def test_a_founding_entry_is_its_own_group() -> None:
    header = _header(
        group=ZERO_HASH, type="group.found", payload_bytes=1, payload_hash=hashlib.sha256(b"\xc0").digest()
    )
    entry = sign_entry(ALICE, header, b"\xc0")
    assert entry.group == entry.id
    assert sign_entry(ALICE, _header(), b"").group == GROUP


@pytest.mark.parametrize("part", [[2, 4], [1, 0], [0, 2], [3, 2], [-1, 2], [1, -2], [True, 2], [1]])
def test_j3_ratios_have_one_form(part: list[int]) -> None:
    """Numerator and denominator without a common divisor, the latter greater than zero."""
    assert rule_of_value({"quorum": [1, 2], "rule": "majority", "window_hours": 1}, 0).quorum == (1, 2)
    with pytest.raises(FormatError):
        rule_of_value({"quorum": part, "rule": "majority", "window_hours": 1}, 0)
