"""What the rules of commons, outside money and bookings mean for people, and what to do about them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_SHOW = "p2pnode commons show NAME shows its licence, its stewards and everybody's role"
_RIGHTS = (
    "ask a steward (p2pnode commons show NAME), or let the group change the charter: p2pnode propose amend"
)
_CALENDAR = "p2pnode bookings shows who has which thing and until when"
_ADOPT = "p2pnode commons waiting lists what was put before the group"
_STOCK = "p2pnode stock shows what there is, whose it is and in which unit"

COMMONS_RULES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "commons.unknown": ("there is no such commons", "p2pnode commons list"),
        "commons.name_taken": (
            "a commons of this name is there",
            "p2pnode commons list; choose another name",
        ),
        "commons.no_such_member": ("a steward is no member of the group", "p2pnode members"),
        "commons.no_such_agent": (
            "nobody of this name is known here",
            "p2pnode members lists members; p2pnode agent add names somebody outside",
        ),
        "commons.no_thing": ("only things of the group belong to a commons", _STOCK),
        "commons.thing_taken": ("a thing belongs to another commons already", "p2pnode commons list"),
        "commons.no_right": ("your role in this commons does not give you the right", _RIGHTS),
        "commons.no_role": ("no role was given there, so there is none to end", _SHOW),
        "commons.no_change": ("a change says what is to be otherwise", "p2pnode commons change --help"),
        "commons.adopted": ("the group has adopted it before", _ADOPT),
        "commons.nothing_to_adopt": ("nobody has put this before the group", _ADOPT),
        "licence.bad_term": (
            "a term says one thing: free, attribution, by agreement, 5% of EUR, or 2 EUR per hour",
            "p2pnode commons open --help has examples",
        ),
        "use.no_such_agent": (
            "who used it is nobody whom the group knows",
            "p2pnode agent add NAME names somebody outside the group",
        ),
        "use.beyond_reach": (
            "this commons is for members of the group alone",
            "let the group widen it: p2pnode commons change NAME --reach world",
        ),
        "use.not_yours": ("members record their own uses", "ask them to record it"),
        "use.no_agreement": (
            "no agreement of this name is in force with who used it",
            "p2pnode agree list shows each agreement and its state",
        ),
        "use.other_unit": ("the licence counts such uses in another unit", _SHOW),
        "use.bad_quantity": ("a use is more than nothing", "write how much was used: 3h, or 1000 EUR"),
        "use.unknown": ("there is no such use", "p2pnode commons uses lists them"),
        "use.withdrawn": ("this use does not count any more", "p2pnode commons uses lists those that do"),
        "inflow.no_such_agent": (
            "who brings it in is nobody whom the group knows",
            "p2pnode agent add NAME names somebody outside the group",
        ),
        "inflow.not_yours": ("a member records what they bring in themselves", "ask them to record it"),
        "inflow.beyond_charter": (
            "the charter allows less to flow back",
            "p2pnode charter show tells how much (commons, return_permille_max); ask for less",
        ),
        "inflow.bad_quantity": ("what comes in is more than nothing", "write an amount: 1000 EUR"),
        "inflow.bad_returns": (
            "equity says its share of what is distributed, a debt and a single return have none",
            "add --share 5% with --as equity, and leave it out otherwise",
        ),
        "inflow.capped": (
            "more would flow back than the cap allows",
            "p2pnode transvest list shows what is left; pay at most that",
        ),
        "inflow.extinguished": (
            "what could flow back has done so; the claim is extinguished for ever",
            "nothing is owed any more; a gift is recorded without --settles",
        ),
        "thing.not_yours": (
            "its owner says whether it can be had, or who holds it or looks after it",
            "p2pnode stock shows whose it is; ask them",
        ),
        "booking.taken": ("somebody has booked it before you for that time", _CALENDAR),
        "booking.private": (
            "it belongs to a member who does not lend it",
            "ask them; they lend it with p2pnode thing mark THING usable",
        ),
        "booking.thing_broken": ("it is broken", "p2pnode thing show THING tells since when; book another"),
        "booking.thing_away": ("it is away at that time", "p2pnode thing show THING tells until when"),
        "booking.own": ("it is yours", "p2pnode thing mark THING away keeps it from others"),
        "booking.over": (
            "that time is over",
            "give a time to come; what was used is recorded: p2pnode record use",
        ),
        "booking.bad_time": ("a booking ends after it begins, and within a year", "give FROM and UNTIL"),
        "booking.bad_quantity": ("more than nothing is booked", "leave --much out for one"),
        "booking.too_many": ("two hundred bookings of it lie ahead", _CALENDAR),
        "booking.unknown": ("there is no such booking", _CALENDAR),
        "booking.not_yours": ("who booked gives it up, or whose the thing is", _CALENDAR),
        "booking.not_ahead": ("it went out, came back or was given up before", _CALENDAR),
        "booking.not_out": ("it is not out", _CALENDAR),
        "booking.other_thing": ("another thing was booked", _CALENDAR),
        "booking.other_amount": (
            "another amount was booked",
            "hand over what was booked, or cancel and book anew",
        ),
        "commitment.in_booking": (
            "this promise is part of a booking",
            "p2pnode thing cancel BOOKING gives it up",
        ),
    }
)
"""What a rule means, and what to do."""
