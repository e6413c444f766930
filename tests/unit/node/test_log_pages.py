"""Pages of the log: with or without the votes on blocks, and on from where a search stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pnode import describing
from p2pnode.core.events import Append, Item
from p2pnode.core.ids import Lane
from p2pnode.describing import Describer, Filter
from p2pnode.governance import proposal
from p2pnode.governance.proposal import Proposal
from tests.unit.node.council import Council


def _describer(council: Council) -> Describer:
    log = council["alice"].node.logs[council.group]
    return Describer(log.file, log.state, council["alice"].key)


def _deciding(tmp_path: Path) -> Council:
    council = Council(tmp_path, ("alice", "bob", "carol"))
    council["bob"].write(council.group, "a fact", council.now_ms)
    asked = proposal.encode_open(Proposal("text", {"text": "shall we?"}))
    council["carol"].ask(Append(1, council.group, (Item(proposal.OPEN_TYPE, asked),)), council.now_ms)
    council.meet("alice", "bob", "carol")
    return council


def test_a_page_without_votes_shows_what_people_wrote(tmp_path: Path) -> None:
    describer = _describer(_deciding(tmp_path))
    everything = describer.page(Filter(), 100, None)["rows"]
    assert any(row["lane"] == Lane.VOTES for row in everything), "votes are shown to who wants them"
    facts = describer.page(Filter(votes=False), 100, None)["rows"]
    assert [row["entry"] for row in facts] == [
        row["entry"] for row in everything if row["lane"] != Lane.VOTES
    ]


def test_a_search_that_stopped_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    describer = _describer(_deciding(tmp_path))
    wanted = Filter(type="contribution")
    whole = describer.page(wanted, 100, None)
    assert len(whole["rows"]) == 1
    assert whole["next"] is None
    monkeypatch.setattr(describing, "SCANNED_MAX", 1)
    found, before, pages = [], None, 0
    while pages == 0 or before is not None:
        page = describer.page(wanted, 100, before)
        found += page["rows"]
        before, pages = page["next"], pages + 1
    assert [row["entry"] for row in found] == [row["entry"] for row in whole["rows"]]
    assert pages > 1
