"""Ballots need no block of their own: they count in the one that closes the vote (C 6.1)."""

from __future__ import annotations

from pathlib import Path

from p2pnode.core.events import Append, Item
from p2pnode.governance import ballot, proposal
from p2pnode.governance.ballot import Ballot
from p2pnode.governance.decision import decision
from p2pnode.governance.proposal import Proposal
from tests.unit.node.council import Council

THREE = ("alice", "bob", "carol")


def opened(folder: Path) -> tuple[Council, bytes]:
    """A vote that three may end early by voting, opened by a block."""
    council = Council(folder, THREE)
    payload = proposal.encode_open(Proposal("text", {"text": "shall we?"}))
    item = Item(proposal.OPEN_TYPE, payload)
    entries = council["alice"].ask(Append(1, council.group, (item,)), council.now_ms)
    council.meet(*THREE)
    assert council.tip("alice") == 1
    return council, bytes(entries[0].id)


def cast(council: Council, name: str, proposal_id: bytes) -> None:
    item = Item(ballot.CAST_TYPE, ballot.encode_cast(Ballot(proposal_id, "yes")))
    council[name].ask(Append(1, council.group, (item,)), council.now_ms)


def close(council: Council) -> None:
    for machine in council.machines.values():
        machine.node.close()


def test_only_the_last_ballot_of_an_early_vote_calls_for_a_block(tmp_path: Path) -> None:
    council, proposal_id = opened(tmp_path)
    for name in THREE[:2]:
        cast(council, name, proposal_id)
        council.meet(*THREE)
        assert council.tip("alice") == 1
        assert not council["alice"].node.logs[council.group].chain.blocks.has_work()
    cast(council, "carol", proposal_id)
    council.meet(*THREE)
    assert council.tip("alice") == 2
    close(council)


def test_a_vote_closes_with_the_ballots_that_no_block_ordered_before(tmp_path: Path) -> None:
    council, proposal_id = opened(tmp_path)
    for name in THREE[:2]:
        cast(council, name, proposal_id)
    council.meet(*THREE)
    assert council.tip("alice") == 1
    council.wait(6)
    council.meet(*THREE)
    assert council.tip("alice") == 2
    row = decision(council["alice"].node.logs[council.group].file.chain, proposal_id)
    assert row is not None
    assert (row.result, row.yes) == ("passed", 2)
    close(council)
