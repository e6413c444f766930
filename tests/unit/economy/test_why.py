"""W15: `why` tells whatever has a name or an id, down to the entries, and who must sign."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from p2pnode.core.errors import UsageError
from p2pnode.economy import batch, event, metering
from p2pnode.economy.metering import Meter, Reading
from p2pnode.economy.record import record_id
from p2pnode.service.economy_why import economy_lines, economy_remedy
from p2pnode.service.naming_why import balances_of, thing_lines
from tests.unit.economy.library import FIVE_PERCENT, FREE, Library
from tests.unit.economy.market import ALICE, BOB, CAROL, HOUR_MS, IDS, PEOPLE, Market

NAMES = {IDS[ALICE]: "Alice", IDS[BOB]: "Bob", IDS[CAROL]: "Carol"}


def view_of(market: Market, who: int = ALICE) -> Any:
    """A market as one of its members sees it: the rows are real, only names stand for annexes."""

    def name(member_id: bytes) -> str:
        return NAMES.get(member_id, member_id.hex()[:8])

    return SimpleNamespace(
        rows=market.state,
        final=SimpleNamespace(lists=SimpleNamespace(rows=lambda *_: []), scan_each=lambda _: []),
        agent_names={},
        group=market.group,
        describer=SimpleNamespace(group_name="bakery"),
        own_key=PEOPLE[who].public,
        me=(IDS[who], None),
        now_ms=market.now_ms,
        context=market.context,
        name=name,
        text=lambda _annex, _name: "",
    )


def told(market: Market, word: str, who: int = ALICE) -> str:
    found = thing_lines(view_of(market, who), word)
    assert found is not None, word
    subject, lines, remedy = found
    return "\n".join((subject, *lines, remedy))


def test_w15_why_this_balance_down_to_the_records_behind_it() -> None:
    market = Market()
    given = market.record(
        ALICE, "transfer", much="3 kilogram", receiver=IDS[BOB], resource_conforms_to="bread"
    )
    assert market.sign_event(BOB, given) is None
    back = market.record(BOB, "work", work="2 hour", receiver=IDS[ALICE])
    assert market.sign_event(ALICE, back) is None
    waiting = market.record(ALICE, "transfer", much="9 kilogram", receiver=IDS[BOB])
    text = told(market, "Alice/Bob")
    assert "Alice gave Bob 3 kg" in text
    assert "Bob gave Alice 2 h" in text
    assert given.hex()[:8] in text
    assert back.hex()[:8] in text
    # What Bob has not signed makes no balance.
    assert waiting.hex()[:8] not in text
    assert "neither has given" in told(market, "Alice/Carol")
    assert balances_of(view_of(market), IDS[ALICE]) == [
        "has given to or taken from Bob; why: p2pnode why Alice/NAME"
    ]


def test_w15_why_this_balance_with_the_group_names_the_meters() -> None:
    market = Market()
    roof = Meter("produce", 3, 900_000, "roof", "kilowattHour", receiver=market.group)
    meter = market.write(ALICE, metering.INSTALL_TYPE, metering.INSTALL.encode(roof))
    sent = metering.encode_reading(Reading(meter, ((900_000, 125),)))
    entry = market.write(ALICE, metering.READ_TYPE, sent)
    assert "the meter roof: 0.125 kWh in all its readings" in told(market, "Alice/bakery")
    for found in (told(market, "roof"), "\n".join(economy_lines(view_of(market), meter))):
        assert "counts what Alice produces, for bakery: 0.125 kWh so far" in found
        assert entry.hex()[:8] in found


def test_w15_why_names_who_must_sign_and_tells_them_how() -> None:
    market = Market()
    given = market.record(ALICE, "transfer", much="3 kilogram", receiver=IDS[BOB])
    lines = economy_lines(view_of(market), given)
    assert "it changes nothing yet: it waits for the signature of Bob" in lines
    assert economy_remedy(view_of(market, BOB), given).startswith("it waits for you: p2pnode sign ")
    assert economy_remedy(view_of(market, CAROL), given).startswith("Bob has to say yes or no")
    assert market.sign_event(BOB, given) is None
    assert economy_remedy(view_of(market), given) == ""


def test_w15_why_knows_records_of_a_batch_claims_and_offers() -> None:
    market = Market()
    said = [event.value(market.event("work", work="2 hour", receiver=IDS[BOB]))]
    entry = market.write(ALICE, batch.BATCH_TYPE, batch.encode(event.EVENT_TYPE, {}, said))
    record = record_id(entry, 0)
    text = told(market, record.hex()[:10], BOB)
    assert f"record 0 of the entry {entry.hex()[:8]}" in text
    assert "it waits for you" in text
    assert market.sign_event(BOB, record) is None
    rule, claim = market.claim(ALICE, "transfer", BOB, record, much="5 EUR")
    assert rule is None
    for found in (told(market, claim.hex()[:10]), "\n".join(economy_lines(view_of(market), claim))):
        assert "Alice asks Bob for 5 EUR: open" in found
        assert record.hex()[:8] in found
    offer = market.intent(
        ALICE,
        "offer",
        "transfer",
        much="5 kilogram",
        due_ms=market.now_ms + HOUR_MS,
        resource_conforms_to="apples",
    )
    market.promise(
        BOB,
        "transfer",
        much="2 kilogram",
        satisfies=offer,
        provider=IDS[ALICE],
        receiver=IDS[BOB],
        resource_conforms_to="apples",
    )
    found = "\n".join(economy_lines(view_of(market), offer))
    assert "left: 3 kg" in found
    assert "taken up by Bob: 2 kg" in found


def test_w15_why_knows_things_and_commons_by_name() -> None:
    market = Market()
    bread = market.record(ALICE, "produce", much="20 kilogram", creates="bread of Monday")
    text = told(market, "bread of monday")
    assert "20 kg there, 20 kg in the accounts of Alice" in text
    assert bread.hex()[:8] in text
    library = Library()
    garden = library.open(ALICE, FREE, FIVE_PERCENT)
    firm = library.outsider(ALICE, "Shop")
    library.use(ALICE, garden, "100 EUR", actor=firm)
    text = told(library, "Garden")
    assert "guarded by Alice" in text
    assert "Shop is extractive, owes 5 EUR" in text
    assert "p2pnode commons standing garden" in text


def test_w15_what_is_nothing_is_left_to_the_next_one_who_knows() -> None:
    market = Market()
    assert thing_lines(view_of(market), "nothing like it") is None
    market.record(ALICE, "produce", much="1 kilogram", creates="bread")
    market.record(ALICE, "produce", much="2 kilogram", creates="bread")
    with pytest.raises(UsageError) as refused:
        thing_lines(view_of(market), "bread")
    assert refused.value.rule == "resource.ambiguous"
