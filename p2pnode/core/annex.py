"""Annexes: personal text kept beside the log, so that it can be forgotten without breaking a chain (J11).

An annex is 32 random bytes followed by a canonical map from names to texts or lists of texts. A payload names
it in a map under the key "annex" by the SHA-256 of all its bytes. Rules and ids never read an annex.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from p2pnode.core import codec
from p2pnode.core.crypto import HASH_BYTES, sha256
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import is_plain_text
from p2pnode.core.limits import ANNEX_BYTES_MAX, ANNEX_SALT_BYTES

ANNEX_KEY = "annex"
_KEY_BYTES = codec.encode(ANNEX_KEY)
_ITEMS_MAX = 64

AnnexText = Mapping[str, Any]
"""Names to texts, or to lists of texts."""


def encode_annex(salt: bytes, content: AnnexText) -> bytes:
    """The bytes of an annex. Shapes: salt is 32 random bytes. Errors: FormatError annex.*."""
    if len(salt) != ANNEX_SALT_BYTES:
        raise FormatError("annex.bad_salt", f"{ANNEX_SALT_BYTES} random bytes")
    annex = salt + codec.encode(dict(content))
    decode_annex(annex)
    return annex


def decode_annex(annex: bytes) -> dict[str, Any]:
    """The content of an annex.

    Errors: FormatError annex.too_large, annex.bad_salt, annex.bad_content, codec.*.
    """
    if len(annex) > ANNEX_BYTES_MAX:
        raise FormatError("annex.too_large", f"at most {ANNEX_BYTES_MAX} bytes")
    if len(annex) < ANNEX_SALT_BYTES:
        raise FormatError("annex.bad_salt", f"{ANNEX_SALT_BYTES} random bytes")
    content = codec.decode(annex[ANNEX_SALT_BYTES:], items_max=_ITEMS_MAX)
    if type(content) is not dict:
        raise FormatError("annex.bad_content", "not a map")
    for value in content.values():
        texts = value if type(value) is list else [value]
        if not all(type(text) is str and is_plain_text(text, lines=True) for text in texts):
            raise FormatError("annex.bad_content", "neither a text nor a list of texts")
    return content


def annex_hash(annex: bytes) -> bytes:
    """The name of an annex: SHA-256 of the random bytes and the content."""
    return sha256(annex)


def annexes_named(payload: bytes) -> tuple[bytes, ...]:
    """The annexes that a payload of any type names, each once, in the order of the payload's bytes.

    Shapes: types need not be known; a payload that is not canonical names none.
    """
    # Most payloads name none, and are not decoded for it.
    if _KEY_BYTES not in payload:
        return ()
    try:
        value = codec.decode(payload)
    except FormatError:
        return ()
    found: dict[bytes, None] = {}
    _collect(value, found)
    return tuple(found)


def _collect(value: codec.Value, found: dict[bytes, None]) -> None:
    if type(value) is list:
        for item in value:
            _collect(item, found)
    elif type(value) is dict:
        for name, item in value.items():
            if name == ANNEX_KEY and type(item) is bytes and len(item) == HASH_BYTES:
                found[item] = None
            else:
                _collect(item, found)
