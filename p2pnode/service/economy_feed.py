"""The feed: what is offered and needed, the newest first, by place, words and side.

Nothing here ranks: the order is that of time, and every filter is the reader's own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from p2pnode.core.amount import Amount, difference
from p2pnode.core.errors import UsageError
from p2pnode.economy import tables
from p2pnode.economy.form import Place
from p2pnode.economy.labels import measure_text
from p2pnode.economy.measure import Measure
from p2pnode.economy.promising import INTENT, Intent
from p2pnode.local.economy_calls import EconomyRow, FeedPage
from p2pnode.service.economy_names import agent_name, amount, kind_name, place_text
from p2pnode.service.naming_economy import place_of
from p2pnode.service.paging import ROWS_MAX, Page, listed_rows
from p2pnode.service.viewing import GroupView

PAGE_ROWS_MAX = 100
LOOKED_AT_MAX = 5000
"""Rows looked at for one page where filters leave few of them; `next` goes on behind them."""

_EARTH_RADIUS_KM = 6371.0
_NEAR_KM = 10
"""As far as people go without being asked how far."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader wants to see of the feed.

    Shapes: purpose is offer or request; words must all be found; near is a place as people write it; None
    and "" leave a filter out. Units: since_ms is wall time.
    """

    who: bytes | None = None
    purpose: str | None = None
    words: str = ""
    near: str = ""
    within_km: int | None = None
    since_ms: int = 0
    is_all: bool = False


def feed_page(view: GroupView, wanted: Wanted, after: str | None, limit: int) -> FeedPage:
    """So many offers and needs after the one named by the page before. Errors: UsageError feed.*"""
    near = place_of(wanted.near) if wanted.near else None
    if near is None and wanted.within_km is not None:
        raise UsageError("feed.no_place", "it is not said from where", "add --near 52.37,4.9")
    most = min(limit, PAGE_ROWS_MAX)
    # Most of what comes first is wanted; where filters leave little of it, more is looked at at once.
    page = Page(most + 1, id_of(after))
    found: list[EconomyRow] = []
    looked_at = 0
    while rows := listed_rows(view, "intent", wanted.who, page):
        for key, row in rows:
            if _is_behind_all(wanted, row):
                return FeedPage(rows=found, next=None)
            said = INTENT.decode_own(row.payload)
            if not _passes(view, wanted, row, said):
                continue
            if near is not None and not _is_near(near, wanted.within_km, said):
                continue
            shown = intent_shown(view, key, row, said)
            if _has_words(shown, wanted.words):
                if len(found) == most:
                    return FeedPage(rows=found, next=found[-1]["id"])
                found.append(shown)
        looked_at += len(rows)
        page = Page(ROWS_MAX, rows[-1][0])
        if looked_at >= LOOKED_AT_MAX:
            return FeedPage(rows=found, next=rows[-1][0].hex())
    return FeedPage(rows=found, next=None)


def _is_behind_all(wanted: Wanted, row: tables.IntentRow) -> bool:
    """Whether neither a row nor any after it is wanted: what is open comes first, and then the newest."""
    is_open = row.status == tables.OPEN
    return not is_open and (not wanted.is_all or row.time_ms < wanted.since_ms)


def intent_shown(view: GroupView, key: bytes, row: tables.IntentRow, said: Intent) -> EconomyRow:
    """One offer or need, with what is left of it."""
    measure = said.quantity
    return {
        "id": key.hex(),
        "status": _status(view, row, said),
        "published_ms": row.time_ms,
        "purpose": said.purpose,
        "action": said.action,
        "quantity": "" if measure is None else measure_text(measure),
        "taken": "" if measure is None else amount(row.taken, measure.unit),
        "left": "" if measure is None else measure_text(Measure(*_left(measure, row))),
        "kind": kind_name(view, said.resource_conforms_to),
        "author": agent_name(view, row.author),
        "reciprocal": said.reciprocal or "",
        "due_ms": said.due_ms,
        "place": place_text(said.eligible_location),
        "reach_km": said.reach_km,
        "note": view.text(said.annex, "note"),
    }


def _left(measure: Measure, row: tables.IntentRow) -> tuple[Amount, str]:
    return difference(measure.amount, row.taken), measure.unit


def _status(view: GroupView, row: tables.IntentRow, said: Intent) -> str:
    """open, past (its time is over), or as the order left it."""
    is_past = row.status == tables.OPEN and said.due_ms is not None and said.due_ms < view.now_ms
    return "past" if is_past else row.status


def _passes(view: GroupView, wanted: Wanted, row: tables.IntentRow, said: Intent) -> bool:
    """Whether what costs nothing to look at lets a row through."""
    if row.time_ms < wanted.since_ms:
        return False
    if wanted.purpose not in (None, said.purpose):
        return False
    return wanted.is_all or _status(view, row, said) == tables.OPEN


def _has_words(shown: EconomyRow, words: str) -> bool:
    text = " ".join(shown[name] for name in ("kind", "note", "place", "reciprocal", "action")).casefold()
    return all(word in text for word in words.casefold().split())


def _is_near(near: Place, within_km: int | None, said: Intent) -> bool:
    """Whether a place is where the reader looks, or the offer says that it reaches there."""
    place = said.eligible_location
    if isinstance(near, str) or isinstance(place, str) or place is None:
        return isinstance(near, str) and isinstance(place, str) and near.casefold() in place.casefold()
    return distance_km(near, place) <= max(_NEAR_KM if within_km is None else within_km, said.reach_km or 0)


def distance_km(one: tuple[int, int], other: tuple[int, int]) -> float:
    """How far two places are apart, along the surface. Units: millionths of a degree."""
    north, east = (math.radians(part / 1e6) for part in one)
    to_north, to_east = (math.radians(part / 1e6) for part in other)
    half = (
        math.sin((to_north - north) / 2) ** 2
        + math.cos(north) * math.cos(to_north) * math.sin((to_east - east) / 2) ** 2
    )
    return 2 * _EARTH_RADIUS_KM * math.asin(math.sqrt(min(half, 1.0)))


def id_of(after: str | None) -> bytes | None:
    """The row that the page before ended with. Errors: UsageError feed.bad_page."""
    try:
        return None if after is None else bytes.fromhex(after)
    except ValueError as error:
        raise UsageError(
            "feed.bad_page", "no page of the feed goes on there", "take `next` of the page before"
        ) from error
