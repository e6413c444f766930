"""What comes out of a distribution rule: whole numbers in, whole numbers out, the same on every node.

A flow is counted in its smallest shares (`decimals` of the rule). Each bucket takes its part of the whole or
of what the buckets before have left, rounded down; inside a bucket what is indivisible goes to the largest
remainders, ties by id. What no bucket takes stays with the group, so that nothing is ever lost. There is no
expression to evaluate: a rule is data.

Where the amounts come from is the business of `sharing.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from p2pnode.core.amount import Amount, amount_of
from p2pnode.governance.distribution_rule import (
    CAPPED,
    CONSUMPTION,
    CONTRIBUTIONS,
    EQUAL,
    FUND,
    KEYS,
    WHOLE,
    WHOLE_PERMILLE,
    Bucket,
    DistributionRule,
    Weight,
)


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody contributed in one stream, of one kind, in one unit."""

    who: bytes
    stream: str
    kind: str | None
    unit: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class Capped:
    """What may still flow back to outside money: a claim, whose it is, and how much is left of its cap."""

    claim: bytes
    who: bytes
    left: Amount


@dataclass(frozen=True, slots=True)
class Basis:
    """Everything that a rule is applied to.

    Shapes: members ascending; given and consumed may be in any order, and name somebody several times.
    """

    flow: Amount
    members: tuple[bytes, ...] = ()
    given: tuple[Given, ...] = ()
    consumed: tuple[tuple[bytes, Amount], ...] = ()
    capped: tuple[Capped, ...] = ()


@dataclass(frozen=True, slots=True)
class Share:
    """What one takes out of a bucket.

    Shapes: of is a claim in a capped bucket, else a member; amount counts smallest shares; points are what it
    was weighed by; is_rounded_up says that it got one of the indivisible rest.
    """

    of: bytes
    who: bytes
    points: int
    amount: int
    is_rounded_up: bool = False


@dataclass(frozen=True, slots=True)
class BucketResult:
    """What became of one bucket. Shapes: amounts count smallest shares; the part was taken of base."""

    name: str
    kind: str
    base: int
    amount: int
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What came out.

    Shapes: total is the flow in smallest shares; rest is what no bucket took; decimals says what a smallest
    share is.
    """

    total: int
    buckets: tuple[BucketResult, ...]
    decimals: int
    rest: int = field(default=0)

    def amount(self, shares: int) -> Amount:
        """So many smallest shares as an amount."""
        return amount_of(shares, -self.decimals)

    @property
    def owed(self) -> tuple[tuple[bytes, int], ...]:
        """What each takes out of all buckets that are not capped, by id; nobody who takes nothing."""
        sums: dict[bytes, int] = {}
        for bucket in self.buckets:
            if bucket.kind != CAPPED:
                for share in bucket.shares:
                    sums[share.who] = sums.get(share.who, 0) + share.amount
        return tuple(sorted((who, amount) for who, amount in sums.items() if amount))

    @property
    def returned(self) -> tuple[tuple[bytes, int], ...]:
        """What each capped claim gets back, by its id; none that gets nothing."""
        sums: dict[bytes, int] = {}
        for bucket in self.buckets:
            if bucket.kind == CAPPED:
                for share in bucket.shares:
                    sums[share.of] = sums.get(share.of, 0) + share.amount
        return tuple(sorted((claim, amount) for claim, amount in sums.items() if amount))


def distribute(rule: DistributionRule, basis: Basis) -> Result:
    """Apply a rule. Shapes: a flow below zero shares nothing."""
    total = max(0, whole_shares(basis.flow, rule.decimals))
    rest = total
    done: list[BucketResult] = []
    returned: dict[bytes, int] = {}
    for bucket in rule.buckets:
        weighed = _weighed(bucket, basis, rule.decimals, returned)
        base = total if bucket.of == WHOLE else rest
        amount = min(_size(bucket, base, rule.decimals, len(weighed)), rest)
        if bucket.kind != FUND:
            points = sum(one for _, _, one in weighed)
            # What is bounded by its points gives no more than there are; nobody there: nothing is taken.
            amount = min(amount, points) if bucket.kind in (CAPPED, CONSUMPTION) else amount
            amount = amount if points else 0
        shares = _shares(amount, weighed)
        if bucket.kind == CAPPED:
            for share in shares:
                returned[share.of] = returned.get(share.of, 0) + share.amount
        done.append(BucketResult(bucket.name, bucket.kind, base, amount, shares))
        rest -= amount
    return Result(total, tuple(done), rule.decimals, rest)


def whole_shares(amount: Amount, decimals: int) -> int:
    """How many smallest shares fit into an amount, rounded down."""
    mantissa, exponent = amount
    places = decimals + exponent
    return int(mantissa * 10**places if places >= 0 else mantissa // 10**-places)


def points_of(given: Sequence[Given], weights: Sequence[Weight]) -> dict[bytes, int]:
    """What each person's contributions weigh together; nobody has less than nothing.

    Shapes: all in one smallest unit, which is as fine as the finest amount. Of the weights the first that
    fits a contribution counts; what none fits counts nothing.
    """
    fitting = [(one, weight) for one in given if (weight := weight_of(one, weights))]
    finest = min((one.amount[1] for one, _ in fitting), default=0)
    points: dict[bytes, int] = {}
    for one, weight in fitting:
        mantissa, exponent = one.amount
        points[one.who] = points.get(one.who, 0) + weight * mantissa * 10 ** (exponent - finest)
    return {who: points[who] for who in sorted(points) if points[who] > 0}


def weight_of(one: Given, weights: Sequence[Weight]) -> int:
    """What one unit of a contribution counts."""
    for weight in weights:
        is_stream = weight.stream in (None, one.stream)
        if weight.unit == one.unit and is_stream and weight.kind in (None, one.kind):
            return weight.weight
    return 0


_Weighed = list[tuple[bytes, bytes, int]]
"""Claim or member, whose it is, and points, ascending."""


def _weighed(bucket: Bucket, basis: Basis, decimals: int, returned: Mapping[bytes, int]) -> _Weighed:
    """Who takes part in a bucket, and by how much."""
    weigh: Mapping[str, Callable[[], Mapping[bytes, int]]] = {
        FUND: dict,
        EQUAL: lambda: dict.fromkeys(basis.members, 1),
        CONTRIBUTIONS: lambda: points_of(basis.given, bucket.weights),
        CONSUMPTION: lambda: _consumed(basis, decimals),
        KEYS: lambda: {who: weight for who, weight in bucket.keys if who in basis.members},
    }
    if bucket.kind == CAPPED:
        # What another bucket has returned already is no more to be returned.
        by_id = {one.claim: one for one in basis.capped}
        left = {
            claim: whole_shares(one.left, decimals) - returned.get(claim, 0) for claim, one in by_id.items()
        }
        return [(claim, by_id[claim].who, left[claim]) for claim in sorted(left) if left[claim] > 0]
    points = weigh[bucket.kind]()
    return [(who, who, points[who]) for who in sorted(points) if points[who] > 0]


def _consumed(basis: Basis, decimals: int) -> dict[bytes, int]:
    """What each used, in smallest shares of the flow."""
    finest = min((amount[1] for _, amount in basis.consumed), default=0)
    used: dict[bytes, int] = {}
    for who, (mantissa, exponent) in basis.consumed:
        used[who] = used.get(who, 0) + mantissa * 10 ** (exponent - finest)
    return {who: whole_shares((used[who], finest), decimals) for who in sorted(used)}


def _size(bucket: Bucket, base: int, decimals: int, people: int) -> int:
    """How much a bucket asks for."""
    if bucket.permille is not None:
        return base * bucket.permille // WHOLE_PERMILLE
    if bucket.each is not None:
        return whole_shares(bucket.each, decimals) * people
    assert bucket.amount is not None, "a checked bucket says how much"
    return whole_shares(bucket.amount, decimals)


def _shares(amount: int, weighed: _Weighed) -> tuple[Share, ...]:
    """Divide an amount by points: largest remainders first, ties by id."""
    points = sum(one for _, _, one in weighed)
    if not points:
        return ()
    floors = [amount * one // points for _, _, one in weighed]
    left = amount - sum(floors)
    by_remainder = sorted(
        range(len(weighed)), key=lambda index: (-(amount * weighed[index][2] % points), weighed[index][0])
    )
    lucky = frozenset(by_remainder[:left])
    return tuple(
        Share(of, who, one, floors[index] + (index in lucky), index in lucky)
        for index, (of, who, one) in enumerate(weighed)
    )
