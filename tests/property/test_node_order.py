"""Whatever order the entries of a group come in, all nodes come to the same: members, marks, ends.

A seeded history is written by a few machines that hear of each other only now and then: newcomers come
through members who decide nothing, two use one link, keys are used twice, poison is written, somebody
leaves. Then nodes that know nothing get everything in orders of their own until nothing changes any more.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p2pnode.chain.branches import is_on_the_way
from p2pnode.consensus.format import PROPOSAL_TYPE, body_named
from p2pnode.core.crypto import SigningKey
from p2pnode.core.entry import Entry, Header, payload_fields, read_entry, sign_entry
from p2pnode.core.errors import UsageError
from p2pnode.core.events import AnnexesReceived, Event, ForkShown, HeaderFound, Leave, Received
from p2pnode.core.ids import Lane
from p2pnode.replication.fork import Branch, encode_fork_proof
from p2pnode.replication.run import StoredEntry, encode_run, pack_runs, stored_header
from p2pnode.store.node_file import Membership
from tests.unit.node.world import NOW_MS, Machine

LATE_MS = NOW_MS + 3_600_000
NAMES = ("alice", "bob", "carol", "dave", "erin")
PASSES_MAX = 20

KINDS = ("write", "write", "open", "give", "give", "give", "fork", "refork", "fault", "leave")
STEPS = 50


def script(seed: int) -> list[tuple[str, int, int, int]]:
    """What happens, from one seed: short lists would hardly ever let a fork meet an ack."""
    chance = random.Random(seed)
    return [
        (chance.choice(KINDS), chance.randrange(5), chance.randrange(5), chance.randrange(100))
        for _ in range(STEPS)
    ]


class History:
    """The machines that write, and what they sign against the rules."""

    def __init__(self, folder: Path) -> None:
        self.machines = [Machine(folder, name) for name in NAMES]
        alice, bob, carol, dave, erin = self.machines
        self.group = alice.found()
        bob.join(alice, self.group)
        alice.share(bob, self.group)
        self.now_ms = NOW_MS + 1
        carol.join(bob, self.group)
        link = alice.link(self.group, uses=1)
        dave.knock(bob, dave.prepare(link))
        erin.knock(alice, erin.prepare(link))
        self.proofs: list[bytes] = []

    def take(self, kind: str, by: int, to: int, number: int) -> None:
        self.now_ms += 10
        author, other = self.machines[by], self.machines[to]
        match kind:
            case "write" | "open":
                self._try(lambda: author.write(self.group, "x", self.now_ms, lane=2 if kind == "open" else 0))
            case "give":
                # Now and then with the bodies of blocks: then the other follows, and may come to vote.
                give = author.share if number % 3 == 0 else author.give
                give(other, self.group, self.now_ms)
            case "leave" if number < 40:
                self._try(lambda: author.ask(Leave(1, self.group), self.now_ms))
            case "fork":
                self._fork(author, other, self.machines[number % 5], number)
            case "refork":
                self._refork(author, other, number)
            case "fault":
                self._fault(author, other, number)

    @staticmethod
    def _try(work: Any) -> None:
        try:
            work()
        except UsageError:
            pass  # not a member any more, or the key was used twice: a correct node does not sign

    def _tip(self, author: Machine, at: Machine, lane: int) -> Header | None:
        state = at.node.logs[self.group].lane(author.key, lane)
        if state is None or state.seq < 0 or state.ended_at is not None:
            return None
        return Header(
            1, self.group, author.key, lane, state.seq, state.id, state.depth, state.time_ms, (), "x", 0, b""
        )

    def _sign(
        self, author: Machine, tip: Header, depth: int, text: bytes, acks: tuple[bytes, ...] = ()
    ) -> Entry:
        place = (1, self.group, author.key, tip.lane, tip.seq + 1, tip.prev, depth, self.now_ms, acks)
        header = Header(*place, "note", *payload_fields(text))
        return sign_entry(SigningKey(author.seed), header, text)

    def _fork(self, author: Machine, one: Machine, two: Machine, number: int) -> None:
        tip = self._tip(author, one, 2 * (number % 2))
        if tip is None:
            return
        left, right = (self._sign(author, tip, tip.depth + 1, text) for text in (b"left", b"right"))
        self._hand(one, left)
        self._hand(two, right)
        if number % 3:
            longer = _as_tip(left)
            self.now_ms += 1
            self._hand(one, self._sign(author, longer, longer.depth + 1, b"longer"))
        self._prove(left, right)

    def _refork(self, author: Machine, holder: Machine, number: int) -> None:
        lane = 2 * (number % 2)
        state = holder.node.logs[self.group].lane(author.key, lane)
        if author is self.machines[0] or state is None or state.seq < 0:
            return
        seq = number % (state.seq + 1)
        held = holder.node.logs[self.group].file.entries(state.number, seq, seq)[0]
        entry = read_entry(held.header, held.signature, held.payload)
        other = sign_entry(SigningKey(author.seed), entry.header._replace(type="other"), held.payload or b"")
        self._prove(entry, other)
        if number % 2:
            holder.handle(ForkShown(1, self.group, author.key, self.proofs[-1]), self.now_ms)

    def _fault(self, author: Machine, other: Machine, number: int) -> None:
        tip = self._tip(author, other, 0)
        if tip is None or author is self.machines[0]:
            return
        acks: tuple[bytes, ...] = ()
        if number % 2:
            target = other.node.logs[self.group].lane(self.machines[0].key, 0)
            acks = (target.id,) if target is not None and target.seq >= 0 else ()
        poison = self._sign(author, tip, tip.depth + 7, b"poison", acks)
        self._hand(other, poison)
        after = _as_tip(poison)
        self.now_ms += 1
        self._hand(other, self._sign(author, after, after.depth + 1, b"after"))

    def _hand(self, machine: Machine, entry: Entry) -> None:
        frame = framed([stored_of(entry)], entry.header)
        machine.handle(Received(1, self.group, machine.key, frame, False, False), self.now_ms)

    def _prove(self, left: Entry, right: Entry) -> None:
        branches = (Branch((entry.header_bytes,), entry.signature or b"") for entry in (left, right))
        self.proofs.append(encode_fork_proof(*branches))

    def settle(self) -> None:
        """Prove every fork that two machines together can see, as their sessions would."""
        seen: dict[tuple[bytes, int, int], Entry] = {}
        for machine in self.machines:
            log = machine.node.logs[self.group]
            for lane in sorted(log.lanes.values(), key=lambda lane: lane.number):
                for row in log.file.entries(lane.number, 0, lane.seq):
                    entry = read_entry(row.header, row.signature, row.payload)
                    other = seen.setdefault((lane.author, lane.lane, entry.header.seq), entry)
                    if other.id != entry.id and other.header.prev == entry.header.prev:
                        self._prove(*sorted((other, entry), key=lambda entry: entry.id))

    def events(self, chance: random.Random) -> list[Event]:
        """Everything that anybody holds, cut into pieces."""
        events: list[Event] = [ForkShown(1, self.group, b"p" * 32, proof) for proof in self.proofs]
        for machine in self.machines:
            log = machine.node.logs[self.group]
            for lane in sorted(log.lanes.values(), key=lambda lane: lane.number):
                rows = log.file.entries(lane.number, 0, lane.seq)
                at = 0
                while at < len(rows):
                    piece = rows[at : at + chance.randint(1, 5)]
                    header = read_entry(piece[0].header, None, None).header
                    frame = framed(piece, header)
                    events.append(Received(1, self.group, machine.key, frame, False, False))
                    events += [HeaderFound(self.group, row.header) for row in piece]
                    at += len(piece)
                events += self._annexes(machine, lane.number, chance)
        return events

    def _annexes(self, machine: Machine, number: int, chance: random.Random) -> list[Event]:
        """The bodies of blocks that the proposals in a lane name, a few at a time."""
        log = machine.node.logs[self.group]
        lane = log.lanes[number]
        if lane.lane != Lane.VOTES:
            return []
        rows = [stored_header(row.header).type for row in log.file.entries(number, 0, lane.seq)]
        entries = zip(rows, log.file.entries(number, 0, lane.seq), strict=True)
        named = [body_named(row.payload or b"") for type_, row in entries if type_ == PROPOSAL_TYPE]
        blobs = log.file.annexes([body_hash for body_hash in named if body_hash is not None])
        chance.shuffle(blobs)
        pieces = [tuple(blobs[at : at + 2]) for at in range(0, len(blobs), 2)]
        return [AnnexesReceived(1, self.group, machine.key, piece) for piece in pieces]


def _as_tip(entry: Entry) -> Header:
    """The header of an entry with its own id where the id before it stands."""
    return entry.header._replace(prev=entry.id)


def stored_of(entry: Entry) -> StoredEntry:
    return StoredEntry(entry.header_bytes, entry.signature, entry.payload, 1)


def framed(rows: list[StoredEntry], first: Header) -> bytes:
    rows = [row._replace(checked=1) for row in rows]
    run = encode_run(first.group, first.author, first.lane, first.seq, first.prev, rows)
    return pack_runs([run], compress=False)


class Observer:
    """A node outside the group that writes nothing."""

    def __init__(self, folder: Path, name: str, history: History) -> None:
        self.machine = Machine(folder, name)
        self.group = history.group
        founding = history.machines[0].node.logs[self.group].file.founding()
        with self.machine.node.node_file.write() as transaction:
            transaction.put_membership(self.group, Membership("member", founding=founding))
        self.machine.restart()

    def hear_all(self, events: list[Event], chance: random.Random) -> None:
        """Hear everything in random orders until nothing changes."""
        before: object = None
        for _ in range(PASSES_MAX):
            chance.shuffle(events)
            at = 0
            while at < len(events):
                size = chance.randint(1, 6)
                self.machine.node.handle_all(events[at : at + size], LATE_MS)
                at += size
            if chance.random() < 0.3:
                self.machine.restart()
            picture = self.picture()
            if picture == before and not self._is_something_on_the_way():
                return
            before = picture
        raise AssertionError("it never comes to rest")

    def _is_something_on_the_way(self) -> bool:
        log = self.machine.node.logs[self.group]
        return any(is_on_the_way(lane, log.fork_seqs.get(lane.key)) for lane in log.lanes.values())

    def picture(self) -> object:
        """What all nodes have to agree on. Whose join came to nothing may be stored more or less far."""
        log = self.machine.node.logs[self.group]
        members = {id_: (member.status, member.devices) for id_, member in log.state.members.items()}
        present = {device for member in log.state.members.values() for device in member.devices}
        lanes = {
            lane.key: (
                lane.last_deliverable,
                lane.delivered,
                # How far votes speak of past heights only is a note of each node's own.
                lane.decided if lane.lane != Lane.VOTES else None,
                lane.ended_at,
                lane.ended_id,
            )
            for lane in log.lanes.values()
            if lane.author in present and (lane.seq >= 0 or lane.ended_at is not None)
        }
        heads = {
            key: (head.seq, head.id, head.forked)
            for key, head in log.frontier.heads.items()
            if head.author in present
        }
        outcomes = {
            id_: outcome for id_, outcome in log.state.outcomes.items() if outcome.state in ("final", "void")
        }
        tip = log.chain.tip
        return members, lanes, heads, outcomes, (tip.height, tip.id, tip.state_root)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32))
def test_any_order_and_batching_comes_to_the_same(seed: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        history = History(folder)
        for step in script(seed):
            history.take(*step)
        history.settle()
        pictures = []
        for number in range(3):
            chance = random.Random(seed + number)
            observer = Observer(folder, f"observer-{number}", history)
            observer.hear_all(history.events(chance), chance)
            pictures.append(observer.picture())
            observer.machine.node.close()
        for machine in history.machines:
            machine.node.close()
        assert pictures[0] == pictures[1] == pictures[2]
