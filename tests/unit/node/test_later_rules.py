"""A group that goes on by rules that this program does not know: it keeps and passes on, and says so (J6)."""

from __future__ import annotations

from pathlib import Path

from p2pnode.chain.report import report_of
from p2pnode.core.events import Append, Item
from p2pnode.governance import ballot, proposal
from p2pnode.governance.ballot import Ballot
from p2pnode.governance.founding import RULE_VERSION
from p2pnode.governance.proposal import Proposal
from tests.unit.node.council import Council

TWO = ("alice", "bob")


def write(council: Council, name: str, type_: str, payload: bytes) -> bytes:
    entries = council[name].ask(Append(1, council.group, (Item(type_, payload),)), council.now_ms)
    return bytes(entries[0].id)


def test_j6_a_node_without_the_rules_of_the_group_makes_no_block_and_says_so(tmp_path: Path) -> None:
    council = Council(tmp_path, TWO, ballot_grace_hours=0)
    body = Proposal("rule_version", {"version": RULE_VERSION + 1})
    proposal_id = write(council, "alice", proposal.OPEN_TYPE, proposal.encode_open(body))
    council.meet(*TWO)
    for name in TWO:
        write(council, name, ballot.CAST_TYPE, ballot.encode_cast(Ballot(proposal_id, "yes")))
    council.meet(*TWO)
    height = council.tip("alice")
    council.wait(8)
    council.meet(*TWO)
    for name in TWO:
        assert council.tip(name) == height
        assert report_of(council[name].node.logs[council.group]).missing.stage == "rules"
    kept = write(council, "bob", "ack", b"")
    council.meet(*TWO)
    assert council["alice"].node.logs[council.group].file.position_of_id(kept) is not None
    for machine in council.machines.values():
        machine.node.close()
