"""Computing a run again from its export alone, so that nobody has to believe a share.

| checked | against |
|---|---|
| the row of the run | the certificate of the group's voters, by the proof in the file |
| the proposal | its signature, and that it says what the row says |
| the lines | the hash in the certified row |
| each line | the signed entry behind it: who, how much, of what |
| each share | the rule applied to the lines, in whole numbers |

What may flow back to outside money, and whose equal shares are, stands in the certified row alone.
A line that counts down or up what members or the group judged rests on the certified hash, not on one entry.
Readings of a meter are added up again; where the group counted less, some of them were void by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from p2pnode.consensus.format import Configuration
from p2pnode.consensus.proof import verify_proof
from p2pnode.consensus.rows import MemoryRows
from p2pnode.core import codec
from p2pnode.core.amount import amount_of, amount_text, is_less
from p2pnode.core.crypto import sha256
from p2pnode.core.entry import Entry, is_authentic_alone
from p2pnode.core.errors import FormatError
from p2pnode.economy import batch, claim, contribution, event, importing, metering, things
from p2pnode.economy.distributing import Result, distribute
from p2pnode.economy.event import Event
from p2pnode.economy.journal import CONSUMED, GIVEN, RECEIVED, Line
from p2pnode.economy.labels import places_text
from p2pnode.economy.measure import Measure
from p2pnode.economy.metering import CONSUME, Meter, Reading
from p2pnode.economy.record import record_id
from p2pnode.economy.sharing import (
    Run,
    basis_of,
    encode_run,
    ids_in,
    inputs_hash,
    run_key,
)
from p2pnode.exporters.distribution_export import RunExport
from p2pnode.governance import proposal as proposals
from p2pnode.governance.configuration import configuration_of
from p2pnode.governance.distribution_rule import rule_of_value
from p2pnode.governance.genesis import genesis_rows
from p2pnode.governance.inception import inception_of_value
from p2pnode.governance.subjects import DISTRIBUTE


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What came out.

    Shapes: proof is "ordinary" or "convoked" when the row was proven to be the group's, "absent", or the rule
    by which the proof fails; faults are stable ids of what does not fit, each with where; judged counts the
    lines that rest on what was judged; entries counts the signatures that were verified.
    """

    result: Result
    unit: str
    proof: str
    faults: tuple[tuple[str, str], ...]
    entries: int
    judged: int

    def text(self, shares: int) -> str:
        """So many smallest shares, always with all their places."""
        return places_text(Measure(self.result.amount(shares), self.unit), self.result.decimals)

    @property
    def holds(self) -> bool:
        """Whether everything agrees and no proof fails."""
        return not self.faults and self.proof in ("ordinary", "convoked", "absent")


@dataclass(slots=True)
class _Evidence:
    """What the signed entries of a file say, by record. Shapes: None where nobody could have said it."""

    said: dict[bytes, tuple[bytes, Event]] = field(default_factory=dict)
    kinds: dict[bytes, str] = field(default_factory=dict)
    meters: dict[bytes, tuple[bytes, Meter]] = field(default_factory=dict)
    readings: dict[bytes, tuple[bytes, Reading]] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)


def recompute_run(export: RunExport, trusted: bytes | None = None) -> Recomputed:
    """Compute a run again, and compare.

    Shapes: trusted is the id of a block or of the group through which the proof has to pass; without it, the
    founding entry, whose id is the group's, has to be in the proof.
    """
    row = export.row
    members = _members(export)
    evidence = _evidence(export, members)
    faults = [*_proposal_faults(export, members), *evidence.faults]
    digest = inputs_hash(export.lines)
    if digest != row.inputs:
        faults.append(("recompute.other_lines", "lines"))
    judged = 0
    for line in export.lines:
        fault, is_judged = _line_fault(export, evidence, line)
        judged += is_judged
        if fault:
            faults.append((fault, line.record.hex()))
    rule = rule_of_value(row.rule)
    basis = replace(basis_of(export.lines, ()), members=ids_in(row.members), capped=row.capped)
    result = distribute(rule, basis)
    run = Run(row.name, row.rule, row.after, row.last, basis, export.lines, digest, result)
    faults += _differences(export, run)
    return Recomputed(
        run.result, rule.unit, _proof_of(export, trusted), tuple(faults), len(export.entries), judged
    )


def _members(export: RunExport) -> Mapping[bytes, bytes]:
    """Whose each device is."""
    members: dict[bytes, bytes] = {}
    for person in export.people:
        try:
            inception_of_value(codec.decode(person.inception))
        except FormatError:
            continue  # nobody: what such a device wrote has no author then
        for device in person.devices:
            members.setdefault(device, sha256(person.inception))
    return members


def _proposal_faults(export: RunExport, members: Mapping[bytes, bytes]) -> Iterator[tuple[str, str]]:
    """Where the proposal is not the one that the row is about."""
    entry, row = export.proposal, export.row
    where = entry.id.hex()
    if entry.group != export.group or entry.header.type != proposals.OPEN_TYPE:
        yield "recompute.no_proposal", where
        return
    if not is_authentic_alone(entry):
        yield "recompute.bad_signature", where
    if members.get(entry.author) != row.author:
        yield "recompute.unknown_author", where
    try:
        said = proposals.decode_open(entry.payload or b"")
    except FormatError as error:
        yield error.rule, where
        return
    body = {
        "after": row.after,
        "flow": list(row.flow),
        "last": row.last,
        "result": row.result,
        "rule": row.name,
    }
    if said.subject != DISTRIBUTE or said.body != body:
        yield "recompute.other_row", where


def _evidence(export: RunExport, members: Mapping[bytes, bytes]) -> _Evidence:
    """Read every signed entry."""
    found = _Evidence()
    for entry in export.entries:
        if entry.group != export.group or not is_authentic_alone(entry):
            found.faults.append(("recompute.bad_signature", entry.id.hex()))
            continue
        author = members.get(entry.author)
        if author is None:
            found.faults.append(("recompute.unknown_author", entry.id.hex()))
            continue
        try:
            _read(found, entry, author)
        except FormatError as error:
            found.faults.append((error.rule, entry.id.hex()))
    return found


def _read(found: _Evidence, entry: Entry, author: bytes) -> None:
    """Put down what one entry says. Errors: FormatError by what does not hold."""
    type_, payload = entry.header.type, entry.payload or b""
    if type_ == things.SPEC_TYPE:
        found.kinds[entry.id] = things.SPEC.decode(payload).name
        return
    if type_ == metering.INSTALL_TYPE:
        found.meters[entry.id] = author, metering.INSTALL.decode(payload)
        return
    if type_ == metering.READ_TYPE:
        found.readings[entry.id] = author, metering.decode_reading(payload)
        return
    if type_ != batch.BATCH_TYPE:
        found.said[entry.id] = author, _event(type_, payload, entry.group)
        return
    held = batch.decode(payload)
    for item, record in enumerate(held.payloads):
        try:
            found.said[record_id(entry.id, item)] = author, _event(held.type, record, entry.group)
        except FormatError:
            continue  # a void record of a batch; no line is about it


def _event(type_: str, payload: bytes, group: bytes) -> Event:
    """The event that a record says. Errors: FormatError by what does not hold."""
    match type_:
        case event.EVENT_TYPE:
            return event.decode(payload)
        case contribution.CONTRIBUTION_TYPE:
            return contribution.as_event(contribution.decode(payload), group)
        case claim.CLAIM_TYPE:
            return claim.as_event(claim.decode(payload))
        case importing.IMPORT_TYPE:
            return importing.decode(payload).event
    raise FormatError("recompute.no_event", type_)


def _line_fault(export: RunExport, evidence: _Evidence, line: Line) -> tuple[str, bool]:
    """What is wrong with a line, or nothing; and whether it rests on what was judged later."""
    row = export.row
    if not row.after < line.height <= row.last:
        return "recompute.other_height", False
    if line.record in evidence.readings:
        return _reading_fault(export, evidence, line)
    held = evidence.said.get(line.record)
    if held is None:
        return "recompute.no_entry", False
    author, said = held
    kind = said.resource_conforms_to
    words = evidence.kinds.get(kind) if isinstance(kind, bytes) else kind
    is_claim = said.action == "produce" and said.provider is None and words == "git commit"
    provider = said.provider or author
    who = (said.receiver or provider) if line.what == GIVEN else provider
    # Whose an imported commit is, its author or the group has said later.
    if (line.who != who and not is_claim) or (line.unit, line.kind) != (said.quantity.unit, words):
        return "recompute.other_record", False
    if line.what in event.STREAMS and line.what != said.stream:
        return "recompute.other_record", False
    return "", line.amount != said.quantity.amount


def _reading_fault(export: RunExport, evidence: _Evidence, line: Line) -> tuple[str, bool]:
    """The same for a line that readings of a meter make."""
    author, reading = evidence.readings[line.record]
    held = evidence.meters.get(reading.meter)
    if held is None:
        return "recompute.no_entry", False
    holder, meter = held
    is_shared = meter.action == CONSUME or meter.receiver == export.group
    what = CONSUMED if meter.action == CONSUME else RECEIVED
    said = (line.what, line.who, line.unit, line.kind)
    if not is_shared or author not in (holder, meter.reader) or said != (what, holder, meter.unit, None):
        return "recompute.other_record", False
    total = amount_of(sum(amount for _, amount in reading.readings if amount > 0), -meter.decimals)
    if is_less(total, line.amount):
        return "recompute.other_record", False
    return "", line.amount != total


def _differences(export: RunExport, run: Run) -> Iterator[tuple[str, str]]:
    """Where the shares differ; the first difference is named to the last digit."""
    row = export.row
    if run.basis.flow != row.flow:
        yield "recompute.other_flow", f"{amount_text(run.basis.flow)}, not {amount_text(row.flow)}"
    here, there = run.buckets, list(export.buckets)
    if here != there:
        yield "recompute.other_share", _first_difference(run.result, here, there)
    if run.result.rest != row.rest:
        yield "recompute.other_rest", f"{run.result.rest}, not {row.rest}"
    if run.hash != row.result:
        yield "recompute.other_result", row.result.hex()


def _first_difference(result: Result, here: list[codec.Value], there: list[codec.Value]) -> str:
    for one, other in zip(here, there, strict=False):
        if one == other:
            continue
        if type(other) is not list or len(other) != len(one) or type(other[4]) is not list:
            return f"bucket {one[0]}: unreadable"
        for share, shown in zip(one[4], other[4], strict=False):
            if share != shown:
                where, amount = share[1].hex()[:8], amount_text(result.amount(share[2]))
                return f"bucket {one[0]}, {where}: {amount} computed, not what is stated"
        return f"bucket {one[0]}: {len(one[4])} shares of {one[3]} computed, not what is stated"
    return f"{len(here)} buckets computed, {len(there)} stated"


def _proof_of(export: RunExport, trusted: bytes | None) -> str:
    if export.proof is None:
        return "absent"
    try:
        proven = verify_proof(export.proof, _first_configuration, trusted)
    except FormatError as error:
        return error.rule
    shown = proven.row
    is_ours = (
        proven.group == export.group
        and shown is not None
        and shown.key == run_key(export.proposal.id)
        and shown.value == encode_run(export.row)
    )
    return proven.finality if is_ours else "export.other_proof"


def _first_configuration(founding: Entry) -> Configuration:
    return configuration_of(MemoryRows(genesis_rows(founding)))
