"""What one look at a chain comes to: what is to be written, asked for, followed, told or committed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from p2pnode.chain.judging import Made
from p2pnode.chain.schism import SchismFound
from p2pnode.consensus.certificate import Convocation
from p2pnode.consensus.format import Certificate, Configuration, CutEntry, Vote
from p2pnode.consensus.height import AskToClose, Propose
from p2pnode.core.events import Item


class Final(NamedTuple):
    """A block that became final, with its certificate and what running it gave.

    Shapes: configuration is the one that voted on it; votes_over says for lanes of votes, by number, up to
    where they speak of nothing above this height; convocation is there exactly for the second attempt.
    """

    made: Made
    certificate: Certificate
    configuration: Configuration
    votes_over: dict[int, int]
    convocation: Convocation | None


@dataclass(slots=True)
class Step:
    """What follows now: entries for lane 1, or a final block; and when to look again.

    Shapes: proofs are of forks that a block shows; follow are the branches beyond forks that a block with a
    quorum behind it names, leave the lanes (author and number) of which it names none though one is awaited;
    headers are hashes of headers and bodies of blocks to ask for; `suspension` is to
    be written before what `Chain.propose` gives for `fresh`.
    """

    items: list[Item] = field(default_factory=list)
    votes: list[Vote] = field(default_factory=list)
    final: Final | None = None
    wake_at_ms: int | None = None
    asks: AskToClose | None = None
    schism: SchismFound | None = None
    proofs: tuple[bytes, ...] = ()
    follow: tuple[CutEntry, ...] = ()
    leave: tuple[tuple[bytes, int], ...] = ()
    headers: tuple[bytes, ...] = ()
    suspension: Item | None = None
    fresh: Propose | None = None
