"""The network between simulated machines: streams that delay, stall and break, and letters that do worse.

A control stream keeps the order of its frames, as Yamux does; what it loses, it loses by breaking. A letter
(a frame of runs that some courier carries) may be lost, doubled and overtaken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.sim.timeline import Chance, Timeline

BREAK_MS = 15_000
"""A direction that is cut for so long breaks its stream."""

REDIAL_MS = 2_000
DELAY_MS_MAX = 5_000


@dataclass(slots=True)
class Way:
    """One direction between two machines."""

    is_up: bool = True
    delay_ms: tuple[int, int] = (5, 40)
    loss_percent: int = 0
    free_at_ms: int = 0
    held: list[Callable[[], None]] = field(default_factory=list)
    cut_number: int = 0


@dataclass(slots=True)
class Line:
    """One control stream between two machines; `is_open` until either side or the network ends it."""

    names: tuple[str, str]
    number: int
    is_open: bool = True


class Network:
    """All ways, by (from, to)."""

    def __init__(self, timeline: Timeline, salt: str, names: Iterable[str]) -> None:
        self._timeline = timeline
        self._salt = salt
        self.names = list(names)
        self.ways = {(a, b): Way() for a in self.names for b in self.names if a != b}
        self._chances = {ends: Chance(salt, "way", *ends) for ends in self.ways}
        self.lines: dict[tuple[str, str], Line] = {}
        self._line_count = 0
        self.on_broken: Callable[[Line], None] = lambda line: None

    # ---- faults

    def set_way(self, a: str, b: str, *, is_up: bool) -> None:
        way = self.ways[a, b]
        if way.is_up == is_up:
            return
        way.is_up = is_up
        if is_up:
            held, way.held = way.held, []
            for action in held:
                self._plan(a, b, action)
        else:
            way.cut_number += 1
            number = way.cut_number
            self._timeline.after(BREAK_MS, lambda: self._break_if_still_cut(a, b, number))

    def _break_if_still_cut(self, a: str, b: str, number: int) -> None:
        way = self.ways[a, b]
        if not way.is_up and way.cut_number == number:
            self.reset(a, b)

    def partition(self, sides: list[list[str]]) -> None:
        """Cut everything between different sides, join everything inside one."""
        side_of = {name: index for index, side in enumerate(sides) for name in side}
        for a, b in self.ways:
            self.set_way(a, b, is_up=side_of.get(a) == side_of.get(b))

    def heal(self) -> None:
        for (a, b), way in self.ways.items():
            self.set_way(a, b, is_up=True)
            way.delay_ms, way.loss_percent = (5, 40), 0

    def reset(self, a: str, b: str) -> None:
        line = self.lines.get(_pair(a, b))
        if line is not None:
            self.close(line)

    # ---- streams

    def open_line(self, a: str, b: str) -> Line | None:
        """A new stream, if both directions work and there is none."""
        pair = _pair(a, b)
        if pair in self.lines or not (self.ways[a, b].is_up and self.ways[b, a].is_up):
            return None
        self._line_count += 1
        line = self.lines[pair] = Line(pair, self._line_count)
        return line

    def close(self, line: Line) -> None:
        if line.is_open:
            line.is_open = False
            del self.lines[line.names]
            for a, b in (line.names, line.names[::-1]):
                self.ways[a, b].held.clear()
            self.on_broken(line)

    def send(self, line: Line, a: str, b: str, deliver: Callable[[], None]) -> None:
        """Put something on a stream; it arrives after what was sent before."""
        if not line.is_open:
            return

        def arrive() -> None:
            if line.is_open:
                deliver()

        if self.ways[a, b].is_up:
            self._plan(a, b, arrive)
        else:
            self.ways[a, b].held.append(arrive)

    def _plan(self, a: str, b: str, action: Callable[[], None]) -> None:
        way = self.ways[a, b]
        delay = self._chances[a, b].between(*way.delay_ms)
        way.free_at_ms = max(way.free_at_ms, self._timeline.now_ms + delay)
        self._timeline.at(way.free_at_ms, action)

    # ---- letters

    def post(self, a: str, b: str, deliver: Callable[[], None]) -> None:
        """Send something outside any stream: no order, perhaps twice, perhaps never."""
        way, chance = self.ways[a, b], self._chances[a, b]
        if not way.is_up or chance.below(100) < way.loss_percent:
            return
        for _ in range(2 if chance.below(4) == 0 else 1):
            self._timeline.after(chance.between(way.delay_ms[0], 20 * way.delay_ms[1]), deliver)


def _pair(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a < b else (b, a)
