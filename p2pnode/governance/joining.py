"""The entry `member.join`: a newcomer's first entry, with the invitation that opens the door (J21).

Where the charter wants people to agree first, a join becomes a petition, which a decision or enough
`member.sponsor` entries admit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import State
from p2pnode.core import codec
from p2pnode.core.crypto import ZERO_HASH, SigningKey
from p2pnode.core.entry import VERSION, Entry, Header, payload_fields, sign_entry
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.core.ids import Lane
from p2pnode.core.limits import MEMBERS_MAX, PAYLOAD_BYTES_MAX
from p2pnode.governance import tables
from p2pnode.governance.charter import Charter
from p2pnode.governance.inception import Inception, inception_of_value
from p2pnode.governance.invitation import (
    Invitation,
    Link,
    invitation_of_value,
    is_invitation_signed,
    is_secret_signed,
    sign_secret,
)
from p2pnode.governance.tables import DeviceRow, MemberRow, PetitionRow

JOIN_TYPE = "member.join"

NEEDS = MappingProxyType({"decision": "join.needs_decision", "sponsors": "join.needs_sponsors"})
"""Admission rules that make a join a petition, and what it then waits for."""

PETITION_RULES = frozenset(NEEDS.values())
PETITIONS_MAX = 100
PETITIONS_OF_INVITER_MAX = 10
"""Whoever invites many strangers leaves room for the petitions of others."""


@dataclass(frozen=True, slots=True)
class Join:
    """Who comes, by whose invitation, with both signatures verified."""

    inception: Inception
    invitation: Invitation
    inviter_signature: bytes
    secret_signature: bytes


def join_by(link: Link, inception: Inception) -> Join:
    """The join of a device that holds a link."""
    proof = sign_secret(link.seed, link.invitation.group, inception.device_key)
    return Join(inception, link.invitation, link.signature, proof)


def encode(join: Join) -> bytes:
    """The payload of a join."""
    return codec.encode(
        {
            "inception": join.inception.value,
            "invitation": join.invitation.value,
            "inviter_signature": join.inviter_signature,
            "secret_signature": join.secret_signature,
        }
    )


@lru_cache(maxsize=MEMBERS_MAX)
def decode(payload: bytes) -> Join:
    """The join in a payload. Errors: FormatError join.bad_field, join.bad_signature, invite.bad_field,
    inception.bad_field, codec.*."""
    fields = Fields(
        codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX),
        "join",
        ("inception", "invitation", "inviter_signature", "secret_signature"),
    )
    join = Join(
        inception_of_value(fields.value("inception")),
        invitation_of_value(fields.value("invitation")),
        fields.signature("inviter_signature"),
        fields.signature("secret_signature"),
    )
    if not is_invitation_signed(join.invitation, join.inviter_signature):
        raise FormatError("join.bad_signature", "the inviter did not sign this invitation")
    if not is_secret_signed(join.invitation, join.inception.device_key, join.secret_signature):
        raise FormatError("join.bad_signature", "no proof that this device held the invitation's secret")
    return join


def join_entry(key: SigningKey, join: Join, time_ms: int) -> Entry:
    """The signed first entry of a newcomer. Shapes: key is the inception's device key."""
    payload = encode(join)
    header = Header(
        VERSION,
        join.invitation.group,
        key.public,
        Lane.LOCAL.value,
        0,
        ZERO_HASH,
        0,
        time_ms,
        (),
        JOIN_TYPE,
        *payload_fields(payload),
    )
    return sign_entry(key, header, payload)


def execute(state: State, entry: Entry, context: BlockContext) -> str | None:
    """Let a newcomer in, or keep the join as a petition: then the rule says what it waits for."""
    join = decode(entry.payload or b"")
    charter = tables.charter(state)
    broken = _broken_rule(state, entry, join, charter, context)
    if broken is not None:
        return broken
    invitation, inception = join.invitation, join.inception
    inviter = tables.member_of_device(state, invitation.inviter)
    assert inviter is not None
    before = tables.member_of_device(state, inception.device_key)
    is_removed = before is not None and before[1].status == "removed"
    waits_for = NEEDS["decision"] if is_removed else NEEDS.get(charter.admission)
    if waits_for is not None and _is_full_of_petitions(state, inviter[0]):
        return "petition.too_many"
    if not context.is_provisional:
        count = tables.uses(state, invitation.id) + 1
        tables.put_uses(state, invitation.id, count, invitation.expiry_ms)
    if waits_for is not None:
        row = PetitionRow(inception.value, inviter[0], waits_for, (), context.time_ms)
        tables.put_petition(state, entry.id, row)
        return waits_for
    admit(state, inception, inviter[0], entry.id, context)
    return None


def admit(state: State, inception: Inception, inviter: bytes, entry_id: bytes, context: BlockContext) -> None:
    """Make somebody a member; a provisional one shows as such and counts nowhere.

    Shapes: a device that speaks for a present member already changes nothing: of two rival joins the first
    shows.
    """
    key, member_id = inception.device_key, inception.member_id
    before = tables.member_of_device(state, key)
    if before is not None and before[1].status in ("member", "provisional"):
        return
    if before is not None and before[0] != member_id:
        rest = tuple(other for other in before[1].devices if other != key)
        tables.put_member(state, before[0], replace(before[1], devices=rest))
    ever, present = tables.roll(state)
    known = tables.member(state, member_id)
    number = ever if known is None else known.number
    tables.put_roll(state, ever + (known is None), present + (not context.is_provisional))
    row = MemberRow(
        number,
        "provisional" if context.is_provisional else "member",
        (key,),
        inception.value,
        inception.recovery_commitment,
        inviter,
        entry_id,
        context.height,
    )
    tables.put_member(state, member_id, row)
    tables.put_device(state, key, DeviceRow(member_id, "active"))


def admit_petition(state: State, entry_id: bytes, context: BlockContext) -> str | None:
    """Let in somebody whom people agreed on, or the rule by which it cannot be."""
    row = tables.petition(state, entry_id)
    if row is None:
        return "admit.no_petition"
    if tables.roll(state)[1] >= MEMBERS_MAX:
        return "group.full"
    tables.drop_petition(state, entry_id)
    inception = inception_of_value(row.inception)
    if not is_known_device(state, inception.device_key):
        admit(state, inception, row.inviter, entry_id, context)
    return None


def is_known_device(state: State, key: bytes) -> bool:
    """Whether a key speaks for a present member, or was struck: it cannot begin anew."""
    held = tables.device(state, key)
    if held is None:
        return False
    row = tables.member(state, held.member)
    is_gone = row is None or row.status in ("left", "removed")
    return held.status != "active" or not is_gone


def _broken_rule(
    state: State, entry: Entry, join: Join, charter: Charter, context: BlockContext
) -> str | None:
    """The first rule that a join breaks, in this order."""
    header, invitation = entry.header, join.invitation
    author = tables.author_of(state, header.author)
    is_rival = author is not None and author[1].status == "provisional"
    inviter = tables.speaker_of(state, invitation.inviter)
    judged_ms = header.time_ms if context.is_provisional else context.time_ms
    rules = (
        ("join.wrong_group", header.group != context.group or invitation.group != context.group),
        ("join.wrong_device", join.inception.device_key != header.author),
        ("join.known_device", is_known_device(state, header.author) and not is_rival),
        ("join.inviter_no_member", inviter is None or not tables.is_in_good_standing(state, inviter[0])),
        ("join.other_rule", invitation.rule != charter.admission),
        ("invite.expired", judged_ms > invitation.expiry_ms),
        ("invite.spent", tables.uses(state, invitation.id) >= invitation.uses),
        ("group.full", tables.roll(state)[1] >= MEMBERS_MAX),
    )
    return next((rule for rule, breaks in rules if breaks), None)


def _is_full_of_petitions(state: State, inviter: bytes) -> bool:
    inviters = [row.inviter for _, row in tables.petitions(state)]
    return len(inviters) >= PETITIONS_MAX or inviters.count(inviter) >= PETITIONS_OF_INVITER_MAX
