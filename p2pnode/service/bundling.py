"""Gathers what a bundle holds from a group's log and rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from p2pnode.bundle import RECORDS_MAX, ProvenRecord, ProvenRow, Shown, bundle_of, encode_bundle
from p2pnode.consensus.format import decode_header
from p2pnode.consensus.proof import Proof, encode_proof
from p2pnode.consensus.rows import row_key
from p2pnode.consensus.trie import prove
from p2pnode.core import codec
from p2pnode.core.entry import Entry
from p2pnode.core.errors import UsageError
from p2pnode.economy import event, tables
from p2pnode.economy.tables import AttestationRow, EventRow
from p2pnode.governance import tables as members
from p2pnode.governance.inception import inception_of_value
from p2pnode.local.exchange_calls import BundleFile
from p2pnode.service.evidence import founding_of
from p2pnode.service.history import History
from p2pnode.service.viewing import GroupView

_ROWS_AT_ONCE = 500


def bundle_file(
    view: GroupView,
    who: bytes | None,
    is_wanted: Callable[[EventRow], bool] = lambda _: True,
    shown: bytes | None = None,
) -> BundleFile:
    """The final records of everybody, or those that name one agent, as far as they are wanted.

    Shapes: shown is a member who shows their name with it. Errors: UsageError bundle.nothing_final,
    bundle.too_many, bundle.not_here.
    """
    tip = view.final.tip()
    found: list[tuple[bytes, EventRow]] = []
    for record_id, row in _records(view, who) if tip is not None else ():
        if is_wanted(row):
            found.append((record_id, row))
            _check_room(len(found))
    if tip is None or not found:
        raise UsageError(
            "bundle.nothing_final",
            "no block has ordered any such record yet, so there is nothing to prove",
            "wait for the next block: p2pnode status tells what it waits for",
        )
    root = decode_header(tip.header).state_root
    judged = [
        (row_key("attestation", record_id, member_id), judgement.entry)
        for record_id, _ in found
        for member_id, judgement in tables.rows_of(view.final, AttestationRow, "attestation", record_id)
    ]
    keys = [key for key, _ in judged] + [row_key("spec", kind) for kind in _kinds(view, found)]
    said = sorted({row.entry for _, row in found} | {entry_id for _, entry_id in judged})
    _check_room(max(len(keys), len(said)))
    records = [
        ProvenRecord(record_id, row, *_proven(view, tables.event_key(record_id), root))
        for record_id, row in found
    ]
    links = History(view.queries).links(tip.height)
    made = bundle_of(
        encode_proof(Proof(founding_of(view), links)),
        records,
        [ProvenRow(key, *_proven(view, key, root)) for key in keys],
        [_entry(view, entry_id) for entry_id in said],
        [] if shown is None else [_shown(view, shown)],
    )
    return BundleFile(bundle_hex=encode_bundle(made).hex(), records=len(records), height=tip.height)


def _check_room(count: int) -> None:
    """Refuse what would make a file that nobody reads. Errors: UsageError bundle.too_many."""
    if count > RECORDS_MAX:
        raise UsageError(
            "bundle.too_many",
            f"a bundle holds at most {RECORDS_MAX:,} records, judgements of them, and entries",
            "export those of one member at a time: --of NAME",
        )


def _records(view: GroupView, who: bytes | None) -> Iterator[tuple[bytes, EventRow]]:
    """Final records of everybody, or of one agent by the index of their list."""
    if who is None:
        yield from tables.rows_of(view.final, EventRow, "event")
        return
    after: tuple[int, bytes] | None = None
    while found := view.final.lists.rows("event", who, after, _ROWS_AT_ONCE):
        for record_id, value in found:
            row = tables.row_of(EventRow, value)
            after = (row.time_ms, record_id)
            # Somebody whose id begins alike may stand in the same list.
            if who in (row.provider, row.receiver):
                yield record_id, row


def _proven(view: GroupView, key: bytes, root: bytes) -> tuple[bytes, bytes]:
    """The value of a row and what shows it under a root."""
    value = view.final.get(key)
    assert value is not None, "a row that was just read"
    return value, prove(root, key, view.final.trie_node)


def _kinds(view: GroupView, found: list[tuple[bytes, EventRow]]) -> list[bytes]:
    """The specifications that records name, as far as there are such."""
    kinds = {event.decode(row.payload).resource_conforms_to for _, row in found}
    return [kind for kind in kinds if isinstance(kind, bytes) and tables.spec(view.final, kind) is not None]


def _shown(view: GroupView, member_id: bytes) -> Shown:
    row = members.member(view.final, member_id)
    assert row is not None, "a member shows their own name"
    annex = inception_of_value(row.inception).annex
    held = [] if annex is None else view.queries.annexes([annex])
    return Shown(codec.encode(row.inception), held[0] if held else b"")


def _entry(view: GroupView, entry_id: bytes) -> Entry:
    entry = view.describer.entry_of(entry_id)
    if entry is None or entry.payload is None or entry.signature is None:
        raise UsageError(
            "bundle.not_here",
            f"the entry {entry_id.hex()[:8]} is not on this node as a whole",
            "leave the node running until a member who holds it is reachable",
        )
    return entry
