"""What an entry about a commons, outside money or a booking says, in one plain sentence."""

from __future__ import annotations

from p2pnode.core.amount import amount_text
from p2pnode.economy import licence
from p2pnode.economy.booking import USE, Booking, Cancel, Mark
from p2pnode.economy.commons import Change, Opening, Role
from p2pnode.economy.labels import label_of_unit, measure_text
from p2pnode.economy.licence import Term
from p2pnode.economy.transvestment import Inflow
from p2pnode.economy.using import Use, Withdrawal
from p2pnode.economy_wording import Names

_ID_CHARACTERS = 8


def commons_sentence(body: object, names: Names) -> str | None:
    """The sentence about a body, or None where it is about something else."""
    match body:
        case Opening():
            terms = "; ".join(term_in_words(term) for term in body.licence)
            return f"opens the commons {body.name}: {terms}"
        case Change():
            return f"changes {_changed(body)} of the commons {names.thing_name(body.commons)}"
        case Role():
            who = names.member_name(body.agent)
            if body.role is None:
                return f"ends the role of {who} in the commons {names.thing_name(body.commons)}"
            return f"makes {who} {_ROLES[body.role]} in the commons {names.thing_name(body.commons)}"
        case Use():
            who = "" if body.actor is None else f"{names.member_name(body.actor)} "
            kind = "" if body.use is None else f" for {body.use}"
            commons = names.thing_name(body.commons)
            return f"{who}uses the commons {commons}: {measure_text(body.quantity)}{kind}"
        case Withdrawal():
            return f"asks that the use {_short(body.use)} does not count"
        case Inflow():
            return _inflow(body, names)
        case Mark():
            until = "" if body.until_ms is None else f" until {_moment(body.until_ms)} UTC"
            return f"says that {names.thing_name(body.resource)} is {body.condition}{until}"
        case Booking():
            much = "" if body.resource_quantity is None else f"{measure_text(body.resource_quantity)} of "
            what = " to use where it stands" if body.action == USE else ""
            begin, end = _moment(body.has_beginning_ms), _moment(body.has_end_ms)
            return f"books {much}{names.thing_name(body.resource)}{what} from {begin} to {end} UTC"
        case Cancel():
            return f"gives up the booking {_short(body.booking)}"
    return None


def _inflow(body: Inflow, names: Names) -> str:
    who = "" if body.provider is None else f" from {names.member_name(body.provider)}"
    share = "" if body.share_permille is None else f" with {_percent(body.share_permille)} of what is shared"
    return (
        f"brings in {measure_text(body.quantity)}{who} as {_RETURNS[body.returns]}{share}; "
        f"at most {_percent(body.cap_permille)} of it ever flows back"
    )


_ROLES = {
    "association": "a for-benefit association",
    "community": "part of the community",
    "entrepreneur": "part of the entrepreneurial coalition",
}
_RETURNS = {"debt": "a debt", "equity": "equity", "once": "one return"}
_WHO = {
    "anyone": "anyone",
    "association": "the association",
    "community": "the community",
    "entrepreneur": "entrepreneurs",
}


def term_in_words(term: Term) -> str:
    """One term of a licence, as it is written on the command line."""
    use = "" if term.use is None else f" {term.use}"
    asked = {
        licence.FREE: "free",
        licence.ATTRIBUTION: "attribution",
        licence.AGREEMENT: "by agreement",
    }.get(term.asks, "")
    unit = label_of_unit(term.unit or "") or "piece"
    if term.share_permille is not None:
        asked = f"{_percent(term.share_permille)} of {unit}"
    if term.each is not None:
        asked = f"{measure_text(term.each)} per {unit}"
    if term.free_below is not None:
        asked += f", free below {measure_text(term.free_below)} a year"
    if term.reciprocal:
        asked += ", free for those who give back"
    return f"{_WHO[term.role]}{use}: {asked}"


def _percent(permille: int) -> str:
    return f"{amount_text((permille // 10, 0) if permille % 10 == 0 else (permille, -1))}%"


def _changed(change: Change) -> str:
    parts = {
        "the licence": change.licence,
        "the reach": change.reach,
        "the stewards": change.stewards,
        "the things": change.things,
    }
    return " and ".join(name for name, part in parts.items() if part)


def _moment(time_ms: int) -> str:
    """A time in UTC, the same on every node. Source: the Gregorian calendar, with years from March on."""
    minutes = time_ms // 60_000
    days, minute = divmod(minutes, 24 * 60)
    # Days since 1 March of the year 0, in eras of 400 years.
    era, day_of_era = divmod(days + 719_468, 146_097)
    leaps = day_of_era // 1_460 - day_of_era // 36_524 + day_of_era // 146_096
    year_of_era = (day_of_era - leaps) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    year = era * 400 + year_of_era + (month >= 10)
    month = month + 3 if month < 10 else month - 9
    return f"{year:04d}-{month:02d}-{day:02d} {minute // 60:02d}:{minute % 60:02d}"


def _short(identifier: bytes) -> str:
    return identifier.hex()[:_ID_CHARACTERS]
