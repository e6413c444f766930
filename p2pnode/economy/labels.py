"""What people write for units, and the names that OM 2 has for them."""

from __future__ import annotations

import re
from types import MappingProxyType

from p2pnode.core.amount import amount_of_text, amount_text
from p2pnode.core.errors import FormatError
from p2pnode.economy.measure import UNITS, Measure

LABELS = MappingProxyType(
    {
        "h": "hour",
        "hours": "hour",
        "min": "minute-Time",
        "minute": "minute-Time",
        "minutes": "minute-Time",
        "s": "second-Time",
        "d": "day",
        "days": "day",
        "kg": "kilogram",
        "g": "gram",
        "t": "tonne",
        "l": "litre",
        "L": "litre",
        "m": "metre",
        "km": "kilometre",
        "m2": "squareMetre",
        "m3": "cubicMetre",
        "ha": "hectare",
        "J": "joule",
        "Wh": "wattHour",
        "kWh": "kilowattHour",
        "MWh": "megawattHour",
        "W": "watt",
        "kW": "kilowatt",
        "B": "byte",
        "MB": "megabyte",
        "GB": "gigabyte",
        "piece": "one",
        "pieces": "one",
        "%": "percent",
    }
)
_MEASURE = re.compile(r"\s*(-?\d+(?:[.,]\d+)?)\s*([^\s\d]\S*)?\s*")
_SHORT = MappingProxyType(
    {"hour": "h", "minute-Time": "min", "one": ""} | {LABELS[k]: k for k in ("kg", "g", "l", "kWh")}
)


def unit_of_label(label: str) -> str:
    """The OM 2 name behind what a person wrote; unknown words stand for themselves. Errors: FormatError
    measure.bad_unit.
    """
    text = label.strip()
    if text in UNITS or text in LABELS:
        return LABELS.get(text, text)
    if not text or not text.replace("-", "").isalnum() or not text[0].isalpha() or not text.isascii():
        raise FormatError("measure.bad_unit", f"a unit is a word such as h, kg, kWh or piece, not {label!r}")
    return text


def measure_of_text(text: str, default_unit: str = "one") -> Measure:
    """So much of a unit, as people write it: 2h, '1.5 kg', 12. Errors: FormatError amount.bad_text,
    measure.bad_unit.
    """
    match = _MEASURE.fullmatch(text)
    if match is None:
        raise FormatError("amount.bad_text", f"write a number and a unit, such as 2h or 1.5 kg, not {text!r}")
    unit = unit_of_label(match[2]) if match[2] else default_unit
    return Measure(amount_of_text(match[1]), unit)


def measure_text(measure: Measure) -> str:
    """A measure as people read it."""
    return f"{amount_text(measure.amount)} {label_of_unit(measure.unit)}".strip()


def label_of_unit(unit: str) -> str:
    """The short form of a unit for people."""
    return _SHORT.get(unit, unit)


def places_text(measure: Measure, decimals: int) -> str:
    """A measure with all its decimal places, so that columns of shares are easy to compare."""
    whole, _, places = amount_text(measure.amount).partition(".")
    digits = f"{whole}.{places.ljust(decimals, '0')}" if decimals else whole
    return f"{digits} {label_of_unit(measure.unit)}".strip()
