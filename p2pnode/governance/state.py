"""The state of a group as callers ask it: who belongs to it, what became of entries, who votes.

A view, made anew whenever something changed: the final rows, and on top of them what provisional entries
would do if they were ordered now, executed by the same rules (J37). It holds what it needs in memory, so that
readers beside the writer may keep it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Literal

from p2pnode.consensus.execution import BlockContext, Executor
from p2pnode.consensus.rows import MemoryRows, Rows, State, row_key
from p2pnode.core.entry import Entry
from p2pnode.core.ids import DeviceKey, EntryId, GroupId, MemberId
from p2pnode.governance import tables
from p2pnode.governance.charter import Charter
from p2pnode.governance.configuration import configuration_of
from p2pnode.governance.executing import execute_entry
from p2pnode.governance.founding import Founding, read_founding
from p2pnode.governance.genesis import genesis_rows
from p2pnode.governance.inception import Inception, inception_of_value
from p2pnode.governance.joining import NEEDS, PETITION_RULES
from p2pnode.governance.member_types import MEMBER_TYPES
from p2pnode.governance.recovering import speakers

__all__ = ["NEEDS", "PETITION_RULES", "GroupState", "Member", "Outcome", "fold", "may_admit", "state_of"]

Standing = Literal["member", "provisional", "removed"]

_TABLES = (
    "charter",
    "rule_version",
    "lying_voters",
    "epoch",
    "roll",
    "member",
    "device",
    "invitation",
    "petition",
    "pending",
    "voter",
    "away",
    "suspension",
    "role",
)
"""Tables that a view keeps in memory: what is needed to judge newcomers and to answer who is who."""

_TYPES = MappingProxyType({entry_type.name: entry_type for entry_type in MEMBER_TYPES})


@dataclass(frozen=True, slots=True)
class Member:
    """One member. Shapes: one that left or was removed keeps the row: old entries keep their author."""

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


@dataclass(frozen=True)
class GroupState:
    """A group as its governed entries make it; never changed, only made anew.

    Shapes: voters are voting keys, ascending; final are the rows after the last block, rows those of the
    view, provisional ones included.
    """

    group: GroupId
    founding: Founding
    charter: Charter
    voters: tuple[DeviceKey, ...]
    outcomes: Mapping[EntryId, Outcome]
    members: Mapping[MemberId, Member]
    final: MemoryRows = field(repr=False, compare=False)
    rows: MemoryRows = field(repr=False, compare=False)
    _standings: Mapping[bytes, tuple[MemberId, Standing]] = field(repr=False)

    @cached_property
    def speakers(self) -> Mapping[bytes, bytes]:
        """The new devices that speak for lost voters now, with the members' ids (J20)."""
        return speakers(self.final, self.rows)

    @property
    def name(self) -> str:
        """What people call the group."""
        return self.charter.name

    @property
    def public(self) -> bool:
        """Whether strangers may know of the group and read its open lane."""
        return self.charter.public

    def member_of(self, device_key: bytes) -> Member | None:
        """The member that a device speaks or spoke for, also one that left."""
        held = self._standings.get(device_key)
        return None if held is None else self.members[held[0]]

    def standing(self, device_key: bytes) -> Standing | None:
        """How a device stands in the group; None for strangers."""
        held = self._standings.get(device_key)
        return None if held is None else held[1]


def state_of(
    rows: Rows,
    founding: Entry,
    outcomes: Mapping[bytes, str],
    provisional: Sequence[Entry],
    context: BlockContext,
    execute: Executor | None = None,
) -> GroupState:
    """The view over final rows with provisional entries on top.

    Shapes: outcomes are those of ordered governed entries, the void rule or an empty text; provisional is in
    order of execution, with payloads; of the context only group, height and time are used; execute runs one
    entry, by default the types by which people come and go.
    """
    run = execute or _execute
    known = {EntryId(founding.id): Outcome("final")}
    for entry_id, rule in outcomes.items():
        known[EntryId(entry_id)] = _outcome_of(rows, entry_id, rule)
    overlay = State(rows)
    above = BlockContext(context.group, context.height, context.time_ms, context.previous, True)
    for entry in provisional:
        if entry.id in known:
            continue
        would_be = run(overlay, entry, above)
        known[entry.id] = Outcome("petition" if would_be in PETITION_RULES else "provisional", would_be)
    voters = tuple(sorted(DeviceKey(key) for _, key in configuration_of(rows).voters))
    final = _kept(rows)
    return _view(final, _kept(overlay) if overlay.changes() else final, founding, voters, known)


def fold(founding: Entry, decided: Sequence[tuple[Entry, int]], provisional: Sequence[Entry]) -> GroupState:
    """The state after the founding, the decided entries, and the provisional ones on top.

    Shapes: all entries are complete with their payloads; decided in the order of decision, each with the
    decision's time, by which expiry is judged; provisional in ascending (depth, id). Units: ms. Errors:
    FormatError founding.* when the first entry founds no group.
    """
    state = State(MemoryRows(_genesis_rows(founding)))
    outcomes: dict[bytes, str] = {}
    for entry, decided_ms in decided:
        if entry.id not in outcomes and entry.id != founding.id:
            context = BlockContext(bytes(founding.group), 1, decided_ms, bytes(founding.group))
            outcomes[entry.id] = _execute(state, entry, context) or ""
    now = BlockContext(bytes(founding.group), 1, founding.header.time_ms, bytes(founding.group))
    return state_of(state, founding, outcomes, provisional, now)


def may_admit(state: GroupState, entry: Entry) -> str | None:
    """Why the first entry of a stranger cannot be taken provisionally, or None.

    Shapes: a rule in PETITION_RULES makes it a petition; by any other it would be void. Expiry is judged
    against the time that the entry claims; the order judges again. What is provisional judges nobody: it
    comes to nodes in different orders. An entry that waits already has used its invitation itself.
    """
    waits = tables.petition(state.final, entry.id)
    if waits is not None:
        return waits.rule
    group = bytes(state.group)
    context = BlockContext(group, 1, entry.header.time_ms, group, True)
    return _execute(State(state.final), entry, context)


def _execute(state: State, entry: Entry, context: BlockContext) -> str | None:
    return execute_entry(_TYPES, state, entry, context)


def _outcome_of(rows: Rows, entry_id: bytes, rule: str) -> Outcome:
    """What a final outcome means now: a petition may have been admitted since, or forgotten."""
    if rule not in PETITION_RULES:
        return Outcome("void", rule) if rule else Outcome("final")
    if tables.petition(rows, entry_id) is not None:
        return Outcome("petition", rule)
    is_admitted = any(row.entry == entry_id for _, row in tables.members(rows))
    return Outcome("final") if is_admitted else Outcome("void", rule)


def _kept(rows: Rows) -> MemoryRows:
    return MemoryRows({key: value for table in _TABLES for key, value in rows.scan(row_key(table))})


def _view(
    final: MemoryRows,
    kept: MemoryRows,
    founding: Entry,
    voters: tuple[DeviceKey, ...],
    outcomes: dict[EntryId, Outcome],
) -> GroupState:
    ordered = sorted(tables.members(kept), key=lambda item: item[1].number)
    members = {MemberId(member_id): _member_of(MemberId(member_id), row) for member_id, row in ordered}
    standings: dict[bytes, tuple[MemberId, Standing]] = {}
    for key, device in tables.devices(kept):
        member_id = MemberId(device.member)
        if member_id in members:
            standings[key] = member_id, _standing_of(members[member_id], device.status)
    terms = _read_founding(founding)
    charter = tables.charter(kept)
    return GroupState(
        founding.group,
        terms,
        charter,
        voters,
        MappingProxyType(outcomes),
        MappingProxyType(members),
        final,
        kept,
        MappingProxyType(standings),
    )


def _member_of(member_id: MemberId, row: tables.MemberRow) -> Member:
    return Member(
        member_id,
        "left" if row.status == "removed" else row.status,
        tuple(DeviceKey(key) for key in row.devices),
        inception_of_value(row.inception),
        None if row.invited_by is None else MemberId(row.invited_by),
        EntryId(row.entry),
    )


def _standing_of(member: Member, status: tables.DeviceStatus) -> Standing:
    if member.status == "left" or status in ("revoked", "sealed"):
        return "removed"
    return "provisional" if "provisional" in (member.status, status) else "member"


@lru_cache(maxsize=16)
def _read_founding(founding: Entry) -> Founding:
    return read_founding(founding)


@lru_cache(maxsize=16)
def _genesis_rows(founding: Entry) -> Mapping[bytes, bytes]:
    return MappingProxyType(genesis_rows(founding))
