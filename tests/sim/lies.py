"""What a liar does: bytes, entries and conversations that no correct node produces.

A liar is a machine with the real node, so that it is a member and in step; what it forges beside that is made
here with its key and handed to victims as its own doing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from p2pnode.core.crypto import ZERO_HASH, SigningKey, sha256
from p2pnode.core.entry import (
    ENTRY_TAG,
    Entry,
    Header,
    decode_header,
    encode_header,
    payload_fields,
    sign_entry,
)
from p2pnode.core.events import ForkShown, JoinAsked, Received
from p2pnode.replication.exchange import Want
from p2pnode.replication.fetching import wants_message
from p2pnode.replication.fork import Branch, encode_fork_proof
from p2pnode.replication.messages import Heads, Push, Shown, encode_message, head_columns
from p2pnode.replication.run import StoredEntry, encode_run, pack_runs
from tests.sim.voting_lies import VOTING_LIES, lie_as_voter

if TYPE_CHECKING:
    from tests.sim.machine import Machine
    from tests.sim.world import World

_HOUR_MS = 60 * 60 * 1000
_TYPE = "later.thing"


class Liar:
    """One liar, one victim, one group, at the moment of the lie."""

    def __init__(self, world: World, liar: Machine, victim: Machine, group: bytes, number: int) -> None:
        self.world = world
        self.liar = liar
        self.victim = victim
        self.group = group
        self.number = number
        self.chance = world.chance("lie", liar.name, victim.name, number, world.timeline.now_ms)

    # ---- making entries

    def tip(self, lane: int = 0) -> tuple[int, bytes, int, int]:
        """Seq, id, depth and time of the liar's last entry, as its own node has it."""
        node = self.liar.node
        log = None if node is None else node.logs.get(self.group)
        held = None if log is None else log.lane(self.liar.key.public, lane)
        return (-1, ZERO_HASH, -1, 0) if held is None else (held.seq, held.id, held.depth, held.time_ms)

    def entry(self, after: tuple[int, bytes, int, int], mark: str, **changes: Any) -> Entry:
        """An entry that continues a tip, but for what is to be wrong with it."""
        seq, prev, depth, time_ms = after
        payload = sha256(f"{self.liar.name}{mark}{self.number}".encode())
        fields: dict[str, Any] = {
            "version": 1,
            "group": self.group,
            "author": self.liar.key.public,
            "lane": 0,
            "seq": seq + 1,
            "prev": prev,
            "depth": depth + 1,
            "time_ms": max(time_ms + 1, self.liar.wall_ms),
            "acks": (),
            "type": _TYPE,
            "payload_bytes": len(payload),
            "payload_hash": payload_fields(payload)[1],
        }
        key = changes.pop("key", self.liar.key)
        fields["author"] = key.public
        return sign_entry(key, Header(**{**fields, **changes}), payload)

    def chain(self, mark: str, count: int) -> list[Entry]:
        entries: list[Entry] = []
        tip = self.tip()
        for index in range(count):
            entries.append(self.entry(tip, f"{mark}{index}"))
            header = entries[-1].header
            tip = (header.seq, entries[-1].id, header.depth, header.time_ms)
        return entries

    # ---- handing them over

    def frame(self, entries: Sequence[Entry], *, compress: bool = False) -> bytes:
        first = entries[0].header
        stored = [StoredEntry(e.header_bytes, e.signature, e.payload, 1) for e in entries]
        run = encode_run(self.group, first.author, first.lane, first.seq, first.prev, stored)
        return pack_runs([run], compress=compress)

    def give(self, frame: bytes, *, to: Machine | None = None, is_compressed: bool = False) -> None:
        target = to or self.victim
        event = Received(_ignore, self.group, self.liar.key.public, frame, is_compressed, True)
        self.world.timeline.after(self.chance.between(1, 50), lambda: target.submit(event))

    def give_all(self, entries: Sequence[Entry]) -> None:
        """To the victim, and to the liar's own node, which then serves it to others."""
        frame = self.frame(entries)
        self.give(frame)
        self.give(frame, to=self.liar)

    def say(self, frame: bytes) -> None:
        """Put a frame on the line to the victim, if there is one."""
        end = self.liar.ends.get(self.victim.name)
        if end is not None:
            end.send_raw(frame)

    def group_number(self) -> int:
        end = self.liar.ends.get(self.victim.name)
        exchange = None if end is None else end.session.open_group(self.group)
        return 0 if exchange is None else exchange.number

    def others_run(self) -> list[StoredEntry]:
        """Some entries of the victim, as the liar's node holds them."""
        view = self.liar.views.get(self.group)
        if view is None:
            return []
        with view.reader.reading() as queries:
            number = view.reader.lane_number(queries, self.victim.key.public, 0)
            return [] if number is None else queries.entries(number, 0, 400)

    def others_frame(self, entries: Sequence[StoredEntry]) -> bytes:
        run = encode_run(self.group, self.victim.key.public, 0, 0, ZERO_HASH, entries)
        return pack_runs([run], compress=False)


# ---- bytes


def _garbage(liar: Liar) -> None:
    liar.give(liar.chance.bytes(liar.chance.between(1, 400)))


def _bomb(liar: Liar) -> None:
    liar.give(zlib.compress(bytes(4 << 20), 1), is_compressed=True)


def _cut_off(liar: Liar) -> None:
    frame = liar.frame(liar.chain("cut", 2))
    liar.give(frame[: liar.chance.between(1, len(frame) - 1)])


def _flipped(liar: Liar) -> None:
    """One bit of a good frame is wrong."""
    frame = bytearray(liar.frame(liar.chain("flip", 3)))
    frame[liar.chance.below(len(frame))] ^= 1 << liar.chance.below(8)
    liar.give(bytes(frame))


def _unverified_tail(liar: Liar) -> None:
    entries = liar.chain("tail", 3)
    last = entries[-1]
    entries[-1] = Entry(last.header, last.header_bytes, last.id, liar.chance.bytes(64), last.payload)
    liar.give(liar.frame(entries))


def _altered(liar: Liar) -> None:
    """An entry of somebody else says something else than its author signed."""
    entries = liar.others_run()
    if entries:
        at = liar.chance.below(len(entries))
        entries[at] = entries[at]._replace(payload=b"\xc3")
        liar.give(liar.others_frame(entries))


def _impersonation(liar: Liar) -> None:
    """Entries that continue the lane of somebody else, signed by the liar."""
    entries = liar.others_run()
    if not entries:
        return
    last = decode_header(entries[-1].header)
    tip = (last.seq, sha256(entries[-1].header), last.depth, last.time_ms)
    forged = liar.entry(tip, "impersonation")
    header = forged.header._replace(author=last.author)
    signature = liar.liar.key.sign(ENTRY_TAG + encode_header(header))
    entry = Entry(header, encode_header(header), forged.id, signature, forged.payload)
    for machine in liar.world.machines.values():
        liar.give(liar.frame([entry]), to=machine)


def _spoiled_signatures(liar: Liar) -> None:
    """Signatures inside a run are wrong, the last one is right: nobody may be blamed for it (J5)."""
    entries = liar.others_run()
    if len(entries) > 2:
        spoiled = [entry._replace(signature=liar.chance.bytes(64)) for entry in entries[:-1]]
        frame = liar.others_frame([*spoiled, entries[-1]])
        for name, machine in liar.world.machines.items():
            if name != liar.liar.name:
                liar.give(frame, to=machine)


# ---- entries


def _wrong_depth(liar: Liar) -> None:
    tip = liar.tip()
    poison = liar.entry(tip, "depth", depth=tip[2] + 2 + liar.chance.below(5))
    after = (poison.header.seq, poison.id, poison.header.depth, poison.header.time_ms)
    liar.give_all([poison, liar.entry(after, "after")])


def _wrong_depth_over_acks(liar: Liar) -> None:
    """Deeper than its own lane and what it names make it."""
    entries = liar.others_run()
    if entries:
        tip, named = liar.tip(), decode_header(entries[-1].header)
        depth = 3 + max(tip[2], named.depth)
        ack = sha256(entries[-1].header)
        liar.give_all([liar.entry(tip, "over acks", acks=(ack,), depth=depth)])


def _wrong_time(liar: Liar) -> None:
    tip = liar.tip()
    if tip[3] > 0:
        liar.give_all([liar.entry(tip, "time", time_ms=tip[3] - 1)])


def _future(liar: Liar) -> None:
    """Wait it must, and nobody is blamed for carrying it."""
    liar.give_all([liar.entry(liar.tip(), "future", time_ms=liar.liar.wall_ms + _HOUR_MS // 2)])


def _far_future(liar: Liar) -> None:
    liar.give_all([liar.entry(liar.tip(), "far", time_ms=liar.liar.wall_ms + 400 * 24 * _HOUR_MS)])


def _gap(liar: Liar) -> None:
    """Entries that continue nothing: forged waiting (J15)."""
    seq, _, depth, time_ms = liar.tip()
    for index in range(20):
        after = (seq + 2 + index, liar.chance.bytes(32), depth + 2, time_ms)
        liar.give(liar.frame([liar.entry(after, f"gap{index}")]))


def _acks_of_nothing(liar: Liar) -> None:
    acks = tuple(sorted(liar.chance.bytes(32) for _ in range(8)))
    tip = liar.tip()
    entry = liar.entry(tip, "acks", acks=acks, depth=tip[2] + 5)
    after = (entry.header.seq, entry.id, entry.header.depth, entry.header.time_ms)
    liar.give_all([entry, liar.entry(after, "after")])


def _fork(liar: Liar) -> None:
    """Two branches of up to four entries, each to one half of the world."""
    count = 1 + liar.number % 4
    left, right = liar.frame(liar.chain("left", count)), liar.frame(liar.chain("right", 1 + count // 2))
    for index, machine in enumerate(liar.world.machines.values()):
        liar.give(left if (index + liar.number) % 2 else right, to=machine)


def _strangers(liar: Liar) -> None:
    """Many authors whom nobody invited."""
    for index in range(30):
        key = SigningKey(sha256(f"{liar.world.salt}:stranger:{liar.number}:{index}".encode()))
        entry = liar.entry((-1, ZERO_HASH, -1, 0), f"stranger{index}", key=key)
        liar.give(liar.frame([entry]))


def _flood(liar: Liar) -> None:
    entries = liar.chain("flood", 400)
    liar.give_all(entries)


# ---- conversations


def _noise(liar: Liar) -> None:
    liar.say(liar.chance.bytes(liar.chance.between(1, 200)))


def _lying_heads(liar: Liar) -> None:
    shown = [
        Shown(machine.key.public, lane, 1_000_000, liar.chance.bytes(16), False)
        for machine in liar.world.machines.values()
        for lane in (0, 2)
    ]
    liar.say(encode_message(Heads(liar.group_number(), 1 << 40, head_columns(shown))))


def _other_tags(liar: Liar) -> None:
    """Heads of the right length and of another id: a hunt for a fork that is none."""
    view = liar.liar.views.get(liar.group)
    if view is not None:
        shown = [
            Shown(head.author, head.lane, head.seq, liar.chance.bytes(16), False)
            for head in view.frontier.heads.values()
            if head.seq >= 0
        ]
        liar.say(encode_message(Heads(liar.group_number(), 1, head_columns(shown))))


def _accusation(liar: Liar) -> None:
    """Honest lanes are shown as forked, without a proof."""
    shown = [
        Shown(machine.key.public, 0, 0, liar.chance.bytes(16), True)
        for machine in liar.world.machines.values()
    ]
    liar.say(encode_message(Heads(liar.group_number(), 1, head_columns(shown))))


def _endless_wants(liar: Liar) -> None:
    wants = [Want(liar.victim.key.public, 0, 0, 1 << 30)] * 50
    for number in range(300):
        liar.say(encode_message(wants_message(liar.group_number(), 10_000 + number, wants, True)))


def _bad_push(liar: Liar) -> None:
    entry = liar.entry(liar.tip(), "push")
    entry = Entry(entry.header, entry.header_bytes, entry.id, liar.chance.bytes(64), entry.payload)
    seq = entry.header.seq
    place = (liar.liar.key.public, 0, seq, seq, entry.id[:16])
    push = Push(liar.group_number(), *place, liar.frame([entry]), [bytes(64)])
    liar.say(encode_message(push))


def _mute(liar: Liar) -> None:
    """Take every want and answer none."""
    liar.liar.is_mute = liar.number % 2 == 0


def _false_join(liar: Liar) -> None:
    """Knock with entries that are no join, and with somebody else's."""
    entries = [(e.header_bytes, e.signature or b"", e.payload or b"") for e in liar.chain("join", 2)]
    others = [(e.header, e.signature or bytes(64), e.payload or b"") for e in liar.others_run()[:1]]
    for packed in (entries, others, [*others, *entries]):
        liar.victim.submit(
            JoinAsked(_ignore, liar.group, liar.liar.key.public, tuple(packed), (liar.chance.bytes(70_000),))
        )


def _false_proofs(liar: Liar) -> None:
    """Fork proofs of one branch twice, of two places, with a wrong signature, and against a stranger."""
    one, two = liar.chain("one", 2)
    other = liar.chain("two", 1)[0]
    key = SigningKey(sha256(f"{liar.world.salt}:stranger:{liar.number}".encode()))
    start = (-1, ZERO_HASH, -1, 0)
    strangers = [liar.entry(start, mark, key=key) for mark in ("a", "b")]
    pairs = [(one, one), (one, two), (strangers[0], strangers[1])]
    proofs = [encode_fork_proof(_branch(left), _branch(right)) for left, right in pairs]
    proofs.append(encode_fork_proof(_branch(one), Branch((other.header_bytes,), bytes(64))))
    for proof in proofs:
        liar.victim.submit(ForkShown(_ignore, liar.group, liar.liar.key.public, proof))


def _branch(entry: Entry) -> Branch:
    return Branch((entry.header_bytes,), entry.signature or b"")


LIES: dict[str, Callable[[Liar], None]] = {
    "garbage": _garbage,
    "bomb": _bomb,
    "cut_off": _cut_off,
    "flipped": _flipped,
    "unverified_tail": _unverified_tail,
    "altered": _altered,
    "impersonation": _impersonation,
    "spoiled_signatures": _spoiled_signatures,
    "wrong_depth": _wrong_depth,
    "wrong_depth_over_acks": _wrong_depth_over_acks,
    "wrong_time": _wrong_time,
    "future": _future,
    "far_future": _far_future,
    "gap": _gap,
    "acks_of_nothing": _acks_of_nothing,
    "fork": _fork,
    "strangers": _strangers,
    "flood": _flood,
    "noise": _noise,
    "lying_heads": _lying_heads,
    "other_tags": _other_tags,
    "accusation": _accusation,
    "endless_wants": _endless_wants,
    "bad_push": _bad_push,
    "mute": _mute,
    "false_join": _false_join,
    "false_proofs": _false_proofs,
}


def lie(world: World, liar: str, victim: str, label: str, kind: str, number: int) -> None:
    """Do something that no correct node does; who is no liar keeps quiet."""
    group = world.groups.get(label)
    machine = world.machines[liar]
    if group is not None and liar in world.case.liars and machine.node is not None:
        doing = Liar(world, machine, world.machines[victim], group, number)
        if kind in VOTING_LIES:
            lie_as_voter(doing, kind)
        else:
            LIES[kind](doing)


def _ignore(reply: object) -> None:
    """A liar does not listen."""
