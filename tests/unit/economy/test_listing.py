"""Lists: found by an index that follows from the rows, in pages that go on where the last one ended."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pnode.consensus.rows import row_key
from p2pnode.consensus.trie import EMPTY_ROOT, update
from p2pnode.core import codec
from p2pnode.economy import promising, tables
from p2pnode.economy.listing import EVERYBODY
from p2pnode.store.chain_tables import BlockRow
from p2pnode.store.group_file import GroupFile
from tests.unit.economy.market import ALICE, BOB, CAROL, IDS, Market
from tests.unit.node.test_state_takes_place import proven


@pytest.fixture
def file(tmp_path: Path) -> Iterator[GroupFile]:
    made = GroupFile(tmp_path / "group.db")
    yield made
    made.close()


class Book:
    """A market whose blocks are committed to a file."""

    def __init__(self, file: GroupFile) -> None:
        self.file = file
        self.market = Market()
        self.root = EMPTY_ROOT
        self.height = 0
        self.held: dict[bytes, bytes] = {}

    def commit(self) -> None:
        """Write what has changed since the last time."""
        now = dict(self.market.state.scan(b""))
        changes: dict[bytes, bytes | None] = {
            key: now.get(key) for key in sorted({*now, *self.held}) if now.get(key) != self.held.get(key)
        }
        trie = update(self.root, changes, self.file.chain.trie_node)
        self.root, self.held, self.height = trie.root, now, self.height + 1
        with self.file.write() as transaction:
            transaction.chain.add_block(BlockRow(self.height, b"", b"", b"", b"", b""))
            transaction.chain.put_state(changes, trie)

    def index(self) -> list[tuple[object, ...]]:
        return self.file._connection.execute("SELECT * FROM listed").fetchall()

    def ids(self, table: str, agent: bytes = EVERYBODY, limit: int = 100) -> list[bytes]:
        rows = self.file.chain.lists.rows(table, agent, None, limit)
        assert all(value == self.file.chain.get(row_key(table, row_id)) for row_id, value in rows)
        return [row_id for row_id, _ in rows]


def test_the_index_is_what_it_would_be_made_anew(file: GroupFile) -> None:
    book = Book(file)
    market = book.market
    offer = market.intent(ALICE, promising.OFFER, "transfer", much="5 kilogram")
    bread = market.record(ALICE, "produce", much="20 kilogram", creates="bread")
    book.commit()
    assert book.ids("resource", IDS[ALICE]) == [bread]
    assert book.ids("intent") == [offer]
    promise = market.promise(
        BOB, "transfer", much="5 kilogram", provider=IDS[ALICE], receiver=IDS[BOB], satisfies=offer
    )
    given = market.record(
        ALICE, "transfer", much="5 kilogram", receiver=IDS[BOB], fulfills=promise, stream="care"
    )
    later = market.intent(ALICE, promising.REQUEST, "work", work="2 hour")
    market.record(ALICE, "consume", much="20 kilogram", resource_inventoried_as=bread)
    book.commit()
    assert book.ids("intent") == [later, offer], "what is open comes first"
    assert book.ids("commitment", IDS[BOB]) == book.ids("commitment", IDS[ALICE]) == [promise]
    assert given in book.ids("event", IDS[BOB])
    assert book.ids("event", IDS[CAROL]) == []
    incremental = book.index()
    with file.write() as transaction:
        transaction.chain.list_again()
    assert book.index() == incremental
    assert len(set(incremental)) == len(incremental) > 10


def test_events_are_listed_by_time_and_found_behind_a_place(file: GroupFile) -> None:
    book = Book(file)
    recorded = []
    for _ in range(5):
        book.market.now_ms += 1000
        recorded.append(book.market.record(ALICE, "work", work="1 hour", receiver=book.market.group))
    book.commit()
    newest = recorded[::-1]
    assert book.ids("event") == newest
    row = tables.event(book.market.state, newest[1])
    assert row is not None
    behind = file.chain.lists.rows("event", IDS[ALICE], (row.time_ms, newest[1]), 2)
    assert [row_id for row_id, _ in behind] == newest[2:4]


def test_a_row_that_is_remembered_is_the_one_in_its_bytes() -> None:
    """Else what a node means by a row would depend on what it did a moment before."""
    market = Market()
    market.record(ALICE, "produce", much="20 kilogram", creates="bread", to_location=(52_000_000, 4_000_000))
    offer = market.intent(ALICE, promising.OFFER, "transfer", much="5 kilogram")
    market.promise(
        BOB, "transfer", much="5 kilogram", provider=IDS[ALICE], receiver=IDS[BOB], satisfies=offer
    )
    done = market.record(ALICE, "work", work="2 hour", receiver=IDS[BOB])
    market.sign_event(BOB, done)
    assert market.claim(ALICE, "work", BOB, done, work="1 hour")[0] is None
    seen = set()
    for (made, data), row in list(tables._known.items()):
        seen.add(made)
        decoded = tuple(codec.decode(data)) if made is tuple else tables._row(made, codec.decode(data))
        assert row == decoded
        assert repr(row) == repr(decoded), "a list is no tuple"
    assert seen >= tables._REMEMBERED


def test_the_index_comes_with_a_snapshot(file: GroupFile) -> None:
    book = Book(file)
    offer = book.market.intent(ALICE, promising.OFFER, "transfer", much="5 kilogram")
    book.commit()
    bread = book.market.record(ALICE, "produce", much="20 kilogram", creates="bread")
    rows = dict(book.market.state.scan(b""))
    with file.write() as transaction:
        transaction.level.add_state(proven(rows, update(EMPTY_ROOT, dict(rows), {}.__getitem__)))
        assert book.ids("resource") == [], "the state on its way is not seen yet"
        transaction.level.install(1)
    assert (book.ids("resource"), book.ids("intent")) == ([bread], [offer])
    taken = book.index()
    with file.write() as transaction:
        transaction.chain.list_again()
        while transaction.level.clear_aside():
            pass
    assert book.index() == taken
