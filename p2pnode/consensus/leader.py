"""Who may propose in a view: everybody in view 0, by rank among those present; one leader in each later view.

The order is the same on all nodes, but safety does not depend on it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from p2pnode.core.crypto import tagged_hash

_NUMBER_BYTES = 8


def ranks(voters: Sequence[bytes], previous_id: bytes, height: int, attempt: int) -> tuple[bytes, ...]:
    """The order in which voters may propose in the open view 0 of an attempt."""
    return tuple(sorted(voters, key=lambda member: _place(previous_id, height, attempt, member)))


def rank(proposer: bytes, present: Collection[bytes], order: Sequence[bytes]) -> int:
    """How many of the voters present stand before a proposer; 0 proposes at once."""
    return sum(member in present for member in order[: order.index(proposer)])


def leaders(
    voters: Sequence[bytes], recent_signers: Collection[bytes], previous_id: bytes, height: int
) -> tuple[bytes, ...]:
    """The order of leaders from view 1 on: who signed lately first, members who are away for ever last.

    Shapes: `recent_signers` are the signers of the certificate inside the previous block, which is the same
    on all nodes.
    """
    return tuple(
        sorted(
            voters,
            key=lambda member: (member not in recent_signers, _place(previous_id, height, 0, member)),
        )
    )


def leader(view: int, order: Sequence[bytes]) -> bytes:
    """Who alone may propose in a view from 1 on."""
    return order[(view - 1) % len(order)]


def _place(previous_id: bytes, height: int, attempt: int, member: bytes) -> bytes:
    numbers = height.to_bytes(_NUMBER_BYTES, "big") + attempt.to_bytes(_NUMBER_BYTES, "big")
    return tagged_hash("voter order", previous_id, numbers, member)
