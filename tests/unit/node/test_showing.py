"""What somebody shows of votes that lie beyond a fork: counted when it is a quorum's, else nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from p2pnode.chain.showing import votes_shown
from p2pnode.consensus.block import Tip
from p2pnode.consensus.format import Certificate, Configuration, Kind, Vote, sign_vote
from p2pnode.core.crypto import SigningKey, sha256
from p2pnode.core.errors import FormatError

GROUP, BLOCK = b"g" * 32, b"b" * 32
KEYS = sorted((SigningKey(sha256(bytes((number,)))) for number in range(4)), key=lambda key: key.public)
VOTERS = tuple((bytes((number,)) * 32, key.public) for number, key in enumerate(KEYS))
CONFIGURATION = Configuration(VOTERS, 1, bytes(32), 3)
TIP = Tip(GROUP, 6, sha256(b"tip"), 0, None, CONFIGURATION, {}, bytes(32))


def vote(signer: int, kind: Kind = "N", view: int = 2) -> Vote:
    unsigned = Vote(7, 0, view, kind, b"" if kind == "S" else BLOCK, b"")
    return replace(unsigned, signature=sign_vote(KEYS[signer], GROUP, CONFIGURATION.epoch, unsigned))


def certificate(signers: Sequence[int], kind: Kind = "N") -> Certificate:
    votes = [vote(signer, kind) for signer in signers]
    signatures = tuple(said.signature for said in votes)
    return Certificate(7, 0, 2, kind, votes[0].block, tuple(signers), signatures)


@pytest.mark.parametrize("kind", ["N", "S", "F"])
def test_the_votes_of_a_quorum_count(kind: Kind) -> None:
    found = votes_shown(certificate([0, 1, 3], kind), TIP, set())
    assert found == [(*VOTERS[signer], vote(signer, kind)) for signer in (0, 1, 3)]


def test_what_was_heard_is_not_verified_again() -> None:
    shown = certificate([0, 1, 3])
    heard = {(key, said) for _, key, said in votes_shown(shown, TIP, set())}
    assert votes_shown(shown, TIP, heard) == []
    other = replace(shown, signatures=(*shown.signatures[:2], bytes(64)))
    with pytest.raises(FormatError, match="bad_signature"):
        votes_shown(other, TIP, heard)


@pytest.mark.parametrize(
    ("shown", "rule"),
    [
        (certificate([0, 3]), "certificate.no_quorum"),
        (replace(certificate([0, 1, 3]), signers=(0, 1, 4)), "certificate.unknown_signer"),
        (replace(certificate([0, 1, 3]), signers=(0, 1, 2)), "certificate.bad_signature"),
        (replace(certificate([0, 1, 3]), view=3), "certificate.bad_signature"),
        (replace(certificate([0, 1, 3]), height=8), "certificate.bad_signature"),
    ],
)
def test_what_is_no_quorums_counts_for_nothing(shown: Certificate, rule: str) -> None:
    heard = {(VOTERS[signer][1], vote(signer)) for signer in (0, 3)}
    with pytest.raises(FormatError) as refused:
        votes_shown(shown, TIP, heard)
    assert refused.value.rule == rule
