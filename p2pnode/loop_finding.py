"""Finding loops: what several people owe each other in a ring, so that all are relieved and nobody loses.

Found off the record, by any member, from the same rows that all have; what is found is only proposed.
Everything that is open in one unit is a network of who owes whom how much. The largest part of it that can be
set off at once is a circulation of largest size, found by network simplex on whole numbers, which is exact.
It is then taken apart into rings, each of which is signed by its own people, so that who is away holds up one
ring and not all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from p2pnode.core.amount import Amount, amount_of
from p2pnode.economy.loop import ITEMS_MAX, PARTIES_MAX, Item, Owed, items_hash

PAIRS_MAX = 2000
"""Pairs of people in one unit that are looked at, the largest first: the time grows faster than they do."""

_EXPONENT = -6
_WHOLE_MAX = 10**18
"""Counted in millionths, and no more than so many at once, every sum is an exact amount (J3)."""

Pair = tuple[bytes, bytes]
"""Who owes, and to whom."""


@dataclass(frozen=True, slots=True)
class Found:
    """A ring. Shapes: each of the members owes `amount` to the next, and the last to the first."""

    unit: str
    members: tuple[bytes, ...]
    amount: Amount
    items: tuple[Item, ...]

    @property
    def id(self) -> bytes:
        """The name of what would be set off."""
        return items_hash(self.unit, self.items)


def loops_in(owed: Iterable[Owed], *, is_any_kind: bool = False) -> list[Found]:
    """All rings whose sum is the largest that can be set off; those that relieve most are first.

    Shapes: hours count alike whatever they are for, things only where they are of one kind, unless
    is_any_kind.
    """
    baskets: dict[tuple[str, str], list[Owed]] = {}
    for one in owed:
        kind = "" if one.is_effort or is_any_kind else _kind_key(one)
        baskets.setdefault((one.unit, kind), []).append(one)
    found = [ring for key in sorted(baskets) for ring in _rings_of(key[0], baskets[key])]
    return [ring for _, ring in sorted(found, key=lambda pair: (-pair[0], len(pair[1].members), pair[1].id))]


def _kind_key(one: Owed) -> str:
    return one.kind.hex() if isinstance(one.kind, bytes) else f"words {one.kind or ''}"


def _rings_of(unit: str, owed: Sequence[Owed]) -> list[tuple[int, Found]]:
    """The rings of one unit, each with how much it relieves in all."""
    left: dict[Pair, deque[tuple[int, Owed]]] = {}
    for one in sorted(owed, key=lambda one: (one.due_ms is None, one.due_ms or 0, one.id)):
        whole = _whole(one.open)
        if whole:
            left.setdefault((one.provider, one.receiver), deque()).append((whole, one))
    flow = _circulation({pair: sum(whole for whole, _ in parts) for pair, parts in left.items()})
    found = []
    while flow:
        ring = _shortest_ring(flow)
        pairs = list(zip(ring, (*ring[1:], ring[0]), strict=True))
        amount = min(_WHOLE_MAX, *(flow[pair] for pair in pairs))
        if len(ring) <= PARTIES_MAX:
            # One entry names so many promises at most; what is left over comes in the next ring.
            most = ITEMS_MAX // len(ring)
            amount = min(amount, *(sum(whole for whole, _ in list(left[pair])[:most]) for pair in pairs))
            items = [item for pair in pairs for item in _take(left[pair], amount)]
            ordered = tuple(sorted(items, key=lambda item: item.promise))
            found.append((amount * len(ring), Found(unit, ring, amount_of(amount, _EXPONENT), ordered)))
        for pair in pairs:
            flow[pair] -= amount
            if not flow[pair]:
                del flow[pair]
    return found


def _whole(amount: Amount) -> int:
    """An amount in millionths; what is finer or larger is left for another time."""
    mantissa, exponent = amount
    while exponent > _EXPONENT:
        mantissa, exponent = mantissa * 10, exponent - 1
    while exponent < _EXPONENT:
        mantissa, exponent = mantissa // 10, exponent + 1
    return min(mantissa, _WHOLE_MAX)


def _take(parts: deque[tuple[int, Owed]], amount: int) -> list[Item]:
    """Set off so much of what one owes another, what is due first before the rest."""
    taken = []
    while amount:
        whole, one = parts.popleft()
        used = min(whole, amount)
        amount -= used
        taken.append(Item(one.id, amount_of(used, _EXPONENT)))
        if whole > used:
            parts.appendleft((whole - used, one))
    return taken


def _circulation(owed: Mapping[Pair, int]) -> dict[Pair, int]:
    """How much of each pair to set off: the largest sum by which everybody's position stays."""
    # Reading networkx takes longer than most commands do, and few nodes ever look for a loop.
    import networkx as nx  # type: ignore[import-untyped]

    largest = sorted(owed, key=lambda pair: (-owed[pair], pair))[:PAIRS_MAX]
    people = sorted({person for pair in largest for person in pair})
    number = {person: index for index, person in enumerate(people)}
    graph = nx.DiGraph()
    graph.add_nodes_from(range(len(people)))
    for provider, receiver in sorted(largest):
        capacity = owed[provider, receiver]
        graph.add_edge(number[provider], number[receiver], capacity=capacity, weight=-1)
    if not people:
        return {}
    _, flow = nx.network_simplex(graph)
    return {
        (people[provider], people[receiver]): amount
        for provider, targets in sorted(flow.items())
        for receiver, amount in sorted(targets.items())
        if amount
    }


def _shortest_ring(flow: Mapping[Pair, int]) -> tuple[bytes, ...]:
    """A shortest ring through whom has the smallest id: in a circulation whoever gives also gets."""
    towards: dict[bytes, list[bytes]] = {}
    for provider, receiver in sorted(flow):
        towards.setdefault(provider, []).append(receiver)
    start = min(towards)
    before: dict[bytes, bytes] = {}
    waiting = deque([start])
    while start not in before:
        person = waiting.popleft()
        for receiver in towards[person]:
            if receiver not in before:
                before[receiver] = person
                waiting.append(receiver)
    ring = [start]
    while before[ring[-1]] != start:
        ring.append(before[ring[-1]])
    return (start, *reversed(ring[1:]))
