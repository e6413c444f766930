"""Long work in slices, so that whoever drives it can do something else in between (J30).

Slices count entries, not time: nothing that nodes have to agree on looks at a clock.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

SLICE_ENTRIES = 128
"""Executed between two pauses: some 10 ms of one core."""

SLICE_PAYLOAD_BYTES = 32 * 1024
"""Payloads executed between two pauses: one batch of hundreds of records takes as long as many entries."""

SLICE_STEPS = 1024
"""Entries ordered or hashed between two pauses: each takes a tenth of what executing one does."""

_Result = TypeVar("_Result")
Slices = Generator[None, None, _Result]
"""Work that pauses after each slice, and its result at the end."""


def finish(work: Slices[_Result]) -> _Result:
    """The result of some work, done in one go."""
    try:
        while True:
            next(work)
    except StopIteration as end:
        result: _Result = end.value
        return result
