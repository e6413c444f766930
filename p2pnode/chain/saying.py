"""What an entry of lane 1 says, before anybody knows whether it counts."""

from __future__ import annotations

from typing import NamedTuple

from p2pnode.consensus.convocation import (
    CLOSE_TYPE,
    ROLL_TYPE,
    Closing,
    RollAnswer,
    decode_closing,
    decode_roll,
)
from p2pnode.consensus.format import (
    CERTIFICATE_TYPE,
    PROPOSAL_TYPE,
    VOTE_TYPE,
    Certificate,
    Proposal,
    Vote,
    decode_certificate,
    decode_proposal,
    decode_votes,
)
from p2pnode.core.errors import FormatError

_TYPES = frozenset({PROPOSAL_TYPE, VOTE_TYPE, ROLL_TYPE, CLOSE_TYPE, CERTIFICATE_TYPE})


class Saying(NamedTuple):
    """An entry of lane 1."""

    author: bytes
    type: str
    time_ms: int
    payload: bytes

    def read(self) -> tuple[Vote, ...] | Proposal | RollAnswer | Closing | Certificate:
        """What it says. Errors: FormatError."""
        match self.type:
            case t if t == PROPOSAL_TYPE:
                return decode_proposal(self.payload)
            case t if t == ROLL_TYPE:
                return decode_roll(self.payload)
            case t if t == CLOSE_TYPE:
                return decode_closing(self.payload)
            case t if t == CERTIFICATE_TYPE:
                return decode_certificate(self.payload)
            case _:
                return decode_votes(self.payload)


def heights_of(saying: Saying) -> list[int]:
    """The heights that it speaks of, ascending; none when it is malformed or about something else."""
    if saying.type not in _TYPES:
        return []
    try:
        said = saying.read()
    except FormatError:
        return []
    return sorted({vote.height for vote in said}) if isinstance(said, tuple) else [said.height]
