"""Measures: an exact amount in a unit, as ValueFlows and the ontology of units OM 2 name them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from p2pnode.core.amount import Amount, amount_of_value
from p2pnode.core.codec import Value
from p2pnode.core.errors import FormatError

UNITS = (
    "one",
    "dozen",
    "percent",
    "hour",
    "minute-Time",
    "second-Time",
    "day",
    "week",
    "month",
    "year",
    "kilogram",
    "gram",
    "tonne",
    "litre",
    "cubicMetre",
    "metre",
    "kilometre",
    "squareMetre",
    "hectare",
    "joule",
    "wattHour",
    "kilowattHour",
    "megawattHour",
    "watt",
    "kilowatt",
    "byte",
    "megabyte",
    "gigabyte",
)
"""Local names of OM 2 to offer to people. Others are accepted: a community counts as it likes."""

KNOWN_UNITS = 256
"""Units whose names need not be looked at again."""

_UNIT = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,31}")


@lru_cache(maxsize=KNOWN_UNITS)
def _is_unit(text: str) -> bool:
    return _UNIT.fullmatch(text) is not None


class Measure(NamedTuple):
    """So much of a unit."""

    amount: Amount
    unit: str

    @property
    def value(self) -> Value:
        """The array in payloads: [[mantissa, exponent], unit]."""
        return [list(self.amount), self.unit]


def measure_of_value(value: Value) -> Measure:
    """The measure in a decoded payload. Errors: FormatError measure.bad_value, amount.*."""
    if type(value) is not list or len(value) != 2 or type(value[1]) is not str or not _is_unit(value[1]):
        raise FormatError("measure.bad_value", "a measure is [[mantissa, exponent], unit]")
    return Measure(amount_of_value(value[0]), value[1])
