"""Counting: what was decided, from ballots and delegations alone: no rows, no clock, so anybody can do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.crypto import tagged_hash
from p2pnode.governance.ballot import ABSTAIN, NO, OBJECT, RANKED, YES, BallotRow, Delegation
from p2pnode.governance.decision_rule import CONSENT, SUPERMAJORITY, DecisionRule
from p2pnode.governance.election import Elected, Ranking, elect

Result = Literal["passed", "rejected", "objected", "no_quorum", "tie", "withdrawn"]
RESULTS: tuple[Result, ...] = get_args(Result)
"""What came out. A tie means that the group keeps talking; nothing is ever decided by chance."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of whom. Shapes: electorate ascending; seats is 0 unless people are elected."""

    rule: DecisionRule
    electorate: tuple[bytes, ...]
    seats: int = 0


@dataclass(frozen=True, slots=True)
class Count:
    """The numbers and what follows from them.

    Shapes: yes, no, abstain, object and ranked count members, with those who delegated; an objection is not
    counted as a no as well. through gives, ascending by member, the member whose ballot spoke for each.
    elected is None unless people were to be elected.
    """

    result: Result
    yes: int
    no: int
    abstain: int
    object: int
    ranked: int
    electorate: int
    through: tuple[tuple[bytes, bytes], ...]
    elected: Elected | None = None

    @property
    def took_part(self) -> int:
        """How many members have a ballot that counts, their own or a delegate's."""
        return len(self.through)


def count(question: Question, own: Mapping[bytes, BallotRow], delegates: Mapping[bytes, Delegation]) -> Count:
    """The result of a vote.

    Shapes: own holds what counts as a member's own ballot; delegates whom the others chose, by member.
    Ballots of others than the electorate are left out.
    """
    through = _through(question.electorate, own, delegates)
    weights = dict.fromkeys((YES, NO, ABSTAIN, OBJECT, RANKED), 0)
    for _, speaker in through:
        weights[own[speaker].choice] += 1
    elected: Elected | None = None
    if question.seats:
        rankings = [Ranking(own[speaker].ranked, 1) for _, speaker in through if own[speaker].ranked]
        elected = elect(question.seats, rankings)
    num, den = question.rule.quorum
    took_part = len(through)
    if not took_part or took_part * den < num * len(question.electorate):
        result: Result = "no_quorum"
    elif elected is not None:
        result = "tie" if elected.is_tie or not elected.members else "passed"
    else:
        result = _result(question.rule, weights[YES], weights[NO], weights[OBJECT])
    return Count(
        result,
        weights[YES],
        weights[NO],
        weights[ABSTAIN],
        weights[OBJECT],
        weights[RANKED],
        len(question.electorate),
        tuple(through),
        elected if result == "passed" else None,
    )


def counted_hash(
    electorate: Sequence[bytes], own: Mapping[bytes, BallotRow], delegates: Mapping[bytes, Delegation]
) -> bytes:
    """One hash for all that went into a count, so that a count that was done again shows it left nothing out.

    Shapes: for each member of the electorate with anything, [member, entry] of the own ballot, else of the
    delegation.
    """
    items: list[Value] = []
    for member in electorate:
        if member in own:
            items.append([member, own[member].entry])
        elif member in delegates:
            items.append([member, delegates[member].entry])
    return tagged_hash("counted", codec.encode(items))


def _through(
    electorate: Sequence[bytes], own: Mapping[bytes, BallotRow], delegates: Mapping[bytes, Delegation]
) -> list[tuple[bytes, bytes]]:
    """Each member and whose ballot speaks for it; a circle of delegates speaks for nobody."""
    entitled = frozenset(electorate)
    speaker_of: dict[bytes, bytes | None] = {member: member for member in own if member in entitled}
    for member in electorate:
        way: list[bytes] = []
        at: bytes | None = member
        while at is not None and at not in speaker_of:
            way.append(at)
            speaker_of[at] = None
            chosen = delegates.get(at)
            at = chosen.to if chosen is not None and chosen.to in entitled else None
        speaker = None if at is None else speaker_of[at]
        for passed in way:
            speaker_of[passed] = speaker
    found = ((member, speaker_of[member]) for member in electorate)
    return [(member, speaker) for member, speaker in found if speaker is not None]


def _result(rule: DecisionRule, yes: int, no: int, objections: int) -> Result:
    against = no + objections
    if rule.rule == CONSENT:
        if against:
            return "objected"
        return "passed" if yes else "tie"
    if yes == against:
        return "tie"
    if rule.rule == SUPERMAJORITY:
        num, den = rule.share
        return "passed" if yes * den >= num * (yes + against) else "rejected"
    return "passed" if yes > against else "rejected"
