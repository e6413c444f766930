"""What the service answers when somebody prints what was given and received. Types only, no behaviour.

Everything is in words already, so that HTML, PDF and other programs say the same.
"""

from __future__ import annotations

# The API's schema is made from these types, and pydantic reads only this TypedDict before Python 3.12.
from typing_extensions import TypedDict


class AccountLine(TypedDict):
    """One line. entry: the id by which anybody finds and proves it; block: the height of the block that
    ordered it, if one has. Units: time_ms is wall time, absent where a line has no moment.
    """

    time_ms: int | None
    text: str
    amount: str
    state: str
    entry: str
    block: int | None


class AccountSection(TypedDict):
    """Lines under a heading. totals: what counts of them, by unit; empty: what is said of no lines."""

    title: str
    lines: list[AccountLine]
    totals: list[str]
    empty: str


class Account(TypedDict):
    """What was given and received. who: whom it is about, or nothing for the group. is_cut: there is more
    than is shown. Units: made_ms, from_ms and to_ms are wall time.
    """

    group: str
    group_id: str
    who: str
    made_ms: int
    from_ms: int | None
    to_ms: int | None
    height: int
    block: str
    sections: list[AccountSection]
    is_cut: bool
