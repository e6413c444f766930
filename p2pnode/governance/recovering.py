"""The entry `member.recover`: the recovery key names a new device when the old ones are lost (J25).

The inception committed to the recovery key without showing it. The new device writes the entry as its first;
it takes effect after seven days in which any old device may object. Where the recovery key is lost too, the
group decides (`restore_key` in `carrying_out.py`).

Source: C 8, J25.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import State
from p2pnode.core import codec
from p2pnode.core.crypto import SigningKey, is_signed
from p2pnode.core.entry import Entry
from p2pnode.core.fields import Fields
from p2pnode.core.ids import DeviceKey
from p2pnode.core.limits import PAYLOAD_BYTES_MAX
from p2pnode.governance import keys, tables
from p2pnode.governance.inception import recovery_commitment_of
from p2pnode.governance.tables import PendingRow

RECOVER_TYPE = "member.recover"
_RECOVER_TAG = b"p2pnode/recover\0"


@dataclass(frozen=True, slots=True)
class Recover:
    """Whose keys are replaced. Shapes: next is the commitment to the next recovery key."""

    member: bytes
    recovery_key: DeviceKey
    next: bytes
    signature: bytes


def sign_recovery(key: SigningKey, group: bytes, member_id: bytes, device: bytes, next_: bytes) -> bytes:
    """The recovery key's word that a new device speaks for its member."""
    return key.sign(_RECOVER_TAG + group + member_id + device + next_)


def encode(recover: Recover) -> bytes:
    """The payload of a recovery."""
    return codec.encode(
        {
            "member": recover.member,
            "next": recover.next,
            "recovery_key": recover.recovery_key,
            "signature": recover.signature,
        }
    )


def decode(payload: bytes) -> Recover:
    """The recovery in a payload; the signature covers the author too and is verified when it is executed.

    Errors: FormatError recover.bad_field, codec.*.
    """
    names = ("member", "next", "recovery_key", "signature")
    fields = Fields(codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX), "recover", names)
    return Recover(
        fields.hash("member"), fields.key("recovery_key"), fields.hash("next"), fields.signature("signature")
    )


def execute(state: State, entry: Entry, context: BlockContext) -> str | None:
    """Let a recovery wait for objections."""
    recover = decode(entry.payload or b"")
    row = tables.member(state, recover.member)
    message = _RECOVER_TAG + context.group + recover.member + entry.author + recover.next
    rules = (
        ("recover.no_member", row is None or row.status != "member"),
        ("recover.known_device", tables.device(state, entry.author) is not None),
        (
            "recover.bad_key",
            row is not None and recovery_commitment_of(recover.recovery_key) != row.recovery,
        ),
        ("recover.bad_signature", not is_signed(recover.recovery_key, message, recover.signature)),
        (
            "recover.pending",
            any(
                held.kind == "recover" and held.member == recover.member for _, held in tables.pending(state)
            ),
        ),
    )
    broken = next((rule for rule, breaks in rules if breaks), None)
    if broken is None:
        due_ms = context.time_ms + keys.WINDOW_MS
        tables.put_pending(
            state, entry.id, PendingRow("recover", recover.member, entry.author, (), recover.next, due_ms)
        )
    return broken
