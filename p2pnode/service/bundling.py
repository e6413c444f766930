"""Gathers what a bundle holds from a group's log and rows."""

from __future__ import annotations

from p2pnode.bundle import RECORDS_MAX, ProvenRecord, bundle_of, encode_bundle
from p2pnode.consensus.format import decode_header
from p2pnode.consensus.proof import Proof, encode_proof
from p2pnode.consensus.rows import row_key
from p2pnode.consensus.trie import prove
from p2pnode.core.entry import Entry
from p2pnode.core.errors import UsageError
from p2pnode.economy import tables
from p2pnode.local.exchange_calls import BundleFile
from p2pnode.service.evidence import founding_of
from p2pnode.service.history import History
from p2pnode.service.viewing import GroupView


def bundle_file(view: GroupView, who: bytes | None) -> BundleFile:
    """The final records of everybody, or those that name one agent.

    Errors: UsageError bundle.nothing_final, bundle.too_many, bundle.not_here.
    """
    tip = view.final.tip()
    records: list[ProvenRecord] = []
    entries: dict[bytes, Entry] = {}
    root = None if tip is None else decode_header(tip.header).state_root
    prefix = row_key("event")
    for key, value in view.final.scan(prefix) if root is not None else ():
        row = tables.row_of(tables.EventRow, value)
        if who not in (None, row.provider, row.receiver):
            continue
        if len(records) >= RECORDS_MAX:
            raise UsageError(
                "bundle.too_many",
                f"a bundle holds at most {RECORDS_MAX:,} records",
                "export those of one member at a time: --of NAME",
            )
        assert root is not None
        shown = ProvenRecord(key[len(prefix) :], row, value, prove(root, key, view.final.trie_node))
        records.append(shown)
        if row.entry not in entries:
            entries[row.entry] = _entry(view, row.entry)
    if tip is None or not records:
        raise UsageError(
            "bundle.nothing_final",
            "no block has ordered any such record yet, so there is nothing to prove",
            "wait for the next block: p2pnode status tells what it waits for",
        )
    links = History(view.queries).links(tip.height)
    proof = encode_proof(Proof(founding_of(view), links))
    data = encode_bundle(bundle_of(proof, records, list(entries.values())))
    return BundleFile(bundle_hex=data.hex(), records=len(records), height=tip.height)


def _entry(view: GroupView, entry_id: bytes) -> Entry:
    entry = view.describer.entry_of(entry_id)
    if entry is None or entry.payload is None or entry.signature is None:
        raise UsageError(
            "bundle.not_here",
            f"the entry {entry_id.hex()[:8]} is not on this node as a whole",
            "leave the node running until a member who holds it is reachable",
        )
    return entry
