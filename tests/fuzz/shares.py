"""What a rule for sharing gives, as a target: canonical [rule, flow, members, given, consumed, capped]."""

from __future__ import annotations

from typing import Any

from p2pnode.core import codec
from p2pnode.core.amount import amount_of_value
from p2pnode.core.errors import FormatError
from p2pnode.economy.distributing import Basis, Capped, Given, Result, distribute
from p2pnode.governance.distribution_rule import rule_of_value

_PARTS = 6


def distributed(data: bytes) -> Result:
    """What comes out. Errors: FormatError charter.bad_field, amount.*, codec.*, vector.not_typed."""
    value = codec.decode(data)
    if type(value) is not list or len(value) != _PARTS:
        raise FormatError("vector.not_typed", f"not an array of {_PARTS} parts")
    rule, flow, members, given, consumed, capped = value
    basis = Basis(
        amount_of_value(flow),
        tuple(sorted({_bytes(member) for member in _list(members)})),
        tuple(
            Given(
                _bytes(who),
                _text(stream),
                None if kind is None else _text(kind),
                _text(unit),
                amount_of_value(one),
            )
            for who, stream, kind, unit, one in (_list(item, 5) for item in _list(given))
        ),
        tuple(
            (_bytes(who), amount_of_value(one)) for who, one in (_list(item, 2) for item in _list(consumed))
        ),
        tuple(
            Capped(_bytes(claim), _bytes(who), amount_of_value(left))
            for claim, who, left in (_list(item, 3) for item in _list(capped))
        ),
    )
    return distribute(rule_of_value(rule), basis)


def facts(result: Result) -> dict[str, Any]:
    """What the vectors show of it."""
    return {
        "total": result.total,
        "rest": result.rest,
        "buckets": [
            [bucket.name, bucket.base, bucket.amount, [[one.of.hex(), one.amount] for one in bucket.shares]]
            for bucket in result.buckets
        ],
    }


def _list(value: Any, size: int | None = None) -> list[Any]:
    if type(value) is not list or (size is not None and len(value) != size):
        raise FormatError("vector.not_typed", "not a list of the right size")
    return value


def _bytes(value: Any) -> bytes:
    if type(value) is not bytes:
        raise FormatError("vector.not_typed", "not bytes")
    return value


def _text(value: Any) -> str:
    if type(value) is not str:
        raise FormatError("vector.not_typed", "not a text")
    return value
