"""How a device that was away learns that the group goes on without it: by a row of the state, proven (J23).

Lanes 0 and 1 are closed to it from the block that ended its membership, so it cannot follow the chain to that
block. A member shows it instead the way to the newest final block, and what the state says there of the
member, or of this device. What is believed is what voters signed of whom this node knew already; kept is the
height, for as long as its own chain has not come as far: from there the rows speak for themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from p2pnode.consensus.format import Configuration, decode_header
from p2pnode.consensus.proof import RowProof
from p2pnode.consensus.rows import MemoryRows, Rows, State, row_key
from p2pnode.consensus.trie import prove
from p2pnode.core import codec
from p2pnode.core.errors import FormatError
from p2pnode.core.events import Alert
from p2pnode.governance import tables
from p2pnode.governance.configuration import configuration_of
from p2pnode.store.group_file import GroupQueries

if TYPE_CHECKING:
    from p2pnode.group_log import GroupLog

Status = Literal["left", "removed", "revoked", "sealed"]

ALERT_RULE = "member.parted"
WORDS = {
    "left": "the member for whom this device speaks has left",
    "removed": "the group has removed you",
    "revoked": "this device was revoked",
    "sealed": "the key of this device was struck, because it was used twice",
}
"""What happened, by what the row says."""

_OVER = ("left", "removed")
_STRUCK = ("revoked", "sealed")
_MEMBER_PREFIX, _DEVICE_PREFIX = row_key("member"), row_key("device")
_SETTING = "parting"
_RULE = "level.other_row"


class Parting(NamedTuple):
    """What a final block says of this device. Shapes: height is that of the block which showed it, not of
    the one which did it. Units: time_ms is that block's."""

    height: int
    time_ms: int
    status: Status


def parting_in(queries: GroupQueries) -> Parting | None:
    """What was learned, unless this node's own chain has come as far since."""
    parting = read_parting(queries)
    tip = queries.chain.tip()
    return None if parting is None or (tip is not None and tip.height >= parting.height) else parting


def read_parting(queries: GroupQueries) -> Parting | None:
    """What was learned, however far the chain is."""
    data = queries.setting(_SETTING)
    if not data:
        return None
    height, time_ms, status = codec.decode(data)
    return Parting(height, time_ms, status)


def encode_parting(parting: Parting) -> tuple[str, bytes]:
    """The setting that keeps it: name and value."""
    return _SETTING, codec.encode(list(parting))


def is_gone(rows: Rows, device_key: bytes) -> bool:
    """Whether a device or its member is gone, and does not vote any more."""
    return status_of(rows, device_key) is not None and not _is_voter(configuration_of(rows), device_key)


def status_of(rows: Rows, device_key: bytes) -> Status | None:
    """How a device or its member is gone by some rows, or None."""
    device = tables.device(rows, device_key)
    member = None if device is None else tables.member(rows, device.member)
    for status in (member and member.status, device and device.status):
        if status in ("left", "removed", "revoked", "sealed"):
            return status
    return None


def devices_ended(rows: Rows, changes: Mapping[bytes, bytes | None]) -> list[bytes]:
    """The devices whose reading a block ends. Shapes: rows are those before it, changes what it changes."""
    over = {key[len(_MEMBER_PREFIX) :] for key in changes if key.startswith(_MEMBER_PREFIX)}
    struck = {key[len(_DEVICE_PREFIX) :] for key in changes if key.startswith(_DEVICE_PREFIX)}
    if not over and not struck:
        return []
    after = State(rows)
    after.apply(changes)
    named = {key for key, row in tables.devices(after) if row.member in over} | struck
    return [
        key for key in sorted(named) if status_of(after, key) is not None and status_of(rows, key) is None
    ]


def row_shown(queries: GroupQueries, device_key: bytes) -> RowProof | None:
    """What the last state says of a device or its member that is gone; None for all others, and for who
    still votes, whose lanes stay open."""
    rows = queries.chain
    tip, device = rows.tip(), tables.device(rows, device_key)
    if tip is None or device is None or not is_gone(rows, device_key):
        return None
    member = tables.member(rows, device.member)
    # A row that names the device is understood also where it does not know yet whose it is.
    is_named = member is not None and member.status in _OVER and device_key in member.devices
    is_members = is_named or device.status not in _STRUCK
    key = row_key("member", device.member) if is_members else row_key("device", device_key)
    root = decode_header(tip.header).state_root
    return RowProof(key, rows.get(key), prove(root, key, rows.trie_node))


def status_in(log: GroupLog, row: RowProof, configuration: Configuration) -> Status:
    """What a proven row says of this device. Errors: FormatError level.other_row."""
    own = log.key.public
    if _is_voter(configuration, own):
        raise FormatError(_RULE, "who votes is not shown that it is gone")
    rows = MemoryRows({} if row.value is None else {row.key: row.value})
    try:
        shown = _member_shown(log, row, rows)
        device = tables.device(rows, own)
    except ValueError as error:
        raise FormatError(_RULE, "a row of rules that this version does not know") from error
    status = (shown and shown.status) or (device and device.status)
    if status not in ("left", "removed", "revoked", "sealed"):
        raise FormatError(_RULE, "not a row by which this device is gone")
    return status


def _member_shown(log: GroupLog, row: RowProof, rows: Rows) -> tables.MemberRow | None:
    """The proven row of a member that names this device, or else of the one to whom it belongs here.

    Who that is may not be known here yet, and another than before: whoever was let in again. Errors:
    ValueError.
    """
    is_member = row.key.startswith(_MEMBER_PREFIX)
    shown = tables.member(rows, row.key[len(_MEMBER_PREFIX) :]) if is_member else None
    if shown is not None and log.key.public in shown.devices:
        return shown
    member = log.state.member_of(log.key.public)
    return None if member is None else tables.member(rows, member.id)


def alert_of(log: GroupLog, parting: Parting) -> Alert:
    """What a person is told."""
    message = (
        f"{WORDS[parting.status]}, as block {parting.height} says; what this node holds stays readable here, "
        "and nothing more is written"
    )
    return Alert(ALERT_RULE, message, {"group": log.group.hex(), "height": str(parting.height)})


def _is_voter(configuration: Configuration, device_key: bytes) -> bool:
    return any(key == device_key for _, key in configuration.voters)
