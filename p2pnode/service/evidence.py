"""What a decision rests on, gathered from a group's log: for counting again, for exports and for proofs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from p2pnode.core import codec
from p2pnode.core.annex import annexes_named
from p2pnode.core.entry import Entry
from p2pnode.core.errors import FormatError, UsageError
from p2pnode.exporters.decisions_export import Export, ExportedDecision, write_export
from p2pnode.governance import ballot as ballots
from p2pnode.governance import tables
from p2pnode.governance.ballot import decode_cast, decode_confirm, decode_delegate
from p2pnode.governance.decision import DecisionRow, decision_key, decisions
from p2pnode.governance.proposal import ANSWER_TYPE, WITHDRAW_TYPE, decode_answer, decode_withdraw, electorate
from p2pnode.governance.recount import Evidence, Person
from p2pnode.replication.run import stored_entry
from p2pnode.service.history import History
from p2pnode.service.proof_making import founding_in, prove_row
from p2pnode.service.viewing import GroupView
from p2pnode.store.group_file import number_and_seq

_TYPES = frozenset(
    {
        ballots.CAST_TYPE,
        ballots.CODES_TYPE,
        ballots.CONFIRM_TYPE,
        ballots.DELEGATE_TYPE,
        ANSWER_TYPE,
        WITHDRAW_TYPE,
    }
)


def evidence_of(
    view: GroupView, proposal_id: bytes, row: DecisionRow, history: History | None = None
) -> Evidence:
    """A closed proposal with everything that was counted. Errors: UsageError decision.not_here."""
    proposal = view.describer.entry_of(proposal_id)
    if proposal is None or proposal.payload is None:
        raise UsageError(
            "decision.not_here",
            "the proposal itself is not on this node",
            "leave the node running until a member who holds it is reachable",
        )
    voters = electorate(view.final, row.electorate)
    entries = tuple(_entries(view, proposal_id, row, voters, history or History(view.queries)))
    authors = {bytes(entry.author) for entry in (proposal, *entries)}
    return Evidence(view.group, proposal, row, voters, tuple(people_of(view, authors)), entries)


def _entries(
    view: GroupView, proposal_id: bytes, row: DecisionRow, voters: tuple[bytes, ...], history: History
) -> Iterator[Entry]:
    """The entries that held when the proposal closed and that say something about it."""
    for item in view.queries.governed():
        entry = stored_entry(item.entry)
        if entry.header.type not in _TYPES or entry.payload is None or entry.signature is None:
            continue
        number, seq = number_and_seq(item.position)
        height = history.height_of(number, seq)
        is_in_time = height is not None and height <= row.closed_height
        if is_in_time and view.final.void_rule(item.position) is None and _is_about(entry, proposal_id):
            member = view.describer.member_of(entry.author)
            is_general = entry.header.type in (ballots.CODES_TYPE, ballots.DELEGATE_TYPE)
            if not is_general or member in voters:
                yield entry


def _is_about(entry: Entry, proposal_id: bytes) -> bool:
    payload = entry.payload or b""
    try:
        match entry.header.type:
            case ballots.CAST_TYPE:
                return decode_cast(payload).proposal == proposal_id
            case ballots.CONFIRM_TYPE:
                return decode_confirm(payload).proposal == proposal_id
            case ballots.DELEGATE_TYPE:
                return decode_delegate(payload).proposal in (None, proposal_id)
            case t if t == ANSWER_TYPE:
                return decode_answer(payload).proposal == proposal_id
            case t if t == WITHDRAW_TYPE:
                return decode_withdraw(payload) == proposal_id
            case _:
                return True
    except FormatError:
        return False


def people_of(view: GroupView, authors: set[bytes]) -> Iterator[Person]:
    """The members behind some devices, as an export names them."""
    wanted = {held[0]: held[1] for key in authors if (held := tables.member_of_device(view.final, key))}
    for member_id in sorted(wanted):
        devices = tuple(key for key, device in tables.devices(view.final) if device.member == member_id)
        yield Person(codec.encode(wanted[member_id].inception), devices)


def export_of(view: GroupView, name: str, wanted: Sequence[bytes]) -> str:
    """The text of an export of some closed decisions, or of all. Errors: UsageError decision.*."""
    history = History(view.queries)
    exported = [
        ExportedDecision(
            evidence, row_proof(view, decision_key(proposal_id), history), _annexes(view, evidence)
        )
        for proposal_id, row in decisions(view.final)
        if not wanted or proposal_id in wanted
        for evidence in [evidence_of(view, proposal_id, row, history)]
    ]
    if len(exported) < len(wanted) or not exported:
        raise UsageError(
            "decision.not_closed",
            "there is nothing to export: only closed proposals have a result",
            "p2pnode decisions shows when each closes",
        )
    return write_export(Export(view.group, name, tuple(exported)))


def _annexes(view: GroupView, evidence: Evidence) -> tuple[bytes, ...]:
    """The words that people wrote, as far as they are here."""
    named: list[bytes] = list(annexes_named(evidence.proposal.payload or b""))
    for entry in evidence.entries:
        named += annexes_named(entry.payload or b"")
    for person in evidence.people:
        named += annexes_named(person.inception)
    return tuple(view.queries.annexes(list(dict.fromkeys(named))))


def founding_of(view: GroupView) -> Entry:
    """The founding entry."""
    return founding_in(view.queries)


def row_proof(view: GroupView, key: bytes, history: History) -> bytes | None:
    """A file that shows a row of the last final state, or that there is none; None before the first block."""
    made = prove_row(view.queries, key, history)
    return None if made is None else made.data
