"""Importers and exporters: lines of sheets and readings of meters in, tables and bundles out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from p2pnode.core import codec
from p2pnode.core.annex import annex_hash
from p2pnode.core.codec import Value
from p2pnode.core.crypto import tagged_hash
from p2pnode.core.errors import FormatError, UsageError
from p2pnode.core.events import Item
from p2pnode.core.limits import BATCH_RECORDS_MAX
from p2pnode.economy import agents, batch, event, importing, metering, recording, tables
from p2pnode.economy.event import Event
from p2pnode.economy.importing import IMPORT_TYPE, Import
from p2pnode.economy.metering import Reading
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
from p2pnode.service.naming_economy import agent_of, field_of
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
    words: dict[tuple[str, str], Value] = field(default_factory=dict)
    names: set[bytes] = field(default_factory=set)

    def outcome(self, line: SheetLine) -> tuple[LineOutcome, Import | None]:
        """What a line says, and whether it is still to be recorded."""
        shown = LineOutcome(line=line["line"], state="refused", text="", waits=False)
        try:
            said = self._event(line["fields"])
            brought = Import(said, self._key(line, said))
            importing.encode(brought)
            if self.mine and said.provider != self.view.me[0]:
                return {**shown, "state": "other"}, None
            shown["text"] = _text(self.view, said, line["note"])
            if self._is_known(line, brought):
                return {**shown, "state": "known"}, None
            shown["waits"] = bool(self._missing(brought))
            if shown["waits"] and self.waiting >= recording.WAITING_MAX:
                raise refusal("event.too_many_waiting")
        except UsageError as error:
            return _refused(shown, error), None
        except FormatError as error:
            known = error.rule in ECONOMY_RULES
            message = error.detail or error.rule
            told = UsageError(error.rule, message, "mend the line, or leave it out")
            return _refused(shown, refusal(error.rule) if known else told), None
        self.waiting += shown["waits"]
        self.names.add(brought.name)
        return {**shown, "state": "recorded"}, brought

    def _event(self, fields: Mapping[str, Any]) -> Event:
        value = {name: self._field(name, item) for name, item in fields.items()}
        for side in _SIDES:
            agent_id = value.setdefault(side, self.view.me[0])
            if agents.kind_of(self.view.rows, agent_id, self.view.context) is None:
                raise refusal("event.no_such_agent")
        said: Event = event.FORM.read(value)
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

    def _is_known(self, line: SheetLine, brought: Import) -> bool:
        if brought.name in self.names or importing.imported(self.view.rows, brought) is not None:
            return True
        own = line["identifier"].removeprefix(OWN_ID)
        if len(own) == 64 and own != line["identifier"]:
            try:
                return tables.event(self.view.rows, bytes.fromhex(own)) is not None
            except ValueError:
                return False
        found = self.view.queries.claim_positions(IMPORT_ROOT, [brought.name]).get(brought.name)
        if found is None:
            return False
        # What a block has ordered stands in the rows, or was void: then it may come again.
        number, seq = number_and_seq(found)
        return all(lane.decided < seq for lane in self.view.queries.lanes() if lane.number == number)

    def _missing(self, brought: Import) -> list[bytes]:
        named = {side for side in (brought.event.provider, brought.event.receiver) if side is not None}
        return [
            agent_id
            for agent_id in sorted(named)
            if agent_id != self.view.me[0] and agents.is_present(self.view.rows, agent_id)
        ]


def _refused(shown: LineOutcome, error: UsageError) -> LineOutcome:
    return {**shown, "rule": error.rule, "message": error.message, "remedy": error.remedy}


def _text(view: GroupView, said: Event, note: str) -> str:
    sentence = economy_sentence(said, view.describer) or ""
    return f"{sentence}: {note}" if note else sentence


class ExchangeService:
    """The part of the service for importers and exporters."""

    context: Context

    async def import_lines(
        self, group: str, source: str, lines: Sequence[SheetLine], waiting: int, *, dry_run: bool, mine: bool
    ) -> Brought:
        held = self.context.held(group)
        await self.context.catch_up(held)

        def read(view: GroupView) -> list[tuple[LineOutcome, Import | None]]:
            reading = _Reading(view, source, waiting, mine)
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
            if items:
                await self.context.append(held, items)
        return Brought(outcomes=outcomes, entries=entries)

    def _batches(self, noted: Sequence[tuple[Import, str]]) -> Iterator[Item]:
        """Signed batches, each as full as it may be."""
        records: list[dict[str, Value]] = []
        annexes: list[bytes] = []
        size = 0
        for brought, note in noted:
            said = brought.event
            if note:
                annexes.append(self.context.annex(note=note))
                said = replace(said, annex=annex_hash(annexes[-1]))
            record = codec.decode(importing.encode(Import(said, brought.key)))
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
        self, group: str, meter: str, readings: Sequence[tuple[int, int]], *, after_gap: bool
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
