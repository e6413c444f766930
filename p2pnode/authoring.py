"""Own entries: a chain of headers over what is to be said, each signed by this device's key.

Where a chain begins (its seq, its parents, its time) is chosen by `group_log`.
"""

from __future__ import annotations

from collections.abc import Sequence

from p2pnode.core.crypto import SigningKey, sha256
from p2pnode.core.entry import (
    ENTRY_TAG,
    Entry,
    Header,
    check_header,
    check_type,
    encode_header,
    payload_fields,
)
from p2pnode.core.errors import FormatError
from p2pnode.core.events import Item
from p2pnode.core.ids import EntryId
from p2pnode.core.limits import PAYLOAD_BYTES_MAX
from p2pnode.replication.run import Row
from p2pnode.store.group_file import id_prefix


def check_items(items: Sequence[Item]) -> None:
    """Check what headers will say of items. Errors: FormatError entry.bad_type, entry.bad_payload_field."""
    for type_ in sorted({item.type for item in items}):
        check_type(type_)
    if any(len(item.payload) > PAYLOAD_BYTES_MAX for item in items):
        raise FormatError("entry.bad_payload_field", f"at most {PAYLOAD_BYTES_MAX} bytes")


def sign_chain(key: SigningKey, first: Header, items: Sequence[Item]) -> list[Entry]:
    """Consecutive entries of one lane, a millisecond apart; only the first has acks.

    Shapes: `first` says where the chain begins; its fields about the payload are not looked at. The items
    were checked.
    """
    check_header(first)
    entries: list[Entry] = []
    version, group, author, lane, seq, prev, depth, time_ms, acks, *_ = first
    for item in items:
        fields = payload_fields(item.payload)
        header = Header(version, group, author, lane, seq, prev, depth, time_ms, acks, item.type, *fields)
        header_bytes = encode_header(header)
        prev = sha256(header_bytes)
        signature = key.sign(ENTRY_TAG + header_bytes)
        entries.append(Entry(header, header_bytes, EntryId(prev), signature, item.payload))
        seq, depth, time_ms, acks = seq + 1, depth + 1, time_ms + 1, ()
    return entries


def rows_of(entries: Sequence[Entry]) -> list[Row]:
    """Entries as the rows that a store takes."""
    return [
        Row(
            entry.header.seq,
            entry.id,
            id_prefix(entry.id),
            entry.header_bytes,
            entry.signature,
            entry.payload,
            entry.header.depth,
            entry.header.time_ms,
            entry.header.acks,
            entry.header.type,
        )
        for entry in entries
    ]
