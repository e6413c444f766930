"""What the service offers about giving and taking. Types only, no behaviour.

`service.py` says what the values mean in general. Amounts are texts with their unit, such as "20 kg".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

# The API's schema is made from these types, and pydantic reads only this TypedDict before Python 3.12.
from typing_extensions import TypedDict

from p2pnode.local.account_shapes import Account
from p2pnode.local.agreement_shapes import Document, ProofFile
from p2pnode.local.figure_shapes import FiguresShown

About = Literal[
    "agents",
    "agreements",
    "balances",
    "bookings",
    "claims",
    "commons",
    "commons-waiting",
    "events",
    "inflows",
    "intents",
    "kinds",
    "metered",
    "meters",
    "loops",
    "processes",
    "promises",
    "resources",
    "runs",
    "to-sign",
    "uses",
]
"""What can be listed."""

EconomyRow = dict[str, Any]
"""One row of a list: `id` and the columns of its kind, all ready for JSON."""


class FeedPage(TypedDict):
    """A page of the feed. next: what to ask for to get the page after it; none after the last.

    A page may have few rows, or none, and yet a next one: so much was looked at for it.
    """

    rows: list[EconomyRow]
    next: str | None


class FeedFilter(TypedDict, total=False):
    """What a reader wants to see of the feed; what is left out filters nothing."""

    who: str
    purpose: Literal["offer", "request"]
    words: str
    near: str
    within_km: int
    since_ms: int
    all: bool


class Recorded(TypedDict):
    """An entry about giving or taking that is durable here. waits_for: who still has to sign, by name;
    sign_with: the command by which they do.
    """

    entry: str
    group: str
    text: str
    waits_for: list[str]
    sign_with: str


class EconomyCalls(Protocol):
    """The part of a running node about giving and taking."""

    async def record(self, group: str, what: str, said: Mapping[str, Any], note: str) -> Recorded:
        """Say something about giving or taking: what is a word of `service/naming_economy.py`, said the
        fields of its form with people and things by name.
        """

    async def economy(
        self, group: str, about: About, who: str | None, limit: int = 500, after: str | None = None
    ) -> list[EconomyRow]:
        """A list, of everybody or of what concerns one agent; what is provisional is in it.

        Shapes: at most limit rows; claims, events, intents, promises and resources go on behind the row that
        `after` names by its id. The newest events come first, and of the others what is open or there.
        """

    async def feed(self, group: str, chosen: FeedFilter, after: str | None, limit: int) -> FeedPage:
        """What is offered and needed, the newest first; what is provisional is in it."""

    async def export_economy(self, group: str, each_reading: bool) -> Document:
        """Everything about giving and taking as JSON-LD in the words of ValueFlows; of meters each reading
        or a sum for each signed entry.
        """

    async def receipt(self, group: str, record: str) -> ProofFile:
        """What the group's final rows say about a record, as a file that a stranger checks."""

    async def commons(self, group: str, commons: str, who: str | None) -> EconomyRow:
        """One commons with its licence and roles, and how everybody, or one, stands to it."""

    async def thing(self, group: str, thing: str) -> EconomyRow:
        """One thing: how it is, what care it was given, and who has booked it."""

    async def preview_run(self, group: str, said: Mapping[str, Any]) -> EconomyRow:
        """What a rule for sharing gives now, without proposing it: said may name `rule`, `unit`, the blocks
        `after` and `last`, or the times `from_ms` and `to_ms`.
        """

    async def run(self, group: str, run: str) -> EconomyRow:
        """One run with its buckets, shares, and what was paid of them."""

    async def export_run(self, group: str, run: str) -> Document:
        """A run with everything behind it, to be computed again by anybody."""

    async def figures(
        self, group: str, commons: str | None, first: str | None, last: str | None
    ) -> FiguresShown:
        """Figures of a group, or of one commons by its label, from one month to another, both included."""

    async def account(self, group: str, who: str | None, from_ms: int | None, to_ms: int | None) -> Account:
        """What a member, or everybody, gave and received in a period, agreements and shares, in words."""

    async def loops_found(self, group: str, claims: bool, any_kind: bool) -> list[EconomyRow]:
        """What could be set off now, what relieves most before the rest: `id`, `amount`, `relieved`."""

    async def agreement(self, group: str, agreement: str) -> EconomyRow:
        """One agreement with its terms, answers, balances and what remains."""
