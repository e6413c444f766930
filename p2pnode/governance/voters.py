"""Entries about the voting role: `voter.ready`, `voter.leave`, `voter.return` and `voter.suspend`.

They say what a voter wants, or, in a second convocation, who did not answer; who votes in the end follows in
`voting.py`.

Source: C 5.8, 5.9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import State
from p2pnode.core import codec
from p2pnode.core.crypto import HASH_BYTES
from p2pnode.core.entry import Entry
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.core.limits import MEMBERS_MAX, PAYLOAD_BYTES_MAX
from p2pnode.governance import tables, voting
from p2pnode.governance.tables import MemberRow, VoterRow

READY_TYPE = "voter.ready"
AWAY_TYPE = "voter.leave"
RETURN_TYPE = "voter.return"
SUSPEND_TYPE = "voter.suspend"
ABSENT_MAX = 1000


@dataclass(frozen=True, slots=True)
class Suspend:
    """Who did not answer the roll call of a height. Shapes: absent are member ids, ascending."""

    height: int
    absent: tuple[bytes, ...]


def encode_ready(height: int) -> bytes:
    """The payload by which a device says that it has the chain up to a height and can vote."""
    return codec.encode({"height": height})


def decode_ready(payload: bytes) -> int:
    """The height in a payload. Errors: FormatError voter.bad_field, codec.*."""
    return Fields(codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX), "voter", ("height",)).uint("height")


def encode_leave(lying_voters: int | None = None) -> bytes:
    """The payload by which a voter goes for a while, with the lowering of J19 where it is needed."""
    return codec.encode({} if lying_voters is None else {"lying_voters": lying_voters})


def decode_leave(payload: bytes) -> int | None:
    """The lowering in a payload. Errors: FormatError voter.bad_field, codec.*."""
    fields = Fields(codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX), "voter", (), ("lying_voters",))
    return fields.uint("lying_voters", MEMBERS_MAX) if fields.has("lying_voters") else None


def encode_return() -> bytes:
    """The payload by which a voter comes back."""
    return codec.encode({})


def decode_return(payload: bytes) -> None:
    """Check that a payload says nothing. Errors: FormatError voter.bad_field, codec.*."""
    Fields(codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX), "voter", ())


def encode_suspend(height: int, absent: Sequence[bytes]) -> bytes:
    """The payload that names who did not answer a roll call. Errors: FormatError voter.*."""
    payload = codec.encode({"absent": list(absent), "height": height})
    decode_suspend(payload)
    return payload


def decode_suspend(payload: bytes) -> Suspend:
    """Who did not answer. Errors: FormatError voter.bad_field, voter.bad_absent, codec.*."""
    fields = Fields(codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX), "voter", ("absent", "height"))
    absent = fields.items("absent", ABSENT_MAX, least=1)
    if any(type(member_id) is not bytes or len(member_id) != HASH_BYTES for member_id in absent):
        raise FormatError("voter.bad_absent", "member ids of 32 bytes")
    if any(left >= right for left, right in pairwise(absent)):
        raise FormatError("voter.bad_absent", "not in ascending order of distinct ids")
    return Suspend(fields.uint("height", least=1), tuple(absent))


def execute_ready(state: State, entry: Entry, context: BlockContext) -> str | None:
    """Note that a member's device can vote; the end of the block decides whether it may."""
    height = decode_ready(entry.payload or b"")
    member_id, row = _author(state, entry)
    rules = (
        ("voter.no_member", row.status != "member"),
        ("voter.already", tables.voter(state, member_id) is not None),
        ("voter.away", tables.away(state, member_id) is not None),
        ("voter.bad_height", not row.height <= height < context.height),
    )
    broken = next((rule for rule, breaks in rules if breaks), None)
    if broken is None:
        voting.note_ready(state, member_id, entry.author, context)
    return broken


def execute_leave(state: State, entry: Entry, context: BlockContext) -> str | None:
    """Let a voter rest who says so."""
    allowed = decode_leave(entry.payload or b"")
    member_id, _ = _author(state, entry)
    if tables.voter(state, member_id) is None:
        return "voter.no_voter"
    voting.lower_lying_voters(state, 1, allowed)
    voting.goes_away(state, member_id, "leave", context)
    return None


def execute_return(state: State, entry: Entry, context: BlockContext) -> str | None:
    """Give the role back to a voter whose role rests; the device that says so votes from now on."""
    member_id, _ = _author(state, entry)
    if not tables.is_in_good_standing(state, member_id):
        return "voter.suspended"
    row, away = tables.voter(state, member_id), tables.away(state, member_id)
    device = tables.device(state, entry.author)
    if device is None or device.status != "active":
        return "voter.device"
    if row is not None and row.going in ("leave", "key"):
        tables.put_voter(state, member_id, VoterRow(entry.author))
        return None
    if row is not None or away is None:
        return "voter.not_away"
    if away.reason == "council":
        return "voter.council"
    voting.comes_back(state, member_id, entry.author, context)
    return None


def execute_suspend(state: State, entry: Entry, context: BlockContext) -> str | None:
    """Let those rest who did not answer the roll call of this height; only a convoked block may."""
    suspend = decode_suspend(entry.payload or b"")
    member_id, _ = _author(state, entry)
    ids = [voter for voter, _ in tables.voters(state)]
    remaining = len(ids) - len(suspend.absent)
    rules = (
        ("voter.not_convoked", not context.is_convoked),
        ("voter.other_height", suspend.height != context.height),
        ("voter.no_voter", member_id not in ids or any(absent not in ids for absent in suspend.absent)),
        ("voter.not_absent", member_id in suspend.absent),
        ("voter.too_many_absent", remaining < len(ids) // 2 + 1),
        ("voter.no_quorum", not voting.may_survive(remaining, tables.lying_voters(state))),
    )
    broken = next((rule for rule, breaks in rules if breaks), None)
    if broken is None:
        for absent in suspend.absent:
            voting.goes_away(state, absent, "absent", context)
    return broken


def _author(state: State, entry: Entry) -> tuple[bytes, MemberRow]:
    """The member who writes; that it is one was seen before the type's own rules are asked."""
    author = tables.author_of(state, entry.author)
    assert author is not None
    return author
