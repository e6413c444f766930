"""Broken vote rules, each of which the exploration has to catch: a check that cannot fail proves nothing.

A mutant replaces functions of `p2pnode.consensus.rules`, or changes the setting, and says which fault has to
be found and where.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from p2pnode.consensus import rules
from p2pnode.consensus.format import Kind
from p2pnode.consensus.rules import Lock, Mine
from tests.reference.model import Finding, Model, Setting

_FOUR = Setting(4, 1, 1)
_AGAIN = Setting(4, 1, 1, views=(1, 1))

_may_cast, _is_justified, _quorum_of, _lock_of = (
    rules.may_cast,
    rules.is_justified,
    rules.quorum_of,
    rules.lock_of,
)


def _notarize_twice(kind: Kind, mine: Mine, *, attempt: int, is_closed: bool) -> bool:
    return kind == "N" or _may_cast(kind, mine, attempt=attempt, is_closed=is_closed)


def _finalize_after_skip(kind: Kind, mine: Mine, *, attempt: int, is_closed: bool) -> bool:
    forgiven = mine._replace(is_skipped=False) if kind == "F" else mine
    return _may_cast(kind, forgiven, attempt=attempt, is_closed=is_closed)


def _skip_after_finalize(kind: Kind, mine: Mine, *, attempt: int, is_closed: bool) -> bool:
    forgiven = mine._replace(finalized=None) if kind == "S" else mine
    return _may_cast(kind, forgiven, attempt=attempt, is_closed=is_closed)


def _vote_after_close(kind: Kind, mine: Mine, *, attempt: int, is_closed: bool) -> bool:
    return _may_cast(kind, mine, attempt=attempt, is_closed=False)


def _finalize_own(
    mine: Mine, notarized: Sequence[bytes], *, attempt: int, is_closed: bool
) -> tuple[bytes, ...]:
    own = () if mine.notarized is None else (mine.notarized,)
    return own if _may_cast("F", mine, attempt=attempt, is_closed=is_closed) else ()


def _finalize_anything(
    mine: Mine, notarized: Sequence[bytes], *, attempt: int, is_closed: bool
) -> tuple[bytes, ...]:
    return (b"x", b"y") if _may_cast("F", mine, attempt=attempt, is_closed=is_closed) else ()


def _justified_without_skips(view: int, block: bytes, justifying_view: int, **seen: Any) -> bool:
    return _is_justified(view, block, justifying_view, **{**seen, "is_skipped": lambda view: True})


def _justified_by_any_block(view: int, block: bytes, justifying_view: int, **seen: Any) -> bool:
    def is_notarized(earlier: int, _: bytes) -> bool:
        return any(bool(seen["is_notarized"](earlier, named)) for named in (b"x", b"y"))

    return _is_justified(view, block, justifying_view, **{**seen, "is_notarized": is_notarized})


def _justified_without_lock(view: int, block: bytes, justifying_view: int, **seen: Any) -> bool:
    return _is_justified(view, block, justifying_view, **{**seen, "lock": None})


def _one_vote_less(voters: int, lying_voters: int, attempt: int) -> int:
    return _quorum_of(voters, lying_voters, attempt) - 1


def _one_vote_less_in_attempt(which: int) -> Callable[[int, int, int], int]:
    def quorum(voters: int, lying_voters: int, attempt: int) -> int:
        return _quorum_of(voters, lying_voters, attempt) - (attempt == which)

    return quorum


def _no_lock(notarized: Sequence[Lock], finalized: Sequence[Lock]) -> tuple[bool, Lock | None]:
    return True, None


def _lock_of_what_is_shown(notarized: Sequence[Lock], finalized: Sequence[Lock]) -> tuple[bool, Lock | None]:
    return True, rules.lock_of(notarized)


def _lock_if_all_have_one(locks: Iterable[Lock | None]) -> Lock | None:
    known = list(locks)
    return None if None in known else _lock_of(known)


def _lowest_lock(locks: Iterable[Lock | None]) -> Lock | None:
    return min((lock for lock in locks if lock is not None), default=None)


def _one_close_less(closes: int, voters: int) -> bool:
    return closes >= rules.majority_of(voters) - 1


def _anybody(voter: bytes, voters: Collection[bytes]) -> bool:
    return True


@dataclass(frozen=True)
class Mutant:
    """One broken rule. Shapes: `rules` by name; `fault` is what has to be found."""

    name: str
    setting: Setting
    rules: dict[str, Any] = field(default_factory=dict)
    fault: str = "fork"


MUTANTS: tuple[Mutant, ...] = (
    Mutant("R4 notarize twice in a view", _FOUR, {"may_cast": _notarize_twice}),
    Mutant("R3 finalize after skipping", _FOUR, {"may_cast": _finalize_after_skip}),
    Mutant("R6 skip after finalizing", _FOUR, {"may_cast": _skip_after_finalize}),
    Mutant("R3 finalize what no quorum notarized", _FOUR, {"finalizable": _finalize_anything}),
    Mutant(
        "R3 finalize together with notarizing",
        Setting(4, 1, 1, are_liars_silent=True),
        {"finalizable": _finalize_own},
        "dead end",
    ),
    Mutant("R4 no skip certificates", _FOUR, {"is_justified": _justified_without_skips}),
    Mutant("R4 any notarized block justifies", _FOUR, {"is_justified": _justified_by_any_block}),
    Mutant("quorum less one", _FOUR, {"quorum_of": _one_vote_less}),
    Mutant("votes of others than voters", Setting(4, 1, 1, outsiders=1), {"counts": _anybody}),
    Mutant("R8 a closed voter votes on", _AGAIN, {"may_cast": _vote_after_close}),
    Mutant("R8 close without the lock", _AGAIN, {"lock_to_declare": _no_lock}),
    Mutant("R8 close after losing the votes", _AGAIN, {"lock_to_declare": _lock_of_what_is_shown}),
    Mutant("R9 ignore the lock", _AGAIN, {"is_justified": _justified_without_lock}),
    Mutant("R9 one close without a lock frees all", _AGAIN, {"lock_of": _lock_if_all_have_one}),
    Mutant("R9 reopen with a close less", _AGAIN, {"has_reopened": _one_close_less}),
    Mutant(
        "R9 majority less one", Setting(3, 0, 0, views=(1, 1)), {"quorum_of": _one_vote_less_in_attempt(1)}
    ),
    Mutant("next configuration by the attempt", Setting(3, 0, 0, views=(1, 1), decides_by_attempt=True)),
    Mutant("J19 automatic b: three voters of four, one liar, b = 0", Setting(3, 0, 1)),
    Mutant("vote before it is on disk, then crash", Setting(4, 1, 1, views=(1, 0), forgets=True)),
)


LONG_MUTANTS: tuple[Mutant, ...] = (
    Mutant("R9 the lowest lock", Setting(4, 1, 1, views=(2, 1)), {"lock_of": _lowest_lock}),
)
"""Caught after a minute."""


@contextmanager
def broken(mutant: Mutant) -> Iterator[None]:
    """The project's rules with this mutant's in their place."""
    with mock.patch.multiple(rules, **mutant.rules) if mutant.rules else mock.MagicMock():
        yield


def explore_broken(mutant: Mutant) -> Finding:
    """What a hunt through the mutant's setting with its broken rules finds."""
    with broken(mutant):
        return Model(mutant.setting).hunt()
