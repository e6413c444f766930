"""A node that is far behind gets level: by a snapshot of the state, and a check of the history behind it.

The way to the newest final block is verified from the last block that this node knows itself, or from the
founding entry; the state is taken in chunks, each of which gives the root that the block names. From then on
the node shows and writes what holds now, while the lanes come from their first entries on. Meanwhile blocks
below the snapshot are run again (`replaying.py`), and what that gives is compared with what was taken (I15).
Nothing is voted for before the lanes reach the snapshot.

Everything that was checked stands in the group's file, so that a kill costs one answer. What to ask for next
follows from it; who asks whom is the shell's business.

Source: C 4.4, 5.11, J9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from p2pnode.chain.parting import Parting, encode_parting, read_parting, status_in
from p2pnode.chain.schism import SchismFound, found_between
from p2pnode.consensus.certificate import configuration_of_value
from p2pnode.consensus.format import (
    Certificate,
    certificate_of_value,
    decode_header,
    encode_header,
)
from p2pnode.consensus.proof import Anchor, Proven, RowProof, decode_proof
from p2pnode.consensus.rows import row_key
from p2pnode.consensus.snapshot_reader import Range, SnapshotReader
from p2pnode.core import codec
from p2pnode.core.crypto import sha256
from p2pnode.core.errors import FormatError
from p2pnode.proving import founding_configuration, verify_proof
from p2pnode.replication.level import (
    CHUNKS_MAX,
    BlocksWanted,
    ChunkWanted,
    FinalWanted,
    SentBlock,
    Wanted,
    chunk_in,
    final_in,
)
from p2pnode.store.chain_tables import BlockRow
from p2pnode.store.level_tables import ComingBlock

if TYPE_CHECKING:
    from p2pnode.chain.replaying import Rerun
    from p2pnode.group_change import Change
    from p2pnode.group_log import GroupLog

BEHIND_BLOCKS_MIN = 16
"""Who is fewer blocks behind comes there sooner by the log itself."""

PATIENCE_MS = 30_000
"""While a snapshot is on its way, no block is run for as long after each part of it."""

_TARGET = "level_target"
_MARK = "level_mark"
_SNAPSHOT = "level_snapshot"
_FAULT = "level_fault"
_CUT_PREFIX = row_key("cut")


class Difference(NamedTuple):
    """Where history, run again, gives something else than the group decided.

    Shapes: rule is `block.ops_root` or another root's; keys are of rows that differ, where that is known.
    """

    height: int
    rule: str
    keys: tuple[bytes, ...]


class LevelReport(NamedTuple):
    """How far a node is level with its group.

    Shapes: snapshot is the height whose state was taken, 0 for none; checked is how far history was run
    again; coming is the height of a snapshot on its way, 0 for none, of which `chunks` are here; lacking
    counts entries that the snapshot orders and that are not here yet.
    """

    snapshot: int = 0
    checked: int = 0
    coming: int = 0
    chunks: int = 0
    lacking: int = 0
    difference: Difference | None = None

    @property
    def is_checked(self) -> bool:
        """Whether nothing of history is left to be run."""
        return self.checked == self.snapshot


@dataclass(slots=True)
class Sent:
    """A block of the past that is to be run again, who sent it, and whether it is known to be final."""

    peer: bytes
    block: SentBlock
    is_checked: bool = False


class Level:
    """What a group's log holds in memory of getting level; all of it can be read again."""

    def __init__(self, log: GroupLog) -> None:
        self._log = log
        self._reader: SnapshotReader | None = None
        self.sent: dict[int, Sent] = {}
        self.rerun: Rerun | None = None
        self.has_aside = True
        self.is_past_given_up = False
        self.annexes_missed: set[bytes] = set()
        self.resting_until_ms = 0
        self.has_later_rules = False
        """Whether history goes on by rules that this program does not know, and so waits for an upgrade."""

        self.read_again()

    def read_again(self) -> None:
        """Read how far history was run: None when there is nothing to run."""
        self.snapshot = _number(self._log.file.setting(_SNAPSHOT))
        self.replayed = self._log.file.level.replayed()
        self.difference = _decode_difference(self._log.file.setting(_FAULT))
        self._parting = read_parting(self._log.file)

    # ---- what is wanted

    def target(self) -> ComingBlock | None:
        """The block whose state is on its way."""
        height = _number(self._log.file.setting(_TARGET))
        if not height or height <= self._log.chain.tip.height:
            return None
        return next((one for one in self._log.file.level.coming_blocks() if one.block.height == height), None)

    def final_wanted(self) -> FinalWanted:
        """The way from the newest block that is known to be final."""
        tip = self._log.chain.tip
        coming = self._log.file.level.coming_blocks()
        if coming and coming[-1].block.height > tip.height:
            return FinalWanted(coming[-1].block.height, coming[-1].block.id)
        return FinalWanted(tip.height, tip.id)

    def snapshot_wanted(self) -> tuple[Wanted, ...]:
        """What of a snapshot can be asked for now, all of it at the same time; nothing when none is on its
        way."""
        if self._log.chain.schism is not None or self.difference is not None:
            return ()
        target = self.target()
        if target is None:
            return ()
        if not target.block.body:
            return (BlocksWanted(target.block.height, target.block.height),)
        root = decode_header(target.block.header).state_root
        return tuple(ChunkWanted(root, *part) for part in self.reader(target.block).ranges(CHUNKS_MAX))

    def reader(self, block: BlockRow) -> SnapshotReader:
        """The reader of the state on its way, where it stands."""
        if self._reader is None:
            mark = self._log.file.setting(_MARK) or b""
            self._reader = SnapshotReader(decode_header(block.header).state_root, mark)
        return self._reader

    def rest(self, now_ms: int) -> None:
        """Let the chain stand still while a state far above it is on its way."""
        self.resting_until_ms = 0 if self.target() is None else now_ms + PATIENCE_MS

    def ask_again(self) -> None:
        """Others are here: they may have what nobody had."""
        self.is_past_given_up = False
        self.annexes_missed.clear()

    def begin_reading(self) -> None:
        """Another state is on its way, or none."""
        self._reader = None

    # ---- how things stand

    @property
    def parting(self) -> Parting | None:
        """By what a final block beyond the own chain says that this device is gone."""
        held = self._parting
        return None if held is None or held.height <= self._log.chain.tip.height else held

    @property
    def is_level(self) -> bool:
        """Whether this node has what it needs to judge blocks: only then it votes."""
        if self.difference is not None:
            return False
        return self.replayed is None or self._lacking() == 0

    def _lacking(self) -> int:
        """How many entries the snapshot orders that are not here."""
        return sum(max(0, lane.decided - lane.seq) for lane in self._log.lanes.values())

    def report(self) -> LevelReport:
        """What a person is told."""
        target = self.target()
        count = 0 if target is None else self.reader(target.block).count
        coming = 0 if target is None else target.block.height
        checked = self.snapshot if self.replayed is None else self.replayed
        lacking = 0 if self.replayed is None else self._lacking()
        return LevelReport(self.snapshot, checked, coming, count, lacking, self.difference)


# ---- the way to the newest final block


def take_final(change: Change, wanted: FinalWanted, answer: codec.Value) -> SchismFound | None:
    """Take a way to a later final block; a schism when it leads past another final block of its height.

    Errors: FormatError level.*, proof.*, certificate.* and others of decoding.
    """
    log, level = change.log, change.transaction.level
    data, is_more = final_in(answer)
    proven, coming = _verified(log, wanted, data, is_whole=not is_more)
    for one in coming:
        other = _other_final(log, one.block)
        if other is not None:
            configuration = configuration_of_value(codec.decode(one.block.configuration))
            return found_between(configuration, *other)
    tip = log.chain.tip.height
    last = coming[-1].block.height
    if proven.row is not None:
        _part(change, proven, proven.row)
        return None
    if is_more:
        level.put_coming(one for one in coming if one.block.height > tip)
        return None
    target = log.level.target()
    needed = BEHIND_BLOCKS_MIN if log.level.is_level else 1
    if target is None and last - tip < needed:
        level.drop_coming()
    elif target is None or (last > target.block.height and not log.level.reader(target.block).count):
        level.put_coming(one for one in coming if one.block.height > tip)
        change.transaction.put_setting(_TARGET, _bytes_of(last))
    return None


def _part(change: Change, proven: Proven, row: RowProof) -> None:
    """Keep that this device is gone, as the last block says. Errors: FormatError level.other_row."""
    parting = Parting(
        proven.header.height, proven.header.time_ms, status_in(change.log, row, proven.configuration)
    )
    known = change.log.level.parting
    if parting.height > change.log.chain.tip.height and (known is None or parting.height > known.height):
        change.transaction.put_setting(*encode_parting(parting))


def _verified(
    log: GroupLog, wanted: FinalWanted, data: bytes, *, is_whole: bool
) -> tuple[Proven, list[ComingBlock]]:
    """What a proof shows that begins at the block that was named, and the final blocks in it."""
    proof = decode_proof(data)
    start = proof.start
    if isinstance(start, Anchor):
        is_named = start.header.id == wanted.block
    else:
        is_named = wanted.height == 0 and start.group == log.group
    if not is_named or proof.outcome is not None or (proof.row is not None and not is_whole):
        raise FormatError("level.other_start", "a way from another block than the one that was named")
    proven = verify_proof(data, wanted.block)
    if proven.group != log.group:
        raise FormatError("level.other_group", "blocks of another group")
    configuration = start.configuration if isinstance(start, Anchor) else founding_configuration(start)
    coming: list[ComingBlock] = []
    for link in proof.links:
        following = link.next_configuration or configuration
        final = link.final
        block = BlockRow(
            final.header.height,
            final.header.id,
            encode_header(final.header),
            b"",
            codec.encode(final.certificate.value),
            codec.encode(configuration.value),
            None if final.convocation is None else codec.encode(final.convocation.value),
        )
        coming.append(ComingBlock(block, codec.encode(following.value)))
        configuration = following
    if coming[0].block.height <= wanted.height:
        raise FormatError("level.old_height", "nothing above the block that was named")
    heights = [wanted.height, *(one.block.height for one in coming)]
    if is_whole and heights[-2] != heights[-1] - 1:
        # Who leads the next height follows from who signed under the block before the last one.
        raise FormatError("level.no_parent", "the block below the last one is left out")
    return proven, coming


def _other_final(log: GroupLog, block: BlockRow) -> tuple[Certificate, Certificate] | None:
    """The certificates of two final blocks of one height, if another one is known than this."""
    known = log.file.chain.block(block.height)
    if known is None:
        blocks = [one.block for one in log.file.level.coming_blocks()]
        known = next((one for one in blocks if one.height == block.height), None)
    if known is None or known.id == block.id:
        return None
    one, other = (certificate_of_value(codec.decode(row.certificate)) for row in (known, block))
    return one, other


# ---- the state


def take_body(change: Change, block: SentBlock) -> None:
    """Take the body of the block whose state is on its way. Errors: FormatError level.other_block."""
    target = change.log.level.target()
    if target is None or target.block.body:
        return
    header = decode_header(target.block.header)
    if block.header != target.block.header or sha256(block.body) != header.body_hash:
        raise FormatError("level.other_block", "not the block that was asked for")
    held = target.block._replace(body=block.body)
    change.transaction.level.put_coming([target._replace(block=held)])


def take_chunk(change: Change, wanted: ChunkWanted, answer: codec.Value) -> None:
    """Take a chunk of the state; with the last one the snapshot stands.

    Errors: FormatError snapshot.*, level.bad_answer, codec.*.
    """
    log = change.log
    target = log.level.target()
    if target is None or not target.block.body:
        return
    reader = log.level.reader(target.block)
    if reader.is_complete or wanted.root != decode_header(target.block.header).state_root:
        return
    proven = reader.add(chunk_in(answer), Range(wanted.after, wanted.until))
    change.transaction.level.add_state(proven)
    change.transaction.put_setting(_MARK, reader.mark)
    if reader.is_complete:
        _install(change, target)


def drop(change: Change) -> None:
    """Give up a snapshot that nobody has any more."""
    change.transaction.level.drop_coming()
    change.transaction.put_setting(_TARGET, b"")
    change.transaction.put_setting(_MARK, b"")
    change.log.level.has_aside = True


def _install(change: Change, target: ComingBlock) -> None:
    """Let the last final block be the one whose state is here."""
    log, transaction = change.log, change.transaction
    level, chain = transaction.level, transaction.chain
    coming = level.coming_blocks()
    level.add_links([one for one in coming if one.block.height < target.block.height])
    chain.add_block(target.block)
    level.install(log.chain.tip.height)
    drop(change)
    transaction.put_setting(_SNAPSHOT, _bytes_of(target.block.height))
    for key, value in chain.scan(_CUT_PREFIX):
        place = key[len(_CUT_PREFIX) :]
        lane = change.lane_for_writing(place[:-1], place[-1])
        lane.decided = max(lane.decided, int(codec.decode(value)[0]))
    change.note_levelled()


# ---- what is kept


def end_replay(change: Change) -> None:
    """History gives what was taken: nothing is left of the snapshot but its state."""
    change.transaction.level.end_replay()
    change.log.level.has_aside = True


def note_difference(change: Change, difference: Difference) -> None:
    """History gives something else than what was taken."""
    encoded = codec.encode([difference.height, difference.rule, list(difference.keys)])
    change.transaction.put_setting(_FAULT, encoded)


def _decode_difference(data: bytes | None) -> Difference | None:
    if not data:
        return None
    height, rule, keys = codec.decode(data)
    return Difference(height, rule, tuple(keys))


def _number(data: bytes | None) -> int:
    return int.from_bytes(data or b"", "big")


def _bytes_of(height: int) -> bytes:
    return height.to_bytes(8, "big")
