"""Invitations: a member's signed word that holders of a one-time secret may join, and its link (J21).

The invitation names the group, the inviter's device, the public half of the one-time key, how often and until
when it may be used, and the admission rule it relies on. Whoever holds the secret half proves it when
joining, so a link can be passed on but an invitation seen in the log cannot be used.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.crypto import (
    HASH_BYTES,
    KEY_BYTES,
    SIGNATURE_BYTES,
    SigningKey,
    is_acceptable_key,
    is_signed,
    sha256,
)
from p2pnode.core.errors import FormatError, UsageError
from p2pnode.core.fields import is_plain_text
from p2pnode.core.ids import DeviceKey, GroupId
from p2pnode.core.limits import COUNTER_MAX, INVITATION_ADDRESSES_MAX, INVITATION_USES_MAX, MEMBERS_MAX
from p2pnode.governance.charter import ADMISSION_RULES

LINK_PREFIX = "p2pnode:join:"
LINK_VERSION = 1
LINK_CHARACTERS_MAX = 8192
ADDRESS_CHARACTERS_MAX = 256
_NAME_CHARACTERS_MAX = 80
_INVITATION_TAG = b"p2pnode/invitation\0"
_JOIN_TAG = b"p2pnode/join\0"
_LENGTH_BYTES = 2
_CHECKSUM_BYTES = 4
_REMEDY = "copy the whole link again, or ask the person who sent it for a new one"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the inviter signs.

    Shapes: key is the public half of the one-time pair. Units: expiry_ms is wall time.
    """

    group: GroupId
    inviter: DeviceKey
    key: bytes
    uses: int
    expiry_ms: int
    rule: str

    @property
    def value(self) -> list[Value]:
        """The array that is signed and put into payloads and links."""
        return [self.group, self.inviter, self.key, self.uses, self.expiry_ms, self.rule]

    @property
    def id(self) -> bytes:
        """SHA-256 of the canonical bytes: what uses are counted by."""
        return _id_of(self)


@lru_cache(maxsize=MEMBERS_MAX)
def _id_of(invitation: Invitation) -> bytes:
    return sha256(codec.encode(invitation.value))


@dataclass(frozen=True, slots=True)
class Link:
    """What a newcomer needs: the signed invitation, the secret seed, where to knock, the group's name."""

    invitation: Invitation
    signature: bytes
    seed: bytes
    addresses: tuple[str, ...]
    name: str


def invitation_of_value(value: Value) -> Invitation:
    """The invitation in a decoded payload or link. Errors: FormatError invite.bad_field."""
    if type(value) is not list or len(value) != 6:
        raise FormatError("invite.bad_field", "an invitation has six fields")
    group, inviter, key, uses, expiry_ms, rule = value
    if type(group) is not bytes or len(group) != HASH_BYTES:
        raise FormatError("invite.bad_field", "group: not 32 bytes")
    if not all(type(item) is bytes and is_acceptable_key(item) for item in (inviter, key)):
        raise FormatError("invite.bad_field", "inviter or key: not an acceptable Ed25519 key")
    if type(uses) is not int or not 1 <= uses <= INVITATION_USES_MAX:
        raise FormatError("invite.bad_field", f"uses: not an integer from 1 to {INVITATION_USES_MAX}")
    if type(expiry_ms) is not int or not 1 <= expiry_ms <= COUNTER_MAX:
        raise FormatError("invite.bad_field", "expiry: not a time")
    if type(rule) is not str or rule not in ADMISSION_RULES:
        raise FormatError("invite.bad_field", f"rule: not one of {', '.join(ADMISSION_RULES)}")
    return Invitation(GroupId(group), DeviceKey(inviter), key, uses, expiry_ms, rule)


def sign_invitation(inviter: SigningKey, invitation: Invitation) -> bytes:
    """The inviter's signature under an invitation."""
    return inviter.sign(_INVITATION_TAG + codec.encode(invitation.value))


def is_invitation_signed(invitation: Invitation, signature: bytes) -> bool:
    """Whether the inviter named in an invitation signed it."""
    return is_signed(invitation.inviter, _INVITATION_TAG + codec.encode(invitation.value), signature)


def sign_secret(seed: bytes, group: bytes, device_key: bytes) -> bytes:
    """The proof that a newcomer's device holds the secret of an invitation."""
    return SigningKey(seed).sign(_JOIN_TAG + group + device_key)


def is_secret_signed(invitation: Invitation, device_key: bytes, signature: bytes) -> bool:
    """Whether a signature proves that this device held the secret of an invitation."""
    return is_signed(invitation.key, _JOIN_TAG + invitation.group + device_key, signature)


def invite(
    inviter: SigningKey,
    group: GroupId,
    seed: bytes,
    *,
    uses: int,
    expiry_ms: int,
    rule: str,
    addresses: Sequence[str],
    name: str,
) -> Link:
    """A new invitation with everything its link holds.

    Shapes: seed is 32 random bytes. Errors: FormatError invite.bad_field.
    """
    invitation = Invitation(group, DeviceKey(inviter.public), SigningKey(seed).public, uses, expiry_ms, rule)
    invitation_of_value(invitation.value)
    return Link(invitation, sign_invitation(inviter, invitation), seed, tuple(addresses), name)


def encode_link(link: Link) -> str:
    """The text of a link: base64url of length, canonical content, and the first bytes of its hash."""
    content = codec.encode(
        [LINK_VERSION, link.invitation.value, link.signature, link.seed, list(link.addresses), link.name]
    )
    data = len(content).to_bytes(_LENGTH_BYTES, "big") + content + sha256(content)[:_CHECKSUM_BYTES]
    return LINK_PREFIX + base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def parse_link(text: str) -> Link:
    """The link that a person typed or pasted; white space inside it is ignored.

    Errors: UsageError link.not_a_link, link.too_long, link.bad_characters, link.truncated, link.mistyped,
    link.unknown_version, link.bad_field,
    link.bad_signature, invite.bad_field, codec.*.
    """
    squeezed = "".join(text.split()).strip("<>\"'")
    if len(squeezed) > LINK_CHARACTERS_MAX:
        raise UsageError("link.too_long", "this is too long for an invitation link", _REMEDY)
    if squeezed[: len(LINK_PREFIX)].lower() != LINK_PREFIX:
        raise UsageError("link.not_a_link", f"an invitation link starts with {LINK_PREFIX}", _REMEDY)
    content = _checked_content(squeezed[len(LINK_PREFIX) :])
    try:
        value = codec.decode(content)
        if type(value) is list and value and type(value[0]) is int and value[0] > LINK_VERSION:
            raise UsageError(
                "link.unknown_version", "this link was made by a later version", "update this program"
            )
        return _link_of_value(value)
    except FormatError as error:
        raise UsageError(error.rule, f"this link was not made correctly ({error})", _REMEDY) from error


def _checked_content(body: str) -> bytes:
    """The content of a link's text, after its length and checksum were found right."""
    try:
        # A cut link may end inside a group of four characters: pad, and let the length below tell.
        usable = body[: len(body) - 1] if len(body) % 4 == 1 else body
        data = base64.b64decode(usable + "=" * (-len(usable) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError(
            "link.bad_characters", "this link holds characters that no link has", _REMEDY
        ) from error
    content_bytes = int.from_bytes(data[:_LENGTH_BYTES], "big")
    total = _LENGTH_BYTES + content_bytes + _CHECKSUM_BYTES
    if len(data) < max(total, _LENGTH_BYTES + _CHECKSUM_BYTES):
        raise UsageError(
            "link.truncated", f"this link is cut off: {len(data)} of {total} bytes are there", _REMEDY
        )
    content = data[_LENGTH_BYTES : _LENGTH_BYTES + content_bytes]
    canonical = base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")
    if len(data) > total or data[-_CHECKSUM_BYTES:] != sha256(content)[:_CHECKSUM_BYTES] or canonical != body:
        raise UsageError("link.mistyped", "a character of this link is wrong or too many", _REMEDY)
    return content


def _link_of_value(value: Value) -> Link:
    """The link in decoded content.

    Errors: FormatError link.bad_field, link.bad_signature, invite.bad_field.
    """
    if type(value) is not list or len(value) != 6 or type(value[0]) is not int or value[0] != LINK_VERSION:
        raise FormatError("link.bad_field", "a link has six fields")
    invitation = invitation_of_value(value[1])
    signature, seed, addresses, name = value[2:]
    if type(signature) is not bytes or len(signature) != SIGNATURE_BYTES:
        raise FormatError("link.bad_field", "signature: not 64 bytes")
    if type(seed) is not bytes or len(seed) != KEY_BYTES or SigningKey(seed).public != invitation.key:
        raise FormatError("link.bad_field", "seed: not the secret half of the invitation's key")
    if type(addresses) is not list or len(addresses) > INVITATION_ADDRESSES_MAX:
        raise FormatError("link.bad_field", f"addresses: more than {INVITATION_ADDRESSES_MAX}")
    if not all(_is_short_text(address, ADDRESS_CHARACTERS_MAX) for address in addresses):
        raise FormatError("link.bad_field", "addresses: not short texts")
    if not _is_short_text(name, _NAME_CHARACTERS_MAX):
        raise FormatError("link.bad_field", "name: not a short text")
    if not is_invitation_signed(invitation, signature):
        raise FormatError("link.bad_signature", "the inviter's signature does not verify")
    return Link(invitation, signature, seed, tuple(addresses), name)


def _is_short_text(value: object, characters_max: int) -> bool:
    return type(value) is str and 1 <= len(value) <= characters_max and is_plain_text(value)
