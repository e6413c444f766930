"""What `p2pnode/leveller.py` does with streams, by callbacks: a machine asks others until it is level.

Who lies answers with something else; which lie it tells is up to the case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from p2pnode.chain.leading import Next
from p2pnode.consensus.proof import decode_proof, encode_proof
from p2pnode.consensus.snapshot import decode_chunk, encode_chunk, make_chunk
from p2pnode.core.errors import UsageError
from p2pnode.core.events import LevelAnswered, LevelAsked, Reply
from p2pnode.replication.level import ChunkWanted, FinalWanted, Wanted
from p2pnode.service import levels

if TYPE_CHECKING:
    from p2pnode.store.group_file import GroupQueries
    from tests.sim.machine import Machine
    from tests.sim.world import World

Value = Any
PATIENCE_MS = 3_000
PAUSE_MS = 1_000
CHUNK_BYTES = 1_200
"""So few bytes of rows in a chunk that a small state has several."""


class Levelling:
    """One machine on its way to be level with a group, from `begin` until it is, or goes down."""

    def __init__(self, machine: Machine, group: bytes, first: str = "") -> None:
        self._machine = machine
        self._group = group
        self._first = first
        self._boots = machine.boots
        self._turn = 0
        self.answers = 0
        self._asked: set[Wanted] = set()
        self._is_waiting = False

    def begin(self) -> None:
        """Ask everybody for the newest final block first."""
        self._submit(LevelAsked(self._look, self._group, True))

    def _later(self, delay_ms: int, action: Callable[[], None]) -> None:
        self._machine.world.timeline.after(delay_ms, lambda: action() if self._is_up else None)

    @property
    def _is_up(self) -> bool:
        return self._machine.node is not None and self._machine.boots == self._boots

    def _submit(self, event: LevelAsked | LevelAnswered) -> None:
        if self._is_up:
            self._machine.submit(event)

    def _members(self) -> list[Machine]:
        """The members whom this machine knows, each time beginning with another unless one goes first."""
        self._turn += 1
        state = self._machine.views[self._group].state
        others = [
            other
            for _, other in sorted(self._machine.world.machines.items())
            if other is not self._machine
            and state.standing(other.key.public) is not None
            and not self._machine.is_blocked(other.key.public)
        ]
        cut = self._turn % max(len(others), 1)
        return sorted(others[cut:] + others[:cut], key=lambda other: other.name != self._first)

    def _look(self, reply: Reply) -> None:
        following = _next_in(reply)
        if isinstance(following.wanted, FinalWanted):
            for peer in self._members():
                self._ask(peer, following.wanted, lambda _: None)
            self._later(PATIENCE_MS, self._step)
        else:
            self._step()

    def _step(self) -> None:
        self._submit(LevelAsked(self._go_on, self._group, False))

    def _go_on(self, reply: Reply) -> None:
        following = _next_in(reply)
        if following.wanted is not None:
            for wanted in (following.wanted, *following.others):
                if wanted not in self._asked:
                    self._asked.add(wanted)
                    self._fetch(wanted, self._members())
        elif following.is_busy and not self._is_waiting:
            self._is_waiting = True
            self._later(1 if following.has_moved else PAUSE_MS, self._go_on_later)

    def _go_on_later(self) -> None:
        self._is_waiting = False
        self._step()

    def _fetch(self, wanted: Wanted, peers: list[Machine]) -> None:
        """Ask one after the other; a peer that stays silent costs a moment."""
        if not peers:
            self._asked.discard(wanted)
            self._submit(LevelAnswered(None, self._group, bytes(32), wanted, None))
            self._later(PAUSE_MS, self.begin)
            return
        is_done = [False]

        def go_on(following: Next | None) -> None:
            if is_done[0]:
                return
            is_done[0] = True
            if following is not None and following.has_moved:
                self._asked.discard(wanted)
                self._step()
            else:
                self._fetch(wanted, peers[1:])

        self._ask(peers[0], wanted, go_on)
        self._later(PATIENCE_MS, lambda: go_on(None))

    def _ask(self, peer: Machine, wanted: Wanted, then: Callable[[Next | None], None]) -> None:
        machine, world = self._machine, self._machine.world

        def took(reply: Reply) -> None:
            self.answers += 1
            then(_next_in(reply))

        def arrived(answer: Value) -> None:
            if answer is not None:
                self._submit(LevelAnswered(took, self._group, peer.key.public, wanted, answer))

        def asked() -> None:
            answer = answer_of(peer, self._group, wanted)
            world.network.post(peer.name, machine.name, lambda: arrived(answer))

        world.network.post(machine.name, peer.name, asked)


def _next_in(reply: Reply) -> Next:
    assert isinstance(reply.value, Next), reply.error
    return reply.value


def answer_of(peer: Machine, group: bytes, wanted: Wanted) -> Value:
    """What a machine answers, and what one that lies makes of it."""
    view = peer.views.get(group)
    if peer.node is None or view is None or peer.is_mute:
        return None
    with view.reader.reading() as queries:
        try:
            lie = LIES.get(peer.level_lie)
            answer = _honest(queries, wanted)
            return answer if lie is None else lie(queries, wanted, answer)
        except UsageError:
            return None


def _honest(queries: GroupQueries, wanted: Wanted) -> Value:
    if isinstance(wanted, ChunkWanted):
        states = queries.states
        try:
            root, after, until = wanted
            return {"chunk": make_chunk(root, after, states.node_at, states.row_at, CHUNK_BYTES, until)}
        except KeyError:
            return None
    return levels.answer_to(queries, wanted)


def _bad_chunk(queries: GroupQueries, wanted: Wanted, answer: Value) -> Value:
    """A row of the state with another value."""
    if not isinstance(wanted, ChunkWanted) or answer is None:
        return answer
    chunk = decode_chunk(answer["chunk"])
    if not chunk.rows:
        return answer
    key, value = chunk.rows[-1]
    return {"chunk": encode_chunk(replace(chunk, rows=(*chunk.rows[:-1], (key, value + b"\x01"))))}


def _old_height(queries: GroupQueries, wanted: Wanted, answer: Value) -> Value:
    """The way to a block that is long past, as if it were the last one."""
    if not isinstance(wanted, FinalWanted):
        return answer
    proof = decode_proof(answer["proof"])
    last = wanted.height + 1
    links = tuple(link for link in levels.links_above(queries, wanted.height, last, (last,)))
    return {"more": False, "proof": encode_proof(replace(proof, links=links))}


def _wrong_epoch(queries: GroupQueries, wanted: Wanted, answer: Value) -> Value:
    """The last block under an epoch that never was."""
    if not isinstance(wanted, FinalWanted):
        return answer
    proof = decode_proof(answer["proof"])
    last = proof.links[-1]
    header = replace(last.final.header, epoch=last.final.header.epoch + 1)
    links = (*proof.links[:-1], replace(last, final=replace(last.final, header=header)))
    return {"more": False, "proof": encode_proof(replace(proof, links=links))}


def _other_history(queries: GroupQueries, wanted: Wanted, answer: Value) -> Value:
    """Blocks of the past in another order."""
    if "blocks" not in (answer or {}):
        return answer
    return {"blocks": answer["blocks"][::-1]}


LIES: dict[str, Callable[[GroupQueries, Wanted, Value], Value]] = {
    "bad_chunk": _bad_chunk,
    "old_height": _old_height,
    "wrong_epoch": _wrong_epoch,
    "other_history": _other_history,
}


def level(world: World, name: str, label: str, first: str = "") -> None:
    """Let a machine get level with a group, asking somebody before all others."""
    group = world.groups.get(label)
    machine = world.machines[name]
    if group is not None and machine.node is not None and group in machine.views:
        Levelling(machine, group, first).begin()


def level_lie(world: World, name: str, kind: str) -> None:
    """Let a machine answer such questions with a lie from now on."""
    world.machines[name].level_lie = kind
