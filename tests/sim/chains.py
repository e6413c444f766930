"""The watcher of chains: what machines vote and what becomes final, judged from outside.

While a case is played: no two final blocks at one height (I1, I2), every certificate verified as a light
client does (I4), no honest voter contradicts itself (I5), nothing final is taken back (I14). When the world
has healed: the state follows from the rows (I3), a proof from the founding on and a snapshot say the same
(I4, I15), and nobody writes any more (I10).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from p2pnode.consensus.certificate import Final, check_final, configuration_of_value, final_of_value
from p2pnode.consensus.convocation import CLOSE_TYPE, decode_closing
from p2pnode.consensus.format import VOTE_TYPE, Vote, decode_header, decode_votes
from p2pnode.consensus.proof import Link, Proof, encode_proof
from p2pnode.consensus.rules import FIRST_ATTEMPT
from p2pnode.consensus.snapshot import make_chunk
from p2pnode.consensus.snapshot_reader import SnapshotReader
from p2pnode.consensus.trie import EMPTY_ROOT, update
from p2pnode.core import codec
from p2pnode.core.crypto import sha256
from p2pnode.core.errors import FormatError
from p2pnode.core.ids import Lane
from p2pnode.group_log import GroupLog
from p2pnode.proving import founding_configuration, verify_proof
from p2pnode.replication.run import stored_header
from p2pnode.store.chain_tables import BlockRow, ChainQueries
from tests.sim.disk import SimulatedShelf, queries_of

if TYPE_CHECKING:
    from tests.sim.machine import Machine
    from tests.sim.world import World

_SNAPSHOT_BYTES = 2_000
"""Small chunks, so that a small state has several."""

_Place = tuple[bytes, bytes, int, int, int]
"""Group, voter, height, attempt, view."""


class Chains:
    """What was seen of chains so far."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.final: dict[tuple[bytes, int], bytes] = {}
        """The final block of each group and height, by id."""
        self.first_ms: dict[tuple[bytes, int], int] = {}
        """When each of them was final at the first node."""
        self.checked = 0
        self._heights: dict[tuple[str, bytes], int] = {}
        self._heard: dict[tuple[str, bytes], int] = {}
        self._said: dict[_Place, set[tuple[str, bytes]]] = {}
        self._closed: set[tuple[bytes, bytes, int]] = set()

    def forget(self, name: str) -> None:
        """A machine began anew with what its disk holds: what was not durable is learnt again."""
        for place in [place for place in self._heights if place[0] == name]:
            del self._heights[place]
        for place in [place for place in self._heard if place[0] == name]:
            del self._heard[place]

    def after_step(self, machine: Machine) -> None:
        """Look at what one machine voted and committed."""
        if machine.node is None or not self.world.is_honest(machine.name):
            return
        for group, log in machine.node.logs.items():
            height = log.chain.tip.height
            seen = self._heights.get((machine.name, group), 0)
            if height < seen:
                self.world.watch.find("chain.reverted", f"{machine.name} fell from {seen} to {height}")
            if height > seen:
                self._heights[machine.name, group] = height
                self._look_at_blocks(machine, log, seen + 1)
            self._look_at_votes(machine, log)

    # ---- blocks

    def _look_at_blocks(self, machine: Machine, log: GroupLog, first: int) -> None:
        chain = _chain_of(machine, log)
        for row in chain.blocks(first, log.chain.tip.height):
            header = decode_header(row.header)
            self.world.log(f"{machine.name} final {row.height} {row.id.hex()[:8]}")
            self.first_ms.setdefault((log.group, row.height), self.world.timeline.now_ms)
            known = self.final.setdefault((log.group, row.height), row.id)
            if known != row.id and self.world.case.is_within_bounds:
                self.world.watch.find("chain.forked", f"{machine.name} has another block {row.height}")
            before = chain.block(row.height - 1)
            if before is None and 1 < row.height <= log.level.snapshot:
                continue  # blocks behind a snapshot come later
            if header.previous != (log.group if before is None else before.id):
                self.world.watch.find("chain.broken", f"{machine.name}: block {row.height} follows another")
            self._verify(machine, log, row)

    def _verify(self, machine: Machine, log: GroupLog, row: BlockRow) -> None:
        final, configuration = _final_of(row), configuration_of_value(codec.decode(row.configuration))
        self.checked += 1
        try:
            check_final(final, configuration)
        except FormatError as error:
            what = f"{machine.name}'s certificate of block {row.height}: {error}"
            self.world.watch.find("chain.certificate", what)

    # ---- votes

    def _look_at_votes(self, machine: Machine, log: GroupLog) -> None:
        """What a machine has put into its lane 1, before anybody else can see it."""
        lane = log.lane(log.key.public, Lane.VOTES.value)
        seen = self._heard.get((machine.name, log.group), -1)
        if lane is None or lane.seq <= seen or machine.name in self.world.watch.may_fork:
            return
        self._heard[machine.name, log.group] = lane.seq
        queries = queries_of(machine.disk, SimulatedShelf.path(log.group))
        for stored in queries.entries(lane.number, seen + 1, lane.seq):
            kind = stored_header(stored.header).type
            if kind == VOTE_TYPE:
                for vote in decode_votes(stored.payload or b""):
                    self._look_at_vote(machine, log.group, vote)
            elif kind == CLOSE_TYPE:
                closing = decode_closing(stored.payload or b"")
                if not closing.voter:
                    self._closed.add((log.group, log.key.public, closing.height))

    def _look_at_vote(self, machine: Machine, group: bytes, vote: Vote) -> None:
        key = machine.key.public
        place = (group, key, vote.height, vote.attempt, vote.view)
        said = self._said.setdefault(place, set())
        said.add((vote.kind, vote.block))
        kinds = [kind for kind, _ in said]
        where = f"{machine.name} at {vote.height}/{vote.attempt}/{vote.view}"
        if kinds.count("N") > 1 or kinds.count("F") > 1:
            self.world.watch.find("vote.double", f"{where} votes for two blocks")
        if "S" in kinds and "F" in kinds:
            self.world.watch.find("vote.double", f"{where} skips and finalizes")
        if vote.attempt == FIRST_ATTEMPT and (group, key, vote.height) in self._closed:
            self.world.watch.find("vote.after_close", f"{where} has closed this attempt")

    # ---- the end

    def is_something_open(self) -> bool:
        """Whether something will happen by time alone: a vote closes, an entry of the future comes in."""
        held = [
            (machine, log)
            for machine in self.world.machines.values()
            if machine.node is not None and self.world.is_honest(machine.name)
            for log in machine.node.logs.values()
        ]
        if any(log.chain.blocks.due_ms is not None for _, log in held):
            return True
        return any(
            own is not None and ((theirs := log.lane(own.author, own.lane)) is None or theirs.seq < own.seq)
            for own in (mine.lane(machine.key.public, Lane.LOCAL.value) for machine, mine in held)
            for _, log in held
        )

    def judge(self, machine: Machine, log: GroupLog, *, is_whole: bool) -> None:
        """Judge the chain that a machine holds. Shapes: is_whole asks for the dearer checks too."""
        rows = dict(log.file.chain.scan(b""))
        try:
            trie = update(EMPTY_ROOT, dict(rows), _no_node)
            if trie.root != log.chain.tip.state_root:
                self.world.watch.find("chain.other_state", f"{machine.name}'s rows have another root")
            if is_whole and not log.level.report().is_checked:
                self.world.watch.find("chain.unchecked", f"{machine.name} has not run history again (I15)")
            elif is_whole and log.chain.tip.height:
                proven = verify_proof(encode_proof(_proof_of(log)), log.group)
                if proven.header.id != log.chain.tip.id:
                    self.world.watch.find("chain.proof", f"{machine.name} proves another block")
                if dict(_from_snapshot(log)) != rows:
                    self.world.watch.find("chain.snapshot", f"{machine.name}'s snapshot is another state")
        except FormatError as error:
            self.world.watch.find("chain.proof", f"{machine.name}: {error}")


def _chain_of(machine: Machine, log: GroupLog) -> ChainQueries:
    return queries_of(machine.disk, SimulatedShelf.path(log.group)).chain


def _final_of(row: BlockRow) -> Final:
    """What a row holds, read as a carrier would hand it on."""
    convocation = None if row.convocation is None else codec.decode(row.convocation)
    return final_of_value([row.header, codec.decode(row.certificate), convocation])


def _proof_of(log: GroupLog) -> Proof:
    """Every block from the founding on, as a file that anybody can check."""
    rows = log.file.chain.blocks(1, log.chain.tip.height)
    configurations = [configuration_of_value(codec.decode(row.configuration)) for row in rows]
    links = []
    for row, voting, following in zip(
        rows, configurations, [*configurations[1:], log.chain.tip.configuration], strict=True
    ):
        links.append(Link(_final_of(row), following if following.hash != voting.hash else None))
    assert configurations[0].hash == founding_configuration(log.founding).hash
    return Proof(log.founding, tuple(links))


def _from_snapshot(log: GroupLog) -> Iterator[tuple[bytes, bytes]]:
    """The state's rows as a newcomer gets them in chunks."""
    chain, root = log.file.chain, log.chain.tip.state_root
    row_of = {sha256(key): (key, value) for key, value in chain.scan(b"")}
    reader = SnapshotReader(root)
    while not reader.is_complete:
        chunk = make_chunk(root, reader.end, chain.trie_node, lambda hash_: row_of[hash_], _SNAPSHOT_BYTES)
        yield from reader.add(chunk).chunk.rows


def _no_node(name: bytes) -> bytes:
    raise KeyError(name.hex())
