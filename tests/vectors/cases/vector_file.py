"""A file of vectors under construction: each case states its verdict, and the decoder has to agree."""

from __future__ import annotations

import re
from typing import Any

from p2pnode.core import codec
from p2pnode.core.errors import FormatError
from tests.fuzz.targets import TARGETS, refusal

Document = dict[str, Any]


def tagged(value: codec.Value) -> Any:
    """A decoded value for JSON: bytes, maps and large integers are marked as README.md says."""
    kind = type(value)
    if kind is bytes:
        return {"bytes": value.hex()}
    if kind is int and abs(value) >= 1 << 53:
        return {"int": str(value)}
    if kind is list:
        return [tagged(item) for item in value]
    if kind is dict:
        return {"map": [[name, tagged(item)] for name, item in value.items()]}
    return value


def written(data: bytes) -> Any:
    """An input for JSON: hexadecimal text, or a list of parts when a byte repeats very often."""
    parts: list[Any] = []
    at = 0
    for repeated in re.finditer(rb"(.)\1{255,}", data, re.DOTALL):
        if repeated.start() > at:
            parts.append(data[at : repeated.start()].hex())
        parts.append({"byte": repeated[1][0], "times": len(repeated[0])})
        at = repeated.end()
    if not parts:
        return data.hex()
    return [*parts, data[at:].hex()] if at < len(data) else parts


def read(text: Any) -> bytes:
    """The bytes of a written input."""
    parts = text if isinstance(text, list) else [text]
    return b"".join(
        bytes([part["byte"]]) * part["times"] if isinstance(part, dict) else bytes.fromhex(part)
        for part in parts
    )


class VectorFile:
    """The cases of one decoder."""

    def __init__(self, decoder: str, about: str) -> None:
        self._decoder = decoder
        self._target = TARGETS[decoder]
        self._about = about
        self._cases: list[Document] = []

    def accept(self, name: str, data: bytes, **more: Any) -> None:
        rule = refusal(self._target, data)
        assert rule is None, f"{self._decoder}: {name} is refused by {rule}"
        case: Document = {"name": name, "input": written(data), "rule": None}
        try:
            case["value"] = tagged(codec.decode(data))
        except FormatError:
            pass  # a text, or bytes of another notation than canonical MessagePack
        facts = self._target.facts(self._target.decode(data))
        self._cases.append({**case, **({"facts": facts} if facts else {}), **more})

    def reject(self, name: str, data: bytes, rule: str) -> None:
        found = refusal(self._target, data)
        assert found == rule, f"{self._decoder}: {name} gives {found}, not {rule}"
        self._cases.append({"name": name, "input": written(data), "rule": rule})

    def document(self) -> Document:
        names = [case["name"] for case in self._cases]
        assert len(set(names)) == len(names), f"{self._decoder}: two cases of one name"
        return {"decoder": self._decoder, "about": self._about, "cases": self._cases}
