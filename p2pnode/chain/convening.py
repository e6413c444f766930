"""What a proposer writes before a fresh block of the second attempt: who did not answer the roll call.

The entry lies in the proposer's own lane 0 and carries the closes of a majority, so that it holds by what it
says (`governance/voters.py`); the block that follows orders it.

Source: C 5.8, J32.
"""

from __future__ import annotations

from p2pnode.consensus.certificate import check_certificate
from p2pnode.consensus.convocation import Closing, is_closing_signed
from p2pnode.consensus.format import Configuration
from p2pnode.consensus.height import Height
from p2pnode.core.errors import FormatError
from p2pnode.core.events import Item
from p2pnode.governance.voters import SUSPEND_TYPE, SeenClose, Suspend, encode_suspend


def is_closing_sound(author: bytes, group: bytes, configuration: Configuration, closing: Closing) -> bool:
    """Whether a close is signed by its voter, and its lock shown by a quorum that notarized it."""
    if not is_closing_signed(author, group, configuration.epoch, closing):
        return False
    shown = closing.certificate
    if shown is None:
        return True
    try:
        check_certificate(shown, configuration, group, configuration.epoch, shown.block, kind="N")
    except FormatError:
        return False
    return True


def suspension(height: Height) -> Item | None:
    """The entry that suspends the silent voters of a height, or None when all answered."""
    closes = tuple(SeenClose(voter, closing.lock, closing.signature) for voter, closing in height.closes)
    if not height.silent or not closes:
        return None
    return Item(SUSPEND_TYPE, encode_suspend(Suspend(height.height, height.silent, closes)))
