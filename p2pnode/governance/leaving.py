"""The entry `member.leave`: a member goes. Leaving is never refused (J19)."""

from __future__ import annotations

from dataclasses import dataclass

from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.fields import Fields
from p2pnode.core.limits import MEMBERS_MAX, PAYLOAD_BYTES_MAX

LEAVE_TYPE = "member.leave"


@dataclass(frozen=True, slots=True)
class Leave:
    """A member's farewell.

    Shapes: lying_voters is the explicit lowering that J19 asks for when the remaining voters could not
    survive as many.
    """

    lying_voters: int | None = None
    annex: bytes | None = None


def encode(leave: Leave) -> bytes:
    """The payload of a leave."""
    fields: dict[str, Value] = {}
    if leave.lying_voters is not None:
        fields["lying_voters"] = leave.lying_voters
    if leave.annex is not None:
        fields["annex"] = leave.annex
    return codec.encode(fields)


def decode(payload: bytes) -> Leave:
    """The leave in a payload. Errors: FormatError leave.bad_field, codec.*."""
    fields = Fields(
        codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX), "leave", (), ("annex", "lying_voters")
    )
    liars = fields.uint("lying_voters", MEMBERS_MAX) if fields.has("lying_voters") else None
    return Leave(liars, fields.optional_hash("annex"))
