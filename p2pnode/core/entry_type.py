"""What a type of entry is: its name, the lanes it may stand in, and how its payload is read.

The rules of a type never reject an entry (J14). They give a rule id: "would be void" while the entry is
provisional, void once it is ordered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from p2pnode.core.entry import Entry, Header
from p2pnode.core.errors import FormatError

UNKNOWN_TYPE_RULE = "type.unknown"
WRONG_LANE_RULE = "type.wrong_lane"

Body = object
"""What a payload decodes to: a frozen dataclass of the type's own module."""

Execute = Callable[[Any, Entry, Any], "str | None"]
"""What an ordered entry does: takes the rows' state, the entry and the block's context, as
`consensus/execution.py` defines them, and gives the rule that makes the entry void, or None.
"""


@dataclass(frozen=True, slots=True)
class EntryType:
    """One type of entry.

    Shapes: `decode` takes payload bytes and raises FormatError with the rule that makes the entry void.
    `governed` entries change the state of the group. `execute` is None for facts that hold by themselves.
    `since` is the rule version that brought the type; before it, its entries are parked (J6).
    """

    name: str
    lanes: frozenset[int]
    decode: Callable[[bytes], Body]
    governed: bool = False
    execute: Execute | None = None
    since: int = 1


def void_rule(types: Mapping[str, EntryType], header: Header, payload: bytes) -> str | None:
    """Why an entry is void whatever the state of its group, or None.

    Shapes: `type.unknown` means parked, not void, until the group's rule version decides (J6).
    """
    entry_type = types.get(header.type)
    if entry_type is None:
        return UNKNOWN_TYPE_RULE
    if header.lane not in entry_type.lanes:
        return WRONG_LANE_RULE
    try:
        entry_type.decode(payload)
    except FormatError as error:
        return error.rule
    return None
