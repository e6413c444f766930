"""Where fuzzing starts: the golden vectors of a decoder."""

from __future__ import annotations

import json
from pathlib import Path

from tests.vectors.cases.vector_file import read

_VECTORS = Path(__file__).resolve().parents[1] / "vectors"
_LENGTH_MAX = 1 << 16


def corpus_of(target: str) -> list[bytes]:
    """The inputs of a target's vectors, shortest first, without the very long ones."""
    cases = json.loads((_VECTORS / f"{target}.json").read_text())["cases"]
    inputs = sorted((read(case["input"]) for case in cases), key=lambda data: (len(data), data))
    return [data for data in inputs if len(data) <= _LENGTH_MAX]
