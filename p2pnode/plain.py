"""Decoded values as JSON can hold them."""

from __future__ import annotations

from typing import Any


def plain(value: Any) -> Any:
    """A decoded value as JSON can hold it: bytes become hexadecimal text."""
    if type(value) is bytes:
        return value.hex()
    if type(value) is list:
        return [plain(item) for item in value]
    if type(value) is dict:
        return {name: plain(item) for name, item in value.items()}
    return value
