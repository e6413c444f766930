"""How far a group has decided, and whose word its next block waits for."""

from __future__ import annotations

import trio

from p2pnode.chain.levelling import LevelReport
from p2pnode.chain.report import ChainReport
from p2pnode.core.events import ChainAsked
from p2pnode.local.shapes import Waiting
from p2pnode.port import HeldGroup
from p2pnode.service.context import Context

_PATIENCE_S = 1
"""A status is shown although the writer is busy with an import."""

_SENTENCES = {
    "idle": "",
    "proposal": "a block, to be proposed by one of {silent}",
    "notarize": "the first votes of {silent}: {spoken} of {needed} are here",
    "finalize": "the second votes of {silent}: {spoken} of {needed} are here",
    "block": "the content of a block that was decided, from whoever proposed it",
    "answers": "answers to a roll call from {silent}: {spoken} of {needed} are here",
    "closes": "closes from {silent}, for a second convocation: {spoken} of {needed} are here",
    "done": "",
    "rules": "an upgrade of this program: the group follows rules that this version does not know",
    "schism": "nothing more: voters signed two different blocks, and the group has to decide how to go on",
}


async def report_of(context: Context, held: HeldGroup) -> ChainReport | None:
    """What the writer says of a chain, or None when it is too busy to answer at once."""
    with trio.move_on_after(_PATIENCE_S):
        report: ChainReport = await context.port.ask(lambda request: ChainAsked(request, held.group))
        return report
    return None


async def waiting_of(context: Context, held: HeldGroup) -> Waiting:
    """What the next block of a group waits for; when the writer is busy, what its file says."""
    report = await report_of(context, held)
    if report is None:
        tip = await context.query(held, lambda queries: queries.chain.tip())
        height = 0 if tip is None else tip.height
        sentence = "its own turn: the node is busy writing"
        return Waiting(
            group=held.group.hex(),
            height=height,
            final_ms=0,
            stage="busy",
            attempt=0,
            needed=0,
            spoken=[],
            silent=[],
            ask=[],
            sentence=sentence,
            level="",
        )
    missing = report.missing

    ids = [*missing.spoken, *missing.silent]
    names = await context.describe(held, lambda describer: describer.member_names(ids))
    spoken, silent = names[: len(missing.spoken)], names[len(missing.spoken) :]
    own = held.state.member_of(context.port.own_key)
    sentence = _sentence(missing.stage, silent, len(spoken), missing.needed)
    if missing.stage == "answers" and is_convening(context, held):
        sentence = f"{', '.join(silent)}: no answer to the roll call; who is here may go on without them now"
    return Waiting(
        group=held.group.hex(),
        height=report.height,
        final_ms=report.time_ms,
        stage=missing.stage,
        attempt=missing.attempt,
        needed=missing.needed,
        spoken=spoken,
        silent=silent,
        ask=[name for one, name in zip(missing.silent, silent, strict=True) if own is None or one != own.id],
        sentence=sentence,
        level=_level_sentence(report.level),
    )


def is_convening(context: Context, held: HeldGroup) -> bool:
    """Whether this node asks its member to agree to a second convocation."""
    return ("convocation.asked", held.group.hex()) in context.port.alerts


def _sentence(stage: str, silent: list[str], spoken: int, needed: int) -> str:
    names = ", ".join(silent) or "the voters"
    if stage == "answers" and spoken >= needed:
        return f"{names}: no answer to the roll call; two weeks after it, the others may go on without them"
    return _SENTENCES[stage].format(silent=names, spoken=spoken, needed=needed)


def _level_sentence(level: LevelReport) -> str:
    """What of the history behind a snapshot is still to come."""
    if level.difference is not None:
        height, rule = level.difference.height, level.difference.rule
        return f"history, run again here, does not give what the group decided in block {height} ({rule})"
    if level.coming:
        return f"a snapshot of block {level.coming} is on its way, {level.chunks} parts of it are here"
    if level.is_checked:
        return ""
    share = 100 * level.checked // level.snapshot
    lacking = f", {level.lacking:,} of its entries are on their way" if level.lacking else ""
    return f"usable from a snapshot of block {level.snapshot}; history is checked to {share} %{lacking}"
