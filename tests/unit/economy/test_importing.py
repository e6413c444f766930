"""Events of sheets: recorded once, by whomever they are brought in."""

import pytest

from p2pnode.core import codec
from p2pnode.economy import batch, event, importing, tables
from p2pnode.economy.importing import IMPORT_TYPE, Import
from p2pnode.economy.record import record_id
from tests.unit.economy.market import ALICE, BOB, CAROL, IDS, REASON, Market

KEY = bytes([7]) * 32


@pytest.fixture
def market() -> Market:
    return Market()


def row(market: Market, who: int, work: str = "2 hour", key: bytes = KEY) -> bytes:
    said = market.event("work", work=work, provider=IDS[who], receiver=market.group, stream="care")
    return importing.encode(Import(said, key))


def test_a_row_is_recorded_once(market: Market) -> None:
    recorded = market.write(ALICE, IMPORT_TYPE, row(market, ALICE))
    assert market.status(recorded) == "standing"
    assert market.refused(ALICE, IMPORT_TYPE, row(market, ALICE)) == "import.duplicate"
    assert market.refused(BOB, IMPORT_TYPE, row(market, ALICE)) == "import.duplicate"
    assert [str(given.amount) for _, given in tables.contributions(market.state, IDS[ALICE])] == ["(2, 0)"]
    assert importing.imported(market.state, importing.decode(row(market, ALICE))) == recorded
    market.write(ALICE, IMPORT_TYPE, row(market, ALICE, key=REASON))


def test_a_row_of_somebody_else_waits_for_them(market: Market) -> None:
    waiting = market.write(ALICE, IMPORT_TYPE, row(market, BOB))
    assert market.status(waiting) == "waiting"
    assert market.refused(BOB, IMPORT_TYPE, row(market, BOB)) == "import.duplicate"
    assert market.sign_event(BOB, waiting) is None
    assert market.status(waiting) == "standing"


def test_what_was_declined_may_be_brought_in_anew(market: Market) -> None:
    waiting = market.write(ALICE, IMPORT_TYPE, row(market, BOB, "9 hour"))
    market.sign_event(BOB, waiting, agrees=False)
    again = market.write(BOB, IMPORT_TYPE, row(market, BOB))
    assert market.status(again) == "standing"


def test_nobody_takes_a_row_of_others_by_an_event_of_their_own(market: Market) -> None:
    market.write(CAROL, IMPORT_TYPE, row(market, CAROL))
    recorded = market.write(ALICE, IMPORT_TYPE, row(market, ALICE))
    assert market.status(recorded) == "standing"


def test_in_a_batch_the_rows_are_judged_one_by_one(market: Market) -> None:
    first, other = (codec.decode(row(market, ALICE, key=key)) for key in (KEY, REASON))
    entry = market.write(ALICE, batch.BATCH_TYPE, batch.encode(IMPORT_TYPE, {}, [first, first, other]))
    assert market.status(record_id(entry, 0)) == market.status(record_id(entry, 2)) == "standing"
    assert tables.event(market.state, record_id(entry, 1)) is None
    held = tables.event(market.state, record_id(entry, 0))
    assert held is not None
    assert event.decode(held.payload).stream == "care"
