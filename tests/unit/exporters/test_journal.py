"""Journals: every amount arrives, whatever people wrote."""

from __future__ import annotations

import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.exporters.journal import BEANCOUNT, HLEDGER, write_journal
from p2pnode.exporters.table import Table

ALICE, BOB, GROUP = ("aa" * 32, "bb" * 32, "cc" * 32)
EVENT_COLUMNS = (
    "id action provider receiver performed kind counted_amount counted_unit stream commons corrects"
    " fulfills note finality"
).split()
HOSTILE = 'x\n2026-01-01 open Assets:Theft\n"; } \\" = ~ 2026/01/01 * y\n    a  1 EUR'


def agents(*named: tuple[str, str]) -> Table:
    rows = [[ident, name, "member"] for ident, name in named]
    columns = (("id", "text"), ("name", "text"), ("class", "text"))
    return Table("agents", GROUP, "bakery", 3, 0, columns, rows)


def events(*rows: dict[str, Any]) -> Table:
    columns = tuple((name, "text") for name in EVENT_COLUMNS)
    return Table(
        "events",
        GROUP,
        HOSTILE,
        3,
        0,
        columns,
        [[row.get(name, "") for name in EVENT_COLUMNS] for row in rows],
    )


def flow(number: int, provider: str, receiver: str, amount: str, unit: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"{number:064x}",
        "action": "work",
        "provider": provider,
        "receiver": receiver,
        "performed": 1_767_225_600_000 + number,
        "counted_amount": amount,
        "counted_unit": unit,
        "finality": "final",
        **more,
    }


def readings(*rows: dict[str, Any]) -> Table:
    names = "meter entry first last count amount unit action provider receiver finality".split()
    columns = tuple((name, "text") for name in names)
    return Table(
        "readings", GROUP, HOSTILE, 3, 0, columns, [[row.get(name, "") for name in names] for row in rows]
    )


def reading(amount: str, receiver: str) -> dict[str, Any]:
    times = {"first": 1_767_225_600_000, "last": 1_767_312_000_000, "count": 96}
    named = {"entry": "dd" * 32, "action": "produce", "provider": ALICE, "receiver": receiver}
    return {"amount": amount, "unit": "kilowattHour", "finality": "final", **times, **named}


NO_READINGS = readings()
READ = readings(reading("1.125", GROUP), reading("7", ""))
"""A roof that produces for all, and one that somebody keeps for themselves."""

PEOPLE = agents((ALICE, "Älice: =cmd()\n"), (BOB, "木村"), (GROUP, "bakery"))
SOME = events(
    flow(1, ALICE, BOB, "2.5", "hour", kind="baking", note=HOSTILE),
    flow(2, BOB, ALICE, "0.000000000000000001", "kilogram", stream="care", commons=HOSTILE),
    flow(3, ALICE, BOB, "-0.5", "hour", corrects="1", finality="provisional"),
    flow(4, ALICE, GROUP, "9223372036854775807", "Hour"),
    flow(5, ALICE, GROUP, "1", "x"),
    flow(6, ALICE, GROUP, "1", "a-very-long-unit-of-our-village-"),
    {**flow(7, ALICE, BOB, "", ""), "note": "waits, and counts for nothing"},
)


def sums_of_beancount(path: Path) -> dict[tuple[str, str], Decimal]:
    from beancount import loader

    entries, errors, options = loader.load_file(str(path))
    assert not errors, errors
    assert "bakery" not in options["title"]
    sums: dict[tuple[str, str], Decimal] = {}
    for entry in entries:
        for posting in getattr(entry, "postings", ()):
            key = (posting.account, posting.units.currency)
            sums[key] = sums.get(key, Decimal(0)) + posting.units.number
    return sums


def test_beancount_accepts_it_and_the_sums_are_the_balances(tmp_path: Path) -> None:
    path = tmp_path / "a.beancount"
    path.write_text(write_journal(PEOPLE, SOME, READ, BEANCOUNT), "utf-8")
    sums = sums_of_beancount(path)
    alice, bob, group = "Alice-cmd-aaaaaaaa", "Agent-bbbbbbbb", "Bakery-cccccccc"
    assert sums[f"Income:{alice}:{bob}", commodity(path, "hour")] == Decimal("-2.0")
    assert sums[f"Expenses:{bob}:{alice}", commodity(path, "hour")] == Decimal("2.0")
    assert sums[f"Expenses:{alice}:{bob}", "KILOGRAM"] == Decimal("0.000000000000000001")
    assert sums[f"Expenses:{group}:{alice}", commodity(path, "Hour")] == Decimal(9223372036854775807)
    assert not [account for account, _ in sums if "Theft" in account]
    assert sums[f"Expenses:{group}:{alice}", "KILOWATTHOUR"] == Decimal("1.125")
    assert len({unit for _, unit in sums}) == 6


def commodity(path: Path, unit: str) -> str:
    lines = path.read_text("utf-8").splitlines()
    at = lines.index(f'  name: "{unit}"')
    return lines[at - 1].split()[-1]


def test_what_no_block_has_ordered_is_pending() -> None:
    for dialect in (HLEDGER, BEANCOUNT):
        text = write_journal(PEOPLE, SOME, READ, dialect)
        assert text.count("\n2026-01-01 ! ") == 1
        assert text.count("\n2026-01-01 * ") == 5


@pytest.mark.skipif(
    shutil.which("hledger") is None, reason="hledger is not installed: its own check is left out"
)
def test_hledger_accepts_it_in_strict_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    path.write_text(write_journal(PEOPLE, SOME, READ, HLEDGER), "utf-8")
    subprocess.run(["hledger", "-f", str(path), "check", "--strict"], check=True)
    shown = subprocess.run(
        ["hledger", "-f", str(path), "balance", "Expenses:Agent"], check=True, capture_output=True, text=True
    ).stdout
    assert "2.0 " in shown
    assert "Theft" not in shown


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([(ALICE, BOB), (BOB, ALICE), (ALICE, GROUP)]),
            st.decimals(min_value="-1000000", max_value="1000000", places=6).filter(bool),
            st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,31}", fullmatch=True),
            st.text(max_size=30),
        ),
        max_size=6,
    )
)
def test_no_amount_is_lost_whatever_people_write(
    tmp_path_factory: pytest.TempPathFactory, flows: Any
) -> None:
    rows = [
        flow(number, *sides, f"{amount:f}", unit, note=note, kind=note)
        for number, (sides, amount, unit, note) in enumerate(flows)
    ]
    path = tmp_path_factory.mktemp("journal") / "a.beancount"
    path.write_text(write_journal(PEOPLE, events(*rows), NO_READINGS, BEANCOUNT), "utf-8")
    taken = {key: value for key, value in sums_of_beancount(path).items() if key[0].startswith("Expenses")}
    wanted: dict[tuple[tuple[str, str], str], Decimal] = {}
    for sides, amount, unit, _ in flows:
        wanted[sides, unit] = wanted.get((sides, unit), Decimal(0)) + amount
    assert sorted(value for value in taken.values() if value) == sorted(
        value for value in wanted.values() if value
    )
