"""The state of a group: who belongs to it, folded from its founding and the few governed entries that follow.

Decided entries are judged one after the other, in the order of decision. Provisional ones are each judged
against the final state alone: nobody is admitted by somebody who is only provisionally there (J21).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from p2pnode.core.entry import Entry
from p2pnode.core.entry_type import UNKNOWN_TYPE_RULE, WRONG_LANE_RULE
from p2pnode.core.errors import FormatError
from p2pnode.core.ids import DeviceKey, EntryId, GroupId, Lane, MemberId
from p2pnode.core.limits import MEMBERS_MAX
from p2pnode.governance import joining, leaving
from p2pnode.governance.charter import Charter
from p2pnode.governance.founding import Founding, read_founding
from p2pnode.governance.inception import Inception
from p2pnode.governance.joining import JOIN_TYPE, Join
from p2pnode.governance.leaving import LEAVE_TYPE
from p2pnode.governance.ordering import voters

NEEDS = MappingProxyType({"decision": "join.needs_decision", "sponsors": "join.needs_sponsors"})
"""Admission rules that make a join a petition, and what it then waits for."""

PETITION_RULES = frozenset(NEEDS.values())

_decode_join = lru_cache(maxsize=2 * MEMBERS_MAX)(joining.decode)
"""A fold reads every join again, and two signatures each are most of its cost."""

Standing = Literal["member", "provisional", "removed"]


@dataclass(frozen=True, slots=True)
class Member:
    """One member. Shapes: one that left keeps the row, so that old entries keep their author."""

    id: MemberId
    status: Literal["member", "provisional", "left"]
    devices: tuple[DeviceKey, ...]
    inception: Inception
    invited_by: MemberId | None
    joined_entry: EntryId


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a governed entry.

    Shapes: "final" and "void" are decided. "provisional" is not, and carries the rule by which the entry
    would be void, if any. A "petition" waits for people, whatever the order says: its rule names what it
    waits for.
    """

    state: Literal["final", "provisional", "petition", "void"]
    rule: str | None = None


@dataclass(slots=True)
class _Roll:
    """The members and the used invitations, while they are being folded."""

    members: dict[MemberId, Member] = field(default_factory=dict)
    by_device: dict[DeviceKey, MemberId] = field(default_factory=dict)
    uses: dict[bytes, int] = field(default_factory=dict)
    present: int = 0

    def member_of(self, device_key: bytes) -> Member | None:
        member_id = self.by_device.get(DeviceKey(device_key))
        return None if member_id is None else self.members[member_id]

    def add(self, member: Member) -> None:
        self.members[member.id] = member
        self.present += 1
        for device_key in member.devices:
            self.by_device[device_key] = member.id

    def leave(self, member: Member) -> None:
        self.members[member.id] = replace(member, status="left")
        self.present -= 1

    def copy(self) -> _Roll:
        return _Roll(dict(self.members), dict(self.by_device), dict(self.uses), self.present)


@dataclass(frozen=True)
class GroupState:
    """A group as its governed entries make it; never changed, only made anew."""

    group: GroupId
    founding: Founding
    voters: tuple[DeviceKey, ...]
    outcomes: Mapping[EntryId, Outcome]
    _roll: _Roll = field(repr=False)

    @property
    def members(self) -> Mapping[MemberId, Member]:
        """Everybody who is or was a member, in the order in which they came."""
        return MappingProxyType(self._roll.members)

    @property
    def charter(self) -> Charter:
        """The rules in force."""
        return self.founding.charter

    @property
    def name(self) -> str:
        """What people call the group."""
        return self.charter.name

    @property
    def public(self) -> bool:
        """Whether strangers may know of the group and read its open lane."""
        return self.charter.public

    def member_of(self, device_key: bytes) -> Member | None:
        """The member that a device speaks for, also one that left."""
        return self._roll.member_of(device_key)

    def standing(self, device_key: bytes) -> Standing | None:
        """How a device stands in the group; None for strangers."""
        member = self.member_of(device_key)
        if member is None:
            return None
        return "removed" if member.status == "left" else member.status


def fold(founding: Entry, decided: Sequence[tuple[Entry, int]], provisional: Sequence[Entry]) -> GroupState:
    """The state after the founding, the decided entries, and the provisional ones on top.

    Shapes: all entries are complete with their payloads; decided in the order of decision, each with the
    decision's time, by which expiry is judged; provisional in ascending (depth, id). Units: ms. Errors:
    FormatError founding.* when the first entry founds no group.
    """
    terms = read_founding(founding)
    roll = _Roll()
    for inception in terms.inceptions:
        roll.add(Member(inception.member_id, "member", (inception.device_key,), inception, None, founding.id))
    state = GroupState(founding.group, terms, voters(terms), {founding.id: Outcome("final")}, roll)
    outcomes = dict(state.outcomes)
    for entry, decided_ms in decided:
        if entry.id in outcomes:
            continue
        rule = _apply(state, roll, roll, entry, decided_ms)
        if rule in PETITION_RULES:
            outcomes[entry.id] = Outcome("petition", rule)
        else:
            outcomes[entry.id] = Outcome("final" if rule is None else "void", rule)
    final = roll.copy()
    for entry in provisional:
        if entry.id in outcomes:
            continue
        rule = _apply(state, final, roll, entry, None)
        outcomes[entry.id] = Outcome("petition" if rule in PETITION_RULES else "provisional", rule)
    return replace(state, outcomes=MappingProxyType(outcomes))


def may_admit(state: GroupState, join: Entry) -> str | None:
    """Why a join cannot be admitted provisionally, or None.

    Shapes: a rule in PETITION_RULES makes it a petition; by any other it would be void. Expiry is judged
    against the time that the entry claims; the order judges again.
    """
    return _judge_join(state, state._roll, join, join.header.time_ms)[1]


def _apply(state: GroupState, known: _Roll, roll: _Roll, entry: Entry, decided_ms: int | None) -> str | None:
    """Judge an entry by what is known; when it holds, write it into the roll.

    Shapes: decided_ms is None for provisional.
    """
    kind = entry.header.type
    if kind == JOIN_TYPE:
        judged_ms = entry.header.time_ms if decided_ms is None else decided_ms
        join, rule = _judge_join(state, known, entry, judged_ms)
        if join is None or rule is not None:
            return rule
        inviter = known.member_of(join.invitation.inviter)
        inception = join.inception
        # Two rival provisional joins of one device: the first in (depth, id) shows.
        present = roll.member_of(inception.device_key)
        if present is None or present.status == "left":
            roll.add(
                Member(
                    inception.member_id,
                    "provisional" if decided_ms is None else "member",
                    (inception.device_key,),
                    inception,
                    inviter.id if inviter else None,
                    entry.id,
                )
            )
        if decided_ms is not None:
            invitation_id = join.invitation.id
            roll.uses[invitation_id] = roll.uses.get(invitation_id, 0) + 1
        return None
    if kind == LEAVE_TYPE:
        # Nobody may refuse a leave, so it counts before it is decided, also one by who came in provisionally.
        member, rule = _judge_leave(roll, entry)
        if member is not None:
            roll.leave(member)
        return rule
    return UNKNOWN_TYPE_RULE


def _judge_join(
    state: GroupState, known: _Roll, entry: Entry, judged_ms: int
) -> tuple[Join | None, str | None]:
    """The join in an entry and the first rule it breaks, in the order below."""
    header = entry.header
    if header.lane != Lane.LOCAL:
        return None, WRONG_LANE_RULE
    try:
        join = _decode_join(entry.payload or b"")
    except FormatError as error:
        return None, error.rule
    author = known.member_of(header.author)
    inviter = known.member_of(join.invitation.inviter)
    rules = (
        ("join.wrong_group", header.group != state.group or join.invitation.group != state.group),
        ("join.wrong_device", join.inception.device_key != header.author),
        ("join.known_device", author is not None and author.status != "left"),
        ("join.inviter_no_member", inviter is None or inviter.status != "member"),
        ("join.other_rule", join.invitation.rule != state.charter.admission),
        ("invite.expired", judged_ms > join.invitation.expiry_ms),
        ("invite.spent", known.uses.get(join.invitation.id, 0) >= join.invitation.uses),
        ("group.full", known.present >= MEMBERS_MAX),
    )
    broken = next((rule for rule, breaks in rules if breaks), None)
    return join, broken or NEEDS.get(state.charter.admission)


def _judge_leave(known: _Roll, entry: Entry) -> tuple[Member | None, str | None]:
    """The member who leaves by an entry, or the rule it breaks."""
    if entry.header.lane != Lane.LOCAL:
        return None, WRONG_LANE_RULE
    try:
        leaving.decode(entry.payload or b"")
    except FormatError as error:
        return None, error.rule
    member = known.member_of(entry.author)
    if member is None or member.status == "left":
        return None, "leave.no_member"
    return member, None
