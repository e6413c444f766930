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
        "pc": "one",
        "pcs": "one",
        "piece": "one",
        "pieces": "one",
        "h": "hour",
        "hr": "hour",
        "hrs": "hour",
        "hours": "hour",
        "min": "minute-Time",
        "mins": "minute-Time",
        "minute": "minute-Time",
        "minutes": "minute-Time",
        "d": "day",
        "days": "day",
        "weeks": "week",
        "months": "month",
        "years": "year",
        "kg": "kilogram",
        "kgs": "kilogram",
        "kilo": "kilogram",
        "kilos": "kilogram",
        "kilograms": "kilogram",
        "g": "gram",
        "grams": "gram",
        "t": "tonne",
        "tonnes": "tonne",
        "l": "litre",
        "L": "litre",
        "liter": "litre",
        "liters": "litre",
        "litres": "litre",
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
        "€": "EUR",
        "euro": "EUR",
        "euros": "EUR",
    }
)
"""What people write for units of OM 2; any other word is taken as it is."""

MINUS = "\u2212"
"""The sign of mathematics, as texts have it that are pasted; it is never taken for the dash of an option."""

_NAMES = frozenset(UNITS.values()) | frozenset("dozen week month year joule watt kilowatt".split())
_TIMES = frozenset("hour minute-Time second-Time day week month year".split())
_FOLDED = MappingProxyType(
    {word.casefold(): unit for word, unit in UNITS.items() if len(word) > 1}
    | {name.casefold(): name for name in _NAMES if len(name) > 1}
)
"""A unit in capitals or small letters is the same unit, where it has more than one letter."""

_CURRENCIES = frozenset("aud brl cad chf czk dkk eur gbp huf inr jpy nok nzd pln sek usd".split())
_CURRENCY = re.compile("[A-Z]{3}")
"""A currency is named by the three letters of ISO 4217."""

_AMOUNT = re.compile(r"(-?[0-9]+(?:[.,][0-9]+)?)([^\s\d.,:/]\S*)?(?:\s+(.*))?")
_HOURS = re.compile(
    r"(\d+)\s*(?:h|hrs?|hours?)\s*(\d{1,2})\s*(?:min|mins|m|minutes?)?(?:\s+(.*))?", re.IGNORECASE
)
_CLOCK = re.compile(r"(\d+):(\d\d)(?:\s*h)?(?:\s+(.*))?")
_THOUSANDS = re.compile(r"-?[1-9]\d{0,2}(?:,\d{3}|\.\d\d0)")
"""What may be thousands; of 1.125 nobody could write less, so that a point there is one."""

_SPACED = re.compile(r"-?[1-9]\d{0,2} \d{3}(?!\d).*")
"""A number in groups of three digits, as many write thousands, or a number of things such as 500 g packs."""

_UNIT = re.compile(r"[A-Za-z][A-Za-z-]{0,31}")
_DATES = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%d.%m.%Y", "%d.%m.%Y %H:%M")
_DAYS = MappingProxyType({"yesterday": -1, "today": 0, "tomorrow": 1})
_REMEDY = "Write a number, a unit and what it is: 2h gardening, 20 kg bread, 3 jars."


def amount_of(text: str) -> tuple[str, str]:
    """The number and the unit of an amount as people write it. Errors: UsageError amount.*."""
    number, unit, rest = amount_and_rest([text])
    if rest and unit == "one" and " " not in rest:
        return number, unit_of(rest)
    if rest:
        raise UsageError(
            "amount.bad_text", f"'{text}' is no amount.", "Write a number and a unit: 2h, '1.5 kg', 12."
        )
    return number, unit


def measure(text: str) -> str:
    """An amount as the local API reads it. Errors: UsageError amount.*."""
    return " ".join(amount_of(text))


def amount_and_rest(words: Sequence[str]) -> tuple[str, str, str]:
    """Number, unit and what it is, out of words such as 20 kg bread. Errors: UsageError amount.*.

    Shapes: a word stands for a unit where it touches the number, or is a known one or a currency; else pieces
    are counted. Hours with minutes are hours where that is exact, else minutes.
    """
    text = " ".join(" ".join(words).split()).replace(MINUS, "-")
    together = _HOURS.fullmatch(text) or _CLOCK.fullmatch(text)
    if together is not None:
        return _hours(text, int(together[1]), int(together[2]), together[3] or "")
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise UsageError("amount.bad_text", f"'{text}' does not begin with an amount.", _REMEDY)
    if _SPACED.fullmatch(text):
        raise UsageError(
            "amount.ambiguous",
            f"'{text}' begins with two numbers, or with one that has a space in it.",
            "Write 1500 kg for one number, and of things first what they are: 3 packs of 500 g.",
        )
    number, attached, rest = _number(match[1]), match[2] or "", match[3] or ""
    if attached:
        return number, unit_of(attached), rest
    first, _, more = rest.partition(" ")
    if _is_unit(first):
        return number, unit_of(first), more.strip()
    return number, "one", rest


def unit_of(word: str) -> str:
    """The unit that a word stands for; one that is not known counts as it is. Errors: UsageError
    amount.bad_unit.
    """
    known = UNITS.get(word) or _FOLDED.get(word.casefold())
    if known is not None:
        return known
    if word in _CURRENCIES:
        return word.upper()
    if not _UNIT.fullmatch(word):
        raise UsageError(
            "amount.bad_unit",
            f"'{word}' is no unit.",
            "Write a word such as h, kg, kWh or jars; of a currency the three letters: 10 EUR.",
        )
    return word


def _is_unit(word: str) -> bool:
    is_known = word in UNITS or word.casefold() in _FOLDED or word in _CURRENCIES
    return bool(word) and (is_known or _CURRENCY.fullmatch(word) is not None)


def _number(digits: str) -> str:
    """Digits with a point; what may mean a thousand or one is asked back. Errors: UsageError
    amount.ambiguous.
    """
    if _THOUSANDS.fullmatch(digits):
        whole, part = re.split("[.,]", digits)
        exact = f"{whole}.{part.rstrip('0') or '0'}"
        raise UsageError(
            "amount.ambiguous",
            f"'{digits}' may be {whole}{part} or {exact}.",
            f"Write {whole}{part} or {exact}.",
        )
    return digits.replace(",", ".")


def _hours(text: str, hours: int, minutes: int, rest: str) -> tuple[str, str, str]:
    if minutes >= 60:
        raise UsageError(
            "amount.bad_text", f"'{text}': an hour has 60 minutes.", "Write 1h30, 1:30 or 90min."
        )
    hundredths, inexact = divmod(minutes * 100, 60)
    if inexact:
        return str(hours * 60 + minutes), "minute-Time", rest
    number = f"{hours}.{hundredths:02}".rstrip("0").rstrip(".")
    return number, "hour", rest


def is_time(unit: str) -> bool:
    """Whether a unit measures time: an effort rather than a thing."""
    return unit in _TIMES


def time_unit(unit: str, number: str) -> str:
    """The unit of work: hours where none is named. Errors: UsageError amount.no_time.

    Shapes: a group may count work in words of its own, such as sessions; what OM 2 measures is time or not.
    """
    if unit == "one":
        return "hour"
    if unit in _NAMES and not is_time(unit):
        raise UsageError(
            "amount.no_time",
            f"Work is counted by its time, not in {unit}.",
            f"Write the time, such as 2h; a thing is recorded with: p2pnode record produce {number} ...",
        )
    return unit


def date_ms(text: str) -> int:
    """A date in this computer's zone. Units: ms since 1970. Errors: UsageError date.*."""
    word = text.strip()
    days = _DAYS.get(word.casefold())
    if days is not None:
        now = time.localtime()
        return _local_ms(text, (now.tm_year, now.tm_mon, now.tm_mday + days, 0, 0, 0, 0, 0, -1))
    for pattern in _DATES:
        try:
            return _local_ms(text, tuple(time.strptime(word, pattern)))
        except ValueError:
            continue
    raise UsageError(
        "date.bad_text",
        f"'{text}' is no date.",
        "Write 2026-11-20, '2026-11-20 18:30', 20.11.2026, yesterday, today or tomorrow.",
    )


def _local_ms(text: str, parts: tuple[int, ...]) -> int:
    try:
        time_ms = int(time.mktime(parts) * 1000)  # type: ignore[arg-type]
    except OverflowError:
        time_ms = -1
    if time_ms < 0:
        raise UsageError(
            "date.too_early",
            f"'{text}' lies too far away.",
            "Look at the year again.",
        )
    return time_ms
