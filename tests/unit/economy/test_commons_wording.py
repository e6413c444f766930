"""The sentences about commons and bookings: terms as they are typed, times in UTC."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from p2pnode.commons_wording import commons_sentence, term_in_words
from p2pnode.economy.booking import CUSTODY, USE, Booking, Mark
from p2pnode.economy.commons import Role
from p2pnode.economy.licence import Term
from p2pnode.economy.measure import Measure

_NAMES = SimpleNamespace(
    member_name=lambda member_id: f"member {member_id.hex()[:2]}",
    thing_name=lambda entry_id: f"thing {entry_id.hex()[:2]}",
)
_THING = bytes(32)


@pytest.mark.parametrize(
    ("term", "words"),
    [
        (Term("free", "community"), "the community: free"),
        (Term("attribution", "anyone", use="copying"), "anyone copying: attribution"),
        (Term("agreement", "association"), "the association: by agreement"),
        (
            Term("each", "entrepreneur", each=Measure((25, -1), "EUR"), unit="hour"),
            "entrepreneurs: 2.5 EUR per h",
        ),
        (
            Term(
                "share",
                "anyone",
                free_below=Measure((1000, 0), "EUR"),
                reciprocal=True,
                share_permille=25,
                unit="EUR",
            ),
            "anyone: 2.5% of EUR, free below 1000 EUR a year, free for those who give back",
        ),
    ],
)
def test_w14_a_term_reads_as_it_is_typed(term: Term, words: str) -> None:
    assert term_in_words(term) == words


@pytest.mark.parametrize("days", [0, 58, 59, 60, 364, 365, 11_016, 20_788, 47_540, 47_541, 146_096, 146_097])
def test_days_are_those_of_the_calendar(days: int) -> None:
    begin = datetime(1970, 1, 1, 7, 5, tzinfo=UTC) + timedelta(days=days)
    end = begin + timedelta(days=1)
    times = [int(one.timestamp() * 1000) for one in (begin, end)]
    expected = " to ".join(one.strftime("%Y-%m-%d %H:%M") for one in (begin, end))
    said = commons_sentence(Booking(CUSTODY, *times, _THING), _NAMES)  # type: ignore[arg-type]
    assert said == f"books thing 00 from {expected} UTC"


def test_other_sentences_name_what_they_are_about() -> None:
    sentences = [
        commons_sentence(said, _NAMES)  # type: ignore[arg-type]
        for said in (
            Booking(USE, 0, 60_000, _THING, resource_quantity=Measure((2, 0), "one")),
            Mark(_THING, "away", until_ms=0),
            Role(_THING, bytes([1]) * 32),
        )
    ]
    assert sentences == [
        "books 2 of thing 00 to use where it stands from 1970-01-01 00:00 to 1970-01-01 00:01 UTC",
        "says that thing 00 is away until 1970-01-01 00:00 UTC",
        "ends the role of member 00 in the commons thing 01",
    ]
