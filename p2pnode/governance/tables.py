"""The tables of a group's rows: the shape of each key and value, read and written by typed functions.

| table | key | value |
|---|---|---|
| `charter` | | the charter's canonical map |
| `rule_version` | | the version by which entries are executed |
| `lying_voters` | | how many lying voters the group survives |
| `epoch` | | [epoch, hash of the configuration of that epoch] |
| `roll` | | [members ever, members now] |
| `days` | | [distinct days with a block, the last of them] |
| `dormancy` | | time of the last block that made a voter dormant |
| `council` | | [[member id...], until_ms] |
| `member` | member id | `MemberRow` |
| `device` | device key | `DeviceRow` |
| `invitation` | invitation id | [uses, expiry_ms] |
| `petition` | entry id of the join | `PetitionRow` |
| `pending` | entry id | `PendingRow`: what takes effect unless somebody objects |
| `voter` | member id | `VoterRow` |
| `away` | member id | `AwayRow`: a voter who is out for a while |
| `seen` | member id | `SeenRow`: when a voter was last heard |
| `filled` | member id | [time_ms, bytes]: how much of its share a member fills |
| `ready` | member id | [device key, height]: asks for the voting role |
| `grant` | member id | "decision" or "council": may have the voting role |
| `new_voter` | time, member id | nil: counts against the rate of new voters |
| `suspension` | member id | until_ms |
| `role` | member id, name | until_ms, 0 without end |
| `key_epoch` | configuration hash | the epoch id of its first ordered `epoch.key` |
| `sealed_until` | epoch id | the last height at which a box of that epoch holds, 0 without end |
| `parked` | number | [header, signature or nil, payload] of an entry of a later rule version |
| `cut` | device key, lane | [seq, entry id]; written by `p2pnode/consensus/execution.py` |

Tables of decisions stand with their rules (`proposal.py`, `ballot.py`, `mandate.py`). No rule here: what may
be written when is the business of executors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from p2pnode.consensus.execution import read_cut
from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.governance.charter import Charter, charter_of_bytes

NUMBER_BYTES = 8
CACHED_ROWS = 4096
"""Members and devices of a large group: they are asked for with every entry, and change seldom."""

MemberStatus = Literal["member", "provisional", "left", "removed"]
DeviceStatus = Literal["active", "provisional", "revoked", "sealed"]
AwayReason = Literal["leave", "dormant", "absent", "key", "suspended", "council"]

CHARTER_KEY = row_key("charter")
RULE_VERSION_KEY = row_key("rule_version")
LYING_VOTERS_KEY = row_key("lying_voters")
EPOCH_KEY = row_key("epoch")
ROLL_KEY = row_key("roll")
DAYS_KEY = row_key("days")
DORMANCY_KEY = row_key("dormancy")
COUNCIL_KEY = row_key("council")


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One member.

    Shapes: number counts members in the order in which they came; devices are the active ones in the order in
    which they were added; inception is its canonical map; recovery is the commitment in force, which a
    recovery replaces; invited_by is None for founders; entry is the one that brought the member.
    """

    number: int
    status: MemberStatus
    devices: tuple[bytes, ...]
    inception: Value
    recovery: bytes
    invited_by: bytes | None
    entry: bytes
    height: int


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One device key.

    Shapes: keep says, for a revoked or sealed key, up to which seq its lanes count: [(lane, seq)...],
    ascending, -1 for nothing of a lane.
    """

    member: bytes
    status: DeviceStatus
    keep: tuple[tuple[int, int], ...] = ()

    def kept(self, lane: int) -> int:
        """The last seq of a lane that counts once the key is struck."""
        return dict(self.keep).get(lane, -1)


@dataclass(frozen=True, slots=True)
class PetitionRow:
    """A join that waits for people. Shapes: sponsors are member ids, ascending."""

    inception: Value
    inviter: bytes
    rule: str
    sponsors: tuple[bytes, ...]
    since_ms: int


@dataclass(frozen=True, slots=True)
class PendingRow:
    """What a key did to a member's keys, and when it takes effect unless an old device objects (J25).

    Shapes: kind "revoke" uses keep, kind "recover" uses commitment. Units: due_ms is block time.
    """

    kind: Literal["revoke", "recover"]
    member: bytes
    device: bytes
    keep: tuple[tuple[int, int], ...]
    commitment: bytes
    due_ms: int


@dataclass(frozen=True, slots=True)
class VoterRow:
    """One voter. Shapes: going says why a voter leaves as soon as the others can decide without it."""

    key: bytes
    going: str = ""


@dataclass(frozen=True, slots=True)
class AwayRow:
    """A voter who is out of the voting set for a while, with the key that voted."""

    reason: AwayReason
    since_ms: int
    key: bytes


@dataclass(frozen=True, slots=True)
class SeenRow:
    """The last block that heard of a voter. Shapes: days counts distinct days with blocks until then."""

    height: int
    time_ms: int
    days: int


# ---- reading and writing values


def read(rows: Rows, key: bytes) -> Value | None:
    """The value of a row, or None."""
    data = rows.get(key)
    return None if data is None else codec.decode_own(data)


def write(state: State, key: bytes, value: Value) -> None:
    """Set a row."""
    state.put(key, codec.encode(value))


def scan(rows: Rows, table: str, *parts: bytes) -> Iterator[tuple[bytes, Value]]:
    """The rows of a table: the key behind the table's name and these parts, and the value, ascending."""
    prefix = row_key(table, *parts)
    return ((key[len(prefix) :], codec.decode_own(data)) for key, data in rows.scan(prefix))


def number_bytes(number: int) -> bytes:
    """A number as a part of a key, so that keys ascend with it."""
    return number.to_bytes(NUMBER_BYTES, "big")


def read_uint(rows: Rows, key: bytes, absent: int = 0) -> int:
    """A row that holds one number."""
    value = read(rows, key)
    return absent if value is None else int(value)


def charter(rows: Rows) -> Charter:
    """The charter in force."""
    return charter_of_bytes(rows.get(CHARTER_KEY) or b"")


# ---- members and devices


def member(rows: Rows, member_id: bytes) -> MemberRow | None:
    """The member of an id, also one that left."""
    data = rows.get(row_key("member", member_id))
    return None if data is None else _member_of(data)


def members(rows: Rows) -> Iterator[tuple[bytes, MemberRow]]:
    """All who are or were members, ascending by id."""
    prefix = row_key("member")
    return ((key[len(prefix) :], _member_of(data)) for key, data in rows.scan(prefix))


def put_member(state: State, member_id: bytes, row: MemberRow) -> None:
    """Write a member."""
    invited_by = row.invited_by
    write(
        state,
        row_key("member", member_id),
        [
            row.number,
            row.status,
            list(row.devices),
            row.inception,
            row.recovery,
            invited_by,
            row.entry,
            row.height,
        ],
    )


@lru_cache(maxsize=CACHED_ROWS)
def _member_of(data: bytes) -> MemberRow:
    number, status, devices, inception, recovery, invited_by, entry, height = codec.decode(data)
    return MemberRow(number, status, tuple(devices), inception, recovery, invited_by, entry, height)


def device(rows: Rows, key: bytes) -> DeviceRow | None:
    """What is known of a device key."""
    data = rows.get(row_key("device", key))
    return None if data is None else _device_of(data)


def devices(rows: Rows) -> Iterator[tuple[bytes, DeviceRow]]:
    """All device keys, ascending."""
    prefix = row_key("device")
    return ((key[len(prefix) :], _device_of(data)) for key, data in rows.scan(prefix))


@lru_cache(maxsize=CACHED_ROWS)
def _device_of(data: bytes) -> DeviceRow:
    member_id, status, keep = codec.decode(data)
    return DeviceRow(member_id, status, _pairs(keep))


def put_device(state: State, key: bytes, row: DeviceRow) -> None:
    """Write a device key."""
    write(state, row_key("device", key), [row.member, row.status, [list(pair) for pair in row.keep]])


def member_of_device(rows: Rows, key: bytes) -> tuple[bytes, MemberRow] | None:
    """The member that a device key speaks or spoke for."""
    held = device(rows, key)
    if held is None:
        return None
    row = member(rows, held.member)
    return None if row is None else (held.member, row)


def author_of(rows: Rows, key: bytes) -> tuple[bytes, MemberRow] | None:
    """The present member who wrote an entry with a key, or None.

    Shapes: also one that is only provisionally there, and of a struck key, whose entries up to where they
    count are the member's; those beyond never get here.
    """
    found = member_of_device(rows, key)
    return found if found is not None and found[1].status in ("member", "provisional") else None


def speaker_of(rows: Rows, key: bytes) -> tuple[bytes, MemberRow] | None:
    """The present member for whom a device key speaks now, or None."""
    held = device(rows, key)
    return author_of(rows, key) if held is not None and held.status in ("active", "provisional") else None


def roll(rows: Rows) -> tuple[int, int]:
    """How many members there ever were, and how many there are."""
    value = read(rows, ROLL_KEY)
    return (0, 0) if value is None else (value[0], value[1])


def put_roll(state: State, ever: int, present: int) -> None:
    """Write how many members there ever were, and how many there are."""
    write(state, ROLL_KEY, [ever, present])


def suspended_until_ms(rows: Rows, member_id: bytes) -> int:
    """Until when a member is suspended; 0 when it is not."""
    return read_uint(rows, row_key("suspension", member_id))


def is_in_good_standing(rows: Rows, member_id: bytes) -> bool:
    """Whether somebody is a final member and not suspended: who has a political vote."""
    row = member(rows, member_id)
    return row is not None and row.status == "member" and not suspended_until_ms(rows, member_id)


# ---- invitations, petitions, pending changes of keys


def uses(rows: Rows, invitation_id: bytes) -> int:
    """How often an invitation was used."""
    value = read(rows, row_key("invitation", invitation_id))
    return 0 if value is None else int(value[0])


def put_uses(state: State, invitation_id: bytes, count: int, expiry_ms: int) -> None:
    """Write how often an invitation was used; after its expiry the row is not needed."""
    write(state, row_key("invitation", invitation_id), [count, expiry_ms])


def petition(rows: Rows, entry_id: bytes) -> PetitionRow | None:
    """The petition that a join made."""
    value = read(rows, row_key("petition", entry_id))
    return None if value is None else _petition_of(value)


def petitions(rows: Rows) -> Iterator[tuple[bytes, PetitionRow]]:
    """All petitions, by the entry of the join."""
    return ((entry_id, _petition_of(value)) for entry_id, value in scan(rows, "petition"))


def put_petition(state: State, entry_id: bytes, row: PetitionRow) -> None:
    """Write a petition."""
    value = [row.inception, row.inviter, row.rule, list(row.sponsors), row.since_ms]
    write(state, row_key("petition", entry_id), value)


def _petition_of(value: Value) -> PetitionRow:
    inception, inviter, rule, sponsors, since_ms = value
    return PetitionRow(inception, inviter, rule, tuple(sponsors), since_ms)


def drop_petition(state: State, entry_id: bytes) -> None:
    """Take a petition away: it was decided."""
    state.delete(row_key("petition", entry_id))


def pending(rows: Rows) -> Iterator[tuple[bytes, PendingRow]]:
    """All pending changes of keys, by the entry that asked for them."""
    return (
        (entry_id, PendingRow(kind, member_id, key, _pairs(keep), commitment, due_ms))
        for entry_id, (kind, member_id, key, keep, commitment, due_ms) in scan(rows, "pending")
    )


def put_pending(state: State, entry_id: bytes, row: PendingRow) -> None:
    """Write a pending change of keys."""
    keep = [list(pair) for pair in row.keep]
    write(
        state,
        row_key("pending", entry_id),
        [row.kind, row.member, row.device, keep, row.commitment, row.due_ms],
    )


def drop_pending(state: State, entry_id: bytes) -> None:
    """Take a pending change away: it took effect, or somebody objected."""
    state.delete(row_key("pending", entry_id))


# ---- voters


def voter(rows: Rows, member_id: bytes) -> VoterRow | None:
    """The voter that a member is."""
    value = read(rows, row_key("voter", member_id))
    return None if value is None else VoterRow(*value)


def voters(rows: Rows) -> list[tuple[bytes, VoterRow]]:
    """All voters, ascending by member id."""
    return [(member_id, VoterRow(*value)) for member_id, value in scan(rows, "voter")]


def put_voter(state: State, member_id: bytes, row: VoterRow) -> None:
    """Write a voter."""
    write(state, row_key("voter", member_id), [row.key, row.going])


def away(rows: Rows, member_id: bytes) -> AwayRow | None:
    """Why a member's voting role rests, or None."""
    value = read(rows, row_key("away", member_id))
    return None if value is None else AwayRow(*value)


def aways(rows: Rows) -> list[tuple[bytes, AwayRow]]:
    """All members whose voting role rests, ascending by member id."""
    return [(member_id, AwayRow(*value)) for member_id, value in scan(rows, "away")]


def put_away(state: State, member_id: bytes, row: AwayRow) -> None:
    """Write that a member's voting role rests."""
    write(state, row_key("away", member_id), [row.reason, row.since_ms, row.key])


def seen(rows: Rows, member_id: bytes) -> SeenRow | None:
    """When a voter was last heard."""
    value = read(rows, row_key("seen", member_id))
    return None if value is None else SeenRow(*value)


def put_seen(state: State, member_id: bytes, row: SeenRow) -> None:
    """Write when a voter was last heard."""
    write(state, row_key("seen", member_id), [row.height, row.time_ms, row.days])


def lying_voters(rows: Rows) -> int:
    """How many lying voters the group survives."""
    return read_uint(rows, LYING_VOTERS_KEY)


def put_lying_voters(state: State, number: int) -> None:
    """Write how many lying voters the group survives."""
    write(state, LYING_VOTERS_KEY, number)


def days(rows: Rows) -> tuple[int, int]:
    """How many distinct days had a block, and the last of them in days since 1970."""
    value = read(rows, DAYS_KEY)
    return (0, 0) if value is None else (value[0], value[1])


def council(rows: Rows) -> tuple[tuple[bytes, ...], int] | None:
    """The elected council, ascending, and the end of its term; None before the first election."""
    value = read(rows, COUNCIL_KEY)
    return None if value is None else (tuple(value[0]), value[1])


def cut_of(rows: Rows, key: bytes) -> tuple[tuple[int, int], ...]:
    """How far the group has ordered a key's lanes 0 and 2: [(lane, seq)...], -1 for nothing."""
    heads = ((lane, read_cut(rows, key, lane)) for lane in (0, 2))
    return tuple((lane, -1 if head is None else head[0]) for lane, head in heads)


def _pairs(value: Value) -> tuple[tuple[int, int], ...]:
    return tuple((lane, seq) for lane, seq in value)
