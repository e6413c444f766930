"""Mutation of inputs, seeded: the same seed gives the same trials on every machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgpack

from p2pnode.core.codec import _ordered

_NUMBERS = (
    0,
    1,
    2,
    127,
    128,
    255,
    256,
    65535,
    65536,
    2**31,
    2**32,
    2**40,
    2**53,
    2**63 - 1,
    2**63,
    2**64 - 1,
    -1,
    -(2**63),
)
_LENGTH_MAX = 1 << 17


def _flip(random: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _set(random: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    if data:
        data[random.randrange(len(data))] = random.choice(
            (0, 1, 0x7F, 0x80, 0xC0, 0xC4, 0xDD, 0xDF, 0xFF, random.randrange(256))
        )


def _insert(random: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    at = random.randrange(len(data) + 1)
    data[at:at] = random.randbytes(random.choice((1, 2, 4, 32)))


def _delete(random: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    if data:
        at = random.randrange(len(data))
        del data[at : at + random.choice((1, 2, 4, 32, len(data)))]


def _repeat(random: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    if data:
        at = random.randrange(len(data))
        piece = bytes(data[at : at + random.choice((1, 2, 33, 100))])
        data[at:at] = piece * random.choice((1, 2, 16))


def _splice(random: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    other = random.choice(corpus)
    at, start = random.randrange(len(data) + 1), random.randrange(len(other) + 1)
    data[at:] = other[start:]


def _reshape(random: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    """Change one value inside MessagePack and pack it again in order: canonical form is not all there is."""
    try:
        value = msgpack.unpackb(bytes(data), raw=False, strict_map_key=False)
        data[:] = msgpack.packb(_ordered(_changed(random, value), 0), use_bin_type=True)
    except Exception:  # noqa: BLE001 - whatever a foreign library says of garbage, this trial stays as it was
        return


def _changed(random: Random, value: Any) -> Any:
    if isinstance(value, list) and value and random.random() < 0.9:
        at = random.randrange(len(value))
        step = random.randrange(8)
        if step == 0:
            return value[:at] + value[at + 1 :]
        if step == 1:
            return [*value[:at], value[at], *value[at:]]
        if step == 2:
            return random.sample(value, len(value))
        return [*value[:at], _changed(random, value[at]), *value[at + 1 :]]
    if isinstance(value, dict) and value and random.random() < 0.9:
        name = random.choice(sorted(value, key=str))
        if random.random() < 0.1:
            return {other: item for other, item in value.items() if other != name}
        return {**value, name: _changed(random, value[name])}
    if isinstance(value, bytes) and value and random.random() < 0.7:
        changed = bytearray(value)
        _flip(random, changed, ())
        return bytes(changed)
    other: tuple[Any, ...] = (
        None,
        True,
        False,
        random.choice(_NUMBERS),
        b"",
        random.randbytes(32),
        "",
        "a" * 33,
        [],
        {},
        [value],
        {"x": value},
    )
    return random.choice(other)


_MUTATIONS: tuple[Callable[[Random, bytearray, Sequence[bytes]], None], ...] = (
    _flip,
    _set,
    _insert,
    _delete,
    _repeat,
    _splice,
    _reshape,
    _reshape,
)


def mutated(random: Random, corpus: Sequence[bytes]) -> bytes:
    """One input made of the corpus by one to four mutations."""
    data = bytearray(random.choice(corpus))
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        random.choice(_MUTATIONS)(random, data, corpus)
    return bytes(data[:_LENGTH_MAX])
