"""The entry `member.join`: a newcomer's first entry, with the invitation that opens the door (J21)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from p2pnode.core import codec
from p2pnode.core.crypto import ZERO_HASH, SigningKey
from p2pnode.core.entry import VERSION, Entry, Header, payload_fields, sign_entry
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.core.ids import Lane
from p2pnode.core.limits import MEMBERS_MAX, PAYLOAD_BYTES_MAX
from p2pnode.governance.inception import Inception, inception_of_value
from p2pnode.governance.invitation import (
    Invitation,
    Link,
    invitation_of_value,
    is_invitation_signed,
    is_secret_signed,
    sign_secret,
)

JOIN_TYPE = "member.join"


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
