"""Roles that the group gives, and suspensions: what they are and when they end."""

from __future__ import annotations

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import Rows, State, row_key
from p2pnode.core.crypto import HASH_BYTES
from p2pnode.governance import tables


def put_role(state: State, member_id: bytes, name: str, until_ms: int) -> None:
    """Give a member a role. Shapes: until_ms 0 is without end."""
    tables.write(state, row_key("role", member_id, name.encode("utf-8")), until_ms)


def drop_role(state: State, member_id: bytes, name: str) -> None:
    """Take a role back."""
    state.delete(row_key("role", member_id, name.encode("utf-8")))


def roles_of(rows: Rows, member_id: bytes) -> tuple[str, ...]:
    """The roles of a member, ascending."""
    return tuple(name.decode("utf-8") for name, _ in tables.scan(rows, "role", member_id))


def has_role(rows: Rows, member_id: bytes, name: str) -> bool:
    """Whether a member holds a role now."""
    return rows.get(row_key("role", member_id, name.encode("utf-8"))) is not None


def holders(rows: Rows, name: str) -> list[bytes]:
    """The members who hold a role, ascending."""
    return [
        key[:HASH_BYTES] for key, _ in tables.scan(rows, "role") if key[HASH_BYTES:] == name.encode("utf-8")
    ]


def end_what_is_over(state: State, context: BlockContext) -> None:
    """Take away roles and suspensions whose time is over."""
    for table in ("role", "suspension"):
        for key, until_ms in list(tables.scan(state, table)):
            if 0 < until_ms <= context.time_ms:
                state.delete(row_key(table, key))
