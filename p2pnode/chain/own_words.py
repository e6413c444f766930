"""What this node says at one height as a voter: its votes, proposals, roll answers and closes as entries.

When to say them the rules decide (`consensus/height.py`). Not here: what others said (`chain.py`), and
certificates that are shown beyond forks (`showing.py`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from p2pnode.chain.blocks import Blocks
from p2pnode.chain.convening import suspension
from p2pnode.consensus.block import Tip
from p2pnode.consensus.certificate import assemble
from p2pnode.consensus.convocation import (
    CLOSE_TYPE,
    ROLL_TYPE,
    RollAnswer,
    encode_closing,
    encode_roll,
    sign_closing,
)
from p2pnode.consensus.format import (
    PROPOSAL_TYPE,
    VOTE_TYPE,
    Proposal,
    Vote,
    encode_header,
    encode_proposal,
    encode_votes,
    sign_vote,
)
from p2pnode.consensus.height import Cast, Close, Height, Propose
from p2pnode.consensus.recovered import Statement
from p2pnode.core.events import Item
from p2pnode.core.ids import Lane

if TYPE_CHECKING:
    from p2pnode.group_log import GroupLog


class OwnWords:
    """What this node's device says above a tip.

    Shapes: statement is there when the device speaks for a lost voter (J20).
    """

    def __init__(
        self, log: GroupLog, tip: Tip, blocks: Blocks, height: Height, statement: Statement | None
    ) -> None:
        self._key = log.key
        self._tip = tip
        self._blocks = blocks
        self._height = height
        self._statement = statement
        self._proposing: Propose | None = None

    def sign(self, action: Cast) -> Vote:
        """One vote, signed."""
        unsigned = Vote(
            self._tip.height + 1, action.attempt, action.view, action.kind, action.block, bytes(64)
        )
        epoch = self._tip.configuration.epoch
        signature = self._prefix + sign_vote(self._key, self._tip.group, epoch, unsigned)
        return replace(unsigned, signature=signature)

    def votes(self, votes: list[Vote]) -> Item:
        """The entry that carries votes.

        Whoever cannot read the proposal, because it lies beyond a fork, asks voters for the header.
        """
        made = [self._blocks.made(vote.block) for vote in votes if vote.kind == "N"]
        headers = tuple(encode_header(item.header) for item in made if item is not None)
        return Item(VOTE_TYPE, encode_votes(votes), lane=Lane.VOTES.value, annexes=headers)

    def suspension(self) -> Item | None:
        """What to write before a fresh block of the second attempt, unless it is there already.

        A device that is not known yet writes nothing that could be ordered (J20).
        """
        if self._blocks.has_suspension or self._statement is not None:
            return None
        return suspension(self._height)

    def propose(self, action: Propose) -> list[Item]:
        """The entry by which a block is put to the vote, made now where it is to be a fresh one."""
        made = self._blocks.make() if action.block is None else self._blocks.made(action.block)
        if made is None:
            self._proposing = action if action.block is None and self._blocks.is_busy else None
            return []
        header, annexes = (encode_header(made.header), (made.body,)) if action.block is None else (b"", ())
        proposal = Proposal(
            made.header.height,
            action.attempt,
            action.view,
            action.justifying_view,
            made.header.id,
            header,
            (),
        )
        return [Item(PROPOSAL_TYPE, encode_proposal(proposal), lane=Lane.VOTES.value, annexes=annexes)]

    def propose_made(self) -> list[Item]:
        """The same for the block that was still being made when it was asked for."""
        if self._proposing is None or self._blocks.is_making:
            return []
        asked, self._proposing = self._proposing, None
        return self.propose(asked)

    def roll(self) -> Item:
        """The answer to a roll call."""
        return Item(ROLL_TYPE, encode_roll(RollAnswer(self._tip.height + 1)), lane=Lane.VOTES.value)

    def close(self, action: Close) -> Item:
        """The word that this voter votes no more in the first attempt."""
        tip = self._tip
        certificate = None
        if action.lock is not None:
            certificate = assemble(
                tip.configuration, action.votes, "N", action.lock.view, 0, action.lock.block
            )
        closing = sign_closing(self._key, tip.group, tip.configuration.epoch, tip.height + 1, certificate)
        closing = replace(closing, signature=self._prefix + closing.signature)
        return Item(CLOSE_TYPE, encode_closing(closing), lane=Lane.VOTES.value)

    @property
    def _prefix(self) -> bytes:
        """What goes before own signatures: the statement by which this device speaks for a lost voter."""
        return b"" if self._statement is None else self._statement.encoded
