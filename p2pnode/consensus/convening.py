"""When one voter calls the roll, answers it, and closes the first attempt of a height (R8)."""

from __future__ import annotations

from collections.abc import Sequence

from p2pnode.consensus import rules
from p2pnode.consensus.actions import Action, AskToClose, Close, Moment, Roll
from p2pnode.consensus.certificate import check_certificate
from p2pnode.consensus.convocation import Closing, Convocation, is_closing_said
from p2pnode.consensus.counting import Votes
from p2pnode.consensus.format import Configuration
from p2pnode.consensus.rules import FIRST_ATTEMPT, Lock
from p2pnode.core.errors import FormatError


def is_closing_shown(closing: Closing, member: bytes, configuration: Configuration, group: bytes) -> bool:
    """Whether a voter signed a close and its lock verifies: one that is made up would bind everybody (R9)."""
    signer = [voter for voter, _ in configuration.voters].index(member)
    if not is_closing_said(configuration, signer, group, closing):
        return False
    if closing.certificate is None or closing.lock is None:
        return closing.certificate is None and closing.lock is None
    certificate, lock = closing.certificate, closing.lock
    shown = (certificate.height, certificate.attempt, certificate.view)
    if shown != (closing.height, FIRST_ATTEMPT, lock.view):
        return False
    try:
        check_certificate(certificate, configuration, group, configuration.epoch, lock.block, kind="N")
    except FormatError:
        return False
    return True


class Convening:
    """One voter's part in a second convocation.

    Shapes: `can_sign` counts the voters whose keys are not lost (J20). Nobody waits when they are too few, or
    when the height before was decided in a second attempt that suspended nobody.
    """

    def __init__(
        self,
        voters: Sequence[bytes],
        me: bytes | None,
        votes: Votes,
        *,
        can_sign: int,
        has_closed: bool,
        is_carried: bool,
        roll_call_after_ms: int,
        close_after_ms: int,
    ) -> None:
        self.known = Convocation(voters)
        self.has_closed = has_closed
        self._voters, self._me, self._votes = len(voters), me, votes
        self._quorum = votes.quorum(FIRST_ATTEMPT)
        self._can_sign = can_sign
        is_hurried = is_carried or can_sign < self._quorum
        self._roll_call_after_ms = 0 if is_hurried else roll_call_after_ms
        self._close_after_ms = 0 if is_hurried else close_after_ms
        self._has_rolled = self._is_asked = self._is_agreed = False

    def agree(self) -> None:
        """Say that the person who was asked agrees."""
        self._is_agreed = self._is_asked

    def step(
        self, moment: Moment, attempt: int, work_since_ms: int | None, finalized: Sequence[Lock]
    ) -> list[Action]:
        """Call or answer the roll, ask, and close. Shapes: `finalized` is what this voter finalized."""
        is_short = min(len(moment.present), self._can_sign) < self._quorum
        may_call = is_short and attempt == FIRST_ATTEMPT
        actions: list[Action] = []
        if self._me not in self.known.answers and not self._has_rolled:
            is_called = bool(self.known.answers)
            if not is_called and may_call and work_since_ms is not None:
                is_called = moment.is_due(work_since_ms + self._roll_call_after_ms)
            if is_called:
                self._has_rolled = True
                actions.append(Roll())
        if attempt == FIRST_ATTEMPT and not self.has_closed and work_since_ms is not None:
            actions += self._close(moment, is_short, finalized)
        return actions

    def _close(self, moment: Moment, is_short: bool, finalized: Sequence[Lock]) -> list[Action]:
        answers = self.known.answers
        # Who closed votes no more: whoever is here beside them has to be enough, or one early close would
        # hold everybody up.
        voting = sum(member not in self.known.closed for member in moment.present)
        cannot_decide = is_short or voting < self._quorum
        if self._me not in answers or len(answers) < rules.majority_of(self._voters) or not cannot_decide:
            self._is_asked = self._is_agreed = False
            return []
        # By the own answer's time: a liar could date the first one back.
        if not moment.is_due(answers[self._me] + self._close_after_ms):
            return []
        may_close, lock = rules.lock_to_declare(self._locks(), finalized)
        if not may_close or (self._is_asked and not self._is_agreed):
            return []
        if not self._is_agreed:
            self._is_asked = True
            return [AskToClose(tuple(sorted(answers)), self.known.silent())]
        self.has_closed = True
        votes = () if lock is None else self._votes.of(FIRST_ATTEMPT, lock.view, "N", lock.block)
        return [Close(lock, votes)]

    def _locks(self) -> list[Lock]:
        return [
            Lock(view, block)
            for view in self._votes.notarized_views(FIRST_ATTEMPT)
            for block in self._votes.notarized(FIRST_ATTEMPT, view)
        ]
