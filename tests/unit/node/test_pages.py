"""Pages of lists and of the feed: final rows with what is provisional on top, and no more than is needed."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from p2pnode.core.events import Append, Item
from p2pnode.economy import judging, promising
from p2pnode.economy.measure import Measure
from p2pnode.service import economy_feed, paging
from p2pnode.service.economy_feed import Wanted, feed_page
from p2pnode.service.economy_rows import PAGED
from p2pnode.service.paging import Page
from p2pnode.service.provisional import Provisional
from tests.unit.node.council import Council
from tests.unit.node.test_provisional import TWO, view_of, work


def _say(council: Council, name: str, type_: str, payloads: Sequence[bytes]) -> list[bytes]:
    council.now_ms += 10
    items = tuple(Item(type_, payload) for payload in payloads)
    return [bytes(one.id) for one in council[name].ask(Append(1, council.group, items), council.now_ms)]


def _offers(council: Council, count: int) -> list[bytes]:
    said = promising.Intent(promising.OFFER, "work", effort_quantity=Measure((1, 0), "hour"))
    return [
        _say(council, "alice", promising.INTENT_TYPE, [promising.INTENT.encode(said)])[0]
        for _ in range(count)
    ]


def test_judgements_of_a_page_are_final_and_provisional_ones(tmp_path: Path) -> None:
    council = Council(tmp_path, ("alice", "bob", "carol"), checkpoint_entries=1)
    done = [work(council, "alice") for _ in range(3)]
    council.meet("alice", "bob", "carol")

    def uphold(name: str, record: bytes, competence: str) -> None:
        said = judging.Attestation(record, judging.UPHOLD, competence=competence)
        _say(council, name, judging.ATTESTATION_TYPE, [judging.ATTESTATION.encode(said)])

    uphold("bob", done[0], "baking")
    uphold("bob", done[1], "baking")
    council.meet("alice", "bob", "carol")
    uphold("bob", done[1], "sewing")
    uphold("bob", done[2], "sewing")
    council["bob"].share(council["carol"], council.group)
    view = view_of(council, "bob", Provisional())
    bob = view.me[0].hex()[:8]
    shown = {one["id"]: one["attestations"] for one in PAGED["events"](view, None, Page())}
    judged = {record: [(one["member"], one["competence"]) for one in shown[record.hex()]] for record in done}
    assert len(view.final.scan_each([b"attestation\0" + record for record in done])) == 2
    assert judged == {done[0]: [(bob, "baking")], done[1]: [(bob, "sewing")], done[2]: [(bob, "sewing")]}


def test_the_feed_ends_where_nothing_is_open_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    council = Council(tmp_path, TWO)
    offers = _offers(council, 6)
    ends = [promising.INTENT_CLOSE.encode(promising.Reference(one)) for one in offers[:4]]
    _say(council, "alice", promising.INTENT_CLOSE_TYPE, ends)
    asked: list[Page] = []
    listed = paging.listed_rows
    monkeypatch.setattr(economy_feed, "listed_rows", lambda *given: asked.append(given[3]) or listed(*given))
    view = view_of(council, "alice", Provisional())
    page = feed_page(view, Wanted(), None, 2)
    assert [one["id"] for one in page["rows"]] == [one.hex() for one in offers[:3:-1]]
    assert page["next"] is None, "what was closed is no page more"
    assert len(asked) == 1
    everything = feed_page(view, Wanted(is_all=True), None, 4)
    assert [one["id"] for one in everything["rows"]] == [
        one.hex() for one in (offers[5], offers[4], offers[3], offers[2])
    ]


def test_a_page_of_the_feed_looks_at_so_many_rows_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(economy_feed, "LOOKED_AT_MAX", 2)
    council = Council(tmp_path, TWO)
    offers = _offers(council, 5)
    view = view_of(council, "alice", Provisional())
    wanted = Wanted(purpose=promising.REQUEST)
    page = feed_page(view, wanted, None, 1)
    assert (page["rows"], page["next"]) == ([], offers[3].hex())
    monkeypatch.setattr(economy_feed, "ROWS_MAX", 2)
    seen, after = list[str](), None
    while True:
        page = feed_page(view, Wanted(purpose=promising.OFFER), after, 2)
        seen += [one["id"] for one in page["rows"]]
        after = page["next"]
        if after is None:
            break
    assert seen == [one.hex() for one in reversed(offers)]
