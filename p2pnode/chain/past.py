"""How a device that is gone reads on to the block that ended its membership (J23).

Its peers close lanes 0 and 1, so it asks members for what it may still read: the blocks up to that one, the
entries that they order, and what these name. Each block is checked as a final one of the voters that the
blocks before it made; then the chain judges and commits it as any other. Own rows that say that this device
is gone are not the end: it may have been let in again and have gone once more. It ends where members show
nothing more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2pnode.chain.replaying import checked
from p2pnode.consensus.format import decode_body
from p2pnode.core.errors import FormatError
from p2pnode.core.events import Effect, Penalize
from p2pnode.replication.exchange import Want
from p2pnode.replication.level import (
    ANNEXES_MAX,
    WANTS_MAX,
    AnnexesWanted,
    BlocksWanted,
    EntriesWanted,
    Wanted,
)

if TYPE_CHECKING:
    from p2pnode.group_log import GroupLog

BLOCKS_AHEAD_MAX = 32
"""Blocks whose entries are asked for together."""


def wanted(log: GroupLog) -> Wanted | None:
    """What to ask for next, or None when there is nothing, or nobody had it a moment ago."""
    if log.level.parting is None:
        return None
    if not log.level.is_past_given_up:
        tip = log.chain.tip.height
        if tip + 1 not in log.level.sent:
            return BlocksWanted(tip + 1, log.level.parting.height)
        wants = _lacking(log)
        if wants:
            return EntriesWanted(wants)
    hashes = [name for name in log.file.wanted_annexes(ANNEXES_MAX) if name not in log.level.annexes_missed]
    return AnnexesWanted(tuple(hashes)) if hashes else None


def follow(log: GroupLog) -> list[Effect]:
    """Hand the chain the block above its tip, if it is here: it is final, whoever was heard.

    A block that is none of this group's is dropped, and whoever sent it is to blame.
    """
    if log.level.parting is None:
        return []
    tip = log.chain.tip.height
    for height in [height for height in log.level.sent if log.level.snapshot < height <= tip]:
        del log.level.sent[height]
    sent = log.level.sent.get(tip + 1)
    if sent is None or sent.is_checked:
        return []
    try:
        final, _ = checked(sent.block, log.chain.tip, log.chain.voted_by)
    except FormatError as error:
        log.level.sent.clear()
        return [Penalize(sent.peer, error.rule)]
    sent.is_checked = True
    with log.change(durable=False) as change:
        change.add_annex(sent.block.body)
    log.chain.take_final(final)
    return []


def give_up(log: GroupLog, asked: AnnexesWanted | EntriesWanted | BlocksWanted) -> None:
    """No member who was asked has it, or shows it: that is not asked again before others come."""
    if isinstance(asked, AnnexesWanted):
        log.level.annexes_missed.update(asked.hashes)
    else:
        log.level.is_past_given_up = True


def _lacking(log: GroupLog) -> tuple[Want, ...]:
    """What the blocks order that are here and follow one another, as far as it is not here."""
    lasts: dict[tuple[bytes, int], int] = {}
    first = log.chain.tip.height + 1
    for height in range(first, first + BLOCKS_AHEAD_MAX):
        sent = log.level.sent.get(height)
        if sent is None:
            break
        try:
            body = decode_body(sent.block.body)
        except FormatError:
            break  # whoever sent it is blamed when its turn comes
        for entry in body.cut:
            lasts[entry.key, entry.lane] = entry.seq
    wants = []
    for (author, number), last in lasts.items():
        lane = log.lane(author, number)
        held = -1 if lane is None else lane.seq
        if held < last:
            wants.append(Want(author, number, held + 1, last))
    return tuple(wants[:WANTS_MAX])
