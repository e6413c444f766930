"""Entries of later rules: kept, run by the block that raises the version, shown and proven as such (J6)."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import pytest

from p2pnode import vocabulary
from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import State
from p2pnode.core.entry import Entry
from p2pnode.core.entry_type import EntryType
from p2pnode.core.events import Append, Item
from p2pnode.describing import Describer
from p2pnode.governance import ballot, executing, proposal
from p2pnode.governance.ballot import Ballot
from p2pnode.governance.proposal import Proposal
from p2pnode.proof_summary import summary_of
from p2pnode.service import proofs
from p2pnode.service.viewing import GroupView
from tests.unit.node.council import Council

TWO = ("alice", "bob")


def refuse_long(_: State, entry: Entry, __: BlockContext) -> str | None:
    return "later.long" if len(entry.payload or b"") > 1 else None


@pytest.fixture
def upgrade(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program knows the second version of the rules, which brings the type `later`."""
    later = EntryType("later", frozenset({0}), lambda payload: None, execute=refuse_long, since=2)
    monkeypatch.setattr(vocabulary, "TYPES", MappingProxyType({**vocabulary.TYPES, "later": later}))
    monkeypatch.setattr(executing.check_version, "__defaults__", (2,))


def write(council: Council, name: str, type_: str, payload: bytes) -> bytes:
    entries = council[name].ask(Append(1, council.group, (Item(type_, payload),)), council.now_ms)
    return bytes(entries[0].id)


def view_of(council: Council, name: str) -> GroupView:
    machine = council[name]
    log = machine.node.logs[council.group]
    describer = Describer(log.file, log.state, machine.key)
    return GroupView(council.group, log.file, describer, machine.key, council.now_ms)


def states(council: Council, name: str, *entry_ids: bytes) -> list[tuple[str, str | None]]:
    describer = view_of(council, name).describer
    rows = [describer.details(entry_id.hex())[0]["row"] for entry_id in entry_ids]
    return [(row["state"], row["rule"]) for row in rows]


def test_j6_what_a_later_version_runs_is_shown_and_proven(tmp_path: Path, upgrade: None) -> None:
    council = Council(tmp_path, TWO, ballot_grace_hours=0, checkpoint_entries=1)
    short, long = (write(council, "alice", "later", payload) for payload in (b"a", b"aa"))
    council.meet(*TWO)
    assert states(council, "bob", short, long) == [("final", "type.unknown")] * 2
    shown = proofs.proof_of_entry(view_of(council, "bob").queries, short)
    assert summary_of(bytes.fromhex(shown["proof_hex"]), None)["entry"]["rule"] == "type.unknown"
    body = Proposal("rule_version", {"version": 2})
    proposal_id = write(council, "alice", proposal.OPEN_TYPE, proposal.encode_open(body))
    council.meet(*TWO)
    for name in TWO:
        write(council, name, ballot.CAST_TYPE, ballot.encode_cast(Ballot(proposal_id, "yes")))
    council.meet(*TWO)
    council.wait(8)
    council.meet(*TWO)
    assert states(council, "bob", short, long) == [("final", None), ("void", "later.long")]
    view = view_of(council, "bob")
    for entry_id, rule in ((short, None), (long, "later.long"), (proposal_id, None)):
        proven = summary_of(bytes.fromhex(proofs.proof_of_entry(view.queries, entry_id)["proof_hex"]), None)
        assert proven["entry"]["id"] == entry_id.hex()
        assert proven["entry"]["rule"] == rule
    for machine in council.machines.values():
        machine.node.close()
