"""Proofs from others: asked for on `/p2pnode/proof/1`, and believed only as far as they verify (J41)."""

from __future__ import annotations

from functools import partial

import trio

from p2pnode.consensus.proof import Proven
from p2pnode.core.errors import FormatError, NodeError, PeerError, Unreachable, UsageError
from p2pnode.core.ids import peer_id_of
from p2pnode.peerbook import KnownPeer
from p2pnode.port import HeldGroup
from p2pnode.proving import verify_proof
from p2pnode.service.context import Context
from protocols import proof as proof_protocol
from protocols.port import EntryProofAsked, FinalProofAsked, ProofAsked, RowProofAsked

MEMBERS_ASKED_MAX = 3
_CONNECT_TIMEOUT_S = 10


async def fetch(context: Context, peer: bytes, question: ProofAsked) -> tuple[bytes, Proven]:
    """The proof that a peer shows, and what it proves.

    Errors: UsageError when the peer declines; Unreachable; PeerError where it shows something else.
    """
    addresses = context.book.peers.get(peer, KnownPeer(peer)).addresses
    try:
        with trio.fail_after(_CONNECT_TIMEOUT_S):
            if peer not in context.host.connected():
                await context.host.dial(peer, addresses)
            stream = await context.host.open_stream(peer, proof_protocol.ID)
    except trio.TooSlowError:
        raise Unreachable(f"{peer_id_of(peer)} did not answer in {_CONNECT_TIMEOUT_S} s") from None
    try:
        data = await proof_protocol.ask(stream, question)
        proven = await trio.to_thread.run_sync(partial(proven_by, data, question))
    except PeerError as error:
        context.port.penalize(peer, error.rule)
        raise
    finally:
        await stream.close()
    return data, proven


async def fetch_from_members(
    context: Context, held: HeldGroup, question: ProofAsked
) -> tuple[bytes, bytes, Proven] | None:
    """The first proof that a member on-line shows, and who it was; None when nobody has it."""
    members = [
        peer
        for peer in sorted(context.host.connected())
        if held.state.standing(peer) in ("member", "provisional") and not context.port.is_blocked(peer)
    ]
    for peer in members[:MEMBERS_ASKED_MAX]:
        try:
            return peer, *await fetch(context, peer, question)
        except (NodeError, UsageError):
            continue  # another may have it
    return None


def proven_by(data: bytes, question: ProofAsked) -> Proven:
    """What a proof shows that answers a question. Errors: PeerError by the rule that it breaks."""
    try:
        proven = verify_proof(data, question.group)
    except FormatError as error:
        raise PeerError(
            error.rule, f"the peer's proof does not hold: {error.detail or error.rule}"
        ) from error
    if proven.group != question.group or not _answers(proven, question):
        raise PeerError("proof.other_answer", "the peer proves something that it was not asked for")
    return proven


def _answers(proven: Proven, question: ProofAsked) -> bool:
    match question:
        case FinalProofAsked(_, height):
            return height in (0, proven.header.height)
        case EntryProofAsked(_, entry):
            return proven.outcome is not None and proven.outcome.entry.id == entry
        case RowProofAsked(_, key):
            return proven.row is not None and proven.row.key == key
