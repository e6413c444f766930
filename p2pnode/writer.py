"""The thread that owns the node: events in, one batch at a time; effects out, to whoever runs the event loop.

What waits in the queue shares a transaction, so many callers pay for one disk flush together.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Protocol

from p2pnode.core.errors import StoreError
from p2pnode.core.events import Effect, Event, Received, Reply, WakeAt, Woke
from p2pnode.store.database import reported

BATCH_EVENTS_MAX = 1000
BATCH_BYTES_MAX = 4 * 1024 * 1024
IDLE_PAUSE_MS = 50
"""How long nothing must have come before spare-time work begins."""

SLICE_PAUSE_MS = 5
"""Between two slices of spare-time work, for the threads that wait."""

SPARE_TIME_WAIT_MS_MAX = 250
"""How long a slice of spare-time work is put off while something comes all the time."""

Deliver = Callable[[list[Effect]], None]
Fail = Callable[[BaseException], None]


class Handler(Protocol):
    """What the thread drives: `Node`, with whatever happens around it."""

    def handle_all(self, events: list[Event], now_ms: int) -> list[Effect]: ...

    def close(self) -> None: ...


class Writer:
    """One thread, one queue. `deliver` and `fail` are called from that thread."""

    def __init__(self, node: Handler, wall_ms: Callable[[], int], deliver: Deliver, fail: Fail) -> None:
        self._node = node
        self._wall_ms = wall_ms
        self._deliver = deliver
        self._fail = fail
        self._queue: SimpleQueue[Event | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="p2pnode-writer")
        self._wake_ms: int | None = None
        self._wake_latest_ms = 0
        self._spare_from_ms = 0

    def start(self) -> None:
        self._spare_from_ms = self._wall_ms() + IDLE_PAUSE_MS
        self._thread.start()

    def submit(self, event: Event) -> None:
        """Put an event in line; from any thread."""
        self._queue.put(event)

    def stop(self) -> None:
        """Handle what is in line, close the node and wait for the thread to end."""
        self._queue.put(None)
        self._thread.join()

    def wake(self, effects: list[Effect]) -> None:
        """Note when the node asked to be woken."""
        for effect in effects:
            if isinstance(effect, WakeAt):
                due_ms = max(effect.time_ms, self._wall_ms())
                if self._wake_ms is None or due_ms < self._wake_ms:
                    self._wake_ms = due_ms
                    self._wake_latest_ms = due_ms + SPARE_TIME_WAIT_MS_MAX

    def _run(self) -> None:
        for part in (self._work, self._node.close):
            try:
                part()
            except BaseException as error:  # noqa: BLE001 - the loop's thread raises it again: none is lost
                self._fail(error)

    def _work(self) -> None:
        while self._step():
            pass

    def _step(self) -> bool:
        """Handle one batch; False when asked to stop."""
        batch, is_last = self._next_batch()
        if batch:
            try:
                with reported("a database of this node"):
                    effects = self._node.handle_all(batch, self._wall_ms())
            except StoreError as error:
                # Whoever waits for an answer is told why there is none.
                self._deliver([Reply(getattr(event, "request", None), error=error) for event in batch])
                raise
            self.wake(effects)
            self._deliver(effects)
            pause_ms = SLICE_PAUSE_MS if isinstance(batch[0], Woke) else IDLE_PAUSE_MS
            self._spare_from_ms = self._wall_ms() + pause_ms
        return not is_last

    def _next_batch(self) -> tuple[list[Event], bool]:
        timeout = None
        if self._wake_ms is not None:
            due_ms = min(max(self._wake_ms, self._spare_from_ms), self._wake_latest_ms)
            timeout = max(due_ms - self._wall_ms(), 0) / 1000
        batch: list[Event] = []
        size = 0
        while len(batch) < BATCH_EVENTS_MAX and size < BATCH_BYTES_MAX:
            try:
                event = self._queue.get_nowait() if batch else self._queue.get(timeout=timeout)
            except Empty:
                break
            if event is None:
                return batch, True
            batch.append(event)
            size += len(event.frame) if isinstance(event, Received) else 0
        if not batch:
            self._wake_ms = None
            batch.append(Woke())
        return batch, False
