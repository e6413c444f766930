"""Who may be named as giving or taking: members, the group itself, and agents outside it."""

from __future__ import annotations

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows
from p2pnode.economy import tables
from p2pnode.governance import tables as members

MEMBER, GROUP, OUTSIDE = "member", "group", "outside"


def kind_of(rows: Rows, agent_id: bytes, context: BlockContext) -> str | None:
    """What an id names, or None where nobody can be named by it now."""
    if agent_id == context.group:
        return GROUP
    if is_present(rows, agent_id):
        return MEMBER
    return None if tables.agent(rows, agent_id) is None else OUTSIDE


def is_former(rows: Rows, agent_id: bytes) -> bool:
    """Whether an id is that of somebody who was a member and is none now."""
    row = members.member(rows, agent_id)
    return row is not None and row.status in ("left", "removed")


def is_present(rows: Rows, agent_id: bytes) -> bool:
    """Whether an id is that of a present member, who can sign."""
    row = members.member(rows, agent_id)
    return row is not None and row.status in ("member", "provisional")
