"""The vote rules of one height, as pure functions over tiny values (R1 to R9).

`height.Height` decides with them, and the exhaustive model of the tests explores them: there is no second
copy. Nothing here knows time, blocks or signatures. In one attempt at one height:

- any two quorums share an honest voter, who names one block a view (R4) and never skips and finalizes it;
- so a view with a final block has no skip certificate, and every later view can only name that block again;
- the second convocation counts a majority instead, and carries what the first attempt may have made final
  over as a lock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Literal, NamedTuple

from p2pnode.consensus.format import Kind

FIRST_ATTEMPT = 0
SECOND_ATTEMPT = 1
FRESH = -1
"""The justifying view of a block that no earlier view notarized."""

FinalityClass = Literal["ordinary", "convoked", "recovered"]


class Mine(NamedTuple):
    """What one voter has said in one view."""

    notarized: bytes | None = None
    is_skipped: bool = False
    finalized: bytes | None = None


class Lock(NamedTuple):
    """The block that the highest notarized view of the first attempt named, as far as somebody knows."""

    view: int
    block: bytes


def quorum_of(voters: int, lying_voters: int, attempt: int) -> int:
    """How many votes decide; the second convocation counts a simple majority."""
    return (voters + lying_voters) // 2 + 1 if attempt == FIRST_ATTEMPT else majority_of(voters)


def majority_of(voters: int) -> int:
    """How many closes end the first attempt, and how many votes decide in the second."""
    return voters // 2 + 1


def has_quorum(votes: int, quorum: int) -> bool:
    """Whether so many votes decide."""
    return votes >= quorum


def counts(voter: bytes, voters: Collection[bytes]) -> bool:
    """Whether a vote is counted at all: only a voter of this height's configuration decides."""
    return voter in voters


def may_cast(kind: Kind, mine: Mine, *, attempt: int, is_closed: bool) -> bool:
    """Whether a voter may say this in a view in which it has said `mine`.

    Source: one N a view; never both S and F; nothing in the first attempt after closing it (R8).
    """
    if attempt == FIRST_ATTEMPT and is_closed:
        return False
    if kind == "N":
        return mine.notarized is None
    return not mine.is_skipped and mine.finalized is None


def after(mine: Mine, kind: Kind, block: bytes) -> Mine:
    """What a voter has said once it has said this too."""
    if kind == "N":
        return mine._replace(notarized=block)
    return mine._replace(is_skipped=True) if kind == "S" else mine._replace(finalized=block)


def finalizable(
    mine: Mine, notarized: Sequence[bytes], *, attempt: int, is_closed: bool
) -> tuple[bytes, ...]:
    """Which of the blocks that a quorum notarized in a view a voter may finalize there (R3).

    A voter that finalized before a quorum notarized could never skip a split view.
    """
    return tuple(notarized) if may_cast("F", mine, attempt=attempt, is_closed=is_closed) else ()


def is_over(*, is_notarized: bool, is_skipped: bool) -> bool:
    """Whether a view has ended, so that the next begins (R2)."""
    return is_notarized or is_skipped


def is_justified(
    view: int,
    block: bytes,
    justifying_view: int,
    *,
    is_notarized: Callable[[int, bytes], bool],
    is_skipped: Callable[[int], bool],
    lock: Lock | None,
) -> bool:
    """Whether a block may be notarized in a view (R4): nothing that was final before can be passed over.

    Shapes: `justifying_view` is FRESH, or the view that notarized this block; all views between are skipped.
    """
    if justifying_view == FRESH:
        if lock is not None and lock.block != block:
            return False
    elif not (0 <= justifying_view < view and is_notarized(justifying_view, block)):
        return False
    return all(is_skipped(between) for between in range(justifying_view + 1, view))


def is_split(notarizing: Sequence[int], heard: int, voters: int, quorum: int) -> bool:
    """Whether no block can win a view any more (R7).

    Shapes: votes for each block; voters heard in the view, whatever they said.
    """
    return max(notarizing, default=0) + (voters - heard) < quorum


def has_reopened(closes: int, voters: int) -> bool:
    """Whether so many closes end the first attempt and open the second (R9)."""
    return closes >= majority_of(voters)


def lock_of(locks: Iterable[Lock | None]) -> Lock | None:
    """The highest lock among all closes seen (J32): it only rises as closes arrive."""
    return max((lock for lock in locks if lock is not None), default=None)


def lock_to_declare(notarized: Sequence[Lock], finalized: Sequence[Lock]) -> tuple[bool, Lock | None]:
    """Whether a voter may close the first attempt now, and the lock it declares (R8).

    A voter that finalized a block of which it cannot show the notarization, because it lost other people's
    votes, has to fetch them first: its lock is what keeps a hidden decision.
    """
    lock = lock_of(notarized)
    owed = lock_of(finalized)
    return owed is None or (lock is not None and lock >= owed), lock


def may_suspend(suspended: Collection[bytes], answered: Collection[bytes], attempt: int) -> bool:
    """Whether a fresh block may suspend these voters: only after a roll call, and only who did not answer.

    Silence is not taken from missing entries: a member who has nothing to say writes nothing.
    """
    return not suspended or (
        attempt == SECOND_ATTEMPT and not any(member in answered for member in suspended)
    )


def finality_class(attempt: int, *, is_recovered: bool) -> FinalityClass:
    """How strong a decision is: of a quorum, of a majority after a roll call, or with recovery keys (J20)."""
    if is_recovered:
        return "recovered"
    return "ordinary" if attempt == FIRST_ATTEMPT else "convoked"
