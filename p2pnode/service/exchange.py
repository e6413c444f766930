"""Importers and exporters: lines of sheets and readings of meters in, tables and bundles out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from p2pnode.core import codec
from p2pnode.core.annex import annex_hash
from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES, tagged_hash
from p2pnode.core.errors import FormatError, UsageError
from p2pnode.core.events import Item
from p2pnode.core.ids import EntryId
from p2pnode.core.limits import BATCH_RECORDS_MAX
from p2pnode.economy import agents, batch, event, importing, metering, recording, tables
from p2pnode.economy.event import Event
from p2pnode.economy.importing import IMPORT_TYPE, Import
from p2pnode.economy.metering import Reading
from p2pnode.economy.record import record_id
from p2pnode.economy_wording import economy_sentence
from p2pnode.local.exchange_calls import (
    Brought,
    BundleFile,
    ExportPage,
    LineOutcome,
    MeterWritten,
    SheetLine,
)
from p2pnode.service.bundling import bundle_file
from p2pnode.service.context import Context
from p2pnode.service.economy_rules import ECONOMY_RULES
from p2pnode.service.export_tables import page_of
from p2pnode.service.naming_economy import agent_of, field_of, refuse_future
from p2pnode.service.rules import refusal
from p2pnode.service.viewing import GroupView
from p2pnode.store.group_file import number_and_seq
from p2pnode.views import IMPORT_ROOT

VALUEFLOWS_SOURCE = "valueflows"
OWN_ID = "urn:p2pnode:id:"
_BATCH_BYTES_MAX = 60_000
_SIDES = ("provider", "receiver")


@dataclass(slots=True)
class _Reading:
    """One request of lines on its way into the log. One owner."""

    view: GroupView
    source: str
    waiting: int
    mine: bool
    is_shown: bool
    me: bytes = field(init=False)
    kinds: dict[bytes, str | None] = field(default_factory=dict)
    words: dict[tuple[str, str], Value] = field(default_factory=dict)
    names: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.me = self.view.me[0]

    def _kind_of(self, agent_id: bytes) -> str | None:
        if agent_id not in self.kinds:
            self.kinds[agent_id] = agents.kind_of(self.view.rows, agent_id, self.view.context)
        return self.kinds[agent_id]

    def outcome(self, line: SheetLine) -> tuple[LineOutcome, Import | None]:
        """What a line says, and whether it is still to be recorded."""
        shown = LineOutcome(line=line["line"], state="refused", text="", waits=False, record="")
        try:
            said = self._event(line["fields"])
            brought = Import(said, self._key(line, said))
            # The hash of a note is a part of what must not be too large.
            noted = replace(said, annex=bytes(HASH_BYTES)) if line["note"] else said
            importing.encode(Import(noted, brought.key))
            if self.mine and said.provider != self.me:
                return {**shown, "state": "other"}, None
            if self.is_shown:
                shown["text"] = _text(self.view, said, line["note"])
            known = self._known(line, brought)
            if known is not None:
                return {**shown, "state": "known", "record": known.hex()}, None
            shown["waits"] = bool(self._missing(brought))
            if shown["waits"] and self.waiting >= recording.WAITING_MAX:
                raise refusal("event.too_many_waiting")
        except UsageError as error:
            return _refused(shown, error), None
        except FormatError as error:
            told = UsageError(error.rule, error.detail or error.rule, "mend the line, or leave it out")
            return _refused(shown, refusal(error.rule) if error.rule in ECONOMY_RULES else told), None
        self.waiting += shown["waits"]
        self.names.add(brought.name)
        return {**shown, "state": "recorded"}, brought

    def _event(self, fields: Mapping[str, Any]) -> Event:
        value = {name: self._field(name, item) for name, item in fields.items()}
        for side in _SIDES:
            agent_id = value.setdefault(side, self.me)
            if self._kind_of(agent_id) is None:
                raise refusal("event.no_such_agent")
        said: Event = event.FORM.read(value)
        refuse_future(said.performed_ms, self.view.now_ms)
        return said

    def _field(self, name: str, item: Any) -> Value:
        if not isinstance(item, str):
            return item
        found = self.words.get((name, item))
        if found is None:
            found = self.words[name, item] = field_of(self.view, "event", name, item)
        return found

    def _key(self, line: SheetLine, said: Event) -> bytes:
        if line["identifier"]:
            return tagged_hash("import-row", self.source.encode(), line["identifier"].encode())
        # The words of the sheet, not what they name here: a kind may be defined later. No note: it would
        # be betrayed.
        words = {name: item for name, item in line["fields"].items() if name not in _SIDES}
        said_by = [said.provider, said.receiver, line["ordinal"]]
        return tagged_hash("import-row", self.source.encode(), codec.encode([words, *said_by]))

    def _known(self, line: SheetLine, brought: Import) -> bytes | None:
        """The record that says this already; empty where only its place in the log is known."""
        found = importing.imported(self.view.rows, brought)
        if found is not None or brought.name in self.names:
            return found or b""
        own = line["identifier"].removeprefix(OWN_ID).partition("#")[0]
        if line["identifier"].startswith(OWN_ID) and is_id(own):
            # An export of this very group comes back.
            record = bytes.fromhex(own)
            if tables.event(self.view.rows, record) is not None:
                return record
            # Readings of a meter are events in an export, and named by their entry.
            entry = self.view.describer.entry_of(EntryId(record))
            if entry is not None and entry.header.type == metering.READ_TYPE:
                return record
        position = self.view.queries.claim_positions(IMPORT_ROOT, [brought.name]).get(brought.name)
        if position is None:
            return None
        # What a block has ordered stands in the rows, or was void: then it may come again.
        number, seq = number_and_seq(position)
        is_open = any(lane.number == number and lane.decided < seq for lane in self.view.queries.lanes())
        return b"" if is_open else None

    def _missing(self, brought: Import) -> list[bytes]:
        named = {side for side in (brought.event.provider, brought.event.receiver) if side is not None}
        return [
            agent_id
            for agent_id in sorted(named)
            if agent_id != self.me and self._kind_of(agent_id) == agents.MEMBER
        ]


def _refused(shown: LineOutcome, error: UsageError) -> LineOutcome:
    return {**shown, "rule": error.rule, "message": error.message, "remedy": error.remedy}


def _text(view: GroupView, said: Event, note: str) -> str:
    sentence = economy_sentence(said, view.describer) or ""
    return f"{sentence}: {note}" if note else sentence


def is_id(text: str) -> bool:
    """Whether a text is a whole id."""
    return len(text) == 2 * HASH_BYTES and all(one in "0123456789abcdef" for one in text)


class ExchangeService:
    """The part of the service for importers and exporters."""

    context: Context

    async def import_lines(
        self, group: str, source: str, lines: Sequence[SheetLine], waiting: int, dry_run: bool, mine: bool
    ) -> Brought:
        held = self.context.held(group)
        await self.context.catch_up(held)

        def read(view: GroupView) -> list[tuple[LineOutcome, Import | None]]:
            reading = _Reading(view, source, waiting, mine, is_shown=dry_run)
            return [reading.outcome(line) for line in lines]

        # Documents of other programs name what was said just before; a sheet names members alone.
        found = await self.context.view(held, read, with_facts=source == VALUEFLOWS_SOURCE)
        outcomes = [outcome for outcome, _ in found]
        entries = 0
        if not dry_run:
            noted = [
                (brought, line["note"])
                for line, (_, brought) in zip(lines, found, strict=True)
                if brought is not None
            ]
            items = tuple(self._batches(noted))
            entries = len(items)
            written = await self.context.append(held, items) if items else ()
            records = [
                record_id(entry.id, number)
                for entry in written
                for number in range(len(batch.decode(entry.payload or b"").payloads))
            ]
            recorded = [outcome for outcome, brought in found if brought is not None]
            for outcome, record in zip(recorded, records, strict=True):
                outcome["record"] = record.hex()
        return Brought(outcomes=outcomes, entries=entries)

    def _batches(self, noted: Sequence[tuple[Import, str]]) -> Iterator[Item]:
        """Signed batches of what was checked, each as full as it may be."""
        records: list[dict[str, Value]] = []
        annexes: list[bytes] = []
        size = 0
        for brought, note in noted:
            said = brought.event
            if note:
                annexes.append(self.context.annex(note=note))
                said = replace(said, annex=annex_hash(annexes[-1]))
            record = importing.value(Import(said, brought.key))
            record_bytes = len(codec.encode(record))
            if records and (len(records) == BATCH_RECORDS_MAX or size + record_bytes > _BATCH_BYTES_MAX):
                last = annexes[-1:] if note else []
                yield _batch(records, annexes[: len(annexes) - len(last)])
                records, annexes, size = [], last, 0
            records.append(record)
            size += record_bytes
        if records:
            yield _batch(records, annexes)

    async def read_meter(
        self, group: str, meter: str, readings: Sequence[tuple[int, int]], after_gap: bool
    ) -> MeterWritten:
        held = self.context.held(group)
        parts = [
            tuple(readings[start : start + BATCH_RECORDS_MAX])
            for start in range(0, len(readings), BATCH_RECORDS_MAX)
        ]
        meter_id = bytes.fromhex(meter)
        items = tuple(
            Item(
                metering.READ_TYPE,
                metering.encode_reading(Reading(meter_id, part, after_gap and not number)),
            )
            for number, part in enumerate(parts)
        )
        await self.context.append(held, items)
        return MeterWritten(readings=len(readings), entries=len(items))

    async def export_page(self, group: str, table: str, after: str | None) -> ExportPage:
        held = self.context.held(group)
        return await self.context.view(held, lambda view: page_of(view, table, after), with_facts=True)

    async def export_bundle(self, group: str, who: str | None) -> BundleFile:
        def read(view: GroupView) -> BundleFile:
            return bundle_file(view, None if who is None else agent_of(view, who))

        return await self.context.view(self.context.held(group), read)


def _batch(records: list[dict[str, Value]], annexes: list[bytes]) -> Item:
    return Item(batch.BATCH_TYPE, batch.encode(IMPORT_TYPE, {}, records), annexes=tuple(annexes))
