"""Exports of decisions: anybody counts again, and sees what does not fit."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from p2pnode.consensus.proof import Link, Proof, RowProof, encode_proof
from p2pnode.consensus.rows import MemoryRows
from p2pnode.consensus.trie import EMPTY_ROOT, prove, update
from p2pnode.core.entry import sign_entry
from p2pnode.core.errors import FormatError
from p2pnode.exporters.decisions_export import Checked, Export, read_export, recompute, write_export
from p2pnode.governance.ballot import ABSTAIN, NO, OBJECT, RANKED, YES, Ballot, encode_cast
from p2pnode.governance.configuration import configuration_of
from p2pnode.governance.decision import decision_key, decode_decision, encode_decision
from p2pnode.governance.genesis import genesis_rows
from tests.unit.exporters.meeting import WORDS, evidence_of, export_of, meeting
from tests.unit.governance.assembly import HOUR_MS, IDS, OPENED_MS, PEOPLE, Assembly
from tests.vectors.cases.decided import Voters, header_of
from tests.vectors.cases.material import first_entry


def _only(export: Export) -> Checked:
    (checked,) = recompute(export)
    return checked


def test_an_export_is_counted_again_and_agrees() -> None:
    assembly, proposal = meeting()
    row = assembly.decided(proposal)
    assert (row.result, row.yes, row.no, row.object) == ("passed", 3, 0, 1)
    export = read_export(write_export(export_of(assembly, WORDS)))
    assert write_export(export) == write_export(export_of(assembly, WORDS))
    checked = _only(export)
    assert checked.recount.faults == ()
    assert (checked.holds, checked.proof, checked.recount.claimed) == (True, "absent", ())


def test_the_same_decisions_give_the_same_text() -> None:
    assembly, _ = meeting()
    export = export_of(assembly)
    (decided,) = export.decisions
    mixed = replace(decided, evidence=replace(decided.evidence, entries=decided.evidence.entries[::-1]))
    assert write_export(replace(export, decisions=(mixed,))) == write_export(export)


def _changed(change: Callable[[Any], Any]) -> tuple[tuple[str, str], ...]:
    assembly, _ = meeting()
    export = export_of(assembly)
    (decided,) = export.decisions
    changed = replace(decided, evidence=change(decided.evidence))
    return _only(replace(export, decisions=(changed,))).recount.faults


def test_a_ballot_that_was_left_out_is_missed() -> None:
    for number in range(11):
        kinds = set()

        def without(evidence: Any, number: int = number, kinds: set[str] = kinds) -> Any:
            ordered = sorted(evidence.entries, key=lambda entry: entry.id)
            if number < len(ordered):
                kinds.add(ordered[number].header.type)
                return replace(evidence, entries=tuple(ordered[:number] + ordered[number + 1 :]))
            return evidence

        faults = _changed(without)
        # What did not count in the end need not be there: an overtaken ballot, a wider delegation.
        assert faults or not kinds or kinds <= {"ballot.cast", "ballot.delegate"}, kinds


def test_each_counted_ballot_is_needed() -> None:
    assembly, proposal = meeting()
    evidence = evidence_of(assembly, proposal)
    counted = 0
    for entry in evidence.entries:
        others = tuple(other for other in evidence.entries if other != entry)
        export = export_of(assembly)
        decided = replace(export.decisions[0], evidence=replace(evidence, entries=others))
        faults = _only(replace(export, decisions=(decided,))).recount.faults
        counted += ("recount.other_result", "counted") in faults
    # Two own ballots, one on paper that needs record, confirmation and code, three delegations that count.
    assert counted == 2 + 3 + 3


def test_a_result_that_was_changed_is_seen() -> None:
    for name, value in {"result": "rejected", "yes": 4, "voters": 7, "counted": bytes(32)}.items():
        faults = _changed(
            lambda evidence, name=name, value=value: replace(
                evidence, row=replace(evidence.row, **{name: value})
            )
        )
        assert faults == (("recount.other_result", name),)
    for name, value in {"subject": "text", "body_hash": bytes(32), "author": IDS[3], "annex": None}.items():
        faults = _changed(
            lambda evidence, name=name, value=value: replace(
                evidence, row=replace(evidence.row, **{name: value})
            )
        )
        assert ("recount.other_row", name) in faults


def test_an_electorate_that_was_packed_is_seen() -> None:
    faults = _changed(lambda evidence: replace(evidence, electorate=(*evidence.electorate, IDS[8])))
    assert ("recount.other_row", "electorate") in faults


def _foreign(evidence: Any, **changes: Any) -> Any:
    payload = encode_cast(Ballot(evidence.proposal.id, NO))
    place = {"group": evidence.group, "time_ms": OPENED_MS + HOUR_MS, **changes}
    return first_entry(changes.pop("key", PEOPLE[3]), "ballot.cast", payload, **place)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda entry, evidence: replace(entry, signature=bytes(64)), "recount.bad_signature"),
        (lambda entry, evidence: replace(entry, payload=None), "recount.no_payload"),
        (lambda entry, evidence: _foreign(evidence, group=bytes(31) + b"\x01"), "recount.other_group"),
        (lambda entry, evidence: _foreign(evidence, time_ms=OPENED_MS + 99 * HOUR_MS), "ballot.late"),
    ],
)
def test_entries_that_are_no_evidence_are_named(change: Any, rule: str) -> None:
    faults = _changed(
        lambda evidence: replace(
            evidence, entries=(change(evidence.entries[0], evidence), *evidence.entries[1:])
        )
    )
    assert rule in {fault for fault, _ in faults}


def test_ballots_of_strangers_and_for_other_proposals_are_named() -> None:
    assembly, proposal = meeting()
    evidence = evidence_of(assembly, proposal)
    stranger = first_entry(
        PEOPLE[9], "ballot.cast", encode_cast(Ballot(proposal, NO)), group=evidence.group, time_ms=OPENED_MS
    )
    elsewhere = first_entry(
        PEOPLE[3], "ballot.cast", encode_cast(Ballot(bytes(32), NO)), group=evidence.group, time_ms=OPENED_MS
    )
    noise = sign_entry(
        PEOPLE[3], stranger.header._replace(author=PEOPLE[3].public, type="ack"), stranger.payload or b""
    )
    for entry, rule in (
        (stranger, "recount.unknown_author"),
        (elsewhere, "recount.other_proposal"),
        (noise, "recount.no_ballot"),
    ):
        faults = _changed(lambda held, entry=entry: replace(held, entries=(*held.entries, entry)))
        assert faults == ((rule, entry.id.hex()),)


def test_a_device_that_only_the_export_ascribes_to_a_member_is_named() -> None:
    def with_device(evidence: Any) -> Any:
        people = [
            replace(person, devices=(*person.devices, PEOPLE[9].public)) for person in evidence.people[3:4]
        ]
        vote = first_entry(
            PEOPLE[9],
            "ballot.cast",
            encode_cast(Ballot(evidence.proposal.id, NO)),
            group=evidence.group,
            time_ms=OPENED_MS,
        )
        return replace(
            evidence,
            people=(*evidence.people[:3], *people, *evidence.people[4:]),
            entries=(*evidence.entries, vote),
        )

    assembly, _ = meeting()
    export = export_of(assembly)
    (decided,) = export.decisions
    changed = replace(decided, evidence=with_device(decided.evidence))
    checked = _only(replace(export, decisions=(changed,)))
    assert checked.recount.claimed == (PEOPLE[9].public,)
    # Also, the ballot was not among those that the group counted.
    assert ("recount.other_result", "counted") in checked.recount.faults


def test_elections_ties_and_withdrawals_are_counted_again() -> None:
    council = {"rule": "majority", "window_hours": 10, "grace_hours": 0, "early": False}
    assembly = Assembly(5, decisions={"council": council, "picnic": council})
    election = assembly.propose(0, "council", {"candidates": list(IDS[:3]), "seats": 2, "term_days": 9})
    for who, ranked in enumerate([(2, 1), (2, 1), (2, 0), (1, 2), (0,)]):
        assembly.cast(who, election, RANKED, ranked=tuple(IDS[one] for one in ranked))
    tie = assembly.propose(0, "picnic", {})
    withdrawn = assembly.propose(1, "picnic", {"again": 1})
    assembly.cast_all(tie, YES, YES, NO, OBJECT)
    assembly.cast_all(withdrawn, YES, ABSTAIN)
    assert assembly.withdraw(1, withdrawn) is None
    for _ in range(3):
        assembly.later(10)
        assembly.end_block()
    results = {assembly.decided(one).result for one in (election, tie, withdrawn)}
    assert results == {"passed", "tie", "withdrawn"}
    checked = recompute(read_export(write_export(export_of(assembly))))
    assert len(checked) == 3
    assert [one.recount.faults for one in checked] == [(), (), ()]


def test_an_early_end_is_counted_again() -> None:
    early = Assembly(2, decisions={"picnic": {"rule": "majority", "grace_hours": 1, "early": True}})
    proposal = early.propose(0, "picnic", {})
    early.cast(0, proposal, YES, member=IDS[1], at_ms=OPENED_MS + 2 * HOUR_MS)
    early.cast(0, proposal, YES)
    early.cast(1, proposal, NO)
    early.cast(1, proposal, YES, at_ms=OPENED_MS)
    early.later(3)
    early.end_block()
    assert early.decided(proposal).deadline_ms == OPENED_MS
    assert _only(export_of(early)).recount.faults == ()


# ---- reading


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda document: [], "export.unknown_format"),
        (lambda document: {**document, "format": "p2pnode/decisions/2"}, "export.unknown_format"),
        (lambda document: {**document, "group": "zz"}, "export.bad_field"),
        (lambda document: {**document, "group": "00" * 31}, "export.bad_field"),
        (lambda document: {**document, "group": "0 " * 32}, "export.bad_field"),
        (lambda document: {**document, "name": 1}, "export.bad_field"),
        (lambda document: {**document, "decisions": {}}, "export.bad_field"),
        (lambda document: {**document, "decisions": [1]}, "export.bad_field"),
    ],
)
def test_files_that_are_no_export(change: Any, rule: str) -> None:
    assembly, _ = meeting()
    document = json.loads(write_export(export_of(assembly)))
    with pytest.raises(FormatError) as caught:
        read_export(json.dumps(change(document)))
    assert caught.value.rule == rule


@pytest.mark.parametrize("text", ["", "{", "\x00", "[" * 100_000, '{"format": NaN'])
def test_texts_that_are_no_json(text: str) -> None:
    with pytest.raises(FormatError, match=r"export\.not_json"):
        read_export(text)


@pytest.mark.parametrize("name", ["proposal", "row", "proof", "electorate", "people", "entries", "annexes"])
@pytest.mark.parametrize("value", [1, "zz", [1], {}, "00", ["00"]], ids=str)
def test_a_field_that_is_none_has_a_rule(name: str, value: Any) -> None:
    assembly, _ = meeting()
    document = json.loads(write_export(export_of(assembly)))
    document["decisions"][0][name] = value
    try:
        checked = recompute(read_export(json.dumps(document)))
    except FormatError:
        return
    assert name in ("proof", "annexes", "electorate") or not all(one.holds for one in checked)


def test_a_proof_that_is_none_is_told() -> None:
    assembly, _ = meeting()
    export = export_of(assembly)
    (decided,) = export.decisions
    checked = _only(replace(export, decisions=(replace(decided, proof=b"\xc0"),)))
    assert checked.recount.agrees
    assert not checked.holds
    assert checked.proof.startswith("proof.")


def test_a_row_survives_its_bytes() -> None:
    assembly, proposal = meeting()
    row = assembly.decided(proposal)
    assert decode_decision(encode_decision(row)) == row


def _proven(assembly: Assembly, proposal: bytes, row_of: bytes | None = None, signers: int = 4) -> Any:
    """An export with a proof of the decision's row under a block that the founders certified."""
    rows = dict(assembly.state.scan(b""))
    built = update(EMPTY_ROOT, rows, {}.__getitem__)
    configuration = configuration_of(MemoryRows(genesis_rows(assembly.founding)))
    founders = Voters(configuration, PEOPLE[:6])
    group = assembly.founding.group
    header = header_of(configuration, group=group, previous=group, state_root=built.root)
    key = decision_key(row_of or proposal)
    shown = RowProof(key, rows.get(key), prove(built.root, key, built.new.__getitem__))
    link = Link(founders.final(header, *range(signers)))
    proof = encode_proof(Proof(assembly.founding, (link,), None, shown))
    export = export_of(assembly)
    return replace(export, decisions=(replace(export.decisions[0], proof=proof),))


def test_a_row_is_proven_to_be_the_groups_by_the_founding_and_a_certificate() -> None:
    assembly, proposal = meeting()
    export = read_export(write_export(_proven(assembly, proposal)))
    checked = _only(export)
    assert (checked.proof, checked.holds) == ("ordinary", True)
    assert recompute(export, trusted=export.group)[0].holds
    assert recompute(export, trusted=b"\x01" * 32)[0].proof == "proof.other_trust"


def test_a_proof_of_something_else_proves_nothing() -> None:
    assembly, proposal = meeting()
    checked = _only(_proven(assembly, proposal, row_of=b"\x01" * 32))
    assert (checked.proof, checked.holds) == ("export.other_proof", False)
    assert _only(_proven(assembly, proposal, signers=3)).proof.startswith("certificate.")
    # The row that somebody invented is not the one that the proof shows.
    export = _proven(assembly, proposal)
    (decided,) = export.decisions
    forged = replace(
        decided, evidence=replace(decided.evidence, row=replace(decided.evidence.row, closed_height=9))
    )
    assert _only(replace(export, decisions=(forged,))).proof == "export.other_proof"
