"""Amounts: exact, in one form, and the same as fractions."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pnode.core import amount
from p2pnode.core.errors import FormatError

MANTISSAS, EXPONENTS = st.integers(-(2**63) + 1, 2**63 - 1), st.integers(-18, 0)
AMOUNTS = st.builds(amount.amount_of, MANTISSAS, EXPONENTS)


def _fraction(value: amount.Amount) -> Fraction:
    return value[0] * Fraction(10) ** value[1]


@given(MANTISSAS, EXPONENTS)
def test_the_normal_form_is_the_same_number(mantissa: int, exponent: int) -> None:
    normal = amount.amount_of(mantissa, exponent)
    assert _fraction(normal) == _fraction((mantissa, exponent))
    assert amount.amount_of_value(list(normal)) == normal
    assert amount.amount_of(*normal) == normal


@given(AMOUNTS)
def test_text_comes_back(value: amount.Amount) -> None:
    text = amount.amount_text(value)
    if len(text.lstrip("-").partition(".")[0]) <= 19:
        assert amount.amount_of_text(text) == value
        assert amount.amount_of_text(text.replace(".", ",")) == value


@given(AMOUNTS, AMOUNTS)
def test_sums_are_exact_or_refused(left: amount.Amount, right: amount.Amount) -> None:
    try:
        total = amount.add(left, right)
    except FormatError as error:
        assert error.rule == "amount.out_of_range"
    else:
        assert _fraction(total) == _fraction(left) + _fraction(right)
        assert total == amount.add(right, left)


@given(AMOUNTS, AMOUNTS)
def test_equal_numbers_have_one_form(left: amount.Amount, right: amount.Amount) -> None:
    assert (left == right) == (_fraction(left) == _fraction(right))


@given(st.integers(-(2**70), 2**70), st.integers(-40, 40))
def test_what_does_not_fit_is_refused(mantissa: int, exponent: int) -> None:
    try:
        normal = amount.amount_of(mantissa, exponent)
    except FormatError as error:
        assert error.rule == "amount.out_of_range"
    else:
        assert _fraction(normal) == _fraction((mantissa, exponent))


@pytest.mark.parametrize("mantissa", [2**63, -(2**63)])
def test_the_bounds_are_bounds(mantissa: int) -> None:
    with pytest.raises(FormatError, match=r"amount\.out_of_range"):
        amount.amount_of(mantissa, 0)


@given(AMOUNTS, AMOUNTS)
def test_a_difference_is_exact_beyond_all_bounds(left: amount.Amount, right: amount.Amount) -> None:
    shown = amount.difference(left, right)
    assert _fraction(shown) == _fraction(left) - _fraction(right)
    assert shown[1] == 0 or shown[0] % 10
    try:
        assert amount.add(left, amount.negated(right)) == shown
    except FormatError as error:
        assert error.rule == "amount.out_of_range"
