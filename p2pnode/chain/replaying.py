"""History run again behind a snapshot: blocks of the past, on a state of their own (I15).

Each block is checked as a final one of the voters that the blocks before it made, and run on the rows that
they left. What comes out is compared with the roots that the quorum signed: they are those of the snapshot at
its height, so a difference means that this program and those who voted do not mean the same by some entry.

Source: C 4.4, 10 (I15).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from p2pnode.chain import levelling
from p2pnode.chain.candidates import Found, read_slices, without_excused
from p2pnode.chain.judging import Made
from p2pnode.chain.levelling import Difference, Sent
from p2pnode.chain.parting import devices_ended
from p2pnode.chain.running import Ran, running, sealed_with
from p2pnode.chain.stored import commit, read_tip
from p2pnode.consensus.block import Tip, body_fault, cut_after, header_fault, roots_fault
from p2pnode.consensus.certificate import Final, check_final, final_of_value
from p2pnode.consensus.format import Body, Configuration, decode_body
from p2pnode.consensus.slices import Slices
from p2pnode.core.crypto import sha256
from p2pnode.core.errors import FormatError
from p2pnode.core.events import Alert, Effect, Penalize
from p2pnode.governance import tables
from p2pnode.governance.executing import LaterRules
from p2pnode.replication.fork import check_fork_proof
from p2pnode.replication.level import BlocksWanted, SentBlock
from p2pnode.store.ending_tables import End

if TYPE_CHECKING:
    from p2pnode.group_change import Change
    from p2pnode.group_log import GroupLog
    from p2pnode.store.level_tables import ReplayTransaction

KEYS_TOLD_MAX = 8
"""Rows that are named when history gives another state."""


def blocks_wanted(log: GroupLog) -> BlocksWanted | None:
    """The blocks that are to be run next and are not here."""
    replayed = log.level.replayed
    if replayed is None or replayed >= log.level.snapshot:
        return None
    if not _may_run(log) or replayed + 1 in log.level.sent:
        return None
    return BlocksWanted(replayed + 1, log.level.snapshot)


def _may_run(log: GroupLog) -> bool:
    return log.level.difference is None and not log.level.has_later_rules


@dataclass(slots=True)
class Rerun:
    """A block of the past while it is run again, a slice at a time (J30).

    Shapes: chain is the state that the blocks before it left, which stays as it is meanwhile; the work gives
    None when entries are not here after all.
    """

    body: bytes
    final: Final
    tip: Tip
    chain: ReplayTransaction
    work: Slices[Ran | None]


def step(change: Change) -> list[Effect] | None:
    """Run a slice of the next block again; None while something of it is still on its way, or it takes a
    later program.

    A block that is none of this group's is dropped, and whoever sent it is to blame.
    """
    level = change.log.level
    replayed = level.replayed
    if replayed is None or not _may_run(change.log):
        return None
    if replayed >= level.snapshot:
        levelling.end_replay(change)
        return []
    if level.rerun is None:
        sent = level.sent.get(replayed + 1)
        if sent is None or (sent.is_checked and not _is_here(change.log, decode_body(sent.block.body))):
            return None
        try:
            level.rerun = _begun(change, replayed, sent)
        except FormatError as error:
            level.sent.clear()
            return [Penalize(sent.peer, error.rule)]
        if level.rerun is None:
            return None
    rerun = level.rerun
    try:
        next(rerun.work)
    except StopIteration as end:
        level.rerun = None
        return None if end.value is None else _ended(change, rerun, end.value)
    except LaterRules:
        level.rerun, level.has_later_rules = None, True
        return None
    return []


def _begun(change: Change, replayed: int, sent: Sent) -> Rerun | None:
    """A block that was sent, checked and ready to be run, or None while entries are missing.

    Errors: FormatError for a block that is none of this group's.
    """
    log = change.log
    chain = change.transaction.replay(replayed)
    tip, voted_by = read_tip(chain, log.founding)
    final, body = checked(sent.block, tip, voted_by)
    _check_place(log, final)
    sent.is_checked = True
    if not _is_here(log, body):
        return None
    unknown = [proof for proof in body.seals if not log.knows_fork(check_fork_proof(proof))]
    for proof in unknown:
        change.seal(proof, check_fork_proof(proof))
    if unknown:
        return None
    return Rerun(sent.block.body, final, tip, chain, _running(log, chain, tip, voted_by, final, body))


def _running(
    log: GroupLog,
    chain: ReplayTransaction,
    tip: Tip,
    voted_by: Configuration | None,
    final: Final,
    body: Body,
) -> Slices[Ran | None]:
    """Run a block on the rows before it, without writing anything. Errors: LaterRules."""
    found = yield from _entries(log, chain, tip, body)
    if found is None:
        return None
    ran = yield from running(chain, tip, voted_by, body, found, final.header.time_ms)
    return ran


def _ended(change: Change, rerun: Rerun, ran: Ran) -> list[Effect]:
    """Keep what a block gave, if it is what the group decided."""
    final, chain, tip = rerun.final, rerun.chain, rerun.tip
    change.log.level.sent.pop(final.header.height, None)
    rule = roots_fault(final.header, ran.roots)
    if rule is not None:
        return _differ(change, chain, final, ran, rule)
    ended = devices_ended(chain, ran.execution.changes)
    commit(chain, _made(final, rerun.body, ran), final.certificate, tip.configuration, final.convocation)
    if ended:
        cut = cut_after(tip, decode_body(rerun.body).cut)
        change.transaction.endings.put(ended, End(final.header.height, {key: cut[key][0] for key in cut}))
    change.transaction.level.put_replayed(final.header.height)
    return []


def _is_here(log: GroupLog, body: Body) -> bool:
    """Whether the lanes reach as far as a block orders them; looked at often while they come."""
    lanes = ((log.lane(entry.key, entry.lane), entry.seq) for entry in body.cut)
    return all(lane is not None and lane.last_usable >= seq for lane, seq in lanes)


def checked(block: SentBlock, tip: Tip, voted_by: Configuration | None) -> tuple[Final, Body]:
    """A block on top of what was run so far, and final by its voters.

    Errors: FormatError block.*, certificate.*, codec.*.
    """
    final = final_of_value([block.header, block.certificate, block.convocation])
    rule = header_fault(final.header, tip)
    if rule is not None:
        raise FormatError(rule, "not the block above")
    check_final(final, tip.configuration)
    if sha256(block.body) != final.header.body_hash:
        raise FormatError("block.other_body", "not the body that the header names")
    body = decode_body(block.body)
    rule = body_fault(final.header, body, tip)
    if rule is not None:
        raise FormatError(rule, "another block's body")
    if body.parent is not None and voted_by is None:
        raise FormatError("block.parent_certificate", "a certificate of the founding")
    return final, body


def _check_place(log: GroupLog, final: Final) -> None:
    """Check that a block is the one through which the way to the snapshot went."""
    known = log.file.chain.block(final.header.height)
    if known is not None and known.id != final.header.id:
        raise FormatError("level.other_block", "the way to the snapshot goes through another block")


def _entries(log: GroupLog, chain: ReplayTransaction, tip: Tip, body: Body) -> Slices[list[Found] | None]:
    """The entries that a block orders, or None where some are not here."""
    sealed = {key for key, row in tables.devices(chain) if row.status == "sealed"}
    lanes = {}
    for number, held in log.lanes.items():
        lanes[number] = lane = held.copy()
        lane.decided = tip.cut.get(lane.key, (-1, b""))[0]
    found: list[Found] = []
    for entry in body.cut:
        own = lanes[log.numbers[entry.key, entry.lane]]
        part = yield from read_slices(log.file, own, entry.seq, lanes.get, sealed_with(sealed, body.seals))
        if not part or part[-1].candidate.id != entry.id or any(item.entry.payload is None for item in part):
            return None
        found += part
    return without_excused(found)


def _made(final: Final, body: bytes, ran: Ran) -> Made:
    header, done = final.header, ran.execution
    return Made(header, body, done, ran.trie, ran.configuration, (), ran.voids, ran.late, (), ran.roots, 0)


def _differ(change: Change, chain: ReplayTransaction, final: Final, ran: Ran, rule: str) -> list[Effect]:
    """Say what differs, and stop: whoever means something else by an entry must not vote."""
    log, height = change.log, final.header.height
    keys: tuple[bytes, ...] = ()
    if rule == "block.state_root" and height == log.chain.tip.height:
        chain.put_rows(ran.execution.changes)
        keys = tuple(change.transaction.level.other_rows(KEYS_TOLD_MAX))
    levelling.note_difference(change, Difference(height, rule, keys))
    message = (
        "history, run again here, does not give what the group decided: this node shows what was decided and"
        " does not vote; upgrade p2pnode, and show this to those who write it"
    )
    facts = {"group": log.group.hex(), "height": str(height), "differs": rule}
    if keys:
        facts["rows"] = ", ".join(_name_of(key) for key in keys)
    return [Alert("level.other_history", message, facts)]


def _name_of(key: bytes) -> str:
    table, _, rest = key.partition(b"\0")
    return f"{table.decode('ascii', 'replace')} {rest.hex()}"
