"""Invitation links as people handle them, and what they prove."""

import pytest

from p2pnode.core.errors import UsageError
from p2pnode.governance import invitation, joining
from p2pnode.vocabulary import void_rule_of
from tests.vectors.cases.material import ALICE, BOB, CIRCLE, EVE, SECRET_SEED, inception_of, link_of

LINK = link_of()
TEXT = invitation.encode_link(LINK)


def test_a_link_comes_back_as_it_was() -> None:
    assert invitation.parse_link(TEXT) == LINK
    assert invitation.parse_link(f"  <{TEXT[:50]}\n   {TEXT[50:]}>\n") == LINK
    assert invitation.parse_link(TEXT.replace("p2pnode", "P2PNode")) == LINK


@pytest.mark.parametrize("length", range(len(invitation.LINK_PREFIX), len(TEXT)))
def test_a_link_cut_anywhere_is_said_to_be_cut(length: int) -> None:
    with pytest.raises(UsageError) as caught:
        invitation.parse_link(TEXT[:length])
    assert caught.value.rule == "link.truncated"
    assert caught.value.remedy


def test_every_mistyped_letter_is_noticed() -> None:
    for at in range(len(invitation.LINK_PREFIX), len(TEXT)):
        wrong = TEXT[:at] + ("x" if TEXT[at] != "x" else "y") + TEXT[at + 1 :]
        with pytest.raises(UsageError) as caught:
            invitation.parse_link(wrong)
        assert caught.value.rule in ("link.mistyped", "link.truncated")
        assert caught.value.remedy


def test_a_link_fits_into_a_qr_code() -> None:
    # Version 40 holds 2,953 bytes at the lowest correction; version 20 (858 bytes) scans without trouble.
    ordinary = link_of(addresses=["/ip4/192.168.100.100/tcp/40001/p2p/" + "1" * 52] * 3)
    assert len(invitation.encode_link(ordinary)) < 858


def test_j21_the_invitation_is_signed_and_the_secret_is_proven() -> None:
    join = joining.join_by(LINK, inception_of(BOB))
    assert invitation.is_invitation_signed(LINK.invitation, LINK.signature)
    assert invitation.is_secret_signed(LINK.invitation, BOB.public, join.secret_signature)
    # Seen in the log, the proof is of no use to anybody else.
    assert not invitation.is_secret_signed(LINK.invitation, EVE.public, join.secret_signature)
    assert not invitation.is_secret_signed(
        link_of(seed=b"\x08" * 32).invitation, BOB.public, join.secret_signature
    )


def test_j21_a_join_is_the_newcomers_first_entry() -> None:
    entry = joining.join_entry(BOB, joining.join_by(LINK, inception_of(BOB)), 1000)
    assert (entry.header.lane, entry.header.seq, entry.header.depth) == (0, 0, 0)
    assert entry.group == CIRCLE.group
    assert entry.payload is not None
    assert void_rule_of(entry.header, entry.payload) is None


def test_uses_are_counted_by_the_signed_invitation() -> None:
    # The same secret under other terms is another invitation.
    assert LINK.invitation.id != link_of(uses=2).invitation.id
    assert LINK.invitation.id != link_of(EVE).invitation.id
    assert LINK.invitation.key == link_of(EVE).invitation.key
    assert LINK.invitation.inviter == ALICE.public
    assert LINK.seed == SECRET_SEED
