"""What the service answers about figures of a group or a commons. Types only, no behaviour.

No name and no id of a person is in them. Amounts are texts with their unit; months are written 2026-11.
"""

from __future__ import annotations

# The API's schema is made from these types, and pydantic reads only this TypedDict before Python 3.12.
from typing_extensions import TypedDict


class Share(TypedDict):
    """A part of a whole. exact: as a fraction; percent: rounded to a tenth, for people."""

    exact: str
    percent: str


class Evenness(TypedDict):
    """How evenly a stream was contributed. tenths: parts of all in permille, given by the first one to ten
    tenths of the contributors, who gave least first.
    """

    top_tenth: Share
    gini: Share
    tenths: list[int]


class StreamShown(TypedDict):
    """One stream in one unit. evenness: absent where there are too few contributors to say."""

    stream: str
    unit: str
    amount: str
    contributors: int
    evenness: Evenness | None


class AmountShown(TypedDict):
    """What one stream brought in a month. permille: of the largest such amount in its unit, for drawing."""

    stream: str
    unit: str
    amount: str
    permille: int


class MonthShown(TypedDict):
    """One month."""

    month: str
    contributors: int
    amounts: list[AmountShown]


class FlowShown(TypedDict):
    """What flowed in one unit since the founding. mutual: of what flowed between members, the part for which
    as much flowed back; returned: of what the group received, the part that members got; both may have no
    whole.
    """

    unit: str
    between_members: str
    mutual: Share | None
    received: str
    to_members: str
    to_others: str
    returned: Share | None


class UseShown(TypedDict):
    """Uses of commons of one kind in one unit. users: how many used it."""

    use: str
    amount: str
    times: int
    users: int


class BackShown(TypedDict):
    """What licences asked for uses in one unit, and what of it was given back."""

    asked: str
    given: str
    returned: Share | None


class InflowShown(TypedDict):
    """Means from outside in one unit: what may ever flow back of it, and what did."""

    brought: str
    cap: str
    returned: str


class FiguresShown(TypedDict):
    """Figures of final blocks up to `height`. commons: the one they are about, if any."""

    group: str
    name: str
    commons: str
    height: int
    members: int
    contributors: int
    streams: list[StreamShown]
    months: list[MonthShown]
    flows: list[FlowShown]
    uses: list[UseShown]
    back: list[BackShown]
    inflows: list[InflowShown]
