"""Proofs: what the group decided about an entry or a proposal, as a file that anybody can check."""

from __future__ import annotations

from p2pnode.consensus.proof import Proof, encode_proof, outcome_proof
from p2pnode.core.errors import UsageError
from p2pnode.governance.decision import decision_key
from p2pnode.local import shapes
from p2pnode.service.evidence import founding_of, row_proof
from p2pnode.service.history import History
from p2pnode.service.members import MembersService
from p2pnode.service.viewing import GroupView
from p2pnode.store.group_file import number_and_seq


class ProofsService(MembersService):
    """The part of the service about proofs."""

    async def proof(self, entry: str, decision: bool) -> shapes.ProofFile:
        detail = await self.entry(entry)
        held = self.context.held(detail["row"]["group"])
        entry_id = bytes.fromhex(detail["row"]["entry"])
        work = proof_of_decision if decision else proof_of_entry
        return await self.context.view(held, lambda view: work(view, entry_id))


def proof_of_entry(view: GroupView, entry_id: bytes) -> shapes.ProofFile:
    """What a block decided about an entry. Errors: UsageError proof.not_final, proof.not_rebuilt."""
    history = History(view.queries)
    position = view.queries.position_of_id(entry_id)
    entry = view.describer.entry_of(entry_id)
    assert position is not None
    assert entry is not None
    late = view.final.late_outcome(entry_id)
    # What a later version of the rules executed is proven by the block that did.
    height = history.height_of(*number_and_seq(position)) if late is None else late[0]
    if height is None:
        raise UsageError(
            "proof.not_final",
            "no block has ordered this entry yet, so there is nothing to prove",
            f"p2pnode why {entry_id.hex()[:8]} tells what it waits for",
        )
    outcome = outcome_proof(history.outcomes(height), entry)
    data = encode_proof(Proof(founding_of(view), history.links(height), outcome))
    return shapes.ProofFile(entry=entry_id.hex(), height=height, proof_hex=data.hex())


def proof_of_decision(view: GroupView, proposal_id: bytes) -> shapes.ProofFile:
    """The row of a closed proposal under the last block. Errors: UsageError decision.not_closed."""
    key = decision_key(proposal_id)
    tip = view.final.tip()
    data = row_proof(view, key, History(view.queries)) if view.final.get(key) is not None else None
    if tip is None or data is None:
        raise UsageError(
            "decision.not_closed",
            "only a closed proposal has a result that can be proven",
            "p2pnode decisions shows when each closes",
        )
    return shapes.ProofFile(entry=proposal_id.hex(), height=tip.height, proof_hex=data.hex())
