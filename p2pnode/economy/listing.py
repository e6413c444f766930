"""In which order people see the rows of the economy, and whom each row concerns.

From this an index is kept beside the rows, so that a list is found without looking at all of them. What is
shown of a row is not said here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple

from p2pnode.core import codec
from p2pnode.core.codec import Value
from p2pnode.economy import tables
from p2pnode.economy.tables import (
    OPEN,
    ZERO,
    ClaimRow,
    CommitmentRow,
    EventRow,
    IntentRow,
    ResourceRow,
)

EVERYBODY = b""
"""In the place of an agent: the list of all rows."""


class Listing(NamedTuple):
    """How the rows of one table are listed.

    Shapes: agents gives the ids of whom a row concerns; rank gives a number that is higher for what comes
    first; where a listing is fixed, neither changes while the row is there. columns finds rank and agents in
    the decoded value of a row: events are many, and most are only listed.
    """

    number: int
    made: type[Any]
    agents: Callable[[Any], tuple[bytes | None, ...]]
    rank: Callable[[Any], int]
    is_fixed: bool = False
    columns: Callable[[Value], tuple[int, bytes, bytes]] | None = None


_EVENT_COLUMNS = [field.name for field in fields(EventRow)]
_OPEN_MS = 2**52
"""More than any time: what is open comes before what is not, and then the newest."""

LISTINGS: Mapping[str, Listing] = MappingProxyType(
    {
        "event": Listing(
            1,
            EventRow,
            lambda row: (row.provider, row.receiver),
            lambda row: row.time_ms,
            is_fixed=True,
            columns=itemgetter(*map(_EVENT_COLUMNS.index, ("time_ms", "provider", "receiver"))),
        ),
        "intent": Listing(
            2, IntentRow, lambda row: (row.author,), lambda row: row.time_ms + _OPEN_MS * (row.status == OPEN)
        ),
        "commitment": Listing(
            3, CommitmentRow, lambda row: (row.provider, row.receiver), lambda row: int(row.status == OPEN)
        ),
        "claim": Listing(
            4, ClaimRow, lambda row: (row.provider, row.receiver), lambda row: int(row.status == OPEN)
        ),
        "resource": Listing(
            5,
            ResourceRow,
            lambda row: (row.accountable, row.custodian),
            lambda row: int(row.onhand != ZERO or row.accounting != ZERO),
        ),
    }
)
"""Events are listed by their time, the newest first; of the rest, what is open or there comes first."""


def concerns(listing: Listing, row: Any, agent_id: bytes) -> bool:
    """Whether a row stands in somebody's list."""
    return agent_id == EVERYBODY or agent_id in listing.agents(row)


def places(listing: Listing, data: bytes) -> list[tuple[bytes, int]]:
    """The lists in which a row stands, by whose they are, with its rank there."""
    if listing.columns is not None:
        time_ms, provider, receiver = listing.columns(codec.decode_own(data))
        both = (provider,) if provider == receiver else (provider, receiver)
        return [(agent, time_ms) for agent in (EVERYBODY, *both)]
    row = tables.row_of(listing.made, data)
    rank = listing.rank(row)
    agents = dict.fromkeys(agent for agent in listing.agents(row) if agent is not None)
    return [(EVERYBODY, rank), *((agent, rank) for agent in agents)]
