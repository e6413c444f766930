"""What a node does with answers by which it gets level: it keeps them and says what comes next.

`levelling.py` and `replaying.py` say what holds; this is the part of `node.py` that acts for them. One step
at a time: others have their turn in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from p2pnode.chain import levelling, past, pruning, replaying
from p2pnode.chain.parting import alert_of
from p2pnode.chain.schism import SETTING, SchismFound, encode_found
from p2pnode.core.codec import Value
from p2pnode.core.errors import FormatError
from p2pnode.core.events import (
    Alert,
    AnnexesReceived,
    Effect,
    LevelAnswered,
    LevelAsked,
    Penalize,
    Received,
    Reply,
)
from p2pnode.replication.level import (
    AnnexesWanted,
    BlocksWanted,
    ChunkWanted,
    EntriesWanted,
    FinalWanted,
    Wanted,
    annexes_in,
    blocks_in,
    runs_in,
)

if TYPE_CHECKING:
    from p2pnode.group_log import GroupLog
    from p2pnode.node import Node


class Next(NamedTuple):
    """What to ask a peer for.

    Shapes: is_busy says that there is more to do once entries have come, has_moved that something came of
    this step; others can be asked for at the same time.
    """

    wanted: Wanted | None
    is_busy: bool
    has_moved: bool = False
    others: tuple[Wanted, ...] = ()


def take(node: Node, event: LevelAsked | LevelAnswered, now_ms: int) -> list[Effect]:
    """Take an answer, or go on with history; the reply says what comes next."""
    log = node.logs.get(event.group)
    if log is None:
        return [Reply(event.request, Next(None, False))]
    is_whole = log.level.target() is None
    if isinstance(event, LevelAsked) and event.is_fresh and is_whole and log.chain.schism is None:
        return [Reply(event.request, Next(log.level.final_wanted(), is_busy=True))]
    before = _next(log, has_moved=False)
    effects: list[Effect] | None = []
    if isinstance(event, LevelAnswered):
        effects = _answered(node, log, event, now_ms)
        log.level.rest(now_ms)
    elif is_whole:
        effects = _replay(node, log)
    after = _next(log, has_moved=isinstance(event, LevelAsked) and effects is not None)
    return [Reply(event.request, after._replace(has_moved=after != before)), *(effects or [])]


def _next(log: GroupLog, *, has_moved: bool) -> Next:
    first, *others = log.level.snapshot_wanted() or (past.wanted(log) or replaying.blocks_wanted(log),)
    is_judging = log.level.parting is not None and log.chain.blocks.is_busy
    stands = log.level.difference is not None or log.level.has_later_rules
    is_busy = bool(first) or is_judging or (log.level.replayed is not None and not stands)
    return Next(first, is_busy, has_moved, tuple(others))


def _answered(node: Node, log: GroupLog, event: LevelAnswered, now_ms: int) -> list[Effect]:
    try:
        return _taken(node, log, event, now_ms)
    except FormatError as error:
        return [Penalize(event.peer, error.rule)]


def _taken(node: Node, log: GroupLog, event: LevelAnswered, now_ms: int) -> list[Effect]:
    """Keep what an answer brings. Errors: FormatError of everything that a correct peer does not send."""
    wanted = event.wanted
    if event.answer is None:
        return _give_up(log, wanted)
    match wanted:
        case FinalWanted():
            return _take_final(log, wanted, event.answer)
        case BlocksWanted():
            return _take_blocks(log, wanted, event)
        case ChunkWanted():
            # Chunks that a power cut takes come again; they are on disk together with the last one.
            with log.change(durable=len(log.level.snapshot_wanted()) == 1) as change:
                levelling.take_chunk(change, wanted, event.answer)
            return node.effects_of(log, change)
        case EntriesWanted():
            runs = Received(None, log.group, event.peer, runs_in(event.answer), False, False)
            return node.receive_all(log.group, [runs], now_ms)
        case AnnexesWanted():
            blobs = annexes_in(event.answer)
            return node.take_annexes(AnnexesReceived(None, log.group, event.peer, blobs))
        case _:
            return []


def _give_up(log: GroupLog, wanted: Wanted) -> list[Effect]:
    """Nobody has any more what a snapshot needs: another one is begun."""
    if wanted in log.level.snapshot_wanted():
        with log.change() as change:
            levelling.drop(change)
        log.level.begin_reading()
    elif wanted == past.wanted(log) and isinstance(wanted, AnnexesWanted | EntriesWanted | BlocksWanted):
        past.give_up(log, wanted)
    return []


def _take_final(log: GroupLog, wanted: FinalWanted, answer: Value) -> list[Effect]:
    before = log.level.parting
    with log.change() as change:
        schism = levelling.take_final(change, wanted, answer)
        if schism is not None:
            change.transaction.put_setting(SETTING, encode_found(schism))
    log.level.begin_reading()
    log.level.read_again()
    log.chain.schism = log.chain.schism or schism
    if schism is not None:
        return [_schism(log, schism)]
    parting = log.level.parting
    if parting is None or parting == before:
        return []
    return [alert_of(log, parting)]


def _take_blocks(log: GroupLog, wanted: BlocksWanted, event: LevelAnswered) -> list[Effect]:
    blocks = blocks_in(event.answer)
    if wanted in log.level.snapshot_wanted():
        with log.change() as change:
            levelling.take_body(change, blocks[0])
    elif wanted in (past.wanted(log), replaying.blocks_wanted(log)):
        for height, block in enumerate(blocks[: wanted.last - wanted.first + 1], wanted.first):
            log.level.sent[height] = levelling.Sent(event.peer, block)
        log.chain.is_stirred = True
    return []


def _replay(node: Node, log: GroupLog) -> list[Effect] | None:
    """Run one block of the past again; None while it is not here."""
    with log.change(durable=False) as change:
        effects = replaying.step(change)
    if effects is None:
        return None
    log.level.read_again()
    return [*node.effects_of(log, change), *effects]


def clear_slice(log: GroupLog) -> bool:
    """Clear a slice of states that have gone, or of old votes; whether there was something."""
    if log.level.has_aside:
        with log.change(durable=False) as change:
            log.level.has_aside = change.transaction.level.clear_aside()
        return True
    if pruning.is_due(log):
        with log.change(durable=False) as change:
            pruning.prune_slice(change)
        return True
    return False


def _schism(log: GroupLog, schism: SchismFound) -> Alert:
    message = (
        "members show two different final blocks of one height: no snapshot is taken, and nothing is ordered"
        " any more until the members have settled it"
    )
    facts = {
        "group": log.group.hex(),
        "height": str(schism.height),
        "blocks": ",".join(block.hex() for block in schism.blocks),
        "culprits": ",".join(member.hex() for member in schism.culprits),
    }
    return Alert("chain.schism", message, facts)
