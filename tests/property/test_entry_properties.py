"""Headers and entries: every valid one comes back, every changed byte is noticed."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from p2pnode.core.crypto import ZERO_HASH, SigningKey
from p2pnode.core.entry import Header, check_alone, decode_header, encode_header, payload_fields, sign_entry
from p2pnode.core.errors import FormatError

KEYS = st.binary(min_size=32, max_size=32).map(SigningKey)
HASHES = st.binary(min_size=32, max_size=32).filter(any)
TYPES = st.text("abcdefghijklmnopqrstuvwxyz0123456789._", min_size=1, max_size=32).filter(
    lambda name: name != "group.found"
)
COUNTERS = st.integers(0, 2**53 - 1)


@st.composite
def headers(draw: st.DrawFn) -> tuple[SigningKey, Header, bytes]:
    key, payload = draw(KEYS), draw(st.binary(max_size=100))
    lane, seq = draw(st.integers(0, 2)), draw(st.just(0) | st.integers(0, 2**40 - 1))
    acks = () if lane == 1 else tuple(sorted(draw(st.sets(HASHES, max_size=8))))
    depth = seq if lane == 1 else draw(COUNTERS)
    prev = draw(HASHES) if seq else ZERO_HASH
    size, digest = payload_fields(payload)
    fields = (
        1,
        draw(HASHES),
        key.public,
        lane,
        seq,
        prev,
        depth,
        draw(COUNTERS),
        acks,
        draw(TYPES),
        size,
        digest,
    )
    return key, Header(*fields), payload


@given(headers())
def test_valid_headers_come_back(made: tuple[SigningKey, Header, bytes]) -> None:
    _, header, _ = made
    assert decode_header(encode_header(header)) == header
    assert len(encode_header(header)) <= 600


@given(headers(), st.integers(0, 10_000), st.integers(1, 255))
def test_no_byte_of_an_entry_can_be_changed(
    made: tuple[SigningKey, Header, bytes], place: int, difference: int
) -> None:
    key, header, payload = made
    entry = sign_entry(key, header, payload)
    assert entry.signature is not None
    assert check_alone(entry.header_bytes, entry.signature, payload) == entry
    parts = [bytearray(part) for part in (entry.header_bytes, entry.signature, payload)]
    at = place % sum(map(len, parts))
    for part in parts:
        if at < len(part):
            part[at] ^= difference
            break
        at -= len(part)
    with pytest.raises(FormatError, match=r"entry\."):
        check_alone(*map(bytes, parts))


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_with_a_rule(data: bytes) -> None:
    with pytest.raises(FormatError, match=r"entry\."):
        decode_header(data)


@given(headers(), headers())
def test_different_headers_have_different_bytes(
    one: tuple[SigningKey, Header, bytes], other: tuple[SigningKey, Header, bytes]
) -> None:
    assume(one[1] != other[1])
    assert encode_header(one[1]) != encode_header(other[1])
