"""D17: what somebody practised, taught and learned, with who attests it; a file of it holds by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from p2pnode.bundle import (
    Bundle,
    ProvenRecord,
    ProvenRow,
    Shown,
    bundle_of,
    encode_bundle,
    verify_bundle,
)
from p2pnode.consensus.proof import Link, Proof, encode_proof
from p2pnode.consensus.rows import MemoryRows, row_key
from p2pnode.consensus.trie import EMPTY_ROOT, prove, update
from p2pnode.core import codec
from p2pnode.core.annex import encode_annex
from p2pnode.core.errors import FormatError
from p2pnode.economy import event, tables
from p2pnode.economy.skills import Practice, Skill, doing_of, skills_of
from p2pnode.governance import tables as members
from p2pnode.governance.configuration import configuration_of
from p2pnode.governance.genesis import genesis_rows
from p2pnode.proof_summary import summary_of
from p2pnode.skill_summary import skills_of_file
from tests.unit.economy.market import ALICE, BOB, CAROL, DORA, IDS, PEOPLE, Market, measure
from tests.vectors.cases.decided import Voters, header_of


def workshop() -> tuple[Market, bytes]:
    """Alice repairs, and teaches Bob; Carol, who can repair, attests it and Dora doubts a later one."""
    market = Market()
    spec = market.write(ALICE, "spec.define", codec.encode({"name": "bicycle repair"}))
    common = {"receiver": market.group, "stream": "commons"}
    done = market.record(ALICE, "work", work="2.5 hour", resource_conforms_to=spec, **common)
    shown = market.record(
        ALICE,
        "work",
        work="1 hour",
        resource_conforms_to="Bicycle repair",
        receiver=IDS[BOB],
        lesson="taught",
    )
    market.sign_event(BOB, shown)
    market.record(BOB, "work", work="3 hour", resource_conforms_to="weaving", lesson="learned", **common)
    market.record(ALICE, "deliverService", much="1 one", resource_conforms_to="haircut", **common)
    market.record(ALICE, "produce", much="2 kilogram", resource_conforms_to="bread", creates="bread")
    market.record(ALICE, "work", work="9 hour", **common)
    assert market.attest(CAROL, done, "uphold", competence="bicycles") is None
    assert market.attest(DORA, shown, "dispute") is None
    market.end_block()
    return market, done


def skills(market: Market, who: int) -> dict[str, Skill]:
    found = []
    for record_id, row in tables.rows_of(market.state, tables.EventRow, "event"):
        doing = doing_of(row, IDS[who])
        if doing is not None:
            spec = tables.spec(market.state, doing.kind) if isinstance(doing.kind, bytes) else None
            name = str(doing.kind) if spec is None else spec.name
            judged = tuple(tables.rows_of(market.state, tables.AttestationRow, "attestation", record_id))
            found.append(Practice(record_id, name, doing, judged))
    return {one.name.casefold(): one for one in skills_of(found)}


def sums(skill: Skill) -> dict[tuple[str, str], Any]:
    return {(way, measure.unit): measure.amount for way, measure in skill.sums}


def test_d17_skills_taught_and_learned_are_told_with_who_attests_them() -> None:
    market, done = workshop()
    hers = skills(market, ALICE)
    assert list(hers) == ["bicycle repair", "haircut"]
    repair = hers["bicycle repair"]
    assert sums(repair) == {("practised", "hour"): (25, -1), ("taught", "hour"): (1, 0)}
    assert (repair.upheld, repair.disputed) == (((IDS[CAROL], "bicycles"),), ((IDS[DORA], None),))
    assert sums(hers["haircut"]) == {("practised", "one"): (1, 0)}
    his = skills(market, BOB)
    assert {name: sums(one) for name, one in his.items()} == {
        "bicycle repair": {("learned", "hour"): (1, 0)},
        "weaving": {("learned", "hour"): (3, 0)},
    }
    # What is taught and what is learned are contributions as all others are: Bob learned for the group.
    assert ("commons", (3, 0)) in [
        (stream, given.amount) for stream, given in tables.contributions(market.state, IDS[BOB])
    ]
    # A correction counts with what it corrects, and what the group strikes is no skill.
    row = tables.event(market.state, done)
    assert row is not None
    said = event.decode(row.payload)
    less = replace(said, effort_quantity=measure("-0.5 hour"), corrects=done)
    market.write(ALICE, "event.record", event.encode(less))
    assert sums(skills(market, ALICE)["bicycle repair"])[("practised", "hour")] == (2, 0)


def test_d17_a_correction_cannot_make_a_lesson_of_work() -> None:
    market, done = workshop()
    row = tables.event(market.state, done)
    assert row is not None
    said = event.decode(row.payload)
    changed = replace(said, effort_quantity=measure("-0.5 hour"), corrects=done, lesson="taught")
    assert market.refused(ALICE, "event.record", event.encode(changed)) == "event.corrects_another"


# ---- carried away


NAME = encode_annex(bytes(32), {"name": "Alice"})


@cache
def carried(who: int = ALICE) -> tuple[Market, Bundle]:
    """Alice's record of skills under a block that all voters certified."""
    market, _ = workshop()
    rows = dict(market.state.scan(b""))
    built = update(EMPTY_ROOT, rows, {}.__getitem__)
    configuration = configuration_of(MemoryRows(genesis_rows(market.founding)))
    voters = Voters(configuration, PEOPLE[: len(configuration.voters)])
    header = header_of(configuration, group=market.group, previous=market.group, state_root=built.root)
    proof = encode_proof(Proof(market.founding, (Link(voters.final(header)),)))

    def proven(key: bytes) -> tuple[bytes, bytes]:
        return rows[key], prove(built.root, key, built.new.__getitem__)

    found = [
        (record_id, row)
        for record_id, row in tables.rows_of(market.state, tables.EventRow, "event")
        if doing_of(row, IDS[who]) is not None
    ]
    judged = [
        (row_key("attestation", record_id, member_id), row.entry)
        for record_id, _ in found
        for member_id, row in tables.rows_of(market.state, tables.AttestationRow, "attestation", record_id)
    ]
    specs = [key for key in rows if key.startswith(row_key("spec"))]
    said = {row.entry for _, row in found} | {entry for _, entry in judged}
    member = members.member(market.state, IDS[who])
    assert member is not None
    return market, bundle_of(
        proof,
        [ProvenRecord(record_id, row, *proven(tables.event_key(record_id))) for record_id, row in found],
        [ProvenRow(key, *proven(key)) for key in [*(key for key, _ in judged), *specs]],
        [entry for entry in market.entries if bytes(entry.id) in said],
        [Shown(codec.encode(member.inception))],
    )


def test_d17_a_record_of_skills_is_carried_away_and_holds_by_itself() -> None:
    market, bundle = carried()
    data = encode_bundle(bundle)
    found = skills_of_file(data, market.group)
    assert (found["group"], found["member"]) == (market.group.hex(), IDS[ALICE].hex())
    told = {one["skill"].casefold(): one for one in found["skills"]}
    assert (told["bicycle repair"]["practised"], told["bicycle repair"]["taught"]) == ("2.5 h", "1 h")
    assert told["bicycle repair"]["upheld"] == [{"member": IDS[CAROL].hex()[:8], "competence": "bicycles"}]
    assert told["bicycle repair"]["disputed"] == [{"member": IDS[DORA].hex()[:8], "competence": ""}]
    assert [one["way"] for one in found["records"]].count("taught") == 1
    assert all(one["finality"] == "final" for one in found["records"])
    # The same file is a bundle like all others.
    summary = summary_of(data, market.group)
    assert list(summary["people"]) == [IDS[ALICE].hex()]
    assert "bicycle repair" in {record["kind"] for record in summary["records"]}
    assert [one["competence"] for record in summary["records"] for one in record["attestations"]]
    with pytest.raises(FormatError, match=r"proof\.other_trust"):
        skills_of_file(data, bytes(32))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda bundle: replace(bundle, entries=bundle.entries[1:]), "bundle.other_entry"),
        (lambda bundle: replace(bundle, records=bundle.records[:0]), "bundle.other_row"),
        (lambda bundle: replace(bundle, rows=bundle.rows * 2), "bundle.bad_field"),
        (
            lambda bundle: replace(bundle, rows=(replace(bundle.rows[0], value=bundle.rows[1].value),)),
            "proof.",
        ),
        (lambda bundle: replace(bundle, people=()), "skills.whose"),
        (
            lambda bundle: replace(bundle, people=(replace(bundle.people[0], annex=NAME),)),
            "bundle.other_person",
        ),
        (lambda bundle: replace(bundle, people=(_somebody(CAROL),)), "bundle.other_person"),
        (lambda bundle: replace(bundle, people=(Shown(b"\x80"),)), "inception.bad_field"),
    ],
)
def test_d17_whatever_is_changed_in_it_is_found(change: Callable[[Bundle], Bundle], rule: str) -> None:
    market, bundle = carried()
    with pytest.raises(FormatError, match=rule):
        skills_of_file(encode_bundle(change(bundle)), market.group)


def _somebody(who: int) -> Shown:
    market = Market()
    row = members.member(market.state, IDS[who])
    assert row is not None
    return Shown(codec.encode(row.inception))


def test_d17_a_row_of_another_table_is_no_part_of_it() -> None:
    market, bundle = carried()
    rows = dict(market.state.scan(b""))
    built = update(EMPTY_ROOT, rows, {}.__getitem__)
    key = next(key for key in rows if key.startswith(row_key("member")))
    row = ProvenRow(key, rows[key], prove(built.root, key, built.new.__getitem__))
    with pytest.raises(FormatError, match=r"bundle\.other_row"):
        verify_bundle(encode_bundle(replace(bundle, rows=(row,))), market.group)
