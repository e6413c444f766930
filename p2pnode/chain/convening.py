"""What a proposer writes before a fresh block of the second attempt: who did not answer the roll call.

The entry lies in the proposer's own lane 0 and carries the closes of a majority, so that it holds by what it
says (`governance/voters.py`); the block that follows orders it.

Source: C 5.8, J32.
"""

from __future__ import annotations

from p2pnode.consensus.height import Height
from p2pnode.core.events import Item
from p2pnode.governance.voters import SUSPEND_TYPE, SeenClose, Suspend, encode_suspend


def suspension(height: Height) -> Item | None:
    """The entry that suspends the silent voters of a height, or None when all answered."""
    closes = tuple(SeenClose(voter, closing.lock, closing.signature) for voter, closing in height.closes)
    if not height.silent or not closes:
        return None
    return Item(SUSPEND_TYPE, encode_suspend(Suspend(height.height, height.silent, closes)))
