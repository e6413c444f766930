"""The entry `batch`: up to 500 records of one type under one signature, each addressed as entry#i (J13).

A record is the map of its type less the names that all records share. It is judged by itself, as if it were
an entry: one void record leaves its neighbours alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.core.entry import check_type
from p2pnode.core.errors import FormatError
from p2pnode.core.fields import Fields
from p2pnode.core.ids import id_of_text, id_text
from p2pnode.core.limits import BATCH_RECORDS_MAX, PAYLOAD_BYTES_MAX

BATCH_TYPE = "batch"
DECODED_MAX = 4
"""A batch is checked first and executed a moment later: it is taken apart once for both."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one type. Shapes: payloads[i] is what the entry of record i alone would carry, and values[i]
    the same as a map; shared are the names that the batch says once.
    """

    type: str
    payloads: tuple[bytes, ...]
    values: tuple[dict[str, Value], ...]
    shared: frozenset[str]


def encode(type_: str, shared: Mapping[str, Value], records: Sequence[Mapping[str, Value]]) -> bytes:
    """The payload of a batch. Errors: FormatError batch.*, codec.*."""
    payload = codec.encode(
        {"records": [dict(record) for record in records], "shared": dict(shared), "type": type_}
    )
    decode(payload)
    return payload


@lru_cache(maxsize=DECODED_MAX)
def decode(payload: bytes) -> Batch:
    """The batch in a payload; the records are not judged here.

    Errors: FormatError batch.bad_field, batch.bad_record, batch.nested, entry.bad_type,
    codec.*.
    """
    fields = Fields(
        codec.decode(payload, bytes_max=PAYLOAD_BYTES_MAX), "batch", ("records", "shared", "type")
    )
    type_ = fields.value("type")
    check_type(type_)
    if type_ == BATCH_TYPE:
        raise FormatError("batch.nested", "a batch holds no batches")
    shared = fields.value("shared")
    if type(shared) is not dict:
        raise fields.refuse("shared", "not a map")
    records = fields.items("records", BATCH_RECORDS_MAX, least=1)
    values = tuple(_whole(shared, record) for record in records)
    return Batch(type_, tuple(map(codec.encode_parts, values)), values, frozenset(shared))


def _whole(shared: dict[str, Value], record: Value) -> dict[str, Value]:
    if type(record) is not dict or not shared.keys().isdisjoint(record):
        raise FormatError("batch.bad_record", "not a map, or it repeats a shared name")
    return {**shared, **record}


def record_name(entry_id: bytes, index: int) -> str:
    """The text that names one record: the entry's id, a number sign, and the record's index from zero."""
    return f"{id_text(entry_id)}#{index}"


def record_of_name(text: str) -> tuple[bytes, int]:
    """The entry id and the index that a record's name says.

    Errors: FormatError batch.bad_name, id.bad_hex.
    """
    entry_text, separator, index_text = text.partition("#")
    if not separator or not index_text.isascii() or not index_text.isdigit() or len(index_text) > 3:
        raise FormatError("batch.bad_name", "an entry id, #, and a number from 0 to 499")
    index = int(index_text)
    if index >= BATCH_RECORDS_MAX or str(index) != index_text:
        raise FormatError("batch.bad_name", "an entry id, #, and a number from 0 to 499")
    return (id_of_text(entry_text), index)
