"""Exact decimal amounts: [m, e] stands for m x 10^e (J3). No float anywhere."""

from __future__ import annotations

import re
from collections.abc import Sequence

from p2pnode.core.codec import Value
from p2pnode.core.errors import FormatError

EXPONENT_MIN = -18
_MANTISSA_MAX = 2**63 - 1
_TEXT = re.compile(r"(-?)([0-9]{1,19})(?:[.,]([0-9]{1,18}))?")

Amount = tuple[int, int]
"""Mantissa and exponent, -18 <= exponent <= 0; the mantissa ends in no zero unless the exponent is 0."""


def amount_of(mantissa: int, exponent: int) -> Amount:
    """The one normal form of mantissa x 10^exponent. Errors: FormatError amount.out_of_range."""
    if exponent == 0 and -_MANTISSA_MAX <= mantissa <= _MANTISSA_MAX:
        return (mantissa, 0)
    while exponent < 0 and mantissa % 10 == 0:
        mantissa //= 10
        exponent += 1
    while exponent > 0:
        mantissa *= 10
        exponent -= 1
        if abs(mantissa) > _MANTISSA_MAX:
            break
    if abs(mantissa) > _MANTISSA_MAX or not EXPONENT_MIN <= exponent <= 0:
        raise FormatError("amount.out_of_range", "|m| < 2^63 and -18 <= e <= 0")
    return (mantissa, exponent)


def amount_of_text(text: str) -> Amount:
    """The amount that a person wrote, as in 2, 1.5 or 1,5. Errors: FormatError amount.bad_text."""
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise FormatError("amount.bad_text", "write a plain decimal number, such as 2 or 1.5")
    sign, whole, fraction = match[1], match[2], match[3] or ""
    mantissa = int(whole + fraction)
    return amount_of(-mantissa if sign else mantissa, -len(fraction))


def amount_of_value(value: Value) -> Amount:
    """The amount in a decoded payload. Errors: FormatError amount.bad_value."""
    if type(value) is not list or len(value) != 2 or type(value[0]) is not int or type(value[1]) is not int:
        raise FormatError("amount.bad_value", "an amount is [mantissa, exponent]")
    mantissa, exponent = value
    if abs(mantissa) > _MANTISSA_MAX or not EXPONENT_MIN <= exponent <= 0:
        raise FormatError("amount.out_of_range", "|m| < 2^63 and -18 <= e <= 0")
    if exponent != 0 and mantissa % 10 == 0:
        raise FormatError("amount.bad_value", "not in normal form")
    return (mantissa, exponent)


def amount_text(amount: Amount) -> str:
    """The amount in digits with a decimal point."""
    mantissa, exponent = amount
    if exponent == 0:
        return str(mantissa)
    digits = str(abs(mantissa)).rjust(-exponent + 1, "0")
    return f"{'-' if mantissa < 0 else ''}{digits[:exponent]}.{digits[exponent:]}"


def add(left: Amount, right: Amount) -> Amount:
    """The exact sum. Errors: FormatError amount.out_of_range."""
    if left[1] == right[1]:
        return amount_of(left[0] + right[0], left[1])
    exponent = min(left[1], right[1])
    total = left[0] * 10 ** (left[1] - exponent) + right[0] * 10 ** (right[1] - exponent)
    return amount_of(total, exponent)


def is_room(before: Sequence[Amount], changes: Sequence[Amount]) -> bool:
    """Whether some amounts and all of some changes, without their signs, add up within the bounds.

    Shapes: then so does every sum and difference of any of them.
    """
    amounts = (*before, *changes)
    least = min(exponent for _, exponent in amounts)
    total: int = sum(abs(mantissa) * 10 ** (exponent - least) for mantissa, exponent in amounts)
    return total <= _MANTISSA_MAX


def negated(amount: Amount) -> Amount:
    """The amount with the other sign."""
    return (-amount[0], amount[1])


def difference(left: Amount, right: Amount) -> Amount:
    """What is left, for showing only: in normal form, but with as many digits as it takes."""
    exponent = min(left[1], right[1])
    mantissa = left[0] * 10 ** (left[1] - exponent) - right[0] * 10 ** (right[1] - exponent)
    while exponent < 0 and mantissa % 10 == 0:
        mantissa //= 10
        exponent += 1
    return (mantissa, exponent)


def times(amount: Amount, factor: int) -> Amount:
    """The exact product with a whole number. Errors: FormatError amount.out_of_range."""
    return amount_of(amount[0] * factor, amount[1])


def scaled(amount: Amount, factor: int) -> Amount:
    """The product with a whole number for comparing only: it has no normal form and no bound."""
    return (amount[0] * factor, amount[1])


def is_less(left: Amount, right: Amount) -> bool:
    """Whether one amount is smaller than another."""
    if left[1] == right[1]:
        return left[0] < right[0]
    exponent = min(left[1], right[1])
    return bool(left[0] * 10 ** (left[1] - exponent) < right[0] * 10 ** (right[1] - exponent))
