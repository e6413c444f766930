"""Entries about the voting role: `voter.ready`, `voter.leave`, `voter.return` and `voter.suspend`.

They say what a voter wants, or, in a second convocation, who did not answer; who votes in the end follows in
`voting.py`. A suspension carries the closes of a majority, so that it holds or not by what the block says and
never by the attempt in which the block was decided.

Source: C 5.8, 5.9.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from p2pnode.consensus.convocation import closing_message
from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.format import Configuration
from p2pnode.consensus.recovered import is_signature
from p2pnode.consensus.rows import State
from p2pnode.consensus.rules import Lock
from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES
from p2pnode.core.entry import Entry
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.core.limits import COUNTER_MAX, MEMBERS_MAX, PAYLOAD_BYTES_MAX
from p2pnode.governance import tables, voting
from p2pnode.governance.configuration import configuration_of
from p2pnode.governance.tables import MemberRow, VoterRow

READY_TYPE = "voter.ready"
AWAY_TYPE = "voter.leave"
RETURN_TYPE = "voter.return"
SUSPEND_TYPE = "voter.suspend"


class SeenClose(NamedTuple):
    """A voter's close of the first attempt, without the certificate of its lock."""

    member: bytes
    lock: Lock | None
    signature: bytes

    @property
    def value(self) -> Value:
        """The array in payloads."""
        return [self.member, *(self.lock or (-1, b"")), self.signature]


@dataclass(frozen=True, slots=True)
class Suspend:
    """Who did not answer the roll call of a height.

    Shapes: absent are member ids, closes are in order of member ids, both ascending.
    """

    height: int
    absent: tuple[bytes, ...]
    closes: tuple[SeenClose, ...]


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


def encode_suspend(suspend: Suspend) -> bytes:
    """The payload that names who did not answer a roll call. Errors: FormatError voter.*."""
    closes = [close.value for close in suspend.closes]
    payload = codec.encode({"absent": list(suspend.absent), "closes": closes, "height": suspend.height})
    decode_suspend(payload)
    return payload


def decode_suspend(payload: bytes) -> Suspend:
    """Who did not answer; signatures of closes are not verified here.

    Errors: FormatError voter.bad_field, voter.bad_absent, voter.bad_close, codec.*.
    """
    value = codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX)
    fields = Fields(value, "voter", ("absent", "closes", "height"))
    absent = fields.items("absent", MEMBERS_MAX, least=1)
    if not all(_is_id(member_id) for member_id in absent) or not _ascending(absent):
        raise FormatError("voter.bad_absent", "member ids in ascending order")
    closes = fields.items("closes", MEMBERS_MAX, least=1)
    if not all(_is_close(close) for close in closes) or not _ascending([close[0] for close in closes]):
        raise FormatError("voter.bad_close", "[member id, view, block, signature] each, ascending")
    seen = (
        SeenClose(member_id, None if view < 0 else Lock(view, block), signature)
        for member_id, view, block, signature in closes
    )
    return Suspend(fields.uint("height", least=1), tuple(absent), tuple(seen))


def suspended_in(entries: Iterable[Entry]) -> tuple[bytes, ...]:
    """Whom a block suspends for not answering the roll call, out of its entries that hold, ascending.

    Shapes: also who stays a voter until the others can decide alone.
    """
    absent: set[bytes] = set()
    for entry in entries:
        if entry.header.type == SUSPEND_TYPE:
            absent.update(decode_suspend(entry.payload or b"").absent)
    return tuple(sorted(absent))


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
    if row is not None and row.going in ("leave", "key", "suspended"):
        tables.put_voter(state, member_id, VoterRow(entry.author))
        return None
    if row is not None or away is None:
        return "voter.not_away"
    if away.reason == "council":
        return "voter.council"
    voting.comes_back(state, member_id, entry.author, context)
    return None


def execute_suspend(state: State, entry: Entry, context: BlockContext) -> str | None:
    """Let those rest who did not answer the roll call of this height, once a majority has closed it."""
    suspend = decode_suspend(entry.payload or b"")
    keys = [member_id for member_id, _ in tables.voters(state)]
    remaining = len(keys) - len(suspend.absent)
    closed = [close for close in suspend.closes if close.member not in suspend.absent]
    configuration = configuration_of(state)
    rules = (
        ("voter.other_height", suspend.height != context.height),
        ("voter.no_voter", any(member_id not in keys for member_id in suspend.absent)),
        ("voter.not_convoked", len(closed) < len(keys) // 2 + 1),
        ("voter.no_quorum", not voting.may_survive(remaining, tables.lying_voters(state))),
        (
            "voter.false_close",
            not all(_is_said(close, configuration, context) for close in closed),
        ),
    )
    broken = next((rule for rule, breaks in rules if breaks), None)
    if broken is None:
        for absent in suspend.absent:
            voting.goes_away(state, absent, "absent", context)
    return broken


def _is_said(close: SeenClose, configuration: Configuration, context: BlockContext) -> bool:
    members = [member_id for member_id, _ in configuration.voters]
    message = closing_message(context.group, configuration.epoch, context.height, close.lock)
    return close.member in members and configuration.is_said(
        members.index(close.member), context.group, context.height, message, close.signature
    )


def _is_id(value: object) -> bool:
    return type(value) is bytes and len(value) == HASH_BYTES


def _ascending(ids: Sequence[bytes]) -> bool:
    return all(left < right for left, right in pairwise(ids))


def _is_close(value: Value) -> bool:
    """Whether a value is a close: view -1 without a block, or a lock."""
    if type(value) is not list or len(value) != 4 or not _is_id(value[0]):
        return False
    _, view, block, signature = value
    if type(view) is not int or type(block) is not bytes:
        return False
    is_lock = 0 <= view <= COUNTER_MAX and len(block) == HASH_BYTES
    return (is_lock or (view == -1 and not block)) and is_signature(signature)


def _author(state: State, entry: Entry) -> tuple[bytes, MemberRow]:
    """The member who writes; that it is one was seen before the type's own rules are asked."""
    author = tables.author_of(state, entry.author)
    assert author is not None
    return author
