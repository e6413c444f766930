"""What is provisional is kept between questions, and is what it would be if it were executed anew (J37)."""

from pathlib import Path

import pytest

from p2pnode.core.events import Append, Item
from p2pnode.describing import Describer
from p2pnode.economy import event
from p2pnode.economy.event import EVENT_TYPE, Event
from p2pnode.economy.measure import Measure
from p2pnode.service import provisional
from p2pnode.service.economy_rows import PAGED
from p2pnode.service.paging import Page
from p2pnode.service.provisional import Provisional
from p2pnode.service.viewing import GroupView
from tests.unit.node.council import Council

TWO = ("alice", "bob")


def view_of(council: Council, name: str, facts: Provisional) -> GroupView:
    machine = council[name]
    log = machine.node.logs[council.group]
    describer = Describer(log.file, log.state, machine.key)
    return GroupView(council.group, log.file, describer, machine.key, council.now_ms, facts)


def work(council: Council, name: str) -> bytes:
    council.now_ms += 10
    said = Event(
        "work",
        council.now_ms,
        effort_quantity=Measure((2, 0), "hour"),
        receiver=council.group,
        stream="commons",
    )
    (entry,) = council[name].ask(
        Append(1, council.group, (Item(EVENT_TYPE, event.encode(said)),)), council.now_ms
    )
    return bytes(entry.id)


@pytest.fixture
def council(tmp_path: Path) -> Council:
    return Council(tmp_path, TWO)


def test_j37_what_came_since_is_executed_on_top(council: Council, monkeypatch: pytest.MonkeyPatch) -> None:
    executed: list[bytes] = []
    execute = provisional.execute_entry
    monkeypatch.setattr(
        provisional, "execute_entry", lambda *given: executed.append(given[1].id) or execute(*given)
    )
    kept = Provisional()
    first = [work(council, "alice") for _ in range(3)]
    assert list(view_of(council, "alice", kept).provisional) == executed == first
    assert list(view_of(council, "alice", kept).provisional) == executed == first
    first.append(work(council, "alice"))
    view = view_of(council, "alice", kept)
    assert list(view.provisional) == executed == first, "none of them was executed twice"
    anew = view_of(council, "alice", Provisional())
    assert list(view.rows.scan(b"")) == list(anew.rows.scan(b""))
    assert view.provisional == anew.provisional


def test_j37_another_order_and_another_minute_begin_anew(council: Council) -> None:
    kept = Provisional()
    for _ in range(3):
        work(council, "alice")
    view_of(council, "alice", kept)
    work(council, "bob")
    machine = council["bob"]
    machine.share(council["alice"], council.group)
    view, anew = view_of(council, "alice", kept), view_of(council, "alice", Provisional())
    assert len(view.provisional) == 4
    assert list(view.provisional.items()) == list(anew.provisional.items())
    assert list(view.rows.scan(b"")) == list(anew.rows.scan(b""))
    before = kept.executed
    council.now_ms += 60_000
    assert view_of(council, "alice", kept).provisional == view.provisional
    assert kept.executed is not before


def test_j37_more_than_so_many_are_not_executed(council: Council, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provisional, "PROVISIONAL_MAX", 2)
    kept = Provisional()
    for _ in range(4):
        work(council, "alice")
    assert len(view_of(council, "alice", kept).provisional) == 2
    assert len(view_of(council, "alice", kept).provisional) == 2


def test_a_page_goes_on_behind_a_row(council: Council) -> None:
    recorded = [work(council, "alice") for _ in range(5)]
    view = view_of(council, "alice", Provisional())
    shown = PAGED["events"](view, None, Page(2))
    assert [one["id"] for one in shown] == [one.hex() for one in recorded[:2:-1]]
    behind = PAGED["events"](view, view.me[0], Page(2, recorded[3]))
    assert [one["id"] for one in behind] == [one.hex() for one in recorded[2:0:-1]]
