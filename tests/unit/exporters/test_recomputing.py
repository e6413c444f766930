"""D5, D7, W6: a run is computed again from a file alone, and each change of the file is noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from p2pnode.consensus.proof import Link, Proof, RowProof, encode_proof
from p2pnode.consensus.rows import MemoryRows
from p2pnode.consensus.trie import EMPTY_ROOT, prove, update
from p2pnode.core import codec
from p2pnode.core.errors import FormatError
from p2pnode.economy import batch, event, importing, metering
from p2pnode.economy.journal import Line
from p2pnode.economy.metering import Meter, Reading
from p2pnode.economy.sharing import again, run_key, run_row, shares
from p2pnode.economy.transvestment import INFLOW, INFLOW_TYPE, Inflow
from p2pnode.exporters.distribution_export import RunExport, read_run, write_run
from p2pnode.exporters.recomputing import Recomputed, recompute_run
from p2pnode.governance.configuration import configuration_of
from p2pnode.governance.genesis import genesis_rows
from tests.unit.economy.market import ALICE, BOB, CAROL, IDS, PEOPLE, measure
from tests.unit.economy.test_giving_back import Borrowers
from tests.unit.economy.test_sharing import Cooperative
from tests.unit.exporters.meeting import people_of
from tests.vectors.cases.decided import Voters, header_of


@cache
def quarter() -> tuple[Cooperative, bytes]:
    """A quarter in which three worked, one of whom is doubted, and something was sold and taken back."""
    group = Cooperative()
    sold = group.earn("1000.10 EUR")
    spec = group.write(ALICE, "spec.define", codec.encode({"name": "weeding"}))
    group.work(ALICE, "3", resource_conforms_to=spec)
    group.work(BOB, "1.5", "care")
    doubted = group.work(CAROL, "7")
    meter = [
        event.value(group.event("work", work="0.25 hour", receiver=group.group, stream="commons"))
        for _ in range(3)
    ]
    group.write(BOB, batch.BATCH_TYPE, batch.encode(event.EVENT_TYPE, {}, meter))
    group.end_block()
    group.attest(ALICE, doubted, "dispute")
    back = group.event(
        "transfer", much="-0.05 EUR", corrects=sold, provider=group.customer, receiver=group.group
    )
    group.write(ALICE, event.EVENT_TYPE, event.encode(back))
    group.end_block()
    return group, group.run()


@cache
def imported() -> tuple[Cooperative, bytes]:
    """A quarter of which a time sheet was imported; somebody outside lent, which is no income."""
    group = Cooperative()
    group.earn("1000 EUR")
    hours = group.event("work", work="2 hour", provider=IDS[BOB], receiver=group.group, stream="commons")
    row: dict[str, codec.Value] = {"event": event.value(hours), "key": bytes(32)}
    group.write(BOB, batch.BATCH_TYPE, batch.encode(importing.IMPORT_TYPE, {}, [row]))
    loan = Inflow(1200, group.now_ms, measure("700 EUR"), "debt", provider=group.customer)
    brought = group.write(ALICE, INFLOW_TYPE, INFLOW.encode(loan))
    adopted = group.propose(ALICE, "commons", {"entry": brought})
    group.end_block()
    group.cast_all(adopted, "yes", "yes", "yes", "yes")
    group.later(2)
    group.end_block()
    return group, group.run()


@cache
def sunny() -> tuple[Cooperative, bytes]:
    """A day of a roof for all and of two houses, of which one reads something twice."""
    group = Cooperative()
    quarter_ms = 900_000

    def read(who: int, action: str, *amounts: int, receiver: bytes | None = None) -> None:
        meter = Meter(action, 3, quarter_ms, action, "kilowattHour", receiver=receiver)
        meter_id = group.write(who, metering.INSTALL_TYPE, metering.INSTALL.encode(meter))
        sent = tuple((quarter_ms * place, amount) for place, amount in enumerate(amounts, 1))
        group.write(who, metering.READ_TYPE, metering.encode_reading(Reading(meter_id, sent)))

    read(ALICE, "produce", 2000, 1500, receiver=group.group)
    read(BOB, "consume", 125, 250)
    read(CAROL, "consume", 1000, -7, 0)
    group.end_block()
    return group, group.run("sun")


def export_of(
    proof: bytes | None = None, made: Callable[[], tuple[Cooperative, bytes]] = quarter
) -> RunExport:
    group, run_id = made()
    row = run_row(group.state, run_id)
    assert row is not None
    run = again(group.state, row)
    by_id = {bytes(entry.id): entry for entry in group.entries}
    facts = {"event.record", "batch", "spec.define", "meter.install", "meter.read"}
    return RunExport(
        group.group,
        "Garden",
        by_id[run_id],
        row,
        proof,
        tuple(shares(group.state, run_id)),
        run.inputs,
        tuple(entry for entry in group.entries if entry.header.type in facts),
        people_of(group),
        {IDS[ALICE]: "Alice"},
    )


def export_with_returns() -> RunExport:
    """A run that gives back to outside money, of which a part is paid afterwards."""
    group = Borrowers()
    debts = [group.borrow(f"{much}.25 EUR", 1100) for much in (100, 900)]
    run_id = group.share("777.77 EUR")
    group.pay(debts[0], "3.33 EUR")
    row = run_row(group.state, run_id)
    assert row is not None
    entries = {bytes(entry.id): entry for entry in group.entries}
    run = again(group.state, row)
    behind = tuple(entries[line.record] for line in run.inputs)
    buckets = tuple(shares(group.state, run_id))
    people = people_of(group)
    return RunExport(
        group.group, "Garden", entries[run_id], row, None, buckets, run.inputs, behind, people, {}
    )


def test_d7_what_flows_back_is_recomputed_from_the_file_to_the_last_digit() -> None:
    export = read_run(write_run(export_with_returns()))
    found = recompute_run(export)
    assert found.faults == ()
    # 300 permille of 777.77 are 233.33, by what is left of 110.275 and of 777.77, which is less than the cap.
    returned = [found.text(amount) for _, amount in found.result.returned]
    assert sorted(returned) == ["204.36 EUR", "28.97 EUR"]
    first, second = export.row.capped
    for capped in ((replace(first, left=(1, 0)), second), (second,), ()):
        changed = recompute_run(replace(export, row=replace(export.row, capped=capped)))
        assert _rules(changed) == ["recompute.other_result", "recompute.other_share"]
    moved = replace(first, who=IDS[ALICE])
    changed = recompute_run(replace(export, row=replace(export.row, capped=(moved, second))))
    assert _rules(changed) == ["recompute.other_result", "recompute.other_share"]


def test_d12_what_meters_read_is_recomputed_from_the_file_to_the_last_digit() -> None:
    export = read_run(write_run(export_of(made=sunny)))
    found = recompute_run(export)
    assert found.faults == ()
    # Carol's house read a flow below zero, which is void by itself: the others of its entry stand.
    assert found.judged == 0
    owed = {who: found.text(amount) for who, amount in found.result.owed}
    assert owed == {IDS[BOB]: "0.375 kWh", IDS[CAROL]: "1.000 kWh"}
    assert found.text(found.result.rest) == "2.125 kWh"
    for change, rule in (
        (lambda line: line._replace(amount=(9, 0)), "recompute.other_record"),
        (lambda line: line._replace(who=IDS[ALICE]), "recompute.other_record"),
        (lambda line: line._replace(unit="hour"), "recompute.other_record"),
        (lambda line: line._replace(what="received"), "recompute.other_record"),
    ):
        used = next(place for place, line in enumerate(export.lines) if line.what == "consumed")
        lines = (*export.lines[:used], change(export.lines[used]), *export.lines[used + 1 :])
        assert rule in _rules(recompute_run(replace(export, lines=lines)))
    kept = tuple(entry for entry in export.entries if entry.header.type != "meter.install")
    assert "recompute.no_entry" in _rules(recompute_run(replace(export, entries=kept)))


def _rules(found: Recomputed) -> list[str]:
    return sorted({rule for rule, _ in found.faults})


def test_w6_a_run_is_recomputed_from_a_file_and_agrees_to_the_last_digit() -> None:
    text = write_run(export_of())
    export = read_run(text)
    assert write_run(export) == text
    found = recompute_run(export)
    assert found.faults == ()
    assert (found.holds, found.proof, found.judged) == (True, "absent", 1)
    # 1000.05: 100.00 stay, 300.01 alike, 600.04 by points 300 to 300 + 75; what is doubted counts nothing.
    shares_by_name = dict(found.result.owed)
    assert found.text(shares_by_name[IDS[CAROL]]) == "75.00 EUR"
    assert sum(shares_by_name.values()) == 90_005
    assert shares_by_name[IDS[ALICE]] + shares_by_name[IDS[BOB]] == 90_005 - 2 * 7_500


def test_w6_what_was_imported_is_recomputed_too_and_a_loan_is_no_part_of_it() -> None:
    export = read_run(write_run(export_of(made=imported)))
    found = recompute_run(export)
    assert (found.faults, found.holds) == ((), True)
    assert [(line.what, line.amount) for line in export.lines] == [
        ("received", (1000, 0)),
        ("commons", (2, 0)),
    ]


def _line(change: Callable[[Line], Line], number: int = 2) -> Callable[[RunExport], RunExport]:
    def changed(export: RunExport) -> RunExport:
        lines = list(export.lines)
        lines[number] = change(lines[number])
        return replace(export, lines=tuple(lines))

    return changed


def _forged(export: RunExport) -> RunExport:
    """Somebody else's signature under an entry."""
    first = export.entries[1]
    other = replace(first, signature=export.entries[2].signature)
    return replace(export, entries=(export.entries[0], other, *export.entries[2:]))


def _stated(export: RunExport) -> RunExport:
    name, kind, base, amount, found = export.buckets[2]
    more = [[of, who, one + (who == IDS[BOB])] for of, who, one in found]
    return replace(export, buckets=(*export.buckets[:2], [name, kind, base, amount, more]))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (_line(lambda line: line._replace(amount=(99, 0))), "recompute.other_lines"),
        (_line(lambda line: line._replace(who=IDS[CAROL])), "recompute.other_record"),
        (_line(lambda line: line._replace(unit="day")), "recompute.other_record"),
        (_line(lambda line: line._replace(kind="sleeping")), "recompute.other_record"),
        (_line(lambda line: line._replace(what="livelihood")), "recompute.other_record"),
        (_line(lambda line: line._replace(height=99)), "recompute.other_height"),
        (_line(lambda line: line._replace(record=bytes(32))), "recompute.no_entry"),
        (lambda export: replace(export, lines=export.lines[1:]), "recompute.other_flow"),
        (lambda export: replace(export, lines=export.lines[:-1]), "recompute.other_lines"),
        (lambda export: replace(export, entries=export.entries[2:]), "recompute.no_entry"),
        (_forged, "recompute.bad_signature"),
        (_stated, "recompute.other_share"),
        (lambda export: replace(export, people=export.people[1:]), "recompute.unknown_author"),
        (lambda export: replace(export, row=replace(export.row, rest=5)), "recompute.other_rest"),
        (lambda export: replace(export, row=replace(export.row, flow=(5, 0))), "recompute.other_row"),
        (lambda export: replace(export, row=replace(export.row, members=b"")), "recompute.other_result"),
        (lambda export: replace(export, proposal=export.entries[0]), "recompute.no_proposal"),
        (lambda export: replace(export, proof=b"\x00"), "proof.bad_field"),
    ],
)
def test_w6_whatever_is_changed_is_found(change: Callable[[RunExport], RunExport], rule: str) -> None:
    found = recompute_run(change(export_of()))
    assert not found.holds
    assert rule in (*_rules(found), found.proof)


def test_w6_the_first_difference_is_named_to_the_last_digit() -> None:
    found = recompute_run(_stated(export_of()))
    (fault,) = [what for rule, what in found.faults if rule == "recompute.other_share"]
    assert fault.startswith(f"bucket work, {IDS[BOB].hex()[:8]}: ")
    assert "computed, not what is stated" in fault


def _proven(of: bytes | None = None, signers: int = 4) -> RunExport:
    """An export with a proof of the run's row under a block that the founders certified."""
    group, run_id = quarter()
    rows = dict(group.state.scan(b""))
    built = update(EMPTY_ROOT, rows, {}.__getitem__)
    configuration = configuration_of(MemoryRows(genesis_rows(group.founding)))
    founders = Voters(configuration, PEOPLE[:4])
    header = header_of(configuration, group=group.group, previous=group.group, state_root=built.root)
    key = run_key(of or run_id)
    shown = RowProof(key, rows.get(key), prove(built.root, key, built.new.__getitem__))
    link = Link(founders.final(header, *range(signers)))
    return export_of(encode_proof(Proof(group.founding, (link,), None, shown)))


def test_w6_the_certificate_of_the_group_holds_the_rule_the_lines_and_the_result_together() -> None:
    found = recompute_run(read_run(write_run(_proven())))
    assert (found.holds, found.proof, found.faults) == (True, "ordinary", ())
    assert recompute_run(_proven(), bytes(32)).proof == "proof.other_trust"
    assert recompute_run(_proven(signers=1)).proof.startswith("certificate.")
    assert recompute_run(_proven(of=bytes(32))).proof == "export.other_proof"
    # Whoever writes lines, hashes and shares anew to fit each other has no certificate for them.
    changed = replace(_proven(), row=replace(export_of().row, rest=1))
    assert recompute_run(changed).proof == "export.other_proof"


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"format": "p2pnode/distribution/2"}', '{"format": "p2pnode/distribution/1"}'],
)
def test_what_is_no_export_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match=r"export\."):
        read_run(text)
