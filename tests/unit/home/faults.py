"""A disk that fails, or loses its power, at a chosen operation."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

_OPERATIONS = ("open", "write", "fsync", "replace", "unlink", "mkdir", "rmdir")


class PowerCut(BaseException):
    """Nothing runs after it, so no handler of ordinary errors may catch it."""


class Disk:
    """Counts operations; from the chosen one on (power cut), or at it alone (error), they fail."""

    def __init__(self, fail_at: int, fault: int | type[PowerCut]) -> None:
        self.operations: list[tuple[str, str]] = []
        self._fail_at = fail_at
        self._fault = fault

    @property
    def struck(self) -> bool:
        return len(self.operations) >= self._fail_at

    def wrap(self, name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        def performed(*arguments: Any, **options: Any) -> Any:
            self.operations.append((name, str(arguments[-1 if name == "replace" else 0])))
            now = len(self.operations)
            if isinstance(self._fault, int):
                if now == self._fail_at:
                    raise OSError(self._fault, os.strerror(self._fault))
            elif now >= self._fail_at:
                raise self._fault
            return operation(*arguments, **options)

        return performed


@contextmanager
def faulty_disk(fail_at: int, fault: int | type[PowerCut]) -> Iterator[Disk]:
    disk = Disk(fail_at, fault)
    with pytest.MonkeyPatch.context() as patch:
        for name in _OPERATIONS:
            patch.setattr(os, name, disk.wrap(name, getattr(os, name)))
        yield disk


def every_fault(fault: int | type[PowerCut], steps_max: int = 200) -> Iterator[int]:
    """The numbers 1, 2, ...; the caller stops when its operation went through without a fault."""
    yield from range(1, steps_max)
    raise AssertionError("the operation never went through")
