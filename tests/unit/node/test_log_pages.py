"""Pages of the log: with or without the votes on blocks, and on from where a search stopped."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from p2pnode import describing
from p2pnode.core.events import Append, Item
from p2pnode.core.ids import Lane
from p2pnode.describing import Describer, Filter
from p2pnode.governance import proposal
from p2pnode.governance.proposal import Proposal
from p2pnode.local.shapes import LogPage
from p2pnode.service.entries import merged
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


def _page(cursors: list[int], following: int | None) -> LogPage:
    return cast(LogPage, {"rows": [{"cursor": cursor} for cursor in cursors], "next": following})


@pytest.mark.parametrize(
    ("pages", "cursors", "following"),
    [
        # Of the first group nothing older than 50 was looked at: what the other has there comes later.
        ([_page([90], 50), _page([80, 40, 30], None)], [90, 80], 50),
        ([_page([], 50), _page([40], None)], [], 50),
        ([_page([90, 70, 60], 55), _page([80, 65, 62], 61)], [90, 80, 70], 70),
        ([_page([90], None), _page([80], None)], [90, 80], None),
        ([_page([90, 70], None), _page([80, 60], None)], [90, 80, 70], 70),
    ],
)
def test_pages_of_several_groups_lose_nothing(
    pages: list[LogPage], cursors: list[int], following: int | None
) -> None:
    got = merged(pages, 3)
    assert [row["cursor"] for row in got["rows"]] == cursors
    assert got["next"] == following
