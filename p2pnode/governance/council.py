"""Whether a group has the council that its charter asks for (J22).

A council whose term is over, or that lost many of its members, goes on ordering the log until another is
elected: a group that nobody orders could elect nobody. It is told, so that people do it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from p2pnode.consensus.rows import Rows
from p2pnode.governance import tables

NOTICE_MS = 30 * 24 * 60 * 60 * 1000
"""So long before the end of a term people should begin: to find candidates and to vote takes time."""

Want = Literal["council.none", "council.ending", "council.over", "council.vacant"]


class Wanting(NamedTuple):
    """What is wrong with a council. Shapes: until_ms is the end of its term, 0 where none was elected; vacant
    are the members elected who sit in it no more."""

    rule: Want
    until_ms: int = 0
    vacant: tuple[bytes, ...] = ()


def needs_council(rows: Rows) -> bool:
    """Whether the group is so large that a council orders its log."""
    _, present = tables.roll(rows)
    return present > tables.charter(rows).council_above


def wanting(rows: Rows, time_ms: int) -> Wanting | None:
    """What the group has to see to, or None. Units: wall time."""
    if not needs_council(rows):
        return None
    held = tables.council(rows)
    if held is None:
        return Wanting("council.none")
    elected, until_ms = held
    vacant = tuple(member_id for member_id in elected if not _is_seated(rows, member_id))
    if until_ms <= time_ms:
        return Wanting("council.over", until_ms, vacant)
    if 3 * len(vacant) > len(elected):
        return Wanting("council.vacant", until_ms, vacant)
    if until_ms - NOTICE_MS <= time_ms:
        return Wanting("council.ending", until_ms, vacant)
    return None


def _is_seated(rows: Rows, member_id: bytes) -> bool:
    """Whether somebody elected votes, or may still take the seat."""
    if tables.voter(rows, member_id) is not None:
        return True
    return tables.is_in_good_standing(rows, member_id) and tables.away(rows, member_id) is None
