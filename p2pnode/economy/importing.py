"""The entry `event.import`: an event of somebody's sheet or of another program, recorded once for all.

Whoever brings it in names it by a key that follows from where it came from. The first in order stands; the
same row brought in again, by whomever, is void. What was declined may be brought in anew.

| table | key | value |
|---|---|---|
| `imported` | hash of key, provider, receiver | record id |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core import codec
from p2pnode.core.crypto import tagged_hash
from p2pnode.core.fields import Fields
from p2pnode.core.limits import BATCH_RECORDS_MAX
from p2pnode.economy import event, recording, tables
from p2pnode.economy.claim import DUPLICATE_RULE
from p2pnode.economy.event import Event
from p2pnode.economy.form import RECORD_BYTES_MAX
from p2pnode.economy.record import Record
from p2pnode.governance import tables as members

IMPORT_TYPE = "event.import"


@dataclass(frozen=True, slots=True)
class Import:
    """An event with the key of the row from which it comes. Shapes: key is a hash."""

    event: Event
    key: bytes

    @property
    def name(self) -> bytes:
        """What is recorded once: the key with whom it names, so that nobody takes a row of others."""
        return tagged_hash("imported", self.key, self.event.provider or b"", self.event.receiver or b"")


def value(body: Import) -> dict[str, codec.Value]:
    """The map of an import; it is not checked."""
    return {"event": event.value(body.event), "key": body.key}


def encode(body: Import) -> bytes:
    """The payload of an import. Errors: FormatError import.bad_field and those of events."""
    payload = codec.encode(value(body))
    decode(payload)
    return payload


@lru_cache(maxsize=BATCH_RECORDS_MAX)
def decode(payload: bytes) -> Import:
    """The import in a payload. Errors: FormatError import.bad_field, codec.* and those of events."""
    fields = Fields(codec.decode(payload, bytes_max=RECORD_BYTES_MAX), "import", ("event", "key"))
    said = event.FORM.read(fields.value("event"))
    if said.provider is None or said.receiver is None:
        # Who brings a row in is another person every time; it says the same whoever that is.
        raise fields.refuse("event", "provider and receiver are named")
    return Import(said, fields.hash("key"))


def record_import(state: State, record: Record, context: BlockContext) -> str | None:
    """Record an event, unless its row was brought in before."""
    said = decode(record.payload)
    if imported(state, said) is not None:
        return DUPLICATE_RULE
    inner = replace(record, payload=event.encode(said.event), value=None)
    rule = recording.record_event(state, inner, context)
    if rule is None:
        members.write(state, row_key("imported", said.name), record.id)
    return rule


def imported(rows: Rows, said: Import) -> bytes | None:
    """The record that came from a row, if one stands or waits."""
    found = members.read(rows, row_key("imported", said.name))
    held = None if found is None else tables.event(rows, found)
    return None if held is None or held.status == tables.DECLINED else found
