"""The entry `contribution.claim`: an importer's word that a git commit is a contribution of knowledge (J27).

The commit is named by the repository's root commit and its own id; the first such claim in order wins. Who
wrote it, with whom and what they said about it is personal text and stands in the annex. A claim becomes a
contribution when the author counter-signs it (`event.countersign`) or the group decides.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.fields import Fields
from p2pnode.core.limits import PAYLOAD_BYTES_MAX
from p2pnode.economy.event import Event
from p2pnode.economy.measure import Measure

CLAIM_TYPE = "contribution.claim"
DUPLICATE_RULE = "import.duplicate"
_COMMIT_SIZES = (20, 32)
_LINES_MAX = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Claim:
    """One commit.

    Shapes: root_commit and commit are git object ids of 20 or 32 bytes; provider is the member who wrote it,
    where the importer knows; then nobody else can counter-sign. Units: authored_ms is wall time.
    """

    root_commit: bytes
    commit: bytes
    authored_ms: int
    files: int
    lines_added: int
    lines_removed: int
    annex: bytes
    provider: bytes | None = None

    @property
    def key(self) -> tuple[bytes, bytes]:
        """What makes two claims the same."""
        return (self.root_commit, self.commit)

    @property
    def value(self) -> dict[str, Value]:
        """The map in payloads and, less what a batch shares, in its records."""
        said: dict[str, Value] = {} if self.provider is None else {"provider": self.provider}
        return said | {
            "annex": self.annex,
            "authored_ms": self.authored_ms,
            "commit": self.commit,
            "files": self.files,
            "lines": [self.lines_added, self.lines_removed],
            "root": self.root_commit,
        }


def encode(claim: Claim) -> bytes:
    """The payload of a claim. Errors: FormatError claim.bad_field."""
    payload = codec.encode(claim.value)
    decode(payload)
    return payload


def decode(payload: bytes) -> Claim:
    """The claim in a payload. Errors: FormatError claim.bad_field, codec.*."""
    fields = Fields(
        codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX),
        "claim",
        ("annex", "authored_ms", "commit", "files", "lines", "root"),
        ("provider",),
    )
    lines = fields.items("lines", 2, least=2)
    if any(type(count) is not int or not 0 <= count <= _LINES_MAX for count in lines):
        raise fields.refuse("lines", "not [added, removed]")
    return Claim(
        _object_id(fields, "root"),
        _object_id(fields, "commit"),
        fields.uint("authored_ms"),
        fields.uint("files", _LINES_MAX),
        lines[0],
        lines[1],
        fields.hash("annex"),
        fields.optional_hash("provider"),
    )


def as_event(claim: Claim) -> Event:
    """What a claim becomes once it is somebody's contribution."""
    return Event(
        action="produce",
        performed_ms=claim.authored_ms,
        annex=claim.annex,
        resource_conforms_to="git commit",
        resource_quantity=Measure((1, 0), "one"),
        stream="commons",
    )


def _object_id(fields: Fields, name: str) -> bytes:
    value: Value = fields.value(name)
    if type(value) is not bytes or len(value) not in _COMMIT_SIZES:
        raise fields.refuse(name, "not a git object id")
    return value
