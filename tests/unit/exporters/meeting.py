"""A meeting that decided some things, as an export."""

from __future__ import annotations

from typing import Any

from p2pnode.core import codec
from p2pnode.core.annex import annex_hash, encode_annex
from p2pnode.core.entry import Entry
from p2pnode.exporters.decisions_export import Export, ExportedDecision
from p2pnode.governance import tables
from p2pnode.governance.ballot import OBJECT, YES
from p2pnode.governance.decision import decisions
from p2pnode.governance.proposal import electorate
from p2pnode.governance.recount import Evidence, Person
from tests.unit.governance.assembly import HOUR_MS, IDS, Assembly

WORDS = encode_annex(
    bytes(32), {"title": "A picnic & <more>", "text": "At the lake.\nBring tea.", "name": "?"}
)
_QUICK = {"rule": "majority", "window_hours": 10, "grace_hours": 0, "early": False}


def people_of(assembly: Assembly) -> tuple[Person, ...]:
    return tuple(
        Person(codec.encode(row.inception), row.devices) for _, row in tables.members(assembly.state)
    )


def evidence_of(assembly: Assembly, proposal_id: bytes) -> Evidence:
    row = assembly.decided(proposal_id)
    entries: list[Entry] = [entry for entry in assembly.entries if names(entry, proposal_id)]
    proposal = next(entry for entry in assembly.entries if entry.id == proposal_id)
    return Evidence(
        bytes(assembly.founding.group),
        proposal,
        row,
        electorate(assembly.state, row.electorate),
        people_of(assembly),
        tuple(entries),
    )


def names(entry: Entry, proposal_id: bytes) -> bool:
    """Whether an entry belongs to a proposal, or holds for all of them."""
    if entry.header.type in ("ballot.codes", "ballot.delegate"):
        return codec.decode(entry.payload or b"").get("proposal") in (None, proposal_id)
    return codec.decode(entry.payload or b"").get("proposal") == proposal_id


def export_of(assembly: Assembly, *annexes: bytes) -> Export:
    exported = [
        ExportedDecision(evidence_of(assembly, proposal_id), None, annexes)
        for proposal_id, _ in decisions(assembly.state)
    ]
    return Export(bytes(assembly.founding.group), "Circle of the Wells", tuple(exported))


def meeting(**rule: Any) -> tuple[Assembly, bytes]:
    """Six members; one objects, one delegates, one votes on paper, one through a circle."""
    assembly = Assembly(6, decisions={"picnic": {**_QUICK, **rule}})
    proposal = assembly.propose(0, "picnic", {"where": "lake"})
    assembly.codes(4, b"\x01" * 16)
    assembly.cast(0, proposal, YES)
    assembly.cast(1, proposal, YES, at_ms=assembly.now_ms - 1)
    assembly.cast(1, proposal, OBJECT, annex=annex_hash(WORDS))
    assembly.delegate(2, 0, subject="picnic")
    assembly.delegate(2, 1)
    assembly.delegate(3, 5)
    assembly.delegate(5, 3)
    recorded = assembly.cast(0, proposal, YES, member=IDS[4])
    assert assembly.confirm(0, proposal, 4, recorded, b"\x01" * 16) is None
    # Written after the deadline, ordered before the count: it holds, for the next vote.
    assembly.delegate(2, 1, at_ms=assembly.now_ms + 10 * HOUR_MS + 1, subject="picnic")
    assembly.later(10)
    assembly.end_block()
    return assembly, proposal
