"""Records: what an entry says once, or what a batch says many times, executed one by one.

A record that does not hold leaves nothing behind: it is tried on a layer of its own. In a batch its rule is
kept in a row, and its neighbours stand (J13).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import State, row_key
from p2pnode.core.codec import Value
from p2pnode.core.crypto import tagged_hash
from p2pnode.core.entry import Entry
from p2pnode.core.entry_type import Execute
from p2pnode.core.errors import FormatError
from p2pnode.economy import batch
from p2pnode.economy.batch import Batch
from p2pnode.economy.form import Form, Made
from p2pnode.economy.tables import ITEM_BYTES
from p2pnode.governance import tables as members

NOT_BATCHED_RULE = "batch.other_type"


@dataclass(frozen=True, slots=True)
class Record:
    """One fact of an ordered entry.

    Shapes: author is a member id; item counts the records of a batch; value is the decoded payload where it
    is known already.
    """

    id: bytes
    author: bytes
    time_ms: int
    payload: bytes
    entry: bytes
    item: int = 0
    value: Value | None = None

    def read(self, form: Form[Made]) -> Made:
        """What the record says. Errors: FormatError by what does not hold, codec.*."""
        if self.value is None:
            return form.decode(self.payload)
        return form.read_part(self.value, len(self.payload))


Run = Callable[[State, Record, BlockContext], "str | None"]
"""Executes a record. Shapes: None when it holds; else the rule that makes it void."""


Together = Callable[[State, Batch, bytes, bytes, int, BlockContext], bool]
"""Executes all records of a batch at once, by author, entry and its time; or says no and does nothing."""


def record_id(entry_id: bytes, item: int) -> bytes:
    """The id of a record of a batch, by which other records name it."""
    return tagged_hash("record", entry_id, item.to_bytes(ITEM_BYTES, "big"))


def executed(run: Run) -> Execute:
    """What an entry with one record does."""

    def execute(state: State, entry: Entry, context: BlockContext) -> str | None:
        record = Record(entry.id, _author(state, entry), entry.header.time_ms, entry.payload or b"", entry.id)
        return _attempt(state, record, context, run)

    return execute


def executed_batch(runs: Mapping[str, Run], together: Together) -> Execute:
    """What a batch does: each record what an entry of its type would."""

    def execute(state: State, entry: Entry, context: BlockContext) -> str | None:
        held = batch.decode(entry.payload or b"")
        run = runs.get(held.type)
        if run is None:
            return NOT_BATCHED_RULE
        author = _author(state, entry)
        if together(state, held, author, entry.id, entry.header.time_ms, context):
            return None
        for item, (payload, value) in enumerate(zip(held.payloads, held.values, strict=True)):
            name = record_id(entry.id, item)
            record = Record(name, author, entry.header.time_ms, payload, entry.id, item, value)
            rule = _attempt(state, record, context, run)
            if rule is not None:
                key = row_key("void_record", entry.id, item.to_bytes(ITEM_BYTES, "big"))
                members.write(state, key, rule)
        return None

    return execute


def _author(state: State, entry: Entry) -> bytes:
    author = members.author_of(state, entry.author)
    assert author is not None, "only members are heard"
    return author[0]


def _attempt(state: State, record: Record, context: BlockContext, run: Run) -> str | None:
    rule: str | None = None
    state.begin_attempt()
    try:
        rule = run(state, record, context)
    except FormatError as error:
        # A record of a batch that cannot be read, or a sum beyond all bounds.
        rule = error.rule
    finally:
        state.end_attempt(is_kept=rule is None)
    return rule
