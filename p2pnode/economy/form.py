"""How a record of the economy is written: one map, named as in ValueFlows, without what is not said.

A form reads and writes one kind of record. It checks shapes and bounds; what a record does is the business of
those who execute it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any, Generic, TypeVar

from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.economy.measure import Measure, measure_of_value

RECORD_BYTES_MAX = 4096
"""A record is one fact; so many of them fit into the rows of a group that nobody is afraid of a large one."""

DECODED_MAX = 64
"""A record is judged by itself first and executed a moment later, and what it rests on is often the same:
it is taken apart once for all.
"""

NAME_CHARACTERS_MAX = 80
WORDS_CHARACTERS_MAX = 200
CLASSES_MAX = 16
_LATITUDE_MAX = 90_000_000
_LONGITUDE_MAX = 180_000_000

Made = TypeVar("Made")
Reader = Callable[[Fields, str], Any]
"""Reads one field of a map, or raises FormatError."""

Place = str | tuple[int, int]
"""A named place, or [latitude, longitude] in millionths of a degree."""

Kind = str | bytes
"""What something is: in words, or the id of a resource specification."""


@dataclass(frozen=True, eq=False)
class Form(Generic[Made]):
    """One kind of record. Shapes: `check` raises FormatError for what no single field can say."""

    prefix: str
    made: Callable[..., Made]
    required: Mapping[str, Reader]
    optional: Mapping[str, Reader] = field(default_factory=dict)
    check: Callable[[Made], None] | None = None
    bytes_max: int = RECORD_BYTES_MAX

    def encode(self, body: Made) -> bytes:
        """The payload of a record. Errors: FormatError by what does not hold."""
        payload = codec.encode(self.value(body))
        self.decode(payload)
        return payload

    def value(self, body: Made) -> dict[str, Value]:
        """The map of a record."""
        said = {name: getattr(body, name) for name in self.required}
        for name in self.optional:
            item = getattr(body, name)
            if item is not None and item != ():
                said[name] = item
        return {name: _plain(item) for name, item in said.items()}

    def decode(self, payload: bytes) -> Made:
        """The record in a payload. Errors: FormatError by what does not hold, codec.*."""
        made: Made = _decoded(self, payload)
        return made

    def decode_own(self, payload: bytes) -> Made:
        """The record in a payload that was decoded before: that it is canonical is not checked again."""
        return self.read(codec.decode_own(payload))

    def read_part(self, value: Value, size: int) -> Made:
        """The record in a map that was decoded with something larger. Units: the bytes that it would have
        alone. Errors: FormatError by what does not hold, codec.too_large.
        """
        if size > self.bytes_max:
            raise FormatError("codec.too_large", f"{size} bytes, at most {self.bytes_max}")
        return self.read(value)

    def read(self, value: Value) -> Made:
        """The record in a decoded map. Errors: FormatError by what does not hold."""
        fields = Fields(value, self.prefix, self.required, self.optional)
        required, optional = self.required, self.optional
        read = {name: (required.get(name) or optional[name])(fields, name) for name in value}
        body = self.made(**read)
        if self.check is not None:
            self.check(body)
        return body


@lru_cache(maxsize=DECODED_MAX)
def _decoded(form: Form[Any], payload: bytes) -> Any:
    return form.read(codec.decode(payload, bytes_max=form.bytes_max))


def _plain(item: Any) -> Value:
    if isinstance(item, Measure):
        return item.value
    if isinstance(item, tuple):
        return [_plain(part) for part in item]
    return item if not hasattr(item, "value") else item.value


# ---- readers


def an_id(fields: Fields, name: str) -> bytes:
    """The id of an entry, a record, a member or a group."""
    return fields.hash(name)


def a_time(fields: Fields, name: str) -> int:
    """A time. Units: ms since 1970."""
    return fields.uint(name)


def a_name(fields: Fields, name: str) -> str:
    """A short text on one line."""
    return fields.text(name, NAME_CHARACTERS_MAX)


def words(fields: Fields, name: str) -> str:
    """A longer text on one line."""
    return fields.text(name, WORDS_CHARACTERS_MAX)


def a_measure(fields: Fields, name: str) -> Measure:
    """So much of a unit."""
    return measure_of_value(fields.value(name))


def true(fields: Fields, name: str) -> bool:
    """A flag, which is left out where it does not hold."""
    if fields.value(name) is not True:
        raise fields.refuse(name, "true, or left out")
    return True


def a_kind(fields: Fields, name: str) -> Kind:
    """What something is: in words, or the id of a resource specification."""
    value = fields.value(name)
    return fields.hash(name) if type(value) is bytes else words(fields, name)


def a_place(fields: Fields, name: str) -> Place:
    """A named place, or [latitude, longitude] in millionths of a degree."""
    value = fields.value(name)
    if type(value) is str:
        return words(fields, name)
    items = fields.items(name, 2, least=2)
    if any(type(item) is not int for item in items):
        raise fields.refuse(name, "neither a name nor [latitude, longitude]")
    latitude, longitude = items
    if abs(latitude) > _LATITUDE_MAX or abs(longitude) > _LONGITUDE_MAX:
        raise fields.refuse(name, "no place on Earth")
    return (latitude, longitude)


def a_unit(fields: Fields, name: str) -> str:
    """The name of a unit."""
    return measure_of_value([[0, 0], fields.value(name)]).unit


def choice(*choices: str) -> Reader:
    """One of some words."""
    return lambda fields, name: fields.choice(name, choices)


def number(most: int, least: int = 0) -> Reader:
    """A whole number within bounds."""
    return lambda fields, name: fields.uint(name, most, least)


def ids(most: int, least: int = 1) -> Reader:
    """Distinct ids in ascending order."""

    def read(fields: Fields, name: str) -> tuple[bytes, ...]:
        items = fields.items(name, most, least=least)
        if any(type(item) is not bytes or len(item) != HASH_BYTES for item in items):
            raise fields.refuse(name, "not a list of ids")
        if any(left >= right for left, right in pairwise(items)):
            raise fields.refuse(name, "not strictly ascending")
        return tuple(items)

    return read


def classes(fields: Fields, name: str) -> tuple[str, ...]:
    """Distinct words in ascending order, by which people find things."""
    items = fields.items(name, CLASSES_MAX, least=1)
    for item in items:
        Fields({name: item}, "class", (name,)).text(name, NAME_CHARACTERS_MAX)
    if any(left >= right for left, right in pairwise(items)):
        raise fields.refuse(name, "not strictly ascending")
    return tuple(items)


def check_times(prefix: str, beginning_ms: int | None, end_ms: int | None) -> None:
    """Refuse an end before its beginning. Errors: FormatError <prefix>.bad_time."""
    if beginning_ms is not None and end_ms is not None and end_ms < beginning_ms:
        raise FormatError(f"{prefix}.bad_time", "the end is before the beginning")
