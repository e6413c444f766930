"""Events: who may record what, whose signature they wait for, and what follows from them."""

import pytest

from p2pnode.consensus.rows import row_key
from p2pnode.core.errors import FormatError
from p2pnode.economy import batch, claim, contribution, event, tables
from p2pnode.economy.claim import Claim
from p2pnode.economy.contribution import Contribution
from p2pnode.economy.measure import Measure
from p2pnode.economy.record import record_id
from p2pnode.governance.mandate import MandateRow
from p2pnode.governance.tables import read, write
from tests.unit.economy.market import ALICE, BOB, CAROL, DORA, HOUR_MS, IDS, REASON, Market, waiting_for


@pytest.fixture
def market() -> Market:
    return Market()


def test_d2_what_somebody_makes_is_theirs_and_counted(market: Market) -> None:
    bread = market.record(ALICE, "produce", much="20 kilogram", creates="bread", resource_conforms_to="bread")
    held = market.resource(bread)
    assert (held.accounting, held.onhand, held.unit) == ((20, 0), (20, 0), "kilogram")
    assert held.accountable == held.custodian == IDS[ALICE]
    market.record(ALICE, "consume", much="0.5 kilogram", resource_inventoried_as=bread)
    assert market.resource(bread).onhand == (195, -1)


def test_d2_nobody_takes_more_than_there_is(market: Market) -> None:
    bread = market.record(ALICE, "produce", much="2 kilogram", creates="bread")
    taken = {"resource_inventoried_as": bread}
    assert market.refused_event(ALICE, "consume", much="3 kilogram", **taken) == "resource.too_little"
    assert market.refused_event(ALICE, "consume", much="1 litre", **taken) == "resource.other_unit"
    assert (
        market.refused_event(ALICE, "consume", much="1 kilogram", resource_inventoried_as=REASON)
        == "resource.unknown"
    )
    assert market.refused_event(BOB, "consume", much="1 kilogram", **taken) == "resource.not_accountable"


def test_d2_a_transfer_arrives_in_the_same_amount(market: Market) -> None:
    bread = market.record(ALICE, "produce", much="5 kilogram", creates="bread")
    given = market.record(
        ALICE,
        "transfer",
        much="2 kilogram",
        receiver=IDS[BOB],
        resource_inventoried_as=bread,
        creates="bread of Bob",
        to_location="kitchen",
    )
    assert market.status(given) == "waiting"
    assert waiting_for(market, BOB) == [given]
    assert tables.resource(market.state, given) is None
    assert market.sign_event(BOB, given) is None
    assert market.status(given) == "standing"
    assert waiting_for(market, BOB) == []
    assert market.resource(bread).accounting == (3, 0)
    held = market.resource(given)
    assert (held.accounting, held.accountable, held.location) == ((2, 0), IDS[BOB], "kitchen")
    assert market.given(ALICE, BOB, "kilogram") == market.taken(BOB, ALICE, "kilogram") == (2, 0)


def test_w5_what_names_somebody_waits_and_may_be_declined(market: Market) -> None:
    lied = market.record(ALICE, "work", work="100 hour", receiver=IDS[BOB])
    assert market.sign_event(CAROL, lied) == "countersign.not_asked"
    assert market.sign_event(BOB, lied, agrees=False) is None
    assert market.status(lied) == "declined"
    assert market.given(ALICE, BOB, "hour") == (0, 0)
    assert market.sign_event(BOB, lied) == "countersign.not_waiting"
    meant = market.record(ALICE, "work", work="1 hour", receiver=IDS[BOB])
    assert market.sign_event(ALICE, meant) == "countersign.not_asked"
    assert market.sign_event(ALICE, meant, agrees=False) is None
    assert market.status(meant) == "declined"


def test_w5_recording_for_others_needs_both(market: Market) -> None:
    helped = market.record(CAROL, "deliverService", much="1 one", provider=IDS[ALICE], receiver=IDS[BOB])
    assert waiting_for(market, ALICE) == waiting_for(market, BOB) == [helped]
    assert market.sign_event(ALICE, helped) is None
    assert (market.status(helped), waiting_for(market, ALICE)) == ("waiting", [])
    assert market.sign_event(BOB, helped) is None
    assert market.given(ALICE, BOB, "one") == (1, 0)


def test_d5_a_contribution_needs_nobody_and_counts_in_its_stream(market: Market) -> None:
    for stream in ("livelihood", "commons", "care"):
        payload = contribution.encode(
            Contribution("work", "gardening", 0, "garden", stream, effort_quantity=Measure((15, -1), "hour"))
        )
        market.write(ALICE, "contribution", payload)
    counted = dict(tables.contributions(market.state, IDS[ALICE]))
    assert counted == dict.fromkeys(("care", "commons", "livelihood"), Measure((15, -1), "hour"))
    assert market.given(ALICE, market.group, "hour") == (45, -1)


def test_accident_only_a_correction_takes_away(market: Market) -> None:
    bread = market.record(
        ALICE, "produce", much="20 kilogram", creates="bread", receiver=market.group, stream="commons"
    )
    same = {"receiver": market.group, "stream": "commons", "resource_inventoried_as": bread}
    with pytest.raises(FormatError, match=r"event\.bad_quantity"):
        market.record(ALICE, "produce", much="-5 kilogram", **same)
    corrected = market.record(ALICE, "produce", much="-5 kilogram", corrects=bread, **same)
    assert market.resource(bread).accounting == (15, 0)
    row = tables.event(market.state, bread)
    assert row is not None
    assert row.resource_amount == (15, 0)
    assert dict(tables.contributions(market.state, IDS[ALICE])) == {"commons": Measure((15, 0), "kilogram")}
    too_much = {"much": "-16 kilogram", "corrects": bread}
    assert market.refused_event(ALICE, "produce", **too_much, **same) == "event.corrects_too_much"
    other = {"much": "-1 kilogram", "corrects": bread}
    assert market.refused_event(ALICE, "produce", **other) == "event.corrects_another"
    assert market.refused_event(CAROL, "produce", provider=IDS[ALICE], **other, **same) == "event.not_yours"
    assert (
        market.refused_event(ALICE, "produce", much="-1 kilogram", corrects=corrected, **same)
        == "event.corrects_correction"
    )


def test_a_correction_of_an_exchange_is_signed_by_both(market: Market) -> None:
    helped = market.record(ALICE, "work", work="3 hour", receiver=IDS[BOB])
    assert market.sign_event(BOB, helped) is None
    less = market.record(ALICE, "work", work="-1 hour", receiver=IDS[BOB], corrects=helped)
    assert market.given(ALICE, BOB, "hour") == (3, 0)
    assert market.sign_event(BOB, less) is None
    assert market.given(ALICE, BOB, "hour") == market.taken(BOB, ALICE, "hour") == (2, 0)


def test_d14_a_thing_is_lent_and_comes_back(market: Market) -> None:
    drill = market.record(ALICE, "raise", much="1 one", creates="drill", receiver=market.group)
    assert market.resource(drill).accountable == market.group
    lent = market.record(
        BOB,
        "transferCustody",
        much="1 one",
        provider=market.group,
        receiver=IDS[BOB],
        resource_inventoried_as=drill,
        creates="drill at Bob's",
        to_location="Bob's shed",
    )
    assert market.resource(drill).onhand == (0, 0)
    assert market.resource(drill).accounting == (1, 0)
    held = market.resource(lent)
    assert (held.accountable, held.custodian, held.accounting) == (market.group, IDS[BOB], (0, 0))
    back = {"much": "1 one", "receiver": market.group, "to_resource_inventoried_as": drill}
    assert (
        market.refused_event(CAROL, "transferCustody", resource_inventoried_as=lent, **back)
        == "resource.not_custodian"
    )
    market.record(
        BOB, "use", work="3 hour", resource_inventoried_as=drill, provider=market.group, receiver=IDS[BOB]
    )
    assert market.taken(BOB, market.group, "hour") == (3, 0)
    market.record(BOB, "transferCustody", resource_inventoried_as=lent, state="worn", **back)
    assert (market.resource(drill).onhand, market.resource(drill).state) == ((1, 0), "worn")


def test_w9_the_group_gives_away_by_mandate_only(market: Market) -> None:
    press = market.record(ALICE, "produce", much="1 one", creates="press", receiver=market.group)
    outside = market.outsider(ALICE, "the next village")
    sold = market.record(
        BOB,
        "transfer",
        much="1 one",
        provider=market.group,
        receiver=outside,
        resource_inventoried_as=press,
        creates="sold press",
    )
    assert market.status(sold) == "waiting"
    mandate = MandateRow(
        "keepers", tuple(sorted((IDS[CAROL], IDS[DORA]))), 2, ("transfer",), market.now_ms + HOUR_MS
    )
    write(market.state, row_key("mandate", REASON), mandate.value)
    assert market.sign_event(BOB, sold, mandate=REASON) == "mandate.no_holder"
    assert market.sign_event(CAROL, sold, mandate=REASON) is None
    assert market.status(sold) == "waiting"
    assert market.sign_event(DORA, sold, mandate=REASON) is None
    assert market.status(sold) == "standing"
    assert market.resource(sold).accountable == outside


def test_stages_places_and_containers_follow_the_table(market: Market) -> None:
    bake = market.begin(ALICE, "baking", based_on="baked")
    flour = market.record(ALICE, "produce", much="2 kilogram", creates="flour", to_location="mill")
    market.record(ALICE, "consume", much="1 kilogram", resource_inventoried_as=flour, input_of=bake)
    bread = market.record(ALICE, "produce", much="1 kilogram", creates="bread", output_of=bake, state="warm")
    box = market.record(ALICE, "produce", much="1 one", creates="box")
    market.record(
        ALICE, "combine", much="1 kilogram", resource_inventoried_as=bread, to_resource_inventoried_as=box
    )
    held = market.resource(bread)
    assert (held.stage, held.state, held.contained_in, held.onhand) == ("baked", "warm", box, (0, 0))
    inside = {"resource_inventoried_as": box, "to_resource_inventoried_as": bread}
    assert market.refused_event(ALICE, "combine", much="1 one", **inside) == "resource.inside_itself"
    market.record(ALICE, "separate", much="1 kilogram", resource_inventoried_as=bread)
    assert (market.resource(bread).contained_in, market.resource(bread).onhand) == (None, (1, 0))
    assert market.resource(flour).location == "mill"
    market.record(ALICE, "pickup", much="1 kilogram", resource_inventoried_as=flour, to_location="cart")
    assert (market.resource(flour).location, market.resource(flour).onhand) == ("cart", (0, 0))
    assert market.finish(BOB, bake) == "process.not_yours"
    assert market.finish(ALICE, bake) is None
    assert market.refused_event(ALICE, "work", work="1 hour", input_of=bake) == "process.finished"
    assert market.refused_event(ALICE, "work", work="1 hour", input_of=REASON) == "process.unknown"


def test_nobody_takes_over_what_is_another_s(market: Market) -> None:
    hers = market.record(ALICE, "produce", much="5 kilogram", creates="bread")
    his = market.record(BOB, "produce", much="1 kilogram", creates="bread")
    moved = {"much": "1 kilogram", "resource_inventoried_as": his, "to_resource_inventoried_as": hers}
    assert market.refused_event(BOB, "transfer", **moved) == "resource.other_accountable"
    assert (
        market.refused_event(BOB, "produce", much="1 kilogram", resource_inventoried_as=hers)
        == "resource.not_accountable"
    )


def test_names_have_to_exist(market: Market) -> None:
    assert market.refused_event(ALICE, "work", work="1 hour", receiver=REASON) == "event.no_such_agent"
    assert market.refused_event(ALICE, "produce", much="1 one", resource_conforms_to=REASON) == "spec.unknown"
    village, town = market.outsider(ALICE, "village"), market.outsider(ALICE, "town")
    assert (
        market.refused_event(ALICE, "transfer", much="1 one", provider=village, receiver=town)
        == "event.not_yours"
    )


def test_j13_each_record_of_a_batch_stands_or_falls_alone(market: Market) -> None:
    good = event.value(
        market.event("produce", much="2 kilowattHour", receiver=market.group, stream="commons")
    )
    bad = event.value(market.event("consume", much="9 kilowattHour", resource_inventoried_as=REASON))
    payload = batch.encode("event.record", {}, [good, bad, {**good, "action": "fly"}, good])
    entry = market.write(ALICE, "batch", payload)
    assert [tables.event(market.state, record_id(entry, item)) is not None for item in range(4)] == [
        True,
        False,
        False,
        True,
    ]
    rules = [read(market.state, row_key("void_record", entry, item.to_bytes(2, "big"))) for item in range(4)]
    assert rules == [None, "resource.unknown", "event.bad_field", None]
    assert market.given(ALICE, market.group, "kilowattHour") == (4, 0)
    assert market.refused(ALICE, "batch", batch.encode("member.leave", {}, [{}])) == "batch.other_type"


def test_j27_a_claim_becomes_a_contribution_by_its_author(market: Market) -> None:
    said = Claim(bytes(20), b"\x01" * 20, 0, 1, 2, 3, REASON)
    claimed = market.write(CAROL, "contribution.claim", claim.encode(said))
    assert market.refused(BOB, "contribution.claim", claim.encode(said)) == "import.duplicate"
    assert tables.event(market.state, claimed) is None
    assert market.sign_event(BOB, claimed) is None
    row = tables.event(market.state, claimed)
    assert row is not None
    assert (row.status, row.provider, row.author) == ("standing", IDS[BOB], IDS[CAROL])
    named = market.write(
        CAROL,
        "contribution.claim",
        claim.encode(Claim(bytes(20), b"\x02" * 20, 0, 1, 2, 3, REASON, IDS[ALICE])),
    )
    assert market.sign_event(BOB, named) == "countersign.not_asked"
    assert market.sign_event(ALICE, named) is None
    assert dict(tables.contributions(market.state, IDS[ALICE])) == {"commons": Measure((1, 0), "one")}


def test_j27_many_signatures_travel_together_and_hold_one_by_one(market: Market) -> None:
    flour = market.record(ALICE, "produce", much="3 kilogram", creates="flour")
    given = [
        market.record(
            ALICE,
            "transfer",
            much="2 kilogram",
            receiver=IDS[BOB],
            resource_inventoried_as=flour,
            creates="f",
        )
        for _ in range(2)
    ]
    said = Claim(bytes(20), b"\x01" * 20, 0, 1, 2, 3, REASON, IDS[BOB])
    claimed = market.write(ALICE, "contribution.claim", claim.encode(said))
    foreign = market.record(ALICE, "deliverService", much="1 one", receiver=IDS[CAROL])
    records = [{"event": one} for one in (*given, claimed, foreign, claimed)]
    entry = market.write(BOB, "batch", batch.encode("event.countersign", {"agrees": True}, records))
    rules = [
        read(market.state, row_key("void_record", entry, item.to_bytes(2, "big")))
        for item in range(len(records))
    ]
    assert rules == [None, "resource.too_little", None, "countersign.not_asked", "countersign.not_waiting"]
    assert [market.status(one) for one in (*given, claimed, foreign)] == [
        "standing",
        "waiting",
        "standing",
        "waiting",
    ]
    assert waiting_for(market, BOB) == [given[1]]
