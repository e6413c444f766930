"""Elections by ranked ballots: the single transferable vote, in whole numbers and without chance (J22).

Surpluses move on at a reduced value, in hundred-thousandths of a vote, cut off downwards. Where ballots
cannot say who goes first, nobody draws lots: the election is a tie, and the group keeps talking.

Source: the weighted inclusive Gregory method as used in Scottish local elections, besides its draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

SCALE = 100_000
"""Parts of a vote."""


class Ranking(NamedTuple):
    """Equal ballots. Shapes: ranked is best first; weight counts the members behind it."""

    ranked: tuple[bytes, ...]
    weight: int


class Round(NamedTuple):
    """One step of the count.

    Shapes: votes by candidate, ascending by id, in parts of SCALE; elected and excluded in this step.
    """

    votes: tuple[tuple[bytes, int], ...]
    elected: tuple[bytes, ...]
    excluded: tuple[bytes, ...]


class Elected(NamedTuple):
    """The outcome. Shapes: members in the order of their election; a tie elects nobody."""

    members: tuple[bytes, ...]
    is_tie: bool
    rounds: tuple[Round, ...]


class _Paper(NamedTuple):
    """Equal ballots, each of some value: each is cut off by itself, however they are grouped."""

    ranked: tuple[bytes, ...]
    weight: int
    value: int


@dataclass(slots=True)
class _Count:
    seats: int
    quota: int
    hopeful: list[bytes]
    piles: dict[bytes, list[_Paper]]
    elected: list[bytes] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)

    def votes(self) -> dict[bytes, int]:
        return {
            name: sum(paper.weight * paper.value for paper in self.piles[name]) for name in sorted(self.piles)
        }

    def note(self, elected: Sequence[bytes], excluded: Sequence[bytes]) -> None:
        self.rounds.append(Round(tuple(self.votes().items()), tuple(elected), tuple(excluded)))

    def give(self, papers: Sequence[_Paper]) -> None:
        """Put papers on the piles of the next candidates who are still hopeful; others are exhausted."""
        for paper in papers:
            following = next((name for name in paper.ranked if name in self.hopeful), None)
            if following is not None and paper.value:
                self.piles[following].append(paper)


def elect(seats: int, rankings: Sequence[Ranking]) -> Elected:
    """Who is elected.

    Shapes: candidates whom nobody ranked are not elected, so that seats may stay empty.
    """
    candidates = sorted({name for ranking in rankings for name in ranking.ranked})
    votes = sum(ranking.weight for ranking in rankings if ranking.ranked)
    count = _Count(seats, (votes // (seats + 1) + 1) * SCALE, candidates, {name: [] for name in candidates})
    count.give([_Paper(*ranking, SCALE) for ranking in rankings])
    surplus: list[bytes] = []
    while count.hopeful and len(count.elected) < seats:
        if len(count.elected) + len(count.hopeful) <= seats:
            count.note(_take(count, _by_votes(count, count.hopeful)), ())
            break
        reached = [name for name in count.hopeful if count.votes()[name] >= count.quota]
        if reached:
            newly = _by_votes(count, reached)
            count.note(newly, ())
            surplus += _take(count, newly)
        elif surplus:
            _pass_on(count, surplus)
            surplus = []
        else:
            last = _last(count)
            if not last:
                return Elected((), True, tuple(count.rounds))
            count.note((), last)
            _exclude(count, last)
    return Elected(tuple(count.elected), False, tuple(count.rounds))


def _by_votes(count: _Count, names: Sequence[bytes]) -> list[bytes]:
    votes = count.votes()
    return sorted(names, key=lambda name: (-votes[name], name))


def _take(count: _Count, names: Sequence[bytes]) -> list[bytes]:
    """Elect candidates. More cannot reach the quota than there are seats, by the size of the quota."""
    count.elected += names
    count.hopeful = [name for name in count.hopeful if name not in names]
    return list(names)


def _pass_on(count: _Count, names: Sequence[bytes]) -> None:
    """Pass on what the elected have beyond the quota, all at once, so that no order among them matters."""
    votes = count.votes()
    moved: list[_Paper] = []
    for name in names:
        above = votes[name] - count.quota
        papers = count.piles.pop(name)
        moved += [paper._replace(value=paper.value * above // votes[name]) for paper in papers]
    count.give(moved)


def _exclude(count: _Count, names: Sequence[bytes]) -> None:
    count.hopeful = [name for name in count.hopeful if name not in names]
    count.give([paper for name in names for paper in count.piles.pop(name)])


def _last(count: _Count) -> list[bytes]:
    """Who goes: the one with the fewest votes now, or when these were last different; nobody on a tie.

    Several go at once when together they have fewer votes than whoever comes next, and enough remain.
    """
    votes = count.votes()
    fewest = min(votes[name] for name in count.hopeful)
    last = [name for name in count.hopeful if votes[name] == fewest]
    others = [votes[name] for name in count.hopeful if name not in last]
    enough = len(count.elected) + len(others) >= count.seats
    if others and enough and fewest * len(last) < min(others):
        return last
    for earlier in reversed(count.rounds):
        if len(last) == 1:
            break
        then: Mapping[bytes, int] = dict(earlier.votes)
        fewest = min(then[name] for name in last)
        last = [name for name in last if then[name] == fewest]
    return last if len(last) == 1 else []
