"""Fixed keys and small pieces that several vectors share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from p2pnode.core import codec
from p2pnode.core.crypto import ZERO_HASH, SigningKey
from p2pnode.core.entry import Entry, Header, payload_fields, sign_entry
from p2pnode.governance import founding
from p2pnode.governance.charter import Charter, charter_of_toml
from p2pnode.governance.inception import Inception, recovery_commitment_of
from p2pnode.governance.invitation import Link, invite

ALICE, BOB, CAROL, EVE = (SigningKey(bytes([number]) * 32) for number in (1, 2, 3, 4))
RECOVERY = SigningKey(b"\x09" * 32)
COMMITMENT = recovery_commitment_of(RECOVERY.public)
NONCE = b"\x0c" * 32
SECRET_SEED = b"\x07" * 32
START_MS = 1_800_000_000_000
DAY_MS = 24 * 3600 * 1000
SMALL_ORDER_KEY = b"\x01" + bytes(31)
TEMPLATE = Path(__file__).resolve().parents[3] / "config" / "templates" / "circle.toml"


def circle_charter(**settings: Any) -> Charter:
    return charter_of_toml(
        TEMPLATE.read_text(encoding="utf-8"), **{"name": "Circle of the Wells", **settings}
    )


def inception_of(key: SigningKey, annex: bytes | None = None) -> Inception:
    return Inception(key.public, COMMITMENT, annex)


def founding_payload(*keys: SigningKey, charter: Charter | None = None) -> bytes:
    """The payload of a founding by some people."""
    founders = sorted(keys, key=lambda key: key.public)
    terms = founding.propose(charter or circle_charter(), NONCE, [inception_of(key) for key in founders])
    return founding.found(terms, [founding.sign_terms(key, terms) for key in founders])


def founding_of(*keys: SigningKey, charter: Charter | None = None) -> Entry:
    """The founding entry written by the first of some people."""
    return founding.founding_entry(keys[0], founding_payload(*keys, charter=charter), START_MS)


CIRCLE = founding_of(ALICE)


def link_of(inviter: SigningKey = ALICE, **changes: Any) -> Link:
    fields: dict[str, Any] = {
        "uses": 1,
        "expiry_ms": START_MS + 14 * DAY_MS,
        "rule": "invitation",
        "addresses": ["/ip4/192.0.2.1/tcp/4001"],
        "name": "Circle of the Wells",
        **changes,
    }
    group = fields.pop("group", CIRCLE.group)
    return invite(inviter, group, fields.pop("seed", SECRET_SEED), **fields)


def header_of(key: SigningKey = ALICE, payload: bytes = b"", **changes: Any) -> Header:
    """The header of a second entry in Alice's lane 0, with some fields changed."""
    size, digest = payload_fields(payload)
    fields = Header(1, CIRCLE.group, key.public, 0, 1, b"\x11" * 32, 3, START_MS + 1, (), "ack", size, digest)
    return fields._replace(**changes)


def first_entry(key: SigningKey, type_: str, payload: bytes, **changes: Any) -> Entry:
    """The first entry of a lane."""
    changes = {"seq": 0, "prev": ZERO_HASH, "depth": 0, "type": type_, **changes}
    return sign_entry(key, header_of(key, payload, **changes), payload)


def entry_bytes(entry: Entry) -> bytes:
    return codec.encode([entry.header_bytes, entry.signature, entry.payload])
