"""Proofs: what the group decided about an entry or a proposal, or how one stands in it, as a file.

Anybody can check it. It is made here, or shown by a peer where this node cannot make it (J41).
"""

from __future__ import annotations

from p2pnode.chain.parting import parting_in
from p2pnode.consensus.proof import Proven
from p2pnode.consensus.rows import row_key
from p2pnode.core.errors import FormatError, UsageError
from p2pnode.core.events import ChainAsked
from p2pnode.core.ids import id_of_text, peer_id_of
from p2pnode.governance import tables
from p2pnode.governance.decision import decision_key
from p2pnode.local import shapes
from p2pnode.port import HeldGroup
from p2pnode.service.members import MembersService
from p2pnode.service.proof_fetching import fetch, fetch_from_members
from p2pnode.service.proof_making import Made, prove_entry, prove_final, prove_row
from p2pnode.store.group_file import GroupQueries
from protocols.port import EntryProofAsked, FinalProofAsked, ProofAsked, RowProofAsked

_PERHAPS_ELSEWHERE = ("entry.unknown", "proof.not_final", "proof.not_rebuilt")
"""Why a proof cannot be made here that others may have."""


class ProofsService(MembersService):
    """The part of the service about proofs."""

    async def proof(
        self, entry: str, decision: bool, group: str | None, peer: str | None
    ) -> shapes.ProofFile:
        if peer is not None:
            entry_id = await self._id_of(entry)
            group_id = self._group_id(group)
            return await self._shown(peer, _question(group_id, entry_id, decision), entry_id)
        try:
            return await self._proof_here(entry, decision)
        except UsageError as error:
            if error.rule not in _PERHAPS_ELSEWHERE:
                raise
            found = await self._shown_by_members(entry, decision, group, error.rule)
            if found is None:
                raise
            return found

    async def proof_final(self, group: str, height: int, peer: str | None) -> shapes.ProofFile:
        if peer is not None:
            group_id = self._group_id(group)
            return await self._shown(peer, FinalProofAsked(group_id, height), group_id)
        held = self.context.held(group)
        made = await self.context.query(held, lambda queries: prove_final(queries, height))
        return _file(held.group, made)

    async def proof_membership(self, group: str, peer: str | None) -> shapes.ProofFile:
        held = self.context.held(group)
        own = self.context.port.own_key
        key = await self.context.query(held, lambda queries: _standing_key(queries, own))
        if peer is not None:
            return await self._shown(peer, RowProofAsked(held.group, key), held.group)
        made = await self.context.query(held, lambda queries: prove_row(queries, key))
        if made is None:
            raise UsageError(
                "proof.no_such_block",
                "no block has ordered anything yet, so there is nothing to prove",
                f"p2pnode why {held.group.hex()[:8]} tells what it waits for",
            )
        return _file(held.group, made)

    async def _proof_here(self, entry: str, decision: bool) -> shapes.ProofFile:
        detail = await self.entry(entry)
        held = self.context.held(detail["row"]["group"])
        entry_id = bytes.fromhex(detail["row"]["entry"])
        work = proof_of_decision if decision else proof_of_entry
        return await self.context.query(held, lambda queries: work(queries, entry_id))

    async def _id_of(self, entry: str) -> bytes:
        """The whole id of an entry that may not be here. Errors: UsageError entry.*, proof.whole_id."""
        try:
            return id_of_text(entry)
        except FormatError:
            pass
        try:
            return bytes.fromhex((await self.entry(entry))["row"]["entry"])
        except UsageError as error:
            if error.rule != "entry.unknown":
                raise
            raise UsageError(
                "proof.whole_id",
                "an entry that is not here is named by its whole id of 64 digits",
                "whoever told you of it can give it to you: p2pnode log show --json",
            ) from error

    def _group_id(self, group: str | None) -> bytes:
        """A group that is held here, or another one by its whole id. Errors: UsageError group.*."""
        try:
            return id_of_text(group or "")
        except FormatError:
            pass
        groups = list(self.context.port.groups())
        return groups[0] if group is None and len(groups) == 1 else self.context.held(group or "").group

    async def _shown(self, peer: str, question: ProofAsked, subject: bytes) -> shapes.ProofFile:
        key = self.context.book.find(peer, self.context.host.connected())
        data, proven = await fetch(self.context, key, question)
        return _checked(question, subject, key, data, proven)

    async def _shown_by_members(
        self, entry: str, decision: bool, group: str | None, rule: str
    ) -> shapes.ProofFile | None:
        """What members show of an entry that this node lacks, or whose history it lacks."""
        try:
            entry_id = await self._id_of(entry)
            held = self.context.held(self._group_id(group).hex())
        except UsageError:
            return None
        if rule == "proof.not_final" and not await self._lacks_history(held):
            return None
        question = _question(held.group, entry_id, decision)
        found = await fetch_from_members(self.context, held, question)
        return None if found is None else _checked(question, entry_id, *found)

    async def _lacks_history(self, held: HeldGroup) -> bool:
        """Whether the group may know more than this node: it came by a snapshot, or is gone."""
        report = await self.context.port.ask(lambda request: ChainAsked(request, held.group))
        is_gone = await self.context.query(held, lambda queries: parting_in(queries) is not None)
        return is_gone or not report.level.is_checked


def _question(group: bytes, entry_id: bytes, decision: bool) -> ProofAsked:
    return RowProofAsked(group, decision_key(entry_id)) if decision else EntryProofAsked(group, entry_id)


def _checked(
    question: ProofAsked, subject: bytes, peer: bytes, data: bytes, proven: Proven
) -> shapes.ProofFile:
    """A peer's proof as it is handed out. Errors: UsageError decision.not_closed."""
    if isinstance(question, RowProofAsked) and proven.row is not None and proven.row.value is None:
        is_decision = question.key == decision_key(subject)
        raise (
            _not_closed()
            if is_decision
            else UsageError(
                "proof.no_such_row", "the group's last state says nothing of you", "p2pnode why GROUP"
            )
        )
    return _file(subject, Made(proven.header.height, data), peer)


def _file(subject: bytes, made: Made, peer: bytes | None = None) -> shapes.ProofFile:
    return shapes.ProofFile(
        entry=subject.hex(),
        height=made.height,
        proof_hex=made.data.hex(),
        peer_id=None if peer is None else peer_id_of(peer),
    )


def _standing_key(queries: GroupQueries, device_key: bytes) -> bytes:
    """The row that says how a device stands: its member's, or its own where it speaks for nobody any more."""
    parting = parting_in(queries)
    device = tables.device(queries.chain, device_key)
    if device is None:
        raise UsageError(
            "member.not_one",
            "no block says that this device speaks for a member of the group",
            "p2pnode why GROUP tells how you stand",
        )
    status = device.status if parting is None else parting.status
    is_struck = status in ("revoked", "sealed")
    return row_key("device", device_key) if is_struck else row_key("member", device.member)


def _not_closed() -> UsageError:
    return UsageError(
        "decision.not_closed",
        "only a closed proposal has a result that can be proven",
        "p2pnode decisions shows when each closes",
    )


def proof_of_entry(queries: GroupQueries, entry_id: bytes) -> shapes.ProofFile:
    """What a block decided about an entry. Errors: UsageError proof.not_final, proof.not_rebuilt."""
    position = queries.position_of_id(entry_id)
    assert position is not None
    stored = queries.entry_at(position)
    assert stored is not None
    return _file(entry_id, prove_entry(queries, entry_id, stored, position))


def proof_of_decision(queries: GroupQueries, proposal_id: bytes) -> shapes.ProofFile:
    """The row of a closed proposal under the last block. Errors: UsageError decision.not_closed."""
    key = decision_key(proposal_id)
    made = prove_row(queries, key) if queries.chain.get(key) is not None else None
    if made is None:
        raise _not_closed()
    return _file(proposal_id, made)
