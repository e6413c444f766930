"""Who votes: getting the role, leaving it, and how many lying voters the group then survives.

A member becomes a voter once it has said that it is ready (`voter.ready`) and may have the role; the order in
which the two come does not matter. A voter goes at once, or, when the others could not decide without it, as
soon as they can.

Source: C 5.8, 5.9, J19, J22.
"""

from __future__ import annotations

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import State, row_key
from p2pnode.governance import tables
from p2pnode.governance.charter import AUTO
from p2pnode.governance.council import needs_council
from p2pnode.governance.tables import AwayReason, AwayRow, SeenRow, VoterRow

FREE_VOTERS = 4
"""Below this many voters, whom a founder invited becomes one without a decision (J22)."""

RATE_PERIOD_MS = 30 * 24 * 60 * 60 * 1000
_AWAY: dict[str, AwayReason] = {
    "leave": "leave",
    "dormant": "dormant",
    "absent": "absent",
    "key": "key",
    "suspended": "suspended",
    "council": "council",
}
"""Reasons after which the role rests; after others ("left", "removed", "withdrawn") it is gone."""


def may_survive(voters: int, lying_voters: int) -> bool:
    """Whether so many voters can reach a quorum at all: q <= n."""
    return (voters + lying_voters) // 2 + 1 <= voters


def raise_lying_voters(state: State) -> None:
    """Let the number of tolerated liars follow the voters upwards where the charter says so (J19)."""
    rule = tables.charter(state).lying_voters
    if rule == AUTO:
        voters = len(tables.voters(state))
        tables.put_lying_voters(state, max(tables.lying_voters(state), (voters - 1) // 3))


def lower_lying_voters(state: State, leaving: int, allowed: int | None) -> None:
    """Lower the number of tolerated liars as far as a leave needs it and its author allows it (J19).

    Shapes: leaving is how many voters go; allowed is what the leave says, None for nothing.
    """
    remaining = len(tables.voters(state)) - leaving
    if allowed is None or remaining < 1 or may_survive(remaining, tables.lying_voters(state)):
        return
    if allowed <= remaining - 1:
        tables.put_lying_voters(state, remaining - 1)


def goes_away(state: State, member_id: bytes, reason: str, context: BlockContext) -> bool:
    """Take a voter out of the voting set, or note that it goes as soon as the others can decide without it.

    Shapes: whether it is out. A group never loses its last voter this way, and never more than it can bear.
    """
    row = tables.voter(state, member_id)
    if row is None:
        return True
    if not may_survive(len(tables.voters(state)) - 1, tables.lying_voters(state)):
        tables.put_voter(state, member_id, VoterRow(row.key, reason))
        return False
    state.delete(row_key("voter", member_id))
    state.delete(row_key("seen", member_id))
    if reason in _AWAY:
        tables.put_away(state, member_id, AwayRow(_AWAY[reason], context.time_ms, row.key))
    return True


def comes_back(state: State, member_id: bytes, key: bytes, context: BlockContext) -> None:
    """Give the role back to a member whose role rested."""
    state.delete(row_key("away", member_id))
    _enter(state, member_id, key, context)


def loses_role(state: State, member_id: bytes, reason: str, context: BlockContext) -> None:
    """Take away everything by which a member votes or would come to vote."""
    for table in ("ready", "grant", "away"):
        state.delete(row_key(table, member_id))
    goes_away(state, member_id, reason, context)


def grant(state: State, member_id: bytes, by: str) -> None:
    """Let a member have the voting role once it is ready. Shapes: by is "decision" or "council"."""
    tables.write(state, row_key("grant", member_id), by)


def note_ready(state: State, member_id: bytes, key: bytes, context: BlockContext) -> None:
    """Note that a member's device can vote and asks for the role."""
    tables.write(state, row_key("ready", member_id), [key, context.height])


def settle_voters(state: State, context: BlockContext) -> None:
    """At the end of a block: admit those who are ready, then let go those who wait to go."""
    _forget_rate(state, context)
    _admit_ready(state, context)
    _settle_council(state, context)
    for member_id, row in tables.voters(state):
        if row.going:
            goes_away(state, member_id, row.going, context)


def _admit_ready(state: State, context: BlockContext) -> None:
    """Make voters of those who are ready, first come, first served, as fast as the rate allows."""
    asking = sorted((value[1], member_id, value[0]) for member_id, value in tables.scan(state, "ready"))
    for _, member_id, key in asking:
        if not may_enter(state, member_id, key):
            continue
        if len(tables.voters(state)) >= FREE_VOTERS:
            if not _has_room(state):
                continue
            entered = tables.number_bytes(context.time_ms) + member_id
            tables.write(state, row_key("new_voter", entered), None)
        state.delete(row_key("ready", member_id))
        _enter(state, member_id, key, context)


def may_enter(state: State, member_id: bytes, key: bytes) -> bool:
    """Whether somebody who is ready may have the role, were there room."""
    row = tables.member(state, member_id)
    device = tables.device(state, key)
    if row is None or device is None or device.status != "active":
        return False
    if not tables.is_in_good_standing(state, member_id):
        return False
    granted = tables.read(state, row_key("grant", member_id))
    if needs_council(state):
        return bool(granted == "council")
    if granted is not None:
        return True
    inviter = None if row.invited_by is None else tables.member(state, row.invited_by)
    is_by_founder = inviter is not None and inviter.invited_by is None and inviter.status != "removed"
    return is_by_founder and len(tables.voters(state)) < FREE_VOTERS


def _has_room(state: State) -> bool:
    """Whether the rate of new voters allows one more (J22); the new ones do not count for their own rate."""
    new = sum(1 for _ in tables.scan(state, "new_voter"))
    return new < max(1, (len(tables.voters(state)) - new) // 3)


def _forget_rate(state: State, context: BlockContext) -> None:
    for entered, _ in list(tables.scan(state, "new_voter")):
        if int.from_bytes(entered[: tables.NUMBER_BYTES], "big") + RATE_PERIOD_MS <= context.time_ms:
            state.delete(row_key("new_voter", entered))


def _settle_council(state: State, context: BlockContext) -> None:
    """Once two thirds of an elected council vote, the others hand over; as long as its term lasts, and the
    group is so large that a council orders its log (J22)."""
    held = tables.council(state)
    if held is None or not needs_council(state) or held[1] <= context.time_ms:
        return
    elected, _ = held
    voters = [member_id for member_id, _ in tables.voters(state)]
    if 3 * sum(member_id in elected for member_id in voters) < 2 * len(elected):
        return
    for member_id in voters:
        if member_id not in elected:
            goes_away(state, member_id, "council", context)


def _enter(state: State, member_id: bytes, key: bytes, context: BlockContext) -> None:
    tables.put_voter(state, member_id, VoterRow(key))
    count, _ = tables.days(state)
    tables.put_seen(state, member_id, SeenRow(context.height, context.time_ms, count))
    raise_lying_voters(state)
