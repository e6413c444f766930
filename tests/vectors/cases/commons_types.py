"""Vectors of commons: licences, roles, uses, means from outside, things and their bookings."""

from __future__ import annotations

from typing import Any

from p2pnode.core import codec
from p2pnode.economy import booking, commons, transvestment, using
from p2pnode.economy.licence import Term
from p2pnode.economy.measure import Measure
from tests.vectors.cases.economy_types import LEFT_OUT, of_form
from tests.vectors.cases.material import DAY_MS, START_MS
from tests.vectors.cases.vector_file import Document

_MEMBER, _OTHER, _THING, _COMMONS, _ANNEX = (bytes([number]) * 32 for number in range(0x81, 0x86))
_EURO = Measure((25, -1), "EUR")
_NONE: dict[str, Any] = {}

LICENCE = (
    Term("agreement", "anyone"),
    Term(
        "share",
        "anyone",
        free_below=Measure((10_000, 0), "EUR"),
        reciprocal=True,
        share_permille=50,
        unit="EUR",
        use="selling",
    ),
    Term("free", "community"),
    Term("each", "entrepreneur", each=_EURO, unit="hour"),
)


def documents() -> dict[str, Document]:
    return {
        **_commons(),
        **_uses(),
        "inflow.record": of_form(
            transvestment.INFLOW,
            "inflow.record",
            "Means from outside, with what may ever flow back.",
            transvestment.Inflow(1500, START_MS, Measure((1000, 0), "EUR"), "debt", provider=_OTHER),
            {
                "a share": {"returns": "equity", "share_permille": 50},
                "once, for a commons": {"returns": "once", "commons": _COMMONS, "annex": _ANNEX},
                "of a kind": {"resource_conforms_to": "loan"},
            },
            {
                "no cap": ({"cap_permille": 0}, "inflow.bad_field"),
                "nothing": ({"quantity": [[0, 0], "EUR"]}, "inflow.bad_quantity"),
                "a share of a debt": ({"share_permille": 50}, "inflow.bad_returns"),
                "equity without a share": ({"returns": "equity"}, "inflow.bad_returns"),
                "for ever": ({"returns": "rent"}, "inflow.bad_field"),
            },
        ),
        **_things(),
    }


def _commons() -> dict[str, Document]:
    opening = commons.Opening("equipment", LICENCE, "garden", "world", stewards=(_MEMBER,))
    terms = codec.decode(commons.OPENING.encode(opening))["licence"]

    def licence(*changed: Any) -> dict[str, Any]:
        return {"licence": list(changed)}

    return {
        "commons.open": of_form(
            commons.OPENING,
            "commons.open",
            "New commons with their licences.",
            opening,
            {
                "knowledge of the group": {"kind": "knowledge", "reach": "group"},
                "with things": {"things": [_THING]},
            },
            {
                "no licence": (licence(), "commons.bad_field"),
                "terms out of order": (licence(*terms[::-1]), "commons.bad_field"),
                "a term twice": (licence(terms[0], terms[0]), "commons.bad_field"),
                "a share of nothing": (
                    licence({**terms[1], "share_permille": 0}),
                    "licence.bad_field",
                ),
                "a share without a unit": (
                    licence({"asks": "share", "role": "anyone", "share_permille": 1}),
                    "licence.bad_term",
                ),
                "free, but not for all": (licence({**terms[2], "reciprocal": True}), "licence.bad_term"),
                "a threshold in another unit": (
                    licence({**terms[1], "free_below": [[1, 0], "hour"]}),
                    "licence.bad_term",
                ),
                "an amount below nothing": (
                    licence({**terms[3], "each": [[-1, 0], "EUR"]}),
                    "licence.bad_field",
                ),
                "a role of its own": (licence({**terms[2], "role": "king"}), "licence.bad_field"),
                "stewards out of order": ({"stewards": [_OTHER, _MEMBER]}, "commons.bad_field"),
            },
        ),
        "commons.change": of_form(
            commons.CHANGE,
            "commons.change",
            "What is to be otherwise in a commons.",
            commons.Change(_COMMONS, licence=LICENCE[:1]),
            {"all of it": {"reach": "group", "stewards": [_OTHER], "things": [_THING], "annex": _ANNEX}},
            {
                "another reach": ({"reach": "moon"}, "commons.bad_field"),
                "nothing": ({"licence": LEFT_OUT}, "commons.no_change"),
            },
        ),
        "commons.role": of_form(
            commons.ROLE,
            "commons.role",
            "Roles in a commons, given and ended.",
            commons.Role(_MEMBER, _COMMONS, role="association"),
            {"with words": {"annex": _ANNEX}},
            {"anyone is no role": ({"role": "anyone"}, "commons.bad_field")},
        ),
    }


def _uses() -> dict[str, Document]:
    return {
        "use.record": of_form(
            using.USE,
            "use.record",
            "Uses of a commons.",
            using.Use(_COMMONS, START_MS, Measure((3, 0), "hour"), use="selling"),
            {"of somebody else": {"actor": _OTHER}, "by agreement": {"agreement": _THING, "annex": _ANNEX}},
            {"less than nothing": ({"quantity": [[-1, 0], "hour"]}, "use.bad_quantity")},
        ),
        "use.withdraw": of_form(
            using.WITHDRAWAL,
            "use.withdraw",
            "Uses that do not count.",
            using.Withdrawal(_THING),
            {"with words": {"annex": _ANNEX}},
            {"a number": ({"use": 7}, "use.bad_field")},
        ),
    }


def _things() -> dict[str, Document]:
    return {
        "thing.mark": of_form(
            booking.MARK,
            "thing.mark",
            "Whether things can be had.",
            booking.Mark(_THING, "broken"),
            {"away for a day": {"condition": "away", "until_ms": START_MS + DAY_MS, "annex": _ANNEX}},
            {"lost": ({"condition": "lost"}, "thing.bad_field")},
        ),
        "booking.make": of_form(
            booking.BOOKING,
            "booking.make",
            "Bookings of things.",
            booking.Booking("transferCustody", START_MS, START_MS + DAY_MS, _THING),
            {
                "used where it stands": {"action": "use", "annex": _ANNEX},
                "several": {"resource_quantity": [[5, 0], "one"]},
            },
            {
                "no time at all": ({"has_end_ms": START_MS}, "booking.bad_time"),
                "for ever": ({"has_end_ms": START_MS + 367 * DAY_MS}, "booking.bad_time"),
                "for good": ({"action": "transfer"}, "booking.bad_field"),
                "none": ({"resource_quantity": [[0, 0], "one"]}, "booking.bad_quantity"),
            },
        ),
        "booking.cancel": of_form(
            booking.CANCEL,
            "booking.cancel",
            "Bookings that are given up.",
            booking.Cancel(_THING),
            {"with words": {"annex": _ANNEX}},
            _NONE,
        ),
    }
