"""Mandates: some members act on behalf of the group, so many of them together, in some things, for a time.

A mandate is given by decision and has the id of its proposal. Holders sign that what an entry says is said on
behalf of the group; once enough have signed, it is.

| table | key | value |
|---|---|---|
| `mandate` | mandate id | `MandateRow` |
| `on_behalf` | entry id, mandate id | [act, signers ascending, height at which enough had signed or nil] |
"""

from __future__ import annotations

from dataclasses import dataclass

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.entry import Entry
from p2pnode.core.fields import Fields
from p2pnode.core.limits import PAYLOAD_BYTES_MAX
from p2pnode.governance import tables
from p2pnode.governance.proposal import present_member
from p2pnode.governance.subjects import DAY_MS

SIGN_TYPE = "mandate.sign"


@dataclass(frozen=True, slots=True)
class Signing:
    """A holder's signature. Shapes: entry is what is said on behalf of the group; act is a word of the
    mandate.
    """

    mandate: bytes
    entry: bytes
    act: str


@dataclass(frozen=True, slots=True)
class MandateRow:
    """A mandate in force. Shapes: holders ascending; needed of them sign together."""

    name: str
    holders: tuple[bytes, ...]
    needed: int
    acts: tuple[str, ...]
    until_ms: int

    @property
    def value(self) -> Value:
        """The row's value."""
        return [self.name, list(self.holders), self.needed, list(self.acts), self.until_ms]


@dataclass(frozen=True, slots=True)
class OnBehalf:
    """How far an entry is said on behalf of the group. Shapes: height None while signatures are missing."""

    mandate: bytes
    act: str
    signers: tuple[bytes, ...]
    height: int | None


def encode_sign(signing: Signing) -> bytes:
    """The payload of a signature."""
    return codec.encode({"act": signing.act, "entry": signing.entry, "mandate": signing.mandate})


def decode_sign(payload: bytes) -> Signing:
    """The signature in a payload. Errors: FormatError mandate.bad_field, codec.*."""
    value = codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX)
    fields = Fields(value, "mandate", ("act", "entry", "mandate"))
    return Signing(fields.hash("mandate"), fields.hash("entry"), fields.text("act", 32))


def mandate(rows: Rows, mandate_id: bytes) -> MandateRow | None:
    """A mandate that was given and not withdrawn; whether its time is over is for the caller to see."""
    value = tables.read(rows, row_key("mandate", mandate_id))
    if value is None:
        return None
    name, holders, needed, acts, until_ms = value
    return MandateRow(name, tuple(holders), needed, tuple(acts), until_ms)


def mandates(rows: Rows) -> dict[bytes, MandateRow]:
    """All mandates that were not withdrawn, ascending by id."""
    found = ((mandate_id, mandate(rows, mandate_id)) for mandate_id, _ in tables.scan(rows, "mandate"))
    return {mandate_id: row for mandate_id, row in found if row is not None}


def on_behalf(rows: Rows, entry_id: bytes) -> list[OnBehalf]:
    """By which mandates an entry is said on behalf of the group, or partly signed, ascending by mandate."""
    return [
        OnBehalf(mandate_id, act, tuple(signers), height)
        for mandate_id, (act, signers, height) in tables.scan(rows, "on_behalf", entry_id)
    ]


def carry_out(state: State, context: BlockContext, proposal_id: bytes, body: Value) -> str | None:
    """Give the mandate that a proposal asked for, or withdraw one."""
    if "withdraw" in body:
        key = row_key("mandate", body["withdraw"])
        if state.get(key) is None:
            return "mandate.withdrawn"
        state.delete(key)
        return None
    if not all(tables.is_in_good_standing(state, holder) for holder in body["holders"]):
        return "mandate.no_member"
    until_ms = context.time_ms + body["days"] * DAY_MS
    row = MandateRow(body["name"], tuple(body["holders"]), body["needed"], tuple(body["acts"]), until_ms)
    tables.write(state, row_key("mandate", proposal_id), row.value)
    return None


def execute_sign(state: State, entry: Entry, context: BlockContext) -> str | None:
    """Add a holder's signature; what was signed by enough stays signed when the mandate ends."""
    signing = decode_sign(entry.payload or b"")
    row = mandate(state, signing.mandate)
    if row is None:
        return "mandate.unknown"
    author = present_member(state, entry.author)
    if author is None or author not in row.holders or not tables.is_in_good_standing(state, author):
        return "mandate.no_holder"
    if context.time_ms > row.until_ms:
        return "mandate.over"
    if signing.act not in row.acts:
        return "mandate.other_act"
    key = row_key("on_behalf", signing.entry, signing.mandate)
    act, signers, height = tables.read(state, key) or (signing.act, [], None)
    if act != signing.act:
        return "mandate.signed_as_other_act"
    if author not in signers:
        signers = sorted([*signers, author])
        # Holders who have left in the meantime no longer stand for the group.
        standing = [signer for signer in signers if tables.is_in_good_standing(state, signer)]
        if height is None and len(standing) >= row.needed:
            height = context.height
        tables.write(state, key, [act, signers, height])
    return None
