"""A long run goes on where it stopped, and its summary counts what the present code has played."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.sim import ledger
from tests.sim.ledger import Ledger, summary
from tests.sim.runner import main
from tests.sim.world import Outcome

CLEAN, FAILED = Outcome("aa"), Outcome("bb", "state.not_rebuilt", "a lane differs")


def test_what_was_played_is_not_played_again(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    assert main(["--seeds", "0:4", "--shard", "2/2", "--log", str(log)]) == 0
    first = log.read_text()
    assert [json.loads(line)["case"] for line in first.splitlines()] == ["1", "3"]
    assert main(["--seeds", "1:2", "--log", str(log)]) == 0
    assert log.read_text() == first


def test_a_line_that_was_cut_off_costs_one_seed(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    Ledger(log).note("1", CLEAN, 1.0)
    Ledger(log).note("2", CLEAN, 1.0)
    log.write_text(log.read_text()[:-20])
    again = Ledger(log)
    assert (again.has("1"), again.has("2")) == (True, False)
    again.note("2", CLEAN, 1.0)
    assert Ledger(log).has("2")


def test_other_code_counts_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log.jsonl"
    Ledger(log).note("1", CLEAN, 1.0)
    monkeypatch.setattr(ledger, "code_hash", lambda: "another")
    assert not Ledger(log).has("1")
    assert "0 seeds" in summary([log])


def test_shares_are_summed_up(tmp_path: Path) -> None:
    for number in (1, 2):
        share = Ledger(tmp_path / f"{number}.jsonl")
        share.note(f"{number}", CLEAN, 1.0)
        share.note(f"{number} --twins", FAILED, 2.0)
    told = summary([tmp_path / "1.jsonl", tmp_path / "2.jsonl", tmp_path / "3.jsonl"])
    assert "4 seeds, 2 clean, 2 failed, 6 s, 1.50 s a seed" in told
    assert "2 of state.not_rebuilt" in told
    assert "1 --twins: state.not_rebuilt" in told
