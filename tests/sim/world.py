"""A case and the world that it is played in: machines, network, time, and those who watch.

A case is a list of steps at fixed times. Playing it needs no source of chance but the case's own salt; the
same case gives the same log of events, and the same digest of it, on every machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from p2pnode.core import crypto
from p2pnode.core.crypto import SigningKey, sha256
from tests.sim.assembly import Founded
from tests.sim.conversation import End
from tests.sim.machine import Machine
from tests.sim.network import REDIAL_MS, Line, Network
from tests.sim.timeline import Chance, Timeline
from tests.sim.watch import Finding, Watch

REDIAL_MS_MAX = 30_000
PATIENCE_MS = 3_600_000
SLOW_MS = 600_000
"""Who was away for so long is tried less often."""

SLICE_MS = 30_000
SIGNATURES_REMEMBERED = 1 << 15
QUIET_MS = 10 * 4 * 30_000
"""Ten times as long as a view lasts."""

QUIET_SHARE = 8
SETTLE_MS_MAX = 3 * 60 * 60 * 1000

Step = list[Any]
"""[time in ms, verb, arguments...]; `steps.VERBS` has the verbs."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is played.

    Shapes: liars are those machines whose key does what no correct node does; is_within_bounds says that they
    are no more than a group survives; twins are (machine, the machine whose key it has too).
    """

    salt: str
    machines: tuple[str, ...]
    liars: tuple[str, ...]
    steps: tuple[Step, ...]
    end_ms: int
    is_within_bounds: bool = True
    twins: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Outcome:
    """What came of a case. Shapes: digest is that of the log of events; rule and detail are of the first
    finding, empty when there is none.
    """

    digest: str
    rule: str = ""
    detail: str = ""
    events: int = 0
    entries: int = 0
    settled_ms: int = 0
    counts: dict[str, int] = field(default_factory=dict)


class World:
    """One case while it is played."""

    def __init__(self, case: Case, *, tell: Callable[[str], None] | None = None) -> None:
        self.case = case
        self.salt = case.salt
        self.timeline = Timeline()
        self.network = Network(self.timeline, case.salt, case.machines)
        self.network.on_broken = self._broken
        twins = dict(case.twins)
        self.machines = {
            name: Machine(self, name, SigningKey(sha256(f"{case.salt}:key:{twins.get(name, name)}".encode())))
            for name in case.machines
        }
        self._names = {machine.key.public: twins.get(name, name) for name, machine in self.machines.items()}
        self.watch = Watch(self)
        self.groups: dict[str, bytes] = {}
        self.links: dict[str, Any] = {}
        self.founded: dict[str, Founded] = {}
        self.proposals: dict[str, bytes] = {}
        self.wishes: dict[str, tuple[bytes, int]] = {}
        self.serial = 0
        self._dialing: dict[tuple[str, str], int] = {}
        self._dials = 0
        self._tell = tell
        self._hash = hashlib.sha256()
        self._events = 0

    # ---- what everybody uses

    def name_of(self, key: bytes) -> str:
        return self._names.get(key, key.hex()[:8])

    def add_name(self, key: bytes, name: str) -> None:
        self._names[key] = name

    def is_honest(self, name: str) -> bool:
        return name in self.machines and name not in self.case.liars

    def chance(self, *names: object) -> Chance:
        return Chance(self.salt, *names)

    def log(self, text: str) -> None:
        line = f"{self.timeline.now_ms} {text}"
        self._events += 1
        self._hash.update(line.encode() + b"\n")
        if self._tell is not None:
            self._tell(line)

    # ---- playing

    def play(self) -> Outcome:
        """Play the case to its end, let the world heal and settle, and judge."""
        rule = detail = ""
        try:
            with _verifying_once():
                self._play()
        except Finding as finding:
            rule, detail = finding.rule, finding.detail
        outcome = Outcome(self._hash.hexdigest(), rule, detail, self._events)
        outcome.settled_ms = self.timeline.now_ms - self.case.end_ms
        outcome.entries = self.watch.entry_count
        outcome.counts = dict(sorted(self.watch.counts.items()))
        return outcome

    def _play(self) -> None:
        from tests.sim.steps import perform

        for machine in self.machines.values():
            machine.boot()
        for a, b in self._pairs():
            self._dial(a, b, REDIAL_MS // 4)
        for step in self.case.steps:
            self.timeline.at(step[0], lambda step=step: perform(self, step))  # type: ignore[misc]
        self.timeline.run_until(self.case.end_ms)
        self.log("heal")
        self._heal()
        if not self.case.is_within_bounds:
            self.timeline.run_until(self.timeline.now_ms + QUIET_MS)
            return
        calm = 0
        while self.timeline.now_ms < self.case.end_ms + SETTLE_MS_MAX:
            self.timeline.run_until(self.timeline.now_ms + SLICE_MS)
            self._heal_machines()
            calm = calm + 1 if self.watch.is_settled() else 0
            if calm == 2:
                self._stay_quiet()
                break
        self.watch.judge_at_end()

    def _stay_quiet(self) -> None:
        """See that a group in which nothing is left to do writes nothing (I10); not in every case."""
        if self.chance("quiet").below(QUIET_SHARE) or self.watch.chains.is_something_open():
            return
        written = self.watch.written()
        self.timeline.run_until(self.timeline.now_ms + QUIET_MS)
        if self.watch.written() != written:
            self.watch.find("group.restless", f"{self.watch.written() - written} entries with nothing to do")

    def _heal(self) -> None:
        self.network.heal()
        for machine in self.machines.values():
            machine.set_clock(0)
            machine.has_sessions = True
            machine.disk.fuse = machine.disk.is_full_at = None
        self._heal_machines()

    def _heal_machines(self) -> None:
        for machine in self.machines.values():
            machine.boot()

    # ---- lines

    def _pairs(self) -> list[tuple[str, str]]:
        key_of = {name: machine.key.public for name, machine in self.machines.items()}
        return sorted((a, b) for a, b in self.network.ways if a < b and key_of[a] != key_of[b])

    def _dial(self, a: str, b: str, pause_ms: int, since_ms: int | None = None) -> None:
        """Open a line between two machines, trying until there is one, for so long already."""
        begun_ms = self.timeline.now_ms if since_ms is None else since_ms
        self._dials += 1
        number = self._dialing[a, b] = self._dials

        def dial() -> None:
            if self._dialing[a, b] != number:
                return
            left, right = self.machines[a], self.machines[b]
            may = left.node is not None and right.node is not None
            may = may and left.has_sessions and right.has_sessions
            may = may and not left.is_blocked(right.key.public) and not right.is_blocked(left.key.public)
            line = self.network.open_line(a, b) if may else None
            if line is None:
                is_long = self.timeline.now_ms - begun_ms > PATIENCE_MS
                self._dial(a, b, min(2 * pause_ms, SLOW_MS if is_long else REDIAL_MS_MAX), begun_ms)
                return
            left.ends[b], right.ends[a] = End(left, right, line), End(right, left, line)
            self.log(f"line {a} {b}")
            left.tell_present()
            right.tell_present()
            left.ends[b].start()
            right.ends[a].start()

        self.timeline.after(pause_ms, dial)

    def dial_soon(self, name: str) -> None:
        """A machine was switched on: it and the others try anew."""
        for a, b in self._pairs():
            if name in (a, b) and (a, b) in self._dialing and (a, b) not in self.network.lines:
                self._dial(a, b, REDIAL_MS // 4)

    def _broken(self, line: Line) -> None:
        a, b = line.names
        self._dial(a, b, REDIAL_MS)
        for own, other in ((a, b), (b, a)):
            end = self.machines[own].ends.pop(other, None)
            if end is not None and self.machines[own].node is not None:
                end.broken()
                self.machines[own].tell_present()


@contextmanager
def _verifying_once() -> Iterator[None]:
    """All machines verify the same signatures: what one found out, it is enough to find out once."""
    verify = crypto.crypto_sign_open
    crypto.crypto_sign_open = lru_cache(SIGNATURES_REMEMBERED)(verify)
    try:
        yield
    finally:
        crypto.crypto_sign_open = verify


def play(case: Case, *, tell: Callable[[str], None] | None = None) -> Outcome:
    """Play a case."""
    return World(case, tell=tell).play()
