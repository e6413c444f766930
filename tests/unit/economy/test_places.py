"""D11: things stay near, by place and reach; what is known is copied anywhere and stays where it was."""

from __future__ import annotations

from typing import Any

from p2pnode.economy import promising
from p2pnode.service.economy_feed import Wanted, feed_page
from tests.unit.economy.market import ALICE, BOB, CAROL, DORA, HOUR_MS, Market
from tests.unit.economy.test_why import view_of

AMSTERDAM, HAARLEM, ROTTERDAM, TOKYO = "52.37,4.90", "52.38,4.64", "51.92,4.48", "35.68,139.69"
_PLACES = {
    AMSTERDAM: (52_370_000, 4_900_000),
    HAARLEM: (52_380_000, 4_640_000),
    ROTTERDAM: (51_920_000, 4_480_000),
}


def territory() -> Market:
    """Bread of Amsterdam, apples of Haarlem, welding of Rotterdam with a reach, and plans that reach all."""
    market = Market()

    def publish(who: int, purpose: str, action: str, kind: str, place: str, **said: Any) -> None:
        market.now_ms += 1
        market.intent(
            who, purpose, action, resource_conforms_to=kind, eligible_location=_PLACES[place], **said
        )

    publish(ALICE, promising.OFFER, "transfer", "bread", AMSTERDAM, much="5 kilogram")
    publish(BOB, promising.OFFER, "transfer", "apples", HAARLEM, much="9 kilogram")
    publish(CAROL, "request", "work", "welding", ROTTERDAM, work="3 hour", reach_km=70)
    publish(DORA, promising.OFFER, "copy", "oven plans", AMSTERDAM, much="1 one", reach_km=20_000)
    market.now_ms += HOUR_MS
    return market


def seen(market: Market, near: str, within_km: int | None = None) -> list[str]:
    page = feed_page(view_of(market), Wanted(near=near, within_km=within_km), None, 10)
    return [row["kind"] for row in page["rows"]]


def test_d11_offers_and_needs_have_a_place_and_a_reach() -> None:
    market = territory()
    everything = feed_page(view_of(market), Wanted(), None, 10)["rows"]
    assert [row["kind"] for row in everything] == ["oven plans", "welding", "apples", "bread"]
    assert all(row["place"] for row in everything)
    # Haarlem is 18 km from Amsterdam, Rotterdam 58: what lies around, and what reaches here.
    assert seen(market, AMSTERDAM) == ["oven plans", "welding", "bread"]
    assert seen(market, AMSTERDAM, 20) == ["oven plans", "welding", "apples", "bread"]
    assert seen(market, ROTTERDAM, 20) == ["oven plans", "welding"]
    # Only what is known reaches the other side of the world.
    assert seen(market, TOKYO, 100) == ["oven plans"]


def test_d11_what_is_known_is_copied_and_what_is_made_stays_where_it_is() -> None:
    market = Market()
    plans = market.record(ALICE, "produce", much="1 one", creates="oven plans", to_location="bakery")
    bread = market.record(ALICE, "produce", much="20 kilogram", creates="bread", to_location="bakery")
    copied = market.record(BOB, "copy", much="1 one", resource_inventoried_as=plans, creates="plans of Bob")
    assert market.resource(plans).accounting == (1, 0)
    assert market.resource(copied).accounting == (1, 0)
    assert (market.resource(plans).location, market.resource(bread).location) == ("bakery", "bakery")
    # Bread cannot be had twice: who takes it away takes it from where it was.
    wanted = {"much": "21 kilogram", "resource_inventoried_as": bread, "creates": "more bread"}
    assert market.refused_event(ALICE, "move", **wanted) == "resource.too_little"
