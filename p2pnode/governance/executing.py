"""Executing one entry: whether its author and its type may be heard at all, and then what the type does.

Entries of types that a later rule version brings are parked and run by the block that raises the version
(J6). Everything is judged by rows, never by the log (J30).
"""

from __future__ import annotations

from collections.abc import Mapping

from p2pnode.consensus.execution import BlockContext, Outcome
from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core.entry import Entry, Header, read_entry
from p2pnode.core.entry_type import UNKNOWN_TYPE_RULE, EntryType, void_rule
from p2pnode.core.errors import NodeError
from p2pnode.governance import tables
from p2pnode.governance.founding import RULE_VERSION
from p2pnode.governance.member_types import OPEN_TYPES

PARKED_MAX = 1000
_PARKED_KEY = row_key("parked_count")
"""[how many are parked, the number of the next one]: a block may park a thousand, so none may count them."""

NO_MEMBER_RULE = "author.no_member"
REVOKED_RULE = "device.revoked"
FORK_RULE = "lane.fork"

Types = Mapping[str, EntryType]


class LaterRules(NodeError):
    """The group has raised its rule version beyond this program: replicate, neither execute nor vote (J6)."""

    def __init__(self, version: int, known: int) -> None:
        super().__init__(
            f"the group follows rules of version {version}, this program knows {known}: update it"
        )
        self.version = version


def check_rules(rows: Rows) -> None:
    """Refuse to execute by rules that this program does not know. Errors: LaterRules."""
    check_version(tables.read_uint(rows, tables.RULE_VERSION_KEY, 1))


def check_version(version: int, known: int = RULE_VERSION) -> None:
    """Refuse a version of the rules that this program does not know. Errors: LaterRules."""
    if version > known:
        raise LaterRules(version, known)


def execute_entry(types: Types, state: State, entry: Entry, context: BlockContext) -> str | None:
    """What an ordered entry does to the rows, or the rule that makes it void.

    Shapes: `type.unknown` says that it is parked, or void if there was no room.
    """
    header = entry.header
    struck = _struck_rule(state, header)
    if struck is not None:
        return struck
    author = tables.author_of(state, header.author)
    entry_type = types.get(header.type)
    if entry_type is None or not _is_known(state, entry_type):
        if author is not None and not context.is_provisional:
            _park(state, entry)
        return UNKNOWN_TYPE_RULE
    rule = void_rule(types, header, _payload(entry))
    if rule is not None:
        return rule
    if author is None and header.type not in OPEN_TYPES:
        return NO_MEMBER_RULE
    return None if entry_type.execute is None else entry_type.execute(state, entry, context)


def execute_parked(types: Types, state: State, context: BlockContext) -> tuple[Outcome, ...]:
    """Run the parked entries whose types the rule version now has, in their original order."""
    outcomes: list[Outcome] = []
    for number, (header, signature, payload) in list(tables.scan(state, "parked")):
        entry = read_entry(header, signature, payload)
        entry_type = types.get(entry.header.type)
        if entry_type is None or not _is_known(state, entry_type):
            continue
        state.delete(row_key("parked", number))
        rule = execute_entry(types, state, entry, context)
        outcomes.append((bytes(entry.id), rule or ""))
    if outcomes:
        held, following = tables.read(state, _PARKED_KEY) or (0, 0)
        tables.write(state, _PARKED_KEY, [held - len(outcomes), following])
    return tuple(outcomes)


def _is_known(rows: Rows, entry_type: EntryType) -> bool:
    """Whether the group's rule version has a type."""
    return entry_type.since == 1 or entry_type.since <= tables.read_uint(rows, tables.RULE_VERSION_KEY, 1)


def _struck_rule(state: State, header: Header) -> str | None:
    """The rule by which nothing more of a struck key counts."""
    held = tables.device(state, header.author)
    if held is None or held.status in ("active", "provisional") or header.seq <= held.kept(header.lane):
        return None
    return FORK_RULE if held.status == "sealed" else REVOKED_RULE


def _park(state: State, entry: Entry) -> None:
    """Keep an entry until the group's rule version knows its type."""
    held, number = tables.read(state, _PARKED_KEY) or (0, 0)
    if held < PARKED_MAX:
        key = row_key("parked", tables.number_bytes(number))
        tables.write(state, key, [entry.header_bytes, entry.signature, _payload(entry)])
        tables.write(state, _PARKED_KEY, [held + 1, number + 1])


def _payload(entry: Entry) -> bytes:
    """The payload of an ordered entry, without which nobody may execute a block."""
    assert entry.payload is not None or not entry.header.payload_bytes, "executed without its payload"
    return entry.payload or b""
