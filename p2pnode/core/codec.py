"""Canonical MessagePack: one value, one byte string.

Allowed values are nil, bool, integers from -2^63 to 2^64-1, bytes, text, arrays, and maps with text keys in
ascending order of their UTF-8 bytes. Floats, extension types and timestamps do not exist here. "Decode,
encode, compare" alone would let extension types and binary map keys through, so a walk over the value comes
first. Text is not normalised: Unicode tables differ between versions of a language, and nodes must agree.
"""

from __future__ import annotations

from typing import Any

import msgpack
import msgspec

from p2pnode.core.errors import FormatError
from p2pnode.core.limits import FRAME_BYTES_MAX, ITEMS_MAX, NESTING_MAX

Value = Any
"""None, bool, int, bytes, str, list of values, or dict from str to value."""

_INT_MIN = -(2**63)
_INT_MAX = 2**64 - 1
_SCALARS = frozenset({type(None), bool, int, bytes, str})
_KEYS = frozenset({str})
_UNDECODED = object()
_decode = msgspec.msgpack.Decoder().decode
_encode = msgspec.msgpack.Encoder(order="sorted").encode


def encode(value: Value) -> bytes:
    """The canonical bytes of a value; map keys are put in order. Errors: FormatError codec.*."""
    packed = _packed(value)
    if packed is None:
        packed = msgpack.packb(_ordered(value, 0), use_bin_type=True)
    return packed


def encode_parts(value: Value) -> bytes:
    """The canonical bytes of lists and maps put together from values that were decoded or checked before.

    Only their order is seen to: whoever calls it answers for every part.
    """
    return _encode(value)


def decode_own(data: bytes) -> Value:
    """The value of canonical bytes that were written by this program or checked before; they are not checked
    again. Errors: none for such bytes.
    """
    return _decode(data)


def decode(data: bytes, *, bytes_max: int = FRAME_BYTES_MAX, items_max: int = ITEMS_MAX) -> Value:
    """The value of canonical bytes. Errors: FormatError codec.too_large, codec.not_msgpack,
    codec.not_canonical, codec.bad_value, codec.too_deep."""
    if len(data) > bytes_max:
        raise FormatError("codec.too_large", f"{len(data)} bytes, at most {bytes_max}")
    value = _quickly_decoded(data) if len(data) <= items_max else _UNDECODED
    if value is not _UNDECODED:
        return value
    try:
        value = msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            use_list=True,
            max_str_len=bytes_max,
            max_bin_len=bytes_max,
            max_array_len=items_max,
            max_map_len=items_max,
            max_ext_len=0,
        )
    except (ValueError, TypeError, RecursionError, msgpack.exceptions.UnpackException) as error:
        raise FormatError("codec.not_msgpack", type(error).__name__) from error
    if _packed(value) == data:
        return value
    if msgpack.packb(_ordered(value, 0), use_bin_type=True) != data:
        raise FormatError("codec.not_canonical", "encoding the value again gives other bytes")
    return value


def _quickly_decoded(data: bytes) -> Value:
    """The value of canonical bytes by compiled code, or _UNDECODED where the slow road has to say why not.

    Shapes: bytes that are fewer than the items allowed hold no more items than that.
    """
    try:
        value = _decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _UNDECODED
    return value if _packed(value) == data else _UNDECODED


def _packed(value: Value) -> bytes | None:
    """The canonical bytes of a value by compiled code, or None where the slow road has to say why not."""
    if not _is_plain(value, NESTING_MAX):
        return None
    try:
        return _encode(value)
    except (OverflowError, UnicodeEncodeError):
        return None


def _is_plain(value: Value, levels: int) -> bool:
    """Whether a value is made of nothing but what the format has: whole containers are looked at at once."""
    kind = type(value)
    if kind in _SCALARS:
        return True
    if not levels or (kind is dict and not _KEYS.issuperset(map(type, value))):
        return False
    if kind is not dict and kind is not list and kind is not tuple:
        return False
    items = value.values() if kind is dict else value
    if _SCALARS.issuperset(map(type, items)):
        return True
    for item in items:
        kind = type(item)
        # What holds hundreds of pairs is common: they need no call each.
        if kind in _SCALARS or (kind is list and levels > 1 and _SCALARS.issuperset(map(type, item))):
            continue
        if not _is_plain(item, levels - 1):
            return False
    return True


def _ordered(value: Value, depth: int) -> Value:
    """The same value with ordered maps, or FormatError for a value outside the format."""
    kind = type(value)
    if value is None or kind is bool or kind is bytes:
        return value
    if kind is str:
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise FormatError("codec.bad_value", "text that is not Unicode") from error
        return value
    if kind is int:
        if not _INT_MIN <= value <= _INT_MAX:
            raise FormatError("codec.bad_value", "an integer beyond 64 bits")
        return value
    if depth >= NESTING_MAX:
        raise FormatError("codec.too_deep", f"more than {NESTING_MAX} levels")
    if kind is list or kind is tuple:
        return [_ordered(item, depth + 1) for item in value]
    if kind is dict:
        if any(type(key) is not str for key in value):
            raise FormatError("codec.bad_value", "a map key that is not text")
        return {key: _ordered(value[key], depth + 1) for key in sorted(value)}
    raise FormatError("codec.bad_value", f"a value of type {kind.__name__}")
