"""Sharing what flowed in: runs to be proposed, as they stand, explained, and as files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from p2pnode.consensus.format import decode_header
from p2pnode.core.codec import Value
from p2pnode.core.crypto import HASH_BYTES
from p2pnode.core.entry import Entry
from p2pnode.core.errors import FormatError, UsageError
from p2pnode.core.ids import EntryId
from p2pnode.economy import event, metering, sharing, tables
from p2pnode.economy.labels import measure_text, places_text, unit_of_label
from p2pnode.economy.measure import Measure
from p2pnode.economy.sharing import CARRIED_OUT, Run, RunRow, again, apply_rule, run_row, runs, share_id
from p2pnode.exporters.distribution_export import RunExport, write_run
from p2pnode.governance import tables as members
from p2pnode.governance.decision import decision
from p2pnode.governance.distribution_rule import DistributionRule, rule_of_value
from p2pnode.governance.proposal import open_proposal
from p2pnode.local.agreement_shapes import Document
from p2pnode.local.economy_calls import EconomyRow
from p2pnode.local.naming import Named, choose
from p2pnode.service.context import Context
from p2pnode.service.economy_names import agent_name
from p2pnode.service.evidence import people_of, row_proof
from p2pnode.service.history import History
from p2pnode.service.rules import refusal
from p2pnode.service.viewing import GroupView

ROWS_MAX = 1000


class SharingService:
    """The part of the service about sharing."""

    context: Context

    async def preview_run(self, group: str, said: Mapping[str, Any]) -> EconomyRow:
        def read(view: GroupView) -> EconomyRow:
            return run_shown(view, _run_of(view, said), None, None)

        return await self.context.view(self.context.held(group), read, with_facts=True)

    async def run(self, group: str, run: str) -> EconomyRow:
        def read(view: GroupView) -> EconomyRow:
            run_id = run_named(view, run)
            row = run_row(view.rows, run_id)
            assert row is not None
            return run_shown(view, _again(view, row), run_id, row)

        return await self.context.view(self.context.held(group), read)

    async def export_run(self, group: str, run: str) -> Document:
        held = self.context.held(group)
        text = await self.context.view(held, lambda view: write_run(exported_run(view, run_named(view, run))))
        return Document(name=held.name, text=text)


# ---- what is proposed


def run_body(view: GroupView, said: Mapping[str, Any]) -> Value:
    """The body of a proposed run. Errors: UsageError distribution.*, measure.*, rule.*."""
    return _run_of(view, said).body


def _run_of(view: GroupView, said: Mapping[str, Any]) -> Run:
    """The run that a person means.

    Shapes: said may name `rule`, `unit`, the heights `after` and `last`, or the times `from_ms` and `to_ms`.
    """
    unit = _readable(lambda: unit_of_label(str(said["unit"]))) if said.get("unit") else None
    name, value = _rule_of(view, said.get("rule"), unit)
    rule = rule_of_value(value)
    tip = view.final.tip()
    last, after = 0 if tip is None else tip.height, sharing.shared_up_to(view.rows, rule)
    if said.get("to_ms") is not None:
        last = _height_at(view, int(said["to_ms"]), last)
    if said.get("from_ms") is not None:
        after = _height_at(view, int(said["from_ms"]) - 1, last)
    last = int(said["last"]) if said.get("last") is not None else last
    after = int(said["after"]) if said.get("after") is not None else after
    if not 0 <= after < last:
        raise refusal("distribution.bad_range")
    return _readable(lambda: apply_rule(view.final, name, value, after, last))


def _rule_of(view: GroupView, name: Any, unit: str | None) -> tuple[str, Value]:
    """A rule of the charter, by its name or as the only one for a unit. Errors: UsageError distribution.*."""
    rules: dict[str, Value] = members.charter(view.rows).setting("distribution")
    if name is not None and str(name) not in rules:
        raise refusal("distribution.unknown_rule")
    fitting = [
        one
        for one in sorted(rules)
        if (name is None or one == str(name)) and (unit is None or rules[one]["unit"] == unit)
    ]
    if name is not None and not fitting:
        raise UsageError(
            "distribution.other_unit",
            f"the rule {name} shares {rules[str(name)]['unit']}, not {unit}",
            "p2pnode distribute rules shows each rule",
        )
    if not fitting:
        raise refusal("distribution.unknown_rule")
    if len(fitting) > 1:
        raise UsageError(
            "distribution.which_rule",
            f"several rules of the charter share this: {', '.join(fitting)}",
            f"name one of them: --rule {fitting[0]}",
        )
    return fitting[0], rules[fitting[0]]


def _height_at(view: GroupView, time_ms: int, last: int) -> int:
    """The last block up to a time. Units: ms."""
    low, high = 0, last
    while low < high:
        middle = (low + high + 1) // 2
        block = view.final.block(middle)
        # What lies behind a snapshot and has not come yet is the past.
        is_before = block is None or decode_header(block.header).time_ms <= time_ms
        low, high = (middle, high) if is_before else (low, middle - 1)
    return low


_Result = TypeVar("_Result")


def _readable(work: Callable[[], _Result]) -> _Result:
    """Do something whose refusals come from rules. Errors: UsageError by their ids."""
    try:
        return work()
    except FormatError as error:
        raise refusal(error.rule) from error


# ---- as they stand


def run_named(view: GroupView, word: str) -> bytes:
    """The run that a person means, by the start of its id or its title. Errors: UsageError run.*."""
    candidates = [Named(run_id.hex(), _title(view, run_id)) for run_id, _ in runs(view.rows)]
    return bytes.fromhex(choose("run", word, candidates, where="p2pnode distribute list"))


def _title(view: GroupView, run_id: bytes) -> str:
    row = open_proposal(view.rows, run_id) or decision(view.final, run_id)
    return "" if row is None else view.text(row.annex, "title")


def run_rows(view: GroupView) -> list[EconomyRow]:
    """All runs, the newest first."""
    found = sorted(runs(view.rows), key=lambda item: (-item[1].opened_height, item[0]))
    return [_heading(view, rule_of_value(row.rule), row, run_id) for run_id, row in found[:ROWS_MAX]]


def _heading(view: GroupView, rule: DistributionRule, row: RunRow, run_id: bytes) -> EconomyRow:
    return {
        "id": run_id.hex(),
        "status": status_of(view, run_id, row),
        "rule": row.name,
        "flow": measure_text(Measure(row.flow, rule.unit)),
        "first_block": row.after + 1,
        "last_block": row.last,
        "author": view.name(row.author),
    }


def status_of(view: GroupView, run_id: bytes, row: RunRow) -> str:
    """How far a run is, in words."""
    closed = decision(view.final, run_id)
    if row.status == CARRIED_OUT:
        return "carried out"
    if closed is None:
        return "open"
    return f"void: {closed.rule}" if closed.rule else closed.result.replace("_", " ")


def run_shown(view: GroupView, run: Run, run_id: bytes | None, row: RunRow | None) -> EconomyRow:
    """A run with all its shares. Shapes: `agrees` says whether this node comes to what the group keeps."""
    rule, to = run.rule, {one.claim: one.who for one in run.basis.capped}
    shown = _heading(view, rule, row, run_id) if row is not None and run_id is not None else _proposed(run)
    return {
        **shown,
        "agrees": row is None or run.hash == row.result,
        "gives": rule.gives,
        "inputs": len(run.inputs),
        "waiting": len(view.provisional) if row is None else 0,
        "buckets": [
            {
                "name": bucket.name,
                "kind": bucket.kind,
                "amount": share_text(run, bucket.amount),
                "of": share_text(run, bucket.base),
                "shares": [
                    {"member": agent_name(view, share.who), "amount": share_text(run, share.amount)}
                    for share in bucket.shares
                ],
            }
            for bucket in run.result.buckets
        ],
        "rest": share_text(run, run.result.rest),
        "totals": [
            {
                "member": view.name(who),
                "amount": share_text(run, amount),
                "settled": _settled(view, run, run_id, who, amount),
            }
            for who, amount in run.result.owed
        ],
        "returns": [
            {"claim": claim.hex(), "to": agent_name(view, to[claim]), "amount": share_text(run, amount)}
            for claim, amount in run.result.returned
        ],
    }


def _proposed(run: Run) -> EconomyRow:
    return {
        "id": "",
        "status": "not proposed yet",
        "rule": run.name,
        "flow": measure_text(Measure(run.basis.flow, run.rule.unit)),
        "first_block": run.after + 1,
        "last_block": run.last,
        "author": "",
    }


def _settled(view: GroupView, run: Run, run_id: bytes | None, who: bytes, amount: int) -> str:
    """How much of a share was given."""
    if run_id is None:
        return ""
    claim = tables.claim(view.rows, share_id(run_id, who))
    if claim is not None:
        return places_text(Measure(claim.settled, run.rule.unit), run.result.decimals)
    is_given = tables.event(view.rows, share_id(run_id, who)) is not None
    return share_text(run, amount if is_given else 0)


def share_text(run: Run, shares: int) -> str:
    """So many smallest shares, always with all their places."""
    return places_text(Measure(run.result.amount(shares), run.rule.unit), run.result.decimals)


def _again(view: GroupView, row: RunRow) -> Run:
    return _readable(lambda: again(view.rows, row))


def void_rule_of_yes(view: GroupView, proposal_id: bytes) -> str | None:
    """Why this node's person should not vote yes on a run: the node comes to something else."""
    row = run_row(view.rows, proposal_id)
    if row is None:
        return None
    return None if _again(view, row).hash == row.result else sharing.OTHER_RESULT_RULE


# ---- as a file


def exported_run(view: GroupView, run_id: bytes) -> RunExport:
    """A run with everything behind it. Errors: UsageError distribution.not_final, distribution.not_here."""
    row = run_row(view.final, run_id)
    if row is None:
        raise refusal("distribution.not_final")
    run = _readable(lambda: again(view.final, row))
    proposal = _entry(view, run_id)
    wanted = {line.record: _entry_id(view, line.record) for line in run.inputs}
    entries = {entry_id: _entry(view, entry_id) for entry_id in sorted(set(wanted.values()))}
    for spec_id in sorted(set(_specs(view, wanted))):
        entries[spec_id] = _entry(view, spec_id)
    for meter_id in sorted(set(_meters(entries.values()))):
        entries[meter_id] = _entry(view, meter_id)
    authors = {bytes(entry.author) for entry in (proposal, *entries.values())}
    people = tuple(people_of(view, authors))
    named = {who for bucket in run.result.buckets for who in (share.who for share in bucket.shares)}
    named |= {line.who for line in run.inputs if members.member(view.final, line.who) is not None}
    return RunExport(
        view.group,
        view.describer.group_name,
        proposal,
        row,
        row_proof(view, sharing.run_key(run_id), History(view.queries)),
        tuple(sharing.shares(view.final, run_id)),
        run.inputs,
        tuple(entries.values()),
        people,
        {agent_id: agent_name(view, agent_id) for agent_id in sorted(named)},
    )


def _entry(view: GroupView, entry_id: bytes) -> Entry:
    entry = view.describer.entry_of(EntryId(entry_id))
    if entry is None or entry.payload is None or entry.signature is None:
        raise UsageError(
            "distribution.not_here",
            f"the entry {entry_id.hex()[:8]} behind the run is not on this node yet",
            "leave the node running until a member who holds it is reachable",
        )
    return entry


def _entry_id(view: GroupView, record_id: bytes) -> bytes:
    row = tables.event(view.final, record_id)
    # What is no event is readings of a meter, which are named by their entry.
    return record_id if row is None else row.entry


def _meters(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The meters of which readings are among some entries."""
    for entry in entries:
        if entry.header.type == metering.READ_TYPE:
            yield metering.decode_reading(entry.payload or b"").meter


def _specs(view: GroupView, records: Mapping[bytes, bytes]) -> Iterator[bytes]:
    """The kinds of things that records name by a specification."""
    for record_id in records:
        row = tables.event(view.final, record_id)
        kind = None if row is None else event.decode(row.payload).resource_conforms_to
        if isinstance(kind, bytes) and len(kind) == HASH_BYTES:
            yield kind
