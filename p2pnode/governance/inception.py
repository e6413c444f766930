"""The inception of a member: first device key, commitment to a recovery key, perhaps an annex with a name.

A member is an id, not a key: the id is SHA-256 of the inception's canonical bytes and stays when keys change.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2pnode.consensus.recovered import commitment_of
from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.crypto import sha256
from p2pnode.core.fields import Fields
from p2pnode.core.ids import DeviceKey, MemberId


@dataclass(frozen=True, slots=True)
class Inception:
    """How a member begins. Shapes: recovery_commitment is `recovery_commitment_of` a key kept off-line."""

    device_key: DeviceKey
    recovery_commitment: bytes
    annex: bytes | None = None

    @property
    def value(self) -> Value:
        """The map that is hashed and put into payloads."""
        fields: dict[str, Value] = {"device": self.device_key, "recovery": self.recovery_commitment}
        if self.annex is not None:
            fields["annex"] = self.annex
        return fields

    @property
    def member_id(self) -> MemberId:
        """SHA-256 of the canonical bytes of the inception."""
        return MemberId(sha256(codec.encode(self.value)))


def inception_of_value(value: Value) -> Inception:
    """The inception in a decoded payload. Errors: FormatError inception.bad_field."""
    fields = Fields(value, "inception", ("device", "recovery"), ("annex",))
    return Inception(fields.key("device"), fields.hash("recovery"), fields.optional_hash("annex"))


def recovery_commitment_of(recovery_key: bytes) -> bytes:
    """What an inception says of a recovery public key without showing it."""
    return commitment_of(recovery_key)
