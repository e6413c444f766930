"""A slow, obvious model of sharing: fractions, one pass a bucket, shares handed out one by one.

It shares no code with the rules, and takes a rule as the charter writes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any


@dataclass
class Facts:
    """What a rule is applied to. Shapes: given is (who, stream, kind, unit, amount); capped (claim, left)."""

    flow: Fraction
    members: list[bytes] = field(default_factory=list)
    given: list[tuple[bytes, str, str | None, str, Fraction]] = field(default_factory=list)
    consumed: list[tuple[bytes, Fraction]] = field(default_factory=list)
    capped: list[tuple[bytes, Fraction]] = field(default_factory=list)


def shared(rule: dict[str, Any], facts: Facts) -> tuple[list[dict[bytes, int]], list[int], int]:
    """For each bucket who gets how many smallest shares, and what it took; and what is left over."""
    smallest = Fraction(1, 10 ** rule.get("decimals", 2))
    total = max(0, facts.flow // smallest)
    rest = total
    left = {claim: amount // smallest for claim, amount in facts.capped}
    shares, taken = [], []
    for bucket in rule["buckets"]:
        points = {who: point for who, point in _points(bucket, facts, smallest, left).items() if point > 0}
        base = total if bucket.get("of") == "whole" else rest
        if "permille" in bucket:
            wanted = Fraction(base * bucket["permille"], 1000) // 1
        elif "each" in bucket:
            wanted = Fraction(bucket["each"]) // smallest * len(points)
        else:
            wanted = Fraction(bucket["amount"]) // smallest
        amount = min(wanted, rest)
        if bucket["kind"] in ("capped", "consumption"):
            amount = min(amount, sum(points.values()))
        if bucket["kind"] != "fund" and not points:
            amount = 0
        given = _dealt(int(amount), points)
        if bucket["kind"] == "capped":
            for claim, one in given.items():
                left[claim] -= one
        shares.append(given)
        taken.append(int(amount))
        rest -= int(amount)
    return shares, taken, rest


def _points(
    bucket: dict[str, Any], facts: Facts, smallest: Fraction, left: dict[bytes, int]
) -> dict[bytes, Fraction]:
    points: dict[bytes, Fraction] = {}
    match bucket["kind"]:
        case "equal":
            points = {who: Fraction(1) for who in facts.members}
        case "keys":
            for key in bucket["keys"]:
                if bytes.fromhex(key["member"]) in facts.members:
                    points[bytes.fromhex(key["member"])] = Fraction(key["weight"])
        case "contributions":
            for who, stream, kind, unit, amount in facts.given:
                for weight in bucket["weights"]:
                    fits = weight["unit"] == unit and weight.get("stream", stream) == stream
                    if fits and ("kind" not in weight or weight["kind"] == kind):
                        points[who] = points.get(who, Fraction(0)) + weight["weight"] * amount
                        break
        case "consumption":
            for who, amount in facts.consumed:
                points[who] = points.get(who, Fraction(0)) + amount
            points = {who: Fraction(amount // smallest) for who, amount in points.items()}
        case "capped":
            points = {claim: Fraction(one) for claim, one in left.items()}
    return points


def _dealt(amount: int, points: dict[bytes, Fraction]) -> dict[bytes, int]:
    """Everybody's part rounded down, then one more each to who is furthest from their part."""
    if not points:
        return {}
    whole = sum(points.values())
    parts = {who: amount * point / whole for who, point in points.items()}
    given = {who: int(part // 1) for who, part in parts.items()}
    while sum(given.values()) < amount:
        furthest = min(sorted(parts), key=lambda who: given[who] - parts[who])
        given[furthest] += 1
    return given
