"""What peers are shown on `/p2pnode/proof/1`: headers, certificates and proofs, to whom J23 allows (J41).

Making a proof costs far more than asking for one, so each member has an allowance, and all who are none share
one.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2pnode.chain.parting import status_of
from p2pnode.consensus.rows import Rows, row_key
from p2pnode.core.errors import UsageError
from p2pnode.governance import tables
from p2pnode.governance.access import Reader, lanes_readable, reader_of, rights
from p2pnode.port import HeldGroup, LivePort
from p2pnode.service.proof_making import prove_entry, prove_final, prove_row
from p2pnode.serving import GroupReader
from p2pnode.store.group_file import GroupQueries, number_and_seq
from protocols.port import EntryProofAsked, FinalProofAsked, ProofAsked, RowProofAsked

BURST_MAX = 20
"""Proofs that somebody is shown in a row."""

EVERY_MS = 3_000
"""After that, one each time so much has passed."""

ASKERS_MAX = 1_024
_OTHERS = b""
_ASK_ANOTHER = "ask another member"


@dataclass(slots=True)
class Allowance:
    """How many proofs one asker may still be shown. Units: since_ms is the time of the last count."""

    left: int
    since_ms: int

    def take(self, now_ms: int) -> bool:
        """Take one, if there is one."""
        earned = max(0, now_ms - self.since_ms) // EVERY_MS
        if earned:
            self.left, self.since_ms = min(BURST_MAX, self.left + earned), self.since_ms + earned * EVERY_MS
        if not self.left:
            return False
        self.left -= 1
        return True


class Prover:
    """Shows proofs to peers."""

    def __init__(self, port: LivePort) -> None:
        self._port = port
        self._allowances: dict[bytes, Allowance] = {}

    async def prove(self, peer: bytes, question: ProofAsked) -> bytes:
        """The proof that a peer asks for. Errors: UsageError proof.*."""
        held = self._port.groups().get(question.group)
        if held is None or not rights(held.state, (peer,)).is_shown_proofs:
            # The same words whether it is unknown or private: asking must not reveal who is in it.
            raise UsageError("proof.unknown_group", "this node shows nothing of that group", _ASK_ANOTHER)
        reader = reader_of(held.state, peer)
        self._take_allowance(_OTHERS if reader is Reader.STRANGER else peer)

        def make(files: GroupReader) -> bytes:
            with files.reading() as queries:
                match question:
                    case FinalProofAsked(_, height):
                        return prove_final(queries, height).data
                    case EntryProofAsked(_, entry):
                        return _entry_proof(queries, held, peer, reader, entry)
                    case RowProofAsked(_, key):
                        return _row_proof(queries, held, peer, key)

        return await self._port.read(held.group, make)

    def _take_allowance(self, asker: bytes) -> None:
        now_ms = self._port.now_ms()
        if asker not in self._allowances and len(self._allowances) >= ASKERS_MAX:
            self._allowances.pop(next(iter(self._allowances)))
        if not self._allowances.setdefault(asker, Allowance(BURST_MAX, now_ms)).take(now_ms):
            raise UsageError(
                "proof.too_many",
                "this node was asked for many proofs a moment ago",
                f"ask again in {EVERY_MS // 1000} seconds, or another member",
            )


def _entry_proof(
    queries: GroupQueries, held: HeldGroup, peer: bytes, reader: Reader, entry_id: bytes
) -> bytes:
    """What became of an entry; what it says only goes to who may read its lane as far."""
    position = queries.position_of_id(entry_id)
    stored = None if position is None else queries.entry_at(position)
    if position is None or stored is None:
        raise UsageError("proof.unknown_entry", "this node does not hold that entry", _ASK_ANOTHER)
    if not _may_read(queries, held, peer, reader, position):
        stored = stored._replace(payload=None)
    return prove_entry(queries, entry_id, stored, position).data


def _may_read(queries: GroupQueries, held: HeldGroup, peer: bytes, reader: Reader, position: int) -> bool:
    number, seq = number_and_seq(position)
    lane = next(lane for lane in queries.lanes() if lane.number == number)
    if lane.lane in lanes_readable(held.state, (peer,)):
        return True
    end = queries.endings.end_of(peer) if reader is Reader.REMOVED else None
    return end is not None and seq <= end.lasts.get((lane.author, lane.lane), -1)


def _row_proof(queries: GroupQueries, held: HeldGroup, peer: bytes, key: bytes) -> bytes:
    granted = rights(held.state, (peer,)).rows
    if granted == "none" or (granted == "own" and key not in _own_keys(queries.chain, peer)):
        raise UsageError(
            "proof.not_yours",
            "rows of the state are shown to members, and to who was one its own",
            "p2pnode proof membership shows how you stand",
        )
    made = prove_row(queries, key)
    if made is None:
        raise UsageError("proof.no_such_block", "this node knows of no block yet", _ASK_ANOTHER)
    return made.data


def _own_keys(rows: Rows, device_key: bytes) -> tuple[bytes, ...]:
    """The rows of somebody who is gone: its device's, and its member's where the member is gone too."""
    device = tables.device(rows, device_key)
    if device is None or status_of(rows, device_key) is None:
        return ()
    own = row_key("device", device_key)
    member = tables.member(rows, device.member)
    if member is None or member.status not in ("left", "removed"):
        return (own,)
    return own, row_key("member", device.member), *(row_key("device", key) for key in member.devices)
