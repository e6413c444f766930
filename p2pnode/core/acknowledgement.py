"""The entry `ack`: it says nothing but what its header's acks say (J2). Its payload is empty."""

from __future__ import annotations

from p2pnode.core.errors import FormatError


def decode(payload: bytes) -> None:
    """Check that an acknowledgement carries nothing. Errors: FormatError ack.bad_payload."""
    if payload:
        raise FormatError("ack.bad_payload", "an acknowledgement has no payload")
