"""The entry `member.sponsor`: a member speaks for a newcomer whose join waits for sponsors (J21)."""

from __future__ import annotations

from dataclasses import replace

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import State
from p2pnode.core import codec
from p2pnode.core.entry import Entry
from p2pnode.core.fields import Fields
from p2pnode.core.limits import PAYLOAD_BYTES_MAX
from p2pnode.governance import joining, tables

SPONSOR_TYPE = "member.sponsor"


def encode(join: bytes) -> bytes:
    """The payload of a sponsor's word. Shapes: join is the id of the entry by which the newcomer asks."""
    payload = codec.encode({"join": join})
    decode(payload)
    return payload


def decode(payload: bytes) -> bytes:
    """The id of the join that a sponsor speaks for. Errors: FormatError sponsor.bad_field, codec.*."""
    fields = Fields(codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX), "sponsor", ("join",))
    return fields.hash("join")


def execute(state: State, entry: Entry, context: BlockContext) -> str | None:
    """Count a sponsor; with enough of them the newcomer is a member."""
    join = decode(entry.payload or b"")
    author = tables.author_of(state, entry.author)
    if author is None or not tables.is_in_good_standing(state, author[0]):
        return "sponsor.no_member"
    petition = tables.petition(state, join)
    if petition is None or petition.rule != joining.NEEDS["sponsors"]:
        return "sponsor.no_petition"
    if author[0] in petition.sponsors:
        return "sponsor.twice"
    sponsors = tuple(sorted((*petition.sponsors, author[0])))
    tables.put_petition(state, join, replace(petition, sponsors=sponsors))
    present = [sponsor for sponsor in sponsors if tables.is_in_good_standing(state, sponsor)]
    wanted = tables.charter(state).sponsors
    if len(present) >= wanted and not context.is_provisional:
        # A group that is full keeps the petition until there is room and one more sponsor, or it lapses.
        joining.admit_petition(state, join, context)
    return None
