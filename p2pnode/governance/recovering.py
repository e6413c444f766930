"""The entry `member.recover`: the recovery key names a new device when the old ones are lost (J25).

The inception committed to the recovery key without showing it. The new device writes the entry as its first;
it takes effect after seven days in which any old device may object. Where the recovery key is lost too, the
group decides (`restore_key` in `carrying_out.py`).

Source: C 8, J25.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.recovered import Statement, is_stated, sign_statement
from p2pnode.consensus.rows import Rows, State
from p2pnode.consensus.rules import FIRST_ATTEMPT, quorum_of
from p2pnode.core import codec
from p2pnode.core.crypto import SigningKey
from p2pnode.core.entry import Entry
from p2pnode.core.fields import Fields
from p2pnode.core.ids import DeviceKey
from p2pnode.core.limits import PAYLOAD_BYTES_MAX
from p2pnode.governance import keys, tables
from p2pnode.governance.inception import recovery_commitment_of
from p2pnode.governance.tables import PendingRow

RECOVER_TYPE = "member.recover"


@dataclass(frozen=True, slots=True)
class Recover:
    """Whose keys are replaced.

    Shapes: next is the commitment to the next recovery key; height and block are the last final block that
    the new device knew, 0 and the group before any: from there on it speaks for a lost voter (J20).
    """

    member: bytes
    recovery_key: DeviceKey
    next: bytes
    height: int
    block: bytes
    signature: bytes

    def statement(self, device: bytes) -> Statement:
        """What the recovery key said of the device that wrote this (J20)."""
        return Statement(self.recovery_key, device, self.next, self.height, self.block, self.signature)


def recover_by(
    key: SigningKey, group: bytes, member_id: bytes, device: bytes, next_: bytes, last: tuple[int, bytes]
) -> Recover:
    """The recovery key's word that a new device speaks for its member. Shapes: last is the last final block
    that the device knows, with its height."""
    stated = sign_statement(key, group, member_id, device, next_, *last)
    return Recover(member_id, DeviceKey(key.public), next_, *last, stated.signature)


def encode(recover: Recover) -> bytes:
    """The payload of a recovery."""
    return codec.encode(
        {
            "block": recover.block,
            "height": recover.height,
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
    names = ("block", "height", "member", "next", "recovery_key", "signature")
    fields = Fields(codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX), "recover", names)
    return Recover(
        fields.hash("member"),
        fields.key("recovery_key"),
        fields.hash("next"),
        fields.uint("height"),
        fields.hash("block"),
        fields.signature("signature"),
    )


def execute(state: State, entry: Entry, context: BlockContext) -> str | None:
    """Let a recovery wait for objections."""
    recover = decode(entry.payload or b"")
    broken = _broken_rule(state, entry, recover, context.group)
    if broken is None:
        due_ms = context.time_ms + keys.WINDOW_MS
        row = PendingRow("recover", recover.member, entry.author, (), recover.next, due_ms)
        tables.put_pending(state, entry.id, row)
    return broken


def speakers(final: Rows, known: Rows) -> dict[bytes, bytes]:
    """The new devices that speak for lost voters, as long as the others are too few to decide (J20).

    Shapes: member ids by device key; final are the rows after the last block, known those of the view: a
    recovery that nobody could order yet reveals the key, too, and an objection to it takes it back.
    """
    voters = [member_id for member_id, _ in tables.voters(final)]
    lost = {
        row.device: row.member
        for _, row in tables.pending(known)
        if row.kind == "recover" and row.member in voters
    }
    quorum = quorum_of(len(voters), tables.lying_voters(final), FIRST_ATTEMPT)
    return lost if len(voters) - len(set(lost.values())) < quorum else {}


def _broken_rule(rows: Rows, entry: Entry, recover: Recover, group: bytes) -> str | None:
    row = tables.member(rows, recover.member)
    statement = recover.statement(entry.author)
    is_right_key = row is not None and recovery_commitment_of(recover.recovery_key) == row.recovery
    commitment = recovery_commitment_of(recover.recovery_key)
    waiting = [held.member for _, held in tables.pending(rows) if held.kind == "recover"]
    rules = (
        ("recover.no_member", row is None or row.status != "member"),
        ("recover.known_device", tables.device(rows, entry.author) is not None),
        ("recover.bad_key", not is_right_key),
        ("recover.bad_signature", not is_stated(statement, group, recover.member, commitment)),
        ("recover.pending", recover.member in waiting),
    )
    return next((rule for rule, breaks in rules if breaks), None)
