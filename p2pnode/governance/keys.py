"""What happens to a member's keys: adding, striking, replacing all of them, and what waits for objections.

The rules that several entries and decisions share; the entries stand in `devices.py` and `recovering.py`.

Source: C 8, J17, J25.
"""

from __future__ import annotations

from dataclasses import replace

from p2pnode.consensus.execution import BlockContext, Seal
from p2pnode.consensus.rows import State
from p2pnode.governance import tables, voting
from p2pnode.governance.tables import DeviceRow, DeviceStatus, PendingRow, VoterRow

DEVICES_MAX = 8
WINDOW_MS = 7 * 24 * 60 * 60 * 1000
"""How long an old device may object (J25)."""

Keep = tuple[tuple[int, int], ...]


def add_device(state: State, member_id: bytes, key: bytes, *, is_provisional: bool) -> None:
    """Let a key speak for a member."""
    row = tables.member(state, member_id)
    assert row is not None
    tables.put_member(state, member_id, replace(row, devices=(*row.devices, key)))
    tables.put_device(state, key, DeviceRow(member_id, "provisional" if is_provisional else "active"))


def strike(state: State, key: bytes, status: DeviceStatus, keep: Keep, context: BlockContext) -> None:
    """Let a key speak no more. What it wrote up to `keep`, or what is ordered already, stands."""
    held = tables.device(state, key)
    ordered = dict(tables.cut_of(state, key))
    kept = tuple((lane, max(seq, dict(keep).get(lane, -1))) for lane, seq in sorted(ordered.items()))
    member_id = b"" if held is None else held.member
    tables.put_device(state, key, DeviceRow(member_id, status, kept))
    row = tables.member(state, member_id)
    if row is None:
        return
    rest = tuple(other for other in row.devices if other != key)
    tables.put_member(state, member_id, replace(row, devices=rest))
    voter = tables.voter(state, member_id)
    if voter is not None and voter.key == key:
        voting.goes_away(state, member_id, "key", context)


def exec_seal(state: State, seal: Seal, context: BlockContext) -> None:
    """Strike a key that was used twice, in all lanes of this group; its member stays a member (J17).

    A key that nobody knows is noted too: it cannot join any more.
    """
    held = tables.device(state, seal.key)
    if held is None or held.status != "sealed":
        strike(state, seal.key, "sealed", ((seal.lane, seal.keep_seq),), context)


def replace_keys(
    state: State, member_id: bytes, key: bytes, commitment: bytes, context: BlockContext
) -> None:
    """Strike all keys of a member and let a new one speak, vote and be recovered in their place."""
    row = tables.member(state, member_id)
    assert row is not None
    voter, away = tables.voter(state, member_id), tables.away(state, member_id)
    if voter is not None:
        tables.put_voter(state, member_id, VoterRow(key))
    if away is not None:
        tables.put_away(state, member_id, replace(away, key=key))
    for old in row.devices:
        strike(state, old, "revoked", (), context)
    tables.put_member(state, member_id, replace(row, devices=(key,), recovery=commitment))
    tables.put_device(state, key, DeviceRow(member_id, "active"))


def settle_pending(state: State, context: BlockContext) -> None:
    """Carry out what nobody objected to in time, the earliest first."""
    due = sorted(
        (row.due_ms, entry_id, row)
        for entry_id, row in tables.pending(state)
        if row.due_ms <= context.time_ms
    )
    for _, entry_id, row in due:
        tables.drop_pending(state, entry_id)
        _carry_out(state, row, context)


def _carry_out(state: State, row: PendingRow, context: BlockContext) -> None:
    member = tables.member(state, row.member)
    if member is None or member.status != "member":
        return
    held = tables.device(state, row.device)
    if row.kind == "recover":
        if held is None:
            replace_keys(state, row.member, row.device, row.commitment, context)
    elif held is not None and held.status == "active" and held.member == row.member:
        strike(state, row.device, "revoked", row.keep, context)
