"""Every run of the vote rules at one height, explored state by state with the project's own rule functions.

The network is asynchronous: any vote that exists may be seen by anybody at any time, or not. Liars have every
vote ready for everybody. Two blocks are enough: a third would only make quorums smaller. A state is what each
honest voter has said and closed; the order of voters and the names of the two blocks do not matter.

What may be said is asked of `p2pnode.consensus.rules` and remembered for one exploration, so that a changed
rule changes the model.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from p2pnode.consensus import rules
from p2pnode.consensus.format import Kind
from p2pnode.consensus.rules import FIRST_ATTEMPT, SECOND_ATTEMPT, Lock, Mine

X, Y = b"x", b"y"
_BLOCKS = (X, Y)
_OTHER = {X: Y, Y: X, b"": b""}
_OUTSIDER = b"outsider"
_FIELD_BITS = 5
_FIELD_MAX = 2**_FIELD_BITS - 1
_SUBJECTS: tuple[tuple[Kind, bytes], ...] = (("N", X), ("N", Y), ("S", b""), ("F", X), ("F", Y))

_SIDE_STEP = 0.1
_NEAR = 100
_SHORT_TRIES = 20
_SHORT_STATES = (500, 2_000, 8_000)

Slot = tuple[int, int]
"""An attempt and a view in it."""

_Has = Callable[[int, int, Kind, bytes], bool]
"""Whether a quorum said this: attempt, view, kind, block."""


class Word(NamedTuple):
    """What one voter said in one view: every vote that exists, and what the voter itself remembers."""

    votes: frozenset[tuple[Kind, bytes]]
    mine: Mine


class Voter(NamedTuple):
    """One honest voter: a word for each slot, whether it closed the first attempt, the lock it declared."""

    words: tuple[Word, ...]
    is_closed: bool = False
    lock: Lock | None = None


@dataclass(frozen=True)
class Setting:
    """One group and what goes wrong in it.

    Shapes: `views` of the first and the second attempt; `forgets` lets a crash take what a voter remembers;
    `outsiders` vote without being voters; `decides_by_attempt` makes the next configuration depend on the
    attempt; silent liars never vote, and dead ends are looked for instead of forks.
    """

    voters: int
    lying_voters: int
    liars: int
    views: tuple[int, int] = (2, 0)
    outsiders: int = 0
    forgets: bool = False
    decides_by_attempt: bool = False
    are_liars_silent: bool = False

    @property
    def name(self) -> str:
        """The setting in a few words."""
        second = f"+{self.views[1]}" if self.views[1] else ""
        extra = " silent" if self.are_liars_silent else ""
        return f"n={self.voters} b={self.lying_voters} f={self.liars}{extra} V={self.views[0]}{second}"


@dataclass(frozen=True)
class Finding:
    """What an exploration found. Shapes: `states` distinct ones; `fault` is None for none."""

    states: int
    seconds: float
    fault: str | None
    is_complete: bool
    decided: frozenset[tuple[int, bytes]]
    """Attempts and blocks that were final in some state."""


class _Enabled(NamedTuple):
    """What the votes that exist allow: conditions as bits, and whether they make a fork."""

    bits: int
    finals: frozenset[tuple[int, bytes]]
    has_forked: bool
    is_over: bool


class Model:
    """One exploration of one setting."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._slots: list[Slot] = [
            (attempt, view) for attempt in (0, 1) for view in range(setting.views[attempt])
        ]
        members = [bytes([number]) for number in range(setting.voters)]
        counted = sum(rules.counts(_OUTSIDER, members) for _ in range(setting.outsiders))
        self._extra = counted + (0 if setting.are_liars_silent else setting.liars)
        self._quorum = [rules.quorum_of(setting.voters, setting.lying_voters, attempt) for attempt in (0, 1)]
        self._locks: list[Lock | None] = [None]
        if setting.views[1]:
            self._locks += [Lock(view, block) for view in range(setting.views[0]) for block in _BLOCKS]
        self._fields: dict[object, int] = {}
        for slot in self._slots:
            for subject in _SUBJECTS:
                self._fields[slot, subject] = len(self._fields) * _FIELD_BITS
        for lock in self._locks:
            self._fields["close", lock] = len(self._fields) * _FIELD_BITS
        self._bits: dict[object, int] = {}
        self._numbers: dict[Voter, int] = {}
        self._voters: list[Voter] = []
        self._weights: list[int] = []
        self._swaps: list[int] = []
        self._moves: list[list[tuple[int, int]] | None] = []
        self._known: dict[int, _Enabled] = {}

    # ---- one voter

    def _number(self, voter: Voter) -> int:
        """Give a voter's state its number; what it adds to the counts is remembered with it."""
        if voter not in self._numbers:
            number = self._numbers[voter] = len(self._voters)
            self._voters.append(voter)
            weight = sum(
                1 << self._fields[slot, subject]
                for slot, word in zip(self._slots, voter.words, strict=True)
                for subject in word.votes
            )
            if voter.is_closed:
                weight += 1 << self._fields["close", voter.lock]
            self._weights.append(weight)
            self._moves.append(None)
            self._swaps.append(number)
            self._swaps[number] = self._number(_swapped(voter))
        return self._numbers[voter]

    def _bit(self, condition: object) -> int:
        return self._bits.setdefault(condition, 1 << len(self._bits))

    def _moves_of(self, number: int) -> list[tuple[int, int]]:
        """What a voter in this state may do: the condition it needs, and the state it leads to."""
        moves = self._moves[number]
        if moves is None:
            voter = self._voters[number]
            moves = [(self._bit(need), self._number(then)) for need, then in self._steps(voter)]
            moves = [move for move in dict.fromkeys(moves) if move[1] != number]
            self._moves[number] = moves
        return moves

    def _steps(self, voter: Voter) -> Iterator[tuple[object, Voter]]:
        for index, (slot, word) in enumerate(zip(self._slots, voter.words, strict=True)):
            attempt = slot[0]

            def say(kind: Kind, block: bytes, index: int = index, word: Word = word) -> Voter:
                said = Word(word.votes | {(kind, block)}, rules.after(word.mine, kind, block))
                return voter._replace(words=(*voter.words[:index], said, *voter.words[index + 1 :]))

            if rules.may_cast("N", word.mine, attempt=attempt, is_closed=voter.is_closed):
                for block in _BLOCKS:
                    yield ("justified", slot, block), say("N", block)
            if rules.may_cast("S", word.mine, attempt=attempt, is_closed=voter.is_closed):
                yield ("open", attempt), say("S", b"")
            for seen in ((), (X,), (Y,)):
                need = ("notarized", slot, seen[0]) if seen else ("open", attempt)
                for block in rules.finalizable(word.mine, seen, attempt=attempt, is_closed=voter.is_closed):
                    yield need, say("F", block)
            if self.setting.forgets and word.mine != Mine():
                forgotten = word._replace(mine=Mine())
                yield (
                    ("open", attempt),
                    voter._replace(words=(*voter.words[:index], forgotten, *voter.words[index + 1 :])),
                )
        if self.setting.views[1] and not voter.is_closed:
            yield from self._closes(voter)

    def _closes(self, voter: Voter) -> Iterator[tuple[object, Voter]]:
        finalized = [
            Lock(slot[1], word.mine.finalized)
            for slot, word in zip(self._slots, voter.words, strict=True)
            if slot[0] == FIRST_ATTEMPT and word.mine.finalized is not None
        ]
        for known in self._locks:
            may_close, lock = rules.lock_to_declare([] if known is None else [known], finalized)
            if may_close:
                need = (
                    ("open", FIRST_ATTEMPT)
                    if known is None
                    else ("notarized", (FIRST_ATTEMPT, known.view), known.block)
                )
                yield need, voter._replace(is_closed=True, lock=lock)

    # ---- all voters

    def _enabled(self, total: int) -> _Enabled:
        """What the sum of all voters' words allows."""
        known = self._known.get(total)
        if known is None:
            known = self._known[total] = self._judge(total)
        return known

    def _judge(self, total: int) -> _Enabled:
        counts = {key: (total >> shift) & _FIELD_MAX for key, shift in self._fields.items()}

        def has(attempt: int, view: int, kind: Kind, block: bytes) -> bool:
            votes = counts[(attempt, view), (kind, block)]
            return rules.has_quorum(votes + self._extra, self._quorum[attempt])

        bits = self._bit(("open", FIRST_ATTEMPT))
        attempts: dict[int, Sequence[Lock | None]] = {FIRST_ATTEMPT: (None,)}
        if self.setting.views[1]:
            attempts[SECOND_ATTEMPT] = self._attempt_locks(counts, has)
        finals = set()
        is_over = True
        for attempt, locks in attempts.items():
            if not locks:
                continue
            bits |= self._bit(("open", attempt))
            for view in range(self.setting.views[attempt]):
                for block in _BLOCKS:
                    if has(attempt, view, "N", block):
                        bits |= self._bit(("notarized", (attempt, view), block))
                    if has(attempt, view, "F", block):
                        finals.add((attempt, block))
                    if self._is_justified(attempt, view, block, locks, has):
                        bits |= self._bit(("justified", (attempt, view), block))
                is_over = is_over and rules.is_over(
                    is_notarized=any(has(attempt, view, "N", block) for block in _BLOCKS),
                    is_skipped=has(attempt, view, "S", b""),
                )
        next_ones = finals if self.setting.decides_by_attempt else {block for _, block in finals}
        return _Enabled(bits, frozenset(finals), len(next_ones) > 1, is_over)

    def _is_justified(
        self, attempt: int, view: int, block: bytes, locks: Sequence[Lock | None], has: _Has
    ) -> bool:
        return any(
            rules.is_justified(
                view,
                block,
                justifying_view,
                is_notarized=lambda earlier, named: has(attempt, earlier, "N", named),
                is_skipped=lambda earlier: has(attempt, earlier, "S", b""),
                lock=lock,
            )
            for lock in locks
            for justifying_view in range(-1, view)
        )

    def _attempt_locks(self, counts: dict[object, int], has: _Has) -> list[Lock | None]:
        """Every lock that some voter may have computed from closes it has seen; none while too few closed.

        Liars close with no lock or with any lock that can be shown.
        """
        closes = [lock for lock in self._locks for _ in range(counts["close", lock])]
        shown = [lock for lock in self._locks[1:] if lock is not None and has(0, lock.view, "N", lock.block)]
        found: dict[Lock | None, None] = {}
        for size in range(len(closes) + 1):
            if not rules.has_reopened(size + self._extra, self.setting.voters):
                continue
            for seen in set(itertools.combinations(closes, size)):
                found[rules.lock_of(seen)] = None
                if self._extra:
                    found.update(dict.fromkeys(rules.lock_of((*seen, lock)) for lock in shown))
        return list(found)

    # ---- the exploration

    def explore(self, states_max: int | None = None, *, seed: int = 0) -> Finding:
        """Visit every state that can be reached, until a fault or the bound; the seed decides the order."""
        started, order = time.perf_counter(), random.Random(seed)
        honest = self.setting.voters - self.setting.liars
        blank = Voter(tuple(Word(frozenset(), Mine()) for _ in self._slots))
        start = (self._number(blank),) * honest
        visited, waiting = {start}, [start]
        decided: set[tuple[int, bytes]] = set()
        fault = None
        while waiting and fault is None and (states_max is None or len(visited) <= states_max):
            if order.random() < _SIDE_STEP:
                other = order.randrange(max(0, len(waiting) - _NEAR), len(waiting))
                waiting[other], waiting[-1] = waiting[-1], waiting[other]
            state = waiting.pop()
            enabled = self._enabled(sum(self._weights[number] for number in state))
            decided |= enabled.finals
            if enabled.has_forked:
                fault = "fork"
                break
            following = list(self._successors(state, enabled.bits))
            if not following and self.setting.are_liars_silent and not enabled.is_over:
                fault = "dead end"
            order.shuffle(following)
            for then in following:
                if then not in visited:
                    visited.add(then)
                    waiting.append(then)
        seconds = time.perf_counter() - started
        return Finding(len(visited), seconds, fault, not waiting or fault is not None, frozenset(decided))

    def hunt(self) -> Finding:
        """Look for a fault, first in short explorations: they meet most faults sooner than one long one."""
        for states_max in _SHORT_STATES:
            for seed in range(_SHORT_TRIES):
                finding = self.explore(states_max, seed=seed)
                if finding.fault is not None:
                    return finding
        return self.explore()

    def _successors(self, state: tuple[int, ...], bits: int) -> Iterator[tuple[int, ...]]:
        previous, swaps = -1, self._swaps
        for index, number in enumerate(state):
            if number == previous:
                continue
            previous = number
            rest = state[:index] + state[index + 1 :]
            for need, then in self._moves_of(number):
                if bits & need:
                    one = tuple(sorted((*rest, then)))
                    other = tuple(sorted([swaps[member] for member in one]))
                    yield min(one, other)


def _swapped(voter: Voter) -> Voter:
    """The same voter with the names of the two blocks exchanged."""
    lock = None if voter.lock is None else Lock(voter.lock.view, _OTHER[voter.lock.block])
    return Voter(
        tuple(
            Word(
                frozenset((kind, _OTHER[block]) for kind, block in word.votes),
                Mine(
                    None if word.mine.notarized is None else _OTHER[word.mine.notarized],
                    word.mine.is_skipped,
                    None if word.mine.finalized is None else _OTHER[word.mine.finalized],
                ),
            )
            for word in voter.words
        ),
        voter.is_closed,
        lock,
    )
