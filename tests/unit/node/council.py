"""Several founders who all vote, and what a session would carry between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from p2pnode.core.crypto import SigningKey, sha256
from p2pnode.core.entry import Entry, Header, payload_fields, read_entry, sign_entry
from p2pnode.core.events import (
    AnnexesReceived,
    ForkShown,
    HeaderFound,
    HeardOut,
    OpenGroup,
    PeersPresent,
    Received,
    Woke,
)
from p2pnode.core.ids import DeviceKey
from p2pnode.governance import founding as terms
from p2pnode.governance.charter import charter_of_toml
from p2pnode.governance.inception import Inception, recovery_commitment_of
from p2pnode.replication.exchange import Want
from p2pnode.replication.fork import Branch, encode_fork_proof
from p2pnode.replication.run import StoredEntry, encode_run, pack_runs
from p2pnode.serving import GroupReader
from tests.unit.node.world import NOW_MS, Machine

STEP_MS = 60_000
ROUNDS_MAX = 400


class Council:
    """Machines whose members founded a group together; time, and who is on-line, is up to the test."""

    def __init__(self, folder: Path, names: Sequence[str], **settings: Any) -> None:
        self.machines = {name: Machine(folder, name) for name in names}
        self.now_ms = NOW_MS
        everybody = sorted(self.machines.values(), key=lambda machine: machine.key)
        self.recovery = {machine.key: SigningKey(machine.random.randbytes(32)) for machine in everybody}
        inceptions = [
            Inception(
                DeviceKey(machine.key),
                recovery_commitment_of(self.recovery[machine.key].public),
                sha256(machine.annex(name="founder")),
            )
            for machine in everybody
        ]
        charter = charter_of_toml("", name="Garden", **settings)
        proposed = terms.propose(charter, b"n" * 32, inceptions)
        payload = terms.found(
            proposed, [terms.sign_terms(machine.node.key, proposed) for machine in everybody]
        )
        self.founding = terms.founding_entry(everybody[0].node.key, payload, NOW_MS)
        for machine in everybody:
            self.open(machine)
        self.group = bytes(self.founding.group)

    def open(self, machine: Machine) -> None:
        """Open the group on a machine."""
        founding = (self.founding.header_bytes, self.founding.signature or b"", self.founding.payload or b"")
        machine.ask(OpenGroup(1, founding, ()))

    def __getitem__(self, name: str) -> Machine:
        return self.machines[name]

    def tip(self, name: str) -> int:
        """The height of the last final block on a machine."""
        return self.machines[name].node.logs[self.group].chain.tip.height

    def ends(self, name: str) -> dict[tuple[bytes, int], object]:
        """Where lanes end and how far they are decided, on one machine; votes are apart."""
        lanes = self.machines[name].node.logs[self.group].lanes.values()
        return {
            lane.key: (lane.decided, lane.ended_at, lane.ended_id, lane.last_usable)
            for lane in lanes
            if lane.lane != 1 and (lane.seq >= 0 or lane.ended_at is not None)
        }

    def state_root(self, name: str) -> bytes:
        return self.machines[name].node.logs[self.group].chain.tip.state_root

    def meet(self, *names: str) -> None:
        """Let these be on-line together until nothing moves any more; time passes as timers ask for it."""
        machines = [self.machines[name] for name in names]
        for machine in machines:
            self._be_present(machine, machines)
        quiet = 0
        for _ in range(ROUNDS_MAX):
            before = self._picture(machines)
            for one in machines:
                for other in machines:
                    if one is not other:
                        tell(one, other, self.group, self.now_ms)
                        other.handle(HeardOut(self.group, one.key), self.now_ms)
            self.now_ms += STEP_MS
            for machine in machines:
                machine.handle(Woke(), self.now_ms)
            is_busy = any(machine.node.logs[self.group].chain.blocks.is_busy for machine in machines)
            quiet = quiet + 1 if self._picture(machines) == before and not is_busy else 0
            if quiet > 4:
                break
        else:
            raise AssertionError("it never comes to rest")
        for machine in machines:
            self._be_present(machine, [machine])

    def wait(self, days: int) -> None:
        """Let time pass in which nobody meets."""
        self.now_ms += days * 24 * 3_600_000

    def _be_present(self, machine: Machine, machines: Sequence[Machine]) -> None:
        machine.handle(PeersPresent(frozenset(other.key for other in machines)), self.now_ms)

    def _picture(self, machines: Sequence[Machine]) -> object:
        logs = [machine.node.logs[self.group] for machine in machines]
        return [
            (log.chain.tip.height, sorted((lane.key, lane.seq, lane.ended_at) for lane in log.lanes.values()))
            for log in logs
        ]

    # ---- keys used twice

    def sign(
        self, author: str, text: bytes, *, at: str, lane: int = 0, type_: str = "note", acks: Any = ()
    ) -> Entry:
        """An entry that continues an author's lane as one machine holds it, and that nobody has yet."""
        held = self[at].node.logs[self.group].lane(self[author].key, lane)
        depth, time_ms = (-1, 0) if held is None else (held.depth, held.time_ms)
        seq, prev = (-1, bytes(32)) if held is None else (held.seq, held.id)
        parents = [self[at].node.logs[self.group].file.entry_at(_position(self, at, ack)) for ack in acks]
        depths = [read_entry(row.header, None, None).header.depth for row in parents if row is not None]
        if not acks and seq < 0 and lane == 0:
            depth = max(depth, -1)
        place = (1, self.group, self[author].key, lane, seq + 1, prev, 1 + max([depth, *depths]))
        header = Header(*place, max(self.now_ms, time_ms + 1), tuple(acks), type_, *payload_fields(text))
        return sign_entry(SigningKey(self[author].seed), header, text)

    def hand(self, name: str, *entries: Entry) -> None:
        """Give entries of one lane to one machine."""
        rows = [StoredEntry(entry.header_bytes, entry.signature, entry.payload, 1) for entry in entries]
        frame = framed(rows, entries[0].header)
        self[name].handle(Received(1, self.group, b"p" * 32, frame, False, False), self.now_ms)

    def prove(self, name: str, left: Entry, right: Entry) -> bytes:
        """Show a machine that two entries stand in one place."""
        proof = proof_of(left, right)
        self[name].handle(ForkShown(1, self.group, b"p" * 32, proof), self.now_ms)
        return proof


def _position(council: Council, at: str, entry_id: bytes) -> int:
    position = council[at].node.logs[council.group].file.position_of_id(entry_id)
    assert position is not None
    return position


def framed(rows: Sequence[StoredEntry], first: Header) -> bytes:
    run = encode_run(first.group, first.author, first.lane, first.seq, first.prev, list(rows))
    return pack_runs([run], compress=False)


def proof_of(left: Entry, right: Entry) -> bytes:
    """The proof that two entries were signed in one place."""
    one, two = (Branch((entry.header_bytes,), entry.signature or b"") for entry in (left, right))
    return encode_fork_proof(one, two)


def tell(one: Machine, other: Machine, group: bytes, now_ms: int) -> None:
    """Give the other what a session would: by heads, then proofs, headers of dead branches, and annexes."""
    mine, theirs = one.node.logs[group], other.node.logs[group]
    reader = GroupReader(group, str(one.folder / "groups" / f"{group.hex()}.db"))
    for key, head in sorted(mine.frontier.heads.items()):
        held = theirs.frontier.heads.get(key)
        if held is not None and held.forked and not head.forked:
            continue
        first = 0 if held is None else held.seq + 1
        if first <= head.seq:
            runs, _ = reader.read_runs([Want(*key, first, head.seq)], 1 << 18)
            if runs:
                frame = pack_runs(runs, compress=False)
                other.handle(Received(1, group, one.key, frame, False, False), now_ms)
        _show_fork(one, other, group, key, now_ms)
    reader.close()
    for proof in mine.file.fork_proofs().values():
        other.handle(ForkShown(1, group, one.key, proof), now_ms)
    for entry_id in theirs.missing_headers():
        position = mine.file.position_of_id(entry_id)
        row = None if position is None else mine.file.entry_at(position)
        header = mine.file.dead_header(entry_id) if row is None else row.header
        if header is not None:
            other.handle(HeaderFound(group, header), now_ms)
    bodies = tuple(mine.file.annexes(theirs.file.wanted_annexes(100)))
    if bodies:
        other.handle(AnnexesReceived(1, group, one.key, bodies), now_ms)


def _show_fork(one: Machine, other: Machine, group: bytes, key: tuple[bytes, int], now_ms: int) -> None:
    """Prove the fork that the two branches here and there make, as a hunt would find it."""
    mine, theirs = one.node.logs[group].lane(*key), other.node.logs[group].lane(*key)
    if mine is None or theirs is None:
        return
    last = min(mine.seq, theirs.seq)
    pairs = zip(
        one.node.logs[group].file.entries(mine.number, 0, last),
        other.node.logs[group].file.entries(theirs.number, 0, last),
        strict=True,
    )
    for left, right in pairs:
        if left.header != right.header:
            entries = (read_entry(row.header, row.signature, row.payload) for row in (left, right))
            other.handle(ForkShown(1, group, one.key, proof_of(*entries)), now_ms)
            return
