"""Amounts as people type them: 2h, '1.5 kg', 20 kg bread, 12."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from types import MappingProxyType

from p2pnode.core.errors import UsageError

UNITS = MappingProxyType(
    {
        "": "one",
        "piece": "one",
        "pieces": "one",
        "h": "hour",
        "hours": "hour",
        "min": "minute-Time",
        "minutes": "minute-Time",
        "d": "day",
        "days": "day",
        "weeks": "week",
        "kg": "kilogram",
        "g": "gram",
        "t": "tonne",
        "l": "litre",
        "m": "metre",
        "km": "kilometre",
        "m2": "squareMetre",
        "m3": "cubicMetre",
        "ha": "hectare",
        "Wh": "wattHour",
        "kWh": "kilowattHour",
        "MWh": "megawattHour",
        "%": "percent",
        "B": "byte",
        "MB": "megabyte",
        "GB": "gigabyte",
    }
)
"""What people write for units of OM 2; any other word is taken as it is."""

_NAMES = frozenset(UNITS.values()) | frozenset("dozen week month year joule watt kilowatt".split())
_TIMES = frozenset("hour minute-Time second-Time day week month year".split())
_CURRENCY = re.compile("[A-Z]{3}")
"""A currency is named by the three letters of ISO 4217."""

_REMEDY = "Write a number, a unit and what it is: 2h gardening, 20 kg bread, 3 jars."


def amount_of(text: str) -> tuple[str, str]:
    """The number and the unit of an amount as people write it. Errors: UsageError amount.bad_text."""
    match = re.fullmatch(r"\s*(-?\d+(?:[.,]\d+)?)\s*([^\s\d]\S*)?\s*", text)
    if match is None:
        raise UsageError(
            "amount.bad_text", f"'{text}' is no amount.", "Write a number and a unit: 2h, '1.5 kg', 12."
        )
    unit = match[2] or ""
    return match[1].replace(",", "."), UNITS.get(unit, unit)


def amount_and_rest(words: Sequence[str]) -> tuple[str, str, str]:
    """Number, unit and what it is, out of words such as 20 kg bread. Errors: UsageError amount.bad_text.

    Shapes: a word stands for a unit where it touches the number, or is a known one or a currency; else pieces
    are counted.
    """
    text = " ".join(words).strip()
    match = re.fullmatch(r"(-?\d+(?:[.,]\d+)?)([^\s\d.,]\S*)?(?:\s+(.*))?", text)
    if match is None:
        raise UsageError("amount.bad_text", f"'{text}' does not begin with an amount.", _REMEDY)
    number, attached, rest = match[1].replace(",", "."), match[2] or "", match[3] or ""
    first, _, more = rest.partition(" ")
    if attached:
        return number, UNITS.get(attached, attached), rest
    if first and (first in UNITS or first in _NAMES or _CURRENCY.fullmatch(first)):
        return number, UNITS.get(first, first), more.strip()
    return number, "one", rest


def is_time(unit: str) -> bool:
    """Whether a unit measures time: an effort rather than a thing."""
    return unit in _TIMES


def date_ms(text: str) -> int:
    """A date in this computer's zone. Units: ms since 1970. Errors: UsageError date.bad_text."""
    for pattern in ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"):
        try:
            return int(time.mktime(time.strptime(text.strip(), pattern)) * 1000)
        except (ValueError, OverflowError):
            continue
    raise UsageError("date.bad_text", f"'{text}' is no date.", "Write 2026-11-20 or '2026-11-20 18:30'.")
