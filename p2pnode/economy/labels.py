"""What people write for units, and the names that OM 2 has for them."""

from __future__ import annotations

from types import MappingProxyType

from p2pnode.core.errors import FormatError
from p2pnode.economy.measure import UNITS

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


def label_of_unit(unit: str) -> str:
    """The short form of a unit for people."""
    return _SHORT.get(unit, unit)
