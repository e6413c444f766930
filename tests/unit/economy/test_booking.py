"""Bookings: the order decides, things go out and come back, and how they were is seen."""

import pytest

from p2pnode.economy import booking, promising
from p2pnode.economy.booking import care_of, in_the_way, return_id
from tests.unit.economy.library import Library
from tests.unit.economy.market import ALICE, BOB, CAROL, DORA, HOUR_MS, IDS, REASON, measure


@pytest.fixture
def library() -> Library:
    return Library()


def test_d14_of_two_that_want_the_same_time_the_order_decides(library: Library) -> None:
    drill = library.thing(ALICE)
    first = library.book(BOB, drill, 24, 48)
    assert library.try_book(CAROL, drill, 47, 72)[0] == "booking.taken"
    begin_ms = library.now_ms + 47 * HOUR_MS
    found = in_the_way(library.state, drill, begin_ms, begin_ms + HOUR_MS, library.now_ms)
    assert [booking_id for booking_id, _ in found] == [first]
    library.book(CAROL, drill, 48, 72)  # as the other one ends
    assert library.cancel(DORA, first) == "booking.not_yours"
    assert library.cancel(BOB, first) is None
    assert library.promised(first).status == library.promised(return_id(first)).status == "released"
    library.book(DORA, drill, 12, 48)
    assert library.cancel(BOB, first) == "booking.not_ahead"
    assert library.cancel(BOB, REASON) == "booking.unknown"


def test_d14_as_many_are_lent_as_there_are(library: Library) -> None:
    chairs = library.thing(ALICE, "chairs", "10 one")
    library.book(BOB, chairs, 10, 20, "6 one")
    library.book(CAROL, chairs, 20, 30, "6 one")
    library.book(DORA, chairs, 15, 25, "4 one")  # never more than ten at a time
    assert library.try_book(ALICE, chairs, 19, 21, "1 one")[0] == "booking.taken"
    assert library.try_book(ALICE, chairs, 26, 29, "4 one")[0] is None
    assert library.try_book(ALICE, chairs, 40, 41, "11 one")[0] == "resource.too_little"
    assert library.try_book(ALICE, chairs, 40, 41, "1 kilogram")[0] == "resource.other_unit"


def test_d14_a_thing_goes_out_and_comes_back_with_its_condition(library: Library) -> None:
    drill = library.thing(ALICE)
    booked = library.book(BOB, drill, 1, 24)
    rule, out = library.hand_over(CAROL, booked, state="as new")
    assert rule is None
    assert library.status(out) == "standing"  # Bob agreed by booking
    row = library.booked(booked)
    assert (row.status, row.out_state, row.held) == ("out", "as new", out)
    assert (library.resource(drill).onhand, library.resource(out).custodian) == ((0, 0), IDS[BOB])
    assert library.cancel(BOB, booked) == "booking.not_ahead"
    assert library.hand_over(CAROL, booked)[0] == "booking.not_ahead"
    library.later(30)
    assert library.booked(booked).is_late(library.now_ms)
    rule, back = library.bring_back(BOB, booked, state="blunt")
    assert rule is None
    row = library.booked(booked)
    assert (row.status, row.back_state, row.back_event) == ("back", "blunt", back)
    assert row.is_late(0), "it stays to be seen that it came late"
    assert (library.resource(drill).onhand, library.resource(drill).state) == ((1, 0), "blunt")
    assert library.promised(return_id(booked)).status == "fulfilled"
    assert library.bring_back(BOB, booked)[0] == "booking.not_out"


def test_d14_a_thing_that_is_late_is_in_the_way_now_and_not_later(library: Library) -> None:
    drill = library.thing(ALICE)
    booked = library.book(BOB, drill, 1, 2)
    assert library.hand_over(BOB, booked)[0] is None
    library.later(10)
    assert library.try_book(CAROL, drill, -1, 5)[0] == "booking.taken"
    library.book(CAROL, drill, 24, 48)
    never_fetched = library.book(DORA, drill, 50, 51)
    library.later(60)
    library.book(CAROL, drill, 1, 2)
    live = [booking_id for booking_id, _ in booking.live_bookings(library.state, drill, library.now_ms)]
    assert never_fetched not in live
    assert booked in live


def test_d14_only_the_booked_thing_fulfils_a_booking(library: Library) -> None:
    drill, saw = library.thing(ALICE), library.thing(ALICE, "saw")
    booked = library.book(BOB, drill, 1, 24)
    taken = {
        "creates": "lent",
        "provider": library.group,
        "receiver": IDS[BOB],
        "fulfills": booked,
    }
    wrong = {**taken, "resource_inventoried_as": saw}
    assert library.refused_event(BOB, "transferCustody", much="1 one", **wrong) == "booking.other_thing"
    chairs = library.thing(ALICE, "chairs", "4 one")
    four = library.book(BOB, chairs, 1, 24, "4 one")
    some = {**taken, "resource_inventoried_as": chairs, "fulfills": four}
    assert library.refused_event(BOB, "transferCustody", much="3 one", **some) == "booking.other_amount"
    early = {"provider": IDS[BOB], "receiver": library.group, "fulfills": return_id(four)}
    assert library.refused_event(BOB, "transferCustody", much="4 one", **early) == "booking.not_out"
    assert library.close(BOB, promising.RELEASE_TYPE, four) == "commitment.in_booking"
    assert library.close(BOB, promising.RELEASE_TYPE, return_id(four)) == "commitment.in_booking"


def test_d14_a_thing_is_used_where_it_stands(library: Library) -> None:
    oven = library.thing(ALICE, "oven")
    booked = library.book(BOB, oven, 1, 4, action="use")
    assert library.promised(booked).promised == (180, 0)
    used = {
        "provider": library.group,
        "receiver": IDS[BOB],
        "resource_inventoried_as": oven,
        "fulfills": booked,
    }
    library.record(BOB, "use", work="100 minute-Time", **used)
    library.record(BOB, "use", work="80 minute-Time", **used)
    assert library.booked(booked).status == "used"
    assert library.promised(booked).status == "fulfilled"
    assert library.taken(BOB, library.group, "minute-Time") == (180, 0)


def test_d14_what_is_broken_or_away_is_not_lent(library: Library) -> None:
    drill = library.thing(ALICE)
    ahead = library.book(BOB, drill, 1, 2)
    assert library.mark(DORA, drill, "broken") is None  # the group's thing: anybody who sees it
    assert library.try_book(CAROL, drill, 4, 5)[0] == "booking.thing_broken"
    assert library.mark(DORA, drill, "away", until_h=24) is None
    assert library.try_book(CAROL, drill, 4, 5)[0] == "booking.thing_away"
    library.book(CAROL, drill, 24, 25)
    assert library.mark(DORA, drill, "usable") is None
    library.book(CAROL, drill, 4, 5)
    assert library.booked(ahead).status == "booked"
    assert library.mark(DORA, REASON, "broken") == "resource.unknown"


def test_d14_what_is_somebodys_own_is_lent_when_they_say_so(library: Library) -> None:
    saw = library.thing(ALICE, "saw", is_own=True)
    assert library.try_book(BOB, saw, 1, 2)[0] == "booking.private"
    assert library.mark(BOB, saw, "usable") == "thing.not_yours"
    assert library.mark(ALICE, saw, "usable") is None
    assert library.try_book(ALICE, saw, 1, 2)[0] == "booking.own"
    booked = library.book(BOB, saw, 1, 2)
    rule, out = library.hand_over(BOB, booked)
    assert (rule, library.status(out)) == (None, "waiting")  # Bob says so; Alice signs that she gave it
    assert library.sign_event(ALICE, out) is None
    assert library.booked(booked).status == "out"
    other = library.book(CAROL, saw, 5, 6)
    assert library.cancel(ALICE, other) is None


def test_a_booking_is_ahead_and_ends(library: Library) -> None:
    drill = library.thing(ALICE)
    assert library.try_book(BOB, drill, 2, 2)[0] == "booking.bad_time"
    assert library.try_book(BOB, drill, 2, 2 + 367 * 24)[0] == "booking.bad_time"
    assert library.try_book(BOB, drill, -3, 0)[0] == "booking.over"
    assert library.try_book(BOB, REASON, 1, 2)[0] == "resource.unknown"
    for number in range(booking.LIVE_MAX):
        library.book(BOB, drill, number, number + 1)
    assert library.try_book(BOB, drill, 300, 301)[0] == "booking.too_many"


def test_d14_care_is_counted_for_the_thing_it_was_given(library: Library) -> None:
    drill = library.thing(ALICE)
    cared = {"receiver": library.group, "resource_inventoried_as": drill}
    library.record(BOB, "work", work="2 hour", stream="care", **cared)
    library.record(CAROL, "work", work="1 hour", stream="care", **cared)
    library.record(CAROL, "work", work="5 hour", stream="commons", **cared)
    assert list(care_of(library.state, drill)) == [measure("3 hour")]
