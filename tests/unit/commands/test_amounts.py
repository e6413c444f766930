"""What people type for amounts and dates: one unit for one thing, and nothing is guessed that matters."""

import time

import pytest

from p2pnode.commands.amounts import amount_and_rest, date_ms, measure, time_unit, unit_of
from p2pnode.core.errors import UsageError


@pytest.mark.parametrize(
    ("typed", "number", "unit", "what"),
    [
        ("1,5 kg apples", "1.5", "kilogram", "apples"),
        ("1.5kg", "1.5", "kilogram", ""),
        ("20 KG apples", "20", "kilogram", "apples"),
        ("2 kilos flour", "2", "kilogram", "flour"),
        ("12 L milk", "12", "litre", "milk"),
        ("3 kwh", "3", "kilowattHour", ""),
        ("90min", "90", "minute-Time", ""),
        ("2hrs baking", "2", "hour", "baking"),
        ("1h30 baking", "1.5", "hour", "baking"),
        ("1h 30min", "1.5", "hour", ""),
        ("1:15 baking", "1.25", "hour", "baking"),
        ("1h20 baking", "80", "minute-Time", "baking"),
        ("10 eur", "10", "EUR", ""),
        ("10€ rent", "10", "EUR", "rent"),
        ("3 jars", "3", "one", "jars"),
        ("3jars", "3", "jars", ""),
        ("1.125 kg", "1.125", "kilogram", ""),
        ("0,125 kg", "0.125", "kilogram", ""),
        ("-2 kg", "-2", "kilogram", ""),
        ("20\u00a0kg\u202fbread", "20", "kilogram", "bread"),
        ("3 packs of 500 g", "3", "one", "packs of 500 g"),
        ("2 10-litre buckets", "2", "one", "10-litre buckets"),
    ],
)
def test_one_thing_has_one_unit(typed: str, number: str, unit: str, what: str) -> None:
    assert amount_and_rest(typed.split(" ")) == (number, unit, what)


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        ("1,000 kg", "amount.ambiguous"),
        ("1.000 EUR", "amount.ambiguous"),
        ("1,250 kg", "amount.ambiguous"),
        ("1.500 kg", "amount.ambiguous"),
        ("1 500 kg bread", "amount.ambiguous"),
        ("1\u202f500,5 kg", "amount.ambiguous"),
        ("\u0661\u0662 kg", "amount.bad_text"),
        ("1.500,25 kg", "amount.bad_text"),
        ("1/2 kg", "amount.bad_text"),
        ("half a kilo", "amount.bad_text"),
        ("1h75", "amount.bad_text"),
        ("1e3 kg", "amount.bad_unit"),
        ("1h5m20s", "amount.bad_unit"),
        ("10$", "amount.bad_unit"),
    ],
)
def test_what_may_mean_two_things_is_asked_back(typed: str, rule: str) -> None:
    with pytest.raises(UsageError) as refused:
        amount_and_rest([typed])
    assert refused.value.rule == rule
    assert refused.value.remedy


def test_an_option_takes_an_amount_without_more_words() -> None:
    assert measure("1h30") == "1.5 hour"
    assert measure("3 crates") == "3 crates"
    with pytest.raises(UsageError):
        measure("3 kg of flour")


def test_currencies_are_named_by_their_letters() -> None:
    assert [unit_of(word) for word in ("eur", "€", "EUR", "kWh", "Sterntaler")] == [
        "EUR",
        "EUR",
        "EUR",
        "kilowattHour",
        "Sterntaler",
    ]


def test_work_is_counted_by_its_time() -> None:
    assert [time_unit(unit, "2") for unit in ("one", "minute-Time", "sessions")] == [
        "hour",
        "minute-Time",
        "sessions",
    ]
    with pytest.raises(UsageError, match="by its time"):
        time_unit("kilogram", "2")


@pytest.mark.parametrize("typed", ["2026-11-02", "2.11.2026", "02.11.2026 00:00", "2026-11-02T00:00"])
def test_dates_as_people_write_them(typed: str) -> None:
    assert time.localtime(date_ms(typed) / 1000)[:5] == (2026, 11, 2, 0, 0)


def test_days_around_today() -> None:
    began = time.localtime()
    dates = [time.localtime(date_ms(word) / 1000) for word in ("Yesterday", "today", "tomorrow")]
    assert all(one[3:5] == (0, 0) for one in dates)
    assert dates[0] < dates[1] < dates[2]
    assert dates[1][:3] in (began[:3], time.localtime()[:3])


@pytest.mark.parametrize(
    ("typed", "rule"),
    [("2026-11-31", "date.bad_text"), ("11/20/2026", "date.bad_text"), ("1026-01-01", "date.too_early")],
)
def test_what_is_no_date_is_refused(typed: str, rule: str) -> None:
    with pytest.raises(UsageError) as refused:
        date_ms(typed)
    assert refused.value.rule == rule
