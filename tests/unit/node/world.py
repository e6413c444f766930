"""Nodes on real SQLite files that hand each other runs directly, at times that the test chooses."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from p2pnode.core.annex import encode_annex
from p2pnode.core.codec import encode
from p2pnode.core.crypto import SigningKey
from p2pnode.core.entry import Entry
from p2pnode.core.events import (
    AnnexesReceived,
    Append,
    Effect,
    Event,
    Found,
    Item,
    JoinAsked,
    Joined,
    PrepareJoin,
    Received,
    Reply,
)
from p2pnode.governance.charter import charter_of_toml
from p2pnode.governance.invitation import encode_link, invite
from p2pnode.node import Node
from p2pnode.opening import PreparedJoin
from p2pnode.replication.exchange import Ingested, Want
from p2pnode.replication.run import pack_runs
from p2pnode.serving import GroupReader
from p2pnode.store.node_file import NodeFile
from p2pnode.store.shelf import FolderShelf

NOW_MS = 1_760_000_000_000
DAY_MS = 24 * 60 * 60 * 1000


class Machine:
    """One node with its folder; `effects` keeps everything that it ever asked for."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / name
        (self.folder / "groups").mkdir(parents=True, exist_ok=True)
        self.seed = name.encode().ljust(32, b".")
        self.random = random.Random(name)
        self.effects: list[Effect] = []
        self.node = self._open()

    def _open(self) -> Node:
        node_file = NodeFile(self.folder / "node.db")
        return Node(
            SigningKey(self.seed), node_file, FolderShelf(self.folder / "groups"), self.random.randbytes
        )

    @property
    def key(self) -> bytes:
        return self.node.key.public

    def restart(self, *, is_restored: bool = False) -> list[Effect]:
        """Close cleanly and start again."""
        self.node.close()
        return self.start_again(is_restored=is_restored)

    def start_again(self, *, is_restored: bool = False) -> list[Effect]:
        self.node = self._open()
        effects = self.node.start(is_restored=is_restored)
        self.effects += effects
        return effects

    def handle(self, event: Event, now_ms: int = NOW_MS) -> list[Effect]:
        effects = self.node.handle(event, now_ms)
        self.effects += effects
        return effects

    def ask(self, event: Event, now_ms: int = NOW_MS) -> Any:
        """The value of the reply; raises its error."""
        reply = next(effect for effect in self.handle(event, now_ms) if isinstance(effect, Reply))
        if reply.error is not None:
            raise reply.error
        return reply.value

    def annex(self, **content: str) -> bytes:
        return encode_annex(self.random.randbytes(32), content)

    def found(self, name: str = "Garden", now_ms: int = NOW_MS, **settings: Any) -> bytes:
        charter = charter_of_toml("", name=name, **settings).value
        group = self.ask(
            Found(
                1, charter, self.random.randbytes(32), self.random.randbytes(32), self.annex(name="founder")
            ),
            now_ms,
        )
        assert isinstance(group, bytes)
        return group

    def link(
        self, group: bytes, uses: int = 1, expiry_ms: int = NOW_MS + DAY_MS, rule: str = "invitation"
    ) -> str:
        return encode_link(
            invite(
                self.node.key,
                self.node.logs[group].state.group,
                self.random.randbytes(32),
                uses=uses,
                expiry_ms=expiry_ms,
                rule=rule,
                addresses=["/ip4/127.0.0.1/tcp/1"],
                name="Garden",
            )
        )

    def prepare(self, link: str, now_ms: int = NOW_MS) -> PreparedJoin:
        prepared = self.ask(
            PrepareJoin(1, link, self.random.randbytes(32), self.annex(name="newcomer")), now_ms
        )
        assert isinstance(prepared, PreparedJoin)
        return prepared

    def knock(self, other: Machine, prepared: PreparedJoin, now_ms: int = NOW_MS) -> Any:
        """Hand our first entries to a member, and open the group when admitted."""
        group = bytes(prepared.link.invitation.group)
        admission = other.ask(JoinAsked(1, group, self.key, prepared.entries, prepared.annexes), now_ms)
        if admission.state == "admitted":
            self.ask(Joined(1, group, admission.founding), now_ms)
        return admission

    def join(self, other: Machine, group: bytes, now_ms: int = NOW_MS) -> None:
        assert self.knock(other, self.prepare(other.link(group), now_ms), now_ms).state == "admitted"

    def write(self, group: bytes, text: str = "x", now_ms: int = NOW_MS, lane: int = 0) -> Entry:
        entries = self.ask(Append(1, group, (Item("contribution", encode({"text": text}), lane),)), now_ms)
        entry = entries[0]
        assert isinstance(entry, Entry)
        return entry

    def frame(self, group: bytes, author: bytes, lane: int = 0, first: int = 0) -> bytes:
        """What this node would send of a lane."""
        state = self.node.logs[group].lane(author, lane)
        assert state is not None
        reader = GroupReader(group, str(self.folder / "groups" / f"{group.hex()}.db"))
        runs, _ = reader.read_runs([Want(author, lane, first, state.seq)], 1 << 20)
        reader.close()
        return pack_runs(runs, compress=False)

    def give(self, other: Machine, group: bytes, now_ms: int = NOW_MS) -> None:
        """Send everything that the other lacks, lane by lane."""
        for _ in range(3):
            for author, lane in sorted(self.node.logs[group].frontier.heads):
                held = other.node.logs[group].lane(author, lane)
                state = self.node.logs[group].lane(author, lane)
                assert state is not None
                if held is None or held.seq < state.seq:
                    frame = self.frame(group, author, lane, 0 if held is None else held.seq + 1)
                    other.ask(Received(1, group, self.key, frame, False, False), now_ms)

    def share(self, other: Machine, group: bytes, now_ms: int = NOW_MS) -> None:
        """Send everything that the other lacks, the bodies of blocks too, until it has followed the chain."""
        for _ in range(50):
            self.give(other, group, now_ms)
            wanted = other.node.logs[group].file.wanted_annexes(100)
            bodies = tuple(self.node.logs[group].file.annexes(wanted))
            if not bodies:
                return
            other.ask(AnnexesReceived(1, group, self.key, bodies), now_ms)

    def receive(
        self, group: bytes, frame: bytes, peer: bytes, now_ms: int = NOW_MS, pushed: bool = False
    ) -> Ingested:
        answer = self.ask(Received(1, group, peer, frame, False, pushed), now_ms)
        assert isinstance(answer, Ingested)
        return answer

    def digest(self, group: bytes) -> bytes:
        return self.node.logs[group].frontier.digest(frozenset({0, 1, 2}))
