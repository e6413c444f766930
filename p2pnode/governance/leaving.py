"""The entry `member.leave`: a member goes. Leaving is never refused (J19).

| table | key | value |
|---|---|---|
| `departed` | member id | nil: who went in this block, until its end has settled what was open |
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import State, row_key
from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.entry import Entry
from p2pnode.core.fields import Fields
from p2pnode.core.limits import MEMBERS_MAX, PAYLOAD_BYTES_MAX
from p2pnode.governance import tables, voting
from p2pnode.governance.tables import MemberStatus

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


def execute(state: State, entry: Entry, context: BlockContext) -> str | None:
    """Let a member go. A voter whom the others still need keeps voting until they do not."""
    leave = decode(entry.payload or b"")
    author = tables.author_of(state, entry.author)
    if author is None:
        return "leave.no_member"
    if tables.voter(state, author[0]) is not None:
        voting.lower_lying_voters(state, 1, leave.lying_voters)
    end_membership(state, author[0], "left", context)
    return None


def end_membership(state: State, member_id: bytes, status: MemberStatus, context: BlockContext) -> None:
    """Take away what a member is and holds; the row stays, so that old entries keep their author."""
    row = tables.member(state, member_id)
    if row is None or row.status not in ("member", "provisional"):
        return
    voting.loses_role(state, member_id, status, context)
    state.delete(row_key("suspension", member_id))
    for name, _ in list(tables.scan(state, "role", member_id)):
        state.delete(row_key("role", member_id, name))
    if row.status == "member":
        ever, present = tables.roll(state)
        tables.put_roll(state, ever, present - 1)
    tables.put_member(state, member_id, replace(row, status=status))
    tables.write(state, row_key("departed", member_id), None)
