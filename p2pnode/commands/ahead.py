"""One request on its way while what comes next is read."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any


class Ahead:
    """Requests one after the other; while one is answered, the caller goes on. One owner.

    Errors: what a request ends with is raised where the next one is asked for, or at the end of the block.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._asked: tuple[Future[Any], Callable[[Any], None]] | None = None

    def __enter__(self) -> Ahead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.settle()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def ask(self, request: Callable[[], Any], take: Callable[[Any], None]) -> None:
        """Begin a request once the one before is done; `take` gets its answer, in this thread."""
        self.settle()
        self._asked = self._pool.submit(request), take

    def settle(self) -> None:
        """Wait for the request that is on its way."""
        if self._asked is not None:
            (answer, take), self._asked = self._asked, None
            take(answer.result())
