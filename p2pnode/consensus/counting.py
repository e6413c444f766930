"""The votes of one height, counted as they arrive. Which of them decide is said by `rules`."""

from __future__ import annotations

from p2pnode.consensus import rules
from p2pnode.consensus.format import Configuration, Kind, Vote
from p2pnode.consensus.rules import FIRST_ATTEMPT, SECOND_ATTEMPT

_Subject = tuple[int, int, Kind, bytes]


class Votes:
    """Who said what. Votes of others than this height's voters, and of a third attempt, are not counted.

    All votes of a voter are kept, contradicting ones too: dropping a liar's vote could hide a quorum that
    others see. What one voter may store is bounded where entries are stored (J18).
    """

    def __init__(self, height: int, configuration: Configuration) -> None:
        self._height = height
        self._voters = frozenset(member for member, _ in configuration.voters)
        count = len(self._voters)
        self._quorums = {
            attempt: rules.quorum_of(count, configuration.lying_voters, attempt)
            for attempt in (FIRST_ATTEMPT, SECOND_ATTEMPT)
        }
        self._votes: dict[_Subject, dict[bytes, Vote]] = {}
        self._blocks: dict[tuple[int, int], dict[bytes, None]] = {}
        self._notarized: dict[int, dict[int, list[bytes]]] = {FIRST_ATTEMPT: {}, SECOND_ATTEMPT: {}}
        self._finals: list[tuple[int, int, bytes]] = []

    def quorum(self, attempt: int) -> int:
        """How many votes decide in an attempt."""
        return self._quorums[attempt]

    def add(self, voter: bytes, vote: Vote) -> bool:
        """Count a vote; says whether it is new and counts."""
        if (
            vote.height != self._height
            or vote.attempt not in self._quorums
            or not rules.counts(voter, self._voters)
        ):
            return False
        subject: _Subject = (vote.attempt, vote.view, vote.kind, vote.block)
        known = self._votes.setdefault(subject, {})
        if voter in known:
            return False
        known[voter] = vote
        if vote.kind == "N":
            self._blocks.setdefault(subject[:2], {})[vote.block] = None
        quorum = self._quorums[vote.attempt]
        if rules.has_quorum(len(known), quorum) and not rules.has_quorum(len(known) - 1, quorum):
            self._note_quorum(vote)
        return True

    def _note_quorum(self, vote: Vote) -> None:
        if vote.kind == "N":
            blocks = self._notarized[vote.attempt].setdefault(vote.view, [])
            blocks.append(vote.block)
            blocks.sort()
        elif vote.kind == "F":
            self._finals.append((vote.attempt, vote.view, vote.block))
            self._finals.sort()

    def is_notarized(self, attempt: int, view: int, block: bytes) -> bool:
        """Whether a quorum notarized a block in a view."""
        return block in self._notarized[attempt].get(view, ())

    def notarized(self, attempt: int, view: int) -> tuple[bytes, ...]:
        """The blocks notarized in a view, ascending: more than one only when too many voters lie."""
        return tuple(self._notarized[attempt].get(view, ()))

    def notarized_views(self, attempt: int) -> tuple[int, ...]:
        """The views of an attempt that notarized a block, ascending."""
        return tuple(sorted(self._notarized[attempt]))

    def is_skipped(self, attempt: int, view: int) -> bool:
        """Whether a quorum skipped a view."""
        return rules.has_quorum(len(self._votes.get((attempt, view, "S", b""), ())), self._quorums[attempt])

    def finals(self, attempt: int) -> tuple[tuple[int, int, bytes], ...]:
        """Attempt, view and block of every quorum of F votes up to an attempt, ascending."""
        return tuple(final for final in self._finals if final[0] <= attempt)

    def of(self, attempt: int, view: int, kind: Kind, block: bytes) -> tuple[tuple[bytes, Vote], ...]:
        """The votes of one kind for one block in one view, ascending by voter."""
        return tuple(sorted(self._votes.get((attempt, view, kind, block), {}).items()))

    def every(self) -> tuple[tuple[bytes, Vote], ...]:
        """All votes with their voters."""
        return tuple((voter, vote) for known in self._votes.values() for voter, vote in known.items())

    def notarizing(self, attempt: int, view: int) -> tuple[int, ...]:
        """How many votes each block of a view has."""
        blocks = self._blocks.get((attempt, view), {})
        return tuple(len(self._votes[attempt, view, "N", block]) for block in sorted(blocks))

    def heard(self, attempt: int, view: int) -> tuple[bytes, ...]:
        """Who notarized or skipped in a view, ascending."""
        members = dict.fromkeys(self._votes.get((attempt, view, "S", b""), ()))
        for block in self._blocks.get((attempt, view), ()):
            members.update(dict.fromkeys(self._votes[attempt, view, "N", block]))
        return tuple(sorted(members))
