"""Decided blocks: voters with their keys, headers, votes and certificates, for tests and vectors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from p2pnode.consensus.certificate import Close, Convocation, Final, quorum_of
from p2pnode.consensus.convocation import closing_message
from p2pnode.consensus.format import BlockHeader, Certificate, Configuration, Kind, Vote, sign_vote
from p2pnode.consensus.rules import Lock, majority_of
from p2pnode.core.crypto import ZERO_HASH, SigningKey, sha256

GROUP = b"\x67" * 32
START_MS = 1_800_000_000_000
SECOND_MS = 1000


@dataclass(frozen=True)
class Voters:
    """Voters who can be made to sign. Shapes: keys in the order of the configuration's voters."""

    configuration: Configuration
    keys: tuple[SigningKey, ...]

    @property
    def quorum(self) -> int:
        return self.configuration.quorum

    def vote(
        self, signer: int, header: BlockHeader, kind: Kind = "F", view: int = 0, attempt: int = 0
    ) -> Vote:
        block = b"" if kind == "S" else header.id
        unsigned = Vote(header.height, attempt, view, kind, block, b"")
        signature = sign_vote(self.keys[signer], header.group, header.epoch, unsigned)
        return replace(unsigned, signature=signature)

    def votes(self, header: BlockHeader, *signers: int, **subject: Any) -> list[tuple[bytes, Vote]]:
        """The votes of some voters with their member ids."""
        return [
            (self.configuration.voters[signer][0], self.vote(signer, header, **subject)) for signer in signers
        ]

    def certificate(
        self, header: BlockHeader, *signers: int, kind: Kind = "F", view: int = 0, attempt: int = 0
    ) -> Certificate:
        """A certificate by some voters, or by as many as needed."""
        chosen = signers or tuple(range(quorum_of(self.configuration, attempt)))
        votes = [self.vote(signer, header, kind, view, attempt) for signer in chosen]
        block = votes[0].block
        signatures = tuple(vote.signature for vote in votes)
        return Certificate(header.height, attempt, view, kind, block, chosen, signatures)

    def close(self, signer: int, header: BlockHeader, view: int = -1, block: bytes = b"") -> Close:
        lock = None if view < 0 else Lock(view, block)
        message = closing_message(header.group, header.epoch, header.height, lock)
        return Close(signer, view, block, self.keys[signer].sign(message))

    def final(self, header: BlockHeader, *signers: int, view: int = 0) -> Final:
        return Final(header, self.certificate(header, *signers, view=view))

    def convoked(self, header: BlockHeader) -> Final:
        """A block of the second attempt that rests on closes without a lock."""
        closers = range(majority_of(len(self.keys)))
        closes = tuple(self.close(signer, header) for signer in closers)
        return Final(header, self.certificate(header, attempt=1), Convocation(closes, None))


def voters(count: int, lying_voters: int | None = None, epoch: int = 0, seed: bytes = b"voter") -> Voters:
    """So many voters with keys that follow from a seed."""
    keys = [SigningKey(sha256(seed + number.to_bytes(2, "big"))) for number in range(count)]
    known = sorted((sha256(key.public), key) for key in keys)
    lying = (count - 1) // 3 if lying_voters is None else lying_voters
    named = tuple((member, key.public) for member, key in known)
    return Voters(Configuration(named, lying, b"\x68" * 32, epoch), tuple(key for _, key in known))


def header_of(configuration: Configuration, height: int = 1, **changes: Any) -> BlockHeader:
    """A block's header, with some fields changed."""
    header = BlockHeader(
        version=1,
        group=GROUP,
        epoch=configuration.epoch,
        height=height,
        previous=GROUP if height == 1 else b"\x69" * 32,
        time_ms=START_MS + height * SECOND_MS,
        cut_root=b"\x6a" * 32,
        ops_root=b"\x6b" * 32,
        state_root=ZERO_HASH,
        config_hash=configuration.hash,
        next_config_hash=configuration.hash,
        parent_certificate_hash=ZERO_HASH,
        body_hash=b"\x6c" * 32,
    )
    return replace(header, **changes)
