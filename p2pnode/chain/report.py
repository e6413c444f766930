"""What a person is told of a group's chain: how far it has decided, and whose word is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from p2pnode.chain.levelling import LevelReport
from p2pnode.consensus.height import Missing
from p2pnode.core.errors import UsageError

if TYPE_CHECKING:
    from p2pnode.group_log import GroupLog


class ChainReport(NamedTuple):
    """Shapes: height is that of the last final block, 0 before any; missing is of the height above; level
    says what of the group's history is here and checked."""

    height: int
    time_ms: int
    missing: Missing
    level: LevelReport


def report_of(log: GroupLog | None) -> ChainReport:
    """How a chain stands. Errors: UsageError group.unknown."""
    if log is None:
        raise UsageError(
            "group.unknown", "this node is not in that group", "p2pnode group list shows its groups"
        )
    tip = log.chain.tip
    missing = log.chain.height.missing()
    if log.chain.schism is not None:
        missing = replace(missing, stage="schism", needed=0)
    elif log.chain.blocks.later_version:
        missing = replace(missing, stage="rules", needed=0)
    return ChainReport(tip.height, tip.time_ms, missing, log.level.report())
