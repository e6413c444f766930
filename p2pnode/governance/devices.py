"""Entries about a member's devices: `device.add`, `device.revoke`, `device.object` and `key.rotate`.

A new device signs too, so that nobody claims another's key. A device revokes itself at once; another one
after seven days in which any device of the member may object; the recovery key revokes at once (J25).

Source: C 8, J25.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import State
from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.crypto import SIGNATURE_BYTES, SigningKey, is_acceptable_key, is_signed
from p2pnode.core.entry import Entry
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.core.ids import DeviceKey
from p2pnode.core.limits import PAYLOAD_BYTES_MAX, SEQ_MAX
from p2pnode.governance import keys, tables
from p2pnode.governance.inception import recovery_commitment_of
from p2pnode.governance.tables import PendingRow, VoterRow

DEVICE_ADD_TYPE = "device.add"
DEVICE_REVOKE_TYPE = "device.revoke"
DEVICE_OBJECT_TYPE = "device.object"
KEY_ROTATE_TYPE = "key.rotate"
_ADD_TAG = b"p2pnode/device\0"
_REVOKE_TAG = b"p2pnode/revoke\0"


@dataclass(frozen=True, slots=True)
class Add:
    """A new device of the author's member, and its own signature."""

    device: DeviceKey
    signature: bytes


@dataclass(frozen=True, slots=True)
class Revoke:
    """A device that shall speak no more.

    Shapes: keep says how far its lanes count, [(lane, seq)...] ascending, -1 or absent for nothing; recovery
    is the member's recovery key with its signature, or None.
    """

    device: DeviceKey
    keep: tuple[tuple[int, int], ...]
    recovery: tuple[bytes, bytes] | None = None

    @property
    def value(self) -> dict[str, Value]:
        """The map in payloads, without the recovery key's part."""
        return {"device": self.device, "keep": [list(pair) for pair in self.keep]}


def sign_device(key: SigningKey, group: bytes, member_id: bytes) -> bytes:
    """A new device's word that it belongs to a member of a group."""
    return key.sign(_ADD_TAG + group + member_id)


def encode_add(add: Add) -> bytes:
    """The payload that adds a device."""
    return codec.encode({"device": add.device, "signature": add.signature})


def decode_add(payload: bytes) -> Add:
    """The device in a payload. Errors: FormatError device.bad_field, codec.*."""
    fields = Fields(codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX), "device", ("device", "signature"))
    return Add(fields.key("device"), fields.signature("signature"))


def sign_revocation(key: SigningKey, group: bytes, revoke: Revoke) -> bytes:
    """The recovery key's signature under a revocation; its own part is not read."""
    return key.sign(_REVOKE_TAG + group + codec.encode(revoke.value))


def encode_revoke(revoke: Revoke) -> bytes:
    """The payload that revokes a device. Errors: FormatError device.*."""
    value = revoke.value
    if revoke.recovery is not None:
        value["recovery"] = list(revoke.recovery)
    payload = codec.encode(value)
    decode_revoke(payload)
    return payload


def decode_revoke(payload: bytes) -> Revoke:
    """The revocation in a payload. Errors: FormatError device.bad_field, device.bad_keep, codec.*."""
    fields = Fields(
        codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX), "device", ("device", "keep"), ("recovery",)
    )
    keep = fields.items("keep", 2)
    if not all(_is_place(pair) for pair in keep):
        raise FormatError("device.bad_keep", "[lane 0 or 2, seq or -1] each")
    if any(left[0] >= right[0] for left, right in pairwise(keep)):
        raise FormatError("device.bad_keep", "not in ascending order of distinct lanes")
    recovery = None
    if fields.has("recovery"):
        key, signature = fields.items("recovery", 2, least=2)
        is_signature = type(signature) is bytes and len(signature) == SIGNATURE_BYTES
        if type(key) is not bytes or not is_acceptable_key(key) or not is_signature:
            raise fields.refuse("recovery", "not [recovery key, signature]")
        recovery = (key, signature)
    return Revoke(fields.key("device"), tuple((lane, seq) for lane, seq in keep), recovery)


def encode_object(entry_id: bytes) -> bytes:
    """The payload by which a device objects to a pending revocation or recovery."""
    payload = codec.encode({"entry": entry_id})
    decode_object(payload)
    return payload


def decode_object(payload: bytes) -> bytes:
    """The entry that somebody objects to. Errors: FormatError device.bad_field, codec.*."""
    return Fields(codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX), "device", ("entry",)).hash("entry")


def encode_rotate(device: bytes) -> bytes:
    """The payload by which the voting device hands the vote to another of its member's devices."""
    payload = codec.encode({"device": device})
    decode_rotate(payload)
    return payload


def decode_rotate(payload: bytes) -> DeviceKey:
    """The device that votes from now on. Errors: FormatError device.bad_field, codec.*."""
    return Fields(codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX), "device", ("device",)).key("device")


def execute_add(state: State, entry: Entry, context: BlockContext) -> str | None:
    """Let a new device speak for its member."""
    add = decode_add(entry.payload or b"")
    author = tables.author_of(state, entry.author)
    assert author is not None
    member_id, row = author
    rules = (
        ("device.no_member", row.status != "member"),
        ("device.known", tables.device(state, add.device) is not None),
        ("device.too_many", len(row.devices) >= keys.DEVICES_MAX),
        (
            "device.bad_signature",
            not is_signed(add.device, _ADD_TAG + context.group + member_id, add.signature),
        ),
    )
    broken = next((rule for rule, breaks in rules if breaks), None)
    if broken is None:
        keys.add_device(state, member_id, add.device, is_provisional=context.is_provisional)
    return broken


def execute_revoke(state: State, entry: Entry, context: BlockContext) -> str | None:
    """Strike a device, at once or when nobody objected.

    The recovery key may speak through any author: all devices may be lost or in wrong hands.
    """
    revoke = decode_revoke(entry.payload or b"")
    target = tables.device(state, revoke.device)
    row = None if target is None else tables.member(state, target.member)
    if target is None or row is None or row.status != "member":
        return "device.unknown"
    if target.status != "active":
        return "device.not_active"
    if revoke.recovery is not None:
        key, signature = revoke.recovery
        message = _REVOKE_TAG + context.group + codec.encode(revoke.value)
        if recovery_commitment_of(key) != row.recovery or not is_signed(key, message, signature):
            return "device.bad_recovery"
        keys.strike(state, revoke.device, "revoked", revoke.keep, context)
        return None
    author = tables.author_of(state, entry.author)
    if author is None or author[0] != target.member:
        return "device.not_yours"
    if entry.author == revoke.device:
        keys.strike(state, revoke.device, "revoked", revoke.keep, context)
        return None
    if any(held.kind == "revoke" and held.device == revoke.device for _, held in tables.pending(state)):
        return "device.pending"
    due_ms = context.time_ms + keys.WINDOW_MS
    tables.put_pending(
        state, entry.id, PendingRow("revoke", target.member, revoke.device, revoke.keep, b"", due_ms)
    )
    return None


def execute_object(state: State, entry: Entry, _: BlockContext) -> str | None:
    """Stop a pending revocation or recovery of the author's own member."""
    entry_id = decode_object(entry.payload or b"")
    held = dict(tables.pending(state)).get(entry_id)
    if held is None:
        return "device.nothing_pending"
    author = tables.author_of(state, entry.author)
    if author is None or author[0] != held.member:
        return "device.not_yours"
    tables.drop_pending(state, entry_id)
    return None


def execute_rotate(state: State, entry: Entry, _: BlockContext) -> str | None:
    """Hand the vote from the voting device to another one, from the next height on."""
    key = decode_rotate(entry.payload or b"")
    author = tables.author_of(state, entry.author)
    assert author is not None
    voter = tables.voter(state, author[0])
    if voter is None or voter.key != entry.author:
        return "device.not_voting"
    held = tables.device(state, key)
    if held is None or held.member != author[0] or held.status != "active":
        return "device.not_yours"
    tables.put_voter(state, author[0], VoterRow(key, voter.going))
    return None


def _is_place(value: Value) -> bool:
    return (
        type(value) is list
        and len(value) == 2
        and type(value[0]) is int
        and value[0] in (0, 2)
        and type(value[1]) is int
        and -1 <= value[1] <= SEQ_MAX
    )
