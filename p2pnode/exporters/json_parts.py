"""The parts that exports in JSON are made of: entries and bytes in hexadecimal, lists within bounds.

Errors: everything that reads raises FormatError export.bad_field, whose detail names the field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from p2pnode.core.entry import Entry, read_entry
from p2pnode.core.errors import FormatError
from p2pnode.core.limits import HEADER_BYTES_MAX, PAYLOAD_BYTES_MAX

EXPORT_CHARACTERS_MAX = 256 * 1024 * 1024
"""A thousand members who vote on a hundred proposals fit, and a run over 200,000 contributions."""


def document_of(text: str, format_: str) -> dict[str, Any]:
    """The object in an export of that format. Errors: FormatError export.too_large, export.not_json,
    export.unknown_format.
    """
    if len(text) > EXPORT_CHARACTERS_MAX:
        raise FormatError("export.too_large", f"at most {EXPORT_CHARACTERS_MAX} characters")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError("export.not_json", "the file is no export, or only a part of one") from error
    if type(document) is not dict or document.get("format") != format_:
        raise FormatError("export.unknown_format", f"not of the format {format_}: update this program")
    return document


def entry_json(entry: Entry) -> dict[str, str]:
    """An entry as an object."""
    return {
        "header": entry.header_bytes.hex(),
        "signature": (entry.signature or b"").hex(),
        "payload": (entry.payload or b"").hex(),
    }


def entry_of(value: Any) -> Entry:
    """The entry in an object; nothing of it is verified."""
    if type(value) is not dict:
        raise FormatError("export.bad_field", "an entry that is no object")
    return read_entry(
        bytes_of(value, "header", HEADER_BYTES_MAX),
        bytes_of(value, "signature", 64, 64),
        bytes_of(value, "payload", PAYLOAD_BYTES_MAX),
    )


def items_of(value: Mapping[str, Any], name: str, most: int) -> list[Any]:
    """A list within bounds."""
    items = value.get(name)
    if type(items) is not list or len(items) > most:
        raise FormatError("export.bad_field", f"{name}: not a list of at most {most} items")
    return items


def list_of(value: Mapping[str, Any], name: str, most: int, bytes_max: int, least: int = 0) -> list[bytes]:
    """A list of bytes. Units: bytes."""
    return [hex_of(item, name, bytes_max, least) for item in items_of(value, name, most)]


def bytes_of(value: Mapping[str, Any], name: str, bytes_max: int, least: int = 0) -> bytes:
    """Bytes within bounds. Units: bytes."""
    return hex_of(value.get(name), name, bytes_max, least)


def hex_of(text: Any, name: str, bytes_max: int, least: int) -> bytes:
    """The bytes in a hexadecimal text. Units: bytes."""
    if type(text) is not str or not 2 * least <= len(text) <= 2 * bytes_max:
        raise FormatError(
            "export.bad_field", f"{name}: not the hexadecimal text of at most {bytes_max} bytes"
        )
    try:
        data = bytes.fromhex(text)
    except ValueError as error:
        raise FormatError("export.bad_field", f"{name}: not hexadecimal") from error
    if len(data) < least:
        raise FormatError("export.bad_field", f"{name}: too short")
    return data
