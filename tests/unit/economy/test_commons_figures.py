"""D20: how commons are used, what came back for it, and what came in from outside; nobody is named."""

from p2pnode.economy.commons_figures import (
    BackFigure,
    InflowFigure,
    UseFigure,
    commons_figures,
    commons_named,
)
from p2pnode.economy.figures import month_of, parts_of
from p2pnode.economy.licence import Term
from tests.unit.economy.library import FREE, Library
from tests.unit.economy.market import ALICE, BOB, CAROL, IDS, measure

EACH = Term("each", "anyone", each=measure("2 EUR"), unit="hour")
ONE = parts_of((1, 0))


def test_d20_figures_of_a_commons_count_uses_and_what_came_back() -> None:
    library = Library()
    garden = library.open(ALICE, EACH)
    library.use(BOB, garden, "10 hour")
    used = library.use(BOB, garden, "2 hour")
    library.use(CAROL, garden, "3 hour")
    library.record(BOB, "transfer", much="3 EUR", receiver=library.group, settles=used)
    library.use(BOB, library.open(ALICE, FREE, name="shed"), "7 one", use="teaching")
    found = commons_figures(library.state, "garden", None, None)
    assert found.uses == (UseFigure("", "hour", 15 * ONE, 3, 2),)
    assert found.back == (BackFigure("EUR", 30 * ONE, 3 * ONE),)
    assert commons_named(library.state) == ["garden", "shed"]
    both = commons_figures(library.state, None, None, None)
    assert [one.use for one in both.uses] == ["", "teaching"]
    # What was withdrawn counts no more, and other months are other months.
    assert library.withdraw_use(ALICE, used)[0] is None
    assert commons_figures(library.state, "garden", None, None).uses[0].times == 2
    now = month_of(library.now_ms)
    assert commons_figures(library.state, "garden", now, now).uses != ()
    assert commons_figures(library.state, "garden", now + 1, None).uses == ()
    assert not any(member_id in repr(both).encode() for member_id in IDS)


def test_d20_means_from_outside_say_what_flowed_back() -> None:
    library = Library()
    library.trust(BOB)
    garden = library.open(ALICE, EACH)
    bank = library.outsider(ALICE, "Bank")
    for much, of in (("100 EUR", garden), ("50 EUR", None)):
        brought = library.inflow(ALICE, much, 1200, provider=bank, commons=of)
        assert library.decide(brought) == ""
        assert library.pay_back(BOB, brought, "20 EUR", bank)[0] is None
    library.inflow(ALICE, "999 EUR", 1200, provider=bank)
    assert commons_figures(library.state, None, None, None).inflows == (
        InflowFigure("EUR", 150 * ONE, 180 * ONE, 40 * ONE),
    )
    assert commons_figures(library.state, "garden", None, None).inflows == (
        InflowFigure("EUR", 100 * ONE, 120 * ONE, 20 * ONE),
    )
