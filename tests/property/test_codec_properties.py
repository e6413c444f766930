"""Canonical MessagePack: one value, one byte string; whatever else comes in is refused with a rule."""

from typing import Any

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from p2pnode.core import codec
from p2pnode.core.errors import FormatError

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.binary(max_size=40)
    | st.text(max_size=20)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=20,
)


def _depth(value: Any) -> int:
    items = value if isinstance(value, list) else value.values() if isinstance(value, dict) else None
    return 0 if items is None else 1 + max(map(_depth, items), default=0)


@given(VALUES)
def test_what_is_encoded_comes_back(value: codec.Value) -> None:
    if _depth(value) <= 8:
        data = codec.encode(value)
        assert codec.decode(data) == value
        assert codec.encode(codec.decode(data)) == data


@given(st.binary(max_size=200))
@example(b"\xc7\x00\xff")
@example(b"\x81\xc4\x01a\x01")
def test_arbitrary_bytes_are_refused_or_canonical(data: bytes) -> None:
    try:
        value = codec.decode(data)
    except FormatError as error:
        assert error.rule.startswith("codec.")
    else:
        assert codec.encode(value) == data


@given(st.dictionaries(st.text(max_size=6), st.integers(0, 5), min_size=2, max_size=8), st.randoms())
def test_only_one_order_of_keys_is_accepted(value: dict[str, int], random: Any) -> None:
    names = sorted(value, key=lambda name: name.encode())
    shuffled = list(names)
    random.shuffle(shuffled)
    data = msgpack.packb({name: value[name] for name in shuffled}, use_bin_type=True)
    if shuffled == names:
        assert codec.decode(data) == value
    else:
        with pytest.raises(FormatError, match=r"codec\.not_canonical"):
            codec.decode(data)


@given(VALUES.filter(lambda value: _depth(value) <= 7), st.floats())
def test_no_float_gets_in_or_out(value: codec.Value, number: float) -> None:
    for smuggled in ([value, number], {"a": value, "b": number}):
        with pytest.raises(FormatError, match=r"codec\.bad_value"):
            codec.encode(smuggled)
        with pytest.raises(FormatError):
            codec.decode(msgpack.packb(smuggled, use_bin_type=True))


ODD = (
    SCALARS
    | st.floats()
    | st.integers()
    | st.sampled_from([(), ("a", 1), "\ud800", 2**64, -(2**63) - 1, bytearray(b"a"), {1: 2}, {b"a": 1}, {1}])
)
ODD_VALUES = st.recursive(
    ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(ODD_VALUES)
@example([[[[[[[[1]]]]]]]])
@example([[[[[[[[[1]]]]]]]]])
def test_the_short_way_gives_what_the_long_way_gives(value: Any) -> None:
    """Compiled code writes the same bytes as the walk over the value, or leaves the value to it."""
    try:
        walked: bytes | None = msgpack.packb(codec._ordered(value, 0), use_bin_type=True)
    except FormatError:
        walked = None
    assert codec._packed(value) == walked
