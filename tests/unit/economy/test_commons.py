"""Commons: licences, uses, what is owed, how somebody stands; roles and rights; what the group adopts."""

import pytest

from p2pnode.core.errors import FormatError
from p2pnode.economy import commons, event, recording, using
from p2pnode.economy.licence import Term
from p2pnode.economy.measure import Measure
from p2pnode.economy.standing import Balance, parts
from tests.unit.economy.library import FIVE_PERCENT, FREE, Library
from tests.unit.economy.market import ALICE, BOB, CAROL, IDS, REASON, clause, measure

EACH = Term("each", "community", each=measure("2 EUR"), unit="hour")
YEAR_HOURS = 365 * 24


@pytest.fixture
def library() -> Library:
    return Library()


def test_d6_a_use_creates_what_the_licence_says(library: Library) -> None:
    firm = library.outsider(ALICE, "Grab Ltd")
    garden = library.open(ALICE, FREE, FIVE_PERCENT)
    free = library.use(BOB, garden, "3 hour")
    assert library.owed(free) is None
    sold = library.use(ALICE, garden, "1000 EUR", actor=firm)
    assert library.owed(sold) == measure("50 EUR")
    claim = library.claim_row(sold)
    assert (claim.provider, claim.receiver, claim.status) == (firm, library.group, "open")
    # Nobody but the group can let them off.
    assert library.close(ALICE, "claim.close", sold) == "claim.not_yours"


def test_d6_what_is_owed_is_settled_by_giving_back(library: Library) -> None:
    garden = library.open(ALICE, EACH)
    used = library.use(BOB, garden, "10 hour")
    assert library.owed(used) == measure("20 EUR")
    assert library.stands(garden, IDS[BOB])[0] == "extractive"
    library.record(BOB, "transfer", much="5 EUR", receiver=library.group, settles=used)
    assert library.stands(garden, IDS[BOB]) == ("extractive", (Balance("EUR", (5, 0), (20, 0)),))
    library.record(BOB, "transfer", much="15 EUR", receiver=library.group, settles=used)
    assert library.claim_row(used).status == "fulfilled"
    assert library.stands(garden, IDS[BOB])[0] == "generative"
    assert sorted(part.kind for part in parts(library.state, garden, IDS[BOB])) == ["gave", "gave", "used"]


def test_w14_terms_are_found_by_role_and_kind_of_use(library: Library) -> None:
    selling = Term("share", "community", use="selling", share_permille=100, unit="EUR")
    anybody = Term("each", "anyone", each=measure("1 EUR"), unit="one")
    garden = library.open(ALICE, FREE, selling, anybody)
    assert library.owed(library.use(BOB, garden, "100 EUR", use="selling")) == measure("10 EUR")
    assert library.owed(library.use(BOB, garden, "100 EUR", use="teaching")) is None
    assert library.role(ALICE, garden, IDS[CAROL], "entrepreneur") is None
    assert library.owed(library.use(CAROL, garden, "7 one")) == measure("7 EUR")
    assert library.try_use(CAROL, garden, "7 EUR")[0] == "use.other_unit"
    # Anyone is the community too: what is said of a kind of use goes before what is said of every use.
    firm = Term("share", "anyone", use="selling", share_permille=100, unit="EUR")
    shop = library.open(ALICE, FREE, firm, name="shop")
    assert library.owed(library.use(BOB, shop, "100 EUR", use="selling")) == measure("10 EUR")


def test_w14_below_a_threshold_a_year_nothing_is_asked(library: Library) -> None:
    term = Term("share", "community", share_permille=50, unit="EUR", free_below=measure("1000 EUR"))
    garden = library.open(ALICE, term)
    assert library.owed(library.use(BOB, garden, "600 EUR")) is None
    assert library.owed(library.use(BOB, garden, "600 EUR")) == measure("10 EUR")  # of the 200 above
    assert library.owed(library.use(BOB, garden, "100 EUR")) == measure("5 EUR")
    assert library.owed(library.use(CAROL, garden, "1000 EUR")) is None
    library.later(YEAR_HOURS)
    assert library.owed(library.use(BOB, garden, "1000 EUR")) is None


def test_d6_who_gives_as_much_as_they_take_owes_nothing(library: Library) -> None:
    library = Library(weights={"hour": 15, "EUR": 1})
    term = Term("each", "community", each=measure("2 EUR"), unit="hour", reciprocal=True)
    garden = library.open(ALICE, term)
    library.record(BOB, "work", work="2 hour", receiver=library.group, in_scope_of="garden")
    assert library.stands(garden, IDS[BOB])[0] == "generative"
    assert library.owed(library.use(BOB, garden, "15 hour")) is None  # 30 points taken, 30 given
    assert library.stands(garden, IDS[BOB])[0] == "generative"
    assert library.owed(library.use(BOB, garden, "1 hour")) == measure("2 EUR")
    assert library.stands(garden, IDS[BOB])[0] == "extractive"
    assert library.owed(library.use(CAROL, garden, "1 hour")) == measure("2 EUR")


def test_d6_the_charter_says_what_is_generative(library: Library) -> None:
    half = Library(generative_permille=500)
    for world, expected in ((library, "extractive"), (half, "generative")):
        garden = world.open(ALICE, FREE)
        world.record(BOB, "work", work="1 hour", receiver=world.group, in_scope_of="garden")
        world.use(BOB, garden, "2 hour")
        assert world.stands(garden, IDS[BOB])[0] == expected
    assert library.stands(library.open(ALICE, name="empty"), IDS[BOB]) == ("neither", ())


def test_d6_only_the_years_that_the_charter_names_count(library: Library) -> None:
    garden = library.open(ALICE)
    library.record(BOB, "work", work="1 hour", receiver=library.group, in_scope_of="garden")
    library.later(YEAR_HOURS)
    assert library.stands(garden, IDS[BOB])[1] == (Balance("hour", (1, 0), (0, 0)),)
    library.later(YEAR_HOURS)
    assert library.stands(garden, IDS[BOB]) == ("neither", ())


def test_d6_copies_of_knowledge_take_nothing(library: Library) -> None:
    plans = library.open(ALICE, Term("attribution", "anyone"), kind="knowledge")
    library.use(BOB, plans, "1 one")
    assert library.stands(plans, IDS[BOB])[0] == "neither"


def test_d6_gifts_that_are_struck_or_corrected_count_no_more(library: Library) -> None:
    before = library.record(BOB, "work", work="9 hour", receiver=library.group, in_scope_of="garden")
    garden = library.open(ALICE)
    worked = library.record(BOB, "work", work="4 hour", receiver=library.group, in_scope_of="garden")
    correction = library.event(
        "work",
        work="-1 hour",
        receiver=library.group,
        in_scope_of="garden",
        corrects=worked,
        provider=IDS[BOB],
    )
    library.write(BOB, event.EVENT_TYPE, event.encode(correction))
    assert library.stands(garden, IDS[BOB])[1] == (Balance("hour", (3, 0), (0, 0)),)
    assert recording.strike(library.state, library.context, worked) is None
    assert library.stands(garden, IDS[BOB])[1] == ()
    assert recording.restore(library.state, library.context, worked) is None
    assert library.stands(garden, IDS[BOB])[1] == (Balance("hour", (3, 0), (0, 0)),)
    # What was given before there was a commons neither counts nor can be taken off.
    assert recording.strike(library.state, library.context, before) is None
    assert library.stands(garden, IDS[BOB])[1] == (Balance("hour", (3, 0), (0, 0)),)


def test_d6_uses_by_agreement_are_told_from_those_without(library: Library) -> None:
    firm = library.outsider(ALICE, "Grab Ltd")
    garden = library.open(ALICE, Term("agreement", "community"))
    agreed = library.agree(clause(ALICE, BOB, "work", work="1 hour"), clause(BOB, ALICE, much="1 one"))
    with_one = library.use(ALICE, garden, "1 hour", agreement=agreed)
    without = library.use(CAROL, garden, "1 hour")
    unlicensed = library.use(ALICE, garden, "1 hour", actor=firm)  # no term for anyone at all
    rows = [using.use(library.state, one) for one in (with_one, without, unlicensed)]
    assert [row is not None and row.is_licensed for row in rows] == [True, False, False]
    assert library.stands(garden, firm)[0] == "extractive"
    assert library.try_use(CAROL, garden, "1 hour", agreement=agreed)[0] == "use.no_agreement"


def test_who_may_record_a_use(library: Library) -> None:
    firm = library.outsider(ALICE, "Grab Ltd")
    inner = library.open(ALICE, name="inner", reach="group")
    assert library.try_use(ALICE, inner, "1 hour", actor=firm)[0] == "use.beyond_reach"
    garden = library.open(ALICE)
    assert library.try_use(ALICE, garden, "1 hour", actor=IDS[BOB])[0] == "use.not_yours"
    assert library.try_use(ALICE, garden, "1 hour", actor=REASON)[0] == "use.no_such_agent"
    assert library.try_use(ALICE, garden, "1 hour", actor=library.group)[0] == "use.no_such_agent"
    assert library.try_use(ALICE, REASON, "1 hour")[0] == "commons.unknown"
    with pytest.raises(FormatError, match="more than nothing"):
        library.try_use(ALICE, garden, "0 hour")


def test_d6_nobody_lets_themselves_off(library: Library) -> None:
    garden = library.open(ALICE, EACH)
    used = library.use(ALICE, garden, "1 hour")
    rule, asked = library.withdraw_use(ALICE, used)  # the only steward, about herself
    assert rule is None
    assert library.claim_row(used).status == "open"
    assert library.decide(asked) == ""
    assert library.claim_row(used).status == "closed"
    assert library.stands(garden, IDS[ALICE]) == ("neither", ())
    assert library.withdraw_use(BOB, used)[0] == "use.withdrawn"
    assert library.decide(asked) == "commons.adopted"


def test_a_steward_withdraws_a_mistake_of_somebody_else(library: Library) -> None:
    garden = library.open(ALICE, EACH)
    used = library.use(BOB, garden, "1 hour")
    assert library.withdraw_use(ALICE, used)[0] is None
    assert library.claim_row(used).status == "closed"
    assert library.withdraw_use(ALICE, REASON)[0] == "use.unknown"
    again = library.use(BOB, garden, "2 hour")
    assert library.owed(again) == measure("4 EUR")


def test_d6_no_steward_encloses_a_commons_alone(library: Library) -> None:
    garden = library.open(ALICE)
    rule, change = library.change(ALICE, garden, licence=(Term("agreement", "anyone"),))
    assert rule is None
    assert _licence(library, garden) == (FREE,)
    assert library.decide(change, is_adopted=False) == ""
    assert _licence(library, garden) == (FREE,)
    assert library.decide(change) == ""
    assert _licence(library, garden) == (Term("agreement", "anyone"),)
    assert library.decide(change) == "commons.adopted"
    assert library.decide(REASON) == "commons.nothing_to_adopt"


def test_d8_the_charter_gives_roles_their_rights() -> None:
    library = Library(rights={"steward": ["change", "assign"], "association": []})
    garden = library.open(ALICE)
    assert library.change(ALICE, garden, reach="group")[0] is None
    row = commons.commons(library.state, garden)
    assert row is not None
    assert row.reach == "group"
    assert library.role(BOB, garden, IDS[CAROL], "association") == "commons.no_right"
    assert library.role(ALICE, garden, IDS[CAROL], "association") is None
    assert commons.role_of(library.state, garden, IDS[CAROL]) == "association"
    assert not commons.has_right(library.state, garden, row, IDS[CAROL], "guard")
    assert library.role(CAROL, garden, IDS[CAROL], "entrepreneur") == "commons.no_right"
    assert library.role(CAROL, garden, IDS[CAROL], None) is None
    assert commons.role_of(library.state, garden, IDS[CAROL]) == "community"
    assert library.role(CAROL, garden, IDS[CAROL], None) == "commons.no_role"
    assert library.role(ALICE, garden, REASON, "community") == "commons.no_such_agent"


def test_d8_the_association_guards_things_and_signs_for_nobody(library: Library) -> None:
    drill = library.thing(ALICE)
    garden = library.open(ALICE, things=(drill,))
    assert library.role(ALICE, garden, IDS[CAROL], "association") is None
    assert library.mark(BOB, drill, "broken") == "thing.not_yours"
    assert library.mark(CAROL, drill, "broken") is None
    helped = library.record(ALICE, "work", work="1 hour", receiver=IDS[BOB])
    assert library.sign_event(CAROL, helped) == "countersign.not_asked"
    assert library.status(helped) == "waiting"
    assert library.try_book(CAROL, drill, 1, 2)[0] == "commons.no_right"


def test_a_commons_is_named_once_and_its_parts_are_there(library: Library) -> None:
    drill, mine = library.thing(ALICE), library.thing(ALICE, is_own=True)
    library.open(ALICE, things=(drill,))
    refusals = {
        "commons.name_taken": library.opening(),
        "commons.thing_taken": library.opening(name="b", things=(drill,)),
        "commons.no_thing": library.opening(name="b", things=(mine,)),
        "commons.no_such_member": library.opening(name="b", stewards=(REASON,)),
    }
    for rule, said in refusals.items():
        assert library.refused(BOB, commons.OPEN_TYPE, commons.OPENING.encode(said)) == rule
    assert library.change(BOB, REASON, reach="group")[0] == "commons.unknown"
    assert library.role(BOB, REASON, IDS[BOB], None) == "commons.unknown"


@pytest.mark.parametrize(
    "term",
    [
        Term("share", "anyone", unit="EUR"),
        Term("each", "anyone", unit="EUR"),
        Term("share", "anyone", share_permille=1),
        Term("free", "anyone", unit="EUR"),
        Term("free", "anyone", reciprocal=True),
        Term("share", "anyone", share_permille=1, unit="EUR", free_below=Measure((1, 0), "hour")),
    ],
)
def test_w14_terms_that_say_nothing_clear_are_refused(term: Term) -> None:
    library = Library()
    with pytest.raises(FormatError) as caught:
        commons.OPENING.encode(library.opening(term))
    assert caught.value.rule == "licence.bad_term"


def _licence(library: Library, commons_id: bytes) -> tuple[Term, ...]:
    row = commons.commons(library.state, commons_id)
    assert row is not None
    return row.licence
