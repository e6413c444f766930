"""Makes proofs from a group's file: of what a block decided about an entry, of a row, of a final block.

Who may have one is not decided here, and nothing provisional is in one.
"""

from __future__ import annotations

from typing import NamedTuple

from p2pnode.consensus.format import decode_header
from p2pnode.consensus.proof import Proof, RowProof, encode_proof, outcome_proof
from p2pnode.consensus.trie import prove
from p2pnode.core.entry import Entry, check_alone, read_entry
from p2pnode.core.errors import UsageError
from p2pnode.replication.run import StoredEntry
from p2pnode.service.history import History
from p2pnode.store.group_file import GroupQueries, number_and_seq


class Made(NamedTuple):
    """The file of a proof. Shapes: height is that of the block under whose roots it shows something."""

    height: int
    data: bytes


def founding_in(queries: GroupQueries) -> Entry:
    """The founding entry."""
    founding = queries.founding()
    return check_alone(founding.header, founding.signature, founding.payload)


def prove_final(queries: GroupQueries, height: int) -> Made:
    """The way to the final block of a height, 0 for the last one. Errors: UsageError proof.no_such_block."""
    tip = queries.chain.tip()
    if tip is None or height > tip.height:
        known = "no block yet" if tip is None else f"{tip.height} blocks"
        raise UsageError(
            "proof.no_such_block", f"this node knows of {known}", "leave HEIGHT out for the last one"
        )
    height = height or tip.height
    return Made(height, encode_proof(Proof(founding_in(queries), History(queries).links(height))))


def prove_entry(queries: GroupQueries, entry_id: bytes, stored: StoredEntry, position: int) -> Made:
    """What a block decided about an entry. Shapes: without a payload where the reader is not to have it.

    Errors: UsageError proof.not_final, proof.not_rebuilt.
    """
    history = History(queries)
    late = queries.chain.late_outcome(entry_id)
    # What a later version of the rules executed is proven by the block that did.
    height = history.height_of(*number_and_seq(position)) if late is None else late[0]
    if height is None:
        raise UsageError(
            "proof.not_final",
            "no block has ordered this entry yet, so there is nothing to prove",
            f"p2pnode why {entry_id.hex()[:8]} tells what it waits for",
        )
    signature = stored.signature if stored.checked else None
    entry = read_entry(stored.header, signature, stored.payload)
    outcome = outcome_proof(history.outcomes(height), entry)
    return Made(height, encode_proof(Proof(founding_in(queries), history.links(height), outcome)))


def prove_row(queries: GroupQueries, key: bytes, history: History | None = None) -> Made | None:
    """A row of the last final state, or that there is none; None before the first block."""
    tip = queries.chain.tip()
    if tip is None:
        return None
    root = decode_header(tip.header).state_root
    shown = RowProof(key, queries.chain.get(key), prove(root, key, queries.chain.trie_node))
    links = (history or History(queries)).links(tip.height)
    return Made(tip.height, encode_proof(Proof(founding_in(queries), links, None, shown)))
